//! Numbers of processes and descriptors that mean something else to the kernel: they never
//! get there.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use crate::failed;
use crate::support;

use core::cell::Cell;
use core::mem::MaybeUninit;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rawipc::process::exec::{List, Strings};
use rawipc::process::{
    self, Children, CloneFlags, CloneOptions, Cloned, Command, Gid, State, Step, Uid, WaitFlags,
    compare, maps, memory, permission, pidfd,
};
use rawipc::signal::timer::{self, Clock, Notify};
use rawipc::signal::{self, Info, Payload, Recipient, Target, io};
use rawipc::socket::message::Outgoing;
use rawipc::trace::{self, Options, Phase, Report, Stop};
use rawipc::{Deadline, Errno, Pid, Signal, pipe};
use support::alone::{alone, child, end_of};
use support::filter::{Refusal, refuse};

/// What a kernel without a call is made to say.
const ABSENT: Refusal = Refusal {
    number: 0,
    argument: 0,
    mask: 0,
    value: 0,
    errno: libc::ENOSYS,
};

/// A `Pid` with any number but 0, as `from_raw` makes one where it does not assert.
fn pid(number: i32) -> Pid {
    assert_ne!(number, 0);
    // SAFETY: a number that is not 0, which is what it consists of.
    unsafe { core::mem::transmute::<i32, Pid>(number) }
}

/// Those that the kernel would read as everyone, as a group, as this very process or its
/// clocks, and as nothing.
fn numbers() -> impl Iterator<Item = Pid> {
    let own = rustix::process::getpid().as_raw_pid();
    let group = rustix::process::getpgrp().as_raw_pid();
    [-1, -2, -own, -group, i32::MIN, i32::MIN + 1]
        .into_iter()
        .map(pid)
}

/// Has `kill` of more than one process fail in a way that nothing else does, should it be
/// reached.
fn refuse_kill_of_many() -> bool {
    refuse(&[Refusal {
        number: libc::SYS_kill,
        argument: 0,
        mask: 1 << 31,
        value: 1 << 31,
        errno: libc::EXDEV,
    }])
}

#[test]
fn negative_number_is_no_process_to_any_function() {
    alone(test_name!(), || {
        std::thread::spawn(|| {
            if !refuse_kill_of_many() {
                skipped!("no filters of system calls");
                return;
            }
            // A group of its own, for what might reach that.
            numbers().for_each(assert_is_none);
        })
        .join()
        .unwrap();
    });
}

fn assert_is_none(none: Pid) {
    const NONE: rawipc::Result<()> = Err(Errno::SRCH);
    let own = rustix::process::getpid();
    let number = none.as_raw_pid();

    // Signals. CONT does nothing to whoever would get it.
    assert_eq!(signal::send(none, Signal::CONT), NONE, "{number}");
    assert_eq!(signal::probe(none), NONE, "{number}");
    assert_eq!(signal::send(Target::Group(none), Signal::CONT), NONE);
    for (process, thread) in [(none, own), (own, none), (none, none)] {
        let recipient = Recipient::Thread { process, thread };
        assert_eq!(signal::send(recipient, Signal::CONT), NONE);
        assert_eq!(
            signal::queue(recipient, Signal::CONT, Payload::default()),
            NONE
        );
    }
    let info = Info::queued(Signal::CONT, Payload::default());
    assert_eq!(signal::forward(none, &info), NONE);
    let (reader, _writer) = pipe::create(pipe::PipeFlags::empty()).unwrap();
    for owner in [
        io::Owner::Process(none),
        io::Owner::Thread(none),
        io::Owner::Group(none),
    ] {
        assert_eq!(io::set_owner(&reader, Some(owner)), NONE);
    }
    for clock in [
        Clock::ProcessTime(Some(none)),
        Clock::ThreadTime(Some(none)),
    ] {
        let made = timer::create(clock, Notify::Nobody).map(drop);
        assert_eq!(made, Err(Errno::INVAL), "{clock:?}");
    }
    let notify = Notify::Thread(none, Signal::CONT, Payload::default());
    let made = timer::create(Clock::Monotonic, notify).map(drop);
    assert_eq!(made, Err(Errno::INVAL));

    // Descriptors, and what is seen of a process.
    assert_eq!(pidfd::open(none).map(drop), NONE);
    assert_eq!(pidfd::open_thread(none).map(drop), NONE);
    assert_eq!(maps::open(none).map(drop), NONE);
    assert_eq!(memory::open(none, memory::Access::Read).map(drop), NONE);
    let mut byte = [0];
    let read = memory::of(none).read(memory::Address::of(&byte), &mut byte);
    assert_eq!(read.map(drop), NONE);
    assert_eq!(permission::explain(none).map(drop), NONE);
    for (one, other) in [(none, own), (own, none)] {
        let compared = compare::resource(one, other, compare::SharedResource::Memory);
        assert_eq!(compared.map(drop), NONE);
    }

    // Children.
    let none_to_wait_for = Err(Errno::CHILD);
    for children in [Children::from(none), Children::Group(none)] {
        let waited = process::try_wait(children, WaitFlags::EXITED | WaitFlags::ALL);
        assert_eq!(waited.map(drop), none_to_wait_for, "{number}");
    }
    assert_eq!(
        process::wait_until(none, Deadline::NOW).map(drop),
        Err(Errno::SRCH)
    );
    let args = List::of([c"true"]);
    let command = Command::path(c"/bin/true", &args, Strings::EMPTY);
    let error = command.process_group(none).spawn().unwrap_err();
    assert_eq!(error, failed(Step::ProcessGroup, Errno::SRCH));

    // Tracing.
    assert_eq!(trace::seize(none, Options::empty()).map(drop), NONE);
    assert_eq!(trace::attach(none, Options::empty()).map(drop), NONE);
    let running = trace::adopt(none, Options::empty());
    assert_eq!(running.kill(), Err(trace::Error::Gone));

    // Whom a message says that it is from.
    let mut credentials = rawipc::socket::message::Credentials::own();
    credentials.pid = Some(none);
    let encoded = Outgoing::new().credentials(credentials).encode();
    assert_eq!(encoded.map(drop), NONE);
}

/// A clock's number has fewer bits than a process's.
#[test]
fn number_too_large_for_a_clock_is_refused() {
    let own = rustix::process::getpid().as_raw_pid();
    for too_large in [own | 1 << 28, own | 1 << 29, own | 1 << 30, i32::MAX] {
        for clock in [
            Clock::ProcessTime(Some(pid(too_large))),
            Clock::ThreadTime(Some(pid(too_large))),
        ] {
            let made = timer::create(clock, Notify::Nobody).map(drop);
            assert_eq!(made, Err(Errno::INVAL), "{clock:?}");
        }
    }
    let own = Clock::ProcessTime(Some(pid(own)));
    timer::create(own, Notify::Nobody).unwrap();
}

#[test]
fn id_of_minus_one_is_no_user_or_group() {
    alone(test_name!(), || {
        let args = List::of([c"true"]);
        let command = Command::path(c"/bin/true", &args, Strings::EMPTY);
        let nobody = Uid::from_raw_unchecked(u32::MAX);
        assert_eq!(
            command.user(nobody).spawn().unwrap_err(),
            failed(Step::User, Errno::INVAL)
        );
        let nobody = Gid::from_raw_unchecked(u32::MAX);
        assert_eq!(
            command.group(nobody).spawn().unwrap_err(),
            failed(Step::Group, Errno::INVAL)
        );
    });
}

/// 0 is a descriptor as good as any.
#[test]
fn cgroup_by_descriptor_0_is_passed_on() {
    alone(test_name!(), || {
        let null = File::open("/dev/null").unwrap();
        let refused = |fd: &OwnedFd| {
            // SAFETY: the child only exits, should there be one.
            match unsafe { CloneOptions::new().cgroup(fd).fork() } {
                Ok(Cloned::Child) => process::exit(0),
                Ok(Cloned::Parent { pid, .. }) => panic!("made {pid:?}"),
                Err(errno) => errno,
            }
        };
        let expected = refused(&null.into());
        let first = child(|| {
            let Ok(null) = rustix::fs::open(
                c"/dev/null",
                rustix::fs::OFlags::RDONLY,
                rustix::fs::Mode::empty(),
            ) else {
                return 1;
            };
            // SAFETY: standard input, which the child alone uses.
            let mut zero = unsafe { <OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(0) };
            if rustix::io::dup2(&null, &mut zero).is_err() || zero.as_fd().as_raw_fd() != 0 {
                return 2;
            }
            // SAFETY: the child's child only exits, should there be one.
            let made = unsafe { CloneOptions::new().cgroup(&zero).fork() };
            core::mem::forget(zero);
            match made {
                Ok(Cloned::Child) => process::exit(0),
                Ok(Cloned::Parent { .. }) => 3,
                Err(errno) if errno == expected => 0,
                Err(_) => 4,
            }
        });
        assert_eq!(end_of(first), State::Exited(0));
    });
}

// --- a kernel that takes no notice of CLONE_PIDFD ---

/// What is tried there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Attempt {
    Fork,
    Vfork,
    Spawn,
}

/// Runs `run` in a child for which there is no clone3 and whose clone ignores
/// `CLONE_PIDFD`, as before Linux 5.2: with a tracer that takes it out. `without` are
/// calls that there are not either.
#[cfg(target_arch = "x86_64")]
fn on_an_old_kernel(without: &[libc::c_long], run: impl FnOnce() -> i32) -> State {
    let refusals: Vec<_> = [libc::SYS_clone3]
        .iter()
        .chain(without)
        .map(|&number| Refusal { number, ..ABSENT })
        .collect();
    let old = child(|| {
        if trace::traceme().is_err() || signal::raise(Signal::STOP).is_err() {
            return 90;
        }
        if !refuse(&refusals) {
            skipped!("no filters of system calls");
            return AS_EXPECTED;
        }
        run()
    });
    let mut report = trace::adopt(old, Options::KILL_ON_EXIT).wait().unwrap();
    loop {
        let stopped = match report {
            Report::Stopped(stopped) => stopped,
            Report::Ended(ended) => return ended.state,
        };
        let signal = match stopped.stop() {
            Stop::Syscall(call) => {
                if let Phase::Entry(call) = call.phase
                    && call.number == libc::SYS_clone as u64
                {
                    let mut registers = stopped.registers().unwrap();
                    let mut arguments = registers.syscall_arguments();
                    arguments[0] &= !(libc::CLONE_PIDFD as u64);
                    registers.set_syscall_arguments(arguments);
                    stopped.set_registers(&registers).unwrap();
                }
                None
            }
            Stop::Signal(Signal::STOP) => None,
            _ => stopped.signal(),
        };
        report = stopped.syscall(signal).unwrap().wait().unwrap();
    }
}

/// What a child exits with that learnt what it should: not what one that panics does.
const AS_EXPECTED: i32 = 42;

/// What a function owns, whoever drops it.
struct CountsDrop<'c>(&'c Cell<u32>);

impl Drop for CountsDrop<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

/// What a program learns there.
fn attempt(attempt: Attempt, expected: Result<(), Errno>) -> i32 {
    let options = CloneOptions::new().flags(CloneFlags::PIDFD);
    let mut stack = [MaybeUninit::uninit(); 16 << 10];
    let args = List::of([c"true"]);
    let made = match attempt {
        // SAFETY: the child only exits.
        Attempt::Fork => match unsafe { options.fork() } {
            Ok(Cloned::Child) => process::exit(0),
            Ok(Cloned::Parent { pidfd, .. }) => Ok(pidfd),
            Err(errno) => Err(errno),
        },
        Attempt::Vfork => {
            let drops = Cell::new(0);
            let owned = CountsDrop(&drops);
            let run = move || {
                let _ = &owned;
                0
            };
            // SAFETY: the child only counts, and exits.
            let made = unsafe { options.vfork(&mut stack, run) };
            if drops.get() != 1 {
                return 6;
            }
            made.map(|(_, pidfd)| pidfd)
        }
        Attempt::Spawn => Command::path(c"/bin/true", &args, Strings::EMPTY)
            .spawn()
            .map(|spawned| Some(spawned.pidfd))
            .map_err(|error| error.errno),
    };
    let learnt = match made {
        Ok(None) => return 1,
        Ok(Some(pidfd)) if pidfd.as_fd().as_raw_fd() < 0 => return 2,
        Ok(Some(pidfd)) => match process::wait(&pidfd, WaitFlags::EXITED) {
            Ok(change) if change.state == State::Exited(0) => Ok(()),
            _ => return 3,
        },
        Err(errno) => Err(errno),
    };
    // Nothing is left of one that was not told of.
    let left = process::try_wait(Children::Any, WaitFlags::EXITED | WaitFlags::ALL);
    if left != Err(Errno::CHILD) {
        return 4;
    }
    if learnt == expected { AS_EXPECTED } else { 5 }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn a_pidfd_that_clone_ignores_is_opened_afterwards_or_an_error() {
    alone(test_name!(), || {
        for what in [Attempt::Fork, Attempt::Vfork, Attempt::Spawn] {
            let state = on_an_old_kernel(&[], || attempt(what, Ok(())));
            assert_eq!(state, State::Exited(AS_EXPECTED as u8));
            let state =
                on_an_old_kernel(&[libc::SYS_pidfd_open], || attempt(what, Err(Errno::NOSYS)));
            assert_eq!(state, State::Exited(AS_EXPECTED as u8));
        }
    });
}

/// Keeps the compiler from calling the pieces unused on other machines.
#[test]
fn nothing_is_asked_of_a_new_kernel() {
    alone(test_name!(), || {
        for what in [Attempt::Fork, Attempt::Vfork, Attempt::Spawn] {
            assert_eq!(attempt(what, Ok(())), AS_EXPECTED);
        }
        let _ = ABSENT;
    });
}
