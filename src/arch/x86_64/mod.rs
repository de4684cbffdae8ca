//! x86_64: the constants of this machine.

#[cfg(feature = "start")]
pub(super) mod blocks;
pub(crate) mod calls;
mod clone;
mod copy;
mod line;
mod pair;
mod prefetch;
mod sigreturn;
mod syscall;
#[cfg(feature = "start")]
pub(crate) mod thread;
pub(crate) mod trace;

pub(crate) use clone::clone_child;
pub(super) use copy::{
    LOADS_UNALIGNED, copy_block, load_u8, load_u32, load_u64, store_u8, store_u32, store_u64,
};
pub(super) use line::{LOADS_LINES, Line, load_line};
pub(crate) use pair::{store_pair, stores_pairs};
pub(crate) use prefetch::prefetch_for_writing;
pub(crate) use sigreturn::{SA_RESTORER, Sigaction, context};
pub(super) use syscall::call;

/// The largest page this machine's kernels are built with: what an offset into
/// a file must be a multiple of to be mapped everywhere.
pub(crate) const MAX_PAGE_SIZE: usize = 4096;

/// Unused words behind each time in the kernel's `semid64_ds`: a remainder of the
/// 32-bit machine.
pub(crate) const SEM_TIME_GAP: usize = 1;

/// Whether an atomic read-modify-write keeps what is before it before what is behind it, as a fence of
/// sequential consistency does: a locked instruction is one.
pub(crate) const CHANGE_IS_FENCE: bool = true;

/// What a seccomp filter is told that a system call's convention is.
pub(crate) const AUDIT_ARCH: u32 = linux_raw_sys::ptrace::AUDIT_ARCH_X86_64;

/// From this number on system calls are of another convention that says the same
/// of itself: x32.
pub(crate) const FOREIGN_CALLS: Option<u32> = Some(linux_raw_sys::general::__X32_SYSCALL_BIT);
