//! [`Datagram`]: whole messages, without an end.

mod addressed;
mod many;
mod message;

use rustix::fd::{AsFd, OwnedFd};
use rustix::net::{self, RecvFlags, Shutdown, SocketFlags, SocketType};

use super::address::{Address, Family};
use super::bind::BindOptions;
use super::error::RecvError;
use super::open;
use super::sending::define_sending;
use super::transfer::{self, descriptor, receiving, sending};
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::{Deadline, Result};

#[cfg(doc)]
use crate::Errno;

/// Creates a pair of connected UNIX datagram sockets, unnamed and close-on-exec:
/// `socketpair(2)`.
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
    let (one, other) = open::pair(SocketType::DGRAM)?;
    Ok((Datagram(one), Datagram(other)))
}

/// Creates a datagram socket with the address `address`, using the defaults of [`BindOptions`]:
/// `bind(2)`.
///
/// # Errors
///
/// Those of [`BindOptions::listen_stream`].
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

/// Creates a datagram socket connected to `address`, with no address given to itself:
/// `connect(2)`.
///
/// # Errors
///
/// Those of [`Datagram::connect`] and [`unbound`].
pub fn connect<A: Address>(address: &A) -> Result<Datagram> {
    let to = address.to_raw();
    let socket = unbound(to.family())?;
    net::connect(&socket, &to)?;
    Ok(socket)
}

/// Creates a datagram socket of the family, without an address: `socket(2)`.
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
    open::open(family, SocketType::DGRAM, SocketFlags::empty()).map(Datagram)
}

/// A datagram socket: `SOCK_DGRAM` of `unix(7)`, `udp(7)`.
///
/// # UDP
///
/// UDP may lose, double and reorder messages, also within one machine: when a receiver's buffer
/// is full, further ones are dropped silently. Any process can send to its address; a connected
/// socket receives from its peer only. Sending never waits for the receiver, and that there is
/// none is reported later, and to a connected socket only: by [`Errno::CONNREFUSED`] from its
/// next call.
///
/// # The peer's death
///
/// A receiver does not learn that its peer is gone, and sleeps on. Only sending fails.
/// [`Seqpacket`](super::Seqpacket) keeps messages apart and has an end; otherwise wait with a
/// deadline, or for the peer's pidfd too.
///
/// # Examples
///
/// ```
/// use rawipc::socket::datagram;
///
/// let (one, other) = datagram::pair()?;
/// one.send(b"a message")?;
/// one.send(b"another")?;
/// let mut buffer = [0; 16];
/// assert_eq!(other.recv(&mut buffer)?, 9);
/// assert_eq!(other.recv(&mut buffer)?, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Datagram(OwnedFd);

descriptor!(Datagram);
define_sending!(Datagram);

impl BindOptions {
    /// Creates a datagram socket with the address `address`: `bind(2)`.
    ///
    /// # Errors
    ///
    /// Those of [`listen_stream`](Self::listen_stream).
    pub fn bind_datagram<A: Address>(self, address: &A) -> Result<Datagram> {
        self.bound(&address.to_raw(), SocketType::DGRAM, |_| Ok(()))
            .map(Datagram::from)
    }
}

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

    /// Like [`send`](Self::send), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send), and [`Errno::AGAIN`]: there is no room.
    #[doc(alias = "MSG_DONTWAIT")]
    pub fn try_send(&self, message: &[u8]) -> Result<()> {
        self.send_with(message, Try)
    }

    /// Like [`send`](Self::send), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send), and [`Errno::TIMEDOUT`].
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
    /// Blocks while there is none, also when the peer is gone. After `shutdown(Read)` of this
    /// side, 0 when none is left, as for an empty message; only [`try_recv`](Self::try_recv)
    /// and [`recv_many`](Self::recv_many) distinguish the two.
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
    /// [`Errno::CONNRESET`]: the peer, a UNIX socket that was connected with this one, has been
    /// connected elsewhere or disconnected before it had received everything, which is lost;
    /// reported once. A peer that is gone is not reported.
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

    /// Like [`recv`](Self::recv), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv), and [`Errno::AGAIN`]: there is
    /// no message.
    pub fn try_recv(&self, buffer: &mut [u8]) -> Result<usize, RecvError> {
        self.recv_with(buffer, RecvFlags::TRUNC, Try)
    }

    /// Like [`recv`](Self::recv), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv), and [`Errno::TIMEDOUT`].
    pub fn recv_until(&self, buffer: &mut [u8], deadline: Deadline) -> Result<usize, RecvError> {
        self.recv_with(buffer, RecvFlags::TRUNC, Until(deadline))
    }

    /// Like [`recv`](Self::recv), but leaves the message in the queue: `MSG_PEEK` of `recv(2)`.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv); the rest of a message that is too long is not gone.
    #[doc(alias = "MSG_PEEK")]
    pub fn peek(&self, buffer: &mut [u8]) -> Result<usize, RecvError> {
        self.recv_with(buffer, PEEK, Blocking)
    }

    /// Like [`peek`](Self::peek), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// Those of [`try_recv`](Self::try_recv).
    pub fn try_peek(&self, buffer: &mut [u8]) -> Result<usize, RecvError> {
        self.recv_with(buffer, PEEK, Try)
    }

    /// Like [`peek`](Self::peek), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`recv_until`](Self::recv_until).
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

    /// Returns the length of the next message, and leaves it in the queue: `MSG_PEEK` with
    /// `MSG_TRUNC` of `recv(2)`. Blocks while there is none.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv), never [`RecvError::Truncated`].
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

    /// Like [`next_len`](Self::next_len), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// Those of [`next_len`](Self::next_len), and [`Errno::AGAIN`]:
    /// there is no message.
    pub fn try_next_len(&self) -> Result<usize> {
        self.next_len_with(Try)
    }

    /// Like [`next_len`](Self::next_len), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`next_len`](Self::next_len), and [`Errno::TIMEDOUT`].
    pub fn next_len_until(&self, deadline: Deadline) -> Result<usize> {
        self.next_len_with(Until(deadline))
    }

    fn next_len_with(&self, patience: Patience) -> Result<usize> {
        let len = receiving(self.as_fd(), patience, |flags| {
            net::recv(self, &mut [0_u8; 0], flags | PEEK).map(|(_, len)| len)
        })?;
        Ok(len.unwrap_or(0))
    }

    /// Shuts down one direction or both, for all processes that share the socket:
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
