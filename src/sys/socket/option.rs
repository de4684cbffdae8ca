//! Options of sockets: `getsockopt(2)`, `setsockopt(2)`.

use core::mem::size_of;
use core::ptr;

use linux_raw_sys::general::{__NR_getsockopt, __NR_setsockopt};
use linux_raw_sys::net::{SO_LINGER, SO_PASSRIGHTS, SO_PEERPIDFD, SOL_SOCKET};
use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use rustix::process::Gid;
use static_assertions::const_assert_eq;
use zerocopy::{FromBytes, IntoBytes};

use crate::sys::check;
use crate::{Result, arch};

const_assert_eq!(size_of::<Gid>(), 4);

/// `getsockopt(2)` of a value of fixed size. Bytes that the kernel does not write
/// are zero.
pub(crate) fn getsockopt<T: FromBytes + IntoBytes>(
    fd: BorrowedFd<'_>,
    level: u32,
    name: u32,
) -> Result<T> {
    let mut value = T::new_zeroed();
    getsockopt_bytes(fd, level, name, value.as_mut_bytes())?;
    Ok(value)
}

/// `getsockopt(2)` of bytes whose number the kernel knows: how many there are. Where
/// that is more than there is room for, the kernel may say [`Errno::RANGE`], too.
///
/// [`Errno::RANGE`]: crate::Errno::RANGE
pub(crate) fn getsockopt_bytes(
    fd: BorrowedFd<'_>,
    level: u32,
    name: u32,
    value: &mut [u8],
) -> Result<usize> {
    let mut len = u32::try_from(value.len()).unwrap_or(u32::MAX);
    // SAFETY: the kernel writes at most `len` bytes of the value, which are
    // borrowed mutably and may be any, and the length.
    let raw = unsafe { getsockopt_raw(fd, level, name, value.as_mut_ptr(), &mut len) };
    raw.map(|()| len as usize)
}

/// `getsockopt(2)`.
///
/// # Safety
///
/// `len` bytes at `value` must be writable, and any bytes be fit for them.
unsafe fn getsockopt_raw(
    fd: BorrowedFd<'_>,
    level: u32,
    name: u32,
    value: *mut u8,
    len: &mut u32,
) -> Result<()> {
    // SAFETY: the value is the caller's promise, and the length is borrowed.
    let raw = unsafe {
        arch::syscall5(
            __NR_getsockopt as usize,
            fd.as_raw_fd() as usize,
            level as usize,
            name as usize,
            value.expose_provenance(),
            ptr::from_mut(len).expose_provenance(),
        )
    };
    check(raw).map(drop)
}

/// `getsockopt(2)` of `SO_PEERGROUPS`: how many there are, also with
/// [`Errno::RANGE`](crate::Errno::RANGE), when nothing was written.
pub(crate) fn peer_groups(
    fd: BorrowedFd<'_>,
    name: u32,
    groups: &mut [Gid],
) -> (Result<()>, usize) {
    let mut len = u32::try_from(size_of_val(groups)).unwrap_or(u32::MAX);
    // SAFETY: a Gid is a number, of which any is one, and so many are borrowed.
    let raw = unsafe { getsockopt_raw(fd, SOL_SOCKET, name, groups.as_mut_ptr().cast(), &mut len) };
    (raw, len as usize / size_of::<Gid>())
}

/// `getsockopt(2)` of `SO_PEERPIDFD`.
pub(crate) fn peer_pidfd(fd: BorrowedFd<'_>) -> Result<OwnedFd> {
    let number: RawFd = getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD)?;
    // SAFETY: the kernel installed it for us just now, close-on-exec.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Sets whether messages with descriptors may be sent to a socket, and to those that it accepts:
/// `SO_PASSRIGHTS`, since Linux 6.16. Who closes it closes what lies in it unread, whatever that is.
pub(crate) fn allow_descriptors(fd: BorrowedFd<'_>, allow: bool) -> Result<()> {
    setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &i32::from(allow))
}

/// Has the closing of a socket not wait for what it has still to send: `SO_LINGER` off.
pub(crate) fn close_at_once(fd: BorrowedFd<'_>) -> Result<()> {
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &[0_i32; 2])
}

/// `setsockopt(2)`.
pub(crate) fn setsockopt<T: IntoBytes + zerocopy::Immutable>(
    fd: BorrowedFd<'_>,
    level: u32,
    name: u32,
    value: &T,
) -> Result<()> {
    // SAFETY: the kernel reads the value, which is borrowed.
    let raw = unsafe {
        arch::syscall5(
            __NR_setsockopt as usize,
            fd.as_raw_fd() as usize,
            level as usize,
            name as usize,
            ptr::from_ref(value).expose_provenance(),
            size_of::<T>(),
        )
    };
    check(raw).map(drop)
}
