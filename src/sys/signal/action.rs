//! What a signal does, and on which stack: `rt_sigaction(2)`, `sigaltstack(2)`.

use core::mem::{MaybeUninit, offset_of, size_of};

use linux_raw_sys::general::{__NR_rt_sigaction, __NR_sigaltstack, sigaltstack as stack_t};
use static_assertions::const_assert_eq;

use super::set::{SIGSET_SIZE, optional_address};
use crate::arch::{self, Sigaction};
use crate::sys::check;
use crate::{Result, Signal};

/// `SIG_DFL`.
pub(crate) const SIG_DFL: usize = 0;

/// `SIG_IGN`.
pub(crate) const SIG_IGN: usize = 1;

const_assert_eq!(size_of::<stack_t>(), 24);
const_assert_eq!(offset_of!(stack_t, ss_flags), 8);
const_assert_eq!(offset_of!(stack_t, ss_size), 16);

/// `rt_sigaction(2)`. Returns the old action.
///
/// # Safety
///
/// A new handler must be one that may run at any moment, and take what the
/// flags make the kernel give it.
pub(crate) unsafe fn rt_sigaction(signal: i32, new: Option<&Sigaction>) -> Result<Sigaction> {
    let mut old = Sigaction::new(SIG_DFL);
    // SAFETY: the kernel reads one sigaction and writes one; what becomes of the
    // new one is the caller's promise.
    let raw = unsafe {
        arch::syscall4(
            __NR_rt_sigaction as usize,
            signal as usize,
            optional_address(new),
            core::ptr::from_mut(&mut old).expose_provenance(),
            SIGSET_SIZE,
        )
    };
    check(raw)?;
    Ok(old)
}

/// `rt_sigaction(2)` with `SIG_IGN`: the process ignores `signal` from now on.
pub(crate) fn ignore(signal: Signal) -> Result<()> {
    // SAFETY: no handler.
    unsafe { rt_sigaction(signal.as_raw(), Some(&Sigaction::new(SIG_IGN))) }.map(drop)
}

/// `sigaltstack(2)`. Returns the old stack.
///
/// # Safety
///
/// The memory of a new stack must be handlers' alone until another one is set.
pub(crate) unsafe fn sigaltstack(new: Option<&stack_t>) -> Result<stack_t> {
    let mut old = MaybeUninit::<stack_t>::zeroed();
    // SAFETY: the kernel reads one stack_t and writes one; the memory is the
    // caller's promise.
    let raw = unsafe {
        arch::syscall2(
            __NR_sigaltstack as usize,
            optional_address(new),
            old.as_mut_ptr().expose_provenance(),
        )
    };
    check(raw)?;
    // SAFETY: zeroed and overwritten by the kernel; null is a pointer too.
    Ok(unsafe { old.assume_init() })
}
