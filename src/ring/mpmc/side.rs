//! The words that a ring's members share, and which of them are whose.

use core::ffi::CStr;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::lap::{FREE, Laps, Which};
use super::statistics::Recovered;
use crate::memory::Shared;
use crate::primitive::{AtomicU64, Cell, Cells};
use crate::region::{LEN_MIN, Roster, Shape, Spacing, Structure};
use crate::ring::progress::DATA_MAX;
use crate::ring::slot::{LAP, Seen, SlotWord};

/// The ring's words. Its data are one section: the slots.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Lines {
    pub(super) producers: Line,
    pub(super) consumers: Line,
    pub(super) recovered: Recovered,
}

/// What the members of one side share.
#[derive(Debug)]
#[repr(C, align(128))]
pub(super) struct Line {
    /// A position that has been reached at least: where a newcomer begins to look. That it is behind
    /// costs time. Who writes here what is ahead keeps newcomers out, as it could by any slot's word.
    hint: AtomicU64,
    pub(super) roster: Roster,
}

// SAFETY: atomics, and what is made of them.
unsafe impl Shared for Lines {}

impl Line {
    fn begin() -> Self {
        Self {
            hint: AtomicU64::new(BEGIN),
            roster: Roster::begin(),
        }
    }

    /// Returns a position that has been reached.
    #[inline(always)]
    pub(super) fn hint(&self) -> u64 {
        // Acquire [A6]: pairs with [R6]: who begins there finds no slot further back.
        self.hint.load(Acquire)
    }

    /// Says that `position` has been reached, unless somebody has come further. Returns whether that
    /// is said now, and not something else that another said at the same moment: so it never goes
    /// back, however late it is said.
    #[inline(always)]
    pub(super) fn tell(&self, position: u64) -> bool {
        // Relaxed: nothing is read because of it.
        let told = self.hint.load(Relaxed);
        // Release [R6]: pairs with [A6].
        !is_further(position, told)
            || (self.hint)
                .compare_exchange(told, position, Release, Relaxed)
                .is_ok()
    }
}

/// Returns whether `position` is further than `other`.
#[inline(always)]
pub(super) fn is_further(position: u64, other: u64) -> bool {
    position.wrapping_sub(other).cast_signed() > 0
}

/// The position with which a model begins: laps of rings of one and of two slots are about to wrap.
const BEGIN: u64 = 2 * LAP;

impl Structure<1> for Lines {
    const NAME: &CStr = c"rawipc-mpmc";

    const SECTIONS: [Shape; 1] = [Shape {
        doubled: false,
        writable: true,
    }];

    fn begin() -> Self {
        Self {
            producers: Line::begin(),
            consumers: Line::begin(),
            recovered: Recovered::begin(),
        }
    }

    fn lengths(words: [u64; 4]) -> Option<[usize; 1]> {
        let len = spacing(words)?.len()?.checked_next_multiple_of(LEN_MIN)?;
        (len <= DATA_MAX).then_some([len])
    }

    fn cells(words: [u64; 4], cells: &mut Cells) {
        cells.add::<Slot>(0, words[0] as usize);
    }
}

/// The slots of a ring with these words in its head: their number, the size of what they carry, the
/// waiting strategy's code, and how far apart they are.
pub(super) fn spacing(words: [u64; 4]) -> Option<Spacing> {
    let [capacity, _size, _waiting, stride] = words;
    Spacing::new(capacity.try_into().ok()?, stride.try_into().ok()?)
}

/// What a slot begins with.
#[derive(Debug)]
#[repr(transparent)]
pub(super) struct Slot(pub(super) SlotWord);

// SAFETY: an atomic.
unsafe impl Shared for Slot {}

impl Cell for Slot {
    fn begin(index: usize, count: usize) -> Self {
        // The first position in this slot from the beginning on.
        let ahead = (index as u64).wrapping_sub(BEGIN) % count as u64;
        let lap = Laps::of(count).at(BEGIN + ahead).wrapping_sub(1);
        Self(SlotWord::begin(Seen::new(FREE, lap, 0, 0)))
    }
}

/// One of the ring's two sides.
pub(super) trait Side: Copy + core::fmt::Debug + 'static {
    const WHICH: Which;
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Producing;

#[derive(Clone, Copy, Debug)]
pub(super) struct Consuming;

impl Side for Producing {
    const WHICH: Which = Which::Producer;
}

impl Side for Consuming {
    const WHICH: Which = Which::Consumer;
}

impl Which {
    #[inline(always)]
    pub(super) fn mine(self, lines: &Lines) -> &Line {
        match self {
            Self::Producer => &lines.producers,
            Self::Consumer => &lines.consumers,
        }
    }

    #[inline(always)]
    pub(super) fn theirs(self, lines: &Lines) -> &Line {
        match self {
            Self::Producer => &lines.consumers,
            Self::Consumer => &lines.producers,
        }
    }
}
