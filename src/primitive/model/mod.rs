//! What a model explores: atomics, words and memory of `models/runtime`, as the algorithms
//! know them.

mod bytes;
// The file is real, so that what was checked of it is known of it.
#[path = "../real/member.rs"]
pub(crate) mod member;
mod pair;
mod place;
mod word;

use core::time::Duration;

pub(crate) use bytes::Bytes;
pub(crate) use pair::Pair;
pub(crate) use place::{Place, Source};
pub(crate) use word::{LongWord, Word};

pub(crate) use rawipc_model::{AtomicU32, AtomicU64, fence, pause, pause as relax_processor};

/// A model does not spin before it sleeps: it would be more of the same.
pub(crate) const SPINS_MIN: u32 = 0;
pub(crate) const SPINS_MAX: u32 = 0;

/// So few that a model comes there.
pub(crate) const FAILURES_PER_LOOK: u32 = 2;

pub(crate) fn rest(_duration: Duration) {
    pause();
}
