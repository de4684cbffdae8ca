//! Several messages by one call: `sendmmsg(2)`, `recvmmsg(2)`.
//!
//! [`Datagram::send_many`](super::Datagram::send_many),
//! [`Datagram::recv_many`](super::Datagram::recv_many) and those of
//! [`Seqpacket`](super::Seqpacket). Descriptors and credentials go with single
//! messages only.
//!
//! The time limit of `recvmmsg(2)` itself is not used: it is looked at only after a
//! message came. `recv_many` waits for the first message and takes those that are
//! there (`MSG_WAITFORONE`).
//!
//! ```
//! use rawipc::IoSlice;
//! use rawipc::socket::{RecvError, datagram, many::Slot};
//!
//! let (ours, theirs) = datagram::pair()?;
//! ours.send_many(&[IoSlice::new(b"one"), IoSlice::new(b"two")])?;
//!
//! let (mut first, mut second, mut third) = ([0; 8], [0; 8], [0; 8]);
//! let mut slots = [
//!     Slot::new(&mut first),
//!     Slot::new(&mut second),
//!     Slot::new(&mut third),
//! ];
//! assert_eq!(theirs.recv_many(&mut slots)?, 2);
//! assert_eq!(slots[0].message()?, b"one");
//! assert_eq!(slots[1].message()?, b"two");
//! # Ok::<(), RecvError>(())
//! ```

use rustix::fd::BorrowedFd;

use super::address::{Address, Raw};
use super::error::RecvError;
use super::transfer::sending_to;
use crate::sys::socket::{self, MessageFlags};
use crate::wait::patience::Patience;
use crate::{Errno, IoSlice, Result};

pub use socket::Slot;

impl<'a> Slot<'a> {
    /// Creates a slot that receives into `buffer`.
    #[must_use]
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Self {
            buffer,
            len: 0,
            flags: MessageFlags::empty(),
            from: Raw::NONE,
        }
    }

    /// Returns the message that was received; empty if there was none.
    ///
    /// # Errors
    ///
    /// [`RecvError::Truncated`]: it was longer than the buffer, and the rest is gone.
    pub fn message(&self) -> Result<&[u8], RecvError> {
        let len = self.len;
        match self.buffer.get(..len) {
            Some(message) if !self.flags.contains(MessageFlags::TRUNCATED) => Ok(message),
            _ => Err(RecvError::Truncated { len }),
        }
    }

    /// Returns the address of the sender.
    ///
    /// # Errors
    ///
    /// [`Errno::AFNOSUPPORT`](crate::Errno::AFNOSUPPORT): an address of another
    /// family, or none.
    pub fn sender<A: Address>(&self) -> Result<A> {
        A::from_raw(&self.from)
    }
}

/// Sends as many of `messages` as go, and at least one.
pub(super) fn send_many(
    fd: BorrowedFd<'_>,
    messages: &[IoSlice<'_>],
    to: Option<&Raw>,
    patience: Patience,
) -> Result<usize> {
    let mut sent = 0;
    while let Some(rest) = messages.get(sent..).filter(|rest| !rest.is_empty()) {
        let send = |flags| socket::sendmmsg(fd, rest, to, flags);
        match sending_to(fd, to, patience, send) {
            // What was sent is not to be sent again.
            Err(_) if sent > 0 => break,
            Err(errno) => return Err(errno),
            Ok(0) => return Err(Errno::IO),
            Ok(more) => {
                sent += more;
                if more < rest.len().min(socket::SEVERAL) {
                    break;
                }
            }
        }
    }
    Ok(sent)
}
