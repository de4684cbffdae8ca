//! [`Listener`]: accepts connections. And the connecting that it waits for.

use core::fmt;
use core::marker::PhantomData;

use linux_raw_sys::net::{SO_SNDTIMEO_NEW, SOL_SOCKET};
use rustix::event::PollFlags;
use rustix::io::ioctl_fionbio;
use rustix::net::{self, AddressFamily, SocketFlags, SocketType};

use super::address::{Address, Raw, UnixAddress};
use super::transfer::Patience::{self, Blocking, Try, Until};
use super::{Seqpacket, Stream, bind, option};
use crate::sys::address::accept4;
use crate::sys::socket::setsockopt;
use crate::{AsFd, BorrowedFd, Deadline, Errno, OwnedFd, Result, Timespec, ready};

/// A kind of socket with connections: [`Stream`] or [`Seqpacket`].
pub trait Kind: From<OwnedFd> + sealed::Sealed {
    /// Its number.
    #[doc(hidden)]
    const TYPE: SocketType;
}

impl Kind for Stream {
    const TYPE: SocketType = SocketType::STREAM;
}

impl Kind for Seqpacket {
    const TYPE: SocketType = SocketType::SEQPACKET;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Stream {}
    impl Sealed for super::Seqpacket {}
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
pub struct Listener<A = UnixAddress, K = Stream> {
    fd: OwnedFd,
    accepts: PhantomData<fn() -> (A, K)>,
}

impl<A: Address, K: Kind> Listener<A, K> {
    /// Accepts the next connection, and says from which address it comes: `accept4(2)`.
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
        self.accept_with(Blocking)
    }

    /// As [`accept`](Self::accept), and never waits.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept), and [`Errno::AGAIN`]: there is none.
    pub fn try_accept(&self) -> Result<(K, A)> {
        self.accept_with(Try)
    }

    /// As [`accept`](Self::accept), and waits until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept), and [`Errno::TIMEDOUT`].
    pub fn accept_until(&self, deadline: Deadline) -> Result<(K, A)> {
        self.accept_with(Until(deadline))
    }

    fn accept_with(&self, patience: Patience) -> Result<(K, A)> {
        let fd = self.fd.as_fd();
        let accept = || accept4(fd);
        let (socket, from) = match patience {
            Try => ready::uninterrupted(accept),
            Blocking => ready::retry(fd, PollFlags::IN, Deadline::Never, accept),
            Until(deadline) => ready::retry(fd, PollFlags::IN, deadline, accept),
        }?;
        Ok((socket.into(), A::from_raw(&from)?))
    }

    /// The address at which it listens: `getsockname(2)`.
    ///
    /// # Errors
    ///
    /// [`Errno::AFNOSUPPORT`]: it was made from a descriptor of another family.
    pub fn address(&self) -> Result<A> {
        super::address::local(&self.fd)
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

crate::descriptor::numbers!(Listener<A, K>, A, K);

/// Takes the descriptor unchecked, and switches it to non-blocking, which all
/// processes that have it see.
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

/// As it is: non-blocking.
impl<A, K> From<Listener<A, K>> for OwnedFd {
    fn from(listener: Listener<A, K>) -> Self {
        listener.fd
    }
}

/// A new socket of the kind `K` that is connected to `to`, and bound to `from` before
/// when there is one.
pub(super) fn connect<K: Kind>(from: Option<&Raw>, to: &Raw, patience: Patience) -> Result<K> {
    let family = to.family();
    // The kernel cannot tell by `poll(2)` when a UNIX socket's backlog has room.
    let patience = match patience {
        Until(Deadline::Never) if family == AddressFamily::UNIX => Blocking,
        patience => patience,
    };
    let blocks = match patience {
        Blocking => true,
        Try => false,
        Until(_) => family == AddressFamily::UNIX,
    };
    let flags = match blocks {
        true => SocketFlags::empty(),
        false => SocketFlags::NONBLOCK,
    };
    let socket = bind::open(family, K::TYPE, flags)?;
    if let Some(from) = from {
        net::bind(&socket, from)?;
    }
    match patience {
        Blocking => net::connect(&socket, to)?,
        Until(deadline) if blocks => connect_unix(socket.as_fd(), to, deadline)?,
        Until(deadline) => connect_inet(socket.as_fd(), to, deadline)?,
        Try => connect_inet(socket.as_fd(), to, Deadline::NOW).map_err(|errno| match errno {
            Errno::TIMEDOUT => Errno::AGAIN,
            errno => errno,
        })?,
    }
    if !blocks {
        ioctl_fionbio(&socket, false)?;
    }
    Ok(socket.into())
}

/// Connects a non-blocking socket: what does not happen at once goes on until the
/// socket can be written.
fn connect_inet(fd: BorrowedFd<'_>, to: &Raw, deadline: Deadline) -> Result<()> {
    match net::connect(fd, to) {
        Err(Errno::INPROGRESS) => {
            ready::wait(fd, PollFlags::OUT, deadline)?;
            option::take_error(fd)?.map_or(Ok(()), Err)
        }
        result => result,
    }
}

/// Connects a blocking UNIX socket, which waits for room in the backlog for as long as
/// it may send.
fn connect_unix(fd: BorrowedFd<'_>, to: &Raw, deadline: Deadline) -> Result<()> {
    loop {
        let mut left = deadline.timeout().unwrap_or(Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        });
        // Zero would be for ever. It waits a tick of the kernel's at least.
        left.tv_nsec = left.tv_nsec.max(1000);
        set_send_timeout(fd, [left.tv_sec, left.tv_nsec / 1000])?;
        match net::connect(fd, to) {
            // Interrupted, too: where handlers run more often than the kernel's clock ticks
            // it never says that the time is over.
            Err(Errno::AGAIN | Errno::INTR) if deadline.has_passed() => {
                return Err(Errno::TIMEDOUT);
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            result => {
                result?;
                return set_send_timeout(fd, [0, 0]);
            }
        }
    }
}

/// `SO_SNDTIMEO`, in seconds and microseconds.
fn set_send_timeout(fd: BorrowedFd<'_>, timeout: [i64; 2]) -> Result<()> {
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO_NEW, &timeout)
}
