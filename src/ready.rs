//! Waiting until a descriptor is ready, by a deadline: what the `_until` forms of
//! every mechanism with a descriptor are made of.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::BorrowedFd;
use rustix::io::{IoSliceMut, ReadWriteFlags};

use crate::{Deadline, Errno, Result, Timespec, sys};

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
    wait_for(fd, what, deadline).map(drop)
}

/// As [`wait`]; returns which of these it is.
///
/// # Errors
///
/// As [`wait`].
pub(crate) fn wait_for(
    fd: BorrowedFd<'_>,
    what: PollFlags,
    deadline: Deadline,
) -> Result<PollFlags> {
    let timeout = deadline.timeout();
    let mut fds = [PollFd::from_borrowed_fd(fd, what)];
    match poll(&mut fds, timeout.as_ref())? {
        0 => Err(Errno::TIMEDOUT),
        _ => Ok(fds[0].revents()),
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

/// `preadv2(2)`'s offset of a descriptor that has none.
const NO_OFFSET: u64 = u64::MAX;

/// Reads what can be read without blocking, whether or not the description is
/// non-blocking: `preadv2(2)` with `RWF_NOWAIT`.
///
/// Where the kernel cannot do that for this kind of descriptor (or at all, before
/// Linux 5.8), it is first looked at and then read: when another empties it in
/// between, and the description is blocking, this blocks.
///
/// # Errors
///
/// [`Errno::AGAIN`] when there is nothing, and as `read(2)`.
pub(crate) fn read_now(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize> {
    match rustix::io::preadv2(
        fd,
        &mut [IoSliceMut::new(buffer)],
        NO_OFFSET,
        ReadWriteFlags::NOWAIT,
    ) {
        Err(errno) if sys::is_unsupported(errno) => look_and_read(fd, buffer),
        result => result,
    }
}

/// As [`read_now`], of a kind of descriptor that knows no `RWF_NOWAIT`.
///
/// # Errors
///
/// As [`read_now`].
pub(crate) fn look_and_read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize> {
    match wait(fd, PollFlags::IN, Deadline::NOW) {
        Ok(()) => rustix::io::read(fd, buffer),
        Err(Errno::TIMEDOUT) => Err(Errno::AGAIN),
        Err(errno) => Err(errno),
    }
}
