//! A thread's signal mask: `rt_sigprocmask(2)`.
#![forbid(unsafe_code)]

use core::marker::PhantomData;

use linux_raw_sys::general::{SIG_BLOCK, SIG_SETMASK, SIG_UNBLOCK};

use super::Set;
use crate::{Result, sys};

fn change(how: u32, set: Option<Set>) -> Result<Set> {
    sys::signal::rt_sigprocmask(how, set.map(Set::bits)).map(Set::from_bits_with_reserved)
}

/// Returns the signals that this thread blocks: `rt_sigprocmask(2)`.
///
/// # Errors
///
/// None but those of a seccomp filter, as all functions here.
#[doc(alias = "sigprocmask")]
#[doc(alias = "pthread_sigmask")]
pub fn mask() -> Result<Set> {
    change(SIG_BLOCK, None)
}

/// Adds `set` to the signals that this thread blocks, and returns what it blocked before:
/// `rt_sigprocmask(2)`.
///
/// A blocked signal that is sent stays pending until it is unblocked, waited for or read.
/// `SIGKILL` and `SIGSTOP` in the set are silently ignored. A fault (`SIGSEGV`, `SIGBUS`,
/// `SIGILL`, `SIGFPE`) of a thread that blocks its signal ends the process.
///
/// # Errors
///
/// None but those of a seccomp filter.
///
/// # Examples
///
/// ```
/// use rawipc::{Signal, signal};
///
/// let before = signal::block(Signal::USR1)?;
/// signal::raise(Signal::USR1)?;
/// assert!(signal::pending()?.contains(Signal::USR1));
/// assert_eq!(signal::wait(Signal::USR1)?.signal(), Some(Signal::USR1));
/// signal::set_mask(before)?;
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "sigprocmask")]
#[doc(alias = "SIG_BLOCK")]
pub fn block(set: impl Into<Set>) -> Result<Set> {
    change(SIG_BLOCK, Some(set.into()))
}

/// Removes `set` from the signals that this thread blocks, and returns what it blocked before:
/// `rt_sigprocmask(2)`.
///
/// If any of it is pending, the handler of at least one has run when this returns.
///
/// # Errors
///
/// None but those of a seccomp filter.
#[doc(alias = "sigprocmask")]
#[doc(alias = "SIG_UNBLOCK")]
pub fn unblock(set: impl Into<Set>) -> Result<Set> {
    change(SIG_UNBLOCK, Some(set.into()))
}

/// Sets the signals that this thread blocks, and returns what it blocked before:
/// `rt_sigprocmask(2)`.
///
/// # Errors
///
/// None but those of a seccomp filter.
#[doc(alias = "sigprocmask")]
#[doc(alias = "SIG_SETMASK")]
pub fn set_mask(set: impl Into<Set>) -> Result<Set> {
    change(SIG_SETMASK, Some(set.into()))
}

/// Returns the blocked signals that are pending for this thread or its process:
/// `rt_sigpending(2)`.
///
/// # Errors
///
/// None but those of a seccomp filter.
#[doc(alias = "sigpending")]
pub fn pending() -> Result<Set> {
    sys::signal::rt_sigpending().map(Set::from_bits_with_reserved)
}

/// A guard that blocks a set of signals in this thread. Dropping it unblocks those that were
/// not blocked before, and nothing else.
///
/// It stays in its thread. In whichever order several are dropped, in the end the thread blocks
/// what it did at first; but a signal that two block is unblocked when the first one is
/// dropped.
///
/// # Examples
///
/// ```
/// use rawipc::Signal;
/// use rawipc::signal::{self, Blocked, Set};
///
/// let before = signal::mask()?;
/// {
///     let _quiet = Blocked::new(Set::ALL)?;
///     // No handler runs in this thread here.
///     assert!(signal::mask()?.contains(Signal::TERM));
/// }
/// assert_eq!(signal::mask()?, before);
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[derive(Debug)]
#[must_use = "the signals are taken again once it is dropped"]
pub struct Blocked {
    before: Set,
    /// What was not blocked before.
    added: Set,
    of_this_thread: PhantomData<*mut ()>,
}

static_assertions::assert_not_impl_any!(Blocked: Send, Sync);

impl Blocked {
    /// Blocks `set`, like [`block`].
    ///
    /// # Errors
    ///
    /// None but those of a seccomp filter.
    pub fn new(set: impl Into<Set>) -> Result<Self> {
        let set = set.into();
        let before = block(set)?;
        Ok(Self {
            before,
            added: set - before,
            of_this_thread: PhantomData,
        })
    }

    /// Returns what this thread blocked before.
    #[must_use]
    pub fn before(&self) -> Set {
        self.before
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // Cannot fail where blocking did not.
        let _ = unblock(self.added);
    }
}
