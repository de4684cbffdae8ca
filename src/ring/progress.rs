//! The position of one side, as it tells the other: the word that is published and
//! slept on, and the position that goes with it.

use core::mem::offset_of;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::Halt;
use super::fill::fill;
use super::waiting::Waiting;
use crate::Deadline;
use crate::primitive::{AtomicU32, AtomicU64, Pair, Words, const_constructor};
use crate::region::Look;
use crate::sync::wake::add_and_wake_all;

/// Set in the word while the other side may sleep; the count is above it.
const SLEEPING: u32 = 1;

/// One more advance.
const ONE: u32 = 2;

/// Positions are multiples of this many bytes.
pub(crate) const GRAIN: u64 = 8;

/// What the word is at `position` where nobody ever sleeps: a store can change it by
/// any amount, so that it is the position, in grains and without its upper bits.
fn plain(position: u64) -> u32 {
    // Its highest bit is lost too, as one more is below it.
    ((position / GRAIN) as u32).wrapping_mul(ONE)
}

/// The bits of a position that are in [`plain`], and those below.
const PLAIN: u64 = ((u32::MAX / ONE) as u64 * GRAIN) | (GRAIN - 1);

/// The most data that a ring has: far less than positions that look the same in
/// [`plain`] are apart.
pub(crate) const DATA_MAX: usize = 1 << 33;

/// Positions are kept for this many counts, a power of two.
const CELLS: u32 = 4;

/// How often a reader tries for a count and position that belong together. A peer
/// would have to advance three times between two loads, each time, to exhaust it.
const READ_ATTEMPTS: u32 = 1 << 16;

/// One side's progress. Only that side advances it; the other one watches.
///
/// An advance is published, and the watcher woken, in one step: by a change of
/// `word`. The position does not fit into it, so it is written beforehand to the
/// cell that belongs to the *next* count, which nobody looks at yet. A process
/// killed in between has not advanced.
///
/// On its own pair of cache lines, as some machines fetch two at once; all of it on the
/// first one.
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct Progress {
    /// `count << 1 | SLEEPING`. A futex, shared.
    ///
    /// Where nobody ever sleeps it is the position itself, see [`plain`], and the
    /// cells are not used; beside it is the newest item, if the sides have agreed
    /// on that, see [`advance_with`](Self::advance_with).
    ///
    /// The watcher sets the bit before it sleeps, and never clears it: only an
    /// advance does. So an advancing side that sees the bit knows that it stays.
    word: Pair,
    /// The position after `count` advances is in cell `count % CELLS`.
    positions: [AtomicU64; CELLS as usize],
    /// The member that advances: 0 for nobody.
    pub(crate) owner: AtomicU32,
    /// 1 once the owner has closed its end.
    pub(crate) closed: AtomicU32,
}

/// What a watcher has read, and the advancing side's private truth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The word without its bit: the count, doubled.
    pub(crate) count: u32,
    pub(crate) position: u64,
}

impl Progress {
    const_constructor! {
        /// Progress after an even number of advances to `position`; `word` is that
        /// number, doubled.
        pub(crate) fn new(word: u32, position: u64) -> Self {
            Self {
                word: Pair::new(word),
                positions: [
                    AtomicU64::new(position),
                    AtomicU64::new(position),
                    AtomicU64::new(position),
                    AtomicU64::new(position),
                ],
                owner: AtomicU32::new(0),
                closed: AtomicU32::new(0),
            }
        }
    }

    /// What of the one progress, at `published` of a region's file, the other one, at `consumed`, has not
    /// come to, `None` if that is more than there is `room` for; and who may sleep: the watcher of the
    /// first, that of the second.
    pub(crate) fn look(
        look: &Look<'_>,
        [published, consumed]: [usize; 2],
        room: u64,
        sleeps: bool,
    ) -> (Option<u64>, [bool; 2]) {
        let read = |at: usize| {
            let word = look.word(at + offset_of!(Self, word)).unwrap_or(0);
            let position = if sleeps {
                let cell = (word / ONE % CELLS) as usize * size_of::<u64>();
                let at = at + offset_of!(Self, positions) + cell;
                look.long(at).unwrap_or(0)
            } else {
                u64::from(word / ONE) * GRAIN
            };
            (position, word & SLEEPING != 0)
        };
        let bits = if sleeps { u64::MAX } else { PLAIN };
        let [before, ahead, after] = [consumed, published, consumed].map(read);
        let fill = fill(room, [before.0, after.0], ahead.0, bits);
        (fill, [ahead.1, after.1])
    }

    #[inline(always)]
    fn cell(&self, count: u32) -> &AtomicU64 {
        // Masked, so that the compiler sees it in range.
        &self.positions[(count / ONE % CELLS) as usize]
    }

    /// The count now, doubled.
    #[inline(always)]
    pub(crate) fn count<W: Waiting>(&self) -> u32 {
        // Acquire [A1]: pairs with [R1] and [R2] in `advance`, with `add_and_wake_all`, and
        // with `advance_with`.
        let word = if W::SLEEPS {
            self.word.word().load(Acquire)
        } else {
            self.word.load(Acquire)
        };
        word & !SLEEPING
    }

    /// Reads count and position, as a watcher that last saw `before`.
    ///
    /// # Errors
    ///
    /// [`Halt::Corrupt`] if they never fit together.
    #[inline]
    pub(crate) fn read<W: Waiting>(&self, before: u64) -> Result<Reading, Halt> {
        if !W::SLEEPS {
            let count = self.count::<W>();
            let ahead = count.wrapping_sub(plain(before)) / ONE;
            let position = before.wrapping_add(u64::from(ahead) * GRAIN);
            return Ok(Reading { count, position });
        }
        for _ in 0..READ_ATTEMPTS {
            let count = self.count::<W>();
            // Acquire [A2]: pairs with [R4]. Who reads a position of a later count
            // in this cell sees, in the next load, that the count has moved on.
            let position = self.cell(count).load(Acquire);
            let now = self.word.word().load(Relaxed) & !SLEEPING;
            // This cell is written again for `count + CELLS`, after the word has
            // become `count + CELLS - 1`.
            if now.wrapping_sub(count) / ONE < CELLS - 1 {
                return Ok(Reading { count, position });
            }
        }
        Err(Halt::Corrupt)
    }

    /// Publishes that this side, which was at `own`, is now at `position`, and
    /// wakes the watcher if it may sleep.
    ///
    /// # Errors
    ///
    /// [`Halt::Corrupt`] when the word is not what this side has made it.
    #[inline(always)]
    pub(crate) fn advance<W: Waiting>(&self, own: &mut Reading, position: u64) -> Result<(), Halt> {
        if W::SLEEPS {
            let next = own.count.wrapping_add(ONE);
            // Release [R4]: pairs with [A2] in `read`.
            self.cell(next).store(position, Release);
            // Release [R1]: pairs with [A1] in `count`.
            let word = self.word.word();
            if let Err(seen) = word.compare_exchange(own.count, next, Release, Relaxed) {
                self.advance_and_wake(own.count, seen)?;
            }
            own.count = next;
        } else {
            // Release [R2]: pairs with [A1] in `count`.
            self.word.store_alone(plain(position), Release);
        }
        own.position = position;
        Ok(())
    }

    /// As [`advance`](Self::advance) where nobody ever sleeps, by one item, which
    /// goes beside the word too: the watcher then has both when one cache line has
    /// crossed. All advances by one item must be by this.
    #[inline(always)]
    pub(crate) fn advance_with(&self, own: &mut Reading, position: u64, item: u64) {
        // Pairs with [A1] in `count`: the store is a release.
        self.word.store(plain(position), item);
        own.position = position;
    }

    /// The item that was published last, if the watcher, who had received all before
    /// it, read `reading` when it alone had been added, and nothing has been since.
    #[inline(always)]
    pub(crate) fn newest(&self, reading: Reading) -> Option<u64> {
        // Acquire [A3]: keeps the load of the word behind this one. The word that it came
        // with is this one, as it cannot have come round: at most `DATA_MAX` is published
        // unread.
        let item = self.word.beside(Acquire);
        (self.word.load(Relaxed) == reading.count).then_some(item)
    }

    #[cold]
    fn advance_and_wake(&self, count: u32, seen: u32) -> Result<(), Halt> {
        // The next count with the bit clear, by one addition, as the bit is set.
        if seen == count | SLEEPING && add_and_wake_all(self.word.word(), seen, ONE - SLEEPING) {
            Ok(())
        } else {
            Err(Halt::Corrupt)
        }
    }

    /// Adds this word to those that one sleeps on until one of them has changed, as
    /// [`sleep`](Self::sleep) does on one. `None` if no more fit.
    #[must_use]
    pub(crate) fn watch<'a>(&'a self, seen: u32, words: &mut Words<'a>) -> Option<()> {
        // Relaxed: as in `sleep`.
        let (word, armed) = (self.word.word(), seen | SLEEPING);
        let _ = word.compare_exchange(seen, armed, Relaxed, Relaxed);
        words.add(word, armed)
    }

    /// Sleeps until the count, which was `seen`, has changed, for at most `longest`
    /// nanoseconds. It may end at any time.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`](crate::Errno::TIMEDOUT) when the deadline had passed before.
    pub(crate) fn sleep(&self, seen: u32, deadline: Deadline, longest: u32) -> crate::Result<()> {
        // Relaxed throughout: the caller reads again, with Acquire. That the bit was set
        // before, or the count is another, is the kernel's to see.
        let word = self.word.word();
        let _ = word.compare_exchange(seen, seen | SLEEPING, Relaxed, Relaxed);
        word.sleep(seen | SLEEPING, deadline, longest)
    }
}
