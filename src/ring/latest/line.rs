//! The word that says which value is the latest: the writer changes it, and who waits for a newer
//! one sleeps on it.

use core::mem::offset_of;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::Deadline;
use crate::primitive::{AtomicU32, Word, const_constructor};
use crate::ring::Halt;
use crate::sync::wake::add_and_wake_all;

/// Set in the word while a reader may sleep.
const SLEEPING: u32 = 1;

/// The buffer that has the latest value: six bits above that.
const BUFFER: u32 = 1 << 1;

/// The most buffers.
pub(super) const BUFFERS_MAX: usize = 64;

/// Set while the writer has closed its end.
const CLOSED: u32 = BUFFER * BUFFERS_MAX as u32;

/// One more value. The version is what is above, so that it wraps around harming nothing.
const ONE: u32 = CLOSED << 1;

/// What the word says, whoever sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen(u32);

impl Seen {
    /// What a word says, whoever sleeps.
    pub(super) fn in_word(word: u32) -> Self {
        Self(word & !SLEEPING)
    }

    /// The buffer that has the latest value.
    #[inline(always)]
    pub(super) fn buffer(self) -> usize {
        // Masked, so that it is below `BUFFERS_MAX`.
        (self.0 / BUFFER) as usize % BUFFERS_MAX
    }

    #[inline(always)]
    pub(super) fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    /// Whether the latest value can be the one of this version, all of whose bits are known.
    #[inline(always)]
    pub(super) fn can_be(self, version: u64) -> bool {
        self.0 / ONE == version as u32 % (1 << (u32::BITS - ONE.trailing_zeros()))
    }

    /// The word when value `version` in `buffer` is the latest one.
    const fn of(version: u32, buffer: u32) -> Self {
        Self(version.wrapping_mul(ONE) | (buffer * BUFFER))
    }
}

/// Where the writer's number is in the line.
pub(super) const WRITER_AT: usize = offset_of!(Line, writer);

/// On its own pair of cache lines, as some machines fetch two at once.
#[derive(Debug)]
#[repr(C, align(128))]
pub(super) struct Line {
    /// `version << 8 | CLOSED | buffer << 1 | SLEEPING`. A futex, shared.
    ///
    /// A reader sets the last bit before it sleeps, and never clears it: only the writer does, by
    /// the step that changes the rest.
    word: Word,
    /// The member that writes: 0 for nobody.
    pub(super) writer: AtomicU32,
}

impl Line {
    /// Where the word is.
    pub(super) const WORD: usize = offset_of!(Self, word);

    /// Whether a word says that a reader may sleep.
    pub(super) fn is_awaited(word: u32) -> bool {
        word & SLEEPING != 0
    }

    const_constructor! {
        /// The line when value `version` in buffer 0 is the latest one.
        pub(super) fn new(version: u32) -> Self {
            Self {
                word: Word::new(Seen::of(version, 0).0),
                writer: AtomicU32::new(0),
            }
        }
    }

    #[inline(always)]
    pub(super) fn load(&self) -> Seen {
        // Acquire [A1]: pairs with [R1] in `change`, and with `add_and_wake_all`.
        Seen::in_word(self.word.load(Acquire))
    }

    /// Makes `buffer` the one that has the latest value, in one step, and wakes who waits for it.
    ///
    /// # Errors
    ///
    /// [`Halt::Corrupt`] when the word is not `own`, as this side made it.
    #[inline(always)]
    pub(super) fn publish(&self, own: &mut Seen, buffer: usize) -> Result<(), Halt> {
        let next = (own.0 & !(CLOSED - BUFFER)).wrapping_add(ONE) | (buffer as u32 * BUFFER);
        self.change(own, Seen(next))
    }

    /// Says that there will be no newer value, and wakes who waits for one.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish).
    pub(super) fn close(&self, own: &mut Seen) -> Result<(), Halt> {
        self.change(own, Seen(own.0 | CLOSED))
    }

    /// Says that a writer is there again; returns what the word says then.
    pub(super) fn reopen(&self) -> Seen {
        let seen = self.load();
        if seen.is_closed() {
            let open = Seen(seen.0 & !CLOSED);
            // Nobody sleeps who has seen it closed. A hostile process may change the word: then
            // the first publishing finds it.
            let _ = self.word.compare_exchange(seen.0, open.0, Relaxed, Relaxed);
            return open;
        }
        seen
    }

    #[inline(always)]
    fn change(&self, own: &mut Seen, next: Seen) -> Result<(), Halt> {
        // Release [R1]: pairs with [A1] in `load`.
        if let Err(seen) = self.word.compare_exchange(own.0, next.0, Release, Relaxed) {
            self.change_and_wake(seen, *own, next)?;
        }
        *own = next;
        Ok(())
    }

    #[cold]
    fn change_and_wake(&self, seen: u32, own: Seen, next: Seen) -> Result<(), Halt> {
        // The version grows by one, or the word is closed: what is to be added is positive, fits
        // an operand of the kernel's, and clears the bit.
        let by = next.0.wrapping_sub(own.0) - SLEEPING;
        if seen == own.0 | SLEEPING && add_and_wake_all(&self.word, seen, by) {
            Ok(())
        } else {
            Err(Halt::Corrupt)
        }
    }

    /// Sleeps until the word, which said `seen`, says something else, for at most `longest`
    /// nanoseconds. It may end at any time.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`](crate::Errno::TIMEDOUT) when the deadline had passed before.
    pub(super) fn sleep(&self, seen: Seen, deadline: Deadline, longest: u32) -> crate::Result<()> {
        // Relaxed throughout: the caller reads again, with Acquire. That the bit was set before,
        // or the word is another, is the kernel's to see.
        let asleep = seen.0 | SLEEPING;
        let _ = self.word.compare_exchange(seen.0, asleep, Relaxed, Relaxed);
        self.word.sleep(asleep, deadline, longest)
    }
}
