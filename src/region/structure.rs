//! What a structure says of itself, so that a region can be made for it.
#![forbid(unsafe_code)]

use core::ffi::CStr;

use crate::memory::Shared;

/// What a structure is made of: words that lie in the head, `Self`, and `N` sections of data.
pub(crate) trait Structure<const N: usize>: Shared + Send + Sized + 'static {
    /// What people see the memory called.
    const NAME: &CStr;

    /// The sections, in their order; how long each is may differ from region to region.
    const SECTIONS: [Shape; N];

    /// What a model begins with, where zeroed memory is what a real region does.
    fn begin() -> Self;
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
