//! Bytes with descriptors and credentials beside them: `sendmsg(2)`, `recvmsg(2)`.

use rustix::net::RecvFlags;

use super::Stream;
use crate::socket::error::RecvError;
use crate::socket::message::{Incoming, Outgoing};
use crate::socket::transfer;
use crate::sys::vector;
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::{AsFd, Deadline, Errno, IoSlice, IoSliceMut, Result};

impl Stream {
    /// Sends some of `bytes`, with the descriptors and credentials in `outgoing` on the first
    /// of them, and returns how many bytes: `sendmsg(2)`.
    ///
    /// When it returns fewer than all, the descriptors have gone nevertheless:
    /// [`send_all`](Self::send_all) sends the rest. The kernel looks at 1024 slices, from
    /// the first that is not empty.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send). When it fails nothing has gone. Also
    /// [`Errno::INVAL`]: descriptors without a byte that carries them, which the
    /// kernel would drop silently, or more than
    /// [`MAX_DESCRIPTORS`](crate::socket::message::MAX_DESCRIPTORS); [`Errno::TOOMANYREFS`]
    /// and [`Errno::PERM`]: see [`Outgoing`].
    ///
    /// # Examples
    ///
    /// See [`message`](crate::socket::message).
    #[doc(alias = "sendmsg")]
    pub fn send_message(&self, bytes: &[IoSlice<'_>], outgoing: &Outgoing<'_>) -> Result<usize> {
        self.send_message_with(bytes, outgoing, Blocking)
    }

    /// Like [`send_message`](Self::send_message), but returns [`Errno::AGAIN`] instead of
    /// blocking.
    ///
    /// # Errors
    ///
    /// Those of [`send_message`](Self::send_message), and [`Errno::AGAIN`]: there is no room.
    pub fn try_send_message(
        &self,
        bytes: &[IoSlice<'_>],
        outgoing: &Outgoing<'_>,
    ) -> Result<usize> {
        self.send_message_with(bytes, outgoing, Try)
    }

    /// Like [`send_message`](Self::send_message), but gives up at `deadline` with
    /// [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`send_message`](Self::send_message), and [`Errno::TIMEDOUT`].
    pub fn send_message_until(
        &self,
        bytes: &[IoSlice<'_>],
        outgoing: &Outgoing<'_>,
        deadline: Deadline,
    ) -> Result<usize> {
        self.send_message_with(bytes, outgoing, Until(deadline))
    }

    fn send_message_with(
        &self,
        bytes: &[IoSlice<'_>],
        outgoing: &Outgoing<'_>,
        patience: Patience,
    ) -> Result<usize> {
        let bytes = vector::window(bytes);
        match transfer::send_message(self.as_fd(), bytes, outgoing, None, patience) {
            // The kernel has let go of descriptors that no byte carries.
            Ok(0) if outgoing.has_descriptors() => Err(Errno::INVAL),
            result => result,
        }
    }

    /// Receives some bytes with their descriptors and credentials, and returns how many bytes:
    /// `recvmsg(2)`. 0 is the end, as for [`recv`](Self::recv); without room in `bytes` it
    /// returns 0 at once and receives nothing.
    ///
    /// Descriptors came with one of these bytes, not always with the first; see
    /// [`message`](crate::socket::message#which-bytes-of-a-stream). The kernel fills 1024
    /// slices at most.
    ///
    /// # Errors
    ///
    /// [`RecvError::ControlTruncated`]: more descriptors came than there is room
    /// for; [`RecvError::DescriptorRefused`]: this process has no number left for
    /// one. All that came are closed again; the bytes are in the buffer.
    ///
    /// [`RecvError::Refused`] as [`recv`](Self::recv).
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
    /// Those of [`recv_message`](Self::recv_message), and [`Errno::AGAIN`]: there are no bytes.
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
    /// Those of [`recv_message`](Self::recv_message), and [`Errno::TIMEDOUT`].
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
        let bytes = vector::window_mut(bytes);
        // The kernel would wait for a byte, leave it, and take the descriptors from it.
        if bytes.iter().all(|slice| vector::len_of(slice) == 0) {
            incoming.clear();
            return Ok(0);
        }
        let (fd, how) = (self.as_fd(), RecvFlags::empty());
        transfer::recv_message(fd, bytes, incoming, None, how, patience, |received, _| {
            Ok(received.map_or(0, |received| received.len))
        })
    }
}
