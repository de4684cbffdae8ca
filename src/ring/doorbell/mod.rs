//! A ring of records for one producer and one consumer that wait on descriptors: together with
//! sockets, timers and processes, in `poll`, `epoll`, io_uring or an event loop.
//!
//! Each end has a *bell*, a descriptor that becomes readable when there is something to do: the
//! consumer's when a record was sent, the producer's when there is room again. A bell is only rung
//! for an end that has [armed](Consumer::arm) it, so there is no system call while both keep up.
//!
//! # Between two processes
//!
//! ```standalone_crate
//! use rawipc::process::{self, Command, FdMapping, WaitFlags, exec};
//! use rawipc::ring::doorbell::{Bells, Ring};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     if std::env::args().nth(1).as_deref() == Some("child") {
//!         Ring::from_inherited([3, 4, 5])?.producer()?.send(b"from the child")?;
//!         return Ok(());
//!     }
//!     let ring = Ring::create(1 << 16, Bells::Event)?;
//!     let [memory, data, room] = ring.descriptors();
//!     let args = exec::List::of([c"example", c"child"]);
//!     let given = [FdMapping::new(&memory, 3), FdMapping::new(&data, 4), FdMapping::new(&room, 5)];
//!     let child = Command::path(c"/proc/self/exe", &args, exec::Strings::EMPTY)
//!         .inherit(&given)
//!         .spawn()?;
//!     let mut consumer = ring.consumer()?;
//!     let mut buffer = [0; 64];
//!     let len = consumer.recv(&mut buffer)?;
//!     assert_eq!(&buffer[..len], b"from the child");
//!     assert!(process::wait(&child, WaitFlags::EXITED)?.state.is_success());
//!     Ok(())
//! }
//! ```
//!
//! # In an event loop
//!
//! Call [`Consumer::try_recv`] until it says [`WouldBlock`](super::Error::WouldBlock), then
//! [`Consumer::arm`]. If that returns `true`, wait for the bell, which the consumer lends as its
//! descriptor; if it returns `false`, something has come meanwhile. The same holds for
//! [`Producer::try_send`] and [`Producer::arm`]. Do not read from a bell: arming empties it.
//!
//! ```
//! use rawipc::event::poller::{self, Event, Interest, PollerFlags};
//! use rawipc::ring::Error;
//! use rawipc::ring::doorbell::{Bells, Ring};
//!
//! let ring = Ring::create(1 << 16, Bells::Timer)?;
//! let mut producer = ring.producer()?; // in another process, usually
//! let mut consumer = ring.consumer()?;
//! let poller = poller::create(PollerFlags::empty())?;
//! poller.add(&consumer, 1, Interest::IN)?;
//! let sender = std::thread::spawn(move || producer.send(b"hello"));
//!
//! let mut buffer = [0; 64];
//! let len = loop {
//!     match consumer.try_recv(&mut buffer) {
//!         Err(Error::WouldBlock) => {
//!             if consumer.arm()? {
//!                 poller.wait(&mut [Event::EMPTY; 4])?;
//!             }
//!         }
//!         result => break result?,
//!     }
//! };
//! assert_eq!(&buffer[..len], b"hello");
//! # sender.join().unwrap()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! tokio's `AsyncFd` and mio's `SourceFd` take the descriptor in the same way; both are
//! edge-triggered, which suits it, as arming empties the bell. `examples/loops` has a program for
//! each of these:
//!
//! ```ignore
//! // tokio
//! let fd = consumer.as_fd().try_clone_to_owned()?;
//! let bell = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }?; // it stays open
//! let len = loop {
//!     match consumer.try_recv(&mut buffer) {
//!         Err(Error::WouldBlock) => {
//!             if consumer.arm()? {
//!                 bell.readable().await?.clear_ready();
//!             }
//!         }
//!         result => break result?,
//!     }
//! };
//!
//! // mio
//! poll.registry().register(&mut SourceFd(&consumer.as_raw_fd()), TOKEN, Interest::READABLE)?;
//!
//! // io_uring, with the crate of that name
//! let wait = opcode::PollAdd::new(types::Fd(consumer.as_raw_fd()), libc::POLLIN as u32).build();
//! ```
//!
//! [`select`](super::select) waits for several rings and descriptors without an event loop.
//!
//! # Both ways
//!
//! A [`Duplex`] is two of these rings, which a listener hands over as one: `examples/service` has a
//! whole program.
//!
//! # When a process is killed
//!
//! It is as in [`spsc`](super::spsc): nothing that was committed is lost, a successor goes on. The
//! bell is rung *before* a record is published, and again if the other end has armed in between: a
//! process that dies, or is stopped, at any moment has rung for all that it published. So a bell
//! can ring for nothing, and [`Consumer::arm`] then spins a little.
//!
//! A death rings nothing by itself. Calls that block, and [`select`](super::select), ask within
//! [`LIVENESS_INTERVAL`](super::spsc::LIVENESS_INTERVAL); in an event loop of your own, watch the
//! peer's [`Pidfd`](crate::process::Pidfd) or the socket that the ring came by as well, or a timer,
//! and ask [`Consumer::peer`] then.
//!
//! # Who may be at the other end
//!
//! Anyone, if the bells are of [`Bells::Timer`]: bytes are copied in and out, and every length and
//! position is checked. Bells of [`Bells::Event`] are for those who trust each other.
//!
//! # What it costs
//!
//! One compare-and-swap for each record sent or received, plus a system call if the other end has
//! armed. If no descriptor is needed, [`spsc`](super::spsc) is faster.

mod consumer;
pub(crate) mod describe;
mod duplex;
mod endpoint;
mod producer;
mod progress;
mod side;

pub use consumer::Consumer;
pub use duplex::{Duplex, Ends};
pub use producer::Producer;

use endpoint::{Endpoint, Source};
use side::Side;

use super::header::{self, Agreement, Kind};
use super::progress::DATA_MAX;
use super::{AttachError, Error};
use crate::primitive::Bell;
use crate::region::Seat;
use crate::{AsFd, BorrowedFd, Deadline, OwnedFd};

/// The overhead of a record in bytes, beside its length rounded up to eight.
pub const RECORD_OVERHEAD: usize = 8;

/// The room in bytes of the largest ring that [`Ring::open`] accepts: 64 MiB.
///
/// Who creates a ring decides how large it is, and pays nothing for it: memory is taken where
/// it is touched, also by a receiver. So the receiver says what it accepts, by
/// [`open_at_most`](Ring::open_at_most) if that is more, or less.
pub const OPEN_LIMIT: usize = 64 << 20;

/// The kind of descriptor that a ring's bells are.
///
/// # Examples
///
/// ```
/// use rawipc::ring::doorbell::{Bells, Ring};
///
/// // The peer may be hostile: no call on a timer ever waits.
/// let ring = Ring::create(1 << 16, Bells::Timer)?;
/// // A receiver says what it accepts.
/// let theirs = Ring::open(ring.into(), Bells::Timer)?;
/// assert!(theirs.capacity() >= 1 << 16);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bells {
    /// Timers, which are rung by setting them to the next moment. No call on one ever waits, whatever
    /// the other end does with it: for peers that are not trusted.
    Timer,
    /// eventfds: a wake-up takes some microseconds less. A peer that makes one blocking and fills
    /// it up keeps whoever rings it waiting: for peers that trust each other.
    Event,
}

/// A ring of records of any length with two bells: from here its ends are attached.
///
/// # Examples
///
/// ```
/// use rawipc::ring::doorbell::{Bells, Ring};
///
/// let ring = Ring::create(1 << 16, Bells::Timer)?;
/// let (mut producer, mut consumer) = (ring.producer()?, ring.consumer()?);
/// producer.send(b"hello")?;
/// assert_eq!(consumer.recv(&mut [0; 64]), Ok(5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Ring {
    source: Source,
    /// That of the consumer, which is rung for data, and that of the producer, for room.
    bells: [Bell; 2],
}

const AGREEMENT: Agreement = Agreement {
    kind: Kind::Doorbell,
    item: 0,
};

impl Ring {
    /// Creates a ring with room for `capacity` bytes, rounded up to a power of two and to a page, in
    /// a memfd sealed against any change of its size, and its bells.
    ///
    /// # Errors
    ///
    /// As `memfd_create(2)`; [`Errno::INVAL`](crate::Errno::INVAL) beyond 2^33;
    /// [`Errno::FBIG`](crate::Errno::FBIG): this process may not have such files
    /// (`RLIMIT_FSIZE`); there is no SIGXFSZ.
    pub fn create(capacity: usize, bells: Bells) -> crate::Result<Self> {
        let is_timer = bells == Bells::Timer;
        Ok(Self {
            source: header::create(AGREEMENT, capacity)?,
            bells: [Bell::create(is_timer)?, Bell::create(is_timer)?],
        })
    }

    /// Opens a ring created by another process, from its [descriptors](Self::descriptors), with
    /// room for at most [`OPEN_LIMIT`] bytes. With [`Bells::Timer`] as `accepted`, its bells must
    /// be timers.
    ///
    /// # Errors
    ///
    /// [`AttachError::WrongBell`]: a bell is none that is accepted; another [`AttachError`] that
    /// says what the memory is not.
    pub fn open(descriptors: [OwnedFd; 3], accepted: Bells) -> Result<Self, AttachError> {
        Self::open_at_most(descriptors, accepted, OPEN_LIMIT)
    }

    /// Like [`open`](Self::open), but accepts a ring as large as [`create`](Self::create) makes one
    /// for `capacity` bytes.
    ///
    /// # Errors
    ///
    /// [`AttachError::TooLarge`], and those of [`open`](Self::open).
    pub fn open_at_most(
        descriptors: [OwnedFd; 3],
        accepted: Bells,
        capacity: usize,
    ) -> Result<Self, AttachError> {
        let [memory, data, room] = descriptors;
        let source = header::open(memory, AGREEMENT, capacity)?;
        let bells = [data, room].map(Bell::take);
        if accepted == Bells::Timer && !bells.iter().all(Bell::is_timer) {
            return Err(AttachError::WrongBell);
        }
        Ok(Self { source, bells })
    }

    /// Returns the room in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.source.len(0)
    }

    /// Returns the descriptors that another process [opens](Self::open) the ring by: its memory,
    /// the consumer's bell and the producer's.
    #[must_use]
    pub fn descriptors(&self) -> [BorrowedFd<'_>; 3] {
        let [data, room] = &self.bells;
        [self.source.fd(), data.as_fd(), room.as_fd()]
    }

    /// Attaches as the producer, in the place of a dead one if there is one.
    ///
    /// # Errors
    ///
    /// [`AttachError::Occupied`] while a living process is the producer;
    /// [`AttachError::Leased`]; [`AttachError::NoProc`] without `/proc`;
    /// [`AttachError::Corrupt`], of a hostile peer's making; [`AttachError::Kernel`].
    pub fn producer(&self) -> Result<Producer, AttachError> {
        Ok(Producer::new(self.end(Side::Producer)?))
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
    pub fn producer_by(&self, seat: Seat) -> Result<Producer, AttachError> {
        let end = Endpoint::attach_by(&self.source, &self.bells, Side::Producer, seat)?;
        Ok(Producer::new(end))
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
    pub fn producer_until(&self, deadline: Deadline) -> Result<Producer, AttachError> {
        Ok(Producer::new(self.end_until(Side::Producer, deadline)?))
    }

    /// Attaches as the consumer, in the place of a dead one if there is one.
    ///
    /// # Errors
    ///
    /// [`AttachError::Occupied`] while a living process is the consumer;
    /// [`AttachError::Leased`]; [`AttachError::NoProc`] without `/proc`;
    /// [`AttachError::Corrupt`], of a hostile peer's making; [`AttachError::Kernel`].
    pub fn consumer(&self) -> Result<Consumer, AttachError> {
        Ok(Consumer::new(self.end(Side::Consumer)?))
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
    pub fn consumer_by(&self, seat: Seat) -> Result<Consumer, AttachError> {
        let end = Endpoint::attach_by(&self.source, &self.bells, Side::Consumer, seat)?;
        Ok(Consumer::new(end))
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
    pub fn consumer_until(&self, deadline: Deadline) -> Result<Consumer, AttachError> {
        Ok(Consumer::new(self.end_until(Side::Consumer, deadline)?))
    }

    fn end(&self, side: Side) -> Result<Endpoint, AttachError> {
        Ok(Endpoint::attach(&self.source, &self.bells, side, || false)?)
    }

    fn end_until(&self, side: Side, deadline: Deadline) -> Result<Endpoint, AttachError> {
        let end = Endpoint::attach_until(&self.source, &self.bells, side, deadline)?;
        Ok(end)
    }
}

/// Those of [`Ring::descriptors`].
impl From<Ring> for [OwnedFd; 3] {
    fn from(ring: Ring) -> Self {
        let [data, room] = ring.bells.map(Bell::into_fd);
        [ring.source.into_fd(), data, room]
    }
}

/// The bytes that a record of `len` takes in a ring of `capacity`, if it fits.
fn record_size(len: usize, capacity: usize) -> Result<usize, Error> {
    let limit = capacity - RECORD_OVERHEAD;
    if len > limit {
        return Err(Error::TooLong { len, limit });
    }
    Ok(RECORD_OVERHEAD + len.next_multiple_of(RECORD_OVERHEAD))
}
