//! [`State`]: a child's state, which waiting for it and its signal both report.
#![forbid(unsafe_code)]

use linux_raw_sys::general::{
    CLD_CONTINUED, CLD_DUMPED, CLD_EXITED, CLD_KILLED, CLD_STOPPED, CLD_TRAPPED,
};

use crate::Signal;
use crate::signal::number::{self, Reserved};

/// The state of a child: how it ended, or that it was stopped or continued.
///
/// # Examples
///
/// ```
/// use rawipc::Signal;
/// use rawipc::process::{self, Command, State, WaitFlags, exec};
///
/// let args = exec::List::of([c"sh", c"-c", c"kill -TERM $$"]);
/// let child = Command::path(c"/bin/sh", &args, exec::Strings::EMPTY).spawn()?;
/// match process::wait(&child, WaitFlags::EXITED)?.state {
///     State::Exited(status) => println!("it exited with status {status}"),
///     State::Signalled { signal, core } => {
///         println!("{signal:?} terminated it; core dumped: {core}");
///         assert_eq!(signal, Signal::TERM);
///     }
///     other => println!("{other:?}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It exited with this status, from 0 to 255.
    #[doc(alias = "WEXITSTATUS")]
    Exited(u8),
    /// A signal terminated it.
    #[doc(alias = "WTERMSIG")]
    Signalled {
        /// The signal; perhaps a real-time one.
        signal: Signal,
        /// Whether its memory was dumped, to where `core(5)` says.
        #[doc(alias = "WCOREDUMP")]
        core: bool,
    },
    /// A signal that a libc reserves for its threads terminated it.
    SignalledReserved(Reserved),
    /// A signal stopped it.
    #[doc(alias = "WSTOPSIG")]
    Stopped(Signal),
    /// `SIGCONT` continued it.
    #[doc(alias = "WIFCONTINUED")]
    Continued,
    /// It is traced and in a ptrace-stop: `ptrace(2)`.
    Trapped(Trap),
}

impl State {
    /// What the kernel's code (`CLD_*`) and status say; `None` for a code that no
    /// kernel has.
    pub(crate) fn decode(code: i32, status: i32) -> Option<Self> {
        let code = code as u32;
        let number = match code {
            // The kernel keeps the low 8 bits of what was given to exit.
            CLD_EXITED => return Some(Self::Exited(status as u8)),
            CLD_CONTINUED => return Some(Self::Continued),
            CLD_KILLED | CLD_DUMPED | CLD_STOPPED => status,
            CLD_TRAPPED => status & 0x7f,
            _ => return None,
        };
        let signal = number::reported(number)?;
        Some(match code {
            // One of four.
            CLD_STOPPED => Self::Stopped(signal.ok()?),
            CLD_TRAPPED => Self::Trapped(Trap {
                signal,
                syscall: status & SYSCALL_BIT != 0,
                event: (status >> 8) as u16,
            }),
            code => Self::signalled(signal, code == CLD_DUMPED),
        })
    }

    /// What an end's status as `wait(2)` has it says; `None` if it is none.
    pub(crate) fn of_status(status: i32) -> Option<Self> {
        Some(match status & 0x7f {
            0 => Self::Exited((status >> 8) as u8),
            signal => Self::signalled(number::reported(signal)?, status & CORE_BIT != 0),
        })
    }

    fn signalled(by: Result<Signal, Reserved>, core: bool) -> Self {
        match by {
            Ok(signal) => Self::Signalled { signal, core },
            // They dump none.
            Err(reserved) => Self::SignalledReserved(reserved),
        }
    }

    /// Returns whether the child exited with status 0.
    #[must_use]
    pub fn is_success(self) -> bool {
        self == Self::Exited(0)
    }

    /// Returns whether the child has terminated.
    #[must_use]
    pub fn is_end(self) -> bool {
        matches!(
            self,
            Self::Exited(_) | Self::Signalled { .. } | Self::SignalledReserved(_)
        )
    }
}

/// A ptrace-stop, as the status of a wait reports it.
///
/// # Examples
///
/// ```
/// use rawipc::Signal;
/// use rawipc::process::{self, Command, State, WaitFlags, exec};
///
/// let args = exec::List::of([c"true"]);
/// let child = Command::path(c"/bin/true", &args, exec::Strings::EMPTY).traced().spawn()?;
/// let stop = process::wait(&child, WaitFlags::EXITED | WaitFlags::STOPPED)?;
/// if let State::Trapped(trap) = stop.state {
///     // Before its first instruction.
///     assert_eq!((trap.signal, trap.syscall, trap.event), (Ok(Signal::TRAP), false, 0));
/// }
/// child.pidfd.send_signal(Signal::KILL)?;
/// process::wait(&child, WaitFlags::EXITED)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trap {
    /// The signal that is about to be delivered, or that represents the event.
    pub signal: Result<Signal, Reserved>,
    /// Whether it is at the entry or exit of a system call, with `PTRACE_O_TRACESYSGOOD`.
    pub syscall: bool,
    /// The number of the event (`PTRACE_EVENT_*`), 0 for none.
    pub event: u16,
}

/// The bit of a status that says that memory was dumped.
const CORE_BIT: i32 = 0x80;

/// The bit of a trap's signal that marks a system call.
const SYSCALL_BIT: i32 = 0x80;
