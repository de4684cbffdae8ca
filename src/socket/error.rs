//! [`RecvError`]: why a message was not received as it was sent.

use crate::Errno;
use crate::errno::Described;

/// Why receiving from a socket failed, or what of a message was lost.
///
/// After any of these nothing is held of what came beside the bytes: descriptors
/// that had come are closed again.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::socket::{RecvError, datagram};
///
/// let (ours, theirs) = datagram::pair()?;
/// ours.send(b"a long message")?;
/// match theirs.recv(&mut [0; 4]) {
///     Ok(len) => println!("{len} bytes"),
///     Err(RecvError::Truncated { .. }) => println!("the rest of the message is lost"),
///     Err(error) => return Err(error.into()),
/// }
/// assert_eq!(theirs.try_recv(&mut [0; 4]), Err(RecvError::Refused(Errno::AGAIN)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecvError {
    /// The message is longer than the buffer: the buffer holds its beginning, and the rest is
    /// discarded. [`Datagram::next_len`](super::Datagram::next_len) and
    /// [`Seqpacket::next_len`](super::Seqpacket::next_len) return the length of a message that
    /// is still queued.
    Truncated {
        /// The length of the message.
        len: usize,
    },
    /// More descriptors, or a longer label, came with the message than there was room for.
    ControlTruncated {
        /// The length of the message; as much as fits is in the buffer.
        len: usize,
    },
    /// There was room for a descriptor, but the kernel did not install it: the limit of the
    /// process or the system is reached (`EMFILE`, `ENFILE`), or a security module forbids it.
    DescriptorRefused {
        /// The length of the message; as much as fits is in the buffer.
        len: usize,
    },
    /// The kernel refused the call, and nothing was received.
    Refused(Errno),
}

impl From<Errno> for RecvError {
    fn from(errno: Errno) -> Self {
        Self::Refused(errno)
    }
}

/// Converts to the nearest error number: [`Errno::MSGSIZE`] for what was truncated,
/// [`Errno::MFILE`] for a refused descriptor.
impl From<RecvError> for Errno {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Truncated { .. } | RecvError::ControlTruncated { .. } => Self::MSGSIZE,
            RecvError::DescriptorRefused { .. } => Self::MFILE,
            RecvError::Refused(errno) => errno,
        }
    }
}

impl core::fmt::Display for RecvError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Truncated { len } => {
                write!(f, "the message of {len} bytes is longer than the buffer")
            }
            Self::ControlTruncated { .. } => {
                f.write_str("more came beside the message than there was room for")
            }
            Self::DescriptorRefused { .. } => {
                f.write_str("a descriptor came that this process could not be given")
            }
            Self::Refused(errno) => Described(*errno).fmt(f),
        }
    }
}

impl core::error::Error for RecvError {}
