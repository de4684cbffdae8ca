//! Creating a copy of this process.

use crate::{Pid, Result, sys};

/// The result of [`fork`]: which of the two processes this is.
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, Fork, State, WaitFlags};
///
/// // SAFETY: the child only exits.
/// let child = match unsafe { process::fork()? } {
///     Fork::Child => process::exit(7),
///     Fork::Parent(child) => child,
/// };
/// let change = process::wait(child, WaitFlags::EXITED)?;
/// assert_eq!(change.state, State::Exited(7));
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "both processes go on from here: ask which one this is"]
pub enum Fork {
    /// This is the parent, and its new child has this number, which stays the child's until the
    /// child has been waited for.
    Parent(Pid),
    /// This is the child.
    Child,
}

/// Makes a copy of this process: `fork(2)`.
///
/// The child has a copy of the memory (shared mappings stay shared), the same
/// open files under the same descriptor numbers, and *one* thread, the caller's.
/// File locks of the record kind, pending signals and timers are not inherited.
///
/// This is the bare system call. The fork handlers of a libc (`pthread_atfork`)
/// do not run, which also makes it the faster of the two.
///
/// # Errors
///
/// [`Errno::AGAIN`](crate::Errno::AGAIN): a limit on processes is reached
/// (`RLIMIT_NPROC`, the system's, the control group's).
/// [`Errno::NOMEM`](crate::Errno::NOMEM): no memory for the page tables.
///
/// # Safety
///
/// In the child the other threads are gone, in the middle of whatever they did.
/// What they had locked stays locked for ever, and what they had half changed
/// stays so: the allocator of a libc, its standard output, a `Mutex`. If this
/// process ever had a second thread, and a program with a libc may have one that
/// it does not know of, then the child may only use what has no locks: this
/// crate, then [`exec`](super::exec) or [`exit`](super::exit()).
///
/// The child must not return into code that believes itself to be alone with
/// what it owns: everything owned exists twice now. A libc also remembers the
/// parent's thread number in the child, so that its thread functions misbehave
/// there even in a program that had one thread only. A process without libc and
/// with one thread is free of all this.
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, Fork, State, WaitFlags};
///
/// // SAFETY: the child only uses this crate and exits.
/// match unsafe { process::fork()? } {
///     Fork::Child => process::exit(3),
///     Fork::Parent(child) => {
///         let change = process::wait(child, WaitFlags::EXITED)?;
///         assert_eq!((change.pid, change.state), (child, State::Exited(3)));
///     }
/// }
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "clone")]
#[inline]
pub unsafe fn fork() -> Result<Fork> {
    // SAFETY: the caller's promise is the callee's.
    let child = unsafe { sys::process::fork()? };
    Ok(match child {
        Some(pid) => Fork::Parent(pid),
        None => Fork::Child,
    })
}
