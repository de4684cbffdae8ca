//! Rings where the wake does not come: a call is refused that it takes, or a hostile process has
//! queued or moved whom it likes at the word.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use core::sync::atomic::{AtomicUsize, Ordering};

use rawipc::memory::{MapOptions, Mapping};
use rawipc::ring::Error;
use rawipc::ring::spsc;
use rawipc::{AsFd, Deadline};
use support::filter::{Refusal, refuse};
use support::hinder::{REFUSALS, move_sleepers, no_futex, no_futex_at_all, wait_for_lock_at};
use support::{Child, End, LIMIT, LeakCheck};

const ROOM: usize = 1 << 16;

/// Where the producer's word is in the memory of a ring.
const PUBLISHED: usize = 128;

fn limit() -> Deadline {
    Deadline::after(LIMIT)
}

/// The ring's memory, for a peer that keeps no rule.
fn memory(ring: impl AsFd) -> Mapping {
    let size = rustix::fs::fstat(ring.as_fd()).unwrap().st_size as usize;
    MapOptions::shared(size).map(ring.as_fd()).unwrap()
}

/// What a child exits with on a machine without filters.
const NO_FILTERS: i32 = 77;

/// What the processes tell each other beside the ring.
struct Steps(Mapping);

impl Steps {
    fn new() -> Self {
        Self(MapOptions::shared(4096).map_anonymous().unwrap())
    }

    /// How many records have been received.
    fn received(&self) -> &AtomicUsize {
        self.0.object(0).unwrap()
    }

    /// How many steps the sender may have done.
    fn allowed(&self) -> &AtomicUsize {
        self.0.object(64).unwrap()
    }
}

/// Waits until `count` has become at least `least`; returns whether it has in time.
fn reaches(count: &AtomicUsize, least: usize) -> bool {
    let limit = limit();
    while count.load(Ordering::Acquire) < least {
        if limit.has_passed() {
            return false;
        }
        std::thread::yield_now();
    }
    true
}

/// Receives everything, and exits with 0 if that was one record of each length from 1 to
/// `count`, and then the end; under filters.
fn receiver(refusals: &[Refusal], ring: &spsc::Ring, steps: &Steps, count: usize) -> Child {
    let child = Child::fork(|| {
        if !refusals.is_empty() && !refuse(refusals) {
            return NO_FILTERS;
        }
        let Ok(mut consumer) = ring.consumer() else {
            return 2;
        };
        let mut buffer = [0; 64];
        for len in 1..=count {
            if consumer.recv_until(&mut buffer, limit()) != Ok(len) {
                return 3;
            }
            steps.received().store(len, Ordering::Release);
        }
        i32::from(consumer.recv_until(&mut buffer, limit()) != Err(Error::Closed))
    });
    child.await_sleep();
    child
}

/// Sends one record of each length from 1 to `count` and closes, under filters; each time when it
/// is allowed to.
fn sender(refusals: &[Refusal], ring: &spsc::Ring, steps: &Steps, count: usize) -> Child {
    const RECORD: [u8; 64] = [7; 64];
    Child::fork(|| {
        if !refuse(refusals) {
            return NO_FILTERS;
        }
        let Ok(mut producer) = ring.producer() else {
            return 2;
        };
        for len in 1..=count {
            if !reaches(steps.allowed(), len) || producer.send(&RECORD[..len]).is_err() {
                return 3;
            }
        }
        if !reaches(steps.allowed(), count + 1) {
            return 3;
        }
        drop(producer);
        0
    })
}

/// Has a sender meet a receiver that is asleep, record after record and at the close, the one or
/// both under filters.
fn send_to_sleeper(of_sender: &[Refusal], of_receiver: &[Refusal]) {
    const COUNT: usize = 3;
    let ring: spsc::Ring = spsc::Ring::create(ROOM).unwrap();
    let steps = Steps::new();
    let mut receiver = receiver(of_receiver, &ring, &steps, COUNT);
    let mut sender = sender(of_sender, &ring, &steps, COUNT);
    for step in 0..=COUNT {
        assert!(
            reaches(steps.received(), step),
            "{} and {}",
            receiver.plight(),
            sender.plight()
        );
        receiver.await_sleep();
        steps.allowed().store(step + 1, Ordering::Release);
    }
    assert_eq!(sender.wait(), End::Exited(0));
    assert_eq!(receiver.wait(), End::Exited(0));
}

/// Returns whether there are filters of system calls on this machine.
fn filters_exist() -> bool {
    let mut child = Child::fork(|| {
        if refuse(&[no_membarrier(libc::EPERM)]) {
            0
        } else {
            1
        }
    });
    let exist = child.wait() == End::Exited(0);
    if !exist {
        skipped!("no filters of system calls");
    }
    exist
}

fn no_membarrier(errno: i32) -> Refusal {
    Refusal {
        number: libc::SYS_membarrier,
        mask: 0,
        ..no_futex(0, errno)
    }
}

#[test]
fn send_and_close_where_membarrier_is_refused_arrive_once() {
    let _check = LeakCheck::begin();
    if !filters_exist() {
        return;
    }
    for errno in REFUSALS {
        let refusal = [no_membarrier(errno)];
        send_to_sleeper(&refusal, &refusal);
        // Of the sleeper alone: it sleeps without a barrier.
        send_to_sleeper(&[], &refusal);
        send_to_sleeper(&refusal, &[]);
    }
}

/// Who publishes does it by a store, whether or not it may wake.
#[test]
fn send_and_close_where_wake_is_refused_are_found_by_the_next_look() {
    let _check = LeakCheck::begin();
    if !filters_exist() {
        return;
    }
    for errno in REFUSALS {
        send_to_sleeper(&[no_futex(libc::FUTEX_WAKE, errno)], &[]);
    }
}

#[test]
fn send_and_close_where_every_futex_call_is_refused_are_found_by_the_next_look() {
    let _check = LeakCheck::begin();
    if !filters_exist() {
        return;
    }
    for errno in REFUSALS {
        send_to_sleeper(&[no_futex_at_all(errno)], &[]);
    }
}

#[test]
fn endpoints_without_barriers_lose_nothing() {
    let _check = LeakCheck::begin();
    let ring: spsc::Ring = spsc::Ring::create(ROOM).unwrap().without_barriers();
    let mut sender = Child::fork(|| {
        let Ok(mut producer) = ring.producer() else {
            return 2;
        };
        for number in 0..10_000_u32 {
            if producer.send(&number.to_ne_bytes()).is_err() {
                return 3;
            }
        }
        0
    });
    let mut consumer = ring.consumer().unwrap();
    let mut buffer = [0; 4];
    for number in 0..10_000_u32 {
        assert_eq!(consumer.recv_until(&mut buffer, limit()), Ok(4));
        assert_eq!(buffer, number.to_ne_bytes());
    }
    assert_eq!(sender.wait(), End::Exited(0));
}

/// The kernel wakes nobody behind the stranger: the record is found by the next look.
#[test]
fn send_beside_a_stranger_at_the_word_sends_once_and_is_found() {
    let _check = LeakCheck::begin();
    let ring: spsc::Ring = spsc::Ring::create(ROOM).unwrap();
    let memory = memory(&ring);
    let mut producer = ring.producer().unwrap();
    let stranger = wait_for_lock_at(memory.object(PUBLISHED).unwrap());
    let steps = Steps::new();
    let mut receiver = receiver(&[], &ring, &steps, 2);
    assert_eq!(producer.send(&[7; 1]), Ok(()));
    receiver.await_sleep();
    assert_eq!(producer.send(&[7; 2]), Ok(()));
    receiver.await_sleep();
    drop(producer);
    assert_eq!(receiver.wait(), End::Exited(0));
    drop(stranger);
}

#[test]
fn sleeper_moved_to_another_word_finds_the_record() {
    let _check = LeakCheck::begin();
    let ring: spsc::Ring = spsc::Ring::create(ROOM).unwrap();
    let memory = memory(&ring);
    let mut producer = ring.producer().unwrap();
    let steps = Steps::new();
    let mut receiver = receiver(&[], &ring, &steps, 1);
    let elsewhere = memory.object(2048).unwrap();
    let begin = limit();
    // It may be between two looks.
    while move_sleepers(memory.object(PUBLISHED).unwrap(), elsewhere) == 0 {
        assert!(!begin.has_passed());
    }
    producer.send(&[7; 1]).unwrap();
    drop(producer);
    assert_eq!(receiver.wait(), End::Exited(0));
}
