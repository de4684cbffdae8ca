//! The memory that all ends of a pool share: words in the head, the ring's slots, the chunks' words.

use core::ffi::CStr;

use super::chunk::Chunk;
use super::classes::{CLASSES_MAX, Plan};
use super::lane::{BEGIN, Slot};
use crate::memory::Shared;
use crate::primitive::{AtomicU64, Cells};
use crate::region::{Roster, Shape, Structure};
use crate::ring::bell::Bell;

/// A pool's sections: the ring's slots, a word for each chunk, the chunks.
pub(super) const SLOTS: usize = 0;
pub(super) const CHUNKS: usize = 1;
pub(super) const DATA: usize = 2;

/// Where a side is, on cache lines of its own.
#[derive(Debug)]
#[repr(C, align(128))]
pub(super) struct Hint(pub(super) AtomicU64);

/// The pool's words.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Lines {
    /// Where the next message is to be sent, or some steps before: who writes here what is further on
    /// misleads newcomers, as it could by any slot's word.
    pub(super) tail: Hint,
    /// Where the next message is to be received, or some steps before.
    pub(super) head: Hint,
    pub(super) bells: [Bell; CLASSES_MAX],
    pub(super) producers: Roster,
    pub(super) consumers: Roster,
}

// SAFETY: atomics, and what is made of them.
unsafe impl Shared for Lines {}

impl Structure<3> for Lines {
    const NAME: &CStr = c"rawipc-pool";

    const SECTIONS: [Shape; 3] = [Shape {
        doubled: false,
        writable: true,
    }; 3];

    /// Positions and rings of bells are about to wrap around.
    fn begin() -> Self {
        Self {
            tail: Hint(AtomicU64::new(BEGIN)),
            head: Hint(AtomicU64::new(BEGIN)),
            bells: core::array::from_fn(|_| Bell::new(0_u32.wrapping_sub(2))),
            producers: Roster::begin(),
            consumers: Roster::begin(),
        }
    }

    fn lengths(words: [u64; 4]) -> Option<[usize; 3]> {
        let plan = Plan::from_words(words)?;
        Some(plan.lengths(size_of::<Slot>(), size_of::<Chunk>()))
    }

    fn cells(words: [u64; 4], cells: &mut Cells) {
        if let Some(plan) = Plan::from_words(words) {
            cells.add::<Slot>(SLOTS, 1 << plan.slots);
            cells.add::<Chunk>(CHUNKS, plan.chunks);
        }
    }
}

/// One of the two sides.
pub(super) trait Side: Copy + core::fmt::Debug + 'static {
    /// Whether it sends.
    const SENDS: bool;
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Sending;

#[derive(Clone, Copy, Debug)]
pub(super) struct Receiving;

impl Side for Sending {
    const SENDS: bool = true;
}

impl Side for Receiving {
    const SENDS: bool = false;
}
