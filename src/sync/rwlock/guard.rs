//! [`RwLockReadGuard`] and [`RwLockWriteGuard`]: a lock that is held.

use core::fmt;
use core::mem::ManuallyDrop;

use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::super::Holder;
use super::super::lock::{Left, RawLock};
use super::ReaderSlot;
use crate::primitive::Value;

/// What a reader holds.
#[derive(Debug)]
pub(super) enum Hold<'a> {
    Slot(&'a ReaderSlot, Left),
    /// The lock itself, as there was no slot for it.
    Lock(&'a RawLock, Left),
}

impl Hold<'_> {
    pub(super) fn left(&self) -> Left {
        match *self {
            Self::Slot(_, left) | Self::Lock(_, left) => left,
        }
    }

    #[inline(always)]
    pub(super) fn give_back(&self, me: &impl Holder) {
        match *self {
            Self::Slot(slot, _) => slot.leave(me),
            Self::Lock(lock, left) => lock.unlock_for_all(me, left),
        }
    }
}

/// A guard that holds a lock for reading until it is dropped.
///
/// Its value is copied out, as other processes may be able to write to it at any time. To forget the
/// guard (`mem::forget`) keeps writers out until its member is dropped. In a forked child the guard
/// means nothing: dropping it there does nothing.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::members::Region;
/// use rawipc::sync::RwLock;
///
/// let region = Region::create(4096)?;
/// let memory = region.map()?;
/// let (me, other) = (region.join()?, region.join()?);
/// let limits = memory.object::<RwLock<[u64; 2]>>(0)?;
///
/// let guard = limits.read(&me).map_err(Errno::from)?;
/// assert_eq!(guard.get(), [0, 0]);
/// assert!(limits.try_read(&other).is_ok()); // readers share
/// assert!(limits.try_write(&other).is_err());
/// drop(guard);
/// assert!(limits.try_write(&other).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "the lock is given back when it is dropped"]
pub struct RwLockReadGuard<'a, T, H: Holder> {
    value: &'a Value<T>,
    hold: Hold<'a>,
    me: &'a H,
}

impl<'a, T, H: Holder> RwLockReadGuard<'a, T, H> {
    #[inline(always)]
    pub(super) fn new(value: &'a Value<T>, hold: Hold<'a>, me: &'a H) -> Self {
        Self { value, hold, me }
    }

    /// Returns whether the value was left as writers leave it: not if one of them died, until another
    /// one has called [`make_consistent`](RwLockWriteGuard::make_consistent).
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.hold.left() == Left::Consistent
    }
}

impl<T: FromBytes + IntoBytes + Immutable, H: Holder> RwLockReadGuard<'_, T, H> {
    /// Returns a copy of the value.
    #[inline]
    #[must_use]
    pub fn get(&self) -> T {
        self.value.read()
    }

    /// Borrows the value where it lies.
    ///
    /// # Safety
    ///
    /// Whoever can write to the memory must keep to this: the value is only accessed through this
    /// lock, as a `T`, by members of one region, and not by a child that was forked while it was held.
    #[inline]
    #[must_use]
    pub unsafe fn get_ref(&self) -> &T {
        // SAFETY: mapped for as long as the lock is borrowed, and aligned; any bytes are a `T`.
        // Nobody writes to it meanwhile, as the caller vouches and the lock is held.
        unsafe { &*self.value.pointer() }
    }
}

impl<T, H: Holder> Drop for RwLockReadGuard<'_, T, H> {
    #[inline]
    fn drop(&mut self) {
        if self.me.is_copy() {
            return;
        }
        self.hold.give_back(self.me);
    }
}

impl<T, H: Holder> fmt::Debug for RwLockReadGuard<'_, T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwLockReadGuard")
            .field("is_consistent", &self.is_consistent())
            .finish_non_exhaustive()
    }
}

/// A guard that holds a lock for writing until it is dropped.
///
/// Its value is copied in and out, as other processes may be able to write to it at any time. To
/// forget the guard (`mem::forget`) keeps the lock until its member is dropped, which counts as a
/// death. In a forked child the guard means nothing: what is set there is not set, and dropping it
/// does nothing.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::members::Region;
/// use rawipc::sync::{LockError, RwLock};
///
/// let region = Region::create(4096)?;
/// let memory = region.map()?;
/// let (victim, me) = (region.join()?, region.join()?);
/// let limits = memory.object::<RwLock<[u64; 2]>>(0)?;
/// core::mem::forget(limits.write(&victim).map_err(Errno::from)?);
/// drop(victim); // as if it had been killed while it wrote
///
/// let Err(LockError::OwnerDied(mut guard)) = limits.write(&me) else {
///     return Err("nobody has died".into());
/// };
/// guard.set(&[0, 10]); // repairs the value
/// guard.make_consistent();
/// drop(guard);
/// assert!(limits.read(&me).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "the lock is given back when it is dropped"]
pub struct RwLockWriteGuard<'a, T, H: Holder> {
    lock: &'a RawLock,
    value: &'a Value<T>,
    me: &'a H,
    left: Left,
}

impl<'a, T, H: Holder> RwLockWriteGuard<'a, T, H> {
    #[inline(always)]
    pub(super) fn new(lock: &'a RawLock, value: &'a Value<T>, me: &'a H, left: Left) -> Self {
        Self {
            lock,
            value,
            me,
            left,
        }
    }

    /// Returns whether the value was left as writers leave it: not if one of them died, until
    /// [`make_consistent`](Self::make_consistent) is called.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.left == Left::Consistent
    }

    /// Declares the value repaired: those who take the lock from now on are not told any more that a
    /// writer died.
    ///
    /// Nobody knows of that before the lock is given back.
    pub fn make_consistent(&mut self) {
        self.left = Left::Consistent;
    }

    /// Declares the value lost: nobody gets the lock any more, and all who want it are told
    /// [`LockError::NotRecoverable`](super::super::LockError::NotRecoverable), for ever.
    pub fn make_unrecoverable(self) {
        let this = ManuallyDrop::new(self);
        if !this.me.is_copy() {
            this.lock.seal(this.me);
        }
    }
}

impl<T: FromBytes + IntoBytes + Immutable, H: Holder> RwLockWriteGuard<'_, T, H> {
    /// Returns a copy of the value.
    #[inline]
    #[must_use]
    pub fn get(&self) -> T {
        self.value.read()
    }

    /// Replaces the value by a copy of `value`. Does nothing in a forked child.
    #[inline]
    pub fn set(&mut self, value: &T) {
        if !self.me.is_copy() {
            self.value.write(value);
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

    /// Borrows the value where it lies, to be changed.
    ///
    /// # Safety
    ///
    /// As for [`RwLockReadGuard::get_ref`].
    #[inline]
    #[must_use]
    pub unsafe fn get_mut(&mut self) -> &mut T {
        // SAFETY: mapped for as long as the lock is borrowed, and aligned; any bytes are a `T`.
        // Nobody else looks at it, as the caller vouches and the lock is held alone.
        unsafe { &mut *self.value.pointer() }
    }
}

impl<T, H: Holder> Drop for RwLockWriteGuard<'_, T, H> {
    #[inline]
    fn drop(&mut self) {
        if !self.me.is_copy() {
            self.lock.unlock_for_all(self.me, self.left);
        }
    }
}

impl<T, H: Holder> fmt::Debug for RwLockWriteGuard<'_, T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwLockWriteGuard")
            .field("is_consistent", &self.is_consistent())
            .finish_non_exhaustive()
    }
}
