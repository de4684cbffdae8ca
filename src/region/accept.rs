//! What a descriptor that came from somebody else must be before it is mapped.
#![forbid(unsafe_code)]

use linux_raw_sys::general::HUGETLBFS_MAGIC;
use rustix::fs::{OFlags, SealFlags, fcntl_get_seals, fcntl_getfl, fstat, fstatfs};

use super::{AttachError, head};
use crate::procfs::Identity;
use crate::{AsFd, Errno, OwnedFd};

/// A file that no access can make a SIGBUS of, and that says it is a region of some kind.
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
    pub(crate) fn look(fd: OwnedFd, kind: u64) -> Result<Self, AttachError> {
        Self::see::<true>(fd, kind)
    }

    /// Looks at a descriptor that may be one to read by.
    pub(crate) fn look_to_read(fd: OwnedFd, kind: u64) -> Result<Self, AttachError> {
        Self::see::<false>(fd, kind)
    }

    #[inline(always)]
    fn see<const TO_WRITE: bool>(fd: OwnedFd, kind: u64) -> Result<Self, AttachError> {
        let file = fd.as_fd();
        let seals = fcntl_get_seals(file).map_err(|errno| match errno {
            Errno::INVAL => AttachError::NotSealed,
            errno => AttachError::Kernel(errno),
        })?;
        if !seals.contains(SealFlags::SHRINK) {
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
