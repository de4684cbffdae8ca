//! [`ProcessRef`]: a process by its number or by a descriptor, and its files of `/proc`.
#![forbid(unsafe_code)]

use rustix::event::PollFlags;
use rustix::fs::OFlags;

use super::pidfd::Pidfd;
use crate::procfs::{self, each_line};
use crate::wait::ready;
use crate::{AsFd, BorrowedFd, Errno, OwnedFd, Pid, Result};

/// A reference to a process or thread, by its number or by a pidfd.
///
/// # Examples
///
/// Functions that take one accept a number as well as a pidfd:
///
/// ```
/// use rawipc::process::{self, ProcessRef, maps, pidfd};
///
/// fn code<'fd>(process: impl Into<ProcessRef<'fd>>) -> rawipc::Result<usize> {
///     let mut maps = maps::open(process)?;
///     let mut buffer = [0; maps::BUFFER];
///     let mut regions = maps.regions(&mut buffer);
///     let mut bytes = 0;
///     while let Some(region) = regions.next() {
///         let region = region?;
///         if region.permissions.contains(maps::Permissions::EXECUTE) {
///             bytes += region.len();
///         }
///     }
///     Ok(bytes)
/// }
/// let pidfd = pidfd::open(process::id())?;
/// assert_eq!(code(process::id())?, code(&pidfd)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub enum ProcessRef<'fd> {
    /// The process that has this number now.
    Pid(Pid),
    /// The process of this pidfd, and no other.
    Pidfd(BorrowedFd<'fd>),
}

impl From<Pid> for ProcessRef<'_> {
    fn from(pid: Pid) -> Self {
        Self::Pid(pid)
    }
}

impl<'fd> From<&'fd Pidfd> for ProcessRef<'fd> {
    fn from(pidfd: &'fd Pidfd) -> Self {
        Self::Pidfd(pidfd.as_fd())
    }
}

impl ProcessRef<'_> {
    /// Opens a file of `/proc/PID` that is about its memory; `name` has its slash.
    ///
    /// # Errors
    ///
    /// [`Errno::SRCH`]: no such process; it has ended. [`Errno::PERM`]: it does not
    /// belong to the caller.
    pub(super) fn open_memory(self, name: &[u8], flags: OFlags) -> Result<OwnedFd> {
        self.with_number(|pid| procfs::process::open_memory(pid, name, flags))
    }

    /// Calls `look` with its number, which is its own during that.
    ///
    /// # Errors
    ///
    /// What `look` says; [`Errno::SRCH`]: by a descriptor, it has ended.
    pub(super) fn with_number<T>(self, look: impl FnOnce(Pid) -> Result<T>) -> Result<T> {
        match self {
            Self::Pid(pid) => look(pid),
            Self::Pidfd(pidfd) => {
                let seen = look(number_of(pidfd)?);
                // If it lives, the number was its own all the time.
                match ready::check(pidfd, PollFlags::IN) {
                    Err(Errno::AGAIN) => seen,
                    Ok(()) => Err(Errno::SRCH),
                    Err(errno) => Err(errno),
                }
            }
        }
    }
}

/// The number of a pidfd's process, as `/proc` says; every kernel with pidfds can.
fn number_of(pidfd: BorrowedFd<'_>) -> Result<Pid> {
    let info = procfs::descriptor_info(pidfd).map_err(|errno| match errno {
        Errno::NOENT => Errno::SRCH,
        other => other,
    })?;
    let mut found = Err(Errno::BADF);
    each_line(&info, |line| {
        if let Some(rest) = line.strip_prefix(b"Pid:") {
            // -1: it has been reaped; 0: it is outside of this namespace.
            found = procfs::pid(rest.trim_ascii()).ok_or(Errno::SRCH);
        }
    })?;
    found
}
