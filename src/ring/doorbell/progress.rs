//! The position of one side, published together with a request to ring for the next one.

use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::primitive::{AtomicU32, AtomicU64, Bell};
use crate::ring::Halt;
use crate::ring::progress::GRAIN;

/// The bits of a word by which the watcher has armed: none if it has not.
const ARM: u64 = (1 << 24) - 1;

/// Set in a word once its side is closed.
const CLOSED: u64 = 1 << 24;

/// Where the position begins in a word, in grains and without its upper bits.
const POSITION_BIT: u32 = 25;

/// Positions have so many bits in bytes: far more than a ring has data.
pub(super) const POSITION: u64 = u64::MAX >> POSITION_BIT << GRAIN.trailing_zeros() | (GRAIN - 1);

/// How often an advance is tried. Each time but the last the watcher has emptied its bell and
/// armed anew while it was rung, which only a hostile one does all the time.
const ATTEMPTS: u32 = 1 << 12;

/// What a watcher has read, and the advancing side's private truth: a word without its arm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading(u64);

impl Reading {
    /// An open side at a position.
    #[inline(always)]
    pub(super) const fn at(position: u64) -> Self {
        Self((position / GRAIN) << POSITION_BIT)
    }

    /// The position, up to [`POSITION`]: a multiple of [`GRAIN`], whatever somebody wrote.
    #[inline(always)]
    pub(super) fn position(self) -> u64 {
        (self.0 >> POSITION_BIT) * GRAIN
    }

    #[inline(always)]
    pub(super) fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    /// The same side, closed.
    pub(super) fn closed(self) -> Self {
        Self(self.0 | CLOSED)
    }

    /// The same side, open.
    pub(super) fn open(self) -> Self {
        Self(self.0 & !CLOSED)
    }
}

/// One side's progress. Only that side advances it; the other one watches, and arms it before it
/// sleeps.
///
/// The watcher sleeps on a descriptor, so that publishing and waking cannot be one step. Therefore
/// the advancing side *rings first*, and then publishes by a compare-and-swap that fails if the
/// watcher has armed again: it then rings again. So who has published has rung every watcher that
/// may sleep, and who dies before has published nothing. For that, no arm must be the one of before:
/// each is one more than the last at this position, and the first when nobody has armed.
#[derive(Debug)]
#[repr(C, align(128))]
pub(super) struct Progress {
    /// A [`Reading`] and an arm.
    word: AtomicU64,
    /// The member that advances: 0 for nobody.
    pub(super) owner: AtomicU32,
}

impl Progress {
    /// Where the word is.
    pub(super) const WORD: usize = core::mem::offset_of!(Self, word);

    /// What a model begins with: arms are about to wrap around, and one was left by a dead watcher.
    pub(super) fn begin(position: u64) -> Self {
        Self {
            word: AtomicU64::new(Reading::at(position).0 | ARM),
            owner: AtomicU32::new(0),
        }
    }

    /// Looks how far the side has come.
    #[inline(always)]
    pub(super) fn read(&self) -> Reading {
        // Acquire [A1]: pairs with [R1] in `advance`.
        Reading(self.word.load(Acquire) & !ARM)
    }

    /// Publishes that this side, which was at `own`, is now at `to`, after it has rung for whoever
    /// has armed.
    ///
    /// # Errors
    ///
    /// [`Halt::Corrupt`] when the word is not what this side has made it; [`Halt::Kernel`] when
    /// the kernel does not let it ring. Nothing is published then.
    #[inline(always)]
    pub(super) fn advance(&self, own: &mut Reading, to: Reading, bell: &Bell) -> Result<(), Halt> {
        // Release [R1]: pairs with [A1] in `read`.
        if let Err(seen) = self.word.compare_exchange(own.0, to.0, Release, Relaxed) {
            self.ring_and_advance(seen, own.0, to.0, bell)?;
        }
        *own = to;
        Ok(())
    }

    #[cold]
    fn ring_and_advance(&self, seen: u64, own: u64, to: u64, bell: &Bell) -> Result<(), Halt> {
        let mut seen = seen;
        for _ in 0..ATTEMPTS {
            if seen & !ARM != own {
                return Err(Halt::Corrupt);
            }
            if seen & ARM != 0 {
                bell.ring().map_err(Halt::Kernel)?;
            }
            // Release [R2]: pairs with [A1] in `read`.
            match self.word.compare_exchange(seen, to, Release, Relaxed) {
                Ok(_) => return Ok(()),
                Err(now) => seen = now,
            }
        }
        Err(Halt::Corrupt)
    }

    /// Arms, as the watcher that has last read `seen`; returns whether the side is where it was.
    /// `armed` is what this watcher has armed by and is not rung for yet, 0 if there is none: what
    /// has been rung since is emptied, and `is_rung` says that there was some.
    ///
    /// The bell must be emptied *before*: what is rung after that is for this arm.
    pub(super) fn arm(&self, Reading(seen): Reading, armed: &mut u32, is_rung: bool) -> bool {
        for _ in 0..ATTEMPTS {
            // Relaxed: who is told that there is something looks again.
            let now = self.word.load(Relaxed);
            if now & !ARM != seen {
                return false;
            }
            let arm = (now & ARM) as u32;
            if !is_rung && arm != 0 && arm == *armed {
                return true;
            }
            // Not 0, which is no arm.
            let next = (arm + 1) & ARM as u32;
            let next = next.max(1);
            let to = seen | u64::from(next);
            // Relaxed: that the bell was emptied before is between this and who rings it, by the
            // bell.
            if self
                .word
                .compare_exchange(now, to, Relaxed, Relaxed)
                .is_ok()
            {
                *armed = next;
                return true;
            }
        }
        false
    }

    /// Returns whether somebody has armed by what is in a word.
    pub(super) fn is_armed(word: u64) -> bool {
        word & ARM != 0
    }

    /// The reading that is in a word.
    pub(super) fn reading(word: u64) -> Reading {
        Reading(word & !ARM)
    }
}
