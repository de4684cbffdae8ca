//! The ring for many producers and many consumers, `ring::mpmc`: claims, publishing to sleepers,
//! batches, and what the dead leave in their claims. Laps are about to wrap around.

use std::sync::Arc;

use rawipc::Deadline;
use rawipc::ring::mpmc::{self, items};
use rawipc::ring::{Error, Spin, SpinThenFutex, Waiting};
use rawipc_model::{Model, process};

type Ring<W = SpinThenFutex> = items::Ring<u64, W>;

/// Slots are 16 bytes apart.
const SLOT: usize = 16;

fn model(preemptions: usize, capacity: usize) -> Model {
    Model::new(preemptions).memory(capacity * SLOT)
}

fn ring<W: Waiting>(capacity: usize) -> Arc<Ring<W>> {
    Arc::new(Ring::create(capacity).unwrap())
}

/// Items cross one by one, and both sides wait for each other.
fn crossing<W: Waiting>(model: Model, capacity: usize, items: u64) {
    model.check(move || {
        let ring = ring::<W>(capacity);
        let mut producer = ring.producer().unwrap();
        let mut consumer = ring.consumer().unwrap();
        let sender = process(0, move || {
            for item in 1..=items {
                producer.push(&item).unwrap();
            }
            producer
        });
        for item in 1..=items {
            assert_eq!(consumer.pop(), Ok(item));
        }
        let mut producer = sender.join().unwrap();
        assert_eq!(consumer.try_pop(), Err(Error::WouldBlock));
        producer.try_push(&9).unwrap();
        assert_eq!(consumer.try_pop(), Ok(9));
    });
}

#[test]
fn items_cross_through_one_slot_in_order() {
    crossing::<SpinThenFutex>(model(2, 1), 1, 2);
}

#[test]
fn items_cross_through_two_slots_in_order() {
    crossing::<SpinThenFutex>(model(2, 2), 2, 3);
}

#[test]
fn items_cross_through_one_slot_without_sleeping() {
    crossing::<Spin>(model(2, 1), 1, 2);
}

/// Two producers and two consumers, one of each in a process, and a message of each.
fn two_by_two<W: Waiting>(model: Model, capacity: usize) {
    model.check(move || {
        let ring = ring::<W>(capacity);
        let [mut one, mut two] = [1, 2].map(|_| ring.producer().unwrap());
        let [mut here, mut there] = [1, 2].map(|_| ring.consumer().unwrap());
        let other = process(0, move || {
            one.push(&1).unwrap();
            (there.pop().unwrap(), one, there)
        });
        two.push(&2).unwrap();
        let mine = here.pop().unwrap();
        let (theirs, _one, _there) = other.join().unwrap();
        assert_eq!(mine + theirs, 3, "{mine} and {theirs}");
    });
}

#[test]
fn two_producers_and_two_consumers_share_one_slot() {
    two_by_two::<SpinThenFutex>(model(2, 1), 1);
}

#[test]
fn two_producers_and_two_consumers_share_two_slots() {
    two_by_two::<SpinThenFutex>(model(3, 2), 2);
}

#[test]
fn two_producers_and_two_consumers_share_two_slots_without_sleeping() {
    two_by_two::<Spin>(model(2, 2), 2);
}

/// Two producers and two consumers that wait for them, in a process each.
#[test]
fn two_sleepers_are_served_by_two_producers() {
    model(0, 2).check(|| {
        let ring = ring::<SpinThenFutex>(2);
        let [mut one, mut two] = [1, 2].map(|_| ring.producer().unwrap());
        let [mut here, mut there] = [1, 2].map(|_| ring.consumer().unwrap());
        let first = process(0, move || (one.push(&1).unwrap(), one));
        let waiter = process(1, move || (there.pop().unwrap(), there));
        let second = process(2, move || (two.push(&2).unwrap(), two));
        let mine = here.pop().unwrap();
        let (theirs, _there) = waiter.join().unwrap();
        assert_eq!(mine + theirs, 3);
        let _ends = (first.join(), second.join());
    });
}

/// Two producers beside each other; what each sends arrives in its order.
#[test]
fn items_of_two_producers_arrive_in_the_order_of_each() {
    model(2, 4).check(|| {
        let ring = ring::<SpinThenFutex>(4);
        let [mut one, mut two] = [1, 2].map(|_| ring.producer().unwrap());
        let mut consumer = ring.consumer().unwrap();
        let first = process(0, move || {
            one.push(&1).unwrap();
            one.push(&2).unwrap();
            one
        });
        two.push(&7).unwrap();
        let all = [1, 2, 3].map(|_| consumer.pop().unwrap());
        let of_one: Vec<u64> = all.into_iter().filter(|&item| item != 7).collect();
        assert_eq!(of_one, [1, 2], "{all:?}");
        first.join();
    });
}

/// Two consumers beside each other share what is there, and each finds it in its order.
#[test]
fn items_for_two_consumers_arrive_once() {
    model(2, 4).check(|| {
        let ring = ring::<SpinThenFutex>(4);
        let mut producer = ring.producer().unwrap();
        let [mut here, mut there] = [1, 2].map(|_| ring.consumer().unwrap());
        let other = process(0, move || (there.pop().unwrap(), there));
        for item in 1..=3 {
            producer.push(&item).unwrap();
        }
        let mine = [here.pop().unwrap(), here.pop().unwrap()];
        let (theirs, _there) = other.join().unwrap();
        assert!(mine[0] < mine[1], "{mine:?}");
        assert_eq!(mine[0] + mine[1] + theirs, 6);
    });
}

/// One producer's own hint is far behind: it learns from the slots how far another has come.
#[test]
fn producer_that_is_behind_finds_no_slot_further_back() {
    model(2, 2).check(|| {
        let ring = ring::<SpinThenFutex>(2);
        let [mut ahead, mut behind] = [1, 2].map(|_| ring.producer().unwrap());
        let mut consumer = ring.consumer().unwrap();
        let first = process(0, move || {
            for item in 1..=3 {
                ahead.push(&item).unwrap();
            }
            ahead
        });
        assert_eq!(consumer.pop(), Ok(1));
        // Full, or not.
        match behind.try_push(&4) {
            Ok(()) | Err(Error::WouldBlock) => {}
            Err(error) => panic!("{error:?}"),
        }
        let mut before = 1;
        for _ in 0..2 {
            let item = consumer.pop().unwrap();
            assert!(item > before || before == 4, "{item} behind {before}");
            before = item;
        }
        first.join();
    });
}

/// A batch is one claim: all of it is there, or the first of it is not.
fn batches<W: Waiting>(model: Model) {
    model.check(move || {
        let ring = ring::<W>(2);
        let mut producer = ring.producer().unwrap();
        let mut consumer = ring.consumer().unwrap();
        let sender = process(0, move || {
            let mut left: &[u64] = &[1, 2, 3];
            while !left.is_empty() {
                let pushed = producer.push_slice(left).unwrap();
                left = &left[pushed..];
            }
            producer
        });
        let (mut received, mut items) = (Vec::new(), [0; 2]);
        while received.len() < 3 {
            let popped = consumer.pop_slice(&mut items).unwrap();
            received.extend_from_slice(&items[..popped]);
        }
        assert_eq!(received, [1, 2, 3]);
        sender.join();
    });
}

#[test]
fn batches_cross_whole_and_in_order() {
    batches::<SpinThenFutex>(model(2, 2));
}

#[test]
fn batches_cross_without_sleeping() {
    batches::<Spin>(model(2, 2));
}

/// Two producers claim batches of the same slots.
#[test]
fn batches_of_two_producers_do_not_overlap() {
    model(2, 2).check(|| {
        let ring = ring::<SpinThenFutex>(2);
        let [mut one, mut two] = [1, 2].map(|_| ring.producer().unwrap());
        let mut consumer = ring.consumer().unwrap();
        let first = process(0, move || (one.try_push_slice(&[1, 2]).unwrap_or(0), one));
        let second = two.try_push_slice(&[7, 8]).unwrap_or(0);
        let mut received = Vec::new();
        let (first, _one) = first.join().unwrap();
        while let Ok(item) = consumer.try_pop() {
            received.push(item);
        }
        assert_eq!(received.len(), first + second);
        assert_eq!(received.len(), 2, "both had all the room: {received:?}");
        let of = |items: [u64; 2]| received.iter().filter(|item| items.contains(item)).count();
        assert_eq!((of([1, 2]), of([7, 8])), (first, second), "{received:?}");
    });
}

/// A batch's rest is its producer's also where its first item has been received: another producer,
/// which then finds the first slot free, does not take the next one for free too.
///
/// The batch comes first where nothing else decides: loom puts what is done before a step that
/// changes a word, seldom before one that looks at it.
#[test]
fn batch_that_is_received_in_part_keeps_its_rest() {
    model(2, 2).check(|| {
        let ring = ring::<SpinThenFutex>(2);
        let [mut one, mut two] = [1, 2].map(|_| ring.producer().unwrap());
        let mut consumer = ring.consumer().unwrap();
        let other = process(0, move || {
            let received = Vec::from_iter(consumer.try_pop());
            let sent = two.try_push_slice(&[7, 8]).unwrap_or(0);
            (received, sent, consumer, two)
        });
        let first = one.try_push_slice(&[1, 2]).unwrap_or(0);
        let (mut received, second, mut consumer, _two) = other.join().unwrap();
        while let Ok(item) = consumer.try_pop() {
            received.push(item);
        }
        let of = |items: [u64; 2]| Vec::from_iter(received.iter().filter(|&i| items.contains(i)));
        assert_eq!(of([1, 2]), [&1, &2][..first], "{received:?}");
        assert_eq!(of([7, 8]), [&7, &8][..second], "{received:?}");
    });
}

/// Two consumers claim batches of the same slots.
#[test]
fn batches_for_two_consumers_do_not_overlap() {
    model(2, 2).check(|| {
        let ring = ring::<SpinThenFutex>(2);
        let mut producer = ring.producer().unwrap();
        let [mut here, mut there] = [1, 2].map(|_| ring.consumer().unwrap());
        assert_eq!(producer.push_slice(&[1, 2]), Ok(2));
        let other = process(0, move || {
            let mut items = [0; 2];
            (there.try_pop_slice(&mut items).unwrap_or(0), items, there)
        });
        let mut items = [0; 2];
        let mine = here.try_pop_slice(&mut items).unwrap_or(0);
        let (theirs, others, _there) = other.join().unwrap();
        let mut all = items[..mine].to_vec();
        all.extend_from_slice(&others[..theirs]);
        all.sort_unstable();
        assert_eq!(all, [1, 2]);
        // All slots are free again.
        assert_eq!(producer.try_push_slice(&[3, 4]), Ok(2));
    });
}

/// A consumer that is behind comes to the middle of the other one's batch, which that gives back.
#[test]
fn consumer_that_is_behind_claims_nothing_of_a_batch() {
    model(2, 4).check(|| {
        let ring = ring::<Spin>(4);
        let mut producer = ring.producer().unwrap();
        let [mut ahead, mut behind] = [1, 2].map(|_| ring.consumer().unwrap());
        assert_eq!(producer.try_push_slice(&[0, 1, 2, 3]), Ok(4));
        assert_eq!(behind.try_pop(), Ok(0));
        assert_eq!(ahead.try_pop_slice(&mut [0; 4]), Ok(3));
        assert_eq!(producer.try_push_slice(&[4, 5, 6, 7]), Ok(4));
        let other = process(0, move || (behind.try_pop(), behind));
        let mut items = [0; 3];
        let popped = ahead.try_pop_slice(&mut items).unwrap_or(0);
        let mut all = items[..popped].to_vec();
        let (theirs, mut behind) = other.join().unwrap();
        all.extend(theirs);
        while let Ok(item) = behind.try_pop() {
            all.push(item);
        }
        all.sort_unstable();
        assert_eq!(all, [4, 5, 6, 7]);
    });
}

/// A producer that is behind comes to the middle of the other one's batch, which that publishes.
#[test]
fn producer_that_is_behind_claims_nothing_of_a_batch() {
    model(3, 4).check(|| {
        let ring = ring::<Spin>(4);
        let mut consumer = ring.consumer().unwrap();
        let [mut ahead, mut behind] = [1, 2].map(|_| ring.producer().unwrap());
        assert_eq!(behind.try_push(&0), Ok(()));
        assert_eq!(ahead.try_push_slice(&[1, 2, 3]), Ok(3));
        assert_eq!(consumer.try_pop_slice(&mut [0; 4]), Ok(4));
        let other = process(0, move || (behind.try_push(&7), behind));
        assert_eq!(ahead.try_push_slice(&[4, 5, 6]), Ok(3));
        let (pushed, _behind) = other.join().unwrap();
        assert_eq!(pushed, Ok(()));
        let mut all = Vec::new();
        while let Ok(item) = consumer.try_pop() {
            all.push(item);
        }
        all.sort_unstable();
        assert_eq!(all, [4, 5, 6, 7]);
    });
}

/// A consumer that is behind meets the batches of the other one, and those of the next lap.
#[test]
fn batch_claimed_by_another_hides_nothing_behind_it() {
    model(2, 2).check(|| {
        let ring = ring::<SpinThenFutex>(2);
        let mut producer = ring.producer().unwrap();
        let [mut behind, mut ahead] = [1, 2].map(|_| ring.consumer().unwrap());
        assert_eq!(producer.push_slice(&[1, 2]), Ok(2));
        let other = process(0, move || {
            let mut items = [0; 2];
            let popped = ahead.try_pop_slice(&mut items).unwrap_or(0);
            let pushed = producer.try_push_slice(&[3, 4]).unwrap_or(0);
            (items[..popped].to_vec(), pushed, producer, ahead)
        });
        let mut received = Vec::new();
        let mut look = || match behind.try_pop() {
            Ok(item) => {
                received.push(item);
                true
            }
            Err(error) => {
                assert_eq!(error, Error::WouldBlock);
                false
            }
        };
        look();
        let (theirs, pushed, _producer, _ahead) = other.join().unwrap();
        while look() {}
        assert!(received.is_sorted(), "{received:?}");
        received.extend(theirs);
        received.sort_unstable();
        assert_eq!(received, [1, 2, 3, 4][..2 + pushed]);
    });
}

// --- Deaths ---

/// Receives what is there until nothing more comes, from producers that have died.
fn drain(consumer: &mut items::Consumer<u64>) -> Vec<u64> {
    let mut received = Vec::new();
    loop {
        match consumer.pop() {
            Ok(item) => received.push(item),
            Err(Error::PeerDied | Error::Closed) => return received,
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// Pushes as much as fits, which then is as much as the capacity.
fn all_is_free(ring: &Ring, capacity: usize) {
    let mut producer = ring.producer().unwrap();
    let mut consumer = ring.consumer().unwrap();
    for item in 0..capacity as u64 {
        // The first may have to find the dead.
        producer.push(&item).unwrap();
    }
    assert_eq!(producer.try_push(&9), Err(Error::WouldBlock));
    for item in 0..capacity as u64 {
        assert_eq!(consumer.pop(), Ok(item));
    }
    assert_eq!(consumer.try_pop(), Err(Error::WouldBlock));
}

/// A producer is killed at any step. What it had sent arrives, its claim is void, and all room is
/// there again.
fn killed_producer(model: Model, capacity: usize, items: &'static [u64]) {
    model.killing(0).check(move || {
        let ring = ring::<SpinThenFutex>(capacity);
        let mut consumer = ring.consumer().unwrap();
        let mut producer = ring.producer().unwrap();
        let sender = process(0, move || {
            let mut left = items;
            while !left.is_empty() {
                let pushed = producer.push_slice(left).unwrap();
                left = &left[pushed..];
            }
        });
        let received = drain(&mut consumer);
        assert_eq!(received, items[..received.len()]);
        if sender.join().is_some() {
            assert_eq!(received, items);
        }
        drop(consumer);
        all_is_free(&ring, capacity);
    });
}

#[test]
fn producer_killed_anywhere_leaves_a_void_position() {
    killed_producer(model(1, 1), 1, &[1, 2]);
}

#[test]
fn producer_killed_in_a_batch_leaves_void_positions() {
    killed_producer(model(2, 2), 2, &[1, 2]);
}

/// A consumer is killed at any step. What it had claimed is lost with it, and nothing else.
fn killed_consumer(model: Model, capacity: usize, batch: usize) {
    model.killing(0).check(move || {
        let ring = ring::<SpinThenFutex>(capacity);
        let mut producer = ring.producer().unwrap();
        let mut survivor = ring.consumer().unwrap();
        let mut dying = ring.consumer().unwrap();
        let victim = process(0, move || {
            let mut items = [0; 2];
            let popped = dying.pop_slice(&mut items[..batch]).unwrap();
            (items[..popped].to_vec(), dying)
        });
        let all = [1, 2, 3];
        for item in &all {
            producer.push(item).unwrap();
        }
        let theirs = victim.join();
        drop(producer);
        let mut received = drain(&mut survivor);
        if let Some((items, _dying)) = &theirs {
            received.extend_from_slice(items);
            received.sort_unstable();
            assert_eq!(received, all);
        } else {
            assert!(received.len() + batch >= all.len(), "{received:?}");
            assert!(received.is_sorted(), "{received:?}");
        }
        let lost = survivor.statistics().lost as usize;
        assert!(theirs.is_some() || received.len() + lost <= all.len());
        drop((theirs, survivor));
        all_is_free(&ring, capacity);
    });
}

#[test]
fn consumer_killed_anywhere_loses_what_it_had_claimed() {
    // Two of three fit, and the survivor is not there yet.
    killed_consumer(model(2, 4), 4, 1);
}

#[test]
fn consumer_killed_in_a_batch_loses_what_it_had_claimed() {
    killed_consumer(model(2, 4), 4, 2);
}

/// A producer is killed while a consumer sleeps: if it had published the consumer is woken, without
/// ever looking again by itself.
#[test]
fn killed_producer_leaves_no_sleeper_beside_an_item() {
    model(1, 4).killing(0).without_rechecks().check(|| {
        let ring = ring::<SpinThenFutex>(4);
        let [mut one, mut two] = [1, 2].map(|_| ring.producer().unwrap());
        let [mut sleeper, mut other] = [1, 2].map(|_| ring.consumer().unwrap());
        let sender = process(0, move || one.push(&1).unwrap());
        let waiter = process(1, move || (sleeper.pop().unwrap(), sleeper));
        sender.join();
        // Now and then one asks the kernel, and finds what the dead one had claimed.
        let taken = [1, 2, 3].map(|_| other.try_pop().unwrap_or(0));
        two.try_push(&2).unwrap();
        let (item, _sleeper) = waiter.join().unwrap();
        assert!(!taken.contains(&item), "{item}: {taken:?}");
    });
}

/// A stopped process is not a dead one, however long it takes.
#[test]
fn claim_of_the_living_is_never_taken() {
    model(2, 1).returning_early().check(|| {
        let ring = ring::<SpinThenFutex>(1);
        let mut producer = ring.producer().unwrap();
        let mut consumer = ring.consumer().unwrap();
        let sender = process(0, move || {
            producer.push(&1).unwrap();
            producer.push(&2).unwrap();
            producer
        });
        assert_eq!(consumer.pop(), Ok(1));
        assert_eq!(consumer.pop(), Ok(2));
        sender.join();
        assert_eq!(consumer.statistics(), mpmc::Statistics::default());
    });
}

// --- Ends ---

#[test]
fn producer_that_closes_wakes_a_sleeper() {
    model(2, 1).check(|| {
        let ring = ring::<SpinThenFutex>(1);
        let producer = ring.producer().unwrap();
        let mut consumer = ring.consumer().unwrap();
        let closing = process(0, move || drop(producer));
        assert_eq!(consumer.pop(), Err(Error::Closed));
        closing.join();
    });
}

/// Behind a message, and beside another that has left.
#[test]
fn last_producer_that_closes_wakes_a_sleeper_after_its_message() {
    model(1, 1).check(|| {
        let ring = ring::<SpinThenFutex>(1);
        let [one, mut two] = [1, 2].map(|_| ring.producer().unwrap());
        let mut consumer = ring.consumer().unwrap();
        drop(one);
        let closing = process(0, move || two.push(&1).unwrap());
        assert_eq!(consumer.pop(), Ok(1));
        assert_eq!(consumer.pop(), Err(Error::Closed));
        closing.join();
    });
}

/// It has not seen that another one of its side has gone on.
#[test]
fn last_producer_that_closes_wakes_a_sleeper_further_on() {
    model(1, 2).check(|| {
        let ring = ring::<SpinThenFutex>(2);
        let [mut sender, leaver] = [1, 2].map(|_| ring.producer().unwrap());
        let mut consumer = ring.consumer().unwrap();
        let sender = process(0, move || sender.push(&1).unwrap());
        let leaver = process(1, move || drop(leaver));
        assert_eq!(consumer.pop(), Ok(1));
        assert_eq!(consumer.pop(), Err(Error::Closed));
        sender.join();
        leaver.join();
    });
}

#[test]
fn consumer_that_closes_wakes_a_sleeper() {
    model(2, 1).check(|| {
        let ring = ring::<SpinThenFutex>(1);
        let mut producer = ring.producer().unwrap();
        let consumer = ring.consumer().unwrap();
        producer.push(&1).unwrap();
        let closing = process(0, move || drop(consumer));
        assert_eq!(producer.push(&2), Err(Error::Closed));
        closing.join();
    });
}

#[test]
fn wait_that_ends_at_its_deadline_takes_nothing() {
    model(2, 1).returning_early().check(|| {
        let ring = ring::<SpinThenFutex>(1);
        let mut producer = ring.producer().unwrap();
        let mut consumer = ring.consumer().unwrap();
        let sender = process(0, move || {
            producer.push(&1).unwrap();
            producer
        });
        let first = consumer.pop_until(Deadline::after(core::time::Duration::from_secs(3600)));
        match first {
            Ok(item) => assert_eq!(item, 1),
            Err(error) => {
                assert_eq!(error, Error::TimedOut);
                assert_eq!(consumer.pop(), Ok(1));
            }
        }
        sender.join();
    });
}

/// Records, whose length is looked at before they are claimed, and again afterwards.
#[test]
fn record_that_is_too_long_stays() {
    Model::new(2).memory(48).check(|| {
        let ring: Arc<mpmc::Ring> = Arc::new(mpmc::Ring::create(2, 8).unwrap());
        let mut producer = ring.producer().unwrap();
        let mut consumer = ring.consumer().unwrap();
        let sender = process(0, move || {
            producer.send(b"long").unwrap();
            producer.send(b"s").unwrap();
            producer
        });
        let mut buffer = [0; 8];
        let short = consumer.recv(&mut buffer[..3]);
        assert_eq!(short, Err(Error::TooLong { len: 4, limit: 3 }));
        assert_eq!(consumer.recv(&mut buffer), Ok(4));
        assert_eq!(&buffer[..4], b"long");
        assert_eq!(consumer.recv(&mut buffer[..3]), Ok(1));
        sender.join();
    });
}
