//! Until when to wait, for what, and how.
//!
//! A [`Deadline`](deadline::Deadline) is a moment. [`Patience`](patience::Patience) is what
//! a function's name says: block, `try_` or `_until`. [`ready`] waits for a descriptor,
//! [`backoff`] looks again and again where the kernel wakes nobody, [`short`] goes on until
//! all of a message is through, [`schedule`] says when timers expire, and [`inherit`] waits for a lock
//! that the kernel passes on.

pub(crate) mod backoff;
pub(crate) mod deadline;
pub(crate) mod inherit;
pub(crate) mod patience;
pub(crate) mod ready;
pub(crate) mod schedule;
pub(crate) mod short;
