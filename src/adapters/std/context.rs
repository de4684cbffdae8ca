//! [`ErrorContext`]: errors that say what was tried, and with which object.

use core::error::Error;
use core::fmt;
use std::borrow::ToOwned;
use std::io;
use std::path::{Path, PathBuf};

/// Adds to an error what was tried and the object's name: `opening /dev/shm/jobs: …`.
///
/// It applies to the result of every function of this crate whose error becomes a
/// [`std::io::Error`].
///
/// ```
/// use rawipc::posix::message::{Access, QueueFlags};
/// use rawipc::posix::{self, Name};
/// use rawipc::ErrorContext;
/// use std::io::ErrorKind;
///
/// let name = "/no-such-queue-of-anybody";
/// let opened = posix::message::open(&Name::new(name)?, Access::Receive, QueueFlags::empty());
/// let error = opened.for_name("opening queue", name).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::NotFound);
/// assert!(error.to_string().starts_with("opening queue /no-such-queue-of-anybody: "));
/// # Ok::<(), rawipc::Errno>(())
/// ```
pub trait ErrorContext<T> {
    /// Returns the value, or an error of the same kind that names the step and the object.
    ///
    /// # Errors
    ///
    /// The original error, which is the new one's `source` of
    /// [`get_ref`](std::io::Error::get_ref). It has no `raw_os_error` of its own.
    fn for_name(self, step: &'static str, name: impl AsRef<Path>) -> io::Result<T>;
}

impl<T, E> ErrorContext<T> for Result<T, E>
where
    io::Error: From<E>,
{
    fn for_name(self, step: &'static str, name: impl AsRef<Path>) -> io::Result<T> {
        self.map_err(|error| {
            let error = io::Error::from(error);
            let name = name.as_ref().to_owned();
            io::Error::new(error.kind(), Named { step, name, error })
        })
    }
}

#[derive(Debug)]
struct Named {
    step: &'static str,
    name: PathBuf,
    error: io::Error,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.step, self.name.display(), self.error)
    }
}

impl Error for Named {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}
