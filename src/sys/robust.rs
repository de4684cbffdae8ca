//! The list of the locks that a thread holds, which the kernel walks when the thread ends:
//! `get_robust_list(2)`, `set_robust_list(2)`.

use core::mem::{offset_of, size_of};
use core::ptr;

use linux_raw_sys::general::{__NR_get_robust_list, __NR_set_robust_list};
use static_assertions::const_assert_eq;

use super::check;
use crate::{Result, arch};

/// The beginning of a thread's list. Each entry is the address of the next one, the last one is
/// that of the beginning.
#[doc(inline)]
pub(crate) use linux_raw_sys::general::robust_list_head as Head;

const_assert_eq!(size_of::<Head>(), 24);
const_assert_eq!(offset_of!(Head, futex_offset), 8);
const_assert_eq!(offset_of!(Head, list_op_pending), 16);

/// `get_robust_list`: of the calling thread. Null if it has none.
pub(crate) fn get_robust_list() -> Result<*mut Head> {
    let (mut head, mut len) = (ptr::null_mut::<Head>(), 0_usize);
    // SAFETY: both are written to, and borrowed. 0 is the calling thread.
    check(unsafe {
        arch::syscall3(
            __NR_get_robust_list as usize,
            0,
            (&raw mut head).expose_provenance(),
            (&raw mut len).expose_provenance(),
        )
    })?;
    Ok(head)
}

/// `set_robust_list`: gives the calling thread a list, or none.
///
/// # Safety
///
/// Until the thread ends or gets another one, `head` must stay a list as the kernel's manual
/// describes it.
pub(crate) unsafe fn set_robust_list(head: *mut Head) -> Result<()> {
    // SAFETY: the caller's promise.
    check(unsafe {
        arch::syscall2(
            __NR_set_robust_list as usize,
            head.expose_provenance(),
            size_of::<Head>(),
        )
    })
    .map(drop)
}
