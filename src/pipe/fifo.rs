//! FIFOs, which are pipes with a name in the file system: `fifo(7)`.
//!
//! The name only serves to meet: opening it returns an end of the one pipe behind it. Bytes are
//! never on a disk, and are lost when the last end is closed.
//!
//! # Who waits for whom
//!
//! | opening | waits for | without waiting |
//! |---|---|---|
//! | for reading | a writer | succeeds; reads return 0, the end of the stream, until one comes |
//! | for writing | a reader | fails with [`Errno::AGAIN`] |
//! | for [both](OpenFlags::BOTH) | nobody | succeeds; the pipe never hangs up |
//!
//! A server that reads requests of clients that come and go opens for both: else it
//! sees the end of the stream when the last client leaves.
//!
//! # A deadline
//!
//! The kernel has no call that waits for the other side with a time limit. With a
//! deadline the FIFO is opened without waiting, and looked at again after 1, 2, 4
//! and so on, at most 32 milliseconds (a reader: sooner, when something was
//! written). The other side can have gone again in between.
//!
//! # Examples
//!
//! ```
//! use rawipc::{Errno, pipe::fifo};
//!
//! let path = std::env::temp_dir().join(format!("rawipc-doc-{}", std::process::id()));
//! fifo::create(&path)?;
//! assert_eq!(fifo::try_open_writer(&path).unwrap_err(), Errno::AGAIN);
//!
//! let reader = fifo::try_open_reader(&path)?;
//! let writer = fifo::open_writer(&path)?;
//! writer.write_all(b"hello")?;
//! assert_eq!(reader.read(&mut [0; 16])?, 5);
//!
//! fifo::remove(&path)?;
//! # Ok::<(), Errno>(())
//! ```
#![forbid(unsafe_code)]

use core::ffi::CStr;
use core::time::Duration;

use bitflags::bitflags;
use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, OFlags, Stat, fstat, mknodat, openat, statat, unlinkat};
use rustix::io::ioctl_fionbio;
use rustix::pipe::{SpliceFlags, pipe_with, tee};

/// The current directory, for functions that take a directory: `AT_FDCWD`.
#[doc(inline)]
pub use rustix::fs::CWD;

use super::CLOEXEC;
use super::reader::Reader;
use super::writer::Writer;
use crate::wait::backoff::Backoff;
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::wait::ready;
use crate::{Arg, Deadline, Errno, Mode, Result};

/// The error of this module for a name that is not a FIFO's: "device not a stream" (`ENOSTR`),
/// which the kernel reports for no file.
pub const NOT_A_FIFO: Errno = Errno::NOSTR;

/// The mode that [`create`] uses: for this user only.
pub const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

/// How long to wait at first, and at most, before looking for the other side again.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(32);

bitflags! {
    /// Flags for opening a FIFO. Without any, its end blocks and is closed on exec.
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

/// Creates a FIFO that only this user may open: `mkfifo(3)`.
///
/// # Errors
///
/// Those of [`create_at`].
#[doc(alias = "mkfifo")]
pub fn create(path: impl Arg) -> Result<()> {
    create_at(CWD, path, PRIVATE)
}

/// Creates a FIFO with the mode `mode` less the process's umask, relative to the directory
/// `dir` ([`CWD`] is the current one): `mkfifoat(3)`, `mknodat(2)`.
///
/// # Errors
///
/// - [`Errno::EXIST`]: the name is taken, by whatever.
/// - [`Errno::NOENT`]: the name is empty, or a directory of the path is missing.
/// - [`Errno::INVAL`]: the name has a NUL byte.
/// - [`Errno::NAMETOOLONG`]: more than 255 bytes between two slashes, or more than
///   4095 in all.
/// - [`Errno::NOTDIR`], [`Errno::ACCESS`], [`Errno::ROFS`]: no place to create in.
/// - [`Errno::LOOP`]: too many symbolic links on the way.
/// - [`Errno::PERM`]: the file system has no FIFOs.
#[doc(alias = "mkfifoat")]
#[doc(alias = "mknodat")]
pub fn create_at(dir: impl AsFd, path: impl Arg, mode: Mode) -> Result<()> {
    mknodat(dir, path, FileType::Fifo, mode, 0)
}

/// Creates a FIFO like [`create_at`] unless there is one, whoever created it and whatever its
/// mode. Returns whether it is new.
///
/// # Errors
///
/// Those of [`create_at`]; [`NOT_A_FIFO`]: the name is taken, and not by a FIFO.
///
/// # Examples
///
/// ```
/// use rawipc::pipe::fifo;
///
/// let path = std::env::temp_dir().join(format!("rawipc-doc-ensure-{}", std::process::id()));
/// assert!(fifo::ensure_at(fifo::CWD, &path, fifo::PRIVATE)?);
/// assert!(!fifo::ensure_at(fifo::CWD, &path, fifo::PRIVATE)?);
/// fifo::remove(&path)?;
/// # Ok::<(), rawipc::Errno>(())
/// ```
pub fn ensure_at(dir: impl AsFd, path: impl Arg, mode: Mode) -> Result<bool> {
    let dir = dir.as_fd();
    path.into_with_c_str(|path| {
        loop {
            match create_at(dir, path, mode) {
                Ok(()) => return Ok(true),
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno),
            }
            match statat(dir, path, AtFlags::SYMLINK_NOFOLLOW) {
                // Removed in between.
                Err(Errno::NOENT) => {}
                found => return check(&found?).map(|()| false),
            }
        }
    })
}

/// Removes the name of a FIFO: `unlink(2)`.
///
/// Processes that have it open are not disturbed. Those that wait in a blocking open wait for
/// ever.
///
/// # Errors
///
/// Those of [`remove_at`].
#[doc(alias = "unlink")]
pub fn remove(path: impl Arg) -> Result<()> {
    remove_at(CWD, path)
}

/// Like [`remove`], but relative to the directory `dir`: `unlinkat(2)`.
///
/// Whether the name is a FIFO's is looked at before: a name that changes hands in
/// between is removed as well.
///
/// # Errors
///
/// - [`NOT_A_FIFO`]: it is something else (a symbolic link to a FIFO, too), which
///   stays.
/// - [`Errno::NOENT`]: there is no such name, or it is empty.
/// - [`Errno::INVAL`], [`Errno::NAMETOOLONG`], [`Errno::NOTDIR`], [`Errno::LOOP`]: as
///   [`create_at`].
/// - [`Errno::ACCESS`], [`Errno::PERM`], [`Errno::ROFS`]: the directory does not let
///   go of it.
#[doc(alias = "unlinkat")]
pub fn remove_at(dir: impl AsFd, path: impl Arg) -> Result<()> {
    let dir = dir.as_fd();
    path.into_with_c_str(|path| {
        check(&statat(dir, path, AtFlags::SYMLINK_NOFOLLOW)?)?;
        unlinkat(dir, path, AtFlags::empty())
    })
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

fn check(stat: &Stat) -> Result<()> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Fifo => Ok(()),
        _ => Err(NOT_A_FIFO),
    }
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
