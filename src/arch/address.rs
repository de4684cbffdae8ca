//! Addresses in memory, read and written by one instruction each: what the kernel follows when a
//! thread dies must never be half of one.

use super::machine;

/// Whether an address may lie at any multiple of four: not on machines where that is two accesses.
pub(crate) const ADDRESSES_UNALIGNED: bool = machine::LOADS_UNALIGNED;

/// Loads the address that lies at `from`.
///
/// # Safety
///
/// Eight bytes must be readable there, which lie as [`ADDRESSES_UNALIGNED`] allows.
#[inline(always)]
pub(crate) unsafe fn load_address(from: usize) -> usize {
    // SAFETY: the caller's promise.
    unsafe { machine::load_u64(core::ptr::with_exposed_provenance(from), 0) as usize }
}

/// Stores an address at `to`. The compiler moves no access of memory from one side of it to the
/// other.
///
/// # Safety
///
/// Eight bytes must be writable there, which lie as [`ADDRESSES_UNALIGNED`] allows.
#[inline(always)]
pub(crate) unsafe fn store_address(to: usize, address: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        machine::store_u64(
            core::ptr::with_exposed_provenance_mut(to),
            0,
            address as u64,
        )
    }
}
