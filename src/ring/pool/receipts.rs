//! The consumers' part: chunks received.

use super::end::End;
use super::held::Held;
use super::lane::Claim;
use super::lines::Receiving;
use crate::Deadline;
use crate::ring::waiting::Waiting;
use crate::ring::{Error, Halt};

impl<W: Waiting> End<Receiving, W> {
    #[inline(always)]
    pub(super) fn try_recv(&self) -> Result<Held, Error> {
        let claim = self.try_turn()?;
        Ok(self.accept(claim)?)
    }

    #[inline(always)]
    pub(super) fn recv_until(&self, deadline: Deadline) -> Result<Held, Error> {
        let claim = self.turn(deadline)?;
        Ok(self.accept(claim)?)
    }

    /// Takes the chunk over that a claimed slot names.
    #[inline(always)]
    fn accept(&self, claim: Claim<'_>) -> Result<Held, Halt> {
        let (index, len) = claim.slot.read();
        let accepted = self.accept_chunk(claim, index, len);
        // The slot last: until then it names who is responsible. And also if it names no chunk.
        claim.finish::<W>()?;
        accepted
    }

    #[inline(always)]
    fn accept_chunk(&self, claim: Claim<'_>, index: u32, len: u64) -> Result<Held, Halt> {
        let (_, room) = self.plan().room(index).ok_or(Halt::Corrupt)?;
        if len > room.size as u64 || !self.chunk(index)?.accept(claim.ticket, self.me()) {
            return Err(Halt::Corrupt);
        }
        self.stock.hold(index, len as usize)
    }
}
