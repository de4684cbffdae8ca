//! Calls that wait on bells, in a storm of signals.

use rawipc::ring::doorbell::{Bells, Ring};
use rawipc::ring::{Choice, Error, select};

use crate::support::LeakCheck;
use crate::support::interrupted::When::GoesOn;
use crate::support::interrupted::{all_arrive, keeps_its_deadline};

#[test]
fn of_records() {
    let _check = LeakCheck::begin();
    for bells in [Bells::Timer, Bells::Event] {
        let ring = Ring::create(1, bells).unwrap();
        let mut producer = ring.producer().unwrap();
        let mut consumer = ring.consumer().unwrap();
        keeps_its_deadline("ring::doorbell::producer", GoesOn, |deadline| {
            ring.producer_until(deadline).map(drop)
        });
        keeps_its_deadline("ring::doorbell::consumer", GoesOn, |deadline| {
            ring.consumer_until(deadline).map(drop)
        });
        keeps_its_deadline("ring::doorbell::consumer::recv", GoesOn, |deadline| {
            consumer.recv_until(&mut [0; 8], deadline)
        });
        keeps_its_deadline("ring::select::select", GoesOn, |deadline| {
            select(&mut [Choice::Recv(&mut consumer)], deadline)
        });
        let mut full = 0;
        while producer.try_send(&[1; 64]).is_ok() {
            full += 1;
        }
        keeps_its_deadline("ring::doorbell::producer::send", GoesOn, |deadline| {
            producer.send_until(&[2; 64], deadline)
        });
        for _ in 0..full {
            assert_eq!(consumer.try_recv(&mut [0; 64]), Ok(64));
        }
        assert_eq!(consumer.try_recv(&mut [0; 64]), Err(Error::WouldBlock));
        all_arrive(
            "ring::doorbell::producer::send and consumer::recv",
            GoesOn,
            |n| {
                let record = n.to_ne_bytes();
                in_turn!(n, || producer.send(&record), |d| producer
                    .send_until(&record, d))
            },
            |n| {
                let mut number = [0; 4];
                let len = in_turn!(n, || consumer.recv(&mut number)?, |d| consumer
                    .recv_until(&mut number, d)?);
                assert_eq!(len, 4);
                Ok::<_, Error>(u32::from_ne_bytes(number))
            },
        );
    }
}
