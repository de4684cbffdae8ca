//! The machine: the system call instruction, copies that race with other
//! processes, and what else differs between processors.
//!
//! Nothing outside this folder contains assembly or asks which machine it is on.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "aarch64")]
use aarch64 as machine;

#[cfg(target_arch = "riscv64")]
mod riscv64;
#[cfg(target_arch = "riscv64")]
use riscv64 as machine;

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
use x86_64 as machine;

#[cfg(not(all(
    target_os = "linux",
    any(
        target_arch = "aarch64",
        target_arch = "riscv64",
        target_arch = "x86_64"
    )
)))]
compile_error!("rawipc supports Linux on x86_64, aarch64 and riscv64");

mod copy;

pub(crate) use copy::{copy_in, copy_out};
pub(crate) use machine::{
    MAX_PAGE_SIZE, syscall0, syscall1, syscall2, syscall3, syscall4, syscall5, syscall6,
};

/// Fetches the cache line at `address` for reading; never faults.
#[inline(always)]
pub(crate) fn prefetch(address: *const u8) {
    machine::prefetch(address);
}
