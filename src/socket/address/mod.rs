//! Addresses of sockets: those of UNIX sockets, and what all families share.
//!
//! The type of an address says the family: [`UnixAddress`] here, [`SocketAddr`],
//! [`SocketAddrV4`] and [`SocketAddrV6`] of `core` for TCP and UDP,
//! [`VsockAddress`](super::vsock::VsockAddress) and
//! [`NetlinkAddress`](super::netlink::NetlinkAddress). What connects, binds or
//! sends takes any of them.
//!
//! # The three kinds of UNIX address
//!
//! | | lives in | who may connect | goes away |
//! |---|---|---|---|
//! | pathname | the file system | who may write the socket's file and search its directories | when it is removed: [`RemoveOnDrop`] |
//! | abstract | the network namespace | anybody in it | with the last descriptor of the socket |
//! | unnamed | nowhere | only by a descriptor that is passed | |
//!
//! Each kind of socket has abstract names of its own: a stream and a datagram socket can
//! have the same. An abstract name belongs to who takes it first: a client that must know whom it
//! talks to asks for [`peer_credentials`](super::option::peer_credentials).
//!
//! # A directory deep in the tree
//!
//! A pathname has 108 bytes at most. A socket further down is reached by a relative
//! name, or by way of a descriptor of its directory: `/proc/thread-self/fd/N/name`.

mod inet;
mod remove;
mod unix;

use rustix::net::AddressFamily;

use crate::sys::address::{getpeername, getsockname};
use crate::{AsFd, Errno, Result};

#[cfg(doc)]
use core::net::{SocketAddr, SocketAddrV4, SocketAddrV6};

pub use crate::sys::address::Raw;
pub use remove::RemoveOnDrop;
pub(super) use remove::{same, stat};
/// The family of an address: `AF_UNIX`, `AF_INET`, and so on.
#[doc(inline)]
pub use rustix::net::AddressFamily as Family;
pub use unix::{Name, UnixAddress};

/// An address of a socket, of one family.
///
/// Types of other families may implement it.
///
/// # Examples
///
/// ```
/// use rawipc::socket::{Address, Stream, UnixAddress, stream};
///
/// /// Says hello to a server of any family: UNIX, TCP, vsock.
/// fn greet<A: Address>(server: &A) -> Result<Stream, Box<dyn std::error::Error>> {
///     let stream = stream::connect(server)?;
///     stream.send_all(b"hello")?;
///     Ok(stream)
/// }
/// let listener = stream::listen(&UnixAddress::UNNAMED)?;
/// greet(&listener.address()?)?;
/// let (server, _) = listener.accept()?;
/// assert_eq!(server.recv(&mut [0; 8])?, 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Address: Sized {
    /// Returns the address as the bytes that system calls take.
    fn to_raw(&self) -> Raw;

    /// Returns the address for the bytes that a system call returned.
    ///
    /// # Errors
    ///
    /// [`Errno::AFNOSUPPORT`]: an address of another family, or none.
    fn from_raw(raw: &Raw) -> Result<Self>;
}

/// Returns the address of `socket`: `getsockname(2)`.
///
/// # Errors
///
/// [`Errno::AFNOSUPPORT`]: the socket is of another family than the address.
///
/// [`Errno::NOTSOCK`]: it is no socket.
///
/// # Examples
///
/// ```
/// use core::net::{Ipv4Addr, SocketAddrV4};
/// use rawipc::socket::{address, datagram};
///
/// let socket = datagram::bind(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
/// let address: SocketAddrV4 = address::local(&socket)?;
/// assert_ne!(address.port(), 0);
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "getsockname")]
pub fn local<A: Address>(socket: impl AsFd) -> Result<A> {
    A::from_raw(&getsockname(socket.as_fd())?)
}

/// Returns the address of the peer of `socket`: `getpeername(2)`.
///
/// # Errors
///
/// [`Errno::NOTCONN`]: it is not connected.
///
/// [`Errno::AFNOSUPPORT`]: the socket is of another family than the address.
///
/// [`Errno::NOTSOCK`]: it is no socket.
#[doc(alias = "getpeername")]
#[doc(alias = "SO_PEERNAME")]
pub fn peer<A: Address>(socket: impl AsFd) -> Result<A> {
    A::from_raw(&getpeername(socket.as_fd())?)
}

/// The address of `family` with the bytes `body`.
pub(super) fn raw(family: AddressFamily, body: &[u8]) -> Raw {
    let mut bytes = [0; 128];
    let (head, rest) = bytes.split_at_mut(2);
    head.copy_from_slice(&family.as_raw().to_ne_bytes());
    for (slot, byte) in rest.iter_mut().zip(body) {
        *slot = *byte;
    }
    let bytes = bytes.get(..2 + body.len()).unwrap_or(&bytes);
    // It is not longer than the longest.
    Raw::new(bytes).unwrap_or(Raw::NONE)
}

/// # Errors
///
/// [`Errno::AFNOSUPPORT`]: `raw` is not of `family`.
pub(super) fn check(raw: &Raw, family: AddressFamily) -> Result<()> {
    if raw.family() == family && !raw.as_bytes().is_empty() {
        Ok(())
    } else {
        Err(Errno::AFNOSUPPORT)
    }
}

/// Takes `N` bytes off the front of `bytes`.
///
/// # Errors
///
/// [`Errno::AFNOSUPPORT`]: there are fewer, as of no address of the family.
pub(super) fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk().ok_or(Errno::AFNOSUPPORT)?;
    *bytes = rest;
    Ok(*first)
}
