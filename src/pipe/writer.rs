//! [`Writer`]: the end that bytes go into.
#![forbid(unsafe_code)]

use bitflags::bitflags;
use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::OFlags;
use rustix::io::{ReadWriteFlags, pwritev2, write, writev};

use super::{ATOMIC_SIZE, end};
use crate::sys::vector::{self, bytes};
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::wait::{ready, short};
use crate::{Deadline, Errno, IoSlice, Result, Short, sys};

/// `RWF_NOSIGNAL`, which linux-raw-sys does not have yet.
const RWF_NOSIGNAL: u32 = 0x100;

bitflags! {
    /// Flags of a single write.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::pipe::{self, PipeFlags, WriteFlags};
    /// use rawipc::{Errno, IoSlice};
    ///
    /// let (reader, writer) = pipe::create(PipeFlags::empty())?;
    /// drop(reader);
    /// // An error instead of SIGPIPE, whatever the process does about that signal.
    /// match writer.writev(&[IoSlice::new(b"hello")], WriteFlags::NOSIGNAL) {
    ///     Err(Errno::PIPE) => println!("nobody reads any more"),
    ///     Err(Errno::OPNOTSUPP) => println!("this kernel does not know the flag"),
    ///     result => drop(result?),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct WriteFlags: u32 {
        /// Returns [`Errno::PIPE`] without SIGPIPE if the pipe has no reader (`RWF_NOSIGNAL`).
        ///
        /// Linux 6.18 or later; an earlier kernel refuses the write with
        /// [`Errno::OPNOTSUPP`].
        const NOSIGNAL = RWF_NOSIGNAL;
        const _ = !0;
    }
}

end::define_end! {
    /// The write end of a pipe or FIFO.
    ///
    /// Several may write. What each writes in one call stays together if it is no
    /// more than [`ATOMIC_SIZE`] bytes. A writer that is killed in a longer write
    /// leaves the beginning of it in the pipe.
    ///
    /// All calls fail with [`Errno::PIPE`] when nobody has the pipe open for reading,
    /// **and SIGPIPE may kill the process before**: see [the module](super).
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use rawipc::{Deadline, Errno, pipe::{self, PipeFlags}};
    ///
    /// let (reader, writer) = pipe::create(PipeFlags::empty())?;
    /// // Larger than the pipe: what fits goes through.
    /// let large = [7; 100_000];
    /// assert_eq!(writer.try_write(&large)?, writer.capacity()?);
    /// assert_eq!(writer.try_write(&large), Err(Errno::AGAIN));
    /// let soon = Deadline::after(Duration::from_millis(1));
    /// assert_eq!(writer.write_until(&large, soon), Err(Errno::TIMEDOUT));
    /// # Ok::<(), Errno>(())
    /// ```
    Writer
}

impl Writer {
    /// Writes `bytes`, and returns how many were written. Blocks while there is no room for
    /// them: `write(2)`.
    ///
    /// Readers that wait are woken. It returns fewer than `bytes.len()` only when a
    /// signal handler ran after a part was written, or when that was all there was
    /// room for and the descriptor is non-blocking; never for up to [`ATOMIC_SIZE`]
    /// bytes.
    ///
    /// # Errors
    ///
    /// - [`Errno::PIPE`]: nobody reads (but see [the module](super) about SIGPIPE).
    /// - [`Errno::INTR`]: it was [interrupted](crate#interruptions), nothing was written.
    /// - [`Errno::AGAIN`]: the descriptor is non-blocking and there is no room.
    #[inline]
    pub fn write(&self, bytes: &[u8]) -> Result<usize> {
        write(&self.0, bytes)
    }

    /// Like [`write`](Self::write), but returns [`Errno::AGAIN`] instead of blocking. It writes
    /// as much as there is room for.
    ///
    /// Up to [`ATOMIC_SIZE`] bytes are written wholly or not at all. See
    /// [the module](super) for what it is made of and its one limit.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: there is no room; [`Errno::PIPE`]: nobody reads.
    pub fn try_write(&self, bytes: &[u8]) -> Result<usize> {
        self.writev_with(&[IoSlice::new(bytes)], WriteFlags::empty(), Try)
    }

    /// Like [`write`](Self::write), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// With a deadline it returns as soon as *some* bytes are written, if they are
    /// more than [`ATOMIC_SIZE`]: [`write_all_until`](Self::write_all_until) goes on.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: there was no room until then; [`Errno::PIPE`]: nobody
    /// reads.
    pub fn write_until(&self, bytes: &[u8], deadline: Deadline) -> Result<usize> {
        let flags = WriteFlags::empty();
        self.writev_with(&[IoSlice::new(bytes)], flags, Until(deadline))
    }

    /// Like [`write`](Self::write), but writes several buffers in order, and takes flags:
    /// `writev(2)`, `pwritev2(2)`.
    ///
    /// They are one write: atomic, or one packet, if they are no more than
    /// [`ATOMIC_SIZE`] bytes together. The kernel looks at 1024 of them, from the first
    /// that is not empty.
    ///
    /// # Errors
    ///
    /// Those of [`write`](Self::write); [`Errno::OPNOTSUPP`]: the kernel does not know a
    /// flag.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::{Errno, IoSlice, pipe::{self, PipeFlags, WriteFlags}};
    ///
    /// let (reader, writer) = pipe::create(PipeFlags::PACKET)?;
    /// let packet = [IoSlice::new(b"key"), IoSlice::new(b"value")];
    /// assert_eq!(writer.writev(&packet, WriteFlags::empty())?, 8);
    ///
    /// drop(reader);
    /// match writer.writev(&packet, WriteFlags::NOSIGNAL) {
    ///     Err(Errno::PIPE) => {}      // and no signal
    ///     Err(Errno::OPNOTSUPP) => {} // before Linux 6.18
    ///     other => panic!("{other:?}"),
    /// }
    /// # Ok::<(), Errno>(())
    /// ```
    #[doc(alias = "pwritev2")]
    pub fn writev(&self, buffers: &[IoSlice<'_>], flags: WriteFlags) -> Result<usize> {
        self.writev_with(buffers, flags, Blocking)
    }

    /// Like [`writev`](Self::writev), but returns [`Errno::AGAIN`] instead of blocking:
    /// `pwritev2(2)` with `RWF_NOWAIT`. It writes as much as there is room for.
    ///
    /// # Errors
    ///
    /// Those of [`try_write`](Self::try_write); [`Errno::OPNOTSUPP`]: the kernel does not
    /// know a flag.
    #[doc(alias = "RWF_NOWAIT")]
    pub fn try_writev(&self, buffers: &[IoSlice<'_>], flags: WriteFlags) -> Result<usize> {
        self.writev_with(buffers, flags, Try)
    }

    /// Like [`writev`](Self::writev), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`write_until`](Self::write_until); [`Errno::OPNOTSUPP`]: the kernel does
    /// not know a flag.
    pub fn writev_until(
        &self,
        buffers: &[IoSlice<'_>],
        flags: WriteFlags,
        deadline: Deadline,
    ) -> Result<usize> {
        self.writev_with(buffers, flags, Until(deadline))
    }

    fn writev_with(
        &self,
        buffers: &[IoSlice<'_>],
        flags: WriteFlags,
        patience: Patience,
    ) -> Result<usize> {
        let fd = self.as_fd();
        let buffers = vector::window(buffers);
        ready::patiently(fd, PollFlags::OUT, patience, |may_block| match may_block {
            true => waiting(fd, buffers, flags),
            false => without_waiting(fd, buffers, flags),
        })
    }

    /// Writes all of `bytes`.
    ///
    /// It goes on when a signal handler ran, and waits on a non-blocking descriptor
    /// too. More than [`ATOMIC_SIZE`] bytes can mix with those of other writers.
    ///
    /// # Errors
    ///
    /// [`Short`], with how many bytes are in the pipe: [`Errno::PIPE`] when nobody
    /// reads.
    pub fn write_all(&self, bytes: &[u8]) -> Result<(), Short> {
        self.write_all_until(bytes, Deadline::Never)
    }

    /// Like [`write_all`](Self::write_all), but gives up at `deadline` with
    /// [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// [`Short`], with how many bytes are in the pipe: [`Errno::TIMEDOUT`] when that
    /// is not all by then, [`Errno::PIPE`] when nobody reads.
    pub fn write_all_until(&self, bytes: &[u8], deadline: Deadline) -> Result<(), Short> {
        let done = short::transfer(bytes.len(), |done| {
            self.write_until(bytes.get(done..).unwrap_or_default(), deadline)
        })?;
        if done < bytes.len() {
            // No pipe does this; another kind of file may.
            let error = Errno::IO;
            return Err(Short { done, error });
        }
        Ok(())
    }
}

/// Writes as the descriptor does.
fn waiting(fd: BorrowedFd<'_>, buffers: &[IoSlice<'_>], flags: WriteFlags) -> Result<usize> {
    if flags.is_empty() {
        return writev(fd, buffers);
    }
    let flags = ReadWriteFlags::from_bits_retain(flags.bits());
    pwritev2(fd, buffers, u64::MAX, flags)
}

/// Writes what there is room for, or fails with [`Errno::AGAIN`].
fn without_waiting(
    fd: BorrowedFd<'_>,
    buffers: &[IoSlice<'_>],
    flags: WriteFlags,
) -> Result<usize> {
    let nowait = ReadWriteFlags::from_bits_retain(flags.bits()) | ReadWriteFlags::NOWAIT;
    ready::uninterrupted(|| match pwritev2(fd, buffers, u64::MAX, nowait) {
        Err(errno) if sys::is_unsupported(errno) => without_nowait(fd, buffers, flags),
        result => result,
    })
}

/// The same where the kernel does not know how to do it in the one call.
#[cold]
fn without_nowait(fd: BorrowedFd<'_>, buffers: &[IoSlice<'_>], flags: WriteFlags) -> Result<usize> {
    if end::has(fd, OFlags::NONBLOCK)? {
        return waiting(fd, buffers, flags);
    }
    ready::check(fd, PollFlags::OUT)?;
    let total = buffers.iter().fold(0, |sum: usize, buffer| {
        sum.saturating_add(bytes(buffer).len())
    });
    if total <= ATOMIC_SIZE {
        return waiting(fd, buffers, flags);
    }
    // Ready means that there is room for this many bytes; more could wait.
    let first = buffers.iter().map(bytes).find(|bytes| !bytes.is_empty());
    let first = first.unwrap_or_default();
    let first = first.get(..ATOMIC_SIZE).unwrap_or(first);
    waiting(fd, &[IoSlice::new(first)], flags)
}
