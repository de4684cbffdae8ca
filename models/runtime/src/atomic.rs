//! loom's atomics, each access of which is a step that can be a process's last.

use std::sync::atomic::Ordering::{self, AcqRel, Relaxed};

use crate::model::{self, Hindrance, trace};
use crate::process::{killed, step};

/// A memory fence. Not a step: by itself it changes nothing.
pub fn fence(order: Ordering) {
    if !killed() {
        loom::sync::atomic::fence(order);
    }
}

macro_rules! atomic {
    ($name:ident, $int:ty) => {
        #[doc = concat!("A modelled `core::sync::atomic::", stringify!($name), "`.")]
        #[derive(Debug)]
        pub struct $name(loom::sync::atomic::$name);

        impl $name {
            /// Creates an atomic that holds `value`.
            #[must_use]
            pub fn new(value: $int) -> Self {
                Self(loom::sync::atomic::$name::new(value))
            }

            /// Does `f` as a step, or nothing and returns `otherwise` if the process is dead.
            #[track_caller]
            fn step<T: std::fmt::Debug>(
                &self,
                what: &str,
                otherwise: T,
                f: impl FnOnce(&loom::sync::atomic::$name) -> T,
            ) -> T {
                if !step() {
                    return otherwise;
                }
                let result = f(&self.0);
                let caller = std::panic::Location::caller();
                trace(|| format!("{caller}: {what}: {result:x?}"));
                result
            }

            /// Loads the value.
            #[track_caller]
            pub fn load(&self, order: Ordering) -> $int {
                self.step("load", 0, |atomic| atomic.load(order))
            }

            /// Stores a value.
            #[track_caller]
            pub fn store(&self, value: $int, order: Ordering) {
                self.step("store", 0, |atomic| {
                    atomic.store(value, order);
                    value
                });
            }

            /// Stores a value and returns the previous one.
            #[track_caller]
            pub fn swap(&self, value: $int, order: Ordering) -> $int {
                self.step("swap", 0, |atomic| atomic.swap(value, order))
            }

            /// Stores `new` if the value is `current`; returns the previous value.
            ///
            /// # Errors
            ///
            /// The value, if it is another.
            #[track_caller]
            pub fn compare_exchange(
                &self,
                current: $int,
                new: $int,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$int, $int> {
                self.step("compare_exchange", Ok(current), |atomic| {
                    if model::hindrance() == Hindrance::Scribbler && atomic.load(Relaxed) != 0 {
                        // By turns what is not expected, and looks as if honest processes had written it.
                        atomic.swap(if current == 4 { 6 } else { 4 }, Relaxed);
                    }
                    atomic.compare_exchange(current, new, success, failure)
                })
            }

            /// Adds to the value, wrapping around, and returns the previous one.
            #[track_caller]
            pub fn fetch_add(&self, value: $int, order: Ordering) -> $int {
                self.step("fetch_add", 0, |atomic| atomic.fetch_add(value, order))
            }

            /// Subtracts from the value, wrapping around, and returns the previous one.
            #[track_caller]
            pub fn fetch_sub(&self, value: $int, order: Ordering) -> $int {
                self.step("fetch_sub", 0, |atomic| atomic.fetch_sub(value, order))
            }

            /// Sets bits of the value and returns the previous one: a bitwise or.
            #[track_caller]
            pub fn fetch_or(&self, value: $int, order: Ordering) -> $int {
                self.step("fetch_or", 0, |atomic| atomic.fetch_or(value, order))
            }

            /// Clears bits of the value and returns the previous one: a bitwise and.
            #[track_caller]
            pub fn fetch_and(&self, value: $int, order: Ordering) -> $int {
                self.step("fetch_and", 0, |atomic| atomic.fetch_and(value, order))
            }

            /// Adds as the kernel does, which orders nothing, and returns the newest value before. No step, but a point at which this thread can be scheduled.
            pub(crate) fn kernel_add(&self, value: $int) -> $int {
                self.0.fetch_add(value, Relaxed)
            }

            /// Loads as the kernel does, which orders nothing. No step.
            pub(crate) fn kernel_load(&self) -> $int {
                self.0.load(Relaxed)
            }

            /// Sets bits as the kernel does, which orders nothing. No step, as above.
            #[allow(dead_code, reason = "not of every width")]
            pub(crate) fn kernel_or(&self, bits: $int) {
                self.0.fetch_or(bits, Relaxed);
            }

            /// Compares and swaps as the kernel does for a dead thread: what that one did is seen. No
            /// step.
            #[allow(dead_code, reason = "not of every width")]
            pub(crate) fn kernel_exchange(&self, seen: $int, new: $int) -> Result<$int, $int> {
                self.0.compare_exchange(seen, new, AcqRel, Relaxed)
            }

            /// Compares and swaps as the kernel does for who lives, which orders nothing. No step.
            #[allow(dead_code, reason = "not of every width")]
            pub(crate) fn kernel_replace(&self, seen: $int, new: $int) -> bool {
                self.0.compare_exchange(seen, new, Relaxed, Relaxed).is_ok()
            }

            /// Replaces the value as the kernel does, which orders nothing. No step, as above.
            #[allow(dead_code, reason = "not of every width")]
            pub(crate) fn kernel_set(&self, value: $int) {
                self.0.swap(value, Relaxed);
            }
        }
    };
}

atomic!(AtomicU32, u32);
atomic!(AtomicU64, u64);

impl AtomicU64 {
    /// Takes a lock of the kernel's and gives it back: who takes it later sees what was done before.
    /// No step.
    pub(crate) fn kernel_lock(&self) {
        self.0.fetch_add(1, AcqRel);
    }

    /// Adds to the lower half as the kernel does, like [`kernel_add`](Self::kernel_add).
    pub(crate) fn kernel_add_low(&self, value: u32) {
        let mut seen = self.kernel_add(0);
        loop {
            let sum = u64::from((seen as u32).wrapping_add(value));
            let new = seen >> 32 << 32 | sum;
            match self.0.compare_exchange(seen, new, Relaxed, Relaxed) {
                Ok(_) => return,
                Err(now) => seen = now,
            }
        }
    }
}
