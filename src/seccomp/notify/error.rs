//! [`Error`]: why nothing was received or answered.
#![forbid(unsafe_code)]

use core::fmt;

use crate::Errno;
use crate::errno::Described;

/// An error of a seccomp [`Listener`](super::Listener).
///
/// # Examples
///
/// ```
/// use rawipc::seccomp::notify::{Cookie, Error};
/// use rawipc::seccomp::{self, Action, Filter, InstallFlags, Syscall};
///
/// let supervised = std::thread::spawn(|| {
///     let mut filter = Filter::<16>::new(Action::Allow);
///     filter.call(Syscall::GETPRIORITY, Action::Notify).unwrap();
///     seccomp::set_no_new_privs().unwrap();
///     // SAFETY: nothing depends on the priority.
///     unsafe { seccomp::install_with_listener(&filter, InstallFlags::empty()) }
/// });
/// let listener = supervised.join().unwrap()?;
/// // No such call waits: its thread may have died, or been interrupted.
/// assert_eq!(listener.respond(Cookie::from_number(1), 0), Err(Error::Gone));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Answering: nobody waits for it, as the thread has died, a signal handler has interrupted
    /// its call, or there never was such a call. Receiving: no thread is under the filter any
    /// more.
    Gone,
    /// The kernel's error.
    Errno(Errno),
}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT => Self::Gone,
            errno => Self::Errno(errno),
        }
    }
}

/// [`Errno::NOENT`] of [`Error::Gone`], as the kernel says.
impl From<Error> for Errno {
    fn from(error: Error) -> Self {
        match error {
            Error::Gone => Self::NOENT,
            Error::Errno(errno) => errno,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("nobody waits for an answer"),
            Self::Errno(errno) => Described(*errno).fmt(f),
        }
    }
}

impl core::error::Error for Error {}
