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

mod open;

use rustix::fs::{AtFlags, FileType, Stat, mknodat, statat, unlinkat};

/// The current directory, for functions that take a directory: `AT_FDCWD`.
#[doc(inline)]
pub use rustix::fs::CWD;

pub use open::{
    OpenFlags, open_reader, open_reader_at, open_reader_until, open_writer, open_writer_at,
    open_writer_until, try_open_reader, try_open_reader_at, try_open_writer, try_open_writer_at,
};

use crate::{Arg, AsFd, Errno, Mode, Result};

/// The error of this module for a name that is not a FIFO's: "device not a stream" (`ENOSTR`),
/// which the kernel reports for no file.
pub const NOT_A_FIFO: Errno = Errno::NOSTR;

/// The mode that [`create`] uses: for this user only.
pub const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

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

fn check(stat: &Stat) -> Result<()> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Fifo => Ok(()),
        _ => Err(NOT_A_FIFO),
    }
}
