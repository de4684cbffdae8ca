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

/// A chunk that is lent for a message, which is received once it is sent. Dropped unsent, it is
/// given back to the pool.
#[must_use = "a loan is sent by `send`"]
pub struct Loan<'a, W: Waiting = SpinThenFutex, T: Trust = Untrusted> {
    producer: &'a Producer<W, T>,
    held: Held,
}

impl<'a, W: Waiting, T: Trust> Loan<'a, W, T> {
    /// Returns the length of the message.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len
    }

    /// Returns whether the message has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.len == 0
    }

    /// Copies `bytes` to `offset` of the message.
    ///
    /// # Errors
    ///
    /// [`Error::TooLong`] if the message ends before; nothing is written.
    pub fn write_at(&mut self, offset: usize, bytes: &[u8]) -> Result<(), Error> {
        self.producer.end.write_at(&self.held, offset, bytes)
    }

    /// Copies what is at `offset` of the message to fill `buffer`.
    ///
    /// # Errors
    ///
    /// [`Error::TooLong`] if the message ends before.
    pub fn read_at(&self, offset: usize, buffer: &mut [u8]) -> Result<(), Error> {
        self.producer.end.read_at(&self.held, offset, buffer)
    }

    /// Shortens the message to `len` bytes; does nothing if it is not longer.
    pub fn truncate(&mut self, len: usize) {
        self.held.len = self.held.len.min(len);
    }

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

    fn sent(self, result: Result<(), Error>) -> Result<(), Unsent<'a, W, T>> {
        match result {
            Ok(()) => {
                // The chunk is the ring's.
                let _ = ManuallyDrop::new(self);
                Ok(())
            }
            Err(error) => Err(Unsent { error, loan: self }),
        }
    }

    /// Gives the chunk back unsent, as dropping the loan does.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if somebody has written to the chunk's word.
    pub fn release(self) -> Result<(), Error> {
        let this = ManuallyDrop::new(self);
        this.producer.end.release(&this.held)
    }
}

impl<W: Waiting> Loan<'_, W, Trusted> {
    /// Borrows the message. It holds what former messages left. Empty in a forked child.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        let Some(first) = self.producer.end.pointer(&self.held) else {
            return &[];
        };
        // SAFETY: so many bytes follow; mapped memory is initialized; nobody else writes there,
        // as the caller of `assume_trusted` vouches, and this loan is borrowed.
        unsafe { core::slice::from_raw_parts(first, self.held.len) }
    }

    /// Borrows the message, to be written in place. It holds what former messages left. Empty in
    /// a forked child.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        let Some(first) = self.producer.end.pointer(&self.held) else {
            return &mut [];
        };
        // SAFETY: as in `as_slice`, and this loan is borrowed alone.
        unsafe { core::slice::from_raw_parts_mut(first, self.held.len) }
    }
}

impl<W: Waiting, T: Trust> Drop for Loan<'_, W, T> {
    fn drop(&mut self) {
        // In a corrupt pool there is nobody to give it to.
        let _ = self.producer.end.release(&self.held);
    }
}

impl<W: Waiting, T: Trust> fmt::Debug for Loan<'_, W, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loan")
            .field("len", &self.held.len)
            .finish_non_exhaustive()
    }
}

/// A message that was not sent, and why.
#[derive(Debug)]
pub struct Unsent<'a, W: Waiting = SpinThenFutex, T: Trust = Untrusted> {
    /// Why it was not sent.
    pub error: Error,
    /// The message, which can be sent again.
    pub loan: Loan<'a, W, T>,
}

/// Gives the chunk back.
impl<W: Waiting, T: Trust> From<Unsent<'_, W, T>> for Error {
    fn from(unsent: Unsent<'_, W, T>) -> Self {
        unsent.error
    }
}
