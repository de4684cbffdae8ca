//! The end of one thread, `exit(2)`, and where the kernel says that it has ended,
//! `set_tid_address(2)`.

use linux_raw_sys::general::{__NR_exit, __NR_set_tid_address};

use crate::arch;

/// `exit(2)`: ends the calling thread alone.
pub(crate) fn exit() -> ! {
    loop {
        // SAFETY: the call ends the thread and touches no memory but what it was told to clear.
        unsafe { arch::syscall1(__NR_exit as usize, 0) };
    }
}

/// `set_tid_address(2)` with no address: the kernel writes to none when the calling thread ends. Returns
/// whether that is so: a filter of system calls may refuse it.
pub(crate) fn forget_tid_address() -> bool {
    // SAFETY: no memory is involved.
    let number = unsafe { arch::syscall1(__NR_set_tid_address as usize, 0) };
    number.cast_signed() > 0
}
