//! Memory: `madvise(2)` with every advice, as rustix's list lacks some.

use linux_raw_sys::general::__NR_madvise;

use super::check;
use crate::{Result, arch};

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
