//! A counting semaphore that a death cannot break.

use core::fmt;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::time::Duration;

use static_assertions::const_assert;

use super::any::{Waitable, sealed as any};
use super::guess::Guess;
use super::wake::add_and_wake_all;
use crate::primitive::{Shared, TRIES_MAX, Word, const_constructor};
use crate::{Deadline, Errno, Result};

/// Set when somebody may sleep; the value is above it.
pub(super) const SLEEPERS: u32 = 1;

/// What one unit of the value counts in the word.
const UNIT: u32 = 2;

/// The most units that one `FUTEX_WAKE_OP` adds: its operand has 12 signed bits.
pub(super) const WAKE_OP_UNITS: u32 = 1023;

/// A counting semaphore in four bytes of memory that processes may share.
///
/// [`post`](Self::post) adds a unit, [`wait`](Self::wait) takes one and sleeps
/// while there is none. Neither makes a system call while nobody has to sleep.
///
/// [`post`](Self::post) and [`post_many`](Self::post_many) **may be called in a signal handler**, whatever it has
/// interrupted.
///
/// # When a process is killed
///
/// At any instruction within any call: every unit that was posted can be taken,
/// and nobody sleeps beside a unit. A unit that the dead process had taken is
/// gone with it. There is no timer behind this: the one way out of the state "no
/// unit, somebody sleeps" is one system call that adds the units *and* wakes
/// every sleeper, so that no wake can be lost between two steps or swallowed by
/// a sleeper that has been killed but does not know it yet.
///
/// The price is the herd: a post with sleepers wakes them all, and all but one
/// sleep again. Which one that is, nobody decides: it need not be the most urgent, nor
/// the first that came. Where that counts, there is [`futex::pi`](super::futex::pi); where many sleep,
/// [`HandOverSemaphore`](super::HandOverSemaphore) wakes no more than it has units for.
///
/// **As a lock it does not survive the death of who holds it**: a process that is killed
/// between wait and post never posts, and all others wait for ever, as a unit has no
/// owner whose death could be noticed. What the death of its holder releases: a
/// [`Mutex`](super::Mutex), a [file lock](crate::lock) of an open file description, a
/// [System V semaphore](crate::sysv::semaphore) with
/// [`UNDO`](crate::sysv::semaphore::OperationFlags::UNDO), and a futex with an owner
/// ([`futex::pi`](super::futex::pi)), whose next holder is told of it.
///
/// # A hostile peer
///
/// can take or post units as it likes, and keep sleepers from being woken, by moving them to
/// another futex or waiting for a lock at this one; they find a unit at their next look. A
/// post is done once, whatever it does. Beside one that changes the word all the time a call ends after
/// some thousand tries, and a wait soon after its deadline. It can do nothing else.
///
/// # Examples
///
/// In memory that a child process, or whoever receives the memfd, has too; zeroed
/// memory is a semaphore without units:
///
/// ```
/// use rawipc::memory::{MapOptions, memfd};
/// use rawipc::sync::Semaphore;
///
/// let memfd = memfd::create("meeting", memfd::MemfdFlags::empty())?;
/// memfd.set_size(4096)?;
/// let mapping = MapOptions::shared(4096).map(&memfd)?;
/// let semaphore = mapping.object::<Semaphore>(0)?;
///
/// semaphore.post()?;
/// semaphore.wait()?;
/// assert_eq!(semaphore.try_wait(), Err(rawipc::Errno::AGAIN));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "sem_t")]
#[repr(transparent)]
pub struct Semaphore {
    /// `value << 1 | SLEEPERS`. A futex, shared.
    ///
    /// (0, no sleepers) → (0, sleepers) before anybody sleeps; from there only a
    /// post leads on, by `FUTEX_WAKE_OP`. Whoever is queued implies value 0. With
    /// a value above 0 the bit means nothing, and taking a unit drops it.
    pub(super) word: Word,
}

/// Why a post was refused, in whole or in part.
///
/// # Examples
///
/// ```
/// use rawipc::sync::{PostError, Semaphore};
///
/// let semaphore = Semaphore::new(Semaphore::MAX - 1);
/// semaphore.post()?;
/// match semaphore.post() {
///     Ok(()) => println!("one unit more"),
///     Err(PostError::Overflow { posted }) => assert_eq!(posted, 0),
///     Err(error) => return Err(error.into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PostError {
    /// The value would exceed [`Semaphore::MAX`]. `posted` units were added
    /// before that was seen: 0 unless others posted meanwhile.
    Overflow {
        /// How many units were added nevertheless.
        posted: u32,
    },
}

impl Semaphore {
    /// The largest value: 2^29.
    pub const MAX: u32 = 1 << 29;

    /// The longest sleep before a waiter looks again for a unit of which no wake told it.
    pub const RECHECK: Duration = Duration::from_millis(500);

    const_constructor! {
        /// Creates a semaphore with `value` units.
        ///
        /// # Panics
        ///
        /// If `value` exceeds [`MAX`](Self::MAX).
        #[must_use]
        pub fn new(value: u32) -> Self {
            assert!(value <= Self::MAX, "a semaphore's value is at most 2^29");
            Self {
                word: Word::new(value * UNIT),
            }
        }
    }

    /// Returns the number of units at this moment, which may have passed when it is read.
    #[doc(alias = "sem_getvalue")]
    #[must_use]
    pub fn value(&self) -> u32 {
        self.word.load(Relaxed) / UNIT
    }

    /// Adds one unit and wakes everyone who sleeps.
    ///
    /// # Errors
    ///
    /// [`PostError::Overflow`] at [`MAX`](Self::MAX).
    #[doc(alias = "sem_post")]
    #[inline]
    pub fn post(&self) -> Result<(), PostError> {
        self.post_many(1)
    }

    /// Adds `count` units and wakes everyone who sleeps.
    ///
    /// Up to 1023 units appear in one step. More appear in two when somebody
    /// sleeps: a process killed between them has posted the first 1023.
    ///
    /// # Errors
    ///
    /// [`PostError::Overflow`], having posted nothing, if that would exceed
    /// [`MAX`](Self::MAX).
    #[inline]
    pub fn post_many(&self, count: u32) -> Result<(), PostError> {
        let seen = self.word.load(Relaxed);
        // What is usual comes apart from all else, so that it is short where it is inlined.
        let is_usual = seen != SLEEPERS && Self::has_room(seen, count);
        if is_usual && self.add(seen, count).is_ok() {
            return Ok(());
        }
        self.post_from(seen, count)
    }

    /// Returns whether a semaphore whose word was `seen` has room for `units` more.
    #[inline]
    fn has_room(seen: u32, units: u32) -> bool {
        units <= Self::MAX - (seen / UNIT).min(Self::MAX)
    }

    /// Adds units to a word that is as it was `seen`; else returns what it is.
    #[inline]
    fn add(&self, seen: u32, units: u32) -> Result<u32, u32> {
        // Release [R1]: pairs with Acquire [A1] in `takes`.
        (self.word).compare_exchange(seen, seen + units * UNIT, Release, Relaxed)
    }

    /// Like [`post_many`](Self::post_many), of a semaphore whose word was `seen`.
    #[cold]
    #[inline(never)]
    fn post_from(&self, mut seen: u32, count: u32) -> Result<(), PostError> {
        let mut left = count;
        for _ in 0..TRIES_MAX {
            if left == 0 {
                return Ok(());
            }
            if !Self::has_room(seen, left) {
                return Err(PostError::Overflow {
                    posted: count - left,
                });
            }
            if seen == SLEEPERS {
                let step = left.min(WAKE_OP_UNITS);
                if add_and_wake_all(&self.word, seen, step * UNIT) {
                    left -= step;
                }
                seen = self.word.load(Relaxed);
                continue;
            }
            match self.add(seen, left) {
                Ok(_) => return Ok(()),
                Err(now) => seen = now,
            }
        }
        self.post_unseen(left);
        Ok(())
    }

    /// Adds `count` units to whatever there is: only a hostile peer changes the word all the time. In two
    /// steps, and who sleeps finds the units at its next look if this process dies between them.
    #[cold]
    #[inline(never)]
    fn post_unseen(&self, count: u32) {
        // Release [R1]: as in `add`.
        self.word.fetch_add(count * UNIT, Release);
        self.word.wake_all();
    }

    /// Like [`wait`](Self::wait), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: there is no unit, or others were faster thousands of times on end.
    #[doc(alias = "sem_trywait")]
    #[inline]
    pub fn try_wait(&self) -> Result<()> {
        match self.takes() {
            true => Ok(()),
            false => Err(Errno::AGAIN),
        }
    }

    /// Takes a unit if there is one; returns whether there was.
    #[inline]
    pub(super) fn takes(&self) -> bool {
        self.takes_from(self.word.load(Relaxed))
    }

    /// Takes a unit if there is one; `seen` is what the word held. It ends beside a peer that changes the
    /// word all the time, too: who waits then looks at the clock.
    #[inline]
    fn takes_from(&self, mut seen: u32) -> bool {
        for _ in 0..TRIES_MAX {
            if seen < UNIT {
                break;
            }
            let taken = (seen - UNIT) & !SLEEPERS;
            // Acquire [A1]: pairs with [R1] and [R2] in `add` and `add_and_wake_all`.
            match self.word.compare_exchange(seen, taken, Acquire, Relaxed) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }

    /// Takes a unit, and sleeps until there is one.
    ///
    /// It goes on when it is interrupted, and looks again every [`RECHECK`](Self::RECHECK).
    ///
    /// # Errors
    ///
    /// None that a valid semaphore can cause.
    #[doc(alias = "sem_wait")]
    #[inline]
    pub fn wait(&self) -> Result<()> {
        self.take()
    }

    /// Like [`wait`](Self::wait), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// A unit that is there is taken however late it is.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`].
    #[doc(alias = "sem_timedwait")]
    #[doc(alias = "sem_clockwait")]
    #[inline]
    pub fn wait_until(&self, deadline: Deadline) -> Result<()> {
        self.take_until(deadline)
    }

    /// Says that somebody may sleep, and returns what the word then holds while there is no unit.
    pub(super) fn announce(&self) -> u32 {
        // Relaxed: nothing is taken. That the bit was set before, or there is a unit, is
        // the kernel's to see.
        let _ = self.word.compare_exchange(0, SLEEPERS, Relaxed, Relaxed);
        SLEEPERS
    }
}

impl Guess for Semaphore {
    /// The guess is that there is one unit, which is the last.
    #[inline]
    fn takes_by_guess(&self) -> bool {
        // Acquire [A1], as in `takes_from`.
        match self.word.compare_exchange(UNIT, 0, Acquire, Relaxed) {
            Ok(_) => true,
            Err(seen) => self.takes_from(seen),
        }
    }

    #[cold]
    #[inline(never)]
    fn sleep_until(&self, deadline: Deadline) -> Result<()> {
        loop {
            let announced = self.announce();
            let longest = Self::RECHECK.subsec_nanos();
            let slept = self.word.sleep(announced, deadline, longest);
            // However late it is.
            if self.takes() {
                return Ok(());
            }
            slept?;
        }
    }
}

impl Waitable for Semaphore {}

impl any::Waitable for Semaphore {
    fn takes(&self, _: u32) -> bool {
        self.takes()
    }

    fn announce(&self, _: u32) -> any::Sleep<'_> {
        any::Sleep {
            word: &self.word,
            expected: self.announce(),
        }
    }
}

const_assert!(Semaphore::RECHECK.as_secs() == 0);

// SAFETY: one atomic word, any value of which is a state: values too large are
// refused by `post_many` and counted down by `takes`.
unsafe impl Shared for Semaphore {
    const SIZES: &'static [u8] = &[4];
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("value", &self.value())
            .finish()
    }
}

impl fmt::Display for PostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overflow { .. } => f.write_str("the semaphore's value would exceed its maximum"),
        }
    }
}

impl core::error::Error for PostError {}
