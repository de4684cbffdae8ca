//! Rings of items of one type: no length beside each, and batches as slices.
//!
//! Everything else is as for records: see [`spsc`](super).

mod beside;
mod consumer;
mod producer;

pub use consumer::{Batch as Received, Consumer};
pub use producer::{Batch, Producer};

use core::marker::PhantomData;
use core::mem::size_of;

use super::endpoint::{ALIGN, Barriers, Endpoint, Source};
use super::side::Side;
use super::{AttachError, Error, OPEN_LIMIT, Peer, SpinThenFutex, Statistics, Waiting};
use crate::region::{Found, Seat};
pub use crate::ring::Item;
use crate::ring::header::{self, Agreement, Kind};
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::{AsFd, BorrowedFd, Deadline, OwnedFd};

/// A ring of items of type `I`, as a descriptor: from here its ends are attached.
///
/// Each item takes its size, rounded up to eight bytes.
///
/// # Examples
///
/// ```
/// use rawipc::ring::spsc::items;
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
///
/// What may hold a pointer cannot be sent:
///
/// ```compile_fail,E0277
/// use rawipc::ring::spsc::items;
/// let ring: items::Ring<&str> = items::Ring::create(1024).unwrap();
/// ```
#[derive(Debug)]
pub struct Ring<I: Item, W: Waiting = SpinThenFutex> {
    source: Source,
    barriers: Barriers,
    kind: PhantomData<fn(I) -> (I, W)>,
}

impl<I: Item, W: Waiting> Ring<I, W> {
    const AGREEMENT: Agreement = Agreement {
        kind: Kind::SpscItems,
        item: size_of::<I>(),
    };

    fn new(source: Source) -> Self {
        Self {
            source,
            barriers: Barriers::Register,
            kind: PhantomData,
        }
    }

    /// Creates a ring with room for at least `capacity` items, and for at least one: in a ring
    /// without room everybody would wait for ever.
    ///
    /// # Errors
    ///
    /// Those of a ring of records ([`Ring::create`](super::Ring::create)).
    pub fn create(capacity: usize) -> crate::Result<Self> {
        Ok(Self::new(header::create(
            Self::AGREEMENT,
            room::<I>(capacity),
        )?))
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
        let limit = capacity.map_or(OPEN_LIMIT, room::<I>);
        Ok(Self::new(header::open(found, Self::AGREEMENT, limit)?))
    }

    /// Chooses how the ends wait that are attached from here: each end for itself, whatever the
    /// other one does.
    #[must_use]
    pub fn wait_by<V: Waiting>(self) -> Ring<I, V> {
        Ring {
            source: self.source,
            barriers: self.barriers,
            kind: PhantomData,
        }
    }

    /// Attaches ends from here without registering the process for `membarrier(2)`: see
    /// [`spsc::Ring::without_barriers`](super::Ring::without_barriers).
    #[must_use]
    pub fn without_barriers(self) -> Self {
        Self {
            barriers: Barriers::Without,
            ..self
        }
    }

    /// Returns how many items fit.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.source.len(0) / stride::<I>()
    }

    /// Attaches as the producer, in the place of a dead one if there is one.
    ///
    /// # Errors
    ///
    /// [`AttachError::Occupied`] while a living process is the producer;
    /// [`AttachError::Leased`]; [`AttachError::NoProc`] without `/proc`;
    /// [`AttachError::Corrupt`], of a hostile peer's making; [`AttachError::Kernel`].
    pub fn producer(&self) -> Result<Producer<I, W>, AttachError> {
        Ok(Producer::new(Endpoint::attach(
            &self.source,
            self.barriers,
        )?))
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
        Ok(Producer::new(Endpoint::attach_by(
            &self.source,
            self.barriers,
            seat,
        )?))
    }

    /// Like [`producer`](Self::producer), but waits for an end that is occupied and for a lease on
    /// the memory, and gives up at `deadline` with [`AttachError::Occupied`] or
    /// [`AttachError::Leased`].
    ///
    /// # Errors
    ///
    /// [`AttachError::Occupied`] or [`AttachError::Leased`], if it is so still at the deadline;
    /// at once [`AttachError::NoProc`] without `/proc`, [`AttachError::Corrupt`] of a hostile
    /// peer's making and [`AttachError::Kernel`].
    pub fn producer_until(&self, deadline: Deadline) -> Result<Producer<I, W>, AttachError> {
        Ok(Producer::new(Endpoint::attach_until(
            &self.source,
            self.barriers,
            deadline,
        )?))
    }

    /// Attaches as the consumer, in the place of a dead one if there is one.
    ///
    /// # Errors
    ///
    /// [`AttachError::Occupied`] while a living process is the consumer;
    /// [`AttachError::Leased`]; [`AttachError::NoProc`] without `/proc`;
    /// [`AttachError::Corrupt`], of a hostile peer's making; [`AttachError::Kernel`].
    pub fn consumer(&self) -> Result<Consumer<I, W>, AttachError> {
        Ok(Consumer::new(Endpoint::attach(
            &self.source,
            self.barriers,
        )?))
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
        Ok(Consumer::new(Endpoint::attach_by(
            &self.source,
            self.barriers,
            seat,
        )?))
    }

    /// Like [`consumer`](Self::consumer), but waits for an end that is occupied and for a lease on
    /// the memory, and gives up at `deadline` with [`AttachError::Occupied`] or
    /// [`AttachError::Leased`].
    ///
    /// # Errors
    ///
    /// [`AttachError::Occupied`] or [`AttachError::Leased`], if it is so still at the deadline;
    /// at once [`AttachError::NoProc`] without `/proc`, [`AttachError::Corrupt`] of a hostile
    /// peer's making and [`AttachError::Kernel`].
    pub fn consumer_until(&self, deadline: Deadline) -> Result<Consumer<I, W>, AttachError> {
        Ok(Consumer::new(Endpoint::attach_until(
            &self.source,
            self.barriers,
            deadline,
        )?))
    }
}

impl<I: Item, W: Waiting> AsFd for Ring<I, W> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.fd()
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
        ring.source.into_fd()
    }
}

/// How far items are apart: their size rounded up, and at least one step, so that
/// items without bytes count too.
const fn stride<I>() -> usize {
    let size = size_of::<I>();
    if size == 0 {
        ALIGN
    } else {
        size.next_multiple_of(ALIGN)
    }
}

/// The bytes that so many items take, and at least one.
fn room<I>(capacity: usize) -> usize {
    capacity.max(1).saturating_mul(stride::<I>())
}

/// Whether items lie one behind the other, without gaps.
const fn is_dense<I>() -> bool {
    size_of::<I>() == stride::<I>()
}

/// What has been counted of an end, its position in items.
fn statistics<I, S: Side, W: Waiting>(endpoint: &Endpoint<S, W>) -> Statistics {
    let statistics = endpoint.statistics();
    Statistics {
        position: statistics.position / stride::<I>() as u64,
        ..statistics
    }
}

/// How many of `wanted` items, behind `before` others, may be used, waiting for one.
fn agree<S: Side, W: Waiting>(
    endpoint: &mut Endpoint<S, W>,
    before: usize,
    wanted: usize,
    stride: usize,
    patience: Patience,
) -> Result<usize, Error> {
    // What a child refreshes may be beyond what its copy knows.
    endpoint.attached()?;
    if wanted == 0 {
        return Ok(0);
    }
    // A look costs a cache line: only if what is known does not do.
    let before = before * stride;
    if endpoint.usable() - before < wanted.saturating_mul(stride) {
        endpoint.refresh()?;
    }
    let one = before + stride;
    match patience {
        Try => endpoint.ask(one)?,
        Blocking => endpoint.obtain(one, Deadline::Never)?,
        Until(deadline) => endpoint.obtain(one, deadline)?,
    }
    Ok(wanted.min((endpoint.usable() - before) / stride))
}
