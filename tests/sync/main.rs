//! Algorithms on words of shared memory.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod any;
mod barrier;
mod condvar;
mod errors;
mod event;
mod futex;
mod handover;
mod hindered;
#[cfg(target_arch = "x86_64")]
mod in_handler;
mod latch;
mod lock_api;
mod lock_api_rwlock;
mod members;
mod mutex;
mod once;
mod pi;
mod pi_mutex;
mod robust;
#[cfg(target_arch = "x86_64")]
mod robust_handler;
mod rwlock;
mod semaphore;
mod seqlock;
mod storm;
mod uncontended;
mod waitgroup;

use rawipc::memory::{MapOptions, Mapping};

pub(crate) fn shared_memory() -> Mapping {
    MapOptions::shared(4096).map_anonymous().unwrap()
}
