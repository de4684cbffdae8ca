//! Deadlines over what a peer sends or says: it may lead its watcher in circles, not beyond
//! the deadline.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::time::Instant;

use rawipc::memory::{MapOptions, Mapping};
use rawipc::ring::Error;
use rawipc::ring::spsc;
use rawipc::{AsFd, Deadline};
use support::{Child, LIMIT, LeakCheck};

const ROOM: usize = 1 << 16;

/// Where the sides' words are in the memory of a ring.
const PUBLISHED: usize = 128;
const CONSUMED: usize = 256;

/// A bit of a word that is not of its position.
const BESIDE: u64 = 1 << 63;

fn soon() -> Deadline {
    Deadline::after(Duration::from_millis(100))
}

/// The ring's memory, for a peer that keeps no rule.
fn memory(ring: impl AsFd) -> Mapping {
    let size = rustix::fs::fstat(ring.as_fd()).unwrap().st_size as usize;
    MapOptions::shared(size).map(ring.as_fd()).unwrap()
}

#[test]
fn byte_reader_over_records_without_bytes_ends_at_its_deadline() {
    let _check = LeakCheck::begin();
    let ring: spsc::Ring = spsc::Ring::create(ROOM).unwrap();
    let mut consumer = ring.consumer().unwrap();
    let sender = Child::fork(|| {
        let Ok(mut producer) = ring.producer() else {
            return 2;
        };
        while producer.send(b"").is_ok() {}
        1
    });
    let begin = Instant::now();
    let read = consumer.as_bytes().read_until(&mut [0; 8], soon());
    assert_eq!(read, Err(Error::TimedOut));
    assert!(begin.elapsed() < LIMIT / 2);
    drop(sender);
}

/// Bytes that are there are read however late it is.
#[test]
fn byte_reader_passes_over_some_records_without_bytes_after_its_deadline() {
    let _check = LeakCheck::begin();
    let ring: spsc::Ring = spsc::Ring::create(ROOM).unwrap();
    let mut producer = ring.producer().unwrap();
    let mut consumer = ring.consumer().unwrap();
    for _ in 0..100 {
        producer.send(b"").unwrap();
    }
    producer.send(b"late").unwrap();
    let mut buffer = [0; 8];
    let mut reader = consumer.as_bytes();
    assert_eq!(reader.read_until(&mut buffer, Deadline::NOW), Ok(4));
    assert_eq!(&buffer[..4], b"late");
}

/// A peer whose word changes all the time, and whose position does not.
fn led_in_circles(ring: &spsc::Ring, at: usize, wait: impl FnOnce() -> Result<(), Error>) {
    let memory = memory(ring);
    let word: &AtomicU64 = memory.object(at).unwrap();
    let restless = Child::fork(|| {
        loop {
            word.fetch_xor(BESIDE, Ordering::Release);
            for _ in 0..200 {
                core::hint::spin_loop();
            }
        }
    });
    let begin = Instant::now();
    assert_eq!(wait(), Err(Error::TimedOut));
    assert!(begin.elapsed() < LIMIT / 2);
    drop(restless);
}

#[test]
fn recv_from_a_producer_that_advances_by_nothing_ends_at_its_deadline() {
    let _check = LeakCheck::begin();
    let ring: spsc::Ring = spsc::Ring::create(ROOM).unwrap();
    let mut consumer = ring.consumer().unwrap();
    led_in_circles(&ring, PUBLISHED, || {
        consumer.recv_until(&mut [0; 8], soon()).map(drop)
    });
}

#[test]
fn send_to_a_consumer_that_advances_by_nothing_ends_at_its_deadline() {
    let _check = LeakCheck::begin();
    let ring: spsc::Ring = spsc::Ring::create(ROOM).unwrap();
    let mut producer = ring.producer().unwrap();
    while producer.try_send(&[0; 1024]).is_ok() {}
    led_in_circles(&ring, CONSUMED, || producer.send_until(&[0; 1024], soon()));
}
