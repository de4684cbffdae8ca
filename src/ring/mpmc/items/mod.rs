//! Rings of items of one type: no length beside each, and batches as slices.
//!
//! Everything else is as for records: see [`mpmc`](super).

mod consumer;
mod producer;

pub use consumer::Consumer;
pub use producer::Producer;

use core::marker::PhantomData;
use core::mem::size_of;

use super::endpoint::Endpoint;
use super::ring::{Memory, room};
use super::{AttachError, OPEN_LIMIT, SLOT, SpinThenFutex, Waiting};
use crate::region::{Found, Seat};
pub use crate::ring::Item;
use crate::ring::header::Kind;
use crate::{AsFd, BorrowedFd, Deadline, OwnedFd};

/// A ring of items of type `I`, as a descriptor: from here producers and consumers attach.
///
/// # Examples
///
/// ```
/// use rawipc::ring::mpmc::items;
///
/// let ring: items::Ring<u64> = items::Ring::create(1024)?;
/// let mut producer = ring.producer()?;
/// let mut consumer = ring.consumer()?; // in another process, usually
///
/// producer.push(&42)?;
/// assert_eq!(consumer.pop()?, 42);
///
/// assert_eq!(producer.push_slice(&[1, 2, 3])?, 3);
/// let mut items = [0; 8];
/// assert_eq!(consumer.pop_slice(&mut items)?, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Ring<I: Item, W: Waiting = SpinThenFutex> {
    memory: Memory,
    kind: PhantomData<fn(I) -> (I, W)>,
}

/// How far slots are apart: known when compiled.
const fn stride<I>() -> usize {
    SLOT + size_of::<I>().next_multiple_of(8)
}

impl<I: Item, W: Waiting> Ring<I, W> {
    /// Creates a ring with room for at least `capacity` items, and for at least one. The capacity is
    /// rounded up to a power of two. Each item takes its size, rounded up to eight bytes, and eight
    /// more.
    ///
    /// # Errors
    ///
    /// Those of a ring of records ([`Ring::create`](super::Ring::create)).
    pub fn create(capacity: usize) -> crate::Result<Self> {
        let (size, stride) = (size_of::<I>(), stride::<I>());
        Ok(Self {
            memory: Memory::create(Kind::MpmcItems, capacity, size, W::CODE, stride)?,
            kind: PhantomData,
        })
    }

    /// Opens a ring created by another process, with room for at most [`OPEN_LIMIT`] bytes.
    ///
    /// # Errors
    ///
    /// An [`AttachError`] that says what `fd` is not;
    /// [`AttachError::WrongItem`] if its items have another size.
    pub fn open(fd: OwnedFd) -> Result<Self, AttachError> {
        Self::open_found(fd.into(), None)
    }

    /// Opens a ring created by another process, at most as large as [`create`](Self::create)
    /// makes one for `capacity` items.
    ///
    /// # Errors
    ///
    /// [`AttachError::TooLarge`], and those of [`open`](Self::open).
    pub fn open_at_most(fd: OwnedFd, capacity: usize) -> Result<Self, AttachError> {
        Self::open_found(fd.into(), Some(capacity))
    }

    /// Opens one that was found in whatever way.
    pub(crate) fn open_found(found: Found, capacity: Option<usize>) -> Result<Self, AttachError> {
        let limit = capacity.map_or(OPEN_LIMIT, |capacity| room(capacity, stride::<I>()));
        let memory = Memory::open(found, Kind::MpmcItems, limit, |words| {
            let [_, size, waiting, apart] = words;
            if size != size_of::<I>() as u64 {
                Err(AttachError::WrongItem { size })
            } else if waiting != u64::from(W::CODE) {
                Err(AttachError::WrongWaiting)
            } else if apart != stride::<I>() as u64 {
                Err(AttachError::Corrupt)
            } else {
                Ok(())
            }
        })?;
        Ok(Self {
            memory,
            kind: PhantomData,
        })
    }

    /// Returns how many items fit.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.memory.capacity()
    }

    /// Attaches a producer.
    ///
    /// # Errors
    ///
    /// [`AttachError::Occupied`] while 128 living producers are attached;
    /// [`AttachError::Leased`]; [`AttachError::NoProc`] without `/proc`;
    /// [`AttachError::Corrupt`], of a hostile peer's making; [`AttachError::Kernel`].
    pub fn producer(&self) -> Result<Producer<I, W>, AttachError> {
        self.producer_until(Deadline::NOW)
    }

    /// Like [`producer`](Self::producer), but needs no `/proc`, and no right to open the memory: it
    /// attaches by a [`Seat`] that another process made.
    ///
    /// # Errors
    ///
    /// Those of [`producer`](Self::producer) but for [`AttachError::Leased`] and
    /// [`AttachError::NoProc`]. [`AttachError::Kernel`] with
    /// [`Errno::BADF`](crate::Errno::BADF): the seat is another ring's;
    /// [`AttachError::Corrupt`]: it is the ring's own description, or a copy of it.
    pub fn producer_by(&self, seat: Seat) -> Result<Producer<I, W>, AttachError> {
        let endpoint = Endpoint::attach_by(&self.memory.source, self.memory.words, seat)?;
        Ok(Producer::new(endpoint))
    }

    /// Like [`producer`](Self::producer), but waits for a place among the producers and for a lease on
    /// the memory, and gives up at `deadline` with [`AttachError::Occupied`] or
    /// [`AttachError::Leased`].
    ///
    /// # Errors
    ///
    /// [`AttachError::Occupied`] or [`AttachError::Leased`], if it is so still at the deadline;
    /// at once [`AttachError::NoProc`] without `/proc`, [`AttachError::Corrupt`] of a hostile
    /// peer's making and [`AttachError::Kernel`].
    pub fn producer_until(&self, deadline: Deadline) -> Result<Producer<I, W>, AttachError> {
        let endpoint = Endpoint::attach_until(&self.memory.source, self.memory.words, deadline)?;
        Ok(Producer::new(endpoint))
    }

    /// Attaches a consumer.
    ///
    /// # Errors
    ///
    /// [`AttachError::Occupied`] while 128 living consumers are attached;
    /// [`AttachError::Leased`]; [`AttachError::NoProc`] without `/proc`;
    /// [`AttachError::Corrupt`], of a hostile peer's making; [`AttachError::Kernel`].
    pub fn consumer(&self) -> Result<Consumer<I, W>, AttachError> {
        self.consumer_until(Deadline::NOW)
    }

    /// Like [`consumer`](Self::consumer), but needs no `/proc`, and no right to open the memory: it
    /// attaches by a [`Seat`] that another process made.
    ///
    /// # Errors
    ///
    /// Those of [`consumer`](Self::consumer) but for [`AttachError::Leased`] and
    /// [`AttachError::NoProc`]. [`AttachError::Kernel`] with
    /// [`Errno::BADF`](crate::Errno::BADF): the seat is another ring's;
    /// [`AttachError::Corrupt`]: it is the ring's own description, or a copy of it.
    pub fn consumer_by(&self, seat: Seat) -> Result<Consumer<I, W>, AttachError> {
        let endpoint = Endpoint::attach_by(&self.memory.source, self.memory.words, seat)?;
        Ok(Consumer::new(endpoint))
    }

    /// Like [`consumer`](Self::consumer), but waits for a place among the consumers and for a lease on
    /// the memory, and gives up at `deadline` with [`AttachError::Occupied`] or
    /// [`AttachError::Leased`].
    ///
    /// # Errors
    ///
    /// [`AttachError::Occupied`] or [`AttachError::Leased`], if it is so still at the deadline;
    /// at once [`AttachError::NoProc`] without `/proc`, [`AttachError::Corrupt`] of a hostile
    /// peer's making and [`AttachError::Kernel`].
    pub fn consumer_until(&self, deadline: Deadline) -> Result<Consumer<I, W>, AttachError> {
        let endpoint = Endpoint::attach_until(&self.memory.source, self.memory.words, deadline)?;
        Ok(Consumer::new(endpoint))
    }
}

impl<I: Item, W: Waiting> AsFd for Ring<I, W> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.memory.source.fd()
    }
}

crate::sys::fd_number::numbers!(Ring<I, W>, I: Item, W: Waiting);

/// Does what [`Ring::open`] does.
impl<I: Item, W: Waiting> TryFrom<OwnedFd> for Ring<I, W> {
    type Error = AttachError;

    fn try_from(fd: OwnedFd) -> Result<Self, AttachError> {
        Self::open(fd)
    }
}

impl<I: Item, W: Waiting> From<Ring<I, W>> for OwnedFd {
    fn from(ring: Ring<I, W>) -> Self {
        ring.memory.source.into_fd()
    }
}
