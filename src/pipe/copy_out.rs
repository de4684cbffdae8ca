//! Copying bytes out of a pipe by `vmsplice(2)`, which can be told not to wait whatever the
//! descriptor is.
#![allow(
    unsafe_code,
    reason = "vmsplice of a read end writes to the program's memory"
)]

use rustix::fd::BorrowedFd;
use rustix::fs::OFlags;
use rustix::pipe::{SpliceFlags, vmsplice};

use crate::sys::vector;
use crate::{IoSliceMut, Result};

/// Whether an open file description can only be read: with one that can be written,
/// `vmsplice(2)` writes.
pub(super) fn is_read_only(flags: OFlags) -> bool {
    flags & OFlags::ACCMODE == OFlags::RDONLY && !flags.contains(OFlags::PATH)
}

/// Whether [`copy_out`] of an open file description does what reading it does.
pub(super) fn can_copy_out(flags: OFlags) -> bool {
    is_read_only(flags) && !flags.contains(OFlags::DIRECT)
}

/// `vmsplice(2)` out of a pipe, for descriptors that are [read only](is_read_only).
pub(super) fn copy_out(
    fd: BorrowedFd<'_>,
    buffers: &mut [IoSliceMut<'_>],
    flags: SpliceFlags,
) -> Result<usize> {
    // SAFETY: out of a read end the kernel copies into the buffers, which are borrowed
    // exclusively, and keeps no reference to them.
    unsafe { vmsplice(fd, vector::raw_mut(buffers), flags) }
}
