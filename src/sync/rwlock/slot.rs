//! [`Slot`]: where one reader shows itself.

use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use super::super::Holder;
use super::super::lock::{CHANGES_PER_LOOK, Halt, RECHECK};
use crate::primitive::{LOCK_SPINS, Word, pause};
use crate::{Deadline, Errno};

/// Set when a writer may sleep until the reader has left.
const WRITERS: u32 = 1 << 31;

/// The number of who reads, 0 for nobody.
const READER: u32 = WRITERS - 1;

/// How often the word may change under who shows itself: more often only a hostile peer does.
const CHANGES_MAX: u32 = 64;

/// `WRITERS | reader`, all zero where nobody reads. A futex, shared, in a line of its own.
///
/// The slot *is* the reader: it comes and is named in one step, so that none is counted who cannot be
/// asked for.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Slot(Word);

impl Slot {
    pub(super) fn new() -> Self {
        Self(Word::new(0))
    }

    /// Shows that the member of this number reads.
    #[inline(always)]
    pub(super) fn enter(&self, number: u32) -> Result<(), Halt> {
        // Relaxed: what orders it and the look that follows is a fence, in `RwLock`.
        match self.0.compare_exchange(0, number, Relaxed, Relaxed) {
            Ok(_) => Ok(()),
            Err(seen) => self.take_over(number, seen),
        }
    }

    /// Takes it over from one who had the place before, and is dead.
    #[cold]
    #[inline(never)]
    fn take_over(&self, number: u32, mut seen: u32) -> Result<(), Halt> {
        for _ in 0..CHANGES_MAX {
            if seen & READER == number {
                return Err(Halt::Deadlock);
            }
            // A writer that waits for the dead one may wait for this one now.
            let taken = seen & WRITERS | number;
            match self.0.compare_exchange(seen, taken, Relaxed, Relaxed) {
                Ok(_) => return Ok(()),
                Err(now) => seen = now,
            }
        }
        if self.0.swap(number, Relaxed) & WRITERS != 0 {
            self.0.wake_all();
        }
        Ok(())
    }

    /// Shows that nobody reads here any more.
    #[inline(always)]
    pub(super) fn leave(&self) {
        // Release [R3]: pairs with [A3]: what was read is not what the next writer writes.
        if self.0.swap(0, Release) & WRITERS != 0 {
            self.0.wake_all();
        }
    }

    /// Returns whether nobody reads here.
    #[inline(always)]
    pub(super) fn is_idle(&self) -> bool {
        // Acquire [A3]: pairs with [R3] in `leave` and `wait`.
        self.0.load(Acquire) & READER == 0
    }

    /// Returns whether the member of this number reads here.
    #[inline(always)]
    pub(super) fn is_of(&self, number: u32) -> bool {
        self.0.load(Relaxed) & READER == number
    }

    /// Waits until nobody reads here, or who does is dead.
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
        let mut seen = self.0.load(Acquire);
        loop {
            let reader = seen & READER;
            passes = passes.wrapping_add(1);
            if reader == 0 {
                return Ok(());
            } else if reader == me.number() {
                return Err(Halt::Deadlock);
            } else if passes % CHANGES_PER_LOOK == 0 && deadline.has_passed_by_call() {
                // Somebody may change it all the time.
                return Err(Halt::TimedOut);
            } else if deadline != Deadline::NOW && looks != LOCK_SPINS && seen & WRITERS == 0 {
                let mut pauses = 1_u32 << looks;
                while pauses > 0 {
                    pause();
                    pauses -= 1;
                }
                looks += 1;
                seen = self.0.load(Acquire);
            } else if !me.alive(reader) {
                // Release [R3]: it reads no more, which whoever looks next is to see, too.
                match self.0.compare_exchange(seen, 0, AcqRel, Acquire) {
                    Ok(_) => {
                        if seen & WRITERS != 0 {
                            self.0.wake_all();
                        }
                        return Ok(());
                    }
                    Err(now) => seen = now,
                }
            } else if let Some(halt) = end {
                return Err(halt);
            } else if deadline == Deadline::NOW {
                return Err(Halt::TimedOut);
            } else if seen & WRITERS == 0 {
                let waited_for = seen | WRITERS;
                match (self.0).compare_exchange(seen, waited_for, Relaxed, Acquire) {
                    Ok(_) => seen = waited_for,
                    Err(now) => seen = now,
                }
            } else {
                // A slot that is idle by then is so however late it is.
                end = match self.0.sleep(seen, deadline, RECHECK.subsec_nanos()) {
                    Ok(()) => None,
                    Err(Errno::TIMEDOUT) => Some(Halt::TimedOut),
                    Err(errno) => Some(Halt::Kernel(errno)),
                };
                seen = self.0.load(Acquire);
            }
        }
    }
}
