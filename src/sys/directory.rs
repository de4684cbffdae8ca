//! Directories: `getdents64(2)` into a buffer that the caller keeps, where rustix's
//! iterators borrow or allocate theirs.

use linux_raw_sys::general::__NR_getdents64;
use rustix::fd::{AsRawFd, BorrowedFd};

use super::check;
use crate::{Result, arch};

/// `getdents64(2)`: returns how many bytes of entries were written, 0 at the end.
pub(crate) fn getdents64(directory: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: the kernel writes at most the buffer.
    let raw = unsafe {
        arch::syscall3(
            __NR_getdents64 as usize,
            directory.as_raw_fd() as usize,
            buffer.as_mut_ptr().expose_provenance(),
            buffer.len(),
        )
    };
    check(raw)
}
