//! The ring of many producers, who come, leave and die, and one consumer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rawipc::Deadline;
use rawipc::ring::mpsc::{self, Departure, Event, ProducerId};
use rawipc::ring::{AttachError, Error, Spin, SpinThenFutex, Waiting};
use rawipc_model::{Hindrance, Model, pause, process};

type Ring = mpsc::Ring<SpinThenFutex>;

/// The bytes of a lane with room for two records, which begin just before its end.
const LANE: usize = 32;

fn ring<W: Waiting>(lanes: usize) -> Arc<mpsc::Ring<W>> {
    Arc::new(mpsc::Ring::create(lanes, 1).unwrap())
}

/// What a consumer has received.
#[derive(Debug, Default)]
struct Ledger {
    records: BTreeMap<ProducerId, Vec<u64>>,
    gone: BTreeMap<ProducerId, Departure>,
}

impl Ledger {
    fn note(&mut self, event: Event, bytes: [u8; 8]) {
        let from = event.from();
        assert!(!self.gone.contains_key(&from), "{event:?} after its end");
        match event {
            Event::Record { len, .. } => {
                assert_eq!(len, 8);
                let number = u64::from_ne_bytes(bytes);
                let records = self.records.entry(from).or_default();
                assert_eq!(number, records.len() as u64 + 1, "{from}");
                records.push(number);
            }
            Event::Gone { why, .. } => {
                self.gone.insert(from, why);
            }
        }
    }

    /// Receives one thing, from whoever comes.
    fn recv<W: Waiting>(&mut self, consumer: &mut mpsc::Consumer<W>) {
        let mut bytes = [0; 8];
        match consumer.recv(&mut bytes) {
            Ok(event) => self.note(event, bytes),
            Err(error) => {
                assert_eq!(error, Error::Closed);
                consumer.wait_for_producer().unwrap();
            }
        }
    }

    fn count(&self) -> usize {
        self.records.values().map(Vec::len).sum()
    }
}

fn send<W: Waiting>(producer: &mut mpsc::Producer<W>, number: u64) {
    producer.send(&number.to_ne_bytes()).unwrap();
}

/// Two that are there from the beginning.
fn two<W: Waiting>(records: u64, model: Model) {
    model.memory(2 * LANE).check(move || {
        let ring = ring::<W>(2);
        let mut consumer = ring.consumer().unwrap();
        let senders = [0, 1].map(|number| {
            let mut producer = ring.producer().unwrap();
            process(number, move || {
                for record in 1..=records {
                    send(&mut producer, record);
                }
            })
        });
        let mut ledger = Ledger::default();
        let mut bytes = [0; 8];
        let end = loop {
            match consumer.recv(&mut bytes) {
                Ok(event) => ledger.note(event, bytes),
                Err(error) => break error,
            }
        };
        assert_eq!(end, Error::Closed);
        assert_eq!(ledger.count() as u64, 2 * records);
        assert!(ledger.gone.len() == 2, "{ledger:?}");
        assert!(ledger.gone.values().all(|&why| why == Departure::Closed));
        for sender in senders {
            sender.join();
        }
    });
}

#[test]
fn records_of_two_producers_arrive_where_sides_sleep() {
    two::<SpinThenFutex>(1, Model::new(1));
}

#[test]
fn records_of_two_producers_arrive_where_sides_spin() {
    two::<Spin>(1, Model::new(1));
}

/// One who comes while the consumer sleeps on the lanes of others.
fn joining<W: Waiting>(model: Model) {
    model.memory(2 * LANE).check(|| {
        let ring = ring::<W>(2);
        let mut consumer = ring.consumer().unwrap();
        let silent = ring.producer().unwrap();
        let joiner = process(0, {
            let ring = ring.clone();
            move || {
                let mut producer = ring.producer().unwrap();
                send(&mut producer, 1);
                // It stays: its end would wake, too.
                producer
            }
        });
        let mut ledger = Ledger::default();
        while ledger.count() == 0 {
            ledger.recv(&mut consumer);
        }
        let joined = joiner.join().unwrap();
        assert_eq!(ledger.records.get(&joined.id()), Some(&vec![1]));
        drop(joined);
        ledger.recv(&mut consumer);
        assert!(ledger.gone.values().eq([&Departure::Closed]), "{ledger:?}");
        drop(silent);
    });
}

#[test]
fn record_of_one_who_joins_wakes_the_sleeper() {
    joining::<SpinThenFutex>(Model::new(3).without_rechecks());
    joining::<Spin>(Model::new(2));
}

#[test]
fn records_arrive_although_sleeps_end_early() {
    joining::<SpinThenFutex>(Model::new(1).returning_early());
}

/// Where the kernel refuses to add and wake in one step, and where it wakes nobody.
#[test]
fn records_arrive_once_although_wakes_are_hindered() {
    for hindrance in [Hindrance::NoWakeOp, Hindrance::NoWake, Hindrance::Stranger] {
        joining::<SpinThenFutex>(Model::new(1).hindered(hindrance));
    }
}

/// It dies anywhere, from before it attaches until after it has left, and the other one goes on.
/// What it committed is received; then it is told, once, that it is gone.
fn dying<W: Waiting>(model: Model) {
    model.memory(2 * LANE).killing(0).check(|| {
        let ring = ring::<W>(2);
        let mut consumer = ring.consumer().unwrap();
        let mut other = ring.producer().unwrap();
        let committed = Arc::new(AtomicU64::new(0));
        let dying = process(0, {
            let (ring, committed) = (ring.clone(), committed.clone());
            move || {
                let mut producer = ring.producer().unwrap();
                for record in 1..=2 {
                    send(&mut producer, record);
                    committed.store(record, Relaxed);
                }
            }
        });
        send(&mut other, 1);
        let id = other.id();
        drop(other);
        let mut ledger = Ledger::default();
        let mut bytes = [0; 8];
        // Until everybody is gone: the other one, and the dead one if it had come.
        loop {
            match consumer.recv(&mut bytes) {
                Ok(event) => ledger.note(event, bytes),
                Err(error) => {
                    assert_eq!(error, Error::Closed);
                    break;
                }
            }
        }
        let ended = dying.join();
        // It has perhaps come since.
        while let Ok(event) = consumer.recv(&mut bytes) {
            ledger.note(event, bytes);
        }
        assert_eq!(ledger.records.remove(&id), Some(vec![1]));
        assert_eq!(ledger.gone.remove(&id), Some(Departure::Closed));
        let (count, committed) = (ledger.count() as u64, committed.load(Relaxed));
        assert!(
            count == committed || count == committed + 1 && ended.is_none(),
            "{count} of {committed} received"
        );
        assert!(ledger.gone.len() <= 1 && ledger.records.len() <= ledger.gone.len());
        if ended.is_some() {
            assert!(ledger.gone.values().eq([&Departure::Closed]), "{ledger:?}");
        }
    });
}

#[test]
fn producer_killed_anywhere_is_told_after_its_records() {
    dying::<SpinThenFutex>(Model::new(1));
}

#[test]
fn producer_killed_anywhere_is_told_after_its_records_where_sides_spin() {
    dying::<Spin>(Model::new(0));
}

/// Two producers after each other in one lane, which the consumer frees in between.
#[test]
fn lane_goes_on_to_the_next_when_its_end_has_been_received() {
    Model::new(1).memory(LANE).without_rechecks().check(|| {
        let ring = ring::<SpinThenFutex>(1);
        let mut consumer = ring.consumer().unwrap();
        let sender = process(0, {
            let (ring, mut first) = (ring.clone(), ring.producer().unwrap());
            move || {
                send(&mut first, 1);
                drop(first);
                let mut second = ring.producer_until(Deadline::Never).unwrap();
                send(&mut second, 1);
            }
        });
        let mut ledger = Ledger::default();
        while ledger.gone.len() < 2 {
            ledger.recv(&mut consumer);
        }
        assert!(ledger.records.len() == 2 && ledger.count() == 2, "{ledger:?}");
        sender.join();
    });
}

/// One that finds no free lane finds out who has died, so that the consumer frees its lane: also
/// one that is asleep and does not look again.
#[test]
fn lane_of_a_dead_producer_goes_on_to_the_next() {
    Model::new(0).memory(LANE).killing(0).check(|| {
        let ring = ring::<SpinThenFutex>(1);
        let mut consumer = ring.consumer().unwrap();
        let mut first = ring.producer().unwrap();
        let dying = process(0, move || send(&mut first, 1));
        let next = process(1, {
            let ring = ring.clone();
            move || {
                let mut producer = ring.producer_until(Deadline::Never).unwrap();
                send(&mut producer, 1);
                producer.id()
            }
        });
        let mut ledger = Ledger::default();
        while ledger.gone.len() < 2 {
            ledger.recv(&mut consumer);
        }
        let id = next.join().unwrap();
        assert_eq!(ledger.records.get(&id), Some(&vec![1]));
        assert_eq!(ledger.gone.get(&id), Some(&Departure::Closed));
        if dying.join().is_some() {
            assert_eq!(ledger.count(), 2);
        }
    });
}

/// Without a consumer nobody is to be told: an empty lane goes on to the next at once.
#[test]
fn empty_lane_is_taken_while_there_is_no_consumer() {
    Model::new(2).memory(LANE).check(|| {
        let ring = ring::<SpinThenFutex>(1);
        let mut first = ring.producer().unwrap();
        assert_eq!(ring.producer().err(), Some(AttachError::Occupied));
        let id = first.id();
        let consumer = process(0, {
            let ring = ring.clone();
            move || {
                let mut consumer = ring.consumer().unwrap();
                let mut bytes = [0; 8];
                let event = loop {
                    match consumer.try_recv(&mut bytes) {
                        Ok(event) => break event,
                        Err(error) => assert_eq!(error, Error::WouldBlock),
                    }
                    pause();
                };
                assert_eq!(event, Event::Record { from: id, len: 8 });
                consumer.detach();
            }
        });
        send(&mut first, 1);
        drop(first);
        // It has received the record, and is gone.
        let mut second = ring.producer_until(Deadline::Never).unwrap();
        assert_ne!(second.id(), id);
        send(&mut second, 1);
        consumer.join();
        let mut consumer = ring.consumer().unwrap();
        let mut ledger = Ledger::default();
        ledger.recv(&mut consumer);
        assert_eq!(ledger.records.get(&second.id()), Some(&vec![1]));
    });
}

/// Who comes finds the lane of one that has left, while a consumer comes that receives what is in
/// it: that is told of the end all the same.
#[test]
fn end_is_told_of_one_whose_record_was_received_although_another_comes() {
    Model::new(3).memory(LANE).check(|| {
        let ring = ring::<SpinThenFutex>(1);
        let mut first = ring.producer().unwrap();
        let from = first.id();
        send(&mut first, 1);
        drop(first);
        let other = process(0, {
            let ring = ring.clone();
            // In vain, or not.
            move || drop(ring.producer())
        });
        let consumer = process(1, move || {
            let mut consumer = ring.consumer().unwrap();
            let mut bytes = [0; 8];
            let record = Event::Record { from, len: 8 };
            assert_eq!(consumer.recv(&mut bytes), Ok(record));
            let why = Departure::Closed;
            let gone = Event::Gone { from, why };
            assert_eq!(consumer.recv(&mut bytes), Ok(gone));
        });
        consumer.join();
        other.join();
    });
}

/// One who comes and sends nothing, while the consumer waits for that.
#[test]
fn one_who_joins_wakes_who_waits_for_a_producer() {
    Model::new(2).memory(LANE).without_rechecks().check(|| {
        let ring = ring::<SpinThenFutex>(1);
        let mut consumer = ring.consumer().unwrap();
        let joiner = process(0, {
            let ring = ring.clone();
            // It stays: its end would wake, too.
            move || ring.producer().unwrap()
        });
        consumer.wait_for_producer().unwrap();
        drop(joiner.join());
    });
}

/// A lane is full and empty in turn, and the producer sleeps.
#[test]
fn full_lane_overwrites_nothing() {
    Model::new(1).memory(16).check(|| {
        let ring = ring::<SpinThenFutex>(1);
        let mut consumer = ring.consumer().unwrap();
        let mut producer = ring.producer().unwrap();
        let sender = process(0, move || {
            for record in 1..=2 {
                send(&mut producer, record);
            }
        });
        let mut ledger = Ledger::default();
        while ledger.gone.is_empty() {
            ledger.recv(&mut consumer);
        }
        assert_eq!(ledger.count(), 2);
        sender.join();
    });
}

/// A producer that waits for room is told that there will be none.
#[test]
fn waiting_producer_is_told_of_the_close() {
    Model::new(2).memory(16).without_rechecks().check(|| {
        let ring = ring::<SpinThenFutex>(1);
        let consumer = ring.consumer().unwrap();
        let mut producer = ring.producer().unwrap();
        let closing = process(0, move || drop(consumer));
        send(&mut producer, 1);
        assert_eq!(producer.send(&[0; 8]), Err(Error::Closed));
        closing.join();
    });
}

/// The consumer dies anywhere, and its successor receives what was not released.
#[test]
fn consumer_killed_anywhere_is_succeeded() {
    Model::new(1).memory(2 * LANE).killing(0).check(|| {
        let ring = ring::<SpinThenFutex>(2);
        let mut producers = [0, 1].map(|_| ring.producer().unwrap());
        // How many records and ends the first one has noted.
        let noted = [(); 2].map(|()| Arc::new(AtomicU64::new(0)));
        let consumer = process(0, {
            let (ring, noted) = (ring.clone(), noted.clone());
            move || {
                let mut consumer = ring.consumer().unwrap();
                for _ in 0..1 {
                    let event = consumer.recv(&mut [0; 8]).unwrap();
                    let which = usize::from(matches!(event, Event::Gone { .. }));
                    noted[which].fetch_add(1, Relaxed);
                }
                consumer.detach();
            }
        });
        for producer in &mut producers {
            send(producer, 1);
        }
        drop(producers);
        let ended = consumer.join();
        let mut consumer = ring.consumer_until(Deadline::Never).unwrap();
        let mut ledger = Ledger::default();
        let mut bytes = [0; 8];
        while let Ok(event) = consumer.try_recv(&mut bytes) {
            ledger.note(event, bytes);
        }
        let [records, ends] = noted.map(|noted| noted.load(Relaxed));
        let lost = [
            2 - records - ledger.count() as u64,
            2 - ends - ledger.gone.len() as u64,
        ];
        match ended {
            Some(()) => assert_eq!(lost, [0, 0]),
            // It was killed between receiving it and noting that.
            None => assert!(lost.iter().sum::<u64>() <= 1, "{lost:?} were lost"),
        }
    });
}
