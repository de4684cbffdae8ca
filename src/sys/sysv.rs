//! System V IPC: `msgget(2)`, `semget(2)`, `shmget(2)` and what belongs to them.
//!
//! `linux-raw-sys` has the numbers of the calls and nothing else: the constants and
//! structures are those of `linux/{ipc,msg,sem,shm}.h` and of `asm/*buf.h`. 64-bit
//! machines have one version of the structures, and no `IPC_64`.
#![allow(
    non_camel_case_types,
    reason = "exactly the names that the kernel's headers use"
)]

use core::mem::{offset_of, size_of, size_of_val};
use core::ptr::{from_mut, from_ref, null_mut};

use linux_raw_sys::general::{
    __NR_msgctl, __NR_msgget, __NR_msgrcv, __NR_msgsnd, __NR_semctl, __NR_semget, __NR_semop,
    __NR_semtimedop, __NR_shmat, __NR_shmctl, __NR_shmdt, __NR_shmget,
};
use rustix::mm::{self, MapFlags, MprotectFlags, ProtFlags};
use static_assertions::const_assert_eq;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::check;
use crate::{Errno, Result, Timespec, arch};

pub(crate) const IPC_PRIVATE: i32 = 0;
pub(crate) const IPC_CREAT: i32 = 0o1000;
pub(crate) const IPC_EXCL: i32 = 0o2000;
pub(crate) const IPC_NOWAIT: i32 = 0o4000;

const IPC_RMID: u32 = 0;
const IPC_SET: u32 = 1;
const IPC_STAT: u32 = 2;
const IPC_INFO: u32 = 3;

pub(crate) const MSG_NOERROR: i32 = 0o10000;
pub(crate) const MSG_EXCEPT: i32 = 0o20000;
pub(crate) const MSG_COPY: i32 = 0o40000;

const MSG_INFO: u32 = 12;
const MSG_STAT_ANY: u32 = 13;

pub(crate) const SEM_UNDO: i16 = 0x1000;

const GETALL: u32 = 13;
const SETVAL: u32 = 16;
const SETALL: u32 = 17;
const SEM_INFO: u32 = 19;
const SEM_STAT_ANY: u32 = 20;

pub(crate) const SHM_HUGETLB: i32 = 0o4000;
pub(crate) const SHM_NORESERVE: i32 = 0o10000;
pub(crate) const SHM_HUGE_SHIFT: u32 = 26;

pub(crate) const SHM_RDONLY: i32 = 0o10000;
pub(crate) const SHM_RND: i32 = 0o20000;
pub(crate) const SHM_REMAP: i32 = 0o40000;
pub(crate) const SHM_EXEC: i32 = 0o100000;

/// In the mode of a segment that is removed and still attached.
pub(crate) const SHM_DEST: u32 = 0o1000;
/// In the mode of a segment that is locked.
pub(crate) const SHM_LOCKED: u32 = 0o2000;

const SHM_LOCK: u32 = 11;
const SHM_UNLOCK: u32 = 12;
const SHM_INFO: u32 = 14;
const SHM_STAT_ANY: u32 = 15;

#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct ipc64_perm {
    pub(crate) key: i32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) cuid: u32,
    pub(crate) cgid: u32,
    pub(crate) mode: u32,
    pub(crate) seq: u16,
    __pad2: u16,
    __unused: [u64; 2],
}

const_assert_eq!(size_of::<ipc64_perm>(), 48);
const_assert_eq!(offset_of!(ipc64_perm, mode), 20);
const_assert_eq!(offset_of!(ipc64_perm, seq), 24);

#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct msqid64_ds {
    pub(crate) msg_perm: ipc64_perm,
    pub(crate) msg_stime: i64,
    pub(crate) msg_rtime: i64,
    pub(crate) msg_ctime: i64,
    pub(crate) msg_cbytes: u64,
    pub(crate) msg_qnum: u64,
    pub(crate) msg_qbytes: u64,
    pub(crate) msg_lspid: i32,
    pub(crate) msg_lrpid: i32,
    __unused: [u64; 2],
}

const_assert_eq!(size_of::<msqid64_ds>(), 120);
const_assert_eq!(offset_of!(msqid64_ds, msg_stime), 48);
const_assert_eq!(offset_of!(msqid64_ds, msg_cbytes), 72);
const_assert_eq!(offset_of!(msqid64_ds, msg_qbytes), 88);
const_assert_eq!(offset_of!(msqid64_ds, msg_lspid), 96);

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
pub(crate) struct shmid64_ds {
    pub(crate) shm_perm: ipc64_perm,
    pub(crate) shm_segsz: u64,
    pub(crate) shm_atime: i64,
    pub(crate) shm_dtime: i64,
    pub(crate) shm_ctime: i64,
    pub(crate) shm_cpid: i32,
    pub(crate) shm_lpid: i32,
    pub(crate) shm_nattch: u64,
    __unused: [u64; 2],
}

const_assert_eq!(size_of::<shmid64_ds>(), 112);
const_assert_eq!(offset_of!(shmid64_ds, shm_segsz), 48);
const_assert_eq!(offset_of!(shmid64_ds, shm_ctime), 72);
const_assert_eq!(offset_of!(shmid64_ds, shm_cpid), 80);
const_assert_eq!(offset_of!(shmid64_ds, shm_nattch), 88);

#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct msginfo {
    pub(crate) msgpool: i32,
    pub(crate) msgmap: i32,
    pub(crate) msgmax: i32,
    pub(crate) msgmnb: i32,
    pub(crate) msgmni: i32,
    pub(crate) msgssz: i32,
    pub(crate) msgtql: i32,
    pub(crate) msgseg: u16,
}

const_assert_eq!(size_of::<msginfo>(), 32);
const_assert_eq!(offset_of!(msginfo, msgtql), 24);

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

#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct shminfo64 {
    pub(crate) shmmax: u64,
    pub(crate) shmmin: u64,
    pub(crate) shmmni: u64,
    pub(crate) shmseg: u64,
    pub(crate) shmall: u64,
    __unused: [u64; 4],
}

const_assert_eq!(size_of::<shminfo64>(), 72);
const_assert_eq!(offset_of!(shminfo64, shmall), 32);

#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct shm_info {
    pub(crate) used_ids: i32,
    pub(crate) shm_tot: u64,
    pub(crate) shm_rss: u64,
    pub(crate) shm_swp: u64,
    pub(crate) swap_attempts: u64,
    pub(crate) swap_successes: u64,
}

const_assert_eq!(size_of::<shm_info>(), 48);
const_assert_eq!(offset_of!(shm_info, shm_swp), 24);

/// A message as the kernel takes and gives it.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct msgbuf<T: ?Sized> {
    pub(crate) mtype: i64,
    /// Directly behind: of no greater alignment, see [`msgbuf::new`].
    mtext: T,
}

const_assert_eq!(offset_of!(msgbuf<[u8; 1]>, mtext), 8);
const_assert_eq!(offset_of!(msgbuf<u64>, mtext), 8);

impl<T> msgbuf<T> {
    /// The only way to make one, so that there is never a gap.
    pub(crate) const fn new(mtype: i64, mtext: T) -> Self {
        const {
            assert!(
                align_of::<T>() <= align_of::<i64>(),
                "the body of a message is aligned to 8 bytes at most"
            );
        }
        Self { mtype, mtext }
    }

    pub(crate) fn into_mtext(self) -> T {
        self.mtext
    }
}

impl<T: ?Sized> msgbuf<T> {
    pub(crate) const fn mtext(&self) -> &T {
        &self.mtext
    }

    pub(crate) fn mtext_mut(&mut self) -> &mut T {
        &mut self.mtext
    }
}

/// Something to be done with one semaphore of a set: `struct sembuf`.
// Public under the name that `sysv::semaphore` gives it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
#[repr(C)]
#[must_use = "nothing is done until it is given to a set"]
pub struct sembuf {
    pub(crate) sem_num: u16,
    pub(crate) sem_op: i16,
    pub(crate) sem_flg: i16,
}

const_assert_eq!(size_of::<sembuf>(), 6);

/// A number of the kernel's that is an `int` and not negative.
fn int(raw: usize) -> Result<i32> {
    check(raw).map(|number| number as i32)
}

/// `msgget(2)`.
pub(crate) fn msgget(key: i32, flags: i32) -> Result<i32> {
    // SAFETY: no memory is involved.
    int(unsafe { arch::syscall2(__NR_msgget as usize, key as usize, flags as usize) })
}

/// `msgsnd(2)` of the first `len` bytes of the body, which it must have.
#[inline]
pub(crate) fn msgsnd<T: IntoBytes + Immutable + ?Sized>(
    id: i32,
    message: &msgbuf<T>,
    len: usize,
    flags: i32,
) -> Result<()> {
    if len > size_of_val(&message.mtext) {
        return Err(Errno::INVAL);
    }
    // SAFETY: the kernel reads the type and `len` bytes behind it, which the body
    // has, none of them padding.
    let raw = unsafe {
        arch::syscall4(
            __NR_msgsnd as usize,
            id as usize,
            from_ref(message).cast::<u8>().expose_provenance(),
            len,
            flags as usize,
        )
    };
    check(raw).map(drop)
}

/// `msgrcv(2)`; returns how many bytes of the body are now the message's.
#[inline]
pub(crate) fn msgrcv<T: FromBytes + ?Sized>(
    id: i32,
    message: &mut msgbuf<T>,
    msgtyp: i64,
    flags: i32,
) -> Result<usize> {
    let room = size_of_val(&message.mtext);
    // SAFETY: the kernel writes the type and at most `room` bytes behind it, which
    // the body has; FromBytes says that any will do.
    let raw = unsafe {
        arch::syscall5(
            __NR_msgrcv as usize,
            id as usize,
            from_mut(message).cast::<u8>().expose_provenance(),
            room,
            msgtyp as usize,
            flags as usize,
        )
    };
    check(raw)
}

/// `msgrcv(2)` of a copy of the message at `index`, of at most `room` bytes, into
/// memory that is thrown away: its type and its length.
pub(crate) fn msgrcv_head(id: i32, index: i64, room: usize) -> Result<(i64, usize)> {
    const HEAD: usize = size_of::<i64>();
    let scratch = Scratch::new(room.checked_add(HEAD).ok_or(Errno::NOMEM)?)?;
    // SAFETY: the scratch memory has room for the type and `room` bytes.
    let raw = unsafe {
        arch::syscall5(
            __NR_msgrcv as usize,
            id as usize,
            scratch.begin.expose_provenance(),
            room,
            index as usize,
            (MSG_COPY | IPC_NOWAIT) as usize,
        )
    };
    let len = check(raw)?;
    // SAFETY: the kernel has written the type there; it may lie at any address.
    let mtype = unsafe { scratch.begin.cast::<i64>().read_unaligned() };
    Ok((mtype, len))
}

/// `msgctl(2)` that passes a structure.
///
/// # Safety
///
/// `T` must be what the command reads or writes, of which any bytes are a value.
unsafe fn msgctl<T>(id: i32, command: u32, argument: &mut T) -> Result<i32> {
    // SAFETY: the kernel reads or writes one T, which is borrowed.
    int(unsafe {
        arch::syscall3(
            __NR_msgctl as usize,
            id as usize,
            command as usize,
            from_mut(argument).expose_provenance(),
        )
    })
}

/// `IPC_STAT`.
pub(crate) fn msg_stat(id: i32) -> Result<msqid64_ds> {
    let mut status = msqid64_ds::default();
    // SAFETY: the command writes this structure, which is all integers.
    unsafe { msgctl(id, IPC_STAT, &mut status) }?;
    Ok(status)
}

/// `IPC_SET`.
pub(crate) fn msg_set(id: i32, uid: u32, gid: u32, mode: u32, msg_qbytes: u64) -> Result<()> {
    let mut status = msqid64_ds {
        msg_qbytes,
        ..Default::default()
    };
    status.msg_perm.set(uid, gid, mode);
    // SAFETY: the command reads this structure.
    unsafe { msgctl(id, IPC_SET, &mut status) }.map(drop)
}

/// `IPC_RMID`.
pub(crate) fn msg_remove(id: i32) -> Result<()> {
    // SAFETY: the command ignores its argument.
    unsafe { msgctl(id, IPC_RMID, &mut ()) }.map(drop)
}

/// `IPC_INFO`: the system's limits.
pub(crate) fn msg_limits() -> Result<msginfo> {
    let mut info = msginfo::default();
    // SAFETY: the command writes this structure, which is all integers.
    unsafe { msgctl(0, IPC_INFO, &mut info) }?;
    Ok(info)
}

/// `MSG_INFO`: what is in use, and the highest index.
pub(crate) fn msg_usage() -> Result<(msginfo, i32)> {
    let mut info = msginfo::default();
    // SAFETY: the command writes this structure, which is all integers.
    let highest = unsafe { msgctl(0, MSG_INFO, &mut info) }?;
    Ok((info, highest))
}

/// `MSG_STAT_ANY`: the identifier of the queue at an index, and its status.
pub(crate) fn msg_stat_any(index: i32) -> Result<(i32, msqid64_ds)> {
    let mut status = msqid64_ds::default();
    // SAFETY: the command writes this structure, which is all integers.
    let id = unsafe { msgctl(index, MSG_STAT_ANY, &mut status) }?;
    Ok((id, status))
}

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

/// `shmget(2)`.
pub(crate) fn shmget(key: i32, size: usize, flags: i32) -> Result<i32> {
    // SAFETY: no memory is involved.
    int(unsafe { arch::syscall3(__NR_shmget as usize, key as usize, size, flags as usize) })
}

/// `shmat(2)`.
///
/// # Safety
///
/// With `SHM_REMAP`, the memory at `address` must be the caller's to replace.
pub(crate) unsafe fn shmat(id: i32, address: usize, flags: i32) -> Result<*mut u8> {
    // SAFETY: without SHM_REMAP the kernel only takes a place that is free, so that no
    // memory in use changes; with it, the caller's promise.
    let raw = unsafe { arch::syscall3(__NR_shmat as usize, id as usize, address, flags as usize) };
    check(raw).map(core::ptr::with_exposed_provenance_mut)
}

/// `shmdt(2)`.
///
/// # Safety
///
/// Nothing may use the segment that is attached at `address` any more.
pub(crate) unsafe fn shmdt(address: *mut u8) -> Result<()> {
    // SAFETY: the caller's promise.
    let raw = unsafe { arch::syscall1(__NR_shmdt as usize, address.expose_provenance()) };
    check(raw).map(drop)
}

/// `shmctl(2)` that passes a structure.
///
/// # Safety
///
/// `T` must be what the command reads or writes, of which any bytes are a value.
unsafe fn shmctl<T>(id: i32, command: u32, argument: &mut T) -> Result<i32> {
    // SAFETY: the kernel reads or writes one T, which is borrowed.
    int(unsafe {
        arch::syscall3(
            __NR_shmctl as usize,
            id as usize,
            command as usize,
            from_mut(argument).expose_provenance(),
        )
    })
}

/// `IPC_STAT`.
pub(crate) fn shm_stat(id: i32) -> Result<shmid64_ds> {
    let mut status = shmid64_ds::default();
    // SAFETY: the command writes this structure, which is all integers.
    unsafe { shmctl(id, IPC_STAT, &mut status) }?;
    Ok(status)
}

/// `IPC_SET`.
pub(crate) fn shm_set(id: i32, uid: u32, gid: u32, mode: u32) -> Result<()> {
    let mut status = shmid64_ds::default();
    status.shm_perm.set(uid, gid, mode);
    // SAFETY: the command reads this structure.
    unsafe { shmctl(id, IPC_SET, &mut status) }.map(drop)
}

/// `IPC_RMID`.
pub(crate) fn shm_remove(id: i32) -> Result<()> {
    // SAFETY: the command ignores its argument.
    unsafe { shmctl(id, IPC_RMID, &mut ()) }.map(drop)
}

/// `SHM_LOCK`.
pub(crate) fn shm_lock(id: i32) -> Result<()> {
    // SAFETY: the command ignores its argument.
    unsafe { shmctl(id, SHM_LOCK, &mut ()) }.map(drop)
}

/// `SHM_UNLOCK`.
pub(crate) fn shm_unlock(id: i32) -> Result<()> {
    // SAFETY: the command ignores its argument.
    unsafe { shmctl(id, SHM_UNLOCK, &mut ()) }.map(drop)
}

/// `IPC_INFO`: the system's limits.
pub(crate) fn shm_limits() -> Result<shminfo64> {
    let mut info = shminfo64::default();
    // SAFETY: the command writes this structure, which is all integers.
    unsafe { shmctl(0, IPC_INFO, &mut info) }?;
    Ok(info)
}

/// `SHM_INFO`: what is in use, and the highest index.
pub(crate) fn shm_usage() -> Result<(shm_info, i32)> {
    let mut info = shm_info::default();
    // SAFETY: the command writes this structure, which is all integers.
    let highest = unsafe { shmctl(0, SHM_INFO, &mut info) }?;
    Ok((info, highest))
}

/// `SHM_STAT_ANY`: the identifier of the segment at an index, and its status.
pub(crate) fn shm_stat_any(index: i32) -> Result<(i32, shmid64_ds)> {
    let mut status = shmid64_ds::default();
    // SAFETY: the command writes this structure, which is all integers.
    let id = unsafe { shmctl(index, SHM_STAT_ANY, &mut status) }?;
    Ok((id, status))
}

impl ipc64_perm {
    /// What `IPC_SET` reads of it.
    fn set(&mut self, uid: u32, gid: u32, mode: u32) {
        (self.uid, self.gid, self.mode) = (uid, gid, mode);
    }
}

/// Zeroed memory that ends exactly where a page begins that nobody can access: a call
/// that is not told how much room there is fails with `EFAULT` when it is not enough.
struct Scratch {
    mapping: *mut u8,
    mapped: usize,
    begin: *mut u8,
}

impl Scratch {
    fn new(size: usize) -> Result<Self> {
        // A multiple of the page size, whatever that is.
        const PAGE: usize = arch::MAX_PAGE_SIZE;
        let usable = size
            .max(1)
            .checked_next_multiple_of(PAGE)
            .ok_or(Errno::NOMEM)?;
        let mapped = usable.checked_add(PAGE).ok_or(Errno::NOMEM)?;
        // SAFETY: without an address and without MAP_FIXED the kernel takes a place
        // that is free, so that no memory in use changes.
        let mapping = unsafe {
            mm::mmap_anonymous(
                null_mut(),
                mapped,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )
        }?
        .cast::<u8>();
        let scratch = Self {
            mapping,
            mapped,
            begin: mapping.wrapping_add(usable - size),
        };
        let guard = mapping.wrapping_add(usable).cast();
        // SAFETY: the last page of what has just been mapped.
        unsafe { mm::mprotect(guard, PAGE, MprotectFlags::empty()) }?;
        Ok(scratch)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Cannot fail: these very pages were mapped, and in one piece.
        // SAFETY: nothing of it is borrowed.
        let _ = unsafe { mm::munmap(self.mapping.cast(), self.mapped) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
