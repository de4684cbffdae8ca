//! [`AutoResetEvent`]: an event that lets one waiter go.

use core::fmt;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::super::any::{Waitable, sealed as any};
use super::super::guess::Guess;
use super::{EventWord, SET};
use crate::primitive::{Shared, const_constructor};
use crate::{Deadline, Errno, Result};

/// An event in four bytes of memory that processes share: each set lets one waiter go, which clears
/// it.
///
/// However often it is set before somebody waits, it lets one go: it says *that* something happened,
/// and a [`Semaphore`](super::super::Semaphore) how often. What was done before a set is seen by the waiter
/// that this one, or an earlier one that was not taken yet, lets go.
///
/// It lies in any [`Mapping`](../memory/struct.Mapping.html); zeroed memory is an event that is not
/// set. Nobody need be a member of anything. No call but one that has to sleep or to wake makes a
/// system call.
///
/// [`set`](Self::set) **may be called in a signal handler**, whatever it has interrupted.
///
/// # When a process is killed
///
/// At any instruction within any call: nobody sleeps beside an event that is set. A set that the dead
/// one had taken is gone with it: who waits for work looks for what the dead left, not for its event
/// alone. To set it and to wake is one system call, so that no death comes between.
///
/// # A hostile peer
///
/// can set and clear it as it likes, and keep sleepers from being woken; these look again within
/// [`Semaphore::RECHECK`](super::super::Semaphore::RECHECK).
///
/// # Examples
///
/// ```
/// use rawipc::memory::MapOptions;
/// use rawipc::sync::AutoResetEvent;
///
/// let memory = MapOptions::shared(4096).map_anonymous()?; // a child has it, too
/// let work = memory.object::<AutoResetEvent>(0)?;
///
/// work.set();
/// work.set(); // it is set already
/// work.wait()?;
/// assert_eq!(work.try_wait(), Err(rawipc::Errno::AGAIN));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "Event")]
#[doc(alias = "CreateEvent")]
#[repr(transparent)]
pub struct AutoResetEvent {
    word: EventWord,
}

impl AutoResetEvent {
    const_constructor! {
        /// Creates an event that is not set.
        #[must_use]
        pub fn new() -> Self {
            Self {
                word: EventWord::new(),
            }
        }
    }

    /// Returns whether the event is set at this moment, which may have passed when it is read.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.word.0.load(Relaxed) & SET != 0
    }

    /// Sets the event, and wakes those who sleep, one of whom takes the set.
    #[doc(alias = "SetEvent")]
    #[inline]
    pub fn set(&self) {
        // A guess here, too, that it is unset and nobody sleeps. Release [R1], as in `EventWord`.
        if let Err(seen) = self.word.0.compare_exchange(0, SET, Release, Relaxed) {
            self.word.set_from(seen);
        }
    }

    /// Takes the set, if there is one.
    #[inline]
    fn takes(&self) -> bool {
        self.takes_from(self.word.0.load(Relaxed))
    }

    /// Takes the set, if there is one; `seen` is what the word held.
    #[inline]
    fn takes_from(&self, seen: u32) -> bool {
        // Nobody but a taker changes an event that is set: if it changes now, that is one who was
        // faster. Acquire [A1]: pairs with [R1] in `EventWord` and `set`.
        seen & SET != 0 && (self.word.0.compare_exchange(seen, 0, Acquire, Relaxed)).is_ok()
    }

    /// Takes the set, and sleeps until there is one.
    ///
    /// It goes on when it is interrupted, and looks again every
    /// [`Semaphore::RECHECK`](super::super::Semaphore::RECHECK).
    ///
    /// # Errors
    ///
    /// None that a valid event can cause.
    #[doc(alias = "WaitForSingleObject")]
    #[inline]
    pub fn wait(&self) -> Result<()> {
        self.take()
    }

    /// Like [`wait`](Self::wait), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: the event is not set.
    #[inline]
    pub fn try_wait(&self) -> Result<()> {
        match self.takes() {
            true => Ok(()),
            false => Err(Errno::AGAIN),
        }
    }

    /// Like [`wait`](Self::wait), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// A set that is there is taken however late it is.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`].
    #[inline]
    pub fn wait_until(&self, deadline: Deadline) -> Result<()> {
        self.take_until(deadline)
    }
}

impl Guess for AutoResetEvent {
    #[inline]
    fn takes_by_guess(&self) -> bool {
        // Acquire [A1], as in `takes_from`.
        match self.word.0.compare_exchange(SET, 0, Acquire, Relaxed) {
            Ok(_) => true,
            Err(seen) => self.takes_from(seen),
        }
    }

    #[cold]
    #[inline(never)]
    fn sleep_until(&self, deadline: Deadline) -> Result<()> {
        loop {
            let unset = self.word.0.load(Relaxed) & !SET;
            let slept = self.word.sleep(unset, deadline);
            // However late it is.
            if self.takes() {
                return Ok(());
            }
            slept?;
        }
    }
}

impl Waitable for AutoResetEvent {}

impl any::Waitable for AutoResetEvent {
    fn takes(&self, _: u32) -> bool {
        self.takes()
    }

    fn announce(&self, _: u32) -> any::Sleep<'_> {
        let unset = self.word.0.load(Relaxed) & !SET;
        any::Sleep {
            word: &self.word.0,
            expected: self.word.announce(unset),
        }
    }
}

impl Default for AutoResetEvent {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: one atomic word, any value of which is a state: bits that nobody sets mean nothing.
unsafe impl Shared for AutoResetEvent {
    const SIZES: &'static [u8] = &[4];
}

impl fmt::Debug for AutoResetEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AutoResetEvent")
            .field("is_set", &self.is_set())
            .finish()
    }
}
