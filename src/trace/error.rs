//! Errors of requests to a tracee.
#![forbid(unsafe_code)]

use core::fmt;

use crate::Errno;
use crate::errno::Described;

/// An error of a request to a tracee.
///
/// # Examples
///
/// ```
/// use rawipc::process::{Command, exec};
/// use rawipc::trace::{self, Error, Options, Report};
///
/// let args = exec::List::of([c"true"]);
/// let child = Command::path(c"/bin/true", &args, exec::Strings::EMPTY).traced().spawn()?;
/// let running = trace::adopt(child.pid, Options::KILL_ON_EXIT);
/// let Report::Stopped(stopped) = running.wait()? else { return Err("it has ended".into()) };
/// match stopped.peek(8) {
///     Ok(word) => println!("{word:#x}"),
///     Err(Error::Gone) => println!("it was killed"), // the wait for it says how it ended
///     Err(Error::Errno(errno)) => println!("nothing is mapped there: {errno}"),
/// }
/// stopped.kill().wait_end()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The tracee is no longer stopped: it was killed. All that is left is to resume it, which
    /// has no effect, and to wait for its end.
    #[doc(alias = "ESRCH")]
    Gone,
    /// The kernel's error.
    Errno(Errno),
}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::SRCH => Self::Gone,
            errno => Self::Errno(errno),
        }
    }
}

/// [`Error::Gone`] is [`Errno::SRCH`].
impl From<Error> for Errno {
    fn from(error: Error) -> Self {
        match error {
            Error::Gone => Self::SRCH,
            Error::Errno(errno) => errno,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("the tracee was killed"),
            Self::Errno(errno) => Described(*errno).fmt(f),
        }
    }
}

impl core::error::Error for Error {}

/// An error of a request that consumes the tracee, which it gives back unchanged.
///
/// # Examples
///
/// ```
/// use rawipc::process::{Command, exec};
/// use rawipc::trace::{self, Options, Report};
///
/// let args = exec::List::of([c"true"]);
/// let child = Command::path(c"/bin/true", &args, exec::Strings::EMPTY).traced().spawn()?;
/// let running = trace::adopt(child.pid, Options::KILL_ON_EXIT);
/// let Report::Stopped(stopped) = running.wait()? else { return Err("it has ended".into()) };
/// // Only a tracee in a group stop can stay stopped.
/// let refused = stopped.listen().expect_err("it is in none");
/// println!("refused: {}", refused.errno);
/// refused.tracee.kill().wait_end()?; // still ours to resume or kill
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Refused<T> {
    /// The tracee, unchanged.
    pub tracee: T,
    /// The error.
    pub errno: Errno,
}

impl<T> fmt::Debug for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Refused").field(&self.errno).finish()
    }
}

impl<T> fmt::Display for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Described(self.errno).fmt(f)
    }
}

impl<T> core::error::Error for Refused<T> {}

/// Lets the tracee go: it stays traced, and as it is.
impl<T> From<Refused<T>> for Errno {
    fn from(refused: Refused<T>) -> Self {
        refused.errno
    }
}
