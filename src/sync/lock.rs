//! A lock that names who holds it: so that a lock whose holder has died is taken
//! over, by one, who is told.

use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use core::time::Duration;

use super::owner::sealed::Holder;
use super::sleepers::Sleepers;
use crate::primitive::{LOCK_SPINS, Word, Words, barrier, const_constructor};
use crate::{Deadline, Errno};

/// The longest sleep of who waits for a lock before it looks again, and asks whether the holder
/// lives: a death changes no word.
pub const RECHECK: Duration = Duration::from_millis(100);

/// Set when a holder died, until one has said that it has repaired what it guards.
const INCONSISTENT: u32 = 1 << 30;

/// The number of who holds it, 0 for nobody: the bits are those of the kernel's robust futexes.
const OWNER: u32 = INCONSISTENT - 1;

/// The owner of what nobody is to hold any more, a number that no member has.
const NOT_RECOVERABLE: u32 = OWNER;

/// How often the word may change under who tries to change it before that one looks at the clock.
pub(super) const CHANGES_PER_LOOK: u32 = 64;

/// Why a lock was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    TimedOut,
    NotRecoverable,
    Deadlock,
    Forked,
    Kernel(Errno),
}

/// Whether what a lock guards was left as its holders leave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    Consistent,
    /// A holder died, and nobody has repaired it since.
    Inconsistent,
}

/// What a lock was that somebody holds, or that nobody gets any more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held(u32);

/// Who holds it, and who sleeps until it is given back.
///
/// The holder is who may change what the lock guards. As long as it lives, nobody else writes to the
/// word that names it: so it gives the lock back by a plain store, and then looks whether anybody
/// sleeps. That costs no fence where its process has registered for barriers: before it sleeps, a
/// sleeper has each processor pass one, by [`barrier::heavy`], and looks at the word again. Either the
/// barrier comes before the holder's look, which sees the sleeper then, or after its store, which the
/// sleeper sees.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct RawLock {
    /// `INCONSISTENT | owner`, and beside the owner [`Holder::MARK`]: all zero when free and consistent. A futex
    /// of the kernel's alone, shared.
    state: Word,
    sleepers: Sleepers,
}

impl AsRef<Word> for RawLock {
    fn as_ref(&self) -> &Word {
        &self.state
    }
}

impl RawLock {
    const_constructor! {
        /// A lock that nobody holds.
        pub(crate) fn new() -> Self {
            Self {
                state: Word::new(0),
                sleepers: Sleepers::new(),
            }
        }
    }

    /// The number of who holds it, whether that one lives or not.
    pub(crate) fn owner(&self) -> u32 {
        self.state.load(Relaxed) & OWNER
    }

    /// Takes the lock, until the deadline.
    #[inline(always)]
    pub(crate) fn lock<H: Holder>(&self, me: &H, deadline: Deadline) -> Result<Left, Halt> {
        if me.is_copy() {
            return Err(Halt::Forked);
        }
        let mine = me.number() | H::MARK;
        // Acquire [A1]: pairs with [R1] in `give_back`.
        match self.state.compare_exchange(0, mine, Acquire, Relaxed) {
            Ok(_) => Ok(Left::Consistent),
            Err(seen) => self.wait(me, seen, deadline),
        }
    }

    /// Takes the lock, which was `seen` in another state than free and consistent.
    #[cold]
    #[inline(never)]
    fn wait<H: Holder>(&self, me: &H, mut seen: u32, deadline: Deadline) -> Result<Left, Halt> {
        let mine = me.number();
        let mut looks = if deadline == Deadline::NOW {
            LOCK_SPINS
        } else {
            0
        };
        let mut end = None;
        let mut changes = 0_u32;
        loop {
            let owner = seen & OWNER;
            if owner == mine {
                return Err(Halt::Deadlock);
            } else if owner == NOT_RECOVERABLE {
                return Err(Halt::NotRecoverable);
            }
            let inconsistent = if owner == 0 {
                seen & INCONSISTENT
            } else if self.sleepers.spins_before(&mut looks) {
                seen = self.state.load(Relaxed);
                continue;
            } else if !me.alive(owner) {
                // What the dead one wrote is seen, as it was asked for.
                INCONSISTENT
            } else if let Some(halt) = end {
                return Err(halt);
            } else if deadline == Deadline::NOW {
                return Err(Halt::TimedOut);
            } else {
                // The lock is taken however late it is, if it is free now.
                end = self.sleep::<H>(seen, deadline).err();
                seen = self.state.load(Relaxed);
                continue;
            };
            let taken = inconsistent | mine | H::MARK;
            // Acquire [A1]: pairs with [R1] in `give_back`.
            match self.state.compare_exchange(seen, taken, Acquire, Relaxed) {
                Ok(_) if inconsistent == 0 => return Ok(Left::Consistent),
                Ok(_) => return Ok(Left::Inconsistent),
                Err(now) => {
                    seen = now;
                    // Somebody may change it all the time.
                    changes = changes.wrapping_add(1);
                    if changes.is_multiple_of(CHANGES_PER_LOOK) && deadline.has_passed_by_call() {
                        return Err(Halt::TimedOut);
                    }
                }
            }
        }
    }

    /// Sleeps for a while, or until the one gives it back who held it when it was so `seen`.
    fn sleep<H: Holder>(&self, seen: u32, deadline: Deadline) -> Result<(), Halt> {
        let announced = self.sleepers.announce();
        barrier::heavy();
        // Relaxed: nothing is read by who sleeps. The barrier orders it.
        if self.state.load(Relaxed) != seen {
            return match deadline.has_passed_by_call() {
                true => Err(Halt::TimedOut),
                false => Ok(()),
            };
        }
        let longest = RECHECK.subsec_nanos();
        if H::MARK != 0 {
            // Beside the word that the kernel wakes at.
            let mut words = Words::new();
            let added = (words.add(self.sleepers.word(), announced))
                .and_then(|()| words.add_stored(&self.state, seen));
            added.ok_or(Halt::Kernel(Errno::INVAL))?;
            match words.sleep(deadline, longest) {
                Ok(_) => return Ok(()),
                Err(Errno::TIMEDOUT) => return Err(Halt::TimedOut),
                // Perhaps it is older than that call. A death is found out by looking again.
                Err(_) => {}
            }
        }
        match self.sleepers.sleep(announced, deadline, longest) {
            Ok(()) => Ok(()),
            Err(Errno::TIMEDOUT) => Err(Halt::TimedOut),
            Err(errno) => Err(Halt::Kernel(errno)),
        }
    }

    /// Returns how what it guards was left, if nobody holds it: for one who need not hold it either.
    #[inline(always)]
    pub(crate) fn free(&self) -> Result<Left, Held> {
        // Acquire [A1]: pairs with [R1] in `give_back` and [R2] in `outwait`.
        match self.state.load(Acquire) {
            0 => Ok(Left::Consistent),
            seen if seen & OWNER != 0 => Err(Held(seen)),
            seen if seen & INCONSISTENT != 0 => Ok(Left::Inconsistent),
            _ => Ok(Left::Consistent),
        }
    }

    /// Waits for a while, or until who held it when it was so `held` does not any more, and frees it
    /// from who is dead: look again. `looks` is how often the caller has looked already.
    #[cold]
    #[inline(never)]
    pub(crate) fn outwait<H: Holder>(
        &self,
        me: &H,
        Held(seen): Held,
        looks: &mut u32,
        deadline: Deadline,
    ) -> Result<(), Halt> {
        let owner = seen & OWNER;
        if owner == me.number() {
            return Err(Halt::Deadlock);
        }
        if owner == NOT_RECOVERABLE {
            return Err(Halt::NotRecoverable);
        }
        if deadline != Deadline::NOW && self.sleepers.spins_before(looks) {
            return Ok(());
        }
        if !me.alive(owner) {
            // Release [R2]: what the dead one wrote is seen here, as it was asked for, and by who
            // looks next.
            let freed = (self.state).compare_exchange(seen, INCONSISTENT, AcqRel, Relaxed);
            if freed.is_ok() && self.has_sleepers(me) {
                self.sleepers.wake_all();
            }
            return Ok(());
        }
        if deadline == Deadline::NOW {
            return Err(Halt::TimedOut);
        }
        self.sleep::<H>(seen, deadline)
    }

    /// Gives the lock back, and says how what it guards is left.
    #[inline(always)]
    pub(crate) fn unlock(&self, me: &impl Holder, left: Left) {
        if self.give_back(me, left) {
            // Who is woken may be dead already: all others look again.
            self.sleepers.wake_one();
        }
    }

    /// Like [`unlock`](Self::unlock), where some of those who sleep wait for no lock, and would wake
    /// nobody else.
    #[inline(always)]
    pub(crate) fn unlock_for_all(&self, me: &impl Holder, left: Left) {
        if self.give_back(me, left) {
            self.sleepers.wake_all();
        }
    }

    /// Gives the lock back, and returns whether anybody may sleep.
    #[inline(always)]
    fn give_back(&self, me: &impl Holder, left: Left) -> bool {
        let free = match left {
            Left::Consistent => 0,
            Left::Inconsistent => INCONSISTENT,
        };
        // Release [R1]: pairs with [A1] in `lock`, `wait` and `free`.
        self.state.store(free, Release);
        self.has_sleepers(me)
    }

    /// Returns whether anybody may sleep who does not see what was stored before.
    #[inline(always)]
    fn has_sleepers(&self, me: &impl Holder) -> bool {
        me.store_load().keep();
        self.sleepers.are_there()
    }

    /// Lets nobody have the lock any more.
    pub(crate) fn seal(&self, me: &impl Holder) {
        // Release [R4]: pairs with [A4] in `is_sealed`.
        self.state.store(NOT_RECOVERABLE, Release);
        if self.has_sleepers(me) {
            self.sleepers.wake_all();
        }
    }

    /// Returns whether nobody gets the lock any more, and sees what was done before it was sealed.
    #[inline(always)]
    pub(crate) fn is_sealed(&self) -> bool {
        // Acquire [A4]: pairs with [R4] in `seal`.
        self.state.load(Acquire) & OWNER == NOT_RECOVERABLE
    }

    /// Says that somebody may sleep until the lock is sealed; returns a word, and what it holds until
    /// then.
    pub(crate) fn announce(&self) -> (&Word, u32) {
        let announced = self.sleepers.announce();
        barrier::heavy();
        // What it does not hold, where nobody wakes any more.
        let expected = announced ^ u32::from(self.is_sealed());
        (self.sleepers.word(), expected)
    }
}
