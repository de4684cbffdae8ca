//! A producer's steps beneath its calls: take a lane, find room in it, publish, leave.

use core::marker::PhantomData;
use core::sync::atomic::Ordering::{Acquire, Relaxed};

use super::lane::{Fault, Holder, Lane, Words};
use super::lanes::{Lanes, Memory};
use crate::primitive;
use crate::region::{Doubled, Refusal, Seat};
use crate::ring::progress::{GRAIN, Reading};
use crate::ring::spins::Spins;
use crate::ring::waiting::{self, ATTACH_INTERVAL, Awaited, Failures, Waiting};
use crate::ring::{Halt, Peer};
use crate::sync::owner::{Owner, is_held_by_the_dead};
use crate::{Deadline, Errno};

/// The longest sleep of one that waits for a lane, in nanoseconds: a death does not wake it.
const ATTACH_INTERVAL_MAX: u32 = 64 * ATTACH_INTERVAL.subsec_nanos();

/// A producer's end, with its lane.
#[derive(Debug)]
pub(super) struct Sending<W: Waiting> {
    /// This side's progress. Kept privately: what stands in shared memory is compared with it,
    /// not believed.
    own: Reading,
    /// The position up to which may be written without looking at the consumer's progress.
    limit: u64,
    /// The consumer's progress when it was last looked at.
    peer: Reading,
    spins: Spins,
    failures: Failures,
    lane: usize,
    lanes: Lanes,
    kind: PhantomData<fn() -> W>,
}

impl<W: Waiting> Sending<W> {
    /// Joins the ring, and takes a lane.
    pub(super) fn attach(memory: &Memory) -> Result<Self, Refusal> {
        Self::of(memory.join(|| false)?)
    }

    /// As [`attach`](Self::attach), by a seat.
    pub(super) fn attach_by(memory: &Memory, seat: Seat) -> Result<Self, Refusal> {
        Self::of(memory.join_by(seat)?)
    }

    /// That of a member who takes a lane.
    fn of(lanes: Lanes) -> Result<Self, Refusal> {
        let (lane, (own, peer)) = take::<W>(&lanes)?;
        Ok(Self::new(lanes, lane, own, peer))
    }

    /// As [`attach`](Self::attach), waiting until a lane is free. One number is enough, however
    /// long that takes.
    pub(super) fn attach_until(memory: &Memory, deadline: Deadline) -> Result<Self, Refusal> {
        let lanes =
            waiting::until_attached(deadline, || memory.join(|| deadline.has_passed_by_call()))?;
        let mut interval = ATTACH_INTERVAL.subsec_nanos();
        loop {
            // Before the look: a lane that is freed after it wakes.
            let changes = lanes.words().changes();
            let (lane, (own, peer)) = match take::<W>(&lanes) {
                Err(Refusal::OCCUPIED) => {
                    let bell = lanes.words().bell();
                    match bell.sleep(changes, deadline, interval) {
                        Err(Errno::TIMEDOUT) => return Err(Refusal::OCCUPIED),
                        slept => slept?,
                    }
                    if W::SLEEPS {
                        interval = (2 * interval).min(ATTACH_INTERVAL_MAX);
                    }
                    continue;
                }
                taken => taken?,
            };
            return Ok(Self::new(lanes, lane, own, peer));
        }
    }

    fn new(lanes: Lanes, lane: usize, own: Reading, peer: Reading) -> Self {
        let mut sending = Self {
            own,
            limit: own.position,
            peer,
            spins: Spins::new(),
            failures: Failures::default(),
            lane,
            lanes,
            kind: PhantomData,
        };
        sending.limit = peer.position.wrapping_add(sending.capacity() as u64);
        sending
    }

    /// Makes sure that this is no forked child's copy.
    #[inline(always)]
    pub(super) fn attached(&self) -> Result<(), Halt> {
        self.lanes.attached()
    }

    pub(super) fn number(&self) -> u32 {
        self.lanes.number()
    }

    /// The room of the lane.
    #[inline(always)]
    pub(super) fn capacity(&self) -> usize {
        self.lanes.capacity()
    }

    /// This side's position.
    #[inline(always)]
    pub(super) fn position(&self) -> u64 {
        self.own.position
    }

    /// The lane's data, by positions.
    #[inline(always)]
    pub(super) fn data(&self) -> Option<Doubled<'_>> {
        self.lanes.data(self.lane)
    }

    fn lane(&self) -> &Lane {
        self.lanes.get(self.lane)
    }

    fn words(&self) -> &Words {
        self.lanes.words()
    }

    /// How many bytes may be written, as far as known: at most the capacity.
    #[inline(always)]
    fn usable(&self) -> usize {
        self.limit.wrapping_sub(self.own.position) as usize
    }

    /// Publishes that this side is `by` bytes further.
    #[inline(always)]
    pub(super) fn advance(&mut self, by: usize) -> Result<(), Halt> {
        let position = self.own.position.wrapping_add(by as u64);
        let mut own = self.own;
        self.lane().published.advance::<W>(&mut own, position)?;
        self.own = own;
        Ok(())
    }

    /// Makes sure, without waiting, that `need` bytes may be written.
    #[inline(always)]
    pub(super) fn ask(&mut self, need: usize) -> Result<(), Halt> {
        self.attached()?;
        if self.usable() >= need {
            return Ok(());
        }
        self.attempt(need)
    }

    /// Makes sure that `need` bytes may be written, waiting until the deadline.
    #[inline(always)]
    pub(super) fn obtain(&mut self, need: usize, deadline: Deadline) -> Result<(), Halt> {
        self.attached()?;
        if self.usable() >= need {
            return Ok(());
        }
        self.wait(need, deadline)
    }

    /// Reads how far the consumer has come.
    fn refresh(&mut self) -> Result<(), Halt> {
        let peer = self.lane().consumed.read::<W>(self.peer.position)?;
        let capacity = self.capacity() as u64;
        let limit = peer.position.wrapping_add(capacity);
        let usable = limit.wrapping_sub(self.own.position);
        // The consumer is not ahead of this side, and never takes anything back.
        let possible =
            usable <= capacity && usable >= self.usable() as u64 && usable.is_multiple_of(GRAIN);
        if !possible || self.lane().fault() != Fault::None {
            return Err(Halt::Corrupt);
        }
        self.limit = limit;
        self.peer = peer;
        Ok(())
    }

    fn attempt(&mut self, need: usize) -> Result<(), Halt> {
        let mut failures = self.failures;
        let mut room = Room {
            sending: self,
            need,
        };
        let found = waiting::attempt(&mut room, &mut failures);
        self.failures = failures;
        found
    }

    #[cold]
    fn wait(&mut self, need: usize, deadline: Deadline) -> Result<(), Halt> {
        let mut room = Room {
            sending: self,
            need,
        };
        waiting::wait(&mut room, deadline)
    }

    fn is_closed(&self) -> bool {
        // Acquire [A2]: pairs with [R2] where the consumer leaves: what it released before is seen
        // from now on.
        self.words().closed.load(Acquire) != 0
    }

    fn has_died(&self) -> bool {
        is_held_by_the_dead(&self.words().consumer, &self.lanes)
    }

    pub(super) fn peer(&self) -> Peer {
        Peer::of(&self.words().consumer, &self.lanes, self.is_closed())
    }

    /// Spins up to `limit` times; whether the consumer's count has changed since the last look.
    fn spin(&self, limit: u32) -> bool {
        let (consumed, seen) = (&self.lane().consumed, self.peer.count);
        for _ in 0..limit {
            // Where nobody sleeps, closing does not change the count.
            if consumed.count::<W>() != seen
                || (!W::SLEEPS && self.words().closed.load(Relaxed) != 0)
            {
                return true;
            }
            primitive::pause();
        }
        false
    }
}

impl<W: Waiting> Drop for Sending<W> {
    fn drop(&mut self) {
        // The parent has not left, and its ring is not in a forked child's memory.
        if self.lanes.is_copy() {
            return;
        }
        let me = self.number();
        // The last that this side does to its lane: the consumer frees it, and another takes it.
        let _ = self.lane().change(Holder::Held(me), Holder::Closed(me));
        self.words().announce::<W>();
    }
}

/// Room to send, as [`waiting::wait`] sees it.
struct Room<'a, W: Waiting> {
    sending: &'a mut Sending<W>,
    need: usize,
}

impl<W: Waiting> Awaited for Room<'_, W> {
    fn look(&mut self) -> Result<bool, Halt> {
        self.sending.refresh()?;
        Ok(self.sending.usable() >= self.need)
    }

    fn is_closed(&self) -> bool {
        self.sending.is_closed()
    }

    fn has_died(&self) -> bool {
        self.sending.has_died()
    }

    fn spin(&mut self) -> bool {
        let sending = &mut *self.sending;
        let changed = sending.spin(sending.spins.now());
        sending.spins.learn(changed)
    }

    fn sleep(&mut self, deadline: Deadline, longest: u32) -> crate::Result<()> {
        let sending = &*self.sending;
        if W::SLEEPS {
            let seen = sending.peer.count;
            return sending.lane().consumed.sleep(seen, deadline, longest);
        }
        waiting::spin_on(deadline, |spins| sending.spin(spins))
    }
}

/// Takes a lane for this member, and returns which, and how far the producers before it and the
/// consumer have come there.
///
/// # Errors
///
/// [`Refusal::OCCUPIED`]: none is free. [`Refusal::CORRUPT`]: what stands in those that are free
/// cannot be.
fn take<W: Waiting>(lanes: &Lanes) -> Result<(usize, (Reading, Reading)), Refusal> {
    let mut refusal = Refusal::OCCUPIED;
    let mut take = |index: usize, from: Holder| -> Option<(usize, (Reading, Reading))> {
        let lane = lanes.get(index);
        if !lane.change(from, Holder::Held(lanes.number())) {
            return None;
        }
        let Some(positions) = lane.sense::<W>(lanes.capacity()) else {
            // Not fresh again: others have perhaps passed it and taken those behind it.
            let to = match from {
                Holder::Fresh => Holder::Free,
                from => from,
            };
            let _ = lane.change(Holder::Held(lanes.number()), to);
            refusal = Refusal::CORRUPT;
            return None;
        };
        // Nothing is published before: the consumer watches no lane of which it does not know.
        lanes.words().announce::<W>();
        Some((index, positions))
    };
    for (index, lane) in lanes.all().iter().enumerate() {
        let holder = lane.holder();
        if matches!(holder, Holder::Fresh | Holder::Free)
            && let Some(taken) = take(index, holder)
        {
            return Ok(taken);
        }
    }
    // None: who died is found out, so that the consumer frees its lane.
    let mut has_marked = false;
    for lane in lanes.all() {
        has_marked |= mark_if_dead(lane, lanes);
    }
    if has_marked {
        lanes.words().announce::<W>();
    }
    for (index, lane) in lanes.all().iter().enumerate() {
        let holder = lane.holder();
        let is_over = holder.has_ended() && lane.fault() == Fault::None && lane.is_empty::<W>();
        // Asked last: who receives now has perhaps received what was in it, and is to be told of the
        // end; who comes later finds it empty.
        if is_over
            && lanes.words().is_without_consumer(lanes)
            && let Some(taken) = take(index, holder)
        {
            return Ok(taken);
        }
    }
    Err(refusal)
}

/// Says of who has the lane that it is dead, if it is.
pub(super) fn mark_if_dead(lane: &Lane, asker: &impl Owner) -> bool {
    let holder = lane.holder();
    let Holder::Held(number) = holder else {
        return false;
    };
    !asker.alive(number) && lane.change(holder, Holder::Dead(number))
}
