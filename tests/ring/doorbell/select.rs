//! Waiting for several rings and descriptors at once.

use core::time::Duration;
use std::time::Instant;

use rawipc::event::Readiness;
use rawipc::event::eventfd::{self, EventFdFlags};
use rawipc::ring::doorbell::{Bells, Ring};
use rawipc::ring::{Choice, Error, select};
use rawipc::{AsFd, Deadline};

use super::{KINDS, ring};
use crate::support::{Child, End, LIMIT, LeakCheck, limit};

/// Three rings of three processes, and a descriptor that ends it.
#[test]
fn select_over_rings_and_a_descriptor_finds_each() {
    let _check = LeakCheck::begin();
    const EACH: u64 = 3_000;
    for bells in KINDS {
        let rings = [ring(bells), ring(bells), ring(bells)];
        let over = eventfd::create(0, EventFdFlags::empty()).unwrap();
        let children = [0, 1, 2].map(|index: usize| {
            Child::fork(|| {
                let Ok(mut producer) = rings[index].producer() else {
                    return 1;
                };
                for number in 0..EACH {
                    let record = (number * 4 + index as u64).to_ne_bytes();
                    if producer.send(&record).is_err() {
                        return 2;
                    }
                }
                i32::from(over.add(1).is_err())
            })
        });
        let mut consumers = rings.each_ref().map(|ring| ring.consumer().unwrap());
        let mut next = [0; 3];
        let mut ended = 0;
        while ended < 3 {
            let [a, b, c] = &mut consumers;
            let mut choices = [
                Choice::Recv(a),
                Choice::Recv(b),
                Choice::Recv(c),
                Choice::Descriptor(over.as_fd(), Readiness::IN),
            ];
            let index = select(&mut choices, limit()).unwrap();
            let mut buffer = [0; 8];
            let Some(consumer) = consumers.get_mut(index) else {
                ended += over.try_wait().unwrap();
                continue;
            };
            match consumer.try_recv(&mut buffer) {
                Ok(8) => {
                    let expected = next[index] * 4 + index as u64;
                    assert_eq!(u64::from_ne_bytes(buffer), expected);
                    next[index] += 1;
                }
                // It is found ended from now on: a new one takes its place.
                Err(Error::Closed) => {
                    assert_eq!(next[index], EACH);
                    rings[index].producer().unwrap().detach();
                }
                other => panic!("{other:?}"),
            }
        }
        for (index, mut child) in children.into_iter().enumerate() {
            assert_eq!(child.wait(), End::Exited(0));
            let mut buffer = [0; 8];
            while consumers[index].try_recv(&mut buffer).is_ok() {
                next[index] += 1;
            }
        }
        assert_eq!(next, [EACH; 3]);
    }
}

#[test]
fn select_for_room_finds_it() {
    let _check = LeakCheck::begin();
    let ring = ring(Bells::Timer);
    let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
    while producer.try_send(&[1; 504]).is_ok() {}
    let moment = Deadline::after(Duration::from_millis(3));
    let full = select(&mut [Choice::Send(&mut producer)], moment);
    assert_eq!(full, Err(Error::TimedOut));
    assert_eq!(consumer.recv(&mut [0; 504]), Ok(504));
    assert_eq!(select(&mut [Choice::Send(&mut producer)], limit()), Ok(0));
    assert_eq!(producer.try_send(&[2; 504]), Ok(()));
}

#[test]
fn select_tells_of_a_death_and_of_a_close() {
    let _check = LeakCheck::begin();
    let ring = ring(Bells::Timer);
    let mut consumer = ring.consumer().unwrap();
    let mut child = Child::fork(|| {
        core::mem::forget(ring.producer());
        0
    });
    assert_eq!(child.wait(), End::Exited(0));
    let begin = Instant::now();
    assert_eq!(select(&mut [Choice::Recv(&mut consumer)], limit()), Ok(0));
    assert_eq!(consumer.try_recv(&mut [0; 8]), Err(Error::PeerDied));
    assert!(begin.elapsed() < LIMIT / 2);
    drop(ring.producer().unwrap());
    assert_eq!(select(&mut [Choice::Recv(&mut consumer)], limit()), Ok(0));
    assert_eq!(consumer.try_recv(&mut [0; 8]), Err(Error::Closed));
}

#[test]
fn select_until_a_deadline_that_has_passed_looks_once() {
    let _check = LeakCheck::begin();
    let ring = ring(Bells::Timer);
    let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
    let late = select(&mut [Choice::Recv(&mut consumer)], Deadline::NOW);
    assert_eq!(late, Err(Error::TimedOut));
    producer.send(b"x").unwrap();
    let found = select(&mut [Choice::Recv(&mut consumer)], Deadline::NOW);
    assert_eq!(found, Ok(0));
    let event = eventfd::create(1, EventFdFlags::empty()).unwrap();
    let choice = Choice::Descriptor(event.as_fd(), Readiness::IN);
    assert_eq!(select(&mut [choice], Deadline::NOW), Ok(0));
    assert_eq!(select(&mut [], Deadline::NOW), Err(Error::TimedOut));
}

/// A ring that always has something does not hide a descriptor before it.
#[test]
fn select_prefers_the_first_of_what_is_ready() {
    let _check = LeakCheck::begin();
    let ring = Ring::create(4096, Bells::Timer).unwrap();
    let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
    producer.send(b"x").unwrap();
    let [before, after] = [(); 2].map(|()| eventfd::create(1, EventFdFlags::empty()).unwrap());
    let ready = |fd| Choice::Descriptor(fd, Readiness::IN);
    let mut choices = [
        ready(before.as_fd()),
        Choice::Recv(&mut consumer),
        ready(after.as_fd()),
    ];
    assert_eq!(select(&mut choices, Deadline::Never), Ok(0));
    before.try_wait().unwrap();
    assert_eq!(select(&mut choices, Deadline::Never), Ok(1));
    let Choice::Recv(consumer) = &mut choices[1] else {
        unreachable!("the consumer is second")
    };
    consumer.recv(&mut [0; 8]).unwrap();
    assert_eq!(select(&mut choices, Deadline::Never), Ok(2));
}
