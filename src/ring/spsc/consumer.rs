//! The end of the ring that receives records.

use core::marker::PhantomData;

use super::endpoint::{ALIGN, Endpoint};
use super::side::Consuming;
use super::{Peer, RECORD_OVERHEAD, Statistics, Trust, Trusted, Untrusted};
use crate::Deadline;
use crate::ring::{Error, SpinThenFutex, Waiting, within};

/// The consumer of a ring of records. Dropping it closes its end: a producer that
/// finds no room is told [`Error::Closed`].
///
/// # Examples
///
/// ```
/// use rawipc::ring::{Error, spsc::Ring};
///
/// let ring: Ring = Ring::create(4096)?;
/// let (mut producer, mut consumer) = (ring.producer()?, ring.consumer()?);
/// producer.send(b"hello")?;
/// let mut buffer = [0; 64];
/// let len = consumer.recv(&mut buffer)?;
/// assert_eq!(&buffer[..len], b"hello");
/// assert_eq!(consumer.try_recv(&mut buffer), Err(Error::WouldBlock));
/// drop(producer);
/// assert_eq!(consumer.recv(&mut buffer), Err(Error::Closed));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Consumer<W: Waiting = SpinThenFutex, T: Trust = Untrusted> {
    endpoint: Endpoint<Consuming, W>,
    trust: PhantomData<fn() -> T>,
}

impl<W: Waiting> Consumer<W> {
    pub(super) fn new(endpoint: Endpoint<Consuming, W>) -> Self {
        Self {
            endpoint,
            trust: PhantomData,
        }
    }

    /// Vouches for the peer, so that records can be read in place.
    ///
    /// # Safety
    ///
    /// Nobody who can write to the ring's memory may write to a record between
    /// its commit and its release; a child that was forked while one was borrowed must not
    /// look at it, as it may be released and written anew.
    #[must_use]
    pub unsafe fn assume_trusted(self) -> Consumer<W, Trusted> {
        Consumer {
            endpoint: self.endpoint,
            trust: PhantomData,
        }
    }
}

impl<W: Waiting, T: Trust> Consumer<W, T> {
    /// Returns the ring's room in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.endpoint.capacity()
    }

    /// Returns the state of the producer's end. One system call if a process is attached.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.endpoint.peer()
    }

    /// Returns what has been counted of the consumer's end, since the ring was created.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.endpoint.statistics()
    }

    /// Leaves without closing, so that a successor continues.
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
        self.try_peek()?.recv(buffer)
    }

    /// Like [`recv`](Self::recv),
    /// but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], and those of [`recv`](Self::recv).
    pub fn recv_until(&mut self, buffer: &mut [u8], deadline: Deadline) -> Result<usize, Error> {
        self.peek_until(deadline)?.recv(buffer)
    }

    /// Blocks until there is a record, and lends it where it lies in the ring.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv).
    pub fn peek(&mut self) -> Result<Record<'_, W, T>, Error> {
        self.peek_until(Deadline::Never)
    }

    /// Like [`peek`](Self::peek),
    /// but returns [`Error::WouldBlock`] instead of blocking.
    ///
    /// # Errors
    ///
    /// Those of [`try_recv`](Self::try_recv).
    pub fn try_peek(&mut self) -> Result<Record<'_, W, T>, Error> {
        self.endpoint.ask(RECORD_OVERHEAD)?;
        let (len, size) = self.read_head(0)?;
        Ok(Record {
            consumer: self,
            len,
            size,
        })
    }

    /// Like [`peek`](Self::peek),
    /// but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// Those of [`recv_until`](Self::recv_until).
    pub fn peek_until(&mut self, deadline: Deadline) -> Result<Record<'_, W, T>, Error> {
        self.endpoint.obtain(RECORD_OVERHEAD, deadline)?;
        let (len, size) = self.read_head(0)?;
        Ok(Record {
            consumer: self,
            len,
            size,
        })
    }

    /// Begins a batch: records received one by one and released in one step.
    pub fn batch(&mut self) -> Batch<'_, W, T> {
        Batch {
            consumer: self,
            size: 0,
        }
    }

    /// Returns a view of the ring as a stream of bytes, for a producer that has the same
    /// view of it.
    pub fn as_bytes(&mut self) -> ByteReader<'_, W, T> {
        ByteReader {
            consumer: self,
            taken: 0,
        }
    }

    /// Reads the length of the record `ahead` bytes from this end's position,
    /// where a head has been published, and returns it with the bytes that it takes.
    #[inline]
    fn read_head(&self, ahead: usize) -> Result<(usize, usize), Error> {
        let head = self.endpoint.data().read_word(self.position(ahead));
        // Records are published whole, with what rounds them up.
        let room = self.endpoint.usable() - ahead - RECORD_OVERHEAD;
        match head {
            Some(len) if len <= room as u64 => {
                let len = len as usize;
                Ok((len, RECORD_OVERHEAD + len.next_multiple_of(ALIGN)))
            }
            _ => Err(Error::Corrupt),
        }
    }

    /// Copies to `buffer` what is `ahead` bytes from this end's position, and published.
    #[inline(always)]
    fn copy_in(&self, ahead: usize, buffer: &mut [u8]) {
        // Never longer than the data.
        let _ = self.endpoint.data().read(self.position(ahead), buffer);
    }

    /// The position `ahead` bytes from this end's.
    #[inline(always)]
    fn position(&self, ahead: usize) -> u64 {
        self.endpoint.position().wrapping_add(ahead as u64)
    }
}

/// A record that lies in the ring. Dropped unreleased, it stays the next one.
///
/// # Examples
///
/// ```
/// use rawipc::ring::spsc::Ring;
///
/// let ring: Ring = Ring::create(1 << 16)?;
/// let (mut producer, mut consumer) = (ring.producer()?, ring.consumer()?);
/// producer.send(b"header and body")?;
///
/// let record = consumer.peek()?;
/// let mut header = [0; 6];
/// record.read_at(0, &mut header)?; // the rest is not copied
/// assert_eq!((&header, record.len()), (b"header", 15));
/// record.release()?; // dropped instead, it would stay the next one
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Record<'a, W: Waiting = SpinThenFutex, T: Trust = Untrusted> {
    consumer: &'a mut Consumer<W, T>,
    /// As read once: what stands in the ring may change.
    len: usize,
    /// The bytes that it takes, head included: published.
    size: usize,
}

impl<W: Waiting, T: Trust> Record<'_, W, T> {
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

    /// Copies the whole record to the beginning of `buffer`, and returns its length.
    ///
    /// # Errors
    ///
    /// [`Error::TooLong`] if the record is longer.
    pub fn copy_to(&self, buffer: &mut [u8]) -> Result<usize, Error> {
        self.consumer.endpoint.attached()?;
        self.copy_out(buffer)
    }

    /// Copies what is at `offset` of the record to fill `buffer`.
    ///
    /// # Errors
    ///
    /// [`Error::TooLong`] if the record ends before.
    pub fn read_at(&self, offset: usize, buffer: &mut [u8]) -> Result<(), Error> {
        self.consumer.endpoint.attached()?;
        within(self.len, offset, buffer.len())?;
        self.consumer.copy_in(RECORD_OVERHEAD + offset, buffer);
        Ok(())
    }

    /// Gives the record's room back to the producer: from here on it is received.
    ///
    /// # Errors
    ///
    /// [`Error::Forked`].
    pub fn release(self) -> Result<(), Error> {
        self.consumer.endpoint.attached()?;
        self.advance();
        Ok(())
    }

    /// Receives the whole record, in an end that has just been seen to be attached.
    fn recv(self, buffer: &mut [u8]) -> Result<usize, Error> {
        let len = self.copy_out(buffer)?;
        self.advance();
        Ok(len)
    }

    fn copy_out(&self, buffer: &mut [u8]) -> Result<usize, Error> {
        let (len, limit) = (self.len, buffer.len());
        let whole = buffer.get_mut(..len).ok_or(Error::TooLong { len, limit })?;
        self.consumer.copy_in(RECORD_OVERHEAD, whole);
        Ok(len)
    }

    fn advance(self) {
        self.consumer.endpoint.advance(self.size);
    }
}

impl<W: Waiting> Record<'_, W, Trusted> {
    /// Borrows the record where it lies. Empty in a forked child.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        let endpoint = &self.consumer.endpoint;
        let position = endpoint.position().wrapping_add(RECORD_OVERHEAD as u64);
        let (Some(first), Ok(())) = (
            endpoint.data().pointer(position, self.len),
            endpoint.attached(),
        ) else {
            // Never longer than the data; and a child's copy has none.
            return &[];
        };
        // SAFETY: so many bytes follow; mapped memory is initialized; nobody writes there
        // before the release, as the caller of `assume_trusted` vouches.
        unsafe { core::slice::from_raw_parts(first, self.len) }
    }
}

/// Records that are received one by one and released together.
///
/// Dropped unreleased, all of them stay.
///
/// # Examples
///
/// ```
/// use rawipc::ring::{Error, spsc::Ring};
///
/// let ring: Ring = Ring::create(1 << 16)?;
/// let (mut producer, mut consumer) = (ring.producer()?, ring.consumer()?);
/// producer.send(b"one")?;
/// producer.send(b"two")?;
///
/// let mut buffer = [0; 64];
/// let mut batch = consumer.batch();
/// assert_eq!(batch.recv(&mut buffer)?, 3);
/// assert_eq!(batch.recv(&mut buffer)?, 3);
/// assert_eq!(batch.recv(&mut buffer), Err(Error::WouldBlock));
/// batch.release()?; // killed before, this process would leave both to its successor
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a batch is received by `release`"]
pub struct Batch<'a, W: Waiting = SpinThenFutex, T: Trust = Untrusted> {
    consumer: &'a mut Consumer<W, T>,
    size: usize,
}

impl<W: Waiting, T: Trust> Batch<'_, W, T> {
    /// Copies the next record to `buffer` and returns its length; does not wait.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`], [`Error::Closed`] or [`Error::PeerDied`] when there is no further
    /// one; [`Error::TooLong`], as [`Consumer::recv`].
    pub fn recv(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        self.consumer.endpoint.ask(self.size + RECORD_OVERHEAD)?;
        let (len, size) = self.consumer.read_head(self.size)?;
        let limit = buffer.len();
        let whole = buffer.get_mut(..len).ok_or(Error::TooLong { len, limit })?;
        self.consumer.copy_in(self.size + RECORD_OVERHEAD, whole);
        self.size += size;
        Ok(len)
    }

    /// Gives the room of all of them back to the producer, in one step.
    ///
    /// # Errors
    ///
    /// [`Error::Forked`].
    pub fn release(self) -> Result<(), Error> {
        if self.size == 0 {
            return Ok(());
        }
        self.consumer.endpoint.attached()?;
        self.consumer.endpoint.advance(self.size);
        Ok(())
    }
}

/// The receiving end of the ring as a stream of bytes.
///
/// A record is released when its last byte has been read: a reader dropped in
/// between, or killed, leaves the whole record.
///
/// # Examples
///
/// ```
/// use rawipc::ring::spsc::Ring;
///
/// let ring: Ring = Ring::create(1 << 16)?;
/// let (mut producer, mut consumer) = (ring.producer()?, ring.consumer()?);
/// producer.as_bytes().write(b"hello ")?;
/// producer.as_bytes().write(b"world")?;
/// drop(producer);
///
/// let (mut text, mut buffer) = (Vec::new(), [0; 4]);
/// let mut bytes = consumer.as_bytes();
/// loop {
///     match bytes.read(&mut buffer)? {
///         0 => break, // the end of the stream
///         len => text.extend_from_slice(&buffer[..len]),
///     }
/// }
/// assert_eq!(text, b"hello world");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ByteReader<'a, W: Waiting = SpinThenFutex, T: Trust = Untrusted> {
    consumer: &'a mut Consumer<W, T>,
    /// How much of the next record has been read.
    taken: usize,
}

impl<W: Waiting, T: Trust> ByteReader<'_, W, T> {
    /// Reads some bytes and returns how many, waiting for the first; 0 when the
    /// producer has closed its end, or `buffer` is empty.
    ///
    /// # Errors
    ///
    /// [`Error::PeerDied`], [`Error::Corrupt`].
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        self.read_until(buffer, Deadline::Never)
    }

    /// Like [`read`](Self::read),
    /// but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], and those of [`read`](Self::read).
    pub fn read_until(&mut self, buffer: &mut [u8], deadline: Deadline) -> Result<usize, Error> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            for _ in 0..EMPTY_PER_LOOK {
                match self.read_some(buffer, deadline) {
                    Ok(0) => {}
                    Err(Error::Closed) => return Ok(0),
                    result => return result,
                }
            }
            if deadline.has_passed_by_call() {
                return Err(Error::TimedOut);
            }
        }
    }

    /// Reads some bytes of the next record: 0 if none are left of it.
    fn read_some(&mut self, buffer: &mut [u8], deadline: Deadline) -> Result<usize, Error> {
        let record = self.consumer.peek_until(deadline)?;
        // Only an untrusted peer makes a record shorter than was read of it.
        let left = record.len().checked_sub(self.taken).ok_or(Error::Corrupt)?;
        let count = left.min(buffer.len());
        let piece = buffer.get_mut(..count).unwrap_or_default();
        record.read_at(self.taken, piece)?;
        if count == left {
            record.release()?;
            self.taken = 0;
        } else {
            self.taken += count;
        }
        Ok(count)
    }
}

/// How many records without bytes are passed over between two looks at the deadline: a peer
/// can send them faster than they are passed over.
const EMPTY_PER_LOOK: usize = 1024;
