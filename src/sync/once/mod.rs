//! What is done once, by whoever comes first and lives to its end.

mod cell;

use core::fmt;
use core::mem::ManuallyDrop;
use core::sync::atomic::Ordering::Acquire;

use super::any::{Waitable, sealed as any};
use super::lock::{Halt, Left, RawLock};
use super::{Holder, LockError};
use crate::primitive::{Shared, const_constructor, fence};
use crate::{Deadline, Errno, Result};

pub use cell::OnceCell;

/// A one-time initialization in eight bytes of memory that processes share: one of them does it, and
/// another one if that dies before the end.
///
/// It lies in any [`Mapping`](../memory/struct.Mapping.html); zeroed memory says that it is to be done.
/// Who does it is a [`Member`](../members/struct.Member.html) of a region, as for a
/// [`Mutex`](super::Mutex). Once it is done, that costs one look at the word.
///
/// # When a process is killed
///
/// At any instruction within any call: nobody waits for it. If it had begun and not finished, the next
/// one begins anew, and [is told](OnceRun::is_after_death). Who comes after the death begins at once; who
/// slept already, within [`RECHECK`](super::RECHECK). Who is stopped is waited for.
///
/// # A hostile peer
///
/// can say that it is done, or that it is to be done again, and keep others waiting until their
/// deadlines.
///
/// # Examples
///
/// ```
/// use rawipc::members::Region;
/// use rawipc::sync::Once;
/// # use core::sync::atomic::{AtomicU64, Ordering};
///
/// let region = Region::create(4096)?; // others open its descriptor, or find it by a name
/// let memory = region.map()?;
/// let me = region.join()?;
///
/// let once = memory.object::<Once>(0)?;
/// let table = memory.objects::<AtomicU64>(64, 100)?;
/// if let Some(run) = once.begin(&me)? {
///     for (number, entry) in (0..).zip(table) {
///         entry.store(number * number, Ordering::Relaxed);
///     }
///     run.finish(); // dropped, or its process killed, somebody else does it
/// }
/// assert_eq!(table[9].load(Ordering::Relaxed), 81);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "pthread_once_t")]
#[repr(transparent)]
pub struct Once {
    /// Held by who does it; lost to all once it is done.
    lock: RawLock,
}

impl Once {
    const_constructor! {
        /// Creates a `Once` that is still to be done.
        #[must_use]
        pub fn new() -> Self {
            Self {
                lock: RawLock::new(),
            }
        }
    }

    /// Returns whether it is done: then all that was done is seen.
    #[inline]
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.lock.is_sealed()
    }

    /// Begins, and blocks while somebody else does it; returns `None` if it is done.
    ///
    /// It goes on when it is interrupted, and looks again every [`RECHECK`](super::RECHECK).
    ///
    /// # Errors
    ///
    /// [`Errno::DEADLK`]: this member does it already. [`Errno::PERM`]: the member is that of the process
    /// that this one was forked from. What the kernel says where it refuses to let anybody sleep.
    #[doc(alias = "pthread_once")]
    #[inline]
    pub fn begin<'a, H: Holder>(&'a self, me: &'a H) -> Result<Option<OnceRun<'a, H>>> {
        self.begin_until(me, Deadline::Never)
    }

    /// Like [`begin`](Self::begin), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`], and those of [`begin`](Self::begin).
    #[inline]
    pub fn try_begin<'a, H: Holder>(&'a self, me: &'a H) -> Result<Option<OnceRun<'a, H>>> {
        match self.begin_until(me, Deadline::NOW) {
            Err(Errno::TIMEDOUT) => Err(Errno::AGAIN),
            begun => begun,
        }
    }

    /// Like [`begin`](Self::begin), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// What nobody does is begun however late it is.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`], and those of [`begin`](Self::begin).
    #[inline]
    pub fn begin_until<'a, H: Holder>(
        &'a self,
        me: &'a H,
        deadline: Deadline,
    ) -> Result<Option<OnceRun<'a, H>>> {
        if self.is_done() {
            return Ok(None);
        }
        self.take(me, deadline)
    }

    #[cold]
    #[inline(never)]
    fn take<'a, H: Holder>(
        &'a self,
        me: &'a H,
        deadline: Deadline,
    ) -> Result<Option<OnceRun<'a, H>>> {
        match self.lock.lock(me, deadline) {
            Ok(left) => Ok(Some(OnceRun {
                once: self,
                me,
                left,
            })),
            Err(Halt::NotRecoverable) => {
                // Acquire [A4]: pairs with [R4] in `RawLock::seal`; what found it sealed was no acquire.
                fence(Acquire);
                Ok(None)
            }
            Err(halt) => Err(LockError::<()>::from(halt).into()),
        }
    }
}

impl Default for Once {
    fn default() -> Self {
        Self::new()
    }
}

impl Waitable for Once {}

impl any::Waitable for Once {
    fn takes(&self, _: u32) -> bool {
        self.is_done()
    }

    fn announce(&self, _: u32) -> any::Sleep<'_> {
        let (word, expected) = self.lock.announce();
        any::Sleep { word, expected }
    }
}

// SAFETY: atomics, any values of which are a state.
unsafe impl Shared for Once {
    const SIZES: &'static [u8] = &[4];
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once")
            .field("is_done", &self.is_done())
            .finish_non_exhaustive()
    }
}

/// A guard of who runs the initialization of a [`Once`]: nobody else begins before it is dropped.
///
/// Dropped before [`finish`](Self::finish), it lets somebody else begin anew. To forget it
/// (`mem::forget`) keeps all others waiting until its member is dropped, which counts as a death. In a
/// forked child it means nothing: dropping it there does nothing.
///
/// # Examples
///
/// ```
/// use rawipc::members::Region;
/// use rawipc::sync::Once;
///
/// let region = Region::create(4096)?;
/// let memory = region.map()?;
/// let (me, successor) = (region.join()?, region.join()?);
/// let once = memory.object::<Once>(0)?;
/// core::mem::forget(once.begin(&me)?);
/// drop(me); // as if it had been killed in the midst of it
///
/// let run = once.begin(&successor)?.ok_or("it is done")?;
/// if run.is_after_death() {
///     println!("what is there may be half done: from the beginning");
/// }
/// run.finish();
/// assert!(once.is_done());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "it is to be finished"]
pub struct OnceRun<'a, H: Holder> {
    once: &'a Once,
    me: &'a H,
    left: Left,
}

impl<H: Holder> OnceRun<'_, H> {
    /// Returns whether one has begun before and died: what it has made may be half done.
    #[must_use]
    pub fn is_after_death(&self) -> bool {
        self.left == Left::Inconsistent
    }

    /// Returns whether this is the copy that a forked child has.
    pub(super) fn is_copy(&self) -> bool {
        self.me.is_copy()
    }

    /// Declares it done, and lets all go who wait for that.
    #[inline]
    pub fn finish(self) {
        let this = ManuallyDrop::new(self);
        if !this.me.is_copy() {
            this.once.lock.seal(this.me);
        }
    }
}

impl<H: Holder> Drop for OnceRun<'_, H> {
    fn drop(&mut self) {
        if !self.is_copy() {
            // Some of those who sleep wait until it is done, and would wake nobody else.
            self.once.lock.unlock_for_all(self.me, self.left);
        }
    }
}

impl<H: Holder> fmt::Debug for OnceRun<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceRun")
            .field("is_after_death", &self.is_after_death())
            .finish_non_exhaustive()
    }
}
