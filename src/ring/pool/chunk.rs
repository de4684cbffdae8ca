//! A chunk's word: who has the chunk.
//!
//! `0`: nobody; [`owned`]: one member, who alone changes the word; [`in_ring`]: the ring's slot
//! of one position, and who has claimed that slot alone changes the word. So only taking a free
//! chunk and taking one from the dead are compare-and-swaps, and a chunk of the dead is free
//! again once, however many find it.

use core::sync::atomic::AtomicU8;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};

use crate::memory::Shared;
use crate::primitive::{AtomicU64, Cell, fence};

/// The word of a free chunk.
const FREE: u64 = 0;

const OWNED: u64 = 1 << 62;
const IN_RING: u64 = 2 << 62;
const KIND: u64 = 3 << 62;

/// Where in the ring a chunk's handle is: a slot, and its lap. It comes again so late that it
/// names one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ring) struct Ticket(u64);

impl Ticket {
    /// Bits of a slot's number.
    const SLOT_BITS: u32 = 24;

    #[inline(always)]
    pub(in crate::ring) fn new(slot: usize, lap: u64) -> Self {
        Self(lap << Self::SLOT_BITS & !KIND | slot as u64)
    }

    pub(super) fn slot(self) -> usize {
        self.0 as usize & ((1 << Self::SLOT_BITS) - 1)
    }
}

#[inline(always)]
fn owned(number: u32) -> u64 {
    OWNED | u64::from(number)
}

#[inline(always)]
fn in_ring(ticket: Ticket) -> u64 {
    IN_RING | ticket.0
}

/// What a chunk's word says to those who only look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    Free,
    /// It is in the hands of the member of this number.
    Owned(u32),
    InRing,
    /// What no member writes.
    Impossible,
}

impl Says {
    pub(super) fn of(word: u64) -> Self {
        match (word & KIND, u32::try_from(word & !KIND)) {
            (FREE, Ok(0)) => Self::Free,
            (OWNED, Ok(owner)) => Self::Owned(owner),
            (IN_RING, _) => Self::InRing,
            _ => Self::Impossible,
        }
    }
}

/// What is shared of a chunk, beside its data: on a cache line of its own.
#[derive(Debug)]
#[repr(C, align(64))]
pub(in crate::ring) struct Chunk {
    word: AtomicU64,
    /// Who reads it where it lies, a bit for each place of a reader; of rings whose messages reach
    /// every reader.
    pins: AtomicU64,
    _rest: [AtomicU8; 48],
}

// SAFETY: atomics.
unsafe impl Shared for Chunk {}

impl Cell for Chunk {
    fn begin(_index: usize, _count: usize) -> Self {
        Self {
            word: AtomicU64::new(FREE),
            pins: AtomicU64::new(0),
            _rest: [const { AtomicU8::new(0) }; 48],
        }
    }
}

impl Chunk {
    /// Where in it the pins are.
    pub(in crate::ring) const PINS: usize = core::mem::offset_of!(Self, pins);

    /// Takes the chunk if it is free.
    #[inline(always)]
    pub(super) fn take(&self, me: u32) -> bool {
        self.word.load(Relaxed) == FREE
            // Acquire [A1]: pairs with [R1] and [R2]: all that others did with its data is over.
            && (self.word)
                .compare_exchange(FREE, owned(me), Acquire, Relaxed)
                .is_ok()
    }

    /// Returns whether the chunk is `me`'s.
    #[inline(always)]
    pub(super) fn is_owned(&self, me: u32) -> bool {
        self.word.load(Relaxed) == owned(me)
    }

    /// Puts the chunk, which is this member's, into the ring. Who claims the slot takes it from
    /// there; who is to see this sees it as the slot's word says that it is ready.
    #[inline(always)]
    pub(in crate::ring) fn put(&self, ticket: Ticket) {
        self.word.store(in_ring(ticket), Relaxed);
    }

    /// Takes the chunk from the ring, for who has claimed the slot. `false`: it is not there.
    #[inline(always)]
    pub(super) fn accept(&self, ticket: Ticket, me: u32) -> bool {
        let is_there = self.word.load(Relaxed) == in_ring(ticket);
        if is_there {
            self.word.store(owned(me), Relaxed);
        }
        is_there
    }

    /// Frees the chunk, for who has claimed the slot after the death of who had. `false`: it is not there.
    pub(super) fn free_from_ring(&self, ticket: Ticket) -> bool {
        let is_there = self.word.load(Relaxed) == in_ring(ticket);
        if is_there {
            // Release [R2]: pairs with [A1].
            self.word.store(FREE, Release);
        }
        is_there
    }

    /// Gives the chunk back. `false`: it is not this member's.
    #[inline(always)]
    pub(in crate::ring) fn free(&self, me: u32) -> bool {
        let is_mine = self.is_owned(me);
        if is_mine {
            // Release [R1]: pairs with [A1]: the next one's accesses come after ours.
            self.word.store(FREE, Release);
        }
        is_mine
    }

    /// In which slot of the ring the chunk is, if it is in the ring.
    pub(super) fn ticket(&self) -> Option<Ticket> {
        let word = self.word.load(Relaxed);
        (word & KIND == IN_RING).then_some(Ticket(word & !KIND))
    }

    /// Who owns the chunk, if it is in somebody's hands.
    pub(super) fn owner(&self) -> Option<u32> {
        let word = self.word.load(Relaxed);
        let is_owned = word & KIND == OWNED;
        u32::try_from(word ^ OWNED).ok().filter(|_| is_owned)
    }

    /// Frees the chunk of an owner that has died; `false`: somebody else has.
    pub(super) fn reclaim(&self, dead: u32) -> bool {
        // Release: as [R1], for the dead one, what it did being seen by who is told of its death.
        // Who comes second changes nothing: the dead one's number does not come again.
        self.word
            .compare_exchange(owned(dead), FREE, Release, Relaxed)
            .is_ok()
    }

    /// Takes the chunk if it is free and nobody reads it.
    #[inline(always)]
    pub(in crate::ring) fn lend(&self, me: u32) -> bool {
        if !self.take(me) {
            return false;
        }
        // SeqCst [F1]: with [F2] in `pin`. A reader that has pinned the chunk where the slot still
        // named it is seen here; one that comes later sees that the slot was claimed, as who has freed
        // the chunk had claimed that before.
        fence(SeqCst);
        // Acquire [A2]: pairs with [R3]: all that readers did with its data is over.
        let is_unread = self.pins.load(Acquire) == 0;
        if !is_unread {
            self.free(me);
        }
        is_unread
    }

    /// Frees the chunk if it is in the ring by this slot, of whatever lap: for who has claimed the
    /// slot, and finds the chunk named there.
    #[inline(always)]
    pub(in crate::ring) fn retire(&self, slot: usize) {
        if let Some(ticket) = self.ticket()
            && ticket.slot() == slot
        {
            // Release [R4]: pairs with [A1]: who takes the chunk knows that the slot was claimed.
            // Compared, as in `take_back` its sender may come before.
            let _ = (self.word).compare_exchange(in_ring(ticket), FREE, Release, Relaxed);
        }
    }

    /// Takes the chunk back that this member has put into the ring by a slot that is not its own any
    /// more. `false`: who has claimed the slot since has freed it.
    #[cold]
    pub(in crate::ring) fn take_back(&self, ticket: Ticket, me: u32) -> bool {
        (self.word)
            .compare_exchange(in_ring(ticket), owned(me), AcqRel, Relaxed)
            .is_ok()
    }

    /// Says that the reader at `place` reads the chunk, which is so if the slot names it after that,
    /// still. `false`: it did already.
    #[inline(always)]
    pub(in crate::ring) fn pin(&self, place: usize) -> bool {
        let before = self.pins.fetch_or(1 << place, Relaxed);
        // SeqCst [F2]: with [F1] in `lend`.
        fence(SeqCst);
        before & 1 << place == 0
    }

    /// Says that the reader at `place` reads it no more. `false`: it did not.
    #[inline(always)]
    pub(in crate::ring) fn unpin(&self, place: usize) -> bool {
        // Release [R3]: pairs with [A2].
        let before = self.pins.fetch_and(!(1 << place), Release);
        before & 1 << place != 0
    }

    /// Whether the reader at `place` reads it.
    pub(in crate::ring) fn is_pinned(&self, place: usize) -> bool {
        self.pins.load(Relaxed) & 1 << place != 0
    }
}
