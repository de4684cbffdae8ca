//! Parting with all tracees at once: whom the kernel says that this thread traces, whatever
//! was announced and seen.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicU64, Ordering};
use std::fs;
use std::time::Instant;

use rawipc::process::{self, Fork, State, WaitFlags};
use rawipc::trace::{self, Options, Report, Slot, Stop, Tracer};
use rawipc::{Pid, Signal, signal};
use support::LIMIT;
use support::alone::alone;
use support::tracee::{Guard, child, killed_by, next, reap_orphans, seized, seized_running};

/// Steps that the children of a test have made, in memory that they share with it.
struct Steps(*const AtomicU64);

impl Steps {
    const SIZE: usize = 4096;

    fn new() -> Self {
        // SAFETY: a new mapping.
        let place = unsafe {
            libc::mmap(
                core::ptr::null_mut(),
                Self::SIZE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        assert_ne!(place, libc::MAP_FAILED);
        Self(place.cast())
    }

    /// That of the child with this number in the test.
    fn of(&self, index: usize) -> &AtomicU64 {
        assert!(index < Self::SIZE / size_of::<AtomicU64>());
        let place = self.0.wrapping_add(index);
        // SAFETY: in the mapping, aligned, and only used as atomics.
        unsafe { &*place }
    }

    /// Waits until the child makes steps.
    #[track_caller]
    fn go_on(&self, index: usize) {
        let begin = Instant::now();
        let from = self.of(index).load(Ordering::Relaxed);
        while self.of(index).load(Ordering::Relaxed) < from + 20 {
            assert!(begin.elapsed() < LIMIT, "the tracee {index} stands still");
            std::thread::yield_now();
        }
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        // SAFETY: the mapping that was made; nobody has a reference.
        unsafe { libc::munmap(self.0.cast_mut().cast(), Self::SIZE) };
    }
}

/// Makes steps for ever, in a child.
fn step_for_ever(steps: &AtomicU64) -> i32 {
    loop {
        steps.fetch_add(1, Ordering::Relaxed);
        // SAFETY: no memory is involved.
        unsafe { libc::sched_yield() };
    }
}

/// Those whom this thread traces, as the kernel says.
fn traced() -> Vec<String> {
    let own = format!(
        "TracerPid:\t{}\n",
        rustix::thread::gettid().as_raw_nonzero()
    );
    let mut found = Vec::new();
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(threads) = fs::read_dir(process.path().join("task")) else {
            continue;
        };
        for thread in threads.flatten() {
            let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
            if status.contains(&own) {
                found.push(thread.path().display().to_string());
            }
        }
    }
    found
}

/// A stack for a thread that does nothing.
#[repr(align(16))]
struct Stack([u8; 8 << 10]);

extern "C" fn end_at_once(_: *mut c_void) -> c_int {
    0
}

/// Makes children and threads for ever, which end at once, in a child that has children
/// that do so too.
fn grow(depth: u32, steps: &AtomicU64) -> i32 {
    let fork = |body: &dyn Fn() -> i32| {
        // SAFETY: the child only makes system calls, then exits.
        match unsafe { process::fork() } {
            Ok(Fork::Child) => {
                let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
                process::exit(body())
            }
            Ok(Fork::Parent(pid)) => pid,
            Err(_) => process::exit(104),
        }
    };
    if depth > 0 {
        for _ in 0..2 {
            fork(&|| grow(depth - 1, steps));
        }
    }
    let mut stack = Stack([0; 8 << 10]);
    let top: *mut c_void = stack.0.as_mut_ptr_range().end.cast();
    loop {
        let made = fork(&|| 0);
        let _ = process::wait(made, WaitFlags::EXITED);
        // Whoever makes it sleeps until it has ended.
        let flags = libc::CLONE_VM
            | libc::CLONE_VFORK
            | libc::CLONE_SIGHAND
            | libc::CLONE_THREAD
            | libc::CLONE_SYSVSEM;
        // SAFETY: the stack is not used by anybody else meanwhile.
        unsafe { libc::clone(end_at_once, top, flags, core::ptr::null_mut()) };
        steps.fetch_add(1, Ordering::Relaxed);
    }
}

/// Kills the group of processes of a child, when dropped.
struct Group(Pid);

impl Drop for Group {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process_group(self.0, Signal::KILL);
    }
}

/// A tree that grows, traced; none of it is left.
fn growing(steps: &Steps, options: Options) -> (Guard, Group, trace::Running) {
    let (guard, running) = seized_running(options, || {
        let _ = rustix::process::setpgid(None, None);
        grow(2, steps.of(0))
    });
    let group = Group(guard.pid);
    (guard, group, running)
}

/// Lets the tree make so many stops, the first of which is its own `SIGSTOP`.
fn follow(tracer: &mut Tracer<'_>, stops: usize) {
    for _ in 0..stops {
        let Some(Report::Stopped(stopped)) = tracer.wait().unwrap() else {
            continue;
        };
        let signal = match stopped.stop() {
            Stop::Signal(Signal::STOP) => None,
            _ => stopped.signal(),
        };
        stopped.cont(signal).unwrap();
    }
}

fn become_subreaper() {
    // SAFETY: no memory is involved.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
}

#[test]
fn detach_all_of_a_tree_that_grows_leaves_no_tracee_and_all_run_on() {
    alone(test_name!(), || {
        become_subreaper();
        for (stops, room) in [(1, 4), (5, 64), (40, 2), (300, 64), (1000, 4)] {
            let steps = Steps::new();
            let options = Options::FOLLOW | Options::EXIT | Options::VFORK_DONE;
            let (guard, group, running) = growing(&steps, options);
            let mut slots = vec![Slot::EMPTY; room];
            let mut tracer = Tracer::new(&mut slots);
            tracer.add(running).unwrap();
            follow(&mut tracer, stops);
            tracer.detach_all().unwrap();
            assert_eq!(traced(), [""; 0], "after {stops} stops");
            assert_eq!(tracer.tids().count(), 0);
            // Nobody was killed or stays stopped.
            let left = process::try_wait(guard.pid, WaitFlags::EXITED);
            assert_eq!(left, Err(rawipc::Errno::AGAIN));
            steps.go_on(0);
            drop(group);
            drop(guard);
            reap_orphans();
        }
    });
}

#[test]
fn kill_all_with_more_tracees_than_slots_ends() {
    alone(test_name!(), || {
        become_subreaper();
        for (stops, room) in [(0, 1), (30, 1), (200, 3), (1000, 3)] {
            let steps = Steps::new();
            let (guard, _group, running) = growing(&steps, Options::FOLLOW | Options::EXIT);
            let mut slots = vec![Slot::EMPTY; room];
            let mut tracer = Tracer::new(&mut slots);
            tracer.add(running).unwrap();
            follow(&mut tracer, stops);
            tracer.kill_all().unwrap();
            assert_eq!(traced(), [""; 0], "after {stops} stops");
            assert_eq!(tracer.tids().count(), 0);
            drop(guard);
            reap_orphans();
        }
    });
}

#[test]
fn kill_all_reaches_runners_without_slot() {
    alone(test_name!(), || {
        let steps = Steps::new();
        let guards: Vec<_> = (0..3)
            .map(|index| {
                let guard = child(|| step_for_ever(steps.of(index)));
                let _running = trace::seize(guard.pid, Options::KILL_ON_EXIT).unwrap();
                guard
            })
            .collect();
        let mut slots = [Slot::EMPTY; 1];
        Tracer::new(&mut slots).kill_all().unwrap();
        assert_eq!(traced(), [""; 0]);
        for guard in guards {
            let gone = process::try_wait(guard.pid, WaitFlags::EXITED);
            assert_eq!(gone, Err(rawipc::Errno::CHILD));
        }
    });
}

#[test]
fn parting_without_tracees_leaves_other_children_alone() {
    alone(test_name!(), || {
        let ended = child(|| 3);
        let look = WaitFlags::EXITED | WaitFlags::PEEK;
        process::wait(ended.pid, look).unwrap();
        let steps = Steps::new();
        let runs = child(|| step_for_ever(steps.of(0)));
        let mut slots = [Slot::EMPTY; 2];
        let mut tracer = Tracer::new(&mut slots);
        tracer.detach_all().unwrap();
        tracer.kill_all().unwrap();
        let end = process::wait(ended.pid, WaitFlags::EXITED).unwrap();
        assert_eq!(end.state, State::Exited(3));
        steps.go_on(0);
        drop(runs);
    });
}

#[test]
fn detach_all_of_seized_and_attached_leaves_none_stopped() {
    alone(test_name!(), || {
        let steps = Steps::new();
        let running = |index| child(|| step_for_ever(steps.of(index)));
        let guards = [running(0), running(1), running(2), running(3)];
        let options = Options::KILL_ON_EXIT;
        let mut slots = [Slot::EMPTY; 8];
        let mut tracer = Tracer::new(&mut slots);
        tracer
            .add(trace::seize(guards[0].pid, options).unwrap())
            .unwrap();
        // Runs, and cannot be interrupted.
        let attached = next(trace::attach(guards[1].pid, options).unwrap());
        tracer.add(attached.cont(None).unwrap()).unwrap();
        tracer
            .add(trace::seize(guards[2].pid, options).unwrap())
            .unwrap();
        // Has a stop that nobody has waited for.
        tracer
            .add(trace::attach(guards[3].pid, options).unwrap())
            .unwrap();
        tracer.detach_all().unwrap();
        assert_eq!(traced(), [""; 0]);
        for index in 0..guards.len() {
            steps.go_on(index);
        }
    });
}

#[test]
fn detach_all_lets_go_of_those_reported_and_not_resumed() {
    alone(test_name!(), || {
        let (guard, stopped) = seized(Options::empty(), || {
            let _ = signal::raise(Signal::TERM);
            4
        });
        let held = next(stopped.cont(None).unwrap());
        assert_eq!(held.stop(), Stop::Signal(Signal::TERM));
        let mut slots = [Slot::EMPTY; 1];
        Tracer::new(&mut slots).detach_all().unwrap();
        assert_eq!(traced(), [""; 0]);
        // With the signal that it was about to get.
        let end = process::wait(guard.pid, WaitFlags::EXITED).unwrap();
        assert_eq!(end.state, killed_by(Signal::TERM));
        assert_eq!(held.registers(), Err(trace::Error::Gone));
    });
}
