//! How far one side has come, told to the other by a plain store: the word that is published and
//! slept on, and the word by which who sleeps asks to be woken.

use core::mem::offset_of;
use core::sync::atomic::AtomicU64 as Counter;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::Deadline;
use crate::primitive::{AtomicU32, AtomicU64, LongPair, barrier, const_constructor, layout};
use crate::ring::progress::GRAIN;

/// Set in a word once its side is closed.
const CLOSED: u64 = 1;

/// Set in a word beside which there is the item that was published with it. Not in the half that
/// is slept on.
const BESIDE: u64 = 1 << 63;

/// A word: how far its side has come, and whether it is closed.
///
/// The position is in it from bit 1 to bit 61, in grains. The half that is slept on has the lower
/// 31 bits of it: 16 GiB, and no ring has so much data, so that no two words look the same there
/// for one who waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading(u64);

impl Reading {
    /// An open side at `position`, which is a multiple of [`GRAIN`].
    #[inline(always)]
    pub(super) const fn at(position: u64) -> Self {
        Self(position / GRAIN * 2)
    }

    /// What is found in the place of a word.
    pub(super) fn of(word: u64) -> Self {
        Self(word)
    }

    /// The position: a multiple of [`GRAIN`], whatever somebody wrote.
    #[inline(always)]
    pub(super) fn position(self) -> u64 {
        const { assert!(GRAIN == 8) }
        self.0 << 2 & !(GRAIN - 1)
    }

    #[inline(always)]
    pub(super) fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    /// How one arms who sleeps at it: never by 0. What the kernel does not compare makes no
    /// difference, or one could be answered, and sleep at a half that has not changed: so the bit
    /// for the item beside it goes over the edge.
    #[inline(always)]
    pub(super) fn arm(self) -> u64 {
        self.0 << 1 | 1
    }
}

/// One side's progress. Only that side advances it; the other one watches.
///
/// An advance is published by a plain store of the word; then the advancing side looks whether
/// the watcher sleeps. That costs no fence: before it sleeps, the watcher has each processor pass
/// one, by [`barrier::heavy`]. Either that comes before the advancing side's look, which sees the
/// arm then; or after it, and then the store was done when the kernel looks at the word.
///
/// Nobody takes an arm back: it names the word that it waits for the end of, and is answered once.
#[derive(Debug)]
#[repr(C, align(128))]
pub(super) struct Progress {
    /// A [`Reading`], and beside it the newest item, if that is short. A futex, shared.
    word: LongPair,
    /// The member that advances: 0 for nobody.
    pub(super) owner: AtomicU32,
    /// 1 if that one's process passes no barriers for who asks, so that there is no use in asking.
    /// A wake may be lost then, and the sleeper finds out when it looks again.
    unregistered: AtomicU32,
    /// How often somebody was woken.
    wakes: Counter,
    arm: Arm,
}

/// What the watcher writes, on a line of its own: while both sides are awake nobody writes to it.
#[derive(Debug)]
#[repr(C, align(64))]
struct Arm {
    /// [`Reading::arm`] of the word that it sleeps at.
    word: AtomicU64,
    /// How often it slept.
    sleeps: Counter,
}

layout! {
    offset_of!(Progress, word) == 0,
    offset_of!(Progress, arm) == 64,
    size_of::<Progress>() == 128,
}

impl Progress {
    /// Where in it the arm and the counts are.
    pub(super) const ARM_AT: usize = offset_of!(Self, arm) + offset_of!(Arm, word);
    pub(super) const WAKES_AT: usize = offset_of!(Self, wakes);
    pub(super) const SLEEPS_AT: usize = offset_of!(Self, arm) + offset_of!(Arm, sleeps);

    const_constructor! {
        /// Progress up to `position`.
        pub(super) fn new(position: u64) -> Self {
            Self {
                word: LongPair::new(Reading::at(position).0),
                owner: AtomicU32::new(0),
                unregistered: AtomicU32::new(0),
                wakes: Counter::new(0),
                arm: Arm {
                    word: AtomicU64::new(0),
                    sleeps: Counter::new(0),
                },
            }
        }
    }

    /// Looks how far the side has come.
    #[inline(always)]
    pub(super) fn read(&self) -> Reading {
        // Acquire [A1]: pairs with [R1] in `publish_reading`, and with `publish_with`.
        Reading(self.word.load(Acquire))
    }

    /// Publishes that this side is at `position`, and wakes the watcher if it sleeps. `answered`
    /// is the arm that was answered last, 0 in the beginning.
    #[inline(always)]
    pub(super) fn publish(&self, position: u64, answered: &mut u64) {
        self.publish_reading(Reading::at(position), answered);
    }

    #[inline(always)]
    fn publish_reading(&self, reading: Reading, answered: &mut u64) {
        // Release [R1]: pairs with [A1] in `read`.
        self.word.store_alone(reading.0, Release);
        self.answer(reading, answered);
    }

    /// Like [`publish`](Self::publish), with the item that ends at `position` beside the word: the
    /// watcher then has both when one cache line has crossed. Only where
    /// [`LongPair::can_store`] says so.
    #[inline(always)]
    pub(super) fn publish_with(&self, position: u64, item: u64, answered: &mut u64) {
        let reading = Reading::at(position);
        // Pairs with [A1] in `read`: the store is a release.
        self.word.store(reading.0 | BESIDE, item);
        self.answer(reading, answered);
    }

    /// Publishes that this side, at `position`, begins or ends: that it is closed or not, whatever
    /// it was before. A predecessor may have published and not woken who sleeps, so that an arm
    /// which stands counts for who begins.
    #[cold]
    #[inline(never)]
    pub(super) fn announce(&self, position: u64, closed: bool, answered: &mut u64) {
        let word = Reading::at(position).0 | u64::from(closed);
        self.publish_reading(Reading(word), answered);
    }

    /// Says whether the process that has this side is registered for barriers.
    pub(super) fn say_registered(&self, registered: bool) {
        // Relaxed: who sees an old one may miss a wake, and looks again.
        self.unregistered.store((!registered).into(), Relaxed);
    }

    /// Wakes the watcher if it has armed and not been answered, at a word before the one that has
    /// just been stored.
    #[inline(always)]
    fn answer(&self, stored: Reading, answered: &mut u64) {
        barrier::light();
        // Relaxed: the barrier orders it.
        let arm = self.arm.word.load(Relaxed);
        // Who sleeps at this word knows of it, and is still to be answered by the next one.
        if arm != *answered && arm != stored.arm() {
            *answered = arm;
            self.wake();
        }
    }

    #[cold]
    #[inline(never)]
    fn wake(&self) {
        count(&self.wakes);
        self.word.wake_all();
    }

    /// The item that was published last, if it is beside the word, and the word is still the one
    /// of `reading`.
    #[inline(always)]
    pub(super) fn newest(&self, Reading(word): Reading) -> Option<u64> {
        if word & BESIDE == 0 {
            return None;
        }
        // Acquire [A2]: keeps the load of the word behind this one. If that is still the one seen
        // before, this came with it.
        let item = self.word.beside(Acquire);
        (self.word.load(Relaxed) == word).then_some(item)
    }

    /// Sleeps until the word, which was read as `seen`, has changed, for at most `longest`
    /// nanoseconds. It may end at any time. `armed` is what this watcher has armed by last, 0 in
    /// the beginning.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`](crate::Errno::TIMEDOUT) when the deadline had passed before; what the
    /// kernel refuses.
    pub(super) fn sleep(
        &self,
        seen: Reading,
        armed: &mut u64,
        deadline: Deadline,
        longest: u32,
    ) -> crate::Result<()> {
        if *armed != seen.arm() {
            *armed = seen.arm();
            // Relaxed: the barrier orders it.
            self.arm.word.store(*armed, Relaxed);
            if self.unregistered.load(Relaxed) == 0 {
                barrier::heavy();
            }
        }
        count(&self.arm.sleeps);
        self.word.sleep(seen.0 as u32, deadline, longest)
    }

    /// How often this side has woken the watcher, and the watcher slept.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.wakes.load(Relaxed), self.arm.sleeps.load(Relaxed))
    }
}

/// Counts one more: only one process does.
fn count(counter: &Counter) {
    // Not in one step, as nobody else does, and what a hostile peer makes of it is a number.
    counter.store(counter.load(Relaxed).wrapping_add(1), Relaxed);
}
