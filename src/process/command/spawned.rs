//! [`Spawned`]: a program that was started.
#![forbid(unsafe_code)]

use crate::process::pidfd::Pidfd;
use crate::process::process_ref::ProcessRef;
use crate::{AsFd, BorrowedFd, Pid};

/// A program started by [`Command::spawn`](crate::process::Command::spawn), in its own process.
///
/// Nothing happens when this is dropped: the process goes on, and has to be waited for
/// by its number.
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
