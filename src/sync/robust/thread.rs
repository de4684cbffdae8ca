//! [`Thread`]: the calling thread, as who holds locks of which the kernel knows.

use super::super::lock::{Halt, Left, RawLock};
use super::super::mutex::MutexHolder;
use super::super::mutex::holder::sealed;
use super::super::owner::{Owner, sealed as owner};
use super::list::ThreadList;
use super::pi_thread::PiThread;
use crate::primitive::{Linked, List, StoreLoad};
use crate::{Deadline, Result};

/// The bit by which the kernel knows that somebody sleeps at a word.
const WAITERS: u32 = 1 << 31;

/// The calling thread, as who holds mutexes of which the kernel knows: [`Mutex`](super::Mutex) and
/// [`PiMutex`](super::PiMutex).
///
/// It stays in the thread that made it, and so do the guards:
///
/// ```compile_fail,E0277
/// use rawipc::sync::robust::Thread;
/// fn send<T: Send>() {}
/// send::<Thread>();
/// ```
///
/// ```compile_fail,E0277
/// use rawipc::sync::{MutexGuard, robust::Thread};
/// fn send<T: Send>() {}
/// send::<MutexGuard<'static, u64, Thread>>();
/// ```
///
/// In a forked child it is nobody: locks are refused with [`LockError::Forked`](super::super::LockError), and
/// guards do nothing. The child can make one of its own.
#[derive(Debug)]
pub struct Thread {
    thread: PiThread,
    store_load: StoreLoad,
}

impl Thread {
    /// Enters the list of robust mutexes that glibc or musl keeps for the calling thread, so that its
    /// mutexes and these live in one list.
    ///
    /// # Errors
    ///
    /// [`Errno::NOENT`](crate::Errno::NOENT): there is no list yet. glibc makes one for each thread when that
    /// begins, musl when the thread first locks a robust mutex of its own.
    /// [`Errno::NOTSUP`](crate::Errno::NOTSUP): the libc keeps its entries where this machine cannot, as
    /// musl's on riscv64.
    ///
    /// # Safety
    ///
    /// - A libc with which this program is linked keeps the thread's list.
    /// - Nobody, in this process or another, writes to a mutex that this thread locks but through that
    ///   mutex: the entries of the list lie in it, and to hold it is to follow them. So whoever can write to the
    ///   memory is trusted.
    /// - All who lock one of these mutexes are in one PID namespace.
    /// - The memory of a mutex stays mapped, where it is, and is used for nothing else as long as the mutex is
    ///   held, and a guard that is forgotten holds it until the thread ends.
    #[doc(alias = "get_robust_list")]
    pub unsafe fn with_libc() -> Result<Self> {
        // SAFETY: the caller's promise.
        unsafe { List::of_libc() }.map(Self::of)
    }

    /// Gives the calling thread a list of its own.
    ///
    /// The list ends with this, or with the thread if a guard was forgotten.
    ///
    /// # Errors
    ///
    /// [`Errno::BUSY`](crate::Errno::BUSY): the thread has a list, a libc's or one made here.
    ///
    /// # Safety
    ///
    /// - No libc gives the thread a list as long as this is there; musl would do so later.
    /// - The rest as for [`with_libc`](Self::with_libc).
    #[doc(alias = "set_robust_list")]
    pub unsafe fn without_libc() -> Result<Self> {
        // SAFETY: the caller's promise.
        unsafe { List::own() }.map(Self::of)
    }

    fn of(list: List) -> Self {
        Self {
            thread: PiThread::of(list),
            store_load: StoreLoad::register(),
        }
    }

    /// Returns the number of the thread in its PID namespace, by which mutexes know it.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.list().number
    }

    /// The thread, as who holds locks of the other kind.
    #[inline(always)]
    pub(super) fn inheriting(&self) -> &PiThread {
        &self.thread
    }

    #[inline(always)]
    fn list(&self) -> &ThreadList {
        self.thread.list()
    }
}

impl MutexHolder for Thread {}

impl sealed::MutexHolder for Thread {
    type Lock = Linked<RawLock>;

    #[inline(always)]
    fn is_copy(&self) -> bool {
        self.list().is_copy()
    }

    #[inline(always)]
    fn lock(&self, lock: &Linked<RawLock>, deadline: Deadline) -> Result<Left, Halt> {
        self.list().take(lock, |word| word.lock(self, deadline))
    }

    #[inline(always)]
    fn unlock(&self, lock: &Linked<RawLock>, left: Left) {
        self.list().release(lock, |word| word.unlock(self, left));
    }

    fn condemn(&self, lock: &Linked<RawLock>) {
        self.list().release(lock, |word| word.seal(self));
    }
}

impl Owner for Thread {
    #[inline(always)]
    fn number(&self) -> u32 {
        self.list().number
    }

    /// The kernel takes away the number of a thread that has died.
    fn alive(&self, _number: u32) -> bool {
        true
    }
}

impl owner::Holder for Thread {
    const MARK: u32 = WAITERS;

    #[inline(always)]
    fn store_load(&self) -> StoreLoad {
        self.store_load
    }

    #[inline(always)]
    fn is_copy(&self) -> bool {
        self.list().is_copy()
    }

    fn place(&self) -> Option<usize> {
        None
    }
}
