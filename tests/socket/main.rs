//! Sockets: what crosses them, their addresses, and what is told beside.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod address;
mod inet;
mod netlink;
mod received;
mod transfer;
