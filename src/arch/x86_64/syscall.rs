//! `syscall`: number in rax, arguments in rdi rsi rdx r10 r8 r9.

/// Makes the system call with these arguments; the value is the result.
///
/// The registers that the kernel clobbers are named; memory is assumed to change.
macro_rules! call {
    (
        $number:ident
        $(, $a0:ident $(, $a1:ident $(, $a2:ident $(, $a3:ident $(, $a4:ident $(, $a5:ident)?)?)?)?)?)?
    ) => {{
        let result;
        core::arch::asm!(
            "syscall",
            inlateout("rax") $number => result,
            $(
                in("rdi") $a0,
                $(in("rsi") $a1, $(in("rdx") $a2, $(in("r10") $a3, $(in("r8") $a4, $(in("r9") $a5,)?)?)?)?)?
            )?
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack, preserves_flags),
        );
        result
    }};
}
pub(in crate::arch) use call;
