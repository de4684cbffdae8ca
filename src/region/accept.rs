//! Checks of a descriptor that came from somebody else, before it is mapped.
#![forbid(unsafe_code)]

use linux_raw_sys::general::HUGETLBFS_MAGIC;
use rustix::fs::{OFlags, SealFlags, fcntl_get_seals, fcntl_getfl, fstat, fstatfs};

use super::{AttachError, head};
use crate::procfs::Identity;
use crate::{AsFd, Errno, OwnedFd};

/// A descriptor, and how it was come by.
#[derive(Debug)]
pub struct Found {
    fd: OwnedFd,
    is_by_name: bool,
}

impl Found {
    /// By a name that a user whom this process trusts can have given it. It need not be sealed:
    /// most files cannot be.
    pub(crate) fn by_name(fd: OwnedFd) -> Self {
        let is_by_name = true;
        Self { fd, is_by_name }
    }
}

/// From anybody.
impl From<OwnedFd> for Found {
    fn from(fd: OwnedFd) -> Self {
        let is_by_name = false;
        Self { fd, is_by_name }
    }
}

/// A file that no access can make a SIGBUS of, or that nobody makes one of who is trusted, and
/// that says it is a region of some kind.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(super) fd: OwnedFd,
    pub(super) identity: Identity,
    pub(super) size: u64,
    pub(super) head: usize,
    /// Whether its holder can write to it.
    pub(crate) is_writable: bool,
    /// The structure's own words, unchecked.
    pub(crate) words: [u64; 4],
}

impl Accepted {
    /// Looks at a descriptor, whose holder must be able to write.
    pub(crate) fn look(found: impl Into<Found>, kind: u64) -> Result<Self, AttachError> {
        Self::see::<true>(found.into(), kind)
    }

    /// Looks at a descriptor that may be one to read by.
    pub(crate) fn look_to_read(found: impl Into<Found>, kind: u64) -> Result<Self, AttachError> {
        Self::see::<false>(found.into(), kind)
    }

    #[inline(always)]
    fn see<const TO_WRITE: bool>(found: Found, kind: u64) -> Result<Self, AttachError> {
        let Found { fd, is_by_name } = found;
        let file = fd.as_fd();
        let seals = match fcntl_get_seals(file) {
            Err(Errno::INVAL) => SealFlags::empty(),
            seals => seals?,
        };
        if !seals.contains(SealFlags::SHRINK) && !is_by_name {
            return Err(AttachError::NotSealed);
        }
        let is_writable = fcntl_getfl(file)?.contains(OFlags::RDWR)
            && !seals.intersects(SealFlags::WRITE | SealFlags::FUTURE_WRITE);
        if TO_WRITE && !is_writable {
            return Err(AttachError::ReadOnly);
        }
        if fstatfs(file)?.f_type as u32 == HUGETLBFS_MAGIC {
            return Err(AttachError::HugePages);
        }
        let stat = fstat(file)?;
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        let (head, words) = head::read(file, kind, size)?;
        Ok(Self {
            identity: Identity::from(&stat),
            fd,
            size,
            head,
            is_writable,
            words,
        })
    }
}
