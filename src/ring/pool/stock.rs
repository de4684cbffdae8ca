//! The chunks as one end takes them: where it goes on in each class, and how many it has in hand.
#![forbid(unsafe_code)]

use core::cell::Cell;

use super::chunk::Chunk;
use super::classes::{CLASSES_MAX, Plan};
use super::held::Held;
use super::round::Round;
use crate::ring::waiting::Failures;
use crate::ring::{Error, Halt};

/// What an end knows of the chunks. Its calls borrow it, so that several chunks can be in hand at a
/// time: what changes is in cells.
#[derive(Debug)]
pub(in crate::ring) struct Stock {
    plan: Plan,
    /// Of each class the chunk to try first, counted within the class.
    rotors: [Cell<u32>; CLASSES_MAX],
    /// Of each class where the search for what the dead have goes on.
    rounds: [Round; CLASSES_MAX],
    /// Of each class how often in a row no chunk of it was found without waiting.
    failures: [Cell<Failures>; CLASSES_MAX],
    /// How many chunks are in hand.
    held: Cell<usize>,
}

impl Stock {
    pub(in crate::ring) fn new(plan: Plan) -> Self {
        Self {
            plan,
            rotors: [const { Cell::new(0) }; CLASSES_MAX],
            rounds: Default::default(),
            failures: Default::default(),
            held: Cell::new(0),
        }
    }

    #[inline(always)]
    pub(in crate::ring) fn plan(&self) -> &Plan {
        &self.plan
    }

    #[inline(always)]
    pub(in crate::ring) fn round(&self, class: usize) -> &Round {
        // Masked, so that the compiler sees it in range.
        &self.rounds[class % CLASSES_MAX]
    }

    pub(super) fn failures(&self, class: usize) -> &Cell<Failures> {
        &self.failures[class % CLASSES_MAX]
    }

    /// The chunks of a class among all, and the number of the first.
    #[inline(always)]
    pub(super) fn of_class<'a>(
        &self,
        chunks: &'a [Chunk],
        class: usize,
    ) -> Result<(u32, &'a [Chunk]), Halt> {
        let extent = self.plan.extents.get(class).ok_or(Halt::Corrupt)?;
        let (first, count) = (extent.first as usize, extent.count as usize);
        let chunks = chunks.get(first..first + count);
        Ok((extent.first, chunks.ok_or(Halt::Corrupt)?))
    }

    #[inline(always)]
    pub(in crate::ring) fn class_for(&self, len: usize) -> Result<usize, Error> {
        let limit = self.plan.longest();
        let class = self.plan.class_for(len);
        class.ok_or(Error::TooLong { len, limit })
    }

    /// Takes a chunk of a class, of the next `most` ones the first that `takes` takes.
    #[inline(always)]
    pub(in crate::ring) fn take(
        &self,
        chunks: &[Chunk],
        class: usize,
        most: u32,
        takes: impl Fn(&Chunk) -> bool,
    ) -> Result<Option<u32>, Halt> {
        let (first, chunks) = self.of_class(chunks, class)?;
        let count = chunks.len() as u32;
        let rotor = &self.rotors[class % CLASSES_MAX];
        for _ in 0..most.min(count) {
            let nth = rotor.get();
            let next = nth + 1;
            // In the order in which they are given back: then the first try is a good one.
            rotor.set(if next < count { next } else { 0 });
            if chunks.get(nth as usize).is_some_and(&takes) {
                return Ok(Some(first + nth));
            }
        }
        Ok(None)
    }

    /// Whether no chunk is in hand.
    pub(in crate::ring) fn has_none(&self) -> bool {
        self.held.get() == 0
    }

    /// Enters a chunk that was taken.
    #[inline(always)]
    pub(in crate::ring) fn hold(&self, index: u32, len: usize) -> Result<Held, Halt> {
        let (class, room) = self.plan.room(index).ok_or(Halt::Corrupt)?;
        self.held.set(self.held.get() + 1);
        Ok(Held {
            index,
            class,
            room,
            len,
        })
    }

    /// Strikes a chunk that is in hand no more.
    #[inline(always)]
    pub(in crate::ring) fn strike(&self) {
        self.held.set(self.held.get().saturating_sub(1));
    }
}
