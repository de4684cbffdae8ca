//! The pool: chunks that go from hand to hand, and those of the dead.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rawipc::ring::pool::{Class, Consumer, Pool, Producer};
use rawipc::ring::{Error, Spin, SpinThenFutex, Waiting};
use rawipc_model::{Hindrance, Model, pause, process};

const CHUNK: usize = 64;

/// A model with memory for so many chunks.
fn model(preemptions: usize, chunks: usize) -> Model {
    Model::new(preemptions).memory(CHUNK * chunks)
}

fn pool<W: Waiting>(chunks: usize, capacity: usize) -> Pool<W> {
    let class = Class {
        size: CHUNK,
        count: chunks,
    };
    Pool::create(&[class], capacity).unwrap()
}

fn send<W: Waiting>(producer: &Producer<W>, number: u64) -> Result<(), Error> {
    let mut loan = producer.loan(8)?;
    loan.write_at(0, &number.to_ne_bytes())?;
    Ok(loan.send()?)
}

fn recv<W: Waiting>(consumer: &Consumer<W>) -> Result<u64, Error> {
    let message = consumer.recv()?;
    let mut bytes = [0; 8];
    message.copy_to(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

/// Receives until there is nothing any more; returns the sum of all, and why.
fn drain<W: Waiting>(consumer: &Consumer<W>) -> (u64, Error) {
    let mut sum = 0;
    loop {
        match recv(consumer) {
            Ok(number) => sum += number,
            Err(end) => return (sum, end),
        }
    }
}

/// Each chunk is free, or a dead one's, and there are not more than were.
fn is_whole<W: Waiting>(pool: &Pool<W>, chunks: usize) {
    let producer = pool.producer().unwrap();
    let mut loans = Vec::new();
    // Of the calls in vain not each asks who lives.
    for _ in 0..chunks + 8 {
        loans.extend(producer.try_loan(1));
    }
    assert_eq!(loans.len(), chunks);
}

/// One sends `count` messages to the other.
fn one_to_one<W: Waiting>(model: Model, count: u64, chunks: usize, capacity: usize) {
    model.check(move || {
        let pool = pool::<W>(chunks, capacity);
        let producer = pool.producer().unwrap();
        let consumer = pool.consumer().unwrap();
        let sender = process(0, move || {
            for number in 1..=count {
                send(&producer, number).unwrap();
            }
        });
        for number in 1..=count {
            assert_eq!(recv(&consumer), Ok(number));
        }
        assert_eq!(recv(&consumer), Err(Error::Closed));
        sender.join();
    });
}

#[test]
fn messages_arrive_in_order_where_sides_sleep() {
    one_to_one::<SpinThenFutex>(model(1, 2), 3, 2, 1);
    one_to_one::<SpinThenFutex>(model(2, 2), 2, 2, 2);
    // With one chunk who waits for it sleeps.
    one_to_one::<SpinThenFutex>(model(2, 1), 2, 1, 1);
}

#[test]
fn messages_arrive_in_order_where_sides_spin() {
    one_to_one::<Spin>(model(2, 2), 2, 2, 1);
    one_to_one::<Spin>(model(2, 1), 2, 1, 1);
}

#[test]
fn messages_arrive_although_sleeps_end_early() {
    one_to_one::<SpinThenFutex>(model(1, 2).returning_early(), 1, 2, 1);
    one_to_one::<SpinThenFutex>(model(1, 1).returning_early(), 2, 1, 1);
}

/// Nobody has to look again: each wake comes.
#[test]
fn who_waits_is_woken() {
    one_to_one::<SpinThenFutex>(model(3, 1).without_rechecks(), 1, 1, 1);
    one_to_one::<SpinThenFutex>(model(2, 1).without_rechecks(), 2, 1, 1);
}

#[test]
fn messages_arrive_although_wakes_are_hindered() {
    for hindrance in [Hindrance::NoWakeOp, Hindrance::NoWake, Hindrance::Stranger] {
        one_to_one::<SpinThenFutex>(model(1, 2).hindered(hindrance), 2, 2, 1);
    }
}

/// Two send, two receive one message each: each message once, and all chunks are there at last.
fn two_to_two<W: Waiting>(model: Model, chunks: usize, capacity: usize) {
    model.check(move || {
        let pool = pool::<W>(chunks, capacity);
        let [here, there] = [pool.consumer().unwrap(), pool.consumer().unwrap()];
        let [one, two] = [pool.producer().unwrap(), pool.producer().unwrap()];
        let other = process(0, move || recv(&there).unwrap());
        let sender = process(1, move || {
            send(&one, 1).unwrap();
            one.detach();
        });
        send(&two, 2).unwrap();
        let received = recv(&here).unwrap();
        assert_eq!(received + other.join().unwrap(), 3);
        sender.join();
        drop(two);
        is_whole(&pool, chunks);
    });
}

#[test]
fn two_producers_and_two_consumers_lose_and_repeat_nothing() {
    two_to_two::<SpinThenFutex>(model(0, 2), 2, 1);
    two_to_two::<Spin>(model(1, 2), 2, 2);
}

/// A producer that dies at any step: what it had sent arrives, its chunk is somebody else's once.
#[test]
fn chunk_of_killed_producer_is_reclaimed_once() {
    model(1, 2).killing(0).check(|| {
        let pool = pool::<SpinThenFutex>(2, 1);
        let consumer = pool.consumer().unwrap();
        let producer = pool.producer().unwrap();
        // The slot has named another chunk than the next one before.
        send(&producer, 0).unwrap();
        assert_eq!(recv(&consumer), Ok(0));
        let done = Arc::new(AtomicU64::new(0));
        let sender = process(0, {
            let done = done.clone();
            move || {
                send(&producer, 5).unwrap();
                done.store(5, Relaxed);
            }
        });
        let (sum, end) = drain(&consumer);
        let done = done.load(Relaxed);
        assert!(sum == done || sum == 5, "{sum} of {done}, then {end:?}");
        sender.join();
        is_whole(&pool, 2);
    });
}

/// Another producer waits for the chunk, or for the slot, that a dead one had, while a consumer
/// finds it too.
#[test]
fn producer_that_waits_for_what_a_dead_one_had_gets_it() {
    model(0, 1).killing(0).check(|| {
        let pool = pool::<SpinThenFutex>(1, 1);
        let consumer = pool.consumer().unwrap();
        let dying = pool.producer().unwrap();
        let producer = pool.producer().unwrap();
        let sent = process(0, move || send(&dying, 1).unwrap()).join();
        let other = process(1, move || {
            let sent = send(&producer, 2);
            producer.detach();
            sent
        });
        let mut sum = 0;
        while sum & 2 == 0 {
            sum += recv(&consumer).unwrap();
        }
        assert!(sum == 3 || (sum == 2 && sent.is_none()), "{sum}");
        assert_eq!(other.join(), Some(Ok(())));
        drop(consumer);
        is_whole(&pool, 1);
    });
}

/// A consumer that dies at any step takes at most its message with it, and no chunk.
#[test]
fn chunk_of_killed_consumer_is_reclaimed_once() {
    model(1, 1).killing(0).check(|| {
        let pool = pool::<SpinThenFutex>(1, 1);
        let producer = pool.producer().unwrap();
        let dying = pool.consumer().unwrap();
        let receiver = process(0, move || recv(&dying));
        // For a slot, or for a chunk, it waits for the one that dies.
        let first = send(&producer, 1);
        let second = first.and_then(|()| send(&producer, 2));
        let received = receiver.join();
        let consumer = pool.consumer().unwrap();
        drop(producer);
        let (sum, _) = drain(&consumer);
        match received {
            Some(number) => assert_eq!(number, Ok(1)),
            None => assert!(first.is_ok() && sum <= 3, "{first:?} {second:?} {sum}"),
        }
        if second.is_ok() {
            assert!(sum >= 2, "{sum}");
        }
        is_whole(&pool, 1);
    });
}

/// The slot of the one that died is not used again, as there are more slots than chunks.
#[test]
fn chunk_on_the_way_to_a_dead_one_is_found() {
    model(0, 1).killing(0).check(|| {
        let pool = pool::<SpinThenFutex>(1, 2);
        let producer = pool.producer().unwrap();
        let dying = pool.consumer().unwrap();
        let _other = pool.consumer().unwrap();
        send(&producer, 1).unwrap();
        let received = process(0, move || {
            let message = dying.recv();
            message.is_ok()
        });
        if received.join().is_none() {
            let lost = (0..9).find_map(|_| producer.try_loan(1).ok());
            // Or it was not yet on its way.
            assert!(lost.is_some() || pool.consumer().unwrap().try_recv().is_ok());
            return;
        }
        is_whole(&pool, 1);
    });
}

/// Another consumer goes on where the dead one was.
#[test]
fn consumer_goes_on_behind_what_a_dead_one_had() {
    model(0, 2).killing(0).check(|| {
        let pool = pool::<SpinThenFutex>(2, 1);
        let producer = pool.producer().unwrap();
        let dying = pool.consumer().unwrap();
        let consumer = pool.consumer().unwrap();
        send(&producer, 1).unwrap();
        let received = process(0, move || recv(&dying)).join();
        let sender = process(1, move || {
            send(&producer, 2).unwrap();
            producer.detach();
        });
        let mut sum = 0;
        while sum & 2 == 0 {
            sum += recv(&consumer).unwrap();
        }
        assert!(sum == 2 || (sum == 3 && received.is_none()), "{sum}");
        sender.join();
        drop(consumer);
        is_whole(&pool, 2);
    });
}

/// Two find what a dead one has: one of them frees it.
#[test]
fn two_who_find_the_chunk_of_a_dead_one_get_it_one_after_the_other() {
    model(2, 1).check(|| {
        let pool = pool::<SpinThenFutex>(1, 1);
        let dead = pool.producer().unwrap();
        let one = pool.producer().unwrap();
        let two = pool.producer().unwrap();
        let _consumer = pool.consumer().unwrap();
        std::mem::forget(dead.loan(1).unwrap());
        dead.detach();
        let take = |producer: Producer| {
            let mut got = 0;
            for _ in 0..6 {
                if let Ok(mut loan) = producer.try_loan(1) {
                    // A race, if another had it too.
                    loan.write_at(0, &[1]).unwrap();
                    got += 1;
                } else {
                    pause();
                }
            }
            got
        };
        let other = process(0, move || take(one));
        let got = take(two) + other.join().unwrap();
        assert!(got > 0);
        is_whole(&pool, 1);
    });
}

/// The search has parts here, of two chunks and one question: each goes on where the last one ended,
/// and who is told that there is nothing more has had every chunk of the dead.
#[test]
fn chunks_of_the_dead_are_all_found_in_parts_before_the_end_is_told() {
    model(1, 5).check(|| {
        let pool = pool::<SpinThenFutex>(5, 1);
        // An end begins with the first chunk, and takes the next one that is free.
        let die = |loans| {
            let dead = pool.producer().unwrap();
            (0..loans).for_each(|_| std::mem::forget(dead.loan(1).unwrap()));
            dead.detach();
        };
        let living = pool.producer().unwrap();
        // In turn, so that nobody's answer serves the next chunk.
        let held = living.loan(1).unwrap();
        die(1);
        die(1);
        let other_held = living.loan(1).unwrap();
        die(1);
        let producer = pool.producer().unwrap();
        let other = process(0, {
            let consumer = pool.consumer().unwrap();
            move || drop(consumer)
        });
        let loans = [(); 3].map(|()| producer.loan(1).unwrap());
        other.join();
        assert_eq!(producer.reclaimed().chunks, 3);
        assert_eq!(producer.loan(1).err(), Some(Error::Closed));
        // Who does not wait comes to the same.
        drop(loans);
        die(3);
        let mut loans = Vec::new();
        for _ in 0..9 {
            loans.extend(producer.try_loan(1));
        }
        assert_eq!(loans.len(), 3);
        drop((held, other_held));
    });
}

/// A search that is under way has passed chunks of one who dies only then: who is told that the other
/// side has ended has had these, too.
#[test]
fn search_begun_before_a_death_finds_what_the_dead_one_had() {
    let try_until_told = |producer: &Producer<Spin>| loop {
        match producer.try_loan(1) {
            Err(Error::WouldBlock) => pause(),
            Err(error) => break Some(error),
            Ok(_) => break None,
        }
    };
    model(1, 3).killing(0).check(move || {
        let pool = pool::<Spin>(3, 1);
        let (producer, consumer) = (pool.producer().unwrap(), pool.consumer().unwrap());
        send(&producer, 1).unwrap();
        let held = [(); 2].map(|()| producer.loan(1).unwrap());
        let receiver = process(0, move || {
            let _ = recv(&consumer);
        });
        if let Some(told) = try_until_told(&producer) {
            assert!(matches!(told, Error::PeerDied | Error::Closed), "{told:?}");
            // It is not received.
            assert!(pool.consumer().unwrap().try_recv().is_ok());
        }
        receiver.join();
        drop(held);
    });
    // One of the same side dies, then the other side closes.
    model(1, 3).killing(0).check(move || {
        let pool = pool::<Spin>(3, 1);
        let (producer, consumer) = (pool.producer().unwrap(), pool.consumer().unwrap());
        let first = producer.loan(1).unwrap();
        let held = [(); 2].map(|()| producer.loan(1).unwrap());
        drop(first);
        let other = process(0, {
            let producer = pool.producer().unwrap();
            move || {
                drop(producer.try_loan(1));
                producer.detach();
            }
        });
        for _ in 0..2 {
            drop(producer.try_loan(1));
            pause();
        }
        other.join();
        drop(consumer);
        assert_eq!(try_until_told(&producer), None);
        drop(held);
    });
}

/// Whoever sleeps when the last of the other side closes is told.
#[test]
fn sleeper_is_told_of_the_close() {
    model(3, 1).without_rechecks().check(|| {
        let pool = pool::<SpinThenFutex>(1, 1);
        let (producer, consumer) = (pool.producer().unwrap(), pool.consumer().unwrap());
        let leaver = process(0, move || drop(producer));
        assert_eq!(recv(&consumer), Err(Error::Closed));
        leaver.join();
    });
    model(2, 2).without_rechecks().check(|| {
        let pool = pool::<SpinThenFutex>(2, 1);
        let (producer, consumer) = (pool.producer().unwrap(), pool.consumer().unwrap());
        send(&producer, 1).unwrap();
        let leaver = process(0, move || drop(consumer));
        // For a slot, and then for a chunk.
        let unsent = producer.loan(1).unwrap().send().unwrap_err();
        assert_eq!(unsent.error, Error::Closed);
        assert_eq!(producer.loan(1).err(), Some(Error::Closed));
        leaver.join();
    });
}

/// Who leaves last has not seen that another of its side has gone on, and its peer sleeps there.
#[test]
fn sleeper_is_told_of_the_close_by_one_who_was_behind() {
    model(1, 2).without_rechecks().check(|| {
        let pool = pool::<SpinThenFutex>(2, 2);
        let consumer = pool.consumer().unwrap();
        let [sender, leaver] = [(); 2].map(|()| pool.producer().unwrap());
        let sender = process(0, move || send(&sender, 1).unwrap());
        let leaver = process(1, move || drop(leaver));
        assert_eq!(recv(&consumer), Ok(1));
        assert_eq!(recv(&consumer), Err(Error::Closed));
        sender.join();
        leaver.join();
    });
}

/// Those who never wait come to the same.
#[test]
fn polling_ends_have_everything_when_told_of_the_end() {
    model(2, 1).killing(0).check(|| {
        let pool = pool::<Spin>(1, 1);
        let (producer, consumer) = (pool.producer().unwrap(), pool.consumer().unwrap());
        let done = Arc::new(AtomicU64::new(0));
        let sender = process(0, {
            let done = done.clone();
            move || {
                send(&producer, 1).unwrap();
                done.store(1, Relaxed);
            }
        });
        let mut received = 0;
        let end = loop {
            match consumer.try_recv() {
                Ok(message) => received += message.len() as u64 / 8,
                Err(Error::WouldBlock) => pause(),
                Err(error) => break error,
            }
        };
        let done = done.load(Relaxed);
        assert!(received == 1 || done == 0, "lost, then {end:?}");
        match sender.join() {
            Some(()) => assert_eq!((end, received), (Error::Closed, 1)),
            None => assert!(matches!(end, Error::PeerDied | Error::Closed), "{end:?}"),
        }
        drop(consumer);
        is_whole(&pool, 1);
    });
}
