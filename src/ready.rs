//! Waiting until a descriptor is ready, by a deadline: what the `_until` forms of
//! every mechanism with a descriptor are made of.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::BorrowedFd;

use crate::{Deadline, Errno, Result, Timespec};

/// Returns at once whether `fd` is ready for `what`, hung up or in error:
/// `ppoll(2)` that does not wait.
///
/// # Errors
///
/// [`Errno::AGAIN`] when it is not.
pub(crate) fn check(fd: BorrowedFd<'_>, what: PollFlags) -> Result<()> {
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    match poll(&mut [PollFd::from_borrowed_fd(fd, what)], Some(&at_once))? {
        0 => Err(Errno::AGAIN),
        _ => Ok(()),
    }
}

/// Waits until `fd` is ready for `what`, hung up or in error: `ppoll(2)`.
///
/// # Errors
///
/// [`Errno::TIMEDOUT`] when the deadline passes first, [`Errno::INTR`] when a
/// signal handler ran.
pub(crate) fn wait(fd: BorrowedFd<'_>, what: PollFlags, deadline: Deadline) -> Result<()> {
    let timeout = deadline.timeout();
    match poll(&mut [PollFd::from_borrowed_fd(fd, what)], timeout.as_ref())? {
        0 => Err(Errno::TIMEDOUT),
        _ => Ok(()),
    }
}

/// Calls `attempt` until it no longer says [`Errno::AGAIN`], waiting in between
/// until `fd` is ready for `what`.
///
/// # Errors
///
/// What `attempt` returns, and as [`wait`].
pub(crate) fn retry<T>(
    fd: BorrowedFd<'_>,
    what: PollFlags,
    deadline: Deadline,
    mut attempt: impl FnMut() -> Result<T>,
) -> Result<T> {
    loop {
        match attempt() {
            Err(Errno::AGAIN) => wait(fd, what, deadline)?,
            result => return result,
        }
    }
}
