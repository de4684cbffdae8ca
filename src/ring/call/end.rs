//! What clients and servers both do: attach, spin, leave.

use core::cell::Cell;

use super::Source;
use super::lines::{DATA, Lines, SLOTS};
use super::shape::Shape;
use super::slot::{ANSWERED, SERVED, Slot};
use crate::Deadline;
use crate::primitive::pause;
use crate::region::{Flat, Member, Refusal, Roster};
use crate::ring::spins::Spins;
use crate::ring::waiting::{self, Awaited, Failures};
use crate::ring::{Halt, Peer};
use crate::sync::owner::Owner;

/// One attached end.
#[derive(Debug)]
pub(super) struct End {
    pub(super) shape: Shape,
    /// The slot to look at first.
    pub(super) rotor: Cell<usize>,
    spins: Cell<Spins>,
    failures: Cell<Failures>,
    serves: bool,
    /// Whether it sleeps where it waits in vain.
    pub(super) sleeps: bool,
    seat: usize,
    /// Whether dropping it closes it.
    closes: bool,
    member: Member<Lines, 2>,
}

impl End {
    /// Attaches, as one of many.
    pub(super) fn attach(
        source: &Source,
        shape: Shape,
        serves: bool,
        sleeps: bool,
    ) -> Result<Self, Refusal> {
        Self::of(source.join(|| false)?, shape, serves, sleeps)
    }

    /// That of a member.
    pub(super) fn of(
        member: Member<Lines, 2>,
        shape: Shape,
        serves: bool,
        sleeps: bool,
    ) -> Result<Self, Refusal> {
        let mut end = Self {
            shape,
            rotor: Cell::new(0),
            spins: Cell::new(Spins::new()),
            failures: Cell::new(Failures::default()),
            serves,
            sleeps,
            seat: usize::MAX,
            closes: false,
            member,
        };
        end.seat = end
            .roster(serves)
            .enter(&end.member)
            .ok_or(Refusal::OCCUPIED)?;
        end.closes = true;
        // Each client has a slot of its own as long as there are enough.
        end.rotor.set(end.seat % shape.slots);
        Ok(end)
    }

    fn roster(&self, serve: bool) -> &Roster {
        let lines = self.member.words();
        if serve {
            &lines.servers
        } else {
            &lines.clients
        }
    }

    pub(super) fn theirs(&self) -> &Roster {
        self.roster(!self.serves)
    }

    pub(super) fn lines(&self) -> &Lines {
        self.member.words()
    }

    pub(super) fn member(&self) -> &Member<Lines, 2> {
        &self.member
    }

    #[inline(always)]
    pub(super) fn me(&self) -> u32 {
        self.member.number()
    }

    pub(super) fn peer(&self) -> Peer {
        self.theirs().state(&self.member)
    }

    /// Leaves this end without closing it.
    pub(super) fn detach(mut self) {
        self.closes = false;
    }

    /// Makes sure that this is no forked child's copy of an end.
    #[inline(always)]
    pub(super) fn attached(&self) -> Result<(), Halt> {
        if self.member.is_copy() {
            return Err(Halt::Forked);
        }
        Ok(())
    }

    #[inline(always)]
    pub(super) fn slots(&self) -> Result<&[Slot], Halt> {
        // There are so many: the region was made, or opened, with this shape.
        let slots = self.member.cells::<SLOTS, Slot>(self.shape.slots);
        slots.ok_or(Halt::Corrupt)
    }

    /// Each slot, from the rotor on, with its number.
    #[inline(always)]
    pub(super) fn slots_in_turn(&self) -> Result<impl Iterator<Item = (usize, &Slot)>, Halt> {
        let slots = self.slots()?;
        let first = self.rotor.get().min(slots.len());
        let (before, behind) = slots.split_at(first);
        let behind = (first..).zip(behind);
        Ok(behind.chain((0..).zip(before)))
    }

    pub(super) fn data(&self) -> Flat<'_> {
        self.member.flat::<DATA>()
    }

    /// Looks again and again for a little while, and returns whether it was found.
    pub(super) fn spin(&self, mut look: impl FnMut() -> bool) -> bool {
        let mut spins = self.spins.get();
        let found = (0..spins.now()).any(|_| {
            pause();
            look()
        });
        spins.learn(found);
        self.spins.set(spins);
        found
    }

    /// What an end does that never sleeps: looks on, and offers its processor to others.
    #[cold]
    pub(super) fn spin_on(
        &self,
        deadline: Deadline,
        mut look: impl FnMut() -> bool,
    ) -> crate::Result<()> {
        waiting::spin_on(deadline, |spins| {
            (0..spins).any(|_| {
                pause();
                look()
            })
        })
    }

    /// Looks, and if there is nothing, says why: now and then it asks who lives, and once all of
    /// the other side have died each time.
    pub(super) fn attempt(&self, awaited: &mut impl Awaited) -> Result<(), Halt> {
        let mut failures = self.failures.get();
        let found = waiting::attempt(awaited, &mut failures);
        self.failures.set(failures);
        found
    }

    /// Wakes those of the other side who wait for this one.
    fn rouse(&self) {
        if !self.serves {
            return self.lines().requests.0.ring();
        }
        self.lines().room.0.ring();
        for slot in self.slots().unwrap_or_default() {
            // Whoever serves a call wakes who waits for it.
            slot.word.rouse(|state| matches!(state, SERVED | ANSWERED));
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        // The parent has not left, and its service is not in a forked child's memory. Without a
        // seat it never came.
        if self.member.is_copy() || self.seat == usize::MAX {
            return;
        }
        self.roster(self.serves).leave(self.seat, self.closes);
        if self.closes {
            self.rouse();
        }
    }
}
