//! [`PiMutex`]: a word by which the kernel lends priority to who holds it, and a value.

use core::fmt;

use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::super::mutex::{Locked, Parts};
use super::Thread;
use super::pi_thread::PiThread;
use super::pi_word::PiWord;
use crate::Deadline;
use crate::primitive::{Linked, Shared, Value, const_constructor};

/// A mutual exclusion lock on a value, in memory that processes share, with priority inheritance: a thread
/// that holds it runs with the priority of the most urgent thread that waits for it.
///
/// It is as [`robust::Mutex`](super::Mutex) in all else: locked by a [`Thread`], whose death with it is told to
/// the next holder at once, in 48 bytes and those of the value at a multiple of eight, unlocked when zeroed.
/// Its guard is the same, and a [`Condvar`](super::super::Condvar) takes it.
///
/// # Who gets it
///
/// The most urgent of those who wait, and of these who came first: the kernel passes it on, and nobody comes
/// between. That makes it slower than [`robust::Mutex`](super::Mutex) where several want it all the time. Who
/// waits sleeps at once, so that its priority is lent at once; only `nice` values of ordinary threads make no
/// order among those who wait.
///
/// Four processes that kept it for 20 µs each, again and again on two processors otherwise quiet
/// (`cargo bench --bench locks -- fairness`), had 24.9 to 25.1 % of the turns each, 25,000 in a second, and the
/// longest wait was 4 ms; at [`robust::Mutex`](super::Mutex), 24.3 to 26.4 %, 31,000 and 8 ms. Released at once
/// there were 62,000 turns, where that one has 7,700,000.
///
/// # Deadlocks
///
/// The kernel knows who waits for whom: a thread that would close a circle of threads that wait for each other's
/// `PiMutex`es is told [`LockError::Deadlock`](super::super::LockError::Deadlock), as is one that locks twice.
///
/// # What the word may hold
///
/// Who can write to the memory is trusted, as for [`robust::Mutex`](super::Mutex). What else may be in the
/// word causes no panic: a number that no thread has is
/// [`LockError::Kernel`](super::super::LockError::Kernel) with [`Errno::SRCH`](crate::Errno::SRCH), that of some other
/// thread, a wait until that one ends or until the deadline. Nobody looks again meanwhile, whatever the word holds
/// then.
///
/// # Examples
///
/// ```
/// use rawipc::memory::MapOptions;
/// use rawipc::sync::LockError;
/// use rawipc::sync::robust::{PiMutex, Thread};
///
/// let memory = MapOptions::shared(4096).map_anonymous()?;
/// let count = memory.object::<PiMutex<u64>>(0)?; // zeroed memory is an unlocked mutex
/// // SAFETY: this program's libc has the list; only it and its children have the memory, which stays.
/// let me = unsafe { Thread::with_libc()? };
/// match count.lock(&me) {
///     Ok(mut guard) => guard.update(|count| *count += 1),
///     Err(LockError::OwnerDied(mut guard)) => {
///         guard.set(&0); // repaired
///         guard.make_consistent();
///     }
///     Err(error) => return Err(rawipc::Errno::from(error).into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A value with a pointer in it means nothing to another process:
///
/// ```compile_fail,E0277
/// use rawipc::{memory::Mapping, sync::robust::PiMutex};
/// fn find(memory: &Mapping) {
///     memory.object::<PiMutex<&str>>(0).unwrap();
/// }
/// ```
///
/// A guard stays in the thread, and does not outlive it:
///
/// ```compile_fail,E0277
/// use rawipc::sync::{MutexGuard, robust::PiThread};
/// fn send<T: Send>() {}
/// send::<MutexGuard<'static, u64, PiThread>>();
/// ```
///
/// ```compile_fail,E0505
/// use rawipc::sync::robust::{PiMutex, Thread};
/// fn lock(mutex: &PiMutex<u64>, me: Thread) {
///     let guard = mutex.lock(&me).unwrap();
///     drop(me);
///     guard.get();
/// }
/// ```
#[doc(alias = "pthread_mutex_t")]
#[doc(alias = "PTHREAD_PRIO_INHERIT")]
#[doc(alias = "FUTEX_LOCK_PI2")]
#[repr(C)]
pub struct PiMutex<T> {
    lock: Linked<PiWord>,
    value: Value<T>,
}

// SAFETY: the words are atomics, any values of which are a state. The entry behind them is only used by a
// thread, whose maker vouches for all who can write it. Of the value only copies are made that allow for races.
unsafe impl<T: FromBytes + IntoBytes + Immutable> Shared for PiMutex<T> {}

impl<T> PiMutex<T> {
    const_constructor! {
        /// Creates an unlocked mutex that holds `value`: for memory of this process's own, which must stay
        /// where it is while the mutex is held.
        #[must_use]
        pub fn new(value: T) -> Self {
            Self {
                lock: Linked::new(PiWord::new()),
                value: Value::new(value),
            }
        }
    }
}

impl<T: FromBytes + IntoBytes + Immutable> PiMutex<T> {
    /// Locks the mutex for the calling thread, and blocks until that is possible.
    ///
    /// It goes on when it is interrupted.
    ///
    /// # Errors
    ///
    /// [`LockError::OwnerDied`](super::super::LockError::OwnerDied), which has the guard;
    /// [`LockError::NotRecoverable`](super::super::LockError::NotRecoverable);
    /// [`LockError::Deadlock`](super::super::LockError::Deadlock): this thread holds it, or waits, through others,
    /// for itself; [`LockError::Forked`](super::super::LockError::Forked);
    /// [`LockError::Kernel`](super::super::LockError::Kernel): the word does not hold what it should
    /// ([`Errno::SRCH`](crate::Errno::SRCH), [`Errno::INVAL`](crate::Errno::INVAL), [`Errno::PERM`](crate::Errno::PERM)),
    /// or the kernel lacks memory or these locks.
    #[doc(alias = "pthread_mutex_lock")]
    #[inline]
    pub fn lock<'a>(&'a self, me: &'a Thread) -> Locked<'a, T, PiThread> {
        self.lock_until(me, Deadline::Never)
    }

    /// Like [`lock`](Self::lock), but returns
    /// [`LockError::WouldBlock`](super::super::LockError::WouldBlock) instead of blocking.
    ///
    /// It makes a system call only to take the lock of who has died.
    ///
    /// # Errors
    ///
    /// [`LockError::WouldBlock`](super::super::LockError::WouldBlock), and those of [`lock`](Self::lock).
    #[doc(alias = "pthread_mutex_trylock")]
    #[inline]
    pub fn try_lock<'a>(&'a self, me: &'a Thread) -> Locked<'a, T, PiThread> {
        self.parts(me).try_lock()
    }

    /// Like [`lock`](Self::lock), but gives up at `deadline` with
    /// [`LockError::TimedOut`](super::super::LockError::TimedOut).
    ///
    /// Before Linux 5.14 the deadline comes later if somebody sets the clock back meanwhile
    /// (`CLOCK_REALTIME`), by as much.
    ///
    /// # Errors
    ///
    /// [`LockError::TimedOut`](super::super::LockError::TimedOut), and those of [`lock`](Self::lock).
    #[doc(alias = "pthread_mutex_timedlock")]
    #[doc(alias = "pthread_mutex_clocklock")]
    #[inline]
    pub fn lock_until<'a>(&'a self, me: &'a Thread, deadline: Deadline) -> Locked<'a, T, PiThread> {
        self.parts(me).lock_until(deadline)
    }

    #[inline(always)]
    fn parts<'a>(&'a self, me: &'a Thread) -> Parts<'a, T, PiThread> {
        Parts {
            lock: &self.lock,
            value: &self.value,
            me: me.inheriting(),
        }
    }
}

impl<T> fmt::Debug for PiMutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PiMutex")
            .field("owner", &self.lock.word().owner())
            .finish_non_exhaustive()
    }
}
