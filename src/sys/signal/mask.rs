//! Blocking signals and waiting for them: `rt_sigprocmask(2)`, `rt_sigpending(2)`,
//! `rt_sigtimedwait(2)`, `rt_sigsuspend(2)`, `ppoll(2)`.

use core::mem::MaybeUninit;

use linux_raw_sys::general::{
    __NR_ppoll, __NR_rt_sigpending, __NR_rt_sigprocmask, __NR_rt_sigsuspend, __NR_rt_sigtimedwait,
};

use super::info::Siginfo;
use super::set::{SIGSET_SIZE, address, optional_address};
use crate::sys::check;
use crate::{Errno, Result, Timespec, arch};

/// `rt_sigprocmask(2)`. Returns the old mask.
pub(crate) fn rt_sigprocmask(how: u32, set: Option<u64>) -> Result<u64> {
    let mut old = 0_u64;
    // SAFETY: the kernel reads one set and writes one, both 8 bytes.
    let raw = unsafe {
        arch::syscall4(
            __NR_rt_sigprocmask as usize,
            how as usize,
            optional_address(set.as_ref()),
            core::ptr::from_mut(&mut old).expose_provenance(),
            SIGSET_SIZE,
        )
    };
    check(raw)?;
    Ok(old)
}

/// `rt_sigprocmask(2)`, of a change and for one who cannot do anything about an error: if
/// a filter refuses the call, the old mask is said to have been the signals given.
#[inline]
pub(crate) fn change_mask(how: u32, mut set: u64) -> u64 {
    let both = core::ptr::from_mut(&mut set).expose_provenance();
    // SAFETY: the kernel reads one set of 8 bytes, and then writes one in its place.
    unsafe {
        arch::syscall4(
            __NR_rt_sigprocmask as usize,
            how as usize,
            both,
            both,
            SIGSET_SIZE,
        )
    };
    set
}

/// Takes one of these signals, which are blocked, if one is pending:
/// `rt_sigtimedwait(2)` that does not wait and does not say what it was.
pub(crate) fn take_pending(set: u64) {
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the kernel reads a set and a timespec, and writes no siginfo.
    unsafe {
        arch::syscall4(
            __NR_rt_sigtimedwait as usize,
            address(&set),
            0,
            address(&now),
            SIGSET_SIZE,
        )
    };
}

/// As [`rt_sigpending`], and none where a filter refuses that: small.
pub(crate) fn pending() -> u64 {
    let mut set = 0_u64;
    // SAFETY: the kernel writes one set of 8 bytes.
    unsafe {
        arch::syscall2(
            __NR_rt_sigpending as usize,
            core::ptr::from_mut(&mut set).expose_provenance(),
            SIGSET_SIZE,
        )
    };
    set
}

/// `rt_sigpending(2)`.
pub(crate) fn rt_sigpending() -> Result<u64> {
    let mut set = 0_u64;
    // SAFETY: the kernel writes one set of 8 bytes.
    let raw = unsafe {
        arch::syscall2(
            __NR_rt_sigpending as usize,
            core::ptr::from_mut(&mut set).expose_provenance(),
            SIGSET_SIZE,
        )
    };
    check(raw)?;
    Ok(set)
}

/// `rt_sigtimedwait(2)`: without a timeout it waits for as long as it takes.
pub(crate) fn rt_sigtimedwait(set: u64, timeout: Option<&Timespec>) -> Result<Siginfo> {
    let mut info = MaybeUninit::<Siginfo>::zeroed();
    // SAFETY: the kernel reads a set and perhaps a timespec, and writes one siginfo.
    let raw = unsafe {
        arch::syscall4(
            __NR_rt_sigtimedwait as usize,
            address(&set),
            info.as_mut_ptr().expose_provenance(),
            optional_address(timeout),
            SIGSET_SIZE,
        )
    };
    check(raw)?;
    // SAFETY: zeroed and perhaps overwritten by the kernel: all integers.
    Ok(unsafe { info.assume_init() })
}

/// `rt_sigsuspend(2)`; always an error, [`Errno::INTR`] when a handler ran.
pub(crate) fn rt_sigsuspend(mask: u64) -> Errno {
    // SAFETY: the kernel reads one set of 8 bytes.
    let raw = unsafe { arch::syscall2(__NR_rt_sigsuspend as usize, address(&mask), SIGSET_SIZE) };
    match check(raw) {
        Err(errno) => errno,
        // It does not return without a signal.
        Ok(_) => Errno::INTR,
    }
}

/// `ppoll(2)` of no descriptor, with `mask` as the set of blocked signals.
pub(crate) fn ppoll(mask: u64, timeout: Option<&Timespec>) -> Result<usize> {
    // The kernel writes back how much time is left.
    let mut timeout = timeout.copied();
    let timeout = timeout
        .as_mut()
        .map_or(0, |left| core::ptr::from_mut(left).expose_provenance());
    // SAFETY: no descriptors; the kernel reads one set and reads and writes one
    // timespec.
    let raw = unsafe {
        arch::syscall5(
            __NR_ppoll as usize,
            0,
            0,
            timeout,
            address(&mask),
            SIGSET_SIZE,
        )
    };
    check(raw)
}
