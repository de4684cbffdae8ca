//! A cache line asked for before it is needed.

/// Asks for the cache line at `address`, to be written: not without an extension of this machine
/// that not all have.
#[inline(always)]
pub(crate) fn prefetch_for_writing(_address: *const u8) {}
