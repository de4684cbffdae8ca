//! The parts of a region: who has a place, and memory for its users.

use core::ffi::CStr;

use crate::memory::Shared;
use crate::region::{self, LEN_MIN, Roster, Shape, Structure};

/// The region as a descriptor.
pub(super) type Source = region::Source<Words, 1>;

/// An attachment.
pub(super) type Attached = region::Member<Words, 1>;

/// The words in the head.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Words {
    pub(super) places: Roster,
}

// SAFETY: atomics, and what is made of them.
unsafe impl Shared for Words {}

impl Structure<1> for Words {
    const NAME: &CStr = c"rawipc-members";

    const SECTIONS: [Shape; 1] = [Shape {
        doubled: false,
        writable: true,
    }];

    fn begin() -> Self {
        Self {
            places: Roster::begin(),
        }
    }

    fn lengths(words: [u64; 4]) -> Option<[usize; 1]> {
        let [len, zeros @ ..] = words;
        (zeros == [0; 3]).then_some([usize::try_from(len).ok()?])
    }
}

/// The words of a region with room for `len` bytes.
pub(super) fn of(len: usize) -> Option<[u64; 4]> {
    let len = len.max(1).checked_next_multiple_of(LEN_MIN)?;
    (len <= LEN_MAX).then_some([len as u64, 0, 0, 0])
}

/// The most bytes that a region has for its users.
const LEN_MAX: usize = 1 << 40;
