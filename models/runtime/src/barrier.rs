//! `membarrier(2)`: a fence that one side pays for. loom explores it as one on both.

use std::sync::atomic::Ordering::SeqCst;

use crate::atomic::fence;
use crate::model;
use crate::process::killed;

/// Lets [`heavy_barrier`] mean this process; returns whether that is allowed.
#[must_use]
pub fn register_for_barriers() -> bool {
    !model::are_barriers_refused_here()
}

/// Keeps stores before loads, as seen by who calls [`heavy_barrier`], in a process that has registered.
pub fn light_barrier() {
    if !model::are_barriers_refused() {
        fence(SeqCst);
    } else if !killed() {
        // What comes next may miss who has just gone to sleep: this process has not registered, or that one
        // is refused what it does instead. loom has no fence for some: it may miss the others, too.
        model::time_passes();
    }
}

/// A fence in every process that has registered, and in this one; in this one alone where it is refused.
pub fn heavy_barrier() {
    fence(SeqCst);
}
