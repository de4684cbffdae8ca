//! `sync::AutoResetEvent` and `sync::ManualResetEvent`, between processes and past their deaths.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::{shared_memory, support};

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use core::time::Duration;
use std::time::Instant;

use rawipc::memory::{Mapping, Shared};
use rawipc::signal::action::{self, Action};
use rawipc::signal::timer::{self, Clock, Notify, Schedule};
use rawipc::signal::{self, Payload};
use rawipc::sync::{AutoResetEvent, ManualResetEvent, Semaphore};
use rawipc::{Deadline, Errno, Result, Signal};
use support::filter::refuse;
use support::hinder::{REFUSALS, move_sleepers, no_futex, no_futex_at_all, wait_for_lock_at};
use support::{Child, Choices, End, LeakCheck, limit};

/// What both kinds have in common.
trait Event: Shared {
    fn set(&self);
    fn wait_until(&self, deadline: Deadline) -> Result<()>;
    fn is_set(&self) -> bool;
    fn clear(&self);
}

impl Event for AutoResetEvent {
    fn set(&self) {
        self.set();
    }

    fn wait_until(&self, deadline: Deadline) -> Result<()> {
        self.wait_until(deadline)
    }

    fn is_set(&self) -> bool {
        self.is_set()
    }

    fn clear(&self) {
        let _ = self.try_wait();
    }
}

impl Event for ManualResetEvent {
    fn set(&self) {
        self.set();
    }

    fn wait_until(&self, deadline: Deadline) -> Result<()> {
        self.wait_until(deadline)
    }

    fn is_set(&self) -> bool {
        self.is_set()
    }

    fn clear(&self) {
        self.reset();
    }
}

fn event<E: Event>(memory: &Mapping) -> (&E, &AtomicU32) {
    (memory.object(0).unwrap(), memory.object(0).unwrap())
}

fn sleeper<E: Event>(event: &E) -> Child {
    let child = Child::fork(|| i32::from(event.wait_until(limit()).is_err()));
    child.await_sleep();
    child
}

#[test]
fn set_of_an_auto_reset_event_lets_one_go() {
    let event = AutoResetEvent::default();
    assert_eq!(event.try_wait(), Err(Errno::AGAIN));
    event.set();
    event.set();
    assert!(event.is_set());
    event.wait().unwrap();
    assert!(!event.is_set());
    assert_eq!(event.try_wait(), Err(Errno::AGAIN));
    event.set();
    assert_eq!(event.try_wait(), Ok(()));
    assert_eq!(size_of::<AutoResetEvent>(), 4);
    assert_eq!(format!("{event:?}"), "AutoResetEvent { is_set: false }");
}

#[test]
fn set_of_a_manual_reset_event_lets_all_go_until_it_is_cleared() {
    let event = ManualResetEvent::default();
    assert_eq!(event.try_wait(), Err(Errno::AGAIN));
    assert!(!event.reset());
    event.set();
    event.set();
    for _ in 0..2 {
        event.wait().unwrap();
        assert_eq!(event.try_wait(), Ok(()));
    }
    assert!(event.is_set() && event.reset() && !event.reset());
    assert_eq!(event.try_wait(), Err(Errno::AGAIN));
    assert_eq!(size_of::<ManualResetEvent>(), 4);
    assert_eq!(format!("{event:?}"), "ManualResetEvent { is_set: false }");
}

fn ends_at_its_deadline<E: Event>(event: &E) {
    let soon = Deadline::after(Duration::from_millis(5));
    assert_eq!(event.wait_until(soon), Err(Errno::TIMEDOUT));
    assert!(soon.has_passed());
    assert_eq!(event.wait_until(Deadline::NOW), Err(Errno::TIMEDOUT));
    // Who gave up has left nothing behind, and what is set lets go however late it is.
    event.set();
    assert_eq!(event.wait_until(Deadline::NOW), Ok(()));
}

#[test]
fn wait_ends_at_its_deadline() {
    let _check = LeakCheck::begin();
    ends_at_its_deadline(&AutoResetEvent::new());
    ends_at_its_deadline(&ManualResetEvent::new());
}

/// Whatever the word holds, one can set it, wait for it and clear it.
fn any_word<E: Event>() {
    let memory = shared_memory();
    let (event, word) = event::<E>(&memory);
    for value in [1, 3, 4, 5, 7, 1 << 31, u32::MAX, u32::MAX - 1, u32::MAX - 2] {
        word.store(value, Ordering::Relaxed);
        event.set();
        assert_eq!(event.wait_until(Deadline::NOW), Ok(()), "{value:#x}");
        event.clear();
        assert!(!event.is_set(), "{value:#x}");
        word.store(value & !2, Ordering::Relaxed);
        let mut sleeper = sleeper(event);
        event.set();
        assert_eq!(sleeper.wait(), End::Exited(0), "{value:#x}");
        event.clear();
    }
}

#[test]
fn any_word_is_an_event() {
    let _check = LeakCheck::begin();
    any_word::<AutoResetEvent>();
    any_word::<ManualResetEvent>();
}

/// Two processes take turns, each woken by the other: what was written before a set is there.
#[test]
fn processes_take_turns_by_two_events() {
    const TURNS: u64 = 20_000;
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let [ping, pong] = [0, 64].map(|at| memory.object::<AutoResetEvent>(at).unwrap());
    let number: &AtomicU64 = memory.object(128).unwrap();
    let mut other = Child::fork(|| {
        for turn in 0..TURNS {
            if ping.wait_until(limit()).is_err() || number.load(Ordering::Relaxed) != 2 * turn + 1 {
                return 1;
            }
            number.store(2 * turn + 2, Ordering::Relaxed);
            pong.set();
        }
        0
    });
    for turn in 0..TURNS {
        number.store(2 * turn + 1, Ordering::Relaxed);
        ping.set();
        pong.wait_until(limit()).unwrap();
        assert_eq!(number.load(Ordering::Relaxed), 2 * turn + 2);
    }
    assert_eq!(other.wait(), End::Exited(0));
}

/// Who clears the event and then looks misses nothing that was done before a set, however the two
/// meet.
#[test]
fn work_added_before_a_set_is_found_after_a_reset() {
    const WORK: u64 = 200_000;
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    for manual in [false, true] {
        let auto = memory.object::<AutoResetEvent>(0).unwrap();
        let event = memory.object::<ManualResetEvent>(64).unwrap();
        let added: &AtomicU64 = memory.object(128).unwrap();
        added.store(0, Ordering::Relaxed);
        let mut worker = Child::fork(|| {
            let mut done = 0;
            while done < WORK {
                if manual {
                    if event.wait_until(limit()).is_err() {
                        return 1;
                    }
                    event.reset();
                } else if auto.wait_until(limit()).is_err() {
                    return 1;
                }
                done = added.load(Ordering::Relaxed);
            }
            0
        });
        for count in 1..=WORK {
            added.store(count, Ordering::Relaxed);
            match manual {
                true => event.set(),
                false => auto.set(),
            }
        }
        assert_eq!(worker.wait(), End::Exited(0));
    }
}

/// It is cleared again at once: all who slept go.
#[test]
fn sleepers_go_by_a_set_that_is_cleared_at_once() {
    const ROUNDS: usize = 200;
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let (event, _) = event::<ManualResetEvent>(&memory);
    for round in 0..ROUNDS {
        let mut sleepers = [(); 2].map(|()| sleeper(event));
        event.set();
        assert!(event.reset());
        for sleeper in &mut sleepers {
            assert_eq!(sleeper.wait(), End::Exited(0), "round {round}");
        }
    }
}

/// Two sleep, one is killed, and the event is set at once: the other one goes.
fn killed_sleeper<E: Event>() {
    const TRIES: usize = 300;
    let memory = shared_memory();
    let (event, _) = event::<E>(&memory);
    for attempt in 0..TRIES {
        let [mut first, mut second] = [(); 2].map(|()| sleeper(event));
        // Whoever has slept longer would be woken first.
        let (victim, survivor) = match attempt % 4 {
            3 => (&mut second, &mut first),
            _ => (&mut first, &mut second),
        };
        victim.kill();
        event.set();
        assert_eq!(survivor.wait(), End::Exited(0), "try {attempt}");
        assert_eq!(victim.wait(), End::Killed(libc::SIGKILL));
        event.clear();
    }
}

#[test]
fn killed_sleeper_swallows_no_set() {
    let _check = LeakCheck::begin();
    killed_sleeper::<AutoResetEvent>();
    killed_sleeper::<ManualResetEvent>();
}

/// Those who wait and set are killed at random; whatever state they left, it works.
#[test]
fn random_deaths_strand_nobody() {
    const ROUNDS: usize = 200;
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let auto = memory.object::<AutoResetEvent>(0).unwrap();
    let manual = memory.object::<ManualResetEvent>(64).unwrap();
    let mut choices = Choices::new(9);
    for round in 0..ROUNDS {
        let mut workers = [0, 1, 2].map(|number| {
            Child::fork(move || {
                loop {
                    if auto.wait().is_err() {
                        return 1;
                    }
                    manual.set();
                    if number > 0 {
                        manual.reset();
                    }
                    auto.set();
                }
            })
        });
        auto.set();
        for _ in 0..choices.below(20_000) {
            core::hint::spin_loop();
        }
        for worker in &mut workers {
            worker.kill();
            assert_eq!(worker.wait(), End::Killed(libc::SIGKILL));
        }
        auto.clear();
        manual.clear();
        let mut sleepers = (sleeper(auto), sleeper(manual));
        auto.set();
        manual.set();
        assert_eq!(sleepers.0.wait(), End::Exited(0), "round {round}");
        assert_eq!(sleepers.1.wait(), End::Exited(0), "round {round}");
    }
}

static SIGNALLED: AutoResetEvent = AutoResetEvent::new();
static SEEN: ManualResetEvent = ManualResetEvent::new();

extern "C" fn set_both(_: Signal) {
    SIGNALLED.set();
    SEEN.reset();
    SEEN.set();
}

/// The handler sets what its own thread is about to wait for, sleeps for, or has just taken.
#[test]
fn event_set_in_a_handler_lets_the_thread_go_that_it_interrupted() {
    const TIMES: usize = 500;
    let _check = LeakCheck::begin();
    let mut child = Child::fork(|| {
        let number = signal::real_time(4).unwrap();
        // SAFETY: the handler does what is allowed in one.
        action::set(number, unsafe { Action::handler(set_both) }).unwrap();
        let me = rustix::thread::gettid();
        let notify = Notify::Thread(me, number, Payload::default());
        let Ok(timer) = timer::create(Clock::Monotonic, notify) else {
            return 1;
        };
        let Ok(()) = timer
            .set(Schedule::every(Duration::from_micros(100)))
            .map(drop)
        else {
            return 2;
        };
        for _ in 0..TIMES {
            if SIGNALLED.wait_until(limit()).is_err() || SEEN.wait_until(limit()).is_err() {
                return 3;
            }
            SEEN.reset();
        }
        0
    });
    assert_eq!(child.wait(), End::Exited(0));
}

/// A set where a system call is refused, whose sleepers go; `false`: there are no filters.
fn hindered<E: Event>(refusal: support::filter::Refusal) -> bool {
    let memory = shared_memory();
    let (event, _) = event::<E>(&memory);
    let mut sleeper = sleeper(event);
    let mut setter = Child::fork(|| {
        if !refuse(&[refusal]) {
            return 77;
        }
        event.set();
        0
    });
    let end = setter.wait();
    if end == End::Exited(77) {
        event.set();
    } else {
        assert_eq!(end, End::Exited(0));
    }
    assert_eq!(sleeper.wait(), End::Exited(0));
    end == End::Exited(0)
}

#[test]
fn set_where_wake_op_is_refused_wakes_at_once() {
    let _check = LeakCheck::begin();
    for errno in REFUSALS {
        let begin = Instant::now();
        let done = hindered::<AutoResetEvent>(no_futex(libc::FUTEX_WAKE_OP, errno))
            && hindered::<ManualResetEvent>(no_futex(libc::FUTEX_WAKE_OP, errno));
        if !done {
            skipped!("no filters of system calls");
            return;
        }
        // Woken, and not by a look of their own.
        assert!(begin.elapsed() < 2 * Semaphore::RECHECK, "{errno}");
    }
}

/// No wake arrives: the call is refused, a stranger is at the word, or the sleeper was moved.
fn without_wake<E: Event>() {
    hindered::<E>(no_futex_at_all(libc::EPERM));
    for moved in [false, true] {
        let memory = shared_memory();
        let (event, word) = event::<E>(&memory);
        let elsewhere: &AtomicU32 = memory.object(128).unwrap();
        let mut stranger = (!moved).then(|| wait_for_lock_at(word));
        let mut sleeper = sleeper(event);
        if moved {
            move_sleepers(word, elsewhere);
        }
        event.set();
        assert_eq!(sleeper.wait(), End::Exited(0));
        if let Some(stranger) = &mut stranger {
            stranger.kill();
            stranger.wait();
        }
    }
}

#[test]
fn sleeper_whose_wake_does_not_arrive_looks_again() {
    let _check = LeakCheck::begin();
    without_wake::<AutoResetEvent>();
    without_wake::<ManualResetEvent>();
}

/// A peer that changes the word all the time keeps nobody beyond a deadline, nor in a set.
fn scribbled<E: Event>() {
    let memory = shared_memory();
    let (event, word) = event::<E>(&memory);
    let (started, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let mut ends = [0, 0];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut choices = Choices::new(6);
            while !done.load(Ordering::Relaxed) {
                word.store(choices.below(1 << 32) as u32, Ordering::Relaxed);
                started.store(true, Ordering::Relaxed);
            }
        });
        while !started.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        for _ in 0..300 {
            event.set();
            event.clear();
            match event.wait_until(Deadline::after(Duration::from_micros(200))) {
                Ok(()) => ends[0] += 1,
                Err(errno) => {
                    assert_eq!(errno, Errno::TIMEDOUT);
                    ends[1] += 1;
                }
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    println!("let go {}, too late {}", ends[0], ends[1]);
}

#[test]
fn scribbling_peer_keeps_nobody_beyond_a_deadline() {
    let _check = LeakCheck::begin();
    scribbled::<AutoResetEvent>();
    scribbled::<ManualResetEvent>();
}
