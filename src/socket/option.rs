//! Options of a socket: `socket(7)`, `unix(7)`.
//!
//! They belong to the socket, not to the descriptor: every process that has it
//! sees them change.

use linux_raw_sys::net::{
    SO_PASSCRED, SO_PASSPIDFD, SO_PASSRIGHTS, SO_PEERCRED, SO_RCVBUF, SO_SNDBUF,
};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use super::message::Credentials;
use crate::sys::socket::{getsockopt, peer_pidfd as so_peerpidfd, setsockopt};
use crate::{AsFd, OwnedFd, Result};

/// Whether the plain calls return [`Errno::AGAIN`](crate::Errno::AGAIN) instead
/// of blocking: `O_NONBLOCK` of `fcntl(2)`. Runtimes that drive sockets by
/// readiness want it; the `try_` and `_until` calls do not need it.
///
/// # Errors
///
/// None that a program acts on.
///
/// # Examples
///
/// ```
/// use rawipc::{Errno, socket::{option, stream}};
///
/// let (ours, _theirs) = stream::pair()?;
/// option::set_nonblocking(&ours, true)?;
/// assert_eq!(ours.recv(&mut [0; 8]), Err(Errno::AGAIN));
/// # Ok::<(), Errno>(())
/// ```
#[doc(alias = "O_NONBLOCK")]
pub fn set_nonblocking(socket: impl AsFd, nonblocking: bool) -> Result<()> {
    let mut flags = fcntl_getfl(&socket)?;
    flags.set(OFlags::NONBLOCK, nonblocking);
    fcntl_setfl(&socket, flags)
}

/// How many bytes may be sent and not yet received, with the kernel's overhead:
/// `SO_SNDBUF` of `socket(7)`.
///
/// Of a UNIX socket this is the only buffer. It bounds the length of a message too.
///
/// # Errors
///
/// None that a program acts on.
///
/// # Examples
///
/// ```
/// use rawipc::socket::{option, seqpacket};
///
/// let (ours, _theirs) = seqpacket::pair()?;
/// option::set_send_buffer(&ours, 65536)?;
/// assert_eq!(option::send_buffer(&ours)?, 2 * 65536);
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "SO_SNDBUF")]
pub fn send_buffer(socket: impl AsFd) -> Result<usize> {
    size(socket, SO_SNDBUF)
}

/// Sets [`send_buffer`] to twice `size`, half of which the kernel reckons as its
/// overhead, between its minimum and `/proc/sys/net/core/wmem_max`.
///
/// # Errors
///
/// None that a program acts on.
pub fn set_send_buffer(socket: impl AsFd, size: usize) -> Result<()> {
    set_size(socket, SO_SNDBUF, size)
}

/// The receive buffer, which UNIX sockets do not use: `SO_RCVBUF` of `socket(7)`.
///
/// # Errors
///
/// None that a program acts on.
#[doc(alias = "SO_RCVBUF")]
pub fn receive_buffer(socket: impl AsFd) -> Result<usize> {
    size(socket, SO_RCVBUF)
}

/// Sets [`receive_buffer`] to twice `size`, at most twice
/// `/proc/sys/net/core/rmem_max`.
///
/// # Errors
///
/// None that a program acts on.
pub fn set_receive_buffer(socket: impl AsFd, size: usize) -> Result<()> {
    set_size(socket, SO_RCVBUF, size)
}

fn size(socket: impl AsFd, name: u32) -> Result<usize> {
    let size: u32 = getsockopt(socket.as_fd(), name)?;
    Ok(size as usize)
}

fn set_size(socket: impl AsFd, name: u32, size: usize) -> Result<()> {
    // The kernel reads a signed number and clamps it to the system's limit.
    let size = i32::try_from(size).unwrap_or(i32::MAX);
    setsockopt(socket.as_fd(), name, size.cast_unsigned())
}

/// Whether each received message tells who sent it: `SO_PASSCRED` of `unix(7)`,
/// read by [`Incoming::credentials`](super::message::Incoming::credentials).
///
/// Messages that were sent before it was switched on can lack them, and read as
/// from no process and user 65534. A socket without a name is given one (abstract)
/// when it sends with this switched on.
///
/// # Errors
///
/// None that a program acts on.
///
/// # Examples
///
/// ```
/// use rawipc::IoSliceMut;
/// use rawipc::socket::message::{Credentials, Incoming};
/// use rawipc::socket::{RecvError, datagram, option};
///
/// let (ours, theirs) = datagram::pair()?;
/// option::set_pass_credentials(&theirs, true)?;
/// ours.send(b"it is me")?;
/// let mut incoming = Incoming::<0>::new();
/// theirs.recv_message(&mut [IoSliceMut::new(&mut [0; 8])], &mut incoming)?;
/// assert_eq!(incoming.credentials(), Some(Credentials::own()));
/// # Ok::<(), RecvError>(())
/// ```
#[doc(alias = "SO_PASSCRED")]
pub fn set_pass_credentials(socket: impl AsFd, pass: bool) -> Result<()> {
    setsockopt(socket.as_fd(), SO_PASSCRED, u32::from(pass))
}

/// Whether each received message brings a descriptor of the process that sent it:
/// `SO_PASSPIDFD`, read by [`Incoming::pidfd`](super::message::Incoming::pidfd).
/// Linux 6.5.
///
/// # Errors
///
/// [`Errno::NOPROTOOPT`](crate::Errno::NOPROTOOPT): the kernel is older.
#[doc(alias = "SO_PASSPIDFD")]
pub fn set_pass_pidfd(socket: impl AsFd, pass: bool) -> Result<()> {
    setsockopt(socket.as_fd(), SO_PASSPIDFD, u32::from(pass))
}

/// Whether descriptors may be sent to this socket, which they may by default:
/// `SO_PASSRIGHTS`. Linux 6.16.
///
/// Otherwise sending some to it fails with [`Errno::PERM`](crate::Errno::PERM).
///
/// # Errors
///
/// [`Errno::NOPROTOOPT`](crate::Errno::NOPROTOOPT): the kernel is older.
#[doc(alias = "SO_PASSRIGHTS")]
pub fn set_pass_rights(socket: impl AsFd, pass: bool) -> Result<()> {
    setsockopt(socket.as_fd(), SO_PASSRIGHTS, u32::from(pass))
}

/// Who made the pair or the connection: `SO_PEERCRED` of `unix(7)`.
///
/// It says nothing of who has the other end now: a message's own credentials do.
///
/// # Errors
///
/// [`Errno::NOPROTOOPT`](crate::Errno::NOPROTOOPT): not a UNIX socket.
///
/// # Examples
///
/// ```
/// use rawipc::socket::{message::Credentials, option, stream};
///
/// let (ours, _theirs) = stream::pair()?;
/// let peer = option::peer_credentials(&ours)?;
/// assert_eq!(peer.pid, Credentials::own().pid);
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "SO_PEERCRED")]
pub fn peer_credentials(socket: impl AsFd) -> Result<Credentials> {
    getsockopt(socket.as_fd(), SO_PEERCRED).map(Credentials::from_raw)
}

/// A descriptor of the process that made the pair or the connection, readable
/// when that has ended: `SO_PEERPIDFD` of `unix(7)`. Linux 6.5.
///
/// # Errors
///
/// [`Errno::NOPROTOOPT`](crate::Errno::NOPROTOOPT): the kernel is older.
/// [`Errno::SRCH`](crate::Errno::SRCH): it has ended and been waited for.
#[doc(alias = "SO_PEERPIDFD")]
pub fn peer_pidfd(socket: impl AsFd) -> Result<OwnedFd> {
    so_peerpidfd(socket.as_fd())
}
