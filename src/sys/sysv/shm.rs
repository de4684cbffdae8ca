//! Shared memory segments: `shmget(2)`, `shmop(2)`, `shmctl(2)`.
#![allow(
    non_camel_case_types,
    reason = "exactly the names that the kernel's headers use"
)]

use core::mem::{offset_of, size_of};
use core::ptr::from_mut;

use linux_raw_sys::general::{__NR_shmat, __NR_shmctl, __NR_shmdt, __NR_shmget};
use static_assertions::const_assert_eq;

use super::ipc::{IPC_INFO, IPC_RMID, IPC_SET, IPC_STAT, int, ipc64_perm};
use crate::sys::check;
use crate::{Result, arch};

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
