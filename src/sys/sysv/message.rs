//! Message queues: `msgget(2)`, `msgop(2)`, `msgctl(2)`.
#![allow(
    non_camel_case_types,
    reason = "exactly the names that the kernel's headers use"
)]

use core::mem::{offset_of, size_of, size_of_val};
use core::ptr::{from_mut, from_ref};

use linux_raw_sys::general::{__NR_msgctl, __NR_msgget, __NR_msgrcv, __NR_msgsnd};
use static_assertions::const_assert_eq;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::ipc::{IPC_INFO, IPC_NOWAIT, IPC_RMID, IPC_SET, IPC_STAT, int, ipc64_perm};
use super::scratch::Scratch;
use crate::sys::check;
use crate::{Errno, Result, arch};

pub(crate) const MSG_NOERROR: i32 = 0o10000;
pub(crate) const MSG_EXCEPT: i32 = 0o20000;
pub(crate) const MSG_COPY: i32 = 0o40000;

const MSG_INFO: u32 = 12;
const MSG_STAT_ANY: u32 = 13;

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
