//! Creating a process with options: what it shares, where it is put, how its end is reported.
//! `clone3(2)`.
//!
//! [`CloneOptions::fork`] makes a copy of this process that goes on from where it is,
//! [`CloneOptions::vfork`] one that runs a function *in the caller's memory*, which takes no
//! time however much memory there is. To start a program, [`Command`](super::Command) does
//! all of it.

mod flags;
mod options;
mod stack;

pub use flags::CloneFlags;
pub use options::{CloneOptions, Cloned};
pub(super) use options::{Memory, Way};
