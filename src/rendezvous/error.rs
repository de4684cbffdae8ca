//! [`Error`]: why no region was found, handed over or removed.
#![forbid(unsafe_code)]

use core::fmt;

use crate::errno::Described;
use crate::process::Uid;
use crate::region::AttachError;
use crate::{Errno, Mode};

/// Why a region was not found, not handed over or not removed.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::rendezvous::Error;
/// use rawipc::ring::spsc;
///
/// let found: Result<spsc::Ring, _> = spsc::Ring::open_named("/dev/shm/rawipc-doc-nothing");
/// match found {
///     Ok(_ring) => println!("found"),
///     Err(Error::Kernel(Errno::NOENT)) => println!("nobody has created it yet"),
///     Err(Error::Foreign { .. }) => println!("it is another user's"),
///     Err(other) => return Err(other.into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// What has this name is no region: another file, a directory, a FIFO, a symbolic link.
    NotRegion,
    /// The file, or the process at the other end, is another user's.
    Foreign {
        /// That user.
        user: Uid,
    },
    /// The file's mode lets others in than were asked for.
    WrongMode {
        /// Its mode.
        mode: Mode,
    },
    /// The region of this name was made in another way: of another capacity, for example.
    Different,
    /// A process has the region, or is removing its name at this moment.
    InUse,
    /// The process at the other end does not hand over regions, or closed the connection.
    NotListener,
    /// What was found is not the region that was asked for.
    Refused(AttachError),
    /// The kernel refused a call.
    Kernel(Errno),
}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Self {
        Self::Kernel(errno)
    }
}

impl From<AttachError> for Error {
    fn from(error: AttachError) -> Self {
        match error {
            AttachError::Kernel(errno) => Self::Kernel(errno),
            error => Self::Refused(error),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRegion => f.write_str("what has this name is no region"),
            Self::Foreign { user } => write!(f, "it is user {}'s", user.as_raw()),
            Self::WrongMode { mode } => {
                write!(f, "its mode {:o} lets others in", mode.as_raw_mode())
            }
            Self::Different => f.write_str("the region of this name was made in another way"),
            Self::InUse => f.write_str("a process uses the region"),
            Self::NotListener => f.write_str("no region was handed over"),
            Self::Refused(error) => error.fmt(f),
            Self::Kernel(errno) => write!(f, "the kernel refused: {}", Described(*errno)),
        }
    }
}

impl core::error::Error for Error {}
