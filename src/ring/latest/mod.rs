//! The latest value: one writer that never waits, and any number of readers that never wait.
//!
//! [`Value`] holds one type, [`bytes::Value`] bytes of any length up to a limit. A reader gets the
//! newest value, always whole, and skips older ones: configurations, positions, prices, the state
//! of a machine. Where no message may be missed, use a [ring](super).
//!
//! # Between two processes
//!
//! ```standalone_crate
//! use rawipc::process::{self, Command, FdMapping, WaitFlags, exec};
//! use rawipc::ring::latest::Value;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     if std::env::args().nth(1).as_deref() == Some("child") {
//!         let value: Value<[i64; 2]> = Value::from_inherited(3)?;
//!         let mut reader = value.reader()?;
//!         while reader.read_newer()? != [3, 9] {} // some positions may be missed, not the last
//!         return Ok(());
//!     }
//!     let value: Value<[i64; 2]> = Value::create(4)?;
//!     let mut writer = value.writer()?;
//!     writer.write(&[0, 0])?;
//!     let args = exec::List::of([c"example", c"child"]);
//!     let child = Command::path(c"/proc/self/exe", &args, exec::Strings::EMPTY)
//!         .inherit(&[FdMapping::new(&value, 3)])
//!         .spawn()?;
//!     for position in 1..=3 {
//!         writer.write(&[position, position * position])?;
//!     }
//!     assert!(process::wait(&child, WaitFlags::EXITED)?.state.is_success());
//!     Ok(())
//! }
//! ```
//!
//! # What a call costs
//!
//! Nothing but memory accesses. A reader marks one buffer as held, in a word of its own, and copies
//! the value from it, in a bounded number of steps whatever the writer does; if there is no newer
//! value, it reads one word and copies. The writer copies the value to a buffer that nobody holds,
//! looks at each reader's word, and does one compare-and-swap. A reader that waits for a newer
//! value sleeps after a while, and is woken by the system call that publishes one.
//!
//! Each reader that has a *seat* has a buffer to hold; there are two more. Of the buffers only
//! those are touched that are needed, so that unused seats cost no memory.
//!
//! # Readers without a seat
//!
//! More readers may attach than there are seats. Such a one ([`Reader::has_seat`]) copies the
//! value, looks whether it has been written over meanwhile, and copies it again if so: it is never
//! wrong, and it is told [`Error::WouldBlock`] when that has happened a thousand times in a row, or
//! twice with a value of megabytes.
//!
//! Readers may also have the memory by a descriptor that is only to read. They too read without a
//! seat; they are no members and need no `/proc`; and as they cannot say that they sleep, they look
//! for a newer value every millisecond.
//!
//! # When a process is killed
//!
//! The writer, at any instruction: a value is published, or not at all; readers keep reading the
//! latest one, those who wait for a newer one are told [`Error::PeerDied`], and a successor writes
//! on. There is nothing to be recovered. A reader: its seat is taken by the next one that attaches
//! when no other is free, and neither the writer nor other readers notice.
//!
//! # A hostile peer
//!
//! A hostile peer can garble values, or never write one. Every index and length is checked, and
//! values are copied;
//! only a caller who vouches for the writer gets references to them ([`Reader::assume_trusted`]).

pub mod bytes;
pub(crate) mod describe;
mod form;
mod line;
mod reading;
mod seat;
mod writing;

use core::marker::PhantomData;
use core::mem::MaybeUninit;

use form::{ALIGN, Form, Memory};
use reading::Reading;
use writing::Writing;

use super::trust::{Trust, Trusted, Untrusted};
use super::{AttachError, Error, Item, Peer};
use crate::region::{Found, Refusal, Seat};
use crate::ring::waiting;
use crate::{AsFd, BorrowedFd, Deadline, OwnedFd};

/// The largest memory in bytes that [`Value::open`] accepts: 64 MiB.
///
/// Who creates the memory decides how large it is, and pays nothing for it: it is taken where it is
/// touched, also by a reader. So the reader says how many readers it accepts, by
/// [`open_at_most`](Value::open_at_most) if that is more, or less.
pub const OPEN_LIMIT: usize = 64 << 20;

/// The maximum number of readers that have a seat.
pub const READERS_MAX: usize = form::READERS_MAX;

/// The latest value of type `I`, as a descriptor: from here its writer and its readers are
/// attached.
///
/// # Examples
///
/// ```
/// use rawipc::ring::latest;
///
/// let value: latest::Value<[u64; 2]> = latest::Value::create(4)?;
/// let mut writer = value.writer()?;
/// let mut reader = value.reader()?; // in another process, usually
///
/// writer.write(&[1, 2])?;
/// writer.write(&[3, 4])?;
/// assert_eq!(reader.read()?, [3, 4]);
/// assert_eq!(reader.read()?, [3, 4]);
///
/// writer.write(&[5, 6])?;
/// assert_eq!(reader.read_newer()?, [5, 6]); // would wait
/// assert_eq!(reader.version(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// What may hold a pointer cannot be written:
///
/// ```compile_fail,E0277
/// use rawipc::ring::latest;
/// let value: latest::Value<&str> = latest::Value::create(4).unwrap();
/// ```
#[derive(Debug)]
pub struct Value<I: Item> {
    memory: Memory,
    kind: PhantomData<fn() -> I>,
}

const fn form<I>(readers: usize) -> Form {
    Form {
        readers,
        size: size_of::<I>(),
        is_long: false,
    }
}

impl<I: Item> Value<I> {
    /// Creates memory for a value with seats for `readers` readers, in a memfd sealed against any
    /// change of its size. Only this user may open it again (mode 0600), and it can never be
    /// executed.
    ///
    /// # Errors
    ///
    /// As `memfd_create(2)`; [`Errno::INVAL`](crate::Errno::INVAL) beyond [`READERS_MAX`] readers
    /// or 2^40 bytes; [`Errno::FBIG`](crate::Errno::FBIG): this process may not have such files
    /// (`RLIMIT_FSIZE`); there is no SIGXFSZ.
    pub fn create(readers: usize) -> crate::Result<Self> {
        Ok(Self::new(form::<I>(readers).create()?))
    }

    /// Opens memory created by another process, of at most [`OPEN_LIMIT`] bytes. By a descriptor that
    /// is only to read, readers can be attached, [without a seat](self#readers-without-a-seat).
    ///
    /// # Errors
    ///
    /// An [`AttachError`] that says what `fd` is not; [`AttachError::WrongItem`] if its value has
    /// another size.
    pub fn open(fd: OwnedFd) -> Result<Self, AttachError> {
        Self::open_found(fd.into(), None)
    }

    /// Opens memory created by another process, at most as large as [`create`](Self::create) makes
    /// it for `readers` readers.
    ///
    /// # Errors
    ///
    /// [`AttachError::TooLarge`], and those of [`open`](Self::open).
    pub fn open_at_most(fd: OwnedFd, readers: usize) -> Result<Self, AttachError> {
        Self::open_found(fd.into(), Some(readers))
    }

    /// Opens one that was found in whatever way.
    pub(crate) fn open_found(found: Found, readers: Option<usize>) -> Result<Self, AttachError> {
        let limit = readers.map_or(OPEN_LIMIT, |readers| form::<I>(readers).room());
        let memory = Form::open(found, limit)?;
        if memory.form.is_long {
            return Err(AttachError::WrongKind);
        }
        if memory.form.size != size_of::<I>() {
            let size = memory.form.size as u64;
            return Err(AttachError::WrongItem { size });
        }
        Ok(Self::new(memory))
    }

    fn new(memory: Memory) -> Self {
        Self {
            memory,
            kind: PhantomData,
        }
    }

    /// Returns how many readers have a seat.
    #[must_use]
    pub fn readers(&self) -> usize {
        self.memory.form.readers
    }

    /// Attaches as the writer, in the place of a dead one if there is one.
    ///
    /// # Errors
    ///
    /// [`AttachError::Occupied`] while a living process is the writer;
    /// [`AttachError::ReadOnly`] by a descriptor that is only to read; [`AttachError::Leased`];
    /// [`AttachError::NoProc`] without `/proc`; [`AttachError::Corrupt`], of a hostile peer's
    /// making; [`AttachError::Kernel`].
    pub fn writer(&self) -> Result<Writer<I>, AttachError> {
        Ok(Writer::new(writing(&self.memory)?))
    }

    /// Like [`writer`](Self::writer), but needs no `/proc`, and no right to open the memory: it
    /// attaches by a [`Seat`] that another process made.
    ///
    /// # Errors
    ///
    /// Those of [`writer`](Self::writer) but for [`AttachError::Leased`] and
    /// [`AttachError::NoProc`]. [`AttachError::Kernel`] with
    /// [`Errno::BADF`](crate::Errno::BADF): the seat is another value's;
    /// [`AttachError::Corrupt`]: it is the value's own description, or a copy of it.
    pub fn writer_by(&self, seat: Seat) -> Result<Writer<I>, AttachError> {
        Ok(Writer::new(writing_by(&self.memory, seat)?))
    }

    /// Like [`writer`](Self::writer), but waits for an end that is occupied and for a lease on the
    /// memory, and gives up at `deadline` with [`AttachError::Occupied`] or
    /// [`AttachError::Leased`].
    ///
    /// # Errors
    ///
    /// [`AttachError::Occupied`] or [`AttachError::Leased`], if it is so still at the deadline;
    /// at once [`AttachError::ReadOnly`], [`AttachError::NoProc`] without `/proc`,
    /// [`AttachError::Corrupt`] of a hostile peer's making and [`AttachError::Kernel`].
    pub fn writer_until(&self, deadline: Deadline) -> Result<Writer<I>, AttachError> {
        Ok(Writer::new(writing_until(&self.memory, deadline)?))
    }

    /// Attaches as one of the readers: with a seat, if one is free or its reader is dead.
    ///
    /// # Errors
    ///
    /// [`AttachError::Leased`]; [`AttachError::NoProc`] without `/proc`;
    /// [`AttachError::Corrupt`], of a hostile peer's making; [`AttachError::Kernel`].
    pub fn reader(&self) -> Result<Reader<I>, AttachError> {
        Ok(Reader::new(reading(&self.memory)?))
    }

    /// Like [`reader`](Self::reader), but needs no `/proc`, and no right to open the memory: it
    /// attaches by a [`Seat`] that another process made.
    ///
    /// Who can only read the memory is no member of it, and needs no seat: that is dropped, whichever
    /// it is.
    ///
    /// # Errors
    ///
    /// Those of [`reader`](Self::reader) but for [`AttachError::Leased`] and
    /// [`AttachError::NoProc`]. [`AttachError::Kernel`] with
    /// [`Errno::BADF`](crate::Errno::BADF): the seat is another value's;
    /// [`AttachError::Corrupt`]: it is the value's own description, or a copy of it.
    pub fn reader_by(&self, seat: Seat) -> Result<Reader<I>, AttachError> {
        Ok(Reader::new(Reading::attach_by(&self.memory, seat)?))
    }

    /// Like [`reader`](Self::reader), but waits for a lease on the memory, and gives up at
    /// `deadline` with [`AttachError::Leased`].
    ///
    /// # Errors
    ///
    /// [`AttachError::Leased`], if it is so still at the deadline; at once
    /// [`AttachError::NoProc`] without `/proc`, [`AttachError::Corrupt`] of a hostile peer's making
    /// and [`AttachError::Kernel`].
    pub fn reader_until(&self, deadline: Deadline) -> Result<Reader<I>, AttachError> {
        Ok(Reader::new(reading_until(&self.memory, deadline)?))
    }
}

/// Attaches as the writer, in the place of a dead one if there is one.
fn writing(memory: &Memory) -> Result<Writing, AttachError> {
    if !memory.is_writable {
        return Err(AttachError::ReadOnly);
    }
    Ok(Writing::attach(memory, || false)?)
}

/// Attaches as the writer, waiting until that is possible.
fn writing_until(memory: &Memory, deadline: Deadline) -> Result<Writing, AttachError> {
    if !memory.is_writable {
        return Err(AttachError::ReadOnly);
    }
    let writing = waiting::until_attached(deadline, || {
        // Looked at before anything is mapped.
        if memory.source.is_held(writing::WRITER_AT)? {
            return Err(Refusal::OCCUPIED);
        }
        Writing::attach(memory, || deadline.has_passed_by_call())
    });
    Ok(writing?)
}

/// Attaches as the writer, by a seat at the memory.
fn writing_by(memory: &Memory, seat: Seat) -> Result<Writing, AttachError> {
    if !memory.is_writable {
        return Err(AttachError::ReadOnly);
    }
    Ok(Writing::attach_by(memory, seat)?)
}

/// Attaches as a reader.
fn reading(memory: &Memory) -> Result<Reading, AttachError> {
    Ok(Reading::attach(memory, || false)?)
}

/// Attaches as a reader, waiting until that is possible.
fn reading_until(memory: &Memory, deadline: Deadline) -> Result<Reading, AttachError> {
    let reading = waiting::until_attached(deadline, || {
        Reading::attach(memory, || deadline.has_passed_by_call())
    });
    Ok(reading?)
}

impl<I: Item> AsFd for Value<I> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.memory.source.fd()
    }
}

crate::sys::fd_number::numbers!(Value<I>, I: Item);

/// Does what [`Value::open`] does.
impl<I: Item> TryFrom<OwnedFd> for Value<I> {
    type Error = AttachError;

    fn try_from(fd: OwnedFd) -> Result<Self, AttachError> {
        Self::open(fd)
    }
}

impl<I: Item> From<Value<I>> for OwnedFd {
    fn from(value: Value<I>) -> Self {
        value.memory.source.into_fd()
    }
}

/// The writer of a value. Dropping it closes its end: readers who wait for a newer value are told
/// [`Error::Closed`], and the latest one is there still.
///
/// # Examples
///
/// ```
/// use rawipc::ring::latest::Value;
///
/// let value: Value<u64> = Value::create(4)?; // seats for four readers
/// let mut writer = value.writer()?;
/// writer.write(&1)?;
/// writer.write(&2)?; // 1 is written over
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Writer<I: Item> {
    writing: Writing,
    kind: PhantomData<fn() -> I>,
}

impl<I: Item> Writer<I> {
    fn new(writing: Writing) -> Self {
        Self {
            writing,
            kind: PhantomData,
        }
    }

    /// Leaves without closing, so that a successor continues.
    pub fn detach(self) {
        self.writing.detach();
    }

    /// Returns how many values have been written, by this writer and those before it.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.writing.version()
    }

    /// Makes `value` the latest one; never waits for a reader.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if somebody else has written to the writer's word; [`Error::Forked`].
    #[inline]
    pub fn write(&mut self, value: &I) -> Result<(), Error> {
        let buffer = self.writing.begin()?;
        let (data, place) = self.writing.data(buffer);
        // A buffer is never shorter.
        let _ = data.write_item(place, value);
        Ok(self.writing.publish(buffer)?)
    }
}

/// A reader of a value. Dropping it gives back its seat.
///
/// # Examples
///
/// ```
/// use rawipc::ring::latest::Value;
///
/// let value: Value<u64> = Value::create(4)?;
/// let mut writer = value.writer()?;
/// let mut reader = value.reader()?;
/// writer.write(&1)?;
/// writer.write(&2)?;
/// assert_eq!(reader.read_newer(), Ok(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Reader<I: Item, T: Trust = Untrusted> {
    reading: Reading,
    kind: PhantomData<fn() -> (I, T)>,
}

impl<I: Item> Reader<I> {
    fn new(reading: Reading) -> Self {
        Self {
            reading,
            kind: PhantomData,
        }
    }

    /// Vouches for the writer, so that values can be read in place.
    ///
    /// # Errors
    ///
    /// The reader, if it has no seat: then nothing keeps a value in its place.
    ///
    /// # Safety
    ///
    /// Nobody who can write to the memory may write to a buffer that a reader holds, which a
    /// [`Writer`] does not; a child that was forked while a value was borrowed must not look at
    /// it, as it may be written anew.
    #[expect(clippy::result_large_err, reason = "it is the reader itself")]
    pub unsafe fn assume_trusted(self) -> Result<Reader<I, Trusted>, Self> {
        if !self.has_seat() {
            return Err(self);
        }
        Ok(Reader {
            reading: self.reading,
            kind: PhantomData,
        })
    }
}

impl<I: Item, T: Trust> Reader<I, T> {
    /// Returns whether the reader has a seat, and so never has to copy a value again because it was
    /// written over meanwhile.
    #[must_use]
    pub fn has_seat(&self) -> bool {
        self.reading.has_seat()
    }

    /// Returns the state of the writer's end. One system call if a process is attached.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.reading.peer()
    }

    /// Returns the number of the value that was read last: the first one ever written is 1, and 0
    /// is none.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.reading.version()
    }

    /// Returns the latest value; never waits.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`]: none has been written yet; or, without a seat, each was written over
    /// while it was copied, a thousand times in a row. [`Error::Corrupt`]; [`Error::Forked`].
    #[inline]
    pub fn read(&mut self) -> Result<I, Error> {
        self.reading.read(|data, place| {
            let mut value = MaybeUninit::uninit();
            if data.read_item(place, &mut value).is_none() {
                // A buffer is never shorter.
                return Ok(I::new_zeroed());
            }
            // SAFETY: all bytes have been written, and any bytes are an `I`.
            Ok(unsafe { value.assume_init() })
        })
    }

    /// Returns the latest value if it is newer than the one that was read last; blocks until there
    /// is one.
    ///
    /// # Errors
    ///
    /// While there is none: [`Error::Closed`], [`Error::PeerDied`]. Those of [`read`](Self::read).
    pub fn read_newer(&mut self) -> Result<I, Error> {
        self.read_newer_until(Deadline::Never)
    }

    /// Like [`read_newer`](Self::read_newer),
    /// but returns [`Error::WouldBlock`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`], and those of [`read_newer`](Self::read_newer).
    pub fn try_read_newer(&mut self) -> Result<I, Error> {
        self.reading.ask()?;
        self.read()
    }

    /// Like [`read_newer`](Self::read_newer),
    /// but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], and those of [`read_newer`](Self::read_newer).
    pub fn read_newer_until(&mut self, deadline: Deadline) -> Result<I, Error> {
        self.reading.wait(deadline)?;
        self.read()
    }
}

impl<I: Item> Reader<I, Trusted> {
    /// Borrows the latest value where it lies: it stays there until the next call.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read).
    pub fn get(&mut self) -> Result<&I, Error> {
        const { assert!(align_of::<I>() <= ALIGN) }
        let place = self.reading.pin()?;
        let first = self.reading.pointer(place, size_of::<I>())?;
        // SAFETY: within a buffer, and aligned as buffers are; mapped memory is initialized, and
        // any bytes are an `I`; nobody writes there as long as it is held, as the caller of
        // `assume_trusted` vouches, and it is held as long as this is borrowed.
        Ok(unsafe { &*first.cast::<I>() })
    }
}
