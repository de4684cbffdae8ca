//! The ring between one producer and one consumer that live, or die at the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rawipc::ring::{Error, Spin, SpinThenFutex, Waiting, spsc};
use rawipc_model::{Hindrance, Model, pause, process};

/// The modelled ring has room for four items and begins just before its wraps.
fn items<W: Waiting>(count: u64, model: Model) {
    model.check(move || {
        let ring = spsc::items::Ring::<u64, W>::create(4).unwrap();
        let mut producer = ring.producer().unwrap();
        let mut consumer = ring.consumer().unwrap();
        let sender = process(0, move || {
            for item in 1..=count {
                producer.push(&item).unwrap();
            }
        });
        for item in 1..=count {
            assert_eq!(consumer.pop().unwrap(), item);
        }
        assert_eq!(consumer.pop(), Err(Error::Closed));
        sender.join();
    });
}

#[test]
fn items_arrive_in_order_where_sides_sleep() {
    items::<SpinThenFutex>(4, Model::new(1));
    items::<SpinThenFutex>(2, Model::new(3));
}

#[test]
fn items_arrive_in_order_where_sides_spin() {
    items::<Spin>(3, Model::new(2));
}

/// Each end chooses for itself.
#[test]
fn items_arrive_where_one_side_sleeps_and_the_other_spins() {
    Model::new(2).check(|| {
        let ring = spsc::items::Ring::<u64, Spin>::create(4).unwrap();
        let mut producer = ring.producer().unwrap();
        let mut consumer = ring.wait_by::<SpinThenFutex>().consumer().unwrap();
        let sender = process(0, move || {
            for item in 1..=2 {
                producer.push(&item).unwrap();
            }
        });
        for item in 1..=2 {
            assert_eq!(consumer.pop().unwrap(), item);
        }
        assert_eq!(consumer.pop(), Err(Error::Closed));
        sender.join();
    });
}

/// One that has been answered sleeps again: nobody takes its arm back.
#[test]
fn ends_that_answer_and_arm_again_wake() {
    items::<SpinThenFutex>(2, Model::new(3).without_rechecks());
}

/// An arm stays, whoever no longer sleeps.
#[test]
fn items_arrive_although_sleeps_end_early() {
    items::<SpinThenFutex>(2, Model::new(2).returning_early());
    items::<SpinThenFutex>(1, Model::new(3).returning_early());
}

/// A ring of two items is full and empty in turn.
#[test]
fn full_ring_overwrites_nothing() {
    items::<SpinThenFutex>(3, Model::new(1).memory(16));
}

#[test]
fn full_ring_overwrites_nothing_where_sides_spin() {
    items::<Spin>(3, Model::new(1).memory(16));
}

/// Too long to be beside the word.
#[test]
fn long_items_arrive_where_sides_spin() {
    Model::new(2).memory(64).check(|| {
        let ring = spsc::items::Ring::<[u64; 2], Spin>::create(4).unwrap();
        let mut producer = ring.producer().unwrap();
        let mut consumer = ring.consumer().unwrap();
        let sender = process(0, move || {
            for item in 1..=2 {
                producer.push(&[item, item]).unwrap();
            }
        });
        for item in 1..=2 {
            assert_eq!(consumer.pop().unwrap(), [item, item]);
        }
        assert_eq!(consumer.pop(), Err(Error::Closed));
        sender.join();
    });
}

/// Both ends sleep: the ring is full and empty in turn.
#[test]
fn records_arrive_whole() {
    Model::new(2).check(|| {
        let ring = spsc::Ring::<SpinThenFutex>::create(32).unwrap();
        let mut producer = ring.producer().unwrap();
        let mut consumer = ring.consumer().unwrap();
        let sender = process(0, move || {
            producer.send(b"first").unwrap();
            producer.send(b"the second, longer").unwrap();
            producer.send(b"").unwrap();
        });
        let mut buffer = [0; 24];
        for record in [b"first".as_slice(), b"the second, longer", b""] {
            let len = consumer.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..len], record);
        }
        assert_eq!(consumer.recv(&mut buffer), Err(Error::Closed));
        sender.join();
    });
}

/// A batch appears whole, and a batch is released whole.
#[test]
fn batches_appear_whole() {
    Model::new(2).check(|| {
        let ring = spsc::items::Ring::<u64, SpinThenFutex>::create(4).unwrap();
        let mut producer = ring.producer().unwrap();
        let mut consumer = ring.consumer().unwrap();
        let sender = process(0, move || {
            assert_eq!(producer.push_slice(&[1, 2, 3]).unwrap(), 3);
            producer.push(&4).unwrap();
            producer.push(&5).unwrap();
        });
        let mut items = [0; 4];
        let first = consumer.pop_slice(&mut items).unwrap();
        assert!(first >= 3, "a batch of three was seen as {first}");
        for item in first as u64 + 1..=5 {
            assert_eq!(consumer.pop().unwrap(), item);
        }
        sender.join();
    });
}

/// One that polls is told "closed" when it has received everything, and not before.
fn polled<W: Waiting>(preemptions: usize) {
    Model::new(preemptions).check(|| {
        let ring = spsc::items::Ring::<u64, W>::create(4).unwrap();
        let mut producer = ring.producer().unwrap();
        let mut consumer = ring.consumer().unwrap();
        let sender = process(0, move || producer.push(&1).unwrap());
        let mut received = 0;
        loop {
            match consumer.try_pop() {
                Ok(item) => received += item,
                Err(Error::WouldBlock) => pause(),
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

#[test]
fn polling_consumer_has_everything_when_told_of_the_close() {
    polled::<SpinThenFutex>(3);
    polled::<Spin>(3);
}

/// As above, of one that waits.
#[test]
fn waiting_consumer_has_everything_when_told_of_the_close() {
    items::<SpinThenFutex>(1, Model::new(4));
    items::<Spin>(1, Model::new(4));
}

/// The producer that waits for room is told that there will be none.
#[test]
fn waiting_producer_is_told_of_the_close() {
    Model::new(3).memory(16).check(|| {
        let ring = spsc::items::Ring::<u64, SpinThenFutex>::create(2).unwrap();
        let mut producer = ring.producer().unwrap();
        let mut consumer = ring.consumer().unwrap();
        let receiver = process(0, move || assert_eq!(consumer.pop(), Ok(1)));
        let mut sent = 0;
        let error = loop {
            sent += 1;
            match producer.push(&sent) {
                Ok(()) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(error, Error::Closed);
        assert_eq!(sent, 4, "room for two, and one was received");
        receiver.join();
    });
}

/// All that a producer committed, then its death; also where one asked whether it lives just
/// before it committed.
#[test]
fn survivor_receives_what_was_committed_and_is_told_of_the_death() {
    Model::new(2).killing(0).returning_early().check(|| {
        let ring = spsc::items::Ring::<u64, SpinThenFutex>::create(4).unwrap();
        let mut consumer = ring.consumer().unwrap();
        let mut producer = ring.producer().unwrap();
        let committed = Arc::new(AtomicU64::new(0));
        let sender = process(0, {
            let committed = committed.clone();
            move || {
                producer.push(&1).unwrap();
                committed.store(1, Relaxed);
            }
        });
        let mut received = 0;
        let end = loop {
            match consumer.pop() {
                Ok(item) => {
                    assert_eq!(item, received + 1);
                    received = item;
                }
                Err(error) => break error,
            }
        };
        let committed = committed.load(Relaxed);
        assert!(
            received == committed || received == committed + 1,
            "{received} of {committed} received, then {end:?}"
        );
        match sender.join() {
            Some(()) => assert_eq!((end, received), (Error::Closed, 1)),
            // Killed after it had told of the close, or before.
            None => assert!(matches!(end, Error::PeerDied | Error::Closed), "{end:?}"),
        }
    });
}

/// Each item arrives once, and so does the close, although nobody may be woken, or no barrier
/// stands between an arm and a sleep.
#[test]
fn items_arrive_once_although_wakes_are_hindered() {
    for hindrance in [Hindrance::NoWake, Hindrance::Stranger, Hindrance::NoBarrier] {
        items::<SpinThenFutex>(2, Model::new(2).hindered(hindrance));
        items::<SpinThenFutex>(3, Model::new(1).memory(16).hindered(hindrance));
    }
}

/// One that never waits is told of a death, too, once it has received everything.
fn polled_until_death<W: Waiting>() {
    Model::new(2).killing(0).check(|| {
        let ring = spsc::items::Ring::<u64, W>::create(4).unwrap();
        let mut consumer = ring.consumer().unwrap();
        let mut producer = ring.producer().unwrap();
        let committed = Arc::new(AtomicU64::new(0));
        let sender = process(0, {
            let committed = committed.clone();
            move || {
                producer.push(&1).unwrap();
                committed.store(1, Relaxed);
            }
        });
        let mut received = 0;
        let end = loop {
            match consumer.try_pop() {
                Ok(item) => received += item,
                Err(Error::WouldBlock) => pause(),
                Err(error) => break error,
            }
        };
        let committed = committed.load(Relaxed);
        assert!(received == 1 || committed == 0, "lost, then {end:?}");
        match sender.join() {
            Some(()) => assert_eq!((end, received), (Error::Closed, 1)),
            None => assert!(matches!(end, Error::PeerDied | Error::Closed), "{end:?}"),
        }
    });
}

#[test]
fn polling_survivor_is_told_of_the_death() {
    polled_until_death::<SpinThenFutex>();
    polled_until_death::<Spin>();
}
