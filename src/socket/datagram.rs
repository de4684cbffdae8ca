//! [`Datagram`]: whole messages, without an end.

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::net::{self, AddressFamily, RecvFlags, Shutdown, SocketFlags, SocketType};

use super::address::{Address, Family, Raw};
use super::bind::open;
use super::many::{self, Slot};
use super::message::{Incoming, Outgoing};
use super::transfer::Patience::{self, Blocking, Try, Until};
use super::transfer::{self, descriptor, receiving, sending};
use super::{BindOptions, RecvError};
use crate::{Deadline, Errno, IoSlice, IoSliceMut, Result};

/// Creates two UNIX datagram sockets that are connected with each other, unnamed
/// and close-on-exec: `socketpair(2)`.
///
/// # Errors
///
/// [`Errno::MFILE`] or [`Errno::NFILE`]:
/// this process, or the system, has no descriptor left.
///
/// # Examples
///
/// ```
/// use rawipc::socket::{RecvError, datagram};
///
/// let (ours, theirs) = datagram::pair()?;
/// ours.send(b"one")?;
/// ours.send(b"two")?;
/// let mut buffer = [0; 8];
/// assert_eq!(theirs.recv(&mut buffer)?, 3);
/// assert_eq!(&buffer[..3], b"one");
/// # Ok::<(), RecvError>(())
/// ```
#[doc(alias = "socketpair")]
pub fn pair() -> Result<(Datagram, Datagram)> {
    let (one, other) = net::socketpair(
        AddressFamily::UNIX,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    Ok((Datagram(one), Datagram(other)))
}

/// A datagram socket with the address `address`, to which others send, with the
/// defaults of [`BindOptions`]: `bind(2)`.
///
/// # Errors
///
/// As [`BindOptions::listen_stream`].
///
/// # Examples
///
/// ```
/// use rawipc::socket::address::{self, UnixAddress};
/// use rawipc::socket::{RecvError, datagram};
///
/// let server = datagram::bind(&UnixAddress::UNNAMED)?;
/// let client = datagram::bind(&UnixAddress::UNNAMED)?;
/// let address: UnixAddress = address::local(&server)?;
///
/// client.send_to(b"question", &address)?;
/// let mut buffer = [0; 16];
/// let (len, from): (usize, UnixAddress) = server.recv_from(&mut buffer)?;
/// assert_eq!(&buffer[..len], b"question");
/// server.send_to(b"answer", &from)?;
/// assert_eq!(client.recv(&mut buffer)?, 6);
/// # Ok::<(), RecvError>(())
/// ```
pub fn bind<A: Address>(address: &A) -> Result<Datagram> {
    BindOptions::new().bind_datagram(address)
}

/// A datagram socket that is connected to `address`, and has no address of its own
/// that it was given: `connect(2)`.
///
/// # Errors
///
/// As [`Datagram::connect`] and [`unbound`].
pub fn connect<A: Address>(address: &A) -> Result<Datagram> {
    let to = address.to_raw();
    let socket = unbound(to.family())?;
    net::connect(&socket, &to)?;
    Ok(socket)
}

/// A datagram socket of the family without an address: `socket(2)`.
///
/// It can send; a UNIX socket cannot be answered, one of another family has an
/// address once it has sent.
///
/// # Errors
///
/// [`Errno::AFNOSUPPORT`],
/// [`Errno::SOCKTNOSUPPORT`]: the kernel lacks the
/// family, or the family datagrams.
///
/// [`Errno::MFILE`] or [`Errno::NFILE`]:
/// this process, or the system, has no descriptor left.
#[doc(alias = "socket")]
pub fn unbound(family: Family) -> Result<Datagram> {
    open(family, SocketType::DGRAM, SocketFlags::empty()).map(Datagram)
}

/// A datagram socket: `SOCK_DGRAM` of `unix(7)`, `udp(7)`.
///
/// # UDP
///
/// UDP may lose, double and reorder messages, also within one machine: when a
/// receiver's buffer is full, further ones are dropped silently. Anybody can send to
/// its address; a connected socket receives from its peer only. Sending never waits
/// for the receiver, and that nobody is there is told later, to a connected socket
/// only: [`Errno::CONNREFUSED`] of the next call.
///
/// # The peer's death
///
/// Nothing tells a receiver that its peer is gone: it sleeps on. Only sending
/// fails. [`Seqpacket`](super::Seqpacket) keeps messages apart and has an end;
/// otherwise wait with a deadline, or for the peer's pidfd too.
#[derive(Debug)]
pub struct Datagram(OwnedFd);

descriptor!(Datagram);

impl Datagram {
    /// Sends one message, which may be empty: `send(2)`.
    ///
    /// Blocks while the peer does not receive and the buffer
    /// ([`send_buffer`](super::option::send_buffer)) is full.
    ///
    /// # Errors
    ///
    /// [`Errno::MSGSIZE`]: longer than the buffer can ever hold.
    ///
    /// [`Errno::CONNREFUSED`], and from then on [`Errno::NOTCONN`]: the peer is gone.
    /// [`Errno::NOTCONN`], of UDP [`Errno::DESTADDRREQ`]: there never was one.
    ///
    /// [`Errno::PIPE`]: the peer receives no more, or sending
    /// was shut down here; there is no `SIGPIPE`.
    ///
    /// [`Errno::INTR`]: it was [interrupted](crate#interruptions) before it was sent.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::{Errno, socket::datagram};
    ///
    /// let (ours, theirs) = datagram::pair()?;
    /// drop(theirs);
    /// assert_eq!(ours.send(b"nobody listens"), Err(Errno::CONNREFUSED));
    /// # Ok::<(), Errno>(())
    /// ```
    pub fn send(&self, message: &[u8]) -> Result<()> {
        self.send_with(message, Blocking)
    }

    /// As [`send`](Self::send), and never waits.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and [`Errno::AGAIN`]: there is no room.
    #[doc(alias = "MSG_DONTWAIT")]
    pub fn try_send(&self, message: &[u8]) -> Result<()> {
        self.send_with(message, Try)
    }

    /// As [`send`](Self::send), and waits for room until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and [`Errno::TIMEDOUT`].
    pub fn send_until(&self, message: &[u8], deadline: Deadline) -> Result<()> {
        self.send_with(message, Until(deadline))
    }

    fn send_with(&self, message: &[u8], patience: Patience) -> Result<()> {
        // A message goes whole or not at all.
        sending(self.as_fd(), patience, |flags| {
            net::send(self, message, flags).map(drop)
        })
    }

    /// Receives one message into the beginning of `buffer` and returns its length:
    /// `recv(2)`.
    ///
    /// Blocks while there is none, also when the peer is gone. After
    /// `shutdown(Read)` of this side, 0 when none is left, as for an empty message; only
    /// [`try_recv`](Self::try_recv) and [`recv_many`](Self::recv_many) tell the two
    /// apart.
    ///
    /// An empty `buffer` receives a message as any other does: one that is not empty is
    /// cut, and gone.
    ///
    /// Descriptors that came with it are closed:
    /// [`recv_message`](Self::recv_message) receives them.
    ///
    /// # Errors
    ///
    /// [`RecvError::Truncated`]: the message is longer than `buffer`, and the rest
    /// is gone.
    ///
    /// [`Errno::CONNRESET`]: the peer, a UNIX socket that was connected with this one,
    /// has been connected elsewhere or disconnected before it had received everything,
    /// which is lost; said once. Of a peer that is gone nothing is said.
    ///
    /// [`Errno::INTR`]: it was [interrupted](crate#interruptions) before a message came.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::socket::{RecvError, datagram};
    ///
    /// let (ours, theirs) = datagram::pair()?;
    /// ours.send(b"a long message")?;
    /// let cut = RecvError::Truncated { len: 14 };
    /// assert_eq!(theirs.recv(&mut [0; 4]), Err(cut));
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    pub fn recv(&self, buffer: &mut [u8]) -> Result<usize, RecvError> {
        self.recv_with(buffer, RecvFlags::TRUNC, Blocking)
    }

    /// As [`recv`](Self::recv), and never waits.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv), and [`Errno::AGAIN`]: there is
    /// no message.
    pub fn try_recv(&self, buffer: &mut [u8]) -> Result<usize, RecvError> {
        self.recv_with(buffer, RecvFlags::TRUNC, Try)
    }

    /// As [`recv`](Self::recv), and waits until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv), and [`Errno::TIMEDOUT`].
    pub fn recv_until(&self, buffer: &mut [u8], deadline: Deadline) -> Result<usize, RecvError> {
        self.recv_with(buffer, RecvFlags::TRUNC, Until(deadline))
    }

    /// As [`recv`](Self::recv), and leaves the message to be received again:
    /// `MSG_PEEK` of `recv(2)`.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv); the rest of a message that is too long is not gone.
    #[doc(alias = "MSG_PEEK")]
    pub fn peek(&self, buffer: &mut [u8]) -> Result<usize, RecvError> {
        self.recv_with(buffer, PEEK, Blocking)
    }

    /// As [`peek`](Self::peek), and never waits.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](Self::try_recv).
    pub fn try_peek(&self, buffer: &mut [u8]) -> Result<usize, RecvError> {
        self.recv_with(buffer, PEEK, Try)
    }

    /// As [`peek`](Self::peek), and waits until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`recv_until`](Self::recv_until).
    pub fn peek_until(&self, buffer: &mut [u8], deadline: Deadline) -> Result<usize, RecvError> {
        self.recv_with(buffer, PEEK, Until(deadline))
    }

    fn recv_with(
        &self,
        buffer: &mut [u8],
        how: RecvFlags,
        patience: Patience,
    ) -> Result<usize, RecvError> {
        let received = transfer::recv(self.as_fd(), buffer, None, how, patience)?;
        Ok(received.map_or(0, |received| received.len))
    }

    /// How long the next message is, which stays to be received: `MSG_PEEK` with
    /// `MSG_TRUNC` of `recv(2)`. Blocks while there is none.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv), never [`RecvError::Truncated`].
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::socket::{RecvError, datagram};
    ///
    /// let (ours, theirs) = datagram::pair()?;
    /// ours.send(b"a long message")?;
    /// let mut buffer = vec![0; theirs.next_len()?];
    /// assert_eq!(theirs.recv(&mut buffer)?, 14);
    /// # Ok::<(), RecvError>(())
    /// ```
    #[doc(alias = "MSG_TRUNC")]
    pub fn next_len(&self) -> Result<usize> {
        self.next_len_with(Blocking)
    }

    /// As [`next_len`](Self::next_len), and never waits.
    ///
    /// # Errors
    ///
    /// As [`next_len`](Self::next_len), and [`Errno::AGAIN`]:
    /// there is no message.
    pub fn try_next_len(&self) -> Result<usize> {
        self.next_len_with(Try)
    }

    /// As [`next_len`](Self::next_len), and waits until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`next_len`](Self::next_len), and [`Errno::TIMEDOUT`].
    pub fn next_len_until(&self, deadline: Deadline) -> Result<usize> {
        self.next_len_with(Until(deadline))
    }

    fn next_len_with(&self, patience: Patience) -> Result<usize> {
        let len = receiving(self.as_fd(), patience, |flags| {
            net::recv(self, &mut [0_u8; 0], flags | PEEK).map(|(_, len)| len)
        })?;
        Ok(len.unwrap_or(0))
    }

    /// Sends one message, and with it what is `outgoing`: `sendmsg(2)`.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send); [`Errno::MSGSIZE`] also for more
    /// than 1024 slices. [`Errno::INVAL`]: more than
    /// [`MAX_DESCRIPTORS`](super::message::MAX_DESCRIPTORS);
    /// [`Errno::TOOMANYREFS`] and
    /// [`Errno::PERM`]: see [`Outgoing`].
    ///
    /// # Examples
    ///
    /// See [`message`](super::message).
    #[doc(alias = "sendmsg")]
    pub fn send_message(&self, bytes: &[IoSlice<'_>], outgoing: &Outgoing<'_>) -> Result<()> {
        transfer::send_message(self.as_fd(), bytes, outgoing, None, Blocking).map(drop)
    }

    /// As [`send_message`](Self::send_message), and never waits.
    ///
    /// # Errors
    ///
    /// As [`send_message`](Self::send_message), and
    /// [`Errno::AGAIN`]: there is no room.
    pub fn try_send_message(&self, bytes: &[IoSlice<'_>], outgoing: &Outgoing<'_>) -> Result<()> {
        transfer::send_message(self.as_fd(), bytes, outgoing, None, Try).map(drop)
    }

    /// As [`send_message`](Self::send_message), and waits for room until
    /// `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`send_message`](Self::send_message), and
    /// [`Errno::TIMEDOUT`].
    pub fn send_message_until(
        &self,
        bytes: &[IoSlice<'_>],
        outgoing: &Outgoing<'_>,
        deadline: Deadline,
    ) -> Result<()> {
        transfer::send_message(self.as_fd(), bytes, outgoing, None, Until(deadline)).map(drop)
    }

    /// Receives one message and what came with it, and returns its length:
    /// `recvmsg(2)`. Without room in `bytes`, as [`recv`](Self::recv).
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv). [`RecvError::ControlTruncated`]: more descriptors
    /// came than there is room for; [`RecvError::DescriptorRefused`]: this process
    /// has no number left for one. In any case all that came are closed again.
    ///
    /// [`Errno::MSGSIZE`]: more than 1024 slices; the message
    /// stays.
    ///
    /// # Examples
    ///
    /// See [`message`](super::message).
    #[doc(alias = "recvmsg")]
    pub fn recv_message<const FDS: usize, const LABEL: usize>(
        &self,
        bytes: &mut [IoSliceMut<'_>],
        incoming: &mut Incoming<FDS, LABEL>,
    ) -> Result<usize, RecvError> {
        self.recv_message_with(bytes, incoming, Blocking)
    }

    /// As [`recv_message`](Self::recv_message), and never waits.
    ///
    /// # Errors
    ///
    /// As [`recv_message`](Self::recv_message), and
    /// [`Errno::AGAIN`]: there is no message.
    pub fn try_recv_message<const FDS: usize, const LABEL: usize>(
        &self,
        bytes: &mut [IoSliceMut<'_>],
        incoming: &mut Incoming<FDS, LABEL>,
    ) -> Result<usize, RecvError> {
        self.recv_message_with(bytes, incoming, Try)
    }

    /// As [`recv_message`](Self::recv_message), and waits until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`recv_message`](Self::recv_message), and
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

    /// Sends several messages, each of `messages` one, in order, and returns how many:
    /// `sendmmsg(2)`.
    ///
    /// Fewer than all when something ended it after the first; the next call says what.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), of the first message.
    ///
    /// # Examples
    ///
    /// See [`many`].
    #[doc(alias = "sendmmsg")]
    pub fn send_many(&self, messages: &[IoSlice<'_>]) -> Result<usize> {
        many::send_many(self.as_fd(), messages, None, Blocking)
    }

    /// As [`send_many`](Self::send_many), and never waits.
    ///
    /// # Errors
    ///
    /// As [`send_many`](Self::send_many), and [`Errno::AGAIN`]:
    /// there is no room for the first.
    pub fn try_send_many(&self, messages: &[IoSlice<'_>]) -> Result<usize> {
        many::send_many(self.as_fd(), messages, None, Try)
    }

    /// As [`send_many`](Self::send_many), and waits for room for the first until
    /// `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`send_many`](Self::send_many), and
    /// [`Errno::TIMEDOUT`].
    pub fn send_many_until(&self, messages: &[IoSlice<'_>], deadline: Deadline) -> Result<usize> {
        many::send_many(self.as_fd(), messages, None, Until(deadline))
    }

    /// Waits for a message, receives those that are there, one into each of `slots`
    /// and 32 at most, and returns how many: `recvmmsg(2)`.
    ///
    /// 0 only when receiving was shut down here and no message is left, not even an
    /// empty one (or `slots` is empty). Slots without a message are empty, also after an
    /// error.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv); which message was cut, its slot says.
    ///
    /// # Examples
    ///
    /// See [`many`].
    #[doc(alias = "recvmmsg")]
    pub fn recv_many(&self, slots: &mut [Slot<'_>]) -> Result<usize> {
        self.recv_many_with(slots, Blocking)
    }

    /// As [`recv_many`](Self::recv_many), and never waits.
    ///
    /// # Errors
    ///
    /// As [`recv_many`](Self::recv_many), and [`Errno::AGAIN`]:
    /// there is no message.
    pub fn try_recv_many(&self, slots: &mut [Slot<'_>]) -> Result<usize> {
        self.recv_many_with(slots, Try)
    }

    /// As [`recv_many`](Self::recv_many), and waits until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`recv_many`](Self::recv_many), and
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

    /// Sends several messages as [`send_many`](Self::send_many), to `to`:
    /// `sendmmsg(2)`.
    ///
    /// # Errors
    ///
    /// As [`send_to`](Self::send_to) and [`send_many`](Self::send_many).
    pub fn send_many_to<A: Address>(&self, messages: &[IoSlice<'_>], to: &A) -> Result<usize> {
        many::send_many(self.as_fd(), messages, Some(&to.to_raw()), Blocking)
    }

    /// As [`send_many_to`](Self::send_many_to), and never waits.
    ///
    /// # Errors
    ///
    /// As [`try_send_to`](Self::try_send_to) and [`try_send_many`](Self::try_send_many).
    pub fn try_send_many_to<A: Address>(&self, messages: &[IoSlice<'_>], to: &A) -> Result<usize> {
        many::send_many(self.as_fd(), messages, Some(&to.to_raw()), Try)
    }

    /// As [`send_many_to`](Self::send_many_to), and waits for room for the first until
    /// `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`send_to_until`](Self::send_to_until) and
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

    /// Sets whom the socket sends to and receives from alone: `connect(2)`.
    ///
    /// What others had sent before can still be received from a UNIX socket.
    ///
    /// # Errors
    ///
    /// - [`Errno::CONNREFUSED`]: no UNIX socket is bound
    ///   there.
    /// - [`Errno::NOENT`], [`Errno::NOTDIR`], [`Errno::LOOP`], [`Errno::ACCESS`],
    ///   [`Errno::PROTOTYPE`]: as [`stream::connect`](super::stream::connect).
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
    /// As [`send`](Self::send) and [`connect`](Self::connect).
    ///
    /// # Examples
    ///
    /// See [`bind`].
    #[doc(alias = "sendto")]
    pub fn send_to<A: Address>(&self, message: &[u8], to: &A) -> Result<()> {
        self.send_to_with(message, to, Blocking)
    }

    /// As [`send_to`](Self::send_to), and never waits.
    ///
    /// # Errors
    ///
    /// As [`send_to`](Self::send_to), and [`Errno::AGAIN`]: there
    /// is no room, here or at a UNIX socket that does not receive.
    pub fn try_send_to<A: Address>(&self, message: &[u8], to: &A) -> Result<()> {
        self.send_to_with(message, to, Try)
    }

    /// As [`send_to`](Self::send_to), and waits for room until `deadline` at most.
    ///
    /// Where a UNIX socket at `to` has no room, the kernel tells when it has only those
    /// that are connected with it: this call waits by way of a further descriptor, which
    /// it connects.
    ///
    /// # Errors
    ///
    /// As [`send_to`](Self::send_to), and [`Errno::TIMEDOUT`];
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

    /// Receives one message as [`recv`](Self::recv), and says who sent it:
    /// `recvfrom(2)`.
    ///
    /// A UNIX socket that has no address has sent it when that is unnamed.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv). Also
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

    /// As [`recv_from`](Self::recv_from), and never waits.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from), and [`Errno::AGAIN`]:
    /// there is no message.
    pub fn try_recv_from<A: Address>(&self, buffer: &mut [u8]) -> Result<(usize, A), RecvError> {
        self.recv_from_with(buffer, Try)
    }

    /// As [`recv_from`](Self::recv_from), and waits until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from), and
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

    /// Sends one message as [`send_message`](Self::send_message), to `to`:
    /// `sendmsg(2)`.
    ///
    /// # Errors
    ///
    /// As [`send_message`](Self::send_message) and [`connect`](Self::connect).
    pub fn send_message_to<A: Address>(
        &self,
        bytes: &[IoSlice<'_>],
        outgoing: &Outgoing<'_>,
        to: &A,
    ) -> Result<()> {
        let to = Some(&to.to_raw());
        transfer::send_message(self.as_fd(), bytes, outgoing, to, Blocking).map(drop)
    }

    /// As [`send_message_to`](Self::send_message_to), and never waits.
    ///
    /// # Errors
    ///
    /// As [`send_message_to`](Self::send_message_to), and
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

    /// As [`send_message_to`](Self::send_message_to), and waits for room until
    /// `deadline` at most, as [`send_to_until`](Self::send_to_until) does.
    ///
    /// # Errors
    ///
    /// As [`send_message_to`](Self::send_message_to), and
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

    /// Receives one message and what came with it as
    /// [`recv_message`](Self::recv_message), and says who sent it: `recvmsg(2)`.
    ///
    /// # Errors
    ///
    /// As [`recv_message`](Self::recv_message) and [`recv_from`](Self::recv_from).
    pub fn recv_message_from<A: Address, const FDS: usize, const LABEL: usize>(
        &self,
        bytes: &mut [IoSliceMut<'_>],
        incoming: &mut Incoming<FDS, LABEL>,
    ) -> Result<(usize, A), RecvError> {
        self.recv_message_from_with(bytes, incoming, Blocking)
    }

    /// As [`recv_message_from`](Self::recv_message_from), and never waits.
    ///
    /// # Errors
    ///
    /// As [`recv_message_from`](Self::recv_message_from), and
    /// [`Errno::AGAIN`]: there is no message.
    pub fn try_recv_message_from<A: Address, const FDS: usize, const LABEL: usize>(
        &self,
        bytes: &mut [IoSliceMut<'_>],
        incoming: &mut Incoming<FDS, LABEL>,
    ) -> Result<(usize, A), RecvError> {
        self.recv_message_from_with(bytes, incoming, Try)
    }

    /// As [`recv_message_from`](Self::recv_message_from), and waits until `deadline`
    /// at most.
    ///
    /// # Errors
    ///
    /// As [`recv_message_from`](Self::recv_message_from), and
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

    /// Ends one direction or both, for all processes that have this socket:
    /// `shutdown(2)`.
    ///
    /// After [`Shutdown::Read`] the peer's sending fails with
    /// [`Errno::PIPE`]. After [`Shutdown::Write`] this side's
    /// does, and the peer learns nothing.
    ///
    /// # Errors
    ///
    /// [`Errno::NOTCONN`]: of UDP, the socket is not connected.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::{Errno, socket::{Shutdown, datagram}};
    ///
    /// let (ours, theirs) = datagram::pair()?;
    /// theirs.shutdown(Shutdown::Read)?;
    /// assert_eq!(ours.send(b"nobody listens"), Err(Errno::PIPE));
    /// # Ok::<(), Errno>(())
    /// ```
    pub fn shutdown(&self, what: Shutdown) -> Result<()> {
        net::shutdown(self, what)
    }
}

/// To look at the next message and its real length.
const PEEK: RecvFlags = RecvFlags::PEEK.union(RecvFlags::TRUNC);
