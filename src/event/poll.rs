//! Waiting for the first of a few descriptors: `ppoll(2)`.
//!
//! The list is given with each call, and each call costs time for each descriptor:
//! for more than a few, or for a list that stays, there is a
//! [`poller`](super::poller).
#![forbid(unsafe_code)]

use core::fmt;
use core::marker::PhantomData;

use rustix::fd::{AsFd, AsRawFd};

use super::Readiness;
use crate::signal::set::Set;
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::wait::ready;
use crate::{Deadline, Errno, Result, Timespec, sys};

pub use crate::sys::event::PollFd;

impl<'fd> PollFd<'fd> {
    /// Creates an entry that waits for `fd` to be ready for `what`. [`Readiness::ERR`],
    /// [`Readiness::HUP`] and [`Readiness::NVAL`] are always included.
    #[must_use]
    pub fn new(fd: &'fd impl AsFd, what: Readiness) -> Self {
        Self {
            fd: fd.as_fd().as_raw_fd(),
            // What has no bit here cannot be waited for.
            events: what.bits() as u16,
            revents: 0,
            borrowed: PhantomData,
        }
    }

    /// An entry that waits for nothing, to be replaced later.
    pub const VACANT: Self = Self {
        fd: -1,
        events: 0,
        revents: 0,
        borrowed: PhantomData,
    };

    /// Returns what the descriptor was ready for at the last wait; empty if nothing.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        Readiness::from_bits_retain(self.revents.into())
    }
}

impl fmt::Debug for PollFd<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PollFd")
            .field("fd", &self.fd)
            .field("what", &Readiness::from_bits_retain(self.events.into()))
            .field("readiness", &self.readiness())
            .finish()
    }
}

/// Blocks until at least one of `fds` is ready, and returns how many are: `ppoll(2)`. Their
/// [`readiness`](PollFd::readiness) says which, and for what.
///
/// With an empty list it waits for a signal handler.
///
/// # Errors
///
/// [`Errno::INTR`]: it was [interrupted](crate#interruptions). [`Errno::INVAL`]: more
/// descriptors than
/// this process may have (`RLIMIT_NOFILE`).
///
/// # Examples
///
/// ```
/// use rawipc::event::Readiness;
/// use rawipc::event::eventfd::{self, EventFdFlags};
/// use rawipc::event::poll::{self, PollFd};
///
/// let quiet = eventfd::create(0, EventFdFlags::empty())?;
/// let counted = eventfd::create(3, EventFdFlags::empty())?;
/// let mut fds = [&quiet, &counted].map(|event| PollFd::new(event, Readiness::IN));
/// assert_eq!(poll::wait(&mut fds)?, 1);
/// assert_eq!(fds[0].readiness(), Readiness::empty());
/// assert_eq!(fds[1].readiness(), Readiness::IN);
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "poll")]
pub fn wait(fds: &mut [PollFd<'_>]) -> Result<usize> {
    wait_with(fds, Blocking)
}

/// Like [`wait`], but returns [`Errno::AGAIN`] instead of blocking.
///
/// # Errors
///
/// [`Errno::AGAIN`]: none is. [`Errno::INVAL`]: as [`wait`].
pub fn try_wait(fds: &mut [PollFd<'_>]) -> Result<usize> {
    wait_with(fds, Try)
}

/// Like [`wait`], but gives up at `deadline` with [`Errno::TIMEDOUT`]. The deadline counts in
/// nanoseconds.
///
/// # Errors
///
/// [`Errno::TIMEDOUT`]: the deadline passed. [`Errno::INVAL`]: as [`wait`].
#[doc(alias = "ppoll")]
pub fn wait_until(fds: &mut [PollFd<'_>], deadline: Deadline) -> Result<usize> {
    wait_with(fds, Until(deadline))
}

fn wait_with(fds: &mut [PollFd<'_>], patience: Patience) -> Result<usize> {
    let mut poll = |timeout| sys::event::ppoll(fds, timeout, None);
    let (ready, none) = match patience {
        Blocking => return poll(None),
        Try => {
            let poll = || poll(Some(Timespec::default()));
            (ready::uninterrupted(poll), Errno::AGAIN)
        }
        Until(deadline) => {
            let poll = || poll(deadline.timeout());
            (ready::until(deadline, poll), Errno::TIMEDOUT)
        }
    };
    some(ready, none)
}

/// Like [`wait_until`], but blocks the signals of `mask`, and lets all others through, while it
/// waits.
///
/// The kernel puts the mask in force and looks at the descriptors in one step. A program
/// that blocks a signal, does its work, and lets it through in the wait alone misses none:
/// one that came before ends the wait at once with [`Errno::INTR`], after its handler ran.
///
/// # Errors
///
/// Those of [`wait_until`]; and, whatever the deadline, [`Errno::INTR`]: it was
/// [interrupted](crate#interruptions), be it by a signal that had been sent before and was
/// blocked until then.
#[doc(alias = "ppoll")]
#[doc(alias = "pselect")]
pub fn wait_masked(
    fds: &mut [PollFd<'_>],
    deadline: Deadline,
    mask: impl Into<Set>,
) -> Result<usize> {
    let mask = Some(mask.into().bits());
    some(
        sys::event::ppoll(fds, deadline.timeout(), mask),
        Errno::TIMEDOUT,
    )
}

/// The count, or `none` where it is zero.
fn some(count: Result<usize>, none: Errno) -> Result<usize> {
    match count {
        Ok(0) => Err(none),
        result => result,
    }
}
