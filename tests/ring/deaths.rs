//! Calls that do not wait, and what they are told of a death.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use rawipc::Deadline;
use rawipc::ring::spsc::{self, FAILURES_PER_LOOK, items};
use rawipc::ring::{Error, Spin, SpinThenFutex, Waiting};
use support::{Child, LIMIT, LeakCheck};

const ROOM: usize = 1 << 16;

fn limit() -> Deadline {
    Deadline::after(LIMIT)
}

/// Kills the child and waits until the kernel has let go of its end.
fn end(child: &mut Child, is_dead: impl Fn() -> bool) {
    child.kill();
    child.wait();
    let begin = limit();
    while !is_dead() {
        assert!(!begin.has_passed());
    }
}

/// A process that holds an end of the ring.
fn holder(hold: impl FnOnce() -> bool) -> Child {
    let child = Child::fork(|| {
        if !hold() {
            return 2;
        }
        1
    });
    child.await_sleep();
    child
}

fn sleep_for_ever() -> bool {
    loop {
        // SAFETY: no memory is involved.
        unsafe { libc::pause() };
    }
}

/// Tries until it is told something else than that it would block; returns what, and after how
/// many failures.
fn tries(mut attempt: impl FnMut() -> Result<(), Error>) -> (u32, Error) {
    for failures in 0..4 * FAILURES_PER_LOOK {
        match attempt() {
            Ok(()) => panic!("there is nothing"),
            Err(Error::WouldBlock) => {}
            Err(error) => return (failures, error),
        }
    }
    (4 * FAILURES_PER_LOOK, Error::WouldBlock)
}

fn told_of_death(mut attempt: impl FnMut() -> Result<(), Error>) {
    let (failures, error) = tries(&mut attempt);
    assert_eq!(error, Error::PeerDied);
    assert!(failures < FAILURES_PER_LOOK, "after {failures}");
    // And from then on each time.
    assert_eq!(attempt(), Err(Error::PeerDied));
}

fn dead_producer<W: Waiting>() {
    let ring = spsc::Ring::<W>::create(ROOM).unwrap();
    let mut consumer = ring.consumer().unwrap();
    let mut sender = holder(|| {
        let Ok(mut producer) = ring.producer() else {
            return false;
        };
        let _ = producer.send(b"last");
        sleep_for_ever()
    });
    // While it lives there is nothing to tell.
    assert_eq!(consumer.try_recv(&mut [0; 8]), Ok(4));
    let (failures, error) = tries(|| consumer.try_recv(&mut [0; 8]).map(drop));
    assert_eq!(
        (failures, error),
        (4 * FAILURES_PER_LOOK, Error::WouldBlock)
    );
    end(&mut sender, || consumer.peer() == spsc::Peer::Dead);
    told_of_death(|| consumer.try_recv(&mut [0; 8]).map(drop));
    told_of_death(|| consumer.try_peek().map(drop));
    told_of_death(|| consumer.batch().recv(&mut [0; 8]).map(drop));
    // A successor lives, and what it sends arrives.
    let mut producer = ring.producer().unwrap();
    let (_, error) = tries(|| consumer.try_recv(&mut [0; 8]).map(drop));
    assert_eq!(error, Error::WouldBlock);
    producer.send(b"new").unwrap();
    assert_eq!(consumer.try_recv(&mut [0; 8]), Ok(3));
}

#[test]
fn try_recv_after_failures_tells_of_a_dead_producer() {
    let _check = LeakCheck::begin();
    dead_producer::<SpinThenFutex>();
    dead_producer::<Spin>();
}

#[test]
fn try_recv_receives_all_before_it_tells_of_a_death() {
    let _check = LeakCheck::begin();
    let ring = spsc::Ring::<SpinThenFutex>::create(ROOM).unwrap();
    let mut consumer = ring.consumer().unwrap();
    let mut sender = holder(|| {
        let Ok(mut producer) = ring.producer() else {
            return false;
        };
        for _ in 0..3 {
            let _ = producer.send(b"x");
        }
        sleep_for_ever()
    });
    end(&mut sender, || consumer.peer() == spsc::Peer::Dead);
    for _ in 0..3 {
        assert_eq!(consumer.try_recv(&mut [0; 8]), Ok(1));
    }
    told_of_death(|| consumer.try_recv(&mut [0; 8]).map(drop));
}

#[test]
fn try_send_after_failures_tells_of_a_dead_consumer() {
    let _check = LeakCheck::begin();
    let ring = spsc::Ring::<SpinThenFutex>::create(ROOM).unwrap();
    let mut producer = ring.producer().unwrap();
    while producer.try_send(&[0; 100]).is_ok() {}
    // Nobody has attached: nobody has died.
    assert_eq!(tries(|| producer.try_send(&[0; 100])).1, Error::WouldBlock);
    let mut receiver = holder(|| {
        let Ok(_consumer) = ring.consumer() else {
            return false;
        };
        sleep_for_ever()
    });
    end(&mut receiver, || producer.peer() == spsc::Peer::Dead);
    told_of_death(|| producer.try_send(&[0; 100]));
    told_of_death(|| producer.try_reserve(100).map(drop));
    told_of_death(|| producer.batch().send(&[0; 100]));
}

fn dead_ends_of_items<W: Waiting>() {
    let ring = items::Ring::<u64, W>::create(512).unwrap();
    let mut consumer = ring.consumer().unwrap();
    let mut sender = holder(|| {
        let Ok(_producer) = ring.producer() else {
            return false;
        };
        sleep_for_ever()
    });
    end(&mut sender, || consumer.peer() == spsc::Peer::Dead);
    told_of_death(|| consumer.try_pop().map(drop));
    told_of_death(|| consumer.try_pop_slice(&mut [0; 4]).map(drop));
    drop(consumer);
    let mut producer = ring.producer().unwrap();
    let mut receiver = holder(|| {
        let Ok(_consumer) = ring.consumer() else {
            return false;
        };
        sleep_for_ever()
    });
    while producer.try_push(&7).is_ok() {}
    end(&mut receiver, || producer.peer() == spsc::Peer::Dead);
    told_of_death(|| producer.try_push(&7));
    told_of_death(|| producer.try_push_slice(&[7; 4]).map(drop));
}

#[test]
fn try_push_and_try_pop_after_failures_tell_of_a_death() {
    let _check = LeakCheck::begin();
    dead_ends_of_items::<SpinThenFutex>();
    dead_ends_of_items::<Spin>();
}
