//! [`RawRwLock`]: a lock for readers and a writer, for `lock_api`, that knows who holds it.

use ::lock_api as api;

use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::time::Duration;

use super::current::{CurrentMember, KILLED, refuse};
use crate::Deadline;
use crate::primitive::Shared;
use crate::sync::lock::{Halt, Left};
use crate::sync::{PreferWriters, Preference, RwLock};

/// A lock on nothing for [`lock_api::RwLock`], for many readers at a time or one writer, each a
/// [`Member`](crate::members::Member) of a region.
///
/// It is a [`sync::RwLock`] in a form that `lock_api` can use: of 64 bytes, and a line of 64 bytes for each of
/// `READERS` members that can read at the same time; others read as if they wrote. Which of both goes first, `P`
/// says. Zeroed memory is one that nobody holds; where it may lie, and whom those must trust who put a
/// `lock_api::RwLock` into memory that processes share, is as for [`RawMutex`](super::RawMutex).
///
/// # When a process is killed
///
/// Nobody waits for it for ever. A dead reader keeps no writer out, and nobody is told. After a dead
/// writer, or one that waited for readers already, or a reader without a line, the value may be half
/// changed, which the guards of `lock_api` cannot say. So `read` and `write` **panic** then and `try_read` and
/// `try_write` fail, for all, until one has repaired the value under
/// [`lock_after_death`](Self::lock_after_death); or all go on as if nothing had been, if
/// [`CurrentMember::PROCEEDS_AFTER_DEATH`]. Who comes after the death finds it at once, who slept already
/// within [`RECHECK`](crate::sync::RECHECK).
///
/// # Panics
///
/// `read` and `write` also panic where the caller holds the lock already, **also if it reads and wants to
/// read again**, where its member is that of the process that this one was forked from, and where the
/// kernel refuses to let it sleep; `try_read` and `try_write` fail there. To unlock in a forked child does
/// nothing.
///
/// # Examples
///
/// ```
/// use rawipc::adapters::lock_api::{CurrentMember, RawRwLock, api};
/// use rawipc::members::{Member, Region};
/// use rawipc::sync::PreferReaders;
/// use std::mem::ManuallyDrop;
/// use std::sync::LazyLock;
///
/// static REGION: LazyLock<Region> = LazyLock::new(|| Region::create(0).unwrap());
/// std::thread_local! {
///     static ME: ManuallyDrop<Member> = ManuallyDrop::new(REGION.join().unwrap());
/// }
///
/// struct Me;
/// // SAFETY: members of one region, never dropped, of this process alone.
/// unsafe impl CurrentMember for Me {
///     fn with<R>(f: impl FnOnce(&Member) -> R) -> R {
///         ME.with(|me| f(me))
///     }
/// }
///
/// // At most 4 threads read it side by side.
/// static LIMITS: api::RwLock<RawRwLock<Me, PreferReaders, 4>, [u64; 2]> = api::RwLock::new([1, 2]);
/// std::thread::scope(|scope| {
///     scope.spawn(|| *LIMITS.write() = [3, 4]);
///     for _ in 0..3 {
///         scope.spawn(|| assert!([[1, 2], [3, 4]].contains(&*LIMITS.read())));
///     }
/// });
/// assert_eq!(*LIMITS.read(), [3, 4]);
/// ```
///
/// [`sync::RwLock`]: crate::sync::RwLock
#[repr(transparent)]
pub struct RawRwLock<C, P = PreferWriters, const READERS: usize = 32> {
    lock: RwLock<(), P, READERS>,
    current: PhantomData<fn() -> C>,
}

// SAFETY: that of the lock, of which this is another form.
unsafe impl<C, P: Preference, const READERS: usize> Shared for RawRwLock<C, P, READERS> {}

impl<C: CurrentMember, P: Preference, const READERS: usize> RawRwLock<C, P, READERS> {
    /// Takes the lock for writing, and blocks while somebody else holds it, also if a writer died; returns
    /// whether one did. From now on the value counts as repaired, unless this process dies, too, before it
    /// gives the lock back.
    ///
    /// Repair the value by the guard of `lock_api`'s `RwLock::make_write_guard_unchecked`, which gives it back.
    ///
    /// # Panics
    ///
    /// Where `write` panics but for the death.
    pub fn lock_after_death(&self) -> bool {
        match C::with(|me| self.lock.lock_to_write(me, Deadline::Never)) {
            Ok(left) => left == Left::Inconsistent,
            Err(halt) => refuse(halt),
        }
    }

    /// Takes the lock for reading; returns whether it is to be had as it was left, and gives it back
    /// if not.
    #[inline(always)]
    fn reads(&self, deadline: Deadline) -> Result<bool, Halt> {
        C::with(|me| {
            let left = self.lock.lock_to_read(me, deadline)?;
            let keeps = keeps::<C>(left);
            if !keeps {
                self.lock.unlock_to_read(me, left);
            }
            Ok(keeps)
        })
    }

    /// Takes the lock for writing, likewise.
    #[inline(always)]
    fn writes(&self, deadline: Deadline) -> Result<bool, Halt> {
        C::with(|me| {
            let left = self.lock.lock_to_write(me, deadline)?;
            let keeps = keeps::<C>(left);
            if !keeps {
                self.lock.unlock_to_write(me, left);
            }
            Ok(keeps)
        })
    }
}

#[inline(always)]
fn keeps<C: CurrentMember>(left: Left) -> bool {
    left == Left::Consistent || C::PROCEEDS_AFTER_DEATH
}

#[inline(always)]
fn blocked(taken: Result<bool, Halt>) {
    match taken {
        Ok(keeps) => assert!(keeps, "{KILLED}"),
        Err(halt) => refuse(halt),
    }
}

// SAFETY: the lock's word names one writer, which alone takes its number away as long as it lives, and each
// reader has a slot that names it, or the word; members live as long as they hold the lock, as
// `CurrentMember` promises. That readers and writers keep each other out is the lock's matter.
unsafe impl<C: CurrentMember, P: Preference, const READERS: usize> api::RawRwLock
    for RawRwLock<C, P, READERS>
{
    #[allow(clippy::declare_interior_mutable_const, reason = "the trait wants it")]
    const INIT: Self = {
        // SAFETY: zeroed memory is a lock that nobody holds: atomics, on nothing.
        unsafe { MaybeUninit::zeroed().assume_init() }
    };

    type GuardMarker = api::GuardNoSend;

    #[inline]
    fn lock_shared(&self) {
        blocked(self.reads(Deadline::Never));
    }

    #[inline]
    fn try_lock_shared(&self) -> bool {
        self.reads(Deadline::NOW) == Ok(true)
    }

    #[inline]
    unsafe fn unlock_shared(&self) {
        C::with(|me| self.lock.unlock_to_read(me, Left::Consistent));
    }

    #[inline]
    fn lock_exclusive(&self) {
        blocked(self.writes(Deadline::Never));
    }

    #[inline]
    fn try_lock_exclusive(&self) -> bool {
        self.writes(Deadline::NOW) == Ok(true)
    }

    #[inline]
    unsafe fn unlock_exclusive(&self) {
        C::with(|me| self.lock.unlock_to_write(me, Left::Consistent));
    }

    fn is_locked(&self) -> bool {
        self.lock.is_kept_from_readers() || self.lock.is_read()
    }

    fn is_locked_exclusive(&self) -> bool {
        self.lock.is_kept_from_readers()
    }
}

// SAFETY: as that of `RawRwLock`.
unsafe impl<C: CurrentMember, P: Preference, const READERS: usize> api::RawRwLockTimed
    for RawRwLock<C, P, READERS>
{
    type Duration = Duration;
    type Instant = Deadline;

    fn try_lock_shared_for(&self, timeout: Duration) -> bool {
        self.try_lock_shared_until(Deadline::after(timeout))
    }

    fn try_lock_shared_until(&self, deadline: Deadline) -> bool {
        self.reads(deadline) == Ok(true)
    }

    fn try_lock_exclusive_for(&self, timeout: Duration) -> bool {
        self.try_lock_exclusive_until(Deadline::after(timeout))
    }

    fn try_lock_exclusive_until(&self, deadline: Deadline) -> bool {
        self.writes(deadline) == Ok(true)
    }
}

impl<C, P, const READERS: usize> fmt::Debug for RawRwLock<C, P, READERS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawRwLock").finish_non_exhaustive()
    }
}
