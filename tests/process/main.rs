//! Processes: started, waited for, looked at; what they may have and which calls they may make.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod children;
mod command;
mod compare;
mod inherited;
mod limits;
mod maps;
mod memory;
mod numbers;
mod seccomp;
mod start;
mod std_command;
mod syscalls;
mod tree;
mod watch;

use core::ffi::CStr;

use rawipc::process::exec::List;
use rawipc::process::{SpawnError, Spawned, State, Step, wait_until};
use rawipc::{Errno, Pid};
use support::{Peer, limit};

pub(crate) fn pid(peer: &Peer) -> Pid {
    Pid::from_raw(peer.id() as i32).unwrap()
}

pub(crate) fn failed(step: Step, errno: Errno) -> SpawnError {
    SpawnError { step, errno }
}

pub(crate) fn script(script: &CStr) -> List<'_, 3> {
    List::of([c"sh", c"-c", script])
}

#[track_caller]
pub(crate) fn state_of(spawned: &Spawned) -> State {
    let change = wait_until(spawned, limit()).expect("the program ends");
    assert_eq!(change.pid, spawned.pid);
    change.state
}

/// A line of `/proc/PID/status`.
#[track_caller]
pub(crate) fn field<'a>(status: &'a str, name: &str) -> &'a str {
    let mut lines = status.lines().filter_map(|line| line.split_once(':'));
    let found = lines.find_map(|(field, value)| (field == name).then_some(value));
    found.expect("such a field").trim()
}
