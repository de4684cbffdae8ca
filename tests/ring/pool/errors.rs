//! The errors that the documentation of pools names.

use std::os::fd::OwnedFd;

use rawipc::Deadline;
use rawipc::ring::pool::Pool;

use super::{class, memory, send, small};
use crate::support::documented::{List, Table, hold, without_room};
use crate::support::{Child, End};

/// Which are not provoked, and why.
#[rustfmt::skip]
const EXCUSED: List = &[
    ("ring::pool::producer::send", &["Corrupt"], "somebody writes to a slot within the call"),
];

/// Which errors a test file shows beside something else.
#[rustfmt::skip]
const ELSEWHERE: List = &[
    ("ring::pool", &["NoProc"], "whole/first_thread.rs"),
    ("ring::pool", &["Leased"], "ring/spsc.rs"),
    ("ring::pool::create", &["FBIG"], "whole/filesize.rs"),
    ("ring::pool::producer", &["Corrupt"], "ring/attach.rs"),
    ("ring::pool::consumer", &["Corrupt"], "ring/attach.rs"),
    ("ring::pool::producer_by", &["Kernel", "BADF", "Corrupt"], "rendezvous/seat.rs"),
    ("ring::pool::consumer_by", &["Kernel", "BADF", "Corrupt"], "rendezvous/seat.rs"),
];

#[test]
fn every_documented_error_is_provoked_or_excused() {
    hold(test_name!(), "ring::pool", rows, EXCUSED, ELSEWHERE);
}

fn rows(table: &mut Table) {
    creations(table);
    calls(table);
    deaths(table);
}

#[rustfmt::skip]
fn creations(table: &mut Table) {
    let invalid: [Result<Pool, _>; 4] = [
        Pool::create(&[], 1),
        Pool::create(&[class(64, 0)], 1),
        Pool::create(&[class(128, 1), class(64, 1)], 1),
        Pool::create(&[class(64, 1)], 1 << 24),
    ];
    for refused in invalid {
        row!(table, "ring::pool::create", INVAL, "no such pool", refused);
    }
    let fd = OwnedFd::from(small(4, 4));
    own_row!(table, "ring::pool::open_at_most", TooLarge, "larger", Pool::<rawipc::ring::Spin>::open_at_most(fd, 1));
    let pool = small(1, 1);
    let all: Vec<_> = (0..128).map(|_| pool.producer().unwrap()).collect();
    own_row!(table, "ring::pool::producer", Occupied, "128 attached", pool.producer());
    drop(all);
    let all: Vec<_> = (0..128).map(|_| pool.consumer().unwrap()).collect();
    own_row!(table, "ring::pool::consumer", Occupied, "128 attached", pool.consumer());
    drop(all);
    without_room(|| {
        own_row!(table, "ring::pool::producer", Kernel, "no descriptor left", pool.producer());
        own_row!(table, "ring::pool::consumer", Kernel, "no descriptor left", pool.consumer());
    });
}

#[rustfmt::skip]
fn calls(table: &mut Table) {
    let pool = small(2, 1);
    let (producer, consumer) = (pool.producer().unwrap(), pool.consumer().unwrap());
    let now = Deadline::NOW;
    own_row!(table, "ring::pool::consumer::try_recv", WouldBlock, "nothing", consumer.try_recv());
    own_row!(table, "ring::pool::consumer::recv_until", TimedOut, "nothing", consumer.recv_until(now));
    own_row!(table, "ring::pool::producer::loan", TooLong, "longer than a chunk", producer.loan(65));
    let mut loan = producer.loan(4).unwrap();
    own_row!(table, "ring::pool::borrowed::write_at", TooLong, "beyond", loan.write_at(1, b"1234"));
    own_row!(table, "ring::pool::borrowed::read_at", TooLong, "beyond", loan.read_at(1, &mut [0; 4]));
    drop(loan);
    send(&producer, b"1234").unwrap();
    let loan = producer.loan(4).unwrap();
    own_row!(table, "ring::pool::producer::try_loan", WouldBlock, "no chunk", producer.try_loan(1));
    own_row!(table, "ring::pool::producer::loan_until", TimedOut, "no chunk", producer.loan_until(1, now));
    let unsent = loan.try_send().unwrap_err();
    own_row!(table, "ring::pool::producer::try_send", WouldBlock, "full", Err::<(), _>(unsent.error));
    let unsent = unsent.loan.send_until(now).unwrap_err();
    own_row!(table, "ring::pool::producer::send_until", TimedOut, "full", Err::<(), _>(unsent.error));
    let message = consumer.recv().unwrap();
    own_row!(table, "ring::pool::borrowed::copy_to", TooLong, "four into three", message.copy_to(&mut [0; 3]));
    own_row!(table, "ring::pool::borrowed::read_at", TooLong, "beyond", message.read_at(1, &mut [0; 4]));
    drop(message);
    send(&producer, b"1").unwrap();
    drop(consumer);
    own_row!(table, "ring::pool::producer::loan", Closed, "no consumer", producer.loan(1));
    let unsent = unsent.loan.send().unwrap_err();
    own_row!(table, "ring::pool::producer::send", Closed, "no consumer", Err::<(), _>(unsent.error));
    drop(unsent);

    let pool = small(2, 2);
    let (producer, consumer) = (pool.producer().unwrap(), pool.consumer().unwrap());
    let words = memory(&pool);
    let chunk_at = |chunk: usize| 2 * super::PAGE + super::CHUNK * chunk;
    let loan = producer.loan(1).unwrap();
    words.write(chunk_at(0), &0_u64).unwrap();
    own_row!(table, "ring::pool::borrowed::release", Corrupt, "its own word", loan.release());
    send(&producer, b"1").unwrap();
    words.write(chunk_at(1), &0_u64).unwrap();
    own_row!(table, "ring::pool::consumer::recv", Corrupt, "a free chunk", consumer.recv());
    send(&producer, b"1").unwrap();
    let message = consumer.recv().unwrap();
    words.write(chunk_at(0), &0_u64).unwrap();
    own_row!(table, "ring::pool::borrowed::release", Corrupt, "its own word", message.release());
    drop(producer);
    own_row!(table, "ring::pool::consumer::recv", Closed, "no producer", consumer.recv());
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
fn deaths(table: &mut Table) {
    let pool = small(2, 1);
    let consumer = pool.consumer().unwrap();
    in_the_dead(|| pool.producer());
    own_row!(table, "ring::pool::consumer::recv", PeerDied, "a death", consumer.recv());
    let producer = pool.producer().unwrap();
    consumer.detach();
    in_the_dead(|| pool.consumer());
    send(&producer, b"1").unwrap();
    let unsent = producer.loan(1).unwrap().send().unwrap_err();
    own_row!(table, "ring::pool::producer::send", PeerDied, "full, and a death", Err::<(), _>(unsent.error));
    own_row!(table, "ring::pool::producer::loan", PeerDied, "no chunk, and a death", producer.loan(1));
    drop(unsent);
}
