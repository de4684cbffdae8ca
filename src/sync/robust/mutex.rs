//! [`Mutex`]: a word of which the kernel knows who holds it, and a value.

use core::fmt;

use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::super::lock::RawLock;
use super::super::mutex::{Locked, Parts};
use super::Thread;
use crate::Deadline;
use crate::primitive::{Linked, Shared, Value, const_constructor};

/// A mutual exclusion lock on a value, in memory that processes share, whose next holder is told at once when
/// a [`Thread`] dies with it.
///
/// It lies in any [`Mapping`](../../memory/struct.Mapping.html), at a multiple of eight, in 48 bytes and those of
/// the value. Zeroed memory is an unlocked mutex. Its guard is that of [`sync::Mutex`](super::super::Mutex), and
/// a [`Condvar`](super::super::Condvar) takes either.
///
/// What a death does, and who must be trusted: see the [module](super).
///
/// A value with a pointer in it means nothing to another process, and a guard does not outlive its thread:
///
/// ```compile_fail,E0277
/// use rawipc::{memory::Mapping, sync::robust::Mutex};
/// fn find(memory: &Mapping) {
///     memory.object::<Mutex<&str>>(0).unwrap();
/// }
/// ```
///
/// ```compile_fail,E0505
/// use rawipc::sync::robust::{Mutex, Thread};
/// fn lock(mutex: &Mutex<u64>, me: Thread) {
///     let guard = mutex.lock(&me).unwrap();
///     drop(me);
///     guard.get();
/// }
/// ```
#[doc(alias = "pthread_mutex_t")]
#[doc(alias = "PTHREAD_MUTEX_ROBUST")]
#[repr(C)]
pub struct Mutex<T> {
    lock: Linked<RawLock>,
    value: Value<T>,
}

// SAFETY: the lock is atomics, any values of which are a state. The entry behind it is only used by a
// thread, whose maker vouches for all who can write it. Of the value only copies are made that allow for races.
unsafe impl<T: FromBytes + IntoBytes + Immutable> Shared for Mutex<T> {}

impl<T> Mutex<T> {
    const_constructor! {
        /// Creates an unlocked mutex that holds `value`: for memory of this process's own, which must stay
        /// where it is while the mutex is held.
        #[must_use]
        pub fn new(value: T) -> Self {
            Self {
                lock: Linked::new(RawLock::new()),
                value: Value::new(value),
            }
        }
    }
}

impl<T: FromBytes + IntoBytes + Immutable> Mutex<T> {
    /// Locks the mutex for the calling thread, and blocks until that is possible.
    ///
    /// It goes on when it is interrupted, and looks again every [`RECHECK`](super::super::RECHECK).
    ///
    /// # Errors
    ///
    /// [`LockError::OwnerDied`](super::super::LockError::OwnerDied), which has the guard;
    /// [`LockError::NotRecoverable`](super::super::LockError::NotRecoverable);
    /// [`LockError::Deadlock`](super::super::LockError::Deadlock): this thread holds it, or one of the same number in another
    /// PID namespace; [`LockError::Forked`](super::super::LockError::Forked);
    /// [`LockError::Kernel`](super::super::LockError::Kernel).
    #[doc(alias = "pthread_mutex_lock")]
    #[inline]
    pub fn lock<'a>(&'a self, me: &'a Thread) -> Locked<'a, T, Thread> {
        self.lock_until(me, Deadline::Never)
    }

    /// Like [`lock`](Self::lock), but returns
    /// [`LockError::WouldBlock`](super::super::LockError::WouldBlock) instead of blocking. No system call.
    ///
    /// # Errors
    ///
    /// [`LockError::WouldBlock`](super::super::LockError::WouldBlock), and those of [`lock`](Self::lock).
    #[doc(alias = "pthread_mutex_trylock")]
    #[inline]
    pub fn try_lock<'a>(&'a self, me: &'a Thread) -> Locked<'a, T, Thread> {
        self.parts(me).try_lock()
    }

    /// Like [`lock`](Self::lock), but gives up at `deadline` with
    /// [`LockError::TimedOut`](super::super::LockError::TimedOut).
    ///
    /// # Errors
    ///
    /// [`LockError::TimedOut`](super::super::LockError::TimedOut), and those of [`lock`](Self::lock).
    #[doc(alias = "pthread_mutex_timedlock")]
    #[doc(alias = "pthread_mutex_clocklock")]
    #[inline]
    pub fn lock_until<'a>(&'a self, me: &'a Thread, deadline: Deadline) -> Locked<'a, T, Thread> {
        self.parts(me).lock_until(deadline)
    }

    #[inline(always)]
    fn parts<'a>(&'a self, me: &'a Thread) -> Parts<'a, T, Thread> {
        Parts {
            lock: &self.lock,
            value: &self.value,
            me,
        }
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex")
            .field("owner", &self.lock.word().owner())
            .finish_non_exhaustive()
    }
}
