//! Netlink sockets, by which the kernel answers requests and reports events: `netlink(7)`.
//!
//! - [`process`]: processes that fork, execute, change and end.
//! - [`diag`]: the UNIX sockets of the system.
//! - [`Socket`] and [`message`]: any other protocol.
//!
//! Messages of the kernel come from [`NetlinkAddress::KERNEL`]. Other processes can
//! send to a netlink socket, too: who asks the kernel looks at the sender.
//!
//! Left out are the protocols themselves beyond these two (routes, netfilter, audit
//! and others are for networks and administration), `NETLINK_PKTINFO`,
//! `NETLINK_BROADCAST_ERROR` and `NETLINK_LISTEN_ALL_NSID`, and rings in shared memory,
//! which the kernel has given up.
//!
//! # Examples
//!
//! ```
//! use rawipc::socket::RecvError;
//! use rawipc::socket::netlink::message::{self, Content, Flags, Messages};
//! use rawipc::socket::netlink::{NetlinkAddress, Protocol, Socket};
//!
//! // A message that does nothing but to be acknowledged.
//! let socket = Socket::open(Protocol::SOCK_DIAG)?;
//! let mut buffer = [0; 256];
//! let request = message::write(&mut buffer, 3, Flags::REQUEST | Flags::ACK, 7, &[])?;
//! socket.send_to(request, NetlinkAddress::KERNEL)?;
//!
//! let (len, from) = socket.recv(&mut buffer)?;
//! assert_eq!(from, NetlinkAddress::KERNEL);
//! let answer = Messages::new(&buffer[..len]).next().unwrap();
//! assert_eq!(answer.sequence, 7);
//! assert!(matches!(answer.content(), Content::Acknowledged(Ok(()))));
//! # Ok::<(), RecvError>(())
//! ```

pub mod diag;
pub mod message;
pub mod process;

use rustix::net::{self, AddressFamily, RecvFlags, SocketFlags, SocketType};

use super::address::{self, Address, Raw};
use super::error::RecvError;
use super::transfer::{self, descriptor, sending};
use crate::sys::socket::setsockopt;
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::{AsFd, Deadline, Errno, OwnedFd, Result};

/// The level of netlink's options.
const SOL_NETLINK: u32 = 270;

/// The address of a netlink socket: `netlink(7)`.
///
/// # Examples
///
/// ```
/// use rawipc::socket::netlink::{NetlinkAddress, Protocol, Socket};
///
/// let socket = Socket::open(Protocol::ROUTE)?;
/// let links = 1 << 0; // RTNLGRP_LINK is group 1
/// socket.bind(NetlinkAddress::new(0, links))?; // a port of the kernel's choice
/// let own: NetlinkAddress = rawipc::socket::address::local(&socket)?;
/// assert_eq!(own.groups, links);
/// assert_ne!(own.port, NetlinkAddress::KERNEL.port);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[doc(alias = "sockaddr_nl")]
pub struct NetlinkAddress {
    /// The port: the number of the socket in its protocol, mostly the process's number for the
    /// first socket of a process. 0 means the kernel; for binding, a port that the kernel
    /// chooses.
    pub port: u32,
    /// The multicast groups that the socket is in, or that a message is for: bit 0 is group 1.
    pub groups: u32,
}

impl NetlinkAddress {
    /// The kernel.
    pub const KERNEL: Self = Self::new(0, 0);

    /// Creates the address of the socket with port `port`, in `groups`.
    #[must_use]
    pub const fn new(port: u32, groups: u32) -> Self {
        Self { port, groups }
    }
}

/// The layout: family, two bytes of padding, port, groups.
impl Address for NetlinkAddress {
    fn to_raw(&self) -> Raw {
        let [a, b, c, d] = self.port.to_ne_bytes();
        let [e, f, g, h] = self.groups.to_ne_bytes();
        address::raw(AddressFamily::NETLINK, &[0, 0, a, b, c, d, e, f, g, h])
    }

    fn from_raw(raw: &Raw) -> Result<Self> {
        address::check(raw, AddressFamily::NETLINK)?;
        let mut body = raw.body();
        let [_, _] = address::take(&mut body)?;
        let port = u32::from_ne_bytes(address::take(&mut body)?);
        let groups = u32::from_ne_bytes(address::take(&mut body)?);
        Ok(Self { port, groups })
    }
}

/// A netlink protocol.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::socket::netlink::{Protocol, Socket};
///
/// match Socket::open(Protocol::GENERIC) {
///     Ok(_socket) => println!("generic netlink"),
///     Err(Errno::PROTONOSUPPORT) => println!("this kernel does not have it"),
///     Err(errno) => return Err(errno.into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Protocol(
    /// The kernel's number of the protocol.
    pub u32,
);

impl Protocol {
    /// Routes, links and addresses: `rtnetlink(7)`.
    pub const ROUTE: Self = Self(0);
    /// Communication between processes: groups that any process may join, and privileged ones
    /// send to.
    pub const USERSOCK: Self = Self(2);
    /// Sockets: `sock_diag(7)`, [`diag`].
    pub const SOCK_DIAG: Self = Self(4);
    /// Audit.
    pub const AUDIT: Self = Self(9);
    /// The connector, which [`process`] uses.
    pub const CONNECTOR: Self = Self(11);
    /// Netfilter.
    pub const NETFILTER: Self = Self(12);
    /// The device events that `udev(7)` receives.
    pub const KOBJECT_UEVENT: Self = Self(15);
    /// Generic netlink, whose families are found by name.
    pub const GENERIC: Self = Self(16);
}

/// A netlink socket: `netlink(7)`.
///
/// It keeps messages apart. The kernel does not wait for who does not receive: what a
/// full buffer ([`receive_buffer`](super::option::receive_buffer)) cannot hold is
/// lost, and receiving fails once with [`Errno::NOBUFS`].
///
/// # Examples
///
/// Hears of network interfaces that come and go:
///
/// ```
/// use rawipc::Errno;
/// use rawipc::socket::netlink::{Protocol, Socket, message::Messages};
/// use rawipc::socket::RecvError;
///
/// let socket = Socket::open(Protocol::ROUTE)?;
/// socket.join(1)?; // RTNLGRP_LINK
/// let mut buffer = [0; 8192];
/// match socket.try_recv(&mut buffer) {
///     Ok((len, _kernel)) => println!("{} events", Messages::new(&buffer[..len]).count()),
///     Err(RecvError::Refused(Errno::AGAIN)) => println!("nothing has changed"),
///     Err(RecvError::Refused(Errno::NOBUFS)) => println!("events are lost"),
///     Err(error) => return Err(error.into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Socket(OwnedFd);

descriptor!(Socket);

impl Socket {
    /// Creates a netlink socket, close-on-exec: `socket(2)`. The kernel assigns its port when
    /// it first sends.
    ///
    /// # Errors
    ///
    /// [`Errno::PROTONOSUPPORT`], [`Errno::AFNOSUPPORT`]: the kernel does not support it.
    /// [`Errno::MFILE`], [`Errno::NFILE`]: no descriptor left.
    pub fn open(protocol: Protocol) -> Result<Self> {
        net::socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            core::num::NonZeroU32::new(protocol.0).map(net::Protocol::from_raw),
        )
        .map(Self)
    }

    /// Sets the port and joins groups: `bind(2)`.
    ///
    /// # Errors
    ///
    /// [`Errno::ADDRINUSE`]: another socket has the number.
    /// [`Errno::PERM`]: the groups need privilege.
    pub fn bind(&self, address: NetlinkAddress) -> Result<()> {
        net::bind(self, &address.to_raw())
    }

    /// Joins the multicast group `group`: `NETLINK_ADD_MEMBERSHIP` of `netlink(7)`. Groups
    /// above 32 have no bit in an address.
    ///
    /// A socket that has no number yet hears nothing from other processes:
    /// [`bind`](Self::bind) it before.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: the protocol has no such group. [`Errno::PERM`]: it needs
    /// privilege.
    #[doc(alias = "NETLINK_ADD_MEMBERSHIP")]
    pub fn join(&self, group: u32) -> Result<()> {
        self.set(1, group)
    }

    /// Leaves the multicast group `group`: `NETLINK_DROP_MEMBERSHIP` of `netlink(7)`.
    ///
    /// # Errors
    ///
    /// Those of [`join`](Self::join).
    #[doc(alias = "NETLINK_DROP_MEMBERSHIP")]
    pub fn leave(&self, group: u32) -> Result<()> {
        self.set(2, group)
    }

    /// Sets whether messages are lost silently, instead of being reported with
    /// [`Errno::NOBUFS`]: `NETLINK_NO_ENOBUFS` of `netlink(7)`.
    ///
    /// # Errors
    ///
    /// None that a program acts on.
    #[doc(alias = "NETLINK_NO_ENOBUFS")]
    pub fn set_no_enobufs(&self, lossy: bool) -> Result<()> {
        self.set(5, lossy.into())
    }

    /// Sets whether error messages omit the payload of the failed request: `NETLINK_CAP_ACK` of
    /// `netlink(7)`.
    ///
    /// # Errors
    ///
    /// None that a program acts on.
    #[doc(alias = "NETLINK_CAP_ACK")]
    pub fn set_cap_ack(&self, short: bool) -> Result<()> {
        self.set(10, short.into())
    }

    /// Sets whether error messages carry attributes that say more: `NETLINK_EXT_ACK` of
    /// `netlink(7)`.
    ///
    /// # Errors
    ///
    /// None that a program acts on.
    #[doc(alias = "NETLINK_EXT_ACK")]
    pub fn set_ext_ack(&self, long: bool) -> Result<()> {
        self.set(11, long.into())
    }

    /// Sets whether the kernel refuses requests with unknown fields, instead of ignoring these:
    /// `NETLINK_GET_STRICT_CHK` of `netlink(7)`.
    ///
    /// # Errors
    ///
    /// [`Errno::NOPROTOOPT`]: the kernel is older than 4.20.
    #[doc(alias = "NETLINK_GET_STRICT_CHK")]
    pub fn set_strict(&self, strict: bool) -> Result<()> {
        self.set(12, strict.into())
    }

    fn set(&self, option: u32, value: u32) -> Result<()> {
        setsockopt(self.as_fd(), SOL_NETLINK, option, &value)
    }

    /// Sends one message, or several that are [written](message::write) one after another:
    /// `sendto(2)`. The kernel acts on a request before the call returns.
    ///
    /// # Errors
    ///
    /// - [`Errno::CONNREFUSED`]: nobody has the number. A message for groups goes there
    ///   too, and has gone to the groups when this is said.
    /// - [`Errno::PERM`]: sending to another process, or to a group, needs privilege.
    /// - [`Errno::MSGSIZE`]: longer than the buffer can hold.
    /// - [`Errno::INTR`]: it was [interrupted](crate#interruptions) before another
    ///   process had room.
    #[doc(alias = "sendto")]
    pub fn send_to(&self, message: &[u8], to: NetlinkAddress) -> Result<()> {
        self.send_to_with(message, to, Blocking)
    }

    /// Like [`send_to`](Self::send_to), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// Those of [`send_to`](Self::send_to), and [`Errno::AGAIN`]: the other has no room.
    pub fn try_send_to(&self, message: &[u8], to: NetlinkAddress) -> Result<()> {
        self.send_to_with(message, to, Try)
    }

    fn send_to_with(&self, message: &[u8], to: NetlinkAddress, patience: Patience) -> Result<()> {
        let to = to.to_raw();
        sending(self.as_fd(), patience, |flags| {
            net::sendto(self, message, flags, &to).map(drop)
        })
    }

    /// Receives one datagram, which may hold several [messages](message::Messages), into the
    /// beginning of `buffer`, and returns its length and its sender: `recvfrom(2)`.
    ///
    /// # Errors
    ///
    /// [`RecvError::Truncated`]: the datagram is longer than `buffer`, and the rest is
    /// gone. Answers of the kernel have up to 32 KiB, as large as the buffers that it
    /// has seen.
    ///
    /// [`Errno::NOBUFS`]: messages were lost; said once.
    ///
    /// [`Errno::INTR`]: it was [interrupted](crate#interruptions) before one came.
    #[doc(alias = "recvfrom")]
    pub fn recv(&self, buffer: &mut [u8]) -> Result<(usize, NetlinkAddress), RecvError> {
        self.recv_with(buffer, Blocking)
    }

    /// Like [`recv`](Self::recv), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv), and [`Errno::AGAIN`]: there is none.
    pub fn try_recv(&self, buffer: &mut [u8]) -> Result<(usize, NetlinkAddress), RecvError> {
        self.recv_with(buffer, Try)
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
    ) -> Result<(usize, NetlinkAddress), RecvError> {
        self.recv_with(buffer, Until(deadline))
    }

    fn recv_with(
        &self,
        buffer: &mut [u8],
        patience: Patience,
    ) -> Result<(usize, NetlinkAddress), RecvError> {
        let mut from = Raw::NONE;
        let how = RecvFlags::TRUNC;
        let received = transfer::recv(self.as_fd(), buffer, Some(&mut from), how, patience)?;
        let len = received.map_or(0, |received| received.len);
        Ok((len, NetlinkAddress::from_raw(&from)?))
    }

    /// Like [`recv_with`](Self::recv_with), but until a datagram comes from the kernel, and
    /// returns it.
    fn recv_from_kernel<'a>(
        &self,
        buffer: &'a mut [u8],
        patience: Patience,
    ) -> Result<&'a [u8], RecvError> {
        loop {
            let (len, from) = match self.recv_with(buffer, patience) {
                // It does not matter how long what somebody else sent was, but the
                // sender is not known here: the kernel keeps within what is asked.
                Err(RecvError::Truncated { .. }) => return Err(Errno::MSGSIZE.into()),
                result => result?,
            };
            if from.port == 0 {
                return Ok(buffer.get(..len).unwrap_or_default());
            }
        }
    }
}
