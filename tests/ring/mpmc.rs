//! The MPMC ring between processes.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod conversions;
mod errors;
mod history;
mod storm;
mod uncontended;

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::os::fd::{AsRawFd, OwnedFd};

use rawipc::memory::{MapOptions, Mapping};
use rawipc::ring::mpmc::{self, FAILURES_PER_LOOK, Statistics, items};
use rawipc::ring::{AttachError, Error, Peer, Spin, SpinThenFutex, Waiting};
use rawipc::{AsFd, Deadline};

use crate::support::{self, Child, End, LeakCheck, limit, soon};

/// A process that holds an end of the ring, and sleeps.
fn holder(hold: impl FnOnce() -> bool) -> Child {
    let child = Child::fork(|| if hold() { 1 } else { 2 });
    child.await_sleep();
    child
}

fn sleep_for_ever() -> bool {
    loop {
        // SAFETY: no memory is involved.
        unsafe { libc::pause() };
    }
}

/// Kills the child, and waits until the kernel has let go of its number.
fn end(child: &mut Child, is_dead: impl Fn() -> bool) {
    child.kill();
    child.wait();
    let begin = limit();
    while !is_dead() {
        assert!(!begin.has_passed());
    }
}

/// The whole memory of a ring, for a peer that keeps no rule; and where its slots begin.
fn memory(ring: impl AsFd) -> (Mapping, usize) {
    let size = rustix::fs::fstat(ring.as_fd()).unwrap().st_size as usize;
    let memory = MapOptions::shared(size).map(ring.as_fd()).unwrap();
    let head: u64 = memory.read(24).unwrap();
    (memory, head as usize)
}

/// A number that no member has.
const NOBODY: u64 = 4_000_000;

/// Writes the word of the first slot: a claim of `count` slots by one who has died.
fn claim(ring: impl AsFd, state: u64, count: u64) {
    let (memory, slots) = memory(ring);
    let word: &AtomicU64 = memory.object(slots).unwrap();
    word.store(
        NOBODY << 42 | count << 38 | state << 30 | 1,
        Ordering::Release,
    );
}

#[test]
fn records_of_two_processes_reach_two_processes() {
    const EACH: u64 = 2000;
    let _check = LeakCheck::begin();
    let ring = mpmc::Ring::<SpinThenFutex>::create(16, 64).unwrap();
    let sums = MapOptions::shared(4096).map_anonymous().unwrap();
    let sum = |index: usize| sums.object::<AtomicU64>(8 * index).unwrap();
    let send = || {
        let Ok(mut producer) = ring.producer() else {
            return 2;
        };
        for number in 1..=EACH {
            let mut record = [0; 64];
            record[..8].copy_from_slice(&number.to_ne_bytes());
            if producer.send(&record[..8 + number as usize % 57]).is_err() {
                return 3;
            }
        }
        0
    };
    // Attached here, so that the sides are never empty before they have begun.
    let (producer, consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
    let mut senders = [(); 2].map(|()| Child::fork(send));
    let mut receivers = [0, 1].map(|index| {
        let (ring, sum) = (&ring, sum(index));
        Child::fork(move || {
            let Ok(mut consumer) = ring.consumer() else {
                return 2;
            };
            let mut record = [0; 64];
            loop {
                match consumer.recv(&mut record) {
                    Ok(len) => {
                        let number = record.first_chunk().map_or(0, |it| u64::from_ne_bytes(*it));
                        if len != 8 + number as usize % 57 {
                            return 4;
                        }
                        sum.fetch_add(number, Ordering::Relaxed);
                    }
                    Err(Error::Closed) => return 0,
                    Err(_) => return 3,
                }
            }
        })
    });
    for sender in &mut senders {
        assert_eq!(sender.wait(), End::Exited(0));
    }
    // The last producer.
    drop(producer);
    for receiver in &mut receivers {
        assert_eq!(receiver.wait(), End::Exited(0));
    }
    let all: u64 = [0, 1]
        .map(|index| sum(index).load(Ordering::Relaxed))
        .iter()
        .sum();
    assert_eq!(all, EACH * (EACH + 1));
    assert_eq!(consumer.statistics(), Statistics::default());
}

#[test]
fn sleepers_of_a_side_that_closes_are_woken_and_told() {
    let _check = LeakCheck::begin();
    let ring = items::Ring::<u64>::create(2).unwrap();
    let producers = [ring.producer().unwrap(), ring.producer().unwrap()];
    let mut waiters = [(); 2].map(|()| {
        holder(|| {
            let Ok(mut consumer) = ring.consumer() else {
                return false;
            };
            consumer.pop() == Err(Error::Closed)
        })
    });
    let [first, second] = producers;
    drop(first);
    assert!(waiters.iter_mut().all(|waiter| waiter.try_wait().is_none()));
    drop(second);
    for waiter in &mut waiters {
        assert_eq!(waiter.wait(), End::Exited(1));
    }
    let consumer = ring.consumer().unwrap();
    let mut producer = ring.producer().unwrap();
    assert_eq!(producer.push_slice(&[1, 2, 3]), Ok(2));
    let mut waiter = holder(|| {
        let Ok(mut producer) = ring.producer() else {
            return false;
        };
        producer.push(&3) == Err(Error::Closed)
    });
    drop(consumer);
    assert_eq!(waiter.wait(), End::Exited(1));
}

#[test]
fn side_that_is_detached_is_absent_and_not_closed() {
    let _check = LeakCheck::begin();
    let ring = items::Ring::<u64>::create(2).unwrap();
    let mut consumer = ring.consumer().unwrap();
    assert_eq!(consumer.peer(), Peer::Absent);
    let producer = ring.producer().unwrap();
    assert_eq!(consumer.peer(), Peer::Attached);
    producer.detach();
    assert_eq!(consumer.peer(), Peer::Absent);
    assert_eq!(consumer.pop_until(soon()), Err(Error::TimedOut));
    drop(ring.producer().unwrap());
    assert_eq!(consumer.peer(), Peer::Closed);
    assert_eq!(consumer.try_pop(), Err(Error::Closed));
    // Whoever comes opens it again.
    let mut producer = ring.producer().unwrap();
    assert_eq!(consumer.try_pop(), Err(Error::WouldBlock));
    producer.push(&1).unwrap();
    assert_eq!(consumer.try_pop(), Ok(1));
}

fn side_whose_members_have_died<W: Waiting>() {
    let ring = items::Ring::<u64, W>::create(2).unwrap();
    let mut consumer = ring.consumer().unwrap();
    let mut dying = [(); 2].map(|()| {
        holder(|| {
            let Ok(mut producer) = ring.producer() else {
                return false;
            };
            let _ = producer.try_push(&7);
            sleep_for_ever()
        })
    });
    let [first, second] = &mut dying;
    first.kill();
    first.wait();
    assert_eq!(consumer.pop(), Ok(7));
    assert_eq!(consumer.pop(), Ok(7));
    // One lives.
    assert_eq!(consumer.pop_until(soon()), Err(Error::TimedOut));
    end(second, || consumer.peer() == Peer::Dead);
    assert_eq!(consumer.pop(), Err(Error::PeerDied));
    let mut failures = 0;
    while consumer.try_pop() == Err(Error::WouldBlock) {
        failures += 1;
        assert!(failures < FAILURES_PER_LOOK);
    }
    assert_eq!(consumer.try_pop(), Err(Error::PeerDied));
    // A newcomer takes a dead one's place, and the conversation goes on.
    let mut producer = ring.producer().unwrap();
    assert_eq!(consumer.try_pop(), Err(Error::WouldBlock));
    producer.push(&8).unwrap();
    assert_eq!(consumer.pop(), Ok(8));
}

#[test]
fn side_whose_members_have_all_died_is_told_after_what_they_sent() {
    let _check = LeakCheck::begin();
    side_whose_members_have_died::<SpinThenFutex>();
    side_whose_members_have_died::<Spin>();
}

fn dead_claims_are_recovered<W: Waiting>() {
    // A producer that died in a claim of three.
    let ring = items::Ring::<u64, W>::create(4).unwrap();
    claim(&ring, 1, 3);
    let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
    producer.push(&1).unwrap();
    assert_eq!(consumer.pop(), Ok(1));
    assert_eq!(consumer.statistics().void, 3);
    assert_eq!(consumer.statistics().lost, 0);
    // A consumer that died in a claim of two, of four.
    let ring = items::Ring::<u64, W>::create(4).unwrap();
    let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
    assert_eq!(producer.push_slice(&[1, 2, 3, 4, 5]), Ok(4));
    claim(&ring, 3, 2);
    let mut items = [0; 4];
    assert_eq!(consumer.pop_slice(&mut items), Ok(2));
    assert_eq!(items[..2], [3, 4]);
    // The slots of the dead one, and of those that were received.
    assert_eq!(producer.push_slice(&[5, 6, 7, 8]), Ok(4));
    assert_eq!(producer.statistics().lost, 2);
    assert_eq!(consumer.pop_slice(&mut items), Ok(4));
    assert_eq!(items, [5, 6, 7, 8]);
}

#[test]
fn claims_of_the_dead_are_recovered_and_counted() {
    let _check = LeakCheck::begin();
    dead_claims_are_recovered::<SpinThenFutex>();
    dead_claims_are_recovered::<Spin>();
}

#[test]
fn claim_of_the_dead_is_found_by_calls_that_do_not_wait() {
    let _check = LeakCheck::begin();
    let ring = items::Ring::<u64>::create(4).unwrap();
    claim(&ring, 1, 1);
    let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
    producer.try_push(&1).unwrap();
    let mut failures = 0;
    let item = loop {
        match consumer.try_pop() {
            Ok(item) => break item,
            Err(Error::WouldBlock) => failures += 1,
            Err(error) => panic!("{error:?}"),
        }
        assert!(failures < FAILURES_PER_LOOK);
    };
    assert_eq!(item, 1);
}

fn side_that_closed_behind_claims_of_the_dead<W: Waiting>() {
    let ring = items::Ring::<u64, W>::create(4).unwrap();
    let mut consumer = ring.consumer().unwrap();
    let (memory, slots) = memory(&ring);
    for slot in 0..3_u64 {
        let word: &AtomicU64 = memory.object(slots + 16 * slot as usize).unwrap();
        word.store(
            (NOBODY + slot) << 42 | 1 << 38 | 1 << 30 | 1,
            Ordering::Release,
        );
    }
    ring.producer().unwrap().push(&7).unwrap();
    assert_eq!(consumer.pop_until(limit()), Ok(7));
    assert_eq!(consumer.pop_until(limit()), Err(Error::Closed));
    assert_eq!(consumer.statistics().void, 3);
}

/// Each claim is asked about by itself.
#[test]
fn side_that_closed_behind_claims_of_the_dead_is_told_after_what_it_sent() {
    let _check = LeakCheck::begin();
    side_that_closed_behind_claims_of_the_dead::<SpinThenFutex>();
    side_that_closed_behind_claims_of_the_dead::<Spin>();
}

/// A claim of a living one is not taken, however long it lasts.
#[test]
fn claim_of_a_stopped_process_is_waited_for() {
    let _check = LeakCheck::begin();
    let ring = items::Ring::<u64>::create(4).unwrap();
    let mut other = holder(|| {
        let Ok(_producer) = ring.producer() else {
            return false;
        };
        sleep_for_ever()
    });
    other.signal(libc::SIGSTOP);
    let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
    // It was the first to attach.
    let (memory, slots) = memory(&ring);
    let word: &AtomicU64 = memory.object(slots).unwrap();
    let claimed = 1 << 42 | 1 << 38 | 1 << 30 | 1;
    word.store(claimed, Ordering::Release);
    producer.push(&2).unwrap();
    let at = Deadline::after(Duration::from_millis(300));
    assert_eq!(consumer.pop_until(at), Err(Error::TimedOut));
    // But for the bit of who has waited.
    assert_eq!(word.load(Ordering::Acquire) & !(1 << 29), claimed);
    end(&mut other, || true);
    assert_eq!(consumer.pop(), Ok(2));
    assert_eq!(consumer.statistics().void, 1);
}

#[test]
fn record_that_does_not_fit_the_buffer_stays() {
    let _check = LeakCheck::begin();
    let ring = mpmc::Ring::<SpinThenFutex>::create(3, 10).unwrap();
    assert_eq!((ring.capacity(), ring.longest()), (4, 10));
    let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
    assert_eq!((producer.capacity(), producer.longest()), (4, 10));
    assert_eq!((consumer.capacity(), consumer.longest()), (4, 10));
    producer.send(b"0123456789").unwrap();
    producer.send(b"").unwrap();
    assert_eq!(
        producer.send(b"0123456789a"),
        Err(Error::TooLong { len: 11, limit: 10 })
    );
    let mut buffer = [0; 10];
    for _ in 0..2 {
        assert_eq!(
            consumer.recv(&mut buffer[..9]),
            Err(Error::TooLong { len: 10, limit: 9 })
        );
    }
    assert_eq!(consumer.recv(&mut buffer), Ok(10));
    assert_eq!(&buffer, b"0123456789");
    assert_eq!(consumer.recv(&mut []), Ok(0));
}

#[test]
fn slices_longer_than_a_claim_go_in_steps() {
    let _check = LeakCheck::begin();
    let ring = items::Ring::<[u8; 3], Spin>::create(100).unwrap();
    let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
    assert_eq!(
        (ring.capacity(), producer.capacity(), consumer.capacity()),
        (128, 128, 128)
    );
    let items: Vec<_> = (0..200_u8).map(|it| [it; 3]).collect();
    assert_eq!(producer.push_slice(&[]), Ok(0));
    assert_eq!(consumer.pop_slice(&mut []), Ok(0));
    assert_eq!(producer.push_slice(&items), Ok(128));
    assert_eq!(producer.try_push_slice(&items), Err(Error::WouldBlock));
    let mut received = [[0; 3]; 200];
    assert_eq!(consumer.pop_slice(&mut received), Ok(128));
    assert_eq!(received[..128], items[..128]);
    assert_eq!(
        consumer.try_pop_slice(&mut received),
        Err(Error::WouldBlock)
    );
}

#[test]
fn open_of_what_is_not_this_ring_says_why() {
    let _check = LeakCheck::begin();
    let records = |fd: OwnedFd| mpmc::Ring::<SpinThenFutex>::open(fd).err();
    let items = || items::Ring::<u64>::create(4).unwrap();
    assert_eq!(records(items().into()), Some(AttachError::WrongKind));
    let spinning = mpmc::Ring::<Spin>::create(4, 8).unwrap();
    assert_eq!(records(spinning.into()), Some(AttachError::WrongWaiting));
    let other = items::Ring::<u32, Spin>::open(OwnedFd::from(items())).err();
    assert_eq!(other, Some(AttachError::WrongItem { size: 8 }));
    let spsc = rawipc::ring::spsc::Ring::<SpinThenFutex>::create(4096).unwrap();
    assert_eq!(records(spsc.into()), Some(AttachError::WrongKind));
    // Words of the head that cannot be.
    let forged = |at: usize, value: u64| {
        let ring = mpmc::Ring::<SpinThenFutex>::create(4, 8).unwrap();
        let (memory, _) = memory(&ring);
        memory.write(at, &value).unwrap();
        records(ring.into())
    };
    assert_eq!(forged(32, 4), None);
    for (at, value) in [
        (32, 3),
        (32, 0),
        (32, u64::MAX),
        (40, 9),
        (56, 20),
        (56, 0),
        (56, 1 << 63),
    ] {
        assert_eq!(
            forged(at, value),
            Some(AttachError::Corrupt),
            "{value} at {at}"
        );
    }
    let size = rustix::fs::fstat(items()).unwrap().st_size as u64;
    assert_eq!(forged(32, 1 << 12), Some(AttachError::WrongSize { size }));
}

/// Whatever stands in a slot's word or a hint, calls end, and with an error or without.
#[test]
fn words_with_impossible_values_end_every_call() {
    let _check = LeakCheck::begin();
    let mut choices = support::Choices::new(7);
    for round in 0..300 {
        let ring = mpmc::Ring::<SpinThenFutex>::create(2, 16).unwrap();
        let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
        let (memory, slots) = memory(&ring);
        for slot in 0..2 {
            let mut word = choices.below(1 << 53) << 11 | choices.below(1 << 11);
            if round % 2 == 0 {
                // Laps that are near.
                word &= !((0x3f << 32) | ((1 << 29) - 1));
                word |= choices.below(4);
            }
            memory.write(slots + 32 * slot, &word).unwrap();
            memory
                .write(slots + 32 * slot + 8, &choices.below(40))
                .unwrap();
        }
        if round % 3 == 0 {
            // The hints.
            memory.write(128, &choices.below(u64::MAX)).unwrap();
            memory.write(128 + 768, &choices.below(u64::MAX)).unwrap();
        }
        let mut newcomer = ring.producer().unwrap();
        let _ = newcomer.send_until(&[1; 16], Deadline::NOW);
        let moment = Deadline::after(Duration::from_millis(3));
        let _ = producer.try_send(&[2; 9]);
        let _ = producer.send_until(&[2; 9], moment);
        let _ = consumer.try_recv(&mut [0; 16]);
        let _ = consumer.recv_until(&mut [0; 16], moment);
        let _ = consumer.recv_until(&mut [0; 3], Deadline::NOW);
    }
}

/// Slots that all say that others have come further lead a call on for so many steps, whatever the
/// capacity is, and the next call from there.
#[test]
fn slots_that_lead_on_and_on_end_every_call() {
    const STEPS: usize = 1 << 12;
    const SLOTS: usize = 64 * STEPS;
    let _check = LeakCheck::begin();
    let [free, ready] = [0_u64, 2].map(|state| state << 30);
    let forge = |gone: u64, there: u64| {
        let ring = items::Ring::<u64>::create(SLOTS).unwrap();
        let (memory, slots) = memory(&ring);
        for slot in 0..SLOTS - 1 {
            memory.write(slots + 16 * slot, &gone).unwrap();
        }
        memory.write(slots + 16 * (SLOTS - 1), &there).unwrap();
        ring
    };
    let calls = |attempt: &mut dyn FnMut() -> Result<(), Error>| {
        let mut calls = 1;
        while let Err(error) = attempt() {
            assert_eq!(error, Error::WouldBlock);
            calls += 1;
        }
        calls
    };
    // Others have written, and received.
    let full = || forge(ready | 1, free);
    let empty = || forge(free | 1, ready | 1);

    let ring = full();
    let _other = ring.consumer().unwrap();
    let mut producer = ring.producer().unwrap();
    assert_eq!(calls(&mut || producer.try_push(&1)), SLOTS / STEPS);
    let mut producer = full().producer().unwrap();
    let late = producer.push_until(&1, Deadline::NOW);
    assert_eq!(late, Err(Error::TimedOut));

    let ring = empty();
    let _other = ring.producer().unwrap();
    let mut consumer = ring.consumer().unwrap();
    assert_eq!(calls(&mut || consumer.try_pop().map(drop)), SLOTS / STEPS);
    let mut consumer = empty().consumer().unwrap();
    assert_eq!(consumer.pop_until(Deadline::NOW), Err(Error::TimedOut));
    // Who waits gets there.
    assert_eq!(consumer.pop(), Ok(0));
}

#[test]
fn inherited_endpoints_used_in_child_are_refused() {
    let _check = LeakCheck::begin();
    let ring = items::Ring::<u64>::create(4).unwrap();
    let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
    producer.push(&1).unwrap();
    let mut child = Child::fork(|| {
        let refused = producer.push(&2) == Err(Error::Forked)
            && producer.try_push_slice(&[2, 3]) == Err(Error::Forked)
            && consumer.pop() == Err(Error::Forked)
            && consumer.try_pop() == Err(Error::Forked)
            && consumer.pop_slice(&mut [0; 2]) == Err(Error::Forked);
        drop((producer, consumer));
        i32::from(!refused)
    });
    assert_eq!(child.wait(), End::Exited(0));
}

#[test]
fn ring_goes_to_another_process_by_its_descriptor() {
    if let Some(half) = support::PeerArgs::role("consumer") {
        let ring = items::Ring::<u64>::open(half.descriptor(0)).unwrap();
        let mut consumer = ring.consumer().unwrap();
        assert_eq!(consumer.pop(), Ok(42));
        return;
    }
    let _check = LeakCheck::begin();
    let ring = items::Ring::<u64>::create(4).unwrap();
    let mut producer = ring.producer().unwrap();
    let peer = support::Peer::start(test_name!(), "consumer", &[ring.as_raw_fd()]);
    producer.push(&42).unwrap();
    peer.finish();
}
