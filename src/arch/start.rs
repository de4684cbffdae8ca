//! The first instructions of a program, and the names by which compilers call the memory
//! functions: assembly that lands in the program, as macros, since a library's symbols would
//! take the place of a libc's in programs that have one.

/// Defines `_start`, which hands the first stack pointer, aligned as functions want it, to
/// the function.
#[doc(hidden)]
#[macro_export]
#[cfg(target_arch = "x86_64")]
macro_rules! __start {
    ($begin:path) => {
        core::arch::global_asm!(
            ".pushsection .text._start,\"ax\",@progbits",
            ".globl _start",
            ".type _start, @function",
            "_start:",
            // The outermost frame: nothing to unwind beyond it.
            "xor ebp, ebp",
            "mov rdi, rsp",
            "and rsp, -16",
            "call {begin}",
            "ud2",
            ".size _start, . - _start",
            ".popsection",
            begin = sym $begin,
        );
    };
}

/// As for x86_64; the stack is aligned when a program begins.
#[doc(hidden)]
#[macro_export]
#[cfg(target_arch = "aarch64")]
macro_rules! __start {
    ($begin:path) => {
        core::arch::global_asm!(
            ".pushsection .text._start,\"ax\",@progbits",
            ".globl _start",
            ".type _start, @function",
            "_start:",
            "mov x29, #0",
            "mov x30, #0",
            "mov x0, sp",
            "bl {begin}",
            "brk #1",
            ".size _start, . - _start",
            ".popsection",
            begin = sym $begin,
        );
    };
}

/// As for aarch64; the linker relies on the global pointer.
#[doc(hidden)]
#[macro_export]
#[cfg(target_arch = "riscv64")]
macro_rules! __start {
    ($begin:path) => {
        core::arch::global_asm!(
            ".pushsection .text._start,\"ax\",@progbits",
            ".globl _start",
            ".type _start, @function",
            "_start:",
            ".option push",
            ".option norelax",
            "lla gp, __global_pointer$",
            ".option pop",
            "li s0, 0",
            "li ra, 0",
            "mv a0, sp",
            "call {begin}",
            "unimp",
            ".size _start, . - _start",
            ".popsection",
            begin = sym $begin,
        );
    };
}

/// Defines weak symbols, each a jump to a function: another definition in the program wins.
#[doc(hidden)]
#[macro_export]
macro_rules! __weak {
    ($($name:literal => $function:path;)*) => {$(
        core::arch::global_asm!(
            concat!(".pushsection .text.", $name, ",\"ax\",@progbits"),
            concat!(".weak ", $name),
            concat!(".type ", $name, ", @function"),
            concat!($name, ":"),
            $crate::__jump!(),
            concat!(".size ", $name, ", . - ", $name),
            ".popsection",
            to = sym $function,
        );
    )*};
}

/// The instruction that goes to a function, with all registers as they are.
#[doc(hidden)]
#[macro_export]
#[cfg(target_arch = "x86_64")]
macro_rules! __jump {
    () => {
        "jmp {to}"
    };
}

/// As for x86_64.
#[doc(hidden)]
#[macro_export]
#[cfg(target_arch = "aarch64")]
macro_rules! __jump {
    () => {
        "b {to}"
    };
}

/// As for x86_64.
#[doc(hidden)]
#[macro_export]
#[cfg(target_arch = "riscv64")]
macro_rules! __jump {
    () => {
        "tail {to}"
    };
}
