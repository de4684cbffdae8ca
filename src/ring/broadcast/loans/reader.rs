//! The end of the ring that receives chunks and gives them back.

use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;

use super::receiving::Receiving;
use super::{Trust, Trusted, Untrusted};
use crate::Deadline;
use crate::ring::broadcast::{RecvError, Statistics};
use crate::ring::pool::borrowed;
use crate::ring::pool::held::Held;
use crate::ring::{Error, Peer, SpinThenFutex, Waiting};
use crate::wait::patience::Patience::{self, Blocking, Try, Until};

/// A reader: receives every message where it lies.
///
/// It may move between threads; threads that receive at the same time have a reader each.
///
/// # Examples
///
/// ```
/// use rawipc::ring::broadcast::loans::{Class, Ring};
///
/// let ring: Ring = Ring::create(&[Class { size: 1 << 20, count: 8 }], 4)?;
/// let (writer, reader) = (ring.writer()?, ring.reader()?);
/// let mut loan = writer.try_loan(1 << 20)?;
/// loan.write_at(0, b"a large picture")?;
/// loan.send().map_err(|unsent| unsent.error)?;
///
/// let message = reader.recv()?; // nothing is copied
/// let mut beginning = [0; 15];
/// message.read_at(0, &mut beginning)?;
/// assert_eq!(&beginning, b"a large picture");
/// drop(message); // so that its chunk can be lent again
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Reader<W: Waiting = SpinThenFutex, T: Trust = Untrusted> {
    end: Receiving<W>,
    trust: PhantomData<fn() -> T>,
}

impl<W: Waiting> Reader<W> {
    pub(super) fn new(end: Receiving<W>) -> Self {
        Self {
            end,
            trust: PhantomData,
        }
    }

    /// Vouches for the peers, so that messages can be read in place.
    ///
    /// # Safety
    ///
    /// Nobody else who can write to the ring's memory may write to a chunk between its being
    /// received here and its release, nor to the words that say who has it. And no message may be
    /// borrowed in a child that was forked meanwhile: there it changes when the parent has released it.
    #[must_use]
    pub unsafe fn assume_trusted(self) -> Reader<W, Trusted> {
        Reader {
            end: self.end,
            trust: PhantomData,
        }
    }
}

impl<W: Waiting, T: Trust> Reader<W, T> {
    /// Returns the number of slots.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.end.capacity()
    }

    /// Returns the state of the writers' side. Asks the kernel who lives.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.end.state()
    }

    /// Returns the position of the next message: how many were claimed before it since the ring was
    /// made. It grows by one for each message that is received, and by `n` with
    /// [`Lagged(n)`](RecvError::Lagged), and by one for a message that was corrupt.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.end.position()
    }

    /// Returns what became of the ring's positions so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.end.statistics()
    }

    /// Receives the next message, which stays where it is; blocks until there is one.
    ///
    /// # Errors
    ///
    /// [`RecvError::Lagged`]: so many were missed, and the next call goes on behind them. When
    /// everything has been received: [`Error::Closed`], [`Error::PeerDied`]. [`Error::Corrupt`].
    pub fn recv(&self) -> Result<Received<'_, W, T>, RecvError> {
        self.receive(Blocking)
    }

    /// Like [`recv`](Self::recv),
    /// but returns [`Error::WouldBlock`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`], and those of [`recv`](Self::recv).
    pub fn try_recv(&self) -> Result<Received<'_, W, T>, RecvError> {
        self.receive(Try)
    }

    /// Like [`recv`](Self::recv),
    /// but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], and those of [`recv`](Self::recv).
    pub fn recv_until(&self, deadline: Deadline) -> Result<Received<'_, W, T>, RecvError> {
        self.receive(Until(deadline))
    }

    #[inline(always)]
    fn receive(&self, patience: Patience) -> Result<Received<'_, W, T>, RecvError> {
        let held = self.end.receive(patience)?;
        Ok(Received { reader: self, held })
    }
}

borrowed::received! {
    /// A message that was received. Its chunk is not lent again before every reader that has received
    /// it has dropped it.
    Reader, reader
}
