//! Messages through shared memory.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod spsc;
