//! riscv64: `ecall`, number in a7, arguments in a0 to a5.

#![allow(
    dead_code,
    reason = "the set of calls is complete, whether or not sys needs all"
)]

use core::arch::asm;
use core::mem::{offset_of, size_of};
use core::sync::atomic::{Ordering::Release, fence};

use static_assertions::const_assert_eq;

pub(crate) mod trace;

/// The largest page this machine's kernels are built with: what an offset into
/// a file must be a multiple of to be mapped everywhere.
pub(crate) const MAX_PAGE_SIZE: usize = 4096;

/// Unused words behind each time in the kernel's `semid64_ds`.
pub(crate) const SEM_TIME_GAP: usize = 0;

/// What a seccomp filter is told that a system call's convention is.
pub(crate) const AUDIT_ARCH: u32 = linux_raw_sys::ptrace::AUDIT_ARCH_RISCV64;

/// From which number on system calls are of another convention that says the same of
/// itself: there is none.
pub(crate) const FOREIGN_CALLS: Option<u32> = None;

/// Whether [`store_pair`] changes both halves in one step: no
/// store of this machine is that wide.
pub(crate) fn stores_pairs() -> bool {
    false
}

/// Stores `low` and `high` one behind the other. Not called: see [`stores_pairs`].
///
/// # Safety
///
/// `to` must be a multiple of 16 and point to 16 bytes of memory that may be written by
/// this process and is read only as atomics.
#[inline(always)]
pub(crate) unsafe fn store_pair(to: *mut u64, low: u64, high: u64) {
    // SAFETY: the caller's promise.
    unsafe { to.add(1).write_volatile(high) };
    fence(Release);
    // SAFETY: the caller's promise.
    unsafe { to.write_volatile(low) };
}

/// Instructions that enter the kernel, with their operands, and what that clobbers.
///
/// The kernel leaves the vector registers, `vl` and `vtype` in any state (its
/// documentation of riscv, "Vector Extension Support"). The registers are named, for
/// which the processor need not have them; the other two are among the flags, which are
/// not said to be preserved.
macro_rules! kernel {
    ($($instruction:literal),+; $($operands:tt)*) => {
        asm!(
            $($instruction,)+
            $($operands)*
            out("v0") _, out("v1") _, out("v2") _, out("v3") _, out("v4") _, out("v5") _,
            out("v6") _, out("v7") _, out("v8") _, out("v9") _, out("v10") _, out("v11") _,
            out("v12") _, out("v13") _, out("v14") _, out("v15") _, out("v16") _, out("v17") _,
            out("v18") _, out("v19") _, out("v20") _, out("v21") _, out("v22") _, out("v23") _,
            out("v24") _, out("v25") _, out("v26") _, out("v27") _, out("v28") _, out("v29") _,
            out("v30") _, out("v31") _,
            options(nostack),
        )
    };
}

/// Makes the system call with these arguments; the value is the result.
macro_rules! call {
    ($number:ident) => {
        call!($number, 0_usize)
    };
    ($number:ident, $first:expr $(, $register:tt = $argument:ident)*) => {{
        let result;
        kernel!(
            "ecall";
            in("a7") $number,
            inlateout("a0") $first => result,
            $(in($register) $argument,)*
        );
        result
    }};
}

/// Makes the system call `number` with zero arguments.
///
/// # Safety
///
/// The call itself must be sound with these arguments.
#[inline]
pub(crate) unsafe fn syscall0(number: usize) -> usize {
    // SAFETY: the caller vouches for the call.
    unsafe { call!(number) }
}

/// Makes the system call `number` with one argument.
///
/// # Safety
///
/// The call itself must be sound with these arguments.
#[inline]
pub(crate) unsafe fn syscall1(number: usize, a0: usize) -> usize {
    // SAFETY: the caller vouches for the call.
    unsafe { call!(number, a0) }
}

/// Makes the system call `number` with two arguments.
///
/// # Safety
///
/// The call itself must be sound with these arguments.
#[inline]
pub(crate) unsafe fn syscall2(number: usize, a0: usize, a1: usize) -> usize {
    // SAFETY: the caller vouches for the call.
    unsafe { call!(number, a0, "a1" = a1) }
}

/// Makes the system call `number` with three arguments.
///
/// # Safety
///
/// The call itself must be sound with these arguments.
#[inline]
pub(crate) unsafe fn syscall3(number: usize, a0: usize, a1: usize, a2: usize) -> usize {
    // SAFETY: the caller vouches for the call.
    unsafe { call!(number, a0, "a1" = a1, "a2" = a2) }
}

/// Makes the system call `number` with four arguments.
///
/// # Safety
///
/// The call itself must be sound with these arguments.
#[inline]
pub(crate) unsafe fn syscall4(number: usize, a0: usize, a1: usize, a2: usize, a3: usize) -> usize {
    // SAFETY: the caller vouches for the call.
    unsafe { call!(number, a0, "a1" = a1, "a2" = a2, "a3" = a3) }
}

/// Makes the system call `number` with five arguments.
///
/// # Safety
///
/// The call itself must be sound with these arguments.
#[inline]
pub(crate) unsafe fn syscall5(
    number: usize,
    a0: usize,
    a1: usize,
    a2: usize,
    a3: usize,
    a4: usize,
) -> usize {
    // SAFETY: the caller vouches for the call.
    unsafe { call!(number, a0, "a1" = a1, "a2" = a2, "a3" = a3, "a4" = a4) }
}

/// Makes the system call `number` with six arguments.
///
/// # Safety
///
/// The call itself must be sound with these arguments.
#[inline]
pub(crate) unsafe fn syscall6(
    number: usize,
    a0: usize,
    a1: usize,
    a2: usize,
    a3: usize,
    a4: usize,
    a5: usize,
) -> usize {
    // SAFETY: the caller vouches for the call.
    unsafe {
        call!(
            number,
            a0,
            "a1" = a1,
            "a2" = a2,
            "a3" = a3,
            "a4" = a4,
            "a5" = a5
        )
    }
}

/// Makes the system call `number`, which makes a process on a stack of its own, and
/// has that process call `function` with `argument`, on its stack. Returns in the
/// caller alone.
///
/// # Safety
///
/// The call must be sound with these arguments, and give the child a stack that is
/// aligned to 16 bytes and nobody else's. `function` must be sound to call with
/// `argument` in the child.
#[inline]
pub(crate) unsafe fn clone_child(
    number: usize,
    a0: usize,
    a1: usize,
    a2: usize,
    function: unsafe extern "C" fn(*mut ()) -> !,
    argument: *mut (),
) -> usize {
    let result;
    // SAFETY: the caller vouches for the call. The registers that the kernel clobbers
    // are named, and not used for what the child needs, which finds all others as they
    // were. What else the child changes it changes on its own stack, and never comes to
    // the end of this.
    unsafe {
        kernel!(
            "ecall",
            "bnez a0, 2f",
            // The outermost frame: nothing to unwind beyond it.
            "li s0, 0",
            "li ra, 0",
            "mv a0, a6",
            "jalr a5",
            "unimp",
            "2:";
            in("a7") number,
            inlateout("a0") a0 => result,
            in("a1") a1,
            in("a2") a2,
            // What `clone` would take for addresses of thread-local storage and more.
            in("a3") 0_usize,
            in("a4") 0_usize,
            in("a5") function,
            in("a6") argument,
        );
    }
    result
}

/// Copies `len` bytes, at least 16, byte by byte up to a word boundary of `src`
/// and in words where `dst` is aligned with it.
///
/// # Safety
///
/// `src` must be readable and `dst` writable for `len` bytes, and the two must
/// not overlap. Either may change or be read by another process meanwhile.
#[inline]
pub(crate) unsafe fn copy_block(dst: *mut u8, src: *const u8, len: usize) {
    // SAFETY: each access lies in the two ranges that the caller vouches for;
    // words are only used while at least eight bytes remain and both pointers
    // are aligned.
    unsafe {
        asm!(
            "add {end}, {src}, {end}",
            "2:",
            "beq {src}, {end}, 5f",
            "or {t}, {src}, {dst}",
            "andi {t}, {t}, 7",
            "bnez {t}, 4f",
            "addi {t}, {src}, 8",
            "bltu {end}, {t}, 4f",
            "ld {t}, 0({src})",
            "sd {t}, 0({dst})",
            "addi {src}, {src}, 8",
            "addi {dst}, {dst}, 8",
            "j 2b",
            "4:",
            "lbu {t}, 0({src})",
            "sb {t}, 0({dst})",
            "addi {src}, {src}, 1",
            "addi {dst}, {dst}, 1",
            "j 2b",
            "5:",
            end = inout(reg) len => _,
            src = inout(reg) src => _,
            dst = inout(reg) dst => _,
            t = out(reg) _,
            options(nostack),
        );
    }
}

/// No flag: this machine's actions have no restorer, the kernel's own is in the vDSO.
pub(crate) const SA_RESTORER: u64 = 0;

/// What `rt_sigaction(2)` reads and writes on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Sigaction {
    pub(crate) handler: usize,
    pub(crate) flags: u64,
    pub(crate) mask: u64,
}

const_assert_eq!(size_of::<Sigaction>(), 24);
const_assert_eq!(offset_of!(Sigaction, flags), 8);
const_assert_eq!(offset_of!(Sigaction, mask), 16);

impl Sigaction {
    /// The action whose handler returns by way of the kernel's own code.
    pub(crate) const fn new(handler: usize) -> Self {
        Self {
            handler,
            flags: 0,
            mask: 0,
        }
    }
}

/// Where a signal handler's context (`ucontext_t`) has what it was interrupted with.
pub(crate) mod context {
    /// The instruction pointer.
    pub(crate) const INSTRUCTION: usize = 176;
    /// The stack pointer.
    pub(crate) const STACK: usize = 192;
    /// The set of blocked signals.
    pub(crate) const MASK: usize = 40;
}
