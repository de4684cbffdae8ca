//! Sleeping on a word of memory and waking who sleeps: `futex(2)`, `futex(7)`.
//!
//! A word is an [`AtomicU32`] anywhere in memory; in memory that processes share,
//! its place in the *file* is what they meet at, so that each may map it at an
//! address of its own.
//!
//! # What a death does
//!
//! A sleeper that is killed stays queued until it is next scheduled, and a wake
//! for one can be spent on it: 504 of 800 tries under load. Whoever wakes *one*
//! of several sleepers in different processes can strand the rest; wake all, or
//! let the sleepers look again. [`sync::Semaphore`](crate::sync::Semaphore) shows
//! a use that is safe.
//!
//! A process can also be killed between changing the word and waking:
//! [`wake_op`] does both in one system call.
//!
//! # What is left out
//!
//! - The list of robust locks (`set_robust_list(2)`), of which the kernel marks the words
//!   when a thread dies: [`robust`](super::robust) has it.
//! - `FUTEX_FD`, which no kernel has any more; `FUTEX_REQUEUE`, which loses wakes.
//! - `FUTEX_CLOCK_REALTIME`: deadlines are of the monotonic clock.
//! - `futex_wait(2)`, `futex_wake(2)` and `futex_requeue(2)` of Linux 6.7: the same again,
//!   for words of 32 bits, as long as those are all that they take.
#![forbid(unsafe_code)]

pub mod pi;

use core::num::NonZeroU32;
use core::sync::atomic::AtomicU32;

use rustix::thread::futex;

use crate::sys::futex as sys;
use crate::wait::ready;
use crate::{Deadline, Errno, Result};

#[doc(inline)]
pub use crate::sys::futex::{ALL, ANY, Operation, Scope, WakeOp, WakeOpCmp};

/// The maximum number of words for [`wait_any`].
pub const WAIT_ANY_MAX: usize = sys::WAITV_MAX;

/// Blocks until woken, if `word` holds `expected`: `FUTEX_WAIT`.
///
/// # Errors
///
/// [`Errno::AGAIN`]: the word held something else; nobody slept.
/// [`Errno::INTR`]: it was [interrupted](crate#interruptions).
#[doc(alias = "FUTEX_WAIT")]
pub fn wait(word: &AtomicU32, expected: u32, scope: Scope) -> Result<()> {
    wait_until(word, expected, scope, Deadline::Never)
}

/// Like [`wait`], but gives up at `deadline` with [`Errno::TIMEDOUT`].
///
/// When it is interrupted it sleeps again, if `word` still
/// holds `expected`: a wake that comes in between without a change of the word is lost.
///
/// # Errors
///
/// Those of [`wait`], and [`Errno::TIMEDOUT`], which says also that this sleeper was
/// not the one woken: a timeout loses no wake.
///
/// # Examples
///
/// ```
/// use core::sync::atomic::AtomicU32;
/// use rawipc::sync::futex::{self, Scope};
/// use rawipc::{Deadline, Errno};
///
/// let word = AtomicU32::new(1);
/// let slept = futex::wait_until(&word, 1, Scope::Private, Deadline::NOW);
/// assert_eq!(slept, Err(Errno::TIMEDOUT));
/// assert_eq!(futex::wait(&word, 2, Scope::Private), Err(Errno::AGAIN));
/// ```
#[doc(alias = "FUTEX_WAIT_BITSET")]
pub fn wait_until(word: &AtomicU32, expected: u32, scope: Scope, deadline: Deadline) -> Result<()> {
    wait_bitset(word, expected, ANY, scope, deadline)
}

/// Blocks until a wake that has one of `bits`, if `word` holds `expected`: `FUTEX_WAIT_BITSET`, with an absolute monotonic deadline.
///
/// # Errors
///
/// Those of [`wait_until`].
#[doc(alias = "FUTEX_WAIT_BITSET")]
pub fn wait_bitset(
    word: &AtomicU32,
    expected: u32,
    bits: NonZeroU32,
    scope: Scope,
    deadline: Deadline,
) -> Result<()> {
    let moment = deadline.moment();
    ready::until(deadline, || {
        sys::wait_bitset(word, expected, bits, scope, moment.as_ref())
    })
}

/// Wakes up to `count` sleepers, the earliest first, and returns how many: `FUTEX_WAKE`.
/// 0 wakes none, [`ALL`] everyone.
///
/// # Errors
///
/// None that a valid word can cause.
#[doc(alias = "FUTEX_WAKE")]
#[inline]
pub fn wake(word: &AtomicU32, count: u32, scope: Scope) -> Result<usize> {
    // The kernel wakes one when told to wake none, and when told to wake more than ALL.
    match count {
        0 => Ok(0),
        1..=ALL => futex::wake(word, scope.flags(), count),
        _ => futex::wake(word, scope.flags(), ALL),
    }
}

/// Wakes up to `count` of the sleepers that have one of `bits`:
/// `FUTEX_WAKE_BITSET`.
///
/// # Errors
///
/// None that a valid word can cause.
#[doc(alias = "FUTEX_WAKE_BITSET")]
pub fn wake_bitset(word: &AtomicU32, count: u32, bits: NonZeroU32, scope: Scope) -> Result<usize> {
    // The kernel wakes one when told to wake none.
    if count == 0 {
        return Ok(0);
    }
    futex::wake_bitset(word, scope.flags(), count.min(ALL), bits)
}

/// Changes `changed`, wakes up to `count` sleepers of `word`,
/// and, if the former value of `changed` compares as asked, up to
/// `changed_count` sleepers of `changed`: `FUTEX_WAKE_OP`, one system call. Returns how many woke.
///
/// The two may be the same word. An addition wraps silently. A count of 0 wakes
/// *one*, here as in the kernel: to wake nobody of `changed`, choose a comparison
/// that is false.
///
/// # Errors
///
/// [`Errno::INVAL`]: an operand has more than 12 bits; or somebody waits at `word` for a
/// [lock](pi), and then `changed` *was* changed. [`Errno::FAULT`]: the page of `changed` is
/// read-only.
#[doc(alias = "FUTEX_WAKE_OP")]
pub fn wake_op(
    word: &AtomicU32,
    count: u32,
    changed: &AtomicU32,
    changed_count: u32,
    operation: Operation,
    scope: Scope,
) -> Result<usize> {
    sys::wake_op(word, count, changed, changed_count, operation, scope)
}

/// Wakes up to `wake` sleepers of `word` and moves up to `requeue` of the rest to `target`,
/// if `word` holds `expected`; returns how many of both:
/// `FUTEX_CMP_REQUEUE`.
///
/// # Errors
///
/// [`Errno::AGAIN`]: the word held something else; nothing was done.
#[doc(alias = "FUTEX_CMP_REQUEUE")]
pub fn requeue(
    word: &AtomicU32,
    expected: u32,
    wake: u32,
    target: &AtomicU32,
    requeue: u32,
    scope: Scope,
) -> Result<usize> {
    futex::cmp_requeue(
        word,
        scope.flags(),
        wake.min(ALL),
        requeue.min(ALL),
        target,
        expected,
    )
}

/// A word that [`wait_any`] waits for, and what it must hold.
///
/// # Examples
///
/// ```
/// use core::sync::atomic::{AtomicU32, Ordering};
/// use rawipc::sync::futex::{self, Scope, Watched};
/// use rawipc::{Deadline, Errno};
///
/// let (jobs, stop) = (AtomicU32::new(0), AtomicU32::new(0));
/// std::thread::scope(|threads| {
///     threads.spawn(|| {
///         stop.store(1, Ordering::Release);
///         futex::wake(&stop, futex::ALL, Scope::Private)
///     });
///     let watched =
///         [&jobs, &stop].map(|word| Watched { word, expected: 0, scope: Scope::Private });
///     match futex::wait_any(&watched, Deadline::Never) {
///         Ok(index) => println!("word {index} was woken"),
///         Err(Errno::AGAIN) => println!("one has changed already"),
///         Err(Errno::NOSYS) => println!("before Linux 5.16"),
///         Err(errno) => return Err(errno),
///     }
///     Ok(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Watched<'a> {
    /// The word.
    pub word: &'a AtomicU32,
    /// The value that it must hold for the caller to sleep.
    pub expected: u32,
    /// The scope of the word.
    pub scope: Scope,
}

/// Blocks while every word holds what is expected of it, and returns the index of one
/// that was woken: `futex_waitv(2)`, since Linux 5.16.
///
/// # Errors
///
/// [`Errno::AGAIN`]: a word held something else. [`Errno::TIMEDOUT`].
/// [`Errno::INTR`]: it was [interrupted](crate#interruptions), with [`Deadline::Never`].
/// [`Errno::INVAL`]: no word, or more than [`WAIT_ANY_MAX`].
/// [`Errno::NOSYS`]: the kernel is older.
///
/// # Examples
///
/// ```
/// use core::sync::atomic::AtomicU32;
/// use rawipc::sync::futex::{Scope, Watched, wait_any};
/// use rawipc::{Deadline, Errno};
///
/// let (a, b) = (AtomicU32::new(0), AtomicU32::new(1));
/// let watched = [
///     Watched { word: &a, expected: 0, scope: Scope::Private },
///     Watched { word: &b, expected: 0, scope: Scope::Private },
/// ];
/// // The second no longer holds 0: there is something to do at once.
/// assert_eq!(wait_any(&watched, Deadline::Never), Err(Errno::AGAIN));
/// ```
#[doc(alias = "futex_waitv")]
pub fn wait_any(watched: &[Watched<'_>], deadline: Deadline) -> Result<usize> {
    if watched.len() > WAIT_ANY_MAX {
        return Err(Errno::INVAL);
    }
    let mut list = [sys::Wait::new(); WAIT_ANY_MAX];
    for (entry, watch) in list.iter_mut().zip(watched) {
        *entry = sys::waiter(watch.word, watch.expected, watch.scope);
    }
    let list = list.get(..watched.len()).unwrap_or_default();
    ready::until(deadline, || sys::waitv(list, deadline.moment().as_ref()))
}
