//! Process creation and replacement: `fork(2)`, `execve(2)`, `execveat(2)`,
//! `exit_group(2)`.

use core::ffi::{CStr, c_char};

use linux_raw_sys::general::{
    __NR_clone, __NR_execve, __NR_execveat, __NR_exit_group, AT_EMPTY_PATH, SIGCHLD,
};
use rustix::fd::{AsRawFd, BorrowedFd};

use super::check;
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
