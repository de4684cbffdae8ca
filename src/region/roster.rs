//! The list of the members of one side, where a side has many: so that nobody waits for a side of
//! which nobody lives.
//!
//! A list of numbers and no count: nobody can say whose count it was that a dead one left.

use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use super::{Fact, Look, Peer};
use crate::memory::Shared;
use crate::primitive::{AtomicU32, SEATS};
use crate::sync::owner::Owner;

/// The members of one side, each in a seat.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Roster {
    /// The number of who sits there, 0 for nobody.
    seats: [AtomicU32; SEATS],
    /// 1 when the one that was the last to leave has closed.
    closed: AtomicU32,
}

// SAFETY: atomics.
unsafe impl Shared for Roster {}

impl Roster {
    /// Nobody.
    pub(crate) fn begin() -> Self {
        Self {
            seats: core::array::from_fn(|_| AtomicU32::new(0)),
            closed: AtomicU32::new(0),
        }
    }

    /// Tells who sits at the roster of a side that begins at `at`, each in that role.
    pub(crate) fn describe(
        look: &Look<'_>,
        at: usize,
        role: &'static str,
        see: &mut dyn FnMut(Fact),
    ) {
        let mut is_empty = true;
        for seat in 0..SEATS {
            let number = look.word(at + seat * size_of::<AtomicU32>()).unwrap_or(0);
            if number != 0 {
                is_empty = false;
                see(look.member(role, number, false));
            }
        }
        if is_empty {
            let closed = look.word(at + core::mem::offset_of!(Self, closed));
            see(look.member(role, 0, closed.is_some_and(|closed| closed != 0)));
        }
    }

    /// Takes a seat, and says which; rather that of a dead one, whose successor this is then.
    /// `None` when living ones have all of them.
    pub(crate) fn enter(&self, me: &impl Owner) -> Option<usize> {
        self.enter_one_of(SEATS, me)
    }

    /// Like [`enter`](Self::enter), where there are fewer seats.
    pub(crate) fn enter_one_of(&self, seats: usize, me: &impl Owner) -> Option<usize> {
        self.succeed(seats, me).map(|(seat, _)| seat)
    }

    /// Like [`enter_one_of`](Self::enter_one_of), and says whether the seat is a dead one's.
    pub(crate) fn succeed(&self, seats: usize, me: &impl Owner) -> Option<(usize, bool)> {
        let seats = self.seats.get(..seats).unwrap_or(&self.seats);
        let dead = |number: u32| number != 0 && !me.alive(number);
        if let Some(seat) = self.take(seats, me, dead) {
            return Some((seat, true));
        }
        let empty = self.take(seats, me, |number| number == 0)?;
        Some((empty, false))
    }

    /// Like [`enter`](Self::enter), but takes the first seat in which nobody lives.
    pub(crate) fn enter_first(&self, me: &impl Owner) -> Option<usize> {
        self.take(&self.seats, me, |number| number == 0 || !me.alive(number))
    }

    /// Takes the first of the seats whose number is one to take.
    fn take(
        &self,
        seats: &[AtomicU32],
        me: &impl Owner,
        is_free: impl Fn(u32) -> bool,
    ) -> Option<usize> {
        let mut seats = seats.iter();
        let seat = seats.position(|seat| {
            let seen = seat.load(Relaxed);
            // Acquire, Release [S1]: pairs with [S2] in `leave` and [S3] in `state`.
            is_free(seen)
                && seat
                    .compare_exchange(seen, me.number(), AcqRel, Relaxed)
                    .is_ok()
        })?;
        self.closed.store(0, Release);
        Some(seat)
    }

    /// Takes the seat of a dead one, of so many, has `clear` do what is to be done before another one may
    /// sit there, and gives it back; returns whether there was one. Who dies meanwhile is a dead one
    /// that has the seat.
    pub(crate) fn bury(&self, seats: usize, me: &impl Owner, clear: impl FnOnce(usize)) -> bool {
        for (seat, sits) in self.seats.iter().enumerate().take(seats) {
            let number = sits.load(Relaxed);
            let is_dead = number != 0 && (number == me.number() || !me.alive(number));
            // Acquire, Release [S1]: as in `take`.
            if is_dead
                && sits
                    .compare_exchange(number, me.number(), AcqRel, Relaxed)
                    .is_ok()
            {
                clear(seat);
                self.give_back(seat);
                return true;
            }
        }
        false
    }

    /// Gives the seat back, and says whether the side is closed if nobody else is there.
    pub(crate) fn leave(&self, seat: usize, closes: bool) {
        // Before the seat is empty: who finds all empty knows why.
        self.closed.store(closes.into(), Release);
        if let Some(seat) = self.seats.get(seat) {
            // Release [S2]: pairs with [S3] in `state`: what this one did is seen by who finds
            // nobody.
            seat.store(0, Release);
        }
    }

    /// Gives the seat back of one that has not come after all: it has done nothing, and the side is
    /// as others left it.
    pub(crate) fn give_back(&self, seat: usize) {
        if let Some(seat) = self.seats.get(seat) {
            seat.store(0, Release);
        }
    }

    /// Returns whether one of so many seats can be entered.
    pub(crate) fn has_room(&self, seats: usize, asker: &impl Owner) -> bool {
        let mut seats = self.seats.iter().take(seats);
        seats.any(|seat| {
            let number = seat.load(Relaxed);
            number == 0 || !asker.alive(number)
        })
    }

    /// Returns whether somebody else lives than who sits in `seat`. SeqCst fences on both sides
    /// are the caller's: of two who ask this after they have entered, one at least sees the other.
    pub(crate) fn has_others(&self, seat: usize, me: &impl Owner) -> bool {
        self.seats.iter().enumerate().any(|(index, other)| {
            // Acquire: as in `state`.
            let number = other.load(Acquire);
            index != seat && number != 0 && me.alive(number)
        })
    }

    /// Returns whether the one that was the last to leave has closed; others may be there.
    pub(crate) fn somebody_closed(&self) -> bool {
        // Acquire [S3]: pairs with [S2].
        self.closed.load(Acquire) != 0
    }

    /// Returns whether the side is closed, and nobody is there. Asks nobody who lives.
    pub(crate) fn is_closed(&self) -> bool {
        // Acquire [S3], of the seats: pairs with [S2]: what they did before is seen.
        self.closed.load(Acquire) != 0 && self.seats.iter().all(|seat| seat.load(Acquire) == 0)
    }

    /// The state of the side: whether one of it lives.
    pub(crate) fn state(&self, asker: &impl Owner) -> Peer {
        let mut state = None;
        for seat in &self.seats {
            // Acquire [S3]: pairs with [S1] and [S2].
            let number = seat.load(Acquire);
            if number == 0 {
                continue;
            }
            if asker.alive(number) {
                return Peer::Attached;
            }
            // A successor may have come while this was asked.
            if seat.load(Acquire) != number {
                return Peer::Attached;
            }
            state = Some(Peer::Dead);
        }
        state.unwrap_or_else(|| match self.closed.load(Acquire) {
            0 => Peer::Absent,
            _ => Peer::Closed,
        })
    }
}
