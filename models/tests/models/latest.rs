//! The latest value: whole, never going back, and never waited for, whoever dies.

use std::sync::Arc;

use rawipc::Deadline;
use rawipc::ring::Error;
use rawipc::ring::latest;
use rawipc_model::{Hindrance, Model, process};

/// Two words, so that a torn one can be told.
type Pair = [u64; 2];
type Value = latest::Value<Pair>;
type Reader = latest::Reader<Pair>;
type Writer = latest::Writer<Pair>;

/// A model with so many seats: a buffer each, and two more, of a cache line.
fn model(preemptions: usize, seats: usize) -> Model {
    Model::new(preemptions).memory((seats + 2) * 64)
}

fn value(seats: usize) -> Arc<Value> {
    Arc::new(Value::create(seats).unwrap())
}

/// The number in a value that is whole.
#[track_caller]
fn whole(pair: Pair) -> u64 {
    assert_eq!(pair[0], pair[1], "torn");
    pair[0]
}

fn write(writer: &mut Writer, number: u64) {
    writer.write(&[number, number]).unwrap();
}

/// Reads `times` times: each value is whole, and none is older than the one before.
fn read(reader: &mut Reader, times: u64, least: u64) -> u64 {
    let mut last = least;
    for _ in 0..times {
        let number = whole(reader.read().unwrap());
        assert!(number >= last, "{number} after {last}");
        last = number;
    }
    last
}

/// A reader, while each of the buffers is written again.
#[test]
fn value_read_while_it_is_written_is_whole_and_not_older() {
    model(3, 1).check(|| {
        let value = value(1);
        let (mut writer, mut reader) = (value.writer().unwrap(), value.reader().unwrap());
        assert!(reader.has_seat());
        let other = process(0, move || {
            for number in 1..=3 {
                write(&mut writer, number);
            }
        });
        read(&mut reader, 2, 0);
        other.join();
        assert_eq!(read(&mut reader, 1, 0), 3);
    });
}

/// What one reader holds another one does not free.
#[test]
fn two_readers_hold_a_value_each() {
    model(2, 2).check(|| {
        let value = value(2);
        let mut writer = value.writer().unwrap();
        let mut readers = [value.reader().unwrap(), value.reader().unwrap()];
        let other = process(0, move || {
            for number in 1..=2 {
                write(&mut writer, number);
            }
        });
        let [mut first, mut second] = readers;
        let reader = process(1, move || read(&mut second, 2, 0));
        read(&mut first, 2, 0);
        reader.join();
        other.join();
        readers = [value.reader().unwrap(), first];
        assert_eq!(read(&mut readers[0], 1, 0), 2);
        assert_eq!(read(&mut readers[1], 1, 0), 2);
    });
}

/// A writer killed at any step, and its successor: readers notice neither.
#[test]
fn killed_writer_is_succeeded_without_recovery() {
    model(2, 1).killing(0).check(|| {
        let value = value(1);
        let (mut writer, mut reader) = (value.writer().unwrap(), value.reader().unwrap());
        let first = process(0, move || {
            for number in 1..=2 {
                write(&mut writer, number);
            }
        });
        let second = process(1, {
            let value = value.clone();
            move || {
                let mut writer = value.writer_until(Deadline::Never).unwrap();
                write(&mut writer, 3);
                write(&mut writer, 4);
            }
        });
        let last = read(&mut reader, 2, 0);
        first.join();
        second.join();
        assert_eq!(read(&mut reader, 1, last), 4);
    });
}

/// A reader killed at any step: its seat, and the buffer that it holds, are a successor's.
#[test]
fn killed_reader_is_succeeded_and_harms_nobody() {
    model(2, 1).killing(0).check(|| {
        let value = value(1);
        let (mut writer, mut reader) = (value.writer().unwrap(), value.reader().unwrap());
        let first = process(0, move || {
            read(&mut reader, 2, 0);
        });
        for number in 1..=2 {
            write(&mut writer, number);
        }
        let died = first.join().is_none();
        let mut reader = value.reader().unwrap();
        assert!(reader.has_seat(), "died: {died}");
        let other = process(1, move || {
            write(&mut writer, 3);
            write(&mut writer, 4);
        });
        read(&mut reader, 2, 2);
        other.join();
        assert_eq!(read(&mut reader, 1, 2), 4);
    });
}

/// The successor of a dead reader takes the seat while the writer looks at it.
#[test]
fn seat_of_the_dead_is_taken_beside_a_writer() {
    model(2, 1).killing(0).check(|| {
        let value = value(1);
        let (mut writer, mut reader) = (value.writer().unwrap(), value.reader().unwrap());
        let first = process(0, move || {
            read(&mut reader, 1, 0);
        });
        let other = process(1, move || {
            for number in 1..=2 {
                write(&mut writer, number);
            }
        });
        first.join();
        let mut reader = value.reader().unwrap();
        assert!(reader.has_seat());
        read(&mut reader, 2, 0);
        other.join();
        assert_eq!(read(&mut reader, 1, 0), 2);
    });
}

/// Waits for each newer value, to the end.
fn newer(reader: &mut Reader, mut last: u64) -> (u64, Error) {
    loop {
        match reader.read_newer() {
            Ok(pair) => {
                let number = whole(pair);
                assert!(number > last, "{number} after {last}");
                last = number;
            }
            Err(error) => return (last, error),
        }
    }
}

fn waited_for(model: Model) {
    model.check(|| {
        let value = value(1);
        let (mut writer, mut reader) = (value.writer().unwrap(), value.reader().unwrap());
        // There is one before the first, here.
        assert_eq!(read(&mut reader, 1, 0), 0);
        let other = process(0, move || {
            for number in 1..=2 {
                write(&mut writer, number);
            }
        });
        let (last, end) = newer(&mut reader, 0);
        match other.join() {
            Some(()) => assert_eq!((last, end), (2, Error::Closed)),
            // Killed after it had told of the close, or before.
            None => assert!(matches!(end, Error::PeerDied | Error::Closed), "{end:?}"),
        }
    });
}

#[test]
fn reader_that_waits_is_woken_by_each_newer_value_and_the_close() {
    waited_for(model(3, 1).without_rechecks());
}

#[test]
fn reader_that_waits_is_told_of_a_death() {
    waited_for(model(2, 1).killing(0).returning_early());
}

/// One sleeps, and is woken, also if the writer dies just then: by its successor, if it had not
/// published.
#[test]
fn sleeper_beside_a_killed_writer_is_woken() {
    model(1, 2).killing(0).without_rechecks().check(|| {
        let value = value(2);
        let mut writer = value.writer().unwrap();
        let readers = [(); 2].map(|()| {
            let mut reader = value.reader().unwrap();
            read(&mut reader, 1, 0);
            reader
        });
        let [mut one, mut two] = readers;
        let other = process(1, move || whole(two.read_newer().unwrap()));
        let first = process(0, move || {
            write(&mut writer, 1);
            writer.detach();
        });
        // One that was killed before has a successor.
        let mut number = 1;
        if first.join().is_none() {
            let mut writer = value.writer().unwrap();
            write(&mut writer, 2);
            writer.detach();
            number = 2;
        }
        assert_eq!(whole(one.read().unwrap()), number);
        other.join();
    });
}

#[test]
fn newer_value_arrives_although_wakes_are_hindered() {
    for hindrance in [Hindrance::NoWakeOp, Hindrance::NoWake, Hindrance::Stranger] {
        waited_for(model(2, 1).hindered(hindrance));
    }
}

/// Without a seat nothing is held: what was written over meanwhile is read again.
#[test]
fn reader_without_a_seat_returns_whole_values_in_order() {
    model(2, 0).check(|| {
        let value = value(0);
        let (mut writer, mut reader) = (value.writer().unwrap(), value.reader().unwrap());
        assert!(!reader.has_seat());
        let other = process(0, move || {
            for number in 1..=2 {
                write(&mut writer, number);
            }
        });
        read(&mut reader, 2, 0);
        other.join();
        assert_eq!(read(&mut reader, 1, 0), 2);
    });
}

/// A value that was being written when its writer died is none.
#[test]
fn reader_without_a_seat_notices_no_death() {
    model(1, 0).killing(0).check(|| {
        let value = value(0);
        let (mut writer, mut reader) = (value.writer().unwrap(), value.reader().unwrap());
        let first = process(0, move || {
            for number in 1..=2 {
                write(&mut writer, number);
            }
        });
        let last = read(&mut reader, 1, 0);
        first.join();
        let last = read(&mut reader, 1, last);
        let mut writer = value.writer().unwrap();
        let second = process(1, move || {
            for number in 3..=4 {
                write(&mut writer, number);
            }
        });
        let last = read(&mut reader, 2, last);
        second.join();
        assert_eq!(read(&mut reader, 1, last), 4);
    });
}

/// It waits for a newer one as others do.
#[test]
fn reader_without_a_seat_is_woken_by_each_newer_value_and_the_close() {
    model(2, 0).without_rechecks().check(|| {
        let value = value(0);
        let (mut writer, mut reader) = (value.writer().unwrap(), value.reader().unwrap());
        assert_eq!(read(&mut reader, 1, 0), 0);
        let other = process(0, move || {
            for number in 1..=2 {
                write(&mut writer, number);
            }
        });
        assert_eq!(newer(&mut reader, 0), (2, Error::Closed));
        other.join();
    });
}
