//! The readers' part: chunks pinned where they lie, and given back.
//!
//! A reader says in the chunk's pins that it reads it, then looks whether the slot names the chunk
//! still: if so, nobody is lent the chunk before the reader takes that back.

use core::cell::{Ref, RefCell};

use super::lines::{DATA, Lines, READERS, chunks, layout, split, unpin_all};
use crate::region::{Flat, Member, Peer, Refusal};
use crate::ring::broadcast::RecvError;
use crate::ring::broadcast::reading::{CHANGES_MAX, Reading, Start};
use crate::ring::broadcast::statistics::Statistics;
use crate::ring::pool::chunk::Chunk;
use crate::ring::pool::classes::Plan;
use crate::ring::pool::held::Held;
use crate::ring::pool::stock::Stock;
use crate::ring::waiting::Waiting;
use crate::ring::{Error, Halt};
use crate::wait::patience::Patience;

/// What a reader has. Its calls borrow it, so that several chunks can be in hand at a time.
#[derive(Debug)]
pub(super) struct Receiving<W: Waiting> {
    /// Each call borrows it, and calls nothing that is a user's meanwhile.
    reading: RefCell<Reading<W, Lines, 4>>,
    stock: Stock,
    /// Its place among the readers.
    place: usize,
}

impl<W: Waiting> Receiving<W> {
    /// That of a member who takes a place among the readers.
    pub(super) fn of(member: Member<Lines, 4>, plan: Plan, start: Start) -> Result<Self, Refusal> {
        let readers = &member.words().readers;
        let entered = readers.succeed(READERS, &member);
        let (place, succeeds) = entered.ok_or(Refusal::OCCUPIED)?;
        let chunks = chunks(&member, &plan).map_err(|_| Refusal::CORRUPT)?;
        // What one who died here was reading; nobody else does it, as this one lives.
        if succeeds {
            unpin_all(chunks, place);
        }
        let layout = layout(&plan).ok_or(Refusal::CORRUPT)?;
        // If it fails, the member leaves a place that is a dead one's.
        let reading = Reading::of(member, layout, start, true)?;
        Ok(Self {
            reading: RefCell::new(reading),
            stock: Stock::new(plan),
            place,
        })
    }

    /// The ring, of which a forked child has none.
    #[inline(always)]
    fn attached(&self) -> Result<Ref<'_, Reading<W, Lines, 4>>, Halt> {
        let reading = self.reading.try_borrow().map_err(|_| Halt::Corrupt)?;
        if reading.member().is_copy() {
            return Err(Halt::Forked);
        }
        Ok(reading)
    }

    pub(super) fn capacity(&self) -> usize {
        1 << self.stock.plan().slots
    }

    pub(super) fn state(&self) -> Peer {
        let reading = self.reading.try_borrow();
        reading.map_or(Peer::Attached, |it| it.state())
    }

    pub(super) fn position(&self) -> u64 {
        let reading = self.reading.try_borrow();
        reading.map_or(0, |it| it.position())
    }

    pub(super) fn statistics(&self) -> Statistics {
        let reading = self.reading.try_borrow();
        reading.map_or_else(|_| Statistics::default(), |it| it.statistics())
    }

    /// Receives the next message, which stays where it is.
    #[inline(always)]
    pub(super) fn receive(&self, patience: Patience) -> Result<Held, RecvError> {
        let reading = self.reading.try_borrow_mut();
        let mut reading = reading.map_err(|_| Halt::Corrupt)?;
        for _ in 0..CHANGES_MAX {
            reading.reach(patience)?;
            let (handles, at) = reading.slots()?.message(reading.position());
            let (index, len) = split(handles.read_word(at).unwrap_or(u64::MAX));
            // A chunk that this one reads is sent again by nobody who keeps the rules.
            let chunk = self.named(&reading, index, len);
            let is_pinned = chunk.is_some_and(|chunk| chunk.pin(self.place));
            if reading.is_still()? {
                reading.step();
                if !is_pinned {
                    return Err(Halt::Corrupt.into());
                }
                return Ok(self.stock.hold(index, len as usize)?);
            }
            if is_pinned && let Some(chunk) = self.named(&reading, index, len) {
                chunk.unpin(self.place);
            }
        }
        Err(Halt::Corrupt.into())
    }

    /// The chunk that a handle names, if it may be one's.
    #[inline(always)]
    fn named<'a>(
        &self,
        reading: &'a Reading<W, Lines, 4>,
        index: u32,
        len: u64,
    ) -> Option<&'a Chunk> {
        let plan = self.stock.plan();
        let (_, room) = plan.room(index)?;
        let chunks = chunks(reading.member(), plan).ok()?;
        chunks
            .get(index as usize)
            .filter(|_| len <= room.size as u64)
    }

    /// Gives a chunk back.
    #[inline(always)]
    pub(super) fn release(&self, held: &Held) -> Result<(), Error> {
        let reading = self.attached()?;
        self.stock.strike();
        let chunk = chunks(reading.member(), self.stock.plan())?.get(held.index as usize);
        match chunk.is_some_and(|chunk| chunk.unpin(self.place)) {
            true => Ok(()),
            false => Err(Error::Corrupt),
        }
    }

    pub(super) fn read_at(&self, held: &Held, at: usize, to: &mut [u8]) -> Result<(), Error> {
        let reading = self.attached()?;
        held.read_at(data(&reading), at, to)
    }

    /// The message's first byte, for those who may look. `None` in a forked child.
    pub(super) fn pointer(&self, held: &Held) -> Option<*mut u8> {
        held.pointer(data(&*self.attached().ok()?))
    }
}

#[inline(always)]
fn data<W: Waiting>(reading: &Reading<W, Lines, 4>) -> Flat<'_> {
    reading.member().flat::<DATA>()
}

impl<W: Waiting> Drop for Receiving<W> {
    fn drop(&mut self) {
        let reading = self.reading.get_mut();
        let member = reading.member();
        // The parent has not left.
        if member.is_copy() {
            return;
        }
        let place = self.place;
        if !self.stock.has_none() {
            // Messages that were forgotten: nobody can give them back any more.
            if let Ok(chunks) = chunks(member, self.stock.plan()) {
                unpin_all(chunks, place);
            }
        }
        member.words().readers.leave(place, true);
    }
}
