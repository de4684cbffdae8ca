//! A value that is read without waiting, whoever dies while it writes.

mod guard;

use core::fmt;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::lock::RawLock;
use super::{Holder, LockError};
use crate::primitive::{AtomicU64, RacingValue, Shared, fence, pause};
use crate::{Deadline, Errno, Result};

pub use guard::SeqLockWriteGuard;

/// A value in memory that processes share, which readers copy without waiting for anybody.
///
/// It lies in any [`Mapping`](../memory/struct.Mapping.html); zeroed memory is a value all bytes of
/// which are zero. There is room for two: a writer fills the one that is not current, and makes it
/// current. Writers take turns, as at a [`Mutex`](super::Mutex); who writes is a
/// [`Member`](../members/struct.Member.html) of a region. To read needs no member, writes nothing
/// (but the memory must be mapped to be written, as for any lock), makes no system call, and is allowed in a signal handler.
///
/// # When a process is killed
///
/// At any instruction within any call: the value is the last one that was written, and whole. A dead
/// writer keeps neither readers out nor writers: a writer who comes gets in at once, and one who slept
/// already within [`RECHECK`](super::RECHECK). A stopped writer keeps out writers only.
///
/// # A hostile peer
///
/// can write any bytes into the value, and keep other writers out until their deadlines. While it
/// publishes all the time, [`read`](Self::read) goes on; [`try_read`](Self::try_read) returns.
///
/// # Which values
///
/// As for a [`Mutex`](super::Mutex): plain bytes, any of which are valid. They are copied as a whole.
/// A reader begins again only if a value was published while it copied one.
///
/// # Examples
///
/// ```
/// use rawipc::members::Region;
/// use rawipc::sync::SeqLock;
///
/// let region = Region::create(4096)?; // others open its descriptor, or find it by a name
/// let memory = region.map()?;
/// let me = region.join()?;
///
/// let position = memory.object::<SeqLock<[f64; 3]>>(0)?;
/// position.write(&me)?.set(&[1.0, 2.0, 3.0]);
/// assert_eq!(position.read(), [1.0, 2.0, 3.0]); // another process, usually
///
/// position.write(&me)?.update(|[x, ..]| *x += 1.0);
/// assert_eq!(position.read(), [2.0, 2.0, 3.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A value with a pointer in it means nothing to another process:
///
/// ```compile_fail,E0277
/// use rawipc::{memory::Mapping, sync::SeqLock};
/// fn find(memory: &Mapping) {
///     memory.object::<SeqLock<&str>>(0).unwrap();
/// }
/// ```
///
/// A guard does not outlive the memory:
///
/// ```compile_fail,E0505
/// use rawipc::members::Region;
/// use rawipc::sync::SeqLock;
/// let region = Region::create(4096).unwrap();
/// let (memory, me) = (region.map().unwrap(), region.join().unwrap());
/// let mut guard = memory.object::<SeqLock<u64>>(0).unwrap().write(&me).unwrap();
/// drop(memory);
/// guard.set(&1);
/// ```
#[doc(alias = "seqcount")]
#[repr(C)]
pub struct SeqLock<T> {
    /// Held by a writer.
    lock: RawLock,
    /// How many values were published; by its last bit, which of the two is current.
    published: AtomicU64,
    values: [RacingValue<T>; 2],
}

// SAFETY: atomics, any values of which are a state. Of the values, any bytes of which are one, only
// copies are made that allow for races.
unsafe impl<T: FromBytes + IntoBytes + Immutable> Shared for SeqLock<T> {}

impl<T: FromBytes + IntoBytes + Immutable> SeqLock<T> {
    /// Creates one that holds `value`: for memory of this process's own.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self {
            lock: RawLock::new(),
            published: AtomicU64::new(0),
            values: [RacingValue::new(value), RacingValue::new(T::new_zeroed())],
        }
    }

    /// The place of the value that is the current one after so many were published.
    #[inline(always)]
    fn value(&self, published: u64) -> &RacingValue<T> {
        &self.values[(published & 1) as usize]
    }

    /// Copies the current value; returns `None` if another one was published meanwhile.
    #[inline(always)]
    fn look(&self) -> Option<T> {
        // Acquire [A5]: pairs with [R5] in `publish`: the value is there.
        let published = self.published.load(Acquire);
        let value = self.value(published).read();
        // Acquire [F2]: pairs with [F1] in `publish`. If anything of the value is of one that was
        // written over it, the number that was published before that is seen.
        fence(Acquire);
        (self.published.load(Relaxed) == published).then_some(value)
    }

    /// Makes `value` the current one, for who holds the lock.
    #[inline(always)]
    fn publish(&self, value: &T) {
        // Relaxed: who holds the lock has seen what was published under it.
        let published = self.published.load(Relaxed).wrapping_add(1);
        // Release [F1]: pairs with [F2] in `look`: the last number is out before a reader of the
        // value before that one sees anything of this one.
        fence(Release);
        self.value(published).write(value);
        // Release [R5]: pairs with [A5] in `look`.
        self.published.store(published, Release);
    }

    /// Returns a copy of the value, the last one that was published.
    ///
    /// It waits for nobody, but begins again if another value was published while it copied one.
    #[inline]
    #[must_use]
    pub fn read(&self) -> T {
        loop {
            if let Some(value) = self.look() {
                return value;
            }
            pause();
        }
    }

    /// Like [`read`](Self::read), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// It copies the value once, and never begins again.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: another value was published while this one was copied.
    #[inline]
    pub fn try_read(&self) -> Result<T> {
        self.look().ok_or(Errno::AGAIN)
    }

    /// Takes its turn to write, and blocks while another writer has its turn.
    ///
    /// It goes on when it is interrupted, and looks again every [`RECHECK`](super::RECHECK).
    ///
    /// # Errors
    ///
    /// [`Errno::DEADLK`]: this member has its turn already. [`Errno::PERM`]: the member is that of the
    /// process that this one was forked from. [`Errno::NOTRECOVERABLE`]: a hostile peer keeps all
    /// writers out. What the kernel says where it refuses to let anybody sleep.
    #[inline]
    pub fn write<'a, H: Holder>(&'a self, me: &'a H) -> Result<SeqLockWriteGuard<'a, T, H>> {
        self.write_until(me, Deadline::Never)
    }

    /// Like [`write`](Self::write), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`], and those of [`write`](Self::write).
    #[inline]
    pub fn try_write<'a, H: Holder>(&'a self, me: &'a H) -> Result<SeqLockWriteGuard<'a, T, H>> {
        match self.write_until(me, Deadline::NOW) {
            Err(Errno::TIMEDOUT) => Err(Errno::AGAIN),
            taken => taken,
        }
    }

    /// Like [`write`](Self::write), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// A turn that nobody has is taken however late it is.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`], and those of [`write`](Self::write).
    #[inline]
    pub fn write_until<'a, H: Holder>(
        &'a self,
        me: &'a H,
        deadline: Deadline,
    ) -> Result<SeqLockWriteGuard<'a, T, H>> {
        match self.lock.lock(me, deadline) {
            // A writer that died has left a whole value: there is nothing to repair.
            Ok(_) => Ok(SeqLockWriteGuard::new(self, me)),
            Err(halt) => Err(LockError::<()>::from(halt).into()),
        }
    }
}

impl<T> fmt::Debug for SeqLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeqLock")
            .field("writer", &self.lock.owner())
            .field("published", &self.published.load(Relaxed))
            .finish_non_exhaustive()
    }
}
