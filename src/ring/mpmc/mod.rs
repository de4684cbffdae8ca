//! Rings for many producers and many consumers, or one of either.
//!
//! [`Ring`] carries records up to a length that is fixed when it is created, [`items::Ring`] values of
//! one type. Both live in a memfd, which one process makes and others receive (inherited,
//! or over a UNIX socket); up to 128 producers and 128 consumers attach at a time, come and go, and may
//! move between the threads of their process. Each message is received by one consumer.
//!
//! # Between two processes
//!
//! ```standalone_crate
//! use rawipc::process::{self, Command, FdMapping, WaitFlags, exec};
//! use rawipc::ring::mpmc::items::Ring;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     if std::env::args().nth(1).as_deref() == Some("child") {
//!         let mut jobs = Ring::<u64>::from_inherited(3)?.consumer()?;
//!         let mut results = Ring::<u64>::from_inherited(4)?.producer()?;
//!         while let Ok(job) = jobs.pop() {
//!             results.push(&(job * job))?;
//!         }
//!         return Ok(());
//!     }
//!     let (jobs, results) = (Ring::<u64>::create(64)?, Ring::<u64>::create(64)?);
//!     let args = exec::List::of([c"example", c"child"]);
//!     let given = [FdMapping::new(&jobs, 3), FdMapping::new(&results, 4)];
//!     let program = Command::path(c"/proc/self/exe", &args, exec::Strings::EMPTY).inherit(&given);
//!     let workers = [program.spawn()?, program.spawn()?];
//!     let mut producer = jobs.producer()?;
//!     for job in 1..=4 {
//!         producer.push(&job)?;
//!     }
//!     drop(producer); // when all is done, the workers are told
//!     let mut consumer = results.consumer()?;
//!     let sum = consumer.pop()? + consumer.pop()? + consumer.pop()? + consumer.pop()?;
//!     assert_eq!(sum, 1 + 4 + 9 + 16);
//!     for worker in &workers {
//!         assert!(process::wait(worker, WaitFlags::EXITED)?.state.is_success());
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Order
//!
//! Messages have the order in which their producers claimed slots for them, and are received in that
//! order: a consumer receives what one producer sent in the order in which it was sent. What two
//! consumers receive they may return in either order.
//!
//! # What a call costs
//!
//! Nothing but memory accesses while nobody has to wait: two atomic operations on the slot's own
//! cache line (one with [`Spin`](super::Spin)), and none on a line that all share. With
//! [`SpinThenFutex`] an end that has spun in vain sleeps; the system call that publishes what it
//! waits for also wakes it.
//!
//! # Who may be at the other ends
//!
//! Anyone: bytes are copied in and out, and every position and length is checked. Who can write to the
//! memory can garble the messages of this ring or bring it to a stop, for those who attach later, too,
//! and nothing else: they are told [`Error::Corrupt`], or find it full or empty for ever.
//!
//! # When a process is killed
//!
//! Each claimed slot names its owner, so that others can tell when the owner has died. A slot that
//! a dead producer had claimed but not published is skipped: nothing was sent. What a dead consumer
//! had claimed is lost with it, as if received: at most one record, or the 15 items of one
//! [`pop_slice`](items::Consumer::pop_slice). Whoever reaches these slots next recovers them, and
//! [`statistics`](Producer::statistics) counts them. The claim of a living process, even a stopped
//! one, is waited for and never taken over.
//!
//! An end that waits notices a dead claim after 2 ms at first, and always within
//! [`LIVENESS_INTERVAL`]; calls that do not wait ask the kernel after every [`FAILURES_PER_LOOK`]
//! failures in a row. When all of the other side have died an end is told [`Error::PeerDied`], and
//! [`Error::Closed`] when all of them have left and the last one closed. A newcomer may attach at
//! any time, and the conversation goes on.
//!
//! Forks, and kernels that do not wake: as for [`spsc`](super::spsc).

mod consumer;
pub(crate) mod describe;
mod endpoint;
pub mod items;
mod lap;
mod producer;
mod queue;
mod ring;
mod side;
mod statistics;

pub use super::waiting::{FAILURES_PER_LOOK, LIVENESS_INTERVAL};
pub use crate::region::Peer;
pub use consumer::Consumer;
pub use producer::Producer;
pub use statistics::Statistics;

use core::marker::PhantomData;

use endpoint::Endpoint;
use ring::Memory;

use super::AttachError;
#[cfg(doc)]
use super::Error;
use super::header::Kind;
use super::waiting::{SpinThenFutex, Waiting};
use crate::region::{Found, Seat};
use crate::{AsFd, BorrowedFd, Deadline, Errno, OwnedFd};

/// The room in bytes of the largest ring that [`Ring::open`] accepts: 64 MiB.
///
/// Who creates a ring decides how large it is, and pays nothing for it: memory is taken where
/// it is touched, also by a receiver. So the receiver says what it accepts,
/// by [`open_at_most`](Ring::open_at_most) if that is more, or less.
pub const OPEN_LIMIT: usize = 64 << 20;

/// Bytes of a slot beside what it carries.
const SLOT: usize = 8;

/// Bytes in which a record's length is.
const LENGTH: usize = 8;

/// A ring of records up to a certain length, as a descriptor: from here producers and consumers
/// attach.
///
/// # Examples
///
/// ```
/// use rawipc::ring::mpmc;
///
/// let ring: mpmc::Ring = mpmc::Ring::create(128, 64)?;
/// let mut first = ring.producer()?;
/// let mut second = ring.producer()?; // in another process, usually
/// let mut consumer = ring.consumer()?; // and in a third
///
/// first.send(b"hello")?;
/// second.send(b"world")?;
/// let mut buffer = [0; 64];
/// let len = consumer.recv(&mut buffer)?;
/// assert_eq!(&buffer[..len], b"hello");
/// let len = consumer.recv(&mut buffer)?;
/// assert_eq!(&buffer[..len], b"world");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Ring<W: Waiting = SpinThenFutex> {
    memory: Memory,
    waiting: PhantomData<fn() -> W>,
}

/// How far slots are apart whose records have up to `longest` bytes.
fn stride(longest: usize) -> Option<usize> {
    longest
        .checked_next_multiple_of(8)?
        .checked_add(SLOT + LENGTH)
}

impl<W: Waiting> Ring<W> {
    /// Creates a ring with room for at least `capacity` records of at most `longest` bytes each, and
    /// for at least one, in a memfd sealed against any change of its size. Only this user
    /// may open it again (mode 0600), and it can never be executed.
    ///
    /// The capacity is rounded up to a power of two. Each record takes 16 bytes more than the longest
    /// one has, which are rounded up to eight.
    ///
    /// # Errors
    ///
    /// As `memfd_create(2)`; [`Errno::INVAL`] beyond 2^33 bytes in all;
    /// [`Errno::FBIG`]: this process may not have such files
    /// (`RLIMIT_FSIZE`); there is no SIGXFSZ.
    pub fn create(capacity: usize, longest: usize) -> crate::Result<Self> {
        let stride = stride(longest).ok_or(Errno::INVAL)?;
        Ok(Self {
            memory: Memory::create(Kind::MpmcRecords, capacity, longest, W::CODE, stride)?,
            waiting: PhantomData,
        })
    }

    /// Opens a ring created by another process, with room for at most [`OPEN_LIMIT`] bytes.
    ///
    /// # Errors
    ///
    /// An [`AttachError`] that says what `fd` is not.
    pub fn open(fd: OwnedFd) -> Result<Self, AttachError> {
        Self::open_found(fd.into(), None)
    }

    /// Opens a ring created by another process, with room for at most `bytes` bytes in all: each
    /// record takes the longest one's, rounded up to eight, and 16 more.
    ///
    /// # Errors
    ///
    /// [`AttachError::TooLarge`], and those of [`open`](Self::open).
    pub fn open_at_most(fd: OwnedFd, bytes: usize) -> Result<Self, AttachError> {
        Self::open_found(fd.into(), Some(bytes))
    }

    /// Opens one that was found in whatever way.
    pub(crate) fn open_found(found: Found, bytes: Option<usize>) -> Result<Self, AttachError> {
        let limit = bytes.unwrap_or(OPEN_LIMIT);
        let memory = Memory::open(found, Kind::MpmcRecords, limit, |words| {
            let [_, longest, waiting, apart] = words;
            if waiting != u64::from(W::CODE) {
                return Err(AttachError::WrongWaiting);
            }
            let longest = usize::try_from(longest).unwrap_or(usize::MAX);
            match stride(longest) {
                Some(stride) if stride as u64 == apart => Ok(()),
                _ => Err(AttachError::Corrupt),
            }
        })?;
        Ok(Self {
            memory,
            waiting: PhantomData,
        })
    }

    /// Returns how many records fit.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.memory.capacity()
    }

    /// Returns the length of the longest record.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.memory.size()
    }

    /// Attaches a producer.
    ///
    /// # Errors
    ///
    /// [`AttachError::Occupied`] while 128 living producers are attached;
    /// [`AttachError::Leased`]; [`AttachError::NoProc`] without `/proc`;
    /// [`AttachError::Corrupt`], of a hostile peer's making; [`AttachError::Kernel`].
    pub fn producer(&self) -> Result<Producer<W>, AttachError> {
        self.producer_until(Deadline::NOW)
    }

    /// Like [`producer`](Self::producer), but needs no `/proc`, and no right to open the memory: it
    /// attaches by a [`Seat`] that another process made.
    ///
    /// # Errors
    ///
    /// Those of [`producer`](Self::producer) but for [`AttachError::Leased`] and
    /// [`AttachError::NoProc`]. [`AttachError::Kernel`] with
    /// [`Errno::BADF`]: the seat is another ring's;
    /// [`AttachError::Corrupt`]: it is the ring's own description, or a copy of it.
    pub fn producer_by(&self, seat: Seat) -> Result<Producer<W>, AttachError> {
        let endpoint = Endpoint::attach_by(&self.memory.source, self.memory.words, seat)?;
        Ok(Producer::new(endpoint, self.longest()))
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
    pub fn producer_until(&self, deadline: Deadline) -> Result<Producer<W>, AttachError> {
        let endpoint = Endpoint::attach_until(&self.memory.source, self.memory.words, deadline)?;
        Ok(Producer::new(endpoint, self.longest()))
    }

    /// Attaches a consumer.
    ///
    /// # Errors
    ///
    /// [`AttachError::Occupied`] while 128 living consumers are attached;
    /// [`AttachError::Leased`]; [`AttachError::NoProc`] without `/proc`;
    /// [`AttachError::Corrupt`], of a hostile peer's making; [`AttachError::Kernel`].
    pub fn consumer(&self) -> Result<Consumer<W>, AttachError> {
        self.consumer_until(Deadline::NOW)
    }

    /// Like [`consumer`](Self::consumer), but needs no `/proc`, and no right to open the memory: it
    /// attaches by a [`Seat`] that another process made.
    ///
    /// # Errors
    ///
    /// Those of [`consumer`](Self::consumer) but for [`AttachError::Leased`] and
    /// [`AttachError::NoProc`]. [`AttachError::Kernel`] with
    /// [`Errno::BADF`]: the seat is another ring's;
    /// [`AttachError::Corrupt`]: it is the ring's own description, or a copy of it.
    pub fn consumer_by(&self, seat: Seat) -> Result<Consumer<W>, AttachError> {
        let endpoint = Endpoint::attach_by(&self.memory.source, self.memory.words, seat)?;
        Ok(Consumer::new(endpoint, self.longest()))
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
    pub fn consumer_until(&self, deadline: Deadline) -> Result<Consumer<W>, AttachError> {
        let endpoint = Endpoint::attach_until(&self.memory.source, self.memory.words, deadline)?;
        Ok(Consumer::new(endpoint, self.longest()))
    }
}

impl<W: Waiting> AsFd for Ring<W> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.memory.source.fd()
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
        ring.memory.source.into_fd()
    }
}
