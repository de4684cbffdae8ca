//! How many slots a broadcast ring has, how long each is, and the words that begin them.

use crate::memory::Shared;
use crate::primitive::Cell;
use crate::ring::slot::{Seen, SlotWord};

/// Where a model begins: the laps are about to wrap around, whichever small number of slots there
/// is.
pub(super) const BEGIN: u64 = (1 << 48) - 4;

/// The slot's turn is over, and no message came of it.
pub(super) const VOID: u32 = 0;
/// How often who looks for a position is led on, beside once by each slot: by others who claim
/// them. A hostile peer could lead it round.
const STEPS: u64 = 1 << 16;

/// The most slots.
const CAPACITY_MAX: u64 = 1 << 24;

/// The most bytes of a slot.
const STRIDE_MAX: u64 = 1 << 36;

/// A slot's word: state, lap and owner.
#[derive(Debug)]
#[repr(transparent)]
pub(super) struct Slot(pub(super) SlotWord);

// SAFETY: an atomic.
unsafe impl Shared for Slot {}

impl Cell for Slot {
    /// Void, one lap before that of the first position that it has.
    fn begin(index: usize, count: usize) -> Self {
        let count = count as u64;
        let position = BEGIN + (index as u64).wrapping_sub(BEGIN) % count;
        Self(SlotWord::begin(Seen::new(VOID, position / count, 0, 0)))
    }
}

/// How many slots there are, and how many bytes each has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// The binary logarithm of their number.
    pub(super) shift: u32,
    /// A multiple of eight.
    pub(super) stride: usize,
}

impl Layout {
    /// The layout of so many slots of so many bytes, if there can be one.
    pub(super) fn of(capacity: u64, stride: u64) -> Option<Self> {
        let possible = capacity.is_power_of_two()
            && (2..=CAPACITY_MAX).contains(&capacity)
            && (8..=STRIDE_MAX).contains(&stride)
            && stride.is_multiple_of(8);
        possible.then_some(Self {
            shift: capacity.trailing_zeros(),
            stride: stride as usize,
        })
    }

    #[inline(always)]
    pub(super) fn capacity(self) -> u64 {
        1 << self.shift
    }

    /// How often who looks for a position is led on, in a ring whose writers keep the rules.
    #[inline(always)]
    pub(super) fn steps(self) -> u64 {
        2 * self.capacity() + STEPS
    }
}
