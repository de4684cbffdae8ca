//! The words that a ring's two ends share, and which of them are whose.

use core::ffi::CStr;
use core::mem::offset_of;

use super::progress::{POSITION, Progress};
use crate::memory::Shared;
use crate::region::{Head, Shape, Structure};
use crate::ring::progress::GRAIN;

/// The ring's words. Its data are one section, in which every record is contiguous.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Lines {
    /// The producer's progress: bytes published.
    pub(super) published: Progress,
    /// The consumer's progress: bytes released.
    pub(super) consumed: Progress,
}

// SAFETY: atomics.
unsafe impl Shared for Lines {}

impl Structure<1> for Lines {
    const NAME: &CStr = c"rawipc-doorbell";

    const SECTIONS: [Shape; 1] = [Shape {
        doubled: true,
        writable: true,
    }];

    /// The positions are about to wrap around.
    fn begin() -> Self {
        const AT: u64 = POSITION + 1 - 2 * GRAIN;
        Self {
            published: Progress::begin(AT),
            consumed: Progress::begin(AT),
        }
    }

    fn lengths([data, zeros @ ..]: [u64; 4]) -> Option<[usize; 1]> {
        let is_possible = data <= super::DATA_MAX as u64 && zeros == [0; 3];
        is_possible.then_some([data as usize])
    }
}

/// One of the ring's two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Producer,
    Consumer,
}

impl Side {
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
