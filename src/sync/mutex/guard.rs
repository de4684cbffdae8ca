//! [`MutexGuard`]: a mutex that is held.

use core::fmt;
use core::mem::ManuallyDrop;

use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::super::LockError;
use super::super::lock::{Halt, Left};
use super::holder::MutexHolder;
use crate::Deadline;
use crate::primitive::Value;

/// A guard that holds a mutex until it is dropped.
///
/// Its value is copied in and out, as other processes may be able to write to it at any time. To
/// forget the guard (`mem::forget`) keeps the lock until its member is dropped, or its thread ends, which counts as a
/// death. In a forked child the guard means nothing: what is set there is not set, and
/// dropping it does nothing.
///
/// # Examples
///
/// ```
/// use rawipc::members::Region;
/// use rawipc::sync::Mutex;
///
/// let region = Region::create(4096)?;
/// let memory = region.map()?;
/// let me = region.join()?;
/// let count = memory.object::<Mutex<u64>>(0)?;
/// let mut guard = count.lock(&me).unwrap();
/// guard.set(&5);
/// assert_eq!(guard.get(), 5);
/// drop(guard); // unlocks
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "the mutex is unlocked when it is dropped"]
pub struct MutexGuard<'a, T, H: MutexHolder> {
    parts: Parts<'a, T, H>,
    left: Left,
}

/// What taking a lock comes to.
pub(in crate::sync) type Locked<'a, T, H> =
    Result<MutexGuard<'a, T, H>, LockError<MutexGuard<'a, T, H>>>;

/// A mutex of any kind, and one who can hold it.
pub(in crate::sync) struct Parts<'a, T, H: MutexHolder> {
    pub(in crate::sync) lock: &'a H::Lock,
    pub(in crate::sync) value: &'a Value<T>,
    pub(in crate::sync) me: &'a H,
}

impl<T, H: MutexHolder> Clone for Parts<'_, T, H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, H: MutexHolder> Copy for Parts<'_, T, H> {}

impl<'a, T, H: MutexHolder> Parts<'a, T, H> {
    #[inline(always)]
    pub(in crate::sync) fn lock_until(self, deadline: Deadline) -> Locked<'a, T, H> {
        self.locked(self.me.lock(self.lock, deadline))
    }

    /// Takes the lock if that is possible now.
    #[inline(always)]
    pub(in crate::sync) fn try_lock(self) -> Locked<'a, T, H> {
        match self.me.lock(self.lock, Deadline::NOW) {
            Err(Halt::TimedOut) => Err(LockError::WouldBlock),
            taken => self.locked(taken),
        }
    }

    #[inline(always)]
    fn locked(self, taken: Result<Left, Halt>) -> Locked<'a, T, H> {
        let left = taken?;
        let guard = MutexGuard { parts: self, left };
        match left {
            Left::Consistent => Ok(guard),
            Left::Inconsistent => Err(LockError::OwnerDied(guard)),
        }
    }
}

impl<'a, T, H: MutexHolder> MutexGuard<'a, T, H> {
    /// Whether this is the copy that a forked child has.
    #[inline(always)]
    pub(in crate::sync) fn is_copy(&self) -> bool {
        self.parts.me.is_copy()
    }

    /// The mutex, and who holds it.
    pub(in crate::sync) fn parts(&self) -> Parts<'a, T, H> {
        self.parts
    }

    /// Returns whether the value was left as its holders leave it: not if one of them died, until
    /// [`make_consistent`](Self::make_consistent) is called.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.left == Left::Consistent
    }

    /// Declares the value repaired: those who lock the mutex from now on are not told any more that
    /// a holder died.
    ///
    /// Nobody knows of that before the mutex is unlocked.
    #[doc(alias = "pthread_mutex_consistent")]
    pub fn make_consistent(&mut self) {
        self.left = Left::Consistent;
    }

    /// Declares the value lost: nobody gets the lock any more, and all who want it are told
    /// [`LockError::NotRecoverable`](super::super::LockError::NotRecoverable), for ever.
    pub fn make_unrecoverable(self) {
        let this = ManuallyDrop::new(self);
        if !this.is_copy() {
            this.parts.me.condemn(this.parts.lock);
        }
    }
}

impl<T: FromBytes + IntoBytes + Immutable, H: MutexHolder> MutexGuard<'_, T, H> {
    /// Returns a copy of the value.
    #[inline]
    #[must_use]
    pub fn get(&self) -> T {
        self.parts.value.read()
    }

    /// Replaces the value by a copy of `value`. Does nothing in a forked child.
    #[inline]
    pub fn set(&mut self, value: &T) {
        if !self.is_copy() {
            self.parts.value.write(value);
        }
    }

    /// Changes the value: copies it, calls `change` with the copy, and copies that back; not in a
    /// forked child.
    ///
    /// If `change` panics the value stays as it was.
    #[inline]
    pub fn update<R>(&mut self, change: impl FnOnce(&mut T) -> R) -> R {
        let mut value = self.get();
        let result = change(&mut value);
        self.set(&value);
        result
    }

    /// Borrows the value where it lies.
    ///
    /// # Safety
    ///
    /// Whoever can write to the memory must keep to this: the value is only accessed through this
    /// mutex, as a `T`, by members of one region or by threads that the mutex is for, and not by a child that was forked while it was
    /// locked.
    #[inline]
    #[must_use]
    pub unsafe fn get_ref(&self) -> &T {
        // SAFETY: mapped for as long as the mutex is borrowed, and aligned; any bytes are a `T`.
        // Nobody writes to it meanwhile, as the caller vouches and the lock is held.
        unsafe { &*self.parts.value.pointer() }
    }

    /// Borrows the value where it lies, to be changed.
    ///
    /// # Safety
    ///
    /// As for [`get_ref`](Self::get_ref).
    #[inline]
    #[must_use]
    pub unsafe fn get_mut(&mut self) -> &mut T {
        // SAFETY: as in `get_ref`; and nobody looks at it meanwhile.
        unsafe { &mut *self.parts.value.pointer() }
    }
}

impl<T, H: MutexHolder> Drop for MutexGuard<'_, T, H> {
    #[inline]
    fn drop(&mut self) {
        if !self.is_copy() {
            self.parts.me.unlock(self.parts.lock, self.left);
        }
    }
}

impl<T, H: MutexHolder> fmt::Debug for MutexGuard<'_, T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MutexGuard")
            .field("is_consistent", &self.is_consistent())
            .finish_non_exhaustive()
    }
}
