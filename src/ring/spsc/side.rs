//! The words that a ring's two ends share, and which of them are whose.

use core::ffi::CStr;
use core::mem::offset_of;

use super::progress::Progress;
use crate::memory::Shared;
use crate::region::{Head, Shape, Structure};
use crate::ring::progress::{DATA_MAX, GRAIN};

/// The ring's words. Its data are one section, in which every record is contiguous.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Lines {
    /// The producer's progress: bytes published.
    pub(super) published: Progress,
    /// The consumer's progress: bytes released.
    pub(super) consumed: Progress,
}

// SAFETY: atomics, and what is made of them.
unsafe impl Shared for Lines {}

impl Structure<1> for Lines {
    const NAME: &CStr = c"rawipc-ring";

    const SECTIONS: [Shape; 1] = [Shape {
        doubled: true,
        writable: true,
    }];

    /// The half of the word that is slept on and the place in the data are about to wrap around.
    fn begin() -> Self {
        const POSITION: u64 = (1 << 34) - 2 * GRAIN;
        Self {
            published: Progress::new(POSITION),
            consumed: Progress::new(POSITION),
        }
    }

    fn lengths(words: [u64; 4]) -> Option<[usize; 1]> {
        let [data, _item, zero, nought] = words;
        (data <= DATA_MAX as u64 && zero | nought == 0).then_some([data as usize])
    }
}

/// One of the ring's two ends.
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

/// A side as a value: known when compiled on the ways that are to be fast, and
/// passed on those that are not, which then exist once and not for each side.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which {
    Producer,
    Consumer,
}

impl Which {
    #[inline(always)]
    pub(super) fn mine(self, lines: &Lines) -> &Progress {
        match self {
            Self::Producer => &lines.published,
            Self::Consumer => &lines.consumed,
        }
    }

    #[inline(always)]
    pub(super) fn theirs(self, lines: &Lines) -> &Progress {
        match self {
            Self::Producer => &lines.consumed,
            Self::Consumer => &lines.published,
        }
    }

    /// Where in the memory it says who this side is.
    pub(super) fn owner_at(self) -> usize {
        match self {
            Self::Producer => offset_of!(Head<Lines>, words.published.owner),
            Self::Consumer => offset_of!(Head<Lines>, words.consumed.owner),
        }
    }

    /// The position up to which this side may go, when the other is at `peer`.
    #[inline(always)]
    pub(super) fn limit(self, peer: u64, capacity: u64) -> u64 {
        match self {
            Self::Producer => peer.wrapping_add(capacity),
            Self::Consumer => peer,
        }
    }
}
