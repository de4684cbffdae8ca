//! [`Set`]: its values, and operations on them.
#![forbid(unsafe_code)]

use super::operation::{Operation, OperationFlags};
use super::status::Status;
use crate::sys::sysv as sys;
use crate::sysv::create::Create;
use crate::sysv::key::Key;
use crate::sysv::list::{identifier, process};
use crate::sysv::permissions::Access;
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::wait::ready;
use crate::{Deadline, Errno, Pid, Result, Timespec};

/// How many operations [`Set::try_operate`] copies to mark them; the default limit is 500.
const MARKED: usize = 32;

/// A semaphore set, by its identifier.
///
/// # Examples
///
/// ```
/// use rawipc::sysv::semaphore::{self, Operation};
/// use rawipc::sysv::{Create, Key};
///
/// let set = semaphore::create(Key::PRIVATE, 2, Create::NEW)?;
/// set.initialize(&[1, 0])?;
/// // Both at once, or neither.
/// set.operate(&[Operation::decrement(0), Operation::increment(1)])?;
/// assert_eq!((set.value(0)?, set.value(1)?), (0, 1));
/// set.remove()?;
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Set(pub(super) i32);

identifier!(Set, "set");

/// Creates a set of `count` semaphores with value 0: `semget(2)`.
///
/// It stays until it is [removed](Set::remove). Give it values by
/// [`Set::initialize`] if others find it by its key, or use [`open_or_create`](super::open_or_create).
///
/// # Errors
///
/// [`Errno::EXIST`]: the key is taken. [`Errno::INVAL`]: none, or more than
/// [`Limits::per_set`](super::Limits::per_set); or taken ([`Create::or_open`]) by a set of fewer.
/// [`Errno::ACCESS`]: taken, and its permissions are not as `mode` asks.
/// [`Errno::NOSPC`]: there are [`Limits::sets`](super::Limits::sets) sets, or all together would have more
/// than [`Limits::semaphores`](super::Limits::semaphores). [`Errno::NOMEM`]: no memory.
/// [`Errno::NOSYS`]: a kernel without System V IPC.
#[doc(alias = "semget")]
pub fn create(key: Key, count: usize, create: Create) -> Result<Set> {
    let count = i32::try_from(count).map_err(|_| Errno::INVAL)?;
    sys::semget(key.as_raw(), count, create.flags()).map(Set)
}

/// Opens the set with a key, initialized or not: `semget(2)`. [`Set::wait_initialized`]
/// waits for that.
///
/// # Errors
///
/// [`Errno::NOENT`]: there is none; always for [`Key::PRIVATE`].
#[doc(alias = "semget")]
pub fn open(key: Key) -> Result<Set> {
    sys::semget(key.existing()?, 0, 0).map(Set)
}

impl Set {
    /// Performs all operations at once, in their order, waiting until all are possible:
    /// `semop(2)`.
    ///
    /// # Errors
    ///
    /// [`Errno::IDRM`]: the set was removed meanwhile. [`Errno::INTR`]: it was
    /// [interrupted](crate#interruptions). [`Errno::AGAIN`]: one with
    /// [`OperationFlags::NOWAIT`] is not possible.
    /// [`Errno::FBIG`]: there is no semaphore with such a number. [`Errno::RANGE`]: a value
    /// would be above [`MAX`](super::MAX); or what is to be undone when this process ends, of all its
    /// operations on a semaphore together, would be beyond an `i16`.
    /// [`Errno::TOOBIG`]: more than [`Limits::operations`](super::Limits::operations).
    /// [`Errno::INVAL`]: none; no such set. [`Errno::ACCESS`]: no permission.
    /// [`Errno::NOMEM`], [`Errno::NOSPC`]: no memory, to undo them among others.
    /// In all cases nothing was done.
    #[doc(alias = "semop")]
    #[inline]
    pub fn operate(self, operations: &[Operation]) -> Result<()> {
        self.operate_with(operations, Blocking)
    }

    /// Like [`operate`](Self::operate), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// The kernel takes this as a mark on each operation: so many as 32 are copied to be
    /// marked. More are performed with a time limit of nothing, which takes some
    /// 50 microseconds where they are not possible.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: not all are possible. Else as [`operate`](Self::operate).
    #[doc(alias = "IPC_NOWAIT")]
    pub fn try_operate(self, operations: &[Operation]) -> Result<()> {
        self.operate_with(operations, Try)
    }

    /// Like [`operate`](Self::operate), but gives up at `deadline` with [`Errno::TIMEDOUT`]:
    /// `semtimedop(2)`.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: the deadline passed. Else as [`operate`](Self::operate).
    #[doc(alias = "semtimedop")]
    pub fn operate_until(self, operations: &[Operation], deadline: Deadline) -> Result<()> {
        self.operate_with(operations, Until(deadline))
    }

    #[inline(always)]
    fn operate_with(self, operations: &[Operation], patience: Patience) -> Result<()> {
        match patience {
            Blocking | Until(Deadline::Never) => sys::semop(self.0, operations),
            Try => self.operate_now(operations),
            Until(deadline) => self.operate_before(operations, deadline),
        }
    }

    /// Marks a copy of the operations, where it is not too long.
    fn operate_now(self, operations: &[Operation]) -> Result<()> {
        let mut marked = [Operation::default(); MARKED];
        let Some(marked) = marked.get_mut(..operations.len()) else {
            let at_once = Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            };
            return ready::uninterrupted(|| sys::semtimedop(self.0, operations, &at_once));
        };
        for (marked, operation) in marked.iter_mut().zip(operations) {
            *marked = operation.flags(OperationFlags::NOWAIT);
        }
        sys::semop(self.0, marked)
    }

    fn operate_before(self, operations: &[Operation], deadline: Deadline) -> Result<()> {
        let attempt = || match deadline.timeout() {
            Some(timeout) => sys::semtimedop(self.0, operations, &timeout),
            None => sys::semop(self.0, operations),
        };
        match ready::until(deadline, attempt) {
            // It can be either.
            Err(Errno::AGAIN) if operations.iter().all(Operation::waits) => Err(Errno::TIMEDOUT),
            Err(Errno::AGAIN) if deadline.has_passed() => Err(Errno::TIMEDOUT),
            result => result,
        }
    }

    /// Returns the value of a semaphore: `semctl(2)` with `GETVAL`.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: there is no semaphore with such a number; no such set.
    /// [`Errno::IDRM`]: the set was removed. [`Errno::ACCESS`]: no permission to read.
    #[doc(alias = "semctl")]
    #[doc(alias = "GETVAL")]
    pub fn value(self, semaphore: u16) -> Result<u16> {
        // From 0 to 32767.
        sys::sem_get(self.0, semaphore, sys::SemGet::Value).map(|value| value as u16)
    }

    /// Returns how many threads wait for a semaphore's value to grow: `semctl(2)` with
    /// `GETNCNT`.
    ///
    /// # Errors
    ///
    /// As [`value`](Self::value).
    #[doc(alias = "GETNCNT")]
    pub fn increase_waiters(self, semaphore: u16) -> Result<u32> {
        sys::sem_get(self.0, semaphore, sys::SemGet::IncreaseWaiters).map(i32::unsigned_abs)
    }

    /// Returns how many threads wait for a semaphore's value to be 0: `semctl(2)` with
    /// `GETZCNT`.
    ///
    /// # Errors
    ///
    /// As [`value`](Self::value).
    #[doc(alias = "GETZCNT")]
    pub fn zero_waiters(self, semaphore: u16) -> Result<u32> {
        sys::sem_get(self.0, semaphore, sys::SemGet::ZeroWaiters).map(i32::unsigned_abs)
    }

    /// Returns the process that last changed a semaphore or performed an operation on it:
    /// `semctl(2)` with `GETPID`.
    ///
    /// That includes waiting for 0, setting its value, and an undone operation of a process
    /// that died.
    ///
    /// # Errors
    ///
    /// As [`value`](Self::value).
    #[doc(alias = "GETPID")]
    pub fn last_process(self, semaphore: u16) -> Result<Option<Pid>> {
        sys::sem_get(self.0, semaphore, sys::SemGet::Pid).map(process)
    }

    /// Sets the value of a semaphore: `semctl(2)` with `SETVAL`. No earlier operation on it
    /// is undone any more, by whichever process.
    ///
    /// Wakes those who can go on. Does not set [`Status::last_operation`].
    ///
    /// # Errors
    ///
    /// [`Errno::RANGE`]: above [`MAX`](super::MAX). Else as [`value`](Self::value), but for the
    /// permission to write.
    #[doc(alias = "SETVAL")]
    pub fn set_value(self, semaphore: u16, value: u16) -> Result<()> {
        sys::sem_set_value(self.0, semaphore, value)
    }

    /// Returns the values of all semaphores at one moment, in the beginning of `buffer`:
    /// `semctl(2)` with `GETALL`.
    ///
    /// The kernel is not told how long the buffer is. As the set could be another by
    /// now, the values come through memory that is mapped for the purpose.
    ///
    /// # Errors
    ///
    /// [`Errno::TOOBIG`]: the set has more semaphores than fit. [`Errno::INVAL`],
    /// [`Errno::IDRM`]: no such set. [`Errno::ACCESS`]: no permission to read.
    /// [`Errno::NOMEM`]: no memory.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::sysv::{Create, Key, semaphore};
    ///
    /// let set = semaphore::create(Key::PRIVATE, 3, Create::NEW)?;
    /// set.set_values(&[5, 0, 7])?;
    /// assert_eq!(set.values(&mut [0; 8])?, [5, 0, 7]);
    /// # set.remove()?;
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    #[doc(alias = "GETALL")]
    pub fn values(self, buffer: &mut [u16]) -> Result<&mut [u16]> {
        let count = self.status()?.count;
        let values = buffer.get_mut(..count).ok_or(Errno::TOOBIG)?;
        sys::sem_get_all(self.0, values).map_err(another_set)?;
        Ok(values)
    }

    /// Sets the values of all semaphores at once, as [`set_value`](Self::set_value) does:
    /// `semctl(2)` with `SETALL`.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: the set has another number of semaphores; no such set.
    /// [`Errno::RANGE`]: a value is above [`MAX`](super::MAX); nothing changes. [`Errno::IDRM`]: the set was
    /// removed. [`Errno::ACCESS`]: no permission to read and write. [`Errno::NOMEM`]: no
    /// memory.
    #[doc(alias = "SETALL")]
    pub fn set_values(self, values: &[u16]) -> Result<()> {
        if values.len() != self.status()?.count {
            return Err(Errno::INVAL);
        }
        sys::sem_set_all(self.0, values).map_err(another_set)
    }

    /// Returns the kernel's status of the set: `semctl(2)` with `IPC_STAT`.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`], [`Errno::IDRM`]: no such set. [`Errno::ACCESS`]: no permission to
    /// read.
    #[doc(alias = "IPC_STAT")]
    pub fn status(self) -> Result<Status> {
        sys::sem_stat(self.0).map(|raw| Status::from(&raw))
    }

    /// Changes owner, group and mode: `semctl(2)` with `IPC_SET`.
    ///
    /// # Errors
    ///
    /// [`Errno::PERM`]: neither the owner's nor the creator's process.
    /// [`Errno::INVAL`], [`Errno::IDRM`]: no such set; no such user.
    #[doc(alias = "IPC_SET")]
    pub fn set(self, access: Access) -> Result<()> {
        sys::sem_set(self.0, access.owner, access.group, access.mode.bits())
    }

    /// Removes the set: `semctl(2)` with `IPC_RMID`. Whoever waits gets [`Errno::IDRM`].
    ///
    /// # Errors
    ///
    /// [`Errno::PERM`]: neither the owner's nor the creator's process.
    /// [`Errno::INVAL`], [`Errno::IDRM`]: no such set.
    #[doc(alias = "IPC_RMID")]
    pub fn remove(self) -> Result<()> {
        sys::sem_remove(self.0)
    }
}

/// A set with an unexpected number of semaphores is not the one that was looked at.
fn another_set(errno: Errno) -> Errno {
    if errno == Errno::FAULT {
        Errno::IDRM
    } else {
        errno
    }
}
