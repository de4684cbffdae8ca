//! A slot of the ring claimed, at once or in time.

use super::end::End;
use super::lane::Claim;
use super::lines::Side;
use super::waiting::Turn;
use crate::Deadline;
use crate::ring::Halt;
use crate::ring::waiting::{self, Failures, Waiting};

impl<S: Side, W: Waiting> End<S, W> {
    /// Claims the next slot of this side, without waiting.
    #[inline(always)]
    pub(super) fn try_turn(&self) -> Result<Claim<'_>, Halt> {
        self.attached()?;
        match self.claim()? {
            Ok(claim) => {
                self.failures.set(Failures::default());
                Ok(claim)
            }
            Err(_) => self.try_turn_again(),
        }
    }

    #[cold]
    fn try_turn_again(&self) -> Result<Claim<'_>, Halt> {
        let mut turn = Turn::new(self);
        self.attempt(&mut turn)?;
        turn.found.ok_or(Halt::Corrupt)
    }

    /// Claims the next slot of this side, waiting until the deadline.
    #[inline(always)]
    pub(super) fn turn(&self, deadline: Deadline) -> Result<Claim<'_>, Halt> {
        self.attached()?;
        match self.claim()? {
            Ok(claim) => {
                self.streak.set(self.streak.get().saturating_add(1));
                Ok(claim)
            }
            Err(_) => self.wait_for_turn(deadline),
        }
    }

    #[cold]
    fn wait_for_turn(&self, deadline: Deadline) -> Result<Claim<'_>, Halt> {
        let mut turn = Turn::new(self);
        waiting::wait(&mut turn, deadline)?;
        turn.found.ok_or(Halt::Corrupt)
    }
}
