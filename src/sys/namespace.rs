//! Entering namespaces and giving a mount namespace another root: `setns(2)`, `mount(2)`,
//! `umount2(2)`.

use core::ffi::CStr;

use linux_raw_sys::general::{
    __NR_mount, __NR_setns, __NR_umount2, MNT_DETACH, MS_BIND, MS_PRIVATE, MS_REC,
};
use rustix::fd::{AsRawFd, BorrowedFd};

use super::check;
use crate::{Result, arch};

/// `setns(2)`: `kinds` are `CLONE_NEW*`, 0 for whatever the descriptor is of.
pub(crate) fn setns(fd: BorrowedFd<'_>, kinds: u32) -> Result<()> {
    // SAFETY: no memory is involved.
    let raw =
        unsafe { arch::syscall2(__NR_setns as usize, fd.as_raw_fd() as usize, kinds as usize) };
    check(raw).map(drop)
}

/// `mount(2)`: what is mounted or unmounted anywhere is so in no other namespace.
pub(crate) fn mount_private(target: &CStr) -> Result<()> {
    mount(None, target, MS_REC | MS_PRIVATE)
}

/// `mount(2)`: `target` and all that is mounted beneath it, on `target` once more.
pub(crate) fn mount_on_itself(target: &CStr) -> Result<()> {
    mount(Some(target), target, MS_BIND | MS_REC)
}

fn mount(source: Option<&CStr>, target: &CStr, flags: u32) -> Result<()> {
    let source = source.map_or(0, |source| source.as_ptr().expose_provenance());
    // SAFETY: strings or null; of these flags none has the kernel look at more.
    let raw = unsafe {
        arch::syscall5(
            __NR_mount as usize,
            source,
            target.as_ptr().expose_provenance(),
            0,
            flags as usize,
            0,
        )
    };
    check(raw).map(drop)
}

/// `umount2(2)` with `MNT_DETACH`.
pub(crate) fn umount_detached(target: &CStr) -> Result<()> {
    // SAFETY: a string.
    let raw = unsafe {
        arch::syscall2(
            __NR_umount2 as usize,
            target.as_ptr().expose_provenance(),
            MNT_DETACH as usize,
        )
    };
    check(raw).map(drop)
}
