//! What a `SIGTRAP` can be, and the kernel's codes for it, which machines use
//! differently.

use linux_raw_sys::general as raw;

/// What a `SIGTRAP` of the kernel's is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trap {
    Step,
    Breakpoint,
    Hardware,
    Unknown,
}

#[allow(dead_code, reason = "only some machines use it")]
pub(crate) const SI_KERNEL: i32 = raw::SI_KERNEL as i32;
pub(crate) const TRAP_BRKPT: i32 = raw::TRAP_BRKPT as i32;
pub(crate) const TRAP_TRACE: i32 = raw::TRAP_TRACE as i32;
pub(crate) const TRAP_BRANCH: i32 = raw::TRAP_BRANCH as i32;
pub(crate) const TRAP_HWBKPT: i32 = raw::TRAP_HWBKPT as i32;
