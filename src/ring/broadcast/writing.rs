//! What a writer does: claims the next position, writes, publishes. It waits for nobody, and takes
//! nothing from a writer that is stopped.
//!
//! The word of a slot whose turn is that of position `t`, lap `L`, and who changes it:
//!
//! ```text
//! ready or void (L-1), writing or blocked (L-1) of a dead one ── claim ──> writing (L, me)
//! writing or blocked (L-1) of a living one ── pass over ──────────────────> blocked (L, it)
//! writing (L, me) ── finish ──> ready (L);   blocked (any lap, me) ── finish ──> void
//! ```

use core::marker::PhantomData;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};

use super::layout::{Layout, VOID};
use super::lines::{Carrier, Lines, Tail};
use super::slots::{BLOCKED, READY, Slots, Turn, WRITING};
use super::statistics::Statistics;
use crate::Deadline;
use crate::primitive::fence;
use crate::region::{Flat, Member, Refusal, Seat, Source};
use crate::ring::Halt;
use crate::ring::slot::{Seen, SlotWord};
use crate::ring::waiting::{self, Waiting};
use crate::sync::owner::Owner;

/// How often a message is written anew because others have gone around the ring meanwhile.
pub(super) const ATTEMPTS: u32 = 64;

/// A message that is being written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun {
    pub(super) position: u64,
    /// The word of its slot as it was made.
    mine: Seen,
}

/// Whether a writer shares the ring with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Company {
    Others,
    Alone,
}

/// What dropping a writer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnDrop {
    Close,
    Detach,
}

/// What a writer has.
#[derive(Debug)]
pub(super) struct Writing<W: Waiting, T: Carrier<N> = Lines, const N: usize = 2> {
    /// Not beyond the position that is to be claimed next.
    next: u64,
    layout: Layout,
    seat: usize,
    company: Company,
    drop: OnDrop,
    member: Member<T, N>,
    kind: PhantomData<fn() -> W>,
}

impl<W: Waiting, T: Carrier<N>, const N: usize> Writing<W, T, N> {
    pub(super) fn attach(
        source: &Source<T, N>,
        layout: Layout,
        company: Company,
    ) -> Result<Self, Refusal> {
        Self::enter(source, layout, company, || false)
    }

    pub(super) fn attach_by(
        source: &Source<T, N>,
        layout: Layout,
        company: Company,
        seat: Seat,
    ) -> Result<Self, Refusal> {
        Self::of(source.join_by(seat)?, layout, company)
    }

    pub(super) fn attach_until(
        source: &Source<T, N>,
        layout: Layout,
        company: Company,
        deadline: Deadline,
    ) -> Result<Self, Refusal> {
        let is_late = || deadline.has_passed_by_call();
        // Looks, so that no number is used before there is room.
        let looker = source.observe(false)?;
        waiting::until_attached(deadline, || match has_room(&looker, layout, company) {
            true => Self::enter(source, layout, company, is_late),
            false => Err(Refusal::OCCUPIED),
        })
    }

    fn enter(
        source: &Source<T, N>,
        layout: Layout,
        company: Company,
        is_late: impl Fn() -> bool,
    ) -> Result<Self, Refusal> {
        Self::of(source.join(is_late)?, layout, company)
    }

    /// That of a member who takes a place among the writers.
    fn of(member: Member<T, N>, layout: Layout, company: Company) -> Result<Self, Refusal> {
        let lines = member.words().ring();
        if !has_room(&member, layout, company) {
            return Err(Refusal::OCCUPIED);
        }
        let seat = (lines.writers)
            .enter_one_of(seats(layout), &member)
            .ok_or(Refusal::OCCUPIED)?;
        let may_stay = keeps_company(&member, seat, company);
        let tail = Slots::of(&member, layout).and_then(|slots| slots.tail(lines.tail.hint()));
        match tail {
            Some(next) if may_stay => Ok(Self {
                next,
                layout,
                seat,
                company,
                drop: OnDrop::Close,
                member,
                kind: PhantomData,
            }),
            _ => {
                lines.writers.give_back(seat);
                Err(if may_stay {
                    Refusal::CORRUPT
                } else {
                    Refusal::OCCUPIED
                })
            }
        }
    }

    pub(super) fn member(&self) -> &Member<T, N> {
        &self.member
    }

    #[inline(always)]
    pub(super) fn slots(&self) -> Result<Slots<'_>, Halt> {
        // As many as the ring has, which opening has seen.
        Slots::of(&self.member, self.layout).ok_or(Halt::Corrupt)
    }

    #[inline(always)]
    fn tail(&self) -> &Tail {
        &self.member.words().ring().tail
    }

    /// Sends the message that `write` writes to the place that it is told.
    ///
    /// # Errors
    ///
    /// [`Halt::WouldBlock`]: all slots are in the hands of writers that are stopped, or others have
    /// gone around the ring again and again.
    #[inline(always)]
    pub(super) fn send(&mut self, write: impl Fn(Flat<'_>, usize)) -> Result<(), Halt> {
        if self.member.is_copy() {
            return Err(Halt::Forked);
        }
        if !W::SLEEPS && self.company == Company::Alone {
            return self.send_alone(write);
        }
        for _ in 0..ATTEMPTS {
            let begun = self.begin()?;
            let (messages, at) = self.slots()?.message(begun.position);
            write(messages, at);
            if self.publish(begun)? {
                return Ok(());
            }
        }
        Err(Halt::WouldBlock)
    }

    /// Begins a message: claims the next position whose slot can be had.
    #[inline(always)]
    pub(super) fn begin(&mut self) -> Result<Begun, Halt> {
        let begun = self.claim()?;
        // Release [R2]: pairs with [A2] in `Reading::is_still`: who has copied anything of what is
        // written now sees that it is.
        fence(Release);
        Ok(begun)
    }

    /// Publishes what has been written in the slot; returns whether it is a message.
    #[inline(always)]
    pub(super) fn publish(&self, begun: Begun) -> Result<bool, Halt> {
        let is_message = publish(self.slots()?.word(begun.position), begun.mine)?;
        if !is_message {
            // It was written too late.
            self.tail().skipped.fetch_add(1, Relaxed);
        }
        Ok(is_message)
    }

    /// As [`send`](Self::send), where nobody else writes and nobody sleeps: by stores alone.
    #[inline(always)]
    fn send_alone(&mut self, write: impl Fn(Flat<'_>, usize)) -> Result<(), Halt> {
        let position = self.next;
        let slots = self.slots()?;
        let word = slots.word(position);
        let mine = Seen::new(WRITING, slots.lap(position), self.member.number(), 0);
        word.store(mine);
        // Release [R2]: as in `send`.
        fence(Release);
        let (messages, at) = slots.message(position);
        write(messages, at);
        word.store(mine.next());
        self.next = position.wrapping_add(1);
        self.tail().hint.store(self.next, Release);
        Ok(())
    }

    #[inline(always)]
    fn claim(&mut self) -> Result<Begun, Halt> {
        let slots = self.slots()?;
        let me = self.member.number();
        // A hint that is behind what this one knows is that of somebody who was stopped.
        let mut position = later(self.next, self.tail().hint());
        let mut passed_over = 0;
        for _ in 0..self.layout.steps() {
            let word = slots.word(position);
            let seen = word.load();
            let turn = slots.turn(seen, position).ok_or(Halt::Corrupt)?;
            if turn != Turn::Before {
                // Somebody was here.
                position = slots.behind(turn, position);
                continue;
            }
            let is_free = matches!(seen.state(), READY | VOID);
            if !is_free && seen.owner() != me && self.member.alive(seen.owner()) {
                if self.pass_over(slots, position, seen) {
                    passed_over += 1;
                    position = position.wrapping_add(1);
                }
                if passed_over == self.layout.capacity() {
                    return Err(Halt::WouldBlock);
                }
                continue;
            }
            let mine = Seen::new(WRITING, slots.lap(position), me, 0);
            // Release [R3]: pairs with [A1] in `SlotWord::load`, and the hint's with [A3]: who knows
            // of a position finds no word that is older than it.
            if word.claim(seen, mine).is_ok() {
                let next = position.wrapping_add(1);
                self.tail().hint.store(next, Release);
                if seen.state() == WRITING {
                    self.tail().lost.fetch_add(1, Relaxed);
                }
                self.next = next;
                return Ok(Begun { position, mine });
            }
        }
        Err(Halt::Corrupt)
    }

    /// Passes over a position whose slot a living writer still has, as `seen`: no message comes of
    /// it. Returns whether it is passed.
    #[cold]
    fn pass_over(&self, slots: Slots<'_>, position: u64, seen: Seen) -> bool {
        let word = slots.word(position);
        let blocked = Seen::new(BLOCKED, slots.lap(position), seen.owner(), 0);
        let passed = word.claim(seen, blocked).is_ok();
        if passed {
            self.tail().skipped.fetch_add(1, Relaxed);
            if seen.is_awaited() {
                // Those who slept for the end of the turn before. S stays for the writer's, as only
                // that one takes it away.
                word.wake_all();
            }
        }
        passed
    }

    /// What became of the positions so far.
    pub(super) fn statistics(&self) -> Statistics {
        Statistics::of(self.tail(), self.next)
    }

    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    /// Leaves without closing.
    pub(super) fn detach(mut self) {
        self.drop = OnDrop::Detach;
    }

    #[cold]
    fn leave(&mut self) {
        if self.member.is_copy() {
            return;
        }
        let lines = self.member.words().ring();
        if self.company == Company::Alone {
            lines.alone.store(0, Release);
        }
        let closes = self.drop == OnDrop::Close;
        lines.writers.leave(self.seat, closes);
        if !W::SLEEPS || !closes {
            return;
        }
        // Who sleeps for the next message, if none will come, is told: by the last one to leave, which
        // need not be the one who sent last. In a corrupt ring there is nobody to tell.
        // SeqCst: with [F1] in `SlotWord::arm`: who armed before it saw this one leave had seen all
        // messages before its own place, and so does this one.
        fence(SeqCst);
        let from = later(self.next, lines.tail.hint());
        if let Some((slots, tail)) =
            Slots::of(&self.member, self.layout).and_then(|slots| Some((slots, slots.tail(from)?)))
        {
            let is_claimed = |state| matches!(state, WRITING | BLOCKED);
            slots.word(tail).rouse(is_claimed);
        }
    }
}

impl<W: Waiting, T: Carrier<N>, const N: usize> Drop for Writing<W, T, N> {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Publishes the message in a slot whose word is `mine`; returns whether it is one. If others have
/// gone around the ring meanwhile, and passed the slot over, it is none, and the slot is free.
#[inline(always)]
fn publish(word: &SlotWord, mine: Seen) -> Result<bool, Halt> {
    match word.finish_if_still(mine) {
        Ok(false) => Ok(true),
        Ok(true) => Ok(!was_passed_over(word, mine)),
        Err(seen) => give_up(word, mine, seen),
    }
}

/// Whether somebody has passed the slot over just before its readers were woken: the same step then
/// has made it void. (If another writer has claimed it since, that cannot be told; then it is as if
/// it had been published and overwritten at once.)
#[cold]
fn was_passed_over(word: &SlotWord, mine: Seen) -> bool {
    let seen = word.load();
    seen.state() == VOID && seen.owner() == mine.owner() && seen.long_lap() != mine.long_lap()
}

/// Frees a slot that others have passed over.
#[cold]
fn give_up(word: &SlotWord, mine: Seen, mut seen: Seen) -> Result<bool, Halt> {
    // They may do so again, a lap later.
    for _ in 0..ATTEMPTS {
        if seen.owner() != mine.owner() || seen.state() != BLOCKED {
            break;
        }
        match word.finish_if_still(seen) {
            Ok(_) => return Ok(false),
            Err(now) => seen = now,
        }
    }
    Err(Halt::Corrupt)
}

/// The position that is further, of two.
#[inline(always)]
fn later(position: u64, other: u64) -> u64 {
    match other.wrapping_sub(position) < 1 << 63 {
        true => other,
        false => position,
    }
}

/// How many may write: with twice as many slots, those that are stopped do not have all of them.
fn seats(layout: Layout) -> usize {
    layout.capacity() as usize / 2
}

/// Whether there is room for one more writer.
fn has_room<T: Carrier<N>, const N: usize>(
    member: &Member<T, N>,
    layout: Layout,
    company: Company,
) -> bool {
    let lines = member.words().ring();
    !is_held(member)
        && lines.writers.has_room(seats(layout), member)
        && (company == Company::Others || !lines.writers.has_others(usize::MAX, member))
}

/// Whether a writer that lives writes alone.
fn is_held<T: Carrier<N>, const N: usize>(member: &Member<T, N>) -> bool {
    let holder = member.words().ring().alone.load(Acquire);
    holder != 0 && holder != member.number() && member.alive(holder)
}

/// Whether a writer that has a seat may write beside those who have one. Each first says that it is
/// there, then looks (SeqCst fences): of two that come now, and one of which wants to be alone, one
/// at least sees the other.
fn keeps_company<T: Carrier<N>, const N: usize>(
    member: &Member<T, N>,
    seat: usize,
    company: Company,
) -> bool {
    let lines = member.words().ring();
    if company == Company::Others {
        fence(SeqCst);
        return !is_held(member);
    }
    let holder = lines.alone.load(Acquire);
    let me = member.number();
    if (holder != 0 && member.alive(holder))
        || lines
            .alone
            .compare_exchange(holder, me, AcqRel, Relaxed)
            .is_err()
    {
        return false;
    }
    fence(SeqCst);
    let is_alone = !lines.writers.has_others(seat, member);
    if !is_alone {
        lines.alone.store(0, Release);
    }
    is_alone
}
