//! Pipes and FIFOs.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod anonymous;
mod fifo;

use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rawipc::Deadline;
use support::LeakCheck;

pub(crate) const SHORT: Duration = Duration::from_millis(20);

/// Fails when `f` takes no time until a deadline that is [`SHORT`] away.
#[track_caller]
pub(crate) fn takes_its_time<T: PartialEq + core::fmt::Debug>(
    expected: T,
    f: impl FnOnce(Deadline) -> T,
) {
    let begin = Instant::now();
    assert_eq!(f(Deadline::after(SHORT)), expected);
    assert!(begin.elapsed() >= SHORT, "only {:?}", begin.elapsed());
}

/// The check, and the promise that no other test of this file runs: a process that
/// another test is about to start has a copy of every descriptor for a moment, so
/// that nothing would be hung up when it is closed here.
#[track_caller]
pub(crate) fn begin() -> (LeakCheck, MutexGuard<'static, ()>) {
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    (LeakCheck::begin(), alone)
}
