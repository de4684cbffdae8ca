//! The examples, run as their users run them.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod forkserver;
mod tour;
mod trace;
