//! Calls whose deadline has passed when they are made: they end, and who makes no others learns what
//! the rest learn.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use rawipc::Deadline;
use rawipc::ring::call::{CallError, Service};
use rawipc::ring::mpsc::{Departure, Event};
use rawipc::ring::{
    Choice, Error, Spin, SpinThenFutex, Waiting, broadcast, doorbell, latest, mpmc, mpsc, pool,
    select, spsc,
};
use support::{Child, End, LeakCheck, limit};

/// A process that attaches, and dies.
fn dead<E>(attach: impl FnOnce() -> E) {
    let mut child = Child::fork(|| {
        core::mem::forget(attach());
        0
    });
    assert_eq!(child.wait(), End::Exited(0));
}

/// What a call is told when the kernel has let go of a dead one's end: calls until it is told something
/// else than `late`.
fn told<T: PartialEq>(late: &T, mut call: impl FnMut() -> T) -> T {
    let limit = limit();
    loop {
        let told = call();
        if told != *late {
            return told;
        }
        assert!(!limit.has_passed(), "it is never told");
    }
}

fn told_late<W: Waiting>() {
    let (now, mut buffer) = (Deadline::NOW, [0; 8]);
    let (late, died) = (Some(Error::TimedOut), Some(Error::PeerDied));

    let ring = spsc::Ring::<W>::create(4096).unwrap();
    dead(|| ring.producer());
    let mut consumer = ring.consumer().unwrap();
    let mut call = || consumer.recv_until(&mut buffer, now).err();
    assert_eq!(told(&late, &mut call), died);

    let ring = mpmc::items::Ring::<u64, W>::create(4).unwrap();
    dead(|| ring.producer());
    let mut consumer = ring.consumer().unwrap();
    assert_eq!(told(&late, || consumer.pop_until(now).err()), died);

    let ring = mpsc::Ring::<W>::create(1, 4096).unwrap();
    dead(|| ring.producer());
    let mut consumer = ring.consumer().unwrap();
    let event = told(&Err(Error::TimedOut), || {
        consumer.recv_until(&mut buffer, now)
    });
    let why = Departure::Died;
    assert!(matches!(event, Ok(Event::Gone { why: it, .. }) if it == why));

    let classes = [pool::Class { size: 64, count: 1 }];
    let pool = pool::Pool::<W>::create(&classes, 1).unwrap();
    dead(|| pool.consumer());
    let producer = pool.producer().unwrap();
    producer.loan(1).unwrap().send().unwrap();
    assert_eq!(told(&late, || producer.loan_until(1, now).err()), died);

    let ring = broadcast::items::Ring::<u64, W>::create(4).unwrap();
    dead(|| ring.writer());
    let mut reader = ring.reader().unwrap();
    let late = Err(Error::TimedOut.into());
    assert_eq!(
        told(&late, || reader.pop_until(now)),
        Err(Error::PeerDied.into())
    );
}

/// Otherwise who never waits longer would never learn it.
#[test]
fn calls_whose_deadline_has_passed_tell_of_a_death() {
    let _check = LeakCheck::begin();
    told_late::<SpinThenFutex>();
    told_late::<Spin>();
    let (now, mut buffer) = (Deadline::NOW, [0; 8]);
    let (late, died) = (Some(Error::TimedOut), Some(Error::PeerDied));

    let value = latest::Value::<u64>::create(1).unwrap();
    dead(|| value.writer());
    let mut reader = value.reader().unwrap();
    assert_eq!(told(&late, || reader.read_newer_until(now).err()), died);

    let ring = doorbell::Ring::create(4096, doorbell::Bells::Timer).unwrap();
    dead(|| ring.producer());
    let mut consumer = ring.consumer().unwrap();
    let late_choice = Err(Error::TimedOut);
    let choice = told(&late_choice, || {
        select(&mut [Choice::Recv(&mut consumer)], now)
    });
    assert_eq!(choice, Ok(0));
    let mut call = || consumer.recv_until(&mut buffer, now).err();
    assert_eq!(told(&late, &mut call), died);

    let service = Service::create(1, 8, 8).unwrap();
    dead(|| service.client());
    let server = service.server().unwrap();
    assert_eq!(told(&late, || server.recv_until(now).err()), died);
    drop(server);
    dead(|| service.server());
    let client = service.client().unwrap();
    let late = Err(CallError::NotExecuted(Error::TimedOut));
    let call = || client.call_until(b"x", &mut [0; 8], now);
    assert_eq!(
        told(&late, call),
        Err(CallError::NotExecuted(Error::PeerDied))
    );
}
