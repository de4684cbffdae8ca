//! The broadcast ring of loans: nobody is lent what a reader has, nothing is lost with the dead,
//! counts are exact.

use std::sync::Arc;

use rawipc::ring::broadcast::RecvError;
use rawipc::ring::broadcast::loans::{Class, Reader, Received, Ring, Writer};
use rawipc::ring::{Error, Spin, SpinThenFutex, Waiting};
use rawipc_model::{Model, die, pause, process};

const CHUNK: usize = 64;

/// A model with memory for so many chunks.
fn model(preemptions: usize, chunks: usize) -> Model {
    Model::new(preemptions).memory(CHUNK * chunks)
}

fn ring<W: Waiting>(chunks: usize, capacity: usize) -> Ring<W> {
    let class = Class {
        size: CHUNK,
        count: chunks,
    };
    Ring::create(&[class], capacity).unwrap()
}

/// Sends a message, whose chunk is written to even if it cannot be sent.
fn send<W: Waiting>(writer: &Writer<W>, number: u64) -> Result<(), Error> {
    let mut loan = writer.try_loan(8)?;
    loan.write_at(0, &number.to_ne_bytes())?;
    Ok(loan.send()?)
}

/// Sends messages of these numbers, and returns how many could be.
fn send_all<W: Waiting>(writer: &Writer<W>, numbers: impl IntoIterator<Item = u64>) -> u64 {
    let sent = numbers.into_iter().map(|number| send(writer, number));
    sent.map(|sent| match sent {
        Ok(()) => 1,
        Err(error) => {
            assert_eq!(error, Error::WouldBlock);
            0
        }
    })
    .sum()
}

fn number<W: Waiting>(message: &Received<'_, W>) -> u64 {
    let mut bytes = [0; 8];
    assert_eq!(message.copy_to(&mut bytes), Ok(8));
    u64::from_ne_bytes(bytes)
}

/// The messages that a reader received until nobody wrote any more.
struct Got {
    numbers: Vec<u64>,
    missed: u64,
    end: Error,
}

/// Receives until the writers have ended; what was received and missed is all that was passed. Each
/// message is kept until the next one has been received.
fn receive_all<W: Waiting>(reader: &Reader<W>, first: u64) -> Got {
    let (mut numbers, mut missed) = (Vec::new(), 0);
    let mut kept: Option<(u64, Received<'_, W>)> = None;
    let end = loop {
        match reader.recv() {
            Ok(message) => {
                let sent = number(&message);
                numbers.push(sent);
                if let Some((sent, message)) = kept.replace((sent, message)) {
                    assert_eq!(number(&message), sent);
                }
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

/// In ascending order, and no number twice.
fn in_order(numbers: &[u64]) {
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
}

/// Each chunk is in the ring, or can be lent, and there are not more than were. Nobody else writes or
/// has a message.
fn is_whole<W: Waiting>(ring: &Ring<W>, chunks: usize) {
    let writer = ring.writer().unwrap();
    let mut loans = Vec::new();
    // Of the calls in vain not each asks who lives.
    for _ in 0..chunks + 8 {
        loans.extend(writer.try_loan(1));
    }
    let in_ring = chunks - loans.len();
    assert!(in_ring <= ring.capacity(), "{in_ring} of {chunks}");
    drop(loans);
    for _ in 0..2 * ring.capacity() {
        send(&writer, 0).unwrap();
    }
    let loans: Vec<_> = (0..chunks).map_while(|_| writer.try_loan(1).ok()).collect();
    assert_eq!(loans.len(), chunks - ring.capacity());
}

/// A ring with two messages in its two slots, and who has sent them.
fn full<W: Waiting>(chunks: usize) -> (Ring<W>, Writer<W>) {
    let ring = ring(chunks, 2);
    let writer = ring.writer().unwrap();
    assert_eq!(send_all(&writer, 1..=2), 2);
    (ring, writer)
}

/// A writer goes round while a reader receives, and keeps a message until it has the next one.
fn overtaken<W: Waiting>(model: Model, chunks: usize, count: u64) {
    model.check(move || {
        let (ring, writer) = full::<W>(chunks);
        let reader = ring.reader_from_oldest().unwrap();
        let first = reader.position();
        let sender = process(0, move || send_all(&writer, 3..3 + count));
        let got = receive_all(&reader, first);
        in_order(&got.numbers);
        if let Some(sent) = sender.join() {
            assert_eq!(got.end, Error::Closed);
            assert_eq!(got.numbers.len() as u64 + got.missed, 2 + sent);
        }
        drop(reader);
        is_whole(&ring, chunks);
    });
}

#[test]
fn overtaken_reader_has_what_nobody_is_lent() {
    overtaken::<Spin>(model(2, 3), 3, 2);
    overtaken::<SpinThenFutex>(model(1, 4), 4, 3);
}

#[test]
fn writer_killed_anywhere_leaves_its_chunks_to_others() {
    overtaken::<SpinThenFutex>(model(1, 4).killing(0), 4, 2);
}

/// Nobody has to look again: each wake comes.
#[test]
fn reader_that_sleeps_is_woken() {
    model(2, 3).without_rechecks().check(|| {
        let ring = ring::<SpinThenFutex>(3, 2);
        let (writer, reader) = (ring.writer().unwrap(), ring.reader().unwrap());
        let sender = process(0, move || {
            send(&writer, 1).unwrap();
            writer
        });
        assert_eq!(number(&reader.recv().unwrap()), 1);
        drop(sender.join());
        assert!(matches!(reader.recv(), Err(RecvError::Ring(Error::Closed))));
    });
}

/// Two readers have the same message: it is lent again when both have given it back.
#[test]
fn message_of_two_readers_stays_until_both_have_given_it_back() {
    model(1, 3).check(|| {
        let (ring, writer) = full::<Spin>(3);
        let readers = [(); 2].map(|()| ring.reader_from_oldest().unwrap());
        let mut process_number = 0;
        let readers = readers.map(|reader| {
            process_number += 1;
            process(process_number, move || match reader.try_recv() {
                Ok(message) => {
                    let sent = number(&message);
                    assert!(sent == 1 || sent == 2, "{sent}");
                }
                Err(error) => assert!(matches!(error, RecvError::Lagged(_)), "{error:?}"),
            })
        });
        send_all(&writer, 3..=4);
        for reader in readers {
            reader.join();
        }
        drop(writer);
        is_whole(&ring, 3);
    });
}

/// A reader that is killed, or stopped, anywhere in its calls, while a writer goes round.
fn reader_that_ends(model: Model, count: u64) {
    model.check(move || {
        let (ring, writer) = full::<Spin>(4);
        let reader = ring.reader_from_oldest().unwrap();
        let receiver = process(0, move || {
            let mut numbers = Vec::new();
            for _ in 0..2 {
                if let Ok(message) = reader.try_recv() {
                    numbers.push(number(&message));
                }
            }
            in_order(&numbers);
        });
        send_all(&writer, 3..3 + count);
        receiver.settle();
        send_all(&writer, 13..13 + count);
        receiver.join();
        drop(writer);
        is_whole(&ring, 4);
    });
}

#[test]
fn reader_killed_anywhere_keeps_no_chunk() {
    reader_that_ends(model(1, 4).killing(0), 2);
}

#[test]
fn reader_stopped_anywhere_has_what_nobody_is_lent() {
    reader_that_ends(model(0, 4).stopping(0), 3);
}

/// A ring with a reader that has died with the message in the first slot, and who writes.
fn with_dead_reader() -> (Ring<Spin>, Writer<Spin>) {
    let (ring, writer) = full::<Spin>(3);
    let reader = ring.reader_from_oldest().unwrap();
    let died = process(2, move || {
        let _message = reader.recv().unwrap();
        die();
    });
    assert_eq!(died.join(), None::<()>);
    (ring, writer)
}

/// Its successor takes its place only when what it had has been given back, whoever does that, and
/// meanwhile a writer does.
#[test]
fn successor_of_a_dead_reader_begins_with_nothing() {
    model(1, 3).check(|| {
        let (ring, writer) = with_dead_reader();
        let ring = Arc::new(ring);
        // The chunk that the dead one has is the only one from here on.
        assert_eq!(send_all(&writer, [3]), 1);
        let successor = process(0, {
            let ring = ring.clone();
            move || {
                let reader = ring.reader_from_oldest().unwrap();
                match reader.try_recv() {
                    Ok(message) => {
                        // Others may go first.
                        pause();
                        let sent = number(&message);
                        assert!((1..=6).contains(&sent), "{sent}");
                    }
                    Err(error) => assert!(matches!(error, RecvError::Lagged(_)), "{error:?}"),
                }
                reader
            }
        });
        send_all(&writer, 4..=6);
        drop(writer);
        let reader = successor.join().unwrap();
        is_whole(&ring, 3);
        drop(reader);
    });
}

/// Who gives back what a dead reader had dies, too, at any step, writer or successor.
#[test]
fn death_while_a_dead_reader_is_buried_loses_nothing() {
    for is_reader in [false, true] {
        model(0, 3).killing(0).check(move || {
            let (ring, writer) = with_dead_reader();
            let ring = Arc::new(ring);
            assert_eq!(send_all(&writer, [3]), 1);
            let burier = process(0, {
                let ring = ring.clone();
                move || {
                    if is_reader {
                        drop(ring.reader().unwrap());
                    } else {
                        // The chunk that the dead one has is the only one.
                        assert_eq!(send_all(&writer, 4..=7), 4);
                    }
                }
            });
            pause();
            burier.join();
            is_whole(&ring, 3);
        });
    }
}

/// A chunk goes from one writer to another: what was done with it is over.
#[test]
fn chunk_is_lent_to_another_writer_when_all_is_over() {
    model(1, 6).check(|| {
        let ring = ring::<Spin>(6, 4);
        let (one, other) = (ring.writer().unwrap(), ring.writer().unwrap());
        let sender = process(0, move || send_all(&one, 1..=5));
        pause();
        // The first one, if its slot has been used again.
        let mut loan = other.try_loan(8).unwrap();
        loan.write_at(0, &[0xff; 8]).unwrap();
        drop(loan);
        sender.join();
        drop(other);
        is_whole(&ring, 6);
    });
}

/// One is stopped anywhere in its call, and passed over by the other, which sends `before` messages
/// meanwhile and `beside` more as the call goes on: its chunk is not lost, nor anybody else's. The
/// other begins with the chunk behind so many.
fn passed_over(from: usize, before: u64, beside: u64, model: Model) {
    model.stopping(0).check(move || {
        let ring = ring::<Spin>(6, 4);
        let (slow, fast) = (ring.writer().unwrap(), ring.writer().unwrap());
        (0..from).for_each(|_| drop(fast.try_loan(1).unwrap()));
        let reader = ring.reader().unwrap();
        let (first, at_first) = (reader.position(), fast.statistics());
        let sender = process(0, move || {
            // It may look for a chunk where the other has just been.
            let sent = send_all(&slow, 1..=1);
            (slow, sent)
        });
        sender.settle();
        assert_eq!(send_all(&fast, 21..21 + before), before);
        sender.go_on();
        if from > 0 {
            // It may go first.
            pause();
        }
        let mut sent = before + send_all(&fast, 21 + before..21 + before + beside);
        if let Some((slow, more)) = sender.join() {
            sent += more;
            if beside == 0 {
                assert_eq!(fast.statistics().sent - at_first.sent, sent);
            }
            drop(slow);
        }
        send(&fast, 99).unwrap();
        drop(fast);
        let got = receive_all(&reader, first);
        assert!(got.numbers.ends_with(&[99]), "{:?}", got.numbers);
        let of_fast = got.numbers.iter().copied().filter(|number| *number > 20);
        in_order(&of_fast.collect::<Vec<_>>());
        assert!(got.numbers.iter().all(|&number| number != 0));
        drop(reader);
        is_whole(&ring, 6);
    });
}

#[test]
fn slow_writer_is_passed_over_and_its_chunk_is_its_own() {
    passed_over(0, 4, 0, model(0, 6));
    passed_over(0, 3, 3, model(1, 6));
}

/// Its slot is claimed again before it looks whether its chunk is still its own.
#[test]
fn slow_writer_takes_back_no_chunk_of_others() {
    passed_over(4, 4, 5, model(1, 6));
}

#[test]
fn slow_writer_that_dies_leaves_its_chunk() {
    passed_over(0, 4, 1, model(0, 6).killing(0));
}
