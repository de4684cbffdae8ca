//! The ends of the ring that send records.

use super::endpoint::Endpoint;
use super::queue::Claim;
use super::side::Producing;
use super::{LENGTH, Peer, Statistics};
use crate::Deadline;
use crate::ring::{Error, SpinThenFutex, Waiting};

/// A producer of a ring of records, one of many. Dropping the last one closes the ring's sending
/// side: consumers receive what has been sent and are then told [`Error::Closed`].
///
/// # Examples
///
/// ```
/// use rawipc::ring::mpmc::Ring;
///
/// let ring: Ring = Ring::create(128, 64)?; // 128 slots, for records of up to 64 bytes
/// let (mut one, mut another) = (ring.producer()?, ring.producer()?);
/// one.send(b"from one")?;
/// another.send(b"from another")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Producer<W: Waiting = SpinThenFutex> {
    endpoint: Endpoint<Producing, W>,
    longest: usize,
}

impl<W: Waiting> Producer<W> {
    pub(super) fn new(endpoint: Endpoint<Producing, W>, longest: usize) -> Self {
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

    /// Returns the state of the consumers' side: [`Peer::Attached`] if one of them lives. A system
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

    /// Leaves without closing, even if no other producer is left.
    pub fn detach(self) {
        self.endpoint.detach();
    }

    /// Sends one record; blocks until there is room.
    ///
    /// # Errors
    ///
    /// While there is no room: [`Error::PeerDied`], [`Error::Closed`].
    /// [`Error::TooLong`] if there can never be. [`Error::Corrupt`].
    #[doc(alias = "push")]
    pub fn send(&mut self, record: &[u8]) -> Result<(), Error> {
        self.send_until(record, Deadline::Never)
    }

    /// Like [`send`](Self::send),
    /// but returns [`Error::WouldBlock`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`], and those of [`send`](Self::send).
    pub fn try_send(&mut self, record: &[u8]) -> Result<(), Error> {
        self.admit(record)?;
        let claim = self.endpoint.ask_record(&|_, _| true)?;
        self.publish(claim, record)
    }

    /// Like [`send`](Self::send),
    /// but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], and those of [`send`](Self::send).
    pub fn send_until(&mut self, record: &[u8], deadline: Deadline) -> Result<(), Error> {
        self.admit(record)?;
        let claim = self.endpoint.obtain_record(deadline, &|_, _| true)?;
        self.publish(claim, record)
    }

    fn admit(&self, record: &[u8]) -> Result<(), Error> {
        let (len, limit) = (record.len(), self.longest);
        if len > limit {
            return Err(Error::TooLong { len, limit });
        }
        Ok(())
    }

    fn publish(&mut self, claim: Option<Claim>, record: &[u8]) -> Result<(), Error> {
        let claim = claim.ok_or(Error::Corrupt)?;
        let slots = self.endpoint.slots(None)?;
        // Never longer than the slot.
        let _ = slots.write_item(claim.position, &(record.len() as u64));
        let _ = slots.write(claim.position, LENGTH, record);
        Ok(self.endpoint.finish_record(claim)?)
    }
}
