//! A modelled machine: threads that stand for processes and can die at each of their atomic
//! steps, a futex as bare as the kernel's, memory each of whose words complains of a race.
//!
//! loom explores in which order the steps come, and which of the values that the memory
//! model allows a load returns. What loom does not know is added here:
//!
//! - **Deaths.** [`Model::killing`] explores a model once for every atomic step of a
//!   [`process`], which is its last one then: nothing of it runs any more, no destructor
//!   either, and [`Region::is_locked`] says so.
//! - **Stops.** [`Model::stopping`] explores a model once for every atomic step of a process, which
//!   is stopped before it until it is told to go on ([`Process::go_on`]).
//! - **Sleeps that end early.** [`Model::returning_early`] explores a model once for every
//!   sleep and lets that one end by a time-out, and by an interruption, at any moment.
//! - **The futex** ([`Word`]). It orders nothing for those who do not sleep. A sleeper that
//!   dies stays queued, and a wake can be spent on it.
//! - **Bells** ([`Bell`]): descriptors that are readable once rung, on which one sleeps too.
//! - **Wakes that do not come** ([`Hindrance`]), because a filter refuses the call or a stranger
//!   is at the word.
//! - **Barriers** of which one side is free ([`light_barrier`], [`heavy_barrier`]), and which the kernel may
//!   refuse to some ([`Model::without_barriers`]).
//! - **Membership** ([`Region`], [`Description`]): who has which number locked, as told by the
//!   kernel.
//! - **Robust locks** ([`RobustList`]): what the kernel does with the locks of a dead thread.
//! - **Locks with priority inheritance** ([`Word::lock_pi`]): the kernel passes them on, to who came first. A
//!   death of which no list tells is not told to those who wait either, which is worse than the kernel is.
//! - **Forks** ([`in_child`]), as far as that a child can tell that it is one.
//!
//! The sleep of a process with a deadline ends, too, when another one has died, when a wake for
//! one was spent on a dead sleeper, or when a wake was hindered; but twice for each, so that who
//! relies on looking again and again does strand.

mod atomic;
mod barrier;
mod bell;
mod inherit;
mod model;
mod pair;
mod process;
mod racing;
mod region;
mod robust;
mod word;

pub use atomic::{AtomicU32, AtomicU64, fence};
pub use barrier::{heavy_barrier, light_barrier, register_for_barriers};
pub use bell::Bell;
pub use inherit::Untaken;
pub use loom::cell;
pub use loom::thread;
pub use model::{Hindrance, Model};
pub use pair::{LongPair, Pair};
pub use process::{Process, die, in_child, is_child, pause, process};
pub use racing::RacingBytes;
pub use region::{Bytes, Description, Region, Sections};
pub use robust::RobustList;
pub use word::{Slept, StoredWord, Unwoken, Word, Word64, Words, wait_any};
