//! What made a tracee trap: a step, a breakpoint, a watchpoint, or somebody's signal.
#![forbid(unsafe_code)]

use linux_raw_sys::general::TRAP_TRACE;

use super::error::Error;
use super::stop::Stop;
use super::tracee::Stopped;
use crate::signal::info::Cause;
use crate::{Result, arch};

/// The cause of a [`Stop::Trap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trap {
    /// A single step was made.
    #[doc(alias = "TRAP_TRACE")]
    Step,
    /// A breakpoint instruction was executed.
    #[doc(alias = "TRAP_BRKPT")]
    Breakpoint,
    /// A hardware breakpoint or watchpoint was hit, perhaps in a single step.
    #[doc(alias = "TRAP_HWBKPT")]
    Hardware,
    /// A signal and no trap: a process sent `SIGTRAP`, or the kernel did at an `exec` without
    /// [`Options::EXEC`](super::Options::EXEC).
    Sent,
    /// The kernel sent it for an unknown reason.
    Unknown,
}

impl Stopped {
    /// Returns the cause of a [`Stop::Trap`], and `None` for another stop: `PTRACE_GETSIGINFO`.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`].
    pub fn trap(&self) -> Result<Option<Trap>, Error> {
        if self.stop != Stop::Trap {
            return Ok(None);
        }
        let info = self.info()?;
        Ok(Some(match info.cause() {
            Cause::User(_) | Cause::Thread(_) | Cause::Queue { .. } => Trap::Sent,
            _ => match arch::trace::trap(info.code()) {
                // Where the processor has seen both the kernel names the step.
                arch::Trap::Step if info.code() == TRAP_TRACE as i32 && self.is_hit()? => {
                    Trap::Hardware
                }
                arch::Trap::Step => Trap::Step,
                arch::Trap::Breakpoint => Trap::Breakpoint,
                arch::Trap::Hardware => Trap::Hardware,
                arch::Trap::Unknown if info.code() < 0 => Trap::Sent,
                arch::Trap::Unknown => Trap::Unknown,
            },
        }))
    }
}
