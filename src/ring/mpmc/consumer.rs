//! The ends of the ring that receive records.

use core::cell::Cell;
use core::mem::MaybeUninit;

use super::endpoint::Endpoint;
use super::queue::{Claim, Slots};
use super::side::Consuming;
use super::{LENGTH, Peer, Statistics};
use crate::Deadline;
use crate::ring::{Error, SpinThenFutex, Waiting};

/// A consumer of a ring of records, one of many. Dropping the last one closes the ring's receiving
/// side: a producer that finds no room is told [`Error::Closed`].
///
/// # Examples
///
/// ```
/// use rawipc::ring::mpmc::Ring;
///
/// let ring: Ring = Ring::create(128, 64)?;
/// let mut producer = ring.producer()?;
/// let (mut one, mut another) = (ring.consumer()?, ring.consumer()?);
/// producer.send(b"first")?;
/// producer.send(b"second")?;
/// // Each record reaches one of them.
/// let mut buffer = [0; 64];
/// assert_eq!(another.recv(&mut buffer), Ok(5));
/// assert_eq!(one.recv(&mut buffer), Ok(6));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Consumer<W: Waiting = SpinThenFutex> {
    endpoint: Endpoint<Consuming, W>,
    longest: usize,
}

impl<W: Waiting> Consumer<W> {
    pub(super) fn new(endpoint: Endpoint<Consuming, W>, longest: usize) -> Self {
        Self { endpoint, longest }
    }

    /// Returns how many records fit into the ring.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.endpoint.capacity()
    }

    /// Returns the length of the longest record.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// Returns the state of the producers' side: [`Peer::Attached`] if one of them lives. A system
    /// call for each that is attached, until one is found alive.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.endpoint.peer()
    }

    /// Returns what was recovered from processes that died in the midst of a call.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.endpoint.statistics()
    }

    /// Leaves without closing, even if no other consumer is left.
    pub fn detach(self) {
        self.endpoint.detach();
    }

    /// Receives one record into `buffer` and returns its length; blocks until there is one.
    ///
    /// # Errors
    ///
    /// When everything has been received: [`Error::Closed`], [`Error::PeerDied`].
    /// [`Error::TooLong`]: the record is longer than `buffer`, and stays.
    /// [`Error::Corrupt`].
    #[doc(alias = "pop")]
    pub fn recv(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        self.recv_until(buffer, Deadline::Never)
    }

    /// Like [`recv`](Self::recv),
    /// but returns [`Error::WouldBlock`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`], and those of [`recv`](Self::recv).
    pub fn try_recv(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let fitting = Fitting::new(buffer, self.longest);
        let admits = |slots: Slots<'_>, position| fitting.admits(slots, position);
        let claim = self.endpoint.ask_record(&admits)?;
        self.take(claim, &fitting, buffer)
    }

    /// Like [`recv`](Self::recv),
    /// but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], and those of [`recv`](Self::recv).
    pub fn recv_until(&mut self, buffer: &mut [u8], deadline: Deadline) -> Result<usize, Error> {
        let fitting = Fitting::new(buffer, self.longest);
        let admits = |slots: Slots<'_>, position| fitting.admits(slots, position);
        let claim = self.endpoint.obtain_record(deadline, &admits)?;
        self.take(claim, &fitting, buffer)
    }

    fn take(
        &mut self,
        claim: Option<Claim>,
        fitting: &Fitting,
        buffer: &mut [u8],
    ) -> Result<usize, Error> {
        let Some(claim) = claim else {
            return Err(Error::TooLong {
                len: fitting.refused.get(),
                limit: fitting.room,
            });
        };
        let slots = self.endpoint.slots(None)?;
        // Once more: it may have been another record's when it was looked at.
        let received = match buffer.get_mut(..length(slots, claim.position)) {
            Some(bytes) => slots
                .read(claim.position, LENGTH, bytes)
                .map(|()| bytes.len()),
            None => None,
        };
        self.endpoint.finish_record(claim)?;
        received.ok_or(Error::Corrupt)
    }
}

/// Which records can be received.
struct Fitting {
    /// Bytes of the buffer.
    room: usize,
    longest: usize,
    /// The length of the record that was too long.
    refused: Cell<usize>,
}

impl Fitting {
    fn new(buffer: &[u8], longest: usize) -> Self {
        Self {
            room: buffer.len(),
            longest,
            refused: Cell::new(0),
        }
    }

    /// A length that cannot be is no record that could wait for a larger buffer.
    fn admits(&self, slots: Slots<'_>, position: u64) -> bool {
        let len = length(slots, position);
        self.refused.set(len);
        len <= self.room || len > self.longest
    }
}

/// The length of the record at `position`, whatever it says.
fn length(slots: Slots<'_>, position: u64) -> usize {
    let mut len = MaybeUninit::<u64>::uninit();
    if slots.read_item(position, &mut len).is_none() {
        return usize::MAX;
    }
    // SAFETY: all of it has been written.
    usize::try_from(unsafe { len.assume_init() }).unwrap_or(usize::MAX)
}
