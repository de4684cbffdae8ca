//! Applying a filter to threads.

use core::fmt;

use linux_raw_sys::ptrace as raw;
use rustix::thread::{SecureComputingMode, secure_computing_mode};

use super::Instruction;
use super::notify::Listener;
use crate::errno::Described;
use crate::sys::seccomp::{
    Notif, NotifResp, get_notif_sizes, set_filter, set_filter_listener, set_mode_strict,
};
use crate::{Errno, Pid, Result};

bitflags::bitflags! {
    /// Options of installing a filter.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::Errno;
    /// use rawipc::process::{self, Fork, WaitFlags};
    /// use rawipc::seccomp::{self, Action, Filter, InstallFlags, Syscall};
    ///
    /// let mut filter = Filter::<16>::new(Action::Allow);
    /// filter.call(Syscall::GETPRIORITY, Action::Errno(Errno::PERM))?;
    /// // SAFETY: the child only makes system calls and exits.
    /// let child = match unsafe { process::fork()? } {
    ///     Fork::Child => {
    ///         let _ = seccomp::set_no_new_privs();
    ///         let flags = InstallFlags::ALL_THREADS | InstallFlags::LOG;
    ///         // SAFETY: nothing here depends on the priority.
    ///         let installed = unsafe { seccomp::install(&filter, flags) };
    ///         process::exit(i32::from(installed.is_err()))
    ///     }
    ///     Fork::Parent(child) => child,
    /// };
    /// assert!(process::wait(child, WaitFlags::EXITED)?.state.is_success());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct InstallFlags: u32 {
        /// Applies the filter to all threads of the process, or to none. Without it, to the
        /// calling thread alone.
        #[doc(alias = "SECCOMP_FILTER_FLAG_TSYNC")]
        const ALL_THREADS = raw::SECCOMP_FILTER_FLAG_TSYNC;
        /// Logs all actions but [`Action::Allow`](super::Action::Allow).
        #[doc(alias = "SECCOMP_FILTER_FLAG_LOG")]
        const LOG = raw::SECCOMP_FILTER_FLAG_LOG;
        /// Allows speculative store bypass, which filters disable on some processors before
        /// Linux 5.16.
        #[doc(alias = "SECCOMP_FILTER_FLAG_SPEC_ALLOW")]
        const ALLOW_SPECULATION = raw::SECCOMP_FILTER_FLAG_SPEC_ALLOW;
        /// With a listener: once the listener has received a call, only fatal signals interrupt
        /// its wait for the answer. Since Linux 5.19.
        ///
        /// Without it a handler ends the call, or begins it again with another
        /// notification, even if what it asked for has been done.
        #[doc(alias = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV")]
        const WAIT_KILLABLE = raw::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;

        const _ = !0;
    }
}

/// An error of [`install`].
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::seccomp::{self, InstallError, InstallFlags};
///
/// // SAFETY: it is no filter, and refused.
/// match unsafe { seccomp::install([], InstallFlags::empty()) } {
///     Ok(()) => println!("installed"),
///     Err(InstallError::Thread(thread)) => println!("thread {thread} has other filters"),
///     Err(InstallError::Errno(errno)) => assert_eq!(errno, Errno::INVAL),
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstallError {
    /// With [`InstallFlags::ALL_THREADS`]: this thread has filters that the calling thread has
    /// not, or is in strict mode.
    Thread(Pid),
    /// The kernel's error.
    Errno(Errno),
}

impl From<Errno> for InstallError {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

/// Of a thread: [`Errno::SRCH`], as the kernel says where it cannot name it.
impl From<InstallError> for Errno {
    fn from(error: InstallError) -> Self {
        match error {
            InstallError::Thread(_) => Self::SRCH,
            InstallError::Errno(errno) => errno,
        }
    }
}

impl fmt::Display for InstallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Thread(pid) => {
                write!(f, "thread {} has other filters", pid.as_raw_nonzero())
            }
            Self::Errno(errno) => Described(*errno).fmt(f),
        }
    }
}

impl core::error::Error for InstallError {}

/// Prevents this thread from gaining privileges by executing a program: `PR_SET_NO_NEW_PRIVS`
/// of `prctl(2)`. It cannot be undone, and children inherit it.
///
/// Set-user-ID and set-group-ID bits and file capabilities have no effect. Without
/// `CAP_SYS_ADMIN`, [`install`] needs this, so that no privileged program runs under a filter
/// of the caller's choice.
///
/// # Errors
///
/// None that a program acts on.
#[doc(alias = "PR_SET_NO_NEW_PRIVS")]
#[doc(alias = "prctl")]
pub fn set_no_new_privs() -> Result<()> {
    rustix::thread::set_no_new_privs(true)
}

/// Returns whether this thread [cannot gain privileges](set_no_new_privs):
/// `PR_GET_NO_NEW_PRIVS` of `prctl(2)`.
///
/// # Errors
///
/// None that a program acts on.
#[doc(alias = "PR_GET_NO_NEW_PRIVS")]
pub fn no_new_privs() -> Result<bool> {
    rustix::thread::no_new_privs()
}

/// Returns whether this thread has a filter: `PR_GET_SECCOMP` of `prctl(2)`. (In strict mode
/// the call kills it.)
///
/// # Errors
///
/// [`Errno::INVAL`]: the kernel is built without seccomp.
#[doc(alias = "PR_GET_SECCOMP")]
pub fn is_filtered() -> Result<bool> {
    Ok(secure_computing_mode()? != SecureComputingMode::Disabled)
}

/// Applies `filter` to the calling thread, or to all: `SECCOMP_SET_MODE_FILTER` of
/// `seccomp(2)`.
///
/// For good: a filter cannot be removed, children inherit it, and it stays when another
/// program is executed. Filters that are there already stay too, and all are asked.
///
/// Calls that the vDSO answers, such as the time of day, are not seen by filters where
/// it can answer them without the kernel.
///
/// # Errors
///
/// - [`Errno::ACCESS`]: neither `CAP_SYS_ADMIN` nor
///   [`set_no_new_privs`].
/// - [`Errno::INVAL`]: not a program that the kernel takes (none that a
///   [`Filter`](super::Filter) writes), or an unknown flag.
/// - [`Errno::NOMEM`]: with those of this thread that are there already, more than
///   32768 instructions, each filter counted with 4 more.
/// - [`InstallError::Thread`]: see there.
///
/// # Safety
///
/// No code of the process may rely on what a call does or fills in where the filter
/// lets the call fail, or return, without it having been made. Functions that are
/// never said to fail take what the kernel was to write for written; memory that was
/// to be mapped is used.
///
/// A thread that is killed alone ([`Action::KillThread`](super::Action::KillThread)) may
/// own nothing by which others have access to its stack, such as a scope of threads.
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, Fork, State, WaitFlags};
/// use rawipc::seccomp::{self, Action, Filter, InstallFlags, Syscall};
/// use rawipc::{Deadline, Errno};
///
/// // SAFETY: the child only uses this crate and exits.
/// match unsafe { process::fork()? } {
///     Fork::Child => {
///         let mut filter = Filter::<16>::new(Action::Allow);
///         let ruled = filter.call(Syscall::PIPE2, Action::Errno(Errno::PERM));
///         let given_up = seccomp::set_no_new_privs();
///         // SAFETY: that a pipe is refused is seen by who makes one.
///         let installed = unsafe { seccomp::install(&filter, InstallFlags::empty()) };
///         let refused = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC);
///         process::exit(match (ruled, given_up, installed, refused) {
///             (Ok(()), Ok(()), Ok(()), Err(Errno::PERM)) => 0,
///             _ => 1,
///         })
///     }
///     Fork::Parent(child) => {
///         assert_eq!(process::wait(child, WaitFlags::EXITED)?.state, State::Exited(0));
///     }
/// }
/// # Ok::<(), Errno>(())
/// ```
#[doc(alias = "seccomp")]
#[doc(alias = "SECCOMP_SET_MODE_FILTER")]
pub unsafe fn install(
    filter: impl AsRef<[Instruction]>,
    flags: InstallFlags,
) -> Result<(), InstallError> {
    let thread = set_filter(filter.as_ref(), flags.bits())?;
    match Pid::from_raw(thread as i32) {
        Some(thread) => Err(InstallError::Thread(thread)),
        None => Ok(()),
    }
}

/// Like [`install`], but returns a [`Listener`] that answers the calls for which the filter's
/// action is [`Action::Notify`](super::Action::Notify): `SECCOMP_FILTER_FLAG_NEW_LISTENER` of
/// `seccomp(2)`. Since Linux 5.0. Closed on exec.
///
/// Mostly another process answers, to which the listener is sent over a socket. The
/// thread under the filter keeps none then: while it has one itself, nobody else's end
/// ends its waiting.
///
/// # Errors
///
/// Those of [`install`], and:
///
/// - [`Errno::BUSY`]: a filter of this thread has a listener already.
/// - [`Errno::SRCH`]: [`InstallFlags::ALL_THREADS`], and a thread has other filters.
/// - [`Errno::OVERFLOW`]: the kernel's notifications are larger than this crate has
///   room for; no kernel's are.
/// - [`Errno::MFILE`], [`Errno::NFILE`]: no descriptor left.
///
/// # Safety
///
/// The same as for [`install`]; who answers decides what the calls return.
#[doc(alias = "SECCOMP_FILTER_FLAG_NEW_LISTENER")]
pub unsafe fn install_with_listener(
    filter: impl AsRef<[Instruction]>,
    flags: InstallFlags,
) -> Result<Listener> {
    let sizes = get_notif_sizes()?;
    if usize::from(sizes.seccomp_notif) > Notif::ROOM
        || usize::from(sizes.seccomp_notif_resp) > NotifResp::ROOM
    {
        return Err(Errno::OVERFLOW);
    }
    let mut flags = flags.bits();
    if flags & raw::SECCOMP_FILTER_FLAG_TSYNC != 0 {
        // The kernel does not return a descriptor or a thread as it comes.
        flags |= raw::SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
    }
    set_filter_listener(filter.as_ref(), flags).map(Listener::from)
}

/// Restricts the calling thread to `read(2)`, `write(2)`, `exit(2)` (of the thread) and
/// `rt_sigreturn(2)`: `SECCOMP_SET_MODE_STRICT` of `seccomp(2)`. Any other call kills it with
/// `SIGKILL`.
///
/// # Errors
///
/// [`Errno::INVAL`]: it is under a filter, or the kernel is built without seccomp.
///
/// # Safety
///
/// As of a thread that is killed alone: see [`install`].
#[doc(alias = "SECCOMP_SET_MODE_STRICT")]
pub unsafe fn set_strict_mode() -> Result<()> {
    set_mode_strict()
}
