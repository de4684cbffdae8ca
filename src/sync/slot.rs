//! [`Slot`]: where one member shows itself, so that others can wait for it, and know if it dies.

use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use super::Holder;
use super::lock::{CHANGES_PER_LOOK, Halt, RECHECK};
use super::sleepers::Sleepers;
use crate::primitive::{AtomicU32, barrier};
use crate::{Deadline, Errno};

/// The number of who is here, 0 for nobody.
const MEMBER: u32 = (1 << 22) - 1;

/// What one death counts in the word.
const DEATH: u32 = MEMBER + 1;

/// How many have died here: at most 255 are told apart.
const DEATHS: u32 = 255 * DEATH;

/// How often the word may change under who shows itself: more often only a hostile peer does.
const CHANGES_MAX: u32 = 64;

/// Where one member is, and who waits until it has left, in a line of its own.
///
/// The slot *is* the member: it comes and is named in one step, so that none is counted who cannot be
/// asked for. If it `COUNTS`, a death is counted in the same step in which the dead one's number goes.
/// A member leaves as one gives back a lock: see [`RawLock`](super::lock::RawLock).
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Slot<const COUNTS: bool> {
    /// `deaths | member`, all zero where nobody is or was.
    state: AtomicU32,
    waiters: Sleepers,
}

impl<const COUNTS: bool> Slot<COUNTS> {
    pub(super) fn new() -> Self {
        Self {
            state: AtomicU32::new(0),
            waiters: Sleepers::new(),
        }
    }

    /// The state when whoever is there has died.
    fn after_death(seen: u32) -> u32 {
        let deaths = seen & DEATHS;
        match COUNTS {
            false => 0,
            true if seen & MEMBER == 0 || deaths == DEATHS => deaths,
            true => deaths + DEATH,
        }
    }

    /// Returns how many have died here.
    pub(super) fn deaths(&self) -> u32 {
        (self.state.load(Relaxed) & DEATHS) / DEATH
    }

    /// Forgets those who have died here; returns how many.
    pub(super) fn forget_deaths(&self) -> u32 {
        // Relaxed: nothing is told by it.
        (self.state.fetch_and(!DEATHS, Relaxed) & DEATHS) / DEATH
    }

    /// Shows that the member of this number is here.
    #[inline(always)]
    pub(super) fn enter(&self, number: u32) -> Result<(), Halt> {
        // Relaxed: what orders it and a look that follows is a fence, in `RwLock`.
        match self.state.compare_exchange(0, number, Relaxed, Relaxed) {
            Ok(_) => Ok(()),
            Err(seen) => self.take_over(number, seen),
        }
    }

    /// Takes it over from one who had the place before, and is dead.
    #[cold]
    #[inline(never)]
    fn take_over(&self, number: u32, mut seen: u32) -> Result<(), Halt> {
        for _ in 0..CHANGES_MAX {
            if seen & MEMBER == number {
                return Err(Halt::Deadlock);
            }
            // Who waits for the dead one goes on to wait for this one.
            let taken = Self::after_death(seen) | number;
            match self.state.compare_exchange(seen, taken, Relaxed, Relaxed) {
                Ok(_) => return Ok(()),
                Err(now) => seen = now,
            }
        }
        self.state.store(number, Relaxed);
        Ok(())
    }

    /// Shows that nobody is here any more.
    #[inline(always)]
    pub(super) fn leave(&self, me: &impl Holder) {
        // Release [R3]: pairs with [A3]: what this one did is over, and seen.
        if COUNTS {
            self.state.fetch_and(DEATHS, Release);
        } else {
            self.state.store(0, Release);
        }
        self.wake(me);
    }

    /// Wakes those who wait, and do not see what was stored before.
    #[inline(always)]
    fn wake(&self, me: &impl Holder) {
        me.store_load().keep();
        if self.waiters.are_there() {
            self.waiters.wake_all();
        }
    }

    /// Returns whether nobody is here.
    #[inline(always)]
    pub(super) fn is_idle(&self) -> bool {
        // Acquire [A3]: pairs with [R3] in `leave` and `wait`.
        self.state.load(Acquire) & MEMBER == 0
    }

    /// Returns whether the member of this number is here.
    #[inline(always)]
    pub(super) fn is_of(&self, number: u32) -> bool {
        self.state.load(Relaxed) & MEMBER == number
    }

    /// Waits until nobody is here, or who is has died.
    #[inline(always)]
    pub(super) fn await_idle(&self, me: &impl Holder, deadline: Deadline) -> Result<(), Halt> {
        match self.is_idle() {
            true => Ok(()),
            false => self.wait(me, deadline),
        }
    }

    #[cold]
    #[inline(never)]
    fn wait(&self, me: &impl Holder, deadline: Deadline) -> Result<(), Halt> {
        let (mut looks, mut passes, mut end) = (0, 0_u32, None);
        // Acquire [A3]: as in `is_idle`, here and below.
        let mut seen = self.state.load(Acquire);
        loop {
            let member = seen & MEMBER;
            passes = passes.wrapping_add(1);
            if member == 0 {
                return Ok(());
            } else if member == me.number() {
                return Err(Halt::Deadlock);
            } else if passes.is_multiple_of(CHANGES_PER_LOOK) && deadline.has_passed_by_call() {
                // Somebody may change it all the time.
                return Err(Halt::TimedOut);
            } else if deadline != Deadline::NOW && self.waiters.spins_before(&mut looks) {
                seen = self.state.load(Acquire);
            } else if !me.alive(member) {
                // Release [R3]: it does nothing more, which whoever looks next is to see, too.
                let freed = Self::after_death(seen);
                match (self.state).compare_exchange(seen, freed, AcqRel, Acquire) {
                    Ok(_) => {
                        self.wake(me);
                        return Ok(());
                    }
                    Err(now) => seen = now,
                }
            } else if let Some(halt) = end {
                return Err(halt);
            } else if deadline == Deadline::NOW {
                return Err(Halt::TimedOut);
            } else {
                let announced = self.waiters.announce();
                barrier::heavy();
                let now = self.state.load(Acquire);
                if now == seen {
                    // A slot that is idle by then is so however late it is.
                    let slept = (self.waiters).sleep(announced, deadline, RECHECK.subsec_nanos());
                    end = match slept {
                        Ok(()) => None,
                        Err(Errno::TIMEDOUT) => Some(Halt::TimedOut),
                        Err(errno) => Some(Halt::Kernel(errno)),
                    };
                    seen = self.state.load(Acquire);
                } else {
                    seen = now;
                }
            }
        }
    }
}

/// Slots, one for each place that a member of the region can have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slots<'a, const COUNTS: bool> {
    /// How many of them anybody has ever been in.
    pub(super) used: &'a AtomicU32,
    pub(super) all: &'a [Slot<COUNTS>],
}

impl<'a, const COUNTS: bool> Slots<'a, COUNTS> {
    /// The slot of this member and its place, if it has one.
    #[inline(always)]
    pub(super) fn of(self, me: &impl Holder) -> Option<(usize, &'a Slot<COUNTS>)> {
        let place = me.place()?;
        Some((place, self.all.get(place)?))
    }

    /// Those that anybody has been in, as far as that is seen.
    #[inline(always)]
    pub(super) fn in_use(self) -> &'a [Slot<COUNTS>] {
        let used = self.used.load(Relaxed) as usize;
        self.all.get(..used).unwrap_or(self.all)
    }

    /// Shows that the member of this number, which has this place, is here.
    #[inline(always)]
    pub(super) fn enter(
        self,
        (place, slot): (usize, &Slot<COUNTS>),
        number: u32,
    ) -> Result<(), Halt> {
        if self.used.load(Relaxed) as usize <= place {
            self.use_also(place);
        }
        slot.enter(number)
    }

    /// Makes all look at the slot of this place.
    #[cold]
    #[inline(never)]
    fn use_also(self, place: usize) {
        let mut used = self.used.load(Relaxed);
        for _ in 0..=self.all.len() {
            if used as usize > place {
                break;
            }
            // Relaxed: seen by who sees what comes after it.
            match (self.used).compare_exchange(used, place as u32 + 1, Relaxed, Relaxed) {
                Ok(_) => break,
                Err(now) => used = now,
            }
        }
    }
}
