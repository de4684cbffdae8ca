//! The SPSC rings: what they carry, what they refuse, and what they do when a
//! peer dies, leaves or lies.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod conversions;
mod errors;
mod history;
mod storm;
mod uncontended;

use crate::support;

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use core::time::Duration;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::time::Instant;

use rawipc::lock::{Kind, ofd};
use rawipc::memory::memfd::{self, Seals};
use rawipc::memory::{MapOptions, Mapping, Shared};
use rawipc::ring::spsc::{self, LIVENESS_INTERVAL, Peer as PeerState, items};
use rawipc::ring::{AttachError, Error, Spin, SpinThenFutex, Waiting};
use rawipc::{AsFd, Deadline, Errno, OwnedFd};
use rustix::fs::SealFlags;
use support::{Child, Choices, End, LIMIT, LeakCheck, Peer, PeerArgs, limit, pattern};

/// The largest page that the machine may have: where a ring's data begin, and the
/// least of them.
const PAGE: usize = if cfg!(target_arch = "aarch64") {
    65536
} else {
    4096
};

fn ring(capacity: usize) -> spsc::Ring {
    spsc::Ring::create(capacity).unwrap()
}

/// A descriptor of the same ring, as a peer would have it.
fn copy(ring: impl AsFd) -> OwnedFd {
    rustix::io::fcntl_dupfd_cloexec(ring.as_fd(), 0).unwrap()
}

/// The ring's memory, for a peer that keeps no rule.
fn memory(ring: impl AsFd) -> Mapping {
    let size = rustix::fs::fstat(ring.as_fd()).unwrap().st_size as usize;
    MapOptions::shared(size).map(ring.as_fd()).unwrap()
}

/// Where the words of the ring are in its memory.
mod at {
    pub(crate) const MAGIC: usize = 0;
    pub(crate) const VERSION: usize = 8;
    pub(crate) const KIND: usize = 16;
    pub(crate) const HEAD: usize = 24;
    pub(crate) const DATA: usize = 32;
    pub(crate) const PUBLISHED: usize = 128;
    pub(crate) const CONSUMED: usize = 256;
    pub(crate) const BESIDE: usize = 8;
    pub(crate) const OWNER: usize = 16;
}

// --- What it carries ---

#[test]
fn records_of_every_length_sent_past_the_end_wrap_around() {
    let _check = LeakCheck::begin();
    let ring = ring(PAGE);
    let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
    let longest = ring.capacity() - spsc::RECORD_OVERHEAD;
    let data = pattern(longest, 1);
    let mut buffer = vec![0; longest];
    for len in (0..=longest).rev().chain(0..300) {
        producer.send(&data[..len]).unwrap();
        assert_eq!(consumer.recv(&mut buffer), Ok(len));
        assert!(buffer[..len] == data[..len], "a record of {len} bytes");
    }
    let too_long = vec![0; longest + 1];
    let error = Error::TooLong {
        len: longest + 1,
        limit: longest,
    };
    assert_eq!(producer.send(&too_long), Err(error));
    assert_eq!(
        producer.try_reserve(usize::MAX).err(),
        Some(Error::TooLong {
            len: usize::MAX,
            limit: longest,
        })
    );
}

#[test]
fn try_calls_on_full_and_empty_ring_would_block() {
    let _check = LeakCheck::begin();
    let ring = ring(PAGE);
    let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
    let mut buffer = [0; 64];
    assert_eq!(consumer.try_recv(&mut buffer), Err(Error::WouldBlock));
    let soon = Deadline::after(Duration::from_millis(4));
    assert_eq!(consumer.recv_until(&mut buffer, soon), Err(Error::TimedOut));
    assert_eq!(
        consumer.recv_until(&mut buffer, Deadline::NOW),
        Err(Error::TimedOut)
    );
    let mut sent = 0u64;
    while producer.try_send(&sent.to_ne_bytes()).is_ok() {
        sent += 1;
    }
    assert_eq!(sent, ring.capacity() as u64 / 16);
    assert_eq!(producer.try_send(b"more"), Err(Error::WouldBlock));
    let soon = Deadline::after(Duration::from_millis(4));
    assert_eq!(producer.send_until(b"more", soon), Err(Error::TimedOut));
    for expected in 0..sent {
        // Looked at and left, it is still the next.
        let record = consumer.try_peek().unwrap();
        assert_eq!((record.len(), record.is_empty()), (8, false));
        let short = Error::TooLong { len: 8, limit: 7 };
        assert_eq!(consumer.try_recv(&mut buffer[..7]), Err(short));
        assert_eq!(consumer.try_recv(&mut buffer), Ok(8));
        assert_eq!(buffer[..8], expected.to_ne_bytes());
    }
    assert_eq!(consumer.try_recv(&mut buffer), Err(Error::WouldBlock));
}

#[test]
fn reservation_dropped_uncommitted_sends_nothing() {
    let _check = LeakCheck::begin();
    let ring = ring(PAGE);
    let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
    let mut reservation = producer.reserve(10).unwrap();
    reservation.write(b"never sent").unwrap();
    drop(reservation);
    assert_eq!(consumer.try_peek().err(), Some(Error::WouldBlock));

    let mut reservation = producer.reserve(10).unwrap();
    reservation.write(b"0123").unwrap();
    reservation.write(b"45").unwrap();
    reservation.write_at(0, b"ab").unwrap();
    let over = Error::TooLong { len: 5, limit: 4 };
    assert_eq!(reservation.write(b"56789"), Err(over));
    assert!(reservation.write_at(11, b"x").is_err());
    reservation.truncate(6);
    assert_eq!((reservation.len(), reservation.is_empty()), (6, false));
    reservation.commit().unwrap();

    let record = consumer.peek().unwrap();
    assert_eq!(record.len(), 6);
    let mut part = [0; 3];
    record.read_at(2, &mut part).unwrap();
    assert_eq!(&part, b"234");
    assert!(record.read_at(4, &mut part).is_err());
    let error = Error::TooLong { len: 6, limit: 3 };
    assert_eq!(record.copy_to(&mut part), Err(error));
    // It stays, also for a receiver whose buffer is too small.
    assert_eq!(consumer.recv(&mut part), Err(error));
    let mut whole = [0; 6];
    assert_eq!(consumer.recv(&mut whole), Ok(6));
    assert_eq!(&whole, b"ab2345");
}

#[test]
fn records_of_trusted_peers_are_read_and_written_in_place() {
    let _check = LeakCheck::begin();
    let ring = ring(PAGE);
    // SAFETY: both ends are here and keep the protocol.
    let mut producer = unsafe { ring.producer().unwrap().assume_trusted() };
    // SAFETY: as above.
    let mut consumer = unsafe { ring.consumer().unwrap().assume_trusted() };
    // Enough to lie across the end of the data.
    for round in 0..40 {
        let mut reservation = producer.reserve(1000).unwrap();
        reservation.as_mut_slice().fill(round);
        reservation.commit().unwrap();
        let record = consumer.peek().unwrap();
        assert!(record.as_slice() == [round; 1000]);
        record.release().unwrap();
    }
}

#[test]
fn batch_committed_or_released_changes_the_ring_in_one_step() {
    let _check = LeakCheck::begin();
    let ring = ring(PAGE);
    let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
    let mut batch = producer.batch();
    batch.send(b"never sent").unwrap();
    drop(batch);
    let mut batch = producer.batch();
    let mut count = 0u64;
    while batch.send(&count.to_ne_bytes()).is_ok() {
        count += 1;
    }
    assert_eq!(batch.send(b"x"), Err(Error::WouldBlock));
    assert!(!batch.is_empty());
    assert_eq!(consumer.try_peek().err(), Some(Error::WouldBlock));
    batch.commit().unwrap();
    assert_eq!(count, ring.capacity() as u64 / 16);

    let mut buffer = [0; 8];
    for _ in 0..2 {
        // The first is dropped unreleased: all of them stay.
        let mut batch = consumer.batch();
        for expected in 0..count {
            assert_eq!(batch.recv(&mut buffer), Ok(8));
            assert_eq!(buffer, expected.to_ne_bytes());
        }
        assert_eq!(batch.recv(&mut buffer), Err(Error::WouldBlock));
    }
    assert_eq!(producer.try_send(b"x"), Err(Error::WouldBlock));
    let mut batch = consumer.batch();
    for _ in 0..count {
        batch.recv(&mut buffer).unwrap();
    }
    batch.release().unwrap();
    producer.try_send(b"x").unwrap();
}

#[test]
fn items_of_every_shape_sent_past_the_end_wrap_around() {
    fn check<W: Waiting, const N: usize>() {
        let ring = items::Ring::<[u8; N], W>::create(8).unwrap();
        let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
        assert!(ring.capacity() >= 8);
        let items: Vec<[u8; N]> = pattern(N * 1000, 3)
            .chunks_exact(N)
            .map(|chunk| chunk.try_into().unwrap())
            .collect();
        for item in &items {
            producer.push(item).unwrap();
            assert!(consumer.pop().unwrap() == *item);
            // A slice of one, and one left behind.
            assert_eq!(producer.push_slice(&[*item]), Ok(1));
            producer.push(&items[0]).unwrap();
            assert!(consumer.pop().unwrap() == *item);
            assert!(consumer.pop().unwrap() == items[0]);
        }
        let mut received = vec![[0; N]; 7];
        for some in items.chunks(7).take(3000) {
            assert_eq!(producer.push_slice(some).unwrap(), some.len());
            assert_eq!(consumer.pop_slice(&mut received).unwrap(), some.len());
            assert!(received[..some.len()] == *some);
        }
        assert_eq!(consumer.try_pop(), Err(Error::WouldBlock));
        assert_eq!(
            consumer.try_pop_slice(&mut received),
            Err(Error::WouldBlock)
        );
        assert_eq!(producer.push_slice(&[]), Ok(0));
        let many = vec![[1; N]; ring.capacity() + 3];
        assert_eq!(producer.try_push_slice(&many), Ok(ring.capacity()));
        assert_eq!(producer.try_push(&[2; N]), Err(Error::WouldBlock));
        assert_eq!(producer.try_push_slice(&many), Err(Error::WouldBlock));
        let soon = Deadline::after(Duration::from_millis(2));
        assert_eq!(producer.push_until(&[2; N], soon), Err(Error::TimedOut));
    }
    let _check = LeakCheck::begin();
    check::<SpinThenFutex, 1>();
    check::<SpinThenFutex, 8>();
    check::<SpinThenFutex, 12>();
    check::<Spin, 1>();
    check::<Spin, 3>();
    check::<Spin, 8>();
    check::<Spin, 9>();
    check::<Spin, 64>();
    check::<Spin, 100>();
    check::<SpinThenFutex, 1024>();
    check::<Spin, 5000>();
}

#[test]
fn item_without_bytes_is_counted() {
    let ring: items::Ring<[u8; 0]> = items::Ring::create(1).unwrap();
    let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
    producer.push(&[]).unwrap();
    consumer.pop().unwrap();
    assert_eq!(consumer.try_pop(), Err(Error::WouldBlock));
}

/// 2^34 bytes later the half of the word that is slept on is 0 again; 2^64 bytes later all of it.
#[test]
fn word_at_its_end_wraps_around() {
    fn check<W: Waiting>(end: u64) {
        let ring = items::Ring::<u64, W>::create(512).unwrap();
        let memory = memory(&ring);
        let word = end - 2 * 10;
        for side in [at::PUBLISHED, at::CONSUMED] {
            memory.write(side, &word).unwrap();
        }
        let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
        for item in 0..40 {
            producer.push(&item).unwrap();
            assert_eq!(consumer.pop(), Ok(item));
        }
        let word: u64 = memory.read(at::PUBLISHED).unwrap();
        assert_eq!(word & (end - 1) & !BESIDE, 2 * 30);
    }
    const BESIDE: u64 = 1 << 63;
    let _check = LeakCheck::begin();
    for end in [1 << 32, 1 << 62] {
        check::<SpinThenFutex>(end);
        check::<Spin>(end);
    }
}

#[test]
fn byte_view_of_records_is_a_stream() {
    let _check = LeakCheck::begin();
    let ring = ring(1 << 16);
    let data = pattern(1_000_003, 5);
    let mut sender = Child::fork(|| {
        let Ok(mut producer) = ring.producer() else {
            return 1;
        };
        let mut writer = producer.as_bytes();
        let mut rest = data.as_slice();
        while let Ok(count @ 1..) = writer.write(rest) {
            rest = &rest[count..];
        }
        i32::from(!rest.is_empty())
    });
    let mut consumer = ring.consumer().unwrap();
    let mut reader = consumer.as_bytes();
    let mut received = Vec::new();
    // In pieces that do not fit the records, by the traits of std.
    let mut piece = vec![0; 777];
    loop {
        let count = Read::read(&mut reader, &mut piece).unwrap();
        if count == 0 && received.len() == data.len() {
            break;
        }
        received.extend_from_slice(&piece[..count]);
    }
    assert!(received == data);
    assert_eq!(sender.wait(), End::Exited(0));

    let mut producer = ring.producer().unwrap();
    producer.as_bytes().write_all(b"by the trait").unwrap();
    producer.as_bytes().flush().unwrap();
    let mut text = [0; 12];
    reader.read_exact(&mut text).unwrap();
    assert_eq!(&text, b"by the trait");
}

#[test]
fn empty_buffers_send_and_receive_nothing() {
    let _check = LeakCheck::begin();
    let ring = ring(PAGE);
    let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
    producer.batch().commit().unwrap();
    consumer.batch().release().unwrap();
    assert_eq!(producer.as_bytes().write(b""), Ok(0));
    assert_eq!(consumer.as_bytes().read(&mut []), Ok(0));
    assert_eq!(consumer.try_peek().err(), Some(Error::WouldBlock));
    // A record without bytes is one, and of a stream it is no part.
    producer.send(b"").unwrap();
    assert!(consumer.try_peek().unwrap().is_empty());
    assert_eq!(consumer.recv(&mut []), Ok(0));
    producer.send(b"").unwrap();
    producer.send(b"x").unwrap();
    assert_eq!(consumer.as_bytes().read(&mut [0; 8]), Ok(1));
}

#[test]
fn byte_reader_of_dead_producer_is_told_of_its_death() {
    let _check = LeakCheck::begin();
    let ring = ring(PAGE);
    let mut consumer = ring.consumer().unwrap();
    let mut sender = Child::fork(|| {
        let Ok(mut producer) = ring.producer() else {
            return 1;
        };
        let _ = producer.as_bytes().write(b"some");
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL)
            .is_ok()
            .into()
    });
    let mut buffer = [0; 8];
    assert_eq!(consumer.as_bytes().read(&mut buffer), Ok(4));
    let died = Err(Error::PeerDied);
    assert_eq!(consumer.as_bytes().read(&mut buffer), died);
    assert_eq!(consumer.as_bytes().read_until(&mut buffer, limit()), died);
    assert_eq!(sender.wait(), End::Killed(libc::SIGKILL));
    let mut producer = ring.producer().unwrap();
    producer.as_bytes().write_all(b"rest").unwrap();
    drop(producer);
    assert_eq!(consumer.as_bytes().read(&mut buffer), Ok(4));
    assert_eq!(consumer.as_bytes().read(&mut buffer), Ok(0));
}

/// A file's worth of records of all lengths between two programs, each side now
/// and then slower than the other, so that both sleep.
fn transfer<W: Waiting>(test: &str, capacity: usize, total: usize) {
    if let Some(half) = PeerArgs::role("sender") {
        let ring = spsc::Ring::<W>::open(half.descriptor(0)).unwrap();
        let mut producer = ring.producer().unwrap();
        let data = pattern(total, 11);
        let mut choices = Choices::new(2);
        let mut rest = data.as_slice();
        while !rest.is_empty() {
            let len = (choices.below(capacity as u64 / 3) as usize).min(rest.len());
            producer.send(&rest[..len]).unwrap();
            rest = &rest[len..];
            if choices.below(200) == 0 {
                std::thread::yield_now();
            }
        }
        return;
    }
    let _check = LeakCheck::begin();
    let ring = spsc::Ring::<W>::create(capacity).unwrap();
    let mut consumer = ring.consumer().unwrap();
    let fd = std::os::fd::AsRawFd::as_raw_fd(&ring.as_fd());
    let peer = Peer::start(test, "sender", &[fd]);
    let mut buffer = vec![0; capacity];
    let mut received = Vec::new();
    loop {
        match consumer.recv_until(&mut buffer, limit()) {
            Ok(len) => received.extend_from_slice(&buffer[..len]),
            Err(Error::Closed) => break,
            Err(error) => panic!("{error} after {} bytes", received.len()),
        }
    }
    assert!(received == pattern(total, 11));
    peer.finish();
}

#[test]
fn two_sleeping_programs_transfer_everything() {
    transfer::<SpinThenFutex>(test_name!(), PAGE, 3 << 20);
}

#[test]
fn two_spinning_programs_transfer_everything() {
    transfer::<Spin>(test_name!(), 1 << 16, 3 << 20);
}

// --- Who is there ---

#[test]
fn second_attachment_to_held_end_is_occupied() {
    let _check = LeakCheck::begin();
    let ring = ring(PAGE);
    let mut producer = ring.producer().unwrap();
    let mut consumer = ring.consumer().unwrap();
    assert_eq!(ring.producer().err(), Some(AttachError::Occupied));
    let soon = Deadline::after(Duration::from_millis(3));
    assert_eq!(ring.consumer_until(soon).err(), Some(AttachError::Occupied));
    assert_eq!(
        (producer.peer(), consumer.peer()),
        (PeerState::Attached, PeerState::Attached)
    );

    producer.send(b"one").unwrap();
    producer.detach();
    assert_eq!(consumer.peer(), PeerState::Absent);
    let mut producer = ring.producer().unwrap();
    producer.send(b"two").unwrap();
    drop(producer);
    assert_eq!(consumer.peer(), PeerState::Closed);
    let mut buffer = [0; 8];
    assert_eq!(consumer.recv(&mut buffer), Ok(3));
    consumer.detach();
    let mut consumer = ring.consumer().unwrap();
    assert_eq!(consumer.recv(&mut buffer), Ok(3));
    assert_eq!(&buffer[..3], b"two");
    assert_eq!(consumer.recv(&mut buffer), Err(Error::Closed));
    assert_eq!(consumer.try_recv(&mut buffer), Err(Error::Closed));

    // A new producer opens the ring again.
    let mut producer = ring.producer().unwrap();
    assert_eq!(consumer.try_recv(&mut buffer), Err(Error::WouldBlock));
    producer.send(b"three").unwrap();
    assert_eq!(consumer.recv(&mut buffer), Ok(5));
    drop(consumer);
    assert_eq!(producer.peer(), PeerState::Closed);
    // There is room still, for a consumer to come; then there is not.
    while producer.send(b"more").is_ok() {}
    assert_eq!(producer.send(b"more"), Err(Error::Closed));
    assert_eq!(producer.try_send(b"more"), Err(Error::Closed));
}

/// A sleeper is told when the other end closes.
#[test]
fn sleeper_whose_peer_closes_is_woken() {
    let _check = LeakCheck::begin();
    let ring = ring(PAGE);
    let producer = ring.producer().unwrap();
    let mut sleeper = Child::fork(|| match ring.consumer() {
        Ok(mut consumer) => i32::from(consumer.recv(&mut [0; 8]) != Err(Error::Closed)),
        Err(_) => 2,
    });
    sleeper.await_sleep();
    drop(producer);
    assert_eq!(sleeper.wait(), End::Exited(0));

    let mut producer = ring.producer().unwrap();
    while producer.try_send(b"fill").is_ok() {}
    producer.detach();
    let consumer = ring.consumer().unwrap();
    let mut sleeper = Child::fork(|| match ring.producer() {
        Ok(mut producer) => i32::from(producer.send(b"more") != Err(Error::Closed)),
        Err(_) => 2,
    });
    sleeper.await_sleep();
    drop(consumer);
    assert_eq!(sleeper.wait(), End::Exited(0));
}

/// A process that is stopped, for however long, is alive and robbed of nothing.
#[test]
fn stopped_peer_is_not_taken_for_dead() {
    let _check = LeakCheck::begin();
    let ring = ring(PAGE);
    let mut consumer = ring.consumer().unwrap();
    let go = MapOptions::shared(PAGE).map_anonymous().unwrap();
    let go: &AtomicU32 = go.object(0).unwrap();
    let mut sender = Child::fork(|| {
        let Ok(mut producer) = ring.producer() else {
            return 1;
        };
        go.store(1, Ordering::Release);
        while go.load(Ordering::Acquire) == 1 {
            core::hint::spin_loop();
        }
        i32::from(producer.send(b"late").is_err())
    });
    let begin = limit();
    while go.load(Ordering::Acquire) == 0 {
        assert!(!begin.has_passed());
    }
    sender.signal(libc::SIGSTOP);
    let mut buffer = [0; 8];
    let moment = Deadline::after(LIVENESS_INTERVAL * 3);
    assert_eq!(
        consumer.recv_until(&mut buffer, moment),
        Err(Error::TimedOut)
    );
    assert_eq!(consumer.peer(), PeerState::Attached);
    assert_eq!(ring.producer().err(), Some(AttachError::Occupied));
    go.store(2, Ordering::Release);
    sender.signal(libc::SIGCONT);
    assert_eq!(consumer.recv(&mut buffer), Ok(4));
    assert_eq!(sender.wait(), End::Exited(0));
}

// --- Deaths ---

/// What a death test's processes tell each other beside the ring.
#[repr(C)]
struct Ledger {
    /// Of the present child: how many records it has sent or received.
    done: AtomicU64,
    /// Of all children: the number of the next record, as far as noted.
    next: AtomicU64,
}
// SAFETY: every field is Shared.
unsafe impl Shared for Ledger {}

/// A record: who sent it, its number, and bytes that follow from both.
fn compose(record: &mut [u8; 256], sender: u64, number: u64) -> usize {
    let len = 16 + (number.wrapping_mul(31) % 240) as usize;
    record[..8].copy_from_slice(&sender.to_ne_bytes());
    record[8..16].copy_from_slice(&number.to_ne_bytes());
    for (index, byte) in record[16..len].iter_mut().enumerate() {
        *byte = (number as usize + index) as u8;
    }
    len
}

/// The sender and number of a record that is whole.
fn decompose(record: &[u8]) -> Option<(u64, u64)> {
    let sender = u64::from_ne_bytes(record.get(..8)?.try_into().ok()?);
    let number = u64::from_ne_bytes(record.get(8..16)?.try_into().ok()?);
    let mut whole = [0; 256];
    let len = compose(&mut whole, sender, number);
    (whole[..len] == *record).then_some((sender, number))
}

fn print_latencies(what: &str, mut latencies: Vec<Duration>) {
    latencies.sort();
    let at = |per_mille: usize| latencies[(latencies.len() - 1) * per_mille / 1000];
    println!(
        "{what}: {} deaths noticed after {:.1?} (median), {:.1?} (99 %), {:.1?} (worst)",
        latencies.len(),
        at(500),
        at(990),
        at(1000),
    );
    assert!(
        at(500) < Duration::from_millis(200),
        "the median is no noise"
    );
}

/// A producer is killed at a random moment; the consumer is told, has everything
/// that was committed, whole and once, and a new producer continues.
fn producers_die<W: Waiting>(deaths: u64) {
    let _check = LeakCheck::begin();
    let ring = spsc::Ring::<W>::create(PAGE).unwrap();
    let mut consumer = ring.consumer().unwrap();
    let ledger = MapOptions::shared(PAGE).map_anonymous().unwrap();
    let ledger: &Ledger = ledger.object(0).unwrap();
    let mut choices = Choices::new(3);
    let mut buffer = [0; 256];
    let mut latencies = Vec::new();
    for sender in 0..deaths {
        // Some stop sending after a while, so that the consumer is asleep.
        let sends = if choices.below(4) == 0 {
            choices.below(50)
        } else {
            u64::MAX
        };
        ledger.done.store(0, Ordering::Relaxed);
        ledger.next.store(0, Ordering::Relaxed);
        let mut child = Child::fork(|| {
            let Ok(mut producer) = ring.producer_until(limit()) else {
                return 1;
            };
            ledger.next.store(1, Ordering::Release);
            let mut record = [0; 256];
            for number in 0..sends {
                let len = compose(&mut record, sender, number);
                if producer.send(&record[..len]).is_err() {
                    return 2;
                }
                ledger.done.store(number + 1, Ordering::Release);
            }
            loop {
                core::hint::spin_loop();
            }
        });
        // Some are killed while they attach.
        let attached = sender == 0 || choices.below(8) > 0;
        let begin = limit();
        while attached && ledger.next.load(Ordering::Acquire) == 0 {
            assert!(
                !begin.has_passed(),
                "it does not attach: {}",
                child.plight()
            );
        }
        let moment = Deadline::after(Duration::from_micros(choices.below(1500)));
        let mut killer = kill_at(&child, moment);
        let mut next = 0;
        let mut noticed = None;
        let mut reaped = false;
        loop {
            match consumer.recv_until(&mut buffer, limit()) {
                Ok(len) => {
                    let (from, number) = decompose(&buffer[..len]).expect("a whole record");
                    assert_eq!((from, number), (sender, next), "in order, once");
                    next += 1;
                    assert!(noticed.is_none() || !attached, "a record after the end");
                }
                // Until a successor has attached, its predecessor's death is told.
                Err(error) => {
                    assert_eq!(error, Error::PeerDied);
                    noticed.get_or_insert_with(|| since(moment));
                    if reaped {
                        break;
                    }
                    if let Some(end) = child.try_wait() {
                        assert_eq!(end, End::Killed(libc::SIGKILL));
                        reaped = true;
                    }
                }
            }
        }
        if attached {
            latencies.extend(noticed);
        }
        killer.wait();
        // One may have been committed and not yet noted.
        let noted = ledger.done.load(Ordering::Acquire);
        assert!(next == noted || next == noted + 1, "{next} of {noted}");
    }
    print_latencies("a producer killed", latencies);
}

/// A process that kills `victim` at `moment`, as this one may be asleep then. The
/// victim lives until then.
fn kill_at(victim: &Child, moment: Deadline) -> Child {
    let victim = victim.id();
    Child::fork(move || {
        while !moment.has_passed() {}
        // SAFETY: no memory is involved.
        unsafe { libc::kill(victim, libc::SIGKILL) }
    })
}

fn since(moment: Deadline) -> Duration {
    let Deadline::At(moment) = moment else {
        return Duration::ZERO;
    };
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let nanos = (now.tv_sec - moment.tv_sec) * 1_000_000_000 + (now.tv_nsec - moment.tv_nsec);
    Duration::from_nanos(nanos.try_into().unwrap_or(0))
}

#[test]
fn five_hundred_killed_producers_lose_nothing_committed() {
    producers_die::<SpinThenFutex>(500);
}

#[test]
fn killed_spinning_producers_lose_nothing_committed() {
    producers_die::<Spin>(50);
}

/// A producer of items, which send themselves beside the word, is killed at a random
/// moment: items one by one and in slices, with a consumer that keeps up and one that
/// does not.
#[test]
fn killed_spinning_producers_of_items_lose_nothing_committed() {
    let _check = LeakCheck::begin();
    let ring = items::Ring::<u64, Spin>::create(512).unwrap();
    let mut consumer = ring.consumer().unwrap();
    let mut choices = Choices::new(5);
    for sender in 0..100 {
        let seed = choices.below(u64::MAX);
        let mut child = Child::fork(|| {
            let Ok(mut producer) = ring.producer_until(limit()) else {
                return 1;
            };
            let mut choices = Choices::new(seed);
            let mut next = sender << 32;
            loop {
                let items = [next, next + 1, next + 2];
                let some = match choices.below(8) {
                    0 => &items[..2],
                    1 => &items[..],
                    _ => &items[..1],
                };
                next += match (some, choices.below(2)) {
                    ([one], 0) => producer.push(one).map_or(0, |()| 1),
                    _ => producer.push_slice(some).unwrap_or(0) as u64,
                };
            }
        });
        // Of one that never came nobody could say that it died.
        let begin = limit();
        while consumer.peer() != PeerState::Attached {
            assert!(
                !begin.has_passed(),
                "it does not attach: {}",
                child.plight()
            );
        }
        let moment = Deadline::after(Duration::from_micros(choices.below(1500)));
        let mut killer = kill_at(&child, moment);
        let mut next = sender << 32;
        let mut several = [0; 16];
        let end = loop {
            let received = match choices.below(64) {
                0 => consumer.pop_slice_until(&mut several, limit()),
                _ => consumer.pop_until(limit()).map(|item| {
                    several[0] = item;
                    1
                }),
            };
            match received {
                Ok(count) => {
                    for &item in &several[..count] {
                        assert_eq!(item, next, "in order, once");
                        next += 1;
                    }
                }
                Err(error) => {
                    assert_eq!(error, Error::PeerDied);
                    if let Some(end) = child.try_wait() {
                        break end;
                    }
                }
            }
        };
        assert_eq!(end, End::Killed(libc::SIGKILL));
        killer.wait();
    }
}

/// What a hostile producer leaves beside the word is an item like any other.
#[test]
fn forged_bytes_beside_the_word_are_only_an_item() {
    let _check = LeakCheck::begin();
    let ring = items::Ring::<u64, Spin>::create(512).unwrap();
    let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
    for item in 1..100 {
        producer.push(&item).unwrap();
        memory(&ring)
            .write(at::PUBLISHED + at::BESIDE, &u64::MAX)
            .unwrap();
        let received = consumer.pop().unwrap();
        assert!(received == item || received == u64::MAX);
        // Of several, those in their places.
        assert_eq!(producer.push_slice(&[item, item + 1]), Ok(2));
        assert_eq!(consumer.pop(), Ok(item));
        assert_eq!(consumer.pop(), Ok(item + 1));
    }
}

/// A consumer is killed at a random moment; the producer, which waits for room,
/// is told, and a new consumer continues with the first record not released.
#[test]
fn five_hundred_killed_consumers_lose_nothing_unreceived() {
    const DEATHS: u64 = 500;
    let _check = LeakCheck::begin();
    let ring = ring(PAGE);
    let mut producer = ring.producer().unwrap();
    let ledger = MapOptions::shared(PAGE).map_anonymous().unwrap();
    let ledger: &Ledger = ledger.object(0).unwrap();
    let mut choices = Choices::new(4);
    let mut latencies = Vec::new();
    let mut record = [0; 256];
    let mut number = 0;
    for _ in 0..DEATHS {
        let receives = if choices.below(4) == 0 {
            choices.below(50)
        } else {
            u64::MAX
        };
        ledger.done.store(0, Ordering::Relaxed);
        let mut child = Child::fork(|| {
            let Ok(mut consumer) = ring.consumer_until(limit()) else {
                return 1;
            };
            let noted = ledger.next.load(Ordering::Acquire);
            let mut buffer = [0; 256];
            for received in 0..receives {
                let Ok(len) = consumer.recv(&mut buffer) else {
                    return 2;
                };
                let expected = ledger.next.load(Ordering::Relaxed);
                match decompose(&buffer[..len]) {
                    Some((0, number)) if number == expected => {}
                    // The predecessor released one and died before it noted so.
                    Some((0, number)) if received == 0 && number == noted + 1 => {}
                    _ => return 3,
                }
                let number = decompose(&buffer[..len]).map_or(0, |(_, number)| number);
                ledger.next.store(number + 1, Ordering::Release);
                ledger.done.store(1, Ordering::Release);
            }
            ledger.done.store(1, Ordering::Release);
            loop {
                core::hint::spin_loop();
            }
        });
        // Until the successor is there, its predecessor's death is told again.
        let begin = limit();
        while ledger.done.load(Ordering::Acquire) == 0 {
            let len = compose(&mut record, 0, number);
            match producer.try_send(&record[..len]) {
                Ok(()) => number += 1,
                Err(error) => assert!(
                    matches!(error, Error::WouldBlock | Error::PeerDied),
                    "{error}"
                ),
            }
            assert!(!begin.has_passed(), "no successor: {}", child.plight());
        }
        let moment = Deadline::after(Duration::from_micros(choices.below(1500)));
        let mut killer = kill_at(&child, moment);
        let end = loop {
            let len = compose(&mut record, 0, number);
            match producer.send_until(&record[..len], limit()) {
                Ok(()) => number += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(end, Error::PeerDied);
        latencies.push(since(moment));
        killer.wait();
        assert_eq!(
            child.wait(),
            End::Killed(libc::SIGKILL),
            "it found an error"
        );
    }
    print_latencies("a consumer killed", latencies);
}

// --- What is refused ---

#[test]
fn open_of_what_is_not_this_ring_says_why() {
    let _check = LeakCheck::begin();
    let open = |fd: OwnedFd| spsc::Ring::<SpinThenFutex>::open(fd).err();
    let changed = |change: &dyn Fn(&Mapping)| {
        let ring = ring(PAGE);
        change(&memory(&ring));
        open(ring.into())
    };
    assert_eq!(changed(&|_| {}), None);

    let unsealed = memfd::create("unsealed", memfd::MemfdFlags::empty()).unwrap();
    unsealed.set_size(2 * PAGE as u64).unwrap();
    assert_eq!(open(unsealed.into()), Some(AttachError::NotSealed));
    let null = std::fs::File::open("/dev/null").unwrap();
    assert_eq!(open(null.into()), Some(AttachError::NotSealed));

    let sealed = |size: u64, bytes: &[u8]| {
        let fd = memfd::create("sealed", memfd::MemfdFlags::empty()).unwrap();
        fd.set_size(size).unwrap();
        fd.write_at(0, bytes).unwrap();
        rustix::fs::fcntl_add_seals(&fd, SealFlags::SHRINK).unwrap();
        open(fd.into())
    };
    assert_eq!(sealed(0, b""), Some(AttachError::WrongSize { size: 0 }));
    assert_eq!(
        sealed(16, b"rawipcR\n"),
        Some(AttachError::WrongSize { size: 16 })
    );
    assert_eq!(
        sealed(8192, b"something else"),
        Some(AttachError::WrongMagic)
    );
    let mut head = [0; 64];
    memory(ring(PAGE)).read_at(0, &mut head).unwrap();
    assert_eq!(
        sealed(3 * 8192, &head),
        Some(AttachError::WrongSize { size: 3 * 8192 })
    );

    let word = |at: usize, value: u64| changed(&|memory| memory.write(at, &value).unwrap());
    assert_eq!(word(at::MAGIC, 0), Some(AttachError::WrongMagic));
    assert_eq!(
        word(at::VERSION, 2),
        Some(AttachError::WrongVersion { version: 2 })
    );
    assert_eq!(word(at::KIND, 77), Some(AttachError::WrongKind));
    for (at, value) in [
        (at::HEAD, 0),
        (at::HEAD, 100),
        (at::HEAD, u64::MAX),
        (at::DATA, 0),
        (at::DATA, 3 * PAGE as u64),
        (at::DATA, u64::MAX),
        (at::DATA, 1 << 63),
    ] {
        assert_eq!(
            word(at, value),
            Some(AttachError::Corrupt),
            "{value:#x} at {at}"
        );
    }

    let items = items::Ring::<u64>::create(8).unwrap();
    assert_eq!(open(copy(&items)), Some(AttachError::WrongKind));
    assert_eq!(
        items::Ring::<u32>::open(copy(&items)).err(),
        Some(AttachError::WrongItem { size: 8 })
    );
    assert!(items::Ring::<[u8; 8]>::open(copy(&items)).is_ok());
    assert_eq!(
        spsc::Ring::<Spin>::create(usize::MAX).err(),
        Some(rawipc::Errno::INVAL)
    );
}

/// The ring's size is sealed: no peer can make a touch of it a SIGBUS.
#[test]
fn ring_in_use_cannot_shrink() {
    let ring = ring(PAGE);
    let size = |size| rustix::fs::ftruncate(ring.as_fd(), size);
    assert_eq!(size(0), Err(rawipc::Errno::PERM));
    assert_eq!(size(1 << 20), Err(rawipc::Errno::PERM));
}

/// What a hostile peer writes over the ring's words is an error at once.
#[test]
fn words_with_impossible_values_are_corrupt() {
    let _check = LeakCheck::begin();
    // The consumer sees a producer that is where it cannot be.
    for position in [PAGE as u64 + 8, 1 << 40, 1 << 63, 0u64.wrapping_sub(8)] {
        let ring = ring(PAGE);
        let mut consumer = ring.consumer().unwrap();
        let memory = memory(&ring);
        memory.write(at::PUBLISHED, &(position / 4)).unwrap();
        assert_eq!(
            consumer.recv(&mut [0; 8]),
            Err(Error::Corrupt),
            "{position:#x}"
        );
        assert_eq!(consumer.try_peek().err(), Some(Error::Corrupt));
        assert_eq!(
            ring.producer().err(),
            Some(AttachError::Corrupt),
            "{position:#x}"
        );
    }
    // The producer sees a consumer that is ahead of it.
    let mine = ring(PAGE);
    let mut producer = mine.producer().unwrap();
    while producer.try_send(b"fill").is_ok() {}
    memory(&mine).write(at::CONSUMED, &(1u64 << 20)).unwrap();
    assert_eq!(producer.send(b"x"), Err(Error::Corrupt));
}

/// What a peer writes over the word of the other side is written over in its turn.
#[test]
fn own_word_that_a_peer_wrote_to_is_written_anew() {
    let _check = LeakCheck::begin();
    let ring = ring(PAGE);
    let mut producer = ring.producer().unwrap();
    memory(&ring)
        .write(at::PUBLISHED, &0x0101_0101_0101_0101u64)
        .unwrap();
    producer.send(b"x").unwrap();
    let mut consumer = ring.consumer().unwrap();
    assert_eq!(consumer.recv(&mut [0; 8]), Ok(1));
    assert_eq!(consumer.try_recv(&mut [0; 8]), Err(Error::WouldBlock));
}

/// Each end waits in its own way, whatever the other does.
#[test]
fn ends_that_wait_in_different_ways_understand_each_other() {
    fn check<V: Waiting, W: Waiting>() {
        let ring = ring(PAGE);
        let theirs = spsc::Ring::<V>::open(copy(&ring)).unwrap();
        let mut sender = Child::fork(|| {
            let Ok(mut producer) = theirs.producer() else {
                return 1;
            };
            for number in 0..2000_u64 {
                if producer.send(&[0; 100]).is_err()
                    || producer.send(&number.to_ne_bytes()).is_err()
                {
                    return 2;
                }
            }
            0
        });
        let mut consumer = ring.wait_by::<W>().consumer().unwrap();
        let mut buffer = [0; 100];
        for number in 0..2000_u64 {
            assert_eq!(consumer.recv_until(&mut buffer, limit()), Ok(100));
            assert_eq!(consumer.recv_until(&mut buffer, limit()), Ok(8));
            assert_eq!(buffer[..8], number.to_ne_bytes());
        }
        assert_eq!(consumer.recv(&mut buffer), Err(Error::Closed));
        assert_eq!(sender.wait(), End::Exited(0));
    }
    let _check = LeakCheck::begin();
    check::<Spin, SpinThenFutex>();
    check::<SpinThenFutex, Spin>();
}

/// Who finds that it cannot make sense of the ring takes no trace of its predecessor along.
#[test]
fn successor_that_finds_ring_corrupt_leaves_death_and_close_told() {
    let _check = LeakCheck::begin();
    for (state, error) in [
        (PeerState::Closed, Error::Closed),
        (PeerState::Dead, Error::PeerDied),
    ] {
        let ring = ring(PAGE);
        let mut consumer = ring.consumer().unwrap();
        if state == PeerState::Closed {
            drop(ring.producer().unwrap());
        } else {
            let end = Child::fork(|| match ring.producer() {
                Ok(producer) => {
                    core::mem::forget(producer);
                    0
                }
                Err(_) => 1,
            });
            assert_eq!({ end }.wait(), End::Exited(0));
        }
        memory(&ring).write(at::CONSUMED, &(1u64 << 20)).unwrap();
        assert_eq!(ring.producer().err(), Some(AttachError::Corrupt));
        assert_eq!(consumer.peer(), state);
        assert_eq!(consumer.recv_until(&mut [0; 8], limit()), Err(error));
    }
}

/// A record's length is believed only as far as it is published.
#[test]
fn records_with_impossible_lengths_are_corrupt() {
    let _check = LeakCheck::begin();
    for len in [9, 4089, 4096, 1 << 32, u64::MAX - 7, u64::MAX] {
        let ring = ring(PAGE);
        let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
        producer.send(b"8 bytes.").unwrap();
        memory(&ring).write(PAGE, &len).unwrap();
        let mut buffer = [0; 4096];
        assert_eq!(consumer.recv(&mut buffer), Err(Error::Corrupt), "{len:#x}");
        assert_eq!(consumer.peek().err(), Some(Error::Corrupt));
        assert_eq!(consumer.batch().recv(&mut buffer), Err(Error::Corrupt));
    }
    // Shorter than what was read of it already.
    let ring = ring(PAGE);
    let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
    producer.send(b"8 bytes.").unwrap();
    let mut reader = consumer.as_bytes();
    assert_eq!(reader.read(&mut [0; 5]), Ok(5));
    memory(&ring).write(PAGE, &2u64).unwrap();
    assert_eq!(reader.read(&mut [0; 5]), Err(Error::Corrupt));
}

/// An owner that is nobody is dead; an owner that lives is not robbed.
#[test]
fn forged_owner_without_lock_is_replaced() {
    let ring = ring(PAGE);
    let mut consumer = ring.consumer().unwrap();
    memory(&ring)
        .write(at::PUBLISHED + at::OWNER, &u32::MAX)
        .unwrap();
    assert_eq!(consumer.peer(), PeerState::Dead);
    assert_eq!(
        consumer.recv_until(&mut [0; 8], limit()),
        Err(Error::PeerDied)
    );
    ring.producer().unwrap().send(b"x").unwrap();
    assert_eq!(consumer.recv(&mut [0; 8]), Ok(1));
}

/// A peer scribbles over all of the memory while calls run: they end, in any way
/// but a panic, a fault or a hang.
#[test]
fn scribbling_peer_causes_no_panic_or_endless_loop() {
    let _check = LeakCheck::begin();
    let ring = ring(PAGE);
    let words = &memory(&ring);
    let scribble = |seed: u64| {
        let mut choices = Choices::new(seed);
        Child::fork(move || {
            loop {
                let anywhere = choices.below((2 * PAGE) as u64 - 8) as usize;
                let (at, value) = match choices.below(64) {
                    0 => (128 + anywhere % 256, choices.below(64)),
                    1 => (128 + anywhere % 256, choices.below(u64::MAX)),
                    _ => (PAGE + anywhere % PAGE, choices.below(300)),
                };
                if words.write(at.min(2 * PAGE - 8), &value).is_err() {
                    return 1;
                }
                for _ in 0..choices.below(500) {
                    core::hint::spin_loop();
                }
            }
        })
    };
    let scribblers = [scribble(1), scribble(77)];
    let deadline = Deadline::after(Duration::from_millis(1500));
    let mut outcomes = std::collections::BTreeMap::<String, u32>::new();
    let mut buffer = [0; PAGE];
    while !deadline.has_passed() {
        // A fresh beginning, or every attachment would find what cannot be.
        words.fill(128..384, 0).unwrap();
        let soon = Deadline::after(Duration::from_millis(1));
        match (ring.producer(), ring.consumer()) {
            (Ok(mut producer), Ok(mut consumer)) => {
                for len in 0..200 {
                    let sent = producer.send_until(&buffer[..len], soon);
                    *outcomes
                        .entry(format!("send {:?}", sent.err()))
                        .or_default() += 1;
                    let received = consumer.recv_until(&mut buffer, soon);
                    *outcomes
                        .entry(format!("recv {:?}", received.err()))
                        .or_default() += 1;
                }
            }
            (producer, consumer) => {
                let outcome = format!("attach {:?} {:?}", producer.err(), consumer.err());
                *outcomes.entry(outcome).or_default() += 1;
            }
        }
    }
    for (outcome, count) in outcomes {
        println!("{count:>8} {outcome}");
    }
    drop(scribblers);
}

/// An end that moves between threads is one attachment.
#[test]
fn end_moved_to_another_thread_goes_on() {
    let _check = LeakCheck::begin();
    let ring = ring(PAGE);
    let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
    std::thread::scope(|scope| {
        scope.spawn(move || {
            producer.send(b"from a thread").unwrap();
            drop(producer);
        });
    });
    let begin = Instant::now();
    let mut buffer = [0; 64];
    assert_eq!(consumer.recv(&mut buffer), Ok(13));
    assert_eq!(consumer.recv(&mut buffer), Err(Error::Closed));
    assert!(begin.elapsed() < LIMIT);
}

/// What a ring of records can, and its items' rings too.
#[test]
fn ends_of_ring_of_items_are_held_once_and_left() {
    let _check = LeakCheck::begin();
    let ring = items::Ring::<u64>::create(8).unwrap();
    let mut producer = ring.producer_until(limit()).unwrap();
    assert_eq!(producer.peer(), PeerState::Absent);
    let soon = || Deadline::after(Duration::from_millis(5));
    let occupied = Some(AttachError::Occupied);
    assert_eq!(ring.producer().err(), occupied);
    assert_eq!(ring.producer_until(soon()).err(), occupied);
    let mut consumer = ring.consumer_until(limit()).unwrap();
    assert_eq!(ring.consumer_until(soon()).err(), occupied);
    assert_eq!(producer.peer(), PeerState::Attached);
    assert_eq!(consumer.peer(), PeerState::Attached);

    assert_eq!(consumer.try_pop(), Err(Error::WouldBlock));
    assert_eq!(consumer.pop_until(soon()), Err(Error::TimedOut));
    for item in 0..ring.capacity() as u64 {
        producer.try_push(&item).unwrap();
    }
    assert_eq!(producer.try_push(&0), Err(Error::WouldBlock));
    assert_eq!(producer.push_until(&0, soon()), Err(Error::TimedOut));
    assert_eq!(consumer.try_pop(), Ok(0));

    // Who leaves without closing has a successor that goes on.
    producer.detach();
    consumer.detach();
    let fd = OwnedFd::from(ring);
    let ring = items::Ring::<u64>::open(fd).unwrap();
    let mut consumer = ring.consumer().unwrap();
    assert_eq!(consumer.try_pop(), Ok(1));
    ring.producer().unwrap().try_push(&0).unwrap();
}

#[test]
fn errors_displayed_say_what_is_wrong() {
    let errors = [
        (Error::WouldBlock, "not ready", io::ErrorKind::WouldBlock),
        (Error::TimedOut, "deadline", io::ErrorKind::TimedOut),
        (Error::Closed, "closed", io::ErrorKind::BrokenPipe),
        (Error::PeerDied, "died", io::ErrorKind::BrokenPipe),
        (
            Error::TooLong { len: 9, limit: 4 },
            "9 bytes where 4 fit",
            io::ErrorKind::InvalidInput,
        ),
        (Error::Corrupt, "cannot be", io::ErrorKind::InvalidData),
        (
            Error::Kernel(Errno::ACCESS),
            "the kernel refused",
            io::ErrorKind::PermissionDenied,
        ),
    ];
    for (error, text, kind) in errors {
        assert!(error.to_string().contains(text), "{error}");
        let error = io::Error::from(error);
        assert_eq!(error.kind(), kind, "{error}");
    }
    let errno = io::Error::from(Error::Kernel(Errno::ACCESS)).raw_os_error();
    assert_eq!(errno, Some(Errno::ACCESS.raw_os_error()));
    assert_eq!(Error::from(Errno::TIMEDOUT), Error::TimedOut);
    assert_eq!(Error::from(Errno::INTR), Error::Kernel(Errno::INTR));

    let errors = [
        (AttachError::NotSealed, "sealed against shrinking"),
        (AttachError::WrongSize { size: 7 }, "7 bytes"),
        (AttachError::WrongMagic, "not a ring"),
        (AttachError::WrongVersion { version: 9 }, "version 9"),
        (AttachError::WrongKind, "another kind"),
        (AttachError::WrongItem { size: 3 }, "items of 3 bytes"),
        (AttachError::Corrupt, "cannot be"),
        (AttachError::Occupied, "a living process"),
        (AttachError::Leased, "a lease on"),
        (AttachError::NoProc, "no /proc"),
        (AttachError::from(Errno::NOENT), "the kernel refused"),
    ];
    for (error, text) in errors {
        assert!(error.to_string().contains(text), "{error}");
        let _: Box<dyn core::error::Error> = error.into();
    }
}

#[test]
fn ring_memory_is_private_and_no_program() {
    let _check = LeakCheck::begin();
    let fds = [
        OwnedFd::from(ring(PAGE)),
        OwnedFd::from(items::Ring::<u64, SpinThenFutex>::create(8).unwrap()),
    ];
    for fd in fds {
        let mode = rustix::fs::fstat(&fd).unwrap().st_mode & 0o7777;
        assert_eq!(mode, 0o600, "{mode:o}");
        let seals = memfd::Memfd::from(fd).seals().unwrap();
        let all = Seals::SHRINK | Seals::GROW | Seals::SEAL;
        assert!(seals == all | Seals::EXEC || seals == all, "{seals:?}");
        let knows = memfd::create("", memfd::MemfdFlags::NOEXEC_SEAL).is_ok();
        assert_eq!(seals.contains(Seals::EXEC), knows);
    }
}

#[test]
fn ring_attach_while_somebody_has_a_lease_does_not_wait() {
    let _check = LeakCheck::begin();
    let ring = ring(PAGE);
    // Whoever has received it may do so.
    let lease = support::lease::take(&ring);
    let refused = ring.producer().err();
    assert_eq!(refused, Some(AttachError::Leased));
    let refused = ring
        .producer_until(Deadline::after(LIVENESS_INTERVAL))
        .err();
    assert_eq!(refused, Some(AttachError::Leased));
    std::thread::scope(|scope| {
        let attached = scope.spawn(|| ring.producer_until(Deadline::after(LIMIT)).map(drop));
        drop(lease);
        assert_eq!(attached.join().unwrap(), Ok(()));
    });
}

/// Who can write to the memory can hold every number that an attachment could have.
#[test]
fn ring_attach_while_all_numbers_are_held_is_not_waited_for() {
    let _check = LeakCheck::begin();
    let ring = ring(PAGE);
    let path = format!("/proc/self/fd/{}", ring.as_fd().as_raw_fd());
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::CLOEXEC;
    let hostile = rustix::fs::open(path, flags, rustix::fs::Mode::empty()).unwrap();
    let held = ofd::lock(&hostile, .., Kind::Exclusive).unwrap();
    assert_eq!(ring.consumer().err(), Some(AttachError::Corrupt));
    let refused = ring.producer_until(Deadline::Never).err();
    assert_eq!(refused, Some(AttachError::Corrupt));
    held.unlock().unwrap();
    let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
    producer.send(b"after").unwrap();
    assert_eq!(consumer.recv(&mut [0; 8]), Ok(5));
}

/// Nor is a limit of this process that the kernel, too, answers with EAGAIN.
#[test]
fn ring_attach_beyond_locked_memory_is_not_waited_for() {
    let _check = LeakCheck::begin();
    let ring = ring(1 << 22);
    let end = Child::fork(|| {
        let limit = libc::rlimit {
            rlim_cur: 1 << 20,
            rlim_max: 1 << 20,
        };
        // As a user for whom there is a limit, and who finds its descriptors in /proc.
        // SAFETY: no memory is involved.
        let opened = unsafe { libc::fchmod(ring.as_fd().as_raw_fd(), 0o666) };
        // SAFETY: the kernel reads the limit.
        let bounded = unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const limit) };
        // SAFETY: no memory is involved, as in the two below.
        let user = !rustix::process::geteuid().is_root()
            || unsafe { libc::syscall(libc::SYS_setresuid, 1, 1, 1) } == 0;
        // SAFETY: see above.
        let dumpable = unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1) };
        // SAFETY: see above.
        let locked = unsafe { libc::mlockall(libc::MCL_FUTURE) };
        let limited = user && [opened, bounded, dumpable, locked] == [0; 4];
        if !limited {
            return 1;
        }
        let refused = ring.producer_until(Deadline::Never).err();
        i32::from(refused != Some(AttachError::Kernel(Errno::AGAIN))) * 2
    })
    .wait();
    assert_eq!(end, End::Exited(0));
}

/// A descriptor that cannot be asked, and one that is no memory at all.
#[test]
fn open_of_what_is_no_memory_is_refused() {
    let _check = LeakCheck::begin();
    let ring = ring(PAGE);
    let path = format!("/proc/self/fd/{}", ring.as_fd().as_raw_fd());
    let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC;
    let place = rustix::fs::open(path, flags, rustix::fs::Mode::empty()).unwrap();
    let refused = spsc::Ring::<SpinThenFutex>::open(place).err();
    assert_eq!(refused, Some(AttachError::Kernel(Errno::BADF)));
    let (pipe, _other) = rustix::pipe::pipe().unwrap();
    let refused = spsc::Ring::<SpinThenFutex>::open(pipe).err();
    assert_eq!(refused, Some(AttachError::NotSealed));
    for capacity in [usize::MAX, usize::MAX / 2] {
        let refused = spsc::Ring::<SpinThenFutex>::create(capacity).err();
        assert_eq!(refused, Some(Errno::INVAL));
        let refused = items::Ring::<u64>::create(capacity).err();
        assert_eq!(refused, Some(Errno::INVAL));
    }
}
