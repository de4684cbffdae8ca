//! [`ManualResetEvent`]: an event that lets all go until it is cleared.

use core::fmt;
use core::sync::atomic::Ordering::Acquire;

use super::super::any::{Waitable, sealed as any};
use super::{EventWord, SET, SLEEPERS};
use crate::primitive::{Shared, const_constructor};
use crate::{Deadline, Errno, Result};

/// How far behind the bits the number of resets begins.
const RESET: u32 = 4;

/// An event in four bytes of memory that processes share: once set it lets all go, until it is
/// cleared.
///
/// Who waits when it is set is let go, also if it is cleared before that one has woken. What was done
/// before the set is seen by all whom it lets go, and by who clears it.
///
/// It lies in any [`Mapping`](../memory/struct.Mapping.html); zeroed memory is an event that is not
/// set. Nobody need be a member of anything. No call but one that has to sleep or to wake makes a
/// system call.
///
/// [`set`](Self::set) and [`reset`](Self::reset) **may be called in a signal handler**, whatever it has
/// interrupted.
///
/// # When a process is killed
///
/// At any instruction within any call: nobody sleeps beside an event that is set, nor one who slept
/// when it was. To set it and to wake is one system call, so that no death comes between.
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
/// use rawipc::sync::ManualResetEvent;
///
/// let memory = MapOptions::shared(4096).map_anonymous()?; // a child has it, too
/// let ready = memory.object::<ManualResetEvent>(0)?;
///
/// ready.set();
/// ready.wait()?; // and whoever else waits
/// assert!(ready.reset());
/// assert_eq!(ready.try_wait(), Err(rawipc::Errno::AGAIN));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "Event")]
#[doc(alias = "CreateEvent")]
#[repr(transparent)]
pub struct ManualResetEvent {
    /// `resets << 2 | SET | SLEEPERS`: by the number who slept knows of a set that was cleared before
    /// it woke.
    word: EventWord,
}

impl ManualResetEvent {
    const_constructor! {
        /// Creates an event that is not set.
        #[must_use]
        pub fn new() -> Self {
            Self {
                word: EventWord::new(),
            }
        }
    }

    /// Returns whether the event is set at this moment.
    #[inline]
    #[must_use]
    pub fn is_set(&self) -> bool {
        // Acquire [A1]: pairs with [R1] in `EventWord`.
        self.word.0.load(Acquire) & SET != 0
    }

    /// Sets the event, and wakes all who sleep.
    #[doc(alias = "SetEvent")]
    #[inline]
    pub fn set(&self) {
        self.word.set();
    }

    /// Clears the event; returns whether it was set.
    ///
    /// Clear it first, and look afterwards for what the set was about: what comes later sets it again.
    #[doc(alias = "ResetEvent")]
    #[inline]
    pub fn reset(&self) -> bool {
        // Acquire [A1]: pairs with [R1] in `EventWord`, here and below, also where another one has
        // cleared it.
        let seen = self.word.0.load(Acquire);
        if seen & SET == 0 {
            return false;
        }
        // Nobody but who clears it changes an event that is set: if it changes now, it was cleared.
        let cleared = (seen & !(RESET - 1)).wrapping_add(RESET);
        (self.word.0)
            .compare_exchange(seen, cleared, Acquire, Acquire)
            .is_ok()
    }

    /// Sleeps until the event is set.
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
        self.wait_until(Deadline::Never)
    }

    /// Like [`wait`](Self::wait), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: the event is not set.
    #[inline]
    pub fn try_wait(&self) -> Result<()> {
        match self.is_set() {
            true => Ok(()),
            false => Err(Errno::AGAIN),
        }
    }

    /// Like [`wait`](Self::wait), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// An event that is set, or was since the call began, lets go however late it is.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`].
    #[inline]
    pub fn wait_until(&self, deadline: Deadline) -> Result<()> {
        // Acquire [A1]: as in `is_set`.
        let first = self.word.0.load(Acquire);
        if first & SET != 0 {
            return Ok(());
        }
        self.sleep_until(first, deadline)
    }

    #[cold]
    #[inline(never)]
    fn sleep_until(&self, first: u32, deadline: Deadline) -> Result<()> {
        let mut seen = first;
        while !Self::has_let_go(first, seen) {
            let slept = self.word.sleep(seen, deadline);
            // Acquire [A1]: as in `is_set`; who sees the number of a reset sees what was done before the
            // set that it cleared, as each change of the word goes on with the last one.
            seen = self.word.0.load(Acquire);
            // However late it is.
            if !Self::has_let_go(first, seen) {
                slept?;
            }
        }
        Ok(())
    }

    /// Returns whether the word, which was `first` and is `seen` now, was set meanwhile.
    #[inline(always)]
    fn has_let_go(first: u32, seen: u32) -> bool {
        seen & SET != 0 || (seen ^ first) >= RESET
    }
}

impl Waitable for ManualResetEvent {}

impl any::Waitable for ManualResetEvent {
    fn begin(&self) -> u32 {
        // Acquire [A1]: as in `is_set`.
        self.word.0.load(Acquire)
    }

    fn takes(&self, first: u32) -> bool {
        // Acquire [A1]: as in `sleep_until`.
        first & SET != 0 || Self::has_let_go(first, self.word.0.load(Acquire))
    }

    fn announce(&self, first: u32) -> any::Sleep<'_> {
        // Of no later number: a set that was cleared since is one to go by.
        any::Sleep {
            word: &self.word.0,
            expected: self.word.announce(first & !(SET | SLEEPERS)),
        }
    }
}

impl Default for ManualResetEvent {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: one atomic word, any value of which is a state.
unsafe impl Shared for ManualResetEvent {
    const SIZES: &'static [u8] = &[4];
}

impl fmt::Debug for ManualResetEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualResetEvent")
            .field("is_set", &self.is_set())
            .finish()
    }
}
