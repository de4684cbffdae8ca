//! The phase of a slot, as seen from a position.
//!
//! Positions are numbered on and on, by both sides alike. Position `p` of a ring of `capacity` slots
//! is in slot `p % capacity`, in lap `p / capacity + 1`: so that zeroed memory is a ring whose lap 0
//! is over. In each lap a slot goes through its states in one order, and the state and the lap
//! together are a number that only grows, here called the *phase*:
//!
//! ```text
//! .. FREE(l-1)   WRITING(l)   READY(l)   READING(l)   FREE(l)   WRITING(l+1) ..
//!    4 l         4 l + 1      4 l + 2    4 l + 3      4 l + 4   4 l + 5
//! ```
//!
//! A producer at a position of lap `l` wants phase `4 l`, and a consumer `4 l + 2`. What is up to three
//! before that is "not yet": full, or empty. What is behind it has been claimed by others.

use crate::ring::slot::{LAP, Seen};

/// The lap is over.
pub(super) const FREE: u32 = 0;
/// A producer has it.
pub(super) const WRITING: u32 = 1;
/// A message is in it.
pub(super) const READY: u32 = 2;
/// A consumer has it.
pub(super) const READING: u32 = 3;

/// A side as a value: known when compiled on the ways that are to be fast, and
/// passed on those that are not, which then exist once and not for each side.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which {
    Producer,
    Consumer,
}

impl Which {
    /// The state of a slot that this side has claimed.
    #[inline(always)]
    pub(super) fn claimed(self) -> u32 {
        match self {
            Self::Producer => WRITING,
            Self::Consumer => READING,
        }
    }

    /// The state of a slot that this side has finished.
    #[inline(always)]
    pub(super) fn finished(self) -> u32 {
        match self {
            Self::Producer => READY,
            Self::Consumer => FREE,
        }
    }
}

/// The bits that a phase has more than a lap.
const STATE_BITS: u32 = 2;

/// How far from the top the bits of a phase are in a word of 64.
const PHASE_SHIFT: u32 = LAP.leading_zeros() - STATE_BITS;

/// The laps of a ring, by positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Laps {
    /// The logarithm of the capacity.
    bits: u32,
}

impl Laps {
    /// Those of a ring with so many slots, a power of two.
    pub(super) fn of(capacity: usize) -> Self {
        Self {
            bits: capacity.trailing_zeros(),
        }
    }

    #[inline(always)]
    pub(super) fn capacity(self) -> u64 {
        1 << self.bits
    }

    /// The lap of a position.
    #[inline(always)]
    pub(super) fn at(self, position: u64) -> u64 {
        (position >> self.bits).wrapping_add(1) & LAP
    }

    /// Whether the slot is what `which` wants at `position`: [`ahead`](Self::ahead) is 0.
    #[inline(always)]
    pub(super) fn is_next(self, which: Which, seen: Seen, position: u64) -> bool {
        let before = position >> self.bits;
        match which {
            Which::Producer => seen.is(FREE, before),
            Which::Consumer => seen.is(READY, before.wrapping_add(1)),
        }
    }

    /// How far the slot is ahead of what `which` wants at `position`, in phases: negative is "not
    /// yet". Phases are compared modulo their number, as laps wrap around.
    #[inline(always)]
    pub(super) fn ahead(self, which: Which, seen: Seen, position: u64) -> i64 {
        let wanted = self.at(position) << STATE_BITS
            | match which {
                Which::Producer => 0,
                Which::Consumer => 2,
            };
        // FREE comes behind the others of its lap.
        let state = u64::from(seen.state().wrapping_sub(1) & 3) + 1;
        let phase = (seen.lap() << STATE_BITS) + state;
        (phase.wrapping_sub(wanted) << PHASE_SHIFT).cast_signed() >> PHASE_SHIFT
    }

    /// The first position that nobody may have claimed, seeing that a slot is `ahead` of
    /// `position`, by more than 0: claims are in the order of positions, so that all those before
    /// the last one that was claimed here have been claimed too.
    #[inline(always)]
    pub(super) fn behind(self, seen: Seen, ahead: i64, position: u64) -> u64 {
        // Whoever claimed so many at once, all of them were claimed by this side: consumers claim
        // together what producers have written, and producers what consumers have read in the lap
        // before.
        let count = u64::from(seen.count()).max(1);
        let laps = (ahead.cast_unsigned() - 1) >> STATE_BITS;
        let claimed = position.wrapping_add(laps << self.bits);
        claimed.wrapping_add(count)
    }

    /// The position that is meant by a word that was seen in the slot of `position`, in the same
    /// lap or the one before.
    #[inline(always)]
    pub(super) fn position_of(self, seen: Seen, position: u64) -> u64 {
        let laps = self.at(position).wrapping_sub(seen.lap()) & LAP;
        position.wrapping_sub(laps << self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Which::{Consumer, Producer};

    fn seen(state: u32, lap: u64, count: u32) -> Seen {
        Seen::new(state, lap, 7, count)
    }

    #[test]
    fn zeroed_slot_is_what_the_first_producer_wants() {
        let laps = Laps::of(4);
        let zero = Seen::new(0, 0, 0, 0);
        assert_eq!(laps.ahead(Producer, zero, 0), 0);
        assert_eq!(laps.ahead(Producer, zero, 3), 0);
        assert_eq!(laps.ahead(Producer, zero, 4), -4);
        assert_eq!(laps.ahead(Consumer, zero, 0), -2);
    }

    #[test]
    fn phases_grow_by_one_across_laps_that_wrap() {
        let laps = Laps::of(2);
        for (before, lap) in [(4, 5), (LAP, 0), (LAP - 1, LAP)] {
            let position = 2 * (lap.wrapping_sub(1) & LAP);
            assert_eq!(laps.at(position), lap);
            let all = [
                seen(READING, before, 0),
                seen(FREE, before, 0),
                seen(WRITING, lap, 1),
                seen(READY, lap, 1),
                seen(READING, lap, 1),
                seen(FREE, lap, 0),
                seen(WRITING, (lap + 1) & LAP, 1),
            ];
            for (index, &seen) in (-1..).zip(&all) {
                assert_eq!(laps.ahead(Producer, seen, position), index);
                assert_eq!(laps.ahead(Consumer, seen, position), index - 2);
                assert_eq!(laps.is_next(Producer, seen, position), index == 0);
                assert_eq!(laps.is_next(Consumer, seen, position), index == 2);
            }
        }
    }

    #[test]
    fn jump_goes_behind_what_was_claimed() {
        let laps = Laps::of(4);
        let behind =
            |which, seen, position| laps.behind(seen, laps.ahead(which, seen, position), position);
        // Position 8 is in lap 3.
        assert_eq!(behind(Producer, seen(WRITING, 3, 1), 8), 9);
        assert_eq!(behind(Producer, seen(WRITING, 3, 4), 8), 12);
        assert_eq!(behind(Producer, seen(READY, 3, 4), 8), 12);
        assert_eq!(behind(Producer, seen(FREE, 3, 0), 8), 9);
        // Three that are read together were written.
        assert_eq!(behind(Producer, seen(READING, 3, 3), 8), 11);
        assert_eq!(behind(Producer, seen(WRITING, 5, 2), 8), 18);
        assert_eq!(behind(Consumer, seen(READING, 3, 3), 8), 11);
        assert_eq!(behind(Consumer, seen(FREE, 3, 0), 8), 9);
        // Three that are written together in the next lap were read in this one.
        assert_eq!(behind(Consumer, seen(WRITING, 4, 3), 8), 11);
        assert_eq!(behind(Consumer, seen(READY, 4, 0), 8), 9);
        assert_eq!(behind(Consumer, seen(READING, 4, 2), 8), 14);
    }

    #[test]
    fn position_of_a_word_is_in_its_lap() {
        let laps = Laps::of(4);
        assert_eq!(laps.position_of(seen(WRITING, 3, 1), 9), 9);
        assert_eq!(laps.position_of(seen(READING, 2, 1), 9), 5);
        let first = 4 * LAP;
        assert_eq!((laps.at(first), laps.at(first - 4)), (0, LAP));
        assert_eq!(laps.position_of(seen(READING, LAP, 1), first), first - 4);
    }
}
