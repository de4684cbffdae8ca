//! The MPMC rings' calls that wait, in a storm of signals.

use rawipc::ring::Error;
use rawipc::ring::mpmc::{self, items};

use crate::support::LeakCheck;
use crate::support::interrupted::When::GoesOn;
use crate::support::interrupted::{all_arrive, decode, keeps_its_deadline};

#[test]
fn of_records() {
    let _check = LeakCheck::begin();
    let ring = mpmc::Ring::<rawipc::ring::SpinThenFutex>::create(4, 1024).unwrap();
    let mut producer = ring.producer().unwrap();
    let mut consumer = ring.consumer().unwrap();
    keeps_its_deadline("ring::mpmc::consumer::recv", GoesOn, |deadline| {
        consumer.recv_until(&mut [0; 8], deadline)
    });
    while producer.try_send(&[1; 64]).is_ok() {}
    keeps_its_deadline("ring::mpmc::producer::send", GoesOn, |deadline| {
        producer.send_until(&[2; 64], deadline)
    });
    for _ in 0..4 {
        assert_eq!(consumer.try_recv(&mut [0; 64]), Ok(64));
    }
    assert_eq!(consumer.try_recv(&mut [0; 64]), Err(Error::WouldBlock));
    let record = |n: u32| n.to_ne_bytes().repeat(256);
    all_arrive(
        "ring::mpmc::producer::send and consumer::recv",
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
fn of_items() {
    let _check = LeakCheck::begin();
    let ring: items::Ring<u32> = items::Ring::create(16).unwrap();
    let mut producer = ring.producer().unwrap();
    let mut consumer = ring.consumer().unwrap();
    keeps_its_deadline("ring::mpmc::items::consumer::pop", GoesOn, |deadline| {
        consumer.pop_until(deadline)
    });
    keeps_its_deadline(
        "ring::mpmc::items::consumer::pop_slice",
        GoesOn,
        |deadline| consumer.pop_slice_until(&mut [0; 4], deadline),
    );
    while producer.try_push(&1).is_ok() {}
    keeps_its_deadline("ring::mpmc::items::producer::push", GoesOn, |deadline| {
        producer.push_until(&2, deadline)
    });
    keeps_its_deadline(
        "ring::mpmc::items::producer::push_slice",
        GoesOn,
        |deadline| producer.push_slice_until(&[2; 4], deadline),
    );
    while consumer.try_pop().is_ok() {}
    all_arrive(
        "ring::mpmc::items::producer::push and consumer::pop",
        GoesOn,
        |n| in_turn!(n, || producer.push(&n), |d| producer.push_until(&n, d)),
        |n| in_turn!(n, || consumer.pop(), |d| consumer.pop_until(d)),
    );
}

/// All places of one side are taken.
#[test]
fn of_attaching() {
    let _check = LeakCheck::begin();
    let ring = mpmc::Ring::<rawipc::ring::SpinThenFutex>::create(1, 8).unwrap();
    let producers: Vec<_> = (0..128).map(|_| ring.producer().unwrap()).collect();
    keeps_its_deadline("ring::mpmc::producer", GoesOn, |deadline| {
        ring.producer_until(deadline).map(drop)
    });
    drop(producers);
    let consumers: Vec<_> = (0..128).map(|_| ring.consumer().unwrap()).collect();
    keeps_its_deadline("ring::mpmc::consumer", GoesOn, |deadline| {
        ring.consumer_until(deadline).map(drop)
    });
    drop(consumers);
    let ring: items::Ring<u32> = items::Ring::create(16).unwrap();
    let producers: Vec<_> = (0..128).map(|_| ring.producer().unwrap()).collect();
    keeps_its_deadline("ring::mpmc::items::producer", GoesOn, |deadline| {
        ring.producer_until(deadline).map(drop)
    });
    drop(producers);
    let consumers: Vec<_> = (0..128).map(|_| ring.consumer().unwrap()).collect();
    keeps_its_deadline("ring::mpmc::items::consumer", GoesOn, |deadline| {
        ring.consumer_until(deadline).map(drop)
    });
    drop(consumers);
}
