//! The broadcast rings' calls that wait, in a storm of signals.

use rawipc::ring::SpinThenFutex;
use rawipc::ring::broadcast::{self, RecvError, items};

use crate::support::LeakCheck;
use crate::support::interrupted::When::GoesOn;
use crate::support::interrupted::{all_arrive, decode, keeps_its_deadline};

#[test]
fn of_records() {
    let _check = LeakCheck::begin();
    let ring = broadcast::Ring::<SpinThenFutex>::create(256, 1024).unwrap();
    let mut reader = ring.reader().unwrap();
    keeps_its_deadline("ring::broadcast::reader::recv", GoesOn, |deadline| {
        reader.recv_until(&mut [0; 8], deadline)
    });
    let mut writer = ring.writer().unwrap();
    keeps_its_deadline("ring::broadcast::sole_writer", GoesOn, |deadline| {
        ring.sole_writer_until(deadline).map(drop)
    });
    let record = |n: u32| n.to_ne_bytes().repeat(256);
    all_arrive(
        "ring::broadcast::writer::send and reader::recv",
        GoesOn,
        |n| writer.send(&record(n)),
        |n| {
            let mut bytes = [[0; 4]; 256];
            let all = bytes.as_flattened_mut();
            let len = in_turn!(n, || reader.recv(all)?, |d| reader.recv_until(all, d)?);
            assert!(len == 1024 && bytes.iter().all(|number| *number == bytes[0]));
            Ok::<_, RecvError>(decode(bytes[0]))
        },
    );
    drop(writer);
    let _sole = ring.sole_writer().unwrap();
    keeps_its_deadline("ring::broadcast::writer", GoesOn, |deadline| {
        ring.writer_until(deadline).map(drop)
    });
}

#[test]
fn of_items() {
    let _check = LeakCheck::begin();
    let ring: items::Ring<u32> = items::Ring::create(256).unwrap();
    let mut reader = ring.reader().unwrap();
    keeps_its_deadline("ring::broadcast::items::pop", GoesOn, |deadline| {
        reader.pop_until(deadline)
    });
    let mut writer = ring.writer().unwrap();
    keeps_its_deadline("ring::broadcast::items::sole_writer", GoesOn, |deadline| {
        ring.sole_writer_until(deadline).map(drop)
    });
    all_arrive(
        "ring::broadcast::items::push and pop",
        GoesOn,
        |n| writer.push(&n),
        |n| in_turn!(n, || reader.pop(), |d| reader.pop_until(d)),
    );
    drop(writer);
    let _sole = ring.sole_writer().unwrap();
    keeps_its_deadline("ring::broadcast::items::writer", GoesOn, |deadline| {
        ring.writer_until(deadline).map(drop)
    });
}
