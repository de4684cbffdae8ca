//! System V message queues, semaphore sets and shared memory.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod memory;
mod message;
mod semaphore;
