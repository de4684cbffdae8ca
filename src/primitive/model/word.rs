//! [`Word`]: a modelled futex.

use core::sync::atomic::Ordering;

use rawipc_model::Slept;

use crate::sys::futex::ALL;
use crate::{Deadline, Errno, Result};

/// A word of shared memory to sleep on.
#[derive(Debug)]
pub(crate) struct Word(rawipc_model::Word);

impl Word {
    pub(crate) fn new(value: u32) -> Self {
        Self(rawipc_model::Word::new(value))
    }

    #[track_caller]
    pub(crate) fn load(&self, order: Ordering) -> u32 {
        self.0.load(order)
    }

    #[track_caller]
    pub(crate) fn compare_exchange(
        &self,
        current: u32,
        new: u32,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u32, u32> {
        self.0.compare_exchange(current, new, success, failure)
    }

    /// When a deadline passes is up to the model, whatever moment it is.
    pub(crate) fn sleep(&self, expected: u32, deadline: Deadline) -> Result<()> {
        match self.sleep_once(expected, deadline) {
            Err(Errno::INTR) => Ok(()),
            result => result,
        }
    }

    /// As [`sleep`](Self::sleep), but an interruption is an error.
    pub(crate) fn sleep_once(&self, expected: u32, deadline: Deadline) -> Result<()> {
        match self.0.sleep(expected, deadline != Deadline::Never) {
            Slept::TimedOut => Err(Errno::TIMEDOUT),
            Slept::Interrupted => Err(Errno::INTR),
            Slept::NotAtAll | Slept::Woken(_) => Ok(()),
        }
    }

    pub(crate) fn add_and_wake_all(&self, amount: u16) -> Result<()> {
        self.0.add_and_wake(amount, ALL);
        Ok(())
    }
}
