//! The death of a parent: its signal, and the subreaper that adopts orphans.
#![forbid(unsafe_code)]

use rustix::process as rx;

use crate::signal::number;
use crate::{Errno, Pid, Result, Signal};

/// Returns the signal that the calling thread gets when the process's parent dies: `prctl(2)`
/// with `PR_GET_PDEATHSIG`.
///
/// # Errors
///
/// [`Errno::RANGE`]: somebody chose one that a libc [reserves](crate::signal::Reserved).
#[doc(alias = "PR_GET_PDEATHSIG")]
pub fn parent_death_signal() -> Result<Option<Signal>> {
    let chosen = rx::parent_process_death_signal()?;
    chosen
        .map(|signal| number::from_number(signal.as_raw()).ok_or(Errno::RANGE))
        .transpose()
}

/// Sets the signal that the calling thread gets when the process's parent dies, or none:
/// `prctl(2)` with `PR_SET_PDEATHSIG`.
///
/// - Each thread has its own; the first thread's is that of the process, as others take
///   theirs with them when they end.
/// - The parent is the *thread* that created this process: the signal comes when that thread
///   ends, even if its process runs on.
/// - A parent that has died before sends none. Ask [`parent_id`](super::parent_id) afterwards
///   whether the parent is still the expected one, as [`Command`](super::Command) does.
/// - Children do not inherit it; executed programs do, unless they are set-user-ID or have
///   capabilities. A change of user or group clears it.
///
/// # Errors
///
/// [`Errno::INVAL`]: there is no such signal.
///
/// # Examples
///
/// ```
/// use rawipc::process;
/// use rawipc::Signal;
///
/// let expected = process::parent_id();
/// process::set_parent_death_signal(Some(Signal::TERM))?;
/// if process::parent_id() != expected {
///     process::exit(1);
/// }
/// assert_eq!(process::parent_death_signal()?, Some(Signal::TERM));
/// # process::set_parent_death_signal(None)?;
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "PR_SET_PDEATHSIG")]
pub fn set_parent_death_signal(signal: Option<Signal>) -> Result<()> {
    rx::set_parent_process_death_signal(signal)
}

/// Returns whether this process is a subreaper: `prctl(2)` with `PR_GET_CHILD_SUBREAPER`.
///
/// # Errors
///
/// None but of sandboxes.
#[doc(alias = "PR_GET_CHILD_SUBREAPER")]
pub fn is_subreaper() -> Result<bool> {
    // rustix takes the flag for a number of a process.
    rx::child_subreaper().map(|number| number.is_some())
}

/// Makes this process a subreaper, or no longer one: `prctl(2)` with `PR_SET_CHILD_SUBREAPER`.
///
/// Descendants whose parent dies become its children, as they would become those of
/// the first process: it learns of their ends by [`wait`](super::wait()), and has to, else
/// they stay zombies. So nothing escapes it that forks twice. Of several subreapers
/// above an orphan the nearest takes it in. Children do not inherit this, programs that
/// are executed do.
///
/// # Errors
///
/// None but of sandboxes.
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, Children, Fork, State, WaitFlags};
///
/// process::set_subreaper(true)?;
/// // SAFETY: the child forks and exits.
/// if unsafe { process::fork()? } == Fork::Child {
///     // SAFETY: the grandchild exits.
///     match unsafe { process::fork() } {
///         Ok(Fork::Child) => process::exit(2),
///         _ => process::exit(1),
///     }
/// }
/// // The child, and what it left behind.
/// let mut ends = [0; 2];
/// for end in &mut ends {
///     if let State::Exited(status) = process::wait(Children::Any, WaitFlags::EXITED)?.state {
///         *end = status;
///     }
/// }
/// ends.sort();
/// assert_eq!(ends, [1, 2]);
/// # process::set_subreaper(false)?;
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "PR_SET_CHILD_SUBREAPER")]
pub fn set_subreaper(subreaper: bool) -> Result<()> {
    rx::set_child_subreaper(subreaper.then_some(Pid::INIT))
}
