//! Who is at the other end, and what its messages carry.

use linux_raw_sys::net::{
    SO_PASSCRED, SO_PASSPIDFD, SO_PASSRIGHTS, SO_PASSSEC, SO_PEERCRED, SO_PEERGROUPS, SO_PEERSEC,
    SOL_SOCKET,
};

use super::switch;
use crate::socket::message::{Credentials, Gid};
use crate::sys::socket as sys;
use crate::{AsFd, Errno, OwnedFd, Result};

/// Sets whether each received message carries the credentials of its sender: `SO_PASSCRED` of
/// `unix(7)`. [`Incoming::credentials`](crate::socket::message::Incoming::credentials) returns
/// them.
///
/// Messages that were sent before it was switched on can lack them, and read as
/// from no process and user 65534. A socket without a name is given one (abstract)
/// when it sends with this switched on.
///
/// # Errors
///
/// [`Errno::OPNOTSUPP`]: neither a UNIX nor a netlink socket, since Linux 6.16.
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
    switch(socket, SO_PASSCRED, pass)
}

/// Sets whether each received message carries a pidfd of its sender: `SO_PASSPIDFD`, Linux 6.5.
/// [`Incoming::pidfd`](crate::socket::message::Incoming::pidfd) returns it.
///
/// # Errors
///
/// [`Errno::NOPROTOOPT`]: the kernel is older. [`Errno::OPNOTSUPP`]: not a UNIX socket,
/// since Linux 6.16.
#[doc(alias = "SO_PASSPIDFD")]
pub fn set_pass_pidfd(socket: impl AsFd, pass: bool) -> Result<()> {
    switch(socket, SO_PASSPIDFD, pass)
}

/// Sets whether descriptors may be sent to this socket, which is on by default:
/// `SO_PASSRIGHTS`, Linux 6.16.
///
/// Otherwise sending some to it fails with [`Errno::PERM`].
///
/// # Errors
///
/// [`Errno::NOPROTOOPT`]: the kernel is older. [`Errno::OPNOTSUPP`]: not a UNIX socket.
#[doc(alias = "SO_PASSRIGHTS")]
pub fn set_pass_rights(socket: impl AsFd, pass: bool) -> Result<()> {
    switch(socket, SO_PASSRIGHTS, pass)
}

/// Returns the credentials of the process that created the pair or the connection:
/// `SO_PEERCRED` of `unix(7)`.
///
/// They do not say who has the other end now: the credentials of a message do. A socket without
/// a peer, or of another family, has no process, and its user and group are `u32::MAX`.
///
/// # Errors
///
/// None that a program acts on.
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
    sys::getsockopt(socket.as_fd(), SOL_SOCKET, SO_PEERCRED).map(Credentials::from_raw)
}

/// Returns a pidfd of the process that created the pair or the connection: `SO_PEERPIDFD` of
/// `unix(7)`, Linux 6.5.
///
/// # Errors
///
/// [`Errno::NODATA`]: the socket has no peer, or is not a UNIX socket.
/// [`Errno::NOPROTOOPT`]: the kernel is older.
/// [`Errno::SRCH`]: it has ended and been waited for.
#[doc(alias = "SO_PEERPIDFD")]
pub fn peer_pidfd(socket: impl AsFd) -> Result<OwnedFd> {
    sys::peer_pidfd(socket.as_fd())
}

/// Sets whether each received message carries the security label of its sender: `SO_PASSSEC` of
/// `unix(7)`. [`Incoming::label`](crate::socket::message::Incoming::label) returns it, and
/// needs room for it. Without a security module that assigns labels, there is none.
///
/// # Errors
///
/// [`Errno::OPNOTSUPP`], [`Errno::NOPROTOOPT`]: not a UNIX socket, or the kernel has
/// no security modules.
#[doc(alias = "SO_PASSSEC")]
pub fn set_pass_label(socket: impl AsFd, pass: bool) -> Result<()> {
    switch(socket, SO_PASSSEC, pass)
}

/// Writes the security label of the process that created the pair or the connection to the
/// beginning of `buffer`, and returns its length: `SO_PEERSEC` of `unix(7)`. It may end with a
/// NUL.
///
/// # Errors
///
/// [`Errno::NOPROTOOPT`]: there is no security module that labels.
/// [`Errno::RANGE`]: `buffer` is too short; 256 bytes mostly are not.
#[doc(alias = "SO_PEERSEC")]
pub fn peer_label(socket: impl AsFd, buffer: &mut [u8]) -> Result<usize> {
    sys::getsockopt_bytes(socket.as_fd(), SOL_SOCKET, SO_PEERSEC, buffer)
}

/// Returns how many supplementary groups the process had that created the pair or the
/// connection, and writes them to `groups` if there is room for all: `SO_PEERGROUPS`, Linux
/// 4.13.
///
/// # Errors
///
/// [`Errno::NODATA`]: the socket has no peer. [`Errno::NOPROTOOPT`]: the kernel is
/// older.
///
/// # Examples
///
/// ```
/// use rawipc::socket::{message::Gid, option, stream};
///
/// let (ours, _theirs) = stream::pair()?;
/// let count = option::peer_groups(&ours, &mut [])?;
/// let mut groups = vec![Gid::ROOT; count];
/// assert_eq!(option::peer_groups(&ours, &mut groups)?, count);
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "SO_PEERGROUPS")]
pub fn peer_groups(socket: impl AsFd, groups: &mut [Gid]) -> Result<usize> {
    match sys::peer_groups(socket.as_fd(), SO_PEERGROUPS, groups) {
        (Ok(()) | Err(Errno::RANGE), count) => Ok(count),
        (Err(errno), _) => Err(errno),
    }
}
