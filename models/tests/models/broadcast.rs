//! The broadcast ring: whole messages, exact counts, nobody robbed, nobody asleep beside a message.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rawipc::ring::broadcast::{RecvError, items};
use rawipc::ring::{AttachError, Error, Spin, SpinThenFutex, Waiting};
use rawipc_model::{Hindrance, Model, pause, process};

type Ring<W, const N: usize> = items::Ring<[u64; N], W>;
type Reader<W, const N: usize> = items::Reader<[u64; N], W>;
type Writer<W, const N: usize> = items::Writer<[u64; N], W>;

/// The messages that a reader received until nobody wrote any more.
struct Got {
    numbers: Vec<u64>,
    missed: u64,
    end: Error,
}

/// Receives until the writers have ended; what was received and missed is all that was passed.
fn receive_all<W: Waiting, const N: usize>(reader: &mut Reader<W, N>, first: u64) -> Got {
    let (mut numbers, mut missed) = (Vec::new(), 0);
    let end = loop {
        match reader.pop() {
            Ok(item) => {
                assert!(item.iter().all(|&part| part == item[0]), "torn: {item:?}");
                numbers.push(item[0]);
            }
            Err(RecvError::Lagged(count)) => {
                assert_ne!(count, 0);
                missed += count;
            }
            Err(RecvError::Ring(error)) => break error,
            Err(error) => panic!("{error:?}"),
        }
    };
    let passed = reader.position().wrapping_sub(first);
    assert_eq!(numbers.len() as u64 + missed, passed, "{numbers:?}");
    Got {
        numbers,
        missed,
        end,
    }
}

/// Of each writer, those that begin with its number in the tens, in their order.
fn in_order(numbers: &[u64]) {
    for writer in 1..=3 {
        let mut last = 0;
        for &number in numbers.iter().filter(|&&number| number / 10 == writer) {
            assert!(number > last, "{numbers:?}");
            last = number;
        }
    }
}

/// One writer sends `count` items, one reader receives.
fn one_to_one<W: Waiting, const N: usize>(capacity: usize, count: u64, alone: bool, model: Model) {
    model.memory(8 * N * capacity).check(move || {
        let ring = Ring::<W, N>::create(capacity).unwrap();
        let mut writer = if alone {
            ring.sole_writer().unwrap()
        } else {
            ring.writer().unwrap()
        };
        let mut reader = ring.reader().unwrap();
        let first = reader.position();
        let sender = process(0, move || {
            for number in 1..=count {
                writer.push(&[10 + number; N]).unwrap();
            }
        });
        let got = receive_all(&mut reader, first);
        in_order(&got.numbers);
        if sender.join().is_some() {
            assert_eq!(got.end, Error::Closed);
            assert_eq!(got.numbers.len() as u64 + got.missed, count);
            if count <= capacity as u64 {
                assert_eq!(got.missed, 0);
            }
        } else {
            assert!(matches!(got.end, Error::PeerDied | Error::Closed));
        }
    });
}

#[test]
fn items_arrive_whole_where_the_reader_sleeps() {
    one_to_one::<SpinThenFutex, 1>(2, 2, false, Model::new(3));
    one_to_one::<SpinThenFutex, 1>(4, 3, false, Model::new(2));
}

#[test]
fn items_arrive_although_sleeps_end_early() {
    one_to_one::<SpinThenFutex, 1>(2, 1, false, Model::new(2).returning_early());
}

/// The slots are gone around while the reader copies.
#[test]
fn overtaken_reader_takes_nothing_torn() {
    one_to_one::<Spin, 2>(2, 3, false, Model::new(2));
}

#[test]
fn sole_writer_that_stores_tears_nothing() {
    one_to_one::<Spin, 2>(2, 3, true, Model::new(2));
    one_to_one::<Spin, 1>(2, 2, true, Model::new(3));
}

/// A reader that is asleep is woken by what is published, or by the close, and does not look again.
#[test]
fn sleeper_is_woken_by_message_and_close() {
    one_to_one::<SpinThenFutex, 1>(2, 1, false, Model::new(3).without_rechecks());
}

#[test]
fn items_arrive_although_wakes_are_hindered() {
    for hindrance in [Hindrance::NoWakeOp, Hindrance::NoWake, Hindrance::Stranger] {
        one_to_one::<SpinThenFutex, 1>(2, 1, false, Model::new(2).hindered(hindrance));
    }
}

/// A writer dies anywhere: what it published before is received, and the reader is told.
#[test]
fn survivor_receives_what_was_published_and_is_told_of_the_death() {
    one_to_one::<SpinThenFutex, 1>(2, 2, false, Model::new(1).killing(0));
}

/// A slot's words change hands: three times around two slots.
#[test]
fn dead_writers_position_is_missed_and_its_slot_used_again() {
    Model::new(1).killing(0).memory(16).check(|| {
        let ring = Arc::new(Ring::<SpinThenFutex, 1>::create(2).unwrap());
        let mut reader = ring.reader().unwrap();
        let first = reader.position();
        let published = Arc::new(AtomicU64::new(0));
        let sender = process(0, {
            let (ring, published) = (ring.clone(), published.clone());
            move || {
                let mut writer = ring.writer().unwrap();
                writer.push(&[11]).unwrap();
                published.store(1, Relaxed);
                writer.detach();
            }
        });
        sender.join();
        let mut writer = ring.writer().unwrap();
        for number in 21..=23 {
            writer.push(&[number]).unwrap();
        }
        drop(writer);
        let got = receive_all(&mut reader, first);
        assert_eq!(got.end, Error::Closed);
        assert_eq!(got.numbers, [22, 23]);
        let positions = got.missed + 2;
        let published = published.load(Relaxed);
        assert!(
            positions == 3 || positions == 4 && published <= 1,
            "{positions}"
        );
        assert!(published == 0 || positions == 4, "{positions}");
    });
}

/// Two writers at the same time take different positions, and write to different slots; then a
/// reader receives all that was published.
fn two_writers<W: Waiting>(capacity: usize, model: Model) {
    model.memory(8 * capacity).check(move || {
        let ring = Ring::<W, 1>::create(capacity).unwrap();
        let (mut one, mut two) = (ring.writer().unwrap(), ring.writer().unwrap());
        let mut reader = ring.reader().unwrap();
        let first = reader.position();
        let sender = process(0, move || {
            for number in 11..=12 {
                one.push(&[number]).unwrap();
            }
            one.detach();
        });
        for number in 21..=22 {
            two.push(&[number]).unwrap();
        }
        let ended = sender.join().is_some();
        drop(two);
        let got = receive_all(&mut reader, first);
        in_order(&got.numbers);
        if ended && got.missed == 0 {
            assert_eq!(got.numbers.len(), 4, "{:?}", got.numbers);
        }
        let sent = |writer| {
            got.numbers
                .iter()
                .filter(|&&number| number / 10 == writer)
                .count()
        };
        assert!(sent(2) == 2 || got.missed > 0, "{:?}", got.numbers);
    });
}

#[test]
fn two_writers_share_the_positions() {
    two_writers::<SpinThenFutex>(4, Model::new(3));
}

#[test]
fn writer_killed_anywhere_leaves_its_slot_to_others() {
    two_writers::<SpinThenFutex>(4, Model::new(1).killing(0));
}

/// Two writers and a reader at the same time, that sleeps.
#[test]
fn two_writers_wake_a_reader() {
    Model::new(1).without_rechecks().memory(32).check(|| {
        let ring = Ring::<SpinThenFutex, 1>::create(4).unwrap();
        let writers = [ring.writer().unwrap(), ring.writer().unwrap()];
        let mut reader = ring.reader().unwrap();
        let mut number = 0;
        let senders = writers.map(|mut writer| {
            number += 1;
            process(number, move || {
                writer.push(&[number as u64]).unwrap();
                // Its close would wake, too.
                writer
            })
        });
        let got = [reader.pop().unwrap()[0], reader.pop().unwrap()[0]];
        assert!(got == [1, 2] || got == [2, 1], "{got:?}");
        for sender in senders {
            sender.join();
        }
    });
}

/// One is stopped anywhere in its call, and passed over by the other, which sends `before` messages
/// meanwhile and `beside` more as the call goes on: it is not robbed, and its slot is free again.
fn passed_over<W: Waiting>(before: u64, beside: u64, model: Model) {
    model.stopping(0).memory(32).check(move || {
        let ring = Ring::<W, 1>::create(4).unwrap();
        let (mut slow, mut fast) = (ring.writer().unwrap(), ring.writer().unwrap());
        let mut reader = ring.reader().unwrap();
        let (first, at_first) = (reader.position(), fast.statistics());
        let sender = process(0, move || {
            slow.push(&[11]).unwrap();
            slow
        });
        sender.settle();
        let mut numbers = 21..;
        let mut push = |count: u64| {
            for number in numbers.by_ref().take(count as usize) {
                fast.push(&[number]).unwrap();
            }
            fast.statistics()
        };
        push(before);
        sender.go_on();
        push(beside);
        let slow = sender.join();
        let then = push(0);
        // All slots are free again.
        let now = push(4);
        assert_eq!(now.skipped, then.skipped);
        let skipped = now.skipped - at_first.skipped;
        if slow.is_some() {
            assert_eq!(now.lost, at_first.lost);
            assert_eq!(now.sent - at_first.sent, before + beside + 4 + 1);
        }
        drop((slow, fast));
        let got = receive_all(&mut reader, first);
        in_order(&got.numbers);
        let last = before + beside + 4 + 20;
        assert!(got.numbers.ends_with(&[last]), "{:?}", got.numbers);
        let passed = got.numbers.len() as u64 + got.missed;
        assert!((before + beside + 4..=before + beside + 6 + skipped).contains(&passed));
    });
}

#[test]
fn slow_writer_is_passed_over_and_robbed_of_nothing() {
    passed_over::<SpinThenFutex>(4, 0, Model::new(0));
    passed_over::<SpinThenFutex>(3, 1, Model::new(1));
    passed_over::<SpinThenFutex>(4, 4, Model::new(1));
}

/// The second time between its look at its slot and the step that frees it.
#[test]
fn slow_writer_is_passed_over_twice() {
    Model::new(1).stopping(0).memory(32).check(|| {
        let ring = Ring::<SpinThenFutex, 1>::create(4).unwrap();
        let (mut slow, mut fast) = (ring.writer().unwrap(), ring.writer().unwrap());
        let before = fast.statistics();
        let sender = process(0, move || {
            slow.push(&[11]).unwrap();
            slow
        });
        // The other may go first.
        pause();
        for number in 21..=24 {
            fast.push(&[number]).unwrap();
        }
        sender.settle();
        for number in 25..=28 {
            fast.push(&[number]).unwrap();
        }
        assert!(sender.join().is_some());
        assert_eq!(fast.statistics().sent - before.sent, 9);
    });
}

#[test]
fn slow_writer_that_dies_leaves_its_slot() {
    passed_over::<SpinThenFutex>(4, 1, Model::new(0).killing(0));
}

/// One is stopped anywhere in its call, and a reader sleeps for it, from `early` on: who passes it over
/// wakes the reader.
fn passed_over_beside_a_sleeper(early: bool, model: Model) {
    model.stopping(0).without_rechecks().memory(32).check(move || {
        let ring = Ring::<SpinThenFutex, 1>::create(4).unwrap();
        let (mut slow, mut fast) = (ring.writer().unwrap(), ring.writer().unwrap());
        let before = fast.statistics();
        let mut reader = ring.reader().unwrap();
        let reading = move || {
            assert!(matches!(reader.pop(), Ok(_) | Err(RecvError::Lagged(_))));
        };
        let (asleep, reading) = match early {
            true => (Some(process(1, reading)), None),
            false => (None, Some(reading)),
        };
        let sender = process(0, move || {
            slow.push(&[11]).unwrap();
            slow
        });
        sender.settle();
        for number in 21..=23 {
            fast.push(&[number]).unwrap();
        }
        let asleep = asleep.or_else(|| reading.map(|reading| process(1, reading)));
        fast.push(&[24]).unwrap();
        // Before the other goes on.
        assert_eq!(asleep.unwrap().join(), Some(()));
        let slow = sender.join().unwrap();
        let now = fast.statistics();
        assert_eq!(now.sent - before.sent, 5);
        // What was passed over is sent again, behind the others.
        let mut late = ring.reader_from_oldest().unwrap();
        let first = late.position();
        drop((slow, fast));
        let got = receive_all(&mut late, first);
        assert!(now.skipped == before.skipped || got.numbers.contains(&11));
    });
}

#[test]
fn sleeper_beside_stopped_writer_is_woken_by_who_passes_it_over() {
    passed_over_beside_a_sleeper(false, Model::new(2));
    passed_over_beside_a_sleeper(true, Model::new(1));
}

/// A writer that passes over a slot is killed at any step, beside a reader that sleeps.
#[test]
fn writer_killed_as_it_passes_over_strands_nobody() {
    Model::new(1).stopping(0).killing(1).memory(32).check(|| {
        let ring = Ring::<SpinThenFutex, 1>::create(4).unwrap();
        let (mut slow, mut fast) = (ring.writer().unwrap(), ring.writer().unwrap());
        let mut reader = ring.reader().unwrap();
        let first = reader.position();
        let sender = process(0, move || {
            slow.push(&[11]).unwrap();
            slow.detach();
        });
        sender.settle();
        for number in 21..=23 {
            fast.push(&[number]).unwrap();
        }
        let reading = process(2, move || {
            let (number, missed) = match reader.pop() {
                Ok([number]) => (Some(number), 0),
                Err(RecvError::Lagged(missed)) => (None, missed),
                Err(error) => panic!("{error:?}"),
            };
            (reader, number, missed)
        });
        let passing = process(1, move || {
            fast.push(&[24]).unwrap();
            fast.detach();
        });
        passing.join();
        sender.join();
        let (mut reader, number, missed) = reading.join().unwrap();
        // All slots can be had.
        let mut writer = ring.writer().unwrap();
        let skipped = writer.statistics().skipped;
        for number in 31..=34 {
            writer.push(&[number]).unwrap();
        }
        assert_eq!(writer.statistics().skipped, skipped);
        drop(writer);
        let from = first + missed + number.iter().count() as u64;
        let rest = receive_all(&mut reader, from);
        let numbers: Vec<_> = number.into_iter().chain(rest.numbers).collect();
        in_order(&numbers);
        assert!(numbers.ends_with(&[34]), "{numbers:?}");
    });
}

/// A sole writer and another never write at the same time.
#[test]
fn sole_writer_and_others_exclude_each_other() {
    Model::new(3).memory(16).check(|| {
        let ring = Arc::new(Ring::<Spin, 1>::create(4).unwrap());
        let inside = Arc::new(AtomicU64::new(0));
        let other = process(0, {
            let (ring, inside) = (ring.clone(), inside.clone());
            move || {
                if let Ok(writer) = ring.writer() {
                    assert_eq!(inside.fetch_add(1, Relaxed) & 0xf0, 0);
                    pause();
                    inside.fetch_sub(1, Relaxed);
                    drop(writer);
                }
            }
        });
        match ring.sole_writer() {
            Ok(writer) => {
                assert_eq!(inside.fetch_add(0x10, Relaxed), 0);
                pause();
                inside.fetch_sub(0x10, Relaxed);
                drop(writer);
            }
            Err(error) => assert_eq!(error, AttachError::Occupied),
        }
        other.join();
    });
}

/// A successor of a killed sole writer goes on.
#[test]
fn sole_writer_killed_anywhere_is_succeeded() {
    Model::new(1).killing(0).memory(16).check(|| {
        let ring = Arc::new(Ring::<Spin, 1>::create(2).unwrap());
        let mut reader = ring.reader().unwrap();
        let first = reader.position();
        let sender = process(0, {
            let ring = ring.clone();
            move || ring.sole_writer().unwrap().push(&[11]).unwrap()
        });
        sender.join();
        let mut writer = ring.sole_writer().unwrap();
        writer.push(&[21]).unwrap();
        drop(writer);
        let got = receive_all(&mut reader, first);
        assert!(got.numbers.ends_with(&[21]), "{:?}", got.numbers);
        assert_eq!(got.end, Error::Closed);
    });
}

/// One that polls a ring whose writer dies while it stores.
#[test]
fn polling_survivor_is_told_of_the_death() {
    Model::new(1).killing(0).memory(32).check(|| {
        let ring = Ring::<Spin, 2>::create(2).unwrap();
        let mut writer = ring.sole_writer().unwrap();
        let mut reader = ring.reader().unwrap();
        let published = Arc::new(AtomicU64::new(0));
        let sender = process(0, {
            let published = published.clone();
            move || {
                for number in 1..=2 {
                    writer.push(&[number; 2]).unwrap();
                    published.store(number, Relaxed);
                }
            }
        });
        let (mut received, mut missed) = (0, 0);
        let end = loop {
            match reader.try_pop() {
                Ok([number, same]) => {
                    assert_eq!(number, same);
                    received += 1;
                    assert_eq!(number, received);
                }
                Err(RecvError::Lagged(count)) => missed += count,
                Err(RecvError::Ring(Error::WouldBlock)) => pause(),
                Err(RecvError::Ring(error)) => break error,
                Err(error) => panic!("{error:?}"),
            }
        };
        let published = published.load(Relaxed);
        assert!(
            received >= published,
            "{received} of {published}, then {end:?}"
        );
        assert!(received + missed <= published + 1);
        match sender.join() {
            Some(()) => assert_eq!((end, received), (Error::Closed, 2)),
            None => assert!(matches!(end, Error::PeerDied | Error::Closed)),
        }
    });
}
