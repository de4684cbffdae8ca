//! Clocks, by the vDSO and by the system call.
//!
//! A look at the clock through the vDSO costs a fraction of a system call, but its parser
//! is larger than a whole static program: who is about to sleep makes the call.

use core::mem::MaybeUninit;

use linux_raw_sys::general::{__NR_clock_gettime, CLOCK_MONOTONIC};
use rustix::time::ClockId;

use crate::{Timespec, arch};

/// `CLOCK_MONOTONIC` through the vDSO, and where there is none by `clock_gettime(2)`.
///
/// The function's address is looked for once in a process and kept, the same whoever
/// finds it.
pub(crate) fn monotonic_mapped() -> Timespec {
    rustix::time::clock_gettime(ClockId::Monotonic)
}

/// `clock_gettime(2)` of `CLOCK_MONOTONIC`.
pub(crate) fn monotonic() -> Timespec {
    clock_gettime(CLOCK_MONOTONIC)
}

/// `clock_gettime(2)`; 0 of a clock that does not exist.
pub(crate) fn clock_gettime(clock: u32) -> Timespec {
    let mut now = MaybeUninit::<Timespec>::zeroed();
    // SAFETY: the kernel writes one timespec, whose layout Timespec has on
    // 64-bit machines, or nothing.
    unsafe {
        arch::syscall2(
            __NR_clock_gettime as usize,
            clock as usize,
            now.as_mut_ptr().expose_provenance(),
        )
    };
    // SAFETY: zeroed and perhaps overwritten by the kernel: initialized.
    unsafe { now.assume_init() }
}
