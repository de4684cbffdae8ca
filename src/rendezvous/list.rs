//! [`list`]: the regions that have a name in a directory.
#![forbid(unsafe_code)]

use rustix::fs::{CWD, FileType, OFlags, fstat, openat};

use super::Error;
use crate::posix::{self, Name};
use crate::process::Uid;
use crate::region::{backing, presence};
use crate::{Arg, AsFd, Errno, Mode, OwnedFd, Result};

/// Returns an iterator over the regions that have a name in a directory, `/dev/shm` for example.
/// Files that this process may not read are left out.
///
/// # Errors
///
/// [`Error::Kernel`]: [`Errno::NOENT`], [`Errno::NOTDIR`], [`Errno::ACCESS`].
///
/// # Examples
///
/// ```
/// use rawipc::rendezvous;
///
/// for region in rendezvous::list("/dev/shm")? {
///     let region = region?;
///     println!("{} {} bytes, used: {}", region.name(), region.size(), region.is_in_use());
/// }
/// # Ok::<(), rawipc::rendezvous::Error>(())
/// ```
pub fn list(directory: impl Arg) -> Result<Entries, Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = openat(CWD, directory, flags, Mode::empty())?;
    let same = openat(&directory, c".", flags, Mode::empty())?;
    Ok(Entries {
        names: posix::names_in(directory),
        directory: same,
    })
}

/// An iterator over the regions in a directory, in no order: what [`list`] returns.
///
/// What gets or loses its name meanwhile may be among them or not.
///
/// # Examples
///
/// ```
/// use rawipc::rendezvous;
///
/// for entry in rendezvous::list("/dev/shm")? {
///     let entry = entry?;
///     println!("{}: {} bytes", entry.name(), entry.size());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Entries {
    names: posix::Names,
    /// By a description of its own, which is not read from.
    directory: OwnedFd,
}

/// A region that has a name.
///
/// # Examples
///
/// Removes what dead processes left behind:
///
/// ```
/// use rawipc::rendezvous;
/// use rawipc::ring::spsc;
///
/// # let unique = format!("rawipc-doc-entry-{}", std::process::id());
/// # let directory = std::env::temp_dir().join(unique);
/// # std::fs::create_dir(&directory)?;
/// let path = directory.join("ring");
/// let ring: spsc::Ring = spsc::Ring::open_or_create(&path, || spsc::Ring::create(1 << 16))?;
/// drop(ring); // no process has it any more
/// for entry in rendezvous::list(&directory)? {
///     let entry = entry?;
///     if !entry.is_in_use() {
///         rendezvous::remove_stale(&path)?;
///     }
/// }
/// assert!(!path.exists());
/// # std::fs::remove_dir(directory)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Entry {
    name: Name,
    size: u64,
    user: Uid,
    is_in_use: bool,
}

impl Entry {
    /// Returns the name of its file.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// Returns its size in bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Returns whose it is.
    #[must_use]
    pub const fn user(&self) -> Uid {
        self.user
    }

    /// Returns whether a living process had it when it was listed.
    #[must_use]
    pub const fn is_in_use(&self) -> bool {
        self.is_in_use
    }
}

impl Iterator for Entries {
    type Item = Result<Entry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let name = match self.names.next()? {
                Ok(name) => name,
                Err(errno) => return Some(Err(errno.into())),
            };
            match look(&self.directory, name) {
                // Gone meanwhile; not ours to read; no file, or no region.
                Ok(None)
                | Err(Errno::NOENT | Errno::ACCESS | Errno::PERM | Errno::LOOP | Errno::AGAIN)
                | Err(Errno::NXIO) => {}
                Ok(Some(entry)) => return Some(Ok(entry)),
                Err(errno) => return Some(Err(errno.into())),
            }
        }
    }
}

/// What the region of this name is; `None` if it is none.
fn look(directory: &OwnedFd, name: Name) -> Result<Option<Entry>> {
    let safe = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = openat(directory, name.bare(), OFlags::RDONLY | safe, Mode::empty())?;
    let stat = fstat(&file)?;
    let is_file = FileType::from_raw_mode(stat.st_mode).is_file();
    if !is_file || !backing::is_region(file.as_fd())? {
        return Ok(None);
    }
    Ok(Some(Entry {
        name,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        user: rustix::fs::Uid::from_raw(stat.st_uid),
        is_in_use: presence::is_used(file.as_fd())?,
    }))
}
