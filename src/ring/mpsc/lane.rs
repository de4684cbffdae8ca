//! The words that producers and consumer share: a lane for each producer, and who is there.

use core::ffi::CStr;
use core::mem::offset_of;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use crate::memory::Shared;
use crate::primitive::{AtomicU32, Cell, Cells, Word};
use crate::region::{Head, LEN_MIN, Shape, Structure};
use crate::ring::progress::{DATA_MAX, GRAIN, Progress, Reading};
use crate::ring::waiting::Waiting;
use crate::sync::owner::{Owner, is_held_by_the_dead};

/// The words of which there is one each.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Words {
    /// Changes whenever a lane has changed hands. A futex, shared: several processes add to it and
    /// then wake, so that it has no bit that says who sleeps.
    changes: Word,
    /// The member that receives: 0 for nobody.
    pub(super) consumer: AtomicU32,
    /// 1 once the consumer has closed its end.
    pub(super) closed: AtomicU32,
}

// SAFETY: atomics, and what is made of them.
unsafe impl Shared for Words {}

/// Where the words say who the consumer is.
pub(super) const CONSUMER_AT: usize = offset_of!(Head<Words>, words.consumer);

/// Where they say whether it has closed its end.
pub(super) const CLOSED_AT: usize = offset_of!(Head<Words>, words.closed);

impl Words {
    /// Says that a lane has changed hands, after it has.
    pub(super) fn announce<W: Waiting>(&self) {
        // Release [R3]: pairs with [A3] in `changes`.
        self.changes.fetch_add(1, Release);
        if W::SLEEPS {
            // After the change: who has not seen it does not fall asleep.
            self.changes.wake_all();
        }
    }

    /// How often a lane has changed hands. All that did so is seen from now on.
    pub(super) fn changes(&self) -> u32 {
        // Acquire [A3]: pairs with [R3] in `announce`.
        self.changes.load(Acquire)
    }

    /// The word to sleep on until a lane changes hands.
    pub(super) fn bell(&self) -> &Word {
        &self.changes
    }

    /// Whether nobody receives, or one that has died.
    pub(super) fn is_without_consumer(&self, asker: &impl Owner) -> bool {
        self.consumer.load(Acquire) == 0 || is_held_by_the_dead(&self.consumer, asker)
    }
}

/// A ring for one producer at a time and the consumer.
///
/// The producer's progress says also who has the lane, see [`Holder`]; the consumer's, by its word
/// [`closed`](Progress::closed), whether what lies in the lane cannot be, see [`Fault`].
#[derive(Debug)]
#[repr(C)]
pub(super) struct Lane {
    /// The producer's progress: bytes published.
    pub(super) published: Progress,
    /// The consumer's progress: bytes released.
    pub(super) consumed: Progress,
}

// SAFETY: atomics, and what is made of them.
unsafe impl Shared for Lane {}

impl Cell for Lane {
    /// The count and the place in the data are about to wrap around.
    fn begin(_index: usize, _count: usize) -> Self {
        const WORD: u32 = 0u32.wrapping_sub(2 * 2);
        const POSITION: u64 = (1 << 34) - 2 * GRAIN;
        Self {
            published: Progress::new(WORD, POSITION),
            consumed: Progress::new(WORD, POSITION),
        }
    }
}

/// The most lanes that a ring has.
pub(super) const LANES_MAX: usize = 1024;

impl Structure<2> for Words {
    const NAME: &CStr = c"rawipc-mpsc";

    /// The lanes, then the data of each.
    const SECTIONS: [Shape; 2] = [
        Shape {
            doubled: false,
            writable: true,
        },
        Shape {
            doubled: true,
            writable: true,
        },
    ];

    const PARTED: [bool; 2] = [false, true];

    fn begin() -> Self {
        Self {
            changes: Word::new(u32::MAX),
            consumer: AtomicU32::new(0),
            closed: AtomicU32::new(0),
        }
    }

    fn lengths(words: [u64; 4]) -> Option<[usize; 2]> {
        let [lanes, room, _waiting, zero] = words;
        if !(1..=LANES_MAX as u64).contains(&lanes) || room > DATA_MAX as u64 || zero != 0 {
            return None;
        }
        let (lanes, room) = (lanes as usize, room as usize);
        let cells = (lanes * size_of::<Lane>()).next_multiple_of(LEN_MIN);
        Some([cells, lanes * room])
    }

    fn parts([lanes, ..]: [u64; 4]) -> usize {
        lanes as usize
    }

    fn cells([lanes, ..]: [u64; 4], cells: &mut Cells) {
        cells.add::<Lane>(0, lanes as usize);
    }
}

/// Bits of the word that says who has a lane: the member's number, below what became of it.
const NUMBER: u32 = (1 << 22) - 1;
const CLOSED: u32 = 1 << 30;
const DEAD: u32 = 2 << 30;
const FREE: u32 = 3 << 30;

/// Who has a lane.
///
/// The producer takes a lane that is fresh or free, and has closed it when it leaves. Anybody may
/// say of a dead one that it is dead. The consumer frees what is closed or dead once it has
/// received all of it, so that it is told of each end. While nobody receives, a producer takes such
/// a lane itself if it is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// Nobody ever had it, nor those behind it: the first one that is free is taken.
    Fresh,
    /// Nobody has it any more.
    Free,
    /// The member of this number, which may have died unnoticed.
    Held(u32),
    /// It had it, and closed its end: it touches nothing of the lane any more.
    Closed(u32),
    /// It had it, and has died.
    Dead(u32),
}

impl Holder {
    pub(super) fn of(word: u32) -> Self {
        let number = word & NUMBER;
        match word & FREE {
            _ if word == 0 => Self::Fresh,
            _ if number == 0 => Self::Free,
            CLOSED => Self::Closed(number),
            DEAD => Self::Dead(number),
            FREE => Self::Free,
            _ => Self::Held(number),
        }
    }

    fn word(self) -> u32 {
        match self {
            Self::Fresh => 0,
            Self::Free => FREE,
            Self::Held(number) => number,
            Self::Closed(number) => number | CLOSED,
            Self::Dead(number) => number | DEAD,
        }
    }

    /// The member that has the lane, or had it last and left something to receive.
    pub(super) fn number(self) -> u32 {
        match self {
            Self::Fresh | Self::Free => 0,
            Self::Held(number) | Self::Closed(number) | Self::Dead(number) => number,
        }
    }

    /// Whether nothing more will be sent.
    pub(super) fn has_ended(self) -> bool {
        matches!(self, Self::Closed(_) | Self::Dead(_))
    }
}

/// Whether what lies in a lane cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// The consumer has found it, and not been told yet.
    Found,
    /// The consumer has been told, and receives nothing of it until it has another holder.
    Told,
}

impl Lane {
    pub(super) fn holder(&self) -> Holder {
        // Acquire [A1]: pairs with [R1] in `change`: what was done before it changed hands is seen
        // from now on.
        Holder::of(self.published.owner.load(Acquire))
    }

    /// Makes it `to`, if it is still `from`.
    #[must_use]
    pub(super) fn change(&self, from: Holder, to: Holder) -> bool {
        // Release [R1]: pairs with [A1] in `holder`, and with itself.
        let owner = &self.published.owner;
        owner
            .compare_exchange(from.word(), to.word(), AcqRel, Relaxed)
            .is_ok()
    }

    pub(super) fn fault(&self) -> Fault {
        // Relaxed: the consumer's own word, which producers only look at.
        match self.consumed.closed.load(Relaxed) {
            0 => Fault::None,
            1 => Fault::Found,
            _ => Fault::Told,
        }
    }

    pub(super) fn set_fault(&self, fault: Fault) {
        let word = match fault {
            Fault::None => 0,
            Fault::Found => 1,
            Fault::Told => 2,
        };
        self.consumed.closed.store(word, Relaxed);
    }

    /// How far both sides have come, the producer's first, if that can be in a lane with so much
    /// room.
    #[inline(always)]
    pub(super) fn sense<W: Waiting>(&self, capacity: usize) -> Option<(Reading, Reading)> {
        // From the consumer's position on, which is the one further back.
        let consumed = self.consumed.read::<W>(0).ok()?;
        let published = self.published.read::<W>(consumed.position).ok()?;
        let possible = published.position.wrapping_sub(consumed.position) <= capacity as u64
            && (published.position | consumed.position).is_multiple_of(GRAIN);
        possible.then_some((published, consumed))
    }

    /// Whether everything has been received that was published.
    pub(super) fn is_empty<W: Waiting>(&self) -> bool {
        // Any room will do.
        let positions = self.sense::<W>(0);
        positions.is_some()
    }

    /// Makes a lane empty that has no producer any more, whatever stands in it. For the consumer.
    pub(super) fn clear<W: Waiting>(&self) {
        let Ok(mut consumed) = self.consumed.read::<W>(0) else {
            return;
        };
        let position = consumed.position & !(GRAIN - 1);
        let Ok(mut published) = self.published.read::<W>(position) else {
            return;
        };
        // Where somebody writes to it still there is another fault soon.
        let _ = self.consumed.advance::<W>(&mut consumed, position);
        let _ = self.published.advance::<W>(&mut published, position);
    }
}
