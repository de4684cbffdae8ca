//! The end of a pool that lends chunks and sends them.

use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;

use super::end::End;
use super::held::Held;
use super::lines::Sending;
use super::{Reclaimed, Trust, Trusted, Untrusted};
use crate::Deadline;
use crate::ring::{Error, Peer, SpinThenFutex, Waiting};

/// A producer of a pool: lends chunks, and sends them. Dropping it closes its end: when the
/// last one has closed, consumers receive what has been sent and are then told [`Error::Closed`].
///
/// It may move between threads; threads that send at the same time have a producer each.
///
/// # Examples
///
/// ```
/// use rawipc::ring::pool::{Class, Pool};
///
/// let pool: Pool = Pool::create(&[Class { size: 4096, count: 2 }], 2)?;
/// let producer = pool.producer()?;
/// let mut loan = producer.loan(5)?;
/// loan.write_at(0, b"hello")?;
/// loan.send().map_err(|unsent| unsent.error)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Producer<W: Waiting = SpinThenFutex, T: Trust = Untrusted> {
    end: End<Sending, W>,
    trust: PhantomData<fn() -> T>,
}

impl<W: Waiting> Producer<W> {
    pub(super) fn new(end: End<Sending, W>) -> Self {
        Self {
            end,
            trust: PhantomData,
        }
    }

    /// Vouches for the peers, so that chunks can be written in place.
    ///
    /// # Safety
    ///
    /// Nobody else who can write to the pool's memory may access a chunk that is lent here
    /// before it is sent or given back: nor a child that was forked while one was borrowed.
    #[must_use]
    pub unsafe fn assume_trusted(self) -> Producer<W, Trusted> {
        Producer {
            end: self.end,
            trust: PhantomData,
        }
    }
}

impl<W: Waiting, T: Trust> Producer<W, T> {
    /// Returns how many messages can be under way: sent and not yet received.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.end.capacity()
    }

    /// Returns the state of the consumers, all together. One system call or more if processes are
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

    /// Lends a chunk for a message of `len` bytes: one of the smallest chunks that have room for
    /// it; blocks until one of these is free.
    ///
    /// It holds what former messages left there. Chunks of processes that have died are taken
    /// back when none is free.
    ///
    /// # Errors
    ///
    /// While no chunk is free: [`Error::PeerDied`], [`Error::Closed`].
    /// [`Error::TooLong`] if no chunk has so much room.
    pub fn loan(&self, len: usize) -> Result<Loan<'_, W, T>, Error> {
        self.loan_until(len, Deadline::Never)
    }

    /// Like [`loan`](Self::loan),
    /// but returns [`Error::WouldBlock`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`], and those of [`loan`](Self::loan).
    pub fn try_loan(&self, len: usize) -> Result<Loan<'_, W, T>, Error> {
        let held = self.end.try_loan(len)?;
        Ok(Loan {
            producer: self,
            held,
        })
    }

    /// Like [`loan`](Self::loan),
    /// but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], and those of [`loan`](Self::loan).
    pub fn loan_until(&self, len: usize, deadline: Deadline) -> Result<Loan<'_, W, T>, Error> {
        let held = self.end.loan_until(len, deadline)?;
        Ok(Loan {
            producer: self,
            held,
        })
    }
}

super::borrowed::loan! {
    /// A chunk that is lent for a message, which is received once it is sent. Dropped unsent, it is
    /// given back to the pool.
    Producer, producer
}

impl<'a, W: Waiting, T: Trust> Loan<'a, W, T> {
    /// Sends the message, whatever its length in the same time; blocks until there is room for
    /// its handle in the ring.
    ///
    /// # Errors
    ///
    /// While the ring is full: [`Error::PeerDied`], [`Error::Closed`]. [`Error::Corrupt`]. What
    /// was not sent is in the [`Unsent`], which borrows the producer and therefore is no
    /// `std::error::Error`: for `?`, `.map_err(|unsent| unsent.error)`.
    #[doc(alias = "push")]
    pub fn send(self) -> Result<(), Unsent<'a, W, T>> {
        self.send_until(Deadline::Never)
    }

    /// Like [`send`](Self::send),
    /// but returns [`Error::WouldBlock`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`], and those of [`send`](Self::send).
    pub fn try_send(self) -> Result<(), Unsent<'a, W, T>> {
        let result = self.producer.end.try_send(&self.held);
        self.sent(result)
    }

    /// Like [`send`](Self::send),
    /// but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], and those of [`send`](Self::send).
    pub fn send_until(self, deadline: Deadline) -> Result<(), Unsent<'a, W, T>> {
        let result = self.producer.end.send_until(&self.held, deadline);
        self.sent(result)
    }
}
