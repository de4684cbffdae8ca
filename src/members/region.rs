//! [`Region`]: memory and the list of its members, as a descriptor.

use super::Member;
use super::words::{self, Attached, Source};
use crate::memory::{MapOptions, Mapping};
use crate::region::{Accepted, AttachError, Found, Seat};
use crate::ring::header::Kind;
use crate::{AsFd, BorrowedFd, Errno, OwnedFd, Result};

/// The most bytes of a region that [`Region::open`] takes from somebody else: 64 MiB.
const OPEN_LIMIT: usize = 64 << 20;

/// Memory that processes share and whose members they are, as a descriptor: from here they map it
/// and join.
///
/// # Examples
///
/// ```
/// use rawipc::members::Region;
/// use rawipc::sync::Mutex;
/// use std::os::fd::OwnedFd;
///
/// let region = Region::create(4096)?;
/// let descriptor = region.as_fd().try_clone_to_owned()?; // sent to another process, usually
/// # use std::os::fd::AsFd;
///
/// let same = Region::open(descriptor)?;
/// let (memory, me) = (same.map()?, same.join()?);
/// let count = memory.object::<Mutex<u64>>(0)?;
/// count.lock(&me).unwrap().set(&1);
///
/// let (memory, me) = (region.map()?, region.join()?);
/// let count = memory.object::<Mutex<u64>>(0)?;
/// assert_eq!(count.lock(&me).unwrap().get(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Region {
    source: Source,
}

impl Region {
    /// Creates a region with at least `len` bytes for its users, all zero, in a memfd sealed against
    /// any change of its size. Only this user may open it again (mode 0600), and it can never be
    /// executed.
    ///
    /// None are needed where what is locked lies elsewhere; it has a page then.
    ///
    /// # Errors
    ///
    /// As `memfd_create(2)`; [`Errno::INVAL`] beyond 2^40 bytes; [`Errno::FBIG`]: this process may
    /// not have such files (`RLIMIT_FSIZE`); there is no SIGXFSZ.
    pub fn create(len: usize) -> Result<Self> {
        let words = words::of(len).ok_or(Errno::INVAL)?;
        let source = Source::create(Kind::Members as u64, words)?;
        Ok(Self { source })
    }

    /// Opens a region created by another process, with at most 64 MiB for its users.
    ///
    /// # Errors
    ///
    /// An [`AttachError`] that says what `fd` is not.
    pub fn open(fd: OwnedFd) -> Result<Self, AttachError> {
        Self::open_found(fd.into(), None)
    }

    /// Opens a region created by another process, with at most as much memory as
    /// [`create`](Self::create) makes for `len` bytes.
    ///
    /// # Errors
    ///
    /// [`AttachError::TooLarge`], and those of [`open`](Self::open).
    pub fn open_at_most(fd: OwnedFd, len: usize) -> Result<Self, AttachError> {
        Self::open_found(fd.into(), Some(len))
    }

    /// Opens one that was found in whatever way.
    pub(crate) fn open_found(found: Found, len: Option<usize>) -> Result<Self, AttachError> {
        let accepted = Accepted::look(found, Kind::Members as u64)?;
        let limit = len.map_or(Some(OPEN_LIMIT as u64), |len| {
            words::of(len).map(|[len, ..]| len)
        });
        let limit = limit.and_then(|limit| usize::try_from(limit).ok());
        let source = Source::open(accepted, limit.unwrap_or(usize::MAX))?;
        Ok(Self { source })
    }

    /// Returns how many bytes its users have.
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.source.len(0)
    }

    /// Maps the memory of its users.
    ///
    /// # Errors
    ///
    /// As `mmap(2)`.
    pub fn map(&self) -> Result<Mapping> {
        let options = MapOptions::shared(self.len()).offset(self.source.begin(0));
        options.map(self.source.fd())
    }

    /// Joins the region, for one thread.
    ///
    /// # Errors
    ///
    /// [`AttachError::NoProc`] without `/proc`; [`AttachError::Leased`]; [`AttachError::Corrupt`],
    /// of a hostile peer's making; [`AttachError::Kernel`].
    pub fn join(&self) -> Result<Member, AttachError> {
        Ok(Member::new(self.source.join(|| false)?))
    }

    /// Like [`join`](Self::join), but by a seat instead of `/proc`.
    ///
    /// # Errors
    ///
    /// [`AttachError::Kernel`]: the seat is another file's, for one; [`AttachError::Corrupt`]: it is no
    /// description of its own.
    pub fn join_by(&self, seat: Seat) -> Result<Member, AttachError> {
        let attached: Attached = self.source.join_by(seat)?;
        Ok(Member::new(attached))
    }
}

impl AsFd for Region {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.fd()
    }
}

crate::sys::fd_number::numbers!(Region);

/// Does what [`Region::open`] does.
impl TryFrom<OwnedFd> for Region {
    type Error = AttachError;

    fn try_from(fd: OwnedFd) -> Result<Self, AttachError> {
        Self::open(fd)
    }
}

impl From<Region> for OwnedFd {
    fn from(region: Region) -> Self {
        region.source.into_fd()
    }
}
