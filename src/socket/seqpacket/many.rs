//! Several messages by one call: `sendmmsg(2)`, `recvmmsg(2)`.

use super::Seqpacket;
use crate::socket::many::{self, Slot};
use crate::socket::transfer;
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::{AsFd, Deadline, IoSlice, Result};

#[cfg(doc)]
use crate::Errno;

impl Seqpacket {
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
    /// 0 is the end (or `slots` is empty): empty messages that are the last before the
    /// end count as it, unless [something tells them](Self#empty-messages). Slots without
    /// a message are empty, also after an error.
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
        let came = transfer::recv_many(self.as_fd(), slots, patience)?;
        // The end is received again and again, as empty messages.
        let trailing = slots.iter().take(came).rev();
        let doubtful = trailing.take_while(|slot| !slot.is_surely_message());
        let sure = came - doubtful.count();
        match sure < came && transfer::ended(self.as_fd())? {
            true => Ok(sure),
            false => Ok(came),
        }
    }
}
