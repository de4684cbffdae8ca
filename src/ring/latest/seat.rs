//! A reader's word: which buffer it holds, so that the writer leaves that alone.

use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::memory::Shared;
use crate::primitive::{AtomicU32, Cell};
use crate::ring::Halt;
use crate::sync::owner::Owner;

/// What a reader holds: the lower bits. Its number is above them.
const WHAT_BITS: u32 = 8;
const NOTHING: u32 = 0;
/// It is about to hold the buffer of the latest value, whichever that is.
const WANTS: u32 = 1;
/// This, and the number of the buffer that it holds.
const HOLDS: u32 = 64;

fn what(word: u32) -> u32 {
    word % (1 << WHAT_BITS)
}

/// Whose a reader's word is.
pub(super) fn owner(word: u32) -> u32 {
    word >> WHAT_BITS
}

fn word(owner: u32, what: u32) -> u32 {
    owner << WHAT_BITS | what
}

/// How often taking a seat is tried: the writer changes a dead reader's word at most once.
const TAKES: u32 = 3;

/// The buffer that is held.
fn held(word: u32) -> Option<usize> {
    Some(what(word).checked_sub(HOLDS)? as usize)
}

/// One reader's place: on its own pair of cache lines, as some machines fetch two at once.
#[derive(Debug)]
#[repr(C, align(128))]
pub(super) struct Seat {
    /// 0 while it is nobody's; a dead reader's until another one takes it.
    word: AtomicU32,
}

// SAFETY: an atomic, and padding.
unsafe impl Shared for Seat {}

impl Cell for Seat {
    fn begin(_index: usize, _count: usize) -> Self {
        Self {
            word: AtomicU32::new(0),
        }
    }
}

impl Seat {
    /// Takes the seat for `me`, if it is nobody's; with `bury` if its reader is dead.
    pub(super) fn take(&self, me: &impl Owner, bury: bool) -> bool {
        let mine = word(me.number(), NOTHING);
        let mut seen = self.word.load(Relaxed);
        for _ in 0..TAKES {
            let is_free = match owner(seen) {
                0 => true,
                number => bury && !me.alive(number),
            };
            if !is_free {
                return false;
            }
            // Release: what a dead reader has read it reads no more; the writer learns of that
            // from this word, which it loads with Acquire [A2].
            match self.word.compare_exchange(seen, mine, Release, Relaxed) {
                Ok(_) => return true,
                // Another's now, or the writer has given something to the dead.
                Err(now) => seen = now,
            }
        }
        false
    }

    /// Gives the seat back.
    pub(super) fn leave(&self) {
        // Release [R2]: pairs with [A2] in `help`.
        self.word.store(0, Release);
    }

    /// Lets go of the buffer that reader `me` holds, and asks for that of the latest value. The
    /// reader looks which one that is after a fence, and claims it.
    #[inline(always)]
    pub(super) fn want(&self, me: u32) {
        // Release [R2]: pairs with [A2] in `help`: what was read of the old one has been read.
        self.word.store(word(me, WANTS), Release);
    }

    /// Holds `buffer`, which had the latest value, or another that has a later one, if the writer
    /// has given this reader that meanwhile. Returns which it is.
    ///
    /// # Errors
    ///
    /// [`Halt::Corrupt`]: somebody else has written to this reader's word.
    #[inline(always)]
    pub(super) fn hold(&self, me: u32, buffer: usize) -> Result<usize, Halt> {
        let mine = word(me, HOLDS + buffer as u32);
        // Acquire [A3]: pairs with [F2] before `help`.
        match self
            .word
            .compare_exchange(word(me, WANTS), mine, Relaxed, Acquire)
        {
            Ok(_) => Ok(buffer),
            Err(given) if owner(given) == me => held(given).ok_or(Halt::Corrupt),
            Err(_) => Err(Halt::Corrupt),
        }
    }

    /// For the writer: gives `latest` to a reader that wants it, and returns the buffer that is
    /// held here. After a fence that comes after the latest value was published.
    #[inline(always)]
    pub(super) fn help(&self, latest: usize) -> Option<usize> {
        // Acquire [A2]: pairs with [R2] in `want` and `leave`, also where the reader has claimed
        // a buffer since.
        let seen = self.word.load(Acquire);
        if what(seen) != WANTS {
            return held(seen);
        }
        let given = word(owner(seen), HOLDS + latest as u32);
        // Relaxed: whoever is given the latest value sees it written, as that was before the fence
        // [F2], which pairs with [A3] in `hold`. A failure is the reader's own claim, or its end: it
        // claims none but the latest, as it looks for that after a fence that comes after the
        // writer's.
        match self.word.compare_exchange(seen, given, Relaxed, Acquire) {
            Ok(_) => Some(latest),
            Err(now) => held(now),
        }
    }
}
