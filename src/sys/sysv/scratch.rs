//! [`Scratch`]: memory for calls that are not told how much room there is.

use core::ptr::null_mut;

use rustix::mm::{self, MapFlags, MprotectFlags, ProtFlags};

use crate::{Errno, Result, arch};

/// Zeroed memory that ends exactly where a page begins that nobody can access: a call
/// that is not told how much room there is fails with `EFAULT` when it is not enough.
pub(super) struct Scratch {
    mapping: *mut u8,
    mapped: usize,
    pub(super) begin: *mut u8,
}

impl Scratch {
    pub(super) fn new(size: usize) -> Result<Self> {
        // A multiple of the page size, whatever that is.
        const PAGE: usize = arch::MAX_PAGE_SIZE;
        let usable = size
            .max(1)
            .checked_next_multiple_of(PAGE)
            .ok_or(Errno::NOMEM)?;
        let mapped = usable.checked_add(PAGE).ok_or(Errno::NOMEM)?;
        // SAFETY: without an address and without MAP_FIXED the kernel takes a place
        // that is free, so that no memory in use changes.
        let mapping = unsafe {
            mm::mmap_anonymous(
                null_mut(),
                mapped,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )
        }?
        .cast::<u8>();
        let scratch = Self {
            mapping,
            mapped,
            begin: mapping.wrapping_add(usable - size),
        };
        let guard = mapping.wrapping_add(usable).cast();
        // SAFETY: the last page of what has just been mapped.
        unsafe { mm::mprotect(guard, PAGE, MprotectFlags::empty()) }?;
        Ok(scratch)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Cannot fail: these very pages were mapped, and in one piece.
        // SAFETY: nothing of it is borrowed.
        let _ = unsafe { mm::munmap(self.mapping.cast(), self.mapped) };
    }
}
