//! [`RawMutex`]: a mutex for `lock_api` that knows who holds it.

use ::lock_api as api;

use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;

use super::current::{CurrentMember, KILLED, refuse};
use crate::Deadline;
use crate::primitive::Shared;
use crate::sync::lock::{Halt, Left, RawLock};
use crate::sync::owner::sealed::Holder;

/// A mutex on nothing for [`lock_api::Mutex`], eight bytes, whose holder is a [`Member`](crate::members::Member) of a
/// region.
///
/// Zeroed memory is one that nobody holds. In memory of one process it is a mutex like others. In memory
/// that processes share it may lie by itself, in any [`Mapping`](crate::memory::Mapping). A
/// [`Mutex`](super::Mutex) there lends the value where it lies, so that all who can write to the memory must be
/// trusted and the same program: who can vouch for that, implements [`Shared`] for a structure that has one.
/// Where not, there is [`sync::Mutex`](crate::sync::Mutex), whose guards also tell of deaths.
///
/// # When a process is killed
///
/// Nobody waits for it for ever. The guards of `lock_api` cannot say that a holder died. So `lock` **panics**
/// then and `try_lock` fails, for all, until one has repaired the value under
/// [`lock_after_death`](Self::lock_after_death); or both go on as if nothing had been, if
/// [`CurrentMember::PROCEEDS_AFTER_DEATH`]. As with all locks by member, who comes after the death finds it at once,
/// who slept already within [`RECHECK`](crate::sync::RECHECK).
///
/// # Panics
///
/// `lock` also panics where the caller holds the lock already, where its member is that of the process that
/// this one was forked from, and where the kernel refuses to let it sleep; `try_lock` fails there. To
/// unlock in a forked child does nothing.
///
/// # Examples
///
/// ```
/// use rawipc::adapters::lock_api::{CurrentMember, RawMutex, api};
/// use rawipc::members::{Member, Region};
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
/// static TOTAL: api::Mutex<RawMutex<Me>, u64> = api::Mutex::new(0);
/// std::thread::scope(|scope| {
///     for _ in 0..3 {
///         scope.spawn(|| *TOTAL.lock() += 1);
///     }
/// });
/// assert_eq!(*TOTAL.lock(), 3);
/// ```
#[repr(transparent)]
pub struct RawMutex<C> {
    lock: RawLock,
    current: PhantomData<fn() -> C>,
}

// SAFETY: atomics, any values of which are a state.
unsafe impl<C> Shared for RawMutex<C> {
    const SIZES: &'static [u8] = &[4];
}

impl<C: CurrentMember> RawMutex<C> {
    /// Takes the lock, and blocks while somebody else holds it, also if a holder died; returns whether one
    /// did. From now on it counts as repaired, unless this process dies, too, before it gives it back.
    ///
    /// Repair the value by the guard of `lock_api`'s `Mutex::make_guard_unchecked`, which gives it back.
    ///
    /// # Panics
    ///
    /// Where `lock` panics but for the death.
    pub fn lock_after_death(&self) -> bool {
        match self.take(Deadline::Never) {
            Ok(left) => left == Left::Inconsistent,
            Err(halt) => refuse(halt),
        }
    }

    #[inline(always)]
    fn take(&self, deadline: Deadline) -> Result<Left, Halt> {
        C::with(|me| self.lock.lock(me, deadline))
    }

    /// Returns whether the lock is to be had as it was left, and gives it back if not.
    #[inline(always)]
    fn keeps(&self, left: Left) -> bool {
        let keeps = left == Left::Consistent || C::PROCEEDS_AFTER_DEATH;
        if !keeps {
            C::with(|me| self.lock.unlock(me, left));
        }
        keeps
    }

    fn takes(&self, deadline: Deadline) -> bool {
        self.take(deadline).is_ok_and(|left| self.keeps(left))
    }
}

// SAFETY: the word names one holder, which alone takes its number away as long as it lives, and it does as
// long as it holds the lock, as `CurrentMember` promises.
unsafe impl<C: CurrentMember> api::RawMutex for RawMutex<C> {
    #[allow(clippy::declare_interior_mutable_const, reason = "the trait wants it")]
    const INIT: Self = Self {
        lock: RawLock::new(),
        current: PhantomData,
    };

    type GuardMarker = api::GuardNoSend;

    #[inline]
    fn lock(&self) {
        match self.take(Deadline::Never) {
            Ok(left) => assert!(self.keeps(left), "{KILLED}"),
            Err(halt) => refuse(halt),
        }
    }

    #[inline]
    fn try_lock(&self) -> bool {
        self.takes(Deadline::NOW)
    }

    #[inline]
    unsafe fn unlock(&self) {
        // Not in a forked child, whether it has joined anew or not: the lock is its parent's.
        C::with(|me| {
            if !me.is_copy() && self.lock.owner() == me.number() {
                self.lock.unlock(me, Left::Consistent);
            }
        });
    }

    fn is_locked(&self) -> bool {
        self.lock.owner() != 0
    }
}

// SAFETY: as that of `RawMutex`.
unsafe impl<C: CurrentMember> api::RawMutexTimed for RawMutex<C> {
    type Duration = Duration;
    type Instant = Deadline;

    fn try_lock_for(&self, timeout: Duration) -> bool {
        self.takes(Deadline::after(timeout))
    }

    fn try_lock_until(&self, deadline: Deadline) -> bool {
        self.takes(deadline)
    }
}

impl<C> fmt::Debug for RawMutex<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawMutex").finish_non_exhaustive()
    }
}
