//! Receiving several messages by one call: `recvmmsg(2)`.

use super::Seqpacket;
use crate::socket::many::Slot;
use crate::socket::transfer;
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::{AsFd, Deadline, Result};

#[cfg(doc)]
use crate::Errno;

impl Seqpacket {
    /// Blocks until there is a message, receives those that are there, one into each of `slots`
    /// and 32 at most, and returns how many: `recvmmsg(2)`.
    ///
    /// 0 is the end (or `slots` is empty): empty messages that are the last before the end
    /// count as it, unless [they are recognized](Self#empty-messages). Slots without a message
    /// are empty, also after an error.
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
