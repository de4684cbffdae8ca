//! x86_64: `syscall`, number in rax, arguments in rdi rsi rdx r10 r8 r9.

#![allow(
    dead_code,
    reason = "the set of calls is complete, whether or not sys needs all"
)]

use core::arch::{asm, naked_asm};
use core::mem::{offset_of, size_of};

use linux_raw_sys::general::__NR_rt_sigreturn;
use static_assertions::const_assert_eq;

pub(crate) mod trace;

/// The largest page this machine's kernels are built with: what an offset into
/// a file must be a multiple of to be mapped everywhere.
pub(crate) const MAX_PAGE_SIZE: usize = 4096;

/// Unused words behind each time in the kernel's `semid64_ds`: a remainder of the
/// 32-bit machine.
pub(crate) const SEM_TIME_GAP: usize = 1;

/// What a seccomp filter is told that a system call's convention is.
pub(crate) const AUDIT_ARCH: u32 = linux_raw_sys::ptrace::AUDIT_ARCH_X86_64;

/// From this number on system calls are of another convention that says the same
/// of itself: x32.
pub(crate) const FOREIGN_CALLS: Option<u32> = Some(linux_raw_sys::general::__X32_SYSCALL_BIT);

/// Whether [`store_pair`] changes both halves in one step: with AVX, aligned stores of
/// 16 bytes are atomic (Intel's manual, volume 3, "Guaranteed Atomic Operations"; AMD's,
/// volume 2, "Access Atomicity"). A few microseconds in a virtual machine.
pub(crate) fn stores_pairs() -> bool {
    const AVX: u32 = 1 << 28;
    core::arch::x86_64::__cpuid(1).ecx & AVX != 0
}

/// Stores `low` and `high` one behind the other, in one step where
/// [`stores_pairs`] says so, after everything that the program did before.
///
/// # Safety
///
/// `to` must be a multiple of 16 and point to 16 bytes of memory that may be written by
/// this process and is read only as atomics.
#[inline(always)]
pub(crate) unsafe fn store_pair(to: *mut u64, low: u64, high: u64) {
    // SAFETY: the caller vouches for the address; every processor has SSE2, and no
    // store of this machine overtakes what comes before it.
    unsafe {
        asm!(
            "movq {a}, {low}",
            "movq {b}, {high}",
            "punpcklqdq {a}, {b}",
            "movaps [{to}], {a}",
            low = in(reg) low,
            high = in(reg) high,
            to = in(reg) to,
            a = out(xmm_reg) _,
            b = out(xmm_reg) _,
            options(nostack, preserves_flags),
        );
    }
}

/// Makes the system call `number` with zero arguments.
///
/// # Safety
///
/// The call itself must be sound with these arguments.
#[inline]
pub(crate) unsafe fn syscall0(number: usize) -> usize {
    let result;
    // SAFETY: the caller vouches for the call; the registers that the kernel
    // clobbers are named; memory is assumed to change.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack, preserves_flags),
        );
    }
    result
}

/// Makes the system call `number` with one argument.
///
/// # Safety
///
/// The call itself must be sound with these arguments.
#[inline]
pub(crate) unsafe fn syscall1(number: usize, a0: usize) -> usize {
    let result;
    // SAFETY: the caller vouches for the call; the registers that the kernel
    // clobbers are named; memory is assumed to change.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") a0,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack, preserves_flags),
        );
    }
    result
}

/// Makes the system call `number` with two arguments.
///
/// # Safety
///
/// The call itself must be sound with these arguments.
#[inline]
pub(crate) unsafe fn syscall2(number: usize, a0: usize, a1: usize) -> usize {
    let result;
    // SAFETY: the caller vouches for the call; the registers that the kernel
    // clobbers are named; memory is assumed to change.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") a0,
            in("rsi") a1,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack, preserves_flags),
        );
    }
    result
}

/// Makes the system call `number` with three arguments.
///
/// # Safety
///
/// The call itself must be sound with these arguments.
#[inline]
pub(crate) unsafe fn syscall3(number: usize, a0: usize, a1: usize, a2: usize) -> usize {
    let result;
    // SAFETY: the caller vouches for the call; the registers that the kernel
    // clobbers are named; memory is assumed to change.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") a0,
            in("rsi") a1,
            in("rdx") a2,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack, preserves_flags),
        );
    }
    result
}

/// Makes the system call `number` with four arguments.
///
/// # Safety
///
/// The call itself must be sound with these arguments.
#[inline]
pub(crate) unsafe fn syscall4(number: usize, a0: usize, a1: usize, a2: usize, a3: usize) -> usize {
    let result;
    // SAFETY: the caller vouches for the call; the registers that the kernel
    // clobbers are named; memory is assumed to change.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") a0,
            in("rsi") a1,
            in("rdx") a2,
            in("r10") a3,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack, preserves_flags),
        );
    }
    result
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
    let result;
    // SAFETY: the caller vouches for the call; the registers that the kernel
    // clobbers are named; memory is assumed to change.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") a0,
            in("rsi") a1,
            in("rdx") a2,
            in("r10") a3,
            in("r8") a4,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack, preserves_flags),
        );
    }
    result
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
    let result;
    // SAFETY: the caller vouches for the call; the registers that the kernel
    // clobbers are named; memory is assumed to change.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") a0,
            in("rsi") a1,
            in("rdx") a2,
            in("r10") a3,
            in("r8") a4,
            in("r9") a5,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack, preserves_flags),
        );
    }
    result
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
    // are named, and not used for what the child needs, which finds all others as
    // they were. What else the child changes it changes on its own stack, and never
    // comes to the end of this.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            // The outermost frame: nothing to unwind beyond it.
            "xor ebp, ebp",
            "mov rdi, r12",
            "call r9",
            "ud2",
            "2:",
            inlateout("rax") number => result,
            in("rdi") a0,
            in("rsi") a1,
            in("rdx") a2,
            // What `clone` would take for addresses of thread-local storage and more.
            in("r10") 0_usize,
            in("r8") 0_usize,
            in("r9") function,
            in("r12") argument,
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    result
}

/// Below this many bytes the vector loop beats the start-up of `rep movsb`.
const REP_MOVSB_FROM: usize = 2048;

/// Copies `len` bytes, at least 16, as one opaque instruction sequence.
///
/// # Safety
///
/// `src` must be readable and `dst` writable for `len` bytes, and the two must
/// not overlap. Either may change or be read by another process meanwhile.
#[inline]
pub(crate) unsafe fn copy_block(dst: *mut u8, src: *const u8, len: usize) {
    if len >= REP_MOVSB_FROM {
        // SAFETY: the caller vouches for both ranges; the direction flag is
        // clear by the ABI.
        unsafe {
            asm!(
                "rep movsb",
                inout("rcx") len => _,
                inout("rdi") dst => _,
                inout("rsi") src => _,
                options(nostack, preserves_flags),
            );
        }
        return;
    }
    // Whole 64-byte steps, then 16-byte steps, then the last 16 bytes again,
    // which may overlap what is already copied.
    // SAFETY: every access lies in the two ranges that the caller vouches for:
    // `left` counts what remains and the final step ends exactly at the end.
    unsafe {
        asm!(
            "sub {left}, 64",
            "jb 3f",
            "2:",
            "movups {a}, [{src}]",
            "movups {b}, [{src} + 16]",
            "movups {c}, [{src} + 32]",
            "movups {d}, [{src} + 48]",
            "movups [{dst}], {a}",
            "movups [{dst} + 16], {b}",
            "movups [{dst} + 32], {c}",
            "movups [{dst} + 48], {d}",
            "add {src}, 64",
            "add {dst}, 64",
            "sub {left}, 64",
            "jae 2b",
            "3:",
            "add {left}, 64",
            "4:",
            "cmp {left}, 16",
            "jb 5f",
            "movups {a}, [{src}]",
            "movups [{dst}], {a}",
            "add {src}, 16",
            "add {dst}, 16",
            "sub {left}, 16",
            "jmp 4b",
            "5:",
            "test {left}, {left}",
            "jz 6f",
            "movups {a}, [{src} + {left} - 16]",
            "movups [{dst} + {left} - 16], {a}",
            "6:",
            left = inout(reg) len => _,
            src = inout(reg) src => _,
            dst = inout(reg) dst => _,
            a = out(xmm_reg) _,
            b = out(xmm_reg) _,
            c = out(xmm_reg) _,
            d = out(xmm_reg) _,
            options(nostack),
        );
    }
}

/// The flag that says that an action has a restorer. Without one this machine's
/// kernel delivers nothing.
pub(crate) const SA_RESTORER: u64 = 0x0400_0000;

/// What `rt_sigaction(2)` reads and writes on this machine.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Sigaction {
    pub(crate) handler: usize,
    pub(crate) flags: u64,
    restorer: Code,
    pub(crate) mask: u64,
}

const_assert_eq!(size_of::<Sigaction>(), 32);
const_assert_eq!(offset_of!(Sigaction, flags), 8);
const_assert_eq!(offset_of!(Sigaction, mask), 24);

/// The address of an instruction, perhaps another program's: a number to the kernel.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
struct Code(*const ());

// SAFETY: nothing in this process is accessed through it.
unsafe impl Send for Code {}
// SAFETY: as above.
unsafe impl Sync for Code {}

impl Sigaction {
    /// The action whose handler returns by way of ours.
    pub(crate) const fn new(handler: usize) -> Self {
        Self {
            handler,
            flags: SA_RESTORER,
            // Behind the `nop`.
            restorer: Code((sigreturn as *const ()).wrapping_byte_add(1)),
            mask: 0,
        }
    }
}

/// Where a signal handler returns to, one byte behind the beginning: `rt_sigreturn(2)`,
/// which goes on where the signal interrupted.
///
/// Made so that unwinders and debuggers get past it to what was interrupted:
///
/// - They look for whose code a return address is one byte before it, where a call
///   would be. The `nop` is there so that this finds us and not whatever the linker put
///   before.
/// - The rules say that it is a signal's frame, and where in the handler's context, to
///   which the stack pointer points now, each register is: an address relative to the
///   stack pointer for each, the caller's stack pointer read from its own.
/// - Debuggers without them know the name `__restore_rt` (a local symbol, so that a
///   libc in the same program has its own), or these two instructions.
#[unsafe(naked)]
unsafe extern "C" fn sigreturn() {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_signal_frame",
        // DW_CFA_def_cfa_expression: DW_OP_breg7 (rsp) + 160, DW_OP_deref.
        ".cfi_escape 0x0f, 4, 0x77, 0xa0, 0x01, 0x06",
        // DW_CFA_expression REGISTER: DW_OP_breg7 (rsp) + OFFSET, from r8 to r15 ...
        ".cfi_escape 0x10, 8, 2, 0x77, 40",
        ".cfi_escape 0x10, 9, 2, 0x77, 48",
        ".cfi_escape 0x10, 10, 2, 0x77, 56",
        ".cfi_escape 0x10, 11, 3, 0x77, 0xc0, 0x00",
        ".cfi_escape 0x10, 12, 3, 0x77, 0xc8, 0x00",
        ".cfi_escape 0x10, 13, 3, 0x77, 0xd0, 0x00",
        ".cfi_escape 0x10, 14, 3, 0x77, 0xd8, 0x00",
        ".cfi_escape 0x10, 15, 3, 0x77, 0xe0, 0x00",
        // ... rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp and rip, as the context has them.
        ".cfi_escape 0x10, 5, 3, 0x77, 0xe8, 0x00",
        ".cfi_escape 0x10, 4, 3, 0x77, 0xf0, 0x00",
        ".cfi_escape 0x10, 6, 3, 0x77, 0xf8, 0x00",
        ".cfi_escape 0x10, 3, 3, 0x77, 0x80, 0x01",
        ".cfi_escape 0x10, 1, 3, 0x77, 0x88, 0x01",
        ".cfi_escape 0x10, 0, 3, 0x77, 0x90, 0x01",
        ".cfi_escape 0x10, 2, 3, 0x77, 0x98, 0x01",
        ".cfi_escape 0x10, 7, 3, 0x77, 0xa0, 0x01",
        ".cfi_escape 0x10, 16, 3, 0x77, 0xa8, 0x01",
        "nop",
        ".type __restore_rt, @function",
        "__restore_rt:",
        "mov rax, {number}",
        "syscall",
        ".size __restore_rt, . - __restore_rt",
        ".cfi_endproc",
        number = const __NR_rt_sigreturn as i32,
    )
}

// What the rules above say in numbers.
const_assert_eq!(context::STACK, 160);
const_assert_eq!(context::INSTRUCTION, 168);

/// Where a signal handler's context (`ucontext_t`) has what it was interrupted with.
pub(crate) mod context {
    /// The instruction pointer.
    pub(crate) const INSTRUCTION: usize = 168;
    /// The stack pointer.
    pub(crate) const STACK: usize = 160;
    /// The set of blocked signals.
    pub(crate) const MASK: usize = 296;
}
