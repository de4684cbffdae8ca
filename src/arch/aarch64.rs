//! aarch64: `svc 0`, number in x8, arguments in x0 to x5.

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
pub(crate) const MAX_PAGE_SIZE: usize = 65536;

/// Unused words behind each time in the kernel's `semid64_ds`.
pub(crate) const SEM_TIME_GAP: usize = 0;

/// What a seccomp filter is told that a system call's convention is.
pub(crate) const AUDIT_ARCH: u32 = linux_raw_sys::ptrace::AUDIT_ARCH_AARCH64;

/// From which number on system calls are of another convention that says the same of
/// itself: there is none.
pub(crate) const FOREIGN_CALLS: Option<u32> = None;

/// Whether [`store_pair`] changes both halves in one step: not
/// before LSE2, and nobody has asked whether this one has it.
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
/// The kernel leaves in any state what the scalable vectors add: all of a `z` register
/// beyond the low 128 bits, the predicates and `ffr` (its documentation of arm64,
/// "Scalable Vector Extension support", on system calls). A `v` register can only be
/// named whole; `ffr` need not be, as the compiler keeps nothing there. The processor
/// need not have any of this.
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
            out("p0") _, out("p1") _, out("p2") _, out("p3") _, out("p4") _, out("p5") _,
            out("p6") _, out("p7") _, out("p8") _, out("p9") _, out("p10") _, out("p11") _,
            out("p12") _, out("p13") _, out("p14") _, out("p15") _,
            options(nostack, preserves_flags),
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
            "svc 0";
            in("x8") $number,
            inlateout("x0") $first => result,
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
    unsafe { call!(number, a0, "x1" = a1) }
}

/// Makes the system call `number` with three arguments.
///
/// # Safety
///
/// The call itself must be sound with these arguments.
#[inline]
pub(crate) unsafe fn syscall3(number: usize, a0: usize, a1: usize, a2: usize) -> usize {
    // SAFETY: the caller vouches for the call.
    unsafe { call!(number, a0, "x1" = a1, "x2" = a2) }
}

/// Makes the system call `number` with four arguments.
///
/// # Safety
///
/// The call itself must be sound with these arguments.
#[inline]
pub(crate) unsafe fn syscall4(number: usize, a0: usize, a1: usize, a2: usize, a3: usize) -> usize {
    // SAFETY: the caller vouches for the call.
    unsafe { call!(number, a0, "x1" = a1, "x2" = a2, "x3" = a3) }
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
    unsafe { call!(number, a0, "x1" = a1, "x2" = a2, "x3" = a3, "x4" = a4) }
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
            "x1" = a1,
            "x2" = a2,
            "x3" = a3,
            "x4" = a4,
            "x5" = a5
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
            "svc 0",
            "cbnz x0, 2f",
            // The outermost frame: nothing to unwind beyond it.
            "mov x29, xzr",
            "mov x30, xzr",
            "mov x0, x6",
            "blr x5",
            "brk #1",
            "2:";
            in("x8") number,
            inlateout("x0") a0 => result,
            in("x1") a1,
            in("x2") a2,
            // What `clone` would take for addresses of thread-local storage and more.
            in("x3") 0_usize,
            in("x4") 0_usize,
            in("x5") function,
            in("x6") argument,
        );
    }
    result
}

/// Copies `len` bytes, at least 16, as one opaque instruction sequence.
///
/// # Safety
///
/// `src` must be readable and `dst` writable for `len` bytes, and the two must
/// not overlap. Either may change or be read by another process meanwhile.
#[inline]
pub(crate) unsafe fn copy_block(dst: *mut u8, src: *const u8, len: usize) {
    // Whole 32-byte steps, then one of 16, then the last 16 bytes again, which
    // may overlap what is already copied.
    // SAFETY: every access lies in the two ranges that the caller vouches for:
    // `left` counts what remains and the final step ends exactly at the end.
    unsafe {
        asm!(
            "subs {left}, {left}, #32",
            "b.lo 3f",
            "2:",
            "ldp {a:q}, {b:q}, [{src}], #32",
            "stp {a:q}, {b:q}, [{dst}], #32",
            "subs {left}, {left}, #32",
            "b.hs 2b",
            "3:",
            "adds {left}, {left}, #32",
            "b.eq 5f",
            "cmp {left}, #16",
            "b.lo 4f",
            "ldr {a:q}, [{src}], #16",
            "str {a:q}, [{dst}], #16",
            "subs {left}, {left}, #16",
            "b.eq 5f",
            "4:",
            "sub {left}, {left}, #16",
            "ldr {a:q}, [{src}, {left}]",
            "str {a:q}, [{dst}, {left}]",
            "5:",
            left = inout(reg) len => _,
            src = inout(reg) src => _,
            dst = inout(reg) dst => _,
            a = out(vreg) _,
            b = out(vreg) _,
            options(nostack),
        );
    }
}

/// The flag that says that an action has a restorer; another libc may set it. The
/// kernel's own, in the vDSO, does for us.
pub(crate) const SA_RESTORER: u64 = 0x0400_0000;

/// What `rt_sigaction(2)` reads and writes on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Sigaction {
    pub(crate) handler: usize,
    pub(crate) flags: u64,
    restorer: usize,
    pub(crate) mask: u64,
}

const_assert_eq!(size_of::<Sigaction>(), 32);
const_assert_eq!(offset_of!(Sigaction, flags), 8);
const_assert_eq!(offset_of!(Sigaction, mask), 24);

impl Sigaction {
    /// The action whose handler returns by way of the kernel's own code.
    pub(crate) const fn new(handler: usize) -> Self {
        Self {
            handler,
            flags: 0,
            restorer: 0,
            mask: 0,
        }
    }
}

/// Where a signal handler's context (`ucontext_t`) has what it was interrupted with.
pub(crate) mod context {
    /// The instruction pointer.
    pub(crate) const INSTRUCTION: usize = 440;
    /// The stack pointer.
    pub(crate) const STACK: usize = 432;
    /// The set of blocked signals.
    pub(crate) const MASK: usize = 40;
}
