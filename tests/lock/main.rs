//! Locks on files, and leases.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod lease;
mod locks;
