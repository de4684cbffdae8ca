//! What both ends of the ring do: attach, look how far the other has come, wait
//! for it, publish, close.

use core::marker::PhantomData;
use core::ops::Deref;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Release};

use super::Statistics;
use super::progress::{Progress, Reading};
use super::side::{Lines, Side, Which};
use crate::Deadline;
use crate::primitive::{self, barrier};
use crate::region::{self, Doubled, Member, Refusal, Seat};
use crate::ring::Halt;
use crate::ring::progress::GRAIN;
use crate::ring::spins::Spins;
use crate::ring::waiting::{self, Awaited, Failures, Waiting};
use crate::sync::owner::{Owner, is_held_by_the_dead};

/// A ring's memory, from which its ends are attached.
pub(super) type Source = region::Source<Lines, 1>;

/// Positions are multiples of this.
pub(super) const ALIGN: usize = GRAIN as usize;

/// How often in a row an end goes on without waiting where a stream is running: who has to wait
/// then lets the other side get ahead first, else the two would pass the same cache lines back and forth.
const STREAM: u32 = 8;

/// How long it does so at most, in pauses: one for each time that it has gone on, so that in a
/// ring with little room the other side does not wait in its turn.
const SLIP: u32 = 64;

/// For who tries to attach once.
fn never() -> bool {
    false
}

/// Whether attaching registers the process for the barriers of those who sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Barriers {
    Register,
    Without,
}

/// One attached end: which one is known when compiled. What both do is [`State`]'s.
#[derive(Debug)]
pub(super) struct Endpoint<S: Side, W: Waiting> {
    state: State,
    kind: PhantomData<fn() -> (S, W)>,
}

/// What an end knows.
#[derive(Debug)]
pub(super) struct State {
    /// How far this side has come. Kept privately: what stands in shared memory is not believed.
    position: u64,
    /// The position up to which this side may go without looking at the other's
    /// progress.
    limit: u64,
    /// The other side's progress when it was last looked at.
    peer: Reading,
    /// The arm of the other side that was answered last.
    answered: u64,
    /// By what this side has armed last.
    armed: u64,
    spins: Spins,
    /// How often this side has gone on since it last waited.
    streak: u32,
    failures: Failures,
    /// What dropping it does.
    drop: OnDrop,
    member: Member<Lines, 1>,
}

/// What dropping an endpoint does. It fills a word, so that endpoints are moved by words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
enum OnDrop {
    /// Closes this end.
    Close,
    /// Leaves it to a successor.
    Detach,
}

impl<S: Side, W: Waiting> Endpoint<S, W> {
    /// Attaches as this side, in the place of a dead predecessor if there is one.
    pub(super) fn attach(source: &Source, barriers: Barriers) -> Result<Self, Refusal> {
        Ok(Self {
            state: State::attach(source, S::WHICH, barriers, never)?,
            kind: PhantomData,
        })
    }

    /// As [`attach`](Self::attach), by a seat.
    pub(super) fn attach_by(
        source: &Source,
        barriers: Barriers,
        seat: Seat,
    ) -> Result<Self, Refusal> {
        let (member, owner) = source.attach_by(S::WHICH.owner_at(), seat)?;
        Ok(Self {
            state: State::of(member, S::WHICH, barriers, owner)?,
            kind: PhantomData,
        })
    }

    /// As [`attach`](Self::attach), waiting until the end is free.
    pub(super) fn attach_until(
        source: &Source,
        barriers: Barriers,
        deadline: Deadline,
    ) -> Result<Self, Refusal> {
        let state = waiting::until_attached(deadline, || {
            // Looked at before anything is mapped.
            match source.is_held(S::WHICH.owner_at())? {
                true => Err(Refusal::OCCUPIED),
                false => {
                    State::attach(source, S::WHICH, barriers, || deadline.has_passed_by_call())
                }
            }
        });
        Ok(Self {
            state: state?,
            kind: PhantomData,
        })
    }

    /// Publishes that this side is `by` bytes further.
    #[inline(always)]
    pub(super) fn advance(&mut self, by: usize) {
        let state = &mut self.state;
        state.position = state.position.wrapping_add(by as u64);
        let mine = S::WHICH.mine(state.member.words());
        mine.publish(state.position, &mut state.answered);
        state.streak = state.streak.wrapping_add(1);
    }

    /// Publishes one item that takes `by` bytes and is `item`, beside the word too.
    #[inline(always)]
    pub(super) fn advance_with(&mut self, by: usize, item: u64) {
        let state = &mut self.state;
        state.position = state.position.wrapping_add(by as u64);
        let mine = S::WHICH.mine(state.member.words());
        mine.publish_with(state.position, item, &mut state.answered);
        state.streak = state.streak.wrapping_add(1);
    }

    /// The item that was published last, if it is beside the word: the one at this position, if
    /// it alone is usable.
    #[inline(always)]
    pub(super) fn newest(&self) -> Option<u64> {
        let theirs = S::WHICH.theirs(self.state.member.words());
        theirs.newest(self.state.peer)
    }

    /// Reads how far the other side has come.
    #[inline(always)]
    pub(super) fn refresh(&mut self) -> Result<(), Halt> {
        self.state.refresh(S::WHICH)
    }

    /// Makes sure, without waiting, that `need` bytes may be used.
    #[inline(always)]
    pub(super) fn ask(&mut self, need: usize) -> Result<(), Halt> {
        self.attached()?;
        if self.usable() >= need {
            return Ok(());
        }
        self.state.attempt::<W>(S::WHICH, need)
    }

    /// Makes sure that `need` bytes may be used, waiting until the deadline.
    #[inline(always)]
    pub(super) fn obtain(&mut self, need: usize, deadline: Deadline) -> Result<(), Halt> {
        self.attached()?;
        if self.usable() >= need {
            return Ok(());
        }
        self.state.wait::<W>(S::WHICH, need, deadline)
    }

    pub(super) fn peer(&self) -> super::Peer {
        self.state.peer(S::WHICH)
    }

    pub(super) fn statistics(&self) -> Statistics {
        let lines = self.state.member.words();
        let (wakes, _) = S::WHICH.mine(lines).counts();
        let (_, sleeps) = S::WHICH.theirs(lines).counts();
        Statistics {
            position: self.state.position,
            sleeps,
            wakes,
        }
    }

    /// Leaves this end to a successor, without closing it.
    pub(super) fn detach(mut self) {
        self.state.drop = OnDrop::Detach;
    }
}

impl<S: Side, W: Waiting> Deref for Endpoint<S, W> {
    type Target = State;

    #[inline(always)]
    fn deref(&self) -> &State {
        &self.state
    }
}

impl<S: Side, W: Waiting> Drop for Endpoint<S, W> {
    fn drop(&mut self) {
        self.state.leave(S::WHICH);
    }
}

impl State {
    /// Attaches as this side, in the place of a dead predecessor if there is one.
    fn attach(
        source: &Source,
        which: Which,
        barriers: Barriers,
        is_late: impl Fn() -> bool,
    ) -> Result<Self, Refusal> {
        let (member, owner) = source.attach(which.owner_at(), is_late)?;
        Self::of(member, which, barriers, owner)
    }

    /// That of a member who claims this side in the place of `owner`.
    #[inline(always)]
    fn of(
        member: Member<Lines, 1>,
        which: Which,
        barriers: Barriers,
        owner: u32,
    ) -> Result<Self, Refusal> {
        let mut state = Self {
            position: 0,
            limit: 0,
            peer: Reading::default(),
            answered: 0,
            armed: 0,
            spins: Spins::new(),
            streak: 0,
            failures: Failures::default(),
            drop: OnDrop::Close,
            member,
        };
        state.claim(which, barriers, owner)?;
        Ok(state)
    }

    /// Makes this end the attachment's own, in the place of `owner`, which no member has, and
    /// begins where it stands.
    #[inline(always)]
    fn claim(&mut self, which: Which, barriers: Barriers, owner: u32) -> Result<(), Refusal> {
        let capacity = self.capacity() as u64;
        let lines = self.member.words();
        let mine = which.mine(lines);
        let me = self.member.number();
        // Acquire [A1]: pairs with [R1] in `leave`: the predecessor's last
        // words are seen. A dead one's are, as it is dead.
        let claimed = mine.owner.compare_exchange(owner, me, AcqRel, Acquire);
        if claimed.is_err() {
            // Another successor was first.
            return Err(Refusal::OCCUPIED);
        }
        // The consumer's first, which is the one further back.
        let consumed = lines.consumed.read();
        let published = lines.published.read();
        let filled = published.position().wrapping_sub(consumed.position());
        if filled > capacity {
            // The other side is told of the predecessor's end as if nobody had tried.
            mine.owner.store(owner, Release);
            return Err(Refusal::CORRUPT);
        }
        let (own, peer) = match which {
            Which::Producer => (published, consumed),
            Which::Consumer => (consumed, published),
        };
        self.position = own.position();
        self.peer = peer;
        self.limit = which.limit(peer.position(), capacity);
        let registered = barriers == Barriers::Register && barrier::register();
        mine.say_registered(registered);
        mine.announce(self.position, false, &mut self.answered);
        Ok(())
    }

    /// Makes sure that this is no forked child's copy of an end.
    #[inline(always)]
    pub(super) fn attached(&self) -> Result<(), Halt> {
        if self.member.is_copy() {
            return Err(Halt::Forked);
        }
        Ok(())
    }

    /// The room of the ring.
    #[inline(always)]
    pub(super) fn capacity(&self) -> usize {
        self.data().len()
    }

    /// This side's position.
    #[inline(always)]
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// How many bytes from this side's position on may be used, as far as known: at most the
    /// capacity.
    #[inline(always)]
    pub(super) fn usable(&self) -> usize {
        self.limit.wrapping_sub(self.position) as usize
    }

    /// The data, by positions.
    #[inline(always)]
    pub(super) fn data(&self) -> Doubled<'_> {
        self.member.doubled::<0>()
    }

    #[inline(always)]
    fn theirs(&self, which: Which) -> &Progress {
        which.theirs(self.member.words())
    }

    /// Reads how far the other side has come.
    #[inline(always)]
    fn refresh(&mut self, which: Which) -> Result<(), Halt> {
        let peer = self.theirs(which).read();
        let capacity = self.capacity() as u64;
        let limit = which.limit(peer.position(), capacity);
        let usable = limit.wrapping_sub(self.position);
        // The other side is not ahead of this one, and never takes anything back.
        if usable <= capacity && usable >= self.usable() as u64 {
            self.limit = limit;
            self.peer = peer;
            Ok(())
        } else {
            Err(Halt::Corrupt)
        }
    }

    #[inline(always)]
    fn attempt<W: Waiting>(&mut self, which: Which, need: usize) -> Result<(), Halt> {
        let mut failures = self.failures;
        let found = waiting::attempt(&mut self.room::<W>(which, need), &mut failures);
        self.failures = failures;
        found
    }

    #[cold]
    #[inline(never)]
    fn wait<W: Waiting>(
        &mut self,
        which: Which,
        need: usize,
        deadline: Deadline,
    ) -> Result<(), Halt> {
        waiting::wait(&mut self.room::<W>(which, need), deadline)
    }

    #[inline(always)]
    fn room<W: Waiting>(&mut self, which: Which, need: usize) -> Room<'_, W> {
        Room {
            state: self,
            which,
            need,
            kind: PhantomData,
        }
    }

    /// Returns whether the other end is held by a process that has died.
    fn has_died(&self, which: Which) -> bool {
        is_held_by_the_dead(&self.theirs(which).owner, &self.member)
    }

    fn peer(&self, which: Which) -> super::Peer {
        let theirs = self.theirs(which);
        super::Peer::of(&theirs.owner, &self.member, theirs.read().is_closed())
    }

    #[cold]
    fn leave(&mut self, which: Which) {
        // The parent has not left, and its ring is not in a forked child's memory.
        if self.member.is_copy() {
            return;
        }
        let mine = which.mine(self.member.words());
        if self.drop == OnDrop::Close {
            mine.announce(self.position, true, &mut self.answered);
        }
        // Release [R1]: pairs with [A1] in `claim`.
        mine.owner.store(0, Release);
    }
}

/// Room to send, or something to receive, as [`waiting::wait`] sees it.
struct Room<'a, W> {
    state: &'a mut State,
    which: Which,
    need: usize,
    kind: PhantomData<W>,
}

impl<W: Waiting> Awaited for Room<'_, W> {
    #[inline(always)]
    fn look(&mut self) -> Result<bool, Halt> {
        self.state.refresh(self.which)?;
        Ok(self.state.usable() >= self.need)
    }

    #[inline(always)]
    fn is_closed(&self) -> bool {
        // As seen by the last look, and with what was published before.
        self.state.peer.is_closed()
    }

    #[inline(always)]
    fn has_died(&self) -> bool {
        self.state.has_died(self.which)
    }

    #[inline(always)]
    fn spin(&mut self) -> bool {
        let state = &mut *self.state;
        let streak = core::mem::take(&mut state.streak);
        if streak >= STREAM {
            for _ in 0..streak.min(SLIP) {
                primitive::pause();
            }
        }
        let changed = state.spin(self.which, state.spins.now());
        state.spins.learn(changed)
    }

    #[inline(always)]
    fn sleep(&mut self, deadline: Deadline, longest: u32) -> crate::Result<()> {
        let state = &mut *self.state;
        if W::SLEEPS {
            let theirs = self.which.theirs(state.member.words());
            return theirs.sleep(state.peer, &mut state.armed, deadline, longest);
        }
        waiting::spin_on(deadline, |spins| state.spin(self.which, spins))
    }
}

impl State {
    /// Spins up to `limit` times; whether the other side's word has changed since the last
    /// look.
    #[inline]
    fn spin(&self, which: Which, limit: u32) -> bool {
        let theirs = self.theirs(which);
        for _ in 0..limit {
            if theirs.read() != self.peer {
                return true;
            }
            primitive::pause();
        }
        false
    }
}
