//! Signals sent, handled, awaited, read and timed.
//!
//! Actions belong to the process, and the harness has threads that block nothing: what
//! is about a process runs in a forked child with one thread, whose parent is a process
//! of its own.

use crate::support;

use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use core::time::Duration;
use std::collections::BTreeSet;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;

use rawipc::process::{self, State, WaitFlags, pidfd};
use rawipc::signal::action::{self, Action, ActionFlags, Context, Disposition};
use rawipc::signal::fd::{self, Record, SignalFd, SignalFdFlags};
use rawipc::signal::io::{self, Owner};
use rawipc::signal::stack::{self, Mapped, StackFlags};
use rawipc::signal::timer::{self, Clock, Notify, Remaining, Schedule, Start};
use rawipc::signal::{
    self, Blocked, Cause, Fault, FaultKind, Info, IoEvent, Payload, Recipient, Scope, Sender, Set,
    SyscallReason, Target,
};
use rawipc::{Deadline, Errno, Pid, Signal, Timespec};
use support::alone::{FAILED, Half, alone, checked_child as child, end_of};
use support::{Choices, LIMIT, LeakCheck, Peer, PeerArgs, limit, soon};

/// Runs `half` in a child, in which it must hold.
#[track_caller]
fn holds(half: impl FnOnce() -> Half) {
    assert_eq!(end_of(child(half)), State::Exited(0));
}

/// Waits until `pid` sleeps in the kernel.
#[track_caller]
fn await_sleep(pid: Pid) {
    let deadline = limit();
    loop {
        let stat =
            std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid())).expect("its state");
        if stat
            .rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with('S'))
        {
            return;
        }
        assert!(!deadline.has_passed(), "it does not fall asleep");
        std::thread::yield_now();
    }
}

fn rt(index: u32) -> Signal {
    signal::real_time(index).expect("a real-time signal")
}

fn me() -> Pid {
    rustix::process::getpid()
}

/// Blocks `set` in the test's thread until that ends: a failing test shall not be
/// killed by what is pending.
fn block(set: impl Into<Set>) {
    signal::block(set).expect("a mask");
}

/// This thread, as the receiver of a signal.
fn here() -> Recipient<'static> {
    Recipient::Thread {
        process: me(),
        thread: rustix::thread::gettid(),
    }
}

fn myself() -> Sender {
    Sender {
        pid: Some(me()),
        uid: rustix::process::getuid().as_raw(),
    }
}

static RUNS: AtomicU32 = AtomicU32::new(0);
static SEEN: AtomicI32 = AtomicI32::new(0);
static DEPTH: AtomicU32 = AtomicU32::new(0);
static MASK: AtomicU64 = AtomicU64::new(0);
static ADDRESS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count(signal: Signal) {
    SEEN.store(signal.as_raw(), Relaxed);
    RUNS.fetch_add(1, Relaxed);
}

fn counting() -> Action {
    // SAFETY: the handler only touches atomics.
    unsafe { Action::handler(count) }
}

fn informed(handler: extern "C" fn(Signal, &Info, Context<'_>)) -> Action {
    // SAFETY: the tests' handlers only touch atomics and make system calls.
    unsafe { Action::info_handler(handler) }
}

#[test]
fn numbers_are_62_and_two_reserved() {
    for number in -70..=200 {
        let named = (1..=64).contains(&number) && number != 32 && number != 33;
        assert_eq!(
            signal::from_number(number).map(Signal::as_raw),
            named.then_some(number)
        );
        // SAFETY: it is not used.
        let reserved = unsafe { signal::reserved(number) };
        assert_eq!(
            reserved.map(Signal::as_raw),
            (number == 32 || number == 33).then_some(number)
        );
    }
    assert_eq!(signal::from_number(i32::MIN), None);
    assert_eq!(signal::from_number(i32::MAX), None);
    assert_eq!(signal::REAL_TIME_COUNT, 31);
    for index in 0..31 {
        assert_eq!(rt(index).as_raw(), libc::SIGRTMIN() + index as i32);
    }
    assert_eq!(rt(30).as_raw(), libc::SIGRTMAX());
    for index in [31, 32, 64, u32::MAX] {
        assert_eq!(signal::real_time(index), None);
    }
}

/// Numbers that are none of a signal that safe code may have.
const NO_SIGNALS: [i32; 8] = [0, 32, 33, 65, -1, 128, i32::MIN, i32::MAX];

/// The `Info` of something with this number.
fn of_number(number: i32) -> Info {
    let mut bytes = Info::queued(Signal::USR1, Payload::default()).to_bytes();
    bytes[..4].copy_from_slice(&number.to_ne_bytes());
    Info::from_bytes(bytes)
}

#[test]
fn set_iterated_yields_no_reserved_signal() {
    for bits in [1 << 31, 1 << 32, 3 << 31, !0] {
        assert_eq!(Set::from_bits(bits).bits(), bits & !(3 << 31));
        let set = Set::from_bits_with_reserved(bits);
        assert_eq!(set.bits(), bits, "what was asked for by name is there");
        for set in [
            set,
            Set::from_bits(bits),
            !set,
            set | Set::ALL,
            set - Signal::HUP,
        ] {
            let numbers: Vec<i32> = set.iter().map(Signal::as_raw).collect();
            assert!(numbers.iter().all(|&number| number != 32 && number != 33));
            assert_eq!(set.iter().len(), numbers.len());
        }
    }
    let shown = format!("{:?}", Set::from_bits_with_reserved(3 << 31));
    assert!(
        shown.contains("Signal32") && shown.contains("Signal33"),
        "{shown}"
    );
}

#[test]
fn info_with_number_of_no_signal_gives_none_to_send() {
    let _check = LeakCheck::begin();
    for number in NO_SIGNALS {
        let info = of_number(number);
        assert_eq!((info.signal(), info.number()), (None, number));
        assert_eq!(signal::forward(here(), &info), Err(Errno::INVAL));
        // SAFETY: it is refused.
        let forged = unsafe { signal::forward_from_kernel(here(), &info) };
        assert_eq!(forged, Err(Errno::INVAL));
    }
}

#[test]
fn forwarding_what_only_the_kernel_says_to_oneself_is_refused() {
    alone(test_name!(), || {
        block(Signal::SEGV);
        for code in [0, 1, 2, 128, i32::MAX] {
            let lie = Info::queued(Signal::SEGV, PAYLOAD).with_code(code);
            assert_eq!(signal::forward(here(), &lie), Err(Errno::PERM));
            assert_eq!(signal::forward(me(), &lie), Err(Errno::PERM));
            assert_eq!(signal::try_wait(Signal::SEGV), Err(Errno::AGAIN));
        }
    });
}

#[test]
fn process_ended_by_reserved_signal_is_reported_without_it() {
    use rawipc::signal::Reserved;
    alone(test_name!(), || {
        for (number, reserved) in [(32, Reserved::Signal32), (33, Reserved::Signal33)] {
            // SAFETY: the child has no libc's handler for it: the default is set again.
            let signal = unsafe { signal::reserved(number) }.unwrap();
            let ended = child(|| {
                get!(action::set(signal, Action::DEFAULT));
                get!(signal::set_mask(Set::EMPTY));
                get!(signal::raise(signal));
                Ok(())
            });
            assert_eq!(end_of(ended), State::SignalledReserved(reserved));
            assert_eq!(reserved.as_raw(), number);
        }
        assert!(State::SignalledReserved(Reserved::Signal32).is_end());
    });
}

#[test]
fn chosen_signal_that_is_reserved_is_reported_as_an_error() {
    alone(test_name!(), || {
        const F_SETSIG: i32 = 10;
        let (reader, _writer) = rustix::pipe::pipe().unwrap();
        assert_eq!(io::signal(&reader), Ok(None));
        for number in [32, 33] {
            // SAFETY: no memory is involved.
            unsafe { libc::fcntl(reader.as_raw_fd(), F_SETSIG, number) };
            assert_eq!(io::signal(&reader), Err(Errno::RANGE));
            // SAFETY: as above.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, number) };
            assert_eq!(process::parent_death_signal(), Err(Errno::RANGE));
        }
        io::set_signal(&reader, Some(rt(1))).unwrap();
        assert_eq!(io::signal(&reader), Ok(Some(rt(1))));
    });
}

/// All signals that a set can be made of here.
fn all() -> impl Iterator<Item = Signal> {
    (1..=64).filter_map(signal::from_number)
}

#[test]
fn set_operations_are_those_of_sets() {
    let mut choices = Choices::new(3);
    let mut random = || -> (Set, BTreeSet<i32>) {
        let signals: Vec<Signal> = all().filter(|_| choices.below(3) == 0).collect();
        (
            signals.iter().copied().collect(),
            signals.iter().map(|signal| signal.as_raw()).collect(),
        )
    };
    let is = |set: Set, model: &BTreeSet<i32>| {
        assert!(set.iter().map(Signal::as_raw).eq(model.iter().copied()));
        assert_eq!(set.len(), model.len());
        assert_eq!(set.iter().len(), model.len());
        assert_eq!(set.is_empty(), model.is_empty());
        for signal in all() {
            assert_eq!(set.contains(signal), model.contains(&signal.as_raw()));
        }
        assert_eq!(Set::from_bits(set.bits()), set);
        assert_eq!(Set::from_bits_with_reserved(set.bits()), set);
    };
    let universe: BTreeSet<i32> = all().map(Signal::as_raw).collect();
    for _ in 0..200 {
        let ((a, in_a), (b, in_b)) = (random(), random());
        is(a, &in_a);
        is(a | b, &(&in_a | &in_b));
        is(a & b, &(&in_a & &in_b));
        is(a - b, &(&in_a - &in_b));
        is(!a, &(&universe - &in_a));
        assert_eq!(a.contains_all(b), in_a.is_superset(&in_b));
        assert_eq!(a.contains_any(b), !in_a.is_disjoint(&in_b));
        assert!((a | b).contains_all(a) && a.contains_all(a - b));
        let mut c = a;
        c |= b;
        c &= a;
        assert_eq!(c, a);
        c -= a;
        assert_eq!(c, Set::EMPTY);
    }
    is(Set::ALL, &universe);
    is(Set::EMPTY, &BTreeSet::new());
    assert_eq!(Set::default(), Set::EMPTY);
    assert_eq!(Set::ALL.bits(), !(0b11 << 31));
    assert_eq!(!Set::ALL, Set::EMPTY);
    assert_eq!(Set::from(Signal::HUP).bits(), 1);
    assert_eq!(Set::from(rt(30)).bits(), 1 << 63);
    assert_eq!(Set::from([Signal::INT, Signal::INT]).len(), 1);
    let mut set = Set::of([]);
    set.insert(Signal::KILL);
    set.extend([Signal::KILL, Signal::STOP]);
    set.remove(Signal::KILL);
    assert!(set.into_iter().eq([Signal::STOP]));
    let shown = format!("{:?}", Set::of([Signal::TERM, Signal::INT]));
    assert!(shown.contains("INT") && shown.contains("TERM"), "{shown}");
}

#[test]
fn mask_is_per_thread() {
    let _check = LeakCheck::begin();
    let before = signal::mask().unwrap();
    assert_eq!(signal::block([Signal::USR1, rt(0)]), Ok(before));
    let now = signal::mask().unwrap();
    assert_eq!(now, before | [Signal::USR1, rt(0)]);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(signal::mask(), Ok(now), "inherited");
            signal::set_mask(Set::EMPTY).unwrap();
        });
    });
    assert_eq!(signal::mask(), Ok(now), "and then its own");
    assert_eq!(signal::unblock(Signal::USR1), Ok(now));
    let really_all = Set::from_bits_with_reserved(!0);
    assert_eq!(signal::set_mask(really_all), Ok(before | rt(0)));
    let everything = signal::mask().unwrap();
    assert_eq!(
        everything.bits(),
        !Set::of([Signal::KILL, Signal::STOP]).bits(),
        "what cannot be blocked is left out, and nothing else"
    );
    assert_eq!(signal::set_mask(Set::ALL), Ok(everything));
    {
        let outer = signal::mask().unwrap();
        signal::set_mask(before).unwrap();
        let first = Blocked::new(Signal::HUP).unwrap();
        assert_eq!(first.before(), before);
        {
            let _second = Blocked::new(Signal::USR2).unwrap();
            assert_eq!(signal::mask(), Ok(before | [Signal::HUP, Signal::USR2]));
        }
        assert_eq!(signal::mask(), Ok(before | Signal::HUP));
        drop(first);
        assert_eq!(signal::mask(), Ok(before));
        signal::set_mask(outer).unwrap();
    }
    signal::set_mask(before).unwrap();
}

#[test]
fn blocked_signal_is_pending_until_taken() {
    let _check = LeakCheck::begin();
    let set = Set::of([Signal::USR1, Signal::USR2, rt(1), rt(4)]);
    block(set);
    assert_eq!(signal::pending().unwrap() & set, Set::EMPTY);
    assert_eq!(signal::try_wait(set), Err(Errno::AGAIN));
    assert_eq!(signal::wait_until(set, soon()), Err(Errno::TIMEDOUT));
    assert_eq!(signal::wait_until(set, Deadline::NOW), Err(Errno::TIMEDOUT));

    // Real-time signals queue, in order; standard ones do not. Lowest first.
    for value in [7, 8, 9] {
        signal::queue(here(), rt(4), Payload::from_int(value)).unwrap();
    }
    signal::queue(here(), rt(1), Payload::from_word(u64::MAX - 1)).unwrap();
    for value in [5, 6] {
        signal::queue(here(), Signal::USR2, Payload::from_int(value)).unwrap();
    }
    signal::raise(Signal::USR1).unwrap();
    signal::raise(Signal::USR1).unwrap();
    assert_eq!(signal::pending().unwrap() & set, set);

    let mut taken = Vec::new();
    while let Ok(info) = signal::try_wait(set) {
        let cause = match info.cause() {
            Cause::Queue { sender, payload } => {
                assert_eq!(sender, myself());
                payload.word()
            }
            Cause::Thread(sender) => {
                assert_eq!(sender, myself());
                1000
            }
            cause => panic!("{cause:?}"),
        };
        assert_eq!(info.errno(), 0);
        taken.push((info.signal().unwrap(), cause));
    }
    let expected = [
        (Signal::USR1, 1000),
        (Signal::USR2, 5),
        (rt(1), u64::MAX - 1),
        (rt(4), 7),
        (rt(4), 8),
        (rt(4), 9),
    ];
    assert_eq!(taken, expected);
    assert_eq!(signal::pending().unwrap() & set, Set::EMPTY);
    // What need not wait succeeds however late it is.
    signal::raise(rt(1)).unwrap();
    assert_eq!(
        signal::wait_until(set, Deadline::NOW).unwrap().signal(),
        Some(rt(1))
    );
    assert_eq!(signal::wait_until(Set::EMPTY, soon()), Err(Errno::TIMEDOUT));
}

#[test]
fn wait_ends_when_another_process_sends() {
    alone(test_name!(), || {
        block([Signal::USR1, rt(0)]);
        let parent = me();
        let child = child(|| {
            let info = get!(signal::wait(Signal::USR1));
            let from = Sender {
                pid: Some(parent),
                uid: get_uid(),
            };
            hold!(info.cause() == Cause::User(from));
            hold!(info.code() == 0);
            let info = get!(signal::wait_until(rt(0), limit()));
            hold!(info.signal() == Some(rt(0)));
            let Cause::Queue { sender, payload } = info.cause() else {
                return Err(line!());
            };
            hold!(sender == from && payload.int() == -5);
            Ok(())
        });
        await_sleep(child);
        signal::send(child, Signal::USR1).unwrap();
        signal::queue(child, rt(0), Payload::from_int(-5)).unwrap();
        assert_eq!(end_of(child), State::Exited(0));
    });
}

fn get_uid() -> u32 {
    rustix::process::getuid().as_raw()
}

#[test]
fn wait_is_interrupted_by_a_handler() {
    alone(test_name!(), || {
        action::set(Signal::USR1, counting().with_flags(ActionFlags::RESTART)).unwrap();
        let child = child(|| {
            get!(signal::block(Signal::USR2));
            hold!(signal::wait(Signal::USR2) == Err(Errno::INTR));
            hold!(RUNS.load(Relaxed) == 1);
            Ok(())
        });
        await_sleep(child);
        signal::send(child, Signal::USR1).unwrap();
        assert_eq!(end_of(child), State::Exited(0));
    });
}

#[test]
fn handler_runs_and_is_replaced() {
    alone(test_name!(), || {
        assert_eq!(
            action::get(Signal::USR1).unwrap().disposition(),
            Disposition::Default
        );
        assert_eq!(action::get(Signal::USR1).unwrap(), Action::DEFAULT);
        let mask = Set::of([Signal::HUP, rt(3)]);
        let flags = ActionFlags::RESTART | ActionFlags::NODEFER;
        let ours = counting().with_flags(flags).with_mask(mask);
        assert_eq!(action::set(Signal::USR1, ours).unwrap(), Action::DEFAULT);
        let now = action::get(Signal::USR1).unwrap();
        assert_eq!(now, ours);
        assert_eq!(
            now.disposition(),
            Disposition::Handler(count as *const () as usize)
        );
        assert_eq!((now.flags(), now.mask()), (flags, mask));
        for run in 1..4 {
            signal::raise(Signal::USR1).unwrap();
            assert_eq!(RUNS.load(Relaxed), run);
            assert_eq!(SEEN.load(Relaxed), Signal::USR1.as_raw());
        }
        let replaced = action::set(Signal::USR1, Action::IGNORE).unwrap();
        assert_eq!(replaced, ours);
        assert_eq!((replaced, replaced.signal()), (now, Signal::USR1));
        assert_eq!(replaced.without_handler(), None);
        signal::raise(Signal::USR1).unwrap();
        assert_eq!(RUNS.load(Relaxed), 3);
        assert_eq!(
            action::get(Signal::USR1).unwrap().disposition(),
            Disposition::Ignore
        );
        // SAFETY: our own handler.
        let replaced = unsafe { now.restore() }.unwrap();
        assert_eq!(replaced.without_handler(), Some(Action::IGNORE));
        signal::raise(Signal::USR1).unwrap();
        assert_eq!(RUNS.load(Relaxed), 4);
        // The last real-time signal too, on whichever thread.
        action::set(rt(30), counting()).unwrap();
        signal::send(me(), rt(30)).unwrap();
        let deadline = limit();
        while RUNS.load(Relaxed) < 5 {
            assert!(!deadline.has_passed());
        }
        assert_eq!(SEEN.load(Relaxed), 64);
        let shown = format!("{now:?}");
        assert!(
            shown.contains("RESTART") && shown.contains("HUP"),
            "{shown}"
        );
    });
}

#[test]
fn libcs_action_is_restored_unchanged() {
    alone(test_name!(), || {
        // std has set this one, by way of a libc with a restorer of its own.
        let std = action::get(Signal::PIPE).unwrap();
        assert_eq!(std.disposition(), Disposition::Ignore);
        // SAFETY: the handler only touches atomics.
        unsafe { libc::signal(libc::SIGUSR2, count as *const () as usize) };
        let theirs = action::get(Signal::USR2).unwrap();
        assert_eq!(
            theirs.disposition(),
            Disposition::Handler(count as *const () as usize)
        );
        assert_eq!(theirs.flags(), ActionFlags::RESTART);
        assert_eq!(action::set(Signal::USR2, Action::IGNORE), Ok(theirs));
        signal::raise(Signal::USR2).unwrap();
        // SAFETY: it is still there.
        unsafe { theirs.restore() }.unwrap();
        signal::raise(Signal::USR2).unwrap();
        assert_eq!(RUNS.load(Relaxed), 1);
    });
}

#[test]
fn action_of_sigkill_and_sigstop_is_refused() {
    let _check = LeakCheck::begin();
    for signal in [Signal::KILL, Signal::STOP] {
        assert_eq!(action::set(signal, Action::IGNORE), Err(Errno::INVAL));
        assert_eq!(action::set(signal, Action::DEFAULT), Err(Errno::INVAL));
        assert_eq!(action::get(signal).unwrap(), Action::DEFAULT);
    }
}

#[test]
fn default_action_terminates_or_ignores() {
    alone(test_name!(), || {
        let killed = |signal, core| State::Signalled { signal, core };
        for signal in [Signal::USR1, Signal::TERM, Signal::ALARM, rt(0), rt(30)] {
            let state = end_of(child(|| {
                let _ = action::set(signal, Action::DEFAULT);
                let _ = signal::unblock(Set::ALL);
                let _ = signal::raise(signal);
                Ok(())
            }));
            assert_eq!(state, killed(signal, false));
        }
        holds(|| {
            get!(signal::raise(Signal::CHILD));
            get!(signal::raise(Signal::WINCH));
            get!(signal::raise(Signal::URG));
            get!(signal::raise(Signal::CONT));
            Ok(())
        });
    });
}

extern "C" fn look(signal: Signal, info: &Info, mut context: Context<'_>) {
    let Cause::Queue { payload, .. } = info.cause() else {
        return;
    };
    SEEN.store(payload.int(), Relaxed);
    MASK.store(signal::mask().unwrap_or_default().bits(), Relaxed);
    ADDRESS.store(context.stack(), Relaxed);
    let inside = context.mask().contains(Signal::WINCH) && info.signal() == Some(signal);
    DEPTH.store(u32::from(inside), Relaxed);
    let mask = context.mask();
    context.set_mask(mask | Signal::URG);
    RUNS.fetch_add(
        u32::from(context.instruction() != 0 && !context.as_ptr().is_null()),
        Relaxed,
    );
}

#[test]
fn info_handler_gets_all_information() {
    alone(test_name!(), || {
        let before = signal::block(Signal::WINCH).unwrap() | Signal::WINCH;
        let action = informed(look).with_mask([Signal::HUP]);
        action::set(rt(2), action).unwrap();
        assert_eq!(
            action::get(rt(2)).unwrap().disposition(),
            Disposition::InfoHandler(look as *const () as usize)
        );
        assert_eq!(action::get(rt(2)).unwrap(), action);
        let local = 0_u8;
        signal::queue(here(), rt(2), Payload::from_int(i32::MIN)).unwrap();
        assert_eq!(RUNS.load(Relaxed), 1);
        assert_eq!(SEEN.load(Relaxed), i32::MIN);
        assert_eq!(DEPTH.load(Relaxed), 1);
        assert_eq!(
            Set::from_bits(MASK.load(Relaxed)),
            before | Signal::HUP | rt(2),
            "the signal itself and the mask are blocked meanwhile"
        );
        let stack = ADDRESS.load(Relaxed);
        assert!(
            stack.abs_diff((&raw const local).addr()) < 1 << 16,
            "it was this stack"
        );
        assert_eq!(
            signal::mask(),
            Ok(before | Signal::URG),
            "the handler decides what is blocked afterwards"
        );
    });
}

extern "C" fn nest(signal: Signal) {
    if RUNS.fetch_add(1, Relaxed) < 3 {
        let before = RUNS.load(Relaxed);
        let _ = signal::raise(signal);
        if RUNS.load(Relaxed) > before {
            DEPTH.fetch_add(1, Relaxed);
        }
    }
}

#[test]
fn handler_with_nodefer_interrupts_itself() {
    alone(test_name!(), || {
        // SAFETY: the handler only touches atomics and raises.
        let nest = unsafe { Action::handler(nest) };
        action::set(Signal::USR1, nest).unwrap();
        signal::raise(Signal::USR1).unwrap();
        assert_eq!((RUNS.load(Relaxed), DEPTH.load(Relaxed)), (4, 0));
        RUNS.store(0, Relaxed);
        action::set(Signal::USR1, nest.with_flags(ActionFlags::NODEFER)).unwrap();
        signal::raise(Signal::USR1).unwrap();
        assert_eq!((RUNS.load(Relaxed), DEPTH.load(Relaxed)), (4, 3));
    });
}

#[test]
fn handler_with_resethand_runs_once() {
    alone(test_name!(), || {
        action::set(rt(1), counting().with_flags(ActionFlags::RESETHAND)).unwrap();
        signal::raise(rt(1)).unwrap();
        assert_eq!(RUNS.load(Relaxed), 1);
        assert_eq!(
            action::get(rt(1)).unwrap().disposition(),
            Disposition::Default
        );
    });
}

#[test]
fn call_with_restart_is_restarted() {
    alone(test_name!(), || {
        for (flags, expected) in [
            (ActionFlags::empty(), Err(Errno::INTR)),
            (ActionFlags::RESTART, Ok(1)),
        ] {
            let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
            let (ran, running) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
            TELL.store(running.as_raw_fd(), Relaxed);
            // SAFETY: the handler only writes to a pipe.
            let action = unsafe { Action::handler(tell) };
            action::set(Signal::USR1, action.with_flags(flags)).unwrap();
            let child = child(|| {
                hold!(rustix::io::read(&read, &mut [0; 1]) == expected);
                Ok(())
            });
            await_sleep(child);
            signal::send(child, Signal::USR1).unwrap();
            rustix::io::read(&ran, &mut [0; 1]).unwrap();
            rustix::io::write(&write, b"x").unwrap();
            assert_eq!(end_of(child), State::Exited(0), "{flags:?}");
        }
    });
}

static TELL: AtomicI32 = AtomicI32::new(-1);

extern "C" fn tell(_: Signal) {
    // SAFETY: the test keeps it open.
    let fd = unsafe { rustix::fd::BorrowedFd::borrow_raw(TELL.load(Relaxed)) };
    let _ = rustix::io::write(fd, b"!");
}

#[test]
fn unknown_flags_are_detected() {
    alone(test_name!(), || {
        let asked = ActionFlags::UNSUPPORTED | ActionFlags::EXPOSE_TAGBITS;
        action::set(rt(6), counting().with_flags(asked)).unwrap();
        let kept = action::get(rt(6)).unwrap().flags();
        // Before Linux 5.11 both are kept.
        assert!(
            kept == ActionFlags::EXPOSE_TAGBITS || kept == asked,
            "{kept:?}"
        );
        // Bits that follow from the handler cannot be had by the flags.
        let implied = ActionFlags::from_bits_retain(libc::SA_SIGINFO as u32 | 0x0400_0000);
        let action = counting().with_flags(implied);
        assert_eq!(action, counting());
        assert_eq!(action.flags(), ActionFlags::empty());
        action::set(rt(6), action).unwrap();
        signal::raise(rt(6)).unwrap();
        assert_eq!(RUNS.load(Relaxed), 1);
    });
}

#[test]
fn sigchld_reports_the_childs_state() {
    alone(test_name!(), || {
        holds(|| {
            get!(signal::block([Signal::CHILD, Signal::USR1]));
            let uid = get_uid();
            let next = || -> Result<(Option<Pid>, u32, State), u32> {
                let info = get!(signal::wait_until(Signal::CHILD, limit()));
                match info.cause() {
                    Cause::Child {
                        pid, uid, state, ..
                    } => Ok((pid, uid, state)),
                    _ => Err(line!()),
                }
            };
            let quick = child(|| process::exit(7));
            hold!(next()? == (Some(quick), uid, State::Exited(7)));
            hold!(process::try_wait(quick, WaitFlags::EXITED).is_ok());

            let slow = child(|| {
                loop {
                    let _ = signal::suspend(Set::EMPTY);
                }
            });
            let all = WaitFlags::EXITED | WaitFlags::STOPPED | WaitFlags::CONTINUED;
            get!(signal::send(slow, Signal::STOP));
            hold!(next()? == (Some(slow), uid, State::Stopped(Signal::STOP)));
            get!(process::wait(slow, all));
            get!(signal::send(slow, Signal::CONT));
            hold!(next()? == (Some(slow), uid, State::Continued));
            get!(process::wait(slow, all));
            get!(signal::send(slow, Signal::USR1));
            // The child's mask lets USR1 through while it suspends.
            let killed = State::Signalled {
                signal: Signal::USR1,
                core: false,
            };
            hold!(next()? == (Some(slow), uid, killed));
            hold!(get!(process::wait(slow, all)).state == killed);

            // Only of ends.
            get!(action::set(
                Signal::CHILD,
                counting().with_flags(ActionFlags::NOCLDSTOP)
            ));
            let slow = child(|| {
                loop {
                    let _ = signal::suspend(Set::EMPTY);
                }
            });
            get!(signal::send(slow, Signal::STOP));
            get!(process::wait(slow, all));
            hold!(signal::try_wait(Signal::CHILD) == Err(Errno::AGAIN));
            get!(signal::send(slow, Signal::KILL));
            let killed = State::Signalled {
                signal: Signal::KILL,
                core: false,
            };
            hold!(next()? == (Some(slow), uid, killed));
            get!(process::wait(slow, all));

            // No zombies: there is nothing to wait for when all have ended.
            for action in [
                counting().with_flags(ActionFlags::NOCLDWAIT),
                Action::IGNORE,
            ] {
                get!(action::set(Signal::CHILD, action));
                let gone = child(|| Ok(()));
                hold!(process::wait(gone, WaitFlags::EXITED) == Err(Errno::CHILD));
            }
            Ok(())
        });
    });
}

#[test]
fn sigchld_reports_the_childs_cpu_time() {
    alone(test_name!(), || {
        holds(|| {
            get!(signal::block(Signal::CHILD));
            let busy = child(|| {
                let spent = timer::Clock::ProcessTime(None);
                get!(signal::block(rt(0)));
                let timer = get!(timer::create(
                    spent,
                    Notify::Process(rt(0), Payload::default())
                ));
                get!(timer.set(Schedule::once(Start::After(Duration::from_millis(100)))));
                while signal::try_wait(rt(0)).is_err() {}
                Ok(())
            });
            let info = get!(signal::wait_until(Signal::CHILD, limit()));
            let Cause::Child {
                pid,
                user,
                system,
                state,
                ..
            } = info.cause()
            else {
                return Err(line!());
            };
            hold!(pid == Some(busy) && state == State::Exited(0));
            let spent = user + system;
            // The kernel samples it at every tick, and may be held up itself.
            hold!(spent >= Duration::from_millis(10) && spent < LIMIT);
            get!(process::wait(busy, WaitFlags::EXITED));
            Ok(())
        });
    });
}

extern "C" fn panics(_: Signal) {
    panic!("in a handler");
}

#[test]
fn panic_in_handler_aborts() {
    const ROLE: &str = "panics";
    if PeerArgs::role(ROLE).is_some() {
        // SAFETY: it is to break the rule.
        action::set(Signal::USR1, unsafe { Action::handler(panics) }).unwrap();
        std::panic::set_hook(Box::new(|_| {}));
        let _ = std::panic::catch_unwind(|| signal::raise(Signal::USR1));
        // Not reached, or else a success, which is a failure.
        return;
    }
    let _check = LeakCheck::begin();
    let mut peer = Peer::start(test_name!(), ROLE, &[]);
    assert_eq!(peer.wait().signal(), Some(libc::SIGABRT));
}

/// What the next fault shall be; the handler ends the child with 0 if it is.
static EXPECTED: AtomicU32 = AtomicU32::new(0);

const KINDS: [FaultKind; 3] = [
    FaultKind::Unmapped,
    FaultKind::Forbidden,
    FaultKind::NoMemoryThere,
];

extern "C" fn on_fault(_: Signal, info: &Info, context: Context<'_>) {
    let expected = Cause::Fault(Fault {
        address: ADDRESS.load(Relaxed),
        kind: KINDS[EXPECTED.load(Relaxed) as usize],
    });
    let good = info.cause() == expected && context.instruction() != 0;
    process::exit(if good { 0 } else { FAILED });
}

#[test]
fn fault_reports_where_and_why() {
    use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};
    const PAGE: usize = 65536;
    alone(test_name!(), || {
        let empty = rustix::fs::memfd_create("empty", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        let null = core::ptr::null_mut();
        let write = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping.
        let gone = unsafe { mmap_anonymous(null, PAGE, write, MapFlags::PRIVATE).unwrap() };
        // SAFETY: a new mapping.
        let closed =
            unsafe { mmap_anonymous(null, PAGE, ProtFlags::READ, MapFlags::PRIVATE).unwrap() };
        // SAFETY: a new mapping.
        let beyond = unsafe { mmap(null, PAGE, write, MapFlags::SHARED, &empty, 0).unwrap() };
        // SAFETY: just made, and not used.
        unsafe { munmap(gone, PAGE).unwrap() };
        for (expected, address) in (0..).zip([gone, closed, beyond]) {
            holds(|| {
                let place = address.wrapping_byte_add(24);
                EXPECTED.store(expected, Relaxed);
                ADDRESS.store(place.addr(), Relaxed);
                get!(action::set(Signal::SEGV, informed(on_fault)));
                get!(action::set(Signal::BUS, informed(on_fault)));
                // SAFETY: none; the kernel refuses it, and the handler does not return.
                unsafe { place.cast::<u8>().write_volatile(1) };
                Err(line!())
            });
        }
        for mapping in [closed, beyond] {
            // SAFETY: not used any more.
            unsafe { munmap(mapping, PAGE).unwrap() };
        }
    });
}

extern "C" fn on_overflow(_: Signal, info: &Info, context: Context<'_>) {
    let on_stack = stack::get().is_ok_and(|stack| stack.is_some_and(|stack| stack.in_use));
    let Cause::Fault(fault) = info.cause() else {
        process::exit(FAILED);
    };
    // Near the stack pointer that overflowed, which is not ours.
    let near = fault.address.abs_diff(context.stack()) < 1 << 20;
    let refused = stack::disable() == Err(Errno::PERM);
    process::exit(if on_stack && near && refused {
        0
    } else {
        FAILED
    });
}

#[allow(unconditional_recursion, reason = "to overflow the stack")]
fn overflow(depth: u64) -> u64 {
    let frame = core::hint::black_box([depth; 64]);
    overflow(depth + 1) + frame[(depth % 64) as usize]
}

#[test]
fn stack_overflow_is_handled_on_the_alternate_stack() {
    alone(test_name!(), || {
        holds(|| {
            let _stack = get!(Mapped::new(stack::SIZE, StackFlags::empty()));
            let action = informed(on_overflow).with_flags(ActionFlags::ONSTACK);
            get!(action::set(Signal::SEGV, action));
            hold!(core::hint::black_box(overflow(0)) == 1);
            Err(line!())
        });
    });
}

extern "C" fn where_am_i(_: Signal) {
    let local = 0_u8;
    ADDRESS.store((&raw const local).addr(), Relaxed);
    DEPTH.store(
        match stack::get() {
            Ok(None) => 1,
            Ok(Some(stack)) if stack.in_use => 2,
            Ok(Some(_)) => 3,
            Err(_) => 4,
        },
        Relaxed,
    );
    SEEN.store(
        match Mapped::new(stack::SIZE, StackFlags::empty()) {
            Err(Errno::PERM) => 1,
            Err(_) => 2,
            Ok(_) => 3,
        },
        Relaxed,
    );
}

#[test]
fn handlers_run_on_the_alternate_stack_when_asked() {
    alone(test_name!(), || {
        let before = stack::get().unwrap();
        // SAFETY: the handler only touches atomics, and maps.
        let action = unsafe { Action::handler(where_am_i) };
        let runs_on = |stack: &Mapped| {
            signal::raise(Signal::USR1).unwrap();
            let start = stack.memory().cast::<u8>().as_ptr().addr();
            (start..start + stack.memory().len()).contains(&ADDRESS.load(Relaxed))
        };
        let state = || (DEPTH.load(Relaxed), SEEN.load(Relaxed));

        let stack = Mapped::new(1, StackFlags::empty()).unwrap();
        assert!(!stack.memory().is_empty(), "rounded up");
        drop(stack);
        let stack = Mapped::new(stack::SIZE, StackFlags::empty()).unwrap();
        let now = stack::get().unwrap().unwrap();
        assert_eq!(now.memory, stack.memory());
        assert_eq!((now.flags, now.in_use), (StackFlags::empty(), false));
        action::set(Signal::USR1, action).unwrap();
        assert!(!runs_on(&stack), "not asked");
        assert_eq!(state(), (3, 3));
        action::set(Signal::USR1, action.with_flags(ActionFlags::ONSTACK)).unwrap();
        assert!(runs_on(&stack));
        assert_eq!(state(), (2, 1), "and it cannot be changed meanwhile");

        let inner = Mapped::new(stack::SIZE, StackFlags::AUTODISARM).unwrap();
        assert_eq!(
            stack::get().unwrap().map(|stack| stack.flags),
            Some(StackFlags::AUTODISARM)
        );
        assert!(runs_on(&inner));
        assert_eq!(state(), (1, 3), "disarmed, so that it can");
        assert_eq!(
            stack::get().unwrap().map(|stack| stack.memory),
            Some(inner.memory()),
            "and armed again"
        );
        drop(inner);
        assert_eq!(stack::get().unwrap(), Some(now));
        assert_eq!(stack::disable(), Ok(Some(now)));
        assert_eq!(stack::get(), Ok(None));
        assert!(!runs_on(&stack), "there is none");
        drop(stack);
        assert_eq!(stack::get(), Ok(None), "what is not ours is left as it is");
        drop(Mapped::new(stack::SIZE, StackFlags::empty()).unwrap());
        assert_eq!(stack::get(), Ok(None), "there was none before");
        if let Some(before) = before {
            // SAFETY: std's, which it keeps for this thread.
            let none = unsafe { stack::set(before.memory, before.flags) };
            assert_eq!(none, Ok(None));
        }
        assert_eq!(stack::get(), Ok(before));
    });
}

/// Which of three is dropped when, by its place in the order of making.
const ORDERS: [[usize; 3]; 6] = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
];

#[test]
fn blocking_guards_dropped_in_any_order_leave_the_mask_as_it_was() {
    let _check = LeakCheck::begin();
    let before = signal::block(Signal::USR2).unwrap() | Signal::USR2;
    let sets = [
        Set::from(Signal::USR1),
        Set::of([Signal::USR1, Signal::USR2, rt(1)]),
        Set::ALL,
    ];
    for order in ORDERS {
        let mut guards = sets.map(|set| Some(Blocked::new(set).unwrap()));
        // What is blocked otherwise meanwhile stays so.
        signal::block(rt(2)).unwrap();
        for index in order {
            drop(guards[index].take());
        }
        let now = signal::mask().unwrap();
        assert_eq!(now - rt(2), before, "{order:?}");
        signal::set_mask(before).unwrap();
    }
}

/// Whether the memory of the thread's alternate stack is mapped and nobody else's: many
/// new mappings lie elsewhere, and a handler that runs on it leaves them alone.
fn alternate_stack_is_nobody_elses() -> bool {
    let size = stack::SIZE + 64 * 1024;
    let others: Vec<rawipc::memory::Mapping> = (0..64)
        .map(|_| rawipc::memory::MapOptions::private(size).map_anonymous())
        .map(|mapping| mapping.expect("memory"))
        .collect();
    let on_stack = counting().with_flags(ActionFlags::ONSTACK);
    action::set(Signal::USR1, on_stack).expect("an action");
    signal::raise(Signal::USR1).expect("a signal");
    let Some(now) = stack::get().expect("its stack") else {
        return true;
    };
    let start = now.memory.cast::<u8>().as_ptr().addr();
    let end = start + now.memory.len();
    let overlaps = |other: &rawipc::memory::Mapping| {
        let first = other.as_ptr().addr();
        first < end && start < first + other.len()
    };
    let maps = std::fs::read_to_string("/proc/thread-self/maps").expect("this process's maps");
    let is_mapped = maps.lines().any(|line| {
        let range = line
            .split(' ')
            .next()
            .and_then(|range| range.split_once('-'));
        let (from, to) = range.expect("a range");
        let number = |text| usize::from_str_radix(text, 16).expect("an address");
        number(from) <= start && end <= number(to)
    });
    is_mapped && !others.iter().any(overlaps)
}

#[test]
fn mapped_stacks_dropped_in_any_order_leave_none_that_is_unmapped() {
    alone(test_name!(), || {
        for order in ORDERS {
            // 3: after the last; otherwise the thread's stack is taken away and given back
            // at that point.
            for disabled_before in 0..=3 {
                for put_back in [false, true] {
                    alone_in_thread(|| {
                        let before = stack::get().unwrap();
                        let make = || Mapped::new(stack::SIZE, StackFlags::empty()).unwrap();
                        let mut stacks = [make(), make(), make()].map(Some);
                        for (time, index) in order.into_iter().enumerate() {
                            if time == disabled_before {
                                let taken = stack::disable().unwrap();
                                if put_back && let Some(taken) = taken {
                                    drop(stacks[index].take());
                                    // SAFETY: of a `Mapped`, or std's: still mapped, as this
                                    // test shows.
                                    unsafe { stack::set(taken.memory, taken.flags) }.unwrap();
                                }
                            }
                            drop(stacks[index].take());
                            assert!(alternate_stack_is_nobody_elses(), "{order:?} at {time}");
                        }
                        if order == [2, 1, 0] && disabled_before == 3 {
                            assert_eq!(stack::get().unwrap(), before, "in the right order");
                        }
                        // What the thread's end takes away is std's.
                        if let Some(before) = before {
                            // SAFETY: std's, which it keeps for this thread.
                            unsafe { stack::set(before.memory, before.flags) }.unwrap();
                        }
                    });
                }
            }
        }
    });
}

/// Runs `half` in a thread of its own, with an alternate stack of its own.
fn alone_in_thread(half: impl FnOnce() + Send) {
    std::thread::scope(|scope| scope.spawn(half).join()).expect("no panic");
}

#[test]
fn mapped_stack_dropped_by_a_handler_that_runs_on_it_stays() {
    extern "C" fn drop_it(_: Signal) {
        // The test's.
        if let Some(stack) = HELD.with(|held| held.take()) {
            drop(stack);
            RUNS.fetch_add(1, Relaxed);
        }
    }
    std::thread_local! {
        static HELD: core::cell::Cell<Option<Mapped>> = const { core::cell::Cell::new(None) };
    }
    alone(test_name!(), || {
        for flags in [StackFlags::empty(), StackFlags::AUTODISARM] {
            HELD.set(Some(Mapped::new(stack::SIZE, flags).unwrap()));
            // SAFETY: it only interrupts this thread's sending to itself; the thread-local
            // is initialized, and nobody is in the middle of using it.
            let action = unsafe { Action::handler(drop_it) };
            action::set(Signal::USR2, action.with_flags(ActionFlags::ONSTACK)).unwrap();
            signal::raise(Signal::USR2).unwrap();
            assert!(alternate_stack_is_nobody_elses());
            stack::disable().unwrap();
        }
        assert_eq!(RUNS.load(Relaxed), 4, "twice each");
    });
}

#[test]
fn invalid_alternate_stack_is_refused() {
    let _check = LeakCheck::begin();
    let before = stack::get().unwrap();
    let mut small = [MaybeUninit::<u8>::uninit(); 512];
    let memory = NonNull::slice_from_raw_parts(NonNull::from(&mut small).cast(), small.len());
    // SAFETY: it is refused.
    let refused = unsafe { stack::set(memory, StackFlags::empty()) };
    assert_eq!(refused, Err(Errno::NOMEM));
    let unknown = StackFlags::from_bits_retain(0x4000);
    assert_eq!(
        Mapped::new(stack::SIZE, unknown).map(drop),
        Err(Errno::INVAL)
    );
    for size in [usize::MAX, usize::MAX - 65535, usize::MAX / 2] {
        assert_eq!(
            Mapped::new(size, StackFlags::empty()).map(drop),
            Err(Errno::NOMEM)
        );
    }
    assert_eq!(stack::get(), Ok(before));
}

/// Signals and what is to be said of them.
type Expected = Vec<(Signal, fn(Cause) -> bool)>;

/// A child that waits for `signals` one after the other, as if by [`signal::wait`].
fn expects(signals: Expected) -> Pid {
    child(move || {
        for (signal, expected) in &signals {
            let info = get!(signal::wait_until(*signal, limit()));
            hold!(expected(info.cause()));
        }
        Ok(())
    })
}

fn is_user(cause: Cause) -> bool {
    matches!(cause, Cause::User(sender) if sender.pid == rustix::process::getppid())
}

fn is_thread(cause: Cause) -> bool {
    matches!(cause, Cause::Thread(sender) if sender.pid == rustix::process::getppid())
}

fn is_queue(cause: Cause) -> bool {
    matches!(cause, Cause::Queue { sender, payload }
        if sender.pid == rustix::process::getppid() && payload.word() == 0x1234_5678_9ABC_DEF0)
}

const PAYLOAD: Payload = Payload::from_word(0x1234_5678_9ABC_DEF0);

#[test]
fn send_reaches_processes_and_threads() {
    alone(test_name!(), || {
        block((0..6).map(rt).collect::<Set>());
        let child = expects(vec![
            (rt(0), is_user),
            (rt(1), is_thread),
            (rt(2), is_user),
            (rt(3), is_queue),
            (rt(4), is_queue),
            (rt(5), is_queue),
        ]);
        let descriptor = pidfd::open(child).unwrap();
        let thread = Recipient::Thread {
            process: child,
            thread: child,
        };
        signal::probe(child).unwrap();
        signal::probe(thread).unwrap();
        signal::probe(&descriptor).unwrap();
        signal::send(child, rt(0)).unwrap();
        signal::send(thread, rt(1)).unwrap();
        signal::send(&descriptor, rt(2)).unwrap();
        signal::queue(child, rt(3), PAYLOAD).unwrap();
        signal::queue(thread, rt(4), PAYLOAD).unwrap();
        signal::queue(&descriptor, rt(5), PAYLOAD).unwrap();
        assert_eq!(end_of(child), State::Exited(0));
        // Nobody any more.
        for result in [
            signal::send(child, rt(0)),
            signal::send(thread, rt(0)),
            signal::send(&descriptor, rt(0)),
            signal::probe(child),
            signal::probe(thread),
            signal::probe(&descriptor),
            signal::queue(child, rt(0), PAYLOAD),
            signal::queue(thread, rt(0), PAYLOAD),
            signal::queue(&descriptor, rt(0), PAYLOAD),
        ] {
            assert_eq!(result, Err(Errno::SRCH));
        }
        let wrong = Recipient::Thread {
            process: child,
            thread: me(),
        };
        assert_eq!(signal::send(wrong, rt(0)), Err(Errno::SRCH));
        let (a, _b) = UnixStream::pair().unwrap();
        assert_eq!(signal::send(&a, rt(0)), Err(Errno::BADF));
        assert_eq!(signal::queue(&a, rt(0), PAYLOAD), Err(Errno::BADF));
        assert_eq!(signal::probe(&a), Err(Errno::BADF));
    });
}

#[test]
fn zombie_takes_every_signal() {
    alone(test_name!(), || {
        let child = child(|| Ok(()));
        let descriptor = pidfd::open(child).unwrap();
        descriptor.wait_exit().unwrap();
        signal::probe(child).unwrap();
        signal::send(child, Signal::KILL).unwrap();
        signal::send(&descriptor, Signal::KILL).unwrap();
        assert_eq!(end_of(child), State::Exited(0));
    });
}

/// Two children in a group of their own, which the first leads; each expects what is given.
fn group(first: Expected, second: Expected) -> [Pid; 2] {
    let (first, second) = (expects(first), expects(second));
    rustix::process::setpgid(Some(first), Some(first)).expect("a group");
    rustix::process::setpgid(Some(second), Some(first)).expect("the same group");
    [first, second]
}

#[test]
fn scope_of_pidfd_chooses_the_receiver() {
    alone(test_name!(), || {
        block([rt(0), rt(1), rt(2), rt(3)]);
        let children = group(
            vec![
                (rt(0), is_thread),
                (rt(1), is_user),
                (rt(2), is_user),
                (rt(3), is_queue),
            ],
            vec![(rt(2), is_user), (rt(3), is_queue)],
        );
        let descriptor = pidfd::open(children[0]).unwrap();
        let send =
            |scope, signal| signal::send(Recipient::Pidfd(descriptor.as_fd(), scope), signal);
        if send(Scope::Thread, rt(0)) == Err(Errno::INVAL) {
            skipped!("scopes of pidfds need Linux 6.9");
            for child in children {
                signal::send(child, Signal::KILL).unwrap();
                end_of(child);
            }
            return;
        }
        send(Scope::Process, rt(1)).unwrap();
        send(Scope::Group, rt(2)).unwrap();
        signal::queue(
            Recipient::Pidfd(descriptor.as_fd(), Scope::Group),
            rt(3),
            PAYLOAD,
        )
        .unwrap();
        for child in children {
            assert_eq!(end_of(child), State::Exited(0));
        }
    });
}

#[test]
fn send_reaches_a_group() {
    alone(test_name!(), || {
        block([rt(0), rt(1)]);
        let both = || vec![(rt(0), is_user as fn(Cause) -> bool)];
        let children = group(both(), both());
        signal::probe(Target::Group(children[0])).unwrap();
        signal::send(Target::Group(children[0]), rt(0)).unwrap();
        for child in children {
            assert_eq!(end_of(child), State::Exited(0));
        }
        assert_eq!(
            signal::send(Target::Group(children[0]), rt(0)),
            Err(Errno::SRCH)
        );
        // -1 is everyone, not the group of process 1.
        assert_eq!(signal::probe(Target::Group(Pid::INIT)), Err(Errno::INVAL));
        // The own group, in one of its own.
        holds(|| {
            get!(rustix::process::setpgid(None, None));
            let leader = me();
            let member = child(move || {
                let info = get!(signal::wait_until(rt(1), limit()));
                let from = Sender {
                    pid: Some(leader),
                    uid: get_uid(),
                };
                hold!(info.cause() == Cause::User(from));
                Ok(())
            });
            get!(signal::probe(Target::OwnGroup));
            get!(signal::send(Target::OwnGroup, rt(1)));
            hold!(end_of(member) == State::Exited(0));
            hold!(signal::try_wait(rt(1)).is_ok_and(|info| info.signal() == Some(rt(1))));
            Ok(())
        });
        signal::probe(Target::Everyone).unwrap();
    });
}

#[test]
fn send_to_another_users_process_is_refused() {
    alone(test_name!(), || {
        if !rustix::process::getuid().is_root() {
            assert_eq!(signal::probe(Pid::INIT), Err(Errno::PERM));
            assert_eq!(signal::queue(Pid::INIT, rt(0), PAYLOAD), Err(Errno::PERM));
            return;
        }
        let parent = me();
        let descriptor = pidfd::open(parent).unwrap();
        holds(|| {
            // SAFETY: of this process alone, which has one thread.
            hold!(unsafe { libc::syscall(libc::SYS_setresuid, 65534, 65534, 65534) } == 0);
            let thread = Recipient::Thread {
                process: parent,
                thread: parent,
            };
            hold!(signal::send(parent, Signal::WINCH) == Err(Errno::PERM));
            hold!(signal::send(thread, Signal::WINCH) == Err(Errno::PERM));
            hold!(signal::send(&descriptor, Signal::WINCH) == Err(Errno::PERM));
            hold!(signal::probe(parent) == Err(Errno::PERM));
            hold!(signal::queue(parent, rt(0), PAYLOAD) == Err(Errno::PERM));
            hold!(signal::queue(thread, rt(0), PAYLOAD) == Err(Errno::PERM));
            hold!(signal::queue(&descriptor, rt(0), PAYLOAD) == Err(Errno::PERM));
            Ok(())
        });
    });
}

#[test]
fn forward_of_kernel_codes_to_others_is_refused() {
    alone(test_name!(), || {
        block(rt(0));
        let waiting = expects(vec![(
            rt(0),
            |cause| matches!(cause, Cause::MessageQueue { payload, .. } if payload == PAYLOAD),
        )]);
        let descriptor = pidfd::open(waiting).unwrap();
        let info = Info::queued(rt(0), PAYLOAD);
        for code in [0, 1, 128, i32::MAX, -6] {
            let lie = info.with_code(code);
            let thread = Recipient::Thread {
                process: waiting,
                thread: waiting,
            };
            assert_eq!(signal::forward(waiting, &lie), Err(Errno::PERM));
            assert_eq!(signal::forward(thread, &lie), Err(Errno::PERM));
            assert_eq!(signal::forward(&descriptor, &lie), Err(Errno::PERM));
            // SAFETY: it is blocked, and no handler has seen it when it is taken.
            unsafe { signal::forward_from_kernel(here(), &lie) }.unwrap();
            assert_eq!(signal::try_wait(rt(0)).unwrap().code(), code);
        }
        signal::forward(waiting, &info.with_code(-3)).unwrap();
        assert_eq!(end_of(waiting), State::Exited(0));
        for number in [0, -1, 65, i32::MAX] {
            let mut bytes = info.to_bytes();
            bytes[..4].copy_from_slice(&i32::to_ne_bytes(number));
            let nothing = Info::from_bytes(bytes);
            assert_eq!(nothing.signal(), None);
            assert_eq!(signal::forward(here(), &nothing), Err(Errno::INVAL));
        }
    });
}

#[test]
fn queue_beyond_the_limit_is_refused() {
    alone(test_name!(), || {
        holds(|| {
            use rustix::process::{Resource, Rlimit, setrlimit};
            get!(signal::block([rt(0), rt(1), Signal::USR1]));
            let none = Rlimit {
                current: Some(0),
                maximum: Some(0),
            };
            get!(setrlimit(Resource::Sigpending, none));
            hold!(signal::queue(me(), rt(0), PAYLOAD) == Err(Errno::AGAIN));
            hold!(signal::queue(here(), rt(0), PAYLOAD) == Err(Errno::AGAIN));
            hold!(signal::raise(rt(0)) == Err(Errno::AGAIN));
            hold!(signal::try_wait(rt(0)) == Err(Errno::AGAIN));
            // By kill(2), and standard ones, always come, though perhaps without details.
            get!(signal::send(me(), rt(1)));
            get!(signal::queue(me(), Signal::USR1, PAYLOAD));
            hold!(get!(signal::try_wait(rt(1))).signal() == Some(rt(1)));
            hold!(get!(signal::try_wait(Signal::USR1)).signal() == Some(Signal::USR1));
            let notify = Notify::Process(rt(0), PAYLOAD);
            hold!(matches!(
                timer::create(Clock::Monotonic, notify),
                Err(Errno::AGAIN)
            ));
            Ok(())
        });
    });
}

/// A `siginfo_t` with these 8-byte words after its first 16 bytes.
fn info(signal: Signal, code: i32, words: [u64; 4]) -> Info {
    let mut bytes = Info::queued(signal, Payload::default()).to_bytes();
    bytes[4..8].copy_from_slice(&77_i32.to_ne_bytes());
    bytes[8..12].copy_from_slice(&code.to_ne_bytes());
    for (place, word) in bytes[16..].chunks_exact_mut(8).zip(words) {
        place.copy_from_slice(&word.to_ne_bytes());
    }
    Info::from_bytes(bytes)
}

fn pair(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

/// What the kernel can say: (what it says, what that means, whether a signalfd says it).
fn sayings() -> Vec<(Info, Cause, bool)> {
    use FaultKind as K;
    let from = Sender {
        pid: Pid::from_raw(1234),
        uid: 56,
    };
    let sender = pair(1234, 56);
    let payload = Payload::from_word(0xFEDC_BA98_7654_3210);
    let sent = [sender, payload.word(), 0, 0];
    let mut sayings = vec![
        (info(rt(0), 0, sent), Cause::User(from), true),
        (info(Signal::CHILD, 0, sent), Cause::User(from), true),
        (info(Signal::SEGV, 0, sent), Cause::User(from), true),
        (info(Signal::SEGV, 128, [0; 4]), Cause::Kernel, true),
        (info(Signal::INT, 128, [0; 4]), Cause::Kernel, true),
        (
            info(rt(0), -1, sent),
            Cause::Queue {
                sender: from,
                payload,
            },
            true,
        ),
        (
            info(Signal::BUS, -1, sent),
            Cause::Queue {
                sender: from,
                payload,
            },
            true,
        ),
        (
            info(rt(0), -3, sent),
            Cause::MessageQueue {
                sender: from,
                payload,
            },
            true,
        ),
        (
            info(rt(0), -4, sent),
            Cause::AsyncIo {
                sender: from,
                payload,
            },
            true,
        ),
        (info(rt(0), -6, sent), Cause::Thread(from), true),
        (
            info(rt(0), -2, [pair(9, 3), payload.word(), 0, 0]),
            Cause::Timer {
                id: 9,
                overrun: 3,
                payload,
            },
            true,
        ),
        (
            info(rt(0), -60, sent),
            Cause::Other {
                code: -60,
                sender: from,
                payload,
            },
            true,
        ),
        (
            info(Signal::SYS, 1, [0xABCD_0000, pair(39, 0xC000_003E), 0, 0]),
            Cause::Syscall {
                address: 0xABCD_0000,
                number: 39,
                machine: 0xC000_003E,
                reason: SyscallReason::Seccomp,
            },
            true,
        ),
        (
            info(Signal::SYS, 2, [1, pair(2, 3), 0, 0]),
            Cause::Syscall {
                address: 1,
                number: 2,
                machine: 3,
                reason: SyscallReason::UserDispatch,
            },
            true,
        ),
    ];
    for (code, event) in [
        (1, IoEvent::In),
        (2, IoEvent::Out),
        (3, IoEvent::Message),
        (4, IoEvent::Error),
        (5, IoEvent::Priority),
        (6, IoEvent::HangUp),
        (-5, IoEvent::Unknown),
    ] {
        for signal in [Signal::IO, rt(7)] {
            let cause = Cause::Io {
                fd: 11,
                event,
                band: 0x41,
            };
            sayings.push((info(signal, code, [0x41, pair(11, 0), 0, 0]), cause, true));
        }
    }
    for (code, status, state) in [
        (1, 0, State::Exited(0)),
        (1, 255, State::Exited(255)),
        (
            2,
            9,
            State::Signalled {
                signal: Signal::KILL,
                core: false,
            },
        ),
        (
            3,
            11,
            State::Signalled {
                signal: Signal::SEGV,
                core: true,
            },
        ),
        (5, 19, State::Stopped(Signal::STOP)),
        (6, 18, State::Continued),
    ] {
        let cause = Cause::Child {
            pid: from.pid,
            uid: from.uid,
            state,
            user: Duration::from_millis(1_230),
            system: Duration::from_millis(40),
        };
        let said = info(Signal::CHILD, code, [sender, pair(status, 0), 123, 4]);
        sayings.push((said, cause, true));
    }
    let plain: [(Signal, &[(i32, K)]); 5] = [
        (
            Signal::SEGV,
            &[
                (1, K::Unmapped),
                (2, K::Forbidden),
                (8, K::TagNoticedLater),
                (9, K::Tag),
                (10, K::ControlFlow),
                (5, K::Other(5)),
            ],
        ),
        (
            Signal::BUS,
            &[(1, K::Misaligned), (2, K::NoMemoryThere), (3, K::Hardware)],
        ),
        (
            Signal::ILL,
            &[
                (1, K::IllegalOpcode),
                (2, K::IllegalOperand),
                (3, K::IllegalAddressing),
                (4, K::IllegalTrap),
                (5, K::PrivilegedOpcode),
                (6, K::PrivilegedRegister),
                (7, K::Coprocessor),
                (8, K::BadStack),
                (9, K::Other(9)),
            ],
        ),
        (
            Signal::FPE,
            &[
                (1, K::IntegerDivision),
                (2, K::IntegerOverflow),
                (3, K::FloatDivision),
                (4, K::FloatOverflow),
                (5, K::FloatUnderflow),
                (6, K::FloatInexact),
                (7, K::FloatInvalid),
                (8, K::FloatSubscript),
                (9, K::Other(9)),
                (14, K::FloatUnknown),
                (15, K::ConditionTrap),
            ],
        ),
        (
            Signal::TRAP,
            &[
                (1, K::Breakpoint),
                (2, K::Step),
                (3, K::Branch),
                (4, K::HardwareBreakpoint),
                (5, K::UnknownTrap),
            ],
        ),
    ];
    let address = 0x7FFF_1234_5678_usize;
    let word = address as u64;
    for (signal, kinds) in plain {
        for &(code, kind) in kinds {
            let cause = Cause::Fault(Fault { address, kind });
            sayings.push((info(signal, code, [word, 0, 0, 0]), cause, true));
        }
    }
    for (signal, code, words, kind, by_descriptor) in [
        (
            Signal::BUS,
            4,
            [word, 12, 0, 0],
            K::BrokenMemory { unknown_bits: 12 },
            true,
        ),
        (
            Signal::BUS,
            5,
            [word, 21, 0, 0],
            K::BrokenMemoryElsewhere { unknown_bits: 21 },
            true,
        ),
        (
            Signal::SEGV,
            3,
            [word, 0, 5, 6],
            K::Bounds { lower: 5, upper: 6 },
            false,
        ),
        (
            Signal::SEGV,
            4,
            [word, 0, 7, 0],
            K::ProtectionKey { key: 7 },
            false,
        ),
        (
            Signal::TRAP,
            6,
            [word, 0xDA7A, pair(4, 1), 0],
            K::Counter {
                data: 0xDA7A,
                kind: 4,
                later: true,
            },
            false,
        ),
    ] {
        let cause = Cause::Fault(Fault { address, kind });
        sayings.push((info(signal, code, words), cause, by_descriptor));
    }
    sayings
}

#[test]
fn every_cause_is_decoded_by_wait_and_descriptor() {
    let _check = LeakCheck::begin();
    block(Set::ALL);
    let sayings = sayings();
    let signals = fd::create(Set::ALL, SignalFdFlags::empty()).unwrap();
    let send = |said| {
        // SAFETY: all are blocked, and no handler has seen it when it is taken.
        unsafe { signal::forward_from_kernel(here(), said) }.unwrap();
    };
    for (said, cause, by_descriptor) in &sayings {
        assert_eq!(said.cause(), *cause, "{said:?}");
        assert_eq!(said.errno(), 77);
        send(said);
        let signal = said.signal().unwrap();
        let taken = signal::wait_until(signal, limit()).unwrap();
        assert_eq!(taken.cause(), *cause, "by a wait");
        assert_eq!(
            (taken.signal(), taken.code(), taken.errno()),
            (said.signal(), said.code(), 77)
        );
        send(said);
        let record = signals.wait_until(limit()).unwrap();
        assert_eq!(
            (record.signal(), record.code(), record.errno()),
            (said.signal(), said.code(), 77)
        );
        if *by_descriptor {
            assert_eq!(record.cause(), *cause, "by a descriptor");
        } else {
            assert!(matches!(record.cause(), Cause::Fault(_)));
        }
        assert!(format!("{taken:?} {record:?}").contains("cause"));
    }
    assert!(sayings.len() > 60, "{}", sayings.len());
}

#[test]
fn any_bytes_decode_to_some_cause() {
    let mut choices = Choices::new(99);
    for _ in 0..20_000 {
        let mut bytes = [0; 128];
        bytes.fill_with(|| choices.below(256) as u8);
        // Mostly signals and codes that there are.
        if choices.below(4) > 0 {
            bytes[..4].copy_from_slice(&(choices.below(66) as i32).to_ne_bytes());
            bytes[8..12].copy_from_slice(&(choices.below(20) as i32 - 8).to_ne_bytes());
        }
        let info = Info::from_bytes(bytes);
        let _ = (info.cause(), info.signal(), format!("{info:?}"));
        assert_eq!(info.to_bytes(), bytes);
    }
}

#[test]
fn payload_is_a_number_or_a_word() {
    for int in [0, 1, -1, i32::MIN, i32::MAX] {
        assert_eq!(Payload::from_int(int).int(), int);
    }
    assert_eq!(
        Payload::from_int(-1).word(),
        0xFFFF_FFFF,
        "the rest is zero"
    );
    assert_eq!(Payload::from_word(u64::MAX).int(), -1);
    assert_eq!(Payload::default().word(), 0);
}

#[test]
fn sigsys_reports_the_refused_call() {
    alone(test_name!(), || {
        holds(|| {
            let load = |offset| libc::sock_filter {
                code: 0x20,
                jt: 0,
                jf: 0,
                k: offset,
            };
            let filter = [
                load(0),
                libc::sock_filter {
                    code: 0x15,
                    jt: 0,
                    jf: 1,
                    k: libc::SYS_getppid as u32,
                },
                libc::sock_filter {
                    code: 0x06,
                    jt: 0,
                    jf: 0,
                    k: libc::SECCOMP_RET_TRAP | 123,
                },
                libc::sock_filter {
                    code: 0x06,
                    jt: 0,
                    jf: 0,
                    k: libc::SECCOMP_RET_ALLOW,
                },
            ];
            let program = libc::sock_fprog {
                len: 4,
                filter: filter.as_ptr().cast_mut(),
            };
            get!(action::set(Signal::SYS, informed(on_syscall)));
            // SAFETY: the program is borrowed for the call, and this process's own.
            hold!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } == 0);
            // SAFETY: as above.
            if unsafe { libc::prctl(libc::PR_SET_SECCOMP, 2, &raw const program) } != 0 {
                // A kernel without: nothing to see.
                return Ok(());
            }
            let _ = rustix::process::getppid();
            hold!(RUNS.load(Relaxed) == 1);
            hold!(i64::from(SEEN.load(Relaxed)) == libc::SYS_getppid);
            hold!(DEPTH.load(Relaxed) == 123);
            hold!(ADDRESS.load(Relaxed) != 0);
            Ok(())
        });
    });
}

extern "C" fn on_syscall(_: Signal, info: &Info, context: Context<'_>) {
    if let Cause::Syscall {
        address,
        number,
        reason: SyscallReason::Seccomp,
        ..
    } = info.cause()
    {
        SEEN.store(number, Relaxed);
        DEPTH.store(info.errno() as u32, Relaxed);
        let here = context.instruction().abs_diff(address) <= 8;
        ADDRESS.store(if here { address } else { 0 }, Relaxed);
        RUNS.fetch_add(1, Relaxed);
    }
}

#[test]
fn suspend_ends_when_a_handler_has_run() {
    alone(test_name!(), || {
        action::set(Signal::USR1, counting()).unwrap();
        let blocked = Blocked::new([Signal::USR1, Signal::USR2]).unwrap();
        let open = blocked.before();
        assert_eq!(signal::try_suspend(open), Err(Errno::AGAIN));
        assert_eq!(signal::suspend_until(open, soon()), Err(Errno::TIMEDOUT));
        assert_eq!(
            signal::suspend_until(open, Deadline::NOW),
            Err(Errno::TIMEDOUT)
        );
        assert_eq!(RUNS.load(Relaxed), 0);
        let ways: [fn(Set) -> rawipc::Result<()>; 5] = [
            |open| signal::suspend(open),
            |open| signal::try_suspend(open),
            |open| signal::suspend_until(open, limit()),
            |open| signal::suspend_until(open, Deadline::Never),
            |open| signal::suspend_until(open, Deadline::NOW),
        ];
        for (run, suspend) in (1..).zip(ways) {
            let before = signal::mask();
            signal::raise(Signal::USR1).unwrap();
            assert_eq!(RUNS.load(Relaxed), run - 1, "blocked");
            assert_eq!(suspend(open), Ok(()));
            assert_eq!(RUNS.load(Relaxed), run);
            assert_eq!(signal::mask(), before, "as before");
        }
        // What stays blocked does not end it.
        signal::raise(Signal::USR2).unwrap();
        assert_eq!(
            signal::suspend_until(open | Signal::USR2, soon()),
            Err(Errno::TIMEDOUT)
        );
        signal::wait(Signal::USR2).unwrap();
        drop(blocked);
        // Sent by another, while it sleeps.
        let child = child(|| {
            get!(signal::suspend(Set::EMPTY));
            get!(signal::suspend_until(Set::EMPTY, limit()));
            hold!(RUNS.load(Relaxed) == 7);
            Ok(())
        });
        for _ in 0..2 {
            await_sleep(child);
            signal::send(child, Signal::USR1).unwrap();
            // It sleeps in the next one, or has ended.
            while !signal_taken(child) {
                std::thread::yield_now();
            }
        }
        assert_eq!(end_of(child), State::Exited(0));
    });
}

/// Whether nothing is pending for `pid`.
fn signal_taken(pid: Pid) -> bool {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_pid())).unwrap_or_default();
    status
        .lines()
        .filter_map(|line| line.strip_prefix("ShdPnd:"))
        .all(|pending| pending.trim() == "0000000000000000")
}

#[test]
fn signalfd_reads_blocked_signals() {
    let _check = LeakCheck::begin();
    let set = Set::of([Signal::USR1, rt(0), rt(1)]);
    block(set);
    for flags in [SignalFdFlags::empty(), SignalFdFlags::NONBLOCK] {
        let signals = fd::create(set, flags).unwrap();
        let mut records = [Record::EMPTY; 4];
        assert_eq!(signals.try_wait(), Err(Errno::AGAIN));
        assert_eq!(signals.try_read(&mut records), Err(Errno::AGAIN));
        assert_eq!(signals.wait_until(soon()), Err(Errno::TIMEDOUT));
        assert_eq!(signals.wait_until(Deadline::NOW), Err(Errno::TIMEDOUT));
        assert_eq!(
            signals.read_until(&mut records, soon()),
            Err(Errno::TIMEDOUT)
        );
        for value in 0..6 {
            signal::queue(here(), rt(1), Payload::from_int(value)).unwrap();
        }
        signal::raise(Signal::USR1).unwrap();
        assert_eq!(signals.read(&mut records), Ok(4), "as many as have room");
        assert_eq!(records[0].signal(), Some(Signal::USR1), "lowest first");
        assert_eq!(records[0].cause(), Cause::Thread(myself()));
        let values = records[1..].iter().map(|record| match record.cause() {
            Cause::Queue { sender, payload } if sender == myself() => payload.int(),
            cause => panic!("{cause:?}"),
        });
        assert!(values.eq([0, 1, 2]));
        assert!(
            matches!(signals.wait().unwrap().cause(), Cause::Queue { payload, .. } if payload.int() == 3)
        );
        assert!(
            matches!(signals.try_wait().unwrap().cause(), Cause::Queue { payload, .. } if payload.int() == 4)
        );
        assert_eq!(
            signals.try_read(&mut records),
            Ok(1),
            "as many as there are"
        );
        signal::raise(rt(0)).unwrap();
        assert_eq!(signals.read_until(&mut records, Deadline::NOW), Ok(1));
        // Only its own set.
        signals.set_signals(rt(0)).unwrap();
        signal::raise(rt(1)).unwrap();
        assert_eq!(signals.try_wait(), Err(Errno::AGAIN));
        signals.set_signals(rt(1)).unwrap();
        assert_eq!(signals.wait().unwrap().signal(), Some(rt(1)));
        // No room for any.
        signal::raise(rt(1)).unwrap();
        assert_eq!(signals.read(&mut []), Err(Errno::INVAL));
        assert_eq!(signals.try_read(&mut []), Err(Errno::INVAL));
        assert_eq!(signals.read_until(&mut [], limit()), Err(Errno::INVAL));
        assert_eq!(
            signals.try_wait().unwrap().signal(),
            Some(rt(1)),
            "nothing was lost"
        );
    }
    assert_eq!(Record::EMPTY.signal(), None);
}

#[test]
fn signalfd_reader_is_woken() {
    let _check = LeakCheck::begin();
    block(rt(0));
    for flags in [SignalFdFlags::empty(), SignalFdFlags::NONBLOCK] {
        let signals = fd::create(rt(0), flags).unwrap();
        std::thread::scope(|scope| {
            let (told, thread) = std::sync::mpsc::channel();
            let reader = scope.spawn(move || {
                told.send(rustix::thread::gettid()).unwrap();
                let first = signals.wait().unwrap();
                let second = signals.wait_until(limit()).unwrap();
                (first.signal(), second.signal())
            });
            let thread = thread.recv().unwrap();
            for _ in 0..2 {
                await_sleep_of_thread(thread);
                let to = Recipient::Thread {
                    process: me(),
                    thread,
                };
                signal::send(to, rt(0)).unwrap();
            }
            assert_eq!(reader.join().unwrap(), (Some(rt(0)), Some(rt(0))));
        });
    }
}

#[track_caller]
fn await_sleep_of_thread(thread: Pid) {
    // A thread has a folder of that name too.
    await_sleep(thread);
}

#[test]
fn signalfd_is_close_on_exec_unless_asked_otherwise() {
    let _check = LeakCheck::begin();
    use rustix::io::{FdFlags, fcntl_getfd};
    let closed = fd::create(Set::EMPTY, SignalFdFlags::empty()).unwrap();
    assert_eq!(fcntl_getfd(&closed).unwrap(), FdFlags::CLOEXEC);
    let kept = fd::create(Set::EMPTY, SignalFdFlags::INHERITED).unwrap();
    assert_eq!(fcntl_getfd(&kept).unwrap(), FdFlags::empty());
    let unknown = SignalFdFlags::from_bits_retain(1 << 30);
    assert_eq!(fd::create(Set::EMPTY, unknown).map(drop), Err(Errno::INVAL));
    // All forms of the descriptor.
    let kept = SignalFd::from(OwnedFd::from(kept));
    // SAFETY: just given up.
    let kept = SignalFd::from(unsafe { OwnedFd::from_raw_fd(kept.into_raw_fd()) });
    assert_eq!(kept.as_raw_fd(), kept.as_fd().as_raw_fd());
}

#[test]
fn foreign_descriptor_as_signalfd_is_refused() {
    let _check = LeakCheck::begin();
    let (ours, _theirs) = UnixStream::pair().unwrap();
    let wrong = SignalFd::from(OwnedFd::from(ours));
    assert_eq!(wrong.set_signals(Set::EMPTY), Err(Errno::INVAL));
    let nothing = SignalFd::from(OwnedFd::from(File::open("/dev/null").unwrap()));
    assert_eq!(nothing.wait(), Err(Errno::INVAL), "it ends");
}

#[test]
fn signalfd_in_another_process_reads_its_own_signals() {
    const ROLE: &str = "reads";
    if let Some(args) = PeerArgs::role(ROLE) {
        let signals = SignalFd::from(args.descriptor(0));
        let mut channel = args.channel;
        block(rt(0));
        assert_eq!(signals.try_wait(), Err(Errno::AGAIN), "not the parent's");
        channel.say(&rustix::thread::gettid().to_string());
        assert_eq!(signals.wait_until(limit()).unwrap().cause(), {
            let pid = rustix::process::getppid();
            Cause::Thread(Sender {
                pid,
                uid: get_uid(),
            })
        });
        channel.say("read");
        return;
    }
    let _check = LeakCheck::begin();
    block(rt(0));
    let signals = fd::create(rt(0), SignalFdFlags::empty()).unwrap();
    signal::raise(rt(0)).unwrap();
    let mut peer = Peer::start(test_name!(), ROLE, &[signals.as_raw_fd()]);
    let thread: i32 = peer.channel().hear().parse().unwrap();
    let to = Recipient::Thread {
        process: Pid::from_raw(peer.id() as i32).unwrap(),
        thread: Pid::from_raw(thread).unwrap(),
    };
    signal::send(to, rt(0)).unwrap();
    peer.expect("read");
    peer.finish();
    assert_eq!(
        signals.try_wait().unwrap().cause(),
        Cause::Thread(myself()),
        "ours is still there"
    );
}

#[test]
fn io_start_signals_the_owner() {
    let _check = LeakCheck::begin();
    block([rt(2), Signal::IO]);
    let thread = Owner::Thread(rustix::thread::gettid());
    let (ours, theirs) = UnixStream::pair().unwrap();
    assert_eq!(io::is_async(&ours), Ok(false));
    assert_eq!(io::owner(&ours), Ok(None));
    assert_eq!(io::signal(&ours), Ok(None));

    io::start(&ours, thread, Some(rt(2))).unwrap();
    assert_eq!(io::is_async(&ours), Ok(true));
    assert_eq!(io::owner(&ours), Ok(Some(thread)));
    assert_eq!(io::signal(&ours), Ok(Some(rt(2))));
    rustix::io::write(&theirs, b"x").unwrap();
    let Cause::Io { fd, event, band } = signal::wait_until(rt(2), limit()).unwrap().cause() else {
        panic!()
    };
    assert_eq!((fd, event), (ours.as_raw_fd(), IoEvent::In));
    assert_ne!(band & 1, 0, "POLLIN");
    drop(theirs);
    let hung_up = signal::wait_until(rt(2), limit()).unwrap().cause();
    assert!(matches!(hung_up, Cause::Io { fd, .. } if fd == ours.as_raw_fd()));
    io::stop(&ours).unwrap();
    assert_eq!(io::is_async(&ours), Ok(false));
    assert_eq!(io::owner(&ours), Ok(None));
    assert_eq!(io::signal(&ours), Ok(None));

    // Plain SIGIO says nothing, SIGIO that was asked for all.
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    io::start(&read, thread, None).unwrap();
    rustix::io::write(&write, b"x").unwrap();
    let plain = signal::wait_until(Signal::IO, limit()).unwrap();
    assert_eq!(plain.cause(), Cause::Kernel);
    io::set_signal(&read, Some(Signal::IO)).unwrap();
    rustix::io::write(&write, b"y").unwrap();
    let told = signal::wait_until(Signal::IO, limit()).unwrap().cause();
    assert!(
        matches!(
            told,
            Cause::Io {
                event: IoEvent::In,
                ..
            }
        ),
        "{told:?}"
    );
    // No longer, but still the owner.
    io::set_async(&read, false).unwrap();
    rustix::io::write(&write, b"z").unwrap();
    assert_eq!(signal::try_wait(Signal::IO), Err(Errno::AGAIN));
    assert_eq!(io::owner(&read), Ok(Some(thread)));
}

#[test]
fn io_owner_must_exist() {
    alone(test_name!(), || {
        block(rt(2));
        let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        let is_io = |cause: Cause| {
            matches!(
                cause,
                Cause::Io {
                    event: IoEvent::In,
                    ..
                }
            )
        };
        let nobody = Pid::from_raw(i32::MAX).unwrap();
        for owner in [
            Owner::Process(nobody),
            Owner::Thread(nobody),
            Owner::Group(nobody),
        ] {
            assert_eq!(io::set_owner(&read, Some(owner)), Err(Errno::SRCH));
            assert_eq!(io::owner(&read), Ok(None));
        }
        // Another process, and a group.
        let waiting = expects(vec![(rt(2), is_io)]);
        io::start(&read, Owner::Process(waiting), Some(rt(2))).unwrap();
        assert_eq!(io::owner(&read), Ok(Some(Owner::Process(waiting))));
        rustix::io::write(&write, b"x").unwrap();
        assert_eq!(end_of(waiting), State::Exited(0));
        assert_eq!(io::owner(&read), Ok(None), "it has ended");
        let both = || vec![(rt(2), is_io as fn(Cause) -> bool)];
        let children = group(both(), both());
        io::set_owner(&read, Some(Owner::Group(children[0]))).unwrap();
        assert_eq!(io::owner(&read), Ok(Some(Owner::Group(children[0]))));
        rustix::io::write(&write, b"x").unwrap();
        for child in children {
            assert_eq!(end_of(child), State::Exited(0));
        }
        // What cannot signal.
        let fifo = rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC).unwrap();
        let tried = io::set_async(&fifo, true);
        assert!(
            matches!(tried, Ok(()) | Err(Errno::INVAL | Errno::NOTTY)),
            "{tried:?}"
        );
    });
}

/// A timer for this thread, with `rt(9)` and a payload.
fn own_timer(clock: Clock) -> timer::Timer {
    let notify = Notify::Thread(rustix::thread::gettid(), rt(9), PAYLOAD);
    timer::create(clock, notify).expect("a timer")
}

#[track_caller]
fn expired(timer: &timer::Timer) -> u32 {
    let info = signal::wait_until(rt(9), limit()).expect("it expires");
    let Cause::Timer {
        id,
        overrun,
        payload,
    } = info.cause()
    else {
        panic!("{info:?}")
    };
    assert_eq!((id, payload), (timer.id(), PAYLOAD));
    assert_eq!(timer.overrun(), Ok(overrun));
    overrun
}

#[test]
fn timer_signals_when_it_is_due() {
    let _check = LeakCheck::begin();
    block(rt(9));
    let unset = Remaining::default();
    for clock in [
        Clock::Monotonic,
        Clock::Realtime,
        Clock::Boottime,
        Clock::Tai,
        Clock::ThreadTime(None),
        Clock::ThreadTime(Some(rustix::thread::gettid())),
        Clock::ProcessTime(None),
        Clock::ProcessTime(Some(me())),
    ] {
        let timer = own_timer(clock);
        assert_eq!(timer.remaining(), Ok(unset));
        // At once: no time, and a time that has passed.
        assert_eq!(
            timer.set(Schedule::once(Start::After(Duration::ZERO))),
            Ok(unset)
        );
        spend_until_pending();
        assert_eq!(expired(&timer), 0, "{clock:?}");
        let past = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        timer.set(Schedule::once(Start::At(past))).unwrap();
        spend_until_pending();
        assert_eq!(expired(&timer), 0, "{clock:?}");
        assert_eq!(timer.remaining(), Ok(unset));
        // Later, and not at all.
        let interval = Some(Duration::from_secs(60));
        let start = Start::After(Duration::from_secs(3600));
        timer.set(Schedule { start, interval }).unwrap();
        let remaining = timer.remaining().unwrap();
        assert_eq!(remaining.interval, interval);
        let left = remaining.next.unwrap();
        assert!(
            left > Duration::from_secs(3000) && left <= Duration::from_secs(3601),
            "{left:?}"
        );
        assert_eq!(timer.disarm().unwrap().interval, interval);
        assert_eq!(timer.remaining(), Ok(unset));
        assert_eq!(signal::try_wait(rt(9)), Err(Errno::AGAIN));
    }
}

/// Spends processor time until the timer's signal is pending.
fn spend_until_pending() {
    let deadline = limit();
    while !signal::pending().expect("a set").contains(rt(9)) {
        assert!(!deadline.has_passed());
    }
}

#[test]
fn timer_is_not_early() {
    let _check = LeakCheck::begin();
    block(rt(9));
    let timer = own_timer(Clock::Monotonic);
    let until = soon();
    let Deadline::At(at) = until else { panic!() };
    timer.set(Schedule::once(Start::At(at))).unwrap();
    expired(&timer);
    assert!(until.has_passed());
    let after = Duration::from_millis(10);
    let until = Deadline::after(after);
    timer.set(Schedule::once(Start::After(after))).unwrap();
    expired(&timer);
    assert!(until.has_passed());
}

#[test]
fn timer_counts_its_overrun() {
    let _check = LeakCheck::begin();
    block(rt(9));
    let timer = own_timer(Clock::Monotonic);
    let often = Duration::from_micros(500);
    timer.set(Schedule::every(often)).unwrap();
    let mut total = 0;
    for _ in 0..5 {
        // Long enough for some to pass.
        let pause = soon();
        while !pause.has_passed() {
            std::thread::yield_now();
        }
        total += expired(&timer);
    }
    assert!(
        total >= 50,
        "{total} in five times 10 ms, every half of one"
    );
    drop(timer);
    while signal::try_wait(rt(9)).is_ok() {}
    assert_eq!(
        signal::wait_until(rt(9), soon()),
        Err(Errno::TIMEDOUT),
        "deleted"
    );
}

#[test]
fn timer_notifies_a_process_or_nobody() {
    alone(test_name!(), || {
        holds(|| {
            get!(signal::block(rt(9)));
            let timer = get!(timer::create(
                Clock::Monotonic,
                Notify::Process(rt(9), PAYLOAD)
            ));
            get!(timer.set(Schedule::once(Start::After(Duration::from_millis(1)))));
            let info = get!(signal::wait_until(rt(9), limit()));
            let id = timer.id();
            hold!(
                info.cause()
                    == Cause::Timer {
                        id,
                        overrun: 0,
                        payload: PAYLOAD
                    }
            );

            let silent = get!(timer::create(Clock::Monotonic, Notify::Nobody));
            get!(silent.set(Schedule::once(Start::After(Duration::from_millis(1)))));
            let deadline = limit();
            while get!(silent.remaining()).next.is_some() {
                hold!(!deadline.has_passed());
            }
            hold!(signal::pending().is_ok_and(Set::is_empty));
            // A child has no timers.
            let child = child(|| {
                hold!(timer.remaining() == Err(Errno::INVAL));
                hold!(timer.set(Schedule::once(Start::After(Duration::ZERO))) == Err(Errno::INVAL));
                hold!(timer.disarm() == Err(Errno::INVAL));
                hold!(timer.overrun() == Err(Errno::INVAL));
                Ok(())
            });
            hold!(end_of(child) == State::Exited(0));
            hold!(timer.remaining().is_ok());
            Ok(())
        });
    });
}

#[test]
fn invalid_timer_is_refused() {
    alone(test_name!(), || {
        block(rt(9));
        // A thread of another process, or of none.
        for stranger in [
            rustix::process::getppid().unwrap(),
            Pid::from_raw(i32::MAX).unwrap(),
        ] {
            let notify = Notify::Thread(stranger, rt(9), PAYLOAD);
            assert_eq!(
                timer::create(Clock::Monotonic, notify).map(drop),
                Err(Errno::INVAL)
            );
        }
        let nobody = Pid::from_raw(0x0FFF_FFFF).unwrap();
        for clock in [
            Clock::ThreadTime(Some(nobody)),
            Clock::ProcessTime(Some(nobody)),
        ] {
            assert_eq!(
                timer::create(clock, Notify::Nobody).map(drop),
                Err(Errno::INVAL)
            );
        }
        let timer = own_timer(Clock::Monotonic);
        for (tv_sec, tv_nsec) in [(-1, 0), (0, -1), (1, 1_000_000_000), (i64::MIN, 0)] {
            let at = Schedule::once(Start::At(Timespec { tv_sec, tv_nsec }));
            assert_eq!(timer.set(at), Err(Errno::INVAL), "{at:?}");
        }
        // The longest that there is.
        let far = Duration::from_secs(i64::MAX as u64);
        timer.set(Schedule::every(far)).unwrap();
        assert!(timer.remaining().unwrap().next > Some(Duration::from_secs(1 << 30)));
        // To wake the system takes a capability, and a clock of the hardware.
        for clock in [Clock::RealtimeAlarm, Clock::BoottimeAlarm] {
            match timer::create(clock, Notify::Nobody) {
                Ok(_) | Err(Errno::PERM | Errno::OPNOTSUPP) => {}
                Err(errno) => panic!("{errno}"),
            }
        }
    });
}

#[test]
fn signal_outlives_its_sender() {
    alone(test_name!(), || {
        block([rt(0), Signal::USR1]);
        let receiver = child(|| {
            // It reads what is pending only when told.
            get!(signal::wait_until(Signal::USR1, limit()));
            let info = get!(signal::try_wait(rt(0)));
            hold!(matches!(info.cause(), Cause::Queue { payload, .. } if payload == PAYLOAD));
            Ok(())
        });
        let sender = child(|| {
            get!(signal::queue(receiver, rt(0), PAYLOAD));
            get!(signal::raise(Signal::KILL));
            Ok(())
        });
        assert!(matches!(end_of(sender), State::Signalled { .. }));
        signal::send(receiver, Signal::USR1).unwrap();
        assert_eq!(end_of(receiver), State::Exited(0));
    });
}
