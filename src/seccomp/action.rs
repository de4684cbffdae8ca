//! [`Action`]: what happens to a filtered system call.
#![forbid(unsafe_code)]

use linux_raw_sys::errno::EOPNOTSUPP;
use linux_raw_sys::ptrace as raw;

use crate::sys::seccomp::get_action_avail;
use crate::{Errno, Result};

/// The action of a filter on a system call.
///
/// In the order of precedence: all filters of a thread are run, and the first action in this
/// list is taken; among equal ones that of the filter installed last.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::seccomp::{Action, Filter, Syscall};
///
/// let mut filter = Filter::<64>::new(Action::Allow);
/// filter.call(Syscall::PTRACE, Action::KillProcess)?;
/// filter.call(Syscall::SETUID, Action::Errno(Errno::PERM))?;
/// if Action::Log.is_available()? {
///     filter.call(Syscall::MOUNT, Action::Log)?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Kills the process as if by `SIGSYS`, which no handler sees.
    #[doc(alias = "SECCOMP_RET_KILL_PROCESS")]
    KillProcess,
    /// Kills the thread as if by `SIGSYS`; a process with other threads runs on unaware.
    #[doc(alias = "SECCOMP_RET_KILL_THREAD")]
    KillThread,
    /// Sends the thread `SIGSYS` instead of making the call, with this number as
    /// [`Info::errno`](crate::signal::Info::errno) and
    /// [`Cause::Syscall`](crate::signal::Cause::Syscall).
    ///
    /// The handler may put a result of the call into the registers. Where there is
    /// none, or the signal is blocked, the process dies of it.
    #[doc(alias = "SECCOMP_RET_TRAP")]
    Trap(u16),
    /// Fails the call with this error.
    #[doc(alias = "SECCOMP_RET_ERRNO")]
    Errno(Errno),
    /// Returns 0 without making the call.
    #[doc(alias = "SECCOMP_RET_ERRNO")]
    Nothing,
    /// Blocks the call until the filter's [`Listener`](super::notify::Listener) answers.
    /// Without a listener it fails with `ENOSYS`.
    #[doc(alias = "SECCOMP_RET_USER_NOTIF")]
    Notify,
    /// Lets the tracer decide, which is given this number (`PTRACE_EVENT_SECCOMP`). Without a
    /// tracer that asked for it, the call fails with `ENOSYS`.
    #[doc(alias = "SECCOMP_RET_TRACE")]
    Trace(u16),
    /// Makes the call and logs it.
    #[doc(alias = "SECCOMP_RET_LOG")]
    Log,
    /// Makes the call.
    #[doc(alias = "SECCOMP_RET_ALLOW")]
    Allow,
}

impl Action {
    /// Returns the word that a filter returns for this action.
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

    /// Returns whether the kernel knows this action: `SECCOMP_GET_ACTION_AVAIL` of
    /// `seccomp(2)`. It treats unknown ones as [`KillProcess`](Self::KillProcess).
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
