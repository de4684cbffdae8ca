//! What a reader does: looks at the slot of its position, copies, looks again; and counts what it
//! passes without a message. Nobody else knows of it.

use core::cell::Cell;
use core::marker::PhantomData;
use core::mem::take;
use core::sync::atomic::Ordering::Acquire;

use super::RecvError;
use super::layout::Layout;
use super::lines::{Carrier, Lines};
use super::slots::{READY, Slots, Turn, WRITING};
use super::statistics::Statistics;
use crate::Deadline;
use crate::primitive::{fence, pause};
use crate::region::{Flat, Member, Peer, Refusal, Source};
use crate::ring::Halt;
use crate::ring::slot::Seen;
use crate::ring::spins::Spins;
use crate::ring::waiting::{self, Awaited, Failures, Waiting};
use crate::sync::owner::Owner;
use crate::wait::patience::Patience;

/// How often in a row a word may change while its message is copied, and yet be of the same turn: in
/// a ring whose writers keep the rules never.
pub(super) const CHANGES_MAX: u32 = 64;

/// How long a reader that cannot ask to be woken, as it may not write, sleeps before it looks again,
/// in nanoseconds.
const POLL_INTERVAL: u32 = 500_000;

/// Where a reader begins.
#[derive(Clone, Copy, Debug)]
pub(super) enum Start {
    /// With the next message.
    Newest,
    /// With the oldest message that is there.
    Oldest,
}

/// What a reader knows.
#[derive(Debug)]
pub(super) struct Reading<W: Waiting, T = Lines, const N: usize = 2> {
    /// The position of the next message.
    cursor: u64,
    /// How many positions were passed without a message and have not been told.
    missed: u64,
    /// The word of the cursor's slot, when it was last looked at.
    seen: Seen,
    /// Where it began again when it was overtaken last.
    overtaken: u64,
    spins: Spins,
    failures: Failures,
    /// Whether it can ask to be woken.
    may_write: bool,
    layout: Layout,
    member: Member<T, N>,
    kind: PhantomData<fn() -> W>,
}

impl<W: Waiting> Reading<W> {
    pub(super) fn begin(
        source: &Source<Lines, 2>,
        layout: Layout,
        start: Start,
        may_write: bool,
    ) -> Result<Self, Refusal> {
        Self::of(source.observe(may_write)?, layout, start, may_write)
    }
}

impl<W: Waiting, T: Carrier<N>, const N: usize> Reading<W, T, N> {
    /// That of somebody who has the ring's memory, and may write to it if `may_write` says so.
    pub(super) fn of(
        member: Member<T, N>,
        layout: Layout,
        start: Start,
        may_write: bool,
    ) -> Result<Self, Refusal> {
        let slots = Slots::of(&member, layout).ok_or(Refusal::CORRUPT)?;
        let hint = member.words().ring().tail.hint();
        let tail = slots.tail(hint).ok_or(Refusal::CORRUPT)?;
        let cursor = match start {
            Start::Newest => tail,
            Start::Oldest => slots.oldest(tail),
        };
        let seen = slots.word(cursor).load();
        Ok(Self {
            cursor,
            missed: 0,
            seen,
            // Not just before.
            overtaken: cursor.wrapping_sub(layout.capacity()),
            spins: Spins::new(),
            failures: Failures::default(),
            may_write,
            layout,
            member,
            kind: PhantomData,
        })
    }

    pub(super) fn member(&self) -> &Member<T, N> {
        &self.member
    }

    #[inline(always)]
    fn lines(&self) -> &Lines {
        self.member.words().ring()
    }

    #[inline(always)]
    pub(super) fn slots(&self) -> Result<Slots<'_>, Halt> {
        // As many as the ring has, which opening has seen.
        Slots::of(&self.member, self.layout).ok_or(Halt::Corrupt)
    }

    /// Receives the next message by `copy`, which copies from the place that it is told; again if it
    /// is written to meanwhile. What it returns stays the next one if `keeps` says so.
    #[inline(always)]
    pub(super) fn next<V>(
        &mut self,
        patience: Patience,
        mut copy: impl FnMut(Flat<'_>, usize) -> V,
        keeps: impl Fn(&V) -> bool,
    ) -> Result<V, RecvError> {
        for _ in 0..CHANGES_MAX {
            self.reach(patience)?;
            let (messages, at) = self.slots()?.message(self.cursor);
            let value = copy(messages, at);
            if self.is_still()? {
                if !keeps(&value) {
                    self.step();
                }
                return Ok(value);
            }
        }
        Err(Halt::Corrupt.into())
    }

    /// Goes to the next message, which is at the cursor then.
    #[inline(always)]
    pub(super) fn reach(&mut self, patience: Patience) -> Result<(), RecvError> {
        if self.member.is_copy() {
            return Err(Halt::Forked.into());
        }
        if !self.look(false)? && self.missed == 0 {
            self.find(patience)?;
        }
        match take(&mut self.missed) {
            0 => Ok(()),
            missed => Err(RecvError::Lagged(missed)),
        }
    }

    /// Returns whether the message at the cursor, which has just been copied, is still there: then it
    /// was all the time.
    #[inline(always)]
    pub(super) fn is_still(&mut self) -> Result<bool, Halt> {
        // Acquire [A2]: pairs with [R2] in `Writing::begin`: if anything that was copied is of a
        // later message, then the word is no more that of this one.
        fence(Acquire);
        let now = self.slots()?.word(self.cursor).load();
        let is_still = self.seen.state() == READY && now.unawaited() == self.seen.unawaited();
        if is_still {
            self.failures = Failures::default();
        }
        Ok(is_still)
    }

    /// Goes on behind the message at the cursor.
    #[inline(always)]
    pub(super) fn step(&mut self) {
        self.cursor = self.cursor.wrapping_add(1);
    }

    /// Looks whether there is a message at the cursor, behind what is to be passed: then `seen` is
    /// its word. Asks whether who writes it lives if the look is to be `thorough`.
    #[inline(always)]
    fn look(&mut self, thorough: bool) -> Result<bool, Halt> {
        // Whatever the words are, it ends.
        for _ in 0..=self.layout.capacity() {
            let slots = self.slots()?;
            let word = slots.word(self.cursor);
            let seen = word.load();
            let turn = slots.turn(seen, self.cursor);
            self.seen = seen;
            match turn.ok_or(Halt::Corrupt)? {
                Turn::Before => return Ok(false),
                Turn::Now if seen.state() == READY => return Ok(true),
                Turn::Now if seen.state() == WRITING => {
                    if !thorough || self.member.alive(seen.owner()) {
                        return Ok(false);
                    }
                    // It may have come to be one before the death.
                    if self.slots()?.word(self.cursor).load().unawaited() == seen.unawaited() {
                        self.pass(1);
                    }
                }
                Turn::Now => self.pass(1),
                Turn::After(laps) => self.catch_up(laps)?,
            }
        }
        Ok(false)
    }

    #[inline(always)]
    fn pass(&mut self, count: u64) {
        self.cursor = self.cursor.wrapping_add(count);
        self.missed = self.missed.wrapping_add(count);
    }

    /// Goes on with the oldest that is still there, as the slot of the cursor is so many laps ahead.
    #[cold]
    fn catch_up(&mut self, laps: u64) -> Result<(), Halt> {
        let capacity = self.layout.capacity();
        let tail = &self.lines().tail;
        // That position has been claimed, and all before it; and mostly more.
        let claimed = self.slots()?.later(self.cursor, laps, tail);
        let more = tail.hint().wrapping_sub(claimed);
        let more = if more < 1 << 62 { more.max(1) } else { 1 };
        let mut to = claimed.wrapping_sub(capacity).wrapping_add(more);
        if self.cursor.wrapping_sub(self.overtaken) < capacity {
            // Again: with a quarter of the ring between it and the writers.
            to = to.wrapping_add(capacity / 4);
        }
        self.pass(to.wrapping_sub(self.cursor));
        self.overtaken = self.cursor;
        Ok(())
    }

    /// Waits for a message, or for something to be passed.
    fn find(&mut self, patience: Patience) -> Result<(), Halt> {
        let mut failures = self.failures;
        let mut news = News {
            reading: self,
            thorough: Cell::new(false),
        };
        match patience {
            Patience::Try => {
                let found = failures.explain(&mut news);
                self.failures = failures;
                found
            }
            Patience::Blocking => waiting::wait(&mut news, Deadline::Never),
            Patience::Until(deadline) => waiting::wait(&mut news, deadline),
        }
    }

    /// Returns whether the writers have closed. What they did before is seen by the next look.
    #[inline(always)]
    fn is_closed(&self) -> bool {
        self.lines().writers.is_closed()
    }

    /// Returns whether no writer lives and the last one that left has closed. Asks the kernel if
    /// one has.
    fn is_over(&self) -> bool {
        let closed = self.lines().writers.somebody_closed();
        closed && matches!(self.state(), Peer::Closed | Peer::Dead)
    }

    /// The state of the writers' side.
    pub(super) fn state(&self) -> Peer {
        self.lines().writers.state(&self.member)
    }

    pub(super) fn position(&self) -> u64 {
        self.cursor
    }

    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    pub(super) fn statistics(&self) -> Statistics {
        Statistics::of(&self.lines().tail, self.cursor)
    }

    /// Spins up to `limit` times; whether the word has changed since the last look.
    #[inline]
    fn spin(&self, limit: u32) -> bool {
        let Ok(slots) = self.slots() else {
            return true;
        };
        let word = slots.word(self.cursor);
        for _ in 0..limit {
            // Where nobody sleeps, closing does not change a word.
            if word.load() != self.seen || (!W::SLEEPS && self.is_closed()) {
                return true;
            }
            pause();
        }
        false
    }
}

/// The next message, or something to be passed, as [`waiting::wait`] sees it.
struct News<'a, W: Waiting, T, const N: usize> {
    reading: &'a mut Reading<W, T, N>,
    /// Whether the next look asks if who writes lives.
    thorough: Cell<bool>,
}

impl<W: Waiting, T: Carrier<N>, const N: usize> Awaited for News<'_, W, T, N> {
    #[inline(always)]
    fn look(&mut self) -> Result<bool, Halt> {
        let found = self.reading.look(self.thorough.get())?;
        Ok(found || self.reading.missed > 0)
    }

    #[inline(always)]
    fn is_closed(&self) -> bool {
        let closed = self.reading.is_closed();
        if closed {
            // One that died beside them is not waited for.
            self.thorough.set(true);
        }
        closed
    }

    #[inline(always)]
    fn has_died(&self) -> bool {
        self.thorough.set(true);
        self.reading.state() == Peer::Dead
    }

    #[inline(always)]
    fn spin(&mut self) -> bool {
        let reading = &mut *self.reading;
        let changed = reading.spin(reading.spins.now());
        reading.spins.learn(changed)
    }

    #[inline(always)]
    fn sleep(&mut self, deadline: Deadline, longest: u32) -> crate::Result<()> {
        let reading = &*self.reading;
        if W::SLEEPS {
            let Ok(slots) = reading.slots() else {
                return waiting::in_time(deadline);
            };
            let (word, seen) = (slots.word(reading.cursor), reading.seen);
            if !reading.may_write {
                return word.sleep_unasked(seen, deadline, longest.min(POLL_INTERVAL));
            }
            // Once more, as those who closed just before may not have seen that one sleeps.
            return match word.arm(seen) {
                Some(armed) if !reading.is_over() => word.sleep(armed, deadline, longest),
                _ => waiting::in_time(deadline),
            };
        }
        waiting::spin_on(deadline, |spins| reading.spin(spins))
    }
}
