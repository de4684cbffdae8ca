//! Meeting at a ring: by a name, by a socket, and from who started the program.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod conversions;
mod cycles;
mod duplex;
mod errors;
mod hostile;
mod inherited;
mod named;
mod seat;
mod socket;
mod storm;
mod without_proc;

use std::path::PathBuf;

use rawipc::ring::spsc;

type Ring = spsc::Ring;

fn create() -> rawipc::Result<Ring> {
    Ring::create(1 << 12)
}

/// A name in `/dev/shm` of this test's own, taken away when dropped.
struct Name(PathBuf);

impl Name {
    fn new(name: &str) -> Self {
        let name = format!("rawipc-test-{}-{name}", std::process::id());
        Self(PathBuf::from("/dev/shm").join(name))
    }
}

impl core::ops::Deref for Name {
    type Target = PathBuf;

    fn deref(&self) -> &PathBuf {
        &self.0
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
