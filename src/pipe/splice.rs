//! Moving bytes between a pipe and a file, another pipe, or the program's memory,
//! by moving references to pages: `splice(2)`, `tee(2)`, `vmsplice(2)`.
#![allow(
    unsafe_code,
    reason = "vmsplice lends the program's memory to the pipe"
)]

use bitflags::bitflags;
use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::pipe::{splice, tee, vmsplice};

use super::{Reader, Writer};
use crate::guard::filesize;
use crate::sys::vector;
use crate::wait::ready;
use crate::{Deadline, Errno, IoSlice, IoSliceMut, Result};

/// The kernel's own flags, among them the one for not waiting, which is ours to set.
type Flags = rustix::pipe::SpliceFlags;

bitflags! {
    /// Hints for [`Reader::splice_to`] and [`Writer::splice_from`].
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct SpliceFlags: u32 {
        /// Move pages instead of copying them (`SPLICE_F_MOVE`). Most file systems have ignored
        /// it since Linux 2.6.21.
        const MOVE = Flags::MOVE.bits();
        /// More will follow (`SPLICE_F_MORE`): a socket delays a packet that is not full.
        const MORE = Flags::MORE.bits();
        const _ = !0;
    }
}

bitflags! {
    /// Flags of [`Writer::vmsplice`].
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct VmspliceFlags: u32 {
        /// Gives the pages to the kernel (`SPLICE_F_GIFT`): a later splice with
        /// [`SpliceFlags::MOVE`] may take them. They must be whole, aligned pages.
        const GIFT = Flags::GIFT.bits();
        const _ = !0;
    }
}

impl Reader {
    /// Moves up to `len` bytes from the pipe to `to` (a file, a socket, another pipe) without
    /// copying them through the program, and returns how many: `splice(2)`.
    ///
    /// With an `offset` they go there in the file, and it is moved on; without one to
    /// the file's own position. Returns how many bytes were moved, which may be
    /// fewer; 0 at the end of the stream. Waits while the pipe is empty, and as
    /// `to` does.
    ///
    /// # Errors
    ///
    /// - [`Errno::INVAL`]: `to` cannot be spliced to, was opened for appending, or is
    ///   this very pipe.
    /// - [`Errno::SPIPE`]: an offset was given for what has none (a pipe, a socket).
    /// - [`Errno::BADF`]: `to` is not open for writing.
    /// - [`Errno::FBIG`]: beyond what a file can have, or what this process may give one
    ///   (`RLIMIT_FSIZE`); there is no SIGXFSZ.
    /// - [`Errno::PIPE`]: `to` is a pipe that nobody reads (with SIGPIPE, see
    ///   [the module](super)).
    /// - [`Errno::INTR`]: it was [interrupted](crate#interruptions), nothing was moved.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::pipe::{self, PipeFlags, SpliceFlags};
    ///
    /// let (reader, writer) = pipe::create(PipeFlags::empty())?;
    /// let (there, out) = pipe::create(PipeFlags::empty())?;
    /// writer.write_all(b"never copied")?;
    /// assert_eq!(reader.splice_to(&out, None, 1024, SpliceFlags::empty())?, 12);
    /// assert_eq!(there.bytes_waiting()?, 12);
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    #[doc(alias = "splice")]
    pub fn splice_to(
        &self,
        to: impl AsFd,
        mut offset: Option<&mut u64>,
        len: usize,
        flags: SpliceFlags,
    ) -> Result<usize> {
        between(self.as_fd(), to.as_fd(), Mode::Wait, |mode| {
            let flags = mode.with(flags.bits());
            filesize::move_to(len, || {
                splice(self, None, &to, offset.as_deref_mut(), len, flags)
            })
        })
    }

    /// Like [`splice_to`](Self::splice_to), but returns [`Errno::AGAIN`] instead of blocking
    /// (`SPLICE_F_NONBLOCK`): if the pipe is empty, or if `to` is a pipe and full.
    ///
    /// Whether another kind of `to` waits is its own affair: of its `O_NONBLOCK`, for
    /// a socket.
    ///
    /// # Errors
    ///
    /// Those of [`splice_to`](Self::splice_to); [`Errno::AGAIN`]: empty or full.
    #[doc(alias = "SPLICE_F_NONBLOCK")]
    pub fn try_splice_to(
        &self,
        to: impl AsFd,
        mut offset: Option<&mut u64>,
        len: usize,
        flags: SpliceFlags,
    ) -> Result<usize> {
        between(self.as_fd(), to.as_fd(), Mode::Try, |mode| {
            let flags = mode.with(flags.bits());
            filesize::move_to(len, || {
                splice(self, None, &to, offset.as_deref_mut(), len, flags)
            })
        })
    }

    /// Like [`splice_to`](Self::splice_to), but gives up at `deadline` with
    /// [`Errno::TIMEDOUT`].
    ///
    /// The deadline is kept as far as [`try_splice_to`](Self::try_splice_to) does not
    /// wait.
    ///
    /// # Errors
    ///
    /// Those of [`splice_to`](Self::splice_to); [`Errno::TIMEDOUT`]: empty or full until
    /// then.
    pub fn splice_to_until(
        &self,
        to: impl AsFd,
        mut offset: Option<&mut u64>,
        len: usize,
        flags: SpliceFlags,
        deadline: Deadline,
    ) -> Result<usize> {
        between(self.as_fd(), to.as_fd(), Mode::Until(deadline), |mode| {
            let flags = mode.with(flags.bits());
            filesize::move_to(len, || {
                splice(self, None, &to, offset.as_deref_mut(), len, flags)
            })
        })
    }

    /// Duplicates up to `len` bytes of this pipe into another, leaves them here, and returns
    /// how many: `tee(2)`.
    ///
    /// Returns how many, which may be fewer; 0 at the end of the stream. Waits while
    /// this pipe is empty or the other full. It begins with the first byte each time:
    /// read or splice away what was duplicated before the next call.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: one of the two is no pipe, or both are the same;
    /// [`Errno::PIPE`]: nobody reads the other (with SIGPIPE, see
    /// [the module](super)); [`Errno::INTR`]: it was [interrupted](crate#interruptions).
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::pipe::{self, PipeFlags};
    ///
    /// let (reader, writer) = pipe::create(PipeFlags::empty())?;
    /// let (copy, to_copy) = pipe::create(PipeFlags::empty())?;
    /// writer.write_all(b"twice")?;
    /// assert_eq!(reader.tee(&to_copy, 1024)?, 5);
    /// assert_eq!((reader.bytes_waiting()?, copy.bytes_waiting()?), (5, 5));
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    pub fn tee(&self, to: &Writer, len: usize) -> Result<usize> {
        between(self.as_fd(), to.as_fd(), Mode::Wait, |mode| {
            tee(self, to, len, mode.with(0))
        })
    }

    /// Like [`tee`](Self::tee), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// Those of [`tee`](Self::tee); [`Errno::AGAIN`]: empty or full.
    pub fn try_tee(&self, to: &Writer, len: usize) -> Result<usize> {
        between(self.as_fd(), to.as_fd(), Mode::Try, |mode| {
            tee(self, to, len, mode.with(0))
        })
    }

    /// Like [`tee`](Self::tee), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`tee`](Self::tee); [`Errno::TIMEDOUT`]: empty or full until then.
    pub fn tee_until(&self, to: &Writer, len: usize, deadline: Deadline) -> Result<usize> {
        between(self.as_fd(), to.as_fd(), Mode::Until(deadline), |mode| {
            tee(self, to, len, mode.with(0))
        })
    }

    /// Copies bytes out of the pipe into memory, and returns how many: `vmsplice(2)` on a read
    /// end.
    ///
    /// As [`readv`](Self::readv), but for two things: it can be told not to wait
    /// on every pipe and FIFO, and it knows no packets, which follow each other
    /// without a boundary. The kernel looks at 1024 buffers, from the first that is not
    /// empty.
    ///
    /// # Errors
    ///
    /// [`Errno::BADF`]: this is no pipe, or the descriptor is open for writing too, as
    /// of a FIFO opened with [`OpenFlags::BOTH`](super::fifo::OpenFlags::BOTH) (with
    /// which `vmsplice(2)` goes in the other direction);
    /// [`Errno::INTR`]: it was [interrupted](crate#interruptions).
    pub fn vmsplice(&self, buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
        self.copy_out(buffers, Mode::Wait)
    }

    /// Like [`vmsplice`](Self::vmsplice), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// Those of [`vmsplice`](Self::vmsplice); [`Errno::AGAIN`]: there is nothing.
    pub fn try_vmsplice(&self, buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
        self.copy_out(buffers, Mode::Try)
    }

    /// Like [`vmsplice`](Self::vmsplice), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`vmsplice`](Self::vmsplice); [`Errno::TIMEDOUT`]: there was nothing until
    /// then.
    pub fn vmsplice_until(
        &self,
        buffers: &mut [IoSliceMut<'_>],
        deadline: Deadline,
    ) -> Result<usize> {
        self.copy_out(buffers, Mode::Until(deadline))
    }

    fn copy_out(&self, buffers: &mut [IoSliceMut<'_>], mode: Mode) -> Result<usize> {
        let fd = self.as_fd();
        if !is_read_only(fcntl_getfl(fd)?) {
            return Err(Errno::BADF);
        }
        alone(fd, PollFlags::IN, mode, |mode| {
            copy_out(fd, buffers, mode.with(0))
        })
    }
}

impl Writer {
    /// Moves up to `len` bytes from `from` (a file, a socket, another pipe) into the pipe
    /// without copying them through the program, and returns how many: `splice(2)`.
    ///
    /// With an `offset` they come from there in the file, and it is moved on; without
    /// one from the file's own position. Returns how many bytes were moved, which may
    /// be fewer; 0 at the end of the file or stream. Waits while the pipe is full, and
    /// as `from` does.
    ///
    /// The pipe then holds the file's own pages: who writes to the file before they
    /// are read changes what is read.
    ///
    /// # Errors
    ///
    /// - [`Errno::INVAL`]: `from` cannot be spliced from, or is this very pipe.
    /// - [`Errno::SPIPE`]: an offset was given for what has none (a pipe, a socket).
    /// - [`Errno::BADF`]: `from` is not open for reading.
    /// - [`Errno::PIPE`]: nobody reads the pipe (with SIGPIPE, see
    ///   [the module](super)).
    /// - [`Errno::INTR`]: it was [interrupted](crate#interruptions), nothing was moved.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::fs::File;
    /// use rawipc::pipe::{self, PipeFlags, SpliceFlags};
    ///
    /// let file = File::open("Cargo.toml")?;
    /// let (reader, writer) = pipe::create(PipeFlags::empty())?;
    /// let mut offset = 1;
    /// writer.splice_from(&file, Some(&mut offset), 7, SpliceFlags::empty())?;
    /// let mut word = [0; 7];
    /// reader.read_full(&mut word)?;
    /// assert_eq!((&word, offset), (b"package", 8));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "splice")]
    pub fn splice_from(
        &self,
        from: impl AsFd,
        mut offset: Option<&mut u64>,
        len: usize,
        flags: SpliceFlags,
    ) -> Result<usize> {
        between(from.as_fd(), self.as_fd(), Mode::Wait, |mode| {
            let flags = mode.with(flags.bits());
            splice(&from, offset.as_deref_mut(), self, None, len, flags)
        })
    }

    /// Like [`splice_from`](Self::splice_from), but returns [`Errno::AGAIN`] instead of
    /// blocking (`SPLICE_F_NONBLOCK`): if the pipe is full, or if `from` is a pipe and empty.
    ///
    /// Whether another kind of `from` waits is its own affair: of its `O_NONBLOCK`,
    /// for a socket; a file on a disk is waited for.
    ///
    /// # Errors
    ///
    /// Those of [`splice_from`](Self::splice_from); [`Errno::AGAIN`]: full or empty.
    #[doc(alias = "SPLICE_F_NONBLOCK")]
    pub fn try_splice_from(
        &self,
        from: impl AsFd,
        mut offset: Option<&mut u64>,
        len: usize,
        flags: SpliceFlags,
    ) -> Result<usize> {
        between(from.as_fd(), self.as_fd(), Mode::Try, |mode| {
            let flags = mode.with(flags.bits());
            splice(&from, offset.as_deref_mut(), self, None, len, flags)
        })
    }

    /// Like [`splice_from`](Self::splice_from), but gives up at `deadline` with
    /// [`Errno::TIMEDOUT`].
    ///
    /// The deadline is kept as far as [`try_splice_from`](Self::try_splice_from) does
    /// not wait.
    ///
    /// # Errors
    ///
    /// Those of [`splice_from`](Self::splice_from); [`Errno::TIMEDOUT`]: full or empty until
    /// then.
    pub fn splice_from_until(
        &self,
        from: impl AsFd,
        mut offset: Option<&mut u64>,
        len: usize,
        flags: SpliceFlags,
        deadline: Deadline,
    ) -> Result<usize> {
        between(from.as_fd(), self.as_fd(), Mode::Until(deadline), |mode| {
            let flags = mode.with(flags.bits());
            splice(&from, offset.as_deref_mut(), self, None, len, flags)
        })
    }

    /// Lends memory to the pipe, without copying it, and returns how many bytes it took:
    /// `vmsplice(2)` on a write end.
    ///
    /// Returns how many bytes the pipe has now, which may be fewer; waits while it is
    /// full. What a reader will read is what stands in the memory *when it
    /// reads*. Unmapping the memory, or ending the process, is harmless: the pipe
    /// keeps the pages. The kernel looks at 1024 buffers, from the first that is not
    /// empty.
    ///
    /// For memory that never changes there is a safe variant,
    /// [`vmsplice_static`](Self::vmsplice_static).
    ///
    /// # Safety
    ///
    /// Until the last byte of it has been read (and what it was spliced or teed on to has been
    /// read, too), the memory may not be written to, nor be freed for others to
    /// write to: whoever reads the pipe would read what stands there then. With
    /// [`VmspliceFlags::GIFT`] it may never be written to again.
    ///
    /// # Errors
    ///
    /// - [`Errno::PIPE`]: nobody reads (with SIGPIPE, see [the module](super)).
    /// - [`Errno::INVAL`]: of older kernels, a gift that is not whole, aligned pages.
    /// - [`Errno::BADF`]: this is no pipe.
    /// - [`Errno::INTR`]: it was [interrupted](crate#interruptions), the pipe has
    ///   nothing of it.
    pub unsafe fn vmsplice(&self, buffers: &[IoSlice<'_>], flags: VmspliceFlags) -> Result<usize> {
        // SAFETY: the caller's promise.
        unsafe { self.lend(buffers, flags, Mode::Wait) }
    }

    /// Like [`vmsplice`](Self::vmsplice), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Safety
    ///
    /// As [`vmsplice`](Self::vmsplice).
    ///
    /// # Errors
    ///
    /// Those of [`vmsplice`](Self::vmsplice); [`Errno::AGAIN`]: full.
    pub unsafe fn try_vmsplice(
        &self,
        buffers: &[IoSlice<'_>],
        flags: VmspliceFlags,
    ) -> Result<usize> {
        // SAFETY: the caller's promise.
        unsafe { self.lend(buffers, flags, Mode::Try) }
    }

    /// Like [`vmsplice`](Self::vmsplice), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Safety
    ///
    /// As [`vmsplice`](Self::vmsplice).
    ///
    /// # Errors
    ///
    /// Those of [`vmsplice`](Self::vmsplice); [`Errno::TIMEDOUT`]: full until then.
    pub unsafe fn vmsplice_until(
        &self,
        buffers: &[IoSlice<'_>],
        flags: VmspliceFlags,
        deadline: Deadline,
    ) -> Result<usize> {
        // SAFETY: the caller's promise.
        unsafe { self.lend(buffers, flags, Mode::Until(deadline)) }
    }

    /// Lends memory that never changes to the pipe, without copying it, and returns how many
    /// bytes it took: `vmsplice(2)`.
    ///
    /// As [`vmsplice`](Self::vmsplice), and safe: nobody may write to what is borrowed
    /// for ever.
    ///
    /// # Errors
    ///
    /// Those of [`vmsplice`](Self::vmsplice).
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::pipe::{self, PipeFlags};
    ///
    /// static PAGE: [u8; 4096] = [b'x'; 4096];
    /// let (reader, writer) = pipe::create(PipeFlags::empty())?;
    /// assert_eq!(writer.vmsplice_static(&PAGE)?, 4096);
    /// assert_eq!(reader.bytes_waiting()?, 4096);
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    pub fn vmsplice_static(&self, bytes: &'static [u8]) -> Result<usize> {
        self.lend_static(bytes, Mode::Wait)
    }

    /// Like [`vmsplice_static`](Self::vmsplice_static), but returns [`Errno::AGAIN`] instead of
    /// blocking.
    ///
    /// # Errors
    ///
    /// Those of [`vmsplice`](Self::vmsplice); [`Errno::AGAIN`]: full.
    pub fn try_vmsplice_static(&self, bytes: &'static [u8]) -> Result<usize> {
        self.lend_static(bytes, Mode::Try)
    }

    /// Like [`vmsplice_static`](Self::vmsplice_static), but gives up at `deadline` with
    /// [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`vmsplice`](Self::vmsplice); [`Errno::TIMEDOUT`]: full until then.
    pub fn vmsplice_static_until(&self, bytes: &'static [u8], deadline: Deadline) -> Result<usize> {
        self.lend_static(bytes, Mode::Until(deadline))
    }

    fn lend_static(&self, bytes: &'static [u8], mode: Mode) -> Result<usize> {
        // SAFETY: a shared borrow without an end: nobody may ever write to it. It is
        // no gift.
        unsafe { self.lend(&[IoSlice::new(bytes)], VmspliceFlags::empty(), mode) }
    }

    /// # Safety
    ///
    /// As [`vmsplice`](Self::vmsplice).
    unsafe fn lend(
        &self,
        buffers: &[IoSlice<'_>],
        flags: VmspliceFlags,
        mode: Mode,
    ) -> Result<usize> {
        let fd = self.as_fd();
        // On a read end the call would write to the memory, which is only lent for
        // reading. (One that is open for both counts as a write end.)
        if is_read_only(fcntl_getfl(fd)?) {
            return Err(Errno::BADF);
        }
        let raw = vector::raw(buffers);
        alone(fd, PollFlags::OUT, mode, |mode| {
            // SAFETY: the descriptor is not a read end, so that the kernel only reads
            // the memory; for how long it stays as it is, is the caller's promise.
            unsafe { vmsplice(fd, raw, mode.with(flags.bits())) }
        })
    }
}

/// How long a call may wait.
#[derive(Clone, Copy)]
enum Mode {
    Wait,
    Try,
    Until(Deadline),
}

impl Mode {
    /// The kernel's flags for a call in this mode.
    fn with(self, flags: u32) -> Flags {
        let nonblock = match self {
            Self::Wait => Flags::empty(),
            Self::Try | Self::Until(_) => Flags::NONBLOCK,
        };
        Flags::from_bits_retain(flags) | nonblock
    }
}

/// Makes a call that moves bytes between two descriptors, of which at least one is
/// a pipe, and either can be what it waits for.
fn between(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    mode: Mode,
    mut attempt: impl FnMut(Mode) -> Result<usize>,
) -> Result<usize> {
    let deadline = match mode {
        Mode::Wait => return attempt(mode),
        // The kernel looks for a signal before it looks at the flag.
        Mode::Try => return ready::uninterrupted(|| attempt(mode)),
        Mode::Until(deadline) => deadline,
    };
    loop {
        match ready::until(deadline, || attempt(mode)) {
            Err(Errno::AGAIN) => {
                ready::wait(from, PollFlags::IN, deadline)?;
                ready::wait(to, PollFlags::OUT, deadline)?;
            }
            result => return result,
        }
    }
}

/// Makes a call that concerns one descriptor.
fn alone(
    fd: BorrowedFd<'_>,
    what: PollFlags,
    mode: Mode,
    mut attempt: impl FnMut(Mode) -> Result<usize>,
) -> Result<usize> {
    match mode {
        Mode::Until(deadline) => ready::retry(fd, what, deadline, || attempt(mode)),
        Mode::Wait => attempt(mode),
        // As above.
        Mode::Try => ready::uninterrupted(|| attempt(mode)),
    }
}

/// Whether an open file description can only be read: with one that can be written,
/// `vmsplice(2)` writes.
fn is_read_only(flags: OFlags) -> bool {
    flags & OFlags::ACCMODE == OFlags::RDONLY && !flags.contains(OFlags::PATH)
}

/// Whether [`copy_out`] of an open file description does what reading it does.
pub(super) fn can_copy_out(flags: OFlags) -> bool {
    is_read_only(flags) && !flags.contains(OFlags::DIRECT)
}

/// `vmsplice(2)` out of a pipe, for descriptors that are [read only](is_read_only).
pub(super) fn copy_out(
    fd: BorrowedFd<'_>,
    buffers: &mut [IoSliceMut<'_>],
    flags: Flags,
) -> Result<usize> {
    // SAFETY: out of a read end the kernel copies into the buffers, which are borrowed
    // exclusively, and keeps no reference to them.
    unsafe { vmsplice(fd, vector::raw_mut(buffers), flags) }
}
