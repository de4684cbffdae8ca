//! The word on which members sleep that wait for any one of many things: a free chunk, a request in
//! some slot.
//!
//! The thing is there by a word of its own, and the bell is rung in a second step: who dies in
//! between has rung for nobody, and sleepers look again.

use core::sync::atomic::Ordering::{Relaxed, SeqCst};

use crate::Deadline;
use crate::primitive::{Word, const_constructor, fence};
use crate::sync::wake::add_and_wake_all;

/// Set while somebody may sleep; how often it was rung is above it.
const SLEEPING: u32 = 1;

/// The bell of many things, one of which will do.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct Bell(Word);

impl Bell {
    const_constructor! {
        pub(crate) fn new(value: u32) -> Self {
            Self(Word::new(value))
        }
    }

    /// Whether somebody may sleep, as its word says.
    pub(crate) fn is_armed(word: u32) -> bool {
        word & SLEEPING != 0
    }

    /// How often it was rung, for [`arm`](Self::arm): to be read before one looks for the thing.
    #[inline(always)]
    pub(crate) fn rung(&self) -> u32 {
        self.0.load(Relaxed) & !SLEEPING
    }

    /// Says that somebody is going to sleep, who then looks for the thing once more.
    pub(crate) fn arm(&self, rung: u32) {
        let _ = self
            .0
            .compare_exchange(rung, rung | SLEEPING, Relaxed, Relaxed);
        // SeqCst [S1]: with [S2]. Either who makes the thing after that look sees the bit, or the
        // look sees the thing.
        fence(SeqCst);
    }

    /// Sleeps until it is rung, for at most `longest` nanoseconds. It may end at any time.
    pub(crate) fn sleep(&self, rung: u32, deadline: Deadline, longest: u32) -> crate::Result<()> {
        self.0.sleep(rung | SLEEPING, deadline, longest)
    }

    /// Rings if somebody may sleep: the thing has just come to be there.
    #[inline(always)]
    pub(crate) fn ring(&self) {
        // SeqCst [S2]: with [S1].
        fence(SeqCst);
        let seen = self.0.load(Relaxed);
        if seen & SLEEPING != 0 {
            // The next number, without the bit. Two who do so at once leave a bit of nobody's,
            // which costs a call and goes.
            add_and_wake_all(&self.0, seen, 1);
        }
    }
}
