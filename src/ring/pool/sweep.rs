//! The search for what the dead have: in parts, each of a bounded number of steps and of questions
//! to the kernel, whatever the memory says.
#![forbid(unsafe_code)]

use super::chunk::Chunk;
use super::end::End;
use super::lane::Lane;
use super::lines::Side;
use super::stock::Stock;
use crate::primitive::{SWEEP_QUESTIONS, SWEEP_STEPS};
use crate::ring::waiting::Waiting;
use crate::sync::owner::Owner;

/// What came of a part of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ring) enum Swept {
    /// What a dead one had was found: by this one, or by another just before.
    Something,
    /// There was nothing at any chunk of the class, from where the round began.
    Nothing,
    /// There was nothing yet. The next part goes on.
    Unfinished,
}

/// What was asked about owners in one part: the many chunks of one owner cost one question.
pub(in crate::ring) struct Answers<'a, A: Owner> {
    asker: &'a A,
    /// Who was asked about, and whether it has died.
    known: [(u32, bool); SWEEP_QUESTIONS],
    count: usize,
}

impl<'a, A: Owner> Answers<'a, A> {
    fn new(asker: &'a A) -> Self {
        Self {
            asker,
            known: [(0, false); SWEEP_QUESTIONS],
            count: 0,
        }
    }

    /// Whether the one of this number, another than the asker, has died. `None`: that would be one
    /// question too many.
    ///
    /// A "yes" stays so, and what the dead one did is seen since it was given. A "no" may be too
    /// old: then the next round finds what this one has passed over.
    fn has_died(&mut self, number: u32) -> Option<bool> {
        let known = self.known.get(..self.count)?;
        // Mostly it is the one that was asked about last.
        if let Some(&(_, died)) = known.iter().rev().find(|(known, _)| *known == number) {
            return Some(died);
        }
        let free = self.known.get_mut(self.count)?;
        *free = (number, !self.asker.alive(number));
        self.count += 1;
        Some(free.1)
    }
}

impl Stock {
    /// Frees the chunks of a class that the dead have: goes on where the last part ended. `resolve`
    /// looks at each chunk before, and says whether a dead one had it in another way, or `None` if
    /// that was not to be known. Returns how many were freed, too.
    #[cold]
    pub(in crate::ring) fn sweep<A: Owner>(
        &self,
        chunks: &[Chunk],
        class: usize,
        asker: &A,
        mut resolve: impl FnMut(&Chunk, &mut Answers<'_, A>) -> Option<bool>,
    ) -> (Swept, u64) {
        let Ok((_, chunks)) = self.of_class(chunks, class) else {
            return (Swept::Nothing, 0);
        };
        let (round, count) = (self.round(class), chunks.len() as u32);
        let (mut next, mut left) = round.begin(count);
        let mut answers = Answers::new(asker);
        let (mut found, mut freed) = (false, 0);
        for _ in 0..left.min(SWEEP_STEPS) {
            let Some(chunk) = chunks.get(next as usize) else {
                break;
            };
            let Some(was_resolved) = resolve(chunk, &mut answers) else {
                break;
            };
            found |= was_resolved;
            let Some(was_freed) = self.reclaim(chunk, &mut answers) else {
                break;
            };
            freed += u64::from(was_freed);
            next = if next + 1 < count { next + 1 } else { 0 };
            left -= 1;
        }
        found |= freed > 0;
        // Where something was found there may be more.
        round.leave(next, if found { 0 } else { left });
        let swept = match (found, left) {
            (true, _) => Swept::Something,
            (false, 0) => Swept::Nothing,
            (false, _) => Swept::Unfinished,
        };
        (swept, freed)
    }

    /// Frees the chunk if its owner has died.
    fn reclaim(&self, chunk: &Chunk, answers: &mut Answers<'_, impl Owner>) -> Option<bool> {
        let Some(owner) = chunk.owner() else {
            return Some(false);
        };
        let died = if owner == answers.asker.number() {
            // Those of a dead one that had this number before, if this one has none.
            self.has_none()
        } else {
            answers.has_died(owner)?
        };
        Some(died && chunk.reclaim(owner))
    }
}

impl<S: Side, W: Waiting> End<S, W> {
    /// Frees the chunks of a class that the dead have: goes on where the last part ended.
    #[cold]
    pub(super) fn sweep(&self, class: usize) -> Swept {
        let (Ok(chunks), Ok(lane)) = (self.chunks(), self.lane()) else {
            return Swept::Nothing;
        };
        let (swept, freed) = self
            .stock
            .sweep(chunks, class, self.member(), |chunk, answers| {
                self.resolve_for(chunk, lane, answers)
            });
        self.count_chunks(freed);
        if freed > 0 {
            self.ring_bell(class);
        }
        swept
    }

    /// Takes a chunk from the ring that was on the way when who had its slot died. Nobody comes by
    /// there before the slot is used again, which may be never where slots are more than chunks.
    fn resolve_for(
        &self,
        chunk: &Chunk,
        lane: Lane<'_>,
        answers: &mut Answers<'_, impl Owner>,
    ) -> Option<bool> {
        let stuck = chunk.ticket().and_then(|ticket| lane.claimed(ticket));
        let Some((stuck, claimant)) = stuck.and_then(|stuck| Some((stuck, stuck.claimant()?)))
        else {
            return Some(false);
        };
        // As in `resolve`.
        let died = claimant == self.me() || answers.has_died(claimant)?;
        if died {
            self.take_over(stuck);
        }
        Some(died)
    }
}
