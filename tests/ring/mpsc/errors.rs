//! The errors that the documentation of the rings of many producers names.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use std::os::fd::{AsFd, OwnedFd};

use rawipc::Deadline;
use rawipc::memory::MapOptions;
use rawipc::ring::mpsc::{self, Next};

use crate::support::documented::{List, Table, hold, without_room};
use crate::support::{Child, End};

/// What is not provoked.
#[rustfmt::skip]
const EXCUSED: List = &[
    ("ring::mpsc", &["NoProc", "Leased"], "of attaching to any region: whole/first_thread.rs, ring/spsc.rs"),
    ("ring::mpsc::create", &["FBIG"], "of creating any region: whole/filesize.rs"),
    ("ring::mpsc::consumer", &["Corrupt"], "thousands of hostile locks: ring/attach.rs"),
    ("ring::mpsc::consumer::wait_for_producer", &["Kernel"], "every futex call is refused"),
];

/// Which errors a test file shows beside something else.
#[rustfmt::skip]
const ELSEWHERE: List = &[
    ("ring::mpsc::consumer::release", &["Forked"], "ring/mpsc.rs"),
    ("ring::mpsc::producer_by", &["Kernel", "BADF", "Corrupt"], "rendezvous/seat.rs"),
    ("ring::mpsc::consumer_by", &["Kernel", "BADF", "Corrupt"], "rendezvous/seat.rs"),
];

#[test]
fn every_documented_error_is_provoked_or_excused() {
    hold(test_name!(), "ring::mpsc", rows, EXCUSED, ELSEWHERE);
}

/// Where the first lane's two sides are in a ring's memory: a word, later four positions.
const PRODUCER: usize = if cfg!(target_arch = "aarch64") {
    65536
} else {
    4096
};
const CONSUMER: usize = PRODUCER + 128;

type Ring = mpsc::Ring;

fn ring() -> Ring {
    Ring::create(1, 1).unwrap()
}

/// Writes a word of a side that says nothing it can have made so.
fn scribble(ring: impl AsFd, side: usize) {
    let memory = MapOptions::shared(2 * PRODUCER).map(ring.as_fd()).unwrap();
    memory.write(side, &0x0101_0101_u32).unwrap();
}

/// Writes positions of a side that cannot be.
fn misplace(ring: impl AsFd, side: usize) {
    let memory = MapOptions::shared(2 * PRODUCER).map(ring.as_fd()).unwrap();
    memory.write(side + 16, &[1_u64; 4]).unwrap();
}

fn rows(table: &mut Table) {
    attaching(table);
    records(table);
    ends(table);
}

#[rustfmt::skip]
fn attaching(table: &mut Table) {
    let now = Deadline::NOW;
    row!(table, "ring::mpsc::create", INVAL, "no lane", Ring::create(0, 1));
    let fd = OwnedFd::from(Ring::create(1, 1 << 20).unwrap());
    own_row!(table, "ring::mpsc::open_at_most", TooLarge, "larger", Ring::open_at_most(fd, 1));
    let mine = ring();
    let (producer, consumer) = (mine.producer().unwrap(), mine.consumer().unwrap());
    own_row!(table, "ring::mpsc::producer", Occupied, "no lane is free", mine.producer());
    own_row!(table, "ring::mpsc::producer_until", Occupied, "no lane is free", mine.producer_until(now));
    own_row!(table, "ring::mpsc::consumer", Occupied, "held", mine.consumer());
    own_row!(table, "ring::mpsc::consumer_until", Occupied, "held", mine.consumer_until(now));
    drop((producer, consumer));
    without_room(|| {
        own_row!(table, "ring::mpsc::producer", Kernel, "no descriptor left", mine.producer());
        own_row!(table, "ring::mpsc::producer_until", Kernel, "no descriptor left", mine.producer_until(now));
        own_row!(table, "ring::mpsc::consumer", Kernel, "no descriptor left", mine.consumer());
        own_row!(table, "ring::mpsc::consumer_until", Kernel, "no descriptor left", mine.consumer_until(now));
    });
    let mine = ring();
    misplace(&mine, PRODUCER);
    own_row!(table, "ring::mpsc::producer", Corrupt, "impossible positions", mine.producer());
    own_row!(table, "ring::mpsc::producer_until", Corrupt, "impossible positions", mine.producer_until(now));
}

#[rustfmt::skip]
fn records(table: &mut Table) {
    let mine = ring();
    let (mut producer, mut consumer) = (mine.producer().unwrap(), mine.consumer().unwrap());
    let buffer = &mut [0; 8];
    let now = Deadline::NOW;
    own_row!(table, "ring::mpsc::consumer::try_recv", WouldBlock, "nothing", consumer.try_recv(buffer));
    own_row!(table, "ring::mpsc::consumer::recv_until", TimedOut, "nothing", consumer.recv_until(buffer, now));
    own_row!(table, "ring::mpsc::consumer::try_peek", WouldBlock, "nothing", consumer.try_peek());
    own_row!(table, "ring::mpsc::consumer::peek_until", TimedOut, "nothing", consumer.peek_until(now));
    own_row!(table, "ring::mpsc::consumer::recv", WouldBlock, "of a batch", consumer.batch().recv(buffer));
    let long = vec![0; producer.capacity()];
    own_row!(table, "ring::mpsc::producer::send", TooLong, "longer than the lane", producer.send(&long));
    let mut four = producer.reserve(4).unwrap();
    own_row!(table, "ring::mpsc::producer::write", TooLong, "five into four", four.write(b"12345"));
    own_row!(table, "ring::mpsc::producer::write_at", TooLong, "beyond", four.write_at(1, b"1234"));
    producer.send(b"12345678").unwrap();
    own_row!(table, "ring::mpsc::consumer::recv", TooLong, "eight into four", consumer.recv(&mut buffer[..4]));
    let Ok(Next::Record(record)) = consumer.peek() else { panic!("a record") };
    own_row!(table, "ring::mpsc::consumer::copy_to", TooLong, "eight into four", record.copy_to(&mut buffer[..4]));
    own_row!(table, "ring::mpsc::consumer::read_at", TooLong, "beyond", record.read_at(1, buffer));
    while producer.try_send(b"fill").is_ok() {}
    own_row!(table, "ring::mpsc::producer::try_send", WouldBlock, "full", producer.try_send(b"x"));
    own_row!(table, "ring::mpsc::producer::send_until", TimedOut, "full", producer.send_until(b"x", now));
    own_row!(table, "ring::mpsc::producer::send", WouldBlock, "of a batch", producer.batch().send(b"x"));
    drop(consumer);
    own_row!(table, "ring::mpsc::producer::send", Closed, "full, and no consumer", producer.send(b"x"));
    let mut consumer = mine.consumer().unwrap();
    let Ok(Next::Record(record)) = consumer.peek() else { panic!("a record") };
    scribble(&mine, CONSUMER);
    own_row!(table, "ring::mpsc::consumer::release", Corrupt, "its own word", record.release());

    let mine = ring();
    let mut producer = mine.producer().unwrap();
    let reservation = producer.reserve(1).unwrap();
    scribble(&mine, PRODUCER);
    own_row!(table, "ring::mpsc::producer::commit", Corrupt, "its own word", reservation.commit());
    own_row!(table, "ring::mpsc::producer::send", Corrupt, "its own word", producer.send(b"x"));
}

#[rustfmt::skip]
fn ends(table: &mut Table) {
    let mine = ring();
    let mut consumer = mine.consumer().unwrap();
    let late = consumer.wait_for_producer_until(Deadline::NOW);
    own_row!(table, "ring::mpsc::consumer::wait_for_producer_until", TimedOut, "none", late);
    drop(mine.producer().unwrap());
    let buffer = &mut [0; 8];
    assert!(consumer.recv(buffer).is_ok());
    own_row!(table, "ring::mpsc::consumer::recv", Closed, "all are gone", consumer.recv(buffer));
    own_row!(table, "ring::mpsc::consumer::peek", Closed, "all are gone", consumer.peek());
    let mut producer = mine.producer().unwrap();
    drop(consumer);
    let mut child = Child::fork(|| {
        core::mem::forget(mine.consumer());
        0
    });
    assert_eq!(child.wait(), End::Exited(0));
    while producer.try_send(b"fill").is_ok() {}
    own_row!(table, "ring::mpsc::producer::send", PeerDied, "full, and a death", producer.send(b"x"));
}
