//! The end of the ring that receives records.

use core::marker::PhantomData;

use super::receiving::{Gone, Receiving};
use super::{Departure, Event, ProducerId, RECORD_OVERHEAD};
use crate::Deadline;
use crate::ring::progress::GRAIN;
use crate::ring::trust::{Trust, Trusted, Untrusted};
use crate::ring::{Error, SpinThenFutex, Waiting, within};

/// The consumer of a ring. Dropping it closes its end: a producer that finds no room is told
/// [`Error::Closed`].
///
/// It receives from the producers in turn: at most [`QUANTUM_RECORDS`](super::QUANTUM_RECORDS) or
/// about [`QUANTUM_BYTES`](super::QUANTUM_BYTES) of one while another one's wait.
///
/// # Examples
///
/// ```
/// use rawipc::ring::mpsc::{Event, Ring};
///
/// let ring: Ring = Ring::create(4, 1 << 16)?;
/// let (mut producer, mut consumer) = (ring.producer()?, ring.consumer()?);
/// producer.send(b"hello")?;
/// drop(producer);
/// let mut buffer = [0; 64];
/// assert!(matches!(consumer.recv(&mut buffer)?, Event::Record { len: 5, .. }));
/// assert!(matches!(consumer.recv(&mut buffer)?, Event::Gone { .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Consumer<W: Waiting = SpinThenFutex, T: Trust = Untrusted> {
    receiving: Receiving<W>,
    trust: PhantomData<fn() -> T>,
}

impl<W: Waiting> Consumer<W> {
    pub(super) fn new(receiving: Receiving<W>) -> Self {
        Self {
            receiving,
            trust: PhantomData,
        }
    }

    /// Vouches for the producers, so that records can be read in place.
    ///
    /// # Safety
    ///
    /// Nobody who can write to the ring's memory may write to a record between its commit and its
    /// release; a child that was forked while one was borrowed must not look at it, as it may be
    /// released and written anew.
    #[must_use]
    pub unsafe fn assume_trusted(self) -> Consumer<W, Trusted> {
        Consumer {
            receiving: self.receiving,
            trust: PhantomData,
        }
    }
}

impl<W: Waiting, T: Trust> Consumer<W, T> {
    /// Returns the room of a lane in bytes: no record is longer.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.receiving.capacity()
    }

    /// Returns how many producers are attached, or have left something to receive. Whoever has died
    /// counts until that has been received.
    #[must_use]
    pub fn producers(&self) -> usize {
        self.receiving.producers()
    }

    /// Leaves without closing, so that a successor continues.
    pub fn detach(self) {
        self.receiving.detach();
    }

    /// Receives one record into `buffer`, or that a producer is gone; blocks until there is either.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] when every producer is gone, and that has been received of each. Others may
    /// attach, and the conversation go on: [`wait_for_producer`](Self::wait_for_producer). (Before the
    /// first one has attached it waits for that.) [`Error::TooLong`]: the record is longer than
    /// `buffer`, and stays.
    #[doc(alias = "pop")]
    pub fn recv(&mut self, buffer: &mut [u8]) -> Result<Event, Error> {
        self.recv_until(buffer, Deadline::Never)
    }

    /// Like [`recv`](Self::recv),
    /// but returns [`Error::WouldBlock`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`], and those of [`recv`](Self::recv).
    pub fn try_recv(&mut self, buffer: &mut [u8]) -> Result<Event, Error> {
        self.receiving.ask()?;
        self.take(buffer)
    }

    /// Like [`recv`](Self::recv),
    /// but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], and those of [`recv`](Self::recv).
    pub fn recv_until(&mut self, buffer: &mut [u8], deadline: Deadline) -> Result<Event, Error> {
        self.receiving.obtain(deadline)?;
        self.take(buffer)
    }

    /// Blocks until there is a record, and lends it where it lies in the ring; or until a producer
    /// is gone.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`], as [`recv`](Self::recv).
    pub fn peek(&mut self) -> Result<Next<'_, W, T>, Error> {
        self.peek_until(Deadline::Never)
    }

    /// Like [`peek`](Self::peek),
    /// but returns [`Error::WouldBlock`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`], and those of [`peek`](Self::peek).
    pub fn try_peek(&mut self) -> Result<Next<'_, W, T>, Error> {
        self.receiving.ask()?;
        Ok(self.next())
    }

    /// Like [`peek`](Self::peek),
    /// but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], and those of [`peek`](Self::peek).
    pub fn peek_until(&mut self, deadline: Deadline) -> Result<Next<'_, W, T>, Error> {
        self.receiving.obtain(deadline)?;
        Ok(self.next())
    }

    /// Blocks until a producer is attached, or there is something to receive.
    ///
    /// # Errors
    ///
    /// [`Error::Kernel`]: it refuses to let this process sleep.
    pub fn wait_for_producer(&mut self) -> Result<(), Error> {
        self.wait_for_producer_until(Deadline::Never)
    }

    /// Like [`wait_for_producer`](Self::wait_for_producer),
    /// but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], and those of [`wait_for_producer`](Self::wait_for_producer).
    pub fn wait_for_producer_until(&mut self, deadline: Deadline) -> Result<(), Error> {
        Ok(self.receiving.wait_for_producer(deadline)?)
    }

    /// Begins a batch: records of one producer, received one by one and released in one step.
    pub fn batch(&mut self) -> Batch<'_, W, T> {
        Batch {
            consumer: self,
            size: 0,
        }
    }

    /// Takes what has been found.
    #[inline(always)]
    fn take(&mut self, buffer: &mut [u8]) -> Result<Event, Error> {
        if self.receiving.gone().is_none()
            && let Some((len, size)) = self.read_head(0)
        {
            let from = ProducerId(self.receiving.sender());
            let limit = buffer.len();
            let whole = buffer.get_mut(..len).ok_or(Error::TooLong { len, limit })?;
            self.copy_in(0, whole);
            if self.receiving.advance(size).is_ok() {
                self.receiving.count(size);
                return Ok(Event::Record { from, len });
            }
        }
        Ok(self.take_gone())
    }

    /// Receives that a producer is gone, where it is.
    #[cold]
    fn take_gone(&mut self) -> Event {
        let gone = match self.receiving.gone() {
            Some(gone) => gone,
            // The lane of a record that cannot be.
            None => self.receiving.suspect_sender(),
        };
        self.receiving.accept(gone);
        Event::Gone {
            from: ProducerId(gone.from()),
            why: gone.why,
        }
    }

    /// Lends what has been found.
    fn next(&mut self) -> Next<'_, W, T> {
        if self.receiving.gone().is_none()
            && let Some((len, size)) = self.read_head(0)
        {
            return Next::Record(Record {
                consumer: self,
                len,
                size,
            });
        }
        let gone = match self.receiving.gone() {
            Some(gone) => gone,
            None => self.receiving.suspect_sender(),
        };
        Next::Gone(Parting {
            consumer: self,
            gone,
        })
    }

    /// Reads the length of the record `ahead` bytes from this end's position, where a head has been
    /// published, and returns it with the bytes that it takes; `None` if that cannot be.
    #[inline(always)]
    fn read_head(&self, ahead: usize) -> Option<(usize, usize)> {
        let head = self.receiving.data()?.read_word(self.position(ahead))?;
        // Records are published whole, with what rounds them up.
        let room = self.receiving.usable() - ahead - RECORD_OVERHEAD;
        let len = head as usize;
        (head <= room as u64).then(|| (len, RECORD_OVERHEAD + len.next_multiple_of(GRAIN as usize)))
    }

    /// Copies to `buffer` what is in the record `ahead` bytes from this end's position.
    #[inline(always)]
    fn copy_in(&self, ahead: usize, buffer: &mut [u8]) {
        let position = self.position(ahead + RECORD_OVERHEAD);
        // Never longer than the data.
        let data = self.receiving.data();
        let _ = data.and_then(|data| data.read(position, buffer));
    }

    /// The position `ahead` bytes from this end's.
    #[inline(always)]
    fn position(&self, ahead: usize) -> u64 {
        self.receiving.position().wrapping_add(ahead as u64)
    }
}

/// The next event, not yet released. Dropped unreleased, it stays the next one.
///
/// # Examples
///
/// ```
/// use rawipc::ring::mpsc::{Next, Ring};
///
/// let ring: Ring = Ring::create(4, 1 << 16)?;
/// let mut consumer = ring.consumer()?;
/// ring.producer()?.send(b"hello")?; // and is gone
///
/// let mut ended = false;
/// while !ended {
///     match consumer.peek()? {
///         Next::Record(record) => {
///             println!("{} bytes of producer {}", record.len(), record.from());
///             record.release()?; // received, from here on
///         }
///         Next::Gone(parting) => {
///             ended = true;
///             parting.release()?;
///         }
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub enum Next<'a, W: Waiting = SpinThenFutex, T: Trust = Untrusted> {
    /// A record.
    Record(Record<'a, W, T>),
    /// A producer is gone.
    Gone(Parting<'a, W, T>),
}

/// A notice that a producer is gone: [`Event::Gone`].
///
/// # Examples
///
/// ```
/// use rawipc::ring::mpsc::{Departure, Next, Ring};
///
/// let ring: Ring = Ring::create(4, 1 << 16)?;
/// let mut consumer = ring.consumer()?;
/// let producer = ring.producer()?;
/// let id = producer.id();
/// drop(producer);
/// let Next::Gone(parting) = consumer.peek()? else { return Err("it has sent nothing".into()) };
/// assert_eq!((parting.from(), parting.why()), (id, Departure::Closed));
/// parting.release()?; // another producer can have its lane
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Parting<'a, W: Waiting = SpinThenFutex, T: Trust = Untrusted> {
    consumer: &'a mut Consumer<W, T>,
    gone: Gone,
}

impl<W: Waiting, T: Trust> Parting<'_, W, T> {
    /// Returns the producer.
    #[must_use]
    pub fn from(&self) -> ProducerId {
        ProducerId(self.gone.from())
    }

    /// Returns why nothing more comes of it.
    #[must_use]
    pub fn why(&self) -> Departure {
        self.gone.why
    }

    /// Lets another producer have its lane: from here on it has been received that this one is gone.
    ///
    /// # Errors
    ///
    /// [`Error::Forked`], and no other.
    pub fn release(self) -> Result<(), Error> {
        self.consumer.receiving.attached()?;
        self.consumer.receiving.accept(self.gone);
        Ok(())
    }
}

/// A record that lies in the ring. Dropped unreleased, it stays the next one.
///
/// # Examples
///
/// ```
/// use rawipc::ring::mpsc::{Next, Ring};
///
/// let ring: Ring = Ring::create(4, 1 << 16)?;
/// let (mut producer, mut consumer) = (ring.producer()?, ring.consumer()?);
/// producer.send(b"header and body")?;
/// let Next::Record(record) = consumer.peek()? else { return Err("it lives".into()) };
/// let mut header = [0; 6];
/// record.read_at(0, &mut header)?;
/// assert_eq!((&header, record.from()), (b"header", producer.id()));
/// record.release()?; // dropped instead, it would come again
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
    /// Returns who sent it.
    #[must_use]
    pub fn from(&self) -> ProducerId {
        ProducerId(self.consumer.receiving.sender())
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

    /// Copies the whole record to the beginning of `buffer`, and returns its length.
    ///
    /// # Errors
    ///
    /// [`Error::TooLong`] if the record is longer.
    pub fn copy_to(&self, buffer: &mut [u8]) -> Result<usize, Error> {
        self.consumer.receiving.attached()?;
        let (len, limit) = (self.len, buffer.len());
        let whole = buffer.get_mut(..len).ok_or(Error::TooLong { len, limit })?;
        self.consumer.copy_in(0, whole);
        Ok(len)
    }

    /// Copies what is at `offset` of the record to fill `buffer`.
    ///
    /// # Errors
    ///
    /// [`Error::TooLong`] if the record ends before.
    pub fn read_at(&self, offset: usize, buffer: &mut [u8]) -> Result<(), Error> {
        self.consumer.receiving.attached()?;
        within(self.len, offset, buffer.len())?;
        self.consumer.copy_in(offset, buffer);
        Ok(())
    }

    /// Gives the record's room back to its producer: from here on it is received.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if somebody else has written to this end's progress in the lane, of which
    /// nothing more is received then: [`Departure::Corrupt`].
    pub fn release(self) -> Result<(), Error> {
        let receiving = &mut self.consumer.receiving;
        receiving.attached()?;
        receiving.advance(self.size)?;
        receiving.count(self.size);
        Ok(())
    }
}

impl<W: Waiting> Record<'_, W, Trusted> {
    /// Borrows the record where it lies. Empty in a forked child.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        let receiving = &self.consumer.receiving;
        let position = receiving.position().wrapping_add(RECORD_OVERHEAD as u64);
        let (Some(first), Ok(())) = (
            receiving
                .data()
                .and_then(|data| data.pointer(position, self.len)),
            receiving.attached(),
        ) else {
            // Never longer than the data; and a child's copy has none.
            return &[];
        };
        // SAFETY: so many bytes follow; mapped memory is initialized; nobody writes there
        // before the release, as the caller of `assume_trusted` vouches.
        unsafe { core::slice::from_raw_parts(first, self.len) }
    }
}

/// Records of one producer that are received one by one and released together.
///
/// Dropped unreleased, all of them stay.
///
/// # Examples
///
/// ```
/// use rawipc::ring::mpsc::{Event, Ring};
///
/// let ring: Ring = Ring::create(4, 1 << 16)?;
/// let (mut producer, mut consumer) = (ring.producer()?, ring.consumer()?);
/// producer.send(b"one")?;
/// producer.send(b"two")?;
///
/// let (mut buffer, mut records) = ([0; 64], 0);
/// let mut batch = consumer.batch();
/// while let Ok(Event::Record { .. }) = batch.recv(&mut buffer) {
///     records += 1;
/// }
/// batch.release()?; // all of them in one step
/// assert_eq!(records, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a batch is received by `release`"]
pub struct Batch<'a, W: Waiting = SpinThenFutex, T: Trust = Untrusted> {
    consumer: &'a mut Consumer<W, T>,
    size: usize,
}

impl<W: Waiting, T: Trust> Batch<'_, W, T> {
    /// Copies the next record to `buffer`; does not wait. All but the first are of the same producer,
    /// as many as it may have in its turn.
    ///
    /// If a producer is gone instead of the first record, that has been received at once.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] when there is no further one of this producer; of others there may be.
    /// [`Error::Closed`], [`Error::TooLong`]: as [`Consumer::recv`].
    pub fn recv(&mut self, buffer: &mut [u8]) -> Result<Event, Error> {
        let consumer = &mut *self.consumer;
        if self.size == 0 {
            consumer.receiving.ask()?;
            if consumer.receiving.gone().is_some() {
                return Ok(consumer.take_gone());
            }
        } else {
            consumer.receiving.ask_ahead(self.size)?;
        }
        let Some((len, size)) = consumer.read_head(self.size) else {
            // What was received before stays in the lane, and is lost with it.
            self.size = 0;
            return Ok(consumer.take_gone());
        };
        let limit = buffer.len();
        let whole = buffer.get_mut(..len).ok_or(Error::TooLong { len, limit })?;
        consumer.copy_in(self.size, whole);
        consumer.receiving.count(size);
        self.size += size;
        let from = ProducerId(consumer.receiving.sender());
        Ok(Event::Record { from, len })
    }

    /// Gives the room of all of them back to their producer, in one step.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], as [`Record::release`].
    pub fn release(self) -> Result<(), Error> {
        if self.size == 0 {
            return Ok(());
        }
        self.consumer.receiving.attached()?;
        Ok(self.consumer.receiving.advance(self.size)?)
    }
}
