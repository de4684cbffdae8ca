//! The consumer's steps beneath its calls: look at the lanes in turn, release what it has
//! received, free the lanes of those that are gone.

use core::marker::PhantomData;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Release};

use super::lane::{CONSUMER_AT, Fault, Holder, Lane};
use super::lanes::{Lanes, Memory};
use super::sending::mark_if_dead;
use super::{Departure, QUANTUM_BYTES, QUANTUM_RECORDS, RECORD_OVERHEAD};
use crate::region::{Doubled, Refusal, Seat};
use crate::ring::Halt;
use crate::ring::progress::{GRAIN, Reading};
use crate::ring::spins::Spins;
use crate::ring::waiting::{self, FAILURES_PER_LOOK, Waiting};
use crate::sync::owner::Owner;
use crate::{Deadline, Result};

/// The consumer's end.
#[derive(Debug)]
pub(super) struct Receiving<W: Waiting> {
    turn: Turn,
    /// A producer that is gone, found and not yet received.
    gone: Option<Gone>,
    pub(super) spins: Spins,
    /// The number of lanes that the last look visited.
    pub(super) looked_at: u32,
    /// How often a lane was found empty since it was asked whether somebody lives.
    passes: u32,
    /// The lane whose producer was asked for last.
    asked: usize,
    /// Whether all are to be asked for, as nothing has come for a while.
    pub(super) asks_all: bool,
    /// Whether the kernel has refused to let it sleep on several words.
    pub(super) sleeps_shortly: bool,
    /// What dropping it does: leaves the end to a successor, or closes it.
    detaches: bool,
    lanes: Lanes,
    kind: PhantomData<fn() -> W>,
}

/// The lane that is received from.
///
/// Of the others nothing is known that does not stand in shared memory: a ring may have many.
#[derive(Clone, Copy, Debug, Default)]
struct Turn {
    lane: usize,
    /// The producer.
    from: u32,
    /// The consumer's progress there.
    own: Reading,
    /// The position up to which is known to be published.
    limit: u64,
    /// What is left of the quantum.
    records: u32,
    bytes: usize,
}

/// A producer that is gone, or of which nothing more is received.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gone {
    lane: usize,
    holder: Holder,
    pub(super) why: Departure,
}

impl Gone {
    pub(super) fn from(self) -> u32 {
        self.holder.number()
    }
}

/// What is in a lane.
enum Sight {
    /// Nobody ever had it, nor those behind it.
    Fresh,
    /// Nothing to receive.
    Nothing,
    /// Something to receive, which it is the turn of now.
    Something,
}

impl<W: Waiting> Receiving<W> {
    /// Attaches as the consumer, in the place of a dead predecessor if there is one.
    pub(super) fn attach(memory: &Memory, is_late: impl Fn() -> bool) -> Result<Self, Refusal> {
        Self::of(memory.attach(CONSUMER_AT, is_late)?)
    }

    /// As [`attach`](Self::attach), by a seat.
    pub(super) fn attach_by(memory: &Memory, seat: Seat) -> Result<Self, Refusal> {
        Self::of(memory.attach_by(CONSUMER_AT, seat)?)
    }

    /// That of a member who claims the end in the place of `owner`.
    fn of((lanes, owner): (Lanes, u32)) -> Result<Self, Refusal> {
        let words = lanes.words();
        let me = lanes.number();
        // Acquire [A4]: pairs with [R4] in `drop`, a predecessor's. What a dead one did is seen, as
        // it is dead.
        let claimed = words.consumer.compare_exchange(owner, me, AcqRel, Acquire);
        if claimed.is_err() {
            // Another successor was first.
            return Err(Refusal::OCCUPIED);
        }
        words.closed.store(0, Release);
        // The first lane is the one behind the last one.
        let last = lanes.all().len().saturating_sub(1);
        Ok(Self {
            turn: Turn {
                lane: last,
                ..Turn::default()
            },
            gone: None,
            spins: Spins::new(),
            looked_at: 1,
            passes: 0,
            asked: last,
            asks_all: false,
            sleeps_shortly: false,
            detaches: false,
            lanes,
            kind: PhantomData,
        })
    }

    /// As [`attach`](Self::attach), waiting until the end is free.
    pub(super) fn attach_until(memory: &Memory, deadline: Deadline) -> Result<Self, Refusal> {
        waiting::until_attached(deadline, || {
            // Looked at before anything is mapped.
            match memory.source.is_held(CONSUMER_AT)? {
                true => Err(Refusal::OCCUPIED),
                false => Self::attach(memory, || deadline.has_passed_by_call()),
            }
        })
    }

    /// Leaves this end to a successor, without closing it.
    pub(super) fn detach(mut self) {
        self.detaches = true;
    }

    /// Makes sure that this is no forked child's copy.
    #[inline(always)]
    pub(super) fn attached(&self) -> Result<(), Halt> {
        self.lanes.attached()
    }

    pub(super) fn lanes(&self) -> &Lanes {
        &self.lanes
    }

    #[inline(always)]
    fn lane(&self, index: usize) -> &Lane {
        self.lanes.get(index)
    }

    /// The room of a lane.
    pub(super) fn capacity(&self) -> usize {
        self.lanes.capacity()
    }

    /// The data of the lane that is received from, by positions.
    #[inline(always)]
    pub(super) fn data(&self) -> Option<Doubled<'_>> {
        self.lanes.data(self.turn.lane)
    }

    /// The consumer's position in the lane that is received from.
    #[inline(always)]
    pub(super) fn position(&self) -> u64 {
        self.turn.own.position
    }

    /// The producer that is received from.
    #[inline(always)]
    pub(super) fn sender(&self) -> u32 {
        self.turn.from
    }

    /// How many bytes from the position on are known to be published.
    #[inline(always)]
    pub(super) fn usable(&self) -> usize {
        self.turn.limit.wrapping_sub(self.turn.own.position) as usize
    }

    /// The producer that is gone, if that is the next to be received.
    #[inline(always)]
    pub(super) fn gone(&self) -> Option<Gone> {
        self.gone
    }

    /// Returns whether a record follows `ahead` bytes behind the position, as far as is known, and
    /// within the quantum.
    #[inline(always)]
    fn has_record(&self, ahead: usize) -> bool {
        self.has_quantum() && self.usable() >= ahead + RECORD_OVERHEAD
    }

    #[inline(always)]
    fn has_quantum(&self) -> bool {
        self.turn.records > 0 && self.turn.bytes > 0
    }

    /// Counts a record that takes `size` bytes against the quantum.
    #[inline(always)]
    pub(super) fn count(&mut self, size: usize) {
        self.turn.records = self.turn.records.saturating_sub(1);
        self.turn.bytes = self.turn.bytes.saturating_sub(size);
    }

    /// Makes sure, without waiting, that there is something to receive.
    #[inline(always)]
    pub(super) fn ask(&mut self) -> Result<(), Halt> {
        self.attached()?;
        if self.gone.is_none() && self.has_record(0) || self.find() {
            return Ok(());
        }
        self.look_for_an_end()
    }

    /// Why there is nothing now; unless there is something after all.
    #[cold]
    fn look_for_an_end(&mut self) -> Result<(), Halt> {
        if !self.all_have_left() {
            return Err(Halt::WouldBlock);
        }
        // Somebody may have come since the look, and sent something.
        if self.find() {
            Ok(())
        } else {
            Err(Halt::Closed)
        }
    }

    /// Makes sure that there is something to receive, waiting until the deadline.
    #[inline(always)]
    pub(super) fn obtain(&mut self, deadline: Deadline) -> Result<(), Halt> {
        self.attached()?;
        if self.gone.is_none() && self.has_record(0) || self.find() {
            return Ok(());
        }
        self.wait(deadline)
    }

    /// Makes sure, without waiting, that a record of the same producer follows `ahead` bytes
    /// behind the position, within the quantum.
    pub(super) fn ask_ahead(&mut self, ahead: usize) -> Result<(), Halt> {
        self.attached()?;
        let more = self.gone.is_none()
            && (self.has_record(ahead)
                || self.has_quantum() && self.refresh() && self.has_record(ahead));
        more.then_some(()).ok_or(Halt::WouldBlock)
    }

    /// Looks for something to receive: in the lane on whose turn it is as long as its quantum
    /// lasts, then in those behind it.
    pub(super) fn find(&mut self) -> bool {
        self.looked_at = 1;
        if self.gone.is_some() || self.has_record(0) || self.has_quantum() && self.refresh() {
            return true;
        }
        let (start, end) = (self.turn.lane, self.lanes.all().len());
        for range in [start + 1..end, 0..start + 1] {
            for index in range {
                self.looked_at += 1;
                match self.visit(index) {
                    Sight::Something => return true,
                    Sight::Nothing => {}
                    Sight::Fresh => break,
                }
            }
        }
        false
    }

    /// Looks at the lane on whose turn it is; returns whether there is something.
    fn refresh(&mut self) -> bool {
        let turn = self.turn;
        let lane = self.lane(turn.lane);
        if let Ok(published) = lane.published.read::<W>(turn.limit)
            && lane.fault() == Fault::None
        {
            let usable = published.position.wrapping_sub(turn.own.position);
            // The producer takes nothing back.
            if usable <= self.capacity() as u64
                && usable >= self.usable() as u64
                && usable.is_multiple_of(GRAIN)
            {
                // Of the lane's holder it is, as it cannot change before all has been received.
                let from = lane.holder().number();
                self.turn.from = from;
                self.turn.limit = published.position;
                return usable > 0;
            }
        }
        self.suspect(turn.lane);
        true
    }

    /// Looks at a lane, and makes it that on whose turn it is if there is something.
    fn visit(&mut self, index: usize) -> Sight {
        let lane = self.lane(index);
        let holder = lane.holder();
        match holder {
            Holder::Fresh => return Sight::Fresh,
            Holder::Free => return Sight::Nothing,
            _ => {}
        }
        if lane.fault() != Fault::None {
            return self.visit_faulty(index, holder);
        }
        // After the holder: what it did before its end is seen.
        let Some((published, own)) = lane.sense::<W>(self.capacity()) else {
            self.suspect(index);
            return Sight::Something;
        };
        if published.position != own.position {
            self.turn = Turn {
                lane: index,
                // Once more: perhaps it is another one's, who took a lane that was empty before
                // this consumer came.
                from: lane.holder().number(),
                own,
                limit: published.position,
                records: QUANTUM_RECORDS,
                bytes: QUANTUM_BYTES,
            };
            return Sight::Something;
        }
        let why = match holder {
            Holder::Closed(_) => Departure::Closed,
            Holder::Dead(_) => Departure::Died,
            _ => {
                self.pass();
                return Sight::Nothing;
            }
        };
        self.gone = Some(Gone {
            lane: index,
            holder,
            why,
        });
        Sight::Something
    }

    /// Looks at a lane in which something could not be.
    #[cold]
    fn visit_faulty(&mut self, index: usize, holder: Holder) -> Sight {
        if self.lane(index).fault() == Fault::Found {
            self.suspect(index);
            return Sight::Something;
        }
        if holder.has_ended() {
            // Its end has been told.
            self.free(index, holder);
        } else {
            self.pass();
        }
        Sight::Nothing
    }

    /// Notes that what stands in a lane cannot be: nothing more is received of who has it.
    #[cold]
    fn suspect(&mut self, index: usize) -> Gone {
        let lane = self.lane(index);
        lane.set_fault(Fault::Found);
        let gone = Gone {
            lane: index,
            holder: lane.holder(),
            why: Departure::Corrupt,
        };
        self.turn.records = 0;
        self.gone = Some(gone);
        gone
    }

    /// As [`suspect`](Self::suspect), of the lane that is received from.
    #[cold]
    pub(super) fn suspect_sender(&mut self) -> Gone {
        self.suspect(self.turn.lane)
    }

    /// Publishes that this side is `by` bytes further in the lane that is received from.
    ///
    /// # Errors
    ///
    /// [`Halt::Corrupt`] when its word is not what this side has made it.
    #[inline(always)]
    pub(super) fn advance(&mut self, by: usize) -> Result<(), Halt> {
        let mut own = self.turn.own;
        let position = own.position.wrapping_add(by as u64);
        let lane = self.lane(self.turn.lane);
        match lane.consumed.advance::<W>(&mut own, position) {
            Ok(()) => {
                self.turn.own = own;
                Ok(())
            }
            Err(halt) => {
                self.suspect_sender();
                Err(halt)
            }
        }
    }

    /// Receives that a producer is gone.
    pub(super) fn accept(&mut self, gone: Gone) {
        self.gone = None;
        if gone.why == Departure::Corrupt {
            self.lane(gone.lane).set_fault(Fault::Told);
        } else {
            self.free(gone.lane, gone.holder);
        }
    }

    /// Lets another producer have the lane of one that has ended.
    fn free(&mut self, index: usize, holder: Holder) {
        if self.turn.lane == index {
            self.turn.records = 0;
        }
        let lane = self.lane(index);
        if lane.fault() != Fault::None {
            lane.clear::<W>();
            lane.set_fault(Fault::None);
        }
        if lane.change(holder, Holder::Free) {
            self.lanes.words().announce::<W>();
        }
    }

    /// Counts a lane that was found empty, and asks now and then whether somebody lives.
    #[inline]
    fn pass(&mut self) {
        self.passes += 1;
        if self.passes >= FAILURES_PER_LOOK {
            self.passes = 0;
            self.ask_next();
        }
    }

    /// Asks whether the producer of one lane lives, of the next one each time.
    #[cold]
    fn ask_next(&mut self) {
        let count = self.lanes.all().len();
        for _ in 0..count {
            self.asked = if self.asked + 1 < count {
                self.asked + 1
            } else {
                0
            };
            let lane = self.lane(self.asked);
            match lane.holder() {
                // The next is the first one.
                Holder::Fresh => self.asked = count,
                Holder::Held(_) => {
                    mark_if_dead(lane, &self.lanes);
                    return;
                }
                _ => {}
            }
        }
    }

    /// Asks whether each producer lives, if nothing has come for a while.
    pub(super) fn mark_the_dead(&self) {
        if !self.asks_all {
            return;
        }
        for lane in self.lanes.all() {
            if lane.holder() == Holder::Fresh {
                return;
            }
            mark_if_dead(lane, &self.lanes);
        }
    }

    /// How many producers have a lane, or have left something in one.
    pub(super) fn producers(&self) -> usize {
        let held = self.lanes.all().iter().map(Lane::holder);
        let held = held.take_while(|&holder| holder != Holder::Fresh);
        held.filter(|&holder| holder != Holder::Free).count()
    }

    /// Returns whether there has been a producer, and is none any more.
    pub(super) fn all_have_left(&self) -> bool {
        let had_some = self.lanes.all().first().map(Lane::holder) != Some(Holder::Fresh);
        had_some && self.producers() == 0
    }
}

impl<W: Waiting> Drop for Receiving<W> {
    fn drop(&mut self) {
        // The parent has not left, and its ring is not in a forked child's memory.
        if self.lanes.is_copy() {
            return;
        }
        let words = self.lanes.words();
        if !self.detaches {
            // Release [R2]: pairs with [A2] in `Sending::is_closed`.
            words.closed.store(1, Release);
            // Of all, whoever has them: who has just come may not be seen yet.
            for lane in self.lanes.all() {
                // Wakes who waits for room. In a corrupt lane there is nobody to tell.
                if let Ok(mut own) = lane.consumed.read::<W>(0) {
                    let position = own.position;
                    let _ = lane.consumed.advance::<W>(&mut own, position);
                }
            }
        }
        // Release [R4]: pairs with [A4] in `attach`, a successor's.
        words.consumer.store(0, Release);
        // Who waits for a lane need not leave one to it any more.
        words.announce::<W>();
    }
}
