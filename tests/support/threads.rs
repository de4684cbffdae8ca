//! Processes whose first thread has ended while they go on, and threads with
//! descriptors of their own.

use core::panic::AssertUnwindSafe;
use std::fs;
use std::panic::catch_unwind;
use std::time::Instant;

use super::LIMIT;

/// In a peer's half: ends the first thread of the process, runs `body` in this one, and
/// ends the process.
pub(crate) fn without_first_thread(body: impl FnOnce()) -> ! {
    let result = catch_unwind(AssertUnwindSafe(|| {
        end_first_thread();
        body();
    }));
    // Nobody waits for this thread any more.
    // SAFETY: ends the process without handlers.
    unsafe { libc::_exit(i32::from(result.is_err())) }
}

/// The harness' own thread: it waits for the test, and can be interrupted.
fn end_first_thread() {
    extern "C" fn end(_: libc::c_int) {
        // SAFETY: ends only the thread that runs this, which holds no lock.
        unsafe { libc::syscall(libc::SYS_exit, 0) };
    }
    let handler: extern "C" fn(libc::c_int) = end;
    // SAFETY: the handler only makes a system call.
    let before = unsafe { libc::signal(libc::SIGUSR2, handler as libc::sighandler_t) };
    assert_ne!(before, libc::SIG_ERR);
    let process = std::process::id() as libc::pid_t;
    // SAFETY: no memory is involved.
    let sent = unsafe { libc::syscall(libc::SYS_tgkill, process, process, libc::SIGUSR2) };
    assert_eq!(sent, 0);
    let begin = Instant::now();
    let has_ended = || {
        let status = fs::read_to_string(format!("/proc/{process}/status")).expect("its status");
        status.lines().any(|line| line.starts_with("State:\tZ"))
    };
    while !has_ended() {
        assert!(begin.elapsed() < LIMIT, "the first thread does not end");
        std::thread::yield_now();
    }
}

/// Gives this thread a table of descriptors of its own.
pub(crate) fn own_descriptors() {
    // SAFETY: no memory is involved; what it has open it still has.
    assert_eq!(unsafe { libc::unshare(libc::CLONE_FILES) }, 0);
}
