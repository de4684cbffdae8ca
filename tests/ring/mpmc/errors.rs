//! The errors that the documentation of the MPMC rings names.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rawipc::Deadline;
use rawipc::memory::MapOptions;
use rawipc::ring::mpmc::{self, items};

use crate::support::documented::{List, Table, hold, without_room};
use crate::support::{Child, End};

/// Which errors a test file shows beside something else.
#[rustfmt::skip]
const ELSEWHERE: List = &[
    ("ring::mpmc", &["NoProc"], "whole/first_thread.rs"),
    ("ring::mpmc", &["Leased"], "ring/spsc.rs"),
    ("ring::mpmc::create", &["FBIG"], "whole/filesize.rs"),
    ("ring::mpmc::producer_by", &["Kernel", "BADF", "Corrupt"], "rendezvous/seat.rs"),
    ("ring::mpmc::consumer_by", &["Kernel", "BADF", "Corrupt"], "rendezvous/seat.rs"),
    ("ring::mpmc::items::producer_by", &["Kernel", "BADF", "Corrupt"], "rendezvous/seat.rs"),
    ("ring::mpmc::items::consumer_by", &["Kernel", "BADF", "Corrupt"], "rendezvous/seat.rs"),
];

#[test]
fn every_documented_error_is_provoked_or_excused() {
    hold(test_name!(), "ring::mpmc", rows, &[], ELSEWHERE);
}

type Ring = mpmc::Ring;
type Items = items::Ring<u64>;

fn rows(table: &mut Table) {
    creations(table);
    ends(table);
    records(table);
    items(table);
}

fn ring() -> Ring {
    Ring::create(4, 8).unwrap()
}

fn items_ring() -> Items {
    Items::create(4).unwrap()
}

/// Writes a lap that cannot be so late into the word of the first slot.
fn scribble(ring: impl AsFd) {
    let memory = MapOptions::shared(8192).map(ring.as_fd()).unwrap();
    let head: u64 = memory.read(24).unwrap();
    memory
        .write(head as usize, &(5_u64 << 30 | 1 << 35))
        .unwrap();
}

/// Attaches an end in a process that ends and leaves it.
fn in_the_dead<T>(attach: impl FnOnce() -> T) {
    let mut child = Child::fork(|| {
        core::mem::forget(attach());
        0
    });
    assert_eq!(child.wait(), End::Exited(0));
}

/// Holds the locks of all numbers that members can have, as a hostile peer can.
fn hold_numbers(ring: impl AsFd) -> std::fs::File {
    let path = format!("/proc/self/fd/{}", ring.as_fd().as_raw_fd());
    let file = std::fs::File::options()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    // SAFETY: all zeros are such a structure.
    let mut lock: libc::flock = unsafe { core::mem::zeroed() };
    lock.l_type = libc::F_WRLCK as _;
    (lock.l_start, lock.l_len) = (1 << 62, 1 << 22);
    // SAFETY: the lock is borrowed for the call.
    let held = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) };
    assert_eq!(held, 0);
    file
}

#[rustfmt::skip]
fn creations(table: &mut Table) {
    row!(table, "ring::mpmc::create", INVAL, "too large", Ring::create(1 << 40, 8));
    row!(table, "ring::mpmc::create", INVAL, "too long", Ring::create(1, usize::MAX));
    let fd = OwnedFd::from(Ring::create(1 << 12, 64).unwrap());
    own_row!(table, "ring::mpmc::open_at_most", TooLarge, "larger", Ring::open_at_most(fd, 1));
    let fd = OwnedFd::from(Items::create(1 << 16).unwrap());
    own_row!(table, "ring::mpmc::items::open_at_most", TooLarge, "larger", Items::open_at_most(fd, 1));
    let fd = OwnedFd::from(items_ring());
    own_row!(table, "ring::mpmc::items::open", WrongItem, "of another size", items::Ring::<u32>::open(fd));
}

/// Holds the functions that attach one end, which both kinds of ring have.
macro_rules! attaching {
    ($table:expr, $new:expr, $module:literal, $end:ident, $end_until:ident) => {
        let plain = concat!($module, "::", stringify!($end));
        let until = concat!($module, "::", stringify!($end_until));
        let ring = $new;
        let now = Deadline::NOW;
        let ends: Vec<_> = (0..128).map(|_| ring.$end().unwrap()).collect();
        own_row!($table, plain, Occupied, "all places taken", ring.$end());
        let said = ring.$end_until(now);
        own_row!($table, until, Occupied, "all places taken", said);
        drop(ends);
        without_room(|| {
            own_row!($table, plain, Kernel, "no descriptor left", ring.$end());
            let said = ring.$end_until(now);
            own_row!($table, until, Kernel, "no descriptor left", said);
        });
        let holder = hold_numbers(&ring);
        own_row!(
            $table,
            plain,
            Corrupt,
            "64 numbers in a row held",
            ring.$end()
        );
        let said = ring.$end_until(now);
        own_row!($table, until, Corrupt, "numbers in a row held", said);
        drop(holder);
    };
}

#[rustfmt::skip]
fn ends(table: &mut Table) {
    attaching!(table, ring(), "ring::mpmc", producer, producer_until);
    attaching!(table, ring(), "ring::mpmc", consumer, consumer_until);
    attaching!(table, items_ring(), "ring::mpmc::items", producer, producer_until);
    attaching!(table, items_ring(), "ring::mpmc::items", consumer, consumer_until);
}

#[rustfmt::skip]
fn records(table: &mut Table) {
    let mine = ring();
    let (mut producer, mut consumer) = (mine.producer().unwrap(), mine.consumer().unwrap());
    let buffer = &mut [0; 8];
    let now = Deadline::NOW;
    let sender = |name| format!("ring::mpmc::producer::{name}");
    let receiver = |name| format!("ring::mpmc::consumer::{name}");
    own_row!(table, &receiver("try_recv"), WouldBlock, "nothing", consumer.try_recv(buffer));
    own_row!(table, &receiver("recv_until"), TimedOut, "nothing", consumer.recv_until(buffer, now));
    own_row!(table, &sender("send"), TooLong, "longer than a slot", producer.send(&[0; 9]));
    producer.send(b"12345678").unwrap();
    own_row!(table, &receiver("recv"), TooLong, "eight into four", consumer.recv(&mut buffer[..4]));
    while producer.try_send(b"fill").is_ok() {}
    own_row!(table, &sender("try_send"), WouldBlock, "full", producer.try_send(b"x"));
    own_row!(table, &sender("send_until"), TimedOut, "full", producer.send_until(b"x", now));
    drop(consumer);
    own_row!(table, &sender("send"), Closed, "full, and no consumer", producer.send(b"x"));
    in_the_dead(|| mine.consumer());
    own_row!(table, &sender("send"), PeerDied, "full, and a death", producer.send(b"x"));

    let mine = ring();
    let (mut producer, mut consumer) = (mine.producer().unwrap(), mine.consumer().unwrap());
    scribble(&mine);
    own_row!(table, &sender("send"), Corrupt, "an impossible lap", producer.send(b"x"));
    own_row!(table, &receiver("recv"), Corrupt, "an impossible lap", consumer.recv(buffer));

    let mine = ring();
    let mut consumer = mine.consumer().unwrap();
    drop(mine.producer().unwrap());
    own_row!(table, &receiver("recv"), Closed, "no producer", consumer.recv(buffer));
    in_the_dead(|| mine.producer());
    own_row!(table, &receiver("recv"), PeerDied, "a death", consumer.recv(buffer));
}

#[rustfmt::skip]
fn items(table: &mut Table) {
    let mine = items_ring();
    let (mut producer, mut consumer) = (mine.producer().unwrap(), mine.consumer().unwrap());
    let sender = |name| format!("ring::mpmc::items::producer::{name}");
    let receiver = |name| format!("ring::mpmc::items::consumer::{name}");
    own_row!(table, &receiver("try_pop"), WouldBlock, "nothing", consumer.try_pop());
    own_row!(table, &receiver("pop_until"), TimedOut, "nothing", consumer.pop_until(Deadline::NOW));
    while producer.try_push(&1).is_ok() {}
    own_row!(table, &sender("try_push"), WouldBlock, "full", producer.try_push(&1));
    own_row!(table, &sender("push_until"), TimedOut, "full", producer.push_until(&1, Deadline::NOW));
    drop(consumer);
    own_row!(table, &sender("push"), Closed, "full, and no consumer", producer.push(&1));
    in_the_dead(|| mine.consumer());
    own_row!(table, &sender("push"), PeerDied, "full, and a death", producer.push(&1));

    let mine = items_ring();
    let (mut producer, mut consumer) = (mine.producer().unwrap(), mine.consumer().unwrap());
    scribble(&mine);
    own_row!(table, &sender("push"), Corrupt, "an impossible lap", producer.push(&1));
    own_row!(table, &receiver("pop"), Corrupt, "an impossible lap", consumer.pop());

    let mine = items_ring();
    let mut consumer = mine.consumer().unwrap();
    drop(mine.producer().unwrap());
    own_row!(table, &receiver("pop"), Closed, "no producer", consumer.pop());
    in_the_dead(|| mine.producer());
    own_row!(table, &receiver("pop"), PeerDied, "a death", consumer.pop());
}
