//! Two words changed in one step.

use core::arch::asm;

/// Whether [`store_pair`] changes both halves in one step: with AVX, aligned stores of
/// 16 bytes are atomic (Intel's manual, volume 3, "Guaranteed Atomic Operations"; AMD's,
/// volume 2, "Access Atomicity"). A few microseconds in a virtual machine.
pub(crate) fn stores_pairs() -> bool {
    const AVX: u32 = 1 << 28;
    core::arch::x86_64::__cpuid(1).ecx & AVX != 0
}

/// Stores `low` and `high` one behind the other, in one step where
/// [`stores_pairs`] says so, after everything that the program did before.
///
/// # Safety
///
/// `to` must be a multiple of 16 and point to 16 bytes of memory that may be written by
/// this process and is read only as atomics.
#[inline(always)]
pub(crate) unsafe fn store_pair(to: *mut u64, low: u64, high: u64) {
    // SAFETY: the caller vouches for the address; every processor has SSE2, and no
    // store of this machine overtakes what comes before it.
    unsafe {
        asm!(
            "movq {a}, {low}",
            "movq {b}, {high}",
            "punpcklqdq {a}, {b}",
            "movaps [{to}], {a}",
            low = in(reg) low,
            high = in(reg) high,
            to = in(reg) to,
            a = out(xmm_reg) _,
            b = out(xmm_reg) _,
            options(nostack, preserves_flags),
        );
    }
}
