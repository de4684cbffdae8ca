//! The ring with bells: who publishes rings first, whatever dies or sleeps.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rawipc::ring::Error;
use rawipc::ring::doorbell::{Bells, Consumer, Producer, Ring};
use rawipc_model::{Model, pause, process};

/// Room for one record of eight bytes, and for two.
const ONE: usize = 16;
const TWO: usize = 32;

fn ring() -> Arc<Ring> {
    Arc::new(Ring::create(4096, Bells::Timer).unwrap())
}

fn send(producer: &mut Producer, number: u64) -> Result<(), Error> {
    producer.send(&number.to_ne_bytes())
}

fn number(bytes: [u8; 8], len: usize) -> u64 {
    assert_eq!(len, 8);
    u64::from_ne_bytes(bytes)
}

fn recv(consumer: &mut Consumer) -> Result<u64, Error> {
    let mut bytes = [0; 8];
    let len = consumer.recv(&mut bytes)?;
    Ok(number(bytes, len))
}

fn try_recv(consumer: &mut Consumer) -> Result<u64, Error> {
    let mut bytes = [0; 8];
    let len = consumer.try_recv(&mut bytes)?;
    Ok(number(bytes, len))
}

/// Receives a record, from whomever: from a successor if the producer has died or closed.
fn from_any(consumer: &mut Consumer) -> u64 {
    loop {
        match recv(consumer) {
            Ok(record) => return record,
            Err(Error::PeerDied | Error::Closed) => pause(),
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// The modelled ring begins just before its wraps.
fn records(count: u64, model: Model) {
    model.check(move || {
        let ring = ring();
        let mut producer = ring.producer().unwrap();
        let mut consumer = ring.consumer().unwrap();
        let sender = process(0, move || {
            for record in 1..=count {
                send(&mut producer, record).unwrap();
            }
        });
        for record in 1..=count {
            assert_eq!(recv(&mut consumer), Ok(record));
        }
        assert_eq!(recv(&mut consumer), Err(Error::Closed));
        sender.join();
    });
}

#[test]
fn records_arrive_in_order() {
    records(3, Model::new(1).memory(TWO));
    records(1, Model::new(3).memory(TWO));
}

/// Both ends sleep: the ring is full and empty in turn.
#[test]
fn full_ring_overwrites_nothing() {
    records(3, Model::new(1).memory(ONE));
}

/// A sleep that ends for no reason is followed by another arm, or by the same where nothing was
/// rung.
#[test]
fn records_arrive_although_sleeps_end_early() {
    records(2, Model::new(1).memory(ONE).returning_early());
    records(1, Model::new(2).memory(TWO).returning_early());
}

/// One in an event loop of its own, which looks again whatever rings: arming loses nothing.
#[test]
fn consumer_that_arms_and_polls_has_everything_when_told_of_the_close() {
    Model::new(3).memory(TWO).check(|| {
        let ring = ring();
        let mut producer = ring.producer().unwrap();
        let mut consumer = ring.consumer().unwrap();
        let sender = process(0, move || send(&mut producer, 1).unwrap());
        let mut received = 0;
        loop {
            match try_recv(&mut consumer) {
                Ok(record) => received += record,
                Err(Error::WouldBlock) => {
                    let _ = consumer.arm().unwrap();
                    pause();
                }
                Err(error) => {
                    assert_eq!(error, Error::Closed);
                    break;
                }
            }
        }
        assert_eq!(received, 1);
        sender.join();
    });
}

/// What was published before a close comes first, however the consumer looks.
#[test]
fn waiting_producer_is_told_of_the_close() {
    Model::new(2).memory(ONE).check(|| {
        let ring = ring();
        let mut producer = ring.producer().unwrap();
        let mut consumer = ring.consumer().unwrap();
        let receiver = process(0, move || assert_eq!(recv(&mut consumer), Ok(1)));
        let mut sent = 0;
        let error = loop {
            sent += 1;
            match send(&mut producer, sent) {
                Ok(()) => {}
                Err(error) => break error,
            }
        };
        assert_eq!((error, sent), (Error::Closed, 3), "room for one, and one was received");
        receiver.join();
    });
}

/// All that a producer committed, then its death.
#[test]
fn survivor_receives_what_was_committed_and_is_told_of_the_death() {
    Model::new(2).memory(TWO).killing(0).check(|| {
        let ring = ring();
        let mut consumer = ring.consumer().unwrap();
        let mut producer = ring.producer().unwrap();
        let committed = Arc::new(AtomicU64::new(0));
        let sender = process(0, {
            let committed = committed.clone();
            move || {
                send(&mut producer, 1).unwrap();
                committed.store(1, Relaxed);
            }
        });
        let mut received = 0;
        let end = loop {
            match recv(&mut consumer) {
                Ok(record) => received += record,
                Err(error) => break error,
            }
        };
        assert!(matches!(end, Error::Closed | Error::PeerDied), "{end:?}");
        sender.join();
        assert!(received <= 1 && received >= committed.load(Relaxed));
    });
}

/// The consumer never looks again by itself: what the successor does rings it, whatever the dead
/// one had rung, or published, or not.
#[test]
fn successor_of_a_killed_producer_rings_the_sleeper() {
    Model::new(1).memory(TWO).without_rechecks().killing(0).check(|| {
        let ring = ring();
        let mut consumer = ring.consumer().unwrap();
        let mut producer = ring.producer().unwrap();
        let first = process(0, move || send(&mut producer, 1).unwrap());
        let second = process(1, {
            let ring = ring.clone();
            move || {
                first.join();
                send(&mut ring.producer().unwrap(), 101).unwrap();
            }
        });
        let mut record = from_any(&mut consumer);
        if record == 1 {
            record = from_any(&mut consumer);
        }
        assert_eq!(record, 101);
        second.join();
        assert_eq!(try_recv(&mut consumer), Err(Error::Closed));
    });
}

/// A consumer is killed anywhere once it has attached, asleep or about to arm. Its successor, which
/// never looks again by itself, receives all that it did not release.
#[test]
fn successor_of_a_killed_consumer_is_rung() {
    Model::new(2).memory(TWO).without_rechecks().killing(1).check(|| {
        let ring = ring();
        let mut producer = ring.producer().unwrap();
        let consumer = ring.consumer().unwrap();
        let taken = Arc::new(AtomicU64::new(0));
        let first = process(1, {
            let taken = taken.clone();
            move || {
                let mut consumer = consumer;
                if recv(&mut consumer) == Ok(1) {
                    taken.store(1, Relaxed);
                }
                consumer.detach();
            }
        });
        let second = process(2, {
            let ring = ring.clone();
            move || {
                first.join();
                let mut consumer = ring.consumer().unwrap();
                let first = recv(&mut consumer).unwrap();
                if first == 1 {
                    assert_eq!(taken.load(Relaxed), 0, "received twice");
                    assert_eq!(recv(&mut consumer), Ok(2));
                } else {
                    assert_eq!(first, 2);
                }
            }
        });
        for record in [1, 2] {
            send(&mut producer, record).unwrap();
        }
        second.join();
    });
}

/// What an end did before it left is seen by its successor.
#[test]
fn successor_sees_all_that_the_predecessor_did() {
    Model::new(3).memory(TWO).check(|| {
        let ring = ring();
        let producers = [0, 1].map(|number| {
            let ring = ring.clone();
            process(number, move || {
                let mut producer = ring.producer_until(rawipc::Deadline::Never).unwrap();
                send(&mut producer, 7).unwrap();
                producer.detach();
            })
        });
        for producer in producers {
            producer.join();
        }
        let mut consumer = ring.consumer().unwrap();
        assert_eq!(try_recv(&mut consumer), Ok(7));
        assert_eq!(try_recv(&mut consumer), Ok(7));
    });
}
