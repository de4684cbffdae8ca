//! Pipes and FIFOs.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod anonymous;
mod fifo;
