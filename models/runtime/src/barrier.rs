//! `membarrier(2)`: a fence that one side pays for. loom explores it as one on both.

use std::sync::atomic::Ordering::SeqCst;

use crate::atomic::fence;
use crate::model::{self, Hindrance};
use crate::process::killed;

fn is_refused() -> bool {
    model::hindrance() == Hindrance::NoBarrier
}

/// Lets [`heavy_barrier`] mean this process; returns whether that is allowed.
#[must_use]
pub fn register_for_barriers() -> bool {
    !is_refused()
}

/// Keeps stores before loads, as seen by who calls [`heavy_barrier`].
pub fn light_barrier() {
    if !is_refused() {
        fence(SeqCst);
    } else if !killed() {
        // What comes next may miss who has just gone to sleep.
        model::time_passes();
    }
}

/// A fence in every process that has registered, and in this one.
pub fn heavy_barrier() {
    fence(SeqCst);
}
