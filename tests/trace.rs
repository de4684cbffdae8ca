//! Threads traced: every kind of stop, every event, every request, and what happens
//! when the tracee or the tracer is killed.

mod support;

use core::arch::global_asm;
use std::os::fd::AsRawFd;

use rawipc::process::{self, Fork, State};
use rawipc::trace::{self, Error, Options, Report, Running, Stop, Stopped, Trap};
use rawipc::{Errno, Pid, Signal, signal};
use support::LeakCheck;

/// Kills and reaps a child when dropped, whoever traces it and whatever it stands at.
struct Guard(Pid);

impl Drop for Guard {
    fn drop(&mut self) {
        let pid = self.0.as_raw_pid();
        // SAFETY: no memory is involved. The child is reaped nowhere else while its
        // guard lives but in this thread; then there is no such child any more.
        unsafe { libc::kill(pid, libc::SIGKILL) };
        loop {
            let mut status = 0;
            // SAFETY: the status is borrowed for the call.
            let got = unsafe { libc::waitpid(pid, &raw mut status, libc::__WALL) };
            if got == pid && libc::WIFSTOPPED(status) {
                // SAFETY: no memory is involved.
                unsafe { libc::ptrace(libc::PTRACE_CONT, pid, 0, 0) };
            } else if got == pid
                || std::io::Error::last_os_error().raw_os_error() != Some(libc::EINTR)
            {
                return;
            }
        }
    }
}

/// Forks a child that exits with what `body` returns, which may only use the crate.
fn child(body: impl FnOnce() -> i32) -> Guard {
    // SAFETY: what the tests give only makes system calls, then exits.
    match unsafe { process::fork() }.expect("another process") {
        Fork::Child => {
            let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
            process::exit(body())
        }
        Fork::Parent(pid) => Guard(pid),
    }
}

/// A child that runs `body` once it is let go, seized with `options`, and stopped before
/// it by its own `SIGSTOP`.
#[track_caller]
fn seized(options: Options, body: impl FnOnce() -> i32) -> (Guard, Stopped) {
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
    let running = trace::seize(guard.0, options | Options::KILL_ON_EXIT).expect("to seize it");
    rustix::io::write(&hold, &[1]).expect("to let it go");
    let stopped = next(running);
    assert_eq!(stopped.stop(), Stop::Signal(Signal::STOP));
    (guard, stopped)
}

/// Where a tracee stands still next.
#[track_caller]
fn next(running: Running) -> Stopped {
    running
        .wait()
        .expect("to wait")
        .stopped()
        .expect("that it lives")
}

/// How a tracee ended, which does nothing else any more.
#[track_caller]
fn end(running: Running) -> State {
    let report = running.wait().expect("to wait");
    report.ended().expect("that it has ended")
}

#[cfg(target_arch = "x86_64")]
global_asm!(
    ".global rawipc_test_loop",
    ".global rawipc_test_loop_end",
    "rawipc_test_loop:",
    "mov ecx, 1000",
    "2: dec ecx",
    "jnz 2b",
    "rawipc_test_loop_end:",
    "ret",
);

#[cfg(target_arch = "aarch64")]
global_asm!(
    ".global rawipc_test_loop",
    ".global rawipc_test_loop_end",
    "rawipc_test_loop:",
    "mov w9, #1000",
    "2: subs w9, w9, #1",
    "b.ne 2b",
    "rawipc_test_loop_end:",
    "ret",
);

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
unsafe extern "C" {
    fn rawipc_test_loop();
    fn rawipc_test_loop_end();
}

#[test]
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn steps_of_a_loop_are_counted_exactly() {
    let _check = LeakCheck::begin();
    let (_guard, mut stopped) = seized(Options::empty(), || {
        // SAFETY: it changes a register that may be, and returns.
        unsafe { rawipc_test_loop() };
        9
    });
    let begin = rawipc_test_loop as *const () as u64;
    let end_of_loop = rawipc_test_loop_end as *const () as u64;
    let mut steps_inside = 0;
    loop {
        stopped = next(stopped.step(None).unwrap());
        assert_eq!(stopped.stop(), Stop::Trap);
        assert_eq!(stopped.trap(), Ok(Some(Trap::Step)));
        let pc = stopped.registers().unwrap().pc();
        if steps_inside > 0 || pc == begin {
            if pc == end_of_loop {
                break;
            }
            steps_inside += 1;
        }
    }
    // The first, and two each time round.
    assert_eq!(steps_inside, 2001);
    assert_eq!(end(stopped.cont(None).unwrap()), State::Exited(9));
}
