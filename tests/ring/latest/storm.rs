//! The values' calls that wait, in a storm of signals.

use rawipc::ring::latest::{self, bytes};

use crate::support::interrupted::When::GoesOn;
use crate::support::interrupted::keeps_its_deadline;
use crate::support::{LeakCheck, lease};

#[test]
fn of_values() {
    let _check = LeakCheck::begin();
    let value = latest::Value::<u32>::create(1).unwrap();
    let lease = lease::take(&value);
    keeps_its_deadline("ring::latest::reader", GoesOn, |deadline| {
        value.reader_until(deadline).map(drop)
    });
    drop(lease);
    let _writer = value.writer().unwrap();
    let mut readers = [value.reader().unwrap(), value.reader().unwrap()];
    keeps_its_deadline("ring::latest::writer", GoesOn, |deadline| {
        value.writer_until(deadline).map(drop)
    });
    for reader in &mut readers {
        keeps_its_deadline("ring::latest::read_newer", GoesOn, |deadline| {
            reader.read_newer_until(deadline)
        });
    }
}

#[test]
fn of_bytes() {
    let _check = LeakCheck::begin();
    let value = bytes::Value::create(1, 100).unwrap();
    let lease = lease::take(&value);
    keeps_its_deadline("ring::latest::bytes::reader", GoesOn, |deadline| {
        value.reader_until(deadline).map(drop)
    });
    drop(lease);
    let _writer = value.writer().unwrap();
    let mut reader = value.reader().unwrap();
    keeps_its_deadline("ring::latest::bytes::writer", GoesOn, |deadline| {
        value.writer_until(deadline).map(drop)
    });
    keeps_its_deadline("ring::latest::bytes::read_newer", GoesOn, |deadline| {
        reader.read_newer_until(&mut [0; 100], deadline)
    });
}
