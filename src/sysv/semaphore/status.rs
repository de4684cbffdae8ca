//! What the kernel knows of sets, of each and of all.
#![forbid(unsafe_code)]

#[cfg(doc)]
use crate::Errno;
use crate::Result;
use crate::sys::sysv as sys;
use crate::sysv::list::moment;
use crate::sysv::permissions::Permissions;

/// The kernel's status of a set: `struct semid64_ds`.
///
/// # Examples
///
/// ```
/// use rawipc::sysv::{Create, Key, semaphore};
///
/// let set = semaphore::create(Key::PRIVATE, 3, Create::NEW)?;
/// let status = set.status()?;
/// assert_eq!((status.count, status.last_operation), (3, None)); // not initialized yet
/// set.initialize(&[1, 1, 1])?;
/// assert!(set.status()?.last_operation.is_some());
/// set.remove()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "semid_ds")]
pub struct Status {
    /// Its owner, creator and mode.
    pub permissions: Permissions,
    /// How many semaphores it has.
    #[doc(alias = "sem_nsems")]
    pub count: usize,
    /// When an operation was last performed, in seconds since 1970; `None`: never, so that
    /// the set is perhaps not yet [initialized](super::Set::initialize).
    #[doc(alias = "sem_otime")]
    pub last_operation: Option<i64>,
    /// When it was created, last [set](super::Set::set), or last given values, in seconds
    /// since 1970.
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

/// The system's limits for semaphore sets, in this IPC namespace.
///
/// All are numbers of `/proc/sys/kernel/sem`.
///
/// # Examples
///
/// ```
/// use rawipc::sysv::semaphore;
///
/// let limits = semaphore::limits()?;
/// println!("{} sets of up to {} semaphores", limits.sets, limits.per_set);
/// assert_eq!(limits.value, semaphore::MAX);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "seminfo")]
pub struct Limits {
    /// The largest number of semaphores of a set: the first number, by default 32,000.
    #[doc(alias = "semmsl")]
    pub per_set: usize,
    /// The largest number of semaphores of all sets: the second number, by default
    /// 1,024,000,000.
    #[doc(alias = "semmns")]
    pub semaphores: usize,
    /// The largest number of operations in one call: the third number, by default 500.
    #[doc(alias = "semopm")]
    pub operations: usize,
    /// The largest number of sets: the fourth number, by default 32,000.
    #[doc(alias = "semmni")]
    pub sets: usize,
    /// The largest value: [`MAX`](super::MAX).
    #[doc(alias = "semvmx")]
    pub value: u16,
}

/// Returns the system's limits for semaphore sets: `semctl(2)` with `IPC_INFO`.
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

/// Totals of all sets of this IPC namespace.
///
/// # Examples
///
/// ```
/// use rawipc::sysv::semaphore;
///
/// let usage = semaphore::usage()?;
/// println!("{} semaphores in {} sets", usage.semaphores, usage.sets);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Usage {
    /// The number of sets.
    pub sets: usize,
    /// The number of their semaphores.
    pub semaphores: usize,
}

/// Returns what all sets have together: `semctl(2)` with `SEM_INFO`.
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
