//! Rings of messages that every reader reads where they lie: sending a mebibyte costs the same as
//! sending eight bytes, for any number of readers.
//!
//! A [`Ring`] has the slots of a [broadcast ring](super), each of which names a chunk of shared
//! memory, as those of a [`pool`](crate::ring::pool). A writer borrows a free chunk
//! ([`Writer::try_loan`]), writes the message there and sends it; each reader receives the chunk
//! itself ([`Reader::recv`]), reads the message where it lies, and gives it back by dropping it. A
//! chunk is lent again when its slot has been used for a later message and no reader has it any more.
//!
//! A reader that was overtaken is told exactly how many messages it missed
//! ([`RecvError::Lagged`]). What it has received stays as it is for as long as it keeps it.
//!
//! # Between two processes
//!
//! ```standalone_crate
//! use rawipc::process::{self, Command, FdMapping, WaitFlags, exec};
//! use rawipc::ring::broadcast::loans::{Class, Ring};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     if std::env::args().nth(1).as_deref() == Some("child") {
//!         let ring: Ring = Ring::from_inherited(3)?;
//!         let reader = ring.reader_from_oldest()?;
//!         let message = reader.recv()?; // it stays where it is
//!         let mut bytes = [0; 15];
//!         message.read_at(0, &mut bytes)?;
//!         assert_eq!((message.len(), &bytes), (1 << 20, b"from the parent"));
//!         return Ok(());
//!     }
//!     let ring: Ring = Ring::create(&[Class { size: 1 << 20, count: 8 }], 4)?;
//!     let writer = ring.writer()?;
//!     let mut loan = writer.try_loan(1 << 20)?; // a mebibyte of the memory that all have
//!     loan.write_at(0, b"from the parent")?;
//!     loan.send().map_err(|unsent| unsent.error)?;
//!     let args = exec::List::of([c"example", c"child"]);
//!     let given = [FdMapping::new(&ring, 3)];
//!     let program = Command::path(c"/proc/self/exe", &args, exec::Strings::EMPTY).inherit(&given);
//!     for reader in [program.spawn()?, program.spawn()?] {
//!         assert!(process::wait(&reader, WaitFlags::EXITED)?.state.is_success());
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # How many chunks
//!
//! In each class more than there are slots, as all messages in the ring may be of one class; and one
//! more for each that a writer has borrowed or a reader keeps, beyond the first, and for each reader one that
//! it is about to receive. If readers keep so many that none is left, [`Writer::try_loan`] is
//! [`WouldBlock`](crate::ring::Error::WouldBlock) until they give some back: nothing else that a reader
//! does delays a writer. There is nothing to sleep on for that: do something else, and try again.
//!
//! # Writers and readers
//!
//! Writers are those of [`broadcast`](super): up to 128, no more than half the number of slots, none of
//! which waits for another or for a reader. Up to 64 readers can be attached at a time. A reader writes
//! to the memory, as others must see what it reads: it attaches as a writer does.
//!
//! # What a call costs
//!
//! Some atomic operations on two or three cache lines, whatever the length of the message: sending
//! costs as much for 64 readers as for one, and no reader waits for another. No system call while a
//! reader does not have to wait, but for what wakes one that sleeps.
//!
//! # Who may be at the other end
//!
//! Anyone: bytes are copied in and out by [`Loan::write_at`] and [`Received::read_at`], and every
//! handle is checked. References into chunks are offered only to those who vouch for their peers
//! ([`Trusted`]). Who can write to the memory can garble the messages and counts of this ring or bring
//! it to a stop, for those who attach later, too, and nothing else.
//!
//! # When a process is killed
//!
//! A message has been sent when `send` has returned, or not at all; what a dead writer had begun counts
//! as one missed message. What the dead have in their hands, lent or received, is lent again: who finds
//! no chunk looks for it ([`Writer::try_loan`]), and a new reader takes the place of a dead one
//! only after all that this one read has been given back. [`Writer::reclaimed`] counts it.
//!
//! A process that is stopped is waited for: nobody takes what it has in its hands; nor what a dead reader
//! had, if it was stopped as it gave that back.

pub(crate) mod describe;
mod lines;
mod reader;
mod receiving;
mod sending;
mod writer;

pub use super::{FAILURES_PER_LOOK, LIVENESS_INTERVAL, RecvError, Statistics};
pub use crate::ring::pool::{CLASSES_MAX, Class, OPEN_LIMIT};
pub use crate::ring::trust::{Trust, Trusted, Untrusted};
pub use reader::{Reader, Received};
pub use writer::{Loan, Unsent, Writer};

use core::marker::PhantomData;

use lines::{Lines, is_enough, layout};
use receiving::Receiving;
use sending::Sending;

use super::reading::Start;
use super::writing::{Company, Writing};
use crate::region::{self, Accepted, Found, Refusal, Seat};
use crate::ring::AttachError;
use crate::ring::header::Kind;
use crate::ring::pool::classes::Plan;
use crate::ring::waiting::{SpinThenFutex, Waiting};
use crate::{AsFd, BorrowedFd, Errno, OwnedFd};

/// A ring's memory, from which its ends are attached.
type Source = region::Source<Lines, 4>;

/// Counters of what a writer has taken back from processes that died.
///
/// # Examples
///
/// ```
/// use rawipc::ring::broadcast::loans::{Class, Ring};
///
/// let ring: Ring = Ring::create(&[Class { size: 4096, count: 8 }], 4)?;
/// let writer = ring.writer()?;
/// let reclaimed = writer.reclaimed();
/// if reclaimed.readers > 0 {
///     println!("{} readers have died with messages in their hands", reclaimed.readers);
/// }
/// assert_eq!(reclaimed.chunks, 0); // no writer has
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reclaimed {
    /// Chunks that dead writers had borrowed.
    pub chunks: u64,
    /// Dead readers, whose messages were given back.
    pub readers: u64,
}

/// A ring of messages that every reader reads where they lie, as a descriptor: from here writers and
/// readers are attached.
///
/// # Examples
///
/// ```
/// use rawipc::ring::broadcast::loans::{Class, Ring};
///
/// // 8 slots, and 16 chunks of a mebibyte.
/// let ring: Ring = Ring::create(&[Class { size: 1 << 20, count: 16 }], 8)?;
/// let writer = ring.writer()?;
/// let readers = [ring.reader()?, ring.reader()?]; // in other processes, usually
///
/// let mut loan = writer.try_loan(1 << 20)?;
/// loan.write_at(0, b"the first bytes of a mebibyte")?;
/// loan.send().map_err(|unsent| unsent.error)?;
///
/// for reader in &readers {
///     let message = reader.recv()?;
///     let mut bytes = [0; 9];
///     message.read_at(4, &mut bytes)?;
///     assert_eq!((message.len(), &bytes), (1 << 20, b"first byt"));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Ring<W: Waiting = SpinThenFutex> {
    source: Source,
    plan: Plan,
    waiting: PhantomData<fn() -> W>,
}

impl<W: Waiting> Ring<W> {
    /// Creates a ring of `capacity` slots, rounded up to a power of two and at least two, with these
    /// size classes of chunks, at most [`CLASSES_MAX`], in ascending order of size; in a memfd sealed
    /// against any change of its size. Only this user may open it again (mode 0600), and it can
    /// never be executed.
    ///
    /// Chunks take memory when they are first written to.
    ///
    /// # Errors
    ///
    /// As `memfd_create(2)`; [`Errno::INVAL`]: no class or too many, one with no more chunks than
    /// there are slots, or without bytes, not in ascending order, more than 2^24 - 1 chunks, 2^23
    /// slots or 2^40 bytes; [`Errno::FBIG`]: this process may not have such files (`RLIMIT_FSIZE`);
    /// there is no SIGXFSZ.
    pub fn create(classes: &[Class], capacity: usize) -> crate::Result<Self> {
        let plan = Plan::new(classes, capacity.max(2), W::CODE)
            .filter(is_enough)
            .ok_or(Errno::INVAL)?;
        Ok(Self {
            source: Source::create(Kind::BroadcastLoans as u64, plan.words())?,
            plan,
            waiting: PhantomData,
        })
    }

    /// Opens a ring created by another process, of at most [`OPEN_LIMIT`] bytes.
    ///
    /// # Errors
    ///
    /// An [`AttachError`] that says what `fd` is not.
    pub fn open(fd: OwnedFd) -> Result<Self, AttachError> {
        Self::open_found(fd.into(), None)
    }

    /// Opens a ring created by another process, of at most `bytes` of memory in all.
    ///
    /// # Errors
    ///
    /// [`AttachError::TooLarge`], and those of [`open`](Self::open).
    pub fn open_at_most(fd: OwnedFd, bytes: usize) -> Result<Self, AttachError> {
        Self::open_found(fd.into(), Some(bytes))
    }

    /// Opens one that was found in whatever way.
    pub(crate) fn open_found(found: Found, bytes: Option<usize>) -> Result<Self, AttachError> {
        let accepted = Accepted::look(found, Kind::BroadcastLoans as u64)?;
        let plan = Plan::from_words(accepted.words).filter(is_enough);
        let plan = plan.filter(|plan| layout(plan).is_some());
        let plan = plan.ok_or(AttachError::Corrupt)?;
        let source = Source::open(accepted, bytes.unwrap_or(OPEN_LIMIT))?;
        if plan.waiting != W::CODE {
            return Err(AttachError::WrongWaiting);
        }
        Ok(Self {
            source,
            plan,
            waiting: PhantomData,
        })
    }

    /// Returns the number of slots.
    #[must_use]
    pub fn capacity(&self) -> usize {
        1 << self.plan.slots
    }

    /// Returns the size classes, in ascending order.
    pub fn classes(&self) -> impl Iterator<Item = Class> + use<W> {
        self.plan.classes()
    }

    /// Attaches a writer, beside others.
    ///
    /// # Errors
    ///
    /// [`AttachError::Occupied`] while as many as half of the slots, or 128, write;
    /// [`AttachError::Leased`]; [`AttachError::NoProc`] without `/proc`; [`AttachError::Corrupt`],
    /// of a hostile process's making; [`AttachError::Kernel`].
    pub fn writer(&self) -> Result<Writer<W>, AttachError> {
        let layout = layout(&self.plan).ok_or(AttachError::Corrupt)?;
        let writing = Writing::attach(&self.source, layout, Company::Others)?;
        Ok(Writer::new(Sending::new(writing, self.plan)))
    }

    /// Like [`writer`](Self::writer), but needs no `/proc`, and no right to open the memory: it
    /// attaches by a [`Seat`] that another process made.
    ///
    /// # Errors
    ///
    /// Those of [`writer`](Self::writer) but for [`AttachError::Leased`] and
    /// [`AttachError::NoProc`]. [`AttachError::Kernel`] with [`Errno::BADF`]: the seat is another
    /// ring's; [`AttachError::Corrupt`]: it is the ring's own description, or a copy of it.
    pub fn writer_by(&self, seat: Seat) -> Result<Writer<W>, AttachError> {
        let layout = layout(&self.plan).ok_or(AttachError::Corrupt)?;
        let writing = Writing::attach_by(&self.source, layout, Company::Others, seat)?;
        Ok(Writer::new(Sending::new(writing, self.plan)))
    }

    /// Attaches a reader that begins with the next message.
    ///
    /// # Errors
    ///
    /// [`AttachError::Occupied`]: 64 living ones are attached; [`AttachError::Leased`];
    /// [`AttachError::NoProc`] without `/proc`; [`AttachError::Corrupt`], of a hostile process's
    /// making; [`AttachError::Kernel`].
    pub fn reader(&self) -> Result<Reader<W>, AttachError> {
        self.begin(self.source.join(|| false), Start::Newest)
    }

    /// Like [`reader`](Self::reader), but needs no `/proc`, and no right to open the memory: it
    /// attaches by a [`Seat`] that another process made.
    ///
    /// # Errors
    ///
    /// Those of [`reader`](Self::reader) but for [`AttachError::Leased`] and
    /// [`AttachError::NoProc`]. [`AttachError::Kernel`] with [`Errno::BADF`]: the seat is another
    /// ring's; [`AttachError::Corrupt`]: it is the ring's own description, or a copy of it.
    pub fn reader_by(&self, seat: Seat) -> Result<Reader<W>, AttachError> {
        self.begin(self.source.join_by(seat), Start::Newest)
    }

    /// Attaches a reader that begins with the oldest message that is still there.
    ///
    /// # Errors
    ///
    /// Those of [`reader`](Self::reader).
    pub fn reader_from_oldest(&self) -> Result<Reader<W>, AttachError> {
        self.begin(self.source.join(|| false), Start::Oldest)
    }

    fn begin(
        &self,
        member: Result<region::Member<Lines, 4>, Refusal>,
        start: Start,
    ) -> Result<Reader<W>, AttachError> {
        Ok(Reader::new(Receiving::of(member?, self.plan, start)?))
    }
}

impl<W: Waiting> AsFd for Ring<W> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.fd()
    }
}

crate::sys::fd_number::numbers!(Ring<W>, W: Waiting);

/// Does what [`Ring::open`] does.
impl<W: Waiting> TryFrom<OwnedFd> for Ring<W> {
    type Error = AttachError;

    fn try_from(fd: OwnedFd) -> Result<Self, AttachError> {
        Self::open(fd)
    }
}

impl<W: Waiting> From<Ring<W>> for OwnedFd {
    fn from(ring: Ring<W>) -> Self {
        ring.source.into_fd()
    }
}
