//! System calls refused, trapped, answered by another process, and let through.
//!
//! A filter stays: what is under one is a forked child, whose parent is a process of
//! its own, so that nobody else has the descriptors that are to be closed.

use crate::support;

use core::sync::atomic::{AtomicI32, AtomicU32, Ordering::Relaxed};
use core::time::Duration;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::ExitStatusExt;

use proptest::prelude::*;
use rawipc::event::Readiness;
use rawipc::event::poll::{self, PollFd};
use rawipc::process::{self, Fork, State, WaitFlags};
use rawipc::seccomp::notify::{AddFlags, Cookie, Error, Listener, ListenerFlags, Notification};
use rawipc::seccomp::{
    self, Action, Argument, Call, Filter, Full, InstallError, InstallFlags, Instruction,
};
use rawipc::signal::action::{self, Action as OnSignal, ActionFlags, Context};
use rawipc::signal::{Cause, Info, SyscallReason};
use rawipc::socket::message::{Incoming, Outgoing};
use rawipc::socket::seqpacket::{self, Seqpacket};
use rawipc::{Deadline, Errno, IoSlice, IoSliceMut, Pid, Signal};
use support::alone::{Half, alone, checked_child, end_of, leave_no_core};
use support::rules::{ARGUMENTS, Asked, Comparison, Rule, Rules};
use support::{LeakCheck, Peer, PeerArgs, limit};

/// A call that takes no arguments, cannot fail, and is made by nobody else here.
const ASK: u32 = libc::SYS_getppid as u32;
/// Another one.
const OTHER: u32 = libc::SYS_getpgid as u32;

/// An error that neither call has.
const PECULIAR: Errno = Errno::XDEV;

/// A child that runs `half` and leaves no image of its memory, however it ends.
fn child(half: impl FnOnce() -> Half) -> Pid {
    checked_child(|| {
        leave_no_core();
        half()
    })
}

/// Runs `half` in a child, in which it must hold.
#[track_caller]
fn holds(half: impl FnOnce() -> Half) {
    assert_eq!(end_of(child(half)), State::Exited(0));
}

/// Whether the end is a death of `signal`, with or without a dump of memory.
fn is_killed_by(end: State, signal: Signal) -> bool {
    matches!(end, State::Signalled { signal: by, .. } if by == signal)
}

#[track_caller]
fn assert_killed_by(end: State, signal: Signal) {
    assert!(is_killed_by(end, signal), "{end:?}");
}

/// Makes the call `number`.
fn make_with(number: u32, arguments: [u64; 6]) -> Result<i64, Errno> {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: calls that take no pointers.
    let result = unsafe { libc::syscall(i64::from(number), a, b, c, d, e, f) };
    if result == -1 {
        let errno = std::io::Error::last_os_error().raw_os_error();
        return Err(Errno::from_raw_os_error(errno.unwrap_or(0)));
    }
    Ok(result)
}

fn make(number: u32) -> Result<i64, Errno> {
    make_with(number, [0; 6])
}

/// The first call is made as ever.
fn asks_as_ever() -> bool {
    matches!(make(ASK), Ok(parent) if parent > 0)
}

/// Puts the calling thread under `filter`.
fn install(filter: impl AsRef<[Instruction]>) -> Result<(), InstallError> {
    seccomp::set_no_new_privs()?;
    // SAFETY: the calls that filters of these tests change are the tests' own.
    unsafe { seccomp::install(filter, InstallFlags::empty()) }
}

/// A filter by which the first call becomes `action`.
fn filter_of(action: Action) -> Filter<32> {
    let mut filter = Filter::new(Action::Allow);
    filter.call(ASK, action).expect("room");
    filter
}

#[test]
fn actions_fail_return_or_allow_calls() {
    alone(test_name!(), || {
        for (action, result) in [
            (Action::Errno(PECULIAR), Some(Err(PECULIAR))),
            (Action::Nothing, Some(Ok(0))),
            // There is neither a listener nor a tracer.
            (Action::Notify, Some(Err(Errno::NOSYS))),
            (Action::Trace(5), Some(Err(Errno::NOSYS))),
            (Action::Log, None),
            (Action::Allow, None),
        ] {
            holds(|| {
                get!(install(filter_of(action)));
                match result {
                    Some(result) => hold!(make(ASK) == result),
                    None => hold!(asks_as_ever()),
                }
                hold!(make(OTHER).is_ok());
                Ok(())
            });
        }
    });
}

#[test]
fn every_action_is_available() {
    for action in [
        Action::KillProcess,
        Action::KillThread,
        Action::Trap(1),
        Action::Errno(PECULIAR),
        Action::Nothing,
        Action::Notify,
        Action::Trace(1),
        Action::Log,
        Action::Allow,
    ] {
        assert_eq!(action.is_available(), Ok(true), "{action:?}");
    }
}

#[test]
fn kill_actions_kill() {
    alone(test_name!(), || {
        for action in [Action::KillProcess, Action::KillThread, Action::Trap(0)] {
            let child = child(|| {
                get!(install(filter_of(action)));
                hold!(make(OTHER).is_ok());
                let _ = make(ASK);
                Ok(())
            });
            assert_killed_by(end_of(child), Signal::SYS);
        }
    });
}

static RUNS: AtomicU32 = AtomicU32::new(0);
static SEEN: AtomicI32 = AtomicI32::new(0);

extern "C" fn on_trap(signal: Signal, info: &Info, _: Context<'_>) {
    let as_it_is = matches!(
        info.cause(),
        Cause::Syscall { number, machine, reason: SyscallReason::Seccomp, address }
            if number == ASK as i32 && machine == Call::NATIVE && address != 0
    );
    if signal == Signal::SYS && as_it_is {
        SEEN.store(info.errno(), Relaxed);
    }
    RUNS.fetch_add(1, Relaxed);
}

extern "C" fn count(_: Signal) {
    RUNS.fetch_add(1, Relaxed);
}

#[test]
fn trap_action_runs_the_handler_with_its_number() {
    alone(test_name!(), || {
        for number in [0, 1, 4096, u16::MAX] {
            holds(|| {
                // SAFETY: it only touches atomics.
                let on_trap = unsafe { OnSignal::info_handler(on_trap) };
                get!(action::set(Signal::SYS, on_trap));
                get!(install(filter_of(Action::Trap(number))));
                let _ = make(ASK);
                hold!(RUNS.load(Relaxed) == 1);
                hold!(SEEN.load(Relaxed) == i32::from(number));
                Ok(())
            });
        }
    });
}

/// Starts a thread that goes under `filter`, makes the first call, and is not joined.
fn thread_under(filter: Filter<32>) -> i32 {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        install(filter).expect("a filter");
        tell.send(rustix::thread::gettid().as_raw_pid())
            .expect("who waits");
        let _ = make(ASK);
        unreachable!("killed");
    });
    told.recv().expect("its number")
}

#[test]
fn kill_thread_leaves_other_threads() {
    alone(test_name!(), || {
        let thread = thread_under(filter_of(Action::KillThread));
        let deadline = limit();
        while std::fs::exists(format!("/proc/self/task/{thread}")).unwrap() {
            assert!(!deadline.has_passed(), "the thread lives");
            std::thread::yield_now();
        }
        assert!(asks_as_ever());
        assert_eq!(seccomp::is_filtered(), Ok(false));
    });
}

#[test]
fn kill_process_ends_all_threads() {
    if PeerArgs::role("threads").is_some() {
        leave_no_core();
        thread_under(filter_of(Action::KillProcess));
        loop {
            std::thread::park();
        }
    }
    let _check = LeakCheck::begin();
    let mut peer = Peer::start(test_name!(), "threads", &[]);
    assert_eq!(peer.wait().signal(), Some(libc::SIGSYS));
}

#[test]
fn trace_action_lets_the_tracer_decide() {
    /// `ptrace(2)` of libc, whose result is 0.
    #[track_caller]
    fn trace(request: u32, pid: libc::pid_t, data: usize) {
        // SAFETY: requests that take numbers, or the address of a long of the caller's.
        let result = unsafe { libc::ptrace(request, pid, 0, data) };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    }
    alone(test_name!(), || {
        let traced = child(|| {
            get!(install(filter_of(Action::Trace(0xbeef))));
            // SAFETY: no memory is involved.
            hold!(unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) } == 0);
            get!(rawipc::signal::raise(Signal::STOP));
            hold!(asks_as_ever());
            Ok(())
        });
        let pid = traced.as_raw_pid();
        let stopped = || {
            let mut status = 0;
            // SAFETY: the status is borrowed for the call.
            let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
            assert_eq!(waited, pid);
            assert!(libc::WIFSTOPPED(status), "{status:#x}");
            status >> 8
        };
        assert_eq!(stopped(), libc::SIGSTOP);
        let options = libc::PTRACE_O_TRACESECCOMP | libc::PTRACE_O_EXITKILL;
        trace(libc::PTRACE_SETOPTIONS, pid, options as usize);
        trace(libc::PTRACE_CONT, pid, 0);
        assert_eq!(stopped(), libc::SIGTRAP | libc::PTRACE_EVENT_SECCOMP << 8);
        let mut number: libc::c_ulong = 0;
        let place = (&raw mut number).expose_provenance();
        trace(libc::PTRACE_GETEVENTMSG, pid, place);
        assert_eq!(number, 0xbeef);
        // It lets it go on.
        trace(libc::PTRACE_CONT, pid, 0);
        assert_eq!(end_of(traced), State::Exited(0));
    });
}

/// Values on both sides of every edge that halves of 32 bits have.
const EDGES: [u64; 14] = [
    0,
    1,
    2,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fffe,
    0xffff_ffff,
    0x1_0000_0000,
    0x1_0000_0001,
    0x1_ffff_ffff,
    0x2_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
];

fn comparisons(mask: u64) -> [Comparison; 10] {
    [
        Comparison::Is,
        Comparison::IsNot,
        Comparison::Below,
        Comparison::AtMost,
        Comparison::Above,
        Comparison::AtLeast,
        Comparison::MaskedEqual(mask),
        Comparison::Differs(mask),
        Comparison::HasAny,
        Comparison::HasNone,
    ]
}

#[test]
fn conditions_match_as_documented() {
    alone(test_name!(), || {
        for (index, &value) in EDGES.iter().enumerate() {
            let argument = index % ARGUMENTS.len();
            for low in [false, true] {
                for comparison in comparisons(0x3_0000_0003) {
                    let asked = Asked {
                        argument,
                        comparison,
                        value,
                        low,
                    };
                    let mut filter = Filter::<32>::new(Action::Allow);
                    let refused = Action::Errno(PECULIAR);
                    filter.call_if(ASK, &[asked.condition()], refused).unwrap();
                    holds(|| {
                        get!(install(&filter));
                        for edge in EDGES {
                            // The others are not looked at.
                            let mut arguments = [!edge; 6];
                            arguments[argument] = edge;
                            let refused = make_with(ASK, arguments) == Err(PECULIAR);
                            hold!(refused == asked.holds(&arguments));
                        }
                        Ok(())
                    });
                }
            }
        }
    });
}

#[test]
fn first_matching_rule_decides() {
    alone(test_name!(), || {
        holds(|| {
            let mut filter = Filter::<64>::new(Action::Allow);
            let both = [Argument::First.is(1), Argument::Sixth.above(1 << 40)];
            get!(filter.call_if(ASK, &both, Action::Errno(Errno::DOM)));
            get!(filter.call_if(ASK, &[Argument::First.is(1)], Action::Errno(Errno::RANGE)));
            get!(filter.calls(&[OTHER, ASK], Action::Errno(PECULIAR)));
            get!(filter.call(ASK, Action::KillProcess));
            get!(install(&filter));
            hold!(make_with(ASK, [1, 0, 0, 0, 0, 1 << 41]) == Err(Errno::DOM));
            hold!(make_with(ASK, [1, 0, 0, 0, 0, 1 << 40]) == Err(Errno::RANGE));
            hold!(make_with(ASK, [2, 0, 0, 0, 0, 1 << 41]) == Err(PECULIAR));
            hold!(make(OTHER) == Err(PECULIAR));
            Ok(())
        });
    });
}

#[test]
fn several_filters_apply_the_strictest_action() {
    alone(test_name!(), || {
        let end = end_of(child(|| {
            hold!(seccomp::is_filtered() == Ok(false));
            get!(install(filter_of(Action::Errno(PECULIAR))));
            hold!(seccomp::is_filtered() == Ok(true));
            // What was installed later and says less does not take it back.
            get!(install(filter_of(Action::Allow)));
            hold!(make(ASK) == Err(PECULIAR));
            // Of equal ones the last.
            get!(install(filter_of(Action::Errno(Errno::DOM))));
            hold!(make(ASK) == Err(Errno::DOM));
            get!(install(filter_of(Action::KillProcess)));
            let _ = make(ASK);
            Ok(())
        }));
        assert_killed_by(end, Signal::SYS);
    });
}

#[test]
fn children_and_programs_inherit_the_filter() {
    use rawipc::process::exec::{self, List, Strings};
    alone(test_name!(), || {
        holds(|| {
            let mut filter = filter_of(Action::Errno(PECULIAR));
            // What the program that is executed cannot do without.
            get!(filter.call(libc::SYS_getcwd as u32, Action::KillProcess));
            get!(install(&filter));
            let grandchild = child(|| {
                hold!(make(ASK) == Err(PECULIAR));
                let args = List::of([c"pwd", c"-P"]);
                let _ = exec::path(c"/bin/pwd", &args, Strings::EMPTY);
                Err(line!())
            });
            let end = get!(process::wait(grandchild, WaitFlags::EXITED)).state;
            hold!(is_killed_by(end, Signal::SYS));
            Ok(())
        });
    });
}

#[test]
fn foreign_calls_get_the_foreign_action() {
    alone(test_name!(), || {
        if !cfg!(target_arch = "x86_64") {
            skipped!("this machine has no second convention that is easily called");
            return;
        }
        const X32: u32 = 0x4000_0000;
        let filter = filter_of(Action::Allow);
        let end = end_of(child(|| {
            get!(install(&filter));
            // No call at all is not of another convention.
            hold!(make(u32::MAX) == Err(Errno::NOSYS));
            let _ = make(ASK | X32);
            Ok(())
        }));
        assert_killed_by(end, Signal::SYS);
        let filter = filter.foreign(Action::Errno(PECULIAR));
        holds(|| {
            get!(install(&filter));
            for number in [X32, X32 | ASK, 0x7fff_ffff, 0x8000_0000 | ASK, u32::MAX - 1] {
                hold!(make(number) == Err(PECULIAR));
            }
            hold!(make(u32::MAX) == Err(Errno::NOSYS));
            hold!(asks_as_ever());
            Ok(())
        });
    });
}

#[test]
fn long_lists_of_rules_reach_every_rule() {
    // Single numbers, 2 instructions each: the last one is thousands away.
    let mut filter = Box::new(Filter::<4096>::new(Action::Allow));
    let mut count = 0;
    while filter
        .call(1_000_000 + count, Action::Errno(Errno::DOM))
        .is_ok()
    {
        count += 1;
    }
    assert_eq!(count, (4096 - 8) / 2);
    let first = 1_000_000;
    let last = first + count - 1;
    // Room for no rule more, and it is said before anything is written.
    assert_eq!(filter.program().len(), 8 + 2 * count as usize);
    alone(test_name!(), || {
        holds(|| {
            get!(install(&*filter));
            for number in [first, first + 1, last - 1, last] {
                hold!(make(number) == Err(Errno::DOM));
            }
            hold!(make(last + 1) == Err(Errno::NOSYS));
            hold!(asks_as_ever());
            Ok(())
        });
        // One list, 1 instruction each and 1 for every 256.
        let numbers: Vec<u32> = (first..first + 4000).collect();
        let mut filter = Box::new(Filter::<4096>::new(Action::Allow));
        filter.calls(&numbers, Action::Errno(Errno::DOM)).unwrap();
        assert_eq!(filter.program().len(), 8 + 4000 + 16);
        holds(|| {
            get!(install(&*filter));
            for &number in &numbers {
                hold!(make(number) == Err(Errno::DOM));
            }
            hold!(make(first + 4000) == Err(Errno::NOSYS));
            hold!(asks_as_ever());
            Ok(())
        });
        // One rule with more conditions than a comparison can jump over.
        let mut conditions = vec![Argument::First.below(1 << 33); 500];
        conditions.push(Argument::Second.is(7));
        let mut filter = Box::new(Filter::<4096>::new(Action::Allow));
        filter
            .call_if(ASK, &conditions, Action::Errno(Errno::DOM))
            .unwrap();
        filter.call(OTHER, Action::Errno(PECULIAR)).unwrap();
        holds(|| {
            get!(install(&*filter));
            hold!(make_with(ASK, [0, 7, 0, 0, 0, 0]) == Err(Errno::DOM));
            hold!(matches!(make_with(ASK, [0, 8, 0, 0, 0, 0]), Ok(parent) if parent > 0));
            hold!(matches!(make_with(ASK, [1 << 33, 7, 0, 0, 0, 0]), Ok(parent) if parent > 0));
            hold!(make(OTHER) == Err(PECULIAR));
            Ok(())
        });
    });
}

#[test]
fn rule_without_room_leaves_the_filter_unchanged() {
    let mut filter = Filter::<12>::new(Action::Allow);
    let empty = filter.program().to_vec();
    assert_eq!(filter.calls(&[1, 2, 3, 4, 5], Action::Log), Err(Full));
    let conditions = [Argument::First.is(1)];
    assert_eq!(filter.call_if(1, &conditions, Action::Log), Err(Full));
    assert_eq!(filter.program(), empty);
    filter.calls::<u32>(&[], Action::Log).unwrap();
    assert_eq!(filter.program(), empty);
    filter.call_if(1, &[], Action::Log).unwrap();
    assert_eq!(filter.program().len(), empty.len() + 2);
    // Not even if the room were there, where the kernel would not take it.
    let mut filter = Box::new(Filter::<8192>::new(Action::Allow));
    assert_eq!(filter.calls(&[7; 4090], Action::Log), Err(Full));
    filter.calls(&[7; 4000], Action::Log).unwrap();
    support::bpf::check(filter.program()).unwrap();
}

#[test]
fn invalid_programs_are_refused() {
    let step = |code, operand, jump_true, jump_false| Instruction {
        code,
        jump_true,
        jump_false,
        operand,
    };
    let allow = step(0x06, Action::Allow.word(), 0, 0);
    let refused: [(&str, Vec<Instruction>); 9] = [
        ("empty", vec![]),
        ("too long", vec![allow; 4097]),
        ("no return at the end", vec![allow, step(0x20, 0, 0, 0)]),
        ("a jump past the end", vec![step(0x15, 0, 0, 1), allow]),
        (
            "a far jump past the end",
            vec![step(0x05, u32::MAX, 0, 0), allow],
        ),
        ("a load between words", vec![step(0x20, 2, 0, 0), allow]),
        ("a load behind the call", vec![step(0x20, 64, 0, 0), allow]),
        ("a byte", vec![step(0x30, 0, 0, 0), allow]),
        ("no operation", vec![step(0xffff, 0, 0, 0), allow]),
    ];
    alone(test_name!(), || {
        for (what, program) in &refused {
            assert!(support::bpf::check(program).is_err(), "{what}");
            holds(|| {
                hold!(install(program) == Err(InstallError::Errno(Errno::INVAL)));
                hold!(seccomp::is_filtered() == Ok(false));
                Ok(())
            });
        }
        let endless = vec![allow; 1 << 17];
        holds(|| {
            hold!(install(&endless) == Err(InstallError::Errno(Errno::INVAL)));
            hold!(install([allow]).is_ok());
            Ok(())
        });
    });
}

#[test]
fn filters_beyond_the_limit_are_refused() {
    alone(test_name!(), || {
        let mut long = Box::new(Filter::<4096>::new(Action::Allow));
        long.calls(&[1_000_000; 4000], Action::Allow).unwrap();
        holds(|| {
            for _ in 0..8 {
                get!(install(&*long));
            }
            hold!(install(&*long) == Err(InstallError::Errno(Errno::NOMEM)));
            Ok(())
        });
    });
}

#[test]
fn unknown_flags_are_refused() {
    alone(test_name!(), || {
        holds(|| {
            get!(seccomp::set_no_new_privs());
            let filter = filter_of(Action::Allow);
            for flags in [
                InstallFlags::from_bits_retain(1 << 30),
                InstallFlags::WAIT_KILLABLE,
            ] {
                // SAFETY: it allows everything.
                let installed = unsafe { seccomp::install(&filter, flags) };
                hold!(installed == Err(InstallError::Errno(Errno::INVAL)));
            }
            let all = InstallFlags::LOG | InstallFlags::ALLOW_SPECULATION;
            // SAFETY: it allows everything.
            get!(unsafe { seccomp::install(&filter, all | InstallFlags::ALL_THREADS) });
            hold!(asks_as_ever());
            Ok(())
        });
    });
}

#[test]
fn install_without_no_new_privs_needs_privileges() {
    alone(test_name!(), || {
        if seccomp::no_new_privs() == Ok(true) {
            skipped!("this process has given them up for good");
            return;
        }
        holds(|| {
            if rustix::process::getuid().is_root() {
                // SAFETY: no memory is involved.
                let left = unsafe { libc::syscall(libc::SYS_setresuid, 65534, 65534, 65534) };
                hold!(left == 0);
            }
            let filter = filter_of(Action::Errno(PECULIAR));
            // SAFETY: only the test makes this call.
            let refused = unsafe { seccomp::install(&filter, InstallFlags::empty()) };
            hold!(refused == Err(InstallError::Errno(Errno::ACCESS)));
            // SAFETY: as above.
            let refused = unsafe { seccomp::install_with_listener(&filter, InstallFlags::empty()) };
            hold!(refused.err() == Some(Errno::ACCESS));
            hold!(asks_as_ever());

            hold!(seccomp::no_new_privs() == Ok(false));
            get!(seccomp::set_no_new_privs());
            hold!(seccomp::no_new_privs() == Ok(true));
            // SAFETY: as above.
            get!(unsafe { seccomp::install(&filter, InstallFlags::empty()) });
            hold!(make(ASK) == Err(PECULIAR));
            Ok(())
        });
    });
}

#[test]
fn install_on_all_threads_is_all_or_none() {
    alone(test_name!(), || {
        let (to_thread, orders) = std::sync::mpsc::channel::<()>();
        let (to_test, answers) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            for () in orders {
                to_test.send((rustix::thread::gettid(), make(ASK))).unwrap();
            }
        });
        let ask = || {
            to_thread.send(()).unwrap();
            answers.recv().unwrap()
        };
        let (_, result) = ask();
        assert!(result.is_ok());
        seccomp::set_no_new_privs().unwrap();
        let filter = filter_of(Action::Errno(PECULIAR));
        // SAFETY: only the test makes this call.
        unsafe { seccomp::install(&filter, InstallFlags::ALL_THREADS) }.unwrap();
        assert_eq!(ask().1, Err(PECULIAR));

        // A thread with a filter of its own cannot be given another's.
        let (end, wait_here) = std::sync::mpsc::channel::<()>();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let stranger = std::thread::spawn(move || {
            install(filter_of(Action::Allow)).unwrap();
            ready.send(rustix::thread::gettid()).unwrap();
            let _ = wait_here.recv();
        });
        let number = is_ready.recv().unwrap();
        // SAFETY: as above.
        let refused = unsafe { seccomp::install(&filter, InstallFlags::ALL_THREADS) };
        assert_eq!(refused, Err(InstallError::Thread(number)));
        // SAFETY: as above.
        let refused = unsafe { seccomp::install_with_listener(&filter, InstallFlags::ALL_THREADS) };
        assert_eq!(refused.err(), Some(Errno::SRCH));
        drop(end);
        stranger.join().unwrap();
        drop(to_thread);
        thread.join().unwrap();
    });
}

#[test]
fn strict_mode_kills_other_calls() {
    alone(test_name!(), || {
        let end = end_of(child(|| {
            // SAFETY: a child with one thread.
            get!(unsafe { seccomp::set_strict_mode() });
            let _ = make(ASK);
            Ok(())
        }));
        assert_killed_by(end, Signal::KILL);
        holds(|| {
            get!(install(filter_of(Action::Allow)));
            // SAFETY: as above.
            hold!(unsafe { seccomp::set_strict_mode() } == Err(Errno::INVAL));
            Ok(())
        });
    });
}

// --- Notifications ---

/// A child under a filter by which the first call is notified. It runs `half` when it
/// has sent the listener, and kept none.
fn target(flags: InstallFlags, half: impl FnOnce() -> Half) -> (Pid, Listener) {
    let (ours, theirs) = seqpacket::pair().expect("sockets");
    let pid = child(|| {
        get!(send_listener(&theirs, flags));
        half()
    });
    drop(theirs);
    (pid, receive_listener(&ours))
}

fn send_listener(to: &Seqpacket, flags: InstallFlags) -> rawipc::Result<()> {
    seccomp::set_no_new_privs()?;
    // SAFETY: only the tests make this call.
    let listener = unsafe { seccomp::install_with_listener(filter_of(Action::Notify), flags) }?;
    let descriptors = [listener.as_fd()];
    let outgoing = Outgoing::new().descriptors(&descriptors);
    to.send_message(&[IoSlice::new(b"listener")], &outgoing)
}

#[track_caller]
fn receive_listener(from: &Seqpacket) -> Listener {
    let mut incoming = Incoming::<1>::new();
    let mut buffer = [0; 16];
    let bytes = &mut [IoSliceMut::new(&mut buffer)];
    let len = from
        .recv_message_until(bytes, &mut incoming, limit())
        .expect("a message");
    assert_eq!(len, Some(8), "the child sends its listener");
    let descriptor = incoming.descriptors().next().expect("a descriptor");
    Listener::from(descriptor)
}

#[track_caller]
fn next_of(listener: &Listener) -> Notification {
    listener.receive_until(limit()).expect("a notification")
}

/// Waits until nobody waits for the answer.
#[track_caller]
fn await_gone(listener: &Listener, cookie: Cookie) {
    let deadline = limit();
    while listener.is_waiting(cookie).expect("an answer") {
        assert!(!deadline.has_passed(), "the call still waits");
        std::thread::yield_now();
    }
}

#[test]
fn listener_in_another_process_answers() {
    alone(test_name!(), || {
        let (pid, listener) = target(InstallFlags::empty(), || {
            let arguments = [1, u64::MAX, 1 << 32, 4, 5, 6];
            hold!(make_with(ASK, arguments) == Ok(i64::MAX));
            hold!(make(ASK) == Err(PECULIAR));
            hold!(make(ASK) == Ok(0));
            hold!(make(ASK) == Err(Errno::PERM));
            hold!(asks_as_ever());
            Ok(())
        });
        let first = next_of(&listener);
        assert_eq!(first.thread, Some(pid));
        assert_eq!(first.call.number, ASK);
        assert_eq!(first.call.machine, Call::NATIVE);
        assert_ne!(first.call.instruction, 0);
        assert_eq!(first.call.arguments, [1, u64::MAX, 1 << 32, 4, 5, 6]);
        assert_eq!(listener.is_waiting(first.cookie), Ok(true));
        listener.respond(first.cookie, i64::MAX).unwrap();

        let second = next_of(&listener);
        assert_ne!(second.cookie, first.cookie);
        assert_eq!(listener.is_waiting(first.cookie), Ok(false));
        assert_eq!(listener.respond(first.cookie, 1), Err(Error::Gone));
        let same = Cookie::from_number(second.cookie.number());
        listener.refuse(same, PECULIAR).unwrap();

        listener.respond(next_of(&listener).cookie, 0).unwrap();
        // A value that is an error is one.
        listener.respond(next_of(&listener).cookie, -1).unwrap();
        listener.proceed(next_of(&listener).cookie).unwrap();
        assert_eq!(end_of(pid), State::Exited(0));
        assert_eq!(listener.receive(), Err(Error::Gone));
        assert_eq!(listener.try_receive(), Err(Error::Gone));
    });
}

#[test]
fn second_answer_is_refused() {
    alone(test_name!(), || {
        let (pid, listener) = target(InstallFlags::empty(), || {
            hold!(make(ASK) == Ok(1));
            Ok(())
        });
        let cookie = next_of(&listener).cookie;
        listener.respond(cookie, 1).unwrap();
        // The caller has its answer, and may be gone already.
        let again = listener.respond(cookie, 2);
        assert!(
            matches!(again, Err(Error::Gone | Error::Errno(Errno::INPROGRESS))),
            "{again:?}"
        );
        assert_eq!(end_of(pid), State::Exited(0));
    });
}

#[test]
fn try_receive_without_call_returns_again() {
    alone(test_name!(), || {
        let (wait_here, go_on) = rustix::pipe::pipe().unwrap();
        let (pid, listener) = target(InstallFlags::empty(), || {
            let mut byte = [0];
            hold!(rustix::io::read(&wait_here, &mut byte) == Ok(1));
            hold!(make(ASK) == Ok(1));
            Ok(())
        });
        assert_eq!(listener.try_receive(), Err(Error::Errno(Errno::AGAIN)));
        let a_moment = Deadline::after(Duration::from_millis(5));
        let nothing = listener.receive_until(a_moment);
        assert_eq!(nothing, Err(Error::Errno(Errno::TIMEDOUT)));
        rustix::io::write(&go_on, b"x").unwrap();
        let mut fds = [PollFd::new(&listener, Readiness::IN)];
        assert_eq!(poll::wait_until(&mut fds, limit()), Ok(1));
        assert!(fds[0].readiness().contains(Readiness::IN));
        let notification = listener.try_receive().unwrap();
        listener.respond(notification.cookie, 1).unwrap();
        assert_eq!(end_of(pid), State::Exited(0));
        let mut fds = [PollFd::new(&listener, Readiness::IN)];
        assert_eq!(poll::wait_until(&mut fds, limit()), Ok(1));
        assert!(fds[0].readiness().contains(Readiness::HUP));
    });
}

/// Whether the calling process has `descriptor` open for what this pipe carries.
fn writes_to(descriptor: RawFd, byte: u8) -> bool {
    // SAFETY: a number that the listener gave this process.
    let fd = unsafe { rustix::fd::BorrowedFd::borrow_raw(descriptor) };
    rustix::io::write(fd, &[byte]) == Ok(1)
}

fn is_closed_on_exec(descriptor: RawFd) -> bool {
    // SAFETY: as above.
    let fd = unsafe { rustix::fd::BorrowedFd::borrow_raw(descriptor) };
    rustix::io::fcntl_getfd(fd) == Ok(rustix::io::FdFlags::CLOEXEC)
}

#[test]
fn descriptors_are_added_to_the_caller() {
    const PLACE: RawFd = 300;
    alone(test_name!(), || {
        let (pid, listener) = target(InstallFlags::empty(), || {
            let first = get!(make(ASK)) as RawFd;
            hold!(writes_to(first, 1) && is_closed_on_exec(first));
            hold!(make(ASK) == Ok(0));
            hold!(writes_to(PLACE, 2) && !is_closed_on_exec(PLACE));
            // At once, and in place of another.
            hold!(make(ASK) == Ok(i64::from(PLACE)));
            hold!(writes_to(PLACE, 3) && is_closed_on_exec(PLACE));
            let last = get!(make(ASK)) as RawFd;
            hold!(last != first && writes_to(last, 4) && !is_closed_on_exec(last));
            Ok(())
        });
        let (read, write) = rustix::pipe::pipe().unwrap();
        let (none, inherited) = (AddFlags::empty(), AddFlags::INHERITED);

        let cookie = next_of(&listener).cookie;
        let number = listener.add_descriptor(cookie, &write, none).unwrap();
        assert_eq!(listener.is_waiting(cookie), Ok(true));
        listener.respond(cookie, i64::from(number)).unwrap();

        let cookie = next_of(&listener).cookie;
        // SAFETY: the target's table is another.
        let there = unsafe { listener.add_descriptor_at(cookie, &write, PLACE, inherited) };
        assert_eq!(there, Ok(PLACE));
        // Numbers that it cannot have, and flags that there are not.
        // SAFETY: the target's table is another.
        let refused = unsafe { listener.add_descriptor_at(cookie, &write, RawFd::MAX, none) };
        assert!(
            matches!(refused, Err(Error::Errno(Errno::BADF | Errno::MFILE))),
            "{refused:?}"
        );
        let unknown = AddFlags::from_bits_retain(1);
        let refused = listener.add_descriptor(cookie, &write, unknown);
        assert_eq!(refused, Err(Error::Errno(Errno::INVAL)));
        let refused = listener.respond_with_descriptor(cookie, &write, unknown);
        assert_eq!(refused, Err(Error::Errno(Errno::INVAL)));
        assert_eq!(listener.is_waiting(cookie), Ok(true));
        listener.respond(cookie, 0).unwrap();

        let cookie = next_of(&listener).cookie;
        // SAFETY: the target's table is another.
        let there = unsafe { listener.respond_with_descriptor_at(cookie, &write, PLACE, none) };
        assert_eq!(there, Ok(PLACE));
        let cookie = next_of(&listener).cookie;
        listener
            .respond_with_descriptor(cookie, &write, inherited)
            .unwrap();

        assert_eq!(end_of(pid), State::Exited(0));
        let late = listener.add_descriptor(cookie, &write, none);
        assert_eq!(late, Err(Error::Gone));
        drop(write);
        let mut bytes = [0; 8];
        assert_eq!(rustix::io::read(&read, &mut bytes), Ok(4));
        assert_eq!(bytes[..4], [1, 2, 3, 4]);
        assert_eq!(rustix::io::read(&read, &mut bytes), Ok(0));
    });
}

#[test]
fn answer_to_killed_caller_is_gone() {
    alone(test_name!(), || {
        for answered in 0..4 {
            let (pid, listener) = target(InstallFlags::empty(), || {
                let _ = make(ASK);
                Err(line!())
            });
            let cookie = next_of(&listener).cookie;
            rustix::process::kill_process(pid, Signal::KILL).unwrap();
            assert_killed_by(end_of(pid), Signal::KILL);
            assert_eq!(listener.is_waiting(cookie), Ok(false));
            let gone = match answered {
                0 => listener.respond(cookie, 1),
                1 => listener.refuse(cookie, PECULIAR),
                2 => listener.proceed(cookie),
                _ => listener
                    .respond_with_descriptor(cookie, &listener, AddFlags::empty())
                    .map(drop),
            };
            assert_eq!(gone, Err(Error::Gone));
            assert_eq!(listener.receive(), Err(Error::Gone));
        }
    });
}

#[test]
fn caller_killed_before_receive_is_skipped() {
    alone(test_name!(), || {
        // The grandchild's end is to be waited for, too.
        rustix::process::set_child_subreaper(Some(rustix::process::getpid())).unwrap();
        let (pid, listener) = target(InstallFlags::empty(), || {
            // Another that is under the same filter, and calls when this one is dead.
            let (wait_here, go_on) = get!(rustix::pipe::pipe());
            // SAFETY: both only make system calls, then exit.
            if let Fork::Child = get!(unsafe { process::fork() }) {
                // SAFETY: the copy is not used in any other way.
                unsafe { rustix::io::close(go_on.as_raw_fd()) };
                let _ = rustix::io::read(&wait_here, &mut [0]);
                let _ = make_with(ASK, [2; 6]);
                process::exit(0)
            }
            let _ = make_with(ASK, [1; 6]);
            Err(line!())
        });
        let mut fds = [PollFd::new(&listener, Readiness::IN)];
        assert_eq!(poll::wait_until(&mut fds, limit()), Ok(1));
        rustix::process::kill_process(pid, Signal::KILL).unwrap();
        assert_killed_by(end_of(pid), Signal::KILL);
        // What it called is passed over.
        let second = next_of(&listener);
        assert_eq!(second.call.arguments, [2; 6]);
        listener.respond(second.cookie, 0).unwrap();
        let grandchild = second.thread.expect("a process that is seen");
        assert_eq!(end_of(grandchild), State::Exited(0));
        assert_eq!(listener.receive_until(limit()), Err(Error::Gone));
    });
}

#[test]
fn handler_interrupts_waiting_call() {
    alone(test_name!(), || {
        let (pid, listener) = target(InstallFlags::empty(), || {
            // SAFETY: it only touches atomics.
            let counting = unsafe { OnSignal::handler(count) };
            get!(action::set(Signal::USR1, counting));
            hold!(make(OTHER).is_ok());
            hold!(make_with(ASK, [1; 6]) == Err(Errno::INTR));
            hold!(RUNS.load(Relaxed) == 1);
            // It is begun again when the handler says so, and is another one then.
            get!(action::set(
                Signal::USR1,
                counting.with_flags(ActionFlags::RESTART)
            ));
            hold!(make_with(ASK, [2; 6]) == Ok(5));
            hold!(RUNS.load(Relaxed) == 2);
            Ok(())
        });
        let first = next_of(&listener);
        assert_eq!(first.call.arguments, [1; 6]);
        rustix::process::kill_process(pid, Signal::USR1).unwrap();
        await_gone(&listener, first.cookie);
        assert_eq!(listener.respond(first.cookie, 1), Err(Error::Gone));

        let second = next_of(&listener);
        assert_eq!(second.call.arguments, [2; 6]);
        rustix::process::kill_process(pid, Signal::USR1).unwrap();
        await_gone(&listener, second.cookie);
        let again = next_of(&listener);
        assert_ne!(again.cookie, second.cookie);
        assert_eq!(again.call, second.call);
        listener.respond(again.cookie, 5).unwrap();
        assert_eq!(end_of(pid), State::Exited(0));
    });
}

#[test]
fn received_call_with_wait_killable_outlasts_handlers() {
    alone(test_name!(), || {
        let (pid, listener) = target(InstallFlags::WAIT_KILLABLE, || {
            // SAFETY: it only touches atomics.
            get!(action::set(Signal::USR1, unsafe {
                OnSignal::handler(count)
            }));
            hold!(make(ASK) == Ok(5));
            hold!(RUNS.load(Relaxed) == 1);
            let _ = make(ASK);
            Err(line!())
        });
        let cookie = next_of(&listener).cookie;
        rustix::process::kill_process(pid, Signal::USR1).unwrap();
        assert_eq!(listener.is_waiting(cookie), Ok(true));
        listener.respond(cookie, 5).unwrap();
        // What kills, kills.
        let cookie = next_of(&listener).cookie;
        rustix::process::kill_process(pid, Signal::KILL).unwrap();
        assert_killed_by(end_of(pid), Signal::KILL);
        assert_eq!(listener.respond(cookie, 5), Err(Error::Gone));
    });
}

#[test]
fn death_of_listener_ends_waiting_calls() {
    alone(test_name!(), || {
        let (ours, theirs) = seqpacket::pair().unwrap();
        let (told_here, tell) = rustix::pipe::pipe().unwrap();
        let who_calls = child(|| {
            get!(send_listener(&theirs, InstallFlags::empty()));
            // The call that waits, and one that nobody could receive.
            hold!(make(ASK) == Err(Errno::NOSYS));
            hold!(make(ASK) == Err(Errno::NOSYS));
            Ok(())
        });
        // It takes the listener itself: this process never has it.
        let who_answers = child(|| {
            let mut incoming = Incoming::<1>::new();
            let mut buffer = [0; 16];
            let bytes = &mut [IoSliceMut::new(&mut buffer)];
            get!(ours.recv_message(bytes, &mut incoming));
            let descriptor: Option<OwnedFd> = incoming.descriptors().next();
            let listener = Listener::from(get!(descriptor.ok_or(())));
            get!(listener.receive());
            get!(rustix::io::write(&tell, b"x"));
            loop {
                let _ = rawipc::signal::suspend(rawipc::signal::Set::EMPTY);
            }
        });
        assert_eq!(rustix::io::read(&told_here, &mut [0]), Ok(1));
        rustix::process::kill_process(who_answers, Signal::KILL).unwrap();
        assert_killed_by(end_of(who_answers), Signal::KILL);
        assert_eq!(end_of(who_calls), State::Exited(0));
    });
}

#[test]
fn second_listener_is_refused() {
    alone(test_name!(), || {
        let (pid, listener) = target(InstallFlags::empty(), || {
            let filter = filter_of(Action::Notify);
            // SAFETY: only the test makes this call.
            let refused = unsafe { seccomp::install_with_listener(&filter, InstallFlags::empty()) };
            hold!(refused.err() == Some(Errno::BUSY));
            hold!(make(ASK) == Ok(5));
            Ok(())
        });
        listener.set_flags(ListenerFlags::SYNC_WAKE_UP).unwrap();
        let unknown = ListenerFlags::from_bits_retain(1 << 20);
        assert_eq!(listener.set_flags(unknown), Err(Errno::INVAL));
        let cookie = next_of(&listener).cookie;
        let stranger = Cookie::from_number(!cookie.number());
        assert_eq!(listener.is_waiting(stranger), Ok(false));
        assert_eq!(listener.respond(stranger, 1), Err(Error::Gone));
        listener.respond(cookie, 5).unwrap();
        assert_eq!(end_of(pid), State::Exited(0));
    });
}

#[test]
fn foreign_descriptor_as_listener_is_refused() {
    let _check = LeakCheck::begin();
    let file = Listener::from(OwnedFd::from(
        std::fs::File::open("/proc/self/stat").unwrap(),
    ));
    let cookie = Cookie::from_number(1);
    let no_listener =
        |error| matches!(error, Error::Errno(Errno::NOTTY | Errno::INVAL)).then_some(error);
    for error in [
        file.try_receive().map(drop),
        file.receive().map(drop),
        file.respond(cookie, 1),
        file.refuse(cookie, PECULIAR),
        file.proceed(cookie),
        file.add_descriptor(cookie, &file, AddFlags::empty())
            .map(drop),
    ] {
        assert!(error.is_err_and(|error| no_listener(error).is_some()));
    }
    assert!(file.is_waiting(cookie).is_err());
}

#[test]
fn errors_have_messages() {
    assert_eq!(Errno::from(Error::Gone), Errno::NOENT);
    assert_eq!(Error::from(Errno::NOENT), Error::Gone);
    assert_eq!(Errno::from(Error::Errno(Errno::INTR)), Errno::INTR);
    let thread = InstallError::Thread(Pid::INIT);
    assert_eq!(Errno::from(thread), Errno::SRCH);
    assert_eq!(thread.to_string(), "thread 1 has other filters");
    assert_eq!(Error::Gone.to_string(), "nobody waits for an answer");
    assert_eq!(Full.to_string(), "no place left for another rule");
}

// --- The program, held against the rules ---

fn edge() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => proptest::sample::select(&EDGES[..]),
        1 => any::<u64>(),
    ]
}

fn number() -> impl Strategy<Value = u32> {
    prop_oneof![
        8 => 0..6_u32,
        1 => proptest::sample::select(vec![0x3fff_ffff, 0x4000_0000, u32::MAX - 1, u32::MAX]),
    ]
}

fn asked() -> impl Strategy<Value = Asked> {
    (0..6_usize, 0..10_usize, edge(), edge(), any::<bool>()).prop_map(
        |(argument, kind, mask, value, low)| Asked {
            argument,
            comparison: comparisons(mask)[kind],
            value,
            low,
        },
    )
}

fn rule() -> impl Strategy<Value = Rule> {
    prop_oneof![
        4 => (number(), prop::collection::vec(asked(), 0..4)).prop_map(|(n, a)| Rule::If(n, a)),
        1 => (number(), prop::collection::vec(asked(), 0..150)).prop_map(|(n, a)| Rule::If(n, a)),
        4 => prop::collection::vec(number(), 0..4).prop_map(Rule::Calls),
        // Numbers that no call has, around one that may.
        1 => (0..600_usize, 0..600_usize, number()).prop_map(|(before, after, number)| {
            let mut numbers = vec![1_000_000; before];
            numbers.push(number);
            numbers.extend(vec![1_000_000; after]);
            Rule::Calls(numbers)
        }),
    ]
}

fn call() -> impl Strategy<Value = Call> {
    let machine = prop_oneof![
        9 => Just(Call::NATIVE),
        1 => any::<u32>(),
    ];
    let arguments = proptest::array::uniform6(edge());
    (number(), machine, any::<u64>(), arguments).prop_map(
        |(number, machine, instruction, arguments)| Call {
            number,
            machine,
            instruction,
            arguments,
        },
    )
}

/// A comparison leaves out 255 instructions at most; these are the lengths around it.
#[test]
fn rules_of_every_length_jump_to_their_ends() {
    let call = |number, argument| Call {
        number,
        machine: Call::NATIVE,
        instruction: 0,
        arguments: [argument; 6],
    };
    let asked = |comparison| Asked {
        argument: 0,
        comparison,
        value: 7,
        low: true,
    };
    // Conditions of 2 instructions, and one of 3.
    for pairs in 120..135 {
        for odd in [0, 1] {
            let mut conditions = vec![asked(Comparison::Is); pairs];
            conditions.extend(vec![asked(Comparison::MaskedEqual(6)); odd]);
            let rules = Rules(vec![Rule::If(3, conditions), Rule::Calls(vec![2])]);
            rules.compare::<4096>(&[call(3, 7), call(3, 6), call(2, 7), call(1, 7)]);
        }
    }
    for len in (250..260).chain(508..516) {
        let numbers: Vec<u32> = (0..len).collect();
        let calls: Vec<Call> = (0..=len).map(|number| call(number, 0)).collect();
        Rules(vec![Rule::Calls(numbers)]).compare::<1024>(&calls);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn filters_decide_as_their_rules(
        rules in prop::collection::vec(rule(), 0..12),
        calls in prop::collection::vec(call(), 1..40),
    ) {
        Rules(rules).compare::<4096>(&calls);
    }

    #[test]
    fn every_condition_alone_decides_as_documented(asked in asked(), edges in proptest::array::uniform6(edge())) {
        let rules = Rules(vec![Rule::If(3, vec![asked])]);
        let call = |arguments| Call { number: 3, machine: Call::NATIVE, instruction: 0, arguments };
        let calls: Vec<Call> = EDGES.iter().map(|&edge| call([edge; 6])).chain([call(edges)]).collect();
        rules.compare::<32>(&calls);
    }
}
