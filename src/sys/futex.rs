//! `futex(2)`: sleeping on a word, waking, and both with a change in one step.

use core::num::NonZeroU32;
use core::sync::atomic::AtomicU32;

use rustix::thread::futex;

use crate::{Errno, Result, Timespec};

/// What `FUTEX_WAKE_OP` does to the second word, and how it compares what was there.
#[doc(inline)]
pub use rustix::thread::futex::{WakeOp, WakeOpCmp};

/// Every sleeper, as a number of sleepers to wake.
pub const ALL: u32 = i32::MAX as u32;

/// The bits of [`wait_bitset`](crate::sync::futex::wait_bitset) that every wake matches: `FUTEX_BITSET_MATCH_ANY`.
pub const ANY: NonZeroU32 = NonZeroU32::MAX;

/// The threads that can wait and wake at a word.
///
/// # Examples
///
/// ```
/// use core::sync::atomic::{AtomicU32, Ordering};
/// use rawipc::Errno;
/// use rawipc::sync::futex::{self, Scope};
///
/// // Threads of one process; memory that processes share takes Scope::Shared.
/// let ready = AtomicU32::new(0);
/// std::thread::scope(|threads| {
///     threads.spawn(|| {
///         ready.store(1, Ordering::Release);
///         futex::wake(&ready, futex::ALL, Scope::Private)
///     });
///     while ready.load(Ordering::Acquire) == 0 {
///         match futex::wait(&ready, 0, Scope::Private) {
///             Ok(()) | Err(Errno::AGAIN | Errno::INTR) => {} // look again
///             Err(errno) => return Err(errno),
///         }
///     }
///     Ok(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Processes: the word is known by its place in the mapped file.
    Shared,
    /// Threads of this process only, which is a little quicker:
    /// `FUTEX_PRIVATE_FLAG`. A wake with the other scope does not meet it.
    Private,
}

impl Scope {
    #[inline]
    pub(crate) fn flags(self) -> futex::Flags {
        match self {
            Self::Shared => futex::Flags::empty(),
            Self::Private => futex::Flags::PRIVATE,
        }
    }
}

/// The change that [`wake_op`](crate::sync::futex::wake_op) makes to its word, and when it wakes
/// the word's sleepers.
///
/// # Examples
///
/// Sets a word and wakes those who sleep there in one step, between which nobody can die:
///
/// ```
/// use core::sync::atomic::{AtomicU32, Ordering};
/// use rawipc::sync::futex::{self, Operation, Scope, WakeOp, WakeOpCmp};
///
/// let (word, state) = (AtomicU32::new(0), AtomicU32::new(0));
/// let set_to_one = Operation {
///     change: WakeOp::Set,
///     change_by: 1,
///     compare: WakeOpCmp::Eq, // if it was 0
///     compare_with: 0,
/// };
/// let woken = futex::wake_op(&word, 0, &state, futex::ALL, set_to_one, Scope::Private)?;
/// assert_eq!((woken, state.load(Ordering::Relaxed)), (0, 1)); // nobody slept
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The change.
    pub change: WakeOp,
    /// Its operand, 12 bits which the kernel takes as *signed*: 2048 is -2048.
    /// For the `Shift` changes the operand is `1 << (change_by & 31)`.
    pub change_by: u16,
    /// How the word's former value must compare for its sleepers to be woken.
    pub compare: WakeOpCmp,
    /// With what, 12 bits, signed.
    pub compare_with: u16,
}

/// `FUTEX_WAIT_BITSET`, until an absolute monotonic moment.
pub(crate) fn wait_bitset(
    word: &AtomicU32,
    expected: u32,
    bits: NonZeroU32,
    scope: Scope,
    until: Option<&Timespec>,
) -> Result<()> {
    futex::wait_bitset(word, scope.flags(), expected, until, bits)
}

/// `FUTEX_WAIT`, for as long as `timeout` says.
pub(crate) fn wait(
    word: &AtomicU32,
    expected: u32,
    scope: Scope,
    timeout: &Timespec,
) -> Result<()> {
    futex::wait(word, scope.flags(), expected, Some(timeout))
}

/// The most words that [`waitv`] takes.
pub(crate) const WAITV_MAX: usize = 128;

/// A word in the list of [`waitv`].
pub(crate) use rustix::thread::futex::Wait;

/// The entry of `word`, which must hold `expected`.
pub(crate) fn waiter(word: &AtomicU32, expected: u32, scope: Scope) -> Wait {
    let mut waiter = Wait::new();
    waiter.val = u64::from(expected);
    waiter.uaddr = futex::WaitPtr::new(word.as_ptr().cast());
    waiter.flags = futex::WaitFlags::SIZE_U32;
    if scope == Scope::Private {
        waiter.flags |= futex::WaitFlags::PRIVATE;
    }
    waiter
}

/// `futex_waitv`, until an absolute monotonic moment. The words must be there meanwhile, or it
/// is an error.
pub(crate) fn waitv(waiters: &[Wait], until: Option<&Timespec>) -> Result<usize> {
    let clock = futex::ClockId::Monotonic;
    futex::waitv(waiters, futex::WaitvFlags::empty(), until, clock)
}

/// `FUTEX_WAKE`. The kernel wakes one when told to wake none, and when told to wake more than
/// [`ALL`].
pub(crate) fn wake(word: &AtomicU32, count: u32, scope: Scope) -> Result<usize> {
    futex::wake(word, scope.flags(), count)
}

/// `FUTEX_WAKE_OP`. The counts are at most [`ALL`].
pub(crate) fn wake_op(
    word: &AtomicU32,
    count: u32,
    changed: &AtomicU32,
    changed_count: u32,
    operation: Operation,
    scope: Scope,
) -> Result<usize> {
    futex::wake_op(
        word,
        scope.flags(),
        count.min(ALL),
        changed_count.min(ALL),
        changed,
        operation.change,
        operation.compare,
        operation.change_by,
        operation.compare_with,
    )
}

/// `FUTEX_TRYLOCK_PI`. [`Errno::AGAIN`]: another thread holds it.
pub(crate) fn trylock_pi(word: &AtomicU32, scope: Scope) -> Result<()> {
    match futex::trylock_pi(word, scope.flags())? {
        true => Ok(()),
        false => Err(Errno::AGAIN),
    }
}

/// `FUTEX_UNLOCK_PI`.
pub(crate) fn unlock_pi(word: &AtomicU32, scope: Scope) -> Result<()> {
    futex::unlock_pi(word, scope.flags())
}
