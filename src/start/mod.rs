//! Starts programs that have neither `std` nor a libc: the entry point, arguments, environment
//! and auxiliary vector, standard streams, the end of a panic, and the memory functions that the
//! compiler calls. Feature `start`.
//!
//! A whole program, without `unsafe`:
//!
//! ```ignore
//! #![no_std]
//! #![no_main]
//! #![forbid(unsafe_code)]
//!
//! use rawipc::start::Start;
//!
//! rawipc::entry!(main);
//! rawipc::panic_handler!();
//! rawipc::memory_functions!();
//!
//! fn main(start: Start) -> i32 {
//!     rawipc::println!("{} arguments", start.args().iter().count());
//!     0
//! }
//! ```
//!
//! Its `Cargo.toml` and `build.rs`:
//!
//! ```toml
//! [dependencies]
//! rawipc = { version = "0.1", features = ["start"] }
//!
//! [profile.dev]
//! panic = "abort"
//!
//! [profile.release]
//! panic = "abort"
//! lto = "fat"
//! codegen-units = 1
//! opt-level = "z"
//! strip = true
//! ```
//!
//! ```
//! // build.rs, in `main`: the linker's arguments.
//! for argument in ["-nostartfiles", "-nostdlib", "-static", "-no-pie"] {
//!     println!("cargo:rustc-link-arg-bins={argument}");
//! }
//! ```
//!
//! `-nostartfiles`, as `_start` is the program's own; `-nostdlib`, so that what is missing is said
//! and not taken from a libc; `-static -no-pie`, as nobody would relocate the program. For small
//! files add `-Wl,--gc-sections`, `-Wl,--build-id=none`, `-Wl,--no-eh-frame-hdr` and
//! `-Wl,-z,norelro`.
//!
//! # When it does not build
//!
//! | message | reason |
//! |---|---|
//! | unwinding panics are not supported without std | `panic = "abort"` is missing in the profile that is built, `dev` or `release` |
//! | `#[panic_handler]` function required, but not found | [`panic_handler!`](crate::panic_handler) is missing, and no function of the program is one |
//! | undefined symbol: `memcpy`, `memset`, … | [`memory_functions!`](crate::memory_functions) is missing |
//! | undefined symbol: `rust_eh_personality`, `_Unwind_Resume` | `core` comes compiled for unwinding. [`panic_handler!`](crate::panic_handler) defines both as functions that are never called; with a handler of the program's own, `lto = "fat"` leaves out what asks for them |
//! | duplicate symbol: `_start` | `-nostartfiles` is missing |
//! | undefined symbol: `__libc_start_main`, `main` | the same |
//! | undefined symbol: `__global_pointer$` | riscv64 with a linker script that does not define it |
//! | a test harness that needs `std` | `test = false` and `bench = false` in `[[bin]]` |
//!
//! # Beside a libc
//!
//! There is no use of it: a libc's own `_start` sets up what its functions need, and a program
//! that begins by [`entry!`](crate::entry) must not call them.

mod auxv;
mod begin;
mod stdio;
mod tls;

pub use auxv::Auxv;
pub use begin::{Args, Env, Start};
pub use stdio::{Stream, stderr, stdin, stdout};
pub(crate) use tls::Image;

/// What the macros use, and nobody else should.
#[doc(hidden)]
pub mod machinery {
    pub use super::begin::{begin, begin_small, panicked, unreachable};
    pub use super::stdio::print_line;
    pub use crate::arch::{memcmp, memcpy, memmove, memset, strlen, strlen_small};
}

/// Defines the program's entry point, `_start`, which calls a function
/// `fn(`[`Start`]`) -> i32`. The program ends with the status that it returns.
///
/// Once in a program with `#![no_main]`, for x86_64, aarch64 and riscv64. Nothing has run before,
/// and nothing runs afterwards: the process ends as by [`process::exit`](crate::process::exit()).
/// The stack is aligned to 16 bytes. A program is linked as the [module](crate::start) says.
///
/// If the program has thread-local variables, the first thread gets them, before its function is
/// called. `entry!(main, small)` leaves that out, which takes 600 bytes less.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        $crate::entry!($main, begin: begin);
    };
    ($main:path, small) => {
        $crate::entry!($main, begin: begin_small);
    };
    ($main:path, begin: $begin:ident) => {
        unsafe extern "C" fn __rawipc_begin(stack: core::ptr::NonNull<usize>) -> ! {
            // SAFETY: called by `_start` alone, with the first stack pointer.
            unsafe { $crate::start::machinery::$begin(stack, $main) }
        }
        $crate::__start!(__rawipc_begin);
    };
}

/// Defines what a panic does: it prints its message to standard error, and the process ends by
/// `SIGABRT`, or where that is impossible with status 134.
///
/// Once in a program, and not if it has a `#[panic_handler]` of its own. The text costs some
/// kilobytes, `core::fmt`: `panic_handler!(silent)` leaves it out, and exits with status 134. Both define
/// `rust_eh_personality` and `_Unwind_Resume` unless something else does: `core` comes compiled
/// for unwinding and names them, although with `panic = "abort"` nobody calls them.
#[macro_export]
macro_rules! panic_handler {
    () => {
        #[panic_handler]
        fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
            $crate::eprintln!("{info}");
            $crate::start::machinery::panicked()
        }
        $crate::panic_handler!(unwinding);
    };
    (silent) => {
        #[panic_handler]
        fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
            $crate::start::machinery::unreachable()
        }
        $crate::panic_handler!(unwinding);
    };
    (unwinding) => {
        $crate::__weak! {
            "rust_eh_personality" => $crate::start::machinery::unreachable;
            "_Unwind_Resume" => $crate::start::machinery::unreachable;
        }
    };
}

/// Defines `memcpy`, `memmove`, `memset`, `memcmp`, `bcmp` and `strlen`, which the compiler calls,
/// unless something else in the program does: the symbols are weak.
///
/// They work on words, on x86_64 on vectors of 16 bytes, and for long pieces by `rep movsb` and `rep stosb`
/// there. `memory_functions!(small)` has a `strlen` that works on single bytes and is smaller.
#[macro_export]
macro_rules! memory_functions {
    () => {
        $crate::memory_functions!(copying);
        $crate::__weak! {
            "strlen" => $crate::start::machinery::strlen;
        }
    };
    (small) => {
        $crate::memory_functions!(copying);
        $crate::__weak! {
            "strlen" => $crate::start::machinery::strlen_small;
        }
    };
    (copying) => {
        $crate::__weak! {
            "memcpy" => $crate::start::machinery::memcpy;
            "memmove" => $crate::start::machinery::memmove;
            "memset" => $crate::start::machinery::memset;
            "memcmp" => $crate::start::machinery::memcmp;
            "bcmp" => $crate::start::machinery::memcmp;
        }
    };
}

/// Prints to standard output, with a newline, as `std`'s. A line of up to 512 bytes is one `write(2)`,
/// so that lines of several threads and processes do not mix in a pipe. Errors are ignored.
#[macro_export]
macro_rules! println {
    ($($argument:tt)*) => {
        $crate::start::machinery::print_line($crate::start::stdout(), format_args!($($argument)*))
    };
}

/// Prints to standard error, with a newline, like [`println!`](crate::println).
#[macro_export]
macro_rules! eprintln {
    ($($argument:tt)*) => {
        $crate::start::machinery::print_line($crate::start::stderr(), format_args!($($argument)*))
    };
}
