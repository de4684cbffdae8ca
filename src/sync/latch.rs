//! A latch: what waits goes when so many have counted down, whoever of them dies later.

use core::fmt;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use super::Semaphore;
use super::any::{Waitable, sealed as any};
use crate::primitive::{Shared, TRIES_MAX, Word, const_constructor, fence};
use crate::{Deadline, Errno, Result};

/// Set when somebody may sleep; the count is above it.
const SLEEPERS: u32 = 1;

/// What one still to come counts in the word.
const ONE: u32 = 2;

/// The longest sleep, in nanoseconds, before a waiter looks again for an opening of which no wake
/// told it.
const LONGEST: u32 = Semaphore::RECHECK.subsec_nanos();

/// A latch in four bytes of memory that processes share: those who wait go once it has been counted
/// down to zero.
///
/// What was done before each [`count_down`](Self::count_down) is seen by all who are let go.
///
/// It lies in any [`Mapping`](../memory/struct.Mapping.html); zeroed memory is a latch that is open,
/// and [`add`](Self::add) closes it. It is for one use: a waiter who has not woken yet when counts are
/// added to an open latch waits for those, too. Nobody need be a member of anything. No call but one
/// that has to sleep or to wake makes a system call.
///
/// [`count_down`](Self::count_down) **may be called in a signal handler**, whatever it has interrupted.
///
/// # When a process is killed
///
/// At any instruction within any call: it has counted down, or it has not; nobody sleeps beside a latch
/// that is open. **A process that dies before it counts down keeps the latch closed**, as nobody knows
/// whose counts are missing: where that matters use a [`WaitGroup`](super::WaitGroup).
///
/// # A hostile peer
///
/// can open and close it as it likes, and keep sleepers from being woken; these look again within
/// [`Semaphore::RECHECK`].
///
/// # Examples
///
/// ```
/// use rawipc::memory::MapOptions;
/// use rawipc::sync::Latch;
///
/// let memory = MapOptions::shared(4096).map_anonymous()?; // children have it, too
/// let ready = memory.object::<Latch>(0)?;
/// ready.add(2)?; // before they are started
///
/// ready.count_down(); // a child, usually
/// assert_eq!(ready.try_wait(), Err(rawipc::Errno::AGAIN));
/// ready.count_down(); // and another one
/// ready.wait()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "CountDownLatch")]
#[repr(transparent)]
pub struct Latch {
    /// `count << 1 | SLEEPERS`. A futex, shared.
    ///
    /// From (1, sleepers) only one step leads to zero, which wakes all: whoever is queued implies a
    /// count.
    word: Word,
}

impl Latch {
    /// The largest count: 2^30.
    pub const MAX: u32 = 1 << 30;

    const_constructor! {
        /// Creates a latch that is to be counted down `count` times.
        ///
        /// # Panics
        ///
        /// If `count` exceeds [`MAX`](Self::MAX).
        #[must_use]
        pub fn new(count: u32) -> Self {
            assert!(count <= Self::MAX, "a latch's count is at most 2^30");
            Self {
                word: Word::new(count * ONE),
            }
        }
    }

    /// Returns how many counts are missing at this moment, which may have passed when it is read.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.word.load(Relaxed) / ONE
    }

    /// Returns whether the latch is open: then what was done before it was counted down is seen.
    #[inline]
    #[must_use]
    pub fn is_open(&self) -> bool {
        // Acquire [A1]: pairs with [R1] in `count_down` and [R2] in `open`.
        self.word.load(Acquire) / ONE == 0
    }

    /// Adds `count` to what is to be counted down.
    ///
    /// For who makes the latch, before others have it, and for who has not counted down yet.
    ///
    /// # Errors
    ///
    /// [`Errno::OVERFLOW`], having added nothing, if that would exceed [`MAX`](Self::MAX).
    pub fn add(&self, count: u32) -> Result<()> {
        let mut seen = self.word.load(Relaxed);
        for _ in 0..TRIES_MAX {
            if count > Self::MAX - (seen / ONE).min(Self::MAX) {
                return Err(Errno::OVERFLOW);
            }
            // Relaxed: nothing is told by it.
            match (self.word).compare_exchange(seen, seen + count * ONE, Relaxed, Relaxed) {
                Ok(_) => return Ok(()),
                Err(now) => seen = now,
            }
        }
        // Only a hostile peer changes it all the time: what comes of the sum is as good as what it has written.
        self.word.fetch_add(count * ONE, Relaxed);
        Ok(())
    }

    /// Counts down by one, and wakes all who sleep if that opens the latch; returns whether it did.
    ///
    /// Who opens it sees what was done before each other count. At an open latch it does nothing.
    #[doc(alias = "arrive")]
    #[inline]
    pub fn count_down(&self) -> bool {
        let mut seen = self.word.load(Relaxed);
        for _ in 0..TRIES_MAX {
            if seen / ONE == 0 {
                return false;
            }
            if seen == ONE | SLEEPERS {
                if self.open(seen) {
                    return true;
                }
                seen = self.word.load(Relaxed);
                continue;
            }
            // Release [R1]: pairs with [A1] in `is_open`, and with Acquire here.
            match (self.word).compare_exchange(seen, seen - ONE, AcqRel, Relaxed) {
                Ok(_) => return seen / ONE == 1,
                Err(now) => seen = now,
            }
        }
        self.count_down_unseen()
    }

    /// Counts down whatever there is: only beside a hostile peer, or of a process that is slowed down by its
    /// tracer, the word changes all the time. In two steps, and who sleeps finds the latch open at its next
    /// look if this process dies between them.
    #[cold]
    #[inline(never)]
    fn count_down_unseen(&self) -> bool {
        // Release [R1] and Acquire, as in `count_down`.
        let before = self.word.fetch_add(0_u32.wrapping_sub(ONE), AcqRel);
        match before / ONE {
            0 => {
                // It was open.
                self.word.fetch_add(ONE, Relaxed);
                false
            }
            1 => {
                self.word.wake_all();
                true
            }
            _ => false,
        }
    }

    /// Opens the latch and wakes everyone in one system call, so that no death comes between.
    ///
    /// Where a filter of system calls refuses that one it takes two steps. Who is killed between
    /// these has woken nobody, and so has who is refused every wake: sleepers look again for that.
    ///
    /// Returns whether it is done: not if the one step is refused and the word is not `seen` any more.
    #[cold]
    #[inline(never)]
    fn open(&self, seen: u32) -> bool {
        // Release [R2]: pairs with [A1] in `is_open`: the kernel's change orders nothing by itself.
        // Acquire: pairs with [R1] in `count_down`.
        fence(AcqRel);
        if self.word.clear_and_wake_all().is_ok() {
            return true;
        }
        // Relaxed: after the fence.
        let opened = (self.word.compare_exchange(seen, 0, Relaxed, Relaxed)).is_ok();
        if opened {
            self.word.wake_all();
        }
        opened
    }

    /// Sleeps until the latch is open.
    ///
    /// It goes on when it is interrupted, and looks again every [`Semaphore::RECHECK`].
    ///
    /// # Errors
    ///
    /// None that a valid latch can cause.
    #[inline]
    pub fn wait(&self) -> Result<()> {
        self.wait_until(Deadline::Never)
    }

    /// Like [`wait`](Self::wait), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: the latch is not open.
    #[inline]
    pub fn try_wait(&self) -> Result<()> {
        match self.is_open() {
            true => Ok(()),
            false => Err(Errno::AGAIN),
        }
    }

    /// Like [`wait`](Self::wait), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// A latch that is open lets go however late it is.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`].
    #[inline]
    pub fn wait_until(&self, deadline: Deadline) -> Result<()> {
        if self.is_open() {
            return Ok(());
        }
        self.sleep_until(deadline)
    }

    /// Says that somebody may sleep; returns what the word then holds.
    fn announce(&self) -> u32 {
        let seen = self.word.load(Relaxed);
        let announced = seen | SLEEPERS;
        if seen / ONE != 0 && announced != seen {
            // Relaxed: nothing is told by it. If the word is another meanwhile, nobody sleeps.
            let _ = (self.word).compare_exchange(seen, announced, Relaxed, Relaxed);
        }
        announced
    }

    #[cold]
    #[inline(never)]
    fn sleep_until(&self, deadline: Deadline) -> Result<()> {
        loop {
            let announced = self.announce();
            let slept = self.word.sleep(announced, deadline, LONGEST);
            // However late it is.
            if self.is_open() {
                return Ok(());
            }
            slept?;
        }
    }
}

impl Waitable for Latch {}

impl any::Waitable for Latch {
    fn takes(&self, _: u32) -> bool {
        self.is_open()
    }

    fn announce(&self, _: u32) -> any::Sleep<'_> {
        any::Sleep {
            word: &self.word,
            expected: self.announce(),
        }
    }
}

// SAFETY: one atomic word, any value of which is a state.
unsafe impl Shared for Latch {
    const SIZES: &'static [u8] = &[4];
}

impl fmt::Debug for Latch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latch")
            .field("count", &self.count())
            .finish()
    }
}
