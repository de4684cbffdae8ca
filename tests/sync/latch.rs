//! `sync::Latch`, between processes and past their deaths.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::{shared_memory, support};

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use core::time::Duration;
use std::time::Instant;

use rawipc::memory::Mapping;
use rawipc::sync::{Latch, Semaphore};
use rawipc::{Deadline, Errno};
use support::filter::{Refusal, refuse};
use support::hinder::{REFUSALS, move_sleepers, no_futex, no_futex_at_all, wait_for_lock_at};
use support::{Child, Choices, End, LeakCheck, limit};

fn latch(memory: &Mapping) -> (&Latch, &AtomicU32) {
    (memory.object(0).unwrap(), memory.object(0).unwrap())
}

fn sleeper(latch: &Latch) -> Child {
    let child = Child::fork(|| i32::from(latch.wait_until(limit()).is_err()));
    child.await_sleep();
    child
}

#[test]
fn latch_opens_at_the_last_count() {
    let latch = Latch::new(2);
    assert_eq!(latch.try_wait(), Err(Errno::AGAIN));
    assert!(!latch.count_down());
    latch.add(1).unwrap();
    assert_eq!(latch.count(), 2);
    assert!(!latch.count_down() && !latch.is_open());
    assert!(latch.count_down() && latch.is_open());
    latch.wait().unwrap();
    assert_eq!(latch.try_wait(), Ok(()));
    // One too many changes nothing.
    assert!(!latch.count_down() && latch.is_open());
    assert_eq!(size_of::<Latch>(), 4);
    assert_eq!(format!("{latch:?}"), "Latch { count: 0 }");
    let memory = shared_memory();
    assert!(memory.object::<Latch>(0).unwrap().is_open());
}

#[test]
fn count_beyond_the_largest_is_refused() {
    let latch = Latch::new(Latch::MAX - 1);
    latch.add(1).unwrap();
    assert_eq!(latch.add(1), Err(Errno::OVERFLOW));
    assert_eq!(latch.add(u32::MAX), Err(Errno::OVERFLOW));
    assert_eq!(latch.count(), Latch::MAX);
    let panicked = std::panic::catch_unwind(|| Latch::new(Latch::MAX + 1));
    assert!(panicked.is_err());
}

#[test]
fn wait_ends_at_its_deadline() {
    let _check = LeakCheck::begin();
    let latch = Latch::new(1);
    let soon = Deadline::after(Duration::from_millis(5));
    assert_eq!(latch.wait_until(soon), Err(Errno::TIMEDOUT));
    assert!(soon.has_passed());
    assert_eq!(latch.wait_until(Deadline::NOW), Err(Errno::TIMEDOUT));
    // Who gave up has left nothing behind, and an open latch lets go however late it is.
    assert_eq!(latch.count(), 1);
    latch.count_down();
    assert_eq!(latch.wait_until(Deadline::NOW), Ok(()));
}

/// Several do their part, each in its process, and count down: who waits finds all of it, and one of
/// them has opened the latch.
#[test]
fn all_that_was_done_before_the_counts_is_there() {
    const ROUNDS: usize = 60;
    let _check = LeakCheck::begin();
    for round in 0..ROUNDS {
        let memory = shared_memory();
        let (latch, _) = latch(&memory);
        let parts: [&AtomicU64; 3] = [0, 1, 2].map(|at| memory.object(64 * (at + 1)).unwrap());
        latch.add(3).unwrap();
        let done = || parts.iter().all(|part| part.load(Ordering::Relaxed) == 7);
        let mut waiter = Child::fork(|| match latch.wait_until(limit()) {
            Ok(()) if done() => 0,
            _ => 1,
        });
        let mut workers = parts.map(|part| {
            Child::fork(move || {
                part.store(7, Ordering::Relaxed);
                match latch.count_down() {
                    true if !done() => 9,
                    opened => i32::from(opened),
                }
            })
        });
        let ends = workers.each_mut().map(Child::wait);
        let opened = ends.iter().filter(|end| **end == End::Exited(1)).count();
        let others = ends.iter().filter(|end| **end == End::Exited(0)).count();
        assert_eq!((opened, others), (1, 2), "round {round}: {ends:?}");
        assert_eq!(waiter.wait(), End::Exited(0), "round {round}");
    }
}

#[test]
fn all_who_sleep_go() {
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let (latch, _) = latch(&memory);
    latch.add(2).unwrap();
    let mut sleepers = [(); 3].map(|()| sleeper(latch));
    assert!(!latch.count_down());
    assert!(sleepers.iter_mut().all(|it| it.try_wait().is_none()));
    assert!(latch.count_down());
    for sleeper in &mut sleepers {
        assert_eq!(sleeper.wait(), End::Exited(0));
    }
}

/// Whatever the word holds, one can count it down and wait for it.
#[test]
fn any_word_is_a_latch() {
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let (latch, word) = latch(&memory);
    for value in [1, 2, 3, 5, 1 << 31, u32::MAX, u32::MAX - 1] {
        word.store(value, Ordering::Relaxed);
        assert_eq!(latch.count(), value / 2);
        assert_eq!(latch.is_open(), value < 2, "{value:#x}");
        assert_eq!(latch.count_down(), value / 2 == 1, "{value:#x}");
        let _ = latch.add(1);
        let waited = latch.wait_until(Deadline::after(Duration::from_millis(1)));
        assert_eq!(waited, Err(Errno::TIMEDOUT), "{value:#x}");
    }
}

/// Two sleep, one is killed, and the latch is opened at once: the other one goes.
#[test]
fn killed_sleeper_swallows_no_wake() {
    const TRIES: usize = 200;
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let (latch, _) = latch(&memory);
    for attempt in 0..TRIES {
        latch.add(1).unwrap();
        let [mut first, mut second] = [(); 2].map(|()| sleeper(latch));
        // Whoever has slept longer would be woken first.
        let (victim, survivor) = match attempt % 4 {
            3 => (&mut second, &mut first),
            _ => (&mut first, &mut second),
        };
        victim.kill();
        assert!(latch.count_down());
        assert_eq!(survivor.wait(), End::Exited(0), "try {attempt}");
        assert_eq!(victim.wait(), End::Killed(libc::SIGKILL));
    }
}

/// Those who count down are killed at random: what they have not counted is counted down in their
/// place, and who waits goes.
#[test]
fn random_deaths_strand_nobody() {
    const ROUNDS: usize = 150;
    let _check = LeakCheck::begin();
    let mut choices = Choices::new(17);
    let (mut left, mut open) = (0, 0);
    for round in 0..ROUNDS {
        let memory = shared_memory();
        let (latch, _) = latch(&memory);
        latch.add(2000).unwrap();
        let mut workers = [(); 3].map(|()| {
            Child::fork(|| {
                while !latch.is_open() {
                    latch.count_down();
                }
                0
            })
        });
        let mut sleepers = [(); 2].map(|()| sleeper_soon(latch));
        for _ in 0..choices.below(60_000) {
            core::hint::spin_loop();
        }
        for worker in &mut workers {
            worker.kill();
            let _ = worker.wait();
        }
        open += u32::from(latch.is_open());
        while !latch.is_open() {
            left += 1;
            latch.count_down();
        }
        for sleeper in &mut sleepers {
            assert_eq!(sleeper.wait(), End::Exited(0), "round {round}");
        }
    }
    println!("open {open} times of {ROUNDS}; counted down for the dead: {left}");
}

/// One that waits, whether it sleeps already or not.
fn sleeper_soon(latch: &Latch) -> Child {
    Child::fork(|| i32::from(latch.wait_until(limit()).is_err()))
}

/// The latch is opened where a system call is refused, and its sleeper goes; `false`: there are no
/// filters.
fn hindered(refusal: Refusal) -> bool {
    let memory = shared_memory();
    let (latch, _) = latch(&memory);
    latch.add(1).unwrap();
    let mut sleeper = sleeper(latch);
    let mut counter = Child::fork(|| {
        if !refuse(&[refusal]) {
            return 77;
        }
        i32::from(!latch.count_down())
    });
    let end = counter.wait();
    if end == End::Exited(77) {
        latch.count_down();
    } else {
        assert_eq!(end, End::Exited(0));
    }
    assert_eq!(sleeper.wait(), End::Exited(0));
    end == End::Exited(0)
}

#[test]
fn opening_where_wake_op_is_refused_wakes_at_once() {
    let _check = LeakCheck::begin();
    for errno in REFUSALS {
        let begin = Instant::now();
        if !hindered(no_futex(libc::FUTEX_WAKE_OP, errno)) {
            skipped!("no filters of system calls");
            return;
        }
        // Woken, and not by a look of its own.
        assert!(begin.elapsed() < Semaphore::RECHECK, "{errno}");
    }
}

/// No wake arrives: the call is refused, a stranger is at the word, or the sleeper was moved.
#[test]
fn sleeper_whose_wake_does_not_arrive_looks_again() {
    let _check = LeakCheck::begin();
    hindered(no_futex_at_all(libc::EPERM));
    for moved in [false, true] {
        let memory = shared_memory();
        let (latch, word) = latch(&memory);
        let elsewhere: &AtomicU32 = memory.object(128).unwrap();
        latch.add(1).unwrap();
        let mut stranger = (!moved).then(|| wait_for_lock_at(word));
        let mut sleeper = sleeper(latch);
        if moved {
            move_sleepers(word, elsewhere);
        }
        assert!(latch.count_down());
        assert_eq!(sleeper.wait(), End::Exited(0));
        if let Some(stranger) = &mut stranger {
            stranger.kill();
            stranger.wait();
        }
    }
}

/// A peer that changes the word all the time keeps nobody beyond a deadline, nor in a count.
#[test]
fn scribbling_peer_keeps_nobody_beyond_a_deadline() {
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let (latch, word) = latch(&memory);
    let (started, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let mut ends = [0, 0];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut choices = Choices::new(18);
            while !done.load(Ordering::Relaxed) {
                word.store(choices.below(8) as u32, Ordering::Relaxed);
                started.store(true, Ordering::Relaxed);
            }
        });
        while !started.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        for _ in 0..300 {
            latch.count_down();
            let _ = latch.add(1);
            match latch.wait_until(Deadline::after(Duration::from_micros(200))) {
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
