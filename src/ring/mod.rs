//! Rings: messages through shared memory, without a system call while both sides
//! keep up.
//!
//! # Which one?
//!
//! | | who sends, who receives | messages | when there is no room, or nothing | a death loses | cost (ns) |
//! |---|---|---|---|---|---|
//! | [`spsc`] | one, one | records of any length up to the ring's own, or items of one type | waits, or says so | nothing that was sent | 10 / 381 |
//! | [`doorbell`] | one, one | records of any length | waits on a descriptor: in epoll, an event loop, [`select`](select()) | nothing that was sent | 70 / 479 |
//! | [`mpsc`] | up to 1,024, one | records of any length | a producer waits for its own lane alone | nothing that was sent; the consumer is told who is gone | 91 / 547 |
//! | [`mpmc`] | up to 128, up to 128; each message reaches one | records up to a length, or items of one type | waits, or says so | what a dead consumer was receiving: one record, or up to 15 items; counted | 29 / 484 |
//! | [`broadcast`] | up to 128, any number, each of whom receives all | records up to a length, or items of one type | writers never wait; a reader that is overtaken is told how many it missed | nothing that was sent; what was being written counts as missed | – / 511 |
//! | [`broadcast::loans`] | up to 128, up to 64, each of whom receives all | chunks that are lent, filled and sent, and read in place: nothing is copied | writers never wait; a reader that is overtaken is told how many it missed | nothing that was sent; what was being written counts as missed | – / 1,053 (of a mebibyte 982) |
//! | [`pool`] | up to 128, up to 128; each message reaches one | chunks that are lent, filled, sent and given back: nothing is copied | waits for a chunk or a message, or says so | what a dead consumer had received; its chunks are used again | 60 / 815 |
//! | [`latest`] | one, any number, each of whom reads the latest | a value of one type or any length | nobody waits; what is old is written over | nothing | – / 814 |
//! | [`call`] | up to 128 clients, up to 128 servers | requests up to a length, each of which gets one response | a client waits for its response until a deadline | a client is told whether its request was never executed, or perhaps | – / 598 |
//!
//! One to one: start with [`spsc`]. More than one on either side: [`mpmc`]. A question that gets an
//! answer: [`call`], or two rings, as each goes one way. In an event loop: [`doorbell`].
//!
//! [`spsc`], [`mpsc`], [`mpmc`], [`broadcast`] and [`pool`] take the way to wait as a type
//! parameter, [`SpinThenFutex`] by default. Rust does not infer a default, so name the type:
//! `let ring: mpmc::Ring = mpmc::Ring::create(128, 64)?`. All of them but [`spsc`] must be opened
//! with the parameter that they were created with ([`AttachError::WrongWaiting`]); each end of
//! [`spsc`] and [`call`] chooses for itself.
//!
//! A plain call waits for as long as it takes, also for the other side to attach; one that ends in
//! `_until` gives up at a [`Deadline`](crate::Deadline).
//!
//! The cost is that of eight bytes one way, where a sender can be held back, and there and back,
//! between two processes that may sleep and have a processor each, on a virtual machine (x86_64):
//! `cargo bench --bench structures`. The README compares with other crates.
//!
//! If a producer dies before `send` returns, its message arrives whole or not at all.
//!
//! # When a process is killed
//!
//! A process may be killed at any instruction of any call. When nobody is left on its side, the
//! other side is told ([`Error::PeerDied`]). Nothing is lost except what the table says, nothing is
//! torn, and a new process can attach in the dead one's place and continue where it left off.
//!
//! # When a process forks
//!
//! The child is not attached, so that the parent's death is noticed while the child lives.
//! Each call of its copies of endpoints that sends, receives or waits is [`Error::Forked`]; dropping one closes its
//! descriptor, and the parent's stay attached. The child does have the ring's
//! descriptor, and can attach with it.
//!
//! # A hostile peer
//!
//! It can garble the messages of this conversation and end it
//! ([`Error::Corrupt`]). It can cause no panic, no access outside the ring, no
//! endless loop, and, because a ring is only accepted in a memfd sealed against
//! shrinking, no SIGBUS. (By its name in a directory it is a file, which only users who trust each
//! other share: [`rendezvous`](crate::rendezvous).)
//!
//! # Without `/proc`
//!
//! A ring can be created, handed over and received, but attaching an end fails with
//! [`AttachError::NoProc`]: each attachment is proven alive by a lock on an open file description
//! of its own, and only `/proc` gives another one of a memfd. To use a ring after a `chroot`, or in
//! an empty mount namespace, attach before (an attached end needs no `/proc`), or attach by a
//! [`Seat`](crate::rendezvous::Seat) that another process made. Readers of [`broadcast`], but
//! for those of loans, and of a read-only [`latest`], need neither.

mod bell;
pub mod broadcast;
pub mod call;
pub mod doorbell;
mod fill;
pub(crate) mod header;
mod item;
pub mod latest;
pub mod mpmc;
pub mod mpsc;
pub mod pool;
mod progress;
mod select;
mod slot;
mod spins;
pub mod spsc;
mod trust;
mod waiting;

pub use item::Item;
pub use select::{Choice, select};
pub use trust::{Trust, Trusted, Untrusted};

pub use crate::region::{AttachError, Peer};
pub use waiting::{Spin, SpinThenFutex, Waiting};

use core::fmt;

use crate::Errno;
use crate::errno::Described;

/// Makes sure that the `len` bytes at `offset` are within a message of `whole` bytes.
///
/// # Errors
///
/// [`Error::TooLong`] if the message ends before, also if it ends before `offset`.
#[inline(always)]
fn within(whole: usize, offset: usize, len: usize) -> Result<(), Error> {
    match whole.checked_sub(offset) {
        Some(limit) if len <= limit => Ok(()),
        limit => Err(Error::TooLong {
            len,
            limit: limit.unwrap_or(0),
        }),
    }
}

/// Why a ring operation failed.
///
/// # Examples
///
/// ```
/// use rawipc::ring::{Error, spsc::Ring};
///
/// let ring: Ring = Ring::create(4096)?;
/// let (producer, mut consumer) = (ring.producer()?, ring.consumer()?);
/// assert_eq!(consumer.try_recv(&mut [0; 64]), Err(Error::WouldBlock));
/// drop(producer);
/// match consumer.recv(&mut [0; 64]) {
///     Err(Error::Closed) => println!("the producer has closed its end"),
///     Err(Error::PeerDied) => println!("the producer was killed"),
///     other => panic!("{other:?}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Nothing to receive, or no room to send, at this moment.
    WouldBlock,
    /// The deadline passed.
    TimedOut,
    /// The other endpoint is closed. A consumer has received everything when it
    /// is told so. A new endpoint may attach, and the conversation go on.
    Closed,
    /// The other endpoint's process died, or dropped its mapping in another way
    /// than by closing. A consumer has received everything that was committed
    /// when it is told so. A successor may attach, and the conversation go on.
    PeerDied,
    /// The message does not fit: a record longer than the ring allows, or than
    /// the buffer it should be copied to. It stays where it is.
    TooLong {
        /// The length of the message.
        len: usize,
        /// The longest that would do.
        limit: usize,
    },
    /// The peer, or whoever else can write to the ring, wrote what cannot be.
    Corrupt,
    /// The endpoint belongs to the process that this one was forked from. A new one may be
    /// attached, by the ring's descriptor, when the parent's is closed.
    Forked,
    /// The kernel refused a call, as a seccomp filter can decide.
    Kernel(Errno),
}

/// Why an endpoint could not go on, whatever the length of the message: small enough to be
/// returned in a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Halt {
    WouldBlock,
    TimedOut,
    Closed,
    PeerDied,
    Corrupt,
    Forked,
    Kernel(Errno),
}

impl From<Halt> for Error {
    #[inline(always)]
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::WouldBlock => Self::WouldBlock,
            Halt::TimedOut => Self::TimedOut,
            Halt::Closed => Self::Closed,
            Halt::PeerDied => Self::PeerDied,
            Halt::Corrupt => Self::Corrupt,
            Halt::Forked => Self::Forked,
            Halt::Kernel(errno) => Self::Kernel(errno),
        }
    }
}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::TIMEDOUT => Self::TimedOut,
            errno => Self::Kernel(errno),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WouldBlock => f.write_str("the ring is not ready"),
            Self::TimedOut => f.write_str("the deadline has passed"),
            Self::Closed => f.write_str("the other endpoint is closed"),
            Self::PeerDied => f.write_str("the other endpoint's process has died"),
            Self::TooLong { len, limit } => {
                write!(f, "a message of {len} bytes where {limit} fit")
            }
            Self::Corrupt => f.write_str("the ring's memory holds what cannot be"),
            Self::Forked => f.write_str("the endpoint is that of a parent process"),
            Self::Kernel(errno) => write!(f, "the kernel refused: {}", Described(*errno)),
        }
    }
}

impl core::error::Error for Error {}
