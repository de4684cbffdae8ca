//! What the kernel says of the process of a pidfd: `ioctl(2)` with `PIDFD_GET_INFO`.

use core::mem::{offset_of, size_of};

use linux_raw_sys::general::__NR_ioctl;
use rustix::fd::{AsRawFd, BorrowedFd};
use static_assertions::const_assert_eq;

use super::check;
use crate::{Result, arch};

/// Always given while there is a process: the numbers.
pub(crate) const PIDFD_INFO_PID: u64 = 1 << 0;
/// Always given while there is a process: the users and groups.
pub(crate) const PIDFD_INFO_CREDS: u64 = 1 << 1;
/// Given where there are control groups of the second version.
pub(crate) const PIDFD_INFO_CGROUPID: u64 = 1 << 2;
/// Given when asked for and the process has been reaped. Linux 6.15.
pub(crate) const PIDFD_INFO_EXIT: u64 = 1 << 3;
/// Given when asked for. Linux 6.16.
pub(crate) const PIDFD_INFO_COREDUMP: u64 = 1 << 4;
/// Given with `PIDFD_INFO_COREDUMP` by kernels that know it. Linux 6.19.
pub(crate) const PIDFD_INFO_COREDUMP_SIGNAL: u64 = 1 << 6;

/// `struct pidfd_info` as of its second version, which all kernels that have the
/// first read and write the beginning of.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct PidfdInfo {
    /// What is asked for, and what of the rest was given: `PIDFD_INFO_*`.
    pub(crate) mask: u64,
    pub(crate) cgroupid: u64,
    pub(crate) pid: u32,
    pub(crate) tgid: u32,
    pub(crate) ppid: u32,
    pub(crate) ruid: u32,
    pub(crate) rgid: u32,
    pub(crate) euid: u32,
    pub(crate) egid: u32,
    pub(crate) suid: u32,
    pub(crate) sgid: u32,
    pub(crate) fsuid: u32,
    pub(crate) fsgid: u32,
    /// As `wait(2)` has it.
    pub(crate) exit_code: i32,
    pub(crate) coredump_mask: u32,
    pub(crate) coredump_signal: u32,
}

/// The size of the first version, in Linux 6.13.
const PIDFD_INFO_SIZE_VER0: usize = 64;
/// The size of the second version, in Linux 6.16.
const PIDFD_INFO_SIZE_VER1: usize = 72;

const_assert_eq!(size_of::<PidfdInfo>(), PIDFD_INFO_SIZE_VER1);
const_assert_eq!(offset_of!(PidfdInfo, cgroupid), 8);
const_assert_eq!(offset_of!(PidfdInfo, pid), 16);
const_assert_eq!(offset_of!(PidfdInfo, ruid), 28);
const_assert_eq!(offset_of!(PidfdInfo, fsgid), 56);
const_assert_eq!(offset_of!(PidfdInfo, exit_code), 60);
const_assert_eq!(offset_of!(PidfdInfo, coredump_mask), PIDFD_INFO_SIZE_VER0);
const_assert_eq!(offset_of!(PidfdInfo, coredump_signal), 68);

/// `PIDFD_GET_INFO`: `_IOWR(0xff, 11, struct pidfd_info)`.
const PIDFD_GET_INFO: u32 = (3 << 30) | ((size_of::<PidfdInfo>() as u32) << 16) | (0xff << 8) | 11;

/// `ioctl(2)` with `PIDFD_GET_INFO`: asks for what `mask` says.
pub(crate) fn pidfd_get_info(fd: BorrowedFd<'_>, mask: u64) -> Result<PidfdInfo> {
    let mut info = PidfdInfo {
        mask,
        ..PidfdInfo::default()
    };
    // SAFETY: the kernel reads and writes as many bytes as the request's number says,
    // which are those of the structure.
    let raw = unsafe {
        arch::syscall3(
            __NR_ioctl as usize,
            fd.as_raw_fd() as usize,
            PIDFD_GET_INFO as usize,
            core::ptr::from_mut(&mut info).expose_provenance(),
        )
    };
    check(raw)?;
    Ok(info)
}
