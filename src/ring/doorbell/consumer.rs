//! The end of the ring that receives records.

use super::RECORD_OVERHEAD;
use super::endpoint::Endpoint;
use crate::region::Peer;
use crate::ring::Error;
use crate::{AsFd, BorrowedFd, Deadline};

/// The consumer of a ring with bells. Dropping it closes its end: a producer that finds no room is
/// told [`Error::Closed`].
///
/// It lends as its descriptor the bell that is rung when a record has been sent.
///
/// # Examples
///
/// ```
/// use rawipc::event::Readiness;
/// use rawipc::event::poll::{self, PollFd};
/// use rawipc::ring::doorbell::{Bells, Ring};
///
/// let ring = Ring::create(1 << 16, Bells::Timer)?;
/// let (mut producer, mut consumer) = (ring.producer()?, ring.consumer()?);
/// assert!(consumer.arm()?); // there is nothing yet: ring for what comes
/// producer.send(b"hello")?;
/// poll::wait(&mut [PollFd::new(&consumer, Readiness::IN)])?;
/// assert_eq!(consumer.try_recv(&mut [0; 64]), Ok(5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Consumer(Endpoint);

impl Consumer {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self(endpoint)
    }

    /// Returns the ring's room in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// Returns the state of the producer's end. One system call if a process is attached.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.0.peer()
    }

    /// Leaves without closing, so that a successor continues.
    pub fn detach(self) {
        self.0.detach();
    }

    /// Receives one record into `buffer` and returns its length; blocks until there is one.
    ///
    /// # Errors
    ///
    /// When everything has been received: [`Error::Closed`], [`Error::PeerDied`].
    /// [`Error::TooLong`]: the record is longer than `buffer`, and stays.
    /// [`Error::Corrupt`].
    pub fn recv(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        self.recv_until(buffer, Deadline::Never)
    }

    /// Like [`recv`](Self::recv), but returns [`Error::WouldBlock`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`], and those of [`recv`](Self::recv).
    pub fn try_recv(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        self.0.ask(RECORD_OVERHEAD)?;
        self.take(buffer)
    }

    /// Like [`recv`](Self::recv), but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], and those of [`recv`](Self::recv).
    pub fn recv_until(&mut self, buffer: &mut [u8], deadline: Deadline) -> Result<usize, Error> {
        self.0.obtain(RECORD_OVERHEAD, deadline)?;
        self.take(buffer)
    }

    /// Copies the record that is there, and releases it.
    fn take(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let (data, position) = (self.0.data(), self.0.position());
        // Records are published whole, with what rounds them up.
        let room = self.0.usable() - RECORD_OVERHEAD;
        let len = match data.read_word(position) {
            Some(len) if len <= room as u64 => len as usize,
            _ => return Err(Error::Corrupt),
        };
        let limit = buffer.len();
        let to = buffer.get_mut(..len).ok_or(Error::TooLong { len, limit })?;
        // Never longer than the data.
        let _ = data.read(position.wrapping_add(RECORD_OVERHEAD as u64), to);
        self.0
            .advance(RECORD_OVERHEAD + len.next_multiple_of(RECORD_OVERHEAD))?;
        Ok(len)
    }

    /// Has the bell be rung when the producer goes on, and returns `true`; or returns `false` if
    /// it has gone on since [`try_recv`](Self::try_recv) found nothing, so that this is to be called
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

impl AsFd for Consumer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.bell()
    }
}

crate::sys::fd_number::number!(Consumer);
