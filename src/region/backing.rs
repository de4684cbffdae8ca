//! The file of a region: a memfd, whose size can never change, or a file with a name.
#![forbid(unsafe_code)]

use core::ffi::CStr;

use linux_raw_sys::general::{MFD_ALLOW_SEALING, MFD_CLOEXEC};
use rustix::fs::{SealFlags, fchmod, fcntl_add_seals, fstat};
use zerocopy::IntoBytes;

use super::head;
use crate::guard::filesize;
use crate::memory::memfd;
use crate::procfs::Identity;
use crate::{AsFd, BorrowedFd, Mode, OwnedFd, Result};

/// Creates the file of a region of `size` bytes, which has a head and is zero else.
pub(super) fn create(
    name: &CStr,
    size: u64,
    kind: u64,
    own: [u64; 4],
) -> Result<(OwnedFd, Identity)> {
    let owned = memfd::create_no_program(name, MFD_CLOEXEC | MFD_ALLOW_SEALING)?;
    let fd = owned.as_fd();
    fchmod(fd, Mode::RUSR | Mode::WUSR)?;
    let identity = Identity::from(&fstat(fd)?);
    filesize::set(fd, size)?;
    head::write(fd, kind, own)?;
    fcntl_add_seals(fd, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok((owned, identity))
}

/// Makes `to`, a new file, a region of its own like `pattern`, in which nobody has changed anything
/// yet. All of its memory is taken: where there are names there are limits, and touching what is
/// beyond them would be a SIGBUS.
pub(crate) fn copy(pattern: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<()> {
    let size = u64::try_from(fstat(pattern)?.st_size).unwrap_or(0);
    filesize::allocate(to, 0, size)?;
    // All else is zero.
    filesize::write_all_at(to, head::words(pattern)?.as_bytes(), 0)
}

/// Whether two regions were made in the same way.
pub(crate) fn are_alike(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> Result<bool> {
    Ok(head::words(one)? == head::words(other)?)
}

/// Whether the file is a region of some kind, by its beginning.
pub(crate) fn is_region(file: BorrowedFd<'_>) -> Result<bool> {
    Ok(head::is_magic(&head::words(file)?))
}
