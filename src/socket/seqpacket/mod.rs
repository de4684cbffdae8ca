//! [`Seqpacket`]: whole messages, and an end.

mod many;
mod message;

use rustix::fd::{AsFd, OwnedFd};
use rustix::net::{self, RecvFlags, Shutdown, SocketType};

use super::address::{Address, Raw, UnixAddress};
use super::bind::BindOptions;
use super::error::RecvError;
use super::listener::{self, Kind};
use super::open;
use super::sending::define_sending;
use super::transfer::{self, descriptor, receiving, sending};
use crate::sys::socket::{MessageFlags, Received, recvmsg};
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::{Deadline, Result};

#[cfg(doc)]
use crate::Errno;

/// Creates a pair of connected UNIX seqpacket sockets, unnamed and close-on-exec:
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
/// use rawipc::socket::{RecvError, seqpacket};
///
/// let (ours, theirs) = seqpacket::pair()?;
/// ours.send(b"one")?;
/// ours.send(b"two")?;
/// let mut buffer = [0; 8];
/// assert_eq!(theirs.recv(&mut buffer)?, Some(3));
/// assert_eq!(&buffer[..3], b"one");
/// # Ok::<(), RecvError>(())
/// ```
#[doc(alias = "socketpair")]
pub fn pair() -> Result<(Seqpacket, Seqpacket)> {
    let (one, other) = open::pair(SocketType::SEQPACKET)?;
    Ok((Seqpacket(one), Seqpacket(other)))
}

/// A [`Listener`](super::Listener) for seqpackets.
pub type Listener<A = UnixAddress> = listener::Listener<A, Seqpacket>;

/// Listens at `address`, using the defaults of [`BindOptions`]: `listen(2)`.
///
/// # Errors
///
/// Those of [`BindOptions::listen_stream`].
#[doc(alias = "bind")]
pub fn listen<A: Address>(address: &A) -> Result<Listener<A>> {
    BindOptions::new().listen_seqpacket(address)
}

/// Connects to the listener at `address`: `connect(2)`.
///
/// # Errors
///
/// Those of [`stream::connect`](super::stream::connect).
///
/// # Examples
///
/// ```
/// use rawipc::socket::{RecvError, address::UnixAddress, seqpacket};
///
/// let listener = seqpacket::listen(&UnixAddress::UNNAMED)?;
/// let client = seqpacket::connect(&listener.address()?)?;
/// let (server, _) = listener.accept()?;
/// client.send(b"hello")?;
/// assert_eq!(server.recv(&mut [0; 8])?, Some(5));
/// # Ok::<(), RecvError>(())
/// ```
pub fn connect<A: Address>(address: &A) -> Result<Seqpacket> {
    connect_with(None, &address.to_raw(), Blocking)
}

/// Like [`connect`], but returns [`Errno::AGAIN`] instead of blocking.
///
/// # Errors
///
/// Those of [`stream::try_connect`](super::stream::try_connect).
pub fn try_connect<A: Address>(address: &A) -> Result<Seqpacket> {
    connect_with(None, &address.to_raw(), Try)
}

/// Like [`connect`], but gives up at `deadline` with [`Errno::TIMEDOUT`].
///
/// # Errors
///
/// Those of [`stream::connect_until`](super::stream::connect_until).
pub fn connect_until<A: Address>(address: &A, deadline: Deadline) -> Result<Seqpacket> {
    connect_with(None, &address.to_raw(), Until(deadline))
}

/// Like [`connect_until`], but binds this side to the address `own` first.
///
/// # Errors
///
/// Those of [`stream::connect_from`](super::stream::connect_from).
pub fn connect_from<A: Address>(own: &A, address: &A, deadline: Deadline) -> Result<Seqpacket> {
    connect_with(Some(&own.to_raw()), &address.to_raw(), Until(deadline))
}

fn connect_with(own: Option<&Raw>, to: &Raw, patience: Patience) -> Result<Seqpacket> {
    open::connected(Seqpacket::TYPE, own, to, patience).map(Seqpacket)
}

/// A connected socket that keeps messages apart: `SOCK_SEQPACKET` of `unix(7)`.
///
/// When the peer closes its end, or dies, what it had sent can still be received; after that
/// comes the end, which is `None`. When it had not received everything that was sent to it,
/// receiving fails once with [`Errno::CONNRESET`] before. Sleeping calls are woken.
///
/// # Empty messages
///
/// The kernel reports an empty message and the end in the same way, by receiving nothing,
/// unless something else comes with the message. Something does, and empty messages are
/// recognized exactly,
///
/// - when the sender has an address: that is so for what a listener accepted, which
///   has the listener's;
/// - when descriptors are with it;
/// - when [`set_pass_credentials`](super::option::set_pass_credentials) was called for
///   the receiver, so that each message has credentials.
///
/// Otherwise the end is what is received when the direction has ended and no bytes wait any
/// more: empty messages that are the last before the end count as it. Between the two ends of a
/// [`pair`], and for messages of the side that connected, request credentials or make the last
/// message one byte long.
///
/// # Examples
///
/// ```
/// use rawipc::socket::seqpacket;
///
/// let (one, other) = seqpacket::pair()?;
/// one.send(b"one")?;
/// one.send(b"three")?;
/// drop(one);
/// let mut buffer = [0; 16];
/// assert_eq!(other.recv(&mut buffer)?, Some(3)); // messages stay apart
/// assert_eq!(other.recv(&mut buffer)?, Some(5));
/// assert_eq!(other.recv(&mut buffer)?, None); // the end
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Seqpacket(OwnedFd);

descriptor!(Seqpacket);
define_sending!(Seqpacket);

impl listener::sealed::Sealed for Seqpacket {}

impl Kind for Seqpacket {
    const TYPE: SocketType = SocketType::SEQPACKET;
}

impl BindOptions {
    /// Listens for seqpacket connections at `address`: `listen(2)`.
    ///
    /// # Errors
    ///
    /// Those of [`listen_stream`](Self::listen_stream).
    pub fn listen_seqpacket<A: Address>(self, address: &A) -> Result<Listener<A>> {
        self.listen(address)
    }
}

impl Seqpacket {
    /// Sends one message, which may be empty: `send(2)`.
    ///
    /// Blocks while the peer does not receive and the buffer
    /// ([`send_buffer`](super::option::send_buffer)) is full.
    ///
    /// # Errors
    ///
    /// [`Errno::MSGSIZE`]: longer than the buffer can ever hold.
    ///
    /// [`Errno::PIPE`]: the peer is gone or receives no more,
    /// or sending was shut down here; there is no `SIGPIPE`.
    ///
    /// [`Errno::INTR`]: it was [interrupted](crate#interruptions)
    /// before it was sent.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::{Errno, socket::seqpacket};
    ///
    /// let (ours, theirs) = seqpacket::pair()?;
    /// drop(theirs);
    /// assert_eq!(ours.send(b"nobody listens"), Err(Errno::PIPE));
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
    /// Blocks while there is none. `None` is the end: the peer is gone or sends no
    /// more, or receiving was shut down here.
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
    /// [`Errno::CONNRESET`]: the peer closed, or died,
    /// before it had received everything; said once, and before what it had sent itself.
    ///
    /// [`Errno::INTR`]: it was [interrupted](crate#interruptions)
    /// before a message came.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::socket::{RecvError, seqpacket};
    ///
    /// let (ours, theirs) = seqpacket::pair()?;
    /// ours.send(b"a long message")?;
    /// let cut = RecvError::Truncated { len: 14 };
    /// assert_eq!(theirs.recv(&mut [0; 4]), Err(cut));
    /// ours.send(b"")?;
    /// assert_eq!(theirs.recv(&mut [0; 4]), Ok(Some(0)));
    /// drop(ours);
    /// assert_eq!(theirs.recv(&mut [0; 4]), Ok(None));
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    pub fn recv(&self, buffer: &mut [u8]) -> Result<Option<usize>, RecvError> {
        self.recv_with(buffer, RecvFlags::TRUNC, Blocking)
    }

    /// Like [`recv`](Self::recv), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv), and [`Errno::AGAIN`]: there is
    /// no message.
    pub fn try_recv(&self, buffer: &mut [u8]) -> Result<Option<usize>, RecvError> {
        self.recv_with(buffer, RecvFlags::TRUNC, Try)
    }

    /// Like [`recv`](Self::recv), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv), and [`Errno::TIMEDOUT`].
    pub fn recv_until(
        &self,
        buffer: &mut [u8],
        deadline: Deadline,
    ) -> Result<Option<usize>, RecvError> {
        self.recv_with(buffer, RecvFlags::TRUNC, Until(deadline))
    }

    /// Like [`recv`](Self::recv), but leaves the message in the queue: `MSG_PEEK` of `recv(2)`.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv); the rest of a message that is too long is not gone.
    #[doc(alias = "MSG_PEEK")]
    pub fn peek(&self, buffer: &mut [u8]) -> Result<Option<usize>, RecvError> {
        self.recv_with(buffer, PEEK, Blocking)
    }

    /// Like [`peek`](Self::peek), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// Those of [`try_recv`](Self::try_recv).
    pub fn try_peek(&self, buffer: &mut [u8]) -> Result<Option<usize>, RecvError> {
        self.recv_with(buffer, PEEK, Try)
    }

    /// Like [`peek`](Self::peek), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`recv_until`](Self::recv_until).
    pub fn peek_until(
        &self,
        buffer: &mut [u8],
        deadline: Deadline,
    ) -> Result<Option<usize>, RecvError> {
        self.recv_with(buffer, PEEK, Until(deadline))
    }

    fn recv_with(
        &self,
        buffer: &mut [u8],
        how: RecvFlags,
        patience: Patience,
    ) -> Result<Option<usize>, RecvError> {
        let mut from = Raw::NONE;
        let received = transfer::recv(self.as_fd(), buffer, Some(&mut from), how, patience)?;
        Ok(self.len(received)?)
    }

    /// Returns the length of the next message, and leaves it in the queue: `MSG_PEEK` with
    /// `MSG_TRUNC` of `recv(2)`. Blocks while there is none; `None` is the end.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv), never [`RecvError::Truncated`].
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::socket::{RecvError, seqpacket};
    ///
    /// let (ours, theirs) = seqpacket::pair()?;
    /// ours.send(b"a long message")?;
    /// let mut buffer = vec![0; theirs.next_len()?.unwrap_or(0)];
    /// assert_eq!(theirs.recv(&mut buffer)?, Some(14));
    /// # Ok::<(), RecvError>(())
    /// ```
    #[doc(alias = "MSG_TRUNC")]
    pub fn next_len(&self) -> Result<Option<usize>> {
        self.next_len_with(Blocking)
    }

    /// Like [`next_len`](Self::next_len), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// Those of [`next_len`](Self::next_len), and [`Errno::AGAIN`]:
    /// there is no message.
    pub fn try_next_len(&self) -> Result<Option<usize>> {
        self.next_len_with(Try)
    }

    /// Like [`next_len`](Self::next_len), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`next_len`](Self::next_len), and [`Errno::TIMEDOUT`].
    pub fn next_len_until(&self, deadline: Deadline) -> Result<Option<usize>> {
        self.next_len_with(Until(deadline))
    }

    fn next_len_with(&self, patience: Patience) -> Result<Option<usize>> {
        let mut from = Raw::NONE;
        let received = receiving(self.as_fd(), patience, |flags| {
            recvmsg(self.as_fd(), &mut [], Some(&mut from), flags | PEEK)
        })?;
        self.len(received)
    }

    /// The length of a message, or `None` for the end.
    fn len(&self, received: Option<Received>) -> Result<Option<usize>> {
        let Some(Received {
            len,
            flags,
            control,
            named,
            ..
        }) = received
        else {
            return Ok(None);
        };
        // With a sender, or anything beside it, there or cut, it is a message. Else it
        // may still be one, which must be so if the direction has not ended, or if
        // there are more.
        let is_message = len > 0
            || named
            || control > 0
            || flags.contains(MessageFlags::CONTROL_TRUNCATED)
            || !transfer::ended(self.as_fd())?
            || rustix::io::ioctl_fionread(self)? > 0;
        Ok(is_message.then_some(len))
    }

    /// Shuts down one direction or both, for all processes that share the socket:
    /// `shutdown(2)`.
    ///
    /// After [`Shutdown::Write`] the peer receives what was sent and then the end; after
    /// [`Shutdown::Read`] its sending fails with [`Errno::PIPE`]. Sleeping calls are woken.
    ///
    /// # Errors
    ///
    /// None that a program acts on.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::socket::{RecvError, Shutdown, seqpacket};
    ///
    /// let (ours, theirs) = seqpacket::pair()?;
    /// ours.shutdown(Shutdown::Write)?;
    /// assert_eq!(theirs.recv(&mut [0; 8])?, None);
    /// theirs.send(b"still")?;
    /// # Ok::<(), RecvError>(())
    /// ```
    pub fn shutdown(&self, what: Shutdown) -> Result<()> {
        net::shutdown(self, what)
    }
}

/// To look at the next message and its real length.
const PEEK: RecvFlags = RecvFlags::PEEK.union(RecvFlags::TRUNC);
