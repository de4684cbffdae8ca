//! [`Word`]: a futex.

use crate::sys::futex::{self, ALL, Operation, Scope, WakeOp, WakeOpCmp};
use crate::{Deadline, Errno, Result};

use super::{AtomicU32, Ordering};

/// A word of shared memory to sleep on.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct Word(pub(super) AtomicU32);

impl Word {
    pub(crate) const fn new(value: u32) -> Self {
        Self(AtomicU32::new(value))
    }

    #[inline(always)]
    pub(crate) fn load(&self, order: Ordering) -> u32 {
        self.0.load(order)
    }

    #[inline(always)]
    pub(crate) fn compare_exchange(
        &self,
        current: u32,
        new: u32,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u32, u32> {
        self.0.compare_exchange(current, new, success, failure)
    }

    /// Sleeps while the word holds `expected`. That it no longer does, and an
    /// interruption, are successes: the caller looks again.
    #[cold]
    pub(crate) fn sleep(&self, expected: u32, deadline: Deadline) -> Result<()> {
        match self.sleep_once(expected, deadline) {
            Err(Errno::INTR) => Ok(()),
            result => result,
        }
    }

    /// As [`sleep`](Self::sleep), but an interruption is an error.
    #[cold]
    pub(crate) fn sleep_once(&self, expected: u32, deadline: Deadline) -> Result<()> {
        let moment;
        let limit = match deadline.moment() {
            None => None,
            Some(at) => {
                moment = at;
                Some(&moment)
            }
        };
        match futex::wait_bitset(&self.0, expected, futex::ANY, Scope::Shared, limit) {
            Err(Errno::AGAIN) => Ok(()),
            result => result,
        }
    }

    /// Adds `amount` (at most 2046, even or odd) and wakes every sleeper, in one
    /// system call that a death cannot come between. The caller knows that the
    /// word is odd.
    #[cold]
    pub(crate) fn add_and_wake_all(&self, amount: u16) -> Result<()> {
        let add = Operation {
            change: WakeOp::Add,
            change_by: amount,
            // Never true of an odd word: the second wake would be superfluous.
            compare: WakeOpCmp::Eq,
            compare_with: 0,
        };
        futex::wake_op(&self.0, ALL, &self.0, 1, add, Scope::Shared).map(drop)
    }
}
