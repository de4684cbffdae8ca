//! Receiving messages with descriptors and credentials beside them: `recvmsg(2)`.

use rustix::net::RecvFlags;

use super::Datagram;
use crate::socket::error::RecvError;
use crate::socket::message::Incoming;
use crate::socket::transfer;
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::{AsFd, Deadline, IoSliceMut, Result};

#[cfg(doc)]
use crate::Errno;

impl Datagram {
    /// Receives one message with its descriptors and credentials, and returns its length:
    /// `recvmsg(2)`. Without room in `bytes` it behaves as [`recv`](Self::recv) does.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv). [`RecvError::ControlTruncated`]: more descriptors
    /// came than there is room for; [`RecvError::DescriptorRefused`]: this process
    /// has no number left for one. In any case all that came are closed again.
    ///
    /// [`Errno::MSGSIZE`]: more than 1024 slices; the message
    /// stays.
    ///
    /// # Examples
    ///
    /// See [`message`](crate::socket::message).
    #[doc(alias = "recvmsg")]
    pub fn recv_message<const FDS: usize, const LABEL: usize>(
        &self,
        bytes: &mut [IoSliceMut<'_>],
        incoming: &mut Incoming<FDS, LABEL>,
    ) -> Result<usize, RecvError> {
        self.recv_message_with(bytes, incoming, Blocking)
    }

    /// Like [`recv_message`](Self::recv_message), but returns [`Errno::AGAIN`] instead of
    /// blocking.
    ///
    /// # Errors
    ///
    /// Those of [`recv_message`](Self::recv_message), and
    /// [`Errno::AGAIN`]: there is no message.
    pub fn try_recv_message<const FDS: usize, const LABEL: usize>(
        &self,
        bytes: &mut [IoSliceMut<'_>],
        incoming: &mut Incoming<FDS, LABEL>,
    ) -> Result<usize, RecvError> {
        self.recv_message_with(bytes, incoming, Try)
    }

    /// Like [`recv_message`](Self::recv_message), but gives up at `deadline` with
    /// [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`recv_message`](Self::recv_message), and
    /// [`Errno::TIMEDOUT`].
    pub fn recv_message_until<const FDS: usize, const LABEL: usize>(
        &self,
        bytes: &mut [IoSliceMut<'_>],
        incoming: &mut Incoming<FDS, LABEL>,
        deadline: Deadline,
    ) -> Result<usize, RecvError> {
        self.recv_message_with(bytes, incoming, Until(deadline))
    }

    fn recv_message_with<const FDS: usize, const LABEL: usize>(
        &self,
        bytes: &mut [IoSliceMut<'_>],
        incoming: &mut Incoming<FDS, LABEL>,
        patience: Patience,
    ) -> Result<usize, RecvError> {
        let (fd, how) = (self.as_fd(), RecvFlags::TRUNC);
        transfer::recv_message(fd, bytes, incoming, None, how, patience, |received, _| {
            Ok(received.map_or(0, |received| received.len))
        })
    }
}
