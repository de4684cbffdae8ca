//! Pools of shared-memory chunks that are borrowed, filled, sent, read in place and given back:
//! sending a mebibyte costs the same as sending eight bytes.
//!
//! A [`Pool`] is a memfd with chunks of one size, or of a few, and a ring that carries their
//! handles. A producer borrows a free chunk ([`Producer::loan`]), writes the message there and
//! sends it; a consumer receives the chunk itself ([`Consumer::recv`]), reads the message where it
//! lies, and gives the chunk back by dropping it. There may be up to 128 producers and 128
//! consumers; each message is received once, in the order in which the ring took them.
//!
//! # Between two processes
//!
//! ```standalone_crate
//! use rawipc::process::{self, Command, FdMapping, WaitFlags, exec};
//! use rawipc::ring::pool::{Class, Pool};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     if std::env::args().nth(1).as_deref() == Some("child") {
//!         let pool: Pool = Pool::from_inherited(3)?;
//!         let producer = pool.producer()?;
//!         let mut loan = producer.loan(1 << 20)?; // a mebibyte of the memory that both have
//!         loan.write_at(0, b"from the child")?;
//!         loan.send().map_err(|unsent| unsent.error)?;
//!         return Ok(());
//!     }
//!     let pool: Pool = Pool::create(&[Class { size: 1 << 20, count: 4 }], 4)?;
//!     let args = exec::List::of([c"example", c"child"]);
//!     let child = Command::path(c"/proc/self/exe", &args, exec::Strings::EMPTY)
//!         .inherit(&[FdMapping::new(&pool, 3)])
//!         .spawn()?;
//!     let consumer = pool.consumer()?;
//!     let message = consumer.recv()?;
//!     let mut bytes = [0; 14];
//!     message.read_at(0, &mut bytes)?;
//!     assert_eq!(&bytes, b"from the child");
//!     drop(message); // the chunk is free again
//!     assert!(process::wait(&child, WaitFlags::EXITED)?.state.is_success());
//!     Ok(())
//! }
//! ```
//!
//! # What a call costs
//!
//! Some atomic operations on two or three cache lines, whatever the length of the message, and no
//! system call while nobody has to wait. What is written into a chunk and read from it costs in
//! addition, once: there is no copy in between.
//!
//! # Who may be at the other end
//!
//! Anyone: bytes are copied in and out by [`Loan::write_at`] and [`Received::read_at`], and every
//! handle is checked. References into chunks are offered only to those who vouch for their peers
//! ([`Trusted`]). Who can write to the memory can garble the messages of this pool or bring it to a
//! stop, for those who attach later, too, and nothing else: they are told
//! [`Error::Corrupt`](super::Error::Corrupt), or find it full or empty for ever.
//!
//! # When a process is killed
//!
//! A message has been sent when `send` has returned, or not at all. A process that dies with
//! chunks in its hands, lent or received, does no harm: who finds no free chunk takes back those
//! of the dead, each of them once. The messages in them are lost with the process, as is one whose
//! handle it had just begun to receive. [`Producer::reclaimed`] and [`Consumer::reclaimed`] count
//! what an end has taken back.
//!
//! A call that waits looks for dead owners after 2 ms, then at longer intervals up to
//! [`LIVENESS_INTERVAL`]; calls that do not wait look after every [`FAILURES_PER_LOOK`] failures in
//! a row. One look asks the kernel once per owner of chunks, about 64 owners and 65,536 chunks at
//! most; the next call continues where it stopped. When all of the other side have died or closed,
//! those who wait are told.
//!
//! A process that is stopped is waited for: nobody takes what it has in its hands.
//!
//! # How many chunks, how many slots
//!
//! Give each class as many chunks as messages of its size are under way at a time, plus one for
//! each that a producer or consumer holds. With fewer slots than chunks, producers wait for a slot
//! in the ring; with at least as many, for a free chunk. A message never takes a chunk of a larger
//! class than it needs, so that small messages cannot use up the large chunks.

pub(super) mod borrowed;
pub(super) mod chunk;
pub(super) mod classes;
mod consumer;
pub(crate) mod describe;
mod end;
pub(super) mod held;
mod lane;
mod lines;
mod loans;
mod producer;
mod receipts;
mod round;
pub(super) mod stock;
pub(super) mod sweep;
mod turns;
mod waiting;

pub use super::trust::{Trust, Trusted, Untrusted};
pub use super::waiting::{FAILURES_PER_LOOK, LIVENESS_INTERVAL};
pub use classes::{CLASSES_MAX, Class};
pub use consumer::{Consumer, Received};
pub use producer::{Loan, Producer, Unsent};

use core::marker::PhantomData;

use classes::Plan;
use end::End;
use lines::Lines;

use super::AttachError;
use super::header::Kind;
use super::waiting::{SpinThenFutex, Waiting};
use crate::region::{self, Accepted, Found, Seat};
use crate::{AsFd, BorrowedFd, Errno, OwnedFd};

/// A pool's memory, from which its ends are attached.
type Source = region::Source<Lines, 3>;

/// The size in bytes of the largest pool that [`Pool::open`] accepts: 256 MiB.
///
/// Who creates a pool decides how large it is, and pays nothing for it: memory is taken where it
/// is touched, also by who looks at messages. So the receiver says what it accepts, by
/// [`open_at_most`](Pool::open_at_most) if that is more, or less.
pub const OPEN_LIMIT: usize = 256 << 20;

/// Counters of what an end has taken back from processes that died.
///
/// # Examples
///
/// ```
/// use rawipc::ring::pool::{Class, Pool};
///
/// let pool: Pool = Pool::create(&[Class { size: 4096, count: 8 }], 8)?;
/// let consumer = pool.consumer()?;
/// let reclaimed = consumer.reclaimed();
/// if reclaimed.messages > 0 {
///     println!("{} messages are lost with who was receiving them", reclaimed.messages);
/// }
/// assert_eq!((reclaimed.chunks, reclaimed.slots), (0, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reclaimed {
    /// Chunks that the dead had in their hands.
    pub chunks: u64,
    /// Slots of the ring that the dead had claimed.
    pub slots: u64,
    /// Messages that had been sent, and were lost with who was just receiving them.
    pub messages: u64,
}

/// A pool of chunks, as a descriptor: from here its ends are attached.
///
/// # Examples
///
/// ```
/// use rawipc::ring::pool::{Class, Pool};
///
/// // 16 chunks of a mebibyte, and at most 8 messages under way.
/// let pool: Pool = Pool::create(&[Class { size: 1 << 20, count: 16 }], 8)?;
/// let producer = pool.producer()?;
/// let consumer = pool.consumer()?; // in another process, usually
///
/// let mut loan = producer.loan(1 << 20)?;
/// loan.write_at(0, b"the first bytes of a mebibyte")?;
/// loan.send().map_err(|unsent| unsent.error)?;
///
/// let message = consumer.recv()?;
/// let mut bytes = [0; 9];
/// message.read_at(4, &mut bytes)?;
/// assert_eq!((message.len(), &bytes), (1 << 20, b"first byt"));
/// drop(message); // the chunk is free again
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Pool<W: Waiting = SpinThenFutex> {
    source: Source,
    plan: Plan,
    waiting: PhantomData<fn() -> W>,
}

impl<W: Waiting> Pool<W> {
    /// Creates a pool with these size classes, at most [`CLASSES_MAX`], in ascending order of
    /// size, and a ring for `capacity` messages, rounded up to a power of two; in a memfd sealed
    /// against any change of its size. Only this user may open it again (mode 0600), and it can
    /// never be executed.
    ///
    /// Chunks take memory when they are first written to.
    ///
    /// # Errors
    ///
    /// As `memfd_create(2)`; [`Errno::INVAL`]: no class or too many, one without chunks or bytes,
    /// not in ascending order, more than 2^24 - 1 chunks, 2^23 messages or 2^40 bytes;
    /// [`Errno::FBIG`]: this process may not have such files (`RLIMIT_FSIZE`); there is no SIGXFSZ.
    pub fn create(classes: &[Class], capacity: usize) -> crate::Result<Self> {
        let plan = Plan::new(classes, capacity, W::CODE).ok_or(Errno::INVAL)?;
        Ok(Self {
            source: Source::create(Kind::Pool as u64, plan.words())?,
            plan,
            waiting: PhantomData,
        })
    }

    /// Opens a pool created by another process, of at most [`OPEN_LIMIT`] bytes.
    ///
    /// # Errors
    ///
    /// An [`AttachError`] that says what `fd` is not.
    pub fn open(fd: OwnedFd) -> Result<Self, AttachError> {
        Self::open_found(fd.into(), None)
    }

    /// Opens a pool created by another process, of at most `bytes` of memory in all.
    ///
    /// # Errors
    ///
    /// [`AttachError::TooLarge`], and those of [`open`](Self::open).
    pub fn open_at_most(fd: OwnedFd, bytes: usize) -> Result<Self, AttachError> {
        Self::open_found(fd.into(), Some(bytes))
    }

    /// Opens one that was found in whatever way.
    pub(crate) fn open_found(found: Found, bytes: Option<usize>) -> Result<Self, AttachError> {
        let accepted = Accepted::look(found, Kind::Pool as u64)?;
        let plan = Plan::from_words(accepted.words).ok_or(AttachError::Corrupt)?;
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

    /// Returns how many messages can be under way: sent and not yet received.
    #[must_use]
    pub fn capacity(&self) -> usize {
        1 << self.plan.slots
    }

    /// Returns the size classes, in ascending order.
    pub fn classes(&self) -> impl Iterator<Item = Class> + use<W> {
        self.plan.classes()
    }

    /// Attaches a producer, one of many.
    ///
    /// # Errors
    ///
    /// [`AttachError::Occupied`]: 128 living ones are attached; [`AttachError::Leased`];
    /// [`AttachError::NoProc`] without `/proc`; [`AttachError::Corrupt`], of a hostile peer's
    /// making; [`AttachError::Kernel`].
    pub fn producer(&self) -> Result<Producer<W>, AttachError> {
        Ok(Producer::new(End::attach(&self.source, self.plan)?))
    }

    /// Like [`producer`](Self::producer), but needs no `/proc`, and no right to open the memory: it
    /// attaches by a [`Seat`] that another process made.
    ///
    /// # Errors
    ///
    /// Those of [`producer`](Self::producer) but for [`AttachError::Leased`] and
    /// [`AttachError::NoProc`]. [`AttachError::Kernel`] with
    /// [`Errno::BADF`]: the seat is another pool's;
    /// [`AttachError::Corrupt`]: it is the pool's own description, or a copy of it.
    pub fn producer_by(&self, seat: Seat) -> Result<Producer<W>, AttachError> {
        let end = End::attach_by(&self.source, self.plan, seat)?;
        Ok(Producer::new(end))
    }

    /// Attaches a consumer, one of many.
    ///
    /// # Errors
    ///
    /// [`AttachError::Occupied`]: 128 living ones are attached; [`AttachError::Leased`];
    /// [`AttachError::NoProc`] without `/proc`; [`AttachError::Corrupt`], of a hostile peer's
    /// making; [`AttachError::Kernel`].
    pub fn consumer(&self) -> Result<Consumer<W>, AttachError> {
        Ok(Consumer::new(End::attach(&self.source, self.plan)?))
    }

    /// Like [`consumer`](Self::consumer), but needs no `/proc`, and no right to open the memory: it
    /// attaches by a [`Seat`] that another process made.
    ///
    /// # Errors
    ///
    /// Those of [`consumer`](Self::consumer) but for [`AttachError::Leased`] and
    /// [`AttachError::NoProc`]. [`AttachError::Kernel`] with
    /// [`Errno::BADF`]: the seat is another pool's;
    /// [`AttachError::Corrupt`]: it is the pool's own description, or a copy of it.
    pub fn consumer_by(&self, seat: Seat) -> Result<Consumer<W>, AttachError> {
        let end = End::attach_by(&self.source, self.plan, seat)?;
        Ok(Consumer::new(end))
    }
}

impl<W: Waiting> AsFd for Pool<W> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.fd()
    }
}

crate::sys::fd_number::numbers!(Pool<W>, W: Waiting);

/// Does what [`Pool::open`] does.
impl<W: Waiting> TryFrom<OwnedFd> for Pool<W> {
    type Error = AttachError;

    fn try_from(fd: OwnedFd) -> Result<Self, AttachError> {
        Self::open(fd)
    }
}

impl<W: Waiting> From<Pool<W>> for OwnedFd {
    fn from(pool: Pool<W>) -> Self {
        pool.source.into_fd()
    }
}
