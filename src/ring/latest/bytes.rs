//! The latest value of any length up to a limit.
//!
//! Everything else is as for values of one type: see [`latest`](super).

use core::marker::PhantomData;

use super::form::{Form, Memory, PREFIX};
use super::reading::Reading;
use super::writing::Writing;
use super::{AttachError, Error, OPEN_LIMIT, Peer, Trust, Trusted, Untrusted};
use crate::region::{Flat, Found, Seat};
use crate::ring::within;
use crate::{AsFd, BorrowedFd, Deadline, OwnedFd};

/// The latest value, of any length up to a limit, as a descriptor: from here its writer and its
/// readers are attached.
///
/// # Examples
///
/// ```
/// use rawipc::ring::latest::bytes;
///
/// let value = bytes::Value::create(4, 1 << 20)?;
/// let mut writer = value.writer()?;
/// let mut reader = value.reader()?; // in another process, usually
///
/// writer.write(b"one")?;
/// writer.write(b"another")?;
/// let mut buffer = [0; 64];
/// let len = reader.read(&mut buffer)?;
/// assert_eq!(&buffer[..len], b"another");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Value {
    memory: Memory,
}

const fn form(readers: usize, limit: usize) -> Form {
    Form {
        readers,
        size: limit,
        is_long: true,
    }
}

impl Value {
    /// Creates memory for values of at most `limit` bytes with seats for `readers` readers, in a
    /// memfd sealed against any change of its size. Only this user may open it again (mode 0600),
    /// and it can never be executed.
    ///
    /// # Errors
    ///
    /// As `memfd_create(2)`; [`Errno::INVAL`](crate::Errno::INVAL) beyond
    /// [`READERS_MAX`](super::READERS_MAX) readers or 2^40 bytes;
    /// [`Errno::FBIG`](crate::Errno::FBIG): this process may not have such files (`RLIMIT_FSIZE`);
    /// there is no SIGXFSZ.
    pub fn create(readers: usize, limit: usize) -> crate::Result<Self> {
        let memory = form(readers, limit).create()?;
        Ok(Self { memory })
    }

    /// Opens memory created by another process, of at most [`OPEN_LIMIT`] bytes. By a descriptor that
    /// is only to read, readers can be attached, [without a seat](super#readers-without-a-seat).
    ///
    /// # Errors
    ///
    /// An [`AttachError`] that says what `fd` is not.
    pub fn open(fd: OwnedFd) -> Result<Self, AttachError> {
        Self::open_found(fd.into(), None)
    }

    /// Opens memory created by another process, of at most `bytes` bytes in all.
    ///
    /// # Errors
    ///
    /// [`AttachError::TooLarge`], and those of [`open`](Self::open).
    pub fn open_at_most(fd: OwnedFd, bytes: usize) -> Result<Self, AttachError> {
        Self::open_found(fd.into(), Some(bytes))
    }

    /// Opens one that was found in whatever way.
    pub(crate) fn open_found(found: Found, bytes: Option<usize>) -> Result<Self, AttachError> {
        let memory = Form::open(found, bytes.unwrap_or(OPEN_LIMIT))?;
        if !memory.form.is_long {
            return Err(AttachError::WrongKind);
        }
        Ok(Self { memory })
    }

    /// Returns how many readers have a seat.
    #[must_use]
    pub fn readers(&self) -> usize {
        self.memory.form.readers
    }

    /// Returns how long a value can be.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.memory.form.size
    }

    /// Attaches as the writer, in the place of a dead one if there is one.
    ///
    /// # Errors
    ///
    /// [`AttachError::Occupied`] while a living process is the writer;
    /// [`AttachError::ReadOnly`] by a descriptor that is only to read; [`AttachError::Leased`];
    /// [`AttachError::NoProc`] without `/proc`; [`AttachError::Corrupt`], of a hostile peer's
    /// making; [`AttachError::Kernel`].
    pub fn writer(&self) -> Result<Writer, AttachError> {
        let writing = super::writing(&self.memory)?;
        Ok(Writer { writing })
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
    pub fn writer_by(&self, seat: Seat) -> Result<Writer, AttachError> {
        let writing = super::writing_by(&self.memory, seat)?;
        Ok(Writer { writing })
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
    pub fn writer_until(&self, deadline: Deadline) -> Result<Writer, AttachError> {
        let writing = super::writing_until(&self.memory, deadline)?;
        Ok(Writer { writing })
    }

    /// Attaches as one of the readers: with a seat, if one is free or its reader is dead.
    ///
    /// # Errors
    ///
    /// [`AttachError::Leased`]; [`AttachError::NoProc`] without `/proc`;
    /// [`AttachError::Corrupt`], of a hostile peer's making; [`AttachError::Kernel`].
    pub fn reader(&self) -> Result<Reader, AttachError> {
        Ok(Reader::new(super::reading(&self.memory)?))
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
    pub fn reader_by(&self, seat: Seat) -> Result<Reader, AttachError> {
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
    pub fn reader_until(&self, deadline: Deadline) -> Result<Reader, AttachError> {
        let reading = super::reading_until(&self.memory, deadline)?;
        Ok(Reader::new(reading))
    }
}

impl AsFd for Value {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.memory.source.fd()
    }
}

crate::sys::fd_number::numbers!(Value);

/// Does what [`Value::open`] does.
impl TryFrom<OwnedFd> for Value {
    type Error = AttachError;

    fn try_from(fd: OwnedFd) -> Result<Self, AttachError> {
        Self::open(fd)
    }
}

impl From<Value> for OwnedFd {
    fn from(value: Value) -> Self {
        value.memory.source.into_fd()
    }
}

/// The writer of a value. Dropping it closes its end: readers who wait for a newer value are told
/// [`Error::Closed`], and the latest one is there still.
///
/// # Examples
///
/// ```
/// use rawipc::ring::latest::bytes::Value;
///
/// let value = Value::create(4, 1 << 16)?; // seats for four readers
/// let mut writer = value.writer()?;
/// writer.write(b"{\"threads\": 4}")?;
/// writer.write(b"{\"threads\": 8}")?; // the one before is written over
/// assert_eq!(writer.version(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Writer {
    writing: Writing,
}

impl Writer {
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
    /// [`Error::TooLong`]: longer than a value can be. [`Error::Corrupt`] if somebody else has
    /// written to the writer's word; [`Error::Forked`].
    pub fn write(&mut self, value: &[u8]) -> Result<(), Error> {
        let mut next = self.reserve(value.len())?;
        next.write_at(0, value)?;
        next.commit()
    }

    /// Begins a value of `len` bytes, to be written piece by piece. What is not written of it has
    /// any bytes.
    ///
    /// # Errors
    ///
    /// [`Error::TooLong`]: longer than a value can be. [`Error::Forked`].
    pub fn reserve(&mut self, len: usize) -> Result<Reservation<'_>, Error> {
        let limit = self.writing.form().size;
        if len > limit {
            return Err(Error::TooLong { len, limit });
        }
        let buffer = self.writing.begin()?;
        Ok(Reservation {
            writer: self,
            buffer,
            len,
        })
    }
}

/// A value that is being written. Dropped uncommitted, it was none.
///
/// # Examples
///
/// ```
/// use rawipc::ring::latest::bytes::Value;
///
/// let value = Value::create(4, 1 << 16)?;
/// let mut writer = value.writer()?;
/// let mut reservation = writer.reserve(8)?; // written where it is to lie
/// reservation.write_at(4, b"tail")?;
/// reservation.write_at(0, b"head")?;
/// reservation.commit()?; // all of it, in one step
///
/// let mut buffer = [0; 8];
/// value.reader()?.read(&mut buffer)?;
/// assert_eq!(&buffer, b"headtail");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a value is published by `commit`"]
pub struct Reservation<'a> {
    writer: &'a mut Writer,
    buffer: usize,
    len: usize,
}

impl Reservation<'_> {
    /// Copies `bytes` to `offset` of the value.
    ///
    /// # Errors
    ///
    /// [`Error::TooLong`] if the value ends before; [`Error::Forked`].
    pub fn write_at(&mut self, offset: usize, bytes: &[u8]) -> Result<(), Error> {
        self.writer.writing.attached()?;
        within(self.len, offset, bytes.len())?;
        let (data, place) = self.writer.writing.data(self.buffer);
        // A buffer is never shorter.
        let _ = data.write(place + PREFIX + offset, bytes);
        Ok(())
    }

    /// Makes the value the latest one, in one step.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if somebody else has written to the writer's word; [`Error::Forked`].
    pub fn commit(self) -> Result<(), Error> {
        self.writer.writing.attached()?;
        let (data, place) = self.writer.writing.data(self.buffer);
        let _ = data.write_item(place, &(self.len as u64));
        Ok(self.writer.writing.publish(self.buffer)?)
    }
}

/// A reader of a value. Dropping it gives back its seat.
///
/// # Examples
///
/// ```
/// use rawipc::ring::Error;
/// use rawipc::ring::latest::bytes::Value;
///
/// let value = Value::create(4, 1 << 16)?;
/// let (mut writer, mut reader) = (value.writer()?, value.reader()?);
/// writer.write(b"new configuration")?;
///
/// let mut buffer = vec![0; reader.limit()];
/// let len = reader.read_newer(&mut buffer)?;
/// assert_eq!(&buffer[..len], b"new configuration");
/// assert_eq!(reader.try_read_newer(&mut buffer), Err(Error::WouldBlock)); // none since
/// assert_eq!(reader.read(&mut buffer), Ok(len)); // but it is still there
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Reader<T: Trust = Untrusted> {
    reading: Reading,
    kind: PhantomData<fn() -> T>,
}

impl Reader {
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
    pub unsafe fn assume_trusted(self) -> Result<Reader<Trusted>, Self> {
        if !self.has_seat() {
            return Err(self);
        }
        Ok(Reader {
            reading: self.reading,
            kind: PhantomData,
        })
    }
}

impl<T: Trust> Reader<T> {
    /// Returns whether the reader has a seat, and so never has to copy a value again because it was
    /// written over meanwhile.
    #[must_use]
    pub fn has_seat(&self) -> bool {
        self.reading.has_seat()
    }

    /// Returns how long a value can be.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.reading.form().size
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

    /// Copies the latest value to the beginning of `buffer`, and returns its length; never waits.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`]: none has been written yet; or, without a seat, each was written over
    /// while it was copied, a thousand times in a row. [`Error::TooLong`]: it is longer than
    /// `buffer`. [`Error::Corrupt`]; [`Error::Forked`].
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let limit = self.limit();
        self.reading.read(|data, place| {
            let len = length(data, place, limit)?;
            let room = buffer.len();
            let whole = buffer.get_mut(..len);
            let whole = whole.ok_or(Error::TooLong { len, limit: room })?;
            // A buffer of the memory is never shorter.
            let _ = data.read(place + PREFIX, whole);
            Ok(len)
        })
    }

    /// Copies the latest value to the beginning of `buffer` if it is newer than the one that was
    /// read last, and returns its length; blocks until there is one.
    ///
    /// One that was longer than `buffer` counts as read.
    ///
    /// # Errors
    ///
    /// While there is none: [`Error::Closed`], [`Error::PeerDied`]. Those of [`read`](Self::read).
    pub fn read_newer(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        self.read_newer_until(buffer, Deadline::Never)
    }

    /// Like [`read_newer`](Self::read_newer),
    /// but returns [`Error::WouldBlock`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`], and those of [`read_newer`](Self::read_newer).
    pub fn try_read_newer(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        self.reading.ask()?;
        self.read(buffer)
    }

    /// Like [`read_newer`](Self::read_newer),
    /// but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], and those of [`read_newer`](Self::read_newer).
    pub fn read_newer_until(
        &mut self,
        buffer: &mut [u8],
        deadline: Deadline,
    ) -> Result<usize, Error> {
        self.reading.wait(deadline)?;
        self.read(buffer)
    }
}

impl Reader<Trusted> {
    /// Borrows the latest value where it lies: it stays there until the next call.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read).
    pub fn get(&mut self) -> Result<&[u8], Error> {
        let limit = self.limit();
        let place = self.reading.pin()?;
        let len = length(self.reading.data(), place, limit)?;
        let first = self.reading.pointer(place + PREFIX, len)?;
        // SAFETY: so many bytes follow in a buffer; mapped memory is initialized; nobody writes
        // there as long as it is held, as the caller of `assume_trusted` vouches, and it is held
        // as long as this is borrowed.
        Ok(unsafe { core::slice::from_raw_parts(first, len) })
    }
}

/// The length of the value at `place`.
#[inline(always)]
fn length(data: Flat<'_>, place: usize, limit: usize) -> Result<usize, Error> {
    let mut len = core::mem::MaybeUninit::<u64>::uninit();
    data.read_item(place, &mut len).ok_or(Error::Corrupt)?;
    // SAFETY: all of it has been written.
    let len = unsafe { len.assume_init() };
    if len > limit as u64 {
        return Err(Error::Corrupt);
    }
    Ok(len as usize)
}
