//! Rings of items of one type: no length beside each, and batches as slices.
//!
//! Everything else is as for records: see [`spsc`](super).

mod beside;

use core::mem::{MaybeUninit, size_of};

use beside::Beside;

use super::endpoint::{ALIGN, Endpoint, Source};
use super::side::{Consuming, Producing};
use super::{AttachError, Error, OPEN_LIMIT, Peer, SpinThenFutex, Waiting};
use crate::region::{Found, Seat};
pub use crate::ring::Item;
use crate::ring::header::{self, Agreement, Kind};
use crate::ring::waiting::SPIN_BESIDE;
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
    beside: Beside<I, W>,
}

impl<I: Item, W: Waiting> Ring<I, W> {
    fn agreement(beside: Beside<I, W>) -> Agreement {
        Agreement {
            kind: Kind::SpscItems,
            item: size_of::<I>(),
            waiting: if beside.agreed() {
                SPIN_BESIDE
            } else {
                W::CODE
            },
        }
    }

    /// Creates a ring with room for at least `capacity` items, and for at least one: in a ring
    /// without room everybody would wait for ever.
    ///
    /// # Errors
    ///
    /// Those of a ring of records ([`Ring::create`](super::Ring::create)).
    pub fn create(capacity: usize) -> crate::Result<Self> {
        let beside = Beside::new();
        let source = header::create(Self::agreement(beside), room::<I>(capacity))?;
        Ok(Self { source, beside })
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
        let beside = Beside::new();
        let source = header::open(found, Self::agreement(beside), limit)?;
        Ok(Self { source, beside })
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
        Ok(self.as_producer(Endpoint::attach(&self.source)?))
    }

    /// Like [`producer`](Self::producer), but needs no `/proc`, and no right to open the memory: it
    /// attaches by a seat that another process made.
    ///
    /// # Errors
    ///
    /// Those of [`producer`](Self::producer) but for [`AttachError::Leased`] and
    /// [`AttachError::NoProc`]. [`AttachError::Kernel`] with
    /// [`Errno::BADF`](crate::Errno::BADF): the seat is another ring's;
    /// [`AttachError::Corrupt`]: it is the ring's own description, or a copy of it.
    pub fn producer_by(&self, seat: Seat) -> Result<Producer<I, W>, AttachError> {
        Ok(self.as_producer(Endpoint::attach_by(&self.source, seat)?))
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
        let endpoint = Endpoint::attach_until(&self.source, deadline)?;
        Ok(self.as_producer(endpoint))
    }

    /// Attaches as the consumer, in the place of a dead one if there is one.
    ///
    /// # Errors
    ///
    /// [`AttachError::Occupied`] while a living process is the consumer;
    /// [`AttachError::Leased`]; [`AttachError::NoProc`] without `/proc`;
    /// [`AttachError::Corrupt`], of a hostile peer's making; [`AttachError::Kernel`].
    pub fn consumer(&self) -> Result<Consumer<I, W>, AttachError> {
        Ok(self.as_consumer(Endpoint::attach(&self.source)?))
    }

    /// Like [`consumer`](Self::consumer), but needs no `/proc`, and no right to open the memory: it
    /// attaches by a seat that another process made.
    ///
    /// # Errors
    ///
    /// Those of [`consumer`](Self::consumer) but for [`AttachError::Leased`] and
    /// [`AttachError::NoProc`]. [`AttachError::Kernel`] with
    /// [`Errno::BADF`](crate::Errno::BADF): the seat is another ring's;
    /// [`AttachError::Corrupt`]: it is the ring's own description, or a copy of it.
    pub fn consumer_by(&self, seat: Seat) -> Result<Consumer<I, W>, AttachError> {
        Ok(self.as_consumer(Endpoint::attach_by(&self.source, seat)?))
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
        let endpoint = Endpoint::attach_until(&self.source, deadline)?;
        Ok(self.as_consumer(endpoint))
    }

    fn as_producer(&self, endpoint: Endpoint<Producing, W>) -> Producer<I, W> {
        Producer {
            endpoint,
            beside: self.beside,
        }
    }

    fn as_consumer(&self, endpoint: Endpoint<Consuming, W>) -> Consumer<I, W> {
        Consumer {
            endpoint,
            beside: self.beside,
        }
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

/// The producer of a ring of items. Dropping it closes its end: the consumer
/// receives what has been sent and is then told [`Error::Closed`].
#[derive(Debug)]
pub struct Producer<I: Item, W: Waiting = SpinThenFutex> {
    endpoint: Endpoint<Producing, W>,
    beside: Beside<I, W>,
}

impl<I: Item, W: Waiting> Producer<I, W> {
    /// Returns the state of the consumer's end. One system call if a process is attached.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.endpoint.peer()
    }

    /// Leaves without closing, so that a successor continues.
    pub fn detach(self) {
        self.endpoint.detach();
    }

    /// Sends one item; blocks until there is room.
    ///
    /// # Errors
    ///
    /// While there is no room: [`Error::PeerDied`], [`Error::Closed`]. [`Error::Corrupt`].
    #[inline]
    pub fn push(&mut self, item: &I) -> Result<(), Error> {
        self.push_until(item, Deadline::Never)
    }

    /// Like [`push`](Self::push),
    /// but returns [`Error::WouldBlock`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`], and those of [`push`](Self::push).
    #[inline]
    pub fn try_push(&mut self, item: &I) -> Result<(), Error> {
        self.endpoint.ask(stride::<I>())?;
        self.publish(item)
    }

    /// Like [`push`](Self::push),
    /// but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], and those of [`push`](Self::push).
    #[inline]
    pub fn push_until(&mut self, item: &I, deadline: Deadline) -> Result<(), Error> {
        self.endpoint.obtain(stride::<I>(), deadline)?;
        self.publish(item)
    }

    /// Sends as many of `items`, from the first on, as there is room for, in one
    /// step, and returns how many; blocks until there is room for one.
    ///
    /// # Errors
    ///
    /// Those of [`push`](Self::push).
    pub fn push_slice(&mut self, items: &[I]) -> Result<usize, Error> {
        self.push_some(items, Blocking)
    }

    /// Like [`push_slice`](Self::push_slice),
    /// but returns [`Error::WouldBlock`] instead of blocking.
    ///
    /// # Errors
    ///
    /// Those of [`try_push`](Self::try_push).
    pub fn try_push_slice(&mut self, items: &[I]) -> Result<usize, Error> {
        self.push_some(items, Try)
    }

    /// Like [`push_slice`](Self::push_slice),
    /// but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// Those of [`push_until`](Self::push_until).
    pub fn push_slice_until(&mut self, items: &[I], deadline: Deadline) -> Result<usize, Error> {
        self.push_some(items, Until(deadline))
    }

    fn push_some(&mut self, items: &[I], patience: Patience) -> Result<usize, Error> {
        let count = agree(&mut self.endpoint, items.len(), stride::<I>(), patience)?;
        if let (1, [item, ..]) = (count, items) {
            self.publish(item)?;
            return Ok(1);
        }
        for (index, item) in items.iter().take(count).enumerate() {
            self.put(index, item);
        }
        if count > 0 {
            self.endpoint.advance(count * stride::<I>())?;
        }
        Ok(count)
    }

    /// Writes the item, for which there is room, and publishes it.
    #[inline(always)]
    fn publish(&mut self, item: &I) -> Result<(), Error> {
        self.put(0, item);
        if self.beside.agreed() {
            let packed = Beside::<I, W>::pack(item);
            self.endpoint.advance_with(stride::<I>(), packed);
            Ok(())
        } else {
            Ok(self.endpoint.advance(stride::<I>())?)
        }
    }

    /// Writes the item to the place `index` items ahead, which is usable.
    #[inline(always)]
    fn put(&mut self, index: usize, item: &I) {
        let ahead = (index * stride::<I>()) as u64;
        let position = self.endpoint.position().wrapping_add(ahead);
        // An item is never longer than the data, which opening has seen.
        let _ = self.endpoint.data().write_item(position, item);
    }
}

/// The consumer of a ring of items. Dropping it closes its end: a producer that
/// finds no room is told [`Error::Closed`].
#[derive(Debug)]
pub struct Consumer<I: Item, W: Waiting = SpinThenFutex> {
    endpoint: Endpoint<Consuming, W>,
    beside: Beside<I, W>,
}

impl<I: Item, W: Waiting> Consumer<I, W> {
    /// Returns the state of the producer's end. One system call if a process is attached.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.endpoint.peer()
    }

    /// Leaves without closing, so that a successor continues.
    pub fn detach(self) {
        self.endpoint.detach();
    }

    /// Receives one item; blocks until there is one.
    ///
    /// # Errors
    ///
    /// When everything has been received: [`Error::Closed`], [`Error::PeerDied`].
    /// [`Error::Corrupt`].
    #[inline]
    pub fn pop(&mut self) -> Result<I, Error> {
        self.pop_until(Deadline::Never)
    }

    /// Like [`pop`](Self::pop),
    /// but returns [`Error::WouldBlock`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`], and those of [`pop`](Self::pop).
    #[inline]
    pub fn try_pop(&mut self) -> Result<I, Error> {
        let knew_none = self.endpoint.usable() == 0;
        self.endpoint.ask(stride::<I>())?;
        self.take(knew_none)
    }

    /// Like [`pop`](Self::pop),
    /// but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], and those of [`pop`](Self::pop).
    #[inline]
    pub fn pop_until(&mut self, deadline: Deadline) -> Result<I, Error> {
        let knew_none = self.endpoint.usable() == 0;
        self.endpoint.obtain(stride::<I>(), deadline)?;
        self.take(knew_none)
    }

    /// Receives as many items as there are, at most `items.len()`, and releases
    /// them in one step; returns how many. Blocks until there is one.
    ///
    /// # Errors
    ///
    /// Those of [`pop`](Self::pop).
    pub fn pop_slice(&mut self, items: &mut [I]) -> Result<usize, Error> {
        self.pop_some(items, Blocking)
    }

    /// Like [`pop_slice`](Self::pop_slice),
    /// but returns [`Error::WouldBlock`] instead of blocking.
    ///
    /// # Errors
    ///
    /// Those of [`try_pop`](Self::try_pop).
    pub fn try_pop_slice(&mut self, items: &mut [I]) -> Result<usize, Error> {
        self.pop_some(items, Try)
    }

    /// Like [`pop_slice`](Self::pop_slice),
    /// but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// Those of [`pop_until`](Self::pop_until).
    pub fn pop_slice_until(&mut self, items: &mut [I], deadline: Deadline) -> Result<usize, Error> {
        self.pop_some(items, Until(deadline))
    }

    fn pop_some(&mut self, items: &mut [I], patience: Patience) -> Result<usize, Error> {
        let count = agree(&mut self.endpoint, items.len(), stride::<I>(), patience)?;
        for (index, item) in items.iter_mut().take(count).enumerate() {
            *item = self.get(index);
        }
        if count > 0 {
            self.endpoint.advance(count * stride::<I>())?;
        }
        Ok(count)
    }

    /// Receives the next item, which is published, and releases it; `knew_none` says
    /// whether it was published after the last look but one.
    #[inline(always)]
    fn take(&mut self, knew_none: bool) -> Result<I, Error> {
        let newest = if self.beside.agreed() && knew_none && self.endpoint.usable() == stride::<I>()
        {
            self.endpoint.newest().and_then(Beside::<I, W>::unpack)
        } else {
            None
        };
        let item = match newest {
            Some(item) => item,
            None => self.get(0),
        };
        self.endpoint.advance(stride::<I>())?;
        Ok(item)
    }

    /// Copies the item `index` items ahead, which is published.
    #[inline(always)]
    fn get(&self, index: usize) -> I {
        let ahead = (index * stride::<I>()) as u64;
        let position = self.endpoint.position().wrapping_add(ahead);
        let mut item = MaybeUninit::uninit();
        let read = self.endpoint.data().read_item(position, &mut item);
        if read.is_none() {
            // An item is never longer than the data, which opening has seen.
            return I::new_zeroed();
        }
        // SAFETY: all bytes have been written, and any bytes are an `I`.
        unsafe { item.assume_init() }
    }
}

/// How many of `wanted` items may be used, waiting for one.
fn agree<S: super::side::Side, W: Waiting>(
    endpoint: &mut Endpoint<S, W>,
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
    if endpoint.usable() < wanted.saturating_mul(stride) {
        endpoint.refresh()?;
    }
    match patience {
        Try => endpoint.ask(stride)?,
        Blocking => endpoint.obtain(stride, Deadline::Never)?,
        Until(deadline) => endpoint.obtain(stride, deadline)?,
    }
    Ok(wanted.min(endpoint.usable() / stride))
}
