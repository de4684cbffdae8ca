//! The errors that the documentation of the broadcast rings names.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use core::sync::atomic::Ordering;
use std::os::fd::OwnedFd;

use rawipc::Deadline;
use rawipc::memory::Mapping;
use rawipc::ring::broadcast::{RecvError, Ring, items};
use rawipc::ring::{Error, SpinThenFutex};

use super::{last_number, memory, slot, word};
use crate::support::documented::{List, Table, hold, without_room};
use crate::support::{Child, End, limit};

/// Which errors a test file shows beside something else.
#[rustfmt::skip]
const ELSEWHERE: List = &[
    ("ring::broadcast", &["NoProc"], "ring/broadcast.rs"),
    ("ring::broadcast", &["Leased"], "ring/spsc.rs"),
    ("ring::broadcast", &["NOENT"], "ring/broadcast.rs"),
    ("ring::broadcast::create", &["FBIG"], "whole/filesize.rs"),
    ("ring::broadcast::loans::create", &["FBIG"], "whole/filesize.rs"),
    ("ring::broadcast::loans::writer_by", &["Kernel", "BADF", "Corrupt"], "rendezvous/seat.rs"),
    ("ring::broadcast::loans::reader_by", &["Kernel", "BADF", "Corrupt"], "rendezvous/seat.rs"),
    ("ring::broadcast::writer_by", &["Kernel", "BADF", "Corrupt"], "rendezvous/seat.rs"),
    ("ring::broadcast::sole_writer_by", &["Kernel", "BADF", "Corrupt"], "rendezvous/seat.rs"),
    ("ring::broadcast::items::writer_by", &["Kernel", "BADF", "Corrupt"], "rendezvous/seat.rs"),
    ("ring::broadcast::items::sole_writer_by", &["Kernel", "BADF", "Corrupt"], "rendezvous/seat.rs"),
];

#[test]
fn every_documented_error_is_provoked_or_excused() {
    hold(test_name!(), "ring::broadcast", rows, &[], ELSEWHERE);
}

type Records = Ring<SpinThenFutex>;
type Items = items::Ring<u64>;

fn rows(table: &mut Table) {
    creations(table);
    ends(table);
    records(table);
    numbers(table);
    deaths(table);
    crate::loans::errors::rows(table);
}

#[rustfmt::skip]
fn creations(table: &mut Table) {
    row!(table, "ring::broadcast::create", INVAL, "too many slots", Records::create(1 << 40, 8));
    let fd = OwnedFd::from(Records::create(64, 5000).unwrap());
    own_row!(table, "ring::broadcast::open_at_most", TooLarge, "larger", Records::open_at_most(fd, 1 << 10));
    let fd = OwnedFd::from(items::Ring::<[u64; 1024]>::create(4).unwrap());
    own_row!(table, "ring::broadcast::items::open_at_most", TooLarge, "larger", items::Ring::<[u64; 1024]>::open_at_most(fd, 2));
    let fd = OwnedFd::from(Items::create(4).unwrap());
    own_row!(table, "ring::broadcast::items::open", WrongItem, "of another size", items::Ring::<u32>::open(fd));
}

/// Every slot's word is of a lap that was long ago.
fn corrupt(memory: &Mapping) {
    for index in 0..4 {
        let long_ago = u64::from(u32::MAX) << 32 | word::READY | word::LAP;
        slot(memory, index).store(long_ago, Ordering::Release);
    }
}

/// Holds the functions that attach, which both kinds of ring have.
macro_rules! attaching {
    ($table:expr, $new:expr, $open:expr, $module:literal) => {
        let (writer, sole, reader) = (
            concat!($module, "::writer"),
            concat!($module, "::sole_writer"),
            concat!($module, "::reader"),
        );
        let ring = $new;
        let held = ring.writer().unwrap();
        own_row!($table, sole, Occupied, "held", ring.sole_writer());
        drop(held);
        let held = ring.sole_writer().unwrap();
        own_row!($table, writer, Occupied, "held", ring.writer());
        drop(held);
        let to_read = $open(ring.try_clone_to_read().unwrap()).unwrap();
        own_row!($table, writer, ReadOnly, "for reading", to_read.writer());
        without_room(|| {
            own_row!($table, writer, Kernel, "no descriptor", ring.writer());
            own_row!($table, reader, Kernel, "no descriptor", ring.reader());
        });
        corrupt(&memory(&ring));
        own_row!($table, writer, Corrupt, "impossible", ring.writer());
        own_row!($table, reader, Corrupt, "impossible", ring.reader());
    };
}

fn ends(table: &mut Table) {
    let records = || Records::create(4, 8).unwrap();
    attaching!(table, records(), Records::open, "ring::broadcast");
    let numbers = || Items::create(4).unwrap();
    attaching!(table, numbers(), Items::open, "ring::broadcast::items");
}

/// What the ring says, but for what was missed.
fn plain<T>(result: Result<T, RecvError>) -> Result<T, Error> {
    result.map_err(|error| match error {
        RecvError::Ring(error) => error,
        error => panic!("{error:?}"),
    })
}

/// Gives every slot to a writer that never goes on.
fn stop_all(memory: &Mapping, number: u64) {
    for index in 0..4 {
        slot(memory, index).store(word::owner(number) | word::WRITING, Ordering::Release);
    }
}

#[rustfmt::skip]
fn records(table: &mut Table) {
    let name = |name| format!("ring::broadcast::{name}");
    let mine = Records::create(4, 8).unwrap();
    let (mut writer, mut reader) = (mine.writer().unwrap(), mine.reader().unwrap());
    let (buffer, now) = (&mut [0; 8], Deadline::NOW);
    own_row!(table, &name("reader::try_recv"), WouldBlock, "nothing", plain(reader.try_recv(buffer)));
    own_row!(table, &name("reader::recv_until"), TimedOut, "nothing", plain(reader.recv_until(buffer, now)));
    own_row!(table, &name("writer::send"), TooLong, "nine into eight", writer.send(&[0; 9]));
    writer.send(b"12345678").unwrap();
    own_row!(table, &name("reader::recv"), TooLong, "eight into four", plain(reader.recv(&mut buffer[..4])));
    for _ in 0..4 {
        writer.send(b"more").unwrap();
    }
    own_row!(table, &name("reader::recv"), Lagged, "overtaken", reader.recv(buffer));
    drop(writer);
    while reader.try_recv(buffer).is_ok() {}
    own_row!(table, &name("reader::recv"), Closed, "no writer", plain(reader.recv(buffer)));

    let mine = Records::create(4, 8).unwrap();
    let memory = memory(&mine);
    let _stopped = mine.writer().unwrap();
    let number = last_number(&memory);
    let (mut writer, mut reader) = (mine.writer().unwrap(), mine.reader().unwrap());
    stop_all(&memory, number);
    own_row!(table, &name("writer::send"), WouldBlock, "all stopped", writer.send(b"x"));
    corrupt(&memory);
    own_row!(table, &name("writer::send"), Corrupt, "impossible words", writer.send(b"x"));
    own_row!(table, &name("reader::recv"), Corrupt, "impossible words", plain(reader.recv(buffer)));
}

#[rustfmt::skip]
fn numbers(table: &mut Table) {
    let name = |name| format!("ring::broadcast::items::{name}");
    let mine = Items::create(4).unwrap();
    let (mut writer, mut reader) = (mine.writer().unwrap(), mine.reader().unwrap());
    own_row!(table, &name("try_pop"), WouldBlock, "nothing", plain(reader.try_pop()));
    own_row!(table, &name("pop_until"), TimedOut, "nothing", plain(reader.pop_until(Deadline::NOW)));
    for number in 0..5 {
        writer.push(&number).unwrap();
    }
    own_row!(table, &name("pop"), Lagged, "overtaken", reader.pop());
    drop(writer);
    while reader.try_pop().is_ok() {}
    own_row!(table, &name("pop"), Closed, "no writer", plain(reader.pop()));

    let mine = Items::create(4).unwrap();
    let memory = memory(&mine);
    let _stopped = mine.writer().unwrap();
    let number = last_number(&memory);
    let (mut writer, mut reader) = (mine.writer().unwrap(), mine.reader().unwrap());
    stop_all(&memory, number);
    own_row!(table, &name("push"), WouldBlock, "all stopped", writer.push(&1));
    corrupt(&memory);
    own_row!(table, &name("push"), Corrupt, "impossible words", writer.push(&1));
    own_row!(table, &name("pop"), Corrupt, "impossible words", plain(reader.pop()));
}

/// Attaches a writer in a process that ends and leaves it.
fn in_the_dead<T>(attach: impl FnOnce() -> T) {
    let mut child = Child::fork(|| {
        core::mem::forget(attach());
        0
    });
    assert_eq!(child.wait(), End::Exited(0));
}

#[rustfmt::skip]
fn deaths(table: &mut Table) {
    let mine = Items::create(4).unwrap();
    let mut reader = mine.reader().unwrap();
    in_the_dead(|| mine.writer());
    own_row!(table, "ring::broadcast::items::pop", PeerDied, "a death", plain(reader.pop_until(limit())));
    let mine = Records::create(4, 8).unwrap();
    let mut reader = mine.reader().unwrap();
    in_the_dead(|| mine.writer());
    own_row!(table, "ring::broadcast::reader::recv", PeerDied, "a death", plain(reader.recv_until(&mut [0; 8], limit())));
}
