//! Waiting until a descriptor is ready, by a deadline: what the `_until` forms of
//! every mechanism with a descriptor are made of. And what all that wait do when they
//! are interrupted: [`uninterrupted`] and [`until`] are the two places that decide it.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::BorrowedFd;
use rustix::io::{IoSliceMut, ReadWriteFlags};

use super::patience::Patience;
use crate::{Deadline, Errno, Result, Timespec, sys};

/// Makes the call `attempt` again for as long as it is interrupted: for what does not
/// wait, and is interrupted all the same where a signal was pending already.
#[inline]
pub(crate) fn uninterrupted<T>(mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match attempt() {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}

/// Makes the call `wait`, which waits until `deadline`. One that has an end goes on when
/// it is interrupted; with [`Deadline::Never`] it is the mechanism's plain function, which
/// says so.
///
/// `wait` asks for the time that is left each time.
///
/// # Errors
///
/// What `wait` returns: [`Errno::INTR`] with [`Deadline::Never`] only.
#[inline]
pub(crate) fn until<T>(deadline: Deadline, mut wait: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match wait() {
            Err(Errno::INTR) if deadline != Deadline::Never => {}
            result => return result,
        }
    }
}

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
    let mut fds = [PollFd::from_borrowed_fd(fd, what)];
    match uninterrupted(|| poll(&mut fds, Some(&at_once)))? {
        0 => Err(Errno::AGAIN),
        _ => Ok(()),
    }
}

/// Waits until `fd` is ready for `what`, hung up or in error: `ppoll(2)`.
///
/// # Errors
///
/// [`Errno::TIMEDOUT`] when the deadline passes first; [`Errno::INTR`] as [`until`].
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
    let mut fds = [PollFd::from_borrowed_fd(fd, what)];
    match until(deadline, || poll(&mut fds, deadline.timeout().as_ref()))? {
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
            Err(Errno::INTR) if deadline != Deadline::Never => {}
            result => return result,
        }
    }
}

/// Makes the call `attempt` on `fd` as `patience` says. Its argument is whether it may block;
/// where it may not, or the descriptor does not, it is made again when `fd` is ready for
/// `what`.
///
/// # Errors
///
/// What `attempt` returns, and as [`wait`].
#[inline]
pub(crate) fn patiently<T>(
    fd: BorrowedFd<'_>,
    what: PollFlags,
    patience: Patience,
    mut attempt: impl FnMut(bool) -> Result<T>,
) -> Result<T> {
    match patience {
        Patience::Blocking => attempt(true),
        // The kernel looks for a signal before it looks whether it would have to wait.
        Patience::Try => uninterrupted(|| attempt(false)),
        Patience::Until(deadline) => {
            let may_block = deadline == Deadline::Never;
            retry(fd, what, deadline, || attempt(may_block))
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
    let attempt = || {
        rustix::io::preadv2(
            fd,
            &mut [IoSliceMut::new(buffer)],
            NO_OFFSET,
            ReadWriteFlags::NOWAIT,
        )
    };
    match uninterrupted(attempt) {
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
        Ok(()) => uninterrupted(|| rustix::io::read(fd, &mut *buffer)),
        Err(Errno::TIMEDOUT) => Err(Errno::AGAIN),
        Err(errno) => Err(errno),
    }
}
