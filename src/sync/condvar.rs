//! A condition variable that survives the death of who waits and of who notifies.

use core::fmt;

use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::lock::RECHECK;
use super::mutex::Locked;
use super::sleepers::Sleepers;
use super::{LockError, MutexGuard, MutexHolder};
use crate::primitive::{Shared, const_constructor};
use crate::{Deadline, Errno};

/// A condition variable in four bytes of memory that processes share: waits until what a
/// [`Mutex`](super::Mutex) of any kind guards has changed.
///
/// It lies in any [`Mapping`](../memory/struct.Mapping.html); zeroed memory is one. Who changes the
/// value notifies, while it holds the mutex or afterwards. To notify when nobody waits costs one
/// look at the word.
///
/// **Every wait asks for the mutex again within [`RECHECK`](super::RECHECK)**, notified or not, so whoever
/// waits looks at the value again: [`wait_while`](Self::wait_while) does.
///
/// # When a process is killed
///
/// At any instruction within any call: who waits for what is there already finds it at its next look,
/// even if who changed it died before it notified. A notification that a dead process took along is
/// made up for by that look, too. The mutex can come back as [`LockError::OwnerDied`].
///
/// # A hostile peer
///
/// can notify as it likes, and keep notifications from arriving: then waits end by their next look.
///
/// # Examples
///
/// ```
/// use rawipc::members::Region;
/// use rawipc::sync::{Condvar, LockError, Mutex};
///
/// let region = Region::create(4096)?;
/// let memory = region.map()?;
/// let me = region.join()?;
/// let count = memory.object::<Mutex<u64>>(0)?;
/// let changed = memory.object::<Condvar>(64)?;
///
/// count.lock(&me).unwrap().set(&1); // another process, usually
/// changed.notify_one();
///
/// let guard = count.lock(&me).unwrap();
/// let mut guard = changed.wait_while(guard, |count| *count == 0).unwrap();
/// guard.update(|count| *count -= 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "pthread_cond_t")]
#[repr(transparent)]
pub struct Condvar {
    /// They announce themselves while they hold the mutex, before they let go of that: so who changes
    /// the value afterwards sees it, by the mutex's own ordering.
    sleepers: Sleepers,
}

impl Condvar {
    const_constructor! {
        /// Creates a condition variable for which nobody waits.
        #[must_use]
        pub fn new() -> Self {
            Self {
                sleepers: Sleepers::new(),
            }
        }
    }

    /// Unlocks the mutex, blocks until it is notified, and locks the mutex again.
    ///
    /// It asks for the mutex within [`RECHECK`](super::RECHECK) in any case, and returns as soon as it has
    /// that: look at the value again.
    ///
    /// # Errors
    ///
    /// Those of [`Mutex::lock`](super::Mutex::lock): [`LockError::OwnerDied`], which has the guard. But for that
    /// one the mutex is not held any more.
    #[doc(alias = "pthread_cond_wait")]
    #[inline]
    pub fn wait<'a, T, H: MutexHolder>(&self, guard: MutexGuard<'a, T, H>) -> Locked<'a, T, H>
    where
        T: FromBytes + IntoBytes + Immutable,
    {
        self.wait_until(guard, Deadline::Never)
    }

    /// Like [`wait`](Self::wait), but gives up at `deadline` with [`LockError::TimedOut`].
    ///
    /// The mutex is not held any more then. A notification that came in time is passed on to another
    /// who waits, if the mutex is held by somebody else at the deadline.
    ///
    /// # Errors
    ///
    /// [`LockError::TimedOut`], and those of [`wait`](Self::wait).
    #[doc(alias = "pthread_cond_timedwait")]
    #[doc(alias = "pthread_cond_clockwait")]
    pub fn wait_until<'a, T, H: MutexHolder>(
        &self,
        guard: MutexGuard<'a, T, H>,
        deadline: Deadline,
    ) -> Locked<'a, T, H>
    where
        T: FromBytes + IntoBytes + Immutable,
    {
        if guard.is_copy() {
            return Err(LockError::Forked);
        }
        // Before the mutex is let go.
        let announced = self.sleepers.announce();
        let mutex = guard.parts();
        drop(guard);
        let slept = (self.sleepers).sleep(announced, deadline, RECHECK.subsec_nanos());
        let is_notified = self.sleepers.were_woken(announced);
        match slept {
            Err(errno) if errno != Errno::TIMEDOUT => return Err(LockError::Kernel(errno)),
            Err(_) if !is_notified => return Err(LockError::TimedOut),
            Ok(()) if !is_notified && has_passed(deadline) => return Err(LockError::TimedOut),
            _ => {}
        }
        let locked = mutex.lock_until(deadline);
        if is_notified && matches!(locked, Err(LockError::TimedOut)) {
            self.sleepers.word().wake_one();
        }
        locked
    }

    /// Waits while `condition` holds of the value: looks at once, and after each notification.
    ///
    /// # Errors
    ///
    /// Those of [`wait`](Self::wait). With [`LockError::OwnerDied`] the condition may hold still.
    pub fn wait_while<'a, T, H: MutexHolder>(
        &self,
        guard: MutexGuard<'a, T, H>,
        condition: impl FnMut(&T) -> bool,
    ) -> Locked<'a, T, H>
    where
        T: FromBytes + IntoBytes + Immutable,
    {
        self.wait_while_until(guard, condition, Deadline::Never)
    }

    /// Like [`wait_while`](Self::wait_while), but gives up at `deadline` with
    /// [`LockError::TimedOut`].
    ///
    /// It looks once more then, if the mutex is free. With an error but [`LockError::OwnerDied`] the
    /// mutex is not held any more.
    ///
    /// # Errors
    ///
    /// [`LockError::TimedOut`], and those of [`wait_while`](Self::wait_while).
    pub fn wait_while_until<'a, T, H: MutexHolder>(
        &self,
        mut guard: MutexGuard<'a, T, H>,
        mut condition: impl FnMut(&T) -> bool,
        deadline: Deadline,
    ) -> Locked<'a, T, H>
    where
        T: FromBytes + IntoBytes + Immutable,
    {
        let mutex = guard.parts();
        while condition(&guard.get()) {
            guard = match self.wait_until(guard, deadline) {
                Err(LockError::TimedOut) => {
                    let guard = mutex.lock_until(Deadline::NOW)?;
                    return match condition(&guard.get()) {
                        false => Ok(guard),
                        true => Err(LockError::TimedOut),
                    };
                }
                locked => locked?,
            };
            // Notifications that come all the time do not keep it here.
            if has_passed(deadline) {
                return match condition(&guard.get()) {
                    false => Ok(guard),
                    true => Err(LockError::TimedOut),
                };
            }
        }
        Ok(guard)
    }

    /// Wakes one of those who wait, if anybody does.
    #[doc(alias = "pthread_cond_signal")]
    #[inline]
    pub fn notify_one(&self) {
        if self.sleepers.are_there() {
            self.sleepers.wake_one();
        }
    }

    /// Wakes all who wait.
    #[doc(alias = "pthread_cond_broadcast")]
    #[inline]
    pub fn notify_all(&self) {
        if self.sleepers.are_there() {
            self.sleepers.wake_all();
        }
    }
}

/// Whether the deadline has passed, without a question where the answer is known.
fn has_passed(deadline: Deadline) -> bool {
    deadline != Deadline::Never && deadline.has_passed_by_call()
}

impl Default for Condvar {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: one atomic word, any value of which is a state.
unsafe impl Shared for Condvar {
    const SIZES: &'static [u8] = &[4];
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}
