//! Adding to a word and waking who sleeps on it: in one step, and in two where the kernel
//! refuses that step.

use core::sync::atomic::Ordering::{Relaxed, Release};

use crate::primitive::{Word, fence};

/// Adds `by` to `word`, which held `seen`, an odd number, and wakes everyone who sleeps there.
///
/// In one system call, so that no death comes between. A filter of system calls may refuse that
/// one; then it takes two steps. A process that is killed between these has woken nobody, and so
/// has one to which every wake is refused, or beside which a hostile process waits at the word for
/// a lock: sleepers look again for that.
///
/// Returns whether it is done: not if the one step is refused and the word is not `seen` any more.
#[cold]
#[inline(never)]
pub(crate) fn add_and_wake_all(word: &Word, seen: u32, by: u32) -> bool {
    // Release [R2]: what was done before is seen by who loads the sum with Acquire. The
    // kernel's addition orders nothing by itself.
    fence(Release);
    if word.add_and_wake_all(by as u16).is_ok() {
        return true;
    }
    // Relaxed: after the fence. It wraps around as the kernel's does.
    let added = word.compare_exchange(seen, seen.wrapping_add(by), Relaxed, Relaxed);
    if added.is_ok() {
        word.wake_all();
    }
    added.is_ok()
}
