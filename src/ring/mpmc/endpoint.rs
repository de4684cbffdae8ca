//! An end of the ring, producer or consumer: attach, look, wait, leave.

use core::marker::PhantomData;

use super::lap::Which;
use super::queue::{Admits, Claim, Found, Missed, Queue, Slots, Stride};
use super::side::{Lines, Side, spacing};
use super::statistics::Statistics;
use crate::Deadline;
use crate::primitive;
use crate::region::{self, Member, Peer, Refusal, Seat};
use crate::ring::Halt;
use crate::ring::slot::Seen;
use crate::ring::spins::Spins;
use crate::ring::waiting::{self, Awaited, FAILURES_PER_LOOK, Waiting};

/// A ring's memory, from which members attach.
pub(super) type Source = region::Source<Lines, 1>;

/// From how many finds without a miss on a stream is running, and who misses then lets the other
/// side get ahead: else the two would have the same line in turns.
const STREAM: u32 = 8;

/// How long it lets the other side get ahead, in pauses.
const SLIP: u32 = 32;

/// One attached end: which one is known when compiled. What both do is [`State`]'s.
#[derive(Debug)]
pub(super) struct Endpoint<S: Side, W: Waiting> {
    state: State,
    kind: PhantomData<fn() -> (S, W)>,
}

/// What an end knows.
#[derive(Debug)]
pub(super) struct State {
    queue: Queue,
    /// Its seat among those of its side.
    seat: usize,
    spins: Spins,
    /// How many finds in a row came without a miss.
    streak: u32,
    /// How often in a row nothing was found without waiting, since it was asked who lives.
    failures: u32,
    /// Whether dropping it closes.
    closes: bool,
}

impl<S: Side, W: Waiting> Endpoint<S, W> {
    /// Attaches, as one of this side.
    pub(super) fn attach(source: &Source, words: [u64; 4]) -> Result<Self, Refusal> {
        Self::attach_until(source, words, Deadline::NOW)
    }

    /// As [`attach`](Self::attach), by a seat at the memory.
    pub(super) fn attach_by(source: &Source, words: [u64; 4], seat: Seat) -> Result<Self, Refusal> {
        let member = source.join_by(seat)?;
        Ok(Self {
            state: State::of(member, words, S::WHICH, Deadline::NOW)?,
            kind: PhantomData,
        })
    }

    /// As [`attach`](Self::attach), waiting until there is a seat.
    pub(super) fn attach_until(
        source: &Source,
        words: [u64; 4],
        deadline: Deadline,
    ) -> Result<Self, Refusal> {
        Ok(Self {
            state: State::attach(source, words, S::WHICH, deadline)?,
            kind: PhantomData,
        })
    }

    /// Claims one slot if it is there at once: then the others need not be called.
    #[inline(always)]
    pub(super) fn claim_next(
        &mut self,
        stride: Stride,
        admits: impl Fn(Slots<'_>, u64) -> bool,
    ) -> Result<Claim, Missed> {
        self.state.claim_next(S::WHICH, stride, admits)
    }

    /// Claims one slot of any length without waiting, as [`ask`](Self::ask).
    #[inline(always)]
    pub(super) fn ask_record(&mut self, admits: Admits<'_>) -> Result<Option<Claim>, Halt> {
        match self.state.claim_record(S::WHICH, admits) {
            Some(mine) => Ok(Some(self.state.queue.claim_of(mine))),
            None => self.ask(1, Missed::NOTHING, admits),
        }
    }

    /// Claims one slot of any length, as [`obtain`](Self::obtain).
    #[inline(always)]
    pub(super) fn obtain_record(
        &mut self,
        deadline: Deadline,
        admits: Admits<'_>,
    ) -> Result<Option<Claim>, Halt> {
        match self.state.claim_record(S::WHICH, admits) {
            Some(mine) => Ok(Some(self.state.queue.claim_of(mine))),
            None => self.obtain(1, Missed::NOTHING, deadline, admits),
        }
    }

    /// Claims up to `want` slots, at least one, without waiting.
    #[inline(always)]
    pub(super) fn ask(
        &mut self,
        want: u32,
        missed: Missed,
        admits: Admits<'_>,
    ) -> Result<Option<Claim>, Halt> {
        let claimed = self.state.ask::<W>(S::WHICH, want, missed, admits)?;
        Ok(claimed.map(|mine| self.state.queue.claim_of(mine)))
    }

    /// Claims up to `want` slots, at least one, waiting until the deadline. `None`: what could be
    /// claimed was not admitted.
    #[inline(always)]
    pub(super) fn obtain(
        &mut self,
        want: u32,
        missed: Missed,
        deadline: Deadline,
        admits: Admits<'_>,
    ) -> Result<Option<Claim>, Halt> {
        let state = &mut self.state;
        let claimed = state.obtain::<W>(S::WHICH, want, missed, deadline, admits)?;
        Ok(claimed.map(|mine| state.queue.claim_of(mine)))
    }

    /// Publishes what has been claimed, or gives it back.
    #[inline(always)]
    pub(super) fn finish(&self, stride: Stride, claim: Claim) -> Result<(), Halt> {
        self.state.queue.finish::<W>(S::WHICH, stride, claim)
    }

    /// Like [`finish`](Self::finish), of a slot of any length: one function for all who call it.
    pub(super) fn finish_record(&self, claim: Claim) -> Result<(), Halt> {
        let queue = &self.state.queue;
        queue.finish_record::<W>(S::WHICH, claim.position, claim.mine)
    }

    #[inline(always)]
    pub(super) fn slots(&self, stride: Stride) -> Result<Slots<'_>, Halt> {
        self.state.queue.slots(stride)
    }

    /// Makes sure that this is no forked child's copy of an end.
    #[inline(always)]
    pub(super) fn attached(&self) -> Result<(), Halt> {
        self.state.attached()
    }

    pub(super) fn capacity(&self) -> usize {
        self.state.queue.capacity()
    }

    pub(super) fn peer(&self) -> Peer {
        let member = &self.state.queue.member;
        S::WHICH.theirs(member.words()).roster.state(member)
    }

    pub(super) fn statistics(&self) -> Statistics {
        self.state.queue.member.words().recovered.read()
    }

    /// Leaves without closing this side.
    pub(super) fn detach(mut self) {
        self.state.closes = false;
    }
}

impl<S: Side, W: Waiting> Drop for Endpoint<S, W> {
    fn drop(&mut self) {
        self.state.leave::<W>(S::WHICH);
    }
}

impl State {
    fn attach(
        source: &Source,
        words: [u64; 4],
        which: Which,
        deadline: Deadline,
    ) -> Result<Self, Refusal> {
        let is_late = || deadline.has_passed_by_call();
        // One number is enough, however long a seat takes.
        let member = waiting::until_attached(deadline, || source.join(is_late))?;
        Self::of(member, words, which, deadline)
    }

    /// That of a member who takes a seat.
    fn of(
        member: Member<Lines, 1>,
        words: [u64; 4],
        which: Which,
        deadline: Deadline,
    ) -> Result<Self, Refusal> {
        let spacing = spacing(words).ok_or(Refusal::CORRUPT)?;
        let roster = &which.mine(member.words()).roster;
        let seat =
            waiting::until_attached(deadline, || roster.enter(&member).ok_or(Refusal::OCCUPIED))?;
        Ok(Self {
            queue: Queue::new(member, which, spacing),
            seat,
            spins: Spins::new(),
            streak: 0,
            failures: 0,
            closes: true,
        })
    }

    #[inline(always)]
    fn attached(&self) -> Result<(), Halt> {
        if self.queue.member.is_copy() {
            return Err(Halt::Forked);
        }
        Ok(())
    }

    #[inline(always)]
    fn claim_next(
        &mut self,
        which: Which,
        stride: Stride,
        admits: impl Fn(Slots<'_>, u64) -> bool,
    ) -> Result<Claim, Missed> {
        self.attached().map_err(|_| Missed::NOTHING)?;
        let claim = self.queue.claim_next(which, stride, admits)?;
        self.streak = self.streak.saturating_add(1);
        self.failures = 0;
        Ok(claim)
    }

    /// Like [`claim_next`](Self::claim_next), of a slot of any length: one function for all, which
    /// returns no more than goes into registers.
    fn claim_record(&mut self, which: Which, admits: Admits<'_>) -> Option<Seen> {
        let claim = self.claim_next(which, None, admits).ok()?;
        Some(claim.mine)
    }

    fn ask<W: Waiting>(
        &mut self,
        which: Which,
        want: u32,
        missed: Missed,
        admits: Admits<'_>,
    ) -> Result<Option<Seen>, Halt> {
        self.attached()?;
        match self.queue.find(which, want, missed, admits) {
            Found::Claimed(claim) => {
                self.failures = 0;
                Ok(Some(claim))
            }
            Found::Refused => Ok(None),
            Found::Corrupt => Err(Halt::Corrupt),
            Found::Nothing => self.look_for_an_end::<W>(which, want, admits),
        }
    }

    fn obtain<W: Waiting>(
        &mut self,
        which: Which,
        want: u32,
        missed: Missed,
        deadline: Deadline,
        admits: Admits<'_>,
    ) -> Result<Option<Seen>, Halt> {
        self.attached()?;
        match self.queue.find(which, want, missed, admits) {
            Found::Claimed(claim) => {
                self.streak = self.streak.saturating_add(1);
                Ok(Some(claim))
            }
            Found::Refused => Ok(None),
            Found::Corrupt => Err(Halt::Corrupt),
            Found::Nothing => self.wait::<W>(which, want, deadline, admits),
        }
    }

    /// Why there is nothing now; unless there is something after all.
    #[cold]
    fn look_for_an_end<W: Waiting>(
        &mut self,
        which: Which,
        want: u32,
        admits: Admits<'_>,
    ) -> Result<Option<Seen>, Halt> {
        let closed = self.is_closed(which);
        self.failures += 1;
        // From the moment on that the other side has died, each time.
        let asks = closed || self.failures >= FAILURES_PER_LOOK;
        if !asks {
            return Err(Halt::WouldBlock);
        }
        let died = !closed && self.has_died(which);
        self.failures = if died { FAILURES_PER_LOOK - 1 } else { 0 };
        // What the other side did before its end is seen from now on; and behind what a dead one had
        // claimed there may be something.
        for _ in 0..RECOVERIES {
            let dead = self.queue.meets_the_dead();
            if dead {
                self.queue.recover::<W>()?;
            }
            match self.queue.find(which, want, Missed::NOTHING, admits) {
                Found::Claimed(claim) => return Ok(Some(claim)),
                Found::Refused => return Ok(None),
                Found::Corrupt => return Err(Halt::Corrupt),
                Found::Nothing if dead => {}
                Found::Nothing => break,
            }
        }
        Err(match (closed, died) {
            (true, _) => Halt::Closed,
            (_, true) => Halt::PeerDied,
            _ => Halt::WouldBlock,
        })
    }

    #[cold]
    fn wait<W: Waiting>(
        &mut self,
        which: Which,
        want: u32,
        deadline: Deadline,
        admits: Admits<'_>,
    ) -> Result<Option<Seen>, Halt> {
        let mut turn = Turn::<W> {
            state: self,
            which,
            want,
            admits,
            before: None,
            claim: None,
            kind: PhantomData,
        };
        waiting::wait(&mut turn, deadline)?;
        Ok(turn.claim)
    }

    /// Returns whether all of the other side have left, and the last one has closed.
    #[inline(always)]
    fn is_closed(&self, which: Which) -> bool {
        let lines = self.queue.member.words();
        which.theirs(lines).roster.is_closed()
    }

    /// Returns whether those of the other side that have not left have died.
    fn has_died(&self, which: Which) -> bool {
        let member = &self.queue.member;
        which.theirs(member.words()).roster.state(member) == Peer::Dead
    }

    #[cold]
    fn leave<W: Waiting>(&mut self, which: Which) {
        // The parent has not left, and its ring is not in a forked child's memory.
        if self.queue.member.is_copy() {
            return;
        }
        self.queue.tell(which);
        let roster = &which.mine(self.queue.member.words()).roster;
        roster.leave(self.seat, self.closes);
        if W::SLEEPS && self.closes {
            self.queue.rouse(which);
        }
    }

    /// Spins up to `limit` times; whether what stood in the way has changed.
    #[inline]
    fn spin(&self, which: Which, limit: u32) -> bool {
        let Some((word, seen)) = self.queue.obstacle() else {
            // Others are at work.
            primitive::pause();
            return true;
        };
        for spins in 0..limit {
            if word.load().unawaited() != seen.unawaited() {
                return true;
            }
            // Closing changes no slot.
            if spins % SPINS_PER_ROSTER == 0 && self.is_closed(which) {
                return true;
            }
            primitive::pause();
        }
        false
    }
}

/// How many claims of dead ones in a row are recovered in one look.
const RECOVERIES: u32 = 64;

/// How often who spins looks whether the other side is closed, in spins.
const SPINS_PER_ROSTER: u32 = 64;

/// Something to claim, as [`waiting::wait`] sees it.
struct Turn<'a, W> {
    state: &'a mut State,
    which: Which,
    want: u32,
    admits: Admits<'a>,
    /// What stood in the way when it was looked before.
    before: Option<Seen>,
    claim: Option<Seen>,
    kind: PhantomData<W>,
}

impl<W: Waiting> Awaited for Turn<'_, W> {
    fn look(&mut self) -> Result<bool, Halt> {
        let (state, which) = (&mut *self.state, self.which);
        let mut recovered = false;
        for _ in 0..RECOVERIES {
            match state
                .queue
                .find(which, self.want, Missed::NOTHING, self.admits)
            {
                Found::Claimed(claim) => {
                    self.claim = Some(claim);
                    return Ok(true);
                }
                Found::Refused => return Ok(true),
                Found::Corrupt => return Err(Halt::Corrupt),
                Found::Nothing => {}
            }
            // The kernel is asked about a claim that was there before, too; and about one that comes
            // after a dead one's: there may be a message behind them, and nobody else left.
            let now = state.queue.obstacle().map(|(_, seen)| seen.unawaited());
            let stays = now.is_some() && (recovered || now == self.before);
            self.before = now;
            if !stays || !state.queue.meets_the_dead() {
                break;
            }
            state.queue.recover::<W>()?;
            recovered = true;
        }
        Ok(false)
    }

    #[inline(always)]
    fn is_closed(&self) -> bool {
        self.state.is_closed(self.which)
    }

    #[inline(always)]
    fn has_died(&self) -> bool {
        self.state.has_died(self.which)
    }

    #[inline(always)]
    fn spin(&mut self) -> bool {
        let state = &mut *self.state;
        if core::mem::take(&mut state.streak) >= STREAM {
            for _ in 0..SLIP {
                primitive::pause();
            }
        }
        let changed = state.spin(self.which, state.spins.now());
        state.spins.learn(changed)
    }

    fn sleep(&mut self, deadline: Deadline, longest: u32) -> crate::Result<()> {
        let state = &*self.state;
        if !W::SLEEPS {
            return waiting::spin_on(deadline, |spins| state.spin(self.which, spins));
        }
        if let Some((word, seen)) = state.queue.obstacle()
            && let Some(armed) = word.arm(seen)
            // Once more, as who leaves wakes only those that are seen to sleep.
            && !state.is_closed(self.which)
        {
            return word.sleep(armed, deadline, longest);
        }
        waiting::in_time(deadline)
    }
}
