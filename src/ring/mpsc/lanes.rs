//! The lanes, as a member of the ring has them.
#![forbid(unsafe_code)]

use super::lane::{Lane, Words};
use crate::region::{Doubled, Member, Refusal, Seat, Source};
use crate::ring::Halt;
use crate::sync::owner::Owner;

/// A ring's memory, from which its ends are attached, and what its head says of it.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) source: Source<Words, 2>,
    pub(super) lanes: usize,
}

/// A member of a ring, with all lanes.
#[derive(Debug)]
pub(super) struct Lanes {
    member: Member<Words, 2>,
    count: usize,
    capacity: usize,
}

impl Memory {
    /// The room of a lane.
    pub(super) fn capacity(&self) -> usize {
        self.source.len(1) / self.lanes.max(1)
    }

    /// Becomes a member, one of many.
    pub(super) fn join(&self, is_late: impl Fn() -> bool) -> Result<Lanes, Refusal> {
        Ok(Lanes::new(self.source.join(is_late)?, self.lanes))
    }

    /// As [`join`](Self::join), by a seat.
    pub(super) fn join_by(&self, seat: Seat) -> Result<Lanes, Refusal> {
        Ok(Lanes::new(self.source.join_by(seat)?, self.lanes))
    }

    /// Becomes a member, to claim what the word at `owner` says the owner of; returns that, too.
    pub(super) fn attach(
        &self,
        owner: usize,
        is_late: impl Fn() -> bool,
    ) -> Result<(Lanes, u32), Refusal> {
        let (member, owner) = self.source.attach(owner, is_late)?;
        Ok((Lanes::new(member, self.lanes), owner))
    }

    /// As [`attach`](Self::attach), by a seat.
    pub(super) fn attach_by(&self, owner: usize, seat: Seat) -> Result<(Lanes, u32), Refusal> {
        let (member, owner) = self.source.attach_by(owner, seat)?;
        Ok((Lanes::new(member, self.lanes), owner))
    }
}

impl Lanes {
    fn new(member: Member<Words, 2>, count: usize) -> Self {
        Self {
            capacity: member.len::<1>() / count.max(1),
            member,
            count,
        }
    }

    /// Makes sure that this is no forked child's copy.
    #[inline(always)]
    pub(super) fn attached(&self) -> Result<(), Halt> {
        if self.is_copy() {
            return Err(Halt::Forked);
        }
        Ok(())
    }

    #[inline(always)]
    pub(super) fn is_copy(&self) -> bool {
        self.member.is_copy()
    }

    #[inline(always)]
    pub(super) fn words(&self) -> &Words {
        self.member.words()
    }

    /// All of them, in the order in which they are taken.
    #[inline(always)]
    pub(super) fn all(&self) -> &[Lane] {
        // So many there are.
        self.member.cells::<0, Lane>(self.count).unwrap_or_default()
    }

    /// A lane, of which there is one.
    #[inline(always)]
    pub(super) fn get(&self, index: usize) -> &Lane {
        &self.all()[index]
    }

    /// The room of a lane.
    #[inline(always)]
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// The data of a lane, by positions.
    #[inline(always)]
    pub(super) fn data(&self, index: usize) -> Option<Doubled<'_>> {
        self.member.part::<1>(index, self.capacity)
    }
}

impl Owner for Lanes {
    fn number(&self) -> u32 {
        self.member.number()
    }

    fn alive(&self, number: u32) -> bool {
        self.member.alive(number)
    }
}
