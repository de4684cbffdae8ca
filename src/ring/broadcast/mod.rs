//! Rings whose messages reach every reader: one writer or many, which never wait, and any number of
//! readers.
//!
//! [`Ring`] carries records of up to a given length, [`items::Ring`] values of one type; a reader of a
//! [`loans::Ring`] reads messages of any length where they lie. All live in a memfd, which one process
//! makes and others receive (inherited, or over a UNIX socket).
//!
//! A ring has a fixed number of slots. A writer takes the next one even if some readers have not
//! read it yet. A reader that was overtaken is told exactly how many messages it missed
//! ([`RecvError::Lagged`]), and continues with the oldest one that is still there.
//!
//! # Between two processes
//!
//! ```standalone_crate
//! use rawipc::process::{self, Command, FdMapping, WaitFlags, exec};
//! use rawipc::ring::broadcast::Ring;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     if std::env::args().nth(1).as_deref() == Some("child") {
//!         let ring: Ring = Ring::from_inherited(3)?;
//!         let mut reader = ring.reader_from_oldest()?;
//!         let mut buffer = [0; 64];
//!         let len = reader.recv(&mut buffer)?;
//!         assert_eq!(&buffer[..len], b"news");
//!         return Ok(());
//!     }
//!     let ring: Ring = Ring::create(64, 256)?;
//!     let readable = ring.try_clone_to_read()?; // the readers shall not write
//!     let args = exec::List::of([c"example", c"child"]);
//!     let given = [FdMapping::new(&readable, 3)];
//!     let program = Command::path(c"/proc/self/exe", &args, exec::Strings::EMPTY).inherit(&given);
//!     let readers = [program.spawn()?, program.spawn()?];
//!     ring.writer()?.send(b"news")?;
//!     for reader in &readers {
//!         assert!(process::wait(reader, WaitFlags::EXITED)?.state.is_success());
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Writers
//!
//! At most 128 writers at a time, and no more than half the number of slots. A writer that is
//! stopped or killed while it writes delays nobody: others skip its slot, and leave it alone until
//! it goes on. What it wrote there is then void, and it sends its message again. Messages of one
//! writer arrive in order, and all readers see all messages in the same order.
//!
//! A [sole writer](Ring::sole_writer) excludes all others. With [`Spin`](super::Spin) it publishes
//! by stores alone.
//!
//! # Readers
//!
//! Readers leave no trace in the shared memory, so there can be any number of them. They need no
//! `/proc` and no write access. With a read-only descriptor ([`Ring::try_clone_to_read`]) a reader
//! cannot ask to be woken, and looks every half millisecond instead.
//!
//! # What a call costs
//!
//! Nothing but memory accesses while the other side keeps up: two atomic read-modify-write
//! operations for a message sent, none for one received. With [`SpinThenFutex`] a reader that waits in vain
//! for a while sleeps, and the writer wakes it by the same system call that publishes; with
//! [`Spin`](super::Spin) nobody ever sleeps.
//!
//! # Who may be at the other end
//!
//! Anyone: messages are copied, and every length and position is checked. Who can write to the memory can
//! garble the messages and counts of this ring or bring it to a stop, for those who attach later, too,
//! and nothing else.
//!
//! # When a process is killed
//!
//! A message is published whole or not at all, at the latest when `send` or `push` returns. If its
//! writer dies before, the claimed position counts as one missed message, as does a skipped slot:
//! received and missed ([`Lagged`](RecvError::Lagged)) messages together are all claimed positions.
//! Readers are told when no writer lives any more ([`Error::PeerDied`], or
//! [`Error::Closed`] if none of them died), once they have received all that was published; the next
//! writer that attaches goes on.
//!
//! # Forks
//!
//! Writers and readers are not inherited: every call of a child's copy that sends or receives is
//! [`Error::Forked`] and touches nothing of the ring; dropping one closes its descriptor. The descriptor
//! of the ring is the child's too: attach in the child.

pub(crate) mod describe;
mod error;
pub mod items;
mod layout;
mod lines;
pub mod loans;
mod memory;
mod reader;
mod reading;
mod slots;
mod statistics;
mod writer;
mod writing;

pub use super::waiting::{FAILURES_PER_LOOK, LIVENESS_INTERVAL};
pub use error::RecvError;
pub use reader::Reader;
pub use statistics::Statistics;
pub use writer::Writer;

use memory::{Memory, Message};
use reading::Start;
use writing::Company;

use super::header::Kind;
use super::waiting::{SpinThenFutex, Waiting};
use super::{AttachError, Error, Peer};
use crate::region::{Found, Seat};
use crate::{AsFd, BorrowedFd, Deadline, OwnedFd};

/// The bytes of slots of the largest ring that [`Ring::open`] accepts: 64 MiB.
///
/// Who creates a ring decides how large it is, and pays nothing for it: memory is taken where
/// it is touched. So who opens it says what is accepted, by [`open_at_most`](Ring::open_at_most)
/// if that is more, or less.
pub const OPEN_LIMIT: usize = 64 << 20;

/// A ring of records that every reader receives, as a descriptor: from here writers and readers
/// are attached.
///
/// # Examples
///
/// ```
/// use rawipc::ring::broadcast;
///
/// let ring: broadcast::Ring = broadcast::Ring::create(64, 256)?;
/// let mut writer = ring.writer()?;
/// let mut readers = [ring.reader()?, ring.reader()?]; // in other processes, usually
///
/// writer.send(b"news")?;
/// for reader in &mut readers {
///     let mut buffer = [0; 256];
///     let len = reader.recv(&mut buffer)?;
///     assert_eq!(&buffer[..len], b"news");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A reader that is too slow learns by how much:
///
/// ```
/// use rawipc::ring::broadcast::{RecvError, Ring};
///
/// let ring: Ring = Ring::create(4, 8)?;
/// let (mut writer, mut reader) = (ring.writer()?, ring.reader()?);
/// for number in 0..6_u64 {
///     writer.send(&number.to_ne_bytes())?;
/// }
/// let mut buffer = [0; 8];
/// assert_eq!(reader.recv(&mut buffer), Err(RecvError::Lagged(2)));
/// assert_eq!(reader.recv(&mut buffer), Ok(8));
/// assert_eq!(u64::from_ne_bytes(buffer), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Ring<W: Waiting = SpinThenFutex> {
    memory: Memory<W>,
}

/// The bytes of a slot before its record: how long that is.
const LENGTH: usize = size_of::<u64>();

/// Records of at most so many bytes.
fn records(longest: usize) -> Message {
    Message {
        kind: Kind::Broadcast,
        len: longest,
        room: longest.saturating_add(LENGTH),
    }
}

impl<W: Waiting> Ring<W> {
    /// Creates a ring of `capacity` slots, rounded up to a power of two and at least two, for records of at
    /// most `longest` bytes, in a memfd sealed against any change of its size. Only this user
    /// may open it again (mode 0600), and it can never be executed.
    ///
    /// # Errors
    ///
    /// As `memfd_create(2)`; [`Errno::INVAL`](crate::Errno::INVAL) beyond 2^24 slots, or 2^36
    /// bytes of one; [`Errno::FBIG`](crate::Errno::FBIG): this process may not have such files
    /// (`RLIMIT_FSIZE`); there is no SIGXFSZ.
    pub fn create(capacity: usize, longest: usize) -> crate::Result<Self> {
        Ok(Self {
            memory: Memory::create(records(longest), capacity)?,
        })
    }

    /// Opens a ring created by another process, with at most [`OPEN_LIMIT`] bytes of slots. A
    /// descriptor that is open for reading alone does for readers.
    ///
    /// # Errors
    ///
    /// An [`AttachError`] that says what `fd` is not.
    pub fn open(fd: OwnedFd) -> Result<Self, AttachError> {
        Self::open_found(fd.into(), None)
    }

    /// Opens a ring created by another process, with at most `bytes` bytes of slots, in whole pages:
    /// each record takes the longest one's, rounded up to eight, and 16 more.
    ///
    /// # Errors
    ///
    /// [`AttachError::TooLarge`], and those of [`open`](Self::open).
    pub fn open_at_most(fd: OwnedFd, bytes: usize) -> Result<Self, AttachError> {
        Self::open_found(fd.into(), Some(bytes))
    }

    /// Opens one that was found in whatever way.
    pub(crate) fn open_found(found: Found, bytes: Option<usize>) -> Result<Self, AttachError> {
        let message = |longest| Ok(records(longest as usize));
        let limit = bytes.unwrap_or(OPEN_LIMIT);
        Ok(Self {
            memory: Memory::open(found, Kind::Broadcast, message, limit)?,
        })
    }

    /// Returns the number of slots.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.memory.capacity()
    }

    /// Returns the length of the longest record that fits.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.memory.len()
    }

    /// Opens the ring's memory again, for reading alone: for readers that shall not be able to
    /// write. (Who has the right to open files of this user can open it to write nevertheless.)
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
    pub fn writer(&self) -> Result<Writer<W>, AttachError> {
        let writing = self.memory.writer(Company::Others)?;
        Ok(Writer::new(writing, self.longest()))
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
    pub fn writer_by(&self, seat: Seat) -> Result<Writer<W>, AttachError> {
        let writing = self.memory.writer_by(Company::Others, seat)?;
        Ok(Writer::new(writing, self.longest()))
    }

    /// Like [`writer`](Self::writer), but waits while the ring is occupied and for a lease on the
    /// memory, and gives up at `deadline` with [`AttachError::Occupied`] or
    /// [`AttachError::Leased`].
    ///
    /// # Errors
    ///
    /// Those of [`writer`](Self::writer).
    pub fn writer_until(&self, deadline: Deadline) -> Result<Writer<W>, AttachError> {
        let writing = self.memory.writer_until(Company::Others, deadline)?;
        Ok(Writer::new(writing, self.longest()))
    }

    /// Attaches the only writer: while it lives there is no other. With [`Spin`](super::Spin) it
    /// sends by stores alone.
    ///
    /// # Errors
    ///
    /// [`AttachError::Occupied`] while somebody else writes; and those of
    /// [`writer`](Self::writer).
    pub fn sole_writer(&self) -> Result<Writer<W>, AttachError> {
        let writing = self.memory.writer(Company::Alone)?;
        Ok(Writer::new(writing, self.longest()))
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
    pub fn sole_writer_by(&self, seat: Seat) -> Result<Writer<W>, AttachError> {
        let writing = self.memory.writer_by(Company::Alone, seat)?;
        Ok(Writer::new(writing, self.longest()))
    }

    /// Like [`sole_writer`](Self::sole_writer), but waits while the ring is occupied and for a
    /// lease on the memory, and gives up at `deadline` with [`AttachError::Occupied`] or
    /// [`AttachError::Leased`].
    ///
    /// # Errors
    ///
    /// Those of [`sole_writer`](Self::sole_writer).
    pub fn sole_writer_until(&self, deadline: Deadline) -> Result<Writer<W>, AttachError> {
        let writing = self.memory.writer_until(Company::Alone, deadline)?;
        Ok(Writer::new(writing, self.longest()))
    }

    /// Attaches a reader that begins with the next message.
    ///
    /// # Errors
    ///
    /// [`AttachError::Corrupt`], of a hostile process's making; [`AttachError::Kernel`].
    pub fn reader(&self) -> Result<Reader<W>, AttachError> {
        let reading = self.memory.reader(Start::Newest)?;
        Ok(Reader::new(reading, self.longest()))
    }

    /// Attaches a reader that begins with the oldest message that is still there.
    ///
    /// # Errors
    ///
    /// Those of [`reader`](Self::reader).
    pub fn reader_from_oldest(&self) -> Result<Reader<W>, AttachError> {
        let reading = self.memory.reader(Start::Oldest)?;
        Ok(Reader::new(reading, self.longest()))
    }
}

impl<W: Waiting> AsFd for Ring<W> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.memory.fd()
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
        ring.memory.into_fd()
    }
}
