//! The ring that carries chunks' handles: who claims which slot, and what becomes of a slot whose
//! claimant has died.
//!
//! A chunk is handed over in three steps, while the slot names who is responsible. The sender
//! claims a slot, writes the handle there and says in the chunk's word in which slot it is, then
//! makes the slot ready. The receiver claims the slot, makes the chunk its own, then frees the
//! slot. So a chunk is in one pair of hands at each moment, and who dies leaves it there.

use core::sync::atomic::Ordering::Relaxed;

use super::chunk::Ticket;
use crate::memory::Shared;
use crate::primitive::{AtomicU64, Cell};
use crate::ring::Halt;
use crate::ring::slot::{LAP, Seen, SlotWord};
use crate::ring::waiting::Waiting;

/// The states of a slot, in their order. Free: of the lap that is over; the next one may be
/// written.
pub(super) const FREE: u32 = 0;
pub(super) const WRITING: u32 = 1;
pub(super) const READY: u32 = 2;
pub(super) const READING: u32 = 3;

/// A slot of the ring: its word, and the handle.
#[derive(Debug)]
#[repr(C, align(16))]
pub(super) struct Slot {
    pub(super) word: SlotWord,
    handle: AtomicU64,
}

// SAFETY: atomics.
unsafe impl Shared for Slot {}

impl Cell for Slot {
    /// The laps are about to wrap around.
    fn begin(index: usize, count: usize) -> Self {
        let lap = lap(BEGIN + index as u64, count.trailing_zeros());
        Self {
            word: SlotWord::begin(Seen::new(FREE, lap.wrapping_sub(1), 0, 0)),
            handle: AtomicU64::new(0),
        }
    }
}

/// The position at which models begin.
pub(super) const BEGIN: u64 = (1 << 62) - 2;

/// Bits of a handle that say the chunk's number; the message's length is above them.
const INDEX_BITS: u32 = 24;

impl Slot {
    /// Writes the handle, for who has claimed the slot.
    #[inline(always)]
    pub(super) fn write(&self, index: u32, len: usize) {
        // Relaxed: the slot's word tells of it.
        let handle = u64::from(index) | (len as u64) << INDEX_BITS;
        self.handle.store(handle, Relaxed);
    }

    /// Reads the handle, which may be anything: a chunk's number, and a length.
    #[inline(always)]
    pub(super) fn read(&self) -> (u32, u64) {
        let handle = self.handle.load(Relaxed);
        let index = handle as u32 & ((1 << INDEX_BITS) - 1);
        (index, handle >> INDEX_BITS)
    }
}

/// How many slots one call goes on to where others have been: then what it looks for is not there
/// now, and the next call goes on from there. Others that keep the rules have come so far
/// meanwhile, as what they tell is never further behind than [`PER_HINT`] for each that was stopped
/// as it was about to tell; others that do not could lead it on for ever, as laps compare modulo
/// their number.
const ATTEMPTS: u32 = 1 << 12;

/// A position is told to others when it is a multiple of this, or of the slots: who has fallen
/// behind steps over the rest.
const PER_HINT: usize = 16;

/// The lap in which `position` is: that of a slot that nobody has used is 0.
#[inline(always)]
fn lap(position: u64, bits: u32) -> u64 {
    (position >> bits).wrapping_add(1) & LAP
}

/// By how many laps `seen` is ahead of `lap`.
#[inline(always)]
fn ahead(seen: Seen, lap: u64) -> i64 {
    let unused = LAP.leading_zeros();
    (seen.lap().wrapping_sub(lap) << unused).cast_signed() >> unused
}

/// The slots, as one side goes through them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lane<'a> {
    /// Their number is a power of two.
    pub(super) slots: &'a [Slot],
    /// Where this side is, or was some time ago, or anything.
    pub(super) hint: &'a AtomicU64,
}

/// A slot that was claimed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim<'a> {
    pub(super) slot: &'a Slot,
    /// The word as it was made.
    mine: Seen,
    pub(super) ticket: Ticket,
}

impl Claim<'_> {
    /// Goes on to the slot's next state, and wakes who sleeps for that.
    #[inline(always)]
    pub(super) fn finish<W: Waiting>(self) -> Result<(), Halt> {
        if W::SLEEPS {
            self.slot.word.finish(self.mine)
        } else {
            self.slot.word.store(self.mine.next());
            Ok(())
        }
    }
}

/// Where this side cannot go on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stuck<'a> {
    pub(super) slot: &'a Slot,
    index: usize,
    /// The word that says so.
    pub(super) seen: Seen,
    /// Whether it says so: or others were faster again and again.
    pub(super) is_so: bool,
}

impl<'a> Stuck<'a> {
    /// Who has claimed the slot.
    pub(super) fn claimant(self) -> Option<u32> {
        let is_claimed = matches!(self.seen.state(), WRITING | READING);
        is_claimed.then(|| self.seen.owner())
    }

    /// Claims the slot in the place of a dead claimant. `None`: it has been done.
    pub(super) fn take_over(self, me: u32) -> Option<Claim<'a>> {
        let lap = self.seen.lap();
        // What the dead one did in the slot is seen by who was told of its death.
        let to = Seen::new(READING, lap, me, 1);
        let mine = self.slot.word.claim(self.seen, to).ok()?;
        Some(Claim {
            slot: self.slot,
            mine,
            ticket: Ticket::new(self.index, lap),
        })
    }
}

/// What a slot's word says to who wants to go on there.
enum Says {
    /// It can be claimed.
    Yes,
    /// Not now.
    No,
    /// Others have gone on there: this many laps, and one position.
    Gone(i64),
}

/// To who sends.
#[inline(always)]
fn is_free(seen: Seen, lap: u64) -> Says {
    match ahead(seen, lap) {
        -1 if seen.state() == FREE => Says::Yes,
        laps @ 0.. => Says::Gone(laps),
        _ => Says::No,
    }
}

/// To who receives.
#[inline(always)]
fn is_ready(seen: Seen, lap: u64) -> Says {
    match (ahead(seen, lap), seen.state()) {
        (0, READY) => Says::Yes,
        (0, WRITING) => Says::No,
        (laps @ 0.., FREE | READING) => Says::Gone(laps),
        // The lap before was received.
        (laps @ 1.., _) => Says::Gone(laps - 1),
        _ => Says::No,
    }
}

impl<'a> Lane<'a> {
    #[inline(always)]
    fn bits(self) -> u32 {
        self.slots.len().trailing_zeros()
    }

    /// Claims the next free slot from `cursor` on, to send.
    #[inline(always)]
    pub(super) fn claim_free(self, cursor: &mut u64, me: u32) -> Result<Claim<'a>, Stuck<'a>> {
        self.claim(cursor, me, WRITING, is_free)
    }

    /// Claims the next ready slot from `cursor` on, to receive.
    #[inline(always)]
    pub(super) fn claim_ready(self, cursor: &mut u64, me: u32) -> Result<Claim<'a>, Stuck<'a>> {
        self.claim(cursor, me, READING, is_ready)
    }

    #[inline(always)]
    fn claim(
        self,
        cursor: &mut u64,
        me: u32,
        state: u32,
        says: impl Fn(Seen, u64) -> Says,
    ) -> Result<Claim<'a>, Stuck<'a>> {
        let mut position = *cursor;
        let mut attempts = ATTEMPTS;
        loop {
            let index = position as usize & (self.slots.len() - 1);
            let slot = &self.slots[index];
            let lap = lap(position, self.bits());
            let seen = slot.word.load();
            let mut is_so = false;
            match says(seen, lap) {
                Says::Yes => {
                    if let Ok(mine) = slot.word.claim(seen, Seen::new(state, lap, me, 1)) {
                        *cursor = position.wrapping_add(1);
                        self.tell(*cursor);
                        let ticket = Ticket::new(index, lap);
                        return Ok(Claim { slot, mine, ticket });
                    }
                }
                Says::Gone(laps) => {
                    let next = position.wrapping_add((laps as u64) << self.bits());
                    position = self.at_least(next.wrapping_add(1));
                }
                Says::No => is_so = true,
            }
            attempts -= 1;
            if is_so || attempts == 0 {
                if !is_so {
                    *cursor = position;
                }
                return Err(Stuck {
                    slot,
                    index,
                    seen,
                    is_so,
                });
            }
        }
    }

    /// The slot at which this side is to go on, from `cursor` on, whether it can be claimed or not.
    /// `None`: others are faster.
    pub(super) fn place(self, cursor: u64, sends: bool) -> Option<Stuck<'a>> {
        let mut position = cursor;
        for _ in 0..ATTEMPTS {
            let index = position as usize & (self.slots.len() - 1);
            let slot = &self.slots[index];
            let (seen, lap) = (slot.word.load(), lap(position, self.bits()));
            let says = if sends {
                is_free(seen, lap)
            } else {
                is_ready(seen, lap)
            };
            let Says::Gone(laps) = says else {
                return Some(Stuck {
                    slot,
                    index,
                    seen,
                    is_so: true,
                });
            };
            let next = position.wrapping_add((laps as u64) << self.bits());
            position = self.at_least(next.wrapping_add(1));
        }
        None
    }

    /// The slot that a ticket names, if it is claimed in the lap that this names.
    pub(super) fn claimed(self, ticket: Ticket) -> Option<Stuck<'a>> {
        let index = ticket.slot();
        let slot = self.slots.get(index)?;
        let seen = slot.word.load();
        let stuck = Stuck {
            slot,
            index,
            seen,
            is_so: true,
        };
        let is_its = Ticket::new(index, seen.lap()) == ticket && stuck.claimant().is_some();
        is_its.then_some(stuck)
    }

    /// Tells others of this side how far it is.
    #[inline(always)]
    fn tell(self, position: u64) {
        let per_hint = self.slots.len().min(PER_HINT) as u64;
        if position & (per_hint - 1) == 0 {
            let told = self.hint.load(Relaxed);
            if is_further(position, told) {
                // Relaxed: the slots say what is so. Not what was said in between, as a store would
                // that comes late; who has said it may be further.
                let _ = self.hint.compare_exchange(told, position, Relaxed, Relaxed);
            }
        }
    }

    /// `position`, or where others are known to be if that is further.
    fn at_least(self, position: u64) -> u64 {
        let hint = self.hint.load(Relaxed);
        if is_further(hint, position) {
            hint
        } else {
            position
        }
    }
}

/// Returns whether `position` is further than `other`.
#[inline(always)]
fn is_further(position: u64, other: u64) -> bool {
    position.wrapping_sub(other).cast_signed() > 0
}
