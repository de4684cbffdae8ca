//! Semaphores where the wake does not come: the call that posts and wakes is refused, or a
//! hostile process has queued or moved whom it likes at the word.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use core::time::Duration;
use std::time::Instant;

use rawipc::memory::{MapOptions, Mapping};
use rawipc::posix::semaphore::{Scope, Semaphore as Posix};
use rawipc::sync::Semaphore;
use rawipc::{Deadline, Errno};
use support::filter::refuse;
use support::hinder::{REFUSALS, move_sleepers, no_futex, no_futex_at_all, wait_for_lock_at};
use support::{Child, End, LIMIT, LeakCheck};

fn shared_memory() -> Mapping {
    MapOptions::shared(4096).map_anonymous().unwrap()
}

fn limit() -> Deadline {
    Deadline::after(LIMIT)
}

/// Begins at the start of the memory, as a semaphore of either kind.
fn posix(memory: &Mapping) -> &Posix {
    let semaphore = memory.object::<Posix>(0).unwrap();
    semaphore.initialize(0, Scope::Processes).unwrap();
    semaphore
}

/// The half of its word on which one sleeps, for the kernel alone.
fn posix_word(memory: &Mapping) -> &AtomicU32 {
    // SAFETY: mapped as long as it is borrowed, aligned as a page is.
    unsafe { AtomicU32::from_ptr(memory.as_ptr().cast()) }
}

fn ours(memory: &Mapping) -> &Semaphore {
    memory.object(0).unwrap()
}

fn sleeping(wait: impl FnOnce() -> bool) -> Child {
    let child = Child::fork(|| i32::from(!wait()));
    child.await_sleep();
    child
}

/// What a child exits with on a machine without filters.
const NO_FILTERS: i32 = 77;

/// Has a child post under a filter; `false`: there are no filters.
#[track_caller]
fn posted(refusal: support::filter::Refusal, post: impl FnOnce() -> bool) -> bool {
    let mut poster = Child::fork(|| match refuse(&[refusal]) {
        true => i32::from(!post()),
        false => NO_FILTERS,
    });
    match poster.wait() {
        End::Exited(0) => true,
        End::Exited(NO_FILTERS) => {
            skipped!("no filters of system calls");
            false
        }
        end => panic!("{end:?}"),
    }
}

#[test]
fn post_where_wake_op_is_refused_wakes_at_once() {
    let _check = LeakCheck::begin();
    for errno in REFUSALS {
        let memory = shared_memory();
        let semaphore = ours(&memory);
        let mut sleepers = [
            sleeping(|| semaphore.wait().is_ok()),
            sleeping(|| semaphore.wait_until(limit()).is_ok()),
        ];
        let begin = Instant::now();
        let no_wake_op = no_futex(libc::FUTEX_WAKE_OP, errno);
        if !posted(no_wake_op, || semaphore.post_many(5000).is_ok()) {
            return;
        }
        for sleeper in &mut sleepers {
            assert_eq!(sleeper.wait(), End::Exited(0));
        }
        // Woken, and not by a look of their own.
        assert!(begin.elapsed() < Semaphore::RECHECK, "{errno}");
        assert_eq!(semaphore.value(), 4998, "{errno}");
    }
}

#[test]
fn post_where_every_futex_call_is_refused_is_found_by_the_next_look() {
    let _check = LeakCheck::begin();
    for errno in REFUSALS {
        let memory = shared_memory();
        let semaphore = ours(&memory);
        let mut sleepers = [
            sleeping(|| semaphore.wait().is_ok()),
            sleeping(|| semaphore.wait_until(limit()).is_ok()),
        ];
        if !posted(no_futex_at_all(errno), || {
            semaphore.post_many(2).is_ok() && semaphore.post().is_ok()
        }) {
            return;
        }
        for sleeper in &mut sleepers {
            assert_eq!(sleeper.wait(), End::Exited(0));
        }
        assert_eq!(semaphore.value(), 1, "{errno}");
    }
}

/// The kernel adds before it finds the stranger: the post is done, and done once.
#[test]
fn post_beside_a_stranger_at_the_word_posts_once_and_is_found() {
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let semaphore = ours(&memory);
    let stranger = wait_for_lock_at(memory.object(0).unwrap());
    let mut sleepers = [
        sleeping(|| semaphore.wait().is_ok()),
        sleeping(|| semaphore.wait_until(limit()).is_ok()),
    ];
    assert_eq!(semaphore.post(), Ok(()));
    assert_eq!(semaphore.post(), Ok(()));
    for sleeper in &mut sleepers {
        assert_eq!(sleeper.wait(), End::Exited(0));
    }
    assert_eq!(semaphore.value(), 0);
    drop(stranger);
}

#[test]
fn sleepers_moved_to_another_word_find_their_units() {
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let semaphore = ours(&memory);
    let mut sleepers = [
        sleeping(|| semaphore.wait().is_ok()),
        sleeping(|| semaphore.wait_until(limit()).is_ok()),
    ];
    let (word, elsewhere) = (memory.object(0).unwrap(), memory.object(64).unwrap());
    assert_eq!(move_sleepers(word, elsewhere), 2);
    semaphore.post_many(2).unwrap();
    for sleeper in &mut sleepers {
        assert_eq!(sleeper.wait(), End::Exited(0));
    }
    assert_eq!(semaphore.value(), 0);
}

/// A peer that changes the word all the time keeps nobody beyond the deadline.
#[test]
fn wait_on_a_word_that_never_rests_ends_at_its_deadline() {
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let word: &AtomicU32 = memory.object(0).unwrap();
    let restless = Child::fork(|| {
        loop {
            // No unit either way, but never as it was.
            word.store(0, Ordering::Relaxed);
            word.store(1, Ordering::Relaxed);
        }
    });
    let begin = Instant::now();
    let soon = Deadline::after(Duration::from_millis(50));
    assert_eq!(ours(&memory).wait_until(soon), Err(Errno::TIMEDOUT));
    assert!(begin.elapsed() < LIMIT / 2);
    drop(restless);
}

#[test]
fn posix_post_where_wake_op_is_refused_posts_once() {
    let _check = LeakCheck::begin();
    for errno in REFUSALS {
        let memory = shared_memory();
        let semaphore = posix(&memory);
        let mut sleeper = sleeping(|| semaphore.wait().is_ok());
        let no_wake_op = no_futex(libc::FUTEX_WAKE_OP, errno);
        if !posted(no_wake_op, || semaphore.post().is_ok()) {
            return;
        }
        assert_eq!(sleeper.wait(), End::Exited(0));
        assert_eq!((semaphore.value(), semaphore.sleepers()), (0, 0), "{errno}");
    }
}

#[test]
fn posix_post_where_every_futex_call_is_refused_is_found_by_who_has_a_deadline() {
    let _check = LeakCheck::begin();
    for errno in REFUSALS {
        let memory = shared_memory();
        let semaphore = posix(&memory);
        let mut sleeper = sleeping(|| semaphore.wait_until(limit()).is_ok());
        if !posted(no_futex_at_all(errno), || semaphore.post().is_ok()) {
            return;
        }
        assert_eq!(sleeper.wait(), End::Exited(0));
        assert_eq!((semaphore.value(), semaphore.sleepers()), (0, 0), "{errno}");
    }
}

/// As of ours; who waits without a deadline is not told.
#[test]
fn posix_post_beside_a_stranger_at_the_word_posts_once_and_is_found() {
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let semaphore = posix(&memory);
    let stranger = wait_for_lock_at(posix_word(&memory));
    let mut sleepers = [(); 2].map(|()| sleeping(|| semaphore.wait_until(limit()).is_ok()));
    semaphore.post().unwrap();
    assert!(semaphore.value() <= 1, "posted twice");
    semaphore.post().unwrap();
    for sleeper in &mut sleepers {
        assert_eq!(sleeper.wait(), End::Exited(0));
    }
    assert_eq!((semaphore.value(), semaphore.sleepers()), (0, 0));
    drop(stranger);
}

#[test]
fn posix_sleepers_moved_to_another_word_find_their_units() {
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let semaphore = posix(&memory);
    let mut sleeper = sleeping(|| semaphore.wait_until(limit()).is_ok());
    let (word, elsewhere) = (posix_word(&memory), memory.object(64).unwrap());
    // It may be between two looks.
    while move_sleepers(word, elsewhere) == 0 {
        std::thread::yield_now();
    }
    semaphore.post().unwrap();
    assert_eq!(sleeper.wait(), End::Exited(0));
    assert_eq!((semaphore.value(), semaphore.sleepers()), (0, 0));
}

#[test]
fn posix_wait_on_a_word_that_never_rests_ends_at_its_deadline() {
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let semaphore = posix(&memory);
    let word: &AtomicU64 = memory.object(0).unwrap();
    let restless = Child::fork(|| {
        loop {
            word.fetch_add(1, Ordering::Relaxed);
            word.fetch_sub(1, Ordering::Relaxed);
        }
    });
    // Units come and go: one may be taken, and then there are fewer than none.
    let begin = Instant::now();
    let _ = semaphore.wait_until(Deadline::after(Duration::from_millis(50)));
    assert!(begin.elapsed() < LIMIT / 2);
    drop(restless);
}
