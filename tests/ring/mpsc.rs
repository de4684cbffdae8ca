//! The rings of many producers: what they carry, who comes and goes, and what they do when somebody
//! dies, stands still or lies.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod conversions;
mod errors;
mod history;
mod storm;
mod uncontended;

use crate::support;

use core::time::Duration;
use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::time::Instant;

use rawipc::memory::{MapOptions, Mapping};
use rawipc::ring::mpsc::{
    self, Departure, Event, FAILURES_PER_LOOK, LIVENESS_INTERVAL, Next, QUANTUM_RECORDS,
};
use rawipc::ring::{AttachError, Error, Peer, Spin, SpinThenFutex, Waiting};
use rawipc::{Deadline, OwnedFd};
use support::filter::{self, Refusal};
use support::{Child, End, LIMIT, LeakCheck, limit, pattern};

/// The largest page that the machine may have: where the lanes begin, and the least room of one.
const PAGE: usize = if cfg!(target_arch = "aarch64") {
    65536
} else {
    4096
};

fn ring(lanes: usize) -> mpsc::Ring {
    mpsc::Ring::create(lanes, PAGE).unwrap()
}

fn copy(ring: impl AsFd) -> OwnedFd {
    rustix::io::fcntl_dupfd_cloexec(ring.as_fd(), 0).unwrap()
}

/// The ring's memory, for one that keeps no rule.
fn memory(ring: impl AsFd) -> Mapping {
    let size = rustix::fs::fstat(ring.as_fd()).unwrap().st_size as usize;
    MapOptions::shared(size).map(ring.as_fd()).unwrap()
}

/// Where the words are in a ring's memory.
mod at {
    use super::PAGE;

    pub(super) const LANES: usize = 32;
    pub(super) const CAPACITY: usize = 40;
    const LANE: usize = 256;
    pub(super) const POSITIONS: usize = 16;
    pub(super) const OWNER: usize = 48;

    pub(super) fn published(lane: usize) -> usize {
        PAGE + lane * LANE
    }
    pub(super) fn consumed(lane: usize) -> usize {
        published(lane) + 128
    }
    /// Where the data of a lane are, in a ring with fewer than a page of lanes.
    pub(super) fn data(lane: usize) -> usize {
        2 * PAGE + lane * PAGE
    }
}

/// A process that does its half, and then nothing until it is killed.
fn held(half: impl FnOnce() -> bool) -> Child {
    let child = Child::fork(|| {
        if !half() {
            return 1;
        }
        loop {
            // SAFETY: no memory is involved.
            unsafe { libc::pause() };
        }
    });
    child.await_sleep();
    child
}

fn kill(mut child: Child) {
    child.kill();
    assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
}

// --- What it carries ---

#[test]
fn records_of_every_length_sent_past_the_end_wrap_around() {
    fn check<W: Waiting>() {
        let ring = mpsc::Ring::<W>::create(3, PAGE).unwrap();
        let mut consumer = ring.consumer().unwrap();
        let mut producers = [(); 3].map(|()| ring.producer().unwrap());
        let longest = ring.capacity() - mpsc::RECORD_OVERHEAD;
        let data = pattern(longest, 1);
        let mut buffer = vec![0; longest];
        for len in (0..=longest).rev().step_by(7).chain(0..300) {
            for producer in &mut producers {
                producer.send(&data[..len]).unwrap();
            }
            let mut senders = producers.each_ref().map(mpsc::Producer::id).to_vec();
            for _ in 0..3 {
                let event = consumer.recv(&mut buffer);
                let sender = event.map(Event::from).unwrap();
                assert_eq!(event, Ok(Event::Record { from: sender, len }));
                assert!(buffer[..len] == data[..len], "a record of {len} bytes");
                senders.retain(|&other| other != sender);
            }
            assert_eq!(senders, []);
        }
        let error = Error::TooLong {
            len: longest + 1,
            limit: longest,
        };
        assert_eq!(producers[0].send(&vec![0; longest + 1]), Err(error));
    }
    let _check = LeakCheck::begin();
    check::<SpinThenFutex>();
    check::<Spin>();
}

#[test]
fn try_calls_on_full_and_empty_ring_would_block() {
    let _check = LeakCheck::begin();
    let ring = ring(2);
    let mut consumer = ring.consumer().unwrap();
    let mut buffer = [0; 64];
    assert_eq!(consumer.try_recv(&mut buffer), Err(Error::WouldBlock));
    let mut producer = ring.producer().unwrap();
    assert_eq!(consumer.try_recv(&mut buffer), Err(Error::WouldBlock));
    assert_eq!(
        consumer.recv_until(&mut buffer, Deadline::NOW),
        Err(Error::TimedOut)
    );
    let mut sent = 0u64;
    while producer.try_send(&sent.to_ne_bytes()).is_ok() {
        sent += 1;
    }
    assert_eq!(sent, ring.capacity() as u64 / 16);
    assert_eq!(
        producer.send_until(b"x", Deadline::NOW),
        Err(Error::TimedOut)
    );
    let from = producer.id();
    for number in 0..sent {
        let short = Error::TooLong { len: 8, limit: 7 };
        assert_eq!(consumer.try_recv(&mut buffer[..7]), Err(short));
        let record = Event::Record { from, len: 8 };
        assert_eq!(consumer.try_recv(&mut buffer), Ok(record));
        assert_eq!(buffer[..8], number.to_ne_bytes());
    }
    assert_eq!(consumer.try_recv(&mut buffer), Err(Error::WouldBlock));
}

#[test]
fn batch_committed_or_released_changes_the_lane_in_one_step() {
    let _check = LeakCheck::begin();
    let ring = ring(2);
    let mut consumer = ring.consumer().unwrap();
    let mut producer = ring.producer().unwrap();
    let from = producer.id();
    let mut batch = producer.batch();
    batch.send(b"never sent").unwrap();
    drop(batch);
    let mut batch = producer.batch();
    let mut count = 0;
    while batch.send(&[7; 100]).is_ok() {
        count += 1;
    }
    assert!(consumer.try_peek().is_err());
    batch.commit().unwrap();
    let mut buffer = [0; 100];
    let record = Event::Record { from, len: 100 };
    let mut batch = consumer.batch();
    assert_eq!(batch.recv(&mut buffer), Ok(record));
    assert_eq!(batch.recv(&mut buffer), Ok(record));
    drop(batch);
    let mut received = 0;
    while received < count {
        let mut batch = consumer.batch();
        while batch.recv(&mut buffer) == Ok(record) {
            received += 1;
            assert!(buffer == [7; 100]);
        }
        batch.release().unwrap();
    }
    assert_eq!(received, count);
    // An end comes by a batch too.
    drop(producer);
    let gone = Event::Gone {
        from,
        why: Departure::Closed,
    };
    assert_eq!(consumer.batch().recv(&mut buffer), Ok(gone));
    assert_eq!(consumer.batch().recv(&mut buffer), Err(Error::Closed));
}

#[test]
fn records_of_trusted_peers_are_read_and_written_in_place() {
    let _check = LeakCheck::begin();
    let ring = ring(1);
    // SAFETY: both ends are here and keep the protocol.
    let mut producer = unsafe { ring.producer().unwrap().assume_trusted() };
    // SAFETY: as above.
    let mut consumer = unsafe { ring.consumer().unwrap().assume_trusted() };
    // Enough to lie across the end of the lane.
    for round in 0..40 {
        let mut reservation = producer.reserve(1000).unwrap();
        reservation.as_mut_slice().fill(round);
        reservation.commit().unwrap();
        let Ok(Next::Record(record)) = consumer.peek() else {
            panic!("a record was sent");
        };
        assert!(record.as_slice() == [round; 1000]);
        record.release().unwrap();
    }
}

#[test]
fn peeked_and_dropped_unreleased_stays_the_next() {
    let _check = LeakCheck::begin();
    let ring = ring(1);
    let mut consumer = ring.consumer().unwrap();
    let mut producer = ring.producer().unwrap();
    let id = producer.id();
    producer.send(b"record").unwrap();
    drop(producer);
    for _ in 0..2 {
        let Ok(Next::Record(record)) = consumer.peek() else {
            panic!("a record was sent");
        };
        assert_eq!(
            (record.from(), record.len(), record.is_empty()),
            (id, 6, false)
        );
        let mut part = [0; 3];
        record.read_at(2, &mut part).unwrap();
        assert_eq!(&part, b"cor");
    }
    assert!(consumer.recv(&mut [0; 8]).is_ok());
    for _ in 0..2 {
        let Ok(Next::Gone(parting)) = consumer.peek() else {
            panic!("it is gone");
        };
        assert_eq!((parting.from(), parting.why()), (id, Departure::Closed));
        // Nobody can have its lane before that has been received.
        assert_eq!(ring.producer().err(), Some(AttachError::Occupied));
    }
    match consumer.peek() {
        Ok(Next::Gone(parting)) => parting.release().unwrap(),
        other => panic!("{other:?}"),
    }
    assert_eq!(consumer.try_recv(&mut []), Err(Error::Closed));
    ring.producer().unwrap();
}

// --- Who comes and goes ---

#[test]
fn producer_beyond_the_lanes_is_refused_until_one_is_free() {
    let _check = LeakCheck::begin();
    let ring = ring(2);
    let mut consumer = ring.consumer().unwrap();
    let first = ring.producer().unwrap();
    let second = ring.producer().unwrap();
    assert_ne!(first.id(), second.id());
    assert_eq!(ring.producer().err(), Some(AttachError::Occupied));
    let late = ring.producer_until(Deadline::NOW);
    assert_eq!(late.err(), Some(AttachError::Occupied));
    assert_eq!(consumer.producers(), 2);
    let gone = first.id();
    drop(first);
    let mut waiting = Child::fork(|| match ring.producer_until(limit()) {
        Ok(mut producer) => i32::from(producer.send(b"third").is_err()),
        Err(_) => 2,
    });
    waiting.await_sleep();
    let mut buffer = [0; 8];
    let why = Departure::Closed;
    assert_eq!(
        consumer.recv(&mut buffer),
        Ok(Event::Gone { from: gone, why })
    );
    let Ok(Event::Record { from, len: 5 }) = consumer.recv(&mut buffer) else {
        panic!("the third came");
    };
    assert!(from != gone && from != second.id());
    assert_eq!(waiting.wait(), End::Exited(0));
    assert_eq!(consumer.recv(&mut buffer), Ok(Event::Gone { from, why }));
    drop(second);
    assert!(matches!(consumer.recv(&mut buffer), Ok(Event::Gone { .. })));
    assert_eq!(consumer.recv(&mut buffer), Err(Error::Closed));
    let late = consumer.wait_for_producer_until(support::soon());
    assert_eq!(late, Err(Error::TimedOut));
    let _third = ring.producer().unwrap();
    consumer.wait_for_producer().unwrap();
    assert_eq!(consumer.try_recv(&mut buffer), Err(Error::WouldBlock));
}

#[test]
fn consumer_asleep_is_woken_by_each_producer_and_by_one_who_joins() {
    let _check = LeakCheck::begin();
    let ring = ring(8);
    let mut producers: Vec<_> = (0..7).map(|_| ring.producer().unwrap()).collect();
    let mut receiver = Child::fork(|| {
        let Ok(mut consumer) = ring.consumer() else {
            return 1;
        };
        for expected in 0..8u64 {
            let mut bytes = [0; 8];
            if !matches!(
                consumer.recv_until(&mut bytes, limit()),
                Ok(Event::Record { .. })
            ) || u64::from_ne_bytes(bytes) != expected
            {
                return 2;
            }
        }
        0
    });
    for (number, producer) in producers.iter_mut().enumerate() {
        receiver.await_sleep();
        producer.send(&(number as u64).to_ne_bytes()).unwrap();
        let begin = Instant::now();
        while producer.try_reserve(ring.capacity() - 8).is_err() {
            assert!(begin.elapsed() < LIMIT, "it is not received");
        }
    }
    receiver.await_sleep();
    let mut last = ring.producer().unwrap();
    last.send(&7u64.to_ne_bytes()).unwrap();
    assert_eq!(receiver.wait(), End::Exited(0));
}

/// One who floods the ring takes a quantum at a time from the others.
#[test]
fn producer_that_floods_keeps_no_other_waiting() {
    let _check = LeakCheck::begin();
    let ring = mpsc::Ring::<SpinThenFutex>::create(3, 1 << 20).unwrap();
    let mut consumer = ring.consumer().unwrap();
    let mut flood = ring.producer().unwrap();
    while flood.try_send(b"").is_ok() {}
    let mut large = ring.producer().unwrap();
    while large.try_send(&[0; 32 << 10]).is_ok() {}
    let mut small = ring.producer().unwrap();
    for _ in 0..4 {
        small.send(b"small").unwrap();
    }
    let (mut buffer, mut counts) = (vec![0; 1 << 20], BTreeMap::new());
    while counts.get(&small.id()) != Some(&4) {
        let Ok(event) = consumer.recv(&mut buffer) else {
            panic!("all are there");
        };
        *counts.entry(event.from()).or_insert(0) += 1;
    }
    assert!(counts[&flood.id()] <= QUANTUM_RECORDS, "{counts:?}");
    assert!(counts[&large.id()] <= 2, "{counts:?}");
}

// --- Deaths ---

#[test]
fn waiting_consumer_is_told_of_a_death_after_the_records() {
    fn check<W: Waiting>() {
        let ring = mpsc::Ring::<W>::create(2, PAGE).unwrap();
        let mut consumer = ring.consumer().unwrap();
        let silent = ring.producer().unwrap();
        let child = held(|| {
            let Ok(mut producer) = ring.producer() else {
                return false;
            };
            let sent = producer.send(b"one").is_ok() && producer.send(b"two").is_ok();
            core::mem::forget(producer);
            sent
        });
        kill(child);
        let mut buffer = [0; 8];
        for _ in 0..2 {
            assert!(matches!(
                consumer.recv(&mut buffer),
                Ok(Event::Record { len: 3, .. })
            ));
        }
        let begin = Instant::now();
        let Ok(Event::Gone { from, why }) = consumer.recv(&mut buffer) else {
            panic!("it died");
        };
        assert_eq!(why, Departure::Died);
        assert_ne!(from, silent.id());
        assert!(begin.elapsed() < LIVENESS_INTERVAL + Duration::from_secs(5));
        // Its lane is free.
        ring.producer().unwrap();
    }
    let _check = LeakCheck::begin();
    check::<SpinThenFutex>();
    check::<Spin>();
}

#[test]
fn polling_or_busy_consumer_is_told_of_a_death() {
    let _check = LeakCheck::begin();
    let ring = ring(2);
    let mut consumer = ring.consumer().unwrap();
    let mut busy = ring.producer().unwrap();
    kill(held(|| match ring.producer() {
        Ok(producer) => {
            core::mem::forget(producer);
            true
        }
        Err(_) => false,
    }));
    let mut buffer = [0; 8];
    let begin = Instant::now();
    let why = loop {
        assert!(begin.elapsed() < LIMIT);
        // There is always something to receive.
        while busy.try_send(b"busy").is_ok() {}
        if let Event::Gone { why, .. } = consumer.try_recv(&mut buffer).unwrap() {
            break why;
        }
    };
    assert_eq!(why, Departure::Died);
    drop(busy);
    while consumer.try_recv(&mut buffer) != Err(Error::Closed) {}
    kill(held(|| match ring.producer() {
        Ok(producer) => {
            core::mem::forget(producer);
            true
        }
        Err(_) => false,
    }));
    let mut failures = 0;
    while consumer.try_recv(&mut buffer) == Err(Error::WouldBlock) {
        failures += 1;
        assert!(failures <= 4 * FAILURES_PER_LOOK || begin.elapsed() < LIMIT);
    }
}

/// All lanes were those of the dead: who comes finds that out, and the consumer frees them.
#[test]
fn lanes_of_the_dead_go_on_to_those_who_come() {
    let _check = LeakCheck::begin();
    let ring = ring(1);
    // It ends itself: asleep it is also while it waits for a lane.
    let dead = |records: &[&[u8]]| {
        let mut child = Child::fork(|| {
            let Ok(mut producer) = ring.producer_until(limit()) else {
                return 1;
            };
            if records.iter().any(|record| producer.send(record).is_err()) {
                return 2;
            }
            // SAFETY: no memory is involved.
            unsafe { libc::raise(libc::SIGKILL) }
        });
        assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
    };
    dead(&[b"x"]);
    // Nobody receives it.
    let undrained = ring.producer_until(support::soon());
    assert_eq!(undrained.err(), Some(AttachError::Occupied));
    let mut receiver = Child::fork(|| {
        let Ok(mut consumer) = ring.consumer() else {
            return 1;
        };
        // Three records, and three ends.
        let mut left = 6;
        while left > 0 {
            match consumer.recv_until(&mut [0; 8], limit()) {
                Ok(_) => left -= 1,
                Err(Error::Closed) => {
                    if consumer.wait_for_producer_until(limit()).is_err() {
                        return 2;
                    }
                }
                Err(_) => return 3,
            }
        }
        0
    });
    dead(&[b"x"]);
    dead(&[b"x"]);
    assert_eq!(receiver.wait(), End::Exited(0));
    // There is no consumer any more, who could be told.
    dead(&[]);
    ring.producer().unwrap();
}

#[test]
fn consumer_dead_or_closed_is_told_to_who_finds_no_room() {
    let _check = LeakCheck::begin();
    let ring = ring(2);
    let mut producer = ring.producer().unwrap();
    assert_eq!(producer.peer(), Peer::Absent);
    while producer.try_send(&[0; 100]).is_ok() {}
    kill(held(|| match ring.consumer() {
        Ok(consumer) => {
            core::mem::forget(consumer);
            true
        }
        Err(_) => false,
    }));
    assert_eq!(producer.send(&[0; 100]), Err(Error::PeerDied));
    assert_eq!(producer.peer(), Peer::Dead);
    let consumer = ring.consumer().unwrap();
    assert_eq!(producer.peer(), Peer::Attached);
    let mut sender = Child::fork(|| {
        let Ok(mut producer) = ring.producer() else {
            return 1;
        };
        while producer.try_send(&[0; 100]).is_ok() {}
        i32::from(producer.send_until(&[0; 100], limit()) != Err(Error::Closed))
    });
    sender.await_sleep();
    drop(consumer);
    assert_eq!(sender.wait(), End::Exited(0));
    assert_eq!(producer.send(&[0; 100]), Err(Error::Closed));
    assert_eq!(producer.peer(), Peer::Closed);
}

#[test]
fn successor_of_a_dead_consumer_continues() {
    let _check = LeakCheck::begin();
    let ring = ring(2);
    let mut producers = [(); 2].map(|()| ring.producer().unwrap());
    for number in 0..10u64 {
        for producer in &mut producers {
            producer.send(&number.to_ne_bytes()).unwrap();
        }
    }
    let mut child = held(|| {
        let Ok(mut consumer) = ring.consumer() else {
            return false;
        };
        let received = (0..7).all(|_| consumer.recv(&mut [0; 8]).is_ok());
        // Looked at and not released.
        let peeked = consumer.peek().is_ok();
        core::mem::forget(consumer);
        received && peeked
    });
    assert_eq!(ring.consumer().err(), Some(AttachError::Occupied));
    child.kill();
    child.wait();
    let mut consumer = ring.consumer_until(limit()).unwrap();
    let (mut next, mut buffer) = ([7, 0], [0; 8]);
    for _ in 0..13 {
        let event = consumer.recv(&mut buffer).unwrap();
        let which = usize::from(event.from() == producers[1].id());
        assert_eq!(buffer, u64::to_ne_bytes(next[which]));
        next[which] += 1;
    }
    assert_eq!(next, [10, 10]);
}

#[test]
fn stopped_producer_is_not_taken_for_dead_and_delays_nobody() {
    let _check = LeakCheck::begin();
    let ring = ring(2);
    let mut consumer = ring.consumer().unwrap();
    let stopped = held(|| {
        let Ok(mut producer) = ring.producer() else {
            return false;
        };
        let _ = producer.send(b"x");
        core::mem::forget(producer);
        true
    });
    stopped.signal(libc::SIGSTOP);
    let mut producer = ring.producer().unwrap();
    let mut buffer = [0; 8];
    let _ = consumer.recv(&mut buffer).unwrap();
    for _ in 0..1000 {
        producer.send(b"y").unwrap();
        let from = producer.id();
        assert_eq!(
            consumer.recv(&mut buffer),
            Ok(Event::Record { from, len: 1 })
        );
    }
    let long = Deadline::after(3 * LIVENESS_INTERVAL);
    assert_eq!(consumer.recv_until(&mut buffer, long), Err(Error::TimedOut));
    assert_eq!(ring.producer().err(), Some(AttachError::Occupied));
    stopped.signal(libc::SIGCONT);
}

// --- Where it cannot sleep on all lanes at once ---

#[test]
fn consumer_that_is_refused_futex_waitv_looks_again() {
    let _check = LeakCheck::begin();
    let ring = ring(2);
    let mut producer = ring.producer().unwrap();
    for errno in [libc::ENOSYS, libc::EPERM] {
        let mut receiver = Child::fork(|| {
            let refused = filter::refuse(&[Refusal {
                number: libc::SYS_futex_waitv,
                argument: 0,
                mask: 0,
                value: 0,
                errno,
            }]);
            let Ok(mut consumer) = ring.consumer() else {
                return 1;
            };
            let received = consumer.recv_until(&mut [0; 8], limit());
            consumer.detach();
            i32::from(!refused || received.is_err())
        });
        receiver.await_sleep();
        producer.send(b"x").unwrap();
        assert_eq!(receiver.wait(), End::Exited(0));
    }
}

#[test]
fn consumer_of_more_lanes_than_it_can_sleep_on_looks_again() {
    let _check = LeakCheck::begin();
    let ring = ring(200);
    let mut producers: Vec<_> = (0..150).map(|_| ring.producer().unwrap()).collect();
    let mut receiver = Child::fork(|| {
        let Ok(mut consumer) = ring.consumer() else {
            return 1;
        };
        let received = (0..2).all(|_| consumer.recv_until(&mut [0; 8], limit()).is_ok());
        i32::from(!received)
    });
    for index in [149, 0] {
        receiver.await_sleep();
        producers[index].send(b"x").unwrap();
    }
    assert_eq!(receiver.wait(), End::Exited(0));
}

// --- Lies ---

#[test]
fn lane_with_impossible_bytes_is_received_from_no_more_and_the_others_are() {
    let _check = LeakCheck::begin();
    /// What a liar writes into lane 0, in which one record was published.
    type Lie = fn(&Mapping);
    let lies: [Lie; 5] = [
        // The length of the record.
        |memory| memory.write(at::data(0), &u64::MAX).unwrap(),
        |memory| memory.write(at::data(0), &4097_u64).unwrap(),
        // Where the producer is.
        |memory| {
            let positions = at::published(0) + at::POSITIONS;
            memory.write(positions, &[1_u64 << 40; 4]).unwrap();
        },
        |memory| {
            let positions = at::published(0) + at::POSITIONS;
            memory.write(positions, &[13_u64; 4]).unwrap();
        },
        // Where the consumer is.
        |memory| {
            let positions = at::consumed(0) + at::POSITIONS;
            memory.write(positions, &[u64::MAX; 4]).unwrap();
        },
    ];
    for (index, lie) in lies.into_iter().enumerate() {
        let ring = ring(2);
        let mut consumer = ring.consumer().unwrap();
        let mut liar = ring.producer().unwrap();
        let mut honest = ring.producer().unwrap();
        liar.send(b"x").unwrap();
        lie(&memory(&ring));
        honest.send(b"honest").unwrap();
        let mut buffer = [0; 8];
        let mut events = [consumer.recv(&mut buffer), consumer.recv(&mut buffer)];
        let gone = Event::Gone {
            from: liar.id(),
            why: Departure::Corrupt,
        };
        let record = Event::Record {
            from: honest.id(),
            len: 6,
        };
        if events[0] == Ok(record) {
            events.swap(0, 1);
        }
        assert_eq!(events, [Ok(gone), Ok(record)], "lie {index}");
        // It may lie on.
        let mut sends = 0;
        let told = loop {
            sends += 1;
            if let Err(error) = liar.try_send(&[0; 100]) {
                break error;
            }
        };
        assert!(sends < 100, "lie {index}");
        assert_eq!(told, Error::Corrupt, "lie {index}");
        for _ in 0..1000 {
            honest.send(b"honest").unwrap();
            assert_eq!(consumer.recv(&mut buffer), Ok(record));
        }
        // When it is gone its lane is another one's.
        drop(liar);
        assert_eq!(consumer.try_recv(&mut buffer), Err(Error::WouldBlock));
        let mut next = ring.producer().unwrap();
        next.send(b"next").unwrap();
        let from = next.id();
        assert_eq!(
            consumer.recv(&mut buffer),
            Ok(Event::Record { from, len: 4 })
        );
        assert_eq!(&buffer[..4], b"next");
    }
}

#[test]
fn lane_with_impossible_holder_harms_no_other() {
    let _check = LeakCheck::begin();
    for holder in [u32::MAX, 1 << 30, 2 << 30, 3 << 30, 1 << 22, 0x3f_ffff] {
        let ring = ring(3);
        let mut consumer = ring.consumer().unwrap();
        let _liar = ring.producer().unwrap();
        let mut honest = ring.producer().unwrap();
        memory(&ring)
            .write(at::published(0) + at::OWNER, &holder)
            .unwrap();
        for _ in 0..3000 {
            honest.send(b"honest").unwrap();
            loop {
                match consumer.recv(&mut [0; 8]) {
                    Ok(Event::Record { from, .. }) if from == honest.id() => break,
                    Ok(Event::Gone { from, .. }) => assert_ne!(from, honest.id()),
                    other => panic!("{other:?}"),
                }
            }
        }
        let _third = ring.producer().unwrap();
    }
}

#[test]
fn open_of_what_is_not_this_ring_says_why() {
    let _check = LeakCheck::begin();
    let open = |fd| mpsc::Ring::<SpinThenFutex>::open(fd).err();
    assert_eq!(open(copy(ring(3))), None);
    let spinning = mpsc::Ring::<Spin>::create(2, PAGE).unwrap();
    assert_eq!(open(copy(&spinning)), Some(AttachError::WrongWaiting));
    let single: rawipc::ring::spsc::Ring = rawipc::ring::spsc::Ring::create(PAGE).unwrap();
    assert_eq!(open(copy(&single)), Some(AttachError::WrongKind));
    let large = mpsc::Ring::<SpinThenFutex>::create(128, 1 << 20).unwrap();
    assert!(matches!(
        open(copy(&large)),
        Some(AttachError::TooLarge { .. })
    ));
    let all = mpsc::Ring::<SpinThenFutex>::open_at_most(copy(&large), 128 << 20).unwrap();
    assert_eq!((all.lanes(), all.capacity()), (128, 1 << 20));
    for (place, word) in [
        (at::LANES, 0),
        (at::LANES, 1025),
        (at::LANES, u64::MAX),
        (at::LANES, 2),
        (at::CAPACITY, 0),
        (at::CAPACITY, 4097),
        (at::CAPACITY, u64::MAX),
        (at::CAPACITY, 2 * PAGE as u64),
    ] {
        let ring = ring(3);
        memory(&ring).write(place, &word).unwrap();
        let refused = open(copy(&ring));
        assert!(
            matches!(
                refused,
                Some(AttachError::Corrupt | AttachError::WrongSize { .. })
            ),
            "{word} at {place}: {refused:?}"
        );
    }
}

#[test]
fn inherited_endpoints_used_in_child_are_refused() {
    let _check = LeakCheck::begin();
    let ring = ring(2);
    let mut consumer = ring.consumer().unwrap();
    let mut producer = ring.producer().unwrap();
    producer.send(b"x").unwrap();
    let mut child = Child::fork(|| {
        let refused = producer.send(b"y") == Err(Error::Forked)
            && consumer.recv(&mut [0; 8]) == Err(Error::Forked)
            && consumer.peek().err() == Some(Error::Forked)
            && consumer.wait_for_producer() == Err(Error::Forked)
            && producer.batch().send(b"y") == Err(Error::Forked);
        i32::from(!refused)
    });
    assert_eq!(child.wait(), End::Exited(0));
    assert!(consumer.recv(&mut [0; 8]).is_ok());
    assert_eq!(consumer.try_recv(&mut [0; 8]), Err(Error::WouldBlock));
}
