//! Options of a socket: `socket(7)`, `unix(7)`, `tcp(7)`, `ipv6(7)`.
//!
//! They belong to the socket, not to the descriptor: every process that has it
//! sees them change. [`set_inherited`] alone is the descriptor's.
//!
//! # Left out
//!
//! - `SO_RCVTIMEO`, `SO_SNDTIMEO`: a deadline says it for one call, not for everybody.
//! - `SO_RCVLOWAT`: [`Stream::recv_exact`](super::Stream::recv_exact).
//!   `SO_SNDLOWAT`: Linux does not let it be changed.
//! - `SO_BINDTODEVICE`, `SO_BROADCAST`, `SO_DONTROUTE`, `SO_MARK`, `SO_PRIORITY`,
//!   `SO_BUSY_POLL`, `SO_TIMESTAMP` and its like, `SO_TXTIME`, filters, multicast,
//!   type of service, and more of TCP: for networks, not between processes; rustix has
//!   most of them, on the same descriptors.
//! - `SO_INQ`, `TCP_INQ`: [`Stream::bytes_waiting`](super::Stream::bytes_waiting).
//! - `SO_ZEROCOPY`: loopback copies all the same.
//! - `SO_DEBUG`, `SO_BSDCOMPAT`: they do nothing for a program.

mod peer;
mod tcp;

use linux_raw_sys::net::{
    IPPROTO_IPV6, IPV6_V6ONLY, SO_ACCEPTCONN, SO_COOKIE, SO_DOMAIN, SO_ERROR, SO_OOBINLINE,
    SO_PEEK_OFF, SO_PROTOCOL, SO_RCVBUF, SO_RCVBUFFORCE, SO_REUSEADDR, SO_REUSEPORT, SO_SNDBUF,
    SO_SNDBUFFORCE, SO_TYPE, SOL_SOCKET,
};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};

use super::address::Family;
use crate::sys::socket::{getsockopt, setsockopt};
use crate::{AsFd, Errno, Result};

pub use peer::{
    peer_credentials, peer_groups, peer_label, peer_pidfd, set_pass_credentials, set_pass_label,
    set_pass_pidfd, set_pass_rights,
};
pub use tcp::{
    KeepAlive, keep_alive, keep_alive_timing, linger, no_delay, set_keep_alive,
    set_keep_alive_timing, set_linger, set_no_delay, set_user_timeout, user_timeout,
};

/// Sets whether the plain calls return [`Errno::AGAIN`] instead of blocking: `O_NONBLOCK` of
/// `fcntl(2)`. Event loops want it; the `try_` and `_until` calls do not need it.
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

/// Sets whether the descriptor stays open when this process executes another program, which is
/// off at first for all that this crate creates: `FD_CLOEXEC` of `fcntl(2)`.
///
/// # Errors
///
/// None that a program acts on.
#[doc(alias = "FD_CLOEXEC")]
pub fn set_inherited(socket: impl AsFd, inherited: bool) -> Result<()> {
    let mut flags = fcntl_getfd(&socket)?;
    flags.set(FdFlags::CLOEXEC, !inherited);
    fcntl_setfd(&socket, flags)
}

/// Returns the size of the send buffer: how many bytes may be sent and not yet received,
/// including the kernel's overhead: `SO_SNDBUF` of `socket(7)`.
///
/// It is the only buffer of a UNIX socket, and also bounds the length of a message.
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

/// Sets the [`send_buffer`] to twice `size`, as the kernel counts its overhead in, between its
/// minimum and `/proc/sys/net/core/wmem_max`.
///
/// # Errors
///
/// None that a program acts on.
pub fn set_send_buffer(socket: impl AsFd, size: usize) -> Result<()> {
    set_size(socket, SO_SNDBUF, size)
}

/// Returns the size of the receive buffer, which UNIX sockets do not use: `SO_RCVBUF` of
/// `socket(7)`.
///
/// # Errors
///
/// None that a program acts on.
#[doc(alias = "SO_RCVBUF")]
pub fn receive_buffer(socket: impl AsFd) -> Result<usize> {
    size(socket, SO_RCVBUF)
}

/// Sets the [`receive_buffer`] to twice `size`, at most twice `/proc/sys/net/core/rmem_max`.
///
/// # Errors
///
/// None that a program acts on.
pub fn set_receive_buffer(socket: impl AsFd, size: usize) -> Result<()> {
    set_size(socket, SO_RCVBUF, size)
}

/// Like [`set_send_buffer`], but ignores the system's limit: `SO_SNDBUFFORCE` of `socket(7)`.
///
/// # Errors
///
/// [`Errno::PERM`]: that needs `CAP_NET_ADMIN`.
#[doc(alias = "SO_SNDBUFFORCE")]
pub fn force_send_buffer(socket: impl AsFd, size: usize) -> Result<()> {
    set_size(socket, SO_SNDBUFFORCE, size)
}

/// Like [`set_receive_buffer`], but ignores the system's limit: `SO_RCVBUFFORCE` of
/// `socket(7)`.
///
/// # Errors
///
/// [`Errno::PERM`]: that needs `CAP_NET_ADMIN`.
#[doc(alias = "SO_RCVBUFFORCE")]
pub fn force_receive_buffer(socket: impl AsFd, size: usize) -> Result<()> {
    set_size(socket, SO_RCVBUFFORCE, size)
}

fn size(socket: impl AsFd, name: u32) -> Result<usize> {
    number(socket, SOL_SOCKET, name).map(|size| size as usize)
}

fn set_size(socket: impl AsFd, name: u32, size: usize) -> Result<()> {
    // The kernel reads a signed number and clamps it to the system's limit.
    let size = i32::try_from(size).unwrap_or(i32::MAX);
    setsockopt(socket.as_fd(), SOL_SOCKET, name, &size)
}

fn number(socket: impl AsFd, level: u32, name: u32) -> Result<u32> {
    getsockopt(socket.as_fd(), level, name)
}

fn is_on(socket: impl AsFd, name: u32) -> Result<bool> {
    number(socket, SOL_SOCKET, name).map(|number| number != 0)
}

fn switch(socket: impl AsFd, name: u32, on: bool) -> Result<()> {
    setsockopt(socket.as_fd(), SOL_SOCKET, name, &u32::from(on))
}

/// Returns the offset at which peeking starts; `None`: at the first byte in the queue:
/// `SO_PEEK_OFF` of `socket(7)`.
///
/// # Errors
///
/// [`Errno::OPNOTSUPP`]: the family has none.
#[doc(alias = "SO_PEEK_OFF")]
pub fn peek_offset(socket: impl AsFd) -> Result<Option<u32>> {
    let offset: i32 = getsockopt(socket.as_fd(), SOL_SOCKET, SO_PEEK_OFF)?;
    Ok(u32::try_from(offset).ok())
}

/// Sets the [`peek_offset`]. Peeking then moves it forward, and receiving back.
///
/// # Errors
///
/// [`Errno::OPNOTSUPP`]: the family has none. [`Errno::INVAL`]: more than `i32::MAX`.
///
/// # Examples
///
/// ```
/// use rawipc::socket::{option, stream};
///
/// let (ours, theirs) = stream::pair()?;
/// ours.send(b"hello")?;
/// option::set_peek_offset(&theirs, Some(0))?;
/// let mut buffer = [0; 3];
/// assert_eq!(theirs.peek(&mut buffer)?, 3);
/// assert_eq!(theirs.peek(&mut buffer)?, 2);
/// assert_eq!(&buffer[..2], b"lo");
/// # Ok::<(), rawipc::Errno>(())
/// ```
pub fn set_peek_offset(socket: impl AsFd, offset: Option<u32>) -> Result<()> {
    let offset = match offset {
        None => -1,
        Some(offset) => i32::try_from(offset).map_err(|_| Errno::INVAL)?,
    };
    setsockopt(socket.as_fd(), SOL_SOCKET, SO_PEEK_OFF, &offset)
}

/// Returns the family of the socket: `SO_DOMAIN` of `socket(7)`.
///
/// # Errors
///
/// [`Errno::NOTSOCK`]: it is something else.
#[doc(alias = "SO_DOMAIN")]
pub fn family(socket: impl AsFd) -> Result<Family> {
    let family = number(socket, SOL_SOCKET, SO_DOMAIN)?;
    Ok(Family::from_raw(family as u16))
}

/// The type of a socket, as [`kind`] returns it: `SO_TYPE` of `socket(7)`.
///
/// # Examples
///
/// ```
/// use rawipc::socket::option::{self, Kind};
/// use rawipc::socket::{datagram, seqpacket};
///
/// let (one, _other) = datagram::pair()?;
/// assert_eq!(option::kind(&one)?, Kind::Datagram);
/// let (one, _other) = seqpacket::pair()?;
/// assert_eq!(option::kind(&one)?, Kind::Seqpacket);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// `SOCK_STREAM`.
    Stream,
    /// `SOCK_DGRAM`.
    Datagram,
    /// `SOCK_RAW`, also of netlink.
    Raw,
    /// `SOCK_SEQPACKET`.
    Seqpacket,
    /// Another type, by its number.
    Other(u32),
}

impl Kind {
    pub(super) fn from_raw(raw: u32) -> Self {
        match raw {
            1 => Self::Stream,
            2 => Self::Datagram,
            3 => Self::Raw,
            5 => Self::Seqpacket,
            other => Self::Other(other),
        }
    }
}

/// Returns the type of the socket: `SO_TYPE` of `socket(7)`.
///
/// # Errors
///
/// [`Errno::NOTSOCK`]: it is something else.
///
/// # Examples
///
/// ```
/// use rawipc::socket::{option, seqpacket};
///
/// let (ours, _theirs) = seqpacket::pair()?;
/// assert_eq!(option::kind(&ours)?, option::Kind::Seqpacket);
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "SO_TYPE")]
pub fn kind(socket: impl AsFd) -> Result<Kind> {
    number(socket, SOL_SOCKET, SO_TYPE).map(Kind::from_raw)
}

/// Returns the number of the protocol, 0 if the family has only one: `SO_PROTOCOL` of
/// `socket(7)`.
///
/// # Errors
///
/// [`Errno::NOTSOCK`]: it is something else.
#[doc(alias = "SO_PROTOCOL")]
pub fn protocol(socket: impl AsFd) -> Result<u32> {
    number(socket, SOL_SOCKET, SO_PROTOCOL)
}

/// Returns whether the socket listens: `SO_ACCEPTCONN` of `socket(7)`.
///
/// # Errors
///
/// [`Errno::NOTSOCK`]: it is something else.
#[doc(alias = "SO_ACCEPTCONN")]
pub fn is_listening(socket: impl AsFd) -> Result<bool> {
    is_on(socket, SO_ACCEPTCONN)
}

/// Returns the socket's cookie, a number that no other socket has had since the system started:
/// `SO_COOKIE`, Linux 4.12. It identifies the socket in
/// [`netlink::diag`](super::netlink::diag).
///
/// # Errors
///
/// [`Errno::NOTSOCK`]: it is something else.
#[doc(alias = "SO_COOKIE")]
pub fn cookie(socket: impl AsFd) -> Result<u64> {
    getsockopt(socket.as_fd(), SOL_SOCKET, SO_COOKIE)
}

/// Returns the error that the next call would report, and clears it: `SO_ERROR` of `socket(7)`.
///
/// # Errors
///
/// [`Errno::NOTSOCK`]: it is something else.
#[doc(alias = "SO_ERROR")]
pub fn take_error(socket: impl AsFd) -> Result<Option<Errno>> {
    let errno: i32 = getsockopt(socket.as_fd(), SOL_SOCKET, SO_ERROR)?;
    Ok(match errno {
        1..=4095 => Some(Errno::from_raw_os_error(errno)),
        _ => None,
    })
}

/// Returns whether binding takes an address that recently closed connections still use:
/// `SO_REUSEADDR` of `socket(7)`.
///
/// # Errors
///
/// None that a program acts on.
#[doc(alias = "SO_REUSEADDR")]
pub fn reuse_address(socket: impl AsFd) -> Result<bool> {
    is_on(socket, SO_REUSEADDR)
}

/// Sets [`reuse_address`], for binding later, or for other sockets that bind to the same
/// address: [`BindOptions::reuse_address`](super::BindOptions::reuse_address).
///
/// # Errors
///
/// None that a program acts on.
pub fn set_reuse_address(socket: impl AsFd, reuse: bool) -> Result<()> {
    switch(socket, SO_REUSEADDR, reuse)
}

/// Returns whether other sockets of this user may bind to the same address: `SO_REUSEPORT` of
/// `socket(7)`.
///
/// # Errors
///
/// None that a program acts on.
#[doc(alias = "SO_REUSEPORT")]
pub fn reuse_port(socket: impl AsFd) -> Result<bool> {
    is_on(socket, SO_REUSEPORT)
}

/// Sets [`reuse_port`], for binding later:
/// [`BindOptions::reuse_port`](super::BindOptions::reuse_port).
///
/// # Errors
///
/// [`Errno::OPNOTSUPP`]: the family has none (UNIX sockets, since Linux 6.12).
pub fn set_reuse_port(socket: impl AsFd, reuse: bool) -> Result<()> {
    switch(socket, SO_REUSEPORT, reuse)
}

/// Returns whether an IPv6 socket refuses IPv4 traffic: `IPV6_V6ONLY` of `ipv6(7)`.
/// [`BindOptions::only_v6`](super::BindOptions::only_v6) sets it.
///
/// # Errors
///
/// [`Errno::NOPROTOOPT`], [`Errno::OPNOTSUPP`]: it is no IPv6 socket.
#[doc(alias = "IPV6_V6ONLY")]
pub fn only_v6(socket: impl AsFd) -> Result<bool> {
    number(socket, IPPROTO_IPV6 as u32, IPV6_V6ONLY).map(|number| number != 0)
}

/// Returns whether out-of-band bytes are received among the others: `SO_OOBINLINE` of
/// `socket(7)`.
///
/// # Errors
///
/// None that a program acts on.
#[doc(alias = "SO_OOBINLINE")]
pub fn oob_inline(socket: impl AsFd) -> Result<bool> {
    is_on(socket, SO_OOBINLINE)
}

/// Sets [`oob_inline`].
///
/// # Errors
///
/// None that a program acts on.
pub fn set_oob_inline(socket: impl AsFd, inline: bool) -> Result<()> {
    switch(socket, SO_OOBINLINE, inline)
}
