//! [`SeqLockWriteGuard`]: a writer's turn.

use core::fmt;
use core::sync::atomic::Ordering::Relaxed;

use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::super::Holder;
use super::super::lock::Left;
use super::SeqLock;

/// A guard that keeps a writer's turn at a [`SeqLock`](super::SeqLock) until it is dropped.
///
/// Each [`set`](Self::set) is seen by readers at once. To forget the guard (`mem::forget`) keeps other
/// writers out until its member is dropped, which counts as a death. In a forked child the guard means
/// nothing: what is set there is not set, and dropping it does nothing.
///
/// # Examples
///
/// ```
/// use rawipc::members::Region;
/// use rawipc::sync::SeqLock;
///
/// let region = Region::create(4096)?;
/// let memory = region.map()?;
/// let me = region.join()?;
/// let position = memory.object::<SeqLock<[i32; 2]>>(0)?;
///
/// let mut guard = position.write(&me)?; // other writers wait, readers never
/// guard.set(&[1, 2]); // readers see it at once
/// let sum = guard.update(|[x, y]| {
///     *x += 10;
///     *x + *y
/// });
/// assert_eq!((sum, guard.get()), (13, [11, 2]));
/// drop(guard);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "the turn is over when it is dropped"]
pub struct SeqLockWriteGuard<'a, T, H: Holder> {
    lock: &'a SeqLock<T>,
    me: &'a H,
}

impl<'a, T, H: Holder> SeqLockWriteGuard<'a, T, H> {
    #[inline(always)]
    pub(super) fn new(lock: &'a SeqLock<T>, me: &'a H) -> Self {
        Self { lock, me }
    }
}

impl<T: FromBytes + IntoBytes + Immutable, H: Holder> SeqLockWriteGuard<'_, T, H> {
    /// Returns a copy of the value.
    #[inline]
    #[must_use]
    pub fn get(&self) -> T {
        // Relaxed: nobody else publishes meanwhile.
        self.lock.value(self.lock.published.load(Relaxed)).read()
    }

    /// Replaces the value by a copy of `value`, which readers see from now on. Does nothing in a forked
    /// child.
    #[inline]
    pub fn set(&mut self, value: &T) {
        if !self.me.is_copy() {
            self.lock.publish(value);
        }
    }

    /// Changes the value: copies it, calls `change` with the copy, and publishes that; not in a forked
    /// child.
    ///
    /// If `change` panics the value stays as it was.
    #[inline]
    pub fn update<R>(&mut self, change: impl FnOnce(&mut T) -> R) -> R {
        let mut value = self.get();
        let result = change(&mut value);
        self.set(&value);
        result
    }
}

impl<T, H: Holder> Drop for SeqLockWriteGuard<'_, T, H> {
    #[inline]
    fn drop(&mut self) {
        if !self.me.is_copy() {
            self.lock.lock.unlock(self.me, Left::Consistent);
        }
    }
}

impl<T, H: Holder> fmt::Debug for SeqLockWriteGuard<'_, T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeqLockWriteGuard")
            .field("lock", self.lock)
            .finish_non_exhaustive()
    }
}
