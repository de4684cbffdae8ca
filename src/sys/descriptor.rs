//! Descriptors by their numbers, where those are what it is about: `close_range(2)`,
//! and what a child does to its own table before it becomes a program.

use linux_raw_sys::general::{
    __NR_close, __NR_close_range, __NR_dup3, __NR_fcntl, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD,
    FD_CLOEXEC,
};
use rustix::fd::{FromRawFd, OwnedFd, RawFd};

use super::check;
use crate::{Errno, Result, arch};

/// The thread gets a table of its own first.
pub(crate) const CLOSE_RANGE_UNSHARE: u32 = 1 << 1;

/// Close on exec, not now.
pub(crate) const CLOSE_RANGE_CLOEXEC: u32 = 1 << 2;

/// `close_range(2)`.
///
/// # Safety
///
/// Whatever owns a descriptor in the range must not use it any more, unless the
/// flags have it closed on exec only.
pub(crate) unsafe fn close_range(first: u32, last: u32, flags: u32) -> Result<()> {
    // SAFETY: no memory is involved; the descriptors are the caller's promise.
    let raw = unsafe {
        arch::syscall3(
            __NR_close_range as usize,
            first as usize,
            last as usize,
            flags as usize,
        )
    };
    check(raw).map(drop)
}

/// `dup3(2)`: `new` means what `old` means, and is not closed on exec.
///
/// # Safety
///
/// Nobody may own `new`.
pub(crate) unsafe fn dup3(old: RawFd, new: RawFd) -> Result<()> {
    // SAFETY: no memory is involved; the descriptor is the caller's promise.
    let raw = unsafe { arch::syscall3(__NR_dup3 as usize, old as usize, new as usize, 0) };
    check(raw).map(drop)
}

/// `fcntl(2)` with `F_DUPFD_CLOEXEC`: the lowest free number.
pub(crate) fn dup_cloexec(fd: RawFd) -> Result<RawFd> {
    // SAFETY: no memory is involved, and no descriptor changes.
    let raw = unsafe {
        arch::syscall3(
            __NR_fcntl as usize,
            fd as usize,
            F_DUPFD_CLOEXEC as usize,
            0,
        )
    };
    check(raw).map(|fd| fd as RawFd)
}

/// A descriptor of one that this program was started with, and that nobody has taken yet: it is
/// not closed on exec, as all are that programs in Rust open for themselves. The number stays what
/// it is: it may have an owner after all.
pub(crate) fn inherited(fd: RawFd) -> Result<OwnedFd> {
    // SAFETY: no memory is involved, and nothing changes.
    let raw = unsafe { arch::syscall2(__NR_fcntl as usize, fd as usize, F_GETFD as usize) };
    if check(raw)? as u32 & FD_CLOEXEC != 0 {
        return Err(Errno::BADF);
    }
    let own = dup_cloexec(fd)?;
    // SAFETY: just made.
    Ok(unsafe { OwnedFd::from_raw_fd(own) })
}

/// `fcntl(2)` with `F_SETFD` and no flag: not closed on exec.
pub(crate) fn keep_on_exec(fd: RawFd) -> Result<()> {
    set_flags(fd, 0)
}

/// `fcntl(2)` with `F_SETFD` and `FD_CLOEXEC`.
pub(crate) fn close_on_exec(fd: RawFd) -> Result<()> {
    set_flags(fd, FD_CLOEXEC)
}

fn set_flags(fd: RawFd, flags: u32) -> Result<()> {
    // SAFETY: no memory is involved.
    let raw = unsafe {
        arch::syscall3(
            __NR_fcntl as usize,
            fd as usize,
            F_SETFD as usize,
            flags as usize,
        )
    };
    check(raw).map(drop)
}

/// `close(2)`. An error means that it was none.
///
/// # Safety
///
/// Nobody else may own it.
pub(crate) unsafe fn close(fd: RawFd) {
    // SAFETY: no memory is involved; the descriptor is the caller's promise.
    unsafe { arch::syscall1(__NR_close as usize, fd as usize) };
}
