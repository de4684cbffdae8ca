//! The calls that wait, in a storm of signals.

use rawipc::ring::mpsc::{self, Event};
use rawipc::ring::{Error, SpinThenFutex};

use crate::support::LeakCheck;
use crate::support::interrupted::When::GoesOn;
use crate::support::interrupted::{all_arrive, decode, keeps_its_deadline};

#[test]
fn of_records() {
    let _check = LeakCheck::begin();
    let ring = mpsc::Ring::<SpinThenFutex>::create(1, 4096).unwrap();
    let mut consumer = ring.consumer().unwrap();
    keeps_its_deadline(
        "ring::mpsc::consumer::wait_for_producer",
        GoesOn,
        |deadline| consumer.wait_for_producer_until(deadline),
    );
    let mut producer = ring.producer().unwrap();
    keeps_its_deadline("ring::mpsc::producer", GoesOn, |deadline| {
        ring.producer_until(deadline).map(drop)
    });
    keeps_its_deadline("ring::mpsc::consumer", GoesOn, |deadline| {
        ring.consumer_until(deadline).map(drop)
    });
    keeps_its_deadline("ring::mpsc::consumer::recv", GoesOn, |deadline| {
        consumer.recv_until(&mut [0; 8], deadline)
    });
    keeps_its_deadline("ring::mpsc::consumer::peek", GoesOn, |deadline| {
        consumer.peek_until(deadline).map(drop)
    });
    let mut full = 0;
    while producer.try_send(&[1; 64]).is_ok() {
        full += 1;
    }
    keeps_its_deadline("ring::mpsc::producer::send", GoesOn, |deadline| {
        producer.send_until(&[2; 64], deadline)
    });
    keeps_its_deadline("ring::mpsc::producer::reserve", GoesOn, |deadline| {
        producer.reserve_until(64, deadline).map(drop)
    });
    let from = producer.id();
    for _ in 0..full {
        let record = Event::Record { from, len: 64 };
        assert_eq!(consumer.try_recv(&mut [0; 64]), Ok(record));
    }
    assert_eq!(consumer.try_recv(&mut [0; 64]), Err(Error::WouldBlock));
    let record = |n: u32| n.to_ne_bytes().repeat(256);
    all_arrive(
        "ring::mpsc::producer::send and consumer::recv",
        GoesOn,
        |n| {
            let record = record(n);
            in_turn!(n, || producer.send(&record), |d| producer
                .send_until(&record, d))
        },
        |n| {
            let mut bytes = [[0; 4]; 256];
            let all = bytes.as_flattened_mut();
            let event = in_turn!(n, || consumer.recv(all)?, |d| consumer
                .recv_until(all, d)?);
            assert!(event == Event::Record { from, len: 1024 });
            assert!(bytes.iter().all(|number| *number == bytes[0]));
            Ok::<_, Error>(decode(bytes[0]))
        },
    );
}
