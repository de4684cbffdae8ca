//! A lock for many readers or one writer that survives the death of any of them.

mod guard;
mod prefer;
mod raw;

use core::fmt;
use core::marker::PhantomData;

use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::lock::{CHANGES_PER_LOOK, Halt, Held, Left, RawLock};
use super::slot::{Slot, Slots};
use super::{Holder, LockError};
use crate::Deadline;
use crate::primitive::{AtomicU32, Shared, Value, fence_behind_change};

pub use guard::{RwLockReadGuard, RwLockWriteGuard};
pub use prefer::{PreferReaders, PreferWriters, Preference};

use guard::Hold;

/// Where one reader shows itself.
type ReaderSlot = Slot<false>;

/// A lock on a value, for many readers at a time or one writer, in memory that processes share, that
/// survives the death of any of them.
///
/// It lies in any [`Mapping`](../memory/struct.Mapping.html), aligned to 64 bytes; zeroed memory is
/// one that nobody holds. Who takes it is a [`Member`](../members/struct.Member.html) of a region, as for
/// a [`Mutex`](super::Mutex). A member that holds it, either way, is told [`LockError::Deadlock`] when it
/// takes it again.
///
/// # Readers
///
/// Each reader writes its number into a cache line of its own, so that readers do not slow each other
/// down, and a dead one is known by its number. `READERS` members of the region have such a line, of 64
/// bytes: those who joined while fewer than that many others were there. The others read as if they
/// wrote: one at a time and beside nobody else, so that readers wait for them, too, and their death is told
/// like that of a writer. Choose `READERS` for all who read at the same time.
///
/// With 32 of them the lock takes 2,112 bytes and the value, rounded up to 64: where something lies behind it,
/// count with `size_of`.
///
/// # Who goes first
///
/// [`PreferWriters`]: once a writer waits, no further reader comes in. [`PreferReaders`]: readers wait
/// only for a writer that writes, or just tries to, and a stream of them can keep writers out for ever.
/// It is the writers that differ: all who use one lock should name the same preference; nobody is harmed
/// if they do not.
///
/// Four processes that take it again and again, on two processors otherwise quiet
/// (`cargo bench --bench locks -- fairness`), for about a second each; what share of all turns one had, and the
/// longest wait of any:
///
/// | preferred | kept for | 3 readers each | 1 writer | 1 reader | 3 writers each |
/// |---|---|---|---|---|---|
/// | writers | no time | 18 to 42 %, 12 ms | 16 %, 6 ms | 0.2 %, 10 ms | 23 to 41 %, 8 ms |
/// | readers | no time | 22 to 46 %, 9 ms | 6 %, 60 ms | 4 %, 9 ms | 26 to 36 %, 8 ms |
/// | writers | 20 µs | 19 to 37 %, 9 ms | 19 %, 1 ms | 7 %, 10 ms | 29 to 34 %, 9 ms |
/// | readers | 20 µs | 25 to 50 %, 0.2 ms | **0.00 %, 1 s** | 20 %, 8 ms | 25 to 28 %, 8 ms |
///
/// So preferred readers that stay starve a writer; preferred writers leave a reader a small share.
///
/// # When a process is killed
///
/// At any instruction within any call: nobody waits for it. A dead reader keeps no writer out: who
/// slept already goes on within [`RECHECK`](super::RECHECK). After a dead writer, or one that waited
/// for readers already, all who take the lock are told [`LockError::OwnerDied`], with their guard,
/// until a writer calls [`make_consistent`](RwLockWriteGuard::make_consistent); so they are after the death
/// of a reader without a line. Who is stopped is waited for.
///
/// # A hostile peer
///
/// can keep the lock, hold it together with others and write any bytes into the value, as that of a
/// [`Mutex`](super::Mutex). It can cause no panic and no access outside; a call with a deadline ends by
/// then.
///
/// # Which values
///
/// As for a [`Mutex`](super::Mutex): plain bytes, any of which are valid.
///
/// # Examples
///
/// ```
/// use rawipc::members::Region;
/// use rawipc::sync::{LockError, RwLock};
///
/// let region = Region::create(4096)?; // others open its descriptor, or find it by a name
/// let memory = region.map()?;
/// let me = region.join()?;
///
/// let limits = memory.object::<RwLock<[u64; 2]>>(0)?;
/// match limits.write(&me) {
///     Ok(mut guard) => guard.set(&[1, 2]),
///     Err(LockError::OwnerDied(mut guard)) => {
///         guard.set(&[0, 0]); // repair it
///         guard.make_consistent();
///     }
///     Err(error) => return Err(rawipc::Errno::from(error).into()),
/// }
///
/// let guard = limits.read(&me).unwrap();
/// assert_eq!(guard.get(), [1, 2]);
/// # drop(guard);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A value with a pointer in it means nothing to another process:
///
/// ```compile_fail,E0277
/// use rawipc::{memory::Mapping, sync::RwLock};
/// fn find(memory: &Mapping) {
///     memory.object::<RwLock<&str>>(0).unwrap();
/// }
/// ```
///
/// A guard does not outlive the memory:
///
/// ```compile_fail,E0505
/// use rawipc::members::Region;
/// use rawipc::sync::RwLock;
/// let region = Region::create(4096).unwrap();
/// let (memory, me) = (region.map().unwrap(), region.join().unwrap());
/// let guard = memory.object::<RwLock<u64>>(0).unwrap().read(&me).unwrap();
/// drop(memory);
/// guard.get();
/// ```
#[doc(alias = "pthread_rwlock_t")]
#[repr(C)]
pub struct RwLock<T, P = PreferWriters, const READERS: usize = 32> {
    /// Held by a writer, also one that waits for readers.
    lock: RawLock,
    /// How many of the slots anybody has ever been in.
    used: AtomicU32,
    value: Value<T>,
    slots: [ReaderSlot; READERS],
    prefers: PhantomData<fn() -> P>,
}

// SAFETY: atomics, any values of which are a state. Of the value, any bytes of which are one, only
// copies are made that allow for races, but for who vouches for all others.
unsafe impl<T, P, const READERS: usize> Shared for RwLock<T, P, READERS>
where
    T: FromBytes + IntoBytes + Immutable,
    P: Preference,
{
}

impl<T, P: Preference, const READERS: usize> RwLock<T, P, READERS> {
    /// Creates a lock that nobody holds, on `value`: for memory of this process's own.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self {
            lock: RawLock::new(),
            used: AtomicU32::new(0),
            value: Value::new(value),
            slots: core::array::from_fn(|_| Slot::new()),
            prefers: PhantomData,
        }
    }

    #[inline(always)]
    fn slots(&self) -> Slots<'_, false> {
        Slots {
            used: &self.used,
            all: &self.slots,
        }
    }

    /// The slots that anybody has been in. After a fence that comes after the lock was taken.
    #[inline(always)]
    fn slots_in_use(&self) -> &[ReaderSlot] {
        self.slots().in_use()
    }

    /// Shows a reader, and lets it in if there is no writer.
    #[inline(always)]
    fn enter(
        &self,
        me: &impl Holder,
        place: usize,
        slot: &ReaderSlot,
    ) -> Result<Result<Left, Held>, Halt> {
        self.slots().enter((place, slot), me.number())?;
        // [D1]: pairs with [D2] in `drained` and `between_readers`. Each side shows itself before it
        // looks: of a reader and a writer at least one sees the other, and the reader gives way.
        fence_behind_change();
        let looked = self.lock.free();
        if looked.is_err() {
            slot.leave(me);
        }
        Ok(looked)
    }

    /// Takes the lock for reading, until the deadline.
    #[inline(always)]
    fn take_to_read<'a>(&'a self, me: &impl Holder, deadline: Deadline) -> Result<Hold<'a>, Halt> {
        if me.is_copy() {
            return Err(Halt::Forked);
        }
        let Some((place, slot)) = self.slots().of(me) else {
            return Ok(Hold::Lock(&self.lock, self.lock.lock(me, deadline)?));
        };
        let left = match self.enter(me, place, slot)? {
            Ok(left) => left,
            Err(held) => self.wait_to_read(me, (place, slot), held, deadline)?,
        };
        Ok(Hold::Slot(slot, left))
    }

    #[cold]
    #[inline(never)]
    fn wait_to_read(
        &self,
        me: &impl Holder,
        (place, slot): (usize, &ReaderSlot),
        mut held: Held,
        deadline: Deadline,
    ) -> Result<Left, Halt> {
        let (mut looks, mut passes, mut end) = (0, 0_u32, None);
        loop {
            match self.lock.outwait(me, held, &mut looks, deadline) {
                Ok(()) => {}
                // The lock is taken however late it is, if it is free now.
                Err(halt @ (Halt::TimedOut | Halt::Kernel(_))) => end = Some(halt),
                Err(halt) => return Err(halt),
            }
            let looked = match self.lock.free() {
                Ok(_) => self.enter(me, place, slot)?,
                held => held,
            };
            held = match looked {
                Ok(left) => return Ok(left),
                Err(held) => held,
            };
            if let Some(halt) = end {
                return Err(halt);
            }
            passes = passes.wrapping_add(1);
            // Somebody may change it all the time.
            if passes.is_multiple_of(CHANGES_PER_LOOK) && deadline.has_passed_by_call() {
                return Err(Halt::TimedOut);
            }
        }
    }

    /// Takes the lock for writing, until the deadline.
    #[inline(always)]
    fn take_to_write(&self, me: &impl Holder, deadline: Deadline) -> Result<Left, Halt> {
        if me.is_copy() {
            return Err(Halt::Forked);
        }
        // Before another writer is waited for, who waits for this reader.
        if self
            .slots()
            .of(me)
            .is_some_and(|(_, slot)| slot.is_of(me.number()))
        {
            return Err(Halt::Deadlock);
        }
        match P::READERS_FIRST {
            false => self.drained(me, deadline),
            true => self.between_readers(me, deadline),
        }
    }

    /// Keeps out readers, and waits for those who are there.
    #[inline(always)]
    fn drained(&self, me: &impl Holder, deadline: Deadline) -> Result<Left, Halt> {
        let left = self.lock.lock(me, deadline)?;
        // [D2]: pairs with [D1] in `enter`.
        fence_behind_change();
        for slot in self.slots_in_use() {
            if let Err(halt) = slot.await_idle(me, deadline) {
                self.lock.unlock_for_all(me, left);
                return Err(halt);
            }
        }
        Ok(left)
    }

    /// Waits until there are no readers, and keeps out those who come then.
    fn between_readers(&self, me: &impl Holder, deadline: Deadline) -> Result<Left, Halt> {
        // One that reads without a slot.
        if self.lock.owner() == me.number() {
            return Err(Halt::Deadlock);
        }
        let mut passes = 0_u32;
        loop {
            for slot in self.slots_in_use() {
                slot.await_idle(me, deadline)?;
            }
            let left = self.lock.lock(me, deadline)?;
            // [D2]: pairs with [D1] in `enter`.
            fence_behind_change();
            if self.slots_in_use().iter().all(Slot::is_idle) {
                return Ok(left);
            }
            // One was faster.
            self.lock.unlock_for_all(me, left);
            passes = passes.wrapping_add(1);
            if passes.is_multiple_of(CHANGES_PER_LOOK) && deadline.has_passed_by_call() {
                return Err(Halt::TimedOut);
            }
        }
    }
}

/// What taking a lock to read comes to.
type Read<'a, T, H> = Result<RwLockReadGuard<'a, T, H>, LockError<RwLockReadGuard<'a, T, H>>>;

/// What taking a lock to write comes to.
type Written<'a, T, H> = Result<RwLockWriteGuard<'a, T, H>, LockError<RwLockWriteGuard<'a, T, H>>>;

impl<T, P, const READERS: usize> RwLock<T, P, READERS>
where
    T: FromBytes + IntoBytes + Immutable,
    P: Preference,
{
    /// Takes the lock for reading, and blocks while somebody writes, or reads without a line.
    ///
    /// It goes on when it is interrupted, and looks again every [`RECHECK`](super::RECHECK).
    ///
    /// # Errors
    ///
    /// [`LockError::OwnerDied`], which has the guard; [`LockError::NotRecoverable`];
    /// [`LockError::Deadlock`]; [`LockError::Forked`]; [`LockError::Kernel`].
    #[doc(alias = "pthread_rwlock_rdlock")]
    #[inline]
    pub fn read<'a, H: Holder>(&'a self, me: &'a H) -> Read<'a, T, H> {
        self.read_until(me, Deadline::Never)
    }

    /// Like [`read`](Self::read), but returns [`LockError::WouldBlock`] instead of blocking: also where
    /// somebody just tries to write.
    ///
    /// # Errors
    ///
    /// [`LockError::WouldBlock`], and those of [`read`](Self::read).
    #[doc(alias = "pthread_rwlock_tryrdlock")]
    #[inline]
    pub fn try_read<'a, H: Holder>(&'a self, me: &'a H) -> Read<'a, T, H> {
        match self.take_to_read(me, Deadline::NOW) {
            Err(Halt::TimedOut) => Err(LockError::WouldBlock),
            taken => self.read_by(me, taken),
        }
    }

    /// Like [`read`](Self::read), but gives up at `deadline` with [`LockError::TimedOut`].
    ///
    /// A lock that is free is taken however late it is.
    ///
    /// # Errors
    ///
    /// [`LockError::TimedOut`], and those of [`read`](Self::read).
    #[doc(alias = "pthread_rwlock_timedrdlock")]
    #[doc(alias = "pthread_rwlock_clockrdlock")]
    #[inline]
    pub fn read_until<'a, H: Holder>(&'a self, me: &'a H, deadline: Deadline) -> Read<'a, T, H> {
        self.read_by(me, self.take_to_read(me, deadline))
    }

    #[inline(always)]
    fn read_by<'a, H: Holder>(
        &'a self,
        me: &'a H,
        taken: Result<Hold<'a>, Halt>,
    ) -> Read<'a, T, H> {
        let hold = taken?;
        let left = hold.left();
        let guard = RwLockReadGuard::new(&self.value, hold, me);
        match left {
            Left::Consistent => Ok(guard),
            Left::Inconsistent => Err(LockError::OwnerDied(guard)),
        }
    }

    /// Takes the lock for writing, and blocks while somebody else reads or writes.
    ///
    /// It goes on when it is interrupted, and looks again every [`RECHECK`](super::RECHECK).
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read).
    #[doc(alias = "pthread_rwlock_wrlock")]
    #[inline]
    pub fn write<'a, H: Holder>(&'a self, me: &'a H) -> Written<'a, T, H> {
        self.write_until(me, Deadline::Never)
    }

    /// Like [`write`](Self::write), but returns [`LockError::WouldBlock`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`LockError::WouldBlock`], and those of [`read`](Self::read).
    #[doc(alias = "pthread_rwlock_trywrlock")]
    #[inline]
    pub fn try_write<'a, H: Holder>(&'a self, me: &'a H) -> Written<'a, T, H> {
        match self.take_to_write(me, Deadline::NOW) {
            Err(Halt::TimedOut) => Err(LockError::WouldBlock),
            taken => self.written_by(me, taken),
        }
    }

    /// Like [`write`](Self::write), but gives up at `deadline` with [`LockError::TimedOut`].
    ///
    /// A lock that is free is taken however late it is.
    ///
    /// # Errors
    ///
    /// [`LockError::TimedOut`], and those of [`read`](Self::read).
    #[doc(alias = "pthread_rwlock_timedwrlock")]
    #[doc(alias = "pthread_rwlock_clockwrlock")]
    #[inline]
    pub fn write_until<'a, H: Holder>(
        &'a self,
        me: &'a H,
        deadline: Deadline,
    ) -> Written<'a, T, H> {
        self.written_by(me, self.take_to_write(me, deadline))
    }

    #[inline(always)]
    fn written_by<'a, H: Holder>(
        &'a self,
        me: &'a H,
        taken: Result<Left, Halt>,
    ) -> Written<'a, T, H> {
        let left = taken?;
        let guard = RwLockWriteGuard::new(&self.lock, &self.value, me, left);
        match left {
            Left::Consistent => Ok(guard),
            Left::Inconsistent => Err(LockError::OwnerDied(guard)),
        }
    }
}

impl<T, P: Preference, const READERS: usize> fmt::Debug for RwLock<T, P, READERS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let readers = self
            .slots_in_use()
            .iter()
            .filter(|slot| !slot.is_idle())
            .count();
        f.debug_struct("RwLock")
            .field("writer", &self.lock.owner())
            .field("readers", &readers)
            .finish_non_exhaustive()
    }
}
