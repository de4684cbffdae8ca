//! Addresses of what the calls read, and the size of a set of signals.

use core::mem::size_of;

/// The size of the kernel's signal set.
pub(super) const SIGSET_SIZE: usize = size_of::<u64>();

pub(super) fn address<T>(value: &T) -> usize {
    core::ptr::from_ref(value).expose_provenance()
}

pub(super) fn optional_address<T>(value: Option<&T>) -> usize {
    value.map_or(0, address)
}
