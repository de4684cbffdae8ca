//! For tests that fork: a process of its own for them, and children in that.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use rawipc::process::{self, Fork, State};
use rawipc::{Deadline, Pid, Signal};

use super::{LIMIT, LeakCheck, Peer, PeerArgs};

/// Runs `half` in a process of its own, in which nothing may be left behind either:
/// no zombie, no descriptor.
#[track_caller]
pub(crate) fn alone(test: &str, half: impl FnOnce()) {
    if PeerArgs::role("alone").is_some() {
        let _check = LeakCheck::begin();
        half();
        return;
    }
    let _check = LeakCheck::begin();
    Peer::start(test, "alone", &[]).finish();
}

/// What every forked child begins with: nothing is left of a test that fails, whatever it
/// had stopped.
pub(crate) fn die_with_parent() {
    if process::set_parent_death_signal(Some(Signal::KILL)).is_err() {
        process::exit(-1);
    }
}

/// Forks a child that exits with what `run` returns, which may only use the crate.
pub(crate) fn child(run: impl FnOnce() -> i32) -> Pid {
    // SAFETY: what the tests give only makes system calls, then exits.
    match unsafe { process::fork() }.expect("another process") {
        Fork::Child => {
            die_with_parent();
            process::exit(run())
        }
        Fork::Parent(pid) => pid,
    }
}

/// What the half of a [`checked_child`] returns: the line in which it failed.
pub(crate) type Half = Result<(), u32>;

/// In a [`Half`]: fails here unless it is so.
#[macro_export]
macro_rules! hold {
    ($condition:expr) => {
        if !$condition {
            return Err(line!());
        }
    };
}

/// In a [`Half`]: the value, or fails here.
#[macro_export]
macro_rules! get {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(_) => return Err(line!()),
        }
    };
}

/// What a child exits with in which something did not hold.
pub(crate) const FAILED: i32 = 99;

/// Forks a child that runs `half`, which may only use the crate, and says where that
/// failed.
pub(crate) fn checked_child(half: impl FnOnce() -> Half) -> Pid {
    child(|| match half() {
        Ok(()) => 0,
        Err(line) => {
            // SAFETY: standard error, which the harness keeps open.
            let stderr = unsafe { BorrowedFd::borrow_raw(2) };
            let line = rustix::path::DecInt::new(line);
            for part in [&b"a child failed in line "[..], line.as_bytes(), b"\n"] {
                let _ = rustix::io::write(stderr, part);
            }
            FAILED
        }
    })
}

/// For a child that is to be killed by what dumps its memory.
pub(crate) fn leave_no_core() {
    // Too little for any; as 1 also for a program that takes them.
    let none = rustix::process::Rlimit {
        current: Some(1),
        maximum: Some(1),
    };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
}

/// A child that does nothing until the returned descriptor is closed, and then
/// exits with `status`.
pub(crate) fn held_child(status: i32) -> (Pid, OwnedFd) {
    let (wait_here, hold) =
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).expect("a pipe");
    let pid = child(|| {
        // The parent's end must be the only one for its close to be seen.
        // SAFETY: the child's copy is not used in any other way.
        unsafe { rustix::io::close(hold.as_raw_fd()) };
        match rustix::io::read(&wait_here, &mut [0; 1]) {
            Ok(0) => status,
            _ => -1,
        }
    });
    (pid, hold)
}

/// What a child does that waits to be killed.
pub(crate) fn sleep_for_ever() -> ! {
    loop {
        let _ = rustix::event::poll(&mut [], None);
    }
}

#[track_caller]
pub(crate) fn end_of(child: Pid) -> State {
    let change = process::wait_until(child, Deadline::after(LIMIT)).expect("the child ends");
    assert_eq!(change.pid, child);
    change.state
}

pub(crate) fn killed_by(signal: Signal) -> State {
    State::Signalled {
        signal,
        core: false,
    }
}
