//! What a thread has of its own here: the thread pointer, and the way out of its own memory.

use core::arch::asm;

use linux_raw_sys::general::{__NR_exit, __NR_munmap};

use super::syscall::kernel;

/// Whether thread-local variables lie below the thread pointer: here above it ("variant I").
pub(crate) const TLS_BELOW: bool = false;

/// From the thread pointer up to where thread-local variables begin that lie above it.
pub(crate) const TLS_GAP: usize = 16;

/// What the machine wants to be behind the thread pointer where variables lie below it.
pub(crate) const TLS_HEAD: usize = 0;

/// Whether `clone(2)` takes the thread pointer before the address of the child's number.
pub(crate) const CLONE_TLS_FIRST: bool = true;

/// Writes what belongs at the thread pointer: nothing.
///
/// # Safety
///
/// None: other machines have something to say here.
pub(crate) unsafe fn write_head(_pointer: *mut usize, _secret: usize) {}

/// Sets the calling thread's pointer: `TPIDR_EL0`.
///
/// # Safety
///
/// A block of thread-local variables must be there, for as long as the thread lives, and nobody
/// else may have given the thread one.
pub(crate) unsafe fn set_thread_pointer(pointer: usize) {
    // SAFETY: the caller's promise.
    unsafe { asm!("msr tpidr_el0, {}", in(reg) pointer, options(nostack, preserves_flags)) };
}

/// Unmaps memory and ends the calling thread, which may run on a stack in it.
///
/// # Safety
///
/// Nobody else may use that memory, nor the kernel for this thread; no signal's handler may run in it
/// any more.
pub(crate) unsafe fn unmap_and_exit(address: usize, len: usize) -> ! {
    // SAFETY: the caller's promise; no memory is used between the two.
    unsafe {
        kernel!(
            "svc 0",
            "mov x0, xzr",
            "mov x8, {exit}",
            "svc 0",
            "brk #1";
            exit = const __NR_exit,
            in("x8") __NR_munmap as usize,
            in("x0") address,
            in("x1") len,
        );
    }
    // SAFETY: the thread has ended.
    unsafe { core::hint::unreachable_unchecked() }
}
