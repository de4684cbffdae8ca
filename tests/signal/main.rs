//! Signals: sent, handled, awaited, read and timed, and what a debugger sees of them.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod delivery;
mod unwind;
