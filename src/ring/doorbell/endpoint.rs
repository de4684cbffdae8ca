//! An end of the ring, producer or consumer: attach, look how far the other has come, arm, wait for it,
//! publish, close.

use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use super::RECORD_OVERHEAD;
use super::progress::{POSITION, Progress, Reading};
use super::side::{Lines, Side};
use crate::primitive::{self, Bell, SPINS_MAX};
use crate::region::{self, Doubled, Member, Peer, Refusal, Seat};
use crate::ring::Halt;
use crate::ring::spins::Spins;
use crate::ring::waiting::{self, Awaited, Failures};
use crate::sync::owner::{Owner, is_held_by_the_dead};
use crate::{AsFd, BorrowedFd, Deadline, Errno};

/// A ring's memory, from which its ends are attached.
pub(super) type Source = region::Source<Lines, 1>;

/// One attached end.
#[derive(Debug)]
pub(in crate::ring) struct Endpoint {
    side: Side,
    /// This side's progress. Kept privately: what stands in shared memory is compared with it,
    /// not believed.
    own: Reading,
    /// The position up to which this side may go without looking at the other's progress.
    limit: u64,
    /// The other side's progress when it was last looked at.
    peer: Reading,
    /// By what this side has armed and is not rung for, as far as it knows.
    armed: u32,
    spins: Spins,
    /// How many bytes this side had no use of last, and waits for.
    wanted: usize,
    /// How often in a row this side was rung for nothing.
    in_vain: u32,
    failures: Failures,
    /// Whether dropping it leaves it to a successor.
    is_left: bool,
    /// Rung for the other side.
    theirs: Bell,
    /// Rung for this side.
    ours: Bell,
    member: Member<Lines, 1>,
}

impl Endpoint {
    /// Attaches as this side, in the place of a dead predecessor if there is one.
    pub(super) fn attach(
        source: &Source,
        bells: &[Bell; 2],
        side: Side,
        is_late: impl Fn() -> bool,
    ) -> Result<Self, Refusal> {
        Self::of(source.attach(side.owner_at(), is_late)?, bells, side)
    }

    /// As [`attach`](Self::attach), by a seat.
    pub(super) fn attach_by(
        source: &Source,
        bells: &[Bell; 2],
        side: Side,
        seat: Seat,
    ) -> Result<Self, Refusal> {
        Self::of(source.attach_by(side.owner_at(), seat)?, bells, side)
    }

    /// That of a member who claims this side in the place of `owner`. `[data, room]` are the bells.
    fn of(
        (member, owner): (Member<Lines, 1>, u32),
        [data, room]: &[Bell; 2],
        side: Side,
    ) -> Result<Self, Refusal> {
        let (theirs, ours) = match side {
            Side::Producer => (data, room),
            Side::Consumer => (room, data),
        };
        let (theirs, ours) = (theirs.duplicate()?, ours.duplicate()?);
        let mut end = Self {
            side,
            own: Reading::default(),
            limit: 0,
            peer: Reading::default(),
            armed: 0,
            spins: Spins::new(),
            wanted: RECORD_OVERHEAD,
            in_vain: 0,
            failures: Failures::default(),
            is_left: true,
            theirs,
            ours,
            member,
        };
        end.claim(owner)?;
        Ok(end)
    }

    /// As [`attach`](Self::attach), waiting until the end is free.
    pub(super) fn attach_until(
        source: &Source,
        bells: &[Bell; 2],
        side: Side,
        deadline: Deadline,
    ) -> Result<Self, Refusal> {
        waiting::until_attached(deadline, || {
            // Looked at before anything is mapped.
            match source.is_held(side.owner_at())? {
                true => Err(Refusal::OCCUPIED),
                false => Self::attach(source, bells, side, || deadline.has_passed_by_call()),
            }
        })
    }

    /// Makes this end the attachment's own, in the place of `owner`, which no member has, and
    /// begins where it stands.
    fn claim(&mut self, owner: u32) -> Result<(), Refusal> {
        let capacity = self.capacity() as u64;
        let lines = self.member.words();
        let mine = self.side.mine(lines);
        let me = self.member.number();
        // Acquire [A1]: pairs with [R1] in `leave`: the predecessor's last words are seen. A dead
        // one's are, as it is dead.
        if mine
            .owner
            .compare_exchange(owner, me, AcqRel, Acquire)
            .is_err()
        {
            // Another successor was first. What this one has is not its own.
            return Err(Refusal::OCCUPIED);
        }
        // The consumer's first, which is the one further back.
        let consumed = lines.consumed.read();
        let published = lines.published.read();
        let filled = published.position().wrapping_sub(consumed.position()) & POSITION;
        let (own, peer) = match self.side {
            Side::Producer => (published, consumed),
            Side::Consumer => (consumed, published),
        };
        self.own = own;
        // That it is open again; whoever waits for it was rung for what came before.
        let opened = if filled > capacity {
            Err(Halt::Corrupt)
        } else if own.is_closed() {
            mine.advance(&mut self.own, own.open(), &self.theirs)
        } else {
            Ok(())
        };
        if let Err(halt) = opened {
            // The other side is told of the predecessor's end as if nobody had tried.
            mine.owner.store(owner, Release);
            return Err(match halt {
                Halt::Kernel(errno) => errno.into(),
                _ => Refusal::CORRUPT,
            });
        }
        self.peer = peer;
        self.limit = self.side.limit(peer.position(), capacity);
        self.is_left = false;
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
        self.own.position()
    }

    /// How many bytes from this side's position on may be used, as far as known: at most the
    /// capacity.
    #[inline(always)]
    pub(super) fn usable(&self) -> usize {
        (self.limit.wrapping_sub(self.position()) & POSITION) as usize
    }

    /// The data, by positions.
    #[inline(always)]
    pub(super) fn data(&self) -> Doubled<'_> {
        self.member.doubled::<0>()
    }

    /// The descriptor that is rung for this end.
    pub(super) fn bell(&self) -> BorrowedFd<'_> {
        self.ours.as_fd()
    }

    /// The other side's progress.
    #[inline(always)]
    fn watched(&self) -> &Progress {
        self.side.theirs(self.member.words())
    }

    /// Publishes that this side is `by` bytes further.
    #[inline(always)]
    pub(super) fn advance(&mut self, by: usize) -> Result<(), Halt> {
        self.publish(Reading::at(self.position().wrapping_add(by as u64)))
    }

    #[inline(always)]
    fn publish(&mut self, to: Reading) -> Result<(), Halt> {
        let mut own = self.own;
        let mine = self.side.mine(self.member.words());
        let result = mine.advance(&mut own, to, &self.theirs);
        self.own = own;
        result
    }

    /// Makes sure, without waiting, that `need` bytes may be used.
    #[inline(always)]
    pub(super) fn ask(&mut self, need: usize) -> Result<(), Halt> {
        self.attached()?;
        if self.usable() >= need {
            return Ok(());
        }
        self.attempt(need)
    }

    /// Makes sure that `need` bytes may be used, waiting until the deadline.
    #[inline(always)]
    pub(super) fn obtain(&mut self, need: usize, deadline: Deadline) -> Result<(), Halt> {
        self.attached()?;
        if self.usable() >= need {
            return Ok(());
        }
        self.wanted = need;
        waiting::wait(&mut Room { end: self, need }, deadline)
    }

    /// Reads how far the other side has come.
    fn refresh(&mut self) -> Result<(), Halt> {
        let peer = self.watched().read();
        let capacity = self.capacity() as u64;
        let limit = self.side.limit(peer.position(), capacity);
        let usable = limit.wrapping_sub(self.position()) & POSITION;
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
    fn attempt(&mut self, need: usize) -> Result<(), Halt> {
        let mut failures = self.failures;
        let found = waiting::attempt(&mut Room { end: self, need }, &mut failures);
        self.failures = failures;
        if found.is_err() {
            self.wanted = need;
        }
        found
    }

    /// Has this end be rung when the other side goes on; returns whether there is nothing for it yet.
    pub(in crate::ring) fn arm(&mut self) -> Result<bool, Halt> {
        if self.look_whether_ready()? {
            return Ok(false);
        }
        let is_rung = self.ours.empty().map_err(Halt::Kernel)?;
        if is_rung {
            self.armed = 0;
            // The other one rings first: what it rings for is there soon.
            if self.spin(SPINS_MAX) || self.gives_way() {
                self.in_vain = 0;
                return Ok(false);
            }
        }
        let seen = self.peer;
        let watched = self.side.theirs(self.member.words());
        Ok(watched.arm(seen, &mut self.armed, is_rung))
    }

    /// Returns whether there is what this end has no use of without, or the other one is closed,
    /// as far as is known.
    fn is_ready(&self) -> bool {
        self.usable() >= self.wanted || self.peer.is_closed()
    }

    /// Lets the other side publish what it has rung for, longer from time to time; returns whether
    /// it has. Who arms again at once has it ring again: perhaps for ever, if that wakes this side
    /// on the same processor.
    fn gives_way(&mut self) -> bool {
        Bell::give_way(self.in_vain);
        self.in_vain = self.in_vain.saturating_add(1);
        self.watched().read() != self.peer
    }

    /// Looks, and returns whether the next call finds something else than that it would block.
    pub(in crate::ring) fn look_whether_ready(&mut self) -> Result<bool, Halt> {
        self.attached()?;
        self.refresh()?;
        Ok(self.is_ready())
    }

    /// Returns whether the other side has died, and has the next call that finds nothing say so.
    pub(in crate::ring) fn look_whether_dead(&mut self) -> bool {
        let died = self.has_died();
        if died {
            self.failures.ask_next();
        }
        died
    }

    /// Returns whether the other end is held by a process that has died.
    fn has_died(&self) -> bool {
        is_held_by_the_dead(&self.watched().owner, &self.member)
    }

    pub(super) fn peer(&self) -> Peer {
        let watched = self.watched();
        Peer::of(&watched.owner, &self.member, watched.read().is_closed())
    }

    /// Leaves this end to a successor, without closing it.
    pub(super) fn detach(mut self) {
        self.is_left = true;
    }

    /// Spins for a little while, at most so often; returns whether the other side's progress has
    /// changed since the last look.
    fn spin(&mut self, longest: u32) -> bool {
        let changed = (0..self.spins.now().min(longest)).any(|_| {
            let differs = self.watched().read() != self.peer;
            if !differs {
                primitive::pause();
            }
            differs
        });
        self.spins.learn(changed)
    }

    /// Gives the end back.
    fn leave(&self) {
        // The parent has not left, and its ring is not in a forked child's memory.
        if self.member.is_copy() {
            return;
        }
        let mine = self.side.mine(self.member.words());
        let me = self.member.number();
        // Release [R1]: pairs with [A1] in `claim`. Only if it is this one's: it may have been
        // left already, or never been claimed.
        let _ = mine.owner.compare_exchange(me, 0, Release, Relaxed);
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        if !self.is_left && !self.member.is_copy() {
            // In a corrupt ring there is nobody to tell.
            let _ = self.publish(self.own.closed());
        }
        self.leave();
    }
}

/// Room to send, or something to receive, as [`waiting::wait`] sees it.
struct Room<'a> {
    end: &'a mut Endpoint,
    need: usize,
}

impl Awaited for Room<'_> {
    fn look(&mut self) -> Result<bool, Halt> {
        self.end.refresh()?;
        Ok(self.end.usable() >= self.need)
    }

    fn is_closed(&self) -> bool {
        // As seen by the last look, and with what was published before.
        self.end.peer.is_closed()
    }

    fn has_died(&self) -> bool {
        self.end.has_died()
    }

    fn spin(&mut self) -> bool {
        self.end.spin(u32::MAX)
    }

    fn sleep(&mut self, deadline: Deadline, longest: u32) -> crate::Result<()> {
        match self.end.arm() {
            Ok(true) => self.end.ours.sleep(deadline, longest),
            Err(Halt::Kernel(errno)) => Err(errno),
            // The other side has gone on: the caller looks.
            _ if deadline.has_passed_by_call() => Err(Errno::TIMEDOUT),
            _ => Ok(()),
        }
    }
}
