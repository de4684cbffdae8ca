//! System calls that other machines do not have.

use super::super::calls::calls;
use crate::arch::Syscall;

calls! {
    RENAMEAT = __NR_renameat, "renameat";
}

/// What belongs to the ready-made sets beside what every machine has.
pub(crate) const BASE: &[Syscall] = &[];
/// As above.
pub(crate) const THREADS: &[Syscall] = &[];
/// As above.
pub(crate) const FILES: &[Syscall] = &[Syscall::RENAMEAT];
/// As above.
pub(crate) const SOCKETS: &[Syscall] = &[];
