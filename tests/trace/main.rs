//! Threads stopped, stepped, looked at and changed.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod backtrace;
mod hidden;
mod part;
mod steps;
mod stops;
mod tree;
mod wait;
