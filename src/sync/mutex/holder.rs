//! Who can hold a mutex, and how it takes and gives back the mutex's word.

use super::super::Holder;
use super::super::lock::{Halt, Left, RawLock};
use crate::Deadline;

/// Who can hold a mutex: a [`Member`](../members/struct.Member.html) of a region, or a
/// [`Thread`](robust/struct.Thread.html) of which the kernel knows the locks, as
/// [`PiThread`](robust/struct.PiThread.html) those with priority inheritance.
///
/// # Examples
///
/// Any guard of a mutex, whoever holds it:
///
/// ```
/// use rawipc::members::Region;
/// use rawipc::sync::{Mutex, MutexGuard, MutexHolder};
///
/// fn add<H: MutexHolder>(mut total: MutexGuard<'_, u64, H>, amount: u64) -> u64 {
///     total.update(|value| {
///         *value += amount;
///         *value
///     })
/// }
/// let region = Region::create(4096)?;
/// let memory = region.map()?;
/// let me = region.join()?;
/// let total = memory.object::<Mutex<u64>>(0)?;
/// let guard = total.lock(&me).map_err(rawipc::Errno::from)?;
/// assert_eq!(add(guard, 5), 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[allow(private_bounds, reason = "nobody else can be one")]
pub trait MutexHolder: sealed::MutexHolder {}

impl<H: Holder> MutexHolder for H {}

pub(crate) mod sealed {
    use super::{Deadline, Halt, Left};

    /// What a guard asks of who holds its mutex.
    pub(crate) trait MutexHolder {
        /// What it locks.
        type Lock;

        /// Returns whether this is the copy that a forked child has, which is nobody.
        fn is_copy(&self) -> bool;

        fn lock(&self, lock: &Self::Lock, deadline: Deadline) -> Result<Left, Halt>;

        fn unlock(&self, lock: &Self::Lock, left: Left);

        /// Gives the lock back so that nobody gets it any more.
        fn condemn(&self, lock: &Self::Lock);
    }
}

impl<H: Holder> sealed::MutexHolder for H {
    type Lock = RawLock;

    #[inline(always)]
    fn is_copy(&self) -> bool {
        super::super::owner::sealed::Holder::is_copy(self)
    }

    #[inline(always)]
    fn lock(&self, lock: &RawLock, deadline: Deadline) -> Result<Left, Halt> {
        lock.lock(self, deadline)
    }

    #[inline(always)]
    fn unlock(&self, lock: &RawLock, left: Left) {
        lock.unlock(self, left);
    }

    fn condemn(&self, lock: &RawLock) {
        lock.seal(self);
    }
}
