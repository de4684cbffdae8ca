//! One end of a ring after another: left, closed, or held by a process that died.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use rawipc::Deadline;
use rawipc::ring::spsc::items;
use rawipc::ring::{AttachError, Error, SpinThenFutex};
use rawipc_model::{Model, pause, process};

type Ring = items::Ring<u64, SpinThenFutex>;
type Consumer = items::Consumer<u64, SpinThenFutex>;

fn ring() -> Arc<Ring> {
    Arc::new(Ring::create(4).unwrap())
}

/// Receives an item, from whomever: from a successor if the producer has died or closed.
fn pop(consumer: &mut Consumer) -> u64 {
    loop {
        match consumer.pop() {
            Ok(item) => return item,
            Err(Error::PeerDied | Error::Closed) => pause(),
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[test]
fn living_end_is_occupied() {
    Model::new(1).check(|| {
        let ring = ring();
        let producer = ring.producer().unwrap();
        let other = process(0, {
            let ring = ring.clone();
            move || assert_eq!(ring.producer().err(), Some(AttachError::Occupied))
        });
        other.join();
        drop(producer);
        ring.producer().unwrap();
    });
}

#[test]
fn successor_of_a_closed_end_opens_it_again() {
    Model::new(1).check(|| {
        let ring = ring();
        let mut consumer = ring.consumer().unwrap();
        drop(ring.producer().unwrap());
        assert_eq!(consumer.try_pop(), Err(Error::Closed));
        let mut producer = ring.producer().unwrap();
        assert_eq!(consumer.try_pop(), Err(Error::WouldBlock));
        producer.push(&1).unwrap();
        assert_eq!(consumer.try_pop(), Ok(1));
    });
}

/// Two producers after each other, in either order, in threads of their own.
#[test]
fn successor_continues_where_the_predecessor_left() {
    Model::new(2).memory(16).check(|| {
        let ring = ring();
        let mut consumer = ring.consumer().unwrap();
        let producers = [0, 1].map(|number| {
            let ring = ring.clone();
            process(number, move || {
                let mut producer = ring.producer_until(Deadline::Never).unwrap();
                producer.push(&(number as u64 + 1)).unwrap();
                producer.detach();
            })
        });
        let both = [pop(&mut consumer), pop(&mut consumer)];
        assert!(both == [1, 2] || both == [2, 1], "{both:?}");
        for producer in producers {
            producer.join();
        }
    });
}

/// With no consumer that could order what they do by chance.
#[test]
fn successor_sees_all_that_the_predecessor_did() {
    Model::new(3).check(move || {
        let ring = ring();
        let producers = [0, 1].map(|number| {
            let ring = ring.clone();
            process(number, move || {
                let mut producer = ring.producer_until(Deadline::Never).unwrap();
                producer.push(&7).unwrap();
                // Never sent: the successor writes over it.
                producer.batch().push(&9).unwrap();
                producer.detach();
            })
        });
        for producer in producers {
            producer.join();
        }
        let mut consumer = ring.consumer().unwrap();
        assert_eq!(consumer.try_pop(), Ok(7));
        assert_eq!(consumer.try_pop(), Ok(7));
    });
}

/// A successor never finds its end closed by its predecessor.
#[test]
fn predecessor_closes_nothing_of_its_successor() {
    Model::new(3).check(|| {
        let ring = ring();
        let mut consumer = ring.consumer().unwrap();
        let first = ring.producer().unwrap();
        let closing = process(0, move || drop(first));
        let mut second = ring.producer_until(Deadline::Never).unwrap();
        assert_eq!(consumer.try_pop(), Err(Error::WouldBlock));
        second.push(&1).unwrap();
        closing.join();
        assert_eq!(consumer.try_pop(), Ok(1));
        assert_eq!(consumer.try_pop(), Err(Error::WouldBlock));
    });
}

/// Pushes 1 to `items`, and says how many were pushed.
fn push_all(ring: &Ring, items: u64, committed: &AtomicU64) {
    let mut producer = ring.producer().unwrap();
    for item in 1..=items {
        producer.push(&item).unwrap();
        committed.store(item, Relaxed);
    }
}

/// A producer is killed anywhere, from before it attaches until after it has left. What it
/// committed is received once, what it did not is not, and its successor's follows.
#[test]
fn producer_killed_anywhere_is_succeeded() {
    Model::new(2).killing(0).check(|| {
        let ring = ring();
        let mut consumer = ring.consumer().unwrap();
        let committed = Arc::new(AtomicU64::new(0));
        let first = process(0, {
            let (ring, committed) = (ring.clone(), committed.clone());
            move || push_all(&ring, 1, &committed)
        });
        let mut received = consumer.try_pop().unwrap_or(0);
        first.join();
        if received == 0 {
            received = consumer.try_pop().unwrap_or(0);
        }
        let committed = committed.load(Relaxed);
        assert!(
            received == committed || received == committed + 1,
            "{received} of {committed} received"
        );
        let mut second = ring.producer().unwrap();
        second.push(&101).unwrap();
        assert_eq!(consumer.try_pop(), Ok(101));
        drop(second);
        assert_eq!(consumer.try_pop(), Err(Error::Closed));
    });
}

/// The consumer never looks again by itself: what the successor does wakes it.
#[test]
fn successor_of_a_killed_producer_wakes_the_sleeper() {
    Model::new(1).without_rechecks().killing(0).check(|| {
        let ring = ring();
        let mut consumer = ring.consumer().unwrap();
        let mut producer = ring.producer().unwrap();
        let first = process(0, move || producer.push(&1).unwrap());
        let second = process(1, {
            let ring = ring.clone();
            move || {
                first.join();
                ring.producer().unwrap().push(&101).unwrap();
            }
        });
        let mut item = pop(&mut consumer);
        if item == 1 {
            item = pop(&mut consumer);
        }
        assert_eq!(item, 101);
        second.join();
        assert_eq!(consumer.try_pop(), Err(Error::Closed));
    });
}

/// A reader that is overtaken while it looks takes nothing that is not published.
#[test]
fn overtaken_reader_takes_nothing_that_is_not_published() {
    Model::new(2).memory(64).killing(0).check(|| {
        let ring = ring();
        let mut consumer = ring.consumer().unwrap();
        let mut producer = ring.producer().unwrap();
        let first = process(0, move || {
            for item in 1..=4 {
                producer.push(&item).unwrap();
            }
            producer.detach();
        });
        let mut received = 0;
        while let Ok(item) = consumer.try_pop() {
            assert_eq!(item, received + 1);
            received = item;
        }
        first.join();
        let mut second = ring.producer().unwrap();
        second.push(&101).unwrap();
        loop {
            match consumer.try_pop().unwrap() {
                101 => break,
                item => {
                    assert_eq!(item, received + 1);
                    received = item;
                }
            }
        }
        assert_eq!(consumer.try_pop(), Err(Error::WouldBlock));
    });
}

/// A consumer is killed anywhere once it has attached (before, it is only absent, and a
/// producer waits for it). The producer goes on, and the successor receives all that
/// the dead one did not release.
#[test]
fn consumer_killed_anywhere_is_succeeded() {
    Model::new(1).memory(8).killing(0).check(|| {
        let ring = ring();
        let mut producer = ring.producer().unwrap();
        let mut consumer = ring.consumer().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let mut first = Some(process(0, {
            let received = received.clone();
            move || {
                let item = consumer.pop().unwrap();
                received.lock().unwrap().push(item);
            }
        }));
        let mut second = None;
        let mut succeed = || match first.take() {
            None => pause(),
            Some(first) => {
                first.join();
                let (ring, received) = (ring.clone(), received.clone());
                second = Some(process(1, move || receive_the_rest(&ring, &received)));
            }
        };
        for item in 1..=2 {
            while let Err(error) = producer.push(&item) {
                assert!(
                    matches!(error, Error::PeerDied | Error::Closed),
                    "{error:?}"
                );
                succeed();
            }
        }
        succeed();
        second.take().map(|second| second.join());
    });
}

/// Receives what is left of two items, after one who told of what it `received`.
fn receive_the_rest(ring: &Ring, received: &Mutex<Vec<u64>>) {
    let mut consumer = ring.consumer().unwrap();
    let told = received.lock().unwrap().clone();
    assert!(told.is_empty() || told == [1], "{told:?}");
    let told = told.len() as u64;
    let next = consumer.pop().unwrap();
    // The dead one may have released an item that it could not tell of.
    assert!(next == told + 1 || next == told + 2, "{next} after {told}");
    if next == 1 {
        assert_eq!(consumer.pop(), Ok(2));
    }
}
