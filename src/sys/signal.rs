//! Signals: `rt_sigaction(2)`, `rt_sigprocmask(2)`, `rt_sigtimedwait(2)`,
//! `sigaltstack(2)`, `signalfd4(2)`, `timer_create(2)`, `rt_sigqueueinfo(2)` and
//! their relatives.

use core::mem::{MaybeUninit, offset_of, size_of, size_of_val};

use linux_raw_sys::general::{
    __NR_fcntl, __NR_kill, __NR_pidfd_send_signal, __NR_ppoll, __NR_preadv2, __NR_read,
    __NR_rt_sigaction, __NR_rt_sigpending, __NR_rt_sigprocmask, __NR_rt_sigqueueinfo,
    __NR_rt_sigsuspend, __NR_rt_sigtimedwait, __NR_rt_tgsigqueueinfo, __NR_sigaltstack,
    __NR_signalfd4, __NR_tgkill, __NR_timer_create, __NR_timer_delete, __NR_timer_getoverrun,
    __NR_timer_gettime, __NR_timer_settime, F_GETOWN_EX, F_GETSIG, F_SETOWN_EX, F_SETSIG,
    RWF_NOWAIT, f_owner_ex, iovec, sigaltstack as stack_t,
};
use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use static_assertions::const_assert_eq;

use super::check;
use super::pid::number;
use crate::arch::{self, Sigaction};
use crate::{Errno, Pid, Result, Signal, Timespec};

/// `SIG_DFL`.
pub(crate) const SIG_DFL: usize = 0;

/// `SIG_IGN`.
pub(crate) const SIG_IGN: usize = 1;

/// The size of the kernel's signal set.
const SIGSET_SIZE: usize = size_of::<u64>();

/// `siginfo_t`: what lies in the fields depends on signal and code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Siginfo {
    pub(crate) si_signo: i32,
    pub(crate) si_errno: i32,
    pub(crate) si_code: i32,
    gap: i32,
    pub(crate) fields: [u64; 14],
}

const_assert_eq!(size_of::<Siginfo>(), 128);
const_assert_eq!(offset_of!(Siginfo, si_errno), 4);
const_assert_eq!(offset_of!(Siginfo, si_code), 8);
const_assert_eq!(offset_of!(Siginfo, fields), 16);

impl Siginfo {
    /// Of no signal.
    pub(crate) const EMPTY: Self = Self {
        si_signo: 0,
        si_errno: 0,
        si_code: 0,
        gap: 0,
        fields: [0; 14],
    };

    pub(crate) fn new(signal: Signal, code: i32) -> Self {
        Self {
            si_signo: signal.as_raw(),
            si_errno: 0,
            si_code: code,
            gap: 0,
            fields: [0; 14],
        }
    }

    pub(crate) fn from_bytes(bytes: [u8; 128]) -> Self {
        // SAFETY: of the same size, and all integers.
        unsafe { core::mem::transmute(bytes) }
    }

    pub(crate) fn to_bytes(self) -> [u8; 128] {
        // SAFETY: of the same size, and without padding.
        unsafe { core::mem::transmute(self) }
    }
}

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

const_assert_eq!(size_of::<stack_t>(), 24);
const_assert_eq!(offset_of!(stack_t, ss_flags), 8);
const_assert_eq!(offset_of!(stack_t, ss_size), 16);

const_assert_eq!(size_of::<f_owner_ex>(), 8);

fn address<T>(value: &T) -> usize {
    core::ptr::from_ref(value).expose_provenance()
}

fn optional_address<T>(value: Option<&T>) -> usize {
    value.map_or(0, address)
}

/// `rt_sigaction(2)`. Returns the old action.
///
/// # Safety
///
/// A new handler must be one that may run at any moment, and take what the
/// flags make the kernel give it.
pub(crate) unsafe fn rt_sigaction(signal: i32, new: Option<&Sigaction>) -> Result<Sigaction> {
    let mut old = Sigaction::new(SIG_DFL);
    // SAFETY: the kernel reads one sigaction and writes one; what becomes of the
    // new one is the caller's promise.
    let raw = unsafe {
        arch::syscall4(
            __NR_rt_sigaction as usize,
            signal as usize,
            optional_address(new),
            core::ptr::from_mut(&mut old).expose_provenance(),
            SIGSET_SIZE,
        )
    };
    check(raw)?;
    Ok(old)
}

/// `rt_sigaction(2)` with `SIG_IGN`: the process ignores `signal` from now on.
pub(crate) fn ignore(signal: Signal) -> Result<()> {
    // SAFETY: no handler.
    unsafe { rt_sigaction(signal.as_raw(), Some(&Sigaction::new(SIG_IGN))) }.map(drop)
}

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

/// `sigaltstack(2)`. Returns the old stack.
///
/// # Safety
///
/// The memory of a new stack must be handlers' alone until another one is set.
pub(crate) unsafe fn sigaltstack(new: Option<&stack_t>) -> Result<stack_t> {
    let mut old = MaybeUninit::<stack_t>::zeroed();
    // SAFETY: the kernel reads one stack_t and writes one; the memory is the
    // caller's promise.
    let raw = unsafe {
        arch::syscall2(
            __NR_sigaltstack as usize,
            optional_address(new),
            old.as_mut_ptr().expose_provenance(),
        )
    };
    check(raw)?;
    // SAFETY: zeroed and overwritten by the kernel; null is a pointer too.
    Ok(unsafe { old.assume_init() })
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

/// Whom `kill(2)` is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Killed {
    Process(Pid),
    /// All of this group; that of process 1 cannot be said.
    Group(Pid),
    OwnGroup,
    Everyone,
}

/// `kill(2)`; 0 as the signal only looks whether it could be sent.
///
/// # Errors
///
/// Also [`Errno::INVAL`]: the group of process 1.
pub(crate) fn kill(whom: Killed, signal: i32) -> Result<()> {
    let pid = match whom {
        Killed::Process(pid) => number(pid)?,
        // -1 would mean everyone.
        Killed::Group(Pid::INIT) => return Err(Errno::INVAL),
        Killed::Group(pid) => -number(pid)?,
        Killed::OwnGroup => 0,
        Killed::Everyone => -1,
    };
    // SAFETY: no memory is involved.
    let raw = unsafe { arch::syscall2(__NR_kill as usize, pid as usize, signal as usize) };
    check(raw).map(drop)
}

/// `kill(2)` of one process.
pub(crate) fn kill_process(pid: Pid, signal: Signal) -> Result<()> {
    kill(Killed::Process(pid), signal.as_raw())
}

/// `tgkill(2)`; 0 as the signal only looks whether it could be sent.
pub(crate) fn tgkill(process: Pid, thread: Pid, signal: i32) -> Result<()> {
    // SAFETY: no memory is involved.
    let raw = unsafe {
        arch::syscall3(
            __NR_tgkill as usize,
            number(process)? as usize,
            number(thread)? as usize,
            signal as usize,
        )
    };
    check(raw).map(drop)
}

/// `rt_sigqueueinfo(2)`.
pub(crate) fn rt_sigqueueinfo(process: Pid, signal: i32, info: &Siginfo) -> Result<()> {
    // SAFETY: the kernel reads one siginfo.
    let raw = unsafe {
        arch::syscall3(
            __NR_rt_sigqueueinfo as usize,
            number(process)? as usize,
            signal as usize,
            address(info),
        )
    };
    check(raw).map(drop)
}

/// `rt_tgsigqueueinfo(2)`.
pub(crate) fn rt_tgsigqueueinfo(
    process: Pid,
    thread: Pid,
    signal: i32,
    info: &Siginfo,
) -> Result<()> {
    // SAFETY: the kernel reads one siginfo.
    let raw = unsafe {
        arch::syscall4(
            __NR_rt_tgsigqueueinfo as usize,
            number(process)? as usize,
            number(thread)? as usize,
            signal as usize,
            address(info),
        )
    };
    check(raw).map(drop)
}

/// `pidfd_send_signal(2)`; without `info` it is as if by `kill(2)`.
pub(crate) fn pidfd_send_signal(
    pidfd: BorrowedFd<'_>,
    signal: i32,
    info: Option<&Siginfo>,
    flags: u32,
) -> Result<()> {
    // SAFETY: the kernel reads at most one siginfo.
    let raw = unsafe {
        arch::syscall4(
            __NR_pidfd_send_signal as usize,
            pidfd.as_raw_fd() as usize,
            signal as usize,
            optional_address(info),
            flags as usize,
        )
    };
    check(raw).map(drop)
}

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
