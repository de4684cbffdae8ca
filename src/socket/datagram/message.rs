//! Messages with descriptors and credentials beside them: `sendmsg(2)`, `recvmsg(2)`.

use rustix::net::RecvFlags;

use super::Datagram;
use crate::socket::error::RecvError;
use crate::socket::message::{Incoming, Outgoing};
use crate::socket::transfer;
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::{AsFd, Deadline, IoSlice, IoSliceMut, Result};

#[cfg(doc)]
use crate::Errno;

impl Datagram {
    /// Sends one message with the descriptors and credentials in `outgoing`: `sendmsg(2)`.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send); [`Errno::MSGSIZE`] also for more
    /// than 1024 slices. [`Errno::INVAL`]: more than
    /// [`MAX_DESCRIPTORS`](crate::socket::message::MAX_DESCRIPTORS);
    /// [`Errno::TOOMANYREFS`] and
    /// [`Errno::PERM`]: see [`Outgoing`].
    ///
    /// # Examples
    ///
    /// See [`message`](crate::socket::message).
    #[doc(alias = "sendmsg")]
    pub fn send_message(&self, bytes: &[IoSlice<'_>], outgoing: &Outgoing<'_>) -> Result<()> {
        transfer::send_message(self.as_fd(), bytes, outgoing, None, Blocking).map(drop)
    }

    /// Like [`send_message`](Self::send_message), but returns [`Errno::AGAIN`] instead of
    /// blocking.
    ///
    /// # Errors
    ///
    /// Those of [`send_message`](Self::send_message), and
    /// [`Errno::AGAIN`]: there is no room.
    pub fn try_send_message(&self, bytes: &[IoSlice<'_>], outgoing: &Outgoing<'_>) -> Result<()> {
        transfer::send_message(self.as_fd(), bytes, outgoing, None, Try).map(drop)
    }

    /// Like [`send_message`](Self::send_message), but gives up at `deadline` with
    /// [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`send_message`](Self::send_message), and
    /// [`Errno::TIMEDOUT`].
    pub fn send_message_until(
        &self,
        bytes: &[IoSlice<'_>],
        outgoing: &Outgoing<'_>,
        deadline: Deadline,
    ) -> Result<()> {
        transfer::send_message(self.as_fd(), bytes, outgoing, None, Until(deadline)).map(drop)
    }

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
