//! Two words changed in one step: what machines lack whose stores, of 16 bytes, are not known
//! to be atomic: all but x86_64. aarch64 has them with LSE2, for which nobody has asked yet.

use core::sync::atomic::{Ordering::Release, fence};

use super::machine::store_u64;

/// Whether [`store_pair`] changes both halves in one step: no.
pub(crate) fn stores_pairs() -> bool {
    false
}

/// Stores `low` and `high` one behind the other. Not called: see [`stores_pairs`].
///
/// # Safety
///
/// `to` must be a multiple of 16 and point to 16 bytes of memory that may be written by
/// this process and is read only as atomics.
#[inline(always)]
pub(crate) unsafe fn store_pair(to: *mut u64, low: u64, high: u64) {
    // SAFETY: the caller's promise.
    unsafe { store_u64(to.cast(), 8, high) };
    fence(Release);
    // SAFETY: the caller's promise.
    unsafe { store_u64(to.cast(), 0, low) };
}
