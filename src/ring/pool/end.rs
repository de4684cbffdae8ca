//! An end of the pool, producer or consumer: attach, claim slots, wait, take back what the dead had, leave.

use core::cell::Cell;
use core::marker::PhantomData;
use core::sync::atomic::Ordering::{Relaxed, SeqCst};

use super::chunk::Chunk;
use super::classes::{CLASSES_MAX, Plan};
use super::held::Held;
use super::lane::{Claim, Lane, READING, Slot, Stuck, WRITING};
use super::lines::{CHUNKS, DATA, Lines, SLOTS, Side};
use super::round::Round;
use super::stock::Stock;
use super::{Reclaimed, Source};
use crate::primitive::fence;
use crate::region::{Flat, Member, Refusal, Roster, Seat};
use crate::ring::spins::Spins;
use crate::ring::waiting::{self, Awaited, Failures, Waiting};
use crate::ring::{Error, Halt, Peer};
use crate::sync::owner::Owner;

/// One attached end. Its calls borrow it, so that several chunks can be in hand at a time: what
/// changes is in cells.
#[derive(Debug)]
pub(super) struct End<S: Side, W: Waiting> {
    /// The position to go on from.
    cursor: Cell<u64>,
    pub(super) stock: Stock,
    pub(super) spins: Cell<Spins>,
    /// How many slots in a row were there at once, since one was not.
    pub(super) streak: Cell<u32>,
    pub(super) failures: Cell<Failures>,
    reclaimed: Cell<Reclaimed>,
    seat: usize,
    /// Whether dropping it closes it.
    closes: bool,
    member: Member<Lines, 3>,
    kind: PhantomData<fn() -> (S, W)>,
}

impl<S: Side, W: Waiting> End<S, W> {
    /// Attaches, as one of many.
    pub(super) fn attach(source: &Source, plan: Plan) -> Result<Self, Refusal> {
        Self::of(source.join(|| false)?, plan)
    }

    /// As [`attach`](Self::attach), by a seat.
    pub(super) fn attach_by(source: &Source, plan: Plan, seat: Seat) -> Result<Self, Refusal> {
        Self::of(source.join_by(seat)?, plan)
    }

    /// That of a member.
    fn of(member: Member<Lines, 3>, plan: Plan) -> Result<Self, Refusal> {
        let mut end = Self {
            cursor: Cell::new(0),
            stock: Stock::new(plan),
            spins: Cell::new(Spins::new()),
            streak: Cell::new(0),
            failures: Cell::new(Failures::default()),
            reclaimed: Cell::new(Reclaimed::default()),
            seat: usize::MAX,
            closes: false,
            member,
            kind: PhantomData,
        };
        end.seat = end.mine().enter(&end.member).ok_or(Refusal::OCCUPIED)?;
        end.closes = true;
        end.cursor.set(end.hint().load(Relaxed));
        Ok(end)
    }

    fn hint(&self) -> &crate::primitive::AtomicU64 {
        let lines = self.member.words();
        if S::SENDS {
            &lines.tail.0
        } else {
            &lines.head.0
        }
    }

    fn mine(&self) -> &Roster {
        let lines = self.member.words();
        if S::SENDS {
            &lines.producers
        } else {
            &lines.consumers
        }
    }

    pub(super) fn theirs(&self) -> &Roster {
        let lines = self.member.words();
        if S::SENDS {
            &lines.consumers
        } else {
            &lines.producers
        }
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
    pub(super) fn me(&self) -> u32 {
        self.member.number()
    }

    pub(super) fn member(&self) -> &Member<Lines, 3> {
        &self.member
    }

    pub(super) fn capacity(&self) -> usize {
        1 << self.plan().slots
    }

    #[inline(always)]
    pub(super) fn plan(&self) -> &Plan {
        self.stock.plan()
    }

    pub(super) fn reclaimed(&self) -> Reclaimed {
        self.reclaimed.get()
    }

    pub(super) fn peer(&self) -> Peer {
        self.theirs().state(&self.member)
    }

    /// Leaves this end without closing it.
    pub(super) fn detach(mut self) {
        self.closes = false;
    }

    #[inline(always)]
    pub(super) fn lane(&self) -> Result<Lane<'_>, Halt> {
        // There are so many: the region was made, or opened, with this plan.
        let slots = self.member.cells::<SLOTS, Slot>(self.capacity());
        Ok(Lane {
            slots: slots.ok_or(Halt::Corrupt)?,
            hint: self.hint(),
        })
    }

    #[inline(always)]
    pub(super) fn chunks(&self) -> Result<&[Chunk], Halt> {
        let chunks = self.member.cells::<CHUNKS, Chunk>(self.plan().chunks);
        chunks.ok_or(Halt::Corrupt)
    }

    #[inline(always)]
    pub(super) fn chunk(&self, index: u32) -> Result<&Chunk, Halt> {
        self.chunks()?.get(index as usize).ok_or(Halt::Corrupt)
    }

    pub(super) fn round(&self, class: usize) -> &Round {
        self.stock.round(class)
    }

    fn data(&self) -> Flat<'_> {
        self.member.flat::<DATA>()
    }

    /// Claims the next slot of this side.
    #[inline(always)]
    pub(super) fn claim(&self) -> Result<Result<Claim<'_>, Stuck<'_>>, Halt> {
        let lane = self.lane()?;
        let mut cursor = self.cursor.get();
        let claim = if S::SENDS {
            lane.claim_free(&mut cursor, self.me())
        } else {
            lane.claim_ready(&mut cursor, self.me())
        };
        self.cursor.set(cursor);
        Ok(claim)
    }

    /// Looks, and if there is nothing, says why: now and then it asks who lives, and once all of
    /// the other side have died each time.
    pub(super) fn attempt(&self, awaited: &mut impl Awaited) -> Result<(), Halt> {
        let mut failures = self.failures.get();
        let found = waiting::attempt(awaited, &mut failures);
        self.failures.set(failures);
        found
    }

    /// Takes from a dead claimant what it has claimed; `false`: it lives, or there is none.
    #[cold]
    pub(super) fn resolve(&self, stuck: Stuck<'_>) -> bool {
        let Some(claimant) = stuck.claimant() else {
            return false;
        };
        // One of its own number had it long ago: this one has no slot when it looks.
        if claimant != self.me() && self.member.alive(claimant) {
            return false;
        }
        self.take_over(stuck);
        true
    }

    /// Takes from a claimant that has died what it has claimed, unless somebody else does.
    #[cold]
    pub(super) fn take_over(&self, stuck: Stuck<'_>) {
        let Some(claim) = stuck.take_over(self.me()) else {
            return;
        };
        let mut reclaimed = self.reclaimed.get();
        reclaimed.slots += 1;
        let (index, _) = claim.slot.read();
        if let (Ok(chunk), Some((class, _))) = (self.chunk(index), self.plan().room(index))
            && chunk.free_from_ring(claim.ticket)
        {
            reclaimed.chunks += 1;
            // Had it been sent and not received?
            reclaimed.messages += u64::from(stuck.seen.state() == READING);
            self.ring_bell(class);
        }
        self.reclaimed.set(reclaimed);
        // In a corrupt pool there is nobody to tell.
        let _ = claim.finish::<W>();
    }

    /// Resolves the claim of a dead member that is in the way where this side goes on; returns
    /// whether there was one.
    #[cold]
    pub(super) fn resolve_next(&self) -> bool {
        let lane = self.lane().ok();
        let place = lane.and_then(|lane| lane.place(self.cursor.get(), S::SENDS));
        place.is_some_and(|stuck| self.resolve(stuck))
    }

    /// Counts chunks that were freed.
    pub(super) fn count_chunks(&self, freed: u64) {
        let mut reclaimed = self.reclaimed.get();
        reclaimed.chunks += freed;
        self.reclaimed.set(reclaimed);
    }

    /// Tells who waits for a chunk of a class that one has been freed.
    #[inline(always)]
    pub(super) fn ring_bell(&self, class: usize) {
        if W::SLEEPS {
            self.member.words().bells[class % CLASSES_MAX].ring();
        }
    }

    /// Gives a chunk back.
    #[inline(always)]
    pub(super) fn release(&self, held: &Held) -> Result<(), Error> {
        self.attached()?;
        self.stock.strike();
        if !self.chunk(held.index)?.free(self.me()) {
            return Err(Error::Corrupt);
        }
        self.ring_bell(held.class);
        Ok(())
    }

    pub(super) fn read_at(&self, held: &Held, at: usize, to: &mut [u8]) -> Result<(), Error> {
        self.attached()?;
        held.read_at(self.data(), at, to)
    }

    pub(super) fn write_at(&self, held: &Held, at: usize, from: &[u8]) -> Result<(), Error> {
        self.attached()?;
        held.write_at(self.data(), at, from)
    }

    /// The message's first byte, for those who may look. `None` in a forked child.
    pub(super) fn pointer(&self, held: &Held) -> Option<*mut u8> {
        self.attached().ok()?;
        held.pointer(self.data())
    }

    /// Wakes those of the other side who wait for this one.
    fn rouse(&self) {
        // SeqCst: as in `SlotWord::rouse`, for the way there.
        fence(SeqCst);
        let place = self
            .lane()
            .ok()
            .and_then(|lane| lane.place(self.cursor.get(), S::SENDS));
        if let Some(Stuck { slot, .. }) = place {
            slot.word.rouse(|state| matches!(state, WRITING | READING));
        }
        for class in 0..CLASSES_MAX {
            self.ring_bell(class);
        }
    }
}

impl<S: Side, W: Waiting> Drop for End<S, W> {
    fn drop(&mut self) {
        // The parent has not left, and its pool is not in a forked child's memory. Without a
        // seat it never came.
        if self.member.is_copy() || self.seat == usize::MAX {
            return;
        }
        self.mine().leave(self.seat, self.closes);
        if W::SLEEPS && self.closes {
            self.rouse();
        }
    }
}
