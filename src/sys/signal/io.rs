//! Which signal a descriptor sends to whom: `fcntl(2)`.

use core::mem::size_of;

use linux_raw_sys::general::{
    __NR_fcntl, F_GETOWN_EX, F_GETSIG, F_SETOWN_EX, F_SETSIG, f_owner_ex,
};
use rustix::fd::{AsRawFd, BorrowedFd};
use static_assertions::const_assert_eq;

use super::set::address;
use crate::sys::check;
use crate::{Result, arch};

const_assert_eq!(size_of::<f_owner_ex>(), 8);

/// `fcntl(2)` with `F_SETSIG`; 0 stands for plain `SIGIO`.
pub(crate) fn fcntl_setsig(fd: BorrowedFd<'_>, signal: i32) -> Result<()> {
    fcntl(fd, F_SETSIG, signal as usize).map(drop)
}

/// `fcntl(2)` with `F_GETSIG`; 0 stands for plain `SIGIO`.
pub(crate) fn fcntl_getsig(fd: BorrowedFd<'_>) -> Result<i32> {
    fcntl(fd, F_GETSIG, 0).map(|signal| signal as i32)
}

/// `fcntl(2)` with `F_SETOWN_EX`.
pub(crate) fn fcntl_setown_ex(fd: BorrowedFd<'_>, owner: &f_owner_ex) -> Result<()> {
    fcntl(fd, F_SETOWN_EX, address(owner)).map(drop)
}

/// `fcntl(2)` with `F_GETOWN_EX`.
pub(crate) fn fcntl_getown_ex(fd: BorrowedFd<'_>) -> Result<f_owner_ex> {
    let mut owner = f_owner_ex { type_: 0, pid: 0 };
    let place = core::ptr::from_mut(&mut owner).expose_provenance();
    fcntl(fd, F_GETOWN_EX, place)?;
    Ok(owner)
}

fn fcntl(fd: BorrowedFd<'_>, command: u32, argument: usize) -> Result<usize> {
    // SAFETY: of the four commands two take numbers, and the other two an f_owner_ex
    // that is borrowed.
    let raw = unsafe {
        arch::syscall3(
            __NR_fcntl as usize,
            fd.as_raw_fd() as usize,
            command as usize,
            argument,
        )
    };
    check(raw)
}
