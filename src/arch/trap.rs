//! What a `SIGTRAP` can be, the kernel's codes for it, which machines use differently,
//! and what single steps have to do with flags.

use linux_raw_sys::general as raw;

/// What a `SIGTRAP` of the kernel's is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trap {
    Step,
    Breakpoint,
    Hardware,
    Unknown,
}

/// What a single step has to do with the flags of a program, by its instruction.
#[allow(dead_code, reason = "only some machines have such instructions")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shows {
    /// Nothing: the flag that makes the processor step is not seen.
    Nothing,
    /// It saves the flags on the stack: `pushf`.
    OnStack,
    /// It saves them in a register: `syscall`.
    InRegister,
    /// It loads all flags: `popf`, `iret`. The kernel leaves the trap flag to the program
    /// from before the step on.
    Loads,
}

/// Where single registers are in `struct user`.
#[allow(dead_code, reason = "only some machines have them there")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places {
    pub(crate) pc: usize,
    pub(crate) sp: usize,
    pub(crate) flags: usize,
    /// Where a system call leaves the flags.
    pub(crate) saved_flags: usize,
}

#[allow(dead_code, reason = "only some machines use it")]
pub(crate) const SI_KERNEL: i32 = raw::SI_KERNEL as i32;
pub(crate) const TRAP_BRKPT: i32 = raw::TRAP_BRKPT as i32;
pub(crate) const TRAP_TRACE: i32 = raw::TRAP_TRACE as i32;
pub(crate) const TRAP_BRANCH: i32 = raw::TRAP_BRANCH as i32;
pub(crate) const TRAP_HWBKPT: i32 = raw::TRAP_HWBKPT as i32;
