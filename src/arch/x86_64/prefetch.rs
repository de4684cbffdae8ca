//! A cache line asked for before it is needed.

use core::arch::asm;

/// Asks for the cache line at `address`, to be written: a hint, which cannot fail, whatever is
/// there.
#[inline(always)]
pub(crate) fn prefetch_for_writing(address: *const u8) {
    // SAFETY: it changes nothing that a program could see. Processors without it do nothing.
    unsafe {
        asm!("prefetchw [{}]", in(reg) address, options(nostack, preserves_flags, readonly));
    };
}
