//! [`Sleepers`]: those who wait for something that another word says, and the number of times that
//! some of them were woken.

use core::sync::atomic::Ordering::Relaxed;

use crate::primitive::{LOCK_SPINS, Word, const_constructor, pause};
use crate::{Deadline, Result};

/// Set when somebody may sleep; the number of wakes is above it.
const SLEEPING: u32 = 1;

/// What one wake counts in the word.
const WAKE: u32 = 2;

/// How often the word may change under who tries to change it: more often only a hostile peer does.
const CHANGES_MAX: u32 = 64;

/// `wakes << 1 | SLEEPING`. A futex, shared.
///
/// The bit is set by who goes to sleep, and cleared only together with a new number and a wake to
/// all: so a sleeper that is woken and killed leaves it set for the others. What orders it and the word
/// that is waited for is the caller's.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct Sleepers(Word);

impl Sleepers {
    const_constructor! {
        /// Nobody sleeps.
        pub(crate) fn new() -> Self {
            Self(Word::new(0))
        }
    }

    /// Returns whether anybody may sleep.
    #[inline(always)]
    pub(crate) fn are_there(&self) -> bool {
        self.0.load(Relaxed) & SLEEPING != 0
    }

    /// Pauses, ever longer, unless that was often enough or somebody sleeps already; returns whether it
    /// did. Meanwhile who is waited for has the line to itself.
    pub(crate) fn spins_before(&self, looks: &mut u32) -> bool {
        if *looks == LOCK_SPINS || self.are_there() {
            return false;
        }
        let mut pauses = 1_u32 << *looks;
        while pauses > 0 {
            pause();
            pauses -= 1;
        }
        *looks += 1;
        true
    }

    /// Announces a sleeper, and returns what the word holds until the next wake.
    pub(crate) fn announce(&self) -> u32 {
        self.0.fetch_or(SLEEPING, Relaxed) | SLEEPING
    }

    /// Returns whether there was a wake since the word was `announced`.
    pub(crate) fn were_woken(&self, announced: u32) -> bool {
        self.0.load(Relaxed) != announced
    }

    /// Sleeps until a wake, if the word is still as `announced`, for at most `longest` nanoseconds, as
    /// [`Word::sleep`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Word::sleep`].
    pub(crate) fn sleep(&self, announced: u32, deadline: Deadline, longest: u32) -> Result<()> {
        self.0.sleep(announced, deadline, longest)
    }

    /// The word to sleep on.
    pub(crate) fn word(&self) -> &Word {
        &self.0
    }

    /// Wakes one of those who sleep.
    #[cold]
    #[inline(never)]
    pub(crate) fn wake_one(&self) {
        // Who has looked at the word and does not sleep yet, will not.
        let counted = self.0.fetch_add(WAKE, Relaxed).wrapping_add(WAKE);
        if !self.0.wake_one() && counted & SLEEPING != 0 {
            // So that the next one need not try again. Who changed it meanwhile tries, too.
            let _ = self.clear(counted);
        }
    }

    /// Clears the bit, with a new number, if the word is as it was `seen`, and wakes everyone; returns
    /// what it is if not.
    fn clear(&self, seen: u32) -> Result<(), u32> {
        let cleared = seen.wrapping_add(SLEEPING);
        (self.0).compare_exchange(seen, cleared, Relaxed, Relaxed)?;
        self.0.wake_all();
        Ok(())
    }

    /// Clears the bit, with a new number, and wakes everyone.
    #[cold]
    #[inline(never)]
    pub(crate) fn wake_all(&self) {
        let mut seen = self.0.load(Relaxed);
        for _ in 0..CHANGES_MAX {
            if seen & SLEEPING == 0 {
                // Who cleared it wakes everyone.
                return;
            }
            match self.clear(seen) {
                Ok(()) => return,
                Err(now) => seen = now,
            }
        }
        self.0.wake_all();
    }
}
