//! The slots of a broadcast ring, by positions: whose turn a slot is at, and where its message is.

use super::layout::{Layout, Slot};
use super::lines::{Carrier, MESSAGES, Tail, WORDS};
use crate::region::{Flat, Member};
use crate::ring::slot::{LONG_LAP, Seen, SlotWord};

/// Its owner writes a message.
pub(super) const WRITING: u32 = 1;
/// There is a message.
pub(super) const READY: u32 = 2;
/// The turn is over, and no message came of it, as the owner still writes that of an earlier one.
pub(super) const BLOCKED: u32 = 3;

/// As many laps as words tell apart.
const LAPS: u64 = LONG_LAP + 1;

/// As many of them are taken for the past, and cannot be.
const PAST: u64 = LAPS / 32;

/// Whose turn it is in the slot of a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Not yet the position's.
    Before,
    /// The position's.
    Now,
    /// That of the position so many laps later.
    After(u64),
}

/// The slots, by positions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slots<'a> {
    slots: &'a [Slot],
    messages: Flat<'a>,
    layout: Layout,
}

impl<'a> Slots<'a> {
    /// Those of a member. `None`: it has not so many.
    #[inline(always)]
    pub(super) fn of<T: Carrier<N>, const N: usize>(
        member: &'a Member<T, N>,
        layout: Layout,
    ) -> Option<Self> {
        Some(Self {
            slots: member.cells::<WORDS, Slot>(layout.capacity() as usize)?,
            messages: member.flat::<MESSAGES>().racing(),
            layout,
        })
    }

    /// The number of the position's slot.
    #[inline(always)]
    pub(super) fn index(self, position: u64) -> usize {
        position as usize & (self.slots.len() - 1)
    }

    /// The word of the position's slot.
    #[inline(always)]
    pub(super) fn word(self, position: u64) -> &'a SlotWord {
        &self.slots[self.index(position)].0
    }

    /// Where the position's message is.
    #[inline(always)]
    pub(super) fn message(self, position: u64) -> (Flat<'a>, usize) {
        (self.messages, self.index(position) * self.layout.stride)
    }

    /// The lap of the position, as words count them: a new ring's words say 0, and its first
    /// positions have lap 1.
    #[inline(always)]
    pub(super) fn lap(self, position: u64) -> u64 {
        (position >> self.layout.shift).wrapping_add(1) & LONG_LAP
    }

    /// Whose turn it is in the slot of `position` by its word. `None`: a word that it cannot have
    /// while somebody is at `position`.
    #[inline(always)]
    pub(super) fn turn(self, seen: Seen, position: u64) -> Option<Turn> {
        let before = position >> self.layout.shift;
        match seen.long_lap().wrapping_sub(before) & LONG_LAP {
            0 => Some(Turn::Before),
            1 => Some(Turn::Now),
            laps if laps < LAPS - PAST => Some(Turn::After(laps - 1)),
            _ => None,
        }
    }

    /// The next position to be claimed, looked for from one on that is not beyond it. `None`: there
    /// is none, in a ring whose writers keep no rule.
    pub(super) fn tail(self, from: u64) -> Option<u64> {
        let mut position = from;
        // It is led on by whole laps, then by what is left of one.
        for _ in 0..self.layout.steps() {
            match self.turn(self.word(position).load(), position)? {
                Turn::Before => return Some(position),
                turn => position = self.behind(turn, position),
            }
        }
        None
    }

    /// The position of the oldest message that is there, or is being written; the tail if there is
    /// none.
    pub(super) fn oldest(self, tail: u64) -> u64 {
        for back in (1..=self.layout.capacity()).rev() {
            let position = tail.wrapping_sub(back);
            let seen = self.word(position).load();
            if self.turn(seen, position) == Some(Turn::Now)
                && matches!(seen.state(), READY | WRITING)
            {
                return position;
            }
        }
        tail
    }

    /// The first position behind the one whose turn it is in the slot of `position`.
    #[inline(always)]
    pub(super) fn behind(self, turn: Turn, position: u64) -> u64 {
        let laps = match turn {
            Turn::Before | Turn::Now => 0,
            Turn::After(laps) => laps,
        };
        position.wrapping_add((laps << self.layout.shift) + 1)
    }

    /// The position whose turn it is `laps` after that of `position`, in the same slot. Words count
    /// laps modulo; of those that it can be it is the one next to the hint, so that it is right after
    /// a stop of hours, too.
    pub(super) fn later(self, position: u64, laps: u64, tail: &Tail) -> u64 {
        let hint = tail.hint() >> self.layout.shift;
        let lap = (position >> self.layout.shift) + laps;
        let ahead = hint.wrapping_sub(lap);
        let whole = match ahead < 1 << 63 {
            true => (ahead + LAPS / 2) & !LONG_LAP,
            false => 0,
        };
        position.wrapping_add((laps + whole) << self.layout.shift)
    }
}
