//! A modelled machine: threads that stand for processes and can die at each of their atomic
//! steps, a futex as bare as the kernel's, memory each of whose words complains of a race.
//!
//! loom explores in which order the steps come, and which of the values that the memory
//! model allows a load returns. What loom does not know is added here:
//!
//! - **Deaths.** [`Model::killing`] explores a model once for every atomic step of a
//!   [`process`], which is its last one then: nothing of it runs any more, no destructor
//!   either, and [`Member::alive`] says so.
//! - **Sleeps that end early.** [`Model::returning_early`] explores a model once for every
//!   sleep and lets that one end by a time-out, and by an interruption, at any moment.
//! - **The futex** ([`Word`]). It orders nothing for those who do not sleep. A sleeper that
//!   dies stays queued, and a wake can be spent on it.
//! - **Wakes that do not come** ([`Hindrance`]), because a filter refuses the call or a stranger
//!   is at the word.
//! - **Membership** ([`Region`], [`Member`]), as told by the kernel.
//!
//! The sleep of a process with a deadline ends, too, when another one has died or a wake was
//! hindered; but twice for each, so that who relies on looking again and again does strand.

mod atomic;
mod model;
mod pair;
mod process;
mod region;
mod word;

pub use atomic::{AtomicU32, AtomicU64, fence};
pub use loom::cell;
pub use loom::thread;
pub use model::{Hindrance, Model};
pub use pair::Pair;
pub use process::{Process, pause, process};
pub use region::{Bytes, Member, Region};
pub use word::{Slept, Unwoken, Word, Word64, wait_any};
