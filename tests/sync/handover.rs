//! `sync::HandOverSemaphore`, between processes and past their deaths.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::{shared_memory, support};

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;

use rawipc::memory::Mapping;
use rawipc::sync::{HandOverSemaphore, PostError};
use rawipc::{Deadline, Errno};
use support::filter::refuse;
use support::hinder::{REFUSALS, no_futex, no_futex_at_all, wait_for_lock_at};
use support::{Child, Choices, End, LeakCheck, limit};

fn semaphore(memory: &Mapping) -> &HandOverSemaphore {
    memory.object(0).unwrap()
}

fn sleeper(semaphore: &HandOverSemaphore) -> Child {
    let child = Child::fork(|| i32::from(semaphore.wait_until(limit()).is_err()));
    child.await_sleep();
    child
}

#[test]
fn units_are_counted() {
    let semaphore = HandOverSemaphore::new(2);
    semaphore.wait().unwrap();
    assert_eq!(semaphore.try_wait(), Ok(()));
    assert_eq!(semaphore.try_wait(), Err(Errno::AGAIN));
    semaphore.post_many(5000).unwrap();
    semaphore.post_many(0).unwrap();
    assert_eq!(semaphore.value(), 5000);
    assert_eq!(size_of::<HandOverSemaphore>(), 8);
    assert_eq!(
        format!("{semaphore:?}"),
        "HandOverSemaphore { value: 5000 }"
    );
    let full = HandOverSemaphore::new(HandOverSemaphore::MAX);
    assert_eq!(full.post(), Err(PostError::Overflow { posted: 0 }));
}

#[test]
fn wait_ends_at_its_deadline() {
    let semaphore = HandOverSemaphore::new(0);
    let soon = Deadline::after(Duration::from_millis(5));
    assert_eq!(semaphore.wait_until(soon), Err(Errno::TIMEDOUT));
    assert!(soon.has_passed());
    // Somebody was said to sleep, and does not any more.
    semaphore.post_many(3000).unwrap();
    assert_eq!(semaphore.value(), 3000);
    semaphore.wait_until(Deadline::NOW).unwrap();
}

/// Three sleep and two units come: two go, and the third one with the next.
#[test]
fn as_many_go_as_there_are_units() {
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let semaphore = semaphore(&memory);
    let gone: &AtomicU32 = memory.object(64).unwrap();
    let mut sleepers = [(); 3].map(|()| {
        let child = Child::fork(|| {
            let waited = semaphore.wait_until(limit());
            gone.fetch_add(1, Ordering::Relaxed);
            i32::from(waited.is_err())
        });
        child.await_sleep();
        child
    });
    semaphore.post_many(2).unwrap();
    let patience = limit();
    while gone.load(Ordering::Relaxed) < 2 {
        assert!(!patience.has_passed());
        std::thread::yield_now();
    }
    assert_eq!(semaphore.value(), 0);
    semaphore.post().unwrap();
    for sleeper in &mut sleepers {
        assert_eq!(sleeper.wait(), End::Exited(0));
    }
}

/// Two sleep, the one that would be woken is killed, and one unit comes: the other one has it.
#[test]
fn unit_of_a_killed_sleeper_is_found_by_another() {
    const TRIES: usize = 60;
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let semaphore = semaphore(&memory);
    for attempt in 0..TRIES {
        let [mut first, mut second] = [(); 2].map(|()| sleeper(semaphore));
        first.kill();
        semaphore.post().unwrap();
        assert_eq!(second.wait(), End::Exited(0), "try {attempt}");
        assert_eq!(first.wait(), End::Killed(libc::SIGKILL));
        assert_eq!(semaphore.value(), 0);
    }
}

/// Processes that wait and post are killed at random: what is posted can be taken.
#[test]
fn random_deaths_strand_nobody() {
    const ROUNDS: usize = 200;
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let semaphore = semaphore(&memory);
    let mut choices = Choices::new(23);
    for round in 0..ROUNDS {
        let mut workers = [(); 3].map(|()| {
            Child::fork(|| {
                while semaphore.wait().is_ok() && semaphore.post().is_ok() {}
                1
            })
        });
        semaphore.post().unwrap();
        for _ in 0..choices.below(20_000) {
            core::hint::spin_loop();
        }
        for worker in &mut workers {
            worker.kill();
            assert_eq!(worker.wait(), End::Killed(libc::SIGKILL));
        }
        assert!(semaphore.value() <= 1, "round {round}");
        while semaphore.try_wait().is_ok() {}
        let mut sleeper = Child::fork(|| i32::from(semaphore.wait_until(limit()).is_err()));
        semaphore.post().unwrap();
        assert_eq!(sleeper.wait(), End::Exited(0), "round {round}");
    }
}

/// Whatever refuses the wake, or whoever is at the word: the units arrive once.
#[test]
fn hindered_post_posts_once_and_is_found() {
    let _check = LeakCheck::begin();
    let calls = REFUSALS.map(|errno| no_futex(libc::FUTEX_WAKE_OP, errno));
    for refusal in calls.into_iter().chain([no_futex_at_all(libc::EPERM)]) {
        let memory = shared_memory();
        let semaphore = semaphore(&memory);
        let mut sleeper = sleeper(semaphore);
        let mut poster = Child::fork(|| match refuse(&[refusal]) {
            true => i32::from(semaphore.post_many(2).is_err()),
            false => 77,
        });
        let end = poster.wait();
        if end == End::Exited(77) {
            semaphore.post_many(2).unwrap();
        } else {
            assert_eq!(end, End::Exited(0));
        }
        assert_eq!(sleeper.wait(), End::Exited(0));
        assert_eq!(semaphore.value(), 1);
        if end == End::Exited(77) {
            skipped!("no filters of system calls");
            return;
        }
    }
    let memory = shared_memory();
    let semaphore = semaphore(&memory);
    let mut stranger = wait_for_lock_at(memory.object(0).unwrap());
    let mut sleeper = sleeper(semaphore);
    semaphore.post_many(2).unwrap();
    assert_eq!(sleeper.wait(), End::Exited(0));
    assert_eq!(semaphore.value(), 1);
    stranger.kill();
    stranger.wait();
}

#[test]
fn any_words_are_a_semaphore() {
    let memory = shared_memory();
    let semaphore = semaphore(&memory);
    let words: [&AtomicU32; 2] = [0, 4].map(|at| memory.object(at).unwrap());
    for first in [0, 1, 2, 1 << 31, u32::MAX] {
        for second in [0, 1, 1 << 29, u32::MAX - 1, u32::MAX] {
            words[0].store(first, Ordering::Relaxed);
            words[1].store(second, Ordering::Relaxed);
            let _ = semaphore.post_many(3000);
            let _ = semaphore.try_wait();
            let waited = semaphore.wait_until(Deadline::after(Duration::from_millis(1)));
            assert!(matches!(waited, Ok(()) | Err(Errno::TIMEDOUT)));
        }
    }
}

/// A peer that changes the words all the time keeps nobody beyond a deadline, nor in a post.
#[test]
fn scribbling_peer_keeps_nobody_beyond_a_deadline() {
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let semaphore = semaphore(&memory);
    let words: [&AtomicU32; 2] = [0, 4].map(|at| memory.object(at).unwrap());
    let (started, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let mut ends = [0, 0];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut choices = Choices::new(24);
            while !done.load(Ordering::Relaxed) {
                for word in words {
                    word.store(choices.below(3) as u32, Ordering::Relaxed);
                }
                started.store(true, Ordering::Relaxed);
            }
        });
        while !started.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        for _ in 0..300 {
            let _ = semaphore.post_many(3000);
            match semaphore.wait_until(Deadline::after(Duration::from_micros(200))) {
                Ok(()) => ends[0] += 1,
                Err(errno) => {
                    assert_eq!(errno, Errno::TIMEDOUT);
                    ends[1] += 1;
                }
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    println!("taken {}, too late {}", ends[0], ends[1]);
}
