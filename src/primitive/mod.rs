//! The seam between the algorithms and what they run on: real atomics, memory
//! and futex, or models of them.
//!
//! This is the one place that knows of models. The package `models/` builds the crate with
//! `cfg(rawipc_loom)`, which chooses them.

#[cfg(not(rawipc_loom))]
mod real;
#[cfg(not(rawipc_loom))]
pub(crate) use real::{
    AtomicU32, AtomicU64, Bell, Bytes, Cells, Description, FAILURES_PER_LOOK, File, LOCK_SPINS,
    Lent, Linked, List, LongPair, LongWord, Map, Owned, Pair, Piece, RacingValue, SEATS, SPINS_MAX,
    SPINS_MIN, SWEEP_QUESTIONS, SWEEP_STEPS, TRIES_MAX, Value, Word, Words, barrier, fence,
    fence_behind_change, pause, relax_processor, rest,
};

#[cfg(rawipc_loom)]
mod model;
#[cfg(rawipc_loom)]
pub(crate) use model::{
    AtomicU32, AtomicU64, Bell, Bytes, Cells, Description, FAILURES_PER_LOOK, File, LOCK_SPINS,
    Lent, Linked, List, LongPair, LongWord, Map, Owned, Pair, Piece, RacingValue, SEATS, SPINS_MAX,
    SPINS_MIN, SWEEP_QUESTIONS, SWEEP_STEPS, TRIES_MAX, Value, Word, Words, barrier, fence,
    fence_behind_change, pause, relax_processor, rest,
};

/// Where in a region's file the lock byte of number 0 is, which nobody has: far behind the end of
/// any file. That of each member follows by its number.
pub(crate) const LOCKS_AT: i64 = 1 << 62;

mod cell;
mod order;
mod shared;
pub(crate) use cell::Cell;
pub(crate) use order::StoreLoad;
pub use shared::Shared;

/// Declares a function that is `const` where the atomics it calls have `const`
/// constructors: the models' do not.
macro_rules! const_constructor {
    ($(#[$meta:meta])* $vis:vis fn $($rest:tt)*) => {
        #[cfg(not(rawipc_loom))]
        $(#[$meta])* $vis const fn $($rest)*
        #[cfg(rawipc_loom)]
        $(#[$meta])* $vis fn $($rest)*
    };
}
pub(crate) use const_constructor;

/// Asserts what holds of the layout of atomics in memory: the models' have another.
macro_rules! layout {
    ($($holds:expr),* $(,)?) => {
        #[cfg(not(rawipc_loom))]
        const _: () = {
            $(assert!($holds);)*
        };
    };
}
pub(crate) use layout;
