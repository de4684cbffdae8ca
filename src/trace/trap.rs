//! What made a tracee trap: a step, a breakpoint, a watchpoint, or somebody's signal.
#![forbid(unsafe_code)]

use linux_raw_sys::general::TRAP_TRACE;

use super::error::Error;
use super::stop::Stop;
use super::tracee::Stopped;
use crate::signal::info::Cause;
use crate::{Result, arch};

/// The cause of a [`Stop::Trap`].
///
/// # Examples
///
/// ```
/// use rawipc::process::{Command, exec};
/// use rawipc::trace::{self, Options, Report, Stop, Trap};
///
/// let args = exec::List::of([c"true"]);
/// let child = Command::path(c"/bin/true", &args, exec::Strings::EMPTY).traced().spawn()?;
/// let running = trace::adopt(child.pid, Options::KILL_ON_EXIT);
/// let Report::Stopped(stopped) = running.wait()? else { return Err("it has ended".into()) };
/// let Report::Stopped(stopped) = stopped.step(None)?.wait()? else {
///     return Err("it was killed".into());
/// };
/// assert_eq!(stopped.stop(), Stop::Trap);
/// match stopped.trap()? {
///     Some(Trap::Step) => println!("one instruction"),
///     Some(Trap::Sent) => println!("only a signal: go on with it"),
///     other => println!("{other:?}"),
/// }
/// stopped.kill().wait_end()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
