//! What runs: core's atomics, the kernel's futex, mapped memory.

pub(crate) mod barrier;
mod bell;
mod bytes;
mod cells;
mod file;
mod map;
mod pair;
mod robust;
mod value;
mod word;

use core::sync::atomic::compiler_fence;
use core::time::Duration;

use crate::{Timespec, arch};

pub(crate) use bell::Bell;
pub(crate) use bytes::Bytes;
pub(crate) use cells::Cells;
pub(crate) use file::{Description, File, Lent, Owned};
pub(crate) use map::{Map, Piece};
pub(crate) use pair::{LongPair, Pair};
pub(crate) use robust::{Linked, List};
pub(crate) use value::{RacingValue, Value};
pub(crate) use word::{LongWord, Word, Words};

pub(crate) use core::hint::spin_loop as pause;
pub(crate) use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// A fence of sequential consistency, directly behind an atomic read-modify-write of this thread, which
/// is one already on some machines.
#[inline(always)]
pub(crate) fn fence_behind_change() {
    match arch::CHANGE_IS_FENCE {
        true => compiler_fence(Ordering::SeqCst),
        false => fence(Ordering::SeqCst),
    }
}

/// Lets another process have this processor.
pub(crate) fn relax_processor() {
    rustix::thread::sched_yield();
}

/// Sleeps for `duration`, or until a signal handler has run.
pub(crate) fn rest(duration: Duration) {
    // However long it slept, the caller looks again.
    let _ = rustix::thread::nanosleep(&Timespec {
        tv_sec: 0,
        tv_nsec: i64::from(duration.subsec_nanos()),
    });
}

/// Of how many calls in a row that do not wait, and are in vain, one asks whether the other side
/// lives: what it costs is then no part of what they cost.
pub(crate) const FAILURES_PER_LOOK: u32 = 1024;

/// How many chunks of a pool one part of a search for those of the dead looks at, and how many
/// questions it asks the kernel, each of which a hostile process can make a long one.
pub(crate) const SWEEP_STEPS: u32 = 1 << 16;
pub(crate) const SWEEP_QUESTIONS: usize = 64;

/// How often an endpoint spins before it sleeps: from a handful, where spinning
/// has not helped, to about the time that waking a sleeper takes.
pub(crate) const SPINS_MIN: u32 = 16;
pub(crate) const SPINS_MAX: u32 = 2048;

/// How often who wants a lock looks at it before it sleeps, each time after twice as long: 1,023
/// pauses in all.
pub(crate) const LOCK_SPINS: u32 = 10;

/// How often a word may change under who tries to change it: beside honest processes, of which one is
/// done with each change, it never comes to that. A millisecond or a few.
pub(crate) const TRIES_MAX: u32 = 1 << 14;

/// How many of one side can be attached to a structure that counts them.
pub(crate) const SEATS: usize = 128;
