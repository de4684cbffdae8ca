//! The word of a lock that names who holds it: so that a lock whose holder has died is taken
//! over, by one, who is told.

use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use core::time::Duration;

use super::owner::sealed::Holder;
use crate::primitive::{LOCK_SPINS, Word, const_constructor, pause};
use crate::{Deadline, Errno};

/// The longest sleep of who waits for a lock before it looks again, and asks whether the holder
/// lives: a death changes no word.
pub const RECHECK: Duration = Duration::from_millis(100);

/// Set when somebody may sleep.
const SLEEPERS: u32 = 1 << 31;

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

/// `SLEEPERS | INCONSISTENT | owner`, all zero when free. A futex, shared.
///
/// The owner is who may change what the word guards. Where that one lives, only it takes its
/// number away, by one swap.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct LockWord(Word);

impl AsRef<Word> for LockWord {
    fn as_ref(&self) -> &Word {
        &self.0
    }
}

impl LockWord {
    const_constructor! {
        /// A lock that nobody holds.
        pub(crate) fn new() -> Self {
            Self(Word::new(0))
        }
    }

    /// The number of who holds it, whether that one lives or not.
    pub(crate) fn owner(&self) -> u32 {
        self.0.load(Relaxed) & OWNER
    }

    /// Takes the lock, until the deadline.
    #[inline(always)]
    pub(crate) fn lock(&self, me: &impl Holder, deadline: Deadline) -> Result<Left, Halt> {
        if me.is_copy() {
            return Err(Halt::Forked);
        }
        // Acquire [A1]: pairs with [R1] in `give_back`.
        match self.0.compare_exchange(0, me.number(), Acquire, Relaxed) {
            Ok(_) => Ok(Left::Consistent),
            Err(seen) => self.wait(me, seen, deadline),
        }
    }

    /// Takes the lock, which was `seen` in another state than free and consistent.
    #[cold]
    #[inline(never)]
    fn wait(&self, me: &impl Holder, mut seen: u32, deadline: Deadline) -> Result<Left, Halt> {
        let mine = me.number();
        let mut looks = if deadline == Deadline::NOW {
            LOCK_SPINS
        } else {
            0
        };
        // Set once this has slept: there may be others who do.
        let mut slept = 0;
        let mut end = None;
        let mut changes = 0_u32;
        loop {
            let (owner, inconsistent) = (seen & OWNER, seen & INCONSISTENT);
            let (new, left) = if owner == 0 {
                (seen | mine | slept, inconsistent)
            } else if owner == mine {
                return Err(Halt::Deadlock);
            } else if owner == NOT_RECOVERABLE {
                return Err(Halt::NotRecoverable);
            } else if looks != LOCK_SPINS && seen & SLEEPERS == 0 {
                // Ever longer: meanwhile the holder has the word's line to itself.
                let mut pauses = 1_u32 << looks;
                while pauses > 0 {
                    pause();
                    pauses -= 1;
                }
                looks += 1;
                seen = self.0.load(Relaxed);
                continue;
            } else if !me.alive(owner) {
                // What the dead one wrote is seen, as it was asked for.
                let taken = seen & SLEEPERS | INCONSISTENT | mine | slept;
                (taken, INCONSISTENT)
            } else if let Some(halt) = end {
                return Err(halt);
            } else if deadline == Deadline::NOW {
                return Err(Halt::TimedOut);
            } else if seen & SLEEPERS != 0 {
                let slumber = self.0.sleep(seen, deadline, RECHECK.subsec_nanos());
                // The lock is taken however late it is, if it is free now.
                end = match slumber {
                    Ok(()) => None,
                    Err(Errno::TIMEDOUT) => Some(Halt::TimedOut),
                    Err(errno) => Some(Halt::Kernel(errno)),
                };
                slept = SLEEPERS;
                seen = self.0.load(Relaxed);
                continue;
            } else {
                (seen | SLEEPERS, 0)
            };
            // Acquire [A1]: pairs with [R1] in `give_back`.
            match self.0.compare_exchange(seen, new, Acquire, Relaxed) {
                Ok(_) if new & OWNER == mine => {
                    return Ok(if left == 0 {
                        Left::Consistent
                    } else {
                        Left::Inconsistent
                    });
                }
                Ok(_) => seen = new,
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

    /// Returns how what it guards was left, if nobody holds it: for one who need not hold it either.
    #[inline(always)]
    pub(crate) fn free(&self) -> Result<Left, Held> {
        // Acquire [A1]: pairs with [R1] in `give_back` and [R2] in `outwait`.
        match self.0.load(Acquire) {
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
    pub(crate) fn outwait(
        &self,
        me: &impl Holder,
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
        if deadline != Deadline::NOW && *looks != LOCK_SPINS && seen & SLEEPERS == 0 {
            let mut pauses = 1_u32 << *looks;
            while pauses > 0 {
                pause();
                pauses -= 1;
            }
            *looks += 1;
            return Ok(());
        }
        if !me.alive(owner) {
            // Release [R2]: what the dead one wrote is seen here, as it was asked for, and by who
            // looks next.
            let freed = (self.0).compare_exchange(seen, INCONSISTENT, AcqRel, Relaxed);
            if freed.is_ok() && seen & SLEEPERS != 0 {
                self.0.wake_all();
            }
            return Ok(());
        }
        if deadline == Deadline::NOW {
            return Err(Halt::TimedOut);
        }
        let announced = seen | SLEEPERS;
        // Relaxed: nothing is read by who sleeps.
        if announced != seen
            && (self.0.compare_exchange(seen, announced, Relaxed, Relaxed)).is_err()
        {
            return Ok(());
        }
        match self.0.sleep(announced, deadline, RECHECK.subsec_nanos()) {
            Ok(()) => Ok(()),
            Err(Errno::TIMEDOUT) => Err(Halt::TimedOut),
            Err(errno) => Err(Halt::Kernel(errno)),
        }
    }

    /// Gives the lock back, and says how what it guards is left.
    #[inline(always)]
    pub(crate) fn unlock(&self, left: Left) {
        if self.give_back(left) {
            // Who is woken may be dead already: all others look again.
            self.0.wake_one();
        }
    }

    /// Like [`unlock`](Self::unlock), where some of those who sleep wait for no lock, and would wake
    /// nobody else.
    #[inline(always)]
    pub(crate) fn unlock_for_all(&self, left: Left) {
        if self.give_back(left) {
            self.0.wake_all();
        }
    }

    /// Gives the lock back, and returns whether anybody may sleep.
    #[inline(always)]
    fn give_back(&self, left: Left) -> bool {
        let free = match left {
            Left::Consistent => 0,
            Left::Inconsistent => INCONSISTENT,
        };
        // Release [R1]: pairs with [A1] in `lock`, `wait` and `free`.
        self.0.swap(free, Release) & SLEEPERS != 0
    }

    /// Lets nobody have the lock any more, as what it is for is done.
    pub(crate) fn seal(&self) {
        // Release [R4]: pairs with [A4] in `is_sealed`.
        if self.0.swap(NOT_RECOVERABLE, Release) & SLEEPERS != 0 {
            self.0.wake_all();
        }
    }

    /// Returns whether nobody gets the lock any more, and sees what was done before it was sealed.
    #[inline(always)]
    pub(crate) fn is_sealed(&self) -> bool {
        // Acquire [A4]: pairs with [R4] in `seal`.
        self.0.load(Acquire) & OWNER == NOT_RECOVERABLE
    }

    /// Says that somebody may sleep until the lock is sealed; returns the word, and what it holds then.
    /// Who takes the lock or frees it from the dead leaves the bit; who gives it back wakes, for all.
    pub(crate) fn announce(&self) -> (&Word, u32) {
        let seen = self.0.load(Relaxed);
        let announced = seen | SLEEPERS;
        if announced != seen && seen & OWNER != NOT_RECOVERABLE {
            // Relaxed: nothing is told by it. If the word is another meanwhile, nobody sleeps.
            let _ = self.0.compare_exchange(seen, announced, Relaxed, Relaxed);
        }
        (&self.0, announced)
    }

    /// Lets nobody have the lock any more.
    pub(crate) fn condemn(&self) {
        // Nothing is read by who is refused.
        self.0.swap(NOT_RECOVERABLE, Relaxed);
        self.0.wake_all();
    }
}
