//! The errors that the documentation of the rings names.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use std::os::fd::{AsFd, OwnedFd};

use rawipc::Deadline;
use rawipc::memory::MapOptions;
use rawipc::ring::spsc::{self, items};

use crate::support::documented::{List, Table, hold, without_room};
use crate::support::{Child, End};

/// Which errors a test file shows beside something else.
#[rustfmt::skip]
const ELSEWHERE: List = &[
    ("ring::spsc", &["NoProc"], "whole/first_thread.rs"),
    ("ring::spsc", &["Leased"], "ring/spsc.rs"),
    ("ring::spsc", &["Forked"], "ring/attach.rs"),
    ("ring::spsc::create", &["FBIG"], "whole/filesize.rs"),
    ("ring::spsc::producer_by", &["Kernel", "BADF", "Corrupt"], "rendezvous/seat.rs"),
    ("ring::spsc::consumer_by", &["Kernel", "BADF", "Corrupt"], "rendezvous/seat.rs"),
    ("ring::spsc::items::producer_by", &["Kernel", "BADF", "Corrupt"], "rendezvous/seat.rs"),
    ("ring::spsc::items::consumer_by", &["Kernel", "BADF", "Corrupt"], "rendezvous/seat.rs"),
];

#[test]
fn every_documented_error_is_provoked_or_excused() {
    hold(test_name!(), "ring::spsc", rows, &[], ELSEWHERE);
}

/// Where the sides' words are in a ring's memory.
const PRODUCER: usize = 128;
const CONSUMER: usize = 256;

type Ring = spsc::Ring;
type Items = items::Ring<u64>;

fn rows(table: &mut Table) {
    creations(table);
    ends(table);
    records(table);
    deaths(table);
    items(table);
}

fn ring() -> Ring {
    Ring::create(1).unwrap()
}

fn items_ring() -> Items {
    Items::create(1).unwrap()
}

/// Writes a position of a side that cannot be.
fn misplace(ring: impl AsFd, side: usize) {
    let memory = MapOptions::shared(4096).map(ring.as_fd()).unwrap();
    memory.write(side, &(1_u64 << 40)).unwrap();
}

/// Attaches an end in a process that ends and leaves it.
fn in_the_dead<T>(attach: impl FnOnce() -> T) {
    let mut child = Child::fork(|| {
        core::mem::forget(attach());
        0
    });
    assert_eq!(child.wait(), End::Exited(0));
}

#[rustfmt::skip]
fn creations(table: &mut Table) {
    row!(table, "ring::spsc::create", INVAL, "too large", Ring::create(1 << 40));
    let fd = OwnedFd::from(Ring::create(1 << 20).unwrap());
    own_row!(table, "ring::spsc::open_at_most", TooLarge, "larger", Ring::open_at_most(fd, 1));
    let fd = OwnedFd::from(Items::create(1 << 16).unwrap());
    own_row!(table, "ring::spsc::items::open_at_most", TooLarge, "larger", Items::open_at_most(fd, 1));
    let fd = OwnedFd::from(items_ring());
    own_row!(table, "ring::spsc::items::open", WrongItem, "of another size", items::Ring::<u32>::open(fd));
}

/// Holds the functions that attach one end, which both kinds of ring have.
macro_rules! attaching {
    ($table:expr, $new:expr, $module:literal, $end:ident, $end_until:ident, $side:expr) => {
        let plain = concat!($module, "::", stringify!($end));
        let until = concat!($module, "::", stringify!($end_until));
        let ring = $new;
        let end = ring.$end().unwrap();
        own_row!($table, plain, Occupied, "held", ring.$end());
        own_row!(
            $table,
            until,
            Occupied,
            "held",
            ring.$end_until(Deadline::NOW)
        );
        drop(end);
        without_room(|| {
            own_row!($table, plain, Kernel, "no descriptor left", ring.$end());
            own_row!(
                $table,
                until,
                Kernel,
                "no descriptor left",
                ring.$end_until(Deadline::NOW)
            );
        });
        misplace(&ring, $side);
        own_row!($table, plain, Corrupt, "impossible positions", ring.$end());
        own_row!(
            $table,
            until,
            Corrupt,
            "impossible positions",
            ring.$end_until(Deadline::NOW)
        );
    };
}

fn ends(table: &mut Table) {
    attaching!(
        table,
        ring(),
        "ring::spsc",
        producer,
        producer_until,
        PRODUCER
    );
    attaching!(
        table,
        ring(),
        "ring::spsc",
        consumer,
        consumer_until,
        CONSUMER
    );
    attaching!(
        table,
        items_ring(),
        "ring::spsc::items",
        producer,
        producer_until,
        PRODUCER
    );
    attaching!(
        table,
        items_ring(),
        "ring::spsc::items",
        consumer,
        consumer_until,
        CONSUMER
    );
}

#[rustfmt::skip]
fn records(table: &mut Table) {
    let mine = ring();
    let (mut producer, mut consumer) = (mine.producer().unwrap(), mine.consumer().unwrap());
    let buffer = &mut [0; 8];
    let now = Deadline::NOW;
    own_row!(table, "ring::spsc::consumer::try_recv", WouldBlock, "nothing", consumer.try_recv(buffer));
    own_row!(table, "ring::spsc::consumer::recv_until", TimedOut, "nothing", consumer.recv_until(buffer, now));
    let mut bytes = consumer.as_bytes();
    own_row!(table, "ring::spsc::consumer::read_until", TimedOut, "nothing", bytes.read_until(buffer, now));
    own_row!(table, "ring::spsc::consumer::recv", WouldBlock, "of a batch", consumer.batch().recv(buffer));
    let long = vec![0; producer.capacity()];
    own_row!(table, "ring::spsc::producer::send", TooLong, "longer than the ring", producer.send(&long));
    let mut four = producer.reserve(4).unwrap();
    own_row!(table, "ring::spsc::producer::write", TooLong, "five into four", four.write(b"12345"));
    own_row!(table, "ring::spsc::producer::write_at", TooLong, "beyond", four.write_at(1, b"1234"));
    producer.send(b"12345678").unwrap();
    own_row!(table, "ring::spsc::consumer::recv", TooLong, "eight into four", consumer.recv(&mut buffer[..4]));
    let record = consumer.peek().unwrap();
    own_row!(table, "ring::spsc::consumer::copy_to", TooLong, "eight into four", record.copy_to(&mut buffer[..4]));
    own_row!(table, "ring::spsc::consumer::read_at", TooLong, "beyond", record.read_at(1, buffer));
    while producer.try_send(b"fill").is_ok() {}
    own_row!(table, "ring::spsc::producer::try_send", WouldBlock, "full", producer.try_send(b"x"));
    own_row!(table, "ring::spsc::producer::send_until", TimedOut, "full", producer.send_until(b"x", now));
    own_row!(table, "ring::spsc::producer::send", WouldBlock, "of a batch", producer.batch().send(b"x"));
    drop(consumer);
    own_row!(table, "ring::spsc::producer::send", Closed, "full, and no consumer", producer.send(b"x"));
    misplace(&mine, CONSUMER);
    own_row!(table, "ring::spsc::producer::send", Corrupt, "an impossible position", producer.send(b"x"));

    let mine = ring();
    let mut consumer = mine.consumer().unwrap();
    misplace(&mine, PRODUCER);
    own_row!(table, "ring::spsc::consumer::recv", Corrupt, "an impossible position", consumer.recv(buffer));
    let read = consumer.as_bytes().read(buffer);
    own_row!(table, "ring::spsc::consumer::read", Corrupt, "an impossible position", read);

    let mine = ring();
    let mut consumer = mine.consumer().unwrap();
    drop(mine.producer().unwrap());
    own_row!(table, "ring::spsc::consumer::recv", Closed, "no producer", consumer.recv(buffer));
}

#[rustfmt::skip]
fn deaths(table: &mut Table) {
    let mine = ring();
    let mut consumer = mine.consumer().unwrap();
    in_the_dead(|| mine.producer());
    let buffer = &mut [0; 8];
    own_row!(table, "ring::spsc::consumer::recv", PeerDied, "a death", consumer.recv(buffer));
    own_row!(table, "ring::spsc::consumer::read", PeerDied, "a death", consumer.as_bytes().read(buffer));
    let mine = ring();
    let mut producer = mine.producer().unwrap();
    in_the_dead(|| mine.consumer());
    while producer.try_send(b"fill").is_ok() {}
    own_row!(table, "ring::spsc::producer::send", PeerDied, "full, and a death", producer.send(b"x"));
}

#[rustfmt::skip]
fn items(table: &mut Table) {
    let name = |name| format!("ring::spsc::items::{name}");
    let mine = items_ring();
    let (mut producer, mut consumer) = (mine.producer().unwrap(), mine.consumer().unwrap());
    own_row!(table, &name("consumer::try_pop"), WouldBlock, "nothing", consumer.try_pop());
    own_row!(table, &name("consumer::try_pop_into"), WouldBlock, "nothing", consumer.try_pop_into(&mut 0));
    own_row!(table, &name("consumer::pop"), WouldBlock, "of a batch", consumer.batch().pop());
    own_row!(table, &name("consumer::pop_until"), TimedOut, "nothing", consumer.pop_until(Deadline::NOW));
    own_row!(table, &name("consumer::pop_into_until"), TimedOut, "nothing", consumer.pop_into_until(&mut 0, Deadline::NOW));
    while producer.try_push(&1).is_ok() {}
    own_row!(table, &name("producer::push"), WouldBlock, "of a batch", producer.batch().push(&1));
    own_row!(table, &name("producer::push_slice"), WouldBlock, "of a batch", producer.batch().push_slice(&[1]));
    own_row!(table, &name("producer::try_push"), WouldBlock, "full", producer.try_push(&1));
    own_row!(table, &name("producer::push_until"), TimedOut, "full", producer.push_until(&1, Deadline::NOW));
    drop(consumer);
    own_row!(table, &name("producer::push"), Closed, "full, and no consumer", producer.push(&1));
    misplace(&mine, CONSUMER);
    own_row!(table, &name("producer::push"), Corrupt, "an impossible position", producer.push(&1));

    let mine = items_ring();
    let mut consumer = mine.consumer().unwrap();
    misplace(&mine, PRODUCER);
    own_row!(table, &name("consumer::pop"), Corrupt, "an impossible position", consumer.pop());

    let mine = items_ring();
    let mut consumer = mine.consumer().unwrap();
    drop(mine.producer().unwrap());
    own_row!(table, &name("consumer::pop"), Closed, "no producer", consumer.pop());
    in_the_dead(|| mine.producer());
    own_row!(table, &name("consumer::pop"), PeerDied, "a death", consumer.pop());
    let mut producer = mine.producer().unwrap();
    drop(consumer);
    in_the_dead(|| mine.consumer());
    while producer.try_push(&1).is_ok() {}
    own_row!(table, &name("producer::push"), PeerDied, "full, and a death", producer.push(&1));
}
