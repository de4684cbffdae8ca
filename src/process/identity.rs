//! The numbers of the calling process, thread and parent.
#![forbid(unsafe_code)]

use crate::Pid;

/// Returns the number of this process: `getpid(2)`.
///
/// As it is in the caller's own PID namespace; another namespace knows the process
/// by another number. It is the same in all threads, and stays until the process has
/// ended and been waited for. Asks the kernel each time: the child of a fork is never
/// told its parent's.
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, Fork, WaitFlags};
///
/// let own = process::id();
/// // SAFETY: the child only makes system calls and exits.
/// match unsafe { process::fork()? } {
///     Fork::Child => process::exit((process::parent_id() != Some(own)).into()),
///     Fork::Parent(child) => {
///         assert_ne!(child, own);
///         assert!(process::wait(child, WaitFlags::EXITED)?.state.is_success());
///     }
/// }
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "getpid")]
#[inline]
#[must_use]
pub fn id() -> Pid {
    rustix::process::getpid()
}

/// Returns the number of this thread: `gettid(2)`.
///
/// That of the process's first thread is the number of the process. It is by this
/// number that a [signal](crate::signal) is directed to one thread.
///
/// # Examples
///
/// ```
/// use rawipc::process;
///
/// let other = std::thread::spawn(process::thread_id).join().unwrap();
/// assert_ne!(other, process::thread_id());
/// ```
#[doc(alias = "gettid")]
#[inline]
#[must_use]
pub fn thread_id() -> Pid {
    rustix::thread::gettid()
}

/// Returns the number of this process's parent: `getppid(2)`.
///
/// `None` if it is outside the caller's PID namespace, or there is none: of the first
/// process. When the parent ends, the kernel gives the child to another at once, its
/// *reaper* (a [subreaper](super::set_subreaper)) or the namespace's first process:
/// a number that is no longer what it was says that the parent has ended. One that is
/// still the same says so only of that moment.
///
/// # Examples
///
/// See [`id`].
#[doc(alias = "getppid")]
#[inline]
#[must_use]
pub fn parent_id() -> Option<Pid> {
    rustix::process::getppid()
}
