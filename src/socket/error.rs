//! [`RecvError`]: why a message was not received as it was sent.

use crate::Errno;

/// Why a message was not received as it was sent.
///
/// After any of these nothing is held of what came beside the bytes: descriptors
/// that had come are closed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecvError {
    /// The message is longer than the buffer: the buffer holds its beginning, the
    /// rest is gone. [`Datagram::next_len`](super::Datagram::next_len) and [`Seqpacket::next_len`](super::Seqpacket::next_len) tell how
    /// much is needed while the message still waits.
    Truncated {
        /// How long it was.
        len: usize,
    },
    /// More came beside the message than there was room for.
    ControlTruncated {
        /// How long the message was; as much as fits is in the buffer.
        len: usize,
    },
    /// There was room for a descriptor, but the kernel did not install it: the
    /// limit of this process or of the system is reached (`EMFILE`, `ENFILE`), or
    /// a security module forbids it.
    DescriptorRefused {
        /// How long the message was; as much as fits is in the buffer.
        len: usize,
    },
    /// The call failed and nothing was received.
    Refused(Errno),
}

impl From<Errno> for RecvError {
    fn from(errno: Errno) -> Self {
        Self::Refused(errno)
    }
}

/// The nearest error number: [`Errno::MSGSIZE`] for what was cut,
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
            Self::Refused(errno) => errno.fmt(f),
        }
    }
}

impl core::error::Error for RecvError {}
