//! The rings' calls that wait, in a storm of signals.

use rawipc::Deadline;
use rawipc::ring::spsc::{self, items};
use rawipc::ring::{AttachError, Error};

use crate::support::LeakCheck;
use crate::support::interrupted::When::GoesOn;
use crate::support::interrupted::{all_arrive, decode, keeps_its_deadline};

#[test]
fn of_records() {
    let _check = LeakCheck::begin();
    let ring = spsc::Ring::<rawipc::ring::SpinThenFutex>::create(4096).unwrap();
    let mut producer = ring.producer().unwrap();
    let mut consumer = ring.consumer().unwrap();
    keeps_its_deadline("ring::spsc::producer", GoesOn, |deadline| {
        ring.producer_until(deadline).map(drop)
    });
    keeps_its_deadline("ring::spsc::consumer", GoesOn, |deadline| {
        ring.consumer_until(deadline).map(drop)
    });
    keeps_its_deadline("ring::spsc::consumer::recv", GoesOn, |deadline| {
        consumer.recv_until(&mut [0; 8], deadline)
    });
    keeps_its_deadline("ring::spsc::consumer::peek", GoesOn, |deadline| {
        consumer.peek_until(deadline).map(drop)
    });
    keeps_its_deadline("ring::spsc::consumer::read", GoesOn, |deadline| {
        consumer.as_bytes().read_until(&mut [0; 8], deadline)
    });
    let mut full = 0;
    while producer.try_send(&[1; 64]).is_ok() {
        full += 1;
    }
    keeps_its_deadline("ring::spsc::producer::send", GoesOn, |deadline| {
        producer.send_until(&[2; 64], deadline)
    });
    keeps_its_deadline("ring::spsc::producer::reserve", GoesOn, |deadline| {
        producer.reserve_until(64, deadline).map(drop)
    });
    for _ in 0..full {
        assert_eq!(consumer.try_recv(&mut [0; 64]), Ok(64));
    }
    assert_eq!(consumer.try_recv(&mut [0; 64]), Err(Error::WouldBlock));
    let record = |n: u32| n.to_ne_bytes().repeat(256);
    all_arrive(
        "ring::spsc::producer::send and consumer::recv",
        GoesOn,
        |n| {
            let record = record(n);
            in_turn!(n, || producer.send(&record), |d| producer
                .send_until(&record, d))
        },
        |n| {
            let mut bytes = [[0; 4]; 256];
            let all = bytes.as_flattened_mut();
            let len = in_turn!(n, || consumer.recv(all)?, |d| consumer
                .recv_until(all, d)?);
            assert!(len == 1024 && bytes.iter().all(|number| *number == bytes[0]));
            Ok::<_, Error>(decode(bytes[0]))
        },
    );
}

#[test]
fn of_bytes() {
    let _check = LeakCheck::begin();
    let ring = spsc::Ring::<rawipc::ring::SpinThenFutex>::create(4096).unwrap();
    let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
    let mut full = 0;
    while let Ok(len) = producer.as_bytes().write_until(&[1; 64], Deadline::NOW) {
        full += len;
    }
    keeps_its_deadline("ring::spsc::producer::write", GoesOn, |deadline| {
        producer.as_bytes().write_until(&[2; 64], deadline)
    });
    let mut came = 0;
    while came < full {
        came += consumer.as_bytes().read(&mut [0; 64]).unwrap();
    }
    assert_eq!(came, full);
}

#[test]
fn of_items() {
    let _check = LeakCheck::begin();
    let ring: items::Ring<u32> = items::Ring::create(16).unwrap();
    let mut producer = ring.producer().unwrap();
    let mut consumer = ring.consumer().unwrap();
    keeps_its_deadline("ring::spsc::items::producer", GoesOn, |deadline| {
        ring.producer_until(deadline).map(drop)
    });
    keeps_its_deadline("ring::spsc::items::consumer", GoesOn, |deadline| {
        ring.consumer_until(deadline).map(drop)
    });
    keeps_its_deadline("ring::spsc::items::consumer::pop", GoesOn, |deadline| {
        consumer.pop_until(deadline)
    });
    keeps_its_deadline(
        "ring::spsc::items::consumer::pop_into",
        GoesOn,
        |deadline| consumer.pop_into_until(&mut 0, deadline),
    );
    keeps_its_deadline(
        "ring::spsc::items::consumer::pop_slice",
        GoesOn,
        |deadline| consumer.pop_slice_until(&mut [0; 4], deadline),
    );
    let mut full = 0;
    while producer.try_push(&1).is_ok() {
        full += 1;
    }
    keeps_its_deadline("ring::spsc::items::producer::push", GoesOn, |deadline| {
        producer.push_until(&2, deadline)
    });
    keeps_its_deadline(
        "ring::spsc::items::producer::push_slice",
        GoesOn,
        |deadline| producer.push_slice_until(&[2; 4], deadline),
    );
    for _ in 0..full {
        assert_eq!(consumer.try_pop(), Ok(1));
    }
    assert_eq!(consumer.try_pop(), Err(Error::WouldBlock));
    all_arrive(
        "ring::spsc::items::producer::push and consumer::pop",
        GoesOn,
        |n| in_turn!(n, || producer.push(&n), |d| producer.push_until(&n, d)),
        |n| in_turn!(n, || consumer.pop(), |d| consumer.pop_until(d)),
    );
    // Who waited for an end that was taken has not got it.
    let occupied = ring.producer().map(drop);
    assert_eq!(occupied, Err(AttachError::Occupied));
}
