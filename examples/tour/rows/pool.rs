//! Chunks that are lent, filled, sent and given back.

use rawipc::AsFd;
use rawipc::ring::pool::{Class, Pool};
use rawipc::ring::{Error, SpinThenFutex};

use super::PIECE;
use crate::half::{Half, Outcome};

/// What a long loan holds.
pub(crate) const LONG: usize = 1 << 20;

/// How many chunks there are, and messages under way.
const CHUNKS: usize = 16;

pub(crate) fn loans(half: &mut Half) -> Outcome {
    chunks_of(PIECE, half)
}

pub(crate) fn long_loans(half: &mut Half) -> Outcome {
    chunks_of(LONG, half)
}

/// FILE is read into chunks, and checked where it lies.
fn chunks_of(size: usize, half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            let class = Class {
                size,
                count: CHUNKS,
            };
            let pool: Pool = Pool::create(&[class], CHUNKS / 2)?;
            let producer = pool.producer()?;
            // SAFETY: the other half is this program, and keeps the protocol.
            let producer = unsafe { producer.assume_trusted() };
            sender.link.give(&[pool.as_fd()])?;
            loop {
                let left = usize::try_from(sender.left()).unwrap_or(usize::MAX);
                if left == 0 {
                    return Ok(());
                }
                let mut loan = producer.loan(left.min(size))?;
                sender.read(loan.as_mut_slice())?;
                loan.send().map_err(Error::from)?;
            }
        }
        Half::Receiver(receiver) => {
            let [fd] = receiver.link.take()?;
            let consumer = Pool::<SpinThenFutex>::open(fd)?.consumer()?;
            // SAFETY: the other half is this program, and keeps the protocol.
            let consumer = unsafe { consumer.assume_trusted() };
            loop {
                match consumer.recv() {
                    Ok(message) => receiver.message(message.as_slice())?,
                    Err(Error::Closed) => return Ok(()),
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
}
