//! What only `ioctl(2)` tells of sockets.

use core::ptr;

use linux_raw_sys::general::__NR_ioctl;
use linux_raw_sys::ioctl::SIOCATMARK;
use rustix::fd::{AsRawFd, BorrowedFd};

use crate::sys::check;
use crate::{Result, arch};

/// `ioctl(2)` of `SIOCATMARK`.
pub(crate) fn sockatmark(fd: BorrowedFd<'_>) -> Result<bool> {
    let mut at_mark = 0_i32;
    // SAFETY: the kernel writes an int, which is borrowed.
    let raw = unsafe {
        arch::syscall3(
            __NR_ioctl as usize,
            fd.as_raw_fd() as usize,
            SIOCATMARK as usize,
            ptr::from_mut(&mut at_mark).expose_provenance(),
        )
    };
    check(raw).map(|_| at_mark != 0)
}

/// `ioctl(2)` of `IOCTL_VM_SOCKETS_GET_LOCAL_CID`, on `/dev/vsock`.
pub(crate) fn vsock_local_cid(fd: BorrowedFd<'_>) -> Result<u32> {
    /// `_IO(7, 0xb9)`.
    const GET_LOCAL_CID: usize = 0x7b9;
    let mut cid = 0_u32;
    // SAFETY: the kernel writes an unsigned int, which is borrowed.
    let raw = unsafe {
        arch::syscall3(
            __NR_ioctl as usize,
            fd.as_raw_fd() as usize,
            GET_LOCAL_CID,
            ptr::from_mut(&mut cid).expose_provenance(),
        )
    };
    check(raw).map(|_| cid)
}
