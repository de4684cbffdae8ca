//! Algorithms on words of shared memory.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod futex;
mod pi;
mod semaphore;
