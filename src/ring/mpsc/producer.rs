//! The end of the ring that sends records.

use core::marker::PhantomData;

use super::sending::Sending;
use super::{ProducerId, RECORD_OVERHEAD, record_size};
use crate::Deadline;
use crate::ring::trust::{Trust, Trusted, Untrusted};
use crate::ring::{Error, Peer, SpinThenFutex, Waiting, within};

/// A producer of a ring, which has a lane of its own. Dropping it closes its end: the consumer
/// receives what has been sent, and then that it is gone.
///
/// # Examples
///
/// ```
/// use rawipc::ring::mpsc::Ring;
///
/// let ring: Ring = Ring::create(4, 1 << 16)?; // up to four producers at a time
/// let (mut one, mut another) = (ring.producer()?, ring.producer()?);
/// one.send(b"in a lane")?;
/// another.send(b"in another")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Producer<W: Waiting = SpinThenFutex, T: Trust = Untrusted> {
    sending: Sending<W>,
    trust: PhantomData<fn() -> T>,
}

impl<W: Waiting> Producer<W> {
    pub(super) fn new(sending: Sending<W>) -> Self {
        Self {
            sending,
            trust: PhantomData,
        }
    }

    /// Vouches for the others, so that records can be written in place.
    ///
    /// # Safety
    ///
    /// Nobody else who can write to the ring's memory may write to a record before it is
    /// committed: nor a child that was forked while one was borrowed.
    #[must_use]
    pub unsafe fn assume_trusted(self) -> Producer<W, Trusted> {
        Producer {
            sending: self.sending,
            trust: PhantomData,
        }
    }
}

impl<W: Waiting, T: Trust> Producer<W, T> {
    /// Returns what the consumer knows this producer by.
    #[must_use]
    pub fn id(&self) -> ProducerId {
        ProducerId(self.sending.number())
    }

    /// Returns the room of the lane in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.sending.capacity()
    }

    /// Returns the state of the consumer's end. One system call if a process is attached.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.sending.peer()
    }

    /// Sends one record; blocks until there is room in the lane.
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
        self.try_reserve(record.len())?.send(record)
    }

    /// Like [`send`](Self::send),
    /// but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], and those of [`send`](Self::send).
    pub fn send_until(&mut self, record: &[u8], deadline: Deadline) -> Result<(), Error> {
        self.reserve_until(record.len(), deadline)?.send(record)
    }

    /// Reserves room for a record of `len` bytes; blocks until there is so much.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    pub fn reserve(&mut self, len: usize) -> Result<Reservation<'_, W, T>, Error> {
        self.reserve_until(len, Deadline::Never)
    }

    /// Like [`reserve`](Self::reserve),
    /// but returns [`Error::WouldBlock`] instead of blocking.
    ///
    /// # Errors
    ///
    /// Those of [`try_send`](Self::try_send).
    pub fn try_reserve(&mut self, len: usize) -> Result<Reservation<'_, W, T>, Error> {
        let size = record_size(len, self.capacity())?;
        self.sending.ask(size)?;
        Ok(Reservation::new(self, len))
    }

    /// Like [`reserve`](Self::reserve),
    /// but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// Those of [`send_until`](Self::send_until).
    pub fn reserve_until(
        &mut self,
        len: usize,
        deadline: Deadline,
    ) -> Result<Reservation<'_, W, T>, Error> {
        let size = record_size(len, self.capacity())?;
        self.sending.obtain(size, deadline)?;
        Ok(Reservation::new(self, len))
    }

    /// Begins a batch: records that appear to the consumer in one step.
    pub fn batch(&mut self) -> Batch<'_, W, T> {
        Batch {
            producer: self,
            size: 0,
        }
    }

    /// Writes the head of a record of `len` bytes, `ahead` bytes from this end's position, where
    /// [`record_size`] bytes may be used.
    #[inline(always)]
    fn write_head(&mut self, ahead: usize, len: usize) {
        // Never longer than the data.
        let data = self.sending.data();
        let _ = data.and_then(|data| data.write_item(self.position(ahead), &(len as u64)));
    }

    /// Copies `bytes` to `ahead` bytes from this end's position, where they may be.
    #[inline(always)]
    fn copy_out(&mut self, ahead: usize, bytes: &[u8]) {
        // Never longer than the data.
        let data = self.sending.data();
        let _ = data.and_then(|data| data.write(self.position(ahead), bytes));
    }

    /// The position `ahead` bytes from this end's.
    #[inline(always)]
    fn position(&self, ahead: usize) -> u64 {
        self.sending.position().wrapping_add(ahead as u64)
    }
}

/// Room for one record, which appears to the consumer when it is committed.
/// Dropped uncommitted, it leaves nothing.
///
/// # Examples
///
/// ```
/// use rawipc::ring::mpsc::Ring;
///
/// let ring: Ring = Ring::create(4, 1 << 16)?;
/// let mut producer = ring.producer()?;
/// let mut reservation = producer.reserve(100)?; // at most
/// reservation.write(b"written where ")?;
/// reservation.write(b"it lies")?;
/// reservation.truncate(21);
/// reservation.commit()?; // dropped instead, it would leave nothing
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a record is sent by `commit`"]
pub struct Reservation<'a, W: Waiting = SpinThenFutex, T: Trust = Untrusted> {
    producer: &'a mut Producer<W, T>,
    len: usize,
    written: usize,
}

impl<'a, W: Waiting, T: Trust> Reservation<'a, W, T> {
    fn new(producer: &'a mut Producer<W, T>, len: usize) -> Self {
        Self {
            producer,
            len,
            written: 0,
        }
    }

    /// Returns the length of the record.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether the record has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends bytes to what has been written.
    ///
    /// # Errors
    ///
    /// [`Error::TooLong`] if they do not fit into the record; nothing is written.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.write_at(self.written, bytes)?;
        self.written += bytes.len();
        Ok(())
    }

    /// Writes bytes at `offset` of the record.
    ///
    /// # Errors
    ///
    /// [`Error::TooLong`] if they do not fit into the record; nothing is written.
    pub fn write_at(&mut self, offset: usize, bytes: &[u8]) -> Result<(), Error> {
        self.producer.sending.attached()?;
        self.put(offset, bytes)
    }

    fn put(&mut self, offset: usize, bytes: &[u8]) -> Result<(), Error> {
        within(self.len, offset, bytes.len())?;
        self.producer.copy_out(RECORD_OVERHEAD + offset, bytes);
        Ok(())
    }

    /// Shortens the record to `len` bytes; does nothing if it is not longer.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Publishes the record, in one step. Bytes of it that were not written hold what former
    /// records left there.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if somebody else has written to this end's progress.
    pub fn commit(self) -> Result<(), Error> {
        self.producer.sending.attached()?;
        self.publish()
    }

    /// Sends the record, in an end that has just been seen to be attached.
    fn send(mut self, record: &[u8]) -> Result<(), Error> {
        self.put(0, record)?;
        self.publish()
    }

    fn publish(self) -> Result<(), Error> {
        let size = record_size(self.len, self.producer.capacity())?;
        self.producer.write_head(0, self.len);
        Ok(self.producer.sending.advance(size)?)
    }
}

impl<W: Waiting> Reservation<'_, W, Trusted> {
    /// Borrows the record, to be written in place. It holds what former records left. Empty in
    /// a forked child.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        let sending = &self.producer.sending;
        let position = sending.position().wrapping_add(RECORD_OVERHEAD as u64);
        let (Some(first), Ok(())) = (
            sending
                .data()
                .and_then(|data| data.pointer(position, self.len)),
            sending.attached(),
        ) else {
            // Never longer than the data; and a child's copy has none.
            return &mut [];
        };
        // SAFETY: so many bytes follow; mapped memory is initialized; nobody else writes
        // there, as the caller of `assume_trusted` vouches, and this is the lane's only producer,
        // borrowed.
        unsafe { core::slice::from_raw_parts_mut(first, self.len) }
    }
}

/// Records that are published together.
///
/// A batch lives in the room that is free when its records are written: it does not wait. Dropped
/// uncommitted, it leaves nothing.
///
/// # Examples
///
/// ```
/// use rawipc::ring::mpsc::Ring;
///
/// let ring: Ring = Ring::create(4, 1 << 16)?;
/// let mut producer = ring.producer()?;
/// let mut batch = producer.batch();
/// for line in ["one", "two", "three"] {
///     batch.send(line.as_bytes())?;
/// }
/// batch.commit()?; // the consumer sees all of them, or none
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a batch is sent by `commit`"]
pub struct Batch<'a, W: Waiting = SpinThenFutex, T: Trust = Untrusted> {
    producer: &'a mut Producer<W, T>,
    size: usize,
}

impl<W: Waiting, T: Trust> Batch<'_, W, T> {
    /// Adds a record.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] when there is no room for it beside those already in the batch, which
    /// can still be committed; and as [`Producer::try_send`].
    pub fn send(&mut self, record: &[u8]) -> Result<(), Error> {
        let size = record_size(record.len(), self.producer.capacity())?;
        self.producer.sending.ask(self.size + size)?;
        self.producer.write_head(self.size, record.len());
        self.producer.copy_out(self.size + RECORD_OVERHEAD, record);
        self.size += size;
        Ok(())
    }

    /// Returns whether the batch holds no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// Publishes all records, in one step.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if somebody else has written to this end's progress.
    pub fn commit(self) -> Result<(), Error> {
        if self.size == 0 {
            return Ok(());
        }
        self.producer.sending.attached()?;
        Ok(self.producer.sending.advance(self.size)?)
    }
}
