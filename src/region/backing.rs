//! What a region lies in: a memfd, whose size can never change.
#![forbid(unsafe_code)]

use core::ffi::CStr;

use linux_raw_sys::general::{MFD_ALLOW_SEALING, MFD_CLOEXEC};
use rustix::fs::{SealFlags, fchmod, fcntl_add_seals, fstat};

use super::head;
use crate::guard::filesize;
use crate::memory::memfd;
use crate::procfs::Identity;
use crate::{AsFd, Mode, OwnedFd, Result};

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
