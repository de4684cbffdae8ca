//! The way back from a signal handler, and what handlers are told.

use core::arch::naked_asm;
use core::mem::{offset_of, size_of};

use linux_raw_sys::general::__NR_rt_sigreturn;
use static_assertions::const_assert_eq;

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
