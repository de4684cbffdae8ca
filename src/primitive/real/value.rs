//! [`Value`] and [`RacingValue`]: values in shared memory, of which only copies are made.

use core::cell::UnsafeCell;

use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::arch;

/// A value that a lock guards, which those who do not keep to that may write at any time.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct Value<T>(UnsafeCell<T>);

/// A value that may be read while another writes it, by who finds out afterwards: every copy of a
/// [`Value`] allows for that.
pub(crate) type RacingValue<T> = Value<T>;

// SAFETY: bytes, which are bound to no thread; their copies are races allowed for.
unsafe impl<T> Sync for Value<T> {}

impl<T> Value<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Where it is, for those who may look.
    pub(crate) fn pointer(&self) -> *mut T {
        self.0.get()
    }
}

impl<T: FromBytes> Value<T> {
    /// Returns a copy, torn if somebody writes meanwhile.
    #[inline(always)]
    pub(crate) fn read(&self) -> T {
        // SAFETY: mapped for as long as it is borrowed.
        let value = unsafe { arch::copy_in_value::<T>(self.0.get().cast()) };
        // SAFETY: all bytes have been written, and any bytes are a `T`.
        unsafe { value.assume_init() }
    }
}

impl<T: IntoBytes + Immutable> Value<T> {
    /// Writes a copy of `value`.
    #[inline(always)]
    pub(crate) fn write(&self, value: &T) {
        // SAFETY: mapped for as long as it is borrowed, and writable, as there are atomics beside
        // it.
        unsafe { arch::copy_out_value(self.0.get().cast(), value) };
    }
}
