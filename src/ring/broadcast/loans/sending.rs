//! The writers' part: chunks lent, and sent.
//!
//! A chunk that is sent is the slot's, until who claims the slot for a later message frees it: the
//! claimant alone, or its successor if it dies. It is lent again when no reader has it any more.

use core::cell::{Cell, Ref, RefCell};

use super::Reclaimed;
use super::lines::{DATA, Lines, READERS, chunks, handle, split, unpin_all};
use crate::primitive::FAILURES_PER_LOOK;
use crate::region::Flat;
use crate::ring::broadcast::statistics::Statistics;
use crate::ring::broadcast::writing::{ATTEMPTS, Writing};
use crate::ring::pool::chunk::Ticket;
use crate::ring::pool::classes::{CLASSES_MAX, Plan};
use crate::ring::pool::held::Held;
use crate::ring::pool::stock::Stock;
use crate::ring::pool::sweep::Swept;
use crate::ring::waiting::Waiting;
use crate::ring::{Error, Halt};
use crate::sync::owner::Owner;

/// What a writer has. Its calls borrow it, so that several chunks can be lent at a time.
#[derive(Debug)]
pub(super) struct Sending<W: Waiting> {
    /// Each call borrows it, and calls nothing that is a user's meanwhile.
    writing: RefCell<Writing<W, Lines, 4>>,
    stock: Stock,
    /// Of each class how often in a row there was no chunk of it.
    failures: [Cell<u32>; CLASSES_MAX],
    reclaimed: Cell<Reclaimed>,
}

impl<W: Waiting> Sending<W> {
    pub(super) fn new(writing: Writing<W, Lines, 4>, plan: Plan) -> Self {
        Self {
            writing: RefCell::new(writing),
            stock: Stock::new(plan),
            failures: Default::default(),
            reclaimed: Cell::new(Reclaimed::default()),
        }
    }

    /// The ring, of which a forked child has none.
    #[inline(always)]
    fn attached(&self) -> Result<Ref<'_, Writing<W, Lines, 4>>, Halt> {
        let writing = self.writing.try_borrow().map_err(|_| Halt::Corrupt)?;
        if writing.member().is_copy() {
            return Err(Halt::Forked);
        }
        Ok(writing)
    }

    pub(super) fn capacity(&self) -> usize {
        1 << self.stock.plan().slots
    }

    pub(super) fn statistics(&self) -> Statistics {
        let writing = self.writing.try_borrow();
        writing.map_or_else(|_| Statistics::default(), |it| it.statistics())
    }

    pub(super) fn reclaimed(&self) -> Reclaimed {
        self.reclaimed.get()
    }

    pub(super) fn detach(self) {
        self.writing.into_inner().detach();
    }

    /// Lends a chunk for a message of so many bytes, if there is one.
    #[inline(always)]
    pub(super) fn try_loan(&self, len: usize) -> Result<Held, Error> {
        let writing = self.attached()?;
        let class = self.stock.class_for(len)?;
        let found = match self.take(&writing, class)? {
            Some(index) => index,
            None => self.take_again(&writing, class)?,
        };
        self.failures(class).set(0);
        Ok(self.stock.hold(found, len)?)
    }

    #[inline(always)]
    fn take(&self, writing: &Writing<W, Lines, 4>, class: usize) -> Result<Option<u32>, Halt> {
        let (member, stock) = (writing.member(), &self.stock);
        let chunks = chunks(member, stock.plan())?;
        let me = member.number();
        stock.take(chunks, class, u32::MAX, |chunk| chunk.lend(me))
    }

    #[inline(always)]
    fn failures(&self, class: usize) -> &Cell<u32> {
        // Masked, so that the compiler sees it in range.
        &self.failures[class % CLASSES_MAX]
    }

    /// Looks for what the dead have: the first time, and then ever more seldom.
    #[cold]
    fn take_again(&self, writing: &Writing<W, Lines, 4>, class: usize) -> Result<u32, Halt> {
        let failures = self.failures(class).get().wrapping_add(1);
        self.failures(class).set(failures);
        if !failures.is_power_of_two() && !failures.is_multiple_of(FAILURES_PER_LOOK) {
            return Err(Halt::WouldBlock);
        }
        let (member, stock) = (writing.member(), &self.stock);
        let chunks = chunks(member, stock.plan())?;
        let mut reclaimed = self.reclaimed.get();
        // Those first: what a dead writer has may be pinned by a dead reader.
        let buried = member.words().readers.bury(READERS, member, |place| {
            unpin_all(chunks, place);
        });
        reclaimed.readers += u64::from(buried);
        let (swept, freed) = stock.sweep(chunks, class, member, |_, _| Some(false));
        reclaimed.chunks += freed;
        self.reclaimed.set(reclaimed);
        if buried || swept == Swept::Unfinished {
            // The next call goes on with the search.
            self.failures(class).set(0);
        }
        self.take(writing, class)?.ok_or(Halt::WouldBlock)
    }

    /// Sends a chunk that was lent. It is the ring's then, unless there is an error.
    #[inline(always)]
    pub(super) fn send(&self, held: &Held) -> Result<(), Error> {
        self.attached()?;
        Ok(self.put(held)?)
    }

    #[inline(always)]
    fn put(&self, held: &Held) -> Result<(), Halt> {
        let mut writing = self.writing.try_borrow_mut().map_err(|_| Halt::Corrupt)?;
        for _ in 0..ATTEMPTS {
            let begun = writing.begin()?;
            let slots = writing.slots()?;
            let chunks = chunks(writing.member(), self.stock.plan())?;
            let chunk = chunks.get(held.index as usize).ok_or(Halt::Corrupt)?;
            let (slot, lap) = (slots.index(begun.position), slots.lap(begun.position));
            let (handles, at) = slots.message(begun.position);
            // The chunk that the slot has named until now, also if that was put there by one who died
            // or came too late.
            let (old, _) = split(handles.read_word(at).unwrap_or(u64::MAX));
            if let Some(old) = chunks.get(old as usize) {
                old.retire(slot);
            }
            // The handle first: who claims the slot next looks there for the chunk that says so.
            let _ = handles.write_item(at, &handle(held.index, held.len));
            let ticket = Ticket::new(slot, lap);
            chunk.put(ticket);
            // If it came too late, and who has claimed the slot since has freed the chunk, that is as
            // if it had been a message, and overwritten at once.
            let me = writing.member().number();
            if writing.publish(begun)? || !chunk.take_back(ticket, me) {
                self.stock.strike();
                return Ok(());
            }
        }
        Err(Halt::WouldBlock)
    }

    /// Gives a chunk back.
    #[inline(always)]
    pub(super) fn release(&self, held: &Held) -> Result<(), Error> {
        let writing = self.attached()?;
        self.stock.strike();
        let member = writing.member();
        let chunk = chunks(member, self.stock.plan())?.get(held.index as usize);
        match chunk.is_some_and(|chunk| chunk.free(member.number())) {
            true => Ok(()),
            false => Err(Error::Corrupt),
        }
    }

    pub(super) fn read_at(&self, held: &Held, at: usize, to: &mut [u8]) -> Result<(), Error> {
        let writing = self.attached()?;
        held.read_at(data(&writing), at, to)
    }

    pub(super) fn write_at(&self, held: &Held, at: usize, from: &[u8]) -> Result<(), Error> {
        let writing = self.attached()?;
        held.write_at(data(&writing), at, from)
    }

    /// The message's first byte, for those who may look. `None` in a forked child.
    pub(super) fn pointer(&self, held: &Held) -> Option<*mut u8> {
        held.pointer(data(&*self.attached().ok()?))
    }
}

#[inline(always)]
fn data<W: Waiting>(writing: &Writing<W, Lines, 4>) -> Flat<'_> {
    writing.member().flat::<DATA>()
}
