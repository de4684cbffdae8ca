//! The newest item, beside the producer's word: then one cache line brings both to a consumer
//! that waits for it. It is in its place among the data too.
#![forbid(unsafe_code)]

use super::Item;
use crate::primitive::LongPair;

/// Whether items are short enough for it.
pub(super) const fn is_possible<I>() -> bool {
    size_of::<I>() <= size_of::<u64>()
}

/// Whether a producer of such items, on this machine, stores both in one step.
pub(super) fn is_done<I>() -> bool {
    is_possible::<I>() && LongPair::can_store()
}

#[inline(always)]
pub(super) fn pack<I: Item>(item: &I) -> u64 {
    let mut bytes = [0; size_of::<u64>()];
    for (to, &from) in bytes.iter_mut().zip(item.as_bytes()) {
        *to = from;
    }
    u64::from_ne_bytes(bytes)
}

#[inline(always)]
pub(super) fn unpack<I: Item>(packed: u64) -> Option<I> {
    let bytes = packed.to_ne_bytes();
    bytes
        .get(..size_of::<I>())
        .and_then(|bytes| I::read_from_bytes(bytes).ok())
}
