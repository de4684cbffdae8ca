//! What a test needs that not every system or user has. It asks, and says what is absent.

use core::fmt::Arguments;

/// Says in one line why a test, or a part of it, does not run here. Past the harness, which
/// shows what a test prints only where that fails.
#[macro_export]
macro_rules! skipped {
    ($($reason:tt)*) => { $crate::support::needs::skipped(format_args!($($reason)*)) };
}

pub(crate) fn skipped(reason: Arguments<'_>) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a thread");
    let line = format!("skipped: {test}: {reason}\n");
    // In one piece beside other tests' lines, and in forked children without a lock.
    // SAFETY: the line is borrowed for the call.
    unsafe { libc::write(2, line.as_ptr().cast(), line.len()) };
}

/// The watcher over the tests ends what they leave, which comes to it if the kernel lets it:
/// qemu-user 7.2 refuses the call.
pub(crate) fn orphans() -> bool {
    let mut adopts = 0;
    // SAFETY: the number is borrowed for the call.
    let known = unsafe { libc::prctl(libc::PR_GET_CHILD_SUBREAPER, &raw mut adopts) } == 0;
    if !known {
        skipped!("orphans go to process 1 here, whoever asks for them");
    }
    known
}

/// Root alone can become another user.
pub(crate) fn root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        skipped!("only root can become another user");
    }
    root
}
