//! The order of claims: what one member finds at its position, claims, finishes, and recovers from
//! the dead.

use core::sync::atomic::Ordering::SeqCst;

use super::lap::{Laps, READING, WRITING, Which};
use super::side::{Lines, Slot, is_further};
use crate::primitive::fence;
use crate::region::{self, Member, Spacing};
use crate::ring::Halt;
use crate::ring::slot::{COUNT_MAX, Seen, SlotWord};
use crate::ring::waiting::Waiting;
use crate::sync::owner::Owner;

pub(super) type Slots<'a> = region::Slots<'a, Lines, Slot>;

/// How many claims a member makes before it tells the others how far it has come.
const TELL_AFTER: u64 = 32;

/// How often in a row a member may find its position claimed: then what it looks for is not there
/// now, and it goes on from there when it looks again. Others that keep the rules have claimed so
/// many meanwhile, as what they tell is never further behind than [`TELL_AFTER`] and a batch of
/// each that was stopped as it was about to tell; others that do not could lead it on for ever, as
/// laps are compared modulo their number.
const JUMPS: u32 = 1 << 12;

/// From how many jumps in a row on it looks how far others say that they are.
const JUMPS_ALONE: u32 = 2;

/// How far ahead the line of a short slot is asked for, in slots: two lines.
const PREFETCH_AHEAD: u64 = 8;

/// The longest slot for which that pays: several share a line.
const PREFETCH_STRIDE: usize = 24;

/// What a member knows of the ring.
#[derive(Debug)]
pub(super) struct Queue {
    /// The first position that nobody may have claimed on this side, as far as known.
    position: u64,
    /// The position that was told to others last.
    told: u64,
    laps: Laps,
    spacing: Spacing,
    /// What stood in the way at the position when nothing was found. `None`: others were faster,
    /// all the time.
    seen: Option<Seen>,
    pub(super) member: Member<Lines, 1>,
}

/// Slots that this member has claimed, and that nobody else may change as long as it lives.
#[derive(Clone, Copy, Debug)]
#[must_use = "a claim is finished"]
pub(super) struct Claim {
    pub(super) position: u64,
    pub(super) count: u32,
    /// The first slot's word, which says so for all of them.
    pub(super) mine: Seen,
}

/// What decides whether the slot at a position is wanted: one function for all, where it is not
/// called for each item.
pub(super) type Admits<'a> = &'a dyn Fn(Slots<'_>, u64) -> bool;

/// What came of a look: little enough to be returned in registers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found {
    /// These are slots of this member's now: [`Queue::claim_of`] says which.
    Claimed(Seen),
    /// Full, or empty; or others were faster.
    Nothing,
    /// What could be claimed was not wanted.
    Refused,
    /// The slot is where it cannot be.
    Corrupt,
}

/// What was there at the position, if nobody has changed it meanwhile, instead of what was to be
/// claimed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Missed(pub(super) Option<Seen>);

impl Missed {
    /// Nobody has looked.
    pub(super) const NOTHING: Self = Self(None);
}

impl Queue {
    pub(super) fn new(member: Member<Lines, 1>, which: Which, spacing: Spacing) -> Self {
        let position = which.mine(member.words()).hint();
        Self {
            position,
            told: position,
            laps: Laps::of(spacing.count()),
            spacing,
            seen: None,
            member,
        }
    }

    #[inline(always)]
    pub(super) fn capacity(&self) -> usize {
        self.laps.capacity() as usize
    }

    /// The slots, `stride` apart: known when compiled if they are short.
    ///
    /// # Errors
    ///
    /// [`Halt::Corrupt`]: there are none. Opening the ring has seen them.
    #[inline(always)]
    pub(super) fn slots(&self, stride: Stride) -> Result<Slots<'_>, Halt> {
        let spacing = match stride {
            Some(stride) => self.spacing.with_stride(stride),
            None => self.spacing,
        };
        self.member.slots::<0, _>(spacing).ok_or(Halt::Corrupt)
    }

    /// Claims the slot at the position if it is there, as mostly: what [`find`](Self::find) does
    /// then, in few instructions, and nothing of it through memory.
    ///
    /// # Errors
    ///
    /// What there is instead, for `find` to go on from.
    #[inline(always)]
    pub(super) fn claim_next(
        &mut self,
        which: Which,
        stride: Stride,
        admits: impl Fn(Slots<'_>, u64) -> bool,
    ) -> Result<Claim, Missed> {
        let slots = self.slots(stride).map_err(|_| Missed(None))?;
        let position = self.position;
        let word = &slots.cell(position).0;
        let seen = word.load();
        if !self.laps.is_next(which, seen, position) || !admits(slots, position) {
            return Err(Missed(Some(seen)));
        }
        let claim = self.claimed(which, position, 1);
        let mine = word.claim(seen, claim).map_err(|_| Missed(None))?;
        self.go_on(which, position.wrapping_add(1));
        Ok(Claim {
            position,
            count: 1,
            mine,
        })
    }

    /// Claims up to `want` slots, at least one, if the first of them is there and `admits` says so.
    pub(super) fn find(
        &mut self,
        which: Which,
        want: u32,
        Missed(mut missed): Missed,
        admits: Admits<'_>,
    ) -> Found {
        let Ok(slots) = self.slots(None) else {
            return Found::Corrupt;
        };
        let mut position = self.position;
        let found = 'found: {
            for jumps in 0..JUMPS {
                let word = &slots.cell(position).0;
                let seen = missed.take().unwrap_or_else(|| word.load());
                let ahead = self.laps.ahead(which, seen, position);
                if ahead == 0 {
                    if !admits(slots, position) {
                        break 'found Found::Refused;
                    }
                    let count = self.extent(which, slots, position, want);
                    let claim = self.claimed(which, position, count);
                    if let Ok(mine) = word.claim(seen, claim) {
                        position = position.wrapping_add(count.into());
                        break 'found Found::Claimed(mine);
                    }
                } else if ahead > 0 {
                    position = self.behind(which, seen, ahead, position, jumps);
                } else if ahead >= -3 {
                    self.seen = Some(seen);
                    break 'found Found::Nothing;
                } else {
                    // Who has reached this position has seen that the slot was further.
                    break 'found Found::Corrupt;
                }
            }
            self.seen = None;
            Found::Nothing
        };
        self.go_on(which, position);
        found
    }

    /// What [`find`](Self::find) has just claimed.
    #[inline(always)]
    pub(super) fn claim_of(&self, mine: Seen) -> Claim {
        let count = mine.count();
        Claim {
            position: self.position.wrapping_sub(count.into()),
            count,
            mine,
        }
    }

    #[inline(always)]
    fn go_on(&mut self, which: Which, position: u64) {
        self.position = position;
        if position.wrapping_sub(self.told) >= TELL_AFTER {
            self.tell(which);
        }
    }

    /// The first position that nobody may have claimed, seeing that a slot is `ahead`, by more than
    /// 0, after so many jumps.
    fn behind(&self, which: Which, seen: Seen, ahead: i64, position: u64, jumps: u32) -> u64 {
        let position = self.laps.behind(seen, ahead, position);
        if jumps < JUMPS_ALONE {
            return position;
        }
        let hint = which.mine(self.member.words()).hint();
        if is_further(hint, position) {
            hint
        } else {
            position
        }
    }

    /// Tells others how far this member has come.
    #[inline(always)]
    pub(super) fn tell(&mut self, which: Which) {
        if which.mine(self.member.words()).tell(self.position) {
            self.told = self.position;
        }
    }

    /// How many slots from `position` on can be claimed together with the first, of at most `want`.
    /// They stay so until that is claimed, as claims are in the order of positions.
    #[inline(always)]
    fn extent(&self, which: Which, slots: Slots<'_>, position: u64, want: u32) -> u32 {
        let most = u64::from(want.min(COUNT_MAX)).min(self.laps.capacity());
        let mut count = 1;
        while count < most {
            let next = position.wrapping_add(count);
            let seen = slots.cell(next).0.load();
            // Nobody sleeps on a slot before its turn.
            if self.laps.ahead(which, seen, next) != 0 || seen.is_awaited() {
                break;
            }
            count += 1;
        }
        count as u32
    }

    /// The word of a slot that this member claims.
    #[inline(always)]
    fn claimed(&self, which: Which, position: u64, count: u32) -> Seen {
        let lap = self.laps.at(position);
        Seen::new(which.claimed(), lap, self.member.number(), count)
    }

    /// Publishes what has been claimed, or gives it back, and wakes who sleeps for it.
    #[inline(always)]
    pub(super) fn finish<W: Waiting>(
        &self,
        which: Which,
        stride: Stride,
        claim: Claim,
    ) -> Result<(), Halt> {
        let slots = self.slots(stride)?;
        // Known when compiled where one slot is claimed at once.
        if claim.count > 1 {
            self.finish_covered(slots, which.finished(), claim.position, claim.count);
        }
        let word = &slots.cell(claim.position).0;
        if W::SLEEPS {
            word.finish(claim.mine)?;
        } else {
            word.store(claim.mine.next().unawaited());
        }
        if stride.is_some_and(|stride| stride <= PREFETCH_STRIDE) {
            slots.prefetch(self.position.wrapping_add(PREFETCH_AHEAD));
        }
        Ok(())
    }

    /// Like [`finish`](Self::finish), of a slot of any length: one function for all who call it.
    pub(super) fn finish_record<W: Waiting>(
        &self,
        which: Which,
        position: u64,
        mine: Seen,
    ) -> Result<(), Halt> {
        let claim = Claim {
            position,
            count: mine.count(),
            mine,
        };
        self.finish::<W>(which, None, claim)
    }

    /// Finishes all slots of a claim but the first, which comes last: until then it stands for all
    /// of them, whoever has to finish them.
    ///
    /// The last one first: who has fallen behind may come to any of them, and goes on from one that is
    /// finished to the next, which it would claim if that were not.
    fn finish_covered(&self, slots: Slots<'_>, state: u32, position: u64, count: u32) {
        for covered in (1..count).rev() {
            let position = position.wrapping_add(covered.into());
            let lap = self.laps.at(position);
            let seen = Seen::new(state, lap, self.member.number(), 0);
            slots.cell(position).0.store(seen);
        }
    }

    /// Who has claimed what stands in the way, if anybody has.
    fn claimant(&self) -> Option<(Seen, u32)> {
        let seen = self.seen?;
        matches!(seen.state(), WRITING | READING).then(|| (seen, seen.owner()))
    }

    /// Whether what stands in the way is the claim of one who has died: asks the kernel.
    pub(super) fn meets_the_dead(&self) -> bool {
        self.claimant().is_some_and(|(_, owner)| {
            // A claim of this member's own, which has none now, is that of one who had its number
            // millions of attachments ago.
            owner == self.member.number() || !self.member.alive(owner)
        })
    }

    /// Frees what a dead one has claimed and what stands in the way: what it was writing is void,
    /// and what it was reading is lost.
    ///
    /// By claiming it first, so that this one's death leaves no more than that of the dead one did.
    pub(super) fn recover<W: Waiting>(&mut self) -> Result<(), Halt> {
        let Some((seen, _)) = self.claimant() else {
            return Ok(());
        };
        let slots = self.slots(None)?;
        let position = self.laps.position_of(seen, self.position);
        let count = seen.count().clamp(1, COUNT_MAX.min(self.capacity() as u32));
        // As a consumer, from whose state a slot becomes free: whoever was to wait for the dead
        // one's next step waits for that.
        let claim = Seen::new(READING, seen.lap(), self.member.number(), count);
        let Ok(mine) = slots.cell(position).0.claim(seen, claim) else {
            // Somebody else does.
            return Ok(());
        };
        self.finish_record::<W>(Which::Consumer, position, mine)?;
        self.member.words().recovered.count(seen.state(), count);
        Ok(())
    }

    /// The word that stands in the way, and what it was.
    #[inline(always)]
    pub(super) fn obstacle(&self) -> Option<(&SlotWord, Seen)> {
        let seen = self.seen?;
        Some((&self.slots(None).ok()?.cell(self.position).0, seen))
    }

    /// Wakes those of the other side who wait for what this one might have done: for who has just
    /// left. They sleep where it would go on, if nobody has claimed that; if somebody has, that one
    /// lives and wakes them, or they find it dead.
    pub(super) fn rouse(&mut self, which: Which) {
        // SeqCst: as in `SlotWord::rouse`, for the way there.
        fence(SeqCst);
        let Ok(slots) = self.slots(None) else {
            return;
        };
        let mut position = self.position;
        for jumps in 0..JUMPS {
            let word = &slots.cell(position).0;
            let seen = word.load();
            let ahead = self.laps.ahead(which, seen, position);
            if ahead <= 0 {
                return word.rouse(|state| matches!(state, WRITING | READING));
            }
            position = self.behind(which, seen, ahead, position, jumps);
        }
    }
}

/// How far slots are apart, if that is known when compiled.
pub(super) type Stride = Option<usize>;
