//! The end of the ring that sends records.

use super::endpoint::Endpoint;
use super::{RECORD_OVERHEAD, record_size};
use crate::region::Peer;
use crate::ring::{Error, Halt};
use crate::{AsFd, BorrowedFd, Deadline};

/// The producer of a ring with bells. Dropping it closes its end: the consumer receives what has
/// been sent and is then told [`Error::Closed`].
///
/// It lends as its descriptor the bell that is rung when there is room again.
///
/// # Examples
///
/// ```
/// use rawipc::ring::Error;
/// use rawipc::ring::doorbell::{Bells, Ring};
///
/// let ring = Ring::create(4096, Bells::Timer)?;
/// let mut producer = ring.producer()?;
/// while producer.try_send(&[0; 64]).is_ok() {}
/// assert_eq!(producer.try_send(&[0; 64]), Err(Error::WouldBlock));
/// assert!(producer.arm()?); // it is full: ring when there is room
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Producer(Endpoint);

impl Producer {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self(endpoint)
    }

    /// Returns the ring's room in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// Returns the state of the consumer's end. One system call if a process is attached.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.0.peer()
    }

    /// Leaves without closing, so that a successor continues.
    pub fn detach(self) {
        self.0.detach();
    }

    /// Sends one record; blocks until there is room.
    ///
    /// # Errors
    ///
    /// While there is no room: [`Error::PeerDied`], [`Error::Closed`].
    /// [`Error::TooLong`] if there can never be. [`Error::Corrupt`].
    pub fn send(&mut self, record: &[u8]) -> Result<(), Error> {
        self.send_until(record, Deadline::Never)
    }

    /// Like [`send`](Self::send), but returns [`Error::WouldBlock`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`], and those of [`send`](Self::send).
    pub fn try_send(&mut self, record: &[u8]) -> Result<(), Error> {
        let size = record_size(record.len(), self.0.capacity())?;
        self.0.ask(size)?;
        Ok(self.put(record, size)?)
    }

    /// Like [`send`](Self::send), but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], and those of [`send`](Self::send).
    pub fn send_until(&mut self, record: &[u8], deadline: Deadline) -> Result<(), Error> {
        let size = record_size(record.len(), self.0.capacity())?;
        self.0.obtain(size, deadline)?;
        Ok(self.put(record, size)?)
    }

    /// Writes a record where so many bytes may be used, and publishes it.
    fn put(&mut self, record: &[u8], size: usize) -> Result<(), Halt> {
        let position = self.0.position();
        let bytes = position.wrapping_add(RECORD_OVERHEAD as u64);
        // Neither is longer than the data.
        let _ = self.0.data().write_item(position, &(record.len() as u64));
        let _ = self.0.data().write(bytes, record);
        self.0.advance(size)
    }

    /// Has the bell be rung when the consumer goes on, and returns `true`; or returns `false` if
    /// it has gone on since [`try_send`](Self::try_send) found no room, so that this is to be called
    /// again.
    ///
    /// # Errors
    ///
    /// [`Error::Forked`]; [`Error::Kernel`]: the bell's descriptor is not what it was.
    pub fn arm(&mut self) -> Result<bool, Error> {
        Ok(self.0.arm()?)
    }

    pub(in crate::ring) fn endpoint(&mut self) -> &mut Endpoint {
        &mut self.0
    }
}

impl AsFd for Producer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.bell()
    }
}

crate::sys::fd_number::number!(Producer);
