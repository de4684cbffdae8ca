//! The errors that the documentation of the ring with bells names.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use std::os::fd::OwnedFd;

use rawipc::Deadline;
use rawipc::memory::MapOptions;
use rawipc::ring::doorbell::{Bells, Ring};
use rawipc::ring::{Choice, select};

use crate::support::documented::{List, Table, hold, without_room};
use crate::support::{Child, End};

/// Which errors a test file shows beside something else.
#[rustfmt::skip]
const ELSEWHERE: List = &[
    ("ring::doorbell", &["NoProc"], "whole/first_thread.rs"),
    ("ring::doorbell", &["Leased"], "ring/spsc.rs"),
    ("ring::doorbell::create", &["FBIG"], "whole/filesize.rs"),
    ("ring::doorbell", &["Forked"], "ring/doorbell.rs"),
    ("ring::doorbell::producer_by", &["Kernel", "BADF", "Corrupt"], "rendezvous/seat.rs"),
    ("ring::doorbell::consumer_by", &["Kernel", "BADF", "Corrupt"], "rendezvous/seat.rs"),
];

#[test]
fn every_documented_error_is_provoked_or_excused() {
    hold(test_name!(), "ring::doorbell", rows, &[], ELSEWHERE);
}

#[test]
fn every_documented_error_of_select_is_provoked_or_excused() {
    let elsewhere: List = &[("ring::select", &["Forked"], "ring/doorbell.rs")];
    hold(test_name!(), "ring::select", selections, &[], elsewhere);
}

#[rustfmt::skip]
fn selections(table: &mut Table) {
    let now = Deadline::NOW;
    let mine = ring();
    let mut consumer = mine.consumer().unwrap();
    own_row!(table, "ring::select::select", TimedOut, "nothing", select(&mut [Choice::Recv(&mut consumer)], now));
    scribble(&mine, PUBLISHED);
    own_row!(table, "ring::select::select", Corrupt, "an impossible position", select(&mut [Choice::Recv(&mut consumer)], now));
    let mine = without_a_bell();
    let mut consumer = mine.consumer().unwrap();
    own_row!(table, "ring::select::select", Kernel, "a bell not to be read", select(&mut [Choice::Recv(&mut consumer)], now));
}

const PUBLISHED: usize = 128;
const CONSUMED: usize = 256;

fn rows(table: &mut Table) {
    creations(table);
    ends(table);
    records(table);
    bells(table);
    deaths(table);
}

fn ring() -> Ring {
    Ring::create(1, Bells::Timer).unwrap()
}

/// Writes a word that nobody can have made so.
fn scribble(ring: &Ring, side: usize) {
    let [memory, ..] = ring.descriptors();
    let memory = MapOptions::shared(4096).map(memory).unwrap();
    memory.write(side, &(0x1234_5678_u64 << 32)).unwrap();
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
    row!(table, "ring::doorbell::create", INVAL, "too large", Ring::create(1 << 40, Bells::Timer));
    let descriptors = <[OwnedFd; 3]>::from(Ring::create(1 << 20, Bells::Timer).unwrap());
    own_row!(table, "ring::doorbell::open_at_most", TooLarge, "larger", Ring::open_at_most(descriptors, Bells::Timer, 1));
    let descriptors = <[OwnedFd; 3]>::from(Ring::create(1, Bells::Event).unwrap());
    own_row!(table, "ring::doorbell::open", WrongBell, "an eventfd", Ring::open(descriptors, Bells::Timer));
}

/// Holds the functions that attach one end.
macro_rules! attaching {
    ($table:expr, $end:ident, $end_until:ident, $side:expr) => {
        let plain = concat!("ring::doorbell::", stringify!($end));
        let until = concat!("ring::doorbell::", stringify!($end_until));
        let ring = ring();
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
        scribble(&ring, $side);
        own_row!(
            $table,
            plain,
            Corrupt,
            "an impossible position",
            ring.$end()
        );
        own_row!(
            $table,
            until,
            Corrupt,
            "an impossible position",
            ring.$end_until(Deadline::NOW)
        );
    };
}

fn ends(table: &mut Table) {
    attaching!(table, producer, producer_until, PUBLISHED);
    attaching!(table, consumer, consumer_until, CONSUMED);
}

#[rustfmt::skip]
fn records(table: &mut Table) {
    let mine = ring();
    let (mut producer, mut consumer) = (mine.producer().unwrap(), mine.consumer().unwrap());
    let buffer = &mut [0; 8];
    let now = Deadline::NOW;
    own_row!(table, "ring::doorbell::consumer::try_recv", WouldBlock, "nothing", consumer.try_recv(buffer));
    own_row!(table, "ring::doorbell::consumer::recv_until", TimedOut, "nothing", consumer.recv_until(buffer, now));
    let long = vec![0; producer.capacity()];
    own_row!(table, "ring::doorbell::producer::send", TooLong, "longer than the ring", producer.send(&long));
    producer.send(b"12345678").unwrap();
    own_row!(table, "ring::doorbell::consumer::recv", TooLong, "eight into four", consumer.recv(&mut buffer[..4]));
    while producer.try_send(b"fill").is_ok() {}
    own_row!(table, "ring::doorbell::producer::try_send", WouldBlock, "full", producer.try_send(b"x"));
    own_row!(table, "ring::doorbell::producer::send_until", TimedOut, "full", producer.send_until(b"x", now));
    drop(consumer);
    own_row!(table, "ring::doorbell::producer::send", Closed, "full, and no consumer", producer.send(b"x"));

    let mine = ring();
    let (mut producer, mut consumer) = (mine.producer().unwrap(), mine.consumer().unwrap());
    scribble(&mine, PUBLISHED);
    own_row!(table, "ring::doorbell::producer::send", Corrupt, "its own word", producer.send(b"x"));
    own_row!(table, "ring::doorbell::consumer::recv", Corrupt, "an impossible position", consumer.recv(buffer));

    let mine = ring();
    let mut consumer = mine.consumer().unwrap();
    drop(mine.producer().unwrap());
    own_row!(table, "ring::doorbell::consumer::recv", Closed, "no producer", consumer.recv(buffer));
}

/// What cannot be read is no bell.
fn without_a_bell() -> Ring {
    let [memory, ..] = <[OwnedFd; 3]>::from(ring());
    let (_reader, data) = rustix::pipe::pipe().unwrap();
    let room = data.try_clone().unwrap();
    Ring::open([memory, data, room], Bells::Event).unwrap()
}

#[rustfmt::skip]
fn bells(table: &mut Table) {
    let mine = without_a_bell();
    let (mut producer, mut consumer) = (mine.producer().unwrap(), mine.consumer().unwrap());
    own_row!(table, "ring::doorbell::consumer::arm", Kernel, "not to be read", consumer.arm());
    while producer.try_send(b"fill").is_ok() {}
    own_row!(table, "ring::doorbell::producer::arm", Kernel, "not to be read", producer.arm());
}

#[rustfmt::skip]
fn deaths(table: &mut Table) {
    let mine = ring();
    let mut consumer = mine.consumer().unwrap();
    in_the_dead(|| mine.producer());
    own_row!(table, "ring::doorbell::consumer::recv", PeerDied, "a death", consumer.recv(&mut [0; 8]));
    let mine = ring();
    let mut producer = mine.producer().unwrap();
    in_the_dead(|| mine.consumer());
    while producer.try_send(b"fill").is_ok() {}
    own_row!(table, "ring::doorbell::producer::send", PeerDied, "full, and a death", producer.send(b"x"));
}
