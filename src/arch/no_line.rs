//! A line at once into registers: what machines do without where it has not been measured, all but
//! x86_64.

use super::machine::load_u64;

/// Whether [`load_line`] is worth while: no.
pub(super) const LOADS_LINES: bool = false;

/// What it loads.
pub(super) type Line = [u8; size_of::<u64>()];

/// Loads a word. Not called: see [`LOADS_LINES`].
///
/// # Safety
///
/// It must be readable `at` bytes from `from`, and there be a multiple of eight.
#[inline(always)]
pub(super) unsafe fn load_line(from: *const u8, at: usize) -> Line {
    // SAFETY: the caller's promise is the callee's.
    unsafe { load_u64(from, at) }.to_ne_bytes()
}
