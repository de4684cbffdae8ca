//! Rings for many producers and one consumer, of records of any length.
//!
//! Each producer has a *lane*: a ring of its own, in which it sends as in [`spsc`](super::spsc).
//! Producers attach and leave while the others go on; a ring has as many lanes as it was made
//! with. The consumer receives from all of them in turn, and sleeps on all of them at once.
//!
//! # Between two processes
//!
//! ```standalone_crate
//! use rawipc::process::{self, Command, FdMapping, WaitFlags, exec};
//! use rawipc::ring::mpsc::{Event, Ring};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     if std::env::args().nth(1).as_deref() == Some("child") {
//!         let ring: Ring = Ring::from_inherited(3)?;
//!         ring.producer()?.send(b"from a child")?;
//!         return Ok(());
//!     }
//!     let ring: Ring = Ring::create(4, 1 << 16)?; // up to four producers at a time
//!     let _another = ring.producer()?; // so that there is one until the end
//!     let args = exec::List::of([c"example", c"child"]);
//!     let given = [FdMapping::new(&ring, 3)];
//!     let program = Command::path(c"/proc/self/exe", &args, exec::Strings::EMPTY).inherit(&given);
//!     let children = [program.spawn()?, program.spawn()?];
//!     let mut consumer = ring.consumer()?;
//!     let (mut buffer, mut gone) = ([0; 64], 0);
//!     while gone < children.len() {
//!         match consumer.recv(&mut buffer)? {
//!             Event::Record { len, .. } => assert_eq!(&buffer[..len], b"from a child"),
//!             Event::Gone { .. } => gone += 1, // after all that it sent, if it was killed too
//!         }
//!     }
//!     for child in &children {
//!         assert!(process::wait(child, WaitFlags::EXITED)?.state.is_success());
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # What a call costs
//!
//! Nothing but memory accesses while both sides keep up: sending is that of [`spsc`](super::spsc),
//! whatever other producers do. A consumer that finds nothing looks at every lane that is in use.
//! With [`SpinThenFutex`] it sleeps then, and a producer wakes it by the system call that publishes;
//! with [`Spin`](super::Spin) nobody ever sleeps.
//!
//! It sleeps by `futex_waitv(2)`: since Linux 5.16, and for at most [`SLEEP_LANES_MAX`] lanes in use.
//! On older kernels, where a sandbox refuses the call, and with more lanes, it sleeps for at most
//! [`RECHECK_INTERVAL`] at a time, and looks again.
//!
//! # Order and fairness
//!
//! The records of one producer arrive in their order; between producers there is none. While several
//! have something to receive, one is received from until [`QUANTUM_RECORDS`] records or
//! [`QUANTUM_BYTES`] have come, then the next. Whoever sends too much, or nothing but nonsense, fills
//! its own lane; whoever is stopped in the midst of sending or attaching keeps nobody else waiting.
//!
//! # When a process is killed
//!
//! A producer has published a record when `commit` or `send` has returned, or not at all. The
//! consumer receives what was published, then [`Event::Gone`], and another producer can have the
//! lane. A consumer has received a record, or that a producer is gone, when `release` or `recv` has
//! returned: its successor continues with what comes next.
//!
//! A waiting consumer to which nothing comes is told within [`LIVENESS_INTERVAL`]. A busy or
//! polling one asks about one producer each time it has passed [`FAILURES_PER_LOOK`] empty lanes; a
//! producer that finds no free lane asks about all of them.
//!
//! While there is no consumer, a new producer may take an empty lane whose producer is gone. Nobody
//! is ever told of that producer's end.
//!
//! # Who may be at the other end
//!
//! Anyone: bytes are copied in and out, and every length and position is checked. A lane with
//! impossible contents is abandoned ([`Departure::Corrupt`]); the other lanes go on. Whoever can write to one lane can write to all of them, though: it can garble the
//! messages of others.
//!
//! # Forks
//!
//! An endpoint is not inherited: every call of the child's copy that sends, receives or waits is
//! [`Error::Forked`], and dropping it closes its descriptor and nothing else.
//!
//! # What an endpoint takes
//!
//! A descriptor, addresses for the data of all lanes twice over, and a mapping for each lane. A ring
//! takes what is touched of its memory.

mod consumer;
pub(crate) mod describe;
mod event;
mod lane;
mod lanes;
mod producer;
mod receiving;
mod rest;
mod sending;

pub use super::waiting::{FAILURES_PER_LOOK, LIVENESS_INTERVAL};
pub use consumer::{Batch as Received, Consumer, Next, Parting, Record};
pub use event::{Departure, Event, ProducerId};
pub use producer::{Batch, Producer, Reservation};

use core::marker::PhantomData;
use core::time::Duration;

use lanes::Memory;
use receiving::Receiving;
use sending::Sending;

use super::header::Kind;
use super::progress::{DATA_MAX, GRAIN};
use super::waiting::{SpinThenFutex, Waiting};
use super::{AttachError, Error};
use crate::region::{Accepted, Found, LEN_MIN, Seat, Source, Structure};
use crate::{AsFd, BorrowedFd, Deadline, Errno, OwnedFd};

/// The overhead of a record in bytes, beside its length rounded up to eight.
pub const RECORD_OVERHEAD: usize = 8;

/// The maximum number of lanes of a ring.
pub const LANES_MAX: usize = lane::LANES_MAX;

/// The maximum number of lanes in use on which a consumer sleeps at once.
pub const SLEEP_LANES_MAX: usize = 127;

/// How long a consumer sleeps before it looks again, where it cannot sleep on all lanes at once.
pub const RECHECK_INTERVAL: Duration = Duration::from_millis(1);

/// The maximum number of records that are received from one producer while another one's wait.
pub const QUANTUM_RECORDS: u32 = 32;

/// The number of bytes, overhead included, that are received from one producer before it is another
/// one's turn.
pub const QUANTUM_BYTES: usize = 64 << 10;

/// The room in bytes of the largest ring that [`Ring::open`] accepts, all lanes together: 64 MiB.
///
/// Who creates a ring decides how large it is, and pays nothing for it: memory is taken where
/// it is touched, also by a receiver that looks at records. So the receiver says what it accepts,
/// by [`open_at_most`](Ring::open_at_most) if that is more, or less.
pub const OPEN_LIMIT: usize = 64 << 20;

/// A ring of records of any length, as a descriptor: from here its ends are attached.
///
/// # Examples
///
/// ```
/// use rawipc::ring::Error;
/// use rawipc::ring::mpsc::{self, Event};
///
/// let ring: mpsc::Ring = mpsc::Ring::create(4, 1 << 16)?;
/// let mut consumer = ring.consumer()?;
/// for name in ["one", "two"] {
///     let mut producer = ring.producer()?; // in another process, usually
///     producer.send(name.as_bytes())?;
/// } // and it is gone
///
/// let mut buffer = [0; 64];
/// loop {
///     match consumer.recv(&mut buffer) {
///         Ok(Event::Record { from, len }) => println!("{from}: {:?}", &buffer[..len]),
///         Ok(Event::Gone { from, why }) => println!("{from} is gone: {why}"),
///         Err(Error::Closed) => break, // everyone is
///         Err(error) => return Err(error.into()),
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Ring<W: Waiting = SpinThenFutex> {
    memory: Memory,
    waiting: PhantomData<fn() -> W>,
}

impl<W: Waiting> Ring<W> {
    /// Creates a ring for at most `lanes` producers at a time, each with room for `capacity` bytes,
    /// rounded up to a power of two and to a page; in a memfd sealed against any change of its size.
    /// Only this user may open it again (mode 0600), and it can never be executed.
    ///
    /// The longest record has `capacity` less [`RECORD_OVERHEAD`] bytes.
    ///
    /// # Errors
    ///
    /// As `memfd_create(2)`; [`Errno::INVAL`]: no lane or more than [`LANES_MAX`], or room for more
    /// than 2^33 bytes in one; [`Errno::FBIG`]: this process may not have such files
    /// (`RLIMIT_FSIZE`); there is no SIGXFSZ.
    pub fn create(lanes: usize, capacity: usize) -> crate::Result<Self> {
        let capacity = capacity.max(LEN_MIN).checked_next_power_of_two();
        let capacity = capacity.filter(|&it| it <= DATA_MAX).ok_or(Errno::INVAL)?;
        let words = [lanes as u64, capacity as u64, u64::from(W::CODE), 0];
        Ok(Self {
            memory: Memory {
                source: Source::create(Kind::Mpsc as u64, words)?,
                lanes,
            },
            waiting: PhantomData,
        })
    }

    /// Opens a ring created by another process, with room for at most [`OPEN_LIMIT`] bytes in all.
    ///
    /// # Errors
    ///
    /// An [`AttachError`] that says what `fd` is not.
    pub fn open(fd: OwnedFd) -> Result<Self, AttachError> {
        Self::open_found(fd.into(), None)
    }

    /// Opens a ring created by another process, with room for at most `bytes` bytes in all its lanes.
    ///
    /// # Errors
    ///
    /// [`AttachError::TooLarge`], and those of [`open`](Self::open).
    pub fn open_at_most(fd: OwnedFd, bytes: usize) -> Result<Self, AttachError> {
        Self::open_found(fd.into(), Some(bytes))
    }

    /// Opens one that was found in whatever way.
    pub(crate) fn open_found(found: Found, bytes: Option<usize>) -> Result<Self, AttachError> {
        let bytes = bytes.unwrap_or(OPEN_LIMIT);
        let accepted = Accepted::look(found, Kind::Mpsc as u64)?;
        let [lanes, _, waiting, _] = accepted.words;
        // The lanes' own words beside their room.
        let [words, _] = lane::Words::lengths(accepted.words).unwrap_or_default();
        let source = Source::open(accepted, bytes.saturating_add(words))?;
        if waiting != u64::from(W::CODE) {
            return Err(AttachError::WrongWaiting);
        }
        Ok(Self {
            memory: Memory {
                source,
                lanes: lanes as usize,
            },
            waiting: PhantomData,
        })
    }

    /// Returns the number of lanes.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.memory.lanes
    }

    /// Returns the room of a lane in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.memory.capacity()
    }

    /// Attaches as a producer, to a lane of its own.
    ///
    /// # Errors
    ///
    /// [`AttachError::Occupied`] while no lane is free; [`AttachError::Leased`];
    /// [`AttachError::NoProc`] without `/proc`; [`AttachError::Corrupt`], of a hostile peer's making;
    /// [`AttachError::Kernel`].
    pub fn producer(&self) -> Result<Producer<W>, AttachError> {
        Ok(Producer::new(Sending::attach(&self.memory)?))
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
        let sending = Sending::attach_by(&self.memory, seat)?;
        Ok(Producer::new(sending))
    }

    /// Like [`producer`](Self::producer), but waits for a lane and for a lease on the memory, and
    /// gives up at `deadline` with [`AttachError::Occupied`] or [`AttachError::Leased`].
    ///
    /// # Errors
    ///
    /// [`AttachError::Occupied`] or [`AttachError::Leased`], if it is so still at the deadline;
    /// at once [`AttachError::NoProc`] without `/proc`, [`AttachError::Corrupt`] of a hostile
    /// peer's making and [`AttachError::Kernel`].
    pub fn producer_until(&self, deadline: Deadline) -> Result<Producer<W>, AttachError> {
        let sending = Sending::attach_until(&self.memory, deadline)?;
        Ok(Producer::new(sending))
    }

    /// Attaches as the consumer, in the place of a dead one if there is one.
    ///
    /// # Errors
    ///
    /// [`AttachError::Occupied`] while a living process is the consumer;
    /// [`AttachError::Leased`]; [`AttachError::NoProc`] without `/proc`;
    /// [`AttachError::Corrupt`], of a hostile peer's making; [`AttachError::Kernel`].
    pub fn consumer(&self) -> Result<Consumer<W>, AttachError> {
        let receiving = Receiving::attach(&self.memory, || false)?;
        Ok(Consumer::new(receiving))
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
        let receiving = Receiving::attach_by(&self.memory, seat)?;
        Ok(Consumer::new(receiving))
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
        let receiving = Receiving::attach_until(&self.memory, deadline)?;
        Ok(Consumer::new(receiving))
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

/// The bytes that a record of `len` takes in a lane of `capacity`, if it fits.
#[inline(always)]
fn record_size(len: usize, capacity: usize) -> Result<usize, Error> {
    let limit = capacity - RECORD_OVERHEAD;
    if len > limit {
        return Err(Error::TooLong { len, limit });
    }
    Ok(RECORD_OVERHEAD + len.next_multiple_of(GRAIN as usize))
}
