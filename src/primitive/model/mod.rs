//! What a model explores: atomics, words and memory of `models/runtime`, as the algorithms
//! know them.

pub(crate) mod barrier;
mod bell;
mod bytes;
mod cells;
mod file;
mod map;
mod pair;
mod robust;
mod value;
mod word;

use core::time::Duration;

pub(crate) use bell::Bell;
pub(crate) use bytes::Bytes;
pub(crate) use cells::Cells;
pub(crate) use file::{Description, File, Lent, Owned};
pub(crate) use map::{Map, Piece};
pub(crate) use pair::{LongPair, Pair};
pub(crate) use robust::{Linked, List};
pub(crate) use value::{RacingValue, Value};
pub(crate) use word::{LongWord, Word, Words};

pub(crate) use rawipc_model::{AtomicU32, AtomicU64, fence, pause, pause as relax_processor};

/// A model does not spin before it sleeps: it would be more of the same.
pub(crate) const SPINS_MIN: u32 = 0;
pub(crate) const SPINS_MAX: u32 = 0;

pub(crate) const LOCK_SPINS: u32 = 0;

/// More often than the honest processes of any model change a word meanwhile.
pub(crate) const TRIES_MAX: u32 = 64;

/// So few that a model comes there.
pub(crate) const FAILURES_PER_LOOK: u32 = 2;

/// So few that a search has parts.
pub(crate) const SWEEP_STEPS: u32 = 2;
pub(crate) const SWEEP_QUESTIONS: usize = 1;

pub(crate) fn fence_behind_change() {
    fence(core::sync::atomic::Ordering::SeqCst);
}

pub(crate) fn rest(_duration: Duration) {
    pause();
}

/// Few, as each is a word of the model's.
pub(crate) const SEATS: usize = 3;
