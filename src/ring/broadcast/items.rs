//! Rings of items of one type: no length beside each.
//!
//! Everything else is as for records: see [`broadcast`](super).

use core::mem::MaybeUninit;

use super::memory::{Memory, Message};
use super::reading::{Reading, Start};
use super::writing::{Company, Writing};
use super::{AttachError, Error, OPEN_LIMIT, Peer, RecvError, SpinThenFutex, Statistics, Waiting};
use crate::region::{Found, Seat};
pub use crate::ring::Item;
use crate::ring::header::Kind;
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::{AsFd, BorrowedFd, Deadline, OwnedFd};

/// A ring of items of type `I` that every reader receives, as a descriptor: from here writers and
/// readers are attached.
///
/// # Examples
///
/// ```
/// use rawipc::ring::broadcast::items;
///
/// let ring: items::Ring<[f64; 2]> = items::Ring::create(64)?;
/// let mut writer = ring.writer()?;
/// let mut reader = ring.reader()?; // in another process, usually
///
/// writer.push(&[48.2, 16.4])?;
/// assert_eq!(reader.pop()?, [48.2, 16.4]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Ring<I: Item, W: Waiting = SpinThenFutex> {
    memory: Memory<W>,
    kind: core::marker::PhantomData<fn(I) -> I>,
}

/// Items of type `I`.
fn items<I>() -> Message {
    Message {
        kind: Kind::BroadcastItems,
        len: size_of::<I>(),
        room: size_of::<I>(),
    }
}

impl<I: Item, W: Waiting> Ring<I, W> {
    fn of(memory: Memory<W>) -> Self {
        Self {
            memory,
            kind: core::marker::PhantomData,
        }
    }

    /// Creates a ring of `capacity` slots, rounded up to a power of two and at least two.
    ///
    /// # Errors
    ///
    /// Those of a ring of records ([`Ring::create`](super::Ring::create)).
    pub fn create(capacity: usize) -> crate::Result<Self> {
        Ok(Self::of(Memory::create(items::<I>(), capacity)?))
    }

    /// Opens a ring created by another process, with at most [`OPEN_LIMIT`] bytes of slots. A
    /// descriptor that is open for reading alone does for readers.
    ///
    /// # Errors
    ///
    /// An [`AttachError`] that says what `fd` is not;
    /// [`AttachError::WrongItem`] if its items have another size.
    pub fn open(fd: OwnedFd) -> Result<Self, AttachError> {
        Self::open_found(fd.into(), None)
    }

    /// Like [`open`](Self::open), of a ring at most as large as [`create`](Self::create) makes one
    /// of `capacity` slots.
    ///
    /// # Errors
    ///
    /// [`AttachError::TooLarge`], and those of [`open`](Self::open).
    pub fn open_at_most(fd: OwnedFd, capacity: usize) -> Result<Self, AttachError> {
        Self::open_found(fd.into(), Some(capacity))
    }

    /// Opens one that was found in whatever way.
    pub(crate) fn open_found(found: Found, capacity: Option<usize>) -> Result<Self, AttachError> {
        let size = |capacity| Memory::<W>::size(items::<I>(), capacity);
        let limit = capacity.map_or(OPEN_LIMIT, size);
        let message = |size| match size == size_of::<I>() as u64 {
            true => Ok(items::<I>()),
            false => Err(AttachError::WrongItem { size }),
        };
        let memory = Memory::open(found, Kind::BroadcastItems, message, limit)?;
        Ok(Self::of(memory))
    }

    /// Returns the number of slots.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.memory.capacity()
    }

    /// Opens the ring's memory again, for reading alone: see
    /// [`try_clone_to_read`](super::Ring::try_clone_to_read) of a ring of records.
    ///
    /// # Errors
    ///
    /// [`Errno::NOENT`](crate::Errno::NOENT) without `/proc`; and as `open(2)`.
    pub fn try_clone_to_read(&self) -> crate::Result<OwnedFd> {
        self.memory.to_read()
    }

    /// Attaches a writer, beside others.
    ///
    /// # Errors
    ///
    /// [`AttachError::Occupied`] while as many as half of the slots, or 128, write, or a
    /// [sole writer](Self::sole_writer); [`AttachError::ReadOnly`]; [`AttachError::Leased`];
    /// [`AttachError::NoProc`] without `/proc`; [`AttachError::Corrupt`], of a hostile process's
    /// making; [`AttachError::Kernel`].
    pub fn writer(&self) -> Result<Writer<I, W>, AttachError> {
        Ok(Writer::new(self.memory.writer(Company::Others)?))
    }

    /// Like [`writer`](Self::writer), but needs no `/proc`, and no right to open the memory: it
    /// attaches by a [`Seat`] that another process made.
    ///
    /// # Errors
    ///
    /// Those of [`writer`](Self::writer) but for [`AttachError::Leased`] and
    /// [`AttachError::NoProc`]. [`AttachError::Kernel`] with
    /// [`Errno::BADF`](crate::Errno::BADF): the seat is another ring's;
    /// [`AttachError::Corrupt`]: it is the ring's own description, or a copy of it.
    pub fn writer_by(&self, seat: Seat) -> Result<Writer<I, W>, AttachError> {
        let writing = self.memory.writer_by(Company::Others, seat)?;
        Ok(Writer::new(writing))
    }

    /// Like [`writer`](Self::writer), but waits while the ring is occupied and for a lease on the
    /// memory, and gives up at `deadline` with [`AttachError::Occupied`] or
    /// [`AttachError::Leased`].
    ///
    /// # Errors
    ///
    /// Those of [`writer`](Self::writer).
    pub fn writer_until(&self, deadline: Deadline) -> Result<Writer<I, W>, AttachError> {
        let writing = self.memory.writer_until(Company::Others, deadline)?;
        Ok(Writer::new(writing))
    }

    /// Attaches the only writer: while it lives there is no other. With [`Spin`](crate::ring::Spin)
    /// it sends by stores alone.
    ///
    /// # Errors
    ///
    /// [`AttachError::Occupied`] while somebody else writes; and those of
    /// [`writer`](Self::writer).
    pub fn sole_writer(&self) -> Result<Writer<I, W>, AttachError> {
        Ok(Writer::new(self.memory.writer(Company::Alone)?))
    }

    /// Like [`sole_writer`](Self::sole_writer), but needs no `/proc`, and no right to open the
    /// memory: it attaches by a [`Seat`] that another process made.
    ///
    /// # Errors
    ///
    /// Those of [`sole_writer`](Self::sole_writer) but for [`AttachError::Leased`] and
    /// [`AttachError::NoProc`]. [`AttachError::Kernel`] with
    /// [`Errno::BADF`](crate::Errno::BADF): the seat is another ring's;
    /// [`AttachError::Corrupt`]: it is the ring's own description, or a copy of it.
    pub fn sole_writer_by(&self, seat: Seat) -> Result<Writer<I, W>, AttachError> {
        let writing = self.memory.writer_by(Company::Alone, seat)?;
        Ok(Writer::new(writing))
    }

    /// Like [`sole_writer`](Self::sole_writer), but waits while the ring is occupied and for a
    /// lease on the memory, and gives up at `deadline` with [`AttachError::Occupied`] or
    /// [`AttachError::Leased`].
    ///
    /// # Errors
    ///
    /// Those of [`sole_writer`](Self::sole_writer).
    pub fn sole_writer_until(&self, deadline: Deadline) -> Result<Writer<I, W>, AttachError> {
        let writing = self.memory.writer_until(Company::Alone, deadline)?;
        Ok(Writer::new(writing))
    }

    /// Attaches a reader that begins with the next message.
    ///
    /// # Errors
    ///
    /// [`AttachError::Corrupt`], of a hostile process's making; [`AttachError::Kernel`].
    pub fn reader(&self) -> Result<Reader<I, W>, AttachError> {
        Ok(Reader::new(self.memory.reader(Start::Newest)?))
    }

    /// Attaches a reader that begins with the oldest message that is still there.
    ///
    /// # Errors
    ///
    /// Those of [`reader`](Self::reader).
    pub fn reader_from_oldest(&self) -> Result<Reader<I, W>, AttachError> {
        Ok(Reader::new(self.memory.reader(Start::Oldest)?))
    }
}

impl<I: Item, W: Waiting> AsFd for Ring<I, W> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.memory.fd()
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
        ring.memory.into_fd()
    }
}

/// A writer of a ring of items. Dropping it closes its end: readers receive what has been sent
/// and are then told [`Error::Closed`], if nobody else writes.
///
/// # Examples
///
/// ```
/// use rawipc::ring::broadcast::items::Ring;
///
/// let ring: Ring<[f32; 3]> = Ring::create(1024)?;
/// let mut writer = ring.writer()?;
/// writer.push(&[1.0, 2.0, 3.0])?; // whether anybody reads or not
/// assert_eq!(ring.reader_from_oldest()?.pop()?, [1.0, 2.0, 3.0]);
/// writer.detach(); // readers wait for a successor, instead of being told that it has closed
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Writer<I: Item, W: Waiting = SpinThenFutex> {
    writing: Writing<W>,
    kind: core::marker::PhantomData<fn(I)>,
}

impl<I: Item, W: Waiting> Writer<I, W> {
    fn new(writing: Writing<W>) -> Self {
        Self {
            writing,
            kind: core::marker::PhantomData,
        }
    }

    /// Returns the number of slots.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.writing.layout().capacity() as usize
    }

    /// Sends one item to all readers. Never waits.
    ///
    /// If other writers went all around the ring meanwhile, the item is sent anew, behind theirs.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`]: every slot is in the hands of a writer that is stopped, which
    /// honest writers cannot bring about; or others went around the ring 64 times meanwhile.
    /// [`Error::Corrupt`].
    #[inline]
    pub fn push(&mut self, item: &I) -> Result<(), Error> {
        // An item is not longer than its slot.
        self.writing.send(|messages, at| {
            let _ = messages.write_item(at, item);
        })?;
        Ok(())
    }

    /// Returns what became of the ring's positions so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.writing.statistics()
    }

    /// Leaves without closing: readers wait for a successor.
    pub fn detach(self) {
        self.writing.detach();
    }
}

/// A reader of a ring of items. It leaves no trace in the shared memory.
///
/// # Examples
///
/// ```
/// use rawipc::ring::broadcast::{RecvError, items::Ring};
///
/// let ring: Ring<u64> = Ring::create(4)?;
/// let mut writer = ring.writer()?;
/// let mut reader = ring.reader()?; // in another process, usually
/// for number in 0..6 {
///     writer.push(&number)?;
/// }
/// assert_eq!(reader.pop(), Err(RecvError::Lagged(2))); // 0 and 1 are written over
/// assert_eq!(reader.pop()?, 2);
/// assert_eq!(reader.position(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Reader<I: Item, W: Waiting = SpinThenFutex> {
    reading: Reading<W>,
    kind: core::marker::PhantomData<fn() -> I>,
}

impl<I: Item, W: Waiting> Reader<I, W> {
    fn new(reading: Reading<W>) -> Self {
        Self {
            reading,
            kind: core::marker::PhantomData,
        }
    }

    /// Returns the number of slots.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.reading.layout().capacity() as usize
    }

    /// Returns the state of the writers' side. Asks the kernel who lives.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.reading.state()
    }

    /// Returns the position of the next item: how many were claimed before it since the ring was
    /// made. It grows by one for each item that is received, and by `n` with
    /// [`Lagged(n)`](RecvError::Lagged).
    #[must_use]
    pub fn position(&self) -> u64 {
        self.reading.position()
    }

    /// Returns what became of the ring's positions so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.reading.statistics()
    }

    /// Receives one item; blocks until there is one.
    ///
    /// # Errors
    ///
    /// [`RecvError::Lagged`]: so many were missed, and the next call goes on behind them. When
    /// everything has been received: [`Error::Closed`], [`Error::PeerDied`]. [`Error::Corrupt`].
    #[inline]
    pub fn pop(&mut self) -> Result<I, RecvError> {
        self.take(Blocking)
    }

    /// Like [`pop`](Self::pop),
    /// but returns [`Error::WouldBlock`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`], and those of [`pop`](Self::pop).
    #[inline]
    pub fn try_pop(&mut self) -> Result<I, RecvError> {
        self.take(Try)
    }

    /// Like [`pop`](Self::pop),
    /// but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], and those of [`pop`](Self::pop).
    #[inline]
    pub fn pop_until(&mut self, deadline: Deadline) -> Result<I, RecvError> {
        self.take(Until(deadline))
    }

    #[inline(always)]
    fn take(&mut self, patience: Patience) -> Result<I, RecvError> {
        let mut item = MaybeUninit::<I>::uninit();
        let copied = self.reading.next(
            patience,
            |messages, at| messages.read_item(at, &mut item),
            |copied| copied.is_none(),
        )?;
        if copied.is_none() {
            // An item is not longer than its slot.
            return Err(Error::Corrupt.into());
        }
        // SAFETY: all bytes have been written, and any bytes are an `I`.
        Ok(unsafe { item.assume_init() })
    }
}
