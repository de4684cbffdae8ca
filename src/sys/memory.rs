//! Memory: `madvise(2)` with every advice, as rustix's list lacks some; `mremap(2)`, whose
//! fifth argument rustix leaves to chance where the kernel reads it;
//! `process_madvise(2)`, `mincore(2)`, `mseal(2)`, `memfd_secret(2)`.

use linux_raw_sys::general::{
    __NR_madvise, __NR_memfd_secret, __NR_mincore, __NR_mremap, __NR_mseal, __NR_process_madvise,
};
use rustix::fd::{FromRawFd, OwnedFd, RawFd};

use super::check;
use super::remote::AddressRange;
use crate::{Errno, Result, arch};

/// `PIDFD_SELF_THREAD`: instead of a pidfd, the caller (Linux 6.14).
pub(crate) const PIDFD_SELF: RawFd = -10_000;

/// `madvise(2)`.
///
/// # Safety
///
/// The pages from `address` for `len` bytes must be the caller's to advise about:
/// some advice replaces what is in them or makes them inaccessible.
pub(crate) unsafe fn madvise(address: *mut u8, len: usize, advice: u32) -> Result<()> {
    // SAFETY: the call reads no memory of this process; what it does to the pages
    // is the caller's to answer for.
    let raw = unsafe {
        arch::syscall3(
            __NR_madvise as usize,
            address.expose_provenance(),
            len,
            advice as usize,
        )
    };
    check(raw).map(drop)
}

/// `process_madvise(2)`: how many bytes were advised about.
///
/// # Safety
///
/// If `pidfd` is of this process, or [`PIDFD_SELF`], the ranges must be the caller's to
/// advise about, as for [`madvise`].
pub(crate) unsafe fn process_madvise(
    pidfd: RawFd,
    ranges: &[AddressRange],
    advice: u32,
) -> Result<usize> {
    // SAFETY: the kernel reads the ranges, which are borrowed for the call; what it
    // does to the pages is the caller's to answer for.
    let raw = unsafe {
        arch::syscall5(
            __NR_process_madvise as usize,
            pidfd as usize,
            ranges.as_ptr().expose_provenance(),
            ranges.len(),
            advice as usize,
            0,
        )
    };
    check(raw)
}

/// No machine that Linux runs on has smaller pages.
pub(crate) const PAGE_MIN: usize = 4096;

/// `mincore(2)`: sets the lowest bit of a byte for each page that is in memory, and
/// clears it for each that is not; the other bits mean nothing.
///
/// # Errors
///
/// [`Errno::RANGE`]: `pages` has less than a byte for each [`PAGE_MIN`].
pub(crate) fn mincore(address: *mut u8, len: usize, pages: &mut [u8]) -> Result<()> {
    if pages.len() < len.div_ceil(PAGE_MIN) {
        return Err(Errno::RANGE);
    }
    // SAFETY: the kernel writes a byte for each page, and pages are not smaller: at most
    // as many as are borrowed for the call. It only looks at the memory.
    let raw = unsafe {
        arch::syscall3(
            __NR_mincore as usize,
            address.expose_provenance(),
            len,
            pages.as_mut_ptr().expose_provenance(),
        )
    };
    check(raw).map(drop)
}

/// `mremap(2)`, to where the kernel likes: the new address.
///
/// # Safety
///
/// The pages must be the caller's, who does not rely on what this changes of them; of
/// `flags` `MREMAP_FIXED` must not be.
pub(crate) unsafe fn mremap(
    address: *mut u8,
    from: usize,
    to: usize,
    flags: u32,
) -> Result<*mut u8> {
    // `MREMAP_DONTUNMAP` takes it for a wish.
    let anywhere = 0;
    // SAFETY: the call reads no memory of this process; what it does to the pages is the
    // caller's to answer for.
    let raw = unsafe {
        arch::syscall5(
            __NR_mremap as usize,
            address.expose_provenance(),
            from,
            to,
            flags as usize,
            anywhere,
        )
    };
    Ok(core::ptr::with_exposed_provenance_mut(check(raw)?))
}

/// `mseal(2)`.
///
/// # Safety
///
/// Nobody may have to unmap, move, protect or discard these pages any more.
pub(crate) unsafe fn mseal(address: *mut u8, len: usize) -> Result<()> {
    // SAFETY: the call reads no memory of this process; that the pages stay is the
    // caller's to answer for.
    let raw = unsafe { arch::syscall3(__NR_mseal as usize, address.expose_provenance(), len, 0) };
    check(raw).map(drop)
}

/// `memfd_secret(2)`.
pub(crate) fn memfd_secret(flags: u32) -> Result<OwnedFd> {
    // SAFETY: no memory is involved.
    let raw = unsafe { arch::syscall1(__NR_memfd_secret as usize, flags as usize) };
    let fd = check(raw)? as RawFd;
    // SAFETY: just made, for nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
