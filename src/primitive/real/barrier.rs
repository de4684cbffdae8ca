//! A fence of which one side is free: the compiler's where the program stores and looks often, and
//! the kernel's, on every processor at once, where it is about to sleep.

use core::sync::atomic::{Ordering::SeqCst, compiler_fence, fence};

use crate::sys::membarrier;

/// Lets [`heavy`] stand for a fence in this process's [`light`]. Returns whether the kernel lets
/// it; asked again it says so again, at once.
pub(crate) fn register() -> bool {
    membarrier::register_global_expedited().is_ok()
}

/// Keeps this process's stores before its loads, as seen by who calls [`heavy`] between a store
/// of its own and a load.
#[inline(always)]
pub(crate) fn light() {
    compiler_fence(SeqCst);
}

/// A fence in every process that has registered, and in this one; in this one alone where the kernel
/// refuses it.
#[cold]
pub(crate) fn heavy() {
    if membarrier::global_expedited().is_err() {
        fence(SeqCst);
    }
}
