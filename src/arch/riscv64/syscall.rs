//! `ecall`: number in a7, arguments in a0 to a5.

/// Instructions that enter the kernel, with their operands, and what that clobbers.
///
/// The kernel leaves the vector registers, `vl` and `vtype` in any state (its
/// documentation of riscv, "Vector Extension Support"). The registers are named, for
/// which the processor need not have them; the other two are among the flags, which are
/// not said to be preserved.
macro_rules! kernel {
    ($($instruction:literal),+; $($operands:tt)*) => {
        core::arch::asm!(
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
pub(in crate::arch) use kernel;

/// Makes the system call with these arguments; the value is the result.
macro_rules! call {
    ($number:ident) => {
        $crate::arch::machine::call!($number; 0_usize)
    };
    ($number:ident, $first:ident $(, $more:ident)*) => {
        $crate::arch::machine::call!($number; $first $(, $more)*)
    };
    (
        $number:ident;
        $a0:expr $(, $a1:ident $(, $a2:ident $(, $a3:ident $(, $a4:ident $(, $a5:ident)?)?)?)?)?
    ) => {{
        let result;
        $crate::arch::machine::kernel!(
            "ecall";
            in("a7") $number,
            inlateout("a0") $a0 => result,
            $(
                in("a1") $a1,
                $(in("a2") $a2, $(in("a3") $a3, $(in("a4") $a4, $(in("a5") $a5,)?)?)?)?
            )?
        );
        result
    }};
}
pub(in crate::arch) use call;
