//! The producers' part: chunks taken, and sent.

use super::classes::CLASSES_MAX;
use super::end::End;
use super::held::Held;
use super::lane::Claim;
use super::lines::Sending;
use super::waiting::Chunk;
use crate::Deadline;
use crate::ring::bell::Bell;
use crate::ring::waiting::{self, Waiting};
use crate::ring::{Error, Halt};

impl<W: Waiting> End<Sending, W> {
    #[inline(always)]
    pub(super) fn bell(&self, class: usize) -> &Bell {
        // Masked, so that the compiler sees it in range.
        &self.member().words().bells[class % CLASSES_MAX]
    }

    /// Takes a free chunk of a class, of the next `most` ones.
    #[inline(always)]
    pub(super) fn take(&self, class: usize, most: u32) -> Result<Option<u32>, Halt> {
        self.stock
            .take(self.chunks()?, class, most, |chunk| chunk.take(self.me()))
    }

    #[inline(always)]
    pub(super) fn try_loan(&self, len: usize) -> Result<Held, Error> {
        self.attached()?;
        let class = self.stock.class_for(len)?;
        let found = match self.take(class, u32::MAX)? {
            Some(index) => index,
            None => self.try_take_again(class)?,
        };
        Ok(self.stock.hold(found, len)?)
    }

    #[cold]
    fn try_take_again(&self, class: usize) -> Result<u32, Halt> {
        let mut chunk = Chunk::new(self, class);
        let mut failures = self.stock.failures(class).get();
        let attempt = waiting::attempt(&mut chunk, &mut failures);
        if attempt.is_err() && self.round(class).is_unfinished() {
            // The next call goes on with the search.
            failures.ask_next();
        }
        self.stock.failures(class).set(failures);
        attempt?;
        chunk.found.ok_or(Halt::Corrupt)
    }

    #[inline(always)]
    pub(super) fn loan_until(&self, len: usize, deadline: Deadline) -> Result<Held, Error> {
        self.attached()?;
        let class = self.stock.class_for(len)?;
        let found = match self.take(class, u32::MAX)? {
            Some(index) => index,
            None => self.wait_for_chunk(class, deadline)?,
        };
        Ok(self.stock.hold(found, len)?)
    }

    #[cold]
    fn wait_for_chunk(&self, class: usize, deadline: Deadline) -> Result<u32, Halt> {
        let mut chunk = Chunk::new(self, class);
        waiting::wait(&mut chunk, deadline)?;
        chunk.found.ok_or(Halt::Corrupt)
    }

    #[inline(always)]
    pub(super) fn try_send(&self, held: &Held) -> Result<(), Error> {
        let claim = self.try_turn()?;
        Ok(self.put(held, claim)?)
    }

    #[inline(always)]
    pub(super) fn send_until(&self, held: &Held, deadline: Deadline) -> Result<(), Error> {
        let claim = self.turn(deadline)?;
        Ok(self.put(held, claim)?)
    }

    /// Hands a chunk over by a slot that has been claimed.
    #[inline(always)]
    fn put(&self, held: &Held, claim: Claim<'_>) -> Result<(), Halt> {
        // The handle first: who resolves this slot looks there for the chunk that says so.
        claim.slot.write(held.index, held.len);
        self.chunk(held.index)?.put(claim.ticket);
        claim.finish::<W>()?;
        self.stock.strike();
        Ok(())
    }
}
