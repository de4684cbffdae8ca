//! Rings in shared memory.

use rawipc::ring::broadcast::loans::{self, Class};
use rawipc::ring::broadcast::{self, RecvError};
use rawipc::ring::doorbell::{self, Bells};
use rawipc::ring::mpsc::{self, Departure, Event};
use rawipc::ring::spsc::items;
use rawipc::ring::{Choice, Error, Spin, SpinThenFutex, mpmc, select, spsc};
use rawipc::zerocopy::IntoBytes;
use rawipc::{AsFd, Deadline};

use super::PIECE;
use super::pool::LONG;
use crate::half::{Half, Outcome};

const CAPACITY: usize = 1 << 20;
const ITEMS: usize = 4;

pub(crate) fn records(half: &mut Half) -> Outcome {
    records_of(PIECE, half)
}

/// To be compared with long loans, which are not copied.
pub(crate) fn long_records(half: &mut Half) -> Outcome {
    records_of(LONG, half)
}

/// Records are copied in and out: neither side need trust the other.
fn records_of(size: usize, half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            let ring: spsc::Ring = spsc::Ring::create(CAPACITY.max(8 * size))?;
            let mut producer = ring.producer()?;
            sender.link.give(&[ring.as_fd()])?;
            sender.pieces(size, |piece| Ok(producer.send(piece)?))
        }
        Half::Receiver(receiver) => {
            let [fd] = receiver.link.take()?;
            let mut consumer = spsc::Ring::<SpinThenFutex>::open(fd)?.consumer()?;
            let mut buffer = vec![0; size];
            while let Some(len) = more(consumer.recv(&mut buffer))? {
                receiver.message(&buffer[..len])?;
            }
            Ok(())
        }
    }
}

/// Both halves wait on descriptors, in `select`.
pub(crate) fn doorbell(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            let ring = doorbell::Ring::create(CAPACITY, Bells::Timer)?;
            let mut producer = ring.producer()?;
            sender.link.give(&ring.descriptors())?;
            sender.pieces(PIECE, |piece| Ok(producer.send(piece)?))
        }
        Half::Receiver(receiver) => {
            let descriptors = receiver.link.take()?;
            let mut consumer = doorbell::Ring::open(descriptors, Bells::Timer)?.consumer()?;
            let mut buffer = vec![0; PIECE];
            loop {
                select(&mut [Choice::Recv(&mut consumer)], Deadline::Never)?;
                let Some(len) = more(consumer.try_recv(&mut buffer))? else {
                    return Ok(());
                };
                receiver.message(&buffer[..len])?;
            }
        }
    }
}

/// FILE is read into the ring and checked where it lies: no copy in between.
pub(crate) fn in_place(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            let ring: spsc::Ring = spsc::Ring::create(CAPACITY)?;
            let producer = ring.producer()?;
            // SAFETY: the other half is this program, and keeps the protocol.
            let mut producer = unsafe { producer.assume_trusted() };
            sender.link.give(&[ring.as_fd()])?;
            loop {
                let left = usize::try_from(sender.left()).unwrap_or(usize::MAX);
                if left == 0 {
                    return Ok(());
                }
                let mut record = producer.reserve(left.min(PIECE))?;
                sender.read(record.as_mut_slice())?;
                record.commit()?;
            }
        }
        Half::Receiver(receiver) => {
            let [fd] = receiver.link.take()?;
            let consumer = spsc::Ring::<SpinThenFutex>::open(fd)?.consumer()?;
            // SAFETY: the other half is this program, and keeps the protocol.
            let mut consumer = unsafe { consumer.assume_trusted() };
            while let Some(record) = more(consumer.peek())? {
                receiver.message(record.as_slice())?;
                record.release()?;
            }
            Ok(())
        }
    }
}

/// The ring as a stream of bytes, by endpoints that never sleep.
pub(crate) fn spinning(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            let ring: spsc::Ring<Spin> = spsc::Ring::create(CAPACITY)?;
            let mut producer = ring.producer()?;
            sender.link.give(&[ring.as_fd()])?;
            let mut stream = producer.as_bytes();
            sender.pieces(PIECE, |mut piece| {
                while !piece.is_empty() {
                    let written = stream.write(piece)?;
                    piece = &piece[written..];
                }
                Ok(())
            })
        }
        Half::Receiver(receiver) => {
            let [fd] = receiver.link.take()?;
            let mut consumer = spsc::Ring::<Spin>::open(fd)?.consumer()?;
            let mut stream = consumer.as_bytes();
            let mut buffer = vec![0; PIECE];
            loop {
                match stream.read(&mut buffer)? {
                    0 => return Ok(()),
                    len => receiver.bytes(&buffer[..len])?,
                }
            }
        }
    }
}

/// A message of one type: how many of its bytes are used, and the bytes.
type Item = [u64; 1 + PIECE / 8];

/// Values of one type, several at once.
pub(crate) fn items(half: &mut Half) -> Outcome {
    let mut items: Vec<Item> = vec![[0; 1 + PIECE / 8]; ITEMS];
    match half {
        Half::Sender(sender) => {
            let ring: items::Ring<Item> = items::Ring::create(CAPACITY / size_of::<Item>())?;
            let mut producer = ring.producer()?;
            sender.link.give(&[ring.as_fd()])?;
            loop {
                let mut full = 0;
                for item in &mut items {
                    let [used, bytes @ ..] = item;
                    *used = sender.read(bytes.as_mut_bytes())? as u64;
                    full += usize::from(*used > 0);
                }
                let mut rest = &items[..full];
                while !rest.is_empty() {
                    let pushed = producer.push_slice(rest)?;
                    rest = &rest[pushed..];
                }
                if full < items.len() {
                    return Ok(());
                }
            }
        }
        Half::Receiver(receiver) => {
            let [fd] = receiver.link.take()?;
            let mut consumer = items::Ring::<Item>::open(fd)?.consumer()?;
            while let Some(count) = more(consumer.pop_slice(&mut items))? {
                for [used, bytes @ ..] in &items[..count] {
                    let bytes = bytes.as_bytes();
                    let used = usize::try_from(*used)?.min(bytes.len());
                    receiver.message(&bytes[..used])?;
                }
            }
            Ok(())
        }
    }
}

/// How many pieces a ring of many holds.
const PIECES: usize = CAPACITY / PIECE;

/// Each record in a slot that anybody may claim.
pub(crate) fn of_many(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            let ring: mpmc::Ring = mpmc::Ring::create(PIECES, PIECE)?;
            let mut producer = ring.producer()?;
            sender.link.give(&[ring.as_fd()])?;
            sender.pieces(PIECE, |piece| Ok(producer.send(piece)?))
        }
        Half::Receiver(receiver) => {
            let [fd] = receiver.link.take()?;
            let mut consumer = mpmc::Ring::<SpinThenFutex>::open(fd)?.consumer()?;
            let mut buffer = vec![0; PIECE];
            while let Some(len) = more(consumer.recv(&mut buffer))? {
                receiver.message(&buffer[..len])?;
            }
            Ok(())
        }
    }
}

/// The sender is one of many producers that could be.
pub(crate) fn lanes(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            let ring: mpsc::Ring = mpsc::Ring::create(4, CAPACITY)?;
            let mut producer = ring.producer()?;
            sender.link.give(&[ring.as_fd()])?;
            sender.pieces(PIECE, |piece| Ok(producer.send(piece)?))
        }
        Half::Receiver(receiver) => {
            let [fd] = receiver.link.take()?;
            let mut consumer = mpsc::Ring::<SpinThenFutex>::open(fd)?.consumer()?;
            let mut buffer = vec![0; PIECE];
            while let Some(event) = more(consumer.recv(&mut buffer))? {
                match event {
                    Event::Record { len, .. } => receiver.message(&buffer[..len])?,
                    Event::Gone { why, .. } => assert_eq!(why, Departure::Closed),
                }
            }
            Ok(())
        }
    }
}

/// The sender waits for no reader. So that FILE arrives whole, the reader says how far it is, by a
/// ring the other way.
pub(crate) fn broadcast(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            let ring: broadcast::Ring = broadcast::Ring::create(PIECES, PIECE)?;
            let replies: broadcast::items::Ring<u64> = broadcast::items::Ring::create(2)?;
            let mut writer = ring.sole_writer()?;
            let mut reader = replies.reader()?;
            sender.link.give(&[ring.as_fd(), replies.as_fd()])?;
            let (mut sent, mut received) = (0, 0);
            sender.pieces(PIECE, |piece| {
                while sent - received == PIECES as u64 {
                    received = match reader.pop() {
                        // Older replies do not matter.
                        Err(RecvError::Lagged(_)) => continue,
                        reply => reply?,
                    };
                }
                sent += 1;
                Ok(writer.send(piece)?)
            })
        }
        Half::Receiver(receiver) => {
            let [fd, replies] = receiver.link.take()?;
            let mut reader = broadcast::Ring::<SpinThenFutex>::open(fd)?.reader_from_oldest()?;
            let replies = broadcast::items::Ring::<u64>::open(replies)?;
            let mut writer = replies.sole_writer()?;
            let mut buffer = vec![0; PIECE];
            for received in 1.. {
                let len = match reader.recv(&mut buffer) {
                    Err(RecvError::Ring(Error::Closed)) => break,
                    len => len?,
                };
                receiver.message(&buffer[..len])?;
                if received % (PIECES as u64 / 2) == 0 {
                    writer.push(&received)?;
                }
            }
            Ok(())
        }
    }
}

/// How many long messages are in the ring at most.
const LONG_PIECES: u64 = 8;

/// FILE is read into chunks, and checked where it lies: by every reader, if there were more.
pub(crate) fn loans_to_all(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            let class = Class {
                size: LONG,
                count: 2 * LONG_PIECES as usize,
            };
            let ring: loans::Ring = loans::Ring::create(&[class], LONG_PIECES as usize)?;
            let replies: broadcast::items::Ring<u64> = broadcast::items::Ring::create(2)?;
            let (writer, mut reader) = (ring.writer()?, replies.reader()?);
            // SAFETY: the other half is this program, and keeps the protocol.
            let writer = unsafe { writer.assume_trusted() };
            sender.link.give(&[ring.as_fd(), replies.as_fd()])?;
            let (mut sent, mut received) = (0, 0);
            loop {
                let left = usize::try_from(sender.left()).unwrap_or(usize::MAX);
                if left == 0 {
                    return Ok(());
                }
                while sent - received == LONG_PIECES {
                    received = match reader.pop() {
                        // Older replies do not matter.
                        Err(RecvError::Lagged(_)) => continue,
                        reply => reply?,
                    };
                }
                let mut loan = writer.try_loan(left.min(LONG))?;
                sender.read(loan.as_mut_slice())?;
                loan.send().map_err(Error::from)?;
                sent += 1;
            }
        }
        Half::Receiver(receiver) => {
            let [fd, replies] = receiver.link.take()?;
            let reader = loans::Ring::<SpinThenFutex>::open(fd)?.reader_from_oldest()?;
            // SAFETY: the other half is this program, and keeps the protocol.
            let reader = unsafe { reader.assume_trusted() };
            let replies = broadcast::items::Ring::<u64>::open(replies)?;
            let mut writer = replies.sole_writer()?;
            for received in 1.. {
                let message = match reader.recv() {
                    Err(RecvError::Ring(Error::Closed)) => break,
                    message => message?,
                };
                receiver.message(message.as_slice())?;
                drop(message);
                writer.push(&received)?;
            }
            Ok(())
        }
    }
}

/// `None` when the producer has closed its end.
fn more<T>(result: Result<T, Error>) -> Outcome<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::Closed) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
