//! The errors that the documentation of `inspect` names.

use std::fs::File;
use std::os::fd::AsRawFd;

use rawipc::inspect;
use rawipc::memory::memfd::{self, MemfdFlags};

use crate::support::documented::{Table, hold};

#[test]
fn every_documented_error_is_provoked_or_excused() {
    hold(test_name!(), "inspect", rows, &[], &[]);
}

#[rustfmt::skip]
fn rows(table: &mut Table) {
    let memfd = memfd::create("test", MemfdFlags::empty()).unwrap();
    own_row!(table, "inspect::look", WrongSize, "empty", inspect::look(&memfd));
    memfd.set_size(4096).unwrap();
    own_row!(table, "inspect::look", WrongMagic, "zeros", inspect::look(&memfd));
    let number = memfd.as_raw_fd();
    let unreadable = File::options().write(true).open(format!("/proc/thread-self/fd/{number}")).unwrap();
    own_row!(table, "inspect::look", Kernel, "not open for reading", inspect::look(&unreadable));
}
