//! Opening FIFOs, which waits for the other side.
#![forbid(unsafe_code)]

use core::ffi::CStr;
use core::time::Duration;

use bitflags::bitflags;
use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, OFlags, fstat, openat, statat};
use rustix::io::ioctl_fionbio;
use rustix::pipe::{SpliceFlags, pipe_with, tee};

use super::check;
use crate::pipe::CLOEXEC;
use crate::pipe::reader::Reader;
use crate::pipe::writer::Writer;
use crate::wait::backoff::Backoff;
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::wait::ready;
use crate::{Arg, Deadline, Errno, Mode, Result};

#[cfg(doc)]
use super::{NOT_A_FIFO, create_at};

/// How long to wait at first, and at most, before looking for the other side again.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(32);

bitflags! {
    /// Flags for opening a FIFO. Without any, its end blocks and is closed on exec.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::Deadline;
    /// use rawipc::pipe::fifo::{self, CWD, OpenFlags};
    ///
    /// # let unique = format!("rawipc-doc-open-{}", std::process::id());
    /// # let path = std::env::temp_dir().join(unique);
    /// fifo::create(&path)?;
    /// // Both ends in one: opening waits for nobody, and reading never finds the end.
    /// let flags = OpenFlags::BOTH | OpenFlags::NOFOLLOW;
    /// let reader = fifo::open_reader_at(CWD, &path, flags, Deadline::Never)?;
    /// let writer = fifo::open_writer(&path)?;
    /// writer.write(b"hello")?;
    /// drop(writer);
    /// assert_eq!(reader.read(&mut [0; 64])?, 5);
    /// # fifo::remove(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct OpenFlags: u32 {
        /// The end is non-blocking once it is open (`O_NONBLOCK`). Whether opening blocks
        /// depends on the function.
        const NONBLOCK = OFlags::NONBLOCK.bits();
        /// The descriptor stays open when this process executes another program.
        // The bit is O_CLOEXEC, which the kernel is given inverted.
        const INHERITED = CLOEXEC;
        /// Does not follow a symbolic link as the last part of the path (`O_NOFOLLOW`): that is
        /// [not a FIFO](NOT_A_FIFO).
        const NOFOLLOW = OFlags::NOFOLLOW.bits();
        /// Opens for reading and writing (`O_RDWR`), an extension of Linux.
        ///
        /// Opening does not wait, and the pipe never hangs up: such a reader never sees the end
        /// of the stream, such a writer never [`Errno::PIPE`]. A reader is its own writer, and
        /// does not learn that the others died.
        const BOTH = OFlags::RDWR.bits();
        const _ = !0;
    }
}

/// Opens a FIFO for reading, and blocks until a process has it open for writing: `open(2)`.
///
/// # Errors
///
/// Those of [`open_reader_at`].
pub fn open_reader(path: impl Arg) -> Result<Reader> {
    open_reader_with(CWD, path, OpenFlags::empty(), Blocking)
}

/// Like [`open_reader`], but does not wait for a writer.
///
/// # Errors
///
/// Those of [`open_reader_at`].
pub fn try_open_reader(path: impl Arg) -> Result<Reader> {
    open_reader_with(CWD, path, OpenFlags::empty(), Try)
}

/// Like [`open_reader`], but gives up at `deadline` with [`Errno::TIMEDOUT`].
///
/// # Errors
///
/// Those of [`open_reader_at`].
pub fn open_reader_until(path: impl Arg, deadline: Deadline) -> Result<Reader> {
    open_reader_with(CWD, path, OpenFlags::empty(), Until(deadline))
}

/// Opens a FIFO relative to the directory `dir` for reading, and blocks until a process has it
/// open for writing: `openat(2)`.
///
/// A writer who waited for a reader goes on. With a deadline he does even when it
/// passes then, and finds himself without one.
///
/// # Errors
///
/// - [`NOT_A_FIFO`]: it is something else. That is looked at before, so that no
///   device is opened by mistake, and after, as the name can change hands.
/// - [`Errno::NOENT`]: there is no such name, or it is empty.
/// - [`Errno::INVAL`], [`Errno::NAMETOOLONG`], [`Errno::NOTDIR`], [`Errno::LOOP`]: as
///   [`create_at`].
/// - [`Errno::ACCESS`]: its mode does not let this process read.
/// - [`Errno::TIMEDOUT`]: there was no writer until the deadline.
/// - [`Errno::INTR`]: it was [interrupted](crate#interruptions), with [`Deadline::Never`].
/// - [`Errno::MFILE`], [`Errno::NFILE`]: no descriptor left; waiting with a deadline
///   takes two for a moment.
#[doc(alias = "openat")]
pub fn open_reader_at(
    dir: impl AsFd,
    path: impl Arg,
    flags: OpenFlags,
    deadline: Deadline,
) -> Result<Reader> {
    open_reader_with(dir, path, flags, Until(deadline))
}

/// Like [`open_reader_at`], but does not wait for a writer.
///
/// # Errors
///
/// Those of [`open_reader_at`], those of waiting excepted.
pub fn try_open_reader_at(dir: impl AsFd, path: impl Arg, flags: OpenFlags) -> Result<Reader> {
    open_reader_with(dir, path, flags, Try)
}

fn open_reader_with(
    dir: impl AsFd,
    path: impl Arg,
    flags: OpenFlags,
    patience: Patience,
) -> Result<Reader> {
    let dir = dir.as_fd();
    path.into_with_c_str(|path| {
        let open = |opening| open(dir, path, OFlags::RDONLY, opening, flags);
        let fd = match patience {
            Blocking | Patience::FOREVER => open(Opening::Waits)?,
            Try => open(Opening::AtOnce)?,
            Until(deadline) => {
                let fd = open(Opening::AtOnce)?;
                if !flags.contains(OpenFlags::BOTH) {
                    wait_for_writer(fd.as_fd(), deadline)?;
                }
                fd
            }
        };
        Ok(fd.into())
    })
}

/// Opens a FIFO for writing, and blocks until a process has it open for reading: `open(2)`.
///
/// # Errors
///
/// Those of [`open_writer_at`].
pub fn open_writer(path: impl Arg) -> Result<Writer> {
    open_writer_with(CWD, path, OpenFlags::empty(), Blocking)
}

/// Like [`open_writer`], but returns [`Errno::AGAIN`] instead of blocking.
///
/// # Errors
///
/// Those of [`open_writer_at`]; [`Errno::AGAIN`]: there is no reader.
#[doc(alias = "ENXIO")]
pub fn try_open_writer(path: impl Arg) -> Result<Writer> {
    open_writer_with(CWD, path, OpenFlags::empty(), Try)
}

/// Like [`open_writer`], but gives up at `deadline` with [`Errno::TIMEDOUT`].
///
/// # Errors
///
/// Those of [`open_writer_at`].
pub fn open_writer_until(path: impl Arg, deadline: Deadline) -> Result<Writer> {
    open_writer_with(CWD, path, OpenFlags::empty(), Until(deadline))
}

/// Opens a FIFO relative to the directory `dir` for writing, and blocks until a process has it
/// open for reading: `openat(2)`.
///
/// # Errors
///
/// - [`NOT_A_FIFO`]: it is something else. That is looked at before, so that no
///   device is opened by mistake, and after, as the name can change hands.
/// - [`Errno::NOENT`]: there is no such name, or it is empty.
/// - [`Errno::INVAL`], [`Errno::NAMETOOLONG`], [`Errno::NOTDIR`], [`Errno::LOOP`]: as
///   [`create_at`].
/// - [`Errno::ACCESS`]: its mode does not let this process write.
/// - [`Errno::TIMEDOUT`]: there was no reader until the deadline.
/// - [`Errno::INTR`]: it was [interrupted](crate#interruptions), with [`Deadline::Never`].
/// - [`Errno::MFILE`], [`Errno::NFILE`]: no descriptor left.
#[doc(alias = "openat")]
pub fn open_writer_at(
    dir: impl AsFd,
    path: impl Arg,
    flags: OpenFlags,
    deadline: Deadline,
) -> Result<Writer> {
    open_writer_with(dir, path, flags, Until(deadline))
}

/// Like [`open_writer_at`], but returns [`Errno::AGAIN`] instead of blocking.
///
/// # Errors
///
/// Those of [`open_writer_at`], those of waiting excepted; [`Errno::AGAIN`]: there is no reader.
pub fn try_open_writer_at(dir: impl AsFd, path: impl Arg, flags: OpenFlags) -> Result<Writer> {
    open_writer_with(dir, path, flags, Try)
}

fn open_writer_with(
    dir: impl AsFd,
    path: impl Arg,
    flags: OpenFlags,
    patience: Patience,
) -> Result<Writer> {
    let dir = dir.as_fd();
    path.into_with_c_str(|path| {
        let open = |opening| open(dir, path, OFlags::WRONLY, opening, flags);
        // Where there is no reader the kernel says `ENXIO`.
        let at_once = || match open(Opening::AtOnce) {
            Err(Errno::NXIO) => Err(Errno::AGAIN),
            result => result,
        };
        let fd = match patience {
            Blocking | Patience::FOREVER => open(Opening::Waits),
            Try => at_once(),
            Until(deadline) => {
                let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE, deadline);
                loop {
                    match at_once() {
                        Err(Errno::AGAIN) => backoff.pause()?,
                        result => break result,
                    }
                }
            }
        };
        fd.map(Into::into)
    })
}

/// Whether opening waits for the other side.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opening {
    Waits,
    AtOnce,
}

fn open(
    dir: BorrowedFd<'_>,
    path: &CStr,
    access: OFlags,
    opening: Opening,
    flags: OpenFlags,
) -> Result<OwnedFd> {
    let access = if flags.contains(OpenFlags::BOTH) {
        OFlags::RDWR
    } else {
        access
    };
    let opening_nonblocking = opening == Opening::AtOnce;
    let nonblocking = flags.contains(OpenFlags::NONBLOCK);

    let follow = if flags.contains(OpenFlags::NOFOLLOW) {
        AtFlags::SYMLINK_NOFOLLOW
    } else {
        AtFlags::empty()
    };
    check(&statat(dir, path, follow)?)?;
    let others = flags - OpenFlags::NONBLOCK - OpenFlags::BOTH;
    let mut how = OFlags::from_bits_retain(others.bits() ^ CLOEXEC) | access | OFlags::NOCTTY;
    how.set(OFlags::NONBLOCK, opening_nonblocking);
    let attempt = || openat(dir, path, how, Mode::empty());
    let fd = match opening {
        Opening::Waits => attempt()?,
        Opening::AtOnce => ready::uninterrupted(attempt)?,
    };
    check(&fstat(&fd)?)?;
    // The description is ours alone so far.
    if opening_nonblocking != nonblocking {
        ioctl_fionbio(&fd, nonblocking)?;
    }
    Ok(fd)
}

/// Waits until somebody has the FIFO behind the reader `fd` open for writing, or has
/// had since it was opened.
fn wait_for_writer(fd: BorrowedFd<'_>, deadline: Deadline) -> Result<()> {
    // A FIFO says that something was written and that the last writer left. That a
    // writer *came* it says only to those who try: to duplicate a byte, the one
    // way that takes nothing away.
    let (_, scratch) = &pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let mut pause = FIRST_PAUSE;
    loop {
        let attempt = || tee(fd, scratch, 1, SpliceFlags::NONBLOCK);
        match ready::uninterrupted(attempt) {
            Ok(0) => {}
            Ok(_) | Err(Errno::AGAIN) => return Ok(()),
            Err(errno) => return Err(errno),
        }
        let until = deadline.min(Deadline::after(pause));
        match ready::wait(fd, PollFlags::IN, until) {
            Err(Errno::TIMEDOUT) if deadline.has_passed() => return Err(Errno::TIMEDOUT),
            Err(Errno::TIMEDOUT) => {}
            result => return result,
        }
        pause = LONGEST_PAUSE.min(pause.saturating_mul(2));
    }
}
