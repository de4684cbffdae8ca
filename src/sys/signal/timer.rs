//! Timers that send signals: `timer_create(2)` and what belongs to it.

use core::mem::{offset_of, size_of};

use linux_raw_sys::general::{
    __NR_timer_create, __NR_timer_delete, __NR_timer_getoverrun, __NR_timer_gettime,
    __NR_timer_settime,
};
use static_assertions::const_assert_eq;

use super::set::address;
use crate::sys::check;
use crate::{Result, Timespec, arch};

/// `sigevent`: how a timer notifies.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Sigevent {
    pub(crate) sigev_value: u64,
    pub(crate) sigev_signo: i32,
    pub(crate) sigev_notify: u32,
    pub(crate) sigev_notify_thread_id: i32,
    pub(crate) rest: [i32; 11],
}

const_assert_eq!(size_of::<Sigevent>(), 64);
const_assert_eq!(offset_of!(Sigevent, sigev_signo), 8);
const_assert_eq!(offset_of!(Sigevent, sigev_notify), 12);
const_assert_eq!(offset_of!(Sigevent, sigev_notify_thread_id), 16);

/// `itimerspec`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Itimerspec {
    pub(crate) it_interval: Timespec,
    pub(crate) it_value: Timespec,
}

const_assert_eq!(size_of::<Itimerspec>(), 32);
const_assert_eq!(offset_of!(Itimerspec, it_value), 16);

/// `timer_create(2)`. Returns the timer's number.
pub(crate) fn timer_create(clock: i32, event: &Sigevent) -> Result<i32> {
    let mut timer = 0_i32;
    // SAFETY: the kernel reads one sigevent and writes one number.
    let raw = unsafe {
        arch::syscall3(
            __NR_timer_create as usize,
            clock as usize,
            address(event),
            core::ptr::from_mut(&mut timer).expose_provenance(),
        )
    };
    check(raw)?;
    Ok(timer)
}

const UNSET: Itimerspec = Itimerspec {
    it_interval: Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    },
    it_value: Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    },
};

/// `timer_settime(2)`. Returns the old setting.
pub(crate) fn timer_settime(timer: i32, flags: u32, new: &Itimerspec) -> Result<Itimerspec> {
    let mut old = UNSET;
    // SAFETY: the kernel reads one itimerspec and writes one.
    let raw = unsafe {
        arch::syscall4(
            __NR_timer_settime as usize,
            timer as usize,
            flags as usize,
            address(new),
            core::ptr::from_mut(&mut old).expose_provenance(),
        )
    };
    check(raw)?;
    Ok(old)
}

/// `timer_gettime(2)`.
pub(crate) fn timer_gettime(timer: i32) -> Result<Itimerspec> {
    let mut now = UNSET;
    // SAFETY: the kernel writes one itimerspec.
    let raw = unsafe {
        arch::syscall2(
            __NR_timer_gettime as usize,
            timer as usize,
            core::ptr::from_mut(&mut now).expose_provenance(),
        )
    };
    check(raw)?;
    Ok(now)
}

/// `timer_getoverrun(2)`.
pub(crate) fn timer_getoverrun(timer: i32) -> Result<usize> {
    // SAFETY: no memory is involved.
    check(unsafe { arch::syscall1(__NR_timer_getoverrun as usize, timer as usize) })
}

/// `timer_delete(2)`.
pub(crate) fn timer_delete(timer: i32) -> Result<()> {
    // SAFETY: no memory is involved.
    check(unsafe { arch::syscall1(__NR_timer_delete as usize, timer as usize) }).map(drop)
}
