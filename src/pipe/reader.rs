//! [`Reader`]: the end that bytes come out of.
#![forbid(unsafe_code)]

use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::{ReadWriteFlags, preadv2, read, readv};

use super::{copy_out, end};
use crate::sys::vector;
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::wait::{ready, short};
use crate::{Deadline, Errno, IoSliceMut, Result, Short, sys};

end::define_end! {
    /// The read end of a pipe or FIFO.
    ///
    /// Several may read; each byte (each packet) comes to one of them. All calls
    /// return 0 at the end of the stream: nothing is left in the pipe, and nobody
    /// has it open for writing.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use rawipc::{Deadline, Errno, pipe::{self, PipeFlags}};
    ///
    /// let (reader, writer) = pipe::create(PipeFlags::empty())?;
    /// let mut buffer = [0; 64];
    ///
    /// assert_eq!(reader.try_read(&mut buffer), Err(Errno::AGAIN));
    /// let soon = Deadline::after(Duration::from_millis(1));
    /// assert_eq!(reader.read_until(&mut buffer, soon), Err(Errno::TIMEDOUT));
    ///
    /// writer.write(b"ping")?;
    /// assert_eq!(reader.bytes_waiting()?, 4);
    /// assert_eq!(reader.read(&mut buffer)?, 4);
    ///
    /// drop(writer);
    /// assert_eq!(reader.read(&mut buffer)?, 0);
    /// # Ok::<(), Errno>(())
    /// ```
    Reader
}

impl Reader {
    /// Reads up to `buffer.len()` bytes, and returns how many. Blocks while the pipe is empty:
    /// `read(2)`.
    ///
    /// Writers that wait for room are woken. In packet mode one packet is taken, and
    /// what does not fit into the buffer is lost. For an empty `buffer` it returns 0 at
    /// once, takes nothing, and does not say that the stream has ended.
    ///
    /// # Errors
    ///
    /// [`Errno::INTR`]: it was [interrupted](crate#interruptions), nothing was read;
    /// [`Errno::AGAIN`]: the
    /// descriptor is non-blocking and there is nothing.
    #[inline]
    pub fn read(&self, buffer: &mut [u8]) -> Result<usize> {
        read(&self.0, buffer)
    }

    /// Like [`read`](Self::read), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// See [the module](super) for what it is made of and its one limit.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: there is nothing.
    pub fn try_read(&self, buffer: &mut [u8]) -> Result<usize> {
        self.readv_with(&mut [IoSliceMut::new(buffer)], Try)
    }

    /// Like [`read`](Self::read), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: there was nothing until then.
    pub fn read_until(&self, buffer: &mut [u8], deadline: Deadline) -> Result<usize> {
        self.readv_with(&mut [IoSliceMut::new(buffer)], Until(deadline))
    }

    /// Like [`read`](Self::read), but fills several buffers in order: `readv(2)`.
    ///
    /// The kernel looks at 1024 of them, from the first that is not empty.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read).
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::{IoSliceMut, pipe::{self, PipeFlags}};
    ///
    /// let (reader, writer) = pipe::create(PipeFlags::empty())?;
    /// writer.write(b"keyvalue")?;
    /// let (mut key, mut value) = ([0; 3], [0; 16]);
    /// reader.readv(&mut [IoSliceMut::new(&mut key), IoSliceMut::new(&mut value)])?;
    /// assert_eq!(&key, b"key");
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    pub fn readv(&self, buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
        self.readv_with(buffers, Blocking)
    }

    /// Like [`readv`](Self::readv), but returns [`Errno::AGAIN`] instead of blocking:
    /// `preadv2(2)` with `RWF_NOWAIT`.
    ///
    /// # Errors
    ///
    /// Those of [`try_read`](Self::try_read).
    #[doc(alias = "preadv2")]
    #[doc(alias = "RWF_NOWAIT")]
    pub fn try_readv(&self, buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
        self.readv_with(buffers, Try)
    }

    /// Like [`readv`](Self::readv), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`read_until`](Self::read_until).
    pub fn readv_until(&self, buffers: &mut [IoSliceMut<'_>], deadline: Deadline) -> Result<usize> {
        self.readv_with(buffers, Until(deadline))
    }

    fn readv_with(&self, buffers: &mut [IoSliceMut<'_>], patience: Patience) -> Result<usize> {
        let fd = self.as_fd();
        let buffers = vector::window_mut(buffers);
        ready::patiently(fd, PollFlags::IN, patience, |may_block| match may_block {
            true => readv(fd, buffers),
            false => without_waiting(fd, buffers),
        })
    }

    /// Reads until the buffer is full or the stream ends, and returns how many bytes were read:
    /// fewer than `buffer.len()` only at the end.
    ///
    /// It goes on when a signal handler ran, and waits on a non-blocking descriptor
    /// too. Not for packet mode: packets would follow each other without a boundary.
    ///
    /// # Errors
    ///
    /// [`Short`], with what is already in the buffer.
    pub fn read_full(&self, buffer: &mut [u8]) -> Result<usize, Short> {
        self.read_full_until(buffer, Deadline::Never)
    }

    /// Like [`read_full`](Self::read_full), but gives up at `deadline` with
    /// [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// [`Short`], with what is already in the buffer: [`Errno::TIMEDOUT`] when that
    /// is not all by then.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use rawipc::{Deadline, Errno, pipe::{self, PipeFlags}};
    ///
    /// let (reader, writer) = pipe::create(PipeFlags::empty())?;
    /// writer.write(b"the first half")?;
    /// let mut message = [0; 28];
    /// let soon = Deadline::after(Duration::from_millis(1));
    /// let short = reader.read_full_until(&mut message, soon).unwrap_err();
    /// assert_eq!((short.done, short.error), (14, Errno::TIMEDOUT));
    /// # Ok::<(), Errno>(())
    /// ```
    pub fn read_full_until(&self, buffer: &mut [u8], deadline: Deadline) -> Result<usize, Short> {
        short::transfer(buffer.len(), |done| {
            self.read_until(buffer.get_mut(done..).unwrap_or_default(), deadline)
        })
    }
}

/// Reads what is there, or fails with [`Errno::AGAIN`].
fn without_waiting(fd: BorrowedFd<'_>, buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
    ready::uninterrupted(
        || match preadv2(fd, buffers, u64::MAX, ReadWriteFlags::NOWAIT) {
            Err(errno) if sys::is_unsupported(errno) => without_nowait(fd, buffers),
            result => result,
        },
    )
}

/// The same where the kernel does not know how to do it in the one call.
#[cold]
fn without_nowait(fd: BorrowedFd<'_>, buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
    let flags = fcntl_getfl(fd)?;
    if copy_out::can_copy_out(flags) {
        match copy_out::copy_out(fd, buffers, rustix::pipe::SpliceFlags::NONBLOCK) {
            // No pipe, or not on this system.
            Err(errno) if errno == Errno::BADF || sys::is_absent(errno) => {}
            result => return result,
        }
    }
    if !flags.contains(OFlags::NONBLOCK) {
        ready::check(fd, PollFlags::IN)?;
    }
    readv(fd, buffers)
}
