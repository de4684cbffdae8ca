//! Locks on byte ranges of files: `fcntl(2)` with `F_SETLK` and the like, of
//! processes and of open file descriptions; and leases.

use core::mem::{offset_of, size_of};

use linux_raw_sys::general::{
    __NR_fcntl, F_GETLEASE, F_GETLK, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW, F_RDLCK, F_SETLEASE,
    F_SETLK, F_SETLKW, F_UNLCK, F_WRLCK, SEEK_SET,
};
use rustix::fd::{AsRawFd, BorrowedFd};
use static_assertions::const_assert_eq;

use super::check;
use crate::{Result, arch};

pub(crate) use linux_raw_sys::general::flock;

const_assert_eq!(size_of::<flock>(), 32);
const_assert_eq!(offset_of!(flock, l_start), 8);
const_assert_eq!(offset_of!(flock, l_pid), 24);

/// What a lock on a range, or a lease, is or shall become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub(crate) enum LockType {
    Read = F_RDLCK as i16,
    Write = F_WRLCK as i16,
    Unlocked = F_UNLCK as i16,
}

fn fcntl(fd: BorrowedFd<'_>, command: u32, lock: &mut flock) -> Result<()> {
    // SAFETY: the six commands read and write one flock, which is borrowed.
    let raw = unsafe {
        arch::syscall3(
            __NR_fcntl as usize,
            fd.as_raw_fd() as usize,
            command as usize,
            core::ptr::from_mut(lock).expose_provenance(),
        )
    };
    check(raw).map(drop)
}

fn range(kind: LockType, start: i64, len: i64) -> flock {
    flock {
        l_type: kind as i16,
        l_whence: SEEK_SET as i16,
        l_start: start,
        l_len: len,
        // Must be 0 for open-file-description locks.
        l_pid: 0,
    }
}

fn conflict(
    fd: BorrowedFd<'_>,
    command: u32,
    kind: LockType,
    start: i64,
    len: i64,
) -> Result<Option<flock>> {
    let mut lock = range(kind, start, len);
    fcntl(fd, command, &mut lock)?;
    Ok((lock.l_type != LockType::Unlocked as i16).then_some(lock))
}

/// `F_SETLK`: takes or drops a lock of this process, or fails at once with `EAGAIN`.
pub(crate) fn setlk(fd: BorrowedFd<'_>, kind: LockType, start: i64, len: i64) -> Result<()> {
    fcntl(fd, F_SETLK, &mut range(kind, start, len))
}

/// `F_SETLKW`: as [`setlk`], and waits.
pub(crate) fn setlkw(fd: BorrowedFd<'_>, kind: LockType, start: i64, len: i64) -> Result<()> {
    fcntl(fd, F_SETLKW, &mut range(kind, start, len))
}

/// `F_GETLK`: a lock that one of this process would conflict with.
pub(crate) fn getlk(
    fd: BorrowedFd<'_>,
    kind: LockType,
    start: i64,
    len: i64,
) -> Result<Option<flock>> {
    conflict(fd, F_GETLK, kind, start, len)
}

/// `F_OFD_SETLK`: takes or drops a lock, or fails at once with `EAGAIN`.
pub(crate) fn ofd_setlk(fd: BorrowedFd<'_>, kind: LockType, start: i64, len: i64) -> Result<()> {
    fcntl(fd, F_OFD_SETLK, &mut range(kind, start, len))
}

/// `F_OFD_SETLKW`: as [`ofd_setlk`], and waits.
pub(crate) fn ofd_setlkw(fd: BorrowedFd<'_>, kind: LockType, start: i64, len: i64) -> Result<()> {
    fcntl(fd, F_OFD_SETLKW, &mut range(kind, start, len))
}

/// `F_OFD_GETLK`: a lock that one of this open file description would conflict
/// with: of *another* description, or of a process.
pub(crate) fn ofd_getlk(
    fd: BorrowedFd<'_>,
    kind: LockType,
    start: i64,
    len: i64,
) -> Result<Option<flock>> {
    conflict(fd, F_OFD_GETLK, kind, start, len)
}

/// `F_SETLEASE`.
pub(crate) fn setlease(fd: BorrowedFd<'_>, kind: LockType) -> Result<()> {
    // SAFETY: takes a number.
    let raw = unsafe {
        arch::syscall3(
            __NR_fcntl as usize,
            fd.as_raw_fd() as usize,
            F_SETLEASE as usize,
            kind as usize,
        )
    };
    check(raw).map(drop)
}

/// `F_GETLEASE`.
pub(crate) fn getlease(fd: BorrowedFd<'_>) -> Result<LockType> {
    // SAFETY: takes nothing.
    let raw = unsafe {
        arch::syscall2(
            __NR_fcntl as usize,
            fd.as_raw_fd() as usize,
            F_GETLEASE as usize,
        )
    };
    Ok(match check(raw)? as u32 {
        F_RDLCK => LockType::Read,
        F_WRLCK => LockType::Write,
        _ => LockType::Unlocked,
    })
}
