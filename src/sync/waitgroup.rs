//! A group whose members others wait for, and that counts those of them who die.

use core::fmt;

use super::Holder;
use super::lock::Halt;
use super::slot::{Slot, Slots};
use crate::errno::Described;
use crate::primitive::{AtomicU32, Shared};
use crate::{Deadline, Errno, Result};

/// A group in memory that processes share: others wait until all who are in it have left, and are told
/// how many of them died.
///
/// It lies in any [`Mapping`](../memory/struct.Mapping.html), aligned to 64 bytes; zeroed memory is a
/// group that nobody is in. Who enters it, and who waits, is a
/// [`Member`](../members/struct.Member.html) of a region. Of these, `MEMBERS` have room in the group,
/// 64 bytes each: those who joined the region while fewer than that many others were there, and 128 at most.
///
/// Who entered before a wait began is waited for, and what it did before it left is seen. Who enters
/// meanwhile may be waited for, too: a member that leaves and enters again all the time can keep others
/// waiting for as long as it does. To wait for those who have not entered yet is up to a
/// [`Latch`](super::Latch), which they count down once they have.
///
/// # When a process is killed
///
/// At any instruction within any call: nobody waits for it for ever. If it was in the group, that is
/// [`WaitGroupError::Died`] for all who wait, and all who come, until one calls
/// [`forget_deaths`](Self::forget_deaths); who slept already finds it out within
/// [`RECHECK`](super::RECHECK), and goes on to wait for the others. Who is stopped is waited for.
///
/// # A hostile peer
///
/// can stay in the group, take others out of it and invent deaths; a call with a deadline ends by then.
///
/// # Examples
///
/// ```
/// use rawipc::members::Region;
/// use rawipc::sync::{WaitGroup, WaitGroupError};
///
/// let region = Region::create(4096)?; // others open its descriptor, or find it by a name
/// let memory = region.map()?;
/// let workers = memory.object::<WaitGroup>(0)?;
/// let (me, worker) = (region.join()?, region.join()?);
///
/// let work = workers.enter(&worker)?; // another process, usually
/// assert_eq!(workers.try_wait(&me), Err(WaitGroupError::WouldBlock));
/// drop(work);
/// workers.wait(&me)?;
///
/// core::mem::forget(workers.enter(&worker)?);
/// drop(worker); // as if it had been killed
/// assert_eq!(workers.wait(&me), Err(WaitGroupError::Died(1)));
/// assert_eq!(workers.forget_deaths(), 1);
/// workers.wait(&me)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "rundown")]
#[repr(C)]
pub struct WaitGroup<const MEMBERS: usize = 32> {
    /// How many of the slots anybody has ever been in.
    used: AtomicU32,
    slots: [Slot<true>; MEMBERS],
}

// SAFETY: atomics, any values of which are a state.
unsafe impl<const MEMBERS: usize> Shared for WaitGroup<MEMBERS> {}

impl<const MEMBERS: usize> WaitGroup<MEMBERS> {
    /// Creates a group that nobody is in: for memory of this process's own.
    #[must_use]
    pub fn new() -> Self {
        Self {
            used: AtomicU32::new(0),
            slots: core::array::from_fn(|_| Slot::new()),
        }
    }

    #[inline(always)]
    fn slots(&self) -> Slots<'_, true> {
        Slots {
            used: &self.used,
            all: &self.slots,
        }
    }

    /// Returns how many are in the group at this moment, also those who have died and of whom nobody
    /// has found out yet.
    #[must_use]
    pub fn count(&self) -> usize {
        let slots = self.slots().in_use().iter();
        slots.filter(|slot| !slot.is_idle()).count()
    }

    /// Enters the group, until the entry is dropped.
    ///
    /// # Errors
    ///
    /// [`Errno::EXIST`]: this member is in the group already. [`Errno::NOSPC`]: it has no room in the
    /// group. [`Errno::PERM`]: the member is that of the process that this one was forked from.
    #[inline]
    pub fn enter<'a, H: Holder>(&'a self, me: &'a H) -> Result<WaitGroupEntry<'a, H>> {
        if me.is_copy() {
            return Err(Errno::PERM);
        }
        let (place, slot) = self.slots().of(me).ok_or(Errno::NOSPC)?;
        match self.slots().enter((place, slot), me.number()) {
            Ok(()) => Ok(WaitGroupEntry { slot, me }),
            Err(_) => Err(Errno::EXIST),
        }
    }

    /// Waits until all who are in the group have left it.
    ///
    /// It goes on when it is interrupted, and looks again every [`RECHECK`](super::RECHECK).
    ///
    /// # Errors
    ///
    /// [`WaitGroupError::Died`]: all have left, but some of them by dying.
    /// [`WaitGroupError::Deadlock`]; [`WaitGroupError::Forked`]; [`WaitGroupError::Kernel`].
    #[inline]
    pub fn wait(&self, me: &impl Holder) -> Result<(), WaitGroupError> {
        self.wait_until(me, Deadline::Never)
    }

    /// Like [`wait`](Self::wait), but returns [`WaitGroupError::WouldBlock`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`WaitGroupError::WouldBlock`], and those of [`wait`](Self::wait).
    #[inline]
    pub fn try_wait(&self, me: &impl Holder) -> Result<(), WaitGroupError> {
        match self.wait_until(me, Deadline::NOW) {
            Err(WaitGroupError::TimedOut) => Err(WaitGroupError::WouldBlock),
            waited => waited,
        }
    }

    /// Like [`wait`](Self::wait), but gives up at `deadline` with [`WaitGroupError::TimedOut`].
    ///
    /// That all have left is told however late it is.
    ///
    /// # Errors
    ///
    /// [`WaitGroupError::TimedOut`], and those of [`wait`](Self::wait).
    #[inline]
    pub fn wait_until(&self, me: &impl Holder, deadline: Deadline) -> Result<(), WaitGroupError> {
        if me.is_copy() {
            return Err(WaitGroupError::Forked);
        }
        // Before others are waited for, who may wait for this one.
        let mine = self.slots().of(me);
        if mine.is_some_and(|(_, slot)| slot.is_of(me.number())) {
            return Err(WaitGroupError::Deadlock);
        }
        let slots = self.slots().in_use();
        for slot in slots {
            slot.await_idle(me, deadline)?;
        }
        match sum(slots.iter().map(Slot::deaths)) {
            0 => Ok(()),
            deaths => Err(WaitGroupError::Died(deaths)),
        }
    }

    /// Forgets those who have died in the group and were found dead; returns how many, which can be more than
    /// a wait has told.
    ///
    /// Call it when nobody waits: who does is not told of them any more.
    pub fn forget_deaths(&self) -> u32 {
        let slots = self.slots().in_use().iter();
        sum(slots.map(Slot::forget_deaths))
    }
}

/// The sum, or the largest number: hostile ones can be many.
fn sum(deaths: impl Iterator<Item = u32>) -> u32 {
    deaths.fold(0, u32::saturating_add)
}

impl<const MEMBERS: usize> Default for WaitGroup<MEMBERS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const MEMBERS: usize> fmt::Debug for WaitGroup<MEMBERS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitGroup")
            .field("count", &self.count())
            .finish_non_exhaustive()
    }
}

/// A guard that keeps a member in a group until it is dropped.
///
/// To forget it (`mem::forget`) keeps the member in the group until it is dropped, which counts as a
/// death. In a forked child it means nothing: dropping it there does nothing.
///
/// # Examples
///
/// ```
/// use rawipc::members::Region;
/// use rawipc::sync::WaitGroup;
///
/// let region = Region::create(4096)?;
/// let memory = region.map()?;
/// let (me, worker) = (region.join()?, region.join()?);
/// let workers = memory.object::<WaitGroup>(0)?;
///
/// let entry = workers.enter(&worker)?; // another process, usually
/// assert_eq!(workers.count(), 1);
/// drop(entry); // the work is done
/// workers.wait(&me)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "the group is left when it is dropped"]
pub struct WaitGroupEntry<'a, H: Holder> {
    slot: &'a Slot<true>,
    me: &'a H,
}

impl<H: Holder> Drop for WaitGroupEntry<'_, H> {
    #[inline]
    fn drop(&mut self) {
        if !self.me.is_copy() {
            self.slot.leave(self.me);
        }
    }
}

impl<H: Holder> fmt::Debug for WaitGroupEntry<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitGroupEntry").finish_non_exhaustive()
    }
}

/// Why a wait for a group did not end with all of them done.
///
/// # Examples
///
/// ```
/// use rawipc::members::Region;
/// use rawipc::sync::{WaitGroup, WaitGroupError};
///
/// let region = Region::create(4096)?;
/// let memory = region.map()?;
/// let (me, worker) = (region.join()?, region.join()?);
/// let workers = memory.object::<WaitGroup>(0)?;
/// core::mem::forget(workers.enter(&worker)?);
/// drop(worker); // as if it had been killed
/// match workers.wait(&me) {
///     Ok(()) => println!("all have done their work"),
///     Err(WaitGroupError::Died(count)) => println!("{count} of them have died"),
///     Err(error) => return Err(error.into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitGroupError {
    /// All have left, but so many by dying, in this wait or before it: 255 of one place count as many
    /// as more do. All are told until [`WaitGroup::forget_deaths`].
    Died(u32),
    /// Somebody is in the group, at this moment.
    WouldBlock,
    /// The deadline passed.
    TimedOut,
    /// This member is in the group, and would wait for itself.
    Deadlock,
    /// The member is that of the process that this one was forked from. The child can join for
    /// itself.
    Forked,
    /// The kernel refused to let it wait, as a seccomp filter can decide.
    Kernel(Errno),
}

impl From<Halt> for WaitGroupError {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::TimedOut => Self::TimedOut,
            Halt::Deadlock => Self::Deadlock,
            Halt::Forked => Self::Forked,
            Halt::Kernel(errno) => Self::Kernel(errno),
            // No slot says so.
            Halt::NotRecoverable => Self::Kernel(Errno::NOTRECOVERABLE),
        }
    }
}

/// Its number: `EOWNERDEAD` for [`Died`](WaitGroupError::Died), `EAGAIN`, `ETIMEDOUT`, `EDEADLK`, `EPERM`
/// for [`Forked`](WaitGroupError::Forked).
impl From<WaitGroupError> for Errno {
    fn from(error: WaitGroupError) -> Self {
        match error {
            WaitGroupError::Died(_) => Self::OWNERDEAD,
            WaitGroupError::WouldBlock => Self::AGAIN,
            WaitGroupError::TimedOut => Self::TIMEDOUT,
            WaitGroupError::Deadlock => Self::DEADLK,
            WaitGroupError::Forked => Self::PERM,
            WaitGroupError::Kernel(errno) => errno,
        }
    }
}

impl fmt::Display for WaitGroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Died(deaths) => write!(f, "{deaths} died in the group"),
            Self::WouldBlock => f.write_str("somebody is in the group"),
            Self::TimedOut => f.write_str("the deadline passed"),
            Self::Deadlock => f.write_str("this member is in the group"),
            Self::Forked => f.write_str("the member belongs to the parent process"),
            Self::Kernel(errno) => write!(f, "the kernel refused: {}", Described(*errno)),
        }
    }
}

impl core::error::Error for WaitGroupError {}
