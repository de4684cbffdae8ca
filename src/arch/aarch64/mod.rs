//! aarch64: the constants of this machine.

pub(crate) mod calls;
mod clone;
mod copy;
mod prefetch;
mod sigreturn;
mod syscall;
#[cfg(feature = "start")]
pub(crate) mod thread;
pub(crate) mod trace;

#[cfg(feature = "start")]
pub(super) use super::no_blocks as blocks;
pub(super) use super::no_line::{LOADS_LINES, Line, load_line};
pub(crate) use clone::clone_child;
pub(super) use copy::{
    LOADS_UNALIGNED, copy_block, load_u8, load_u32, load_u64, store_u8, store_u32, store_u64,
};
pub(crate) use prefetch::prefetch_for_writing;
pub(crate) use sigreturn::{SA_RESTORER, Sigaction, context};
pub(super) use syscall::{call, kernel};

/// The largest page this machine's kernels are built with: what an offset into
/// a file must be a multiple of to be mapped everywhere.
pub(crate) const MAX_PAGE_SIZE: usize = 65536;

/// Unused words behind each time in the kernel's `semid64_ds`.
pub(crate) const SEM_TIME_GAP: usize = 0;

/// Whether an atomic read-modify-write is a fence of sequential consistency, too.
pub(crate) const CHANGE_IS_FENCE: bool = false;

/// What a seccomp filter is told that a system call's convention is.
pub(crate) const AUDIT_ARCH: u32 = linux_raw_sys::ptrace::AUDIT_ARCH_AARCH64;

/// From which number on system calls are of another convention that says the same of
/// itself: there is none.
pub(crate) const FOREIGN_CALLS: Option<u32> = None;
