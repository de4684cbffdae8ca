//! Semaphore sets: `semget(2)`, `semop(2)`, `semctl(2)`.
//!
//! A set is up to [`Limits::per_set`] semaphores, each a value from 0 to [`MAX`]. One call
//! performs [`Operation`]s on several of them at once: all, or none until all are possible.
//! A change of values wakes exactly those whose operations it made possible.
//!
//! # When a process dies
//!
//! What it took is taken for ever, unless it did so with [`OperationFlags::UNDO`]: then the
//! kernel gives it back, however the process ended. The kernel keeps for each process the
//! negative sum of its `UNDO` operations on each semaphore, and adds it at the end, as far
//! as the value stays between 0 and [`MAX`]. Threads count as one process (with a
//! libc; the kernel's condition is `CLONE_SYSVSEM`); a child made by fork starts with
//! nothing to undo; a program that is executed inherits it. What one process takes with `UNDO` and
//! another gives back must be given back with `UNDO` as well, but is undone twice over:
//! `UNDO` is for locks that are released by those who took them.
//!
//! # Created, but not yet initialized
//!
//! `semget` creates a set and `semctl` gives it values, one after the other: who finds
//! a set by its key may find it in between. The classic way out: whoever created a
//! set performs an operation *after* it has values, and only operations, not
//! values, set the time of the last one, [`Status::last_operation`]. Who finds
//! the set waits until that is not `None`. [`establish`] does this, for both sides.
//!
//! A creator that dies in between leaves a set that will never be ready. The kernel does
//! not say who created a set, so that nobody can tell whether it died or is slow: after a
//! deadline of its choice the program must decide, and perhaps [remove](Set::remove) the
//! set and begin again.
//!
//! # Examples
//!
//! ```
//! use rawipc::Errno;
//! use rawipc::sysv::semaphore::{self, Operation};
//! use rawipc::sysv::{Create, Key};
//!
//! let forks = semaphore::create(Key::PRIVATE, 5, Create::NEW)?;
//! forks.initialize(&[1; 5])?;
//!
//! // A philosopher takes both forks or none; if it dies, they come back.
//! forks.operate(&[Operation::take(0).undo(), Operation::take(1).undo()])?;
//! let neighbour = [Operation::take(1).undo(), Operation::take(2).undo()];
//! assert_eq!(forks.try_operate(&neighbour), Err(Errno::AGAIN));
//! assert_eq!(forks.value(2), Ok(1));
//!
//! forks.operate(&[Operation::give(0).undo(), Operation::give(1).undo()])?;
//! forks.remove()?;
//! # Ok::<(), Errno>(())
//! ```
#![forbid(unsafe_code)]

use core::fmt;
use core::num::NonZero;
use core::ops::RangeInclusive;

use super::{Access, Create, Key, Permissions, backoff, moment, next_listed, process};
use crate::sys::sysv as sys;
use crate::wait::ready;
use crate::{Deadline, Errno, Pid, Result, Timespec};

pub use crate::sys::sysv::sembuf as Operation;

/// The largest value of a semaphore.
#[doc(alias = "SEMVMX")]
pub const MAX: u16 = 32767;

/// How many operations [`Set::try_operate`] copies, to mark them; 500 are the default limit.
const MARKED: usize = 32;

bitflags::bitflags! {
    /// How an [`Operation`] is performed.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct OperationFlags: i16 {
        /// Undo it when this process ends, see [the module](self#when-a-process-dies).
        const UNDO = sys::SEM_UNDO;
        /// If it is this operation that must wait, fail with [`Errno::AGAIN`] instead; the
        /// others wait. [`Set::try_operate`] waits for none.
        const NOWAIT = sys::IPC_NOWAIT as i16;

        const _ = !0;
    }
}

impl Operation {
    /// Takes 1 from the semaphore with this number, counted from 0: waits until
    /// its value is not 0.
    pub const fn take(semaphore: u16) -> Self {
        Self::raw(semaphore, -1)
    }

    /// Gives 1 to a semaphore; never waits.
    pub const fn give(semaphore: u16) -> Self {
        Self::raw(semaphore, 1)
    }

    /// Waits until the value is 0, and changes nothing.
    pub const fn await_zero(semaphore: u16) -> Self {
        Self::raw(semaphore, 0)
    }

    /// Adds to the value what is positive, at once; subtracts what is negative, when the
    /// value is so large.
    pub const fn change(semaphore: u16, by: NonZero<i16>) -> Self {
        Self::raw(semaphore, by.get())
    }

    /// With flags, those it has as well.
    pub const fn flags(mut self, flags: OperationFlags) -> Self {
        self.sem_flg |= flags.bits();
        self
    }

    /// With [`OperationFlags::UNDO`].
    pub const fn undo(self) -> Self {
        self.flags(OperationFlags::UNDO)
    }

    const fn raw(sem_num: u16, sem_op: i16) -> Self {
        Self {
            sem_num,
            sem_op,
            sem_flg: 0,
        }
    }

    const fn waits(&self) -> bool {
        self.sem_flg & OperationFlags::NOWAIT.bits() == 0
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation")
            .field("semaphore", &self.sem_num)
            .field("change", &self.sem_op)
            .field("flags", &OperationFlags::from_bits_retain(self.sem_flg))
            .finish()
    }
}

/// A semaphore set, by its identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Set(i32);

/// Creates a set of `count` semaphores, each 0: `semget(2)`.
///
/// It stays until it is [removed](Set::remove). Give it values by
/// [`Set::initialize`] if others find it by its key, or use [`establish`].
///
/// # Errors
///
/// [`Errno::EXIST`]: the key is taken. [`Errno::INVAL`]: none, or more than
/// [`Limits::per_set`]; or taken ([`Create::or_open`]) by a set of fewer.
/// [`Errno::ACCESS`]: taken, and its permissions are not as `mode` asks.
/// [`Errno::NOSPC`]: there are [`Limits::sets`] sets, or all together would have more
/// than [`Limits::semaphores`]. [`Errno::NOMEM`]: no memory.
/// [`Errno::NOSYS`]: a kernel without System V IPC.
#[doc(alias = "semget")]
pub fn create(key: Key, count: usize, create: Create) -> Result<Set> {
    let count = i32::try_from(count).map_err(|_| Errno::INVAL)?;
    sys::semget(key.as_raw(), count, create.flags()).map(Set)
}

/// Finds the set with a key, perhaps before it is initialized: `semget(2)`.
/// [`Set::await_initialized`] waits.
///
/// # Errors
///
/// [`Errno::NOENT`]: there is none; always for [`Key::PRIVATE`].
#[doc(alias = "semget")]
pub fn open(key: Key) -> Result<Set> {
    sys::semget(key.existing()?, 0, 0).map(Set)
}

/// Finds the set with a key, initialized; if there is none, creates it with these
/// values. However many processes do so at the same time, one creates it, and none sees
/// other values. [As of old](self#created-but-not-yet-initialized).
///
/// Whether it is exclusive, `create` need not say. A set that is found may
/// have more semaphores than there are values, and any values.
///
/// # Errors
///
/// [`Errno::TIMEDOUT`]: it was created, and not initialized until the deadline.
/// [`Errno::INVAL`]: it has
/// fewer semaphores than there are values, or none shall be created.
/// [`Errno::RANGE`]: a value is above [`MAX`]; then nothing is left behind.
/// [`Errno::ACCESS`]: somebody else's, without permission to read.
/// Else as [`create`](create()).
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use rawipc::Deadline;
/// use rawipc::sysv::{Create, Key, semaphore};
///
/// let key = Key::from_path("/proc/self/exe", b's')?;
/// let limit = Deadline::after(Duration::from_secs(5));
/// let ours = semaphore::establish(key, &[1, 10], Create::NEW, limit)?;
/// let theirs = semaphore::establish(key, &[1, 10], Create::NEW, limit)?;
/// assert_eq!(ours, theirs);
/// ours.remove()?;
/// # Ok::<(), rawipc::Errno>(())
/// ```
pub fn establish(key: Key, values: &[u16], create: Create, deadline: Deadline) -> Result<Set> {
    let exclusive = Create {
        exclusive: true,
        ..create
    };
    loop {
        let found = match self::create(key, values.len(), exclusive) {
            Ok(set) => match set.initialize(values) {
                Err(errno) if !is_removed(errno) => {
                    // Nobody has used it: who found it sees it removed.
                    let _ = set.remove();
                    return Err(errno);
                }
                result => result.map(|()| set),
            },
            Err(Errno::EXIST) => match sys::semget(key.as_raw(), values.len() as i32, 0) {
                // Removed since; any other error is about the set that is there.
                Err(Errno::NOENT) => Err(Errno::IDRM),
                result => {
                    let set = Set(result?);
                    set.await_initialized(deadline).map(|()| set)
                }
            },
            Err(errno) => return Err(errno),
        };
        match found {
            Err(errno) if is_removed(errno) => {}
            result => return result,
        }
        if deadline.has_passed() {
            return Err(Errno::TIMEDOUT);
        }
    }
}

/// Whether a set that was there has been removed: its identifier is known to be that, or
/// not known any more.
fn is_removed(errno: Errno) -> bool {
    matches!(errno, Errno::INVAL | Errno::IDRM)
}

impl Set {
    /// The set with an identifier that was received; whether there is one shows when it
    /// is used.
    #[must_use]
    pub const fn from_id(id: i32) -> Self {
        Self(id)
    }

    /// The identifier, which is the same for all processes (of one IPC namespace).
    #[must_use]
    pub const fn id(self) -> i32 {
        self.0
    }

    /// Gives all semaphores their first values and says so to those who
    /// [wait for it](Self::await_initialized): `semctl(2)` with `SETALL`, `semop(2)`.
    ///
    /// For the one process that created it, once.
    ///
    /// # Errors
    ///
    /// As [`set_values`](Self::set_values).
    pub fn initialize(self, values: &[u16]) -> Result<()> {
        self.set_values(values)?;
        // Operations that leave the value as it is. Whoever waited may have changed it by
        // now, so that in no order are they possible for certain without waiting for others.
        let (give, take) = (Operation::give(0), Operation::take(0));
        loop {
            match self.try_operate(&[give, take]) {
                Err(Errno::RANGE) => {}
                result => return result,
            }
            match self.try_operate(&[take, give]) {
                Err(Errno::AGAIN) => {}
                result => return result,
            }
        }
    }

    /// Waits until the process that created the set has
    /// [initialized](Self::initialize) it. The kernel tells nobody: this asks again, after
    /// 100, 200, 400 and so on, at most 8,000 microseconds; no signal ends it.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: the deadline passed. [`Errno::IDRM`]: it was removed meanwhile.
    /// [`Errno::ACCESS`]: no permission to read.
    pub fn await_initialized(self, deadline: Deadline) -> Result<()> {
        let mut backoff = backoff(deadline);
        let mut removed = Errno::INVAL;
        loop {
            match self.status() {
                Ok(status) if status.last_operation.is_some() => return Ok(()),
                Ok(_) => {}
                // Once it was there, it can only have been removed.
                Err(Errno::INVAL) => return Err(removed),
                Err(errno) => return Err(errno),
            }
            removed = Errno::IDRM;
            backoff.pause()?;
        }
    }

    /// Performs operations, in order, all at once, waiting until all are possible: `semop(2)`.
    ///
    /// # Errors
    ///
    /// [`Errno::IDRM`]: the set was removed meanwhile. [`Errno::INTR`]: it was
    /// [interrupted](crate#interruptions). [`Errno::AGAIN`]: one with
    /// [`OperationFlags::NOWAIT`] is not possible.
    /// [`Errno::FBIG`]: there is no semaphore with such a number. [`Errno::RANGE`]: a value
    /// would be above [`MAX`]; or what is to be undone when this process ends, of all its
    /// operations on a semaphore together, would be beyond an `i16`.
    /// [`Errno::TOOBIG`]: more than [`Limits::operations`].
    /// [`Errno::INVAL`]: none; no such set. [`Errno::ACCESS`]: no permission.
    /// [`Errno::NOMEM`], [`Errno::NOSPC`]: no memory, to undo them among others.
    /// In all cases nothing was done.
    #[doc(alias = "semop")]
    #[inline]
    pub fn operate(self, operations: &[Operation]) -> Result<()> {
        sys::semop(self.0, operations)
    }

    /// As [`operate`](Self::operate), if all are possible now.
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

    /// As [`operate`](Self::operate), until the deadline: `semtimedop(2)`.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: the deadline passed. Else as [`operate`](Self::operate).
    #[doc(alias = "semtimedop")]
    pub fn operate_until(self, operations: &[Operation], deadline: Deadline) -> Result<()> {
        let attempt = || match deadline.timeout() {
            Some(timeout) => sys::semtimedop(self.0, operations, &timeout),
            None => self.operate(operations),
        };
        match ready::until(deadline, attempt) {
            // It can be either.
            Err(Errno::AGAIN) if deadline == Deadline::Never => Err(Errno::AGAIN),
            Err(Errno::AGAIN) if operations.iter().all(Operation::waits) => Err(Errno::TIMEDOUT),
            Err(Errno::AGAIN) if deadline.has_passed() => Err(Errno::TIMEDOUT),
            result => result,
        }
    }

    /// The value of a semaphore: `semctl(2)` with `GETVAL`.
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

    /// How many threads wait for a semaphore's value to grow: `semctl(2)` with `GETNCNT`.
    ///
    /// # Errors
    ///
    /// As [`value`](Self::value).
    #[doc(alias = "GETNCNT")]
    pub fn increase_waiters(self, semaphore: u16) -> Result<u32> {
        sys::sem_get(self.0, semaphore, sys::SemGet::IncreaseWaiters).map(i32::unsigned_abs)
    }

    /// How many threads wait for a semaphore's value to be 0: `semctl(2)` with `GETZCNT`.
    ///
    /// # Errors
    ///
    /// As [`value`](Self::value).
    #[doc(alias = "GETZCNT")]
    pub fn zero_waiters(self, semaphore: u16) -> Result<u32> {
        sys::sem_get(self.0, semaphore, sys::SemGet::ZeroWaiters).map(i32::unsigned_abs)
    }

    /// Which process last performed an operation on a semaphore, waiting for 0 included, set
    /// its value, or died and had something undone: `semctl(2)` with `GETPID`.
    ///
    /// # Errors
    ///
    /// As [`value`](Self::value).
    #[doc(alias = "GETPID")]
    pub fn last_process(self, semaphore: u16) -> Result<Option<Pid>> {
        sys::sem_get(self.0, semaphore, sys::SemGet::Pid).map(process)
    }

    /// Sets the value of a semaphore; nothing that was done to it before is undone any
    /// more, by whichever process: `semctl(2)` with `SETVAL`.
    ///
    /// Wakes those who can go on. Does not set [`Status::last_operation`].
    ///
    /// # Errors
    ///
    /// [`Errno::RANGE`]: above [`MAX`]. Else as [`value`](Self::value), but for the
    /// permission to write.
    #[doc(alias = "SETVAL")]
    pub fn set_value(self, semaphore: u16, value: u16) -> Result<()> {
        sys::sem_set_value(self.0, semaphore, value)
    }

    /// The values of all semaphores at one moment, as the beginning of `buffer`:
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

    /// Sets the values of all semaphores at once: `semctl(2)` with `SETALL`. As
    /// [`set_value`](Self::set_value).
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: the set has another number of semaphores; no such set.
    /// [`Errno::RANGE`]: a value is above [`MAX`]; nothing changes. [`Errno::IDRM`]: the set was
    /// removed. [`Errno::ACCESS`]: no permission to read and write. [`Errno::NOMEM`]: no
    /// memory.
    #[doc(alias = "SETALL")]
    pub fn set_values(self, values: &[u16]) -> Result<()> {
        if values.len() != self.status()?.count {
            return Err(Errno::INVAL);
        }
        sys::sem_set_all(self.0, values).map_err(another_set)
    }

    /// What the kernel knows of the set: `semctl(2)` with `IPC_STAT`.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`], [`Errno::IDRM`]: no such set. [`Errno::ACCESS`]: no permission to
    /// read.
    #[doc(alias = "IPC_STAT")]
    pub fn status(self) -> Result<Status> {
        sys::sem_stat(self.0).map(|raw| Status::from(&raw))
    }

    /// Changes who may use it: `semctl(2)` with `IPC_SET`.
    ///
    /// # Errors
    ///
    /// [`Errno::PERM`]: neither the owner's nor the creator's process.
    /// [`Errno::INVAL`], [`Errno::IDRM`]: no such set; no such user.
    #[doc(alias = "IPC_SET")]
    pub fn set(self, access: Access) -> Result<()> {
        sys::sem_set(self.0, access.owner, access.group, access.mode.bits())
    }

    /// Removes it; who waits gets [`Errno::IDRM`]: `semctl(2)` with `IPC_RMID`.
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

/// What the kernel knows of a set: `struct semid64_ds`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "semid_ds")]
pub struct Status {
    /// Whose it is.
    pub permissions: Permissions,
    /// How many semaphores it has.
    #[doc(alias = "sem_nsems")]
    pub count: usize,
    /// When an operation was performed last, in seconds since 1970; `None`: never, so
    /// that the set is perhaps not yet [initialized](Set::initialize).
    #[doc(alias = "sem_otime")]
    pub last_operation: Option<i64>,
    /// When it was created, [set](Set::set), or given values last, in seconds since 1970.
    #[doc(alias = "sem_ctime")]
    pub changed: i64,
}

impl From<&sys::semid64_ds> for Status {
    fn from(raw: &sys::semid64_ds) -> Self {
        Self {
            permissions: Permissions::from(&raw.sem_perm),
            count: raw.sem_nsems as usize,
            last_operation: moment(raw.sem_otime),
            changed: raw.sem_ctime,
        }
    }
}

/// The system's limits of semaphores, of this IPC namespace.
///
/// All are numbers of `/proc/sys/kernel/sem`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "seminfo")]
pub struct Limits {
    /// How many semaphores a set has at most: the first number, at first 32,000.
    #[doc(alias = "semmsl")]
    pub per_set: usize,
    /// How many semaphores all sets have at most: the second number, at first
    /// 1,024,000,000.
    #[doc(alias = "semmns")]
    pub semaphores: usize,
    /// How many operations one call performs at most: the third number, at first 500.
    #[doc(alias = "semopm")]
    pub operations: usize,
    /// How many sets there are at most: the fourth number, at first 32,000.
    #[doc(alias = "semmni")]
    pub sets: usize,
    /// The largest value: [`MAX`].
    #[doc(alias = "semvmx")]
    pub value: u16,
}

/// The system's limits: `semctl(2)` with `IPC_INFO`.
///
/// # Errors
///
/// [`Errno::NOSYS`]: a kernel without System V IPC.
#[doc(alias = "IPC_INFO")]
pub fn limits() -> Result<Limits> {
    let info = sys::sem_limits()?;
    Ok(Limits {
        per_set: info.semmsl as usize,
        semaphores: info.semmns as usize,
        operations: info.semopm as usize,
        sets: info.semmni as usize,
        value: info.semvmx as u16,
    })
}

/// What all sets of this IPC namespace have together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Usage {
    /// How many sets there are.
    pub sets: usize,
    /// How many semaphores these have.
    pub semaphores: usize,
}

/// What is in use: `semctl(2)` with `SEM_INFO`.
///
/// # Errors
///
/// [`Errno::NOSYS`]: a kernel without System V IPC.
#[doc(alias = "SEM_INFO")]
pub fn usage() -> Result<Usage> {
    let (info, _) = sys::sem_usage()?;
    Ok(Usage {
        sets: info.semusz as usize,
        semaphores: info.semaem as usize,
    })
}

/// All sets of this IPC namespace, whosoever they are: `semctl(2)` with `SEM_STAT_ANY`,
/// since Linux 4.17 (before, none).
///
/// What is created or removed meanwhile may be among them or not.
///
/// # Errors
///
/// [`Errno::NOSYS`]: a kernel without System V IPC.
#[doc(alias = "SEM_STAT_ANY")]
#[doc(alias = "ipcs")]
pub fn list() -> Result<List> {
    let (_, highest) = sys::sem_usage()?;
    Ok(List(0..=highest))
}

/// The sets that [`list`] found; an error where the kernel refuses to tell.
#[derive(Clone, Debug)]
pub struct List(RangeInclusive<i32>);

impl Iterator for List {
    type Item = Result<(Set, Status)>;

    fn next(&mut self) -> Option<Self::Item> {
        next_listed(&mut self.0, |index| {
            let (id, raw) = sys::sem_stat_any(index)?;
            Ok((Set(id), Status::from(&raw)))
        })
    }
}
