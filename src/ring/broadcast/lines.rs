//! The words of a broadcast ring, and where its slots are.

use core::ffi::CStr;
use core::sync::atomic::Ordering::Acquire;

use super::layout::{BEGIN, Layout, Slot};
use crate::memory::Shared;
use crate::primitive::{AtomicU32, AtomicU64, Cells};
use crate::region::{LEN_MIN, Roster, Shape, Structure};

/// The words in the head.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Lines {
    pub(super) writers: Roster,
    /// The writer that writes alone, 0 for nobody.
    pub(super) alone: AtomicU32,
    pub(super) tail: Tail,
}

/// Where the next message goes; on lines of its own, as every message changes it.
#[derive(Debug)]
#[repr(C, align(128))]
pub(super) struct Tail {
    /// Not beyond the position that is to be claimed next, and mostly that one. Only a hint, as a
    /// writer may be stopped, or killed, before it stores it.
    pub(super) hint: AtomicU64,
    /// How many positions were passed over.
    pub(super) skipped: AtomicU64,
    /// In how many positions writers died.
    pub(super) lost: AtomicU64,
}

impl Tail {
    #[inline(always)]
    pub(super) fn hint(&self) -> u64 {
        // Acquire [A3]: pairs with [R3] in `Writing::claim`: the words that are looked at from now on
        // are not older than it.
        self.hint.load(Acquire)
    }
}

/// A structure that begins with a broadcast ring: its words are among those of the head, its sections
/// the first ones.
pub(super) trait Carrier<const N: usize>: Structure<N> {
    fn ring(&self) -> &Lines;
}

impl Carrier<2> for Lines {
    #[inline(always)]
    fn ring(&self) -> &Lines {
        self
    }
}

/// The slots' words.
pub(super) const WORDS: usize = 0;
/// The slots' messages.
pub(super) const MESSAGES: usize = 1;

// SAFETY: atomics, and what is made of them.
unsafe impl Shared for Lines {}

impl Structure<2> for Lines {
    const NAME: &CStr = c"rawipc-broadcast";

    const SECTIONS: [Shape; 2] = [
        Shape {
            doubled: false,
            writable: true,
        },
        Shape {
            doubled: false,
            writable: true,
        },
    ];

    fn begin() -> Self {
        Self {
            writers: Roster::begin(),
            alone: AtomicU32::new(0),
            tail: Tail {
                hint: AtomicU64::new(BEGIN),
                skipped: AtomicU64::new(0),
                lost: AtomicU64::new(0),
            },
        }
    }

    /// The number of slots, the length of a message, the bytes of a slot, and the strategy's code.
    fn lengths(words: [u64; 4]) -> Option<[usize; 2]> {
        let [capacity, _, stride, _] = words;
        let layout = Layout::of(capacity, stride)?;
        let capacity = layout.capacity() as usize;
        let messages = capacity.checked_mul(layout.stride)?;
        Some([
            (capacity * size_of::<Slot>()).next_multiple_of(LEN_MIN),
            messages.checked_next_multiple_of(LEN_MIN)?,
        ])
    }

    fn cells(words: [u64; 4], cells: &mut Cells) {
        cells.add::<Slot>(WORDS, words[0] as usize);
        cells.race();
    }
}
