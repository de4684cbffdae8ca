//! What a thread has of its own here: the thread pointer, and the way out of its own memory.

use core::arch::asm;

use linux_raw_sys::general::{__NR_arch_prctl, __NR_exit, __NR_munmap};

/// Whether thread-local variables lie below the thread pointer ("variant II").
pub(crate) const TLS_BELOW: bool = true;

/// From the thread pointer up to where thread-local variables begin that lie above it.
pub(crate) const TLS_GAP: usize = 0;

/// What the machine wants to be at and behind the thread pointer.
pub(crate) const TLS_HEAD: usize = 64;

/// Whether `clone(2)` takes the thread pointer before the address of the child's number.
pub(crate) const CLONE_TLS_FIRST: bool = false;

/// Of the system call, the number of `FS`.
const ARCH_SET_FS: usize = 0x1002;

/// Writes what belongs at the thread pointer: its own address, where code finds it, and the number
/// by which C's stack protector knows that nobody has written over a return address.
///
/// # Safety
///
/// [`TLS_HEAD`] bytes must be writable there, at a multiple of 16.
pub(crate) unsafe fn write_head(pointer: *mut usize, secret: usize) {
    // SAFETY: within the head.
    unsafe { pointer.write(pointer.expose_provenance()) };
    // SAFETY: at byte 40, within the head.
    unsafe { pointer.wrapping_add(5).write(secret) };
}

/// Sets the calling thread's pointer: `FS`.
///
/// # Safety
///
/// A block of thread-local variables must be there, for as long as the thread lives, and nobody
/// else may have given the thread one.
pub(crate) unsafe fn set_thread_pointer(pointer: usize) {
    // SAFETY: the caller's promise.
    unsafe { crate::arch::syscall2(__NR_arch_prctl as usize, ARCH_SET_FS, pointer) };
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
        asm!(
            "syscall",
            "xor edi, edi",
            "mov eax, {exit}",
            "syscall",
            "ud2",
            exit = const __NR_exit,
            in("rax") __NR_munmap as usize,
            in("rdi") address,
            in("rsi") len,
            options(noreturn, nostack),
        )
    }
}
