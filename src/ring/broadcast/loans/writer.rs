//! The end of the ring that lends chunks and sends them.

use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;

use super::sending::Sending;
use super::{Reclaimed, Trust, Trusted, Untrusted};
use crate::ring::broadcast::Statistics;
use crate::ring::pool::borrowed;
use crate::ring::pool::held::Held;
use crate::ring::{Error, SpinThenFutex, Waiting};

/// A writer: lends chunks, and sends them to all readers. Dropping it closes its end: readers receive
/// what has been sent and are then told [`Error::Closed`], if nobody else writes.
///
/// It may move between threads; threads that send at the same time have a writer each.
///
/// # Examples
///
/// ```
/// use rawipc::ring::Error;
/// use rawipc::ring::broadcast::loans::{Class, Ring};
///
/// let ring: Ring = Ring::create(&[Class { size: 4096, count: 8 }], 4)?;
/// let writer = ring.writer()?;
/// match writer.try_loan(4096) {
///     Ok(mut loan) => {
///         loan.write_at(0, b"hello")?;
///         loan.truncate(5);
///         loan.send().map_err(|unsent| unsent.error)?;
///     }
///     Err(Error::WouldBlock) => println!("readers have all chunks: try again later"),
///     Err(error) => return Err(error.into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Writer<W: Waiting = SpinThenFutex, T: Trust = Untrusted> {
    end: Sending<W>,
    trust: PhantomData<fn() -> T>,
}

impl<W: Waiting> Writer<W> {
    pub(super) fn new(end: Sending<W>) -> Self {
        Self {
            end,
            trust: PhantomData,
        }
    }

    /// Vouches for the peers, so that chunks can be written in place.
    ///
    /// # Safety
    ///
    /// Nobody else who can write to the ring's memory may access a chunk that is lent here
    /// before it is sent or given back: nor a child that was forked while one was borrowed.
    #[must_use]
    pub unsafe fn assume_trusted(self) -> Writer<W, Trusted> {
        Writer {
            end: self.end,
            trust: PhantomData,
        }
    }
}

impl<W: Waiting, T: Trust> Writer<W, T> {
    /// Returns the number of slots.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.end.capacity()
    }

    /// Returns what became of the ring's positions so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.end.statistics()
    }

    /// Returns what this end has taken back from the dead.
    #[must_use]
    pub fn reclaimed(&self) -> Reclaimed {
        self.end.reclaimed()
    }

    /// Leaves without closing: readers wait for a successor.
    pub fn detach(self) {
        self.end.detach();
    }

    /// Lends a chunk for a message of `len` bytes: one of the smallest chunks that have room for
    /// it. Never waits.
    ///
    /// It holds what former messages left there. Chunks of processes that have died are taken
    /// back when none is free: by the first call that finds none, the second, the fourth and so on in a row, and
    /// then by every [`FAILURES_PER_LOOK`](super::FAILURES_PER_LOOK)th. These calls ask the kernel who lives.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`]: every chunk of the class is in the ring, lent, or in a reader's hands.
    /// [`Error::TooLong`] if no chunk has so much room.
    pub fn try_loan(&self, len: usize) -> Result<Loan<'_, W, T>, Error> {
        let held = self.end.try_loan(len)?;
        Ok(Loan { writer: self, held })
    }
}

borrowed::loan! {
    /// A chunk that is lent for a message, which every reader receives once it is sent. Dropped unsent,
    /// it can be lent again.
    Writer, writer
}

impl<'a, W: Waiting, T: Trust> Loan<'a, W, T> {
    /// Sends the message to all readers, whatever its length in the same time. Never waits.
    ///
    /// If other writers went all around the ring meanwhile, the message is sent anew, behind theirs.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`]: every slot is in the hands of a writer that is stopped, which honest
    /// writers cannot bring about; or others went around the ring 64 times meanwhile.
    /// [`Error::Corrupt`]. What was not sent is in the [`Unsent`], which borrows the writer and
    /// therefore is no `std::error::Error`: for `?`, `.map_err(|unsent| unsent.error)`.
    #[doc(alias = "publish")]
    pub fn send(self) -> Result<(), Unsent<'a, W, T>> {
        let result = self.writer.end.send(&self.held);
        self.sent(result)
    }
}
