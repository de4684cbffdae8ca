//! The end of a pool that receives chunks and gives them back.

use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;

use super::end::End;
use super::held::Held;
use super::lines::Receiving;
use super::{Reclaimed, Trust, Trusted, Untrusted};
use crate::Deadline;
use crate::ring::{Error, Peer, SpinThenFutex, Waiting};

/// A consumer of a pool: receives messages where they lie. Dropping it closes its end: when the
/// last one has closed, a producer that finds no room is told [`Error::Closed`].
///
/// It may move between threads; threads that receive at the same time have a consumer each.
///
/// # Examples
///
/// ```
/// use rawipc::ring::pool::{Class, Pool};
///
/// let pool: Pool = Pool::create(&[Class { size: 4096, count: 2 }], 2)?;
/// let (producer, consumer) = (pool.producer()?, pool.consumer()?);
/// let mut loan = producer.loan(5)?;
/// loan.write_at(0, b"hello")?;
/// loan.send().map_err(|unsent| unsent.error)?;
///
/// let message = consumer.recv()?;
/// let mut bytes = [0; 5];
/// message.read_at(0, &mut bytes)?;
/// assert_eq!(&bytes, b"hello");
/// drop(message); // the chunk can be lent again
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Consumer<W: Waiting = SpinThenFutex, T: Trust = Untrusted> {
    end: End<Receiving, W>,
    trust: PhantomData<fn() -> T>,
}

impl<W: Waiting> Consumer<W> {
    pub(super) fn new(end: End<Receiving, W>) -> Self {
        Self {
            end,
            trust: PhantomData,
        }
    }

    /// Vouches for the peers, so that messages can be read in place.
    ///
    /// # Safety
    ///
    /// Nobody else who can write to the pool's memory may access a chunk between its being
    /// received here and its release: nor a child that was forked while one was borrowed.
    #[must_use]
    pub unsafe fn assume_trusted(self) -> Consumer<W, Trusted> {
        Consumer {
            end: self.end,
            trust: PhantomData,
        }
    }
}

impl<W: Waiting, T: Trust> Consumer<W, T> {
    /// Returns how many messages can be under way: sent and not yet received.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.end.capacity()
    }

    /// Returns the state of the producers, all together. One system call or more if processes are
    /// attached.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.end.peer()
    }

    /// Returns what this end has taken back from the dead.
    #[must_use]
    pub fn reclaimed(&self) -> Reclaimed {
        self.end.reclaimed()
    }

    /// Leaves without closing, so that a successor continues.
    pub fn detach(self) {
        self.end.detach();
    }

    /// Receives a message, which stays where it is; blocks until there is one.
    ///
    /// Each message is received by one consumer, in the order in which they were sent.
    ///
    /// # Errors
    ///
    /// When everything has been received: [`Error::Closed`], [`Error::PeerDied`].
    /// [`Error::Corrupt`].
    #[doc(alias = "pop")]
    pub fn recv(&self) -> Result<Received<'_, W, T>, Error> {
        self.recv_until(Deadline::Never)
    }

    /// Like [`recv`](Self::recv),
    /// but returns [`Error::WouldBlock`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`], and those of [`recv`](Self::recv).
    pub fn try_recv(&self) -> Result<Received<'_, W, T>, Error> {
        let held = self.end.try_recv()?;
        Ok(Received {
            consumer: self,
            held,
        })
    }

    /// Like [`recv`](Self::recv),
    /// but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], and those of [`recv`](Self::recv).
    pub fn recv_until(&self, deadline: Deadline) -> Result<Received<'_, W, T>, Error> {
        let held = self.end.recv_until(deadline)?;
        Ok(Received {
            consumer: self,
            held,
        })
    }
}

super::borrowed::received! {
    /// A message that was received, and its chunk, which goes back to the pool when it is dropped.
    Consumer, consumer
}
