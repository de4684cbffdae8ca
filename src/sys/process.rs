//! Process creation, replacement and end: `fork(2)`, `execve(2)`, `execveat(2)`,
//! `exit_group(2)`, `waitid(2)`.

use core::ffi::{CStr, c_char};
use core::mem::{MaybeUninit, offset_of, size_of};

use linux_raw_sys::general::{
    __NR_clone, __NR_execve, __NR_execveat, __NR_exit_group, __NR_waitid, AT_EMPTY_PATH, P_ALL,
    P_PGID, P_PID, P_PIDFD, SIGCHLD,
};
use rustix::fd::{AsRawFd, BorrowedFd};
use static_assertions::const_assert_eq;

use super::check;
use super::pid::{number, number_or_zero};
use crate::{Errno, Pid, Result, arch};

/// `clone(2)` with nothing but `SIGCHLD`: what `fork(2)` is on every machine.
/// `None` in the child.
///
/// # Safety
///
/// Other threads do not exist in the child: it may not touch what they held.
pub(crate) unsafe fn fork() -> Result<Option<Pid>> {
    // All further arguments are 0, so that it does not matter that their order
    // differs between machines. A null stack means the caller's, copied.
    // SAFETY: the caller answers for the child.
    let raw = unsafe { arch::syscall5(__NR_clone as usize, SIGCHLD as usize, 0, 0, 0, 0) };
    Ok(Pid::from_raw(check(raw)? as i32))
}

/// `execve(2)`; returns only when it failed.
///
/// # Safety
///
/// `argv` and `envp` must each end with a null pointer, and every pointer before
/// it be a C string.
pub(crate) unsafe fn execve(
    path: &CStr,
    argv: *const *const c_char,
    envp: *const *const c_char,
) -> Errno {
    // SAFETY: the path is a C string, the lists are the caller's promise.
    let raw = unsafe {
        arch::syscall3(
            __NR_execve as usize,
            path.as_ptr().expose_provenance(),
            argv.expose_provenance(),
            envp.expose_provenance(),
        )
    };
    failure(raw)
}

/// `execveat(2)` of the file `fd` itself (`AT_EMPTY_PATH`); returns only when it
/// failed.
///
/// # Safety
///
/// As [`execve`].
pub(crate) unsafe fn fexecve(
    fd: BorrowedFd<'_>,
    argv: *const *const c_char,
    envp: *const *const c_char,
) -> Errno {
    // SAFETY: the path is a C string, the lists are the caller's promise.
    let raw = unsafe {
        arch::syscall5(
            __NR_execveat as usize,
            fd.as_raw_fd() as usize,
            c"".as_ptr().expose_provenance(),
            argv.expose_provenance(),
            envp.expose_provenance(),
            AT_EMPTY_PATH as usize,
        )
    };
    failure(raw)
}

/// `execveat(2)` of `path`, relative to `directory`; returns only when it failed.
///
/// # Safety
///
/// As [`execve`].
pub(crate) unsafe fn execveat(
    directory: BorrowedFd<'_>,
    path: &CStr,
    argv: *const *const c_char,
    envp: *const *const c_char,
) -> Errno {
    // SAFETY: the path is a C string, the lists are the caller's promise.
    let raw = unsafe {
        arch::syscall5(
            __NR_execveat as usize,
            directory.as_raw_fd() as usize,
            path.as_ptr().expose_provenance(),
            argv.expose_provenance(),
            envp.expose_provenance(),
            0,
        )
    };
    failure(raw)
}

fn failure(raw: usize) -> Errno {
    match check(raw) {
        Err(errno) => errno,
        // A successful exec does not return.
        Ok(_) => Errno::NOSYS,
    }
}

/// `exit_group(2)`: ends the whole process.
pub(crate) fn exit_group(status: i32) -> ! {
    loop {
        // SAFETY: the call ends the process and touches no memory.
        unsafe { arch::syscall1(__NR_exit_group as usize, status as usize) };
    }
}

/// The part of `siginfo_t` that `waitid` fills in, in a structure of its size.
#[repr(C)]
struct SigInfo {
    si_signo: i32,
    si_errno: i32,
    si_code: i32,
    _gap: i32,
    si_pid: i32,
    si_uid: u32,
    si_status: i32,
    _unused: MaybeUninit<[i32; 25]>,
}

const_assert_eq!(size_of::<SigInfo>(), 128);
const_assert_eq!(offset_of!(SigInfo, si_code), 8);
const_assert_eq!(offset_of!(SigInfo, si_pid), 16);
const_assert_eq!(offset_of!(SigInfo, si_uid), 20);
const_assert_eq!(offset_of!(SigInfo, si_status), 24);

/// What `waitid` says of a child.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChildInfo {
    pub(crate) pid: Pid,
    pub(crate) uid: u32,
    /// `CLD_*`.
    pub(crate) code: i32,
    pub(crate) status: i32,
}

/// Which children a `waitid` is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WaitId<'fd> {
    All,
    Pid(Pid),
    /// `None`: the caller's own group.
    Pgid(Option<Pid>),
    Pidfd(BorrowedFd<'fd>),
}

/// `waitid(2)` without the resource usage. `None` where `WNOHANG` found nothing.
pub(crate) fn waitid(who: WaitId<'_>, options: u32) -> Result<Option<ChildInfo>> {
    let (kind, id) = match who {
        WaitId::All => (P_ALL, 0),
        WaitId::Pid(pid) => (P_PID, number(pid).or(Err(Errno::CHILD))?),
        WaitId::Pgid(pid) => (P_PGID, number_or_zero(pid).or(Err(Errno::CHILD))?),
        WaitId::Pidfd(fd) => (P_PIDFD, fd.as_raw_fd()),
    };
    let mut info = SigInfo {
        si_signo: 0,
        si_errno: 0,
        si_code: 0,
        _gap: 0,
        si_pid: 0,
        si_uid: 0,
        si_status: 0,
        _unused: MaybeUninit::uninit(),
    };
    // SAFETY: the kernel writes at most one siginfo_t, whose size this has, and any
    // numbers will do.
    let raw = unsafe {
        arch::syscall5(
            __NR_waitid as usize,
            kind as usize,
            id as usize,
            core::ptr::from_mut(&mut info).expose_provenance(),
            options as usize,
            0,
        )
    };
    check(raw)?;
    Ok(Pid::from_raw(info.si_pid).map(|pid| ChildInfo {
        pid,
        uid: info.si_uid,
        code: info.si_code,
        status: info.si_status,
    }))
}
