//! The files in `/dev/shm` that shared memory and semaphores are, and how one
//! appears there complete.
#![forbid(unsafe_code)]

use core::ffi::CStr;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, FileType, OFlags, fstat};
use rustix::path::DecInt;

use super::list::{Names, Which};
use super::name::{NAME_MAX, Name, unlink_error};
use crate::procfs::{self, Identity};
use crate::{Errno, Mode, Result, sys};

/// What the names of the files of semaphores begin with.
pub(super) const SEMAPHORE: &[u8] = b"sem.";

/// Where they are, as in glibc and musl: a tmpfs, by convention.
const DIRECTORY: &CStr = c"/dev/shm";

const PREFIX: &[u8] = b"/dev/shm/";

/// How often another temporary name is tried: each has another time in it.
const ATTEMPTS: usize = 100;

/// A path in [`DIRECTORY`].
pub(super) struct Path {
    /// Ends with at least one zero.
    bytes: [u8; PREFIX.len() + NAME_MAX + 1],
}

impl Path {
    /// The path of the file `kind` + `name`.
    pub(super) fn new(kind: &[u8], name: &Name) -> Result<Self> {
        Self::of(&[kind, name.bare().to_bytes()])
    }

    fn of(parts: &[&[u8]]) -> Result<Self> {
        if parts.iter().map(|part| part.len()).sum::<usize>() > NAME_MAX {
            return Err(Errno::NAMETOOLONG);
        }
        let mut bytes = [0; PREFIX.len() + NAME_MAX + 1];
        let path = PREFIX.iter().chain(parts.iter().copied().flatten());
        for (to, from) in bytes.iter_mut().zip(path) {
            *to = *from;
        }
        Ok(Self { bytes })
    }

    fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or_default()
    }

    /// Removes the file.
    pub(super) fn unlink(&self) -> Result<()> {
        rustix::fs::unlink(self.as_c_str()).map_err(unlink_error)
    }
}

/// Opens the file, which is a regular one.
pub(super) fn open(path: &Path, flags: OFlags) -> Result<OwnedFd> {
    // Whoever may write to the directory can have put a FIFO there, which would
    // block, or a link to elsewhere.
    let safe = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = match rustix::fs::open(path.as_c_str(), flags | safe, Mode::empty()) {
        // A directory; a FIFO or socket without its other end.
        Err(Errno::ISDIR | Errno::NXIO) => return Err(Errno::INVAL),
        result => result?,
    };
    let kind = FileType::from_raw_mode(fstat(&file)?.st_mode);
    if kind.is_file() {
        Ok(file)
    } else {
        Err(Errno::INVAL)
    }
}

/// The names of those that are files of the directory.
pub(super) fn list(which: Which) -> Result<Names> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::open(DIRECTORY, flags, Mode::empty())?;
    Ok(Names::new(directory, which))
}

/// What the descriptor of a new file is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Created {
    ToRead,
    ToReadAndWrite,
}

/// Creates the file, which must not exist, so that it has its contents from the
/// moment that it has its name.
pub(super) fn create(
    path: &Path,
    mode: Mode,
    created: Created,
    fill: impl Fn(BorrowedFd<'_>) -> Result<()>,
) -> Result<OwnedFd> {
    match create_unnamed(path, mode, created, &fill) {
        // No such files on this file system or kernel; or they cannot be named, as
        // there is no /proc; or there is no directory.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT) => {
            create_renamed(path, mode, created, &fill)
        }
        result => result,
    }
}

/// As a file without a name, which a death leaves nothing of.
fn create_unnamed(
    path: &Path,
    mode: Mode,
    created: Created,
    fill: &impl Fn(BorrowedFd<'_>) -> Result<()>,
) -> Result<OwnedFd> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = rustix::fs::open(DIRECTORY, flags, mode)?;
    fill(file.as_fd())?;
    let file = match created {
        Created::ToReadAndWrite => file,
        Created::ToRead => {
            let identity = Identity::from(&fstat(&file)?);
            let again = || procfs::reopen(file.as_fd(), identity, OFlags::RDONLY);
            readable(&file, again)?
        }
    };

    // Of a process's own file since Linux 6.10, before for the privileged.
    match rustix::fs::linkat(&file, c"", CWD, path.as_c_str(), AtFlags::EMPTY_PATH) {
        Err(Errno::NOENT) => {}
        result => return result.map(|()| file),
    }
    let mut link = procfs::Link::new();
    let (own, path) = (link.of(file.as_fd()), path.as_c_str());
    rustix::fs::linkat(CWD, own, CWD, path, AtFlags::SYMLINK_FOLLOW)?;
    Ok(file)
}

/// As a file with another name first; that name stays if this process is killed
/// before it removes it.
fn create_renamed(
    path: &Path,
    mode: Mode,
    created: Created,
    fill: &impl Fn(BorrowedFd<'_>) -> Result<()>,
) -> Result<OwnedFd> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
    let process = DecInt::new(rustix::process::getpid().as_raw_nonzero().get());
    let mut attempts = 0;
    let (temporary, file) = loop {
        let now = sys::time::monotonic();
        let (seconds, nanoseconds) = (DecInt::new(now.tv_sec), DecInt::new(now.tv_nsec));
        let temporary = Path::of(&[
            b".rawipc-",
            process.as_bytes(),
            b"-",
            seconds.as_bytes(),
            b"-",
            nanoseconds.as_bytes(),
        ])?;
        attempts += 1;
        match rustix::fs::open(temporary.as_c_str(), flags, mode) {
            Err(Errno::EXIST) if attempts < ATTEMPTS => {}
            result => break (temporary, result?),
        }
    };
    let named = || {
        fill(file.as_fd())?;
        let file = match created {
            Created::ToReadAndWrite => file,
            Created::ToRead => readable(&file, || open(&temporary, OFlags::CLOEXEC))?,
        };
        rustix::fs::link(temporary.as_c_str(), path.as_c_str())?;
        Ok(file)
    };
    let named = named();
    let removed = temporary.unlink();
    named.and_then(|file| removed.map(|()| file))
}

/// Opens a new file again, to read, whether or not its mode lets its user do so: as who
/// creates a file gets the descriptor that it asks for.
fn readable(file: &OwnedFd, again: impl FnOnce() -> Result<OwnedFd>) -> Result<OwnedFd> {
    let mode = Mode::from_raw_mode(fstat(file)?.st_mode);
    if mode.contains(Mode::RUSR) {
        return again();
    }
    rustix::fs::fchmod(file, mode | Mode::RUSR)?;
    let again = again();
    rustix::fs::fchmod(file, mode)?;
    again
}

/// Creates the file, or opens it if it exists.
pub(super) fn create_or_open(
    path: &Path,
    flags: OFlags,
    mode: Mode,
    created: Created,
    fill: impl Fn(BorrowedFd<'_>) -> Result<()>,
) -> Result<OwnedFd> {
    // Opened first: to create a file that is another user's the kernel refuses in
    // such directories (fs.protected_regular), even where it may be opened.
    loop {
        match open(path, flags) {
            Err(Errno::NOENT) => {}
            result => return result,
        }
        match create(path, mode, created, &fill) {
            Err(Errno::EXIST) => {}
            result => return result,
        }
    }
}
