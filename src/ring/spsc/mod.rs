//! Rings for one producer and one consumer.
//!
//! [`Ring`] carries records of any length, [`items::Ring`] values of one type.
//! Both live in a memfd, which one process makes and others receive (inherited,
//! or over a UNIX socket); each end is attached by one process at a time, and may
//! move between its threads.
//!
//! # Between two processes
//!
//! ```standalone_crate
//! use rawipc::process::{self, Command, FdMapping, WaitFlags, exec};
//! use rawipc::ring::{Error, spsc::items::Ring};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     if std::env::args().nth(1).as_deref() == Some("child") {
//!         let mut producer = Ring::<u64>::from_inherited(3)?.producer()?;
//!         for number in 0..1000 {
//!             producer.push(&number)?;
//!         }
//!         return Ok(());
//!     }
//!     let ring: Ring<u64> = Ring::create(64)?;
//!     let args = exec::List::of([c"example", c"child"]);
//!     let child = Command::path(c"/proc/self/exe", &args, exec::Strings::EMPTY)
//!         .inherit(&[FdMapping::new(&ring, 3)])
//!         .spawn()?;
//!     let mut consumer = ring.consumer()?;
//!     for number in 0..1000 {
//!         assert_eq!(consumer.pop()?, number);
//!     }
//!     assert_eq!(consumer.pop(), Err(Error::Closed)); // had it been killed: PeerDied
//!     assert!(process::wait(&child, WaitFlags::EXITED)?.state.is_success());
//!     Ok(())
//! }
//! ```
//!
//! # What a call costs
//!
//! Nothing but memory accesses while the other side keeps up: publishing is a plain store. With
//! [`SpinThenFutex`] an endpoint that waits in vain for a while sleeps, and the
//! other wakes it by a system call; with [`Spin`](super::Spin) it never sleeps. Each end chooses
//! for itself, whatever the other does.
//!
//! Attaching registers the process for `membarrier(2)`: some milliseconds, once, in a process that
//! has threads; see [`Ring::without_barriers`].
//!
//! # Who may be at the other end
//!
//! Anyone: bytes are copied in and out, and every length and position is checked.
//! References into the ring are offered only to those who vouch for their peer
//! ([`Trusted`]).
//!
//! # When a process is killed
//!
//! A producer has published a record when `commit` or `send` has returned, or not
//! at all. A consumer has received a record when `release` or `recv` has
//! returned: one that dies between copying a record out and releasing it leaves
//! the record to its successor, who sees it (again). The survivor is told within
//! [`LIVENESS_INTERVAL`] if it waits. Calls that do not wait ask the kernel after every
//! [`FAILURES_PER_LOOK`] failures in a row and, once the other end has died, at each failure;
//! [`Producer::peer`] and [`Consumer::peer`] ask whenever they are called.
//!
//! The dead process's end is free as soon as the kernel has unmapped its memory,
//! some milliseconds after the kill at most. The lock that proves a process alive
//! also outlives it for as long as a core dump takes; and for as long as a child lives
//! that shares its memory (`CLONE_VM`), or that another of its threads forked in the moment
//! of attaching, unless that executes a program. Until then the survivor waits.
//!
//! # When the kernel does not wake
//!
//! Publishing is a store; waking a sleeper is a separate system call. A process that is killed or
//! stopped between the two has published but woken nobody. The same happens when a filter refuses
//! every wake, when a hostile process keeps the sleeper from being woken and, rarely, when the
//! process is not registered for `membarrier(2)` (see [`Ring::without_barriers`]). So a sleeper
//! looks again by itself, first after two milliseconds and then at least every
//! [`LIVENESS_INTERVAL`]: for a message or room, a close, a death, and its deadline. Each message
//! is sent once, whatever happens.
//!
//! # Forks
//!
//! An endpoint is not inherited: every call of the child's copy that sends, receives or waits is
//! [`Error::Forked`] and touches nothing of the ring, and dropping it closes its descriptor and
//! nothing else; what is mapped stays until `exec` or `exit`. The descriptor of the ring is the
//! child's too: attach in the child. Where a handler of a signal forks in the midst of a call, the
//! rest of that call is not prevented: leave the child by `exec` or `exit`.
//!
//! # What an endpoint takes
//!
//! A descriptor, and addresses for the ring's data twice over. A ring takes what is touched of
//! its memory: at least a page for its words, and one of data once it has been used, 8 KiB
//! where pages are 4 KiB.

mod consumer;
pub(crate) mod describe;
mod endpoint;
pub mod items;
mod producer;
mod progress;
mod side;

pub use super::trust::{Trust, Trusted, Untrusted};
pub use super::waiting::{FAILURES_PER_LOOK, LIVENESS_INTERVAL};
pub use crate::region::Peer;
pub use consumer::{Batch as Received, ByteReader, Consumer, Record};
pub use producer::{Batch, ByteWriter, Producer, Reservation};

use core::marker::PhantomData;

use endpoint::{ALIGN, Barriers, Endpoint, Source};

use super::header::{self, Agreement, Kind};
use super::waiting::{SpinThenFutex, Waiting};
use super::{AttachError, Error};
use crate::region::{Found, Seat};
use crate::{AsFd, BorrowedFd, Deadline, OwnedFd};

/// The overhead of a record in bytes, beside its length rounded up to eight.
pub const RECORD_OVERHEAD: usize = 8;

/// The room in bytes of the largest ring that [`Ring::open`] accepts: 64 MiB.
///
/// Who creates a ring decides how large it is, and pays nothing for it: memory is taken where
/// it is touched, also by a receiver that looks at records. So the receiver says what it accepts,
/// by [`open_at_most`](Ring::open_at_most) if that is more, or less.
pub const OPEN_LIMIT: usize = 64 << 20;

/// Counters of one end of a ring, since the ring was created, whichever processes have had the end.
///
/// The end before it, and the peer, can write to where it is counted.
///
/// # Examples
///
/// ```
/// use rawipc::ring::spsc::items::Ring;
///
/// let ring: Ring<u64> = Ring::create(64)?;
/// let (mut producer, consumer) = (ring.producer()?, ring.consumer()?);
/// producer.push_slice(&[1, 2, 3])?;
/// let (sent, received) = (producer.statistics(), consumer.statistics());
/// assert_eq!(sent.position - received.position, 3); // items under way
/// println!("the consumer has slept {} times", received.sleeps);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// How far the end has come: in a ring of records, the bytes that they took, with
    /// [`RECORD_OVERHEAD`]; in a ring of items, their number.
    pub position: u64,
    /// How often it has slept, waiting for the other end.
    pub sleeps: u64,
    /// How often it has woken the other end.
    pub wakes: u64,
}

/// A ring of records of any length, as a descriptor: from here its ends are
/// attached.
///
/// # Examples
///
/// ```
/// use rawipc::ring::spsc;
///
/// let ring: spsc::Ring = spsc::Ring::create(1 << 16)?;
/// let mut producer = ring.producer()?;
/// let mut consumer = ring.consumer()?; // in another process, usually
///
/// producer.send(b"hello")?;
/// let mut buffer = [0; 64];
/// let len = consumer.recv(&mut buffer)?;
/// assert_eq!(&buffer[..len], b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Ring<W: Waiting = SpinThenFutex> {
    source: Source,
    barriers: Barriers,
    waiting: PhantomData<fn() -> W>,
}

const AGREEMENT: Agreement = Agreement {
    kind: Kind::SpscRecords,
    item: 0,
};

impl<W: Waiting> Ring<W> {
    /// Creates a ring with room for `capacity` bytes, rounded up to a power of two
    /// and to a page, in a memfd sealed against any change of its size. Only this user
    /// may open it again (mode 0600), and it can never be executed.
    ///
    /// The longest record has `capacity` less [`RECORD_OVERHEAD`] bytes.
    ///
    /// # Errors
    ///
    /// As `memfd_create(2)`; [`Errno::INVAL`](crate::Errno::INVAL) beyond 2^33;
    /// [`Errno::FBIG`](crate::Errno::FBIG): this process may not have such files
    /// (`RLIMIT_FSIZE`); there is no SIGXFSZ.
    pub fn create(capacity: usize) -> crate::Result<Self> {
        Ok(Self {
            source: header::create(AGREEMENT, capacity)?,
            barriers: Barriers::Register,
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

    /// Opens a ring created by another process, at most as large as [`create`](Self::create)
    /// makes one for `capacity` bytes.
    ///
    /// # Errors
    ///
    /// [`AttachError::TooLarge`], and those of [`open`](Self::open).
    pub fn open_at_most(fd: OwnedFd, capacity: usize) -> Result<Self, AttachError> {
        Self::open_found(fd.into(), Some(capacity))
    }

    /// Opens one that was found in whatever way.
    pub(crate) fn open_found(found: Found, capacity: Option<usize>) -> Result<Self, AttachError> {
        let limit = capacity.unwrap_or(OPEN_LIMIT);
        Ok(Self {
            source: header::open(found, AGREEMENT, limit)?,
            barriers: Barriers::Register,
            waiting: PhantomData,
        })
    }

    /// Chooses how the ends wait that are attached from here: each end for itself, whatever the
    /// other one does.
    #[must_use]
    pub fn wait_by<V: Waiting>(self) -> Ring<V> {
        Ring {
            source: self.source,
            barriers: self.barriers,
            waiting: PhantomData,
        }
    }

    /// Attaches ends from here without registering the process for `membarrier(2)`.
    ///
    /// Registering takes microseconds, but some milliseconds in a process that has threads and has
    /// not registered yet. Without it, the wake of a peer that goes to sleep just when something is
    /// sent or received can be lost, which happens rarely; the peer then finds it two
    /// milliseconds later, when it looks again.
    #[must_use]
    pub fn without_barriers(self) -> Self {
        Self {
            barriers: Barriers::Without,
            ..self
        }
    }

    /// Returns the room in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.source.len(0)
    }

    /// Attaches as the producer, in the place of a dead one if there is one.
    ///
    /// # Errors
    ///
    /// [`AttachError::Occupied`] while a living process is the producer;
    /// [`AttachError::Leased`]; [`AttachError::NoProc`] without `/proc`;
    /// [`AttachError::Corrupt`], of a hostile peer's making; [`AttachError::Kernel`].
    pub fn producer(&self) -> Result<Producer<W>, AttachError> {
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
    pub fn producer_by(&self, seat: Seat) -> Result<Producer<W>, AttachError> {
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
    pub fn producer_until(&self, deadline: Deadline) -> Result<Producer<W>, AttachError> {
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
    pub fn consumer(&self) -> Result<Consumer<W>, AttachError> {
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
    pub fn consumer_by(&self, seat: Seat) -> Result<Consumer<W>, AttachError> {
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
    pub fn consumer_until(&self, deadline: Deadline) -> Result<Consumer<W>, AttachError> {
        Ok(Consumer::new(Endpoint::attach_until(
            &self.source,
            self.barriers,
            deadline,
        )?))
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

/// The bytes that a record of `len` takes in a ring of `capacity`, if it fits.
fn record_size(len: usize, capacity: usize) -> Result<usize, Error> {
    let limit = capacity - RECORD_OVERHEAD;
    if len > limit {
        return Err(Error::TooLong { len, limit });
    }
    Ok(RECORD_OVERHEAD + len.next_multiple_of(ALIGN))
}
