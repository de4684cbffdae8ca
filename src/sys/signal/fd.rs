//! Signals from a descriptor: `signalfd4(2)`.

use core::mem::{offset_of, size_of, size_of_val};

use linux_raw_sys::general::{__NR_preadv2, __NR_read, __NR_signalfd4, RWF_NOWAIT, iovec};
use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use static_assertions::const_assert_eq;

use super::set::{SIGSET_SIZE, address};
use crate::sys::check;
use crate::{Result, arch};

/// `signalfd_siginfo`: one record of a signalfd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct SignalfdSiginfo {
    pub(crate) ssi_signo: u32,
    pub(crate) ssi_errno: i32,
    pub(crate) ssi_code: i32,
    pub(crate) ssi_pid: u32,
    pub(crate) ssi_uid: u32,
    pub(crate) ssi_fd: i32,
    pub(crate) ssi_tid: u32,
    pub(crate) ssi_band: u32,
    pub(crate) ssi_overrun: u32,
    ssi_trapno: u32,
    pub(crate) ssi_status: i32,
    ssi_int: i32,
    pub(crate) ssi_ptr: u64,
    pub(crate) ssi_utime: u64,
    pub(crate) ssi_stime: u64,
    pub(crate) ssi_addr: u64,
    pub(crate) ssi_addr_lsb: u16,
    gap: u16,
    pub(crate) ssi_syscall: i32,
    pub(crate) ssi_call_addr: u64,
    pub(crate) ssi_arch: u32,
    rest: [u8; 28],
}

const_assert_eq!(size_of::<SignalfdSiginfo>(), 128);
const_assert_eq!(offset_of!(SignalfdSiginfo, ssi_status), 40);
const_assert_eq!(offset_of!(SignalfdSiginfo, ssi_ptr), 48);
const_assert_eq!(offset_of!(SignalfdSiginfo, ssi_addr), 72);
const_assert_eq!(offset_of!(SignalfdSiginfo, ssi_addr_lsb), 80);
const_assert_eq!(offset_of!(SignalfdSiginfo, ssi_syscall), 84);
const_assert_eq!(offset_of!(SignalfdSiginfo, ssi_call_addr), 88);
const_assert_eq!(offset_of!(SignalfdSiginfo, ssi_arch), 96);

impl SignalfdSiginfo {
    pub(crate) const ZERO: Self = Self {
        ssi_signo: 0,
        ssi_errno: 0,
        ssi_code: 0,
        ssi_pid: 0,
        ssi_uid: 0,
        ssi_fd: 0,
        ssi_tid: 0,
        ssi_band: 0,
        ssi_overrun: 0,
        ssi_trapno: 0,
        ssi_status: 0,
        ssi_int: 0,
        ssi_ptr: 0,
        ssi_utime: 0,
        ssi_stime: 0,
        ssi_addr: 0,
        ssi_addr_lsb: 0,
        gap: 0,
        ssi_syscall: 0,
        ssi_call_addr: 0,
        ssi_arch: 0,
        rest: [0; 28],
    };
}

/// `signalfd4(2)`: a new descriptor.
pub(crate) fn signalfd4(set: u64, flags: u32) -> Result<OwnedFd> {
    // -1 as the descriptor asks for a new one.
    let fd = signalfd4_raw(-1, set, flags)?;
    // SAFETY: the kernel has just opened it for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `signalfd4(2)`: another set for a descriptor.
pub(crate) fn signalfd4_set(fd: BorrowedFd<'_>, set: u64) -> Result<()> {
    signalfd4_raw(fd.as_raw_fd(), set, 0).map(drop)
}

fn signalfd4_raw(fd: i32, set: u64, flags: u32) -> Result<i32> {
    // SAFETY: the kernel reads one set of 8 bytes.
    let raw = unsafe {
        arch::syscall4(
            __NR_signalfd4 as usize,
            fd as usize,
            address(&set),
            SIGSET_SIZE,
            flags as usize,
        )
    };
    check(raw).map(|fd| fd as i32)
}

/// `read(2)` of a signalfd. Returns how many records were read.
pub(crate) fn read_signalfd(fd: BorrowedFd<'_>, records: &mut [SignalfdSiginfo]) -> Result<usize> {
    // SAFETY: the kernel writes no more than the records, which are all integers.
    let raw = unsafe {
        arch::syscall3(
            __NR_read as usize,
            fd.as_raw_fd() as usize,
            records.as_mut_ptr().expose_provenance(),
            size_of_val(records),
        )
    };
    Ok(check(raw)? / size_of::<SignalfdSiginfo>())
}

/// `preadv2(2)` of a signalfd with `RWF_NOWAIT`. Returns how many records were read.
pub(crate) fn try_read_signalfd(
    fd: BorrowedFd<'_>,
    records: &mut [SignalfdSiginfo],
) -> Result<usize> {
    let buffer = iovec {
        iov_base: records.as_mut_ptr().cast(),
        iov_len: size_of_val(records) as _,
    };
    // SAFETY: the kernel reads one iovec, and writes no more than the records, which
    // are all integers. The offset, of which 64-bit machines take the low word, is
    // that of a descriptor that has none.
    let raw = unsafe {
        arch::syscall6(
            __NR_preadv2 as usize,
            fd.as_raw_fd() as usize,
            address(&buffer),
            1,
            usize::MAX,
            0,
            RWF_NOWAIT as usize,
        )
    };
    Ok(check(raw)? / size_of::<SignalfdSiginfo>())
}
