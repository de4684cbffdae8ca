//! The examples, run as their users run them.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod afl;
mod forkserver;
mod inspect;
mod port;
mod service;
mod tour;
mod trace;

pub(crate) fn text(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).expect("UTF-8")
}
