//! Conversions and conveniences for programs that use std, and nothing else.

mod errors;
mod event;
mod memory;
mod pipe;
mod posix;
mod ring;
mod socket;
mod whole;
