//! Who can wait for what where a thread of the process traces: nobody's wait takes a
//! tracee's stop unasked.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use core::time::Duration;
use std::sync::mpsc::channel;

use rawipc::process::exec::{List, Strings};
use rawipc::process::{self, Children, Command, State, WaitFlags};
use rawipc::trace::{self, Options, Running, Stop};
use rawipc::{Deadline, Errno, Pid, Signal};
use support::alone::alone;
use support::tracee::{Guard, child, end, killed_by, next, seized_running};

/// A tracee whose first stop is there and was not waited for.
fn stands_unseen() -> (Guard, Running) {
    let (guard, running) = seized_running(Options::empty(), || 7);
    let look = WaitFlags::STOPPED | WaitFlags::PEEK;
    let seen = process::wait(guard.pid, look).unwrap();
    assert!(matches!(seen.state, State::Trapped(_)));
    (guard, running)
}

/// A child of this thread that has ended, and was not waited for.
fn has_exited(status: i32) -> Guard {
    let guard = child(|| status);
    process::wait(guard.pid, WaitFlags::EXITED | WaitFlags::PEEK).unwrap();
    guard
}

/// Those of which one is the tracee.
///
/// Whether others are told of while its stop is there: where the kernel lists children.
fn all_ways(tracee: Pid) -> [(Children<'static>, bool); 3] {
    let listed = std::path::Path::new("/proc/thread-self/children").exists();
    if !listed {
        eprintln!("skipped in part: this kernel does not list children in /proc");
    }
    [
        (Children::Any, listed),
        (Children::OwnGroup, listed),
        (tracee.into(), false),
    ]
}

#[test]
fn wait_of_another_thread_leaves_a_stop_to_the_tracer() {
    alone(test_name!(), || {
        for way in 0..3 {
            let (is_there, see) = channel();
            let (go_on, may_go_on) = channel();
            let tracer = std::thread::spawn(move || {
                let (guard, running) = stands_unseen();
                is_there.send(guard.pid).unwrap();
                may_go_on.recv().unwrap();
                let stopped = next(running);
                assert_eq!(stopped.stop(), Stop::Signal(Signal::STOP));
                assert_eq!(end(stopped.cont(None).unwrap()), State::Exited(7));
            });
            let tracee = see.recv().unwrap();
            let (children, among_others) = all_ways(tracee)[way];
            for flags in [
                WaitFlags::EXITED,
                WaitFlags::EXITED | WaitFlags::PEEK,
                WaitFlags::EXITED | WaitFlags::CONTINUED | WaitFlags::ALL,
            ] {
                assert_eq!(
                    process::try_wait(children, flags),
                    Err(Errno::AGAIN),
                    "{flags:?}"
                );
            }
            if among_others {
                // What the thread has itself is told, although the stop is there still.
                let own = has_exited(3);
                let change = process::wait(children, WaitFlags::EXITED).unwrap();
                assert_eq!((change.pid, change.state), (own.pid, State::Exited(3)));
            }
            go_on.send(()).unwrap();
            tracer.join().unwrap();
        }
    });
}

#[test]
fn wait_of_the_tracer_leaves_a_stop_to_its_trace() {
    alone(test_name!(), || {
        let (guard, running) = stands_unseen();
        let flags = WaitFlags::EXITED | WaitFlags::NO_THREAD;
        for (children, among_others) in all_ways(guard.pid) {
            assert_eq!(process::try_wait(children, flags), Err(Errno::AGAIN));
            if among_others {
                let own = has_exited(3);
                let change = process::wait(children, flags).unwrap();
                assert_eq!((change.pid, change.state), (own.pid, State::Exited(3)));
            }
        }
        let stopped = next(running);
        assert_eq!(stopped.stop(), Stop::Signal(Signal::STOP));
        assert_eq!(end(stopped.cont(None).unwrap()), State::Exited(7));
    });
}

#[test]
fn wait_with_deadline_leaves_a_stop_to_the_tracer() {
    alone(test_name!(), || {
        let (guard, running) = stands_unseen();
        let soon = Deadline::after(Duration::from_millis(20));
        let late = process::wait_until(guard.pid, soon);
        assert_eq!(late, Err(Errno::TIMEDOUT));
        let stopped = next(running);
        assert_eq!(stopped.stop(), Stop::Signal(Signal::STOP));
        let _ = stopped.cont(None).unwrap();
        let end = process::wait_until(&guard.pidfd, Deadline::Never).unwrap();
        assert_eq!(end.state, State::Exited(7));
    });
}

#[test]
fn wait_for_a_tracee_that_stands_ends_when_it_is_killed() {
    alone(test_name!(), || {
        let (guard, running) = stands_unseen();
        let waiting = guard.pid;
        let waiter = std::thread::spawn(move || process::wait(waiting, WaitFlags::EXITED));
        guard.kill();
        let state = waiter.join().unwrap().unwrap().state;
        assert_eq!(state, killed_by(Signal::KILL));
        // Who waits first gets the end.
        assert_eq!(running.wait().unwrap_err().errno, Errno::CHILD);
    });
}

#[test]
fn wait_that_asks_for_stops_gets_that_of_a_tracee() {
    alone(test_name!(), || {
        let (guard, running) = stands_unseen();
        let flags = WaitFlags::EXITED | WaitFlags::STOPPED;
        let change = process::wait(Children::Any, flags).unwrap();
        assert_eq!(change.pid, guard.pid);
        assert!(matches!(change.state, State::Trapped(_)));
        assert_eq!(running.try_wait().unwrap_err().errno, Errno::AGAIN);
    });
}

#[test]
fn start_of_a_program_that_another_thread_traces_does_not_wait_for_its_end() {
    alone(test_name!(), || {
        let pipe = || rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        let ((see, tell), (wait_here, go_on)) = (pipe(), pipe());
        let tracer = std::thread::spawn(move || {
            let mut number = [0; 4];
            rustix::io::read(&see, &mut number).unwrap();
            let child = Pid::from_raw(i32::from_ne_bytes(number)).unwrap();
            let running = trace::seize(child, Options::KILL_ON_EXIT).unwrap();
            rustix::io::write(&go_on, &[1]).unwrap();
            running.wait_end().unwrap().state
        });
        let prepare = || {
            let own = rustix::process::getpid().as_raw_pid();
            rustix::io::write(&tell, &own.to_ne_bytes())?;
            rustix::io::read(&wait_here, &mut [0; 1])?;
            Ok(())
        };
        let arguments = List::of([c"sleep", c"1000"]);
        let command = Command::path(c"/bin/sleep", &arguments, Strings::EMPTY);
        let command = command.parent_death_signal(Signal::KILL);
        // SAFETY: it only makes system calls.
        let command = unsafe { command.prepare(&prepare) };
        let spawned = command.spawn().unwrap();
        spawned.pidfd.send_signal(Signal::KILL).unwrap();
        assert_eq!(tracer.join().unwrap(), killed_by(Signal::KILL));
    });
}
