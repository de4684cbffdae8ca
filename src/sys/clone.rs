//! Making processes with more to say than `fork(2)`: `clone3(2)`, and `clone(2)` for
//! kernels and sandboxes that lack it.

use core::mem::{offset_of, size_of};

use linux_raw_sys::general::{
    __NR_clone, __NR_clone3, CLONE_ARGS_SIZE_VER0, CLONE_ARGS_SIZE_VER1, CLONE_ARGS_SIZE_VER2,
    CLONE_INTO_CGROUP, clone_args,
};
use static_assertions::const_assert_eq;

use super::check;
use crate::{Pid, Result, arch};

const_assert_eq!(size_of::<clone_args>(), CLONE_ARGS_SIZE_VER2 as usize);
const_assert_eq!(offset_of!(clone_args, pidfd), 8);
const_assert_eq!(offset_of!(clone_args, exit_signal), 32);
const_assert_eq!(offset_of!(clone_args, stack), 40);
const_assert_eq!(
    offset_of!(clone_args, set_tid),
    CLONE_ARGS_SIZE_VER0 as usize
);
const_assert_eq!(
    offset_of!(clone_args, cgroup),
    CLONE_ARGS_SIZE_VER1 as usize
);
// Lists of numbers are given as they are.
const_assert_eq!(size_of::<Pid>(), size_of::<i32>());

/// What a child calls that begins on a stack of its own.
pub(crate) type Entry = unsafe extern "C" fn(*mut ()) -> !;

/// All zero: nothing asked.
pub(crate) const NO_ARGS: clone_args = clone_args {
    flags: 0,
    pidfd: 0,
    child_tid: 0,
    parent_tid: 0,
    exit_signal: 0,
    stack: 0,
    stack_size: 0,
    tls: 0,
    set_tid: 0,
    set_tid_size: 0,
    cgroup: 0,
};

/// As little of the structure as says all that is asked: an old kernel takes no
/// notice of what it does not know only where it is not there.
fn size(args: &clone_args) -> usize {
    // A descriptor can be 0.
    let size = if args.flags & CLONE_INTO_CGROUP != 0 {
        CLONE_ARGS_SIZE_VER2
    } else if args.set_tid_size != 0 {
        CLONE_ARGS_SIZE_VER1
    } else {
        CLONE_ARGS_SIZE_VER0
    };
    size as usize
}

/// `clone3(2)` on the caller's stack. `None` in the child.
///
/// # Safety
///
/// As [`fork`](super::process::fork); nothing of the arguments may have the child
/// share the caller's memory, and what they point to must be what the kernel takes it
/// for.
pub(crate) unsafe fn clone3(args: &clone_args) -> Result<Option<Pid>> {
    // SAFETY: the kernel reads so much of the structure; the rest is the caller's
    // promise.
    let raw = unsafe {
        arch::syscall2(
            __NR_clone3 as usize,
            core::ptr::from_ref(args).expose_provenance(),
            size(args),
        )
    };
    Ok(Pid::from_raw(check(raw)? as i32))
}

/// `clone3(2)`; the child calls `entry` with `argument` on the stack of the
/// arguments.
///
/// # Safety
///
/// The stack's end must be aligned to 16 bytes and the stack nobody else's; what the
/// arguments point to must be what the kernel takes it for; `entry` must be sound to
/// call with `argument` in such a child.
pub(crate) unsafe fn clone3_child(
    args: &clone_args,
    entry: Entry,
    argument: *mut (),
) -> Result<Option<Pid>> {
    // SAFETY: the kernel reads so much of the structure; the rest is the caller's
    // promise.
    let raw = unsafe {
        arch::clone_child(
            __NR_clone3 as usize,
            core::ptr::from_ref(args).expose_provenance(),
            size(args),
            0,
            0,
            0,
            entry,
            argument,
        )
    };
    Ok(Pid::from_raw(check(raw)? as i32))
}

/// `clone(2)` on the caller's stack. `None` in the child.
///
/// # Safety
///
/// As [`clone3`]; `pidfd` is null, or for a number to be written to.
pub(crate) unsafe fn clone(flags: u32, pidfd: u64) -> Result<Option<Pid>> {
    // The arguments after `pidfd` are 0, so that it does not matter that their order
    // differs between machines.
    // SAFETY: the caller's promise.
    let raw =
        unsafe { arch::syscall5(__NR_clone as usize, flags as usize, 0, pidfd as usize, 0, 0) };
    Ok(Pid::from_raw(check(raw)? as i32))
}

/// `clone(2)`; the child calls `entry` with `argument` on the stack that ends at
/// `stack`.
///
/// # Safety
///
/// As [`clone3_child`] and [`clone`].
pub(crate) unsafe fn clone_child(
    flags: u32,
    stack: u64,
    pidfd: u64,
    entry: Entry,
    argument: *mut (),
) -> Result<Option<Pid>> {
    // SAFETY: the caller's promise.
    let raw = unsafe {
        arch::clone_child(
            __NR_clone as usize,
            flags as usize,
            stack as usize,
            pidfd as usize,
            0,
            0,
            entry,
            argument,
        )
    };
    Ok(Pid::from_raw(check(raw)? as i32))
}

/// `clone(2)` of a thread, which calls `entry` with `argument`, by those of the arguments of `clone3(2)`
/// that a thread has.
///
/// # Safety
///
/// As [`clone3_child`].
#[cfg(feature = "start")]
pub(crate) unsafe fn clone_thread(
    args: &clone_args,
    entry: Entry,
    argument: *mut (),
) -> Result<Option<Pid>> {
    let (a3, a4) = if arch::thread::CLONE_TLS_FIRST {
        (args.tls, args.child_tid)
    } else {
        (args.child_tid, args.tls)
    };
    // SAFETY: the caller's promise.
    let raw = unsafe {
        arch::clone_child(
            __NR_clone as usize,
            args.flags as usize,
            (args.stack + args.stack_size) as usize,
            args.parent_tid as usize,
            a3 as usize,
            a4 as usize,
            entry,
            argument,
        )
    };
    Ok(Pid::from_raw(check(raw)? as i32))
}
