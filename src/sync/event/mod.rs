//! Events: one waits until another has set them, past any death.

mod auto;
mod manual;

use core::sync::atomic::Ordering::{Relaxed, Release};

use super::Semaphore;
use crate::primitive::{Word, const_constructor, fence};
use crate::{Deadline, Result};

pub use auto::AutoResetEvent;
pub use manual::ManualResetEvent;

/// Set when somebody may sleep.
const SLEEPERS: u32 = 1;

/// Set when the event is.
const SET: u32 = 2;

/// How often the word may change under who tries to change it: more often only a hostile peer does.
const CHANGES_MAX: u32 = 64;

/// The longest sleep, in nanoseconds, before a waiter looks again for a set of which no wake told it.
const LONGEST: u32 = Semaphore::RECHECK.subsec_nanos();

/// `SET | SLEEPERS`, and above them what the kind of event has there. A futex, shared.
///
/// From "not set, somebody sleeps" only a set leads on, which wakes all in the same step: whoever is
/// queued implies that it is not set.
#[derive(Debug)]
#[repr(transparent)]
struct EventWord(Word);

impl EventWord {
    const_constructor! {
        /// An event that is not set.
        fn new() -> Self {
            Self(Word::new(0))
        }
    }

    /// Sets the event, and wakes all who sleep.
    #[inline]
    fn set(&self) {
        self.set_from(self.0.load(Relaxed));
    }

    /// Like [`set`](Self::set); `seen` is what the word held.
    #[inline]
    fn set_from(&self, mut seen: u32) {
        for _ in 0..CHANGES_MAX {
            if seen & (SET | SLEEPERS) == SLEEPERS {
                break;
            }
            // Also where it is set already: a mere look could be an old one, and who has taken that
            // set meanwhile would not see what was done before this one.
            // Release [R1]: pairs with [A1] in `AutoResetEvent` and `ManualResetEvent`.
            match self.0.compare_exchange(seen, seen | SET, Release, Relaxed) {
                Ok(_) => return,
                Err(now) => seen = now,
            }
        }
        self.set_and_wake();
    }

    /// Sets it and wakes everyone in one system call, so that no death comes between.
    ///
    /// Where a filter of system calls refuses that one it takes two steps. Who is killed between
    /// these has woken nobody, and so has who is refused every wake: sleepers look again for that.
    #[cold]
    #[inline(never)]
    fn set_and_wake(&self) {
        // Release [R1]: the kernel's change orders nothing by itself.
        fence(Release);
        if self.0.set_bits_and_wake_all(SET as u16).is_err() {
            // Relaxed: after the fence. To set it once more changes nothing.
            self.0.fetch_or(SET, Relaxed);
            self.0.wake_all();
        }
    }

    /// Says that somebody may sleep while the word is as it was `seen`, not set; returns what it holds
    /// then.
    fn announce(&self, seen: u32) -> u32 {
        let announced = seen | SLEEPERS;
        if announced != seen {
            // Relaxed: nothing is told by it. If the word is another meanwhile, nobody sleeps.
            let _ = self.0.compare_exchange(seen, announced, Relaxed, Relaxed);
        }
        announced
    }

    /// Sleeps while the word is as it was `seen`, not set.
    #[cold]
    fn sleep(&self, seen: u32, deadline: Deadline) -> Result<()> {
        let announced = self.announce(seen);
        self.0.sleep(announced, deadline, LONGEST)
    }
}
