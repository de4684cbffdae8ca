//! [`Backoff`]: the one schedule of pauses between one look and the next, where the kernel
//! wakes nobody for what is waited for.
#![forbid(unsafe_code)]

use core::time::Duration;

use rustix::thread::{ClockId, clock_nanosleep_absolute};

use crate::wait::ready;
use crate::{Deadline, Errno, Result};

/// Pauses, each twice as long as the one before, up to the longest; never beyond the
/// deadline.
///
/// A handler that runs between two pauses interrupts nothing, so that an interruption of
/// one could only be told by chance. Therefore none is told: a pause goes on.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    longest: Duration,
    deadline: Deadline,
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration, deadline: Deadline) -> Self {
        Self {
            next: first,
            longest,
            deadline,
        }
    }

    /// Sleeps until it is time to look again.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: the deadline has passed.
    pub(crate) fn pause(&mut self) -> Result<()> {
        if self.deadline.has_passed() {
            return Err(Errno::TIMEDOUT);
        }
        // It is a moment, unless the clock is at its end.
        if let Some(moment) = self.next_look().moment() {
            ready::uninterrupted(|| clock_nanosleep_absolute(ClockId::Monotonic, &moment))?;
        }
        Ok(())
    }

    /// The moment to look again: for what waits for something else too until then.
    pub(crate) fn next_look(&mut self) -> Deadline {
        let moment = Deadline::after(self.next).min(self.deadline);
        self.next = self.next.saturating_mul(2).min(self.longest);
        moment
    }
}
