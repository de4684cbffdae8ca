//! The word of a slot: who may do what with it now, and who sleeps for the next step.
//!
//! ```text
//! bit 63..42 owner | 41..38 count | 37..32 further bits of the lap |
//!     31..30 state | 29 S: somebody may sleep | 28..0 the lap's low bits
//! ```
//!
//! The lower half is the futex. That the lap's low bits are in it is what makes a sleeper's
//! comparison say "still so": one lap later the same state has the same owner perhaps, and another
//! lap.
//!
//! - A *claim* is one compare-and-swap that writes state, lap and owner, and keeps S: who sleeps for
//!   the end of a state sleeps on.
//! - A *finish* is the step from a claimed state to the next. It adds one to the state: by
//!   compare-and-swap if S is clear, and otherwise by one system call that adds at S's place, which
//!   clears S, carries into the state, and wakes. So no death comes between the change and the wake.
//! - Only who owns the claimed state, or resolves it after the owner's death, takes S away. So the
//!   addition is exact.

use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};

use super::Halt;
use crate::Deadline;
use crate::memory::Shared;
use crate::primitive::{LongWord, fence};
use crate::sys::futex::Scope;

/// The bit that says that somebody may sleep.
const S: u64 = 1 << S_BIT;
const S_BIT: u32 = 29;
const STATE_BIT: u32 = 30;
const OWNER_BIT: u32 = 42;
const COUNT_BIT: u32 = 38;
const LOW_LAP: u64 = (1 << 29) - 1;
/// The lower half, which is the futex.
const LOW: u64 = (1 << 32) - 1;

/// The bits that a lap has beside a count.
pub(crate) const LAP: u64 = (1 << 35) - 1;

/// The bits that a lap has where there is no count.
pub(crate) const LONG_LAP: u64 = (1 << 39) - 1;

/// How often who leaves tries to wake who sleeps: others have woken them each time.
const ROUSE_ATTEMPTS: u32 = 64;

/// The largest count.
pub(crate) const COUNT_MAX: u32 = 15;

/// A slot's word.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct SlotWord(LongWord);

// SAFETY: an atomic.
unsafe impl Shared for SlotWord {}

/// What such a word says: four states, the meaning of which is the structure's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen(u64);

impl Seen {
    /// What a word says that was read in another way.
    pub(crate) fn of(word: u64) -> Self {
        Self(word)
    }

    /// A word on which nobody sleeps. The count is none where the lap is a long one.
    #[inline(always)]
    pub(crate) fn new(state: u32, lap: u64, owner: u32, count: u32) -> Self {
        Self(
            (u64::from(state) & 3) << STATE_BIT
                | lap & LOW_LAP
                | (lap & LONG_LAP) >> S_BIT << 32
                | (u64::from(count) & 15) << COUNT_BIT
                | u64::from(owner) << OWNER_BIT,
        )
    }

    #[inline(always)]
    pub(crate) fn state(self) -> u32 {
        (self.0 >> STATE_BIT) as u32 & 3
    }

    /// Whether it is in this state of this lap, of [`LAP`]'s bits, whoever made it so.
    #[inline(always)]
    pub(crate) fn is(self, state: u32, lap: u64) -> bool {
        const STEP: u64 = 3 << STATE_BIT | LOW_LAP | LAP >> S_BIT << 32;
        (self.0 ^ Self::new(state, lap, 0, 0).0) & STEP == 0
    }

    /// Whether somebody may sleep.
    #[inline(always)]
    pub(crate) fn is_awaited(self) -> bool {
        self.0 & S != 0
    }

    /// The same, with S as it is in `other`.
    #[inline(always)]
    pub(crate) fn awaited_as(self, other: Self) -> Self {
        Self(self.0 & !S | other.0 & S)
    }

    /// The same without S.
    #[inline(always)]
    pub(crate) fn unawaited(self) -> Self {
        Self(self.0 & !S)
    }

    /// The lap, of [`LAP`]'s bits.
    #[inline(always)]
    pub(crate) fn lap(self) -> u64 {
        self.long_lap() & LAP
    }

    /// The lap, of [`LONG_LAP`]'s bits, where there is no count.
    #[inline(always)]
    pub(crate) fn long_lap(self) -> u64 {
        (self.0 >> 32 << S_BIT | self.0 & LOW_LAP) & LONG_LAP
    }

    #[inline(always)]
    pub(crate) fn count(self) -> u32 {
        (self.0 >> COUNT_BIT) as u32 & 15
    }

    #[inline(always)]
    pub(crate) fn owner(self) -> u32 {
        (self.0 >> OWNER_BIT) as u32
    }

    /// The same in the next state, the last one being followed by the first; nobody sleeps.
    #[inline(always)]
    pub(crate) fn next(self) -> Self {
        let low = (self.0 & LOW & !S).wrapping_add(1 << STATE_BIT) & LOW;
        Self(self.0 & !LOW | low)
    }
}

impl SlotWord {
    /// What a model begins with.
    pub(crate) fn begin(seen: Seen) -> Self {
        Self(LongWord::new(seen.0))
    }

    /// Looks. What came before the step to what is seen is seen too.
    #[inline(always)]
    pub(crate) fn load(&self) -> Seen {
        // Acquire [A1]: pairs with [R1] to [R5].
        Seen(self.0.load(Acquire))
    }

    /// Changes `seen` to `to`, with S as it was seen. Who sees the claim sees all that the claimant
    /// had seen: so whoever knows how far others have come finds no slot further back.
    ///
    /// # Errors
    ///
    /// What the word is instead.
    #[inline(always)]
    pub(crate) fn claim(&self, seen: Seen, to: Seen) -> Result<Seen, Seen> {
        let to = to.awaited_as(seen);
        // Release [R5]: pairs with [A1].
        match self.0.compare_exchange(seen.0, to.0, AcqRel, Acquire) {
            Ok(_) => Ok(to),
            Err(now) => Err(Seen(now)),
        }
    }

    /// Changes `seen` to `to`, whose S is taken away if it is not in `to`: who does so wakes. What
    /// was done before is seen by who sees it.
    ///
    /// # Errors
    ///
    /// What the word is instead.
    pub(crate) fn replace(&self, seen: Seen, to: Seen) -> Result<(), Seen> {
        // Release [R3]: pairs with [A1].
        match self.0.compare_exchange(seen.0, to.0, AcqRel, Acquire) {
            Ok(_) => Ok(()),
            Err(now) => Err(Seen(now)),
        }
    }

    /// Publishes `to` where nobody sleeps and nobody else may change the word.
    #[inline(always)]
    pub(crate) fn store(&self, to: Seen) {
        // Release [R4]: pairs with [A1].
        self.0.store(to.0, Release);
    }

    /// Goes on from `mine`, a claimed state of this member's, to the next state, and wakes who
    /// sleeps for that.
    ///
    /// # Errors
    ///
    /// [`Halt::Corrupt`]: somebody has changed what only this member may.
    #[inline(always)]
    pub(crate) fn finish(&self, mine: Seen) -> Result<(), Halt> {
        match self.finish_if_still(mine) {
            Ok(_) => Ok(()),
            Err(_) => Err(Halt::Corrupt),
        }
    }

    /// Like [`finish`](Self::finish), where others may change `mine` to another state that this
    /// member has claimed, and keep S. Returns whether somebody was woken: then that may have come
    /// just before, and it is this other state that was finished.
    ///
    /// # Errors
    ///
    /// What the word is instead.
    #[inline(always)]
    pub(crate) fn finish_if_still(&self, mine: Seen) -> Result<bool, Seen> {
        let mine = mine.unawaited();
        // Release [R1]: pairs with [A1].
        match self
            .0
            .compare_exchange(mine.0, mine.next().0, Release, Relaxed)
        {
            Ok(_) => Ok(false),
            Err(seen) => self.finish_and_wake(mine, Seen(seen)),
        }
    }

    #[cold]
    fn finish_and_wake(&self, mine: Seen, seen: Seen) -> Result<bool, Seen> {
        if seen.0 != mine.0 | S {
            return Err(seen);
        }
        // Release [R2]: pairs with [A1]: the kernel's addition orders nothing by itself.
        fence(Release);
        if self.0.add_bit_and_wake_all(S_BIT as u16).is_ok() {
            return Ok(true);
        }
        // Refused: in two steps, and a process that is killed between them has woken nobody.
        // Relaxed: after the fence.
        let next = mine.next().0;
        match self.0.compare_exchange(seen.0, next, Relaxed, Relaxed) {
            Ok(_) => {
                self.wake_all();
                Ok(true)
            }
            Err(now) => Err(Seen(now)),
        }
    }

    /// Wakes everyone who sleeps on the word.
    pub(crate) fn wake_all(&self) {
        self.0.wake_all(Scope::Shared);
    }

    /// Says that somebody is going to sleep while the word is `seen`, who looks once more before
    /// whether anybody is there to change it. Returns what [`sleep`](Self::sleep) waits for the end
    /// of; `None`: it has changed.
    pub(crate) fn arm(&self, seen: Seen) -> Option<Seen> {
        let armed = Seen(seen.0 | S);
        // Relaxed: as in `sleep`.
        if seen != armed && (self.0.compare_exchange(seen.0, armed.0, Relaxed, Relaxed)).is_err() {
            return None;
        }
        // SeqCst [F1]: with [F2] in `rouse`. Either that look sees who has left, or who leaves sees
        // S and takes it away, and so there is no sleep.
        fence(SeqCst);
        Some(armed)
    }

    /// Wakes who sleeps here for somebody who has just left. In a state that somebody has claimed,
    /// by `is_claimed`, nobody is woken: its end does that, and only its owner takes S away.
    pub(crate) fn rouse(&self, is_claimed: impl Fn(u32) -> bool) {
        // SeqCst [F2]: with [F1] in `arm`.
        fence(SeqCst);
        for _ in 0..ROUSE_ATTEMPTS {
            let seen = self.load();
            if !seen.is_awaited() || is_claimed(seen.state()) {
                return;
            }
            if self.replace(seen, seen.unawaited()).is_ok() {
                return self.wake_all();
            }
        }
    }

    /// Like [`sleep`](Self::sleep), for who may not write: nobody knows of it, so that it is only
    /// woken with others.
    ///
    /// # Errors
    ///
    /// As [`sleep`](Self::sleep).
    pub(crate) fn sleep_unasked(
        &self,
        seen: Seen,
        deadline: Deadline,
        longest: u32,
    ) -> crate::Result<()> {
        self.0
            .sleep(seen.0 as u32, Scope::Shared, deadline, longest)
    }

    /// Sleeps until the word is not `seen` any more, for at most `longest` nanoseconds. It may end
    /// at any time.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`](crate::Errno::TIMEDOUT) when the deadline had passed before.
    pub(crate) fn sleep(&self, seen: Seen, deadline: Deadline, longest: u32) -> crate::Result<()> {
        let asleep = Seen(seen.0 | S);
        // Relaxed throughout: the caller looks again. Whether it is as it was is the kernel's to
        // see.
        if seen != asleep
            && self
                .0
                .compare_exchange(seen.0, asleep.0, Relaxed, Relaxed)
                .is_err()
        {
            return Ok(());
        }
        self.0
            .sleep(asleep.0 as u32, Scope::Shared, deadline, longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_word_are_what_it_was_made_of() {
        for lap in [0, 1, LOW_LAP, LOW_LAP + 1, LAP - 1, LAP] {
            for state in 0..4 {
                let seen = Seen::new(state, lap, (1 << 22) - 1, COUNT_MAX);
                assert_eq!((seen.state(), seen.lap()), (state, lap));
                assert!(seen.is(state, lap) && !seen.is(state ^ 1, lap));
                assert!(!seen.is(state, lap ^ 1) && !seen.is(state, lap ^ (LOW_LAP + 1)));
                assert_eq!((seen.owner(), seen.count()), ((1 << 22) - 1, COUNT_MAX));
                assert!(!seen.is_awaited());
                assert_eq!(seen.next().state(), (state + 1) % 4);
                assert_eq!(
                    (seen.next().lap(), seen.next().owner()),
                    (lap, seen.owner())
                );
            }
        }
        assert_eq!(Seen::new(2, LONG_LAP, 7, 0).long_lap(), LONG_LAP);
        assert_eq!(Seen::new(2, LONG_LAP - 1, 7, 0).owner(), 7);
    }

    /// With S the kernel's addition to the lower half is the step to the next state.
    #[test]
    fn addition_at_the_place_of_the_bit_is_the_next_state() {
        for state in 0..4 {
            let mine = Seen::new(state, LAP, 5, 3);
            let low = ((mine.0 | S) as u32).wrapping_add(1 << S_BIT);
            assert_eq!(mine.next().0, mine.0 & !LOW | u64::from(low));
        }
    }
}
