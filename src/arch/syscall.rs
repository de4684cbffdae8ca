//! The system call instruction, with zero to six arguments.

use super::machine::call;

macro_rules! syscalls {
    ($($name:ident($($argument:ident),*): $count:literal;)*) => {$(
        #[doc = concat!("Makes the system call `number` with ", $count, ".")]
        ///
        /// # Safety
        ///
        /// The call itself must be sound with these arguments.
        #[allow(dead_code, reason = "the set is complete, whether or not sys needs all")]
        #[inline]
        pub(crate) unsafe fn $name(number: usize $(, $argument: usize)*) -> usize {
            // SAFETY: the caller vouches for the call.
            unsafe { call!(number $(, $argument)*) }
        }
    )*};
}

syscalls! {
    syscall0(): "zero arguments";
    syscall1(a0): "one argument";
    syscall2(a0, a1): "two arguments";
    syscall3(a0, a1, a2): "three arguments";
    syscall4(a0, a1, a2, a3): "four arguments";
    syscall5(a0, a1, a2, a3, a4): "five arguments";
    syscall6(a0, a1, a2, a3, a4, a5): "six arguments";
}
