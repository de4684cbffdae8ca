//! System calls that other machines do not have.

use super::super::calls::calls;
use crate::arch::Syscall;

calls! {
    RISCV_FLUSH_ICACHE = __NR_riscv_flush_icache, "riscv_flush_icache";
    RISCV_HWPROBE = __NR_riscv_hwprobe, "riscv_hwprobe";
}

/// What belongs to the ready-made sets beside what every machine has.
pub(crate) const BASE: &[Syscall] = &[Syscall::RISCV_FLUSH_ICACHE, Syscall::RISCV_HWPROBE];
/// As above.
pub(crate) const THREADS: &[Syscall] = &[];
/// As above.
pub(crate) const FILES: &[Syscall] = &[];
/// As above.
pub(crate) const SOCKETS: &[Syscall] = &[];
