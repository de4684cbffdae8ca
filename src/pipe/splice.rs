//! Moving bytes between a pipe and a file, a socket or another pipe, by moving references
//! to pages: `splice(2)`, `tee(2)`.
#![forbid(unsafe_code)]

use bitflags::bitflags;
use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd};
use rustix::pipe::{splice, tee};

use super::reader::Reader;
use super::writer::Writer;
use crate::guard::filesize;
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::wait::ready;
use crate::{Deadline, Errno, Result};

/// The kernel's own flags, among them the one for not waiting, which is ours to set.
type Flags = rustix::pipe::SpliceFlags;

bitflags! {
    /// Hints for [`Reader::splice_to`] and [`Writer::splice_from`].
    ///
    /// # Examples
    ///
    /// Sends a file over a pipe without copying it through the program:
    ///
    /// ```
    /// use rawipc::pipe::{self, PipeFlags, SpliceFlags};
    ///
    /// # let unique = format!("rawipc-doc-splice-{}", std::process::id());
    /// # let path = std::env::temp_dir().join(unique);
    /// std::fs::write(&path, "header and body")?;
    /// let file = std::fs::File::open(&path)?;
    /// let (reader, writer) = pipe::create(PipeFlags::empty())?;
    /// let mut offset = 7; // where in the file to begin; moved on by what was sent
    /// let len = writer.splice_from(&file, Some(&mut offset), 100, SpliceFlags::MORE)?;
    /// assert_eq!((len, offset), (8, 15));
    ///
    /// let mut buffer = [0; 8];
    /// reader.read_full(&mut buffer)?;
    /// assert_eq!(&buffer, b"and body");
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
        offset: Option<&mut u64>,
        len: usize,
        flags: SpliceFlags,
    ) -> Result<usize> {
        self.splice_to_with(to.as_fd(), offset, len, flags, Blocking)
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
        offset: Option<&mut u64>,
        len: usize,
        flags: SpliceFlags,
    ) -> Result<usize> {
        self.splice_to_with(to.as_fd(), offset, len, flags, Try)
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
        offset: Option<&mut u64>,
        len: usize,
        flags: SpliceFlags,
        deadline: Deadline,
    ) -> Result<usize> {
        self.splice_to_with(to.as_fd(), offset, len, flags, Until(deadline))
    }

    fn splice_to_with(
        &self,
        to: BorrowedFd<'_>,
        mut offset: Option<&mut u64>,
        len: usize,
        flags: SpliceFlags,
        patience: Patience,
    ) -> Result<usize> {
        between(self.as_fd(), to, patience, |may_block| {
            let flags = for_kernel(flags.bits(), may_block);
            filesize::move_to(len, || {
                splice(self, None, to, offset.as_deref_mut(), len, flags)
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
        self.tee_with(to, len, Blocking)
    }

    /// Like [`tee`](Self::tee), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// Those of [`tee`](Self::tee); [`Errno::AGAIN`]: empty or full.
    pub fn try_tee(&self, to: &Writer, len: usize) -> Result<usize> {
        self.tee_with(to, len, Try)
    }

    /// Like [`tee`](Self::tee), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`tee`](Self::tee); [`Errno::TIMEDOUT`]: empty or full until then.
    pub fn tee_until(&self, to: &Writer, len: usize, deadline: Deadline) -> Result<usize> {
        self.tee_with(to, len, Until(deadline))
    }

    fn tee_with(&self, to: &Writer, len: usize, patience: Patience) -> Result<usize> {
        between(self.as_fd(), to.as_fd(), patience, |may_block| {
            tee(self, to, len, for_kernel(0, may_block))
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
        offset: Option<&mut u64>,
        len: usize,
        flags: SpliceFlags,
    ) -> Result<usize> {
        self.splice_from_with(from.as_fd(), offset, len, flags, Blocking)
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
        offset: Option<&mut u64>,
        len: usize,
        flags: SpliceFlags,
    ) -> Result<usize> {
        self.splice_from_with(from.as_fd(), offset, len, flags, Try)
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
        offset: Option<&mut u64>,
        len: usize,
        flags: SpliceFlags,
        deadline: Deadline,
    ) -> Result<usize> {
        self.splice_from_with(from.as_fd(), offset, len, flags, Until(deadline))
    }

    fn splice_from_with(
        &self,
        from: BorrowedFd<'_>,
        mut offset: Option<&mut u64>,
        len: usize,
        flags: SpliceFlags,
        patience: Patience,
    ) -> Result<usize> {
        between(from, self.as_fd(), patience, |may_block| {
            let flags = for_kernel(flags.bits(), may_block);
            splice(from, offset.as_deref_mut(), self, None, len, flags)
        })
    }
}

/// Makes a call that moves bytes between two descriptors, of which at least one is
/// a pipe, and either can be what it waits for.
fn between(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    patience: Patience,
    mut attempt: impl FnMut(bool) -> Result<usize>,
) -> Result<usize> {
    let deadline = match patience {
        Blocking => return attempt(true),
        // The kernel looks for a signal before it looks at the flag.
        Try => return ready::uninterrupted(|| attempt(false)),
        Until(deadline) => deadline,
    };
    loop {
        match ready::until(deadline, || attempt(false)) {
            Err(Errno::AGAIN) => {
                ready::wait(from, PollFlags::IN, deadline)?;
                ready::wait(to, PollFlags::OUT, deadline)?;
            }
            result => return result,
        }
    }
}

/// The kernel's flags for a call that may block or not.
pub(super) fn for_kernel(flags: u32, may_block: bool) -> Flags {
    let nonblock = match may_block {
        true => Flags::empty(),
        false => Flags::NONBLOCK,
    };
    Flags::from_bits_retain(flags) | nonblock
}
