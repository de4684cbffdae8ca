//! A slot: one call, and whose turn it is.
//!
//! ```text
//! FREE --> filling --> ASKED --> SERVED --> ANSWERED --> FREE of the next lap
//!          client                server
//! ```
//!
//! The word names who acts next, who alone changes it, but for three things. A server takes what
//! is asked, or the client withdraws it: both by compare-and-swap, so that a withdrawn request is
//! never served. A client that waits no longer marks what is served as *abandoned*, and then the
//! server frees the slot. And what only the dead could go on with is freed by others.
//!
//! The step from served to answered is the [`SlotWord`]'s: one change that also wakes the client. The
//! mark is in the upper half of the word, of which that change knows nothing.

use core::sync::atomic::AtomicU8;
use core::sync::atomic::Ordering::Relaxed;

use crate::memory::Shared;
use crate::primitive::{AtomicU32, Cell};
use crate::ring::Halt;
use crate::ring::slot::{LAP, Seen, SlotWord};
use crate::sync::owner::Owner;

/// The states. Free, or with [`FILLING`] a client's who writes its request.
const FREE: u32 = 0;
/// A client's, who waits.
pub(super) const ASKED: u32 = 1;
/// A server's.
pub(super) const SERVED: u32 = 2;
/// The client's again. The number in the word is still the server's.
pub(super) const ANSWERED: u32 = 3;

/// What is in the word's count: nothing, or one of these.
const FILLING: u32 = 1;
const ABANDONED: u32 = 2;

/// The length of a response that there is not.
const UNANSWERED: u32 = u32::MAX;

/// How often one tries to take a request: its client changes it once, others take it.
const ATTEMPTS: u32 = 4;

/// What is shared of a call, beside what is asked and answered: on a cache line of its own.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Slot {
    pub(super) word: SlotWord,
    /// Whose call it is, from the request on.
    client: AtomicU32,
    /// The length of the request.
    request: AtomicU32,
    /// That of the response.
    response: AtomicU32,
    _rest: [AtomicU8; 44],
}

// SAFETY: atomics.
unsafe impl Shared for Slot {}

impl Cell for Slot {
    /// The laps are about to wrap around.
    fn begin(_index: usize, _count: usize) -> Self {
        Self {
            word: SlotWord::begin(free(LAP)),
            client: AtomicU32::new(0),
            request: AtomicU32::new(0),
            response: AtomicU32::new(0),
            _rest: [const { AtomicU8::new(0) }; 44],
        }
    }
}

#[inline(always)]
fn free(lap: u64) -> Seen {
    Seen::new(FREE, lap, 0, 0)
}

/// Free for the call after one of this lap.
#[inline(always)]
fn over(lap: u64) -> Seen {
    free(lap.wrapping_add(1) & LAP)
}

#[inline(always)]
fn is_abandoned(seen: Seen) -> bool {
    seen.count() & ABANDONED != 0
}

/// A call in a slot: for its client from the claim on, for its server while it serves it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) slot: &'a Slot,
    /// Which slot that is.
    pub(super) index: usize,
    pub(super) lap: u64,
}

impl<'a> Call<'a> {
    /// Takes the slot if it is free, to write a request there.
    #[inline(always)]
    pub(super) fn begin(slot: &'a Slot, index: usize, me: u32) -> Option<Self> {
        let seen = slot.word.load();
        let lap = seen.lap();
        if seen.state() != FREE || seen.count() != 0 {
            return None;
        }
        let filling = Seen::new(FREE, lap, me, FILLING);
        slot.word.claim(seen, filling).ok()?;
        Some(Self { slot, index, lap })
    }

    /// Says that the request, of so many bytes, is there.
    #[inline(always)]
    pub(super) fn ask(self, me: u32, len: usize) {
        // Relaxed: the word tells of both.
        self.slot.client.store(me, Relaxed);
        self.slot.request.store(len as u32, Relaxed);
        // Nobody else changes what a living one fills, and nobody sleeps for it.
        self.slot.word.store(Seen::new(ASKED, self.lap, me, 0));
    }

    /// Looks at the word, which is still this call's.
    ///
    /// # Errors
    ///
    /// [`Halt::Corrupt`] if it is not.
    #[inline(always)]
    pub(super) fn look(self) -> Result<Seen, Halt> {
        let seen = self.slot.word.load();
        match seen.state() {
            FREE => Err(Halt::Corrupt),
            _ if seen.lap() != self.lap => Err(Halt::Corrupt),
            _ => Ok(seen),
        }
    }

    /// Ends a call that has been seen so, if it is still so; for its client, if it is not served by
    /// one who lives.
    pub(super) fn end_if_still(self, seen: Seen) -> bool {
        self.slot.word.replace(seen, over(self.lap)).is_ok()
    }

    /// Leaves a call, which has been seen served, to its server, if it is still so.
    pub(super) fn abandon(self, seen: Seen) -> bool {
        // S stays: the server may have seen it, and will add to it.
        let abandoned = Seen::new(SERVED, self.lap, seen.owner(), ABANDONED);
        self.slot.word.claim(seen, abandoned).is_ok()
    }

    /// The length of the response, whatever it is; `None`: there is none.
    #[inline(always)]
    pub(super) fn response(self) -> Option<usize> {
        let len = self.slot.response.load(Relaxed);
        (len != UNANSWERED).then_some(len as usize)
    }

    /// Ends a call that is answered, for its client.
    #[inline(always)]
    pub(super) fn end(self) {
        // Nobody else changes it while the client lives.
        self.slot.word.store(over(self.lap));
    }

    /// Takes what is asked in a slot, to serve it.
    #[inline(always)]
    pub(super) fn serve(slot: &'a Slot, index: usize, me: u32) -> Option<Self> {
        let mut seen = slot.word.load();
        for _ in 0..ATTEMPTS {
            if seen.state() != ASKED {
                break;
            }
            let lap = seen.lap();
            // With S: the client sleeps on. It may have set it just now, and that is no reason to
            // leave the request to nobody.
            match slot.word.claim(seen, Seen::new(SERVED, lap, me, 0)) {
                Ok(_) => return Some(Self { slot, index, lap }),
                Err(now) => seen = now,
            }
        }
        None
    }

    /// The length of the request, whatever it is.
    #[inline(always)]
    pub(super) fn request(self) -> usize {
        self.slot.request.load(Relaxed) as usize
    }

    /// Says that the response, of so many bytes or none, is there, and wakes the client; or ends a
    /// call that its client has abandoned, and returns `true`.
    ///
    /// # Errors
    ///
    /// [`Halt::Corrupt`] when the word is not what this server has made it.
    #[inline(always)]
    pub(super) fn answer(self, me: u32, len: Option<usize>) -> Result<bool, Halt> {
        // Relaxed: the word tells of it.
        let len = len.map_or(UNANSWERED, |len| len as u32);
        self.slot.response.store(len, Relaxed);
        let served = Seen::new(SERVED, self.lap, me, 0);
        match self.slot.word.finish_if_still(served) {
            Ok(false) => Ok(false),
            // It was abandoned perhaps before it was finished.
            Ok(true) => Ok(self.end_abandoned(self.slot.word.load())),
            Err(seen) if seen.unawaited() == Seen::new(SERVED, self.lap, me, ABANDONED) => {
                match self.end_if_still(seen) {
                    true => Ok(true),
                    false => Err(Halt::Corrupt),
                }
            }
            Err(_) => Err(Halt::Corrupt),
        }
    }

    /// Whether its client waits no longer.
    pub(super) fn is_abandoned(self) -> bool {
        let seen = self.slot.word.load();
        seen.lap() == self.lap && is_abandoned(seen)
    }

    #[cold]
    fn end_abandoned(self, seen: Seen) -> bool {
        let is_its = seen.state() == ANSWERED && seen.lap() == self.lap;
        is_its && is_abandoned(seen) && self.end_if_still(seen)
    }

    /// Frees the slot if only the dead could go on with what is there; returns whether it was so.
    /// The asker has no call.
    pub(super) fn sweep(slot: &'a Slot, index: usize, asker: &impl Owner) -> bool {
        let seen = slot.word.load();
        let lap = seen.lap();
        // A call of its own number is of one that had this number long ago.
        let is_dead = |number: u32| number == asker.number() || !asker.alive(number);
        // What is read here is this call's, if the word is the same afterwards.
        let client = || is_dead(slot.client.load(Relaxed));
        let is_over = match seen.state() {
            FREE => seen.count() != 0 && is_dead(seen.owner()),
            ASKED => is_dead(seen.owner()),
            SERVED => is_dead(seen.owner()) && (is_abandoned(seen) || client()),
            _ => is_abandoned(seen) || client(),
        };
        let call = Self { slot, index, lap };
        is_over && call.end_if_still(seen)
    }
}
