//! [`Spawned`]: a program that was started.
#![forbid(unsafe_code)]

use crate::process::pidfd::Pidfd;
use crate::process::process_ref::ProcessRef;
use crate::{AsFd, BorrowedFd, Pid};

/// A program started by [`Command::spawn`](crate::process::Command::spawn), in its own process.
///
/// Nothing happens when this is dropped: the process goes on, and has to be waited for
/// by its number.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use rawipc::process::{self, Command, WaitFlags, exec};
/// use rawipc::{Deadline, Errno, Signal};
///
/// let args = exec::List::of([c"sleep", c"1000"]);
/// let child = Command::path(c"/bin/sleep", &args, exec::Strings::EMPTY).spawn()?;
/// println!("started as process {}", child.pid);
///
/// let soon = Deadline::after(Duration::from_millis(10));
/// if child.pidfd.wait_exit_until(soon) == Err(Errno::TIMEDOUT) {
///     child.pidfd.send_signal(Signal::KILL)?;
/// }
/// assert!(process::wait(&child, WaitFlags::EXITED)?.state.is_end());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Spawned {
    /// The process's number, until it has been waited for.
    pub pid: Pid,
    /// A descriptor of the process, made with it.
    pub pidfd: Pidfd,
}

impl AsFd for Spawned {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

crate::sys::fd_number::number!(Spawned);

impl<'fd> From<&'fd Spawned> for ProcessRef<'fd> {
    fn from(spawned: &'fd Spawned) -> Self {
        Self::Pidfd(spawned.as_fd())
    }
}
