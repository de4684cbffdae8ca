//! What became of a child: what waiting for it and the signal of its end both say.
#![forbid(unsafe_code)]

use linux_raw_sys::general::{
    CLD_CONTINUED, CLD_DUMPED, CLD_EXITED, CLD_KILLED, CLD_STOPPED, CLD_TRAPPED,
};

use crate::Signal;
use crate::signal::number::{self, Reserved};

/// What became of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It ended by itself with this status, from 0 to 255.
    #[doc(alias = "WEXITSTATUS")]
    Exited(u8),
    /// A signal ended it.
    #[doc(alias = "WTERMSIG")]
    Signalled {
        /// Which; perhaps a real-time one.
        signal: Signal,
        /// Whether its memory was dumped, to where `core(5)` says.
        #[doc(alias = "WCOREDUMP")]
        core: bool,
    },
    /// One of the two signals that a libc keeps for its threads ended it.
    SignalledReserved(Reserved),
    /// This signal stopped it.
    #[doc(alias = "WSTOPSIG")]
    Stopped(Signal),
    /// `SIGCONT` set it going again.
    #[doc(alias = "WIFCONTINUED")]
    Continued,
    /// It is traced and stands still: `ptrace(2)`.
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

    /// Whether it exited with status 0.
    #[must_use]
    pub fn is_success(self) -> bool {
        self == Self::Exited(0)
    }

    /// Whether it is no more.
    #[must_use]
    pub fn is_end(self) -> bool {
        matches!(
            self,
            Self::Exited(_) | Self::Signalled { .. } | Self::SignalledReserved(_)
        )
    }
}

/// Why a traced process stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trap {
    /// The signal that is about to be delivered, or stands for the event.
    pub signal: Result<Signal, Reserved>,
    /// At the entry or exit of a system call, where that was asked to be told
    /// apart (`PTRACE_O_TRACESYSGOOD`).
    pub syscall: bool,
    /// The number of the event (`PTRACE_EVENT_*`), 0 for none.
    pub event: u16,
}

/// The bit of a status that says that memory was dumped.
const CORE_BIT: i32 = 0x80;

/// The bit of a trap's signal that marks a system call.
const SYSCALL_BIT: i32 = 0x80;
