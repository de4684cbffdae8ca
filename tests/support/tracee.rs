//! Children to be traced, of which nothing is left when a test fails.

use core::ffi::{c_int, c_void};
use std::os::fd::AsRawFd;
use std::time::Instant;

use rawipc::process::{self, Fork, Pidfd, pidfd};
use rawipc::trace::{self, Options, Report, Running, Stop, Stopped};
use rawipc::{Pid, Signal, signal};

use super::LIMIT;

/// A child, killed and reaped when dropped, whatever it stands at; its tracer may be the
/// thread that drops it, or none.
pub(crate) struct Guard {
    pub(crate) pid: Pid,
    /// Kills nobody else, whoever has reaped it.
    pub(crate) pidfd: Pidfd,
}

impl Guard {
    pub(crate) fn kill(&self) {
        let _ = self.pidfd.send_signal(Signal::KILL);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        while self.pidfd.send_signal(Signal::KILL).is_ok() {
            // It, or a thread or child of it that is traced too: the first thread's end
            // comes last.
            for pid in [self.pid.as_raw_pid(), -1] {
                let mut status = 0;
                let options = libc::__WALL | libc::__WNOTHREAD | libc::WNOHANG;
                // SAFETY: the status is borrowed for the call.
                let got = unsafe { libc::waitpid(pid, &raw mut status, options) };
                if got > 0 && libc::WIFSTOPPED(status) {
                    // SAFETY: no memory is involved.
                    unsafe { libc::ptrace(libc::PTRACE_CONT, got, 0, 0) };
                }
            }
            std::thread::yield_now();
        }
    }
}

/// Forks a child that exits with what `body` returns, which may only use the crate and
/// bare system calls.
#[track_caller]
pub(crate) fn child(body: impl FnOnce() -> i32) -> Guard {
    // SAFETY: what the tests give only makes system calls, then exits.
    match unsafe { process::fork() }.expect("another process") {
        Fork::Child => {
            let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
            process::exit(body())
        }
        Fork::Parent(pid) => Guard {
            pid,
            pidfd: pidfd::open(pid).expect("its descriptor"),
        },
    }
}

/// A child that runs `body` once it is seized with `options`; it is about to get its own
/// `SIGSTOP` when it is waited for.
#[track_caller]
pub(crate) fn seized_running(options: Options, body: impl FnOnce() -> i32) -> (Guard, Running) {
    let (wait_here, hold) =
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).expect("a pipe");
    let guard = child(|| {
        if rustix::io::read(&wait_here, &mut [0; 1]) != Ok(1) {
            return 100;
        }
        // SAFETY: the child's copies are not used in any other way.
        unsafe { rustix::io::close(wait_here.as_raw_fd()) };
        // SAFETY: as above.
        unsafe { rustix::io::close(hold.as_raw_fd()) };
        let _ = signal::raise(Signal::STOP);
        body()
    });
    let options = options | Options::KILL_ON_EXIT;
    let running = trace::seize(guard.pid, options).expect("to seize it");
    // By a byte, for other tests' children may have the descriptor too.
    rustix::io::write(&hold, &[1]).expect("to let it go");
    (guard, running)
}

/// As [`seized_running`], stopped by that signal.
#[track_caller]
pub(crate) fn seized(options: Options, body: impl FnOnce() -> i32) -> (Guard, Stopped) {
    let (guard, running) = seized_running(options, body);
    let stopped = next(running);
    assert_eq!(stopped.stop(), Stop::Signal(Signal::STOP));
    (guard, stopped)
}

/// Where a tracee stands still next.
#[track_caller]
pub(crate) fn next(running: Running) -> Stopped {
    stopped(running.wait().expect("to wait"))
}

#[track_caller]
pub(crate) fn stopped(report: Report) -> Stopped {
    report.stopped().expect("that it lives")
}

/// How a tracee ended, which has nothing else to report.
#[track_caller]
pub(crate) fn end(running: Running) -> process::State {
    let report = running.wait().expect("to wait");
    match &report {
        Report::Ended(ended) => ended.state,
        Report::Stopped(stopped) => panic!("it stopped: {:?}", stopped.stop()),
    }
}

pub(crate) fn killed_by(signal: Signal) -> process::State {
    process::State::Signalled {
        signal,
        core: false,
    }
}

/// A stack for a thread.
#[repr(align(16))]
pub(crate) struct Stack([u8; 32 << 10]);

impl Stack {
    pub(crate) fn boxed() -> Box<Self> {
        Box::new(Self([0; 32 << 10]))
    }
}

/// Makes a thread in a child that has only bare system calls, which runs `body` and ends.
///
/// # Safety
///
/// The stack must not be used for anything else; the body may only use the crate and
/// bare system calls.
pub(crate) unsafe fn thread(
    stack: &mut Stack,
    body: extern "C" fn(*mut c_void) -> c_int,
    argument: usize,
) -> i32 {
    let flags = libc::CLONE_VM
        | libc::CLONE_FS
        | libc::CLONE_FILES
        | libc::CLONE_SIGHAND
        | libc::CLONE_THREAD
        | libc::CLONE_SYSVSEM;
    let top = stack.0.as_mut_ptr_range().end.cast();
    // SAFETY: the stack is for it alone; the rest is the caller's promise.
    unsafe { libc::clone(body, top, flags, argument as *mut c_void) }
}

/// A call that [`calls_between_marks`] recognizes.
pub(crate) fn mark() {
    // SAFETY: no memory is involved.
    unsafe { libc::syscall(libc::SYS_getppid) };
}

/// Follows a tracee, which is itself a tracer perhaps, to its end, and returns that and how many
/// system calls it made between two calls of [`mark`].
#[track_caller]
pub(crate) fn calls_between_marks(mut at: Stopped) -> (process::State, usize) {
    let mut counts = [0; 3];
    let mut part = 0;
    let state = loop {
        let running = at.syscall(None).expect("to go on");
        at = match running.wait().expect("to wait") {
            Report::Stopped(at) => at,
            Report::Ended(ended) => break ended.state,
        };
        match at.stop() {
            Stop::Syscall(syscall) => match syscall.call() {
                Some(call) if call.number == libc::SYS_getppid as u64 => part += 1,
                Some(_) => counts[part] += 1,
                None => {}
            },
            // Of the child's stops.
            Stop::Signal(signal) => assert_eq!(signal, Signal::CHILD),
            other => panic!("{other:?}"),
        }
    };
    (state, counts[1])
}

/// Takes the ends of orphans, until there is none.
#[track_caller]
pub(crate) fn reap_orphans() {
    let begin = Instant::now();
    loop {
        // SAFETY: a null pointer for the status.
        match unsafe { libc::waitpid(-1, core::ptr::null_mut(), libc::__WALL | libc::WNOHANG) } {
            -1 => return,
            0 => assert!(begin.elapsed() < LIMIT, "a process is left"),
            _ => {}
        }
        std::thread::yield_now();
    }
}
