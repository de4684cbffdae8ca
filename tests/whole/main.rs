//! What holds for every mechanism: interruptions, deadlines, stops, forks, calls that are absent.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod absent_calls;
mod deadline;
mod embedded_io;
mod errno;
mod filesize;
mod first_thread;
mod forked_owners;
mod stopped;
mod storm;
mod streams;
mod uncontended;
