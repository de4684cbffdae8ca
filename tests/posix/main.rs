//! POSIX message queues, semaphores and shared memory.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod memory;
mod message;
mod semaphore;
