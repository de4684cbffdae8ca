//! The newest item, beside the producer's word.

use core::marker::PhantomData;

use super::{Item, Waiting};
use crate::primitive::Pair;

/// Whether the newest item is beside the producer's word, as well as in its place among
/// the data: then one cache line brings both to a consumer that waits for it. Where
/// nobody sleeps, items are short enough and the machine can store both in one step.
#[derive(Debug)]
pub(super) struct Beside<I, W> {
    machine: bool,
    kind: PhantomData<fn(I) -> (I, W)>,
}

impl<I, W> Clone for Beside<I, W> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<I, W> Copy for Beside<I, W> {}

impl<I: Item, W: Waiting> Beside<I, W> {
    pub(super) const POSSIBLE: bool = !W::SLEEPS && size_of::<I>() <= size_of::<u64>();

    pub(super) fn new() -> Self {
        Self {
            machine: Self::POSSIBLE && Pair::can_store(),
            kind: PhantomData,
        }
    }

    #[inline(always)]
    pub(super) fn agreed(self) -> bool {
        Self::POSSIBLE && self.machine
    }

    #[inline(always)]
    pub(super) fn pack(item: &I) -> u64 {
        let mut bytes = [0; size_of::<u64>()];
        for (to, &from) in bytes.iter_mut().zip(item.as_bytes()) {
            *to = from;
        }
        u64::from_ne_bytes(bytes)
    }

    #[inline(always)]
    pub(super) fn unpack(packed: u64) -> Option<I> {
        let bytes = packed.to_ne_bytes();
        bytes
            .get(..size_of::<I>())
            .and_then(|bytes| I::read_from_bytes(bytes).ok())
    }
}
