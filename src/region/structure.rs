//! [`Structure`]: the description of a structure, from which its region is made.
#![forbid(unsafe_code)]

use core::ffi::CStr;

use crate::memory::Shared;
use crate::primitive::Cells;

/// What a structure is made of: words that lie in the head, `Self`, and `N` sections of data.
pub(crate) trait Structure<const N: usize>: Shared + Send + Sized + 'static {
    /// What people see the memory called.
    const NAME: &CStr;

    /// The sections, in their order; how long each is may differ from region to region.
    const SECTIONS: [Shape; N];

    /// Which of them, of those that are doubled, are in parts of one length: each part is mapped
    /// twice in a row, and not the whole.
    const PARTED: [bool; N] = [false; N];

    /// What a model begins with, where zeroed memory is what a real region does.
    fn begin() -> Self;

    /// How long the sections are of a region whose head has these words of the structure's own;
    /// `None` if there is no such region.
    fn lengths(words: [u64; 4]) -> Option<[usize; N]>;

    /// In how many parts each section is that is in parts, of a region whose head has these words.
    fn parts(_words: [u64; 4]) -> usize {
        1
    }

    /// Says which sections are cells, for a model, which makes them.
    fn cells(_words: [u64; 4], _cells: &mut Cells) {}
}

/// What kind of section it is, whatever its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Whether it is mapped twice in a row, so that every stretch of it is contiguous. Its
    /// length is a power of two then.
    pub(crate) doubled: bool,
    /// Whether members may write to it.
    pub(crate) writable: bool,
}
