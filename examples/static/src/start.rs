//! What a libc does before `main` and for the compiler: the entry point, the
//! arguments, the end of a panic.

use core::arch::naked_asm;
use core::ffi::c_char;
use core::panic::PanicInfo;
use core::ptr::NonNull;

use rawipc::process;
use rawipc::process::exec::Strings;

/// The exit status of a panic, as std's.
const PANICKED: i32 = 101;

/// Where the kernel lets the process begin: no frame, no return address, and the
/// stack pointer at the number of arguments.
#[cfg(target_arch = "x86_64")]
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn _start() -> ! {
    naked_asm!("xor ebp, ebp", "mov rdi, rsp", "call {}", sym begin)
}

/// As above.
#[cfg(target_arch = "aarch64")]
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn _start() -> ! {
    naked_asm!("mov x29, #0", "mov x30, #0", "mov x0, sp", "b {}", sym begin)
}

/// As above; the linker relies on the global pointer.
#[cfg(target_arch = "riscv64")]
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn _start() -> ! {
    naked_asm!(
        ".option push",
        ".option norelax",
        "lla gp, __global_pointer$",
        ".option pop",
        "li ra, 0",
        "mv a0, sp",
        "tail {}",
        sym begin,
    )
}

/// The first stack: the number of arguments, then the arguments and a null
/// pointer, then the environment and a null pointer.
///
/// # Safety
///
/// `stack` must be what the kernel set the stack pointer to.
unsafe extern "C" fn begin(stack: NonNull<usize>) -> ! {
    // SAFETY: the kernel put the number there.
    let count = unsafe { stack.read() };
    // SAFETY: the arguments begin after it.
    let args = unsafe { stack.add(1) };
    // SAFETY: `count` arguments and a null pointer are followed by the environment.
    let env = unsafe { args.add(count + 1) };
    // SAFETY: as the kernel wrote it; nobody changes it while the process lives.
    let args = unsafe { Strings::from_ptr(args.cast::<*const c_char>()) };
    // SAFETY: as above.
    let env = unsafe { Strings::from_ptr(env.cast::<*const c_char>()) };
    process::exit(crate::main(args, env))
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    process::exit(PANICKED)
}
