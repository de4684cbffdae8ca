//! How the scheduler treats a thread: `sched_setattr(2)`.

use core::mem::{offset_of, size_of};

use linux_raw_sys::general::__NR_sched_setattr;
use static_assertions::const_assert_eq;

use super::check;
use crate::{Result, arch};

/// `struct sched_attr` as Linux 3.14 has it.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct SchedAttr {
    pub(crate) size: u32,
    pub(crate) policy: u32,
    pub(crate) flags: u64,
    pub(crate) nice: i32,
    pub(crate) priority: u32,
    pub(crate) runtime: u64,
    pub(crate) deadline: u64,
    pub(crate) period: u64,
}

const_assert_eq!(size_of::<SchedAttr>(), 48);
const_assert_eq!(offset_of!(SchedAttr, nice), 16);
const_assert_eq!(offset_of!(SchedAttr, runtime), 24);

/// `sched_setattr(2)` of the calling thread.
pub(crate) fn sched_setattr(attributes: &SchedAttr) -> Result<()> {
    // SAFETY: the kernel reads as much as the structure says that it has.
    let raw = unsafe {
        arch::syscall3(
            __NR_sched_setattr as usize,
            0,
            core::ptr::from_ref(attributes).expose_provenance(),
            0,
        )
    };
    check(raw).map(drop)
}
