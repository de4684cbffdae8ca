//! [`Guess`]: waiting for what is taken by a guess, as to look first takes longer.

use crate::{Deadline, Result};

/// What one takes, or sleeps until it has.
pub(super) trait Guess {
    /// Takes it if it is there, and guesses first that it is, and that nobody else is: a look would wait
    /// until the processor is done with the step before.
    fn takes_by_guess(&self) -> bool;

    /// Sleeps until it has taken it. `#[cold]` and not inlined.
    fn sleep_until(&self, deadline: Deadline) -> Result<()>;

    /// Takes it, until the deadline.
    #[inline]
    fn take_until(&self, deadline: Deadline) -> Result<()> {
        if self.takes_by_guess() {
            return Ok(());
        }
        self.sleep_until(deadline)
    }

    /// Takes it, however long that lasts.
    #[inline]
    fn take(&self) -> Result<()> {
        if self.takes_by_guess() {
            return Ok(());
        }
        self.sleep()
    }

    /// Apart from who has a deadline: to store one delays the guess.
    #[cold]
    #[inline(never)]
    fn sleep(&self) -> Result<()> {
        self.sleep_until(Deadline::Never)
    }
}
