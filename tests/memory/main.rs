//! Memory to share: mappings, memfds, advice, and page faults as messages.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod advice;
mod kinds;
mod mapping;
mod memfd;
mod parts;
mod resize;
mod userfault;
mod views;

use rawipc::memory::memfd::{Memfd, MemfdFlags, create};
use rawipc::memory::{MapOptions, Mapping};

pub(crate) fn memfd_of(size: usize) -> Memfd {
    let memfd = create("rawipc-test", MemfdFlags::empty()).unwrap();
    memfd.set_size(size as u64).unwrap();
    memfd
}

pub(crate) fn private(len: usize) -> Mapping {
    MapOptions::private(len).map_anonymous().unwrap()
}

pub(crate) fn shared(len: usize) -> Mapping {
    MapOptions::shared(len).map_anonymous().unwrap()
}
