//! Locks on files, by which processes share a resource: they keep others out by
//! agreement, and the kernel releases them however a process ends.
//!
//! | module | of what | held by |
//! |---|---|---|
//! | [`ofd`] | bytes of a file | an open file description |
//! | [`process`] | bytes of a file | a process, with a trap |
//! | [`flock`] | a whole file | an open file description |
//! | [`lease`] | a whole file, against being opened | an open file description |
//!
//! [`ofd`] is the one to choose: its locks are for threads as well as for
//! processes, are inherited and passed on with the descriptor, and go only when they
//! are released or its last descriptor is closed. The others are for meeting
//! programs that use them. [`ofd`] and [`process`] keep each other out; [`flock`]
//! knows neither, on a local file system.
//!
//! Locks are advisory: a process that does not ask can read and write as ever (a [`lease`] is
//! more). No lock reports whether its last holder died in the middle of a change; the data
//! itself must show that.
//!
//! # Deadlines
//!
//! The kernel can wait for such a lock for ever or not at all. A wait with an end
//! would take a signal, whose handler and timer are state of the whole process, or a
//! thread; this crate has neither. So the `lock_until` functions try, sleep, and try
//! again: after [`NAP_FIRST`], then after twice as long each time, up to
//! [`NAP_MAX`], and at the deadline a last time. That means:
//!
//! - such a wait learns of the release late, by up to its last nap;
//! - it costs up to some 50 system calls per second, and hardly any processor time;
//! - it does not stand in the queue: who waits without a deadline comes first, and
//!   where a lock is hardly ever free it can starve;
//! - the kernel cannot see it, so that it takes part in no detection of deadlocks.
//!   Its deadline ends a deadlock;
//! - no signal ends it: it goes on until the deadline.
//!
//! With [`Deadline::Never`] it is the plain wait, with none of that.
#![forbid(unsafe_code)]

pub mod flock;
mod kind;
pub mod lease;
pub mod ofd;
mod patience;
pub mod process;
mod range;

#[cfg(doc)]
use crate::Deadline;

pub use kind::Kind;
pub use patience::{NAP_FIRST, NAP_MAX};
pub use range::{Holder, Owner, RangeGuard};
