//! [`Lock`]: a value that the threads of one program use one at a time.

use core::cell::UnsafeCell;

use rawipc::sync::Semaphore;

/// A value that one thread uses at a time; who comes meanwhile sleeps.
pub(crate) struct Lock<T> {
    /// One unit, unless somebody uses the value.
    free: Semaphore,
    value: UnsafeCell<T>,
}

// SAFETY: one thread at a time gets at the value, and it may go from one to another.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self {
            free: Semaphore::new(1),
            value: UnsafeCell::new(value),
        }
    }

    /// Calls `body` with the value. In it the same lock must not be used again: that would wait forever.
    pub(crate) fn with<R>(&self, body: impl FnOnce(&mut T) -> R) -> R {
        self.free.wait().expect("a kernel that lets it sleep");
        // SAFETY: who has the unit has the value. A panic ends the program, so that it comes back.
        let result = body(unsafe { &mut *self.value.get() });
        // There is room for the one unit.
        let _ = self.free.post();
        result
    }
}
