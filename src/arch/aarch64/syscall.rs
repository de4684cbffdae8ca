//! `svc 0`: number in x8, arguments in x0 to x5.

/// Instructions that enter the kernel, with their operands, and what that clobbers.
///
/// The kernel leaves in any state what the scalable vectors add: all of a `z` register
/// beyond the low 128 bits, the predicates and `ffr` (its documentation of arm64,
/// "Scalable Vector Extension support", on system calls). A `v` register can only be
/// named whole; `ffr` need not be, as the compiler keeps nothing there. The processor
/// need not have any of this.
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
            out("p0") _, out("p1") _, out("p2") _, out("p3") _, out("p4") _, out("p5") _,
            out("p6") _, out("p7") _, out("p8") _, out("p9") _, out("p10") _, out("p11") _,
            out("p12") _, out("p13") _, out("p14") _, out("p15") _,
            options(nostack, preserves_flags),
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
            "svc 0";
            in("x8") $number,
            inlateout("x0") $a0 => result,
            $(
                in("x1") $a1,
                $(in("x2") $a2, $(in("x3") $a3, $(in("x4") $a4, $(in("x5") $a5,)?)?)?)?
            )?
        );
        result
    }};
}
pub(in crate::arch) use call;
