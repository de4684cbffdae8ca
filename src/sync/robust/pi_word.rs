//! [`PiWord`]: the word of a lock that the kernel passes on, and what is told of what it guards.

use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::super::lock::{Halt, Left};
use crate::primitive::{AtomicU32, Word, const_constructor, fence};
use crate::{Deadline, Errno, Result};

/// Set in the word by the kernel when a holder has died, until the lock is next given back.
const OWNER_DIED: u32 = 1 << 30;

/// The bits of the word that hold the number of who holds it, 0 for nobody.
const OWNER: u32 = OWNER_DIED - 1;

/// Set in the state when a holder has died, until one has said that it has repaired what it guards.
const INCONSISTENT: u32 = 1;

/// Set in the state when nobody is to have the lock any more.
const NOT_RECOVERABLE: u32 = 2;

/// A futex with priority inheritance, and a word beside it, both all zero when free.
///
/// Where anybody waits, the kernel gives the lock to the most urgent one: nobody comes between, and there is no
/// wake that could be lost, so nobody looks again. It keeps [`OWNER_DIED`] only until the next hand-over: who
/// finds that writes it into the state, which who holds the lock alone changes. A death before that is one of a
/// holder, too, of which the kernel tells the next one.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct PiWord {
    word: Word,
    state: AtomicU32,
}

impl AsRef<Word> for PiWord {
    fn as_ref(&self) -> &Word {
        &self.word
    }
}

impl PiWord {
    const_constructor! {
        /// A lock that nobody holds.
        pub(crate) fn new() -> Self {
            Self {
                word: Word::new(0),
                state: AtomicU32::new(0),
            }
        }
    }

    /// The number of who holds it, whether that one lives or not.
    pub(crate) fn owner(&self) -> u32 {
        self.word.load(Relaxed) & OWNER
    }

    /// Takes the lock for the calling thread, whose number is `mine`, until the deadline.
    #[inline(always)]
    pub(crate) fn lock(&self, mine: u32, deadline: Deadline) -> Result<Left, Halt> {
        // Acquire [A1]: pairs with [R1] in `give_back` and [R2] in `pass_on`.
        match self.word.compare_exchange(0, mine, Acquire, Relaxed) {
            Ok(_) => {}
            Err(seen) => self.wait(mine, seen, deadline)?,
        }
        match self.state.load(Relaxed) {
            0 => Ok(Left::Consistent),
            state if state & NOT_RECOVERABLE != 0 => {
                self.give_back(mine);
                Err(Halt::NotRecoverable)
            }
            _ => Ok(Left::Inconsistent),
        }
    }

    /// Takes the lock, which was `seen` held or with a mark, by the kernel.
    #[cold]
    #[inline(never)]
    fn wait(&self, mine: u32, mut seen: u32, deadline: Deadline) -> Result<(), Halt> {
        loop {
            if seen & OWNER == mine {
                return Err(Halt::Deadlock);
            }
            if self.state.load(Relaxed) & NOT_RECOVERABLE != 0 {
                return Err(Halt::NotRecoverable);
            }
            let taken = if deadline != Deadline::NOW {
                self.word.lock_pi(deadline)
            } else if seen & OWNER == 0 {
                self.word.try_lock_pi()
            } else {
                // Who has died is no owner any more.
                return Err(Halt::TimedOut);
            };
            match taken {
                Ok(()) => break,
                // A former kernel's, where the holder is about to end.
                Err(Errno::AGAIN) if !deadline.has_passed_by_call() => {
                    seen = self.word.load(Relaxed);
                }
                Err(Errno::AGAIN | Errno::TIMEDOUT) => return Err(Halt::TimedOut),
                // Also of those who would wait in a circle, which the kernel finds.
                Err(Errno::DEADLK) => return Err(Halt::Deadlock),
                Err(errno) => return Err(Halt::Kernel(errno)),
            }
        }
        // Acquire [A2]: pairs with [R1] in `give_back`, behind which the kernel has changed the word, and with [R2]
        // in `pass_on`.
        if self.word.load(Acquire) & OWNER_DIED != 0 && self.state.load(Relaxed) == 0 {
            self.state.store(INCONSISTENT, Relaxed);
        }
        Ok(())
    }

    /// Gives the lock back, and says how what it guards is left.
    #[inline(always)]
    pub(crate) fn unlock(&self, mine: u32, left: Left) {
        let state = match left {
            Left::Consistent => 0,
            Left::Inconsistent => INCONSISTENT,
        };
        if self.state.load(Relaxed) != state {
            self.state.store(state, Relaxed);
        }
        self.give_back(mine);
    }

    /// Lets nobody have the lock any more.
    pub(crate) fn condemn(&self, mine: u32) {
        self.state.store(NOT_RECOVERABLE, Relaxed);
        self.give_back(mine);
    }

    #[inline(always)]
    fn give_back(&self, mine: u32) {
        // Release [R1]: pairs with [A1] in `lock` and [A2] in `wait`.
        let freed = self.word.compare_exchange(mine, 0, Release, Relaxed);
        if freed.is_err() {
            self.pass_on();
        }
    }

    /// Gives the lock back by the kernel.
    #[cold]
    #[inline(never)]
    fn pass_on(&self) {
        // Release [R2]: the kernel's change of the word, which orders nothing by itself, pairs with [A1] in `lock`
        // and [A2] in `wait`.
        fence(Release);
        // It is refused only where somebody has changed the word who may not.
        let _ = self.word.unlock_pi();
    }
}
