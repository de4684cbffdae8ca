//! The algorithm of a semaphore in glibc's format: how many units there are and how many
//! sleep, in one word.

use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::time::Duration;

use crate::primitive::{AtomicU32, LongWord, TRIES_MAX, const_constructor, fence, layout};
use crate::sys::futex::Scope;
use crate::{Deadline, Errno, Result};

/// The largest value.
pub(crate) const VALUE_MAX: u32 = i32::MAX as u32;

/// How often a sleeper with a deadline looks for a unit of which no wake told it.
pub(crate) const RECHECK: Duration = Duration::from_millis(100);

/// What glibc has in `private` where processes meet: `FUTEX_PRIVATE_FLAG`, which is
/// left out of its calls where this has it.
pub(crate) const SHARED: u32 = 128;

/// One sleeper, in the upper half of `data`.
const WAITER: u64 = 1 << 32;

/// More posts than this are never in flight: the system has no more threads.
const IN_FLIGHT_MAX: u32 = 1 << 22;

/// `sem_t`, as glibc has it on 64-bit machines. Any bytes are one: values too large are
/// refused by `post` and counted down by `try_wait`.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct GlibcSemaphore {
    /// The value in the lower half, which is a futex; the number of those who sleep or
    /// are about to in the upper half.
    data: LongWord,
    /// [`SHARED`], or 0 where only threads of one process meet.
    private: AtomicU32,
    rest: [AtomicU32; 5],
}

layout! {
    size_of::<GlibcSemaphore>() == 32,
    core::mem::offset_of!(GlibcSemaphore, data) == 0,
    core::mem::offset_of!(GlibcSemaphore, private) == 8,
}

impl GlibcSemaphore {
    const_constructor! {
        pub(crate) fn new(value: u32, private: u32) -> Self {
            Self {
                data: LongWord::new(value as u64),
                private: AtomicU32::new(private),
                rest: [
                    AtomicU32::new(0),
                    AtomicU32::new(0),
                    AtomicU32::new(0),
                    AtomicU32::new(0),
                    AtomicU32::new(0),
                ],
            }
        }
    }

    /// Begins with `value` units, at most [`VALUE_MAX`].
    pub(crate) fn initialize(&self, value: u32, private: u32) {
        self.private.store(private, Relaxed);
        for word in &self.rest {
            word.store(0, Relaxed);
        }
        // Release [R3]: who takes a unit, Acquire [A1], is after all of this.
        self.data.store(value.into(), Release);
    }

    pub(crate) fn value(&self) -> u32 {
        self.data.load(Relaxed) as u32
    }

    pub(crate) fn sleepers(&self) -> u32 {
        (self.data.load(Relaxed) >> 32) as u32
    }

    /// Adds one unit and wakes everyone.
    ///
    /// # Errors
    ///
    /// [`Errno::OVERFLOW`].
    pub(crate) fn post(&self) -> Result<()> {
        let mut seen = self.data.load(Relaxed);
        for _ in 0..TRIES_MAX {
            let value = seen as u32;
            if value >= VALUE_MAX {
                return Err(Errno::OVERFLOW);
            }
            // The kernel's addition does not look at the value. A filter of system calls may
            // know only what glibc does.
            if seen >= WAITER
                && value < VALUE_MAX - IN_FLIGHT_MAX
                && self.add_and_wake_all().is_ok()
            {
                return Ok(());
            }
            // Release [R1]: pairs with Acquire [A1].
            match self.data.compare_exchange(seen, seen + 1, Release, Relaxed) {
                Ok(_) => {
                    if seen >= WAITER {
                        // The unit is there, whatever comes of this.
                        self.data.wake_all(self.scope());
                    }
                    return Ok(());
                }
                Err(now) => seen = now,
            }
        }
        // To whatever there is: only a hostile peer changes it all the time. In two steps, and who is killed
        // between them leaves sleepers beside a unit. Release [R1]: as above.
        self.data.fetch_add(1, Release);
        self.data.wake_all(self.scope());
        Ok(())
    }

    /// In one system call, so that no death comes between.
    #[cold]
    fn add_and_wake_all(&self) -> Result<()> {
        // Release [R2]: pairs with Acquire [A1]. The kernel's addition orders
        // nothing by itself.
        fence(Release);
        self.data.add_and_wake_all(1, self.scope())
    }

    /// Takes a unit if there is one. It ends beside a peer that changes the word all the time, too.
    pub(crate) fn try_wait(&self) -> bool {
        let mut seen = self.data.load(Relaxed);
        for _ in 0..TRIES_MAX {
            if seen as u32 == 0 {
                break;
            }
            // Acquire [A1]: pairs with [R1], [R2], [R3].
            match self.data.compare_exchange(seen, seen - 1, Acquire, Relaxed) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }

    /// Takes a unit, sleeping until there is one.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]; with [`Deadline::Never`] only, [`Errno::INTR`].
    pub(crate) fn wait_until(&self, deadline: Deadline) -> Result<()> {
        if self.try_wait() {
            return Ok(());
        }
        self.sleep_until(deadline)
    }

    #[cold]
    fn sleep_until(&self, deadline: Deadline) -> Result<()> {
        // In one step with the value: a post that does not see this sleeper comes
        // before it, and its unit is seen.
        let before = self.data.fetch_add(WAITER, Relaxed);
        let mut seen = before.wrapping_add(WAITER);
        let (mut slept, mut tries) = (Ok(()), 0);
        loop {
            if seen as u32 > 0 {
                // The unit and the place among the sleepers, in one step.
                let taken = seen.wrapping_sub(WAITER + 1);
                // Acquire [A1]: pairs with [R1], [R2], [R3].
                match self.data.compare_exchange(seen, taken, Acquire, Relaxed) {
                    Ok(_) => return Ok(()),
                    Err(now) => seen = now,
                }
                tries += 1;
                // Others take what is there, for ever perhaps.
                if tries < TRIES_MAX || !deadline.has_passed() {
                    continue;
                }
                slept = Err(Errno::TIMEDOUT);
            }
            if let Err(errno) = slept {
                let before = self.data.fetch_sub(WAITER, Relaxed);
                if before as u32 > 0 {
                    // The wake for what is there, of a post of glibc's, may have been spent on this sleeper.
                    self.data.wake_all(self.scope());
                }
                return Err(errno);
            }
            slept = self.sleep(deadline);
            // A unit that is there is taken however late it is.
            seen = self.data.load(Relaxed);
        }
    }

    /// Sleeps while the value is 0.
    fn sleep(&self, deadline: Deadline) -> Result<()> {
        match deadline {
            // A look from time to time would lose the signals that come just then: no handler
            // may run between two sleeps, as it would interrupt nothing.
            Deadline::Never => self.data.sleep_until_woken(0, self.scope()),
            Deadline::At(_) => self
                .data
                .sleep(0, self.scope(), deadline, RECHECK.subsec_nanos()),
        }
    }

    fn scope(&self) -> Scope {
        // As glibc does, which has one bit in mind.
        if self.private.load(Relaxed) & SHARED == 0 {
            Scope::Private
        } else {
            Scope::Shared
        }
    }
}
