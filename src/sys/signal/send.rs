//! Sending signals: `kill(2)`, `tgkill(2)`, `rt_sigqueueinfo(2)`, `pidfd_send_signal(2)`.

use linux_raw_sys::general::{
    __NR_kill, __NR_pidfd_send_signal, __NR_rt_sigqueueinfo, __NR_rt_tgsigqueueinfo, __NR_tgkill,
};
use rustix::fd::{AsRawFd, BorrowedFd};

use super::info::Siginfo;
use super::set::{address, optional_address};
use crate::sys::check;
use crate::sys::pid::number;
use crate::{Errno, Pid, Result, Signal, arch};

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
