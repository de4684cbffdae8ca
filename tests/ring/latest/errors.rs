//! The errors that the documentation of the latest value names.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use std::os::fd::{AsFd, OwnedFd};

use rawipc::Deadline;
use rawipc::memory::MapOptions;
use rawipc::ring::Error;
use rawipc::ring::latest::{self, bytes};

use crate::support::documented::{List, Table, hold, without_room};
use crate::support::{Child, End};

/// Which errors a test file shows beside something else.
#[rustfmt::skip]
const ELSEWHERE: List = &[
    ("ring::latest", &["NoProc"], "whole/first_thread.rs"),
    ("ring::latest", &["Leased"], "ring/spsc.rs"),
    ("ring::latest::create", &["FBIG"], "whole/filesize.rs"),
    ("ring::latest::bytes::create", &["FBIG"], "whole/filesize.rs"),
    ("ring::latest::writer_by", &["Kernel", "BADF", "Corrupt"], "rendezvous/seat.rs"),
    ("ring::latest::reader_by", &["Kernel", "BADF", "Corrupt"], "rendezvous/seat.rs"),
    ("ring::latest::bytes::writer_by", &["Kernel", "BADF", "Corrupt"], "rendezvous/seat.rs"),
    ("ring::latest::bytes::reader_by", &["Kernel", "BADF", "Corrupt"], "rendezvous/seat.rs"),
];

#[test]
fn every_documented_error_is_provoked_or_excused() {
    hold(test_name!(), "ring::latest", rows, &[], ELSEWHERE);
}

/// Where the word is in the memory, and the number given out last.
const WORD: usize = 128;
const TICKET: usize = 64;

type Value = latest::Value<u64>;

fn value() -> Value {
    Value::create(1).unwrap()
}

fn long() -> bytes::Value {
    bytes::Value::create(1, 8).unwrap()
}

/// Writes a word that nobody can have made so.
fn scribble(value: impl AsFd) {
    let memory = MapOptions::shared(4096).map(value.as_fd()).unwrap();
    memory.write(WORD, &0xffff_fffe_u32).unwrap();
}

/// Runs `f` while the next 70 numbers of members are in use.
fn without_numbers(value: impl AsFd, f: impl FnOnce()) {
    use rawipc::lock::{Kind, ofd};
    let fd = value.as_fd();
    let memory = MapOptions::shared(4096).map(fd).unwrap();
    let ticket: u32 = memory.read(TICKET).unwrap();
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&fd));
    let mut options = std::fs::OpenOptions::new();
    let file = options.read(true).write(true).open(path).unwrap();
    let first = (1 << 62) + u64::from(ticket) + 1;
    let _held = ofd::try_lock(&file, first..first + 70, Kind::Exclusive).unwrap();
    f();
}

fn rows(table: &mut Table) {
    creations(table);
    ends(table);
    values(table);
    long_values(table);
}

#[rustfmt::skip]
fn creations(table: &mut Table) {
    row!(table, "ring::latest::create", INVAL, "too many", Value::create(63));
    row!(table, "ring::latest::bytes::create", INVAL, "too many", bytes::Value::create(63, 1));
    let fd = OwnedFd::from(latest::Value::<[u8; 4096]>::create(9).unwrap());
    own_row!(table, "ring::latest::open_at_most", TooLarge, "larger", latest::Value::<[u8; 4096]>::open_at_most(fd, 1));
    let fd = OwnedFd::from(bytes::Value::create(1, 1 << 16).unwrap());
    own_row!(table, "ring::latest::bytes::open_at_most", TooLarge, "larger", bytes::Value::open_at_most(fd, 1));
    let fd = OwnedFd::from(latest::Value::<u32>::create(1).unwrap());
    own_row!(table, "ring::latest::open", WrongItem, "of another size", Value::open(fd));
}

/// The same kind of value by another descriptor.
fn value_of<V: TryFrom<OwnedFd>>(_like: &V, fd: OwnedFd) -> V {
    V::try_from(fd).ok().unwrap()
}

/// Holds the functions that attach, which both kinds of value have.
macro_rules! attaching {
    ($table:expr, $new:expr, $module:literal) => {
        let now = Deadline::NOW;
        let writer = concat!($module, "::writer");
        let writer_until = concat!($module, "::writer_until");
        let reader = concat!($module, "::reader");
        let reader_until = concat!($module, "::reader_until");
        let value = $new;
        let held = value.writer().unwrap();
        own_row!($table, writer, Occupied, "held", value.writer());
        own_row!(
            $table,
            writer_until,
            Occupied,
            "held",
            value.writer_until(now)
        );
        drop(held);
        let path = format!(
            "/proc/self/fd/{}",
            std::os::fd::AsRawFd::as_raw_fd(&value.as_fd())
        );
        let fd: OwnedFd = std::fs::File::open(path).unwrap().into();
        let only = value_of(&value, fd);
        own_row!($table, writer, ReadOnly, "only to read", only.writer());
        own_row!(
            $table,
            writer_until,
            ReadOnly,
            "only to read",
            only.writer_until(now)
        );
        without_room(|| {
            own_row!($table, writer, Kernel, "no descriptor left", value.writer());
            own_row!(
                $table,
                writer_until,
                Kernel,
                "no descriptor left",
                value.writer_until(now)
            );
            own_row!($table, reader, Kernel, "no descriptor left", value.reader());
            own_row!(
                $table,
                reader_until,
                Kernel,
                "no descriptor left",
                value.reader_until(now)
            );
        });
        without_numbers(&value, || {
            own_row!($table, reader, Corrupt, "no number left", value.reader());
        });
        without_numbers(&value, || {
            own_row!(
                $table,
                reader_until,
                Corrupt,
                "no number left",
                value.reader_until(now)
            );
        });
        scribble(&value);
        own_row!(
            $table,
            writer,
            Corrupt,
            "an impossible word",
            value.writer()
        );
        own_row!(
            $table,
            writer_until,
            Corrupt,
            "an impossible word",
            value.writer_until(now)
        );
    };
}

#[rustfmt::skip]
fn ends(table: &mut Table) {
    attaching!(table, value(), "ring::latest");
    attaching!(table, long(), "ring::latest::bytes");
}

/// Attaches a writer in a process that ends and leaves it.
fn in_the_dead<T>(attach: impl FnOnce() -> T) {
    let mut child = Child::fork(|| {
        core::mem::forget(attach());
        0
    });
    assert_eq!(child.wait(), End::Exited(0));
}

/// What `f` says in a forked child, which has copies; an error without further parts.
fn in_child(f: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
    let mut child = Child::fork(|| match f() {
        Err(Error::Forked) => 1,
        _ => 0,
    });
    match child.wait() {
        End::Exited(1) => Err(Error::Forked),
        _ => Ok(()),
    }
}

#[rustfmt::skip]
fn values(table: &mut Table) {
    let mine = value();
    let mut reader = mine.reader().unwrap();
    let now = Deadline::NOW;
    own_row!(table, "ring::latest::read", WouldBlock, "none yet", reader.read());
    own_row!(table, "ring::latest::try_read_newer", WouldBlock, "none", reader.try_read_newer());
    own_row!(table, "ring::latest::read_newer_until", TimedOut, "none", reader.read_newer_until(now));
    drop(mine.writer().unwrap());
    own_row!(table, "ring::latest::read_newer", Closed, "closed", reader.read_newer());
    in_the_dead(|| mine.writer());
    own_row!(table, "ring::latest::read_newer", PeerDied, "a death", reader.read_newer());
    let mut writer = mine.writer().unwrap();
    let inherited = || writer.write(&1);
    own_row!(table, "ring::latest::write", Forked, "a child's copy", in_child(inherited));
    let inherited = || reader.read().map(drop);
    own_row!(table, "ring::latest::read", Forked, "a child's copy", in_child(inherited));

    let mine = value();
    let (mut writer, mut reader) = (mine.writer().unwrap(), mine.reader().unwrap());
    scribble(&mine);
    own_row!(table, "ring::latest::write", Corrupt, "its own word", writer.write(&1));
    own_row!(table, "ring::latest::read", Corrupt, "an impossible word", reader.read());
}

#[rustfmt::skip]
fn long_values(table: &mut Table) {
    let name = |name| format!("ring::latest::bytes::{name}");
    let mine = long();
    let mut reader = mine.reader().unwrap();
    let buffer = &mut [0; 8];
    let now = Deadline::NOW;
    own_row!(table, &name("read"), WouldBlock, "none yet", reader.read(buffer));
    own_row!(table, &name("try_read_newer"), WouldBlock, "none", reader.try_read_newer(buffer));
    own_row!(table, &name("read_newer_until"), TimedOut, "none", reader.read_newer_until(buffer, now));
    drop(mine.writer().unwrap());
    own_row!(table, &name("read_newer"), Closed, "closed", reader.read_newer(buffer));
    in_the_dead(|| mine.writer());
    own_row!(table, &name("read_newer"), PeerDied, "a death", reader.read_newer(buffer));

    let mut writer = mine.writer().unwrap();
    own_row!(table, &name("write"), TooLong, "nine bytes", writer.write(&[0; 9]));
    own_row!(table, &name("reserve"), TooLong, "nine bytes", writer.reserve(9));
    let mut next = writer.reserve(4).unwrap();
    own_row!(table, &name("write_at"), TooLong, "beyond", next.write_at(1, &[0; 4]));
    let inherited = || next.write_at(0, &[0]);
    own_row!(table, &name("write_at"), Forked, "a child's copy", in_child(inherited));
    let inherited = || writer.reserve(1)?.commit();
    own_row!(table, &name("reserve"), Forked, "a child's copy", in_child(inherited));
    let next = writer.reserve(1).unwrap();
    let inherited = || next.commit();
    own_row!(table, &name("commit"), Forked, "a child's copy", in_child(inherited));
    let inherited = || writer.write(&[1]);
    own_row!(table, &name("write"), Forked, "a child's copy", in_child(inherited));
    writer.write(&[0; 8]).unwrap();
    own_row!(table, &name("read"), TooLong, "eight into four", reader.read(&mut buffer[..4]));
    let next = writer.reserve(1).unwrap();
    scribble(&mine);
    own_row!(table, &name("commit"), Corrupt, "its own word", next.commit());
    own_row!(table, &name("write"), Corrupt, "its own word", writer.write(&[1]));
    own_row!(table, &name("read"), Corrupt, "an impossible word", reader.read(buffer));
    let inherited = || reader.read(&mut [0; 8]).map(drop);
    own_row!(table, &name("read"), Forked, "a child's copy", in_child(inherited));
}
