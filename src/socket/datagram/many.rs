//! Several messages by one call: `sendmmsg(2)`, `recvmmsg(2)`.

use rustix::fs::{OFlags, fcntl_getfl};

use super::Datagram;
use crate::socket::many::{self, Slot};
use crate::socket::transfer;
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::{AsFd, Deadline, Errno, IoSlice, Result};

impl Datagram {
    /// Sends several messages in order, one from each slice of `messages`, and returns how many
    /// were sent: `sendmmsg(2)`.
    ///
    /// Fewer than all when something ended it after the first; the next call says what.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send), of the first message.
    ///
    /// # Examples
    ///
    /// See [`many`].
    #[doc(alias = "sendmmsg")]
    pub fn send_many(&self, messages: &[IoSlice<'_>]) -> Result<usize> {
        many::send_many(self.as_fd(), messages, None, Blocking)
    }

    /// Like [`send_many`](Self::send_many), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// Those of [`send_many`](Self::send_many), and [`Errno::AGAIN`]:
    /// there is no room for the first.
    pub fn try_send_many(&self, messages: &[IoSlice<'_>]) -> Result<usize> {
        many::send_many(self.as_fd(), messages, None, Try)
    }

    /// Like [`send_many`](Self::send_many), but gives up at `deadline` with
    /// [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`send_many`](Self::send_many), and
    /// [`Errno::TIMEDOUT`].
    pub fn send_many_until(&self, messages: &[IoSlice<'_>], deadline: Deadline) -> Result<usize> {
        many::send_many(self.as_fd(), messages, None, Until(deadline))
    }

    /// Blocks until there is a message, receives those that are there, one into each of `slots`
    /// and 32 at most, and returns how many: `recvmmsg(2)`.
    ///
    /// 0 only when receiving was shut down here and no message is left, not even an
    /// empty one (or `slots` is empty). Slots without a message are empty, also after an
    /// error.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv); which message was cut, its slot says.
    ///
    /// # Examples
    ///
    /// See [`many`].
    #[doc(alias = "recvmmsg")]
    pub fn recv_many(&self, slots: &mut [Slot<'_>]) -> Result<usize> {
        self.recv_many_with(slots, Blocking)
    }

    /// Like [`recv_many`](Self::recv_many), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// Those of [`recv_many`](Self::recv_many), and [`Errno::AGAIN`]:
    /// there is no message.
    pub fn try_recv_many(&self, slots: &mut [Slot<'_>]) -> Result<usize> {
        self.recv_many_with(slots, Try)
    }

    /// Like [`recv_many`](Self::recv_many), but gives up at `deadline` with
    /// [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`recv_many`](Self::recv_many), and
    /// [`Errno::TIMEDOUT`].
    pub fn recv_many_until(&self, slots: &mut [Slot<'_>], deadline: Deadline) -> Result<usize> {
        self.recv_many_with(slots, Until(deadline))
    }

    fn recv_many_with(&self, slots: &mut [Slot<'_>], patience: Patience) -> Result<usize> {
        let fd = self.as_fd();
        if !matches!(patience, Blocking) {
            return transfer::recv_many(fd, slots, patience);
        }
        // Of a socket that is shut down the kernel says to whom waits that an empty
        // message came, and only to whom does not, that there is none.
        match transfer::recv_many(fd, slots, Try) {
            Err(Errno::AGAIN) if !fcntl_getfl(fd)?.contains(OFlags::NONBLOCK) => {
                transfer::recv_many(fd, slots, Until(Deadline::Never))
            }
            result => result,
        }
    }
}
