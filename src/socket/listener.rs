//! [`Listener`]: accepts connections.

use core::fmt;
use core::marker::PhantomData;

use rustix::event::PollFlags;
use rustix::io::ioctl_fionbio;
use rustix::net::SocketType;

use super::address::{self, Address};
use crate::sys::address::accept4;
use crate::wait::patience::Patience;
use crate::wait::ready;
use crate::{AsFd, BorrowedFd, Deadline, OwnedFd, Result};

#[cfg(doc)]
use crate::Errno;

/// A kind of socket that a [`Listener`] accepts: [`Stream`](super::Stream) or
/// [`Seqpacket`](super::Seqpacket).
///
/// # Examples
///
/// ```
/// use rawipc::socket::{Address, Kind, Listener, UnixAddress, seqpacket, stream};
///
/// /// Accepts connections of any kind, each in a thread of its own.
/// fn serve<A: Address, K: Kind + Send + 'static>(
///     listener: &Listener<A, K>,
///     handle: fn(K),
/// ) -> rawipc::Result<()> {
///     let (connection, _peer) = listener.accept()?;
///     std::thread::spawn(move || handle(connection)).join().unwrap();
///     Ok(())
/// }
/// let streams = stream::listen(&UnixAddress::UNNAMED)?;
/// let _client = stream::connect(&streams.address()?)?;
/// serve(&streams, |_stream| {})?;
/// let packets = seqpacket::listen(&UnixAddress::UNNAMED)?;
/// let _client = seqpacket::connect(&packets.address()?)?;
/// serve(&packets, |_packets| {})?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Kind: From<OwnedFd> + sealed::Sealed {
    /// The kernel's number of the kind.
    #[doc(hidden)]
    const TYPE: SocketType;
}

pub(super) mod sealed {
    pub trait Sealed {}
}

/// A socket that accepts connections of the kind `K` from addresses of the type `A`:
/// `listen(2)`.
///
/// Made by [`stream::listen`](super::stream::listen),
/// [`seqpacket::listen`](super::seqpacket::listen) and
/// [`BindOptions`](super::BindOptions).
///
/// Connections are made by the kernel and wait here in order: a client has connected,
/// and may send, before it is accepted. When it is gone by then it is accepted all
/// the same, and what it sent can be received. When the listener is dropped, clients
/// that wait are disconnected.
///
/// # Never blocking
///
/// The descriptor is switched to `O_NONBLOCK`, as the kernel has no other way to ask
/// for a connection without waiting; the calls that wait, wait by `poll(2)`. Several
/// threads and processes may accept at once.
///
/// # Examples
///
/// ```
/// use rawipc::socket::{UnixAddress, option, stream};
/// use rawipc::{Deadline, Errno};
///
/// let listener = stream::listen(&UnixAddress::UNNAMED)?; // the kernel chooses a name
/// assert_eq!(listener.try_accept().err(), Some(Errno::AGAIN));
///
/// let client = stream::connect(&listener.address()?)?; // connected, and not yet accepted
/// client.send_all(b"hello")?;
/// let (server, _address) = listener.accept_until(Deadline::Never)?;
/// assert_eq!(option::peer_credentials(&server)?.pid, Some(rawipc::process::id()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Listener<A, K> {
    fd: OwnedFd,
    accepts: PhantomData<fn() -> (A, K)>,
}

impl<A: Address, K: Kind> Listener<A, K> {
    /// Accepts the next connection, and returns it with the address of its peer: `accept4(2)`.
    ///
    /// Blocks while there is none. The connection blocks and is close-on-exec.
    ///
    /// # Errors
    ///
    /// [`Errno::MFILE`], [`Errno::NFILE`], [`Errno::NOBUFS`], [`Errno::NOMEM`]: no
    /// descriptor or memory left; the connection goes on waiting.
    ///
    /// [`Errno::CONNABORTED`] and errors of the network of TCP: the connection has
    /// failed meanwhile; the next can be accepted.
    ///
    /// [`Errno::AFNOSUPPORT`]: the listener, made from a descriptor, has addresses of
    /// another type; the connection is closed.
    ///
    /// [`Errno::INVAL`], [`Errno::OPNOTSUPP`]: the listener, made from a descriptor, does
    /// not listen, or is of datagrams.
    ///
    /// [`Errno::INTR`]: it was [interrupted](crate#interruptions) before there was one.
    ///
    /// # Examples
    ///
    /// See [`socket`](super).
    #[doc(alias = "accept4")]
    pub fn accept(&self) -> Result<(K, A)> {
        self.accept_with(Patience::FOREVER)
    }

    /// Like [`accept`](Self::accept), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// Those of [`accept`](Self::accept), and [`Errno::AGAIN`]: there is none.
    pub fn try_accept(&self) -> Result<(K, A)> {
        self.accept_with(Patience::Try)
    }

    /// Like [`accept`](Self::accept), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`accept`](Self::accept), and [`Errno::TIMEDOUT`].
    pub fn accept_until(&self, deadline: Deadline) -> Result<(K, A)> {
        self.accept_with(Patience::Until(deadline))
    }

    fn accept_with(&self, patience: Patience) -> Result<(K, A)> {
        let fd = self.fd.as_fd();
        let (socket, from) = ready::patiently(fd, PollFlags::IN, patience, |_| accept4(fd))?;
        Ok((socket.into(), A::from_raw(&from)?))
    }

    /// Returns the address that the socket listens at: `getsockname(2)`.
    ///
    /// # Errors
    ///
    /// [`Errno::AFNOSUPPORT`]: it was made from a descriptor of another family.
    pub fn address(&self) -> Result<A> {
        address::local(&self.fd)
    }
}

impl<A, K> fmt::Debug for Listener<A, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Listener").field(&self.fd).finish()
    }
}

impl<A, K> AsFd for Listener<A, K> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

crate::sys::fd_number::numbers!(Listener<A, K>, A, K);

/// Takes any descriptor, and makes it non-blocking for all processes that share it.
impl<A, K> From<OwnedFd> for Listener<A, K> {
    fn from(fd: OwnedFd) -> Self {
        // A socket takes it, and what is none says so when it is used.
        let _ = ioctl_fionbio(&fd, true);
        Self {
            fd,
            accepts: PhantomData,
        }
    }
}

/// Returns the descriptor, still non-blocking.
impl<A, K> From<Listener<A, K>> for OwnedFd {
    fn from(listener: Listener<A, K>) -> Self {
        listener.fd
    }
}
