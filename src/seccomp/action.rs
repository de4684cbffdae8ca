//! What becomes of a system call.
#![forbid(unsafe_code)]

use linux_raw_sys::errno::EOPNOTSUPP;
use linux_raw_sys::ptrace as raw;

use crate::sys::seccomp::get_action_avail;
use crate::{Errno, Result};

/// What a filter says of a system call.
///
/// In the order of their precedence: of the filters of a thread, all are asked, and
/// the action that stands first here is taken; of equal ones that of the filter that
/// was installed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// It is not made, and the process dies as of `SIGSYS`, which no handler sees.
    #[doc(alias = "SECCOMP_RET_KILL_PROCESS")]
    KillProcess,
    /// It is not made, and the thread dies as of `SIGSYS`: the process too, if it is
    /// the only thread, else it goes on without it and learns nothing.
    #[doc(alias = "SECCOMP_RET_KILL_THREAD")]
    KillThread,
    /// It is not made, and the thread gets `SIGSYS`, with this number as
    /// [`Info::errno`](crate::signal::Info::errno) and
    /// [`Cause::Syscall`](crate::signal::Cause::Syscall).
    ///
    /// The handler may put a result of the call into the registers. Where there is
    /// none, or the signal is blocked, the process dies of it.
    #[doc(alias = "SECCOMP_RET_TRAP")]
    Trap(u16),
    /// It is not made, and fails with this error.
    #[doc(alias = "SECCOMP_RET_ERRNO")]
    Errno(Errno),
    /// It is not made, and returns 0, as if it had been.
    #[doc(alias = "SECCOMP_RET_ERRNO")]
    Nothing,
    /// It waits until the [`Listener`](super::notify::Listener) of the filter answers.
    /// Where the filter has none (any more), it fails with `ENOSYS`.
    #[doc(alias = "SECCOMP_RET_USER_NOTIF")]
    Notify,
    /// The tracer decides, which is told this number (`PTRACE_EVENT_SECCOMP`). Without
    /// a tracer that asked for it, it fails with `ENOSYS`.
    #[doc(alias = "SECCOMP_RET_TRACE")]
    Trace(u16),
    /// It is made, and the kernel's log says so.
    #[doc(alias = "SECCOMP_RET_LOG")]
    Log,
    /// It is made.
    #[doc(alias = "SECCOMP_RET_ALLOW")]
    Allow,
}

impl Action {
    /// The word that a filter returns for it.
    #[must_use]
    pub const fn word(self) -> u32 {
        match self {
            Self::KillProcess => raw::SECCOMP_RET_KILL_PROCESS,
            Self::KillThread => raw::SECCOMP_RET_KILL_THREAD,
            Self::Trap(data) => raw::SECCOMP_RET_TRAP | data as u32,
            Self::Errno(errno) => {
                let number = errno.raw_os_error().cast_unsigned();
                raw::SECCOMP_RET_ERRNO | number & raw::SECCOMP_RET_DATA
            }
            Self::Nothing => raw::SECCOMP_RET_ERRNO,
            Self::Notify => raw::SECCOMP_RET_USER_NOTIF,
            Self::Trace(data) => raw::SECCOMP_RET_TRACE | data as u32,
            Self::Log => raw::SECCOMP_RET_LOG,
            Self::Allow => raw::SECCOMP_RET_ALLOW,
        }
    }

    /// Whether the kernel knows it: `SECCOMP_GET_ACTION_AVAIL` of `seccomp(2)`. What
    /// it does not know it takes for [`KillProcess`](Self::KillProcess).
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: the kernel is older than 4.14. [`Errno::NOSYS`]: it is built
    /// without filters.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::seccomp::Action;
    ///
    /// assert!(Action::Notify.is_available()?);
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    #[doc(alias = "SECCOMP_GET_ACTION_AVAIL")]
    pub fn is_available(self) -> Result<bool> {
        match get_action_avail(self.word() & raw::SECCOMP_RET_ACTION_FULL) {
            Ok(()) => Ok(true),
            Err(errno) if errno.raw_os_error().cast_unsigned() == EOPNOTSUPP => Ok(false),
            Err(errno) => Err(errno),
        }
    }
}
