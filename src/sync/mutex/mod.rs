//! A mutex that survives the death of who holds it.

mod guard;
pub(in crate::sync) mod holder;

use core::fmt;

use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::Holder;
use super::lock::RawLock;
use crate::Deadline;
use crate::primitive::{Shared, Value, const_constructor};

pub use guard::MutexGuard;
pub(super) use guard::{Locked, Parts};
pub use holder::MutexHolder;

/// A mutual exclusion lock on a value, in memory that processes share, that survives the death of
/// its holder.
///
/// It lies in any [`Mapping`](../memory/struct.Mapping.html): of a memfd, a file, a POSIX or System
/// V shared memory, or an anonymous one. Zeroed memory is an unlocked mutex; nobody initializes or
/// destroys it.
///
/// # Who locks
///
/// A [`Member`](../members/struct.Member.html) of a region, which all who use the mutex join: by it
/// they know who of them lives. A member is for one thread, so that a thread which locks twice is
/// told [`LockError::Deadlock`](super::LockError::Deadlock) instead of waiting for itself.
///
/// # Who goes first
///
/// Whoever comes when it is free: a release wakes the one that has slept longest, and one that comes before
/// that one runs is faster. Four processes that kept it for 20 µs each, again and again on two processors
/// otherwise quiet (`cargo bench --bench locks -- fairness`), had 24 to 26 % of the turns each, and the longest
/// wait was 11 ms; at glibc's mutex, 23 to 27 % and 56 ms. Released at once, 22 to 28 % and 9 ms; at glibc's, 21
/// to 28 % and 22 ms. Nothing bounds the wait.
///
/// # When a process is killed
///
/// At any instruction within any call: nobody waits for it. If it held the lock, the next one gets
/// it as [`LockError::OwnerDied`](super::LockError::OwnerDied), and can repair the value before it calls
/// [`make_consistent`](MutexGuard::make_consistent). Who comes after the death gets it at once; who
/// slept already, within [`RECHECK`](super::RECHECK). That counts from the end of the process's memory,
/// which a core dump puts off. A holder that is stopped is waited for.
///
/// A panic is no death: where it unwinds, the guard is dropped, and the next one is told of nothing.
///
/// # A hostile peer
///
/// can keep the lock, hold it together with others and write any bytes into the value: who can write
/// to the memory is trusted with what the value means, and with nothing else. It can cause no panic
/// and no access outside; a call with a deadline ends by then. So the guard hands out copies of the
/// value, and references only to who vouches for all peers ([`MutexGuard::get_mut`]).
///
/// # Which values
///
/// Those that are plain bytes, any of which are valid: integers, arrays of them, and structures that
/// derive zerocopy's traits. Large ones are copied as a whole: a `Mutex<()>` can guard what lies
/// beside it.
///
/// # Examples
///
/// ```
/// use rawipc::members::Region;
/// use rawipc::sync::{LockError, Mutex};
///
/// let region = Region::create(4096)?; // others open its descriptor, or find it by a name
/// let memory = region.map()?;
/// let me = region.join()?;
///
/// let balance = memory.object::<Mutex<[u64; 2]>>(0)?; // of two accounts
/// let mut guard = match balance.lock(&me) {
///     Ok(guard) => guard,
///     Err(LockError::OwnerDied(mut guard)) => {
///         guard.set(&[0, 0]); // repair it
///         guard.make_consistent();
///         guard
///     }
///     Err(error) => return Err(rawipc::Errno::from(error).into()),
/// };
/// guard.update(|[from, to]| {
///     *from = from.wrapping_sub(10);
///     *to = to.wrapping_add(10);
/// });
/// drop(guard);
///
/// assert_eq!(balance.lock(&me).unwrap().get()[1], 10);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A value with a pointer in it means nothing to another process:
///
/// ```compile_fail,E0277
/// use rawipc::{memory::Mapping, sync::Mutex};
/// fn find(memory: &Mapping) {
///     memory.object::<Mutex<&str>>(0).unwrap();
/// }
/// ```
///
/// ```compile_fail,E0277
/// use rawipc::{memory::Mapping, sync::Mutex};
/// fn find(memory: &Mapping) {
///     memory.object::<Mutex<Vec<u8>>>(0).unwrap();
/// }
/// ```
///
/// A guard does not outlive the memory, nor the member that holds the lock:
///
/// ```compile_fail,E0505
/// use rawipc::members::Region;
/// use rawipc::sync::Mutex;
/// let region = Region::create(4096).unwrap();
/// let (memory, me) = (region.map().unwrap(), region.join().unwrap());
/// let guard = memory.object::<Mutex<u64>>(0).unwrap().lock(&me).unwrap();
/// drop(memory);
/// guard.get();
/// ```
///
/// ```compile_fail,E0505
/// use rawipc::members::Region;
/// use rawipc::sync::Mutex;
/// let region = Region::create(4096).unwrap();
/// let (memory, me) = (region.map().unwrap(), region.join().unwrap());
/// let guard = memory.object::<Mutex<u64>>(0).unwrap().lock(&me).unwrap();
/// drop(me);
/// guard.get();
/// ```
#[doc(alias = "pthread_mutex_t")]
#[doc(alias = "PTHREAD_MUTEX_ROBUST")]
#[repr(C)]
pub struct Mutex<T> {
    lock: RawLock,
    value: Value<T>,
}

// SAFETY: the lock is atomics, any values of which are a state. Of the value, any bytes of which
// are one, only copies are made that allow for races, but for who vouches for all others.
unsafe impl<T: FromBytes + IntoBytes + Immutable> Shared for Mutex<T> {}

impl<T> Mutex<T> {
    const_constructor! {
        /// Creates an unlocked mutex that holds `value`: for memory of this process's own.
        #[must_use]
        pub fn new(value: T) -> Self {
            Self {
                lock: RawLock::new(),
                value: Value::new(value),
            }
        }
    }
}

impl<T: FromBytes + IntoBytes + Immutable> Mutex<T> {
    /// Locks the mutex for `me`, and blocks until that is possible.
    ///
    /// It goes on when it is interrupted, and looks again every [`RECHECK`](super::RECHECK).
    ///
    /// # Errors
    ///
    /// [`LockError::OwnerDied`](super::LockError::OwnerDied), which has the guard; [`LockError::NotRecoverable`](super::LockError::NotRecoverable);
    /// [`LockError::Deadlock`](super::LockError::Deadlock); [`LockError::Forked`](super::LockError::Forked); [`LockError::Kernel`](super::LockError::Kernel).
    #[doc(alias = "pthread_mutex_lock")]
    #[inline]
    pub fn lock<'a, H: Holder>(&'a self, me: &'a H) -> Locked<'a, T, H> {
        self.lock_until(me, Deadline::Never)
    }

    /// Like [`lock`](Self::lock), but returns [`LockError::WouldBlock`](super::LockError::WouldBlock) instead of blocking.
    ///
    /// It asks the kernel whether the holder lives, if there is one.
    ///
    /// # Errors
    ///
    /// [`LockError::WouldBlock`](super::LockError::WouldBlock), and those of [`lock`](Self::lock).
    #[doc(alias = "pthread_mutex_trylock")]
    #[inline]
    pub fn try_lock<'a, H: Holder>(&'a self, me: &'a H) -> Locked<'a, T, H> {
        self.parts(me).try_lock()
    }

    /// Like [`lock`](Self::lock), but gives up at `deadline` with [`LockError::TimedOut`](super::LockError::TimedOut).
    ///
    /// A lock that is free is taken however late it is.
    ///
    /// # Errors
    ///
    /// [`LockError::TimedOut`](super::LockError::TimedOut), and those of [`lock`](Self::lock).
    #[doc(alias = "pthread_mutex_timedlock")]
    #[doc(alias = "pthread_mutex_clocklock")]
    #[inline]
    pub fn lock_until<'a, H: Holder>(&'a self, me: &'a H, deadline: Deadline) -> Locked<'a, T, H> {
        self.parts(me).lock_until(deadline)
    }

    #[inline(always)]
    fn parts<'a, H: Holder>(&'a self, me: &'a H) -> Parts<'a, T, H> {
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
            .field("owner", &self.lock.owner())
            .finish_non_exhaustive()
    }
}
