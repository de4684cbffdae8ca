//! What all three kinds of objects have in common.
#![allow(
    non_camel_case_types,
    reason = "exactly the names that the kernel's headers use"
)]

use core::mem::{offset_of, size_of};

use static_assertions::const_assert_eq;

use crate::Result;
use crate::sys::check;

pub(crate) const IPC_PRIVATE: i32 = 0;
pub(crate) const IPC_CREAT: i32 = 0o1000;
pub(crate) const IPC_EXCL: i32 = 0o2000;
pub(crate) const IPC_NOWAIT: i32 = 0o4000;

pub(super) const IPC_RMID: u32 = 0;
pub(super) const IPC_SET: u32 = 1;
pub(super) const IPC_STAT: u32 = 2;
pub(super) const IPC_INFO: u32 = 3;

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

impl ipc64_perm {
    /// What `IPC_SET` reads of it.
    pub(super) fn set(&mut self, uid: u32, gid: u32, mode: u32) {
        (self.uid, self.gid, self.mode) = (uid, gid, mode);
    }
}

/// A number of the kernel's that is an `int` and not negative.
pub(super) fn int(raw: usize) -> Result<i32> {
    check(raw).map(|number| number as i32)
}
