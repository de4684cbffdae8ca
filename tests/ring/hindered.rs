//! Rings where the wake does not come: the call that publishes and wakes is refused, or a
//! hostile process has queued or moved whom it likes at the word.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

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

/// Receives everything, and exits with 0 if that was one record of each length from 1 to
/// `count`, and then the end.
fn receiver(ring: &spsc::Ring, count: usize) -> Child {
    let child = Child::fork(|| {
        let Ok(mut consumer) = ring.consumer() else {
            return 2;
        };
        let mut buffer = [0; 64];
        for len in 1..=count {
            if consumer.recv_until(&mut buffer, limit()) != Ok(len) {
                return 3;
            }
        }
        i32::from(consumer.recv_until(&mut buffer, limit()) != Err(Error::Closed))
    });
    child.await_sleep();
    child
}

/// Sends to a sleeper, under a filter, and closes.
fn send_under(refusal: Refusal, ring: &spsc::Ring, receiver: &mut Child, count: usize) -> bool {
    const RECORD: [u8; 64] = [7; 64];
    let mut sender = Child::fork(|| {
        let Ok(mut producer) = ring.producer() else {
            return 2;
        };
        if !refuse(&[refusal]) {
            return NO_FILTERS;
        }
        for len in 1..=count {
            // The other one is asleep again, most times.
            let pause = libc::timespec {
                tv_sec: 0,
                tv_nsec: 3_000_000,
            };
            // SAFETY: a time to read, and none to write.
            unsafe { libc::nanosleep(&raw const pause, core::ptr::null_mut()) };
            if producer.send(&RECORD[..len]).is_err() {
                return 3;
            }
        }
        // SAFETY: as above.
        unsafe {
            let pause = libc::timespec {
                tv_sec: 0,
                tv_nsec: 3_000_000,
            };
            libc::nanosleep(&raw const pause, core::ptr::null_mut());
        }
        drop(producer);
        0
    });
    match sender.wait() {
        End::Exited(0) => {}
        End::Exited(NO_FILTERS) => {
            skipped!("no filters of system calls");
            return false;
        }
        end => panic!("{end:?}"),
    }
    assert_eq!(receiver.wait(), End::Exited(0));
    true
}

#[test]
fn send_and_close_where_wake_op_is_refused_arrive_once() {
    let _check = LeakCheck::begin();
    for errno in REFUSALS {
        let ring: spsc::Ring = spsc::Ring::create(ROOM).unwrap();
        let mut receiver = receiver(&ring, 3);
        let no_wake_op = no_futex(libc::FUTEX_WAKE_OP, errno);
        if !send_under(no_wake_op, &ring, &mut receiver, 3) {
            return;
        }
    }
}

#[test]
fn send_and_close_where_every_futex_call_is_refused_are_found_by_the_next_look() {
    let _check = LeakCheck::begin();
    for errno in REFUSALS {
        let ring: spsc::Ring = spsc::Ring::create(ROOM).unwrap();
        let mut receiver = receiver(&ring, 3);
        if !send_under(no_futex_at_all(errno), &ring, &mut receiver, 3) {
            return;
        }
    }
}

/// The kernel adds before it finds the stranger: the record is sent, and sent once.
#[test]
fn send_beside_a_stranger_at_the_word_sends_once_and_is_found() {
    let _check = LeakCheck::begin();
    let ring: spsc::Ring = spsc::Ring::create(ROOM).unwrap();
    let memory = memory(&ring);
    let mut producer = ring.producer().unwrap();
    let stranger = wait_for_lock_at(memory.object(PUBLISHED).unwrap());
    let mut receiver = receiver(&ring, 2);
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
    let mut receiver = receiver(&ring, 1);
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
