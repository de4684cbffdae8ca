//! Making files longer, and writing to them, where the process may not have files of
//! that size (`RLIMIT_FSIZE`): an error, and no signal.
//!
//! The kernel refuses with [`Errno::FBIG`](crate::Errno::FBIG), and sends the thread
//! SIGXFSZ, which ends a process that does nothing about it. So the signal is blocked
//! during the call, and taken if that brought it. One that was pending before stays
//! pending. To ask for the limit first would not do: it can be lowered, by other processes
//! too, between the question and the call.
#![forbid(unsafe_code)]

use linux_raw_sys::general::{SIG_BLOCK, SIG_SETMASK, SIGXFSZ};
use rustix::fs::FallocateFlags;

use crate::sys::signal::{change_mask, pending, take_pending};
use crate::{BorrowedFd, Errno, Result};

/// The signal, as a bit of a mask.
const SIGNAL: u64 = 1 << (SIGXFSZ - 1);

/// Makes a file so long: `ftruncate(2)`.
///
/// # Errors
///
/// [`Errno::FBIG`]: beyond what a file can have, or this process may give it. Else as
/// `ftruncate(2)`.
pub(crate) fn set(fd: BorrowedFd<'_>, size: u64) -> Result<()> {
    // As a signed number it would be negative.
    if i64::try_from(size).is_err() {
        return Err(Errno::FBIG);
    }
    without_signal(|| rustix::fs::ftruncate(fd, size), |()| false)
}

/// Takes room for `len` bytes from `offset`: `fallocate(2)`.
///
/// # Errors
///
/// As [`set`], else as `fallocate(2)`.
pub(crate) fn allocate(fd: BorrowedFd<'_>, offset: u64, len: u64) -> Result<()> {
    let none = FallocateFlags::empty();
    without_signal(|| rustix::fs::fallocate(fd, none, offset, len), |()| false)
}

/// Writes at `offset`, and returns how many bytes: `pwrite(2)`.
///
/// # Errors
///
/// As [`set`], if not a byte may be written. Else as `pwrite(2)`.
pub(crate) fn write_at(fd: BorrowedFd<'_>, bytes: &[u8], offset: u64) -> Result<usize> {
    // One that is cut short at the limit brings no signal.
    without_signal(|| rustix::io::pwrite(fd, bytes, offset), |_| false)
}

/// `write(2)` to a file: at the position of its description.
///
/// # Errors
///
/// [`Errno::FBIG`]: nothing fits; what is cut short at the limit is not an error.
pub(crate) fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize> {
    without_signal(|| rustix::io::write(fd, bytes), |_| false)
}

/// Writes everything at `offset`.
///
/// # Errors
///
/// As [`write_at`]; then some of it may have been written.
pub(crate) fn write_all_at(fd: BorrowedFd<'_>, bytes: &[u8], offset: u64) -> Result<()> {
    let mut done = 0;
    // What is beyond a limit is left out; only the rest alone is refused.
    while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
        done += match write_at(fd, rest, offset + done as u64)? {
            0 => return Err(Errno::NOSPC),
            written => written,
        };
    }
    Ok(())
}

/// Makes a call that moves up to `len` bytes to what may be a file, piece by piece, and
/// returns how many.
///
/// A piece that is refused behind others brings the signal, but no error.
pub(crate) fn move_to(len: usize, call: impl FnOnce() -> Result<usize>) -> Result<usize> {
    without_signal(call, |moved| moved < len)
}

/// Makes a call that may write to a file or make it longer, without SIGXFSZ. `is_short`
/// says whether a part of it may have been refused although it succeeded.
fn without_signal<T: Copy>(
    call: impl FnOnce() -> Result<T>,
    is_short: impl FnOnce(T) -> bool,
) -> Result<T> {
    let mask = change_mask(SIG_BLOCK, SIGNAL);
    // One of before, which may have nothing to do with this. It must have been blocked.
    let was_pending = mask & SIGNAL != 0 && pending() & SIGNAL != 0;
    let result = call();
    let is_refused = match result {
        Ok(done) => is_short(done),
        Err(errno) => errno == Errno::FBIG,
    };
    if is_refused && !was_pending {
        // Not there if it was the file system that refused.
        take_pending(SIGNAL);
    }
    change_mask(SIG_SETMASK, mask);
    result
}
