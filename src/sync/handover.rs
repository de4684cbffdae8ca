//! A counting semaphore that wakes no more sleepers than it has units for.

use core::fmt;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::time::Duration;

use super::guess::Guess;
use super::lock::RECHECK;
use super::semaphore::{PostError, SLEEPERS, Semaphore, WAKE_OP_UNITS};
use crate::primitive::{Shared, TRIES_MAX, Word, const_constructor, fence};
use crate::{Deadline, Errno, Result};

/// How often one post hands over units, as many each time as one `FUTEX_WAKE_OP` adds, before it posts the
/// rest to all: a hostile peer can say for ever that somebody sleeps.
const GRANTS_MAX: u32 = 8;

/// A counting semaphore in eight bytes of memory that processes may share, for many sleepers: a post
/// of one unit wakes one of them, where [`Semaphore`] wakes all.
///
/// It lies in any [`Mapping`](../memory/struct.Mapping.html); zeroed memory is one without units.
/// Neither [`post`](Self::post) nor [`wait`](Self::wait) makes a system call while nobody has to sleep.
/// It is not for [`wait_any`](super::wait_any): a sleeper that left with another object would take
/// somebody's wake along.
///
/// [`post`](Self::post) and [`post_many`](Self::post_many) **may be called in a signal handler**, whatever it has
/// interrupted.
///
/// # Who goes first
///
/// The kernel wakes the one that has slept longest, but whoever comes before that one runs takes the
/// unit, and the woken one sleeps again, behind all others: no processor idles until a process has woken
/// up, and nothing bounds how often one is overtaken. Sixteen processes that kept one unit for 20 µs each,
/// again and again on two processors (`cargo bench --bench locks -- fairness`), beside [`Semaphore`] and
/// glibc's:
///
/// | | sleeps for each unit | least and most served | longest wait |
/// |---|---|---|---|
/// | `HandOverSemaphore` | 1.0 | 3.4 % and 8.1 % | 151 ms |
/// | [`Semaphore`] | 6.9 | 5.9 % and 6.8 % | 15 ms |
/// | glibc's | 1.0 | 4.0 % and 8.4 % | 151 ms |
///
/// So it spares the processors, and `Semaphore` shares more evenly, as all its sleepers start anew with each
/// post.
///
/// # When a process is killed
///
/// At any instruction within any call: nobody sleeps beside a unit for longer than
/// [`RECHECK`](Self::RECHECK), and whoever comes next takes it at once. Two deaths lead to that sleep. A
/// sleeper that is killed takes along the wake that was for it, and its unit stays. And a
/// poster that is killed after it found too few to wake leaves units beside one that began to sleep
/// just then. A unit that the dead process had taken is gone with it, and a
/// [`post_many`](Self::post_many) that it had begun may have posted only some of its units.
///
/// **As a lock it does not survive the death of who holds it**, as [`Semaphore`] does not: use a
/// [`Mutex`](super::Mutex).
///
/// # A hostile peer
///
/// can take or post units as it likes, and keep sleepers from being woken; they find a unit at
/// their next look. Beside one that changes the words all the time a call ends after some thousand tries, and
/// a wait soon after its deadline. It can do nothing else.
///
/// # Examples
///
/// ```
/// use rawipc::memory::MapOptions;
/// use rawipc::sync::HandOverSemaphore;
///
/// let mapping = MapOptions::shared(4096).map_anonymous()?;
/// let jobs = mapping.object::<HandOverSemaphore>(0)?;
///
/// jobs.post_many(2)?;
/// jobs.wait()?;
/// jobs.wait()?;
/// assert_eq!(jobs.try_wait(), Err(rawipc::Errno::AGAIN));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "sem_t")]
#[repr(C)]
pub struct HandOverSemaphore {
    /// Units that anybody may take, and the word at which all sleep.
    ///
    /// Units get in where nobody sleeps, or with a wake of everyone: who is queued implies that
    /// there are none here.
    units: Semaphore,
    /// How many units were handed to sleepers that have not taken them yet: added with a wake
    /// for each, in one system call. Nobody sleeps at this word.
    granted: Word,
}

impl HandOverSemaphore {
    /// The largest value: 2^29.
    pub const MAX: u32 = Semaphore::MAX;

    /// The longest sleep before a waiter looks again for a unit of which no wake told it.
    pub const RECHECK: Duration = RECHECK;

    const_constructor! {
        /// Creates a semaphore with `value` units.
        ///
        /// # Panics
        ///
        /// If `value` exceeds [`MAX`](Self::MAX).
        #[must_use]
        pub fn new(value: u32) -> Self {
            Self {
                units: Semaphore::new(value),
                granted: Word::new(0),
            }
        }
    }

    /// Returns the number of units at this moment, with those on their way to who was woken.
    #[doc(alias = "sem_getvalue")]
    #[must_use]
    pub fn value(&self) -> u32 {
        (self.units.value()).saturating_add(self.granted.load(Relaxed))
    }

    /// Adds one unit, and wakes one of those who sleep.
    ///
    /// # Errors
    ///
    /// [`PostError::Overflow`] at [`MAX`](Self::MAX).
    #[doc(alias = "sem_post")]
    #[inline]
    pub fn post(&self) -> Result<(), PostError> {
        self.post_many(1)
    }

    /// Adds `count` units, and wakes as many of those who sleep.
    ///
    /// # Errors
    ///
    /// [`PostError::Overflow`], having posted nothing, if that would exceed
    /// [`MAX`](Self::MAX).
    #[inline]
    pub fn post_many(&self, count: u32) -> Result<(), PostError> {
        if self.units.word.load(Relaxed) != SLEEPERS {
            return self.units.post_many(count);
        }
        self.hand_over(count)
    }

    /// Hands units to those who sleep, and posts to all what is left.
    #[cold]
    #[inline(never)]
    fn hand_over(&self, count: u32) -> Result<(), PostError> {
        let mut left = count;
        for _ in 0..GRANTS_MAX {
            let posted = count - left;
            if left > Self::MAX - self.value().min(Self::MAX) {
                return Err(PostError::Overflow { posted });
            }
            if self.units.word.load(Relaxed) != SLEEPERS {
                return self.post_to_all(left, posted);
            }
            let step = left.min(WAKE_OP_UNITS);
            let back = self.grant(step);
            // There are fewer sleepers than units: the rest goes to whoever comes.
            self.post_to_all(back, posted + (step - back))?;
            left -= step;
            if left == 0 {
                return Ok(());
            }
        }
        self.post_to_all(left, count - left)
    }

    /// Posts `count` units, which everyone who sleeps is told of. `before` were posted before.
    fn post_to_all(&self, count: u32, before: u32) -> Result<(), PostError> {
        let PostError::Overflow { posted } = match self.units.post_many(count) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        Err(PostError::Overflow {
            posted: before + posted,
        })
    }

    /// Grants `count` units, and wakes a sleeper for each; returns how many it has taken back, as
    /// there was nobody for them.
    fn grant(&self, count: u32) -> u32 {
        // Release [R1]: pairs with [A1] in `takes`. The kernel's addition orders nothing by itself.
        fence(Release);
        let granted = self
            .units
            .word
            .grant_and_wake(&self.granted, count as u16, count);
        let Ok(woken) = granted else {
            // Nothing was granted.
            return count;
        };
        let spare = count.saturating_sub(woken);
        let mut seen = self.granted.load(Relaxed);
        for _ in 0..TRIES_MAX {
            // Newcomers may have taken some, and then left what is theirs.
            let back = spare.min(seen);
            if back == 0 {
                return 0;
            }
            // Acquire [A1]: the units can be another poster's, whose Release goes along when they are posted.
            match (self.granted).compare_exchange(seen, seen - back, Acquire, Relaxed) {
                Ok(_) => return back,
                Err(now) => seen = now,
            }
        }
        // Only a hostile peer changes it all the time. What stays is found by who comes or looks again.
        0
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
    fn takes(&self) -> bool {
        self.units.takes() || self.takes_granted(self.granted.load(Relaxed))
    }

    /// Takes a unit that was granted, if there is one; `seen` is how many there were. It ends beside a peer
    /// that changes the number all the time, too.
    fn takes_granted(&self, mut seen: u32) -> bool {
        for _ in 0..TRIES_MAX {
            if seen == 0 {
                break;
            }
            // Acquire [A1]: pairs with [R1] in `grant`.
            match (self.granted).compare_exchange(seen, seen - 1, Acquire, Relaxed) {
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
}

impl Guess for HandOverSemaphore {
    #[inline]
    fn takes_by_guess(&self) -> bool {
        self.units.takes_by_guess() || self.takes_granted(self.granted.load(Relaxed))
    }

    #[cold]
    #[inline(never)]
    fn sleep_until(&self, deadline: Deadline) -> Result<()> {
        loop {
            let announced = self.units.announce();
            let longest = RECHECK.subsec_nanos();
            // An error is that it has not slept: no wake was for it, and nothing is left to be taken.
            self.units.word.sleep(announced, deadline, longest)?;
            // What was granted comes first: otherwise it would stay, with nobody woken for it.
            // By a read-modify-write: a load could be an old one, and miss what the wake was for.
            let granted = self.granted.fetch_add(0, Relaxed);
            if self.takes_granted(granted) || self.units.takes() {
                return Ok(());
            }
        }
    }
}

// SAFETY: a semaphore and an atomic word, any value of which is a state: what is taken and taken back
// is at most what is there.
unsafe impl Shared for HandOverSemaphore {
    const SIZES: &'static [u8] = &[4];
}

impl fmt::Debug for HandOverSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandOverSemaphore")
            .field("value", &self.value())
            .finish()
    }
}
