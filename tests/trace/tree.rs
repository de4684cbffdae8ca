//! Whole trees of processes and threads, followed by one loop.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicU32, Ordering};
use std::collections::{HashMap, HashSet};

use rawipc::process::{self, Fork, State, WaitFlags};
use rawipc::trace::{
    self, Event, Options, Phase, Refused, Report, Slot, Stop, Stopped, Tracer, Trap,
};
use rawipc::{Errno, Pid, Signal, signal};
use support::tracee::{Stack, child, killed_by, next, reap_orphans, seized_running, thread};
use support::{LeakCheck, Peer, PeerArgs};

/// Runs `half` in a process of its own, to which orphans fall, so that none is left.
#[track_caller]
fn alone(test: &str, half: impl FnOnce()) {
    let _check = LeakCheck::begin();
    if PeerArgs::role("alone").is_none() {
        Peer::start(test, "alone", &[]).finish();
        return;
    }
    // SAFETY: no memory is involved.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
    half();
    // Whose parent did not live to take their ends.
    reap_orphans();
}

/// Forks in a tracee.
fn fork_in_child(body: impl FnOnce() -> i32) -> Pid {
    // SAFETY: what the tests give only makes system calls, then exits.
    match unsafe { process::fork() } {
        Ok(Fork::Child) => process::exit(body()),
        Ok(Fork::Parent(pid)) => pid,
        Err(_) => process::exit(104),
    }
}

/// Waits for all children, in a tracee: how many there were.
fn reap_all() -> i32 {
    let mut count = 0;
    while process::wait(process::Children::Any, WaitFlags::EXITED | WaitFlags::ALL).is_ok() {
        count += 1;
    }
    count
}

fn call_getppid() {
    // SAFETY: no memory is involved.
    unsafe { libc::syscall(libc::SYS_getppid) };
}

/// What a loop saw.
#[derive(Default)]
struct Seen {
    new: HashSet<Pid>,
    /// Who was announced by whom.
    made: HashMap<Pid, Pid>,
    ended: HashMap<Pid, State>,
    execs: Vec<(Pid, Pid)>,
    syscalls: usize,
    /// Who stands in a system call.
    inside: HashSet<Pid>,
}

impl Seen {
    /// Takes note of a stop, and says with which signal to go on.
    fn note(&mut self, stopped: &Stopped) -> Option<Signal> {
        let tid = stopped.tid();
        match stopped.stop() {
            Stop::New => assert!(self.new.insert(tid), "{tid:?} is new twice"),
            Stop::Event(Event::Fork(made) | Event::Vfork(made) | Event::Clone(made)) => {
                assert_eq!(self.made.insert(made, tid), None);
            }
            Stop::Event(Event::Exec { former }) => {
                // The call's exit is the new number's.
                if self.inside.remove(&former) {
                    self.inside.insert(tid);
                }
                self.execs.push((tid, former));
            }
            Stop::Syscall(syscall) => match syscall.phase {
                Phase::Entry(_) => {
                    self.syscalls += 1;
                    assert!(self.inside.insert(tid), "{tid:?} enters twice");
                }
                Phase::Exit(_) => {
                    // A new one begins with the exit of the call that made it, unless
                    // it is another call's.
                    let _ = self.inside.remove(&tid);
                }
                other => panic!("{other:?}"),
            },
            Stop::Trap => {
                assert_eq!(stopped.trap(), Ok(Some(Trap::Sent)));
                return Some(Signal::TRAP);
            }
            Stop::Signal(Signal::STOP) => return None,
            _ => return stopped.signal(),
        }
        None
    }

    /// Follows all to their ends.
    fn follow(&mut self, tracer: &mut Tracer<'_>, calls: bool) {
        while let Some(report) = tracer.wait().unwrap() {
            match report {
                Report::Ended(ended) => {
                    assert_eq!(self.ended.insert(ended.tid, ended.state), None);
                    self.inside.remove(&ended.tid);
                }
                Report::Stopped(stopped) => {
                    let signal = self.note(&stopped);
                    if let Some(&(tid, former)) = self.execs.last() {
                        assert!(tid == former || tracer.tids().all(|tid| tid != former));
                    }
                    if calls {
                        stopped.syscall(signal).unwrap();
                    } else {
                        stopped.cont(signal).unwrap();
                    }
                }
            }
        }
        assert_eq!(tracer.tids().count(), 0);
    }
}

#[test]
fn tracer_follows_two_forks() {
    alone(test_name!(), || {
        let (_guard, running) = seized_running(Options::FOLLOW, || {
            // An orphan falls to this one.
            // SAFETY: no memory is involved.
            unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
            fork_in_child(|| {
                fork_in_child(|| 3);
                2
            });
            reap_all()
        });
        let first = running.tid();
        let mut slots = [Slot::EMPTY; 8];
        let mut tracer = Tracer::new(&mut slots);
        tracer.add(running).unwrap();
        assert_eq!(tracer.tids().collect::<Vec<_>>(), [first]);
        let mut seen = Seen::default();
        seen.follow(&mut tracer, false);
        let states: Vec<State> = seen.ended.values().copied().collect();
        assert_eq!(states.len(), 3);
        for state in [2, 3].map(State::Exited) {
            assert_eq!(
                states.iter().filter(|&&other| other == state).count(),
                1 + usize::from(state == State::Exited(2))
            );
        }
        assert_eq!(seen.ended[&first], State::Exited(2));
        assert_eq!(seen.new, seen.made.keys().copied().collect());
        assert_eq!(seen.new.len(), 2);
        // Each the next one's maker.
        let makers: HashSet<Pid> = seen.made.values().copied().collect();
        assert!(makers.contains(&first) && makers.len() == 2);
    });
}

#[test]
fn children_of_attached_tracee_are_new() {
    alone(test_name!(), || {
        let guard = child(|| {
            if trace::traceme().is_err() {
                return 105;
            }
            let _ = signal::raise(Signal::STOP);
            for _ in 0..20 {
                fork_in_child(|| {
                    // Its own, and not the one that it begins with.
                    let _ = signal::raise(Signal::STOP);
                    1
                });
            }
            reap_all()
        });
        let mut slots = [Slot::EMPTY; 32];
        let mut tracer = Tracer::new(&mut slots);
        let options = Options::FOLLOW | Options::KILL_ON_EXIT;
        tracer.add(trace::adopt(guard.pid, options)).unwrap();
        let mut seen = Seen::default();
        let mut own_stops = 0;
        while let Some(report) = tracer.wait().unwrap() {
            if let Report::Stopped(stopped) = report {
                own_stops += usize::from(stopped.stop() == Stop::Signal(Signal::STOP));
                let signal = seen.note(&stopped);
                stopped.cont(signal).unwrap();
            }
        }
        assert_eq!((seen.new.len(), own_stops), (20, 21));
    });
}

/// How many threads of a child are done.
static DONE: AtomicU32 = AtomicU32::new(0);

extern "C" fn make_calls(count: *mut c_void) -> c_int {
    for _ in 0..count.addr() {
        call_getppid();
    }
    DONE.fetch_add(1, Ordering::Relaxed);
    0
}

const THREADS: u32 = 5;

#[test]
fn tracer_follows_threads_and_their_calls() {
    alone(test_name!(), || {
        let mut stacks: Vec<_> = (0..THREADS).map(|_| Stack::boxed()).collect();
        let (_guard, running) = seized_running(Options::FOLLOW, || {
            for stack in &mut stacks {
                // SAFETY: the stack is for this thread alone.
                unsafe { thread(stack, make_calls, 40) };
            }
            while DONE.load(Ordering::Relaxed) < THREADS {
                // SAFETY: no memory is involved.
                unsafe { libc::sched_yield() };
            }
            21
        });
        let first = running.tid();
        let mut slots = [Slot::EMPTY; 8];
        let mut tracer = Tracer::new(&mut slots);
        tracer.add(running).unwrap();
        let mut seen = Seen::default();
        seen.follow(&mut tracer, true);
        assert_eq!(seen.new.len(), THREADS as usize);
        assert!(seen.made.values().all(|&maker| maker == first));
        assert_eq!(seen.ended.len(), 1 + THREADS as usize);
        assert_eq!(seen.ended[&first], State::Exited(21));
        assert!(seen.syscalls > 40 * THREADS as usize, "{}", seen.syscalls);
    });
}

extern "C" fn execute(_: *mut c_void) -> c_int {
    let arguments = [c"true".as_ptr(), core::ptr::null()];
    // SAFETY: C strings, and null at the end.
    unsafe { libc::execv(c"/bin/true".as_ptr(), arguments.as_ptr()) };
    1
}

#[test]
fn exec_by_thread_takes_the_processs_number() {
    alone(test_name!(), || {
        for calls in [false, true] {
            let mut stacks = [Stack::boxed(), Stack::boxed()];
            let (_guard, running) = seized_running(Options::FOLLOW, || {
                let [first, second] = &mut stacks;
                // SAFETY: the stack is for this thread alone.
                unsafe { thread(first, make_calls, usize::MAX) };
                // SAFETY: the stack is for this thread alone.
                unsafe { thread(second, execute, 0) };
                loop {
                    // SAFETY: no memory is involved.
                    unsafe { libc::pause() };
                }
            });
            let first = running.tid();
            let mut slots = [Slot::EMPTY; 8];
            let mut tracer = Tracer::new(&mut slots);
            tracer.add(running).unwrap();
            let mut seen = Seen::default();
            seen.follow(&mut tracer, calls);
            // The other thread may be gone before it has begun.
            assert!((1..=2).contains(&seen.new.len()));
            let [(tid, former)] = seen.execs[..] else {
                panic!("{:?}", seen.execs);
            };
            assert_eq!(tid, first);
            assert!(seen.new.contains(&former) && former != first);
            // The end of the one that executed is not its own any more.
            assert_eq!(seen.ended.len(), 2);
            assert_eq!(seen.ended[&first], State::Exited(0));
            assert!(!seen.ended.contains_key(&former));
        }
    });
}

#[test]
fn hundreds_of_ends_at_once_are_reported() {
    alone(test_name!(), || {
        const CHILDREN: i32 = 250;
        // With room for all, and for few.
        for (room, all) in [(CHILDREN as usize + 1, true), (3, false), (0, false)] {
            let (_guard, running) = seized_running(Options::FOLLOW, || {
                for _ in 0..CHILDREN {
                    fork_in_child(|| 1);
                }
                i32::from(reap_all() == CHILDREN)
            });
            let first = running.tid();
            let mut slots = vec![Slot::EMPTY; room];
            let mut tracer = Tracer::new(&mut slots);
            match tracer.add(running) {
                Ok(()) => assert!(room > 0),
                Err(Refused { tracee, errno }) => {
                    assert_eq!((room, errno), (0, Errno::NOSPC));
                    assert_eq!(tracee.tid(), first);
                }
            }
            let mut ended = 0;
            let mut new = 0;
            while let Some(report) = tracer.wait().unwrap() {
                match report {
                    Report::Ended(end) => {
                        assert_eq!(end.state, State::Exited(1));
                        ended += 1;
                    }
                    Report::Stopped(stopped) => {
                        new += usize::from(stopped.stop() == Stop::New);
                        assert!(tracer.tids().count() <= room);
                        let signal = match stopped.stop() {
                            Stop::Signal(Signal::STOP) => None,
                            _ => stopped.signal(),
                        };
                        stopped.cont(signal).unwrap();
                    }
                }
            }
            assert_eq!(ended, 1 + CHILDREN);
            assert!(new <= CHILDREN as usize);
            if all {
                assert_eq!(new, CHILDREN as usize);
            }
        }
    });
}

#[test]
fn tracees_killed_at_their_beginning_end() {
    alone(test_name!(), || {
        let (_guard, running) = seized_running(Options::FOLLOW | Options::EXIT, || {
            for _ in 0..200 {
                let new = fork_in_child(|| 1);
                let _ = rustix::process::kill_process(new, Signal::KILL);
            }
            i32::from(reap_all() == 200)
        });
        let first = running.tid();
        let mut slots = [Slot::EMPTY; 256];
        let mut tracer = Tracer::new(&mut slots);
        tracer.add(running).unwrap();
        let mut seen = Seen::default();
        seen.follow(&mut tracer, false);
        assert_eq!(seen.ended.remove(&first), Some(State::Exited(1)));
        assert_eq!(seen.ended.len(), 200);
        // Some are done before.
        let expected = [killed_by(Signal::KILL), State::Exited(1)];
        assert!(seen.ended.values().all(|state| expected.contains(state)));
    });
}

/// Makes threads and children that never end.
fn endless(stacks: &mut [Box<Stack>]) -> i32 {
    for stack in stacks {
        // SAFETY: the stack is for this thread alone.
        unsafe { thread(stack, make_calls, usize::MAX) };
    }
    loop {
        fork_in_child(|| {
            // SAFETY: no memory is involved.
            unsafe { libc::pause() };
            1
        });
        if DONE.fetch_add(1, Ordering::Relaxed) == 10 {
            // SAFETY: no memory is involved.
            unsafe { libc::pause() };
        }
    }
}

#[test]
fn kill_all_leaves_no_tracee() {
    alone(test_name!(), || {
        for stops in [0, 1, 5, 20, 60] {
            let mut stacks: Vec<_> = (0..3).map(|_| Stack::boxed()).collect();
            let options = Options::FOLLOW | Options::EXIT;
            let (_guard, running) = seized_running(options, || endless(&mut stacks));
            let first = running.tid();
            let mut slots = [Slot::EMPTY; 32];
            let mut tracer = Tracer::new(&mut slots);
            tracer.add(running).unwrap();
            for _ in 0..stops {
                match tracer.wait().unwrap() {
                    Some(Report::Stopped(stopped)) => {
                        let signal = match stopped.stop() {
                            Stop::Signal(Signal::STOP) => None,
                            _ => stopped.signal(),
                        };
                        stopped.syscall(signal).unwrap();
                    }
                    other => panic!("{other:?}"),
                }
            }
            tracer.kill_all().unwrap();
            assert_eq!(tracer.tids().count(), 0);
            assert!(tracer.wait().unwrap().is_none());
            assert!(tracer.try_wait().unwrap().is_none());
            let gone = trace::seize(first, Options::empty());
            assert_eq!(gone.err(), Some(Errno::SRCH));
        }
    });
}

#[test]
fn detach_all_leaves_no_tracee() {
    alone(test_name!(), || {
        let (wait_here, hold) =
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).expect("a pipe");
        let (guard, running) = seized_running(Options::FOLLOW, || {
            for _ in 0..4 {
                fork_in_child(|| match rustix::io::read(&wait_here, &mut [0; 1]) {
                    Ok(1) => 0,
                    _ => 1,
                });
            }
            let mut good = 0;
            while let Ok(change) = process::wait(process::Children::Any, WaitFlags::EXITED) {
                good += i32::from(change.state.is_success());
            }
            good
        });
        let mut slots = [Slot::EMPTY; 8];
        let mut tracer = Tracer::new(&mut slots);
        tracer.add(running).unwrap();
        let mut new = 0;
        while new < 4 {
            let Some(Report::Stopped(stopped)) = tracer.wait().unwrap() else {
                panic!("it does not end yet");
            };
            new += usize::from(stopped.stop() == Stop::New);
            stopped.syscall(None).unwrap();
        }
        tracer.detach_all().unwrap();
        assert_eq!(tracer.tids().count(), 0);
        rustix::io::write(&hold, &[1; 4]).unwrap();
        let end = process::wait(guard.pid, WaitFlags::EXITED).unwrap();
        assert_eq!(end.state, State::Exited(4));
    });
}

#[test]
fn single_tracee_is_waited_for_beside_a_tracer() {
    alone(test_name!(), || {
        let (_guard, running) = seized_running(Options::empty(), || 1);
        let mut slots = [Slot::EMPTY; 2];
        let mut tracer = Tracer::new(&mut slots);
        let tid = running.tid();
        tracer.add(running).unwrap();
        let Some(Report::Stopped(stopped)) = tracer.wait().unwrap() else {
            panic!("it stops itself");
        };
        let stopped = next(stopped.syscall(None).unwrap());
        assert!(matches!(stopped.stop(), Stop::Syscall(_)));
        let ended = stopped.cont(None).unwrap().wait_end().unwrap();
        assert_eq!((ended.tid, ended.state), (tid, State::Exited(1)));
        tracer.forget(tid);
        assert_eq!(tracer.tids().count(), 0);
        assert!(tracer.wait().unwrap().is_none());
    });
}
