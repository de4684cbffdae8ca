//! Datagrams to and from addresses: `sendto(2)`, `recvfrom(2)`, `connect(2)`.

use rustix::net::{self, RecvFlags};

use super::Datagram;
use crate::socket::address::{Address, Raw};
use crate::socket::error::RecvError;
use crate::socket::many;
use crate::socket::message::{Incoming, Outgoing};
use crate::socket::transfer;
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::{AsFd, Deadline, IoSlice, IoSliceMut, Result};

#[cfg(doc)]
use super::bind;
#[cfg(doc)]
use crate::Errno;

impl Datagram {
    /// Sets the peer: the only socket to which messages go, and from which they are received:
    /// `connect(2)`.
    ///
    /// What others had sent before can still be received from a UNIX socket.
    ///
    /// # Errors
    ///
    /// - [`Errno::CONNREFUSED`]: no UNIX socket is bound
    ///   there.
    /// - [`Errno::NOENT`], [`Errno::NOTDIR`], [`Errno::LOOP`], [`Errno::ACCESS`],
    ///   [`Errno::PROTOTYPE`]: as [`stream::connect`](crate::socket::stream::connect).
    /// - [`Errno::PERM`]: a UNIX socket there is connected to
    ///   another.
    /// - [`Errno::INVAL`],
    ///   [`Errno::AFNOSUPPORT`]: an address of another
    ///   family.
    pub fn connect<A: Address>(&self, address: &A) -> Result<()> {
        net::connect(self, &address.to_raw())
    }

    /// Undoes [`connect`](Self::connect): `connect(2)` to `AF_UNSPEC`.
    ///
    /// # Errors
    ///
    /// None that a program acts on.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::{Errno, socket::datagram};
    ///
    /// let (ours, theirs) = datagram::pair()?;
    /// ours.disconnect()?;
    /// assert_eq!(ours.send(b"to whom?"), Err(Errno::NOTCONN));
    /// # Ok::<(), Errno>(())
    /// ```
    #[doc(alias = "AF_UNSPEC")]
    pub fn disconnect(&self) -> Result<()> {
        net::connect_unspec(self)
    }

    /// Sends one message to the socket at `to`: `sendto(2)`.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send) and [`connect`](Self::connect).
    ///
    /// # Examples
    ///
    /// See [`bind`].
    #[doc(alias = "sendto")]
    pub fn send_to<A: Address>(&self, message: &[u8], to: &A) -> Result<()> {
        self.send_to_with(message, to, Blocking)
    }

    /// Like [`send_to`](Self::send_to), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// Those of [`send_to`](Self::send_to), and [`Errno::AGAIN`]: there
    /// is no room, here or at a UNIX socket that does not receive.
    pub fn try_send_to<A: Address>(&self, message: &[u8], to: &A) -> Result<()> {
        self.send_to_with(message, to, Try)
    }

    /// Like [`send_to`](Self::send_to), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// If a UNIX socket at `to` has no room, the kernel reports only to sockets connected to it
    /// when it has some: this call waits on a further descriptor, which it connects.
    ///
    /// # Errors
    ///
    /// Those of [`send_to`](Self::send_to), and [`Errno::TIMEDOUT`];
    /// [`Errno::MFILE`]: no descriptor is left to wait by.
    pub fn send_to_until<A: Address>(
        &self,
        message: &[u8],
        to: &A,
        deadline: Deadline,
    ) -> Result<()> {
        self.send_to_with(message, to, Until(deadline))
    }

    fn send_to_with<A: Address>(&self, message: &[u8], to: &A, patience: Patience) -> Result<()> {
        let to = to.to_raw();
        // A message goes whole or not at all.
        transfer::sending_to(self.as_fd(), Some(&to), patience, |flags| {
            net::sendto(self, message, flags, &to).map(drop)
        })
    }

    /// Like [`recv`](Self::recv), but also returns the address of the sender: `recvfrom(2)`.
    ///
    /// A UNIX socket that has no address has sent it when that is unnamed.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv). Also
    /// [`Errno::AFNOSUPPORT`]: the sender's address is of
    /// another type, or (unless `A` is a UNIX address) receiving was shut down here; the
    /// message is gone, with all that came with it.
    ///
    /// # Examples
    ///
    /// See [`bind`].
    #[doc(alias = "recvfrom")]
    pub fn recv_from<A: Address>(&self, buffer: &mut [u8]) -> Result<(usize, A), RecvError> {
        self.recv_from_with(buffer, Blocking)
    }

    /// Like [`recv_from`](Self::recv_from), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// Those of [`recv_from`](Self::recv_from), and [`Errno::AGAIN`]:
    /// there is no message.
    pub fn try_recv_from<A: Address>(&self, buffer: &mut [u8]) -> Result<(usize, A), RecvError> {
        self.recv_from_with(buffer, Try)
    }

    /// Like [`recv_from`](Self::recv_from), but gives up at `deadline` with
    /// [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`recv_from`](Self::recv_from), and
    /// [`Errno::TIMEDOUT`].
    pub fn recv_from_until<A: Address>(
        &self,
        buffer: &mut [u8],
        deadline: Deadline,
    ) -> Result<(usize, A), RecvError> {
        self.recv_from_with(buffer, Until(deadline))
    }

    fn recv_from_with<A: Address>(
        &self,
        buffer: &mut [u8],
        patience: Patience,
    ) -> Result<(usize, A), RecvError> {
        let mut from = Raw::NONE;
        let how = RecvFlags::TRUNC;
        let received = transfer::recv(self.as_fd(), buffer, Some(&mut from), how, patience)?;
        let len = received.map_or(0, |received| received.len);
        Ok((len, A::from_raw(&from)?))
    }

    /// Like [`send_message`](Self::send_message), but sends to `to`: `sendmsg(2)`.
    ///
    /// # Errors
    ///
    /// Those of [`send_message`](Self::send_message) and [`connect`](Self::connect).
    pub fn send_message_to<A: Address>(
        &self,
        bytes: &[IoSlice<'_>],
        outgoing: &Outgoing<'_>,
        to: &A,
    ) -> Result<()> {
        let to = Some(&to.to_raw());
        transfer::send_message(self.as_fd(), bytes, outgoing, to, Blocking).map(drop)
    }

    /// Like [`send_message_to`](Self::send_message_to), but returns [`Errno::AGAIN`] instead of
    /// blocking.
    ///
    /// # Errors
    ///
    /// Those of [`send_message_to`](Self::send_message_to), and
    /// [`Errno::AGAIN`], as [`try_send_to`](Self::try_send_to).
    pub fn try_send_message_to<A: Address>(
        &self,
        bytes: &[IoSlice<'_>],
        outgoing: &Outgoing<'_>,
        to: &A,
    ) -> Result<()> {
        let to = Some(&to.to_raw());
        transfer::send_message(self.as_fd(), bytes, outgoing, to, Try).map(drop)
    }

    /// Like [`send_message_to`](Self::send_message_to), but gives up at `deadline` with
    /// [`Errno::TIMEDOUT`]. It waits as [`send_to_until`](Self::send_to_until) does.
    ///
    /// # Errors
    ///
    /// Those of [`send_message_to`](Self::send_message_to), and
    /// [`Errno::TIMEDOUT`].
    pub fn send_message_to_until<A: Address>(
        &self,
        bytes: &[IoSlice<'_>],
        outgoing: &Outgoing<'_>,
        to: &A,
        deadline: Deadline,
    ) -> Result<()> {
        let to = Some(&to.to_raw());
        transfer::send_message(self.as_fd(), bytes, outgoing, to, Until(deadline)).map(drop)
    }

    /// Like [`recv_message`](Self::recv_message), but also returns the address of the sender:
    /// `recvmsg(2)`.
    ///
    /// # Errors
    ///
    /// Those of [`recv_message`](Self::recv_message) and [`recv_from`](Self::recv_from).
    pub fn recv_message_from<A: Address, const FDS: usize, const LABEL: usize>(
        &self,
        bytes: &mut [IoSliceMut<'_>],
        incoming: &mut Incoming<FDS, LABEL>,
    ) -> Result<(usize, A), RecvError> {
        self.recv_message_from_with(bytes, incoming, Blocking)
    }

    /// Like [`recv_message_from`](Self::recv_message_from), but returns [`Errno::AGAIN`]
    /// instead of blocking.
    ///
    /// # Errors
    ///
    /// Those of [`recv_message_from`](Self::recv_message_from), and
    /// [`Errno::AGAIN`]: there is no message.
    pub fn try_recv_message_from<A: Address, const FDS: usize, const LABEL: usize>(
        &self,
        bytes: &mut [IoSliceMut<'_>],
        incoming: &mut Incoming<FDS, LABEL>,
    ) -> Result<(usize, A), RecvError> {
        self.recv_message_from_with(bytes, incoming, Try)
    }

    /// Like [`recv_message_from`](Self::recv_message_from), but gives up at `deadline` with
    /// [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`recv_message_from`](Self::recv_message_from), and
    /// [`Errno::TIMEDOUT`].
    pub fn recv_message_from_until<A: Address, const FDS: usize, const LABEL: usize>(
        &self,
        bytes: &mut [IoSliceMut<'_>],
        incoming: &mut Incoming<FDS, LABEL>,
        deadline: Deadline,
    ) -> Result<(usize, A), RecvError> {
        self.recv_message_from_with(bytes, incoming, Until(deadline))
    }

    fn recv_message_from_with<A: Address, const FDS: usize, const LABEL: usize>(
        &self,
        bytes: &mut [IoSliceMut<'_>],
        incoming: &mut Incoming<FDS, LABEL>,
        patience: Patience,
    ) -> Result<(usize, A), RecvError> {
        let mut from = Raw::NONE;
        let (fd, how) = (self.as_fd(), RecvFlags::TRUNC);
        let slot = Some(&mut from);
        transfer::recv_message(
            fd,
            bytes,
            incoming,
            slot,
            how,
            patience,
            |received, from| {
                let len = received.map_or(0, |received| received.len);
                Ok((len, A::from_raw(from)?))
            },
        )
    }

    /// Like [`send_many`](Self::send_many), but sends to `to`: `sendmmsg(2)`.
    ///
    /// # Errors
    ///
    /// Those of [`send_to`](Self::send_to) and [`send_many`](Self::send_many).
    pub fn send_many_to<A: Address>(&self, messages: &[IoSlice<'_>], to: &A) -> Result<usize> {
        many::send_many(self.as_fd(), messages, Some(&to.to_raw()), Blocking)
    }

    /// Like [`send_many_to`](Self::send_many_to), but returns [`Errno::AGAIN`] instead of
    /// blocking.
    ///
    /// # Errors
    ///
    /// Those of [`try_send_to`](Self::try_send_to) and [`try_send_many`](Self::try_send_many).
    pub fn try_send_many_to<A: Address>(&self, messages: &[IoSlice<'_>], to: &A) -> Result<usize> {
        many::send_many(self.as_fd(), messages, Some(&to.to_raw()), Try)
    }

    /// Like [`send_many_to`](Self::send_many_to), but gives up at `deadline` with
    /// [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`send_to_until`](Self::send_to_until) and
    /// [`send_many_until`](Self::send_many_until).
    pub fn send_many_to_until<A: Address>(
        &self,
        messages: &[IoSlice<'_>],
        to: &A,
        deadline: Deadline,
    ) -> Result<usize> {
        let to = Some(&to.to_raw());
        many::send_many(self.as_fd(), messages, to, Until(deadline))
    }
}
