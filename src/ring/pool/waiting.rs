//! The two things an end waits for: a slot of the ring, and a free chunk.

use super::end::End;
use super::lane::{Claim, Stuck};
use super::lines::{Sending, Side};
use super::sweep::Swept;
use crate::Deadline;
use crate::primitive::{pause, relax_processor};
use crate::region::Peer;
use crate::ring::Halt;
use crate::ring::waiting::{self, Awaited, Waiting};

/// From how many slots in a row on that were there at once a stream is running, and who finds none
/// then lets the other side get ahead: else the two would pass the same cache lines back and forth.
const STREAM: u32 = 4;

/// How long it lets the other side get ahead, in pauses; less where there are few slots to do so.
const SLIP: u32 = 32;

/// The next slot of a side, as [`wait`](crate::ring::waiting::wait) sees it.
pub(super) struct Turn<'a, S: Side, W: Waiting> {
    end: &'a End<S, W>,
    pub(super) found: Option<Claim<'a>>,
    /// Why there was none.
    stuck: Option<Stuck<'a>>,
}

impl<'a, S: Side, W: Waiting> Turn<'a, S, W> {
    pub(super) fn new(end: &'a End<S, W>) -> Self {
        Self {
            end,
            found: None,
            stuck: None,
        }
    }

    /// Looks again; `false`: there is nothing, still. Not where the look did not come to an end: one
    /// of those is as long as many.
    fn differs(&mut self) -> bool {
        self.look().unwrap_or(true) || self.stuck.is_some_and(|stuck| !stuck.is_so)
    }
}

impl<S: Side, W: Waiting> Awaited for Turn<'_, S, W> {
    fn look(&mut self) -> Result<bool, Halt> {
        if self.found.is_none() {
            match self.end.claim()? {
                Ok(claim) => self.found = Some(claim),
                Err(stuck) => self.stuck = Some(stuck),
            }
        }
        Ok(self.found.is_some())
    }

    /// Behind a dead one's claim there may be more: it is looked for when all have gone.
    fn is_closed(&self) -> bool {
        self.end.theirs().is_closed() && !self.end.resolve_next()
    }

    fn has_died(&self) -> bool {
        let all = self.end.theirs().state(self.end.member()) == Peer::Dead;
        !self.end.resolve_next() && all
    }

    fn spin(&mut self) -> bool {
        spin(self.end, || self.differs())
    }

    fn sleep(&mut self, deadline: Deadline, longest: u32) -> crate::Result<()> {
        let stuck = self.stuck.filter(|stuck| W::SLEEPS && stuck.is_so);
        let Some(stuck) = stuck else {
            // Others are faster, or nobody ever sleeps.
            return rest(self.end, deadline, || self.differs());
        };
        match stuck.slot.word.arm(stuck.seen) {
            Some(armed) if !self.end.theirs().is_closed() => {
                stuck.slot.word.sleep(armed, deadline, longest)
            }
            _ => waiting::in_time(deadline),
        }
    }
}

/// A free chunk of a class, likewise.
pub(super) struct Chunk<'a, W: Waiting> {
    end: &'a End<Sending, W>,
    class: usize,
    pub(super) found: Option<u32>,
    /// How often the bell had been rung before the last look.
    rung: u32,
}

impl<'a, W: Waiting> Chunk<'a, W> {
    pub(super) fn new(end: &'a End<Sending, W>, class: usize) -> Self {
        Self {
            end,
            class,
            found: None,
            rung: 0,
        }
    }

    /// Goes on with the search for what the dead have; with a new round when the other side is seen
    /// to be `over` for the first time, as one that began before may have passed what they left.
    fn sweep(&self, over: bool) -> Swept {
        self.end.round(self.class).see(over);
        self.end.sweep(self.class)
    }
}

impl<W: Waiting> Awaited for Chunk<'_, W> {
    fn look(&mut self) -> Result<bool, Halt> {
        if self.found.is_none() {
            self.rung = self.end.bell(self.class).rung();
            self.found = self.end.take(self.class, u32::MAX)?;
        }
        Ok(self.found.is_some())
    }

    /// What the dead have is free before: all chunks have been looked at.
    fn is_closed(&self) -> bool {
        self.end.theirs().is_closed() && self.sweep(true) == Swept::Nothing
    }

    fn has_died(&self) -> bool {
        // Where all have closed, nobody has died, and the search has been gone on with already.
        if self.end.theirs().is_closed() {
            return false;
        }
        let died = self.end.theirs().state(self.end.member()) == Peer::Dead;
        self.sweep(died) == Swept::Nothing && died
    }

    fn spin(&mut self) -> bool {
        // One chunk at a time, whatever their number.
        spin(self.end, || {
            self.found = self.end.take(self.class, 1).unwrap_or(None);
            self.found.is_some()
        })
    }

    fn sleep(&mut self, deadline: Deadline, longest: u32) -> crate::Result<()> {
        if self.end.round(self.class).is_unfinished() {
            // There may be one that is a dead one's: the search goes on at once.
            return waiting::in_time(deadline);
        }
        if !W::SLEEPS {
            return rest(self.end, deadline, || self.look().unwrap_or(true));
        }
        let bell = self.end.bell(self.class);
        bell.arm(self.rung);
        self.found = self.end.take(self.class, u32::MAX).unwrap_or(None);
        if self.found.is_some() || self.end.theirs().is_closed() {
            return waiting::in_time(deadline);
        }
        bell.sleep(self.rung, deadline, longest)
    }
}

/// Looks again and again for a little while, and returns whether it was found.
fn spin<S: Side, W: Waiting>(end: &End<S, W>, mut look: impl FnMut() -> bool) -> bool {
    if end.streak.take() >= STREAM {
        for _ in 0..(end.capacity() as u32 / 2).min(SLIP) {
            pause();
        }
    }
    let mut spins = end.spins.get();
    let found = (0..spins.now()).any(|_| {
        // Single pauses: longer ones cost who waits for an answer more than they save.
        pause();
        look()
    });
    spins.learn(found);
    end.spins.set(spins);
    found
}

/// Looks for a while where nobody sleeps.
fn rest<S: Side, W: Waiting>(
    end: &End<S, W>,
    deadline: Deadline,
    mut look: impl FnMut() -> bool,
) -> crate::Result<()> {
    if W::SLEEPS {
        relax_processor();
        return waiting::in_time(deadline);
    }
    waiting::spin_on(deadline, |spins| {
        (0..spins).any(|_| {
            let changed = look() || end.theirs().is_closed();
            if !changed {
                pause();
            }
            changed
        })
    })
}
