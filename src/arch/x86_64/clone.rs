//! A child, or a thread, on a stack of its own.

use core::arch::asm;

/// Makes the system call `number`, which makes a process or thread on a stack of its own, and
/// has that call `function` with `argument`, on its stack. Returns in the
/// caller alone.
///
/// # Safety
///
/// The call must be sound with these arguments, and give the child a stack that is
/// aligned to 16 bytes and nobody else's. `function` must be sound to call with
/// `argument` in the child.
#[inline]
#[allow(
    clippy::too_many_arguments,
    reason = "those of a system call, and what the child calls"
)]
pub(crate) unsafe fn clone_child(
    number: usize,
    a0: usize,
    a1: usize,
    a2: usize,
    a3: usize,
    a4: usize,
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
            in("r10") a3,
            in("r8") a4,
            in("r9") function,
            in("r12") argument,
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    result
}
