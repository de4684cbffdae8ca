//! Semaphore sets: `semget(2)`, `semop(2)`, `semctl(2)`.
#![allow(
    non_camel_case_types,
    reason = "exactly the names that the kernel's headers use"
)]

use core::mem::{offset_of, size_of, size_of_val};
use core::ptr::{from_mut, from_ref};

use linux_raw_sys::general::{__NR_semctl, __NR_semget, __NR_semop, __NR_semtimedop};
use static_assertions::const_assert_eq;

use super::ipc::{IPC_INFO, IPC_RMID, IPC_SET, IPC_STAT, int, ipc64_perm};
use super::scratch::Scratch;
use crate::sys::check;
use crate::{Result, Timespec, arch};

pub(crate) const SEM_UNDO: i16 = 0x1000;

const GETALL: u32 = 13;
const SETVAL: u32 = 16;
const SETALL: u32 = 17;
const SEM_INFO: u32 = 19;
const SEM_STAT_ANY: u32 = 20;

#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct semid64_ds {
    pub(crate) sem_perm: ipc64_perm,
    pub(crate) sem_otime: i64,
    __gap1: [u64; arch::SEM_TIME_GAP],
    pub(crate) sem_ctime: i64,
    __gap2: [u64; arch::SEM_TIME_GAP],
    pub(crate) sem_nsems: u64,
    __unused: [u64; 2],
}

const_assert_eq!(size_of::<semid64_ds>(), 88 + 16 * arch::SEM_TIME_GAP);
const_assert_eq!(offset_of!(semid64_ds, sem_otime), 48);
const_assert_eq!(
    offset_of!(semid64_ds, sem_ctime),
    56 + 8 * arch::SEM_TIME_GAP
);
const_assert_eq!(
    offset_of!(semid64_ds, sem_nsems),
    64 + 16 * arch::SEM_TIME_GAP
);

#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct seminfo {
    pub(crate) semmap: i32,
    pub(crate) semmni: i32,
    pub(crate) semmns: i32,
    pub(crate) semmnu: i32,
    pub(crate) semmsl: i32,
    pub(crate) semopm: i32,
    pub(crate) semume: i32,
    pub(crate) semusz: i32,
    pub(crate) semvmx: i32,
    pub(crate) semaem: i32,
}

const_assert_eq!(size_of::<seminfo>(), 40);
const_assert_eq!(offset_of!(seminfo, semaem), 36);

// Public under the name that `sysv::semaphore` gives it.
/// An operation on one semaphore of a set: `struct sembuf`.
///
/// # Examples
///
/// ```
/// use core::num::NonZero;
/// use rawipc::sysv::semaphore::{self, Operation};
/// use rawipc::sysv::{Create, Key};
///
/// let set = semaphore::create(Key::PRIVATE, 2, Create::NEW)?;
/// set.initialize(&[5, 0])?;
/// // Takes 3 units of one semaphore and adds 1 to another, at once.
/// let three = NonZero::new(-3).ok_or("not zero")?;
/// set.operate(&[Operation::change(0, three), Operation::increment(1)])?;
/// assert_eq!((set.value(0)?, set.value(1)?), (2, 1));
/// set.remove()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
#[repr(C)]
#[must_use = "nothing is done until it is given to a set"]
pub struct sembuf {
    pub(crate) sem_num: u16,
    pub(crate) sem_op: i16,
    pub(crate) sem_flg: i16,
}

const_assert_eq!(size_of::<sembuf>(), 6);

/// `semget(2)`.
pub(crate) fn semget(key: i32, nsems: i32, flags: i32) -> Result<i32> {
    // SAFETY: no memory is involved.
    int(unsafe {
        arch::syscall3(
            __NR_semget as usize,
            key as usize,
            nsems as usize,
            flags as usize,
        )
    })
}

/// `semop(2)`.
#[inline]
pub(crate) fn semop(id: i32, operations: &[sembuf]) -> Result<()> {
    // SAFETY: the kernel reads so many operations, which are borrowed.
    let raw = unsafe {
        arch::syscall3(
            __NR_semop as usize,
            id as usize,
            operations.as_ptr().expose_provenance(),
            operations.len(),
        )
    };
    check(raw).map(drop)
}

/// `semtimedop(2)`.
pub(crate) fn semtimedop(id: i32, operations: &[sembuf], timeout: &Timespec) -> Result<()> {
    // SAFETY: the kernel reads so many operations and the timeout, which are borrowed;
    // a Timespec has the layout of the kernel's on 64-bit machines.
    let raw = unsafe {
        arch::syscall4(
            __NR_semtimedop as usize,
            id as usize,
            operations.as_ptr().expose_provenance(),
            operations.len(),
            from_ref(timeout).expose_provenance(),
        )
    };
    check(raw).map(drop)
}

/// `semctl(2)` with an argument that is a number or an address.
///
/// # Safety
///
/// What the command reads or writes at the address must be there.
unsafe fn semctl(id: i32, number: i32, command: u32, argument: usize) -> Result<i32> {
    // SAFETY: the caller's promise.
    int(unsafe {
        arch::syscall4(
            __NR_semctl as usize,
            id as usize,
            number as usize,
            command as usize,
            argument,
        )
    })
}

/// What `semctl(2)` tells of one semaphore.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub(crate) enum SemGet {
    Pid = 11,
    Value = 12,
    IncreaseWaiters = 14,
    ZeroWaiters = 15,
}

/// `GETPID`, `GETVAL`, `GETNCNT`, `GETZCNT`.
pub(crate) fn sem_get(id: i32, number: u16, what: SemGet) -> Result<i32> {
    // SAFETY: no memory is involved.
    unsafe { semctl(id, i32::from(number), what as u32, 0) }
}

/// `SETVAL`.
pub(crate) fn sem_set_value(id: i32, number: u16, value: u16) -> Result<()> {
    // SAFETY: no memory is involved: the argument is the value.
    unsafe { semctl(id, i32::from(number), SETVAL, usize::from(value)) }.map(drop)
}

/// `GETALL` of a set of as many semaphores as there are values.
///
/// # Errors
///
/// `EFAULT`: it has more.
pub(crate) fn sem_get_all(id: i32, values: &mut [u16]) -> Result<()> {
    let size = size_of_val(values);
    let scratch = Scratch::new(size)?;
    // SAFETY: the kernel writes as many values as the set has, and is not told how many
    // there is room for: the guard page behind stops it.
    unsafe { semctl(id, 0, GETALL, scratch.begin.expose_provenance()) }?;
    // SAFETY: so many bytes lie there, in memory of its own.
    unsafe { scratch.begin.copy_to(values.as_mut_ptr().cast(), size) };
    Ok(())
}

/// `SETALL` of a set of as many semaphores as there are values.
///
/// # Errors
///
/// `EFAULT`: it has more.
pub(crate) fn sem_set_all(id: i32, values: &[u16]) -> Result<()> {
    let size = size_of_val(values);
    let scratch = Scratch::new(size)?;
    // SAFETY: so many bytes lie there, in memory of its own.
    unsafe { scratch.begin.copy_from(values.as_ptr().cast(), size) };
    // SAFETY: the kernel reads as many values as the set has, and is not told how many
    // there are: the guard page behind stops it.
    unsafe { semctl(id, 0, SETALL, scratch.begin.expose_provenance()) }.map(drop)
}

/// `IPC_STAT`.
pub(crate) fn sem_stat(id: i32) -> Result<semid64_ds> {
    let mut status = semid64_ds::default();
    let address = from_mut(&mut status).expose_provenance();
    // SAFETY: the command writes this structure, which is all integers.
    unsafe { semctl(id, 0, IPC_STAT, address) }?;
    Ok(status)
}

/// `IPC_SET`.
pub(crate) fn sem_set(id: i32, uid: u32, gid: u32, mode: u32) -> Result<()> {
    let mut status = semid64_ds::default();
    status.sem_perm.set(uid, gid, mode);
    let address = from_ref(&status).expose_provenance();
    // SAFETY: the command reads this structure.
    unsafe { semctl(id, 0, IPC_SET, address) }.map(drop)
}

/// `IPC_RMID`.
pub(crate) fn sem_remove(id: i32) -> Result<()> {
    // SAFETY: no memory is involved.
    unsafe { semctl(id, 0, IPC_RMID, 0) }.map(drop)
}

fn sem_info(command: u32) -> Result<(seminfo, i32)> {
    let mut info = seminfo::default();
    let address = from_mut(&mut info).expose_provenance();
    // SAFETY: both commands write this structure, which is all integers.
    let highest = unsafe { semctl(0, 0, command, address) }?;
    Ok((info, highest))
}

/// `IPC_INFO`: the system's limits.
pub(crate) fn sem_limits() -> Result<seminfo> {
    sem_info(IPC_INFO).map(|(info, _)| info)
}

/// `SEM_INFO`: what is in use, and the highest index.
pub(crate) fn sem_usage() -> Result<(seminfo, i32)> {
    sem_info(SEM_INFO)
}

/// `SEM_STAT_ANY`: the identifier of the set at an index, and its status.
pub(crate) fn sem_stat_any(index: i32) -> Result<(i32, semid64_ds)> {
    let mut status = semid64_ds::default();
    let address = from_mut(&mut status).expose_provenance();
    // SAFETY: the command writes this structure, which is all integers.
    let id = unsafe { semctl(index, 0, SEM_STAT_ANY, address) }?;
    Ok((id, status))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Errno;
    use crate::sys::sysv::{IPC_CREAT, IPC_PRIVATE};

    /// The kernel writes and reads as many values as the set has: never what lies
    /// beside ours.
    #[test]
    fn a_set_that_grew_overruns_nothing() {
        let id = semget(IPC_PRIVATE, 3000, IPC_CREAT | 0o600).unwrap();
        let mut values = [7; 3000];
        let results = [1, 100, 2047, 2048, 2049, 2999].map(|count| {
            let values = &mut values[..count];
            (sem_get_all(id, values), sem_set_all(id, values))
        });
        let whole = (sem_set_all(id, &values), sem_get_all(id, &mut values));
        sem_remove(id).unwrap();
        assert!(
            results
                .iter()
                .all(|result| *result == (Err(Errno::FAULT), Err(Errno::FAULT)))
        );
        assert_eq!(whole, (Ok(()), Ok(())));
        assert_eq!(values, [7; 3000]);
    }
}
