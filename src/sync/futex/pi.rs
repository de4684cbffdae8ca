//! Locks with priority inheritance: the PI part of `futex(2)`.
//!
//! A thread that waits for such a lock lends its priority to the thread that holds it until
//! that releases it, so that no urgent thread waits for a less urgent one to be scheduled.
//! The kernel reads and writes the word, which has this format:
//!
//! | the word | |
//! |---|---|
//! | 0 | free |
//! | [`TID_MASK`] | the number of the thread that holds it |
//! | [`WAITERS`] | the kernel must be told when it is let go of |
//! | [`OWNER_DIED`] | who held it died: what it protects may be half-changed |
//!
//! The numbers are those of the *caller's* PID namespace ([`process::thread_id`]): all
//! who use a word must be in the same one.
//!
//! Nobody needs the kernel for a lock that nobody wants: it is taken by a change from 0 to
//! one's number, and let go of by one from one's number to 0. When the change fails, the
//! kernel serves.
//!
//! ```
//! use core::sync::atomic::AtomicU32;
//! use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
//! use rawipc::process;
//! use rawipc::sync::futex::{Scope, pi};
//!
//! fn with<T>(word: &AtomicU32, does: impl FnOnce() -> T) -> rawipc::Result<T> {
//!     let me = process::thread_id().as_raw_pid() as u32;
//!     if word.compare_exchange(0, me, Acquire, Relaxed).is_err() {
//!         pi::lock(word, Scope::Private)?;
//!     }
//!     let done = does();
//!     if word.compare_exchange(me, 0, Release, Relaxed).is_err() {
//!         pi::unlock(word, Scope::Private)?;
//!     }
//!     Ok(done)
//! }
//!
//! let word = AtomicU32::new(0);
//! assert_eq!(with(&word, || 7), Ok(7));
//! assert_eq!(word.load(Relaxed), 0);
//! ```
//!
//! # What a death does
//!
//! When a holder dies for whom somebody *sleeps in the kernel*, the most urgent of those
//! holds the lock then, and finds [`OWNER_DIED`] in the word until it lets go. When nobody
//! slept, the word keeps the dead one's number, and nobody is told: to [`lock`] it is
//! [`Errno::SRCH`](crate::Errno::SRCH) while no other thread has that number, and a wait for that thread when
//! one has. Whoever knows otherwise that it died puts its own number in the place of that
//! one, adds [`OWNER_DIED`] and leaves [`WAITERS`] as it is, in one change. The kernel's
//! list of robust locks tells: [`robust::PiMutex`](crate::sync::robust::PiMutex) is in it.
//!
//! No wake is spent on a sleeper that dies: the lock is given to a thread, not announced.
//! Either it was no longer there to be given it, or it died holding it.
//!
//! [`process::thread_id`]: crate::process::thread_id
#![forbid(unsafe_code)]

use core::sync::atomic::AtomicU32;

use rustix::thread::futex;

use super::Scope;
use crate::sys::futex as sys;
use crate::wait::inherit;
use crate::{Deadline, Result};

/// The bits of a word that hold the owner's thread number: `FUTEX_TID_MASK`.
#[doc(alias = "FUTEX_TID_MASK")]
pub const TID_MASK: u32 = !(WAITERS | OWNER_DIED);

/// Set while a thread sleeps for the lock: `FUTEX_WAITERS`.
#[doc(alias = "FUTEX_WAITERS")]
pub const WAITERS: u32 = futex::WAITERS;

/// Set when a thread died that held the lock: `FUTEX_OWNER_DIED`.
#[doc(alias = "FUTEX_OWNER_DIED")]
pub const OWNER_DIED: u32 = futex::OWNER_DIED;

/// Takes the lock, and blocks while another thread holds it: `FUTEX_LOCK_PI`. A signal
/// handler that runs meanwhile does not end the call.
///
/// # Errors
///
/// - [`Errno::DEADLK`](crate::Errno::DEADLK): this thread holds it.
/// - [`Errno::SRCH`](crate::Errno::SRCH): the word has the number of a thread that there is not.
/// - [`Errno::INVAL`](crate::Errno::INVAL): the word and what the kernel knows do not agree: somebody changed
///   it who may not, or waits for it in another way.
/// - [`Errno::PERM`](crate::Errno::PERM): the word has the number of a kernel thread.
/// - [`Errno::NOMEM`](crate::Errno::NOMEM): the kernel has none.
/// - [`Errno::NOSYS`](crate::Errno::NOSYS): the kernel, or this machine, has no such locks.
#[doc(alias = "FUTEX_LOCK_PI")]
pub fn lock(word: &AtomicU32, scope: Scope) -> Result<()> {
    lock_until(word, scope, Deadline::Never)
}

/// Like [`lock`], but gives up at `deadline` with [`Errno::TIMEDOUT`](crate::Errno::TIMEDOUT): `FUTEX_LOCK_PI2`.
///
/// Before Linux 5.14 the kernel's deadlines are moments of the clock that people set
/// (`CLOCK_REALTIME`): there, when that is set back while the call waits, the deadline comes later
/// by as much.
///
/// # Errors
///
/// Those of [`lock`], and [`Errno::TIMEDOUT`](crate::Errno::TIMEDOUT).
#[doc(alias = "FUTEX_LOCK_PI2")]
pub fn lock_until(word: &AtomicU32, scope: Scope, deadline: Deadline) -> Result<()> {
    inherit::lock_pi(word, scope, deadline)
}

/// Like [`lock`], but returns [`Errno::AGAIN`](crate::Errno::AGAIN) instead of blocking: `FUTEX_TRYLOCK_PI`. Of use where the word says
/// [`WAITERS`] or [`OWNER_DIED`] and no number: a change from 0 would fail.
///
/// # Errors
///
/// Those of [`lock`], and [`Errno::AGAIN`](crate::Errno::AGAIN): another thread holds it.
#[doc(alias = "FUTEX_TRYLOCK_PI")]
pub fn try_lock(word: &AtomicU32, scope: Scope) -> Result<()> {
    sys::trylock_pi(word, scope)
}

/// Releases the lock and hands it to the most urgent sleeper: `FUTEX_UNLOCK_PI`.
///
/// # Errors
///
/// - [`Errno::PERM`](crate::Errno::PERM): this thread does not hold it.
/// - [`Errno::INVAL`](crate::Errno::INVAL): as for [`lock`].
#[doc(alias = "FUTEX_UNLOCK_PI")]
pub fn unlock(word: &AtomicU32, scope: Scope) -> Result<()> {
    sys::unlock_pi(word, scope)
}

/// Sleeps while `word` holds `expected`, to be woken only by a [`requeue`] to the lock
/// `target`, which this thread holds when it returns: `FUTEX_WAIT_REQUEUE_PI`, of which
/// condition variables are made.
///
/// # Errors
///
/// - [`Errno::AGAIN`](crate::Errno::AGAIN): the word held something else; or this sleeper was woken for no
///   reason, or by a signal while it waited for the lock. It does not hold that.
/// - [`Errno::INVAL`](crate::Errno::INVAL): `word` and `target` are the same, or the requeue was to another.
/// - Those of [`lock`].
#[doc(alias = "FUTEX_WAIT_REQUEUE_PI")]
pub fn wait_requeue(
    word: &AtomicU32,
    expected: u32,
    target: &AtomicU32,
    scope: Scope,
) -> Result<()> {
    wait_requeue_until(word, expected, target, scope, Deadline::Never)
}

/// Like [`wait_requeue`], but gives up at `deadline` with [`Errno::TIMEDOUT`](crate::Errno::TIMEDOUT).
///
/// # Errors
///
/// Those of [`wait_requeue`], and [`Errno::TIMEDOUT`](crate::Errno::TIMEDOUT): it does not hold the lock.
#[doc(alias = "FUTEX_WAIT_REQUEUE_PI")]
pub fn wait_requeue_until(
    word: &AtomicU32,
    expected: u32,
    target: &AtomicU32,
    scope: Scope,
    deadline: Deadline,
) -> Result<()> {
    let moment = deadline.moment();
    futex::wait_requeue_pi(word, scope.flags(), expected, moment.as_ref(), target)
}

/// Hands the lock `target`, if it is free, to the most urgent sleeper of `word`, and lets up
/// to `count` others wait for it, if `word` holds `expected`; returns how many of both:
/// `FUTEX_CMP_REQUEUE_PI`.
///
/// # Errors
///
/// - [`Errno::AGAIN`](crate::Errno::AGAIN): the word held something else; nothing was done.
/// - [`Errno::INVAL`](crate::Errno::INVAL): a sleeper of `word` is none of [`wait_requeue`] with this target.
/// - Those of [`lock`], of `target`.
#[doc(alias = "FUTEX_CMP_REQUEUE_PI")]
pub fn requeue(
    word: &AtomicU32,
    expected: u32,
    target: &AtomicU32,
    count: u32,
    scope: Scope,
) -> Result<usize> {
    let count = count.min(super::ALL);
    futex::cmp_requeue_pi(word, scope.flags(), count, target, expected)
}
