//! What all ends of a service share: words in the head, and the slots.

use core::ffi::CStr;

use super::shape;
use super::slot::Slot;
use crate::memory::Shared;
use crate::primitive::Cells;
use crate::region::{Roster, Shape, Structure};
use crate::ring::bell::Bell;

/// A service's sections: a word for each call, and what is asked and answered.
pub(super) const SLOTS: usize = 0;
pub(super) const DATA: usize = 1;

/// A bell on a cache line of its own: each call looks at it.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Line(pub(super) Bell);

/// The service's words.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Lines {
    /// Rung for who waits for a request.
    pub(super) requests: Line,
    /// Rung for who waits for a free slot.
    pub(super) room: Line,
    pub(super) clients: Roster,
    pub(super) servers: Roster,
}

// SAFETY: atomics, and what is made of them.
unsafe impl Shared for Lines {}

impl Structure<2> for Lines {
    const NAME: &CStr = c"rawipc-call";

    const SECTIONS: [Shape; 2] = [Shape {
        doubled: false,
        writable: true,
    }; 2];

    /// The bells' counts are about to wrap around.
    fn begin() -> Self {
        let line = || Line(Bell::new(0_u32.wrapping_sub(2)));
        Self {
            requests: line(),
            room: line(),
            clients: Roster::begin(),
            servers: Roster::begin(),
        }
    }

    fn lengths(words: [u64; 4]) -> Option<[usize; 2]> {
        let shape = shape::Shape::from_words(words)?;
        Some(shape.lengths(size_of::<Slot>()))
    }

    fn cells(words: [u64; 4], cells: &mut Cells) {
        if let Some(shape) = shape::Shape::from_words(words) {
            cells.add::<Slot>(SLOTS, shape.slots);
        }
    }
}
