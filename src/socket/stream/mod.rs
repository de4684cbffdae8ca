//! [`Stream`]: bytes in order, without boundaries.

mod message;
mod oob;
mod whole;

use rustix::fd::{AsFd, OwnedFd};
use rustix::net::{self, RecvFlags, Shutdown, SocketType};

use super::address::{Address, Raw, UnixAddress};
use super::bind::BindOptions;
use super::listener::{self, Kind};
use super::open;
use super::transfer::{descriptor, receiving, sending};
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::{Deadline, Result};

#[cfg(doc)]
use crate::Errno;

/// Creates a pair of connected UNIX stream sockets, unnamed and close-on-exec: `socketpair(2)`.
///
/// # Errors
///
/// [`Errno::MFILE`] or [`Errno::NFILE`]: this process, or the system, has no
/// descriptor left.
///
/// # Examples
///
/// ```
/// let (ours, theirs) = rawipc::socket::stream::pair()?;
/// assert_eq!(ours.send(b"hello")?, 5);
/// let mut buffer = [0; 8];
/// assert_eq!(theirs.recv(&mut buffer)?, 5);
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "socketpair")]
pub fn pair() -> Result<(Stream, Stream)> {
    let (one, other) = open::pair(SocketType::STREAM)?;
    Ok((Stream(one), Stream(other)))
}

/// A [`Listener`](super::Listener) for streams.
pub type Listener<A = UnixAddress> = listener::Listener<A, Stream>;

/// Listens at `address`, using the defaults of [`BindOptions`]: `listen(2)`.
///
/// # Errors
///
/// Those of [`BindOptions::listen_stream`].
///
/// # Examples
///
/// See [`socket`](super).
#[doc(alias = "bind")]
pub fn listen<A: Address>(address: &A) -> Result<Listener<A>> {
    BindOptions::new().listen_stream(address)
}

/// Connects to the listener at `address`: `connect(2)`.
///
/// Returns before it is accepted. Blocks while as many wait to be accepted as the
/// listener's backlog allows; of TCP and vsock also while the other machine does not
/// answer, for as long as the system's settings say.
///
/// # Errors
///
/// - [`Errno::CONNREFUSED`]: nobody listens, or the file is no socket.
/// - [`Errno::NOENT`], [`Errno::NOTDIR`]: there is no such file.
/// - [`Errno::LOOP`]: too many symbolic links on the way to it.
/// - [`Errno::ACCESS`]: the mode of the file, or of a directory of its path, or a
///   filter forbids it.
/// - [`Errno::PROTOTYPE`]: the file is of another kind of UNIX socket.
/// - [`Errno::INVAL`]: [`UnixAddress::UNNAMED`], which is nobody's.
/// - [`Errno::AFNOSUPPORT`], [`Errno::SOCKTNOSUPPORT`]: the kernel lacks the family, or
///   the family this kind.
/// - [`Errno::CONNRESET`]: of vsock, nobody listens.
/// - [`Errno::TIMEDOUT`], [`Errno::NETUNREACH`], [`Errno::HOSTUNREACH`],
///   [`Errno::NODEV`]: of TCP and vsock, there is no way.
/// - [`Errno::ADDRNOTAVAIL`]: of TCP, no port is left to connect from.
/// - [`Errno::INTR`]: it was [interrupted](crate#interruptions); the attempt is given up.
/// - [`Errno::MFILE`], [`Errno::NFILE`]: no descriptor left.
///
/// # Examples
///
/// ```
/// use core::net::{Ipv4Addr, SocketAddrV4};
/// use rawipc::socket::stream;
///
/// let listener = stream::listen(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
/// let client = stream::connect(&listener.address()?)?;
/// let (server, _) = listener.accept()?;
/// client.send_all(b"hello")?;
/// assert_eq!(server.recv(&mut [0; 8])?, 5);
/// # Ok::<(), rawipc::Errno>(())
/// ```
pub fn connect<A: Address>(address: &A) -> Result<Stream> {
    connect_with(None, &address.to_raw(), Blocking)
}

/// Like [`connect`], but returns [`Errno::AGAIN`] instead of blocking.
///
/// # Errors
///
/// Those of [`connect`], and [`Errno::AGAIN`]: it would have to wait, and is given up. (To
/// a listener of TCP in this machine it need not, as long as its backlog has room.)
pub fn try_connect<A: Address>(address: &A) -> Result<Stream> {
    connect_with(None, &address.to_raw(), Try)
}

/// Like [`connect`], but gives up at `deadline` with [`Errno::TIMEDOUT`].
///
/// # Errors
///
/// Those of [`connect`], and [`Errno::TIMEDOUT`].
pub fn connect_until<A: Address>(address: &A, deadline: Deadline) -> Result<Stream> {
    connect_with(None, &address.to_raw(), Until(deadline))
}

/// Like [`connect_until`], but binds this side to the address `own` first, by which the
/// listener may know it.
///
/// # Errors
///
/// Those of [`connect_until`], and as [`BindOptions::listen_stream`].
pub fn connect_from<A: Address>(own: &A, address: &A, deadline: Deadline) -> Result<Stream> {
    connect_with(Some(&own.to_raw()), &address.to_raw(), Until(deadline))
}

fn connect_with(own: Option<&Raw>, to: &Raw, patience: Patience) -> Result<Stream> {
    open::connected(Stream::TYPE, own, to, patience).map(Stream)
}

/// A connected stream socket: `SOCK_STREAM` of `unix(7)`, `tcp(7)`, `vsock(7)`.
///
/// When the peer closes its end, or dies, what it had sent can still be received; after that
/// the stream ends. When it had not received everything that was sent to it, receiving fails
/// once with [`Errno::CONNRESET`] in between (with TCP at once, and what it had sent may be
/// lost). Sleeping calls are woken.
///
/// # Examples
///
/// ```
/// use rawipc::socket::stream;
///
/// let (one, other) = stream::pair()?;
/// one.send_all(b"hello")?;
/// drop(one);
/// let mut buffer = [0; 16];
/// assert_eq!(other.recv(&mut buffer), Ok(5));
/// assert_eq!(other.recv(&mut buffer), Ok(0)); // the end
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Stream(OwnedFd);

descriptor!(Stream);

impl listener::sealed::Sealed for Stream {}

impl Kind for Stream {
    const TYPE: SocketType = SocketType::STREAM;
}

impl BindOptions {
    /// Listens for stream connections at `address`: `listen(2)`.
    ///
    /// # Errors
    ///
    /// - [`Errno::ADDRINUSE`]: somebody has the address, or the file exists.
    /// - [`Errno::ADDRNOTAVAIL`]: it is none of this machine's; or all abstract names
    ///   that the kernel chooses from are taken.
    /// - [`Errno::ACCESS`]: the directory, or the number of the port, needs privilege.
    /// - [`Errno::NOENT`], [`Errno::NOTDIR`], [`Errno::LOOP`], [`Errno::ROFS`]: there
    ///   is no place for the file.
    /// - [`Errno::BUSY`]: another process replaces a stale file in the directory, and
    ///   does not come to an end.
    /// - [`Errno::NOTSOCK`]: the file that is to be replaced is no socket.
    /// - [`Errno::PROTOTYPE`]: somebody listens at the address of the file that is to
    ///   be replaced, with another kind of socket.
    /// - [`Errno::AFNOSUPPORT`], [`Errno::SOCKTNOSUPPORT`]: the kernel lacks the
    ///   family, or the family this kind.
    /// - [`Errno::MFILE`], [`Errno::NFILE`]: no descriptor left.
    #[doc(alias = "listen")]
    #[doc(alias = "bind")]
    pub fn listen_stream<A: Address>(self, address: &A) -> Result<Listener<A>> {
        self.listen(address)
    }
}

impl Stream {
    /// Sends some of `bytes` and returns how many: `send(2)`.
    ///
    /// Blocks while the peer does not receive and the buffer
    /// ([`send_buffer`](super::option::send_buffer)) is full; then sends all,
    /// unless a signal handler or the end of the peer interrupts it.
    ///
    /// # Errors
    ///
    /// [`Errno::PIPE`]: the peer is gone or receives no more, or sending was shut
    /// down here; there is no `SIGPIPE`.
    ///
    /// [`Errno::INTR`]: it was [interrupted](crate#interruptions) before anything was sent.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::{Errno, socket::stream};
    ///
    /// let (ours, theirs) = stream::pair()?;
    /// drop(theirs);
    /// assert_eq!(ours.send(b"nobody listens"), Err(Errno::PIPE));
    /// # Ok::<(), Errno>(())
    /// ```
    pub fn send(&self, bytes: &[u8]) -> Result<usize> {
        self.send_with(bytes, Blocking)
    }

    /// Like [`send`](Self::send), but returns [`Errno::AGAIN`] instead of blocking. It sends as
    /// much as there is room for.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send), and [`Errno::AGAIN`]: there is no room.
    #[doc(alias = "MSG_DONTWAIT")]
    pub fn try_send(&self, bytes: &[u8]) -> Result<usize> {
        self.send_with(bytes, Try)
    }

    /// Like [`try_send`](Self::try_send), but blocks until there is room, and gives up at
    /// `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send), and [`Errno::TIMEDOUT`].
    pub fn send_until(&self, bytes: &[u8], deadline: Deadline) -> Result<usize> {
        self.send_with(bytes, Until(deadline))
    }

    fn send_with(&self, bytes: &[u8], patience: Patience) -> Result<usize> {
        sending(self.as_fd(), patience, |flags| {
            net::send(self, bytes, flags)
        })
    }

    /// Receives some bytes into the beginning of `buffer` and returns how many: `recv(2)`.
    ///
    /// Blocks while there are none. 0 is the end: the peer is gone or sends no
    /// more, or receiving was shut down here.
    ///
    /// For an empty `buffer` it is 0, too, at once, whatever the state of the stream:
    /// nothing is received and nothing closed.
    ///
    /// Descriptors that came with the bytes are closed:
    /// [`recv_message`](Self::recv_message) receives them.
    ///
    /// # Errors
    ///
    /// [`Errno::CONNRESET`]: the peer closed, or died, before it had received
    /// everything; said once, after what it had sent itself.
    ///
    /// [`Errno::INTR`]: it was [interrupted](crate#interruptions) before anything came.
    ///
    /// # Examples
    ///
    /// ```
    /// let (ours, theirs) = rawipc::socket::stream::pair()?;
    /// ours.send(b"last words")?;
    /// drop(ours);
    /// let mut buffer = [0; 16];
    /// assert_eq!(theirs.recv(&mut buffer)?, 10);
    /// assert_eq!(theirs.recv(&mut buffer)?, 0);
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    pub fn recv(&self, buffer: &mut [u8]) -> Result<usize> {
        self.recv_with(buffer, RecvFlags::empty(), Blocking)
    }

    /// Like [`recv`](Self::recv), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv), and [`Errno::AGAIN`]: there are no bytes.
    pub fn try_recv(&self, buffer: &mut [u8]) -> Result<usize> {
        self.recv_with(buffer, RecvFlags::empty(), Try)
    }

    /// Like [`recv`](Self::recv), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv), and [`Errno::TIMEDOUT`].
    pub fn recv_until(&self, buffer: &mut [u8], deadline: Deadline) -> Result<usize> {
        self.recv_with(buffer, RecvFlags::empty(), Until(deadline))
    }

    /// Like [`recv`](Self::recv), but leaves the bytes in the queue: `MSG_PEEK` of `recv(2)`.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv).
    ///
    /// # Examples
    ///
    /// ```
    /// let (ours, theirs) = rawipc::socket::stream::pair()?;
    /// ours.send(b"hello")?;
    /// let mut buffer = [0; 8];
    /// assert_eq!(theirs.peek(&mut buffer[..1])?, 1);
    /// assert_eq!(theirs.recv(&mut buffer)?, 5);
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    #[doc(alias = "MSG_PEEK")]
    pub fn peek(&self, buffer: &mut [u8]) -> Result<usize> {
        self.recv_with(buffer, RecvFlags::PEEK, Blocking)
    }

    /// Like [`peek`](Self::peek), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// Those of [`try_recv`](Self::try_recv).
    pub fn try_peek(&self, buffer: &mut [u8]) -> Result<usize> {
        self.recv_with(buffer, RecvFlags::PEEK, Try)
    }

    /// Like [`peek`](Self::peek), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`recv_until`](Self::recv_until).
    pub fn peek_until(&self, buffer: &mut [u8], deadline: Deadline) -> Result<usize> {
        self.recv_with(buffer, RecvFlags::PEEK, Until(deadline))
    }

    fn recv_with(&self, buffer: &mut [u8], how: RecvFlags, patience: Patience) -> Result<usize> {
        // The kernel would wait for a byte, leave it, and take the descriptors from it.
        if buffer.is_empty() {
            return Ok(0);
        }
        let received = receiving(self.as_fd(), patience, |flags| {
            net::recv(self, &mut *buffer, flags | how)
        })?;
        Ok(received.map_or(0, |(len, _)| len))
    }

    /// Shuts down one direction or both, for all processes that share the socket:
    /// `shutdown(2)`.
    ///
    /// After [`Shutdown::Write`] the peer receives what was sent and then the end; after
    /// [`Shutdown::Read`] its sending fails with [`Errno::PIPE`]. Sleeping calls are woken.
    ///
    /// # Errors
    ///
    /// [`Errno::NOTCONN`]: the socket, not one of UNIX, is not connected.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::socket::{Shutdown, stream};
    ///
    /// let (ours, theirs) = stream::pair()?;
    /// ours.shutdown(Shutdown::Write)?;
    /// assert_eq!(theirs.recv(&mut [0; 8])?, 0);
    /// assert_eq!(theirs.send(b"still")?, 5);
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    pub fn shutdown(&self, what: Shutdown) -> Result<()> {
        net::shutdown(self, what)
    }

    /// Returns how many bytes are queued for receiving: `FIONREAD` of `unix(7)`.
    ///
    /// # Errors
    ///
    /// None that a program acts on.
    ///
    /// # Examples
    ///
    /// ```
    /// let (ours, theirs) = rawipc::socket::stream::pair()?;
    /// ours.send(b"hello")?;
    /// assert_eq!(theirs.bytes_waiting()?, 5);
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    #[doc(alias = "FIONREAD")]
    #[doc(alias = "SIOCINQ")]
    pub fn bytes_waiting(&self) -> Result<usize> {
        Ok(usize::try_from(rustix::io::ioctl_fionread(self)?).unwrap_or(0))
    }
}
