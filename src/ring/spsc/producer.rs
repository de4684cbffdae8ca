//! The end of the ring that sends records.

use core::marker::PhantomData;
use core::mem::size_of;

use super::endpoint::Endpoint;
use super::side::Producing;
use super::{Peer, RECORD_OVERHEAD, Statistics, Trust, Trusted, Untrusted, record_size};
use crate::Deadline;
use crate::ring::{Error, SpinThenFutex, Waiting, within};

/// The producer of a ring of records. Dropping it closes its end: the consumer
/// receives what has been sent and is then told [`Error::Closed`].
///
/// # Examples
///
/// ```
/// use rawipc::ring::{Error, spsc::Ring};
///
/// let ring: Ring = Ring::create(4096)?;
/// let mut producer = ring.producer()?;
/// producer.send(b"copied into the ring")?;
/// // Or written where it is to lie: `commit` sends it, dropping it does not.
/// let mut reservation = producer.reserve(5)?;
/// reservation.write_at(0, b"hello")?;
/// reservation.commit()?;
/// assert!(matches!(producer.try_send(&[0; 8192]), Err(Error::TooLong { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Producer<W: Waiting = SpinThenFutex, T: Trust = Untrusted> {
    endpoint: Endpoint<Producing, W>,
    trust: PhantomData<fn() -> T>,
}

impl<W: Waiting> Producer<W> {
    pub(super) fn new(endpoint: Endpoint<Producing, W>) -> Self {
        Self {
            endpoint,
            trust: PhantomData,
        }
    }

    /// Vouches for the peer, so that records can be written in place.
    ///
    /// # Safety
    ///
    /// Nobody else who can write to the ring's memory may write to a record
    /// before it is committed: nor a child that was forked while one was borrowed.
    #[must_use]
    pub unsafe fn assume_trusted(self) -> Producer<W, Trusted> {
        Producer {
            endpoint: self.endpoint,
            trust: PhantomData,
        }
    }
}

impl<W: Waiting, T: Trust> Producer<W, T> {
    /// Returns the ring's room in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.endpoint.capacity()
    }

    /// Returns the state of the consumer's end. One system call if a process is attached.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.endpoint.peer()
    }

    /// Returns what has been counted of the producer's end, since the ring was created.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.endpoint.statistics()
    }

    /// Leaves without closing, so that a successor continues.
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
        let size = record_size(len, self.endpoint.capacity())?;
        self.endpoint.ask(size)?;
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
        let size = record_size(len, self.endpoint.capacity())?;
        self.endpoint.obtain(size, deadline)?;
        Ok(Reservation::new(self, len))
    }

    /// Begins a batch: records that appear to the consumer in one step.
    pub fn batch(&mut self) -> Batch<'_, W, T> {
        Batch {
            producer: self,
            size: 0,
        }
    }

    /// Returns a view of the ring as a stream of bytes, for a consumer that has the same
    /// view of it.
    pub fn as_bytes(&mut self) -> ByteWriter<'_, W, T> {
        ByteWriter { producer: self }
    }

    /// Writes the head of a record of `len` bytes, `ahead` bytes from this end's
    /// position, where [`record_size`] bytes may be used.
    fn write_head(&mut self, ahead: usize, len: usize) {
        // Never longer than the data.
        let _ = self
            .endpoint
            .data()
            .write_item(self.position(ahead), &(len as u64));
    }

    /// Copies `bytes` to `ahead` bytes from this end's position, where they may be.
    #[inline(always)]
    fn copy_out(&mut self, ahead: usize, bytes: &[u8]) {
        // Never longer than the data.
        let _ = self.endpoint.data().write(self.position(ahead), bytes);
    }

    /// The position `ahead` bytes from this end's.
    #[inline(always)]
    fn position(&self, ahead: usize) -> u64 {
        self.endpoint.position().wrapping_add(ahead as u64)
    }
}

/// Room for one record, which appears to the consumer when it is committed.
/// Dropped uncommitted, it leaves nothing.
///
/// # Examples
///
/// ```
/// use rawipc::ring::spsc::Ring;
///
/// let ring: Ring = Ring::create(1 << 16)?;
/// let mut producer = ring.producer()?;
/// let mut reservation = producer.reserve(100)?; // at most
/// reservation.write(b"length?")?;
/// reservation.write_at(0, b"6")?;
/// reservation.truncate(7);
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
        self.producer.endpoint.attached()?;
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

    /// Publishes the record, in one step. Bytes of it that were not written hold
    /// what former records left there.
    ///
    /// # Errors
    ///
    /// [`Error::Forked`].
    pub fn commit(self) -> Result<(), Error> {
        self.producer.endpoint.attached()?;
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
        self.producer.endpoint.advance(size);
        Ok(())
    }
}

impl<W: Waiting> Reservation<'_, W, Trusted> {
    /// Borrows the record, to be written in place. It holds what former records left. Empty in
    /// a forked child.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        let endpoint = &self.producer.endpoint;
        let position = endpoint.position().wrapping_add(RECORD_OVERHEAD as u64);
        let (Some(first), Ok(())) = (
            endpoint.data().pointer(position, self.len),
            endpoint.attached(),
        ) else {
            // Never longer than the data; and a child's copy has none.
            return &mut [];
        };
        // SAFETY: so many bytes follow; mapped memory is initialized; nobody else writes
        // there, as the caller of `assume_trusted` vouches, and this is the only producer, borrowed.
        unsafe { core::slice::from_raw_parts_mut(first, self.len) }
    }
}

/// Records that are published together.
///
/// A batch lives in the room that is free when its records are written: it does
/// not wait. Dropped uncommitted, it leaves nothing.
///
/// # Examples
///
/// ```
/// use rawipc::ring::{Error, spsc::Ring};
///
/// let ring: Ring = Ring::create(1 << 16)?;
/// let mut producer = ring.producer()?;
/// let mut batch = producer.batch();
/// for line in ["one", "two", "three"] {
///     match batch.send(line.as_bytes()) {
///         Err(Error::WouldBlock) => break, // no more room: send what there is
///         result => result?,
///     }
/// }
/// batch.commit()?; // in one step
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
    /// [`Error::WouldBlock`] when there is no room for it beside those already in
    /// the batch, which can still be committed; and as [`Producer::try_send`].
    pub fn send(&mut self, record: &[u8]) -> Result<(), Error> {
        let size = record_size(record.len(), self.producer.capacity())?;
        self.producer.endpoint.ask(self.size + size)?;
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
    /// [`Error::Forked`].
    pub fn commit(self) -> Result<(), Error> {
        if self.size == 0 {
            return Ok(());
        }
        self.producer.endpoint.attached()?;
        self.producer.endpoint.advance(self.size);
        Ok(())
    }
}

/// The sending end of the ring as a stream of bytes.
///
/// # Examples
///
/// ```
/// use rawipc::ring::spsc::Ring;
///
/// let ring: Ring = Ring::create(1 << 16)?;
/// let mut producer = ring.producer()?;
/// let mut bytes = producer.as_bytes();
/// let mut rest: &[u8] = &[7; 30_000];
/// while !rest.is_empty() {
///     let sent = bytes.write(rest)?; // at most a quarter of the ring's room
///     rest = &rest[sent..];
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ByteWriter<'a, W: Waiting = SpinThenFutex, T: Trust = Untrusted> {
    producer: &'a mut Producer<W, T>,
}

impl<W: Waiting, T: Trust> ByteWriter<'_, W, T> {
    /// Sends the first bytes of `bytes`, at most a quarter of the ring's room,
    /// and returns how many; blocks until there is room.
    ///
    /// # Errors
    ///
    /// Those of [`Producer::send`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        self.write_until(bytes, Deadline::Never)
    }

    /// Like [`write`](Self::write),
    /// but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// Those of [`Producer::send_until`].
    pub fn write_until(&mut self, bytes: &[u8], deadline: Deadline) -> Result<usize, Error> {
        let most = self.producer.capacity() / 4 - RECORD_OVERHEAD;
        let piece = bytes.get(..most).unwrap_or(bytes);
        if !piece.is_empty() {
            self.producer.send_until(piece, deadline)?;
        }
        Ok(piece.len())
    }
}

static_assertions::const_assert_eq!(RECORD_OVERHEAD, size_of::<u64>());
