//! Receiving several messages by one call: `recvmmsg(2)`.

use rustix::fs::{OFlags, fcntl_getfl};

use super::Datagram;
use crate::socket::many::Slot;
use crate::socket::transfer;
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::{AsFd, Deadline, Errno, Result};

impl Datagram {
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
    /// See [`many`](crate::socket::many).
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
