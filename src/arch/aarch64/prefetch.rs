//! A cache line asked for before it is needed.

use core::arch::asm;

/// Asks for the cache line at `address`, to be written: a hint, which cannot fail, whatever is
/// there.
#[inline(always)]
pub(crate) fn prefetch_for_writing(address: *const u8) {
    // SAFETY: it changes nothing that a program could see.
    unsafe {
        asm!("prfm pstl1keep, [{}]", in(reg) address, options(nostack, preserves_flags, readonly));
    };
}
