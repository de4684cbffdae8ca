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

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use rustix::fs::{AtFlags, CWD, FileType, Stat, statat, unlinkat};
use rustix::net::AddressFamily;

use crate::maker::Maker;
use crate::sys::address::{getpeername, getsockname};
use crate::{Arg, AsFd, Errno, Result};

pub use crate::sys::address::Raw;
/// What kind of address a socket has: `AF_UNIX`, `AF_INET`, and so on.
#[doc(inline)]
pub use rustix::net::AddressFamily as Family;

/// The address of a socket of some family.
///
/// Types of other families may implement it.
pub trait Address: Sized {
    /// In the bytes that system calls take.
    fn to_raw(&self) -> Raw;

    /// From the bytes that a system call gave.
    ///
    /// # Errors
    ///
    /// [`Errno::AFNOSUPPORT`]: an address of another family, or none.
    fn from_raw(raw: &Raw) -> Result<Self>;
}

/// The address of `socket`, as others see it: `getsockname(2)`.
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

/// The address of the peer of `socket`: `getpeername(2)`.
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

/// The longest name of a UNIX socket: the kernel's `UNIX_PATH_MAX`.
const NAME_SIZE: usize = 108;

/// The address of a UNIX socket: `unix(7)`.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::socket::address::{Name, UnixAddress};
///
/// let address = UnixAddress::pathname("/run/example.socket")?;
/// assert_eq!(address.name(), Name::Pathname(b"/run/example.socket"));
/// assert_eq!(UnixAddress::pathname("a\0b"), Err(Errno::INVAL));
/// assert_eq!(UnixAddress::pathname(""), Err(Errno::NOENT));
/// assert_eq!(UnixAddress::pathname("x".repeat(109)), Err(Errno::NAMETOOLONG));
/// # Ok::<(), Errno>(())
/// ```
#[derive(Clone, Copy)]
#[doc(alias = "sockaddr_un")]
pub struct UnixAddress {
    /// A pathname without its NUL; an abstract name with its NUL in front; zeros.
    bytes: [u8; NAME_SIZE],
    len: u8,
}

/// What the address of a UNIX socket is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Name<'a> {
    /// None: of a pair, or of a client that took none.
    Unnamed,
    /// The path of a file, without a NUL.
    Pathname(&'a [u8]),
    /// A name that is in no file system, without the NUL in front. NUL bytes in it
    /// are bytes like others.
    Abstract(&'a [u8]),
}

impl UnixAddress {
    /// No name. To bind to it takes an abstract name that is free, which the kernel
    /// chooses: five hexadecimal digits, see [`local`].
    #[doc(alias = "autobind")]
    pub const UNNAMED: Self = Self {
        bytes: [0; NAME_SIZE],
        len: 0,
    };

    /// The address with the name `path` in the file system.
    ///
    /// A name of exactly 108 bytes is fine for Linux; C programs that ask for it may
    /// find it without the NUL that they expect at its end.
    ///
    /// # Errors
    ///
    /// [`Errno::NOENT`]: the path is empty. [`Errno::INVAL`]: it has a NUL byte.
    /// [`Errno::NAMETOOLONG`]: it has more than 108 bytes.
    pub fn pathname(path: impl Arg) -> Result<Self> {
        path.into_with_c_str(|path| match path.to_bytes() {
            [] => Err(Errno::NOENT),
            path => Self::new(&[], path),
        })
    }

    /// The address with the abstract name `name`, of at most 107 bytes, none of which
    /// is special. The NUL byte in front is not part of it.
    ///
    /// # Errors
    ///
    /// [`Errno::NAMETOOLONG`].
    pub fn abstract_name(name: &[u8]) -> Result<Self> {
        Self::new(b"\0", name)
    }

    fn new(front: &[u8], name: &[u8]) -> Result<Self> {
        let mut new = Self::UNNAMED;
        let len = front.len() + name.len();
        let Some(slot) = new.bytes.get_mut(front.len()..len) else {
            return Err(Errno::NAMETOOLONG);
        };
        // What is in front is a NUL, which is there.
        slot.copy_from_slice(name);
        new.len = len as u8;
        Ok(new)
    }

    /// What kind of address it is, and its name.
    #[must_use]
    pub fn name(&self) -> Name<'_> {
        match self.bytes.get(..usize::from(self.len)) {
            Some([0, name @ ..]) => Name::Abstract(name),
            None | Some([]) => Name::Unnamed,
            Some(path) => Name::Pathname(path),
        }
    }

    /// From the name as the kernel writes it: the body of its address.
    pub(super) fn from_kernel(bytes: &[u8]) -> Result<Self> {
        match bytes {
            [] => Ok(Self::UNNAMED),
            [0, name @ ..] => Self::abstract_name(name),
            // It counts a NUL that ends the path, but not of the longest.
            path => Self::new(&[], path.split(|byte| *byte == 0).next().unwrap_or(path)),
        }
    }

    pub(super) fn path(&self) -> Option<&[u8]> {
        match self.name() {
            Name::Pathname(path) => Some(path),
            _ => None,
        }
    }
}

impl PartialEq for UnixAddress {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for UnixAddress {}

impl core::hash::Hash for UnixAddress {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl fmt::Debug for UnixAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name().fmt(f)
    }
}

/// A path as it is; an abstract name with `@` in front, as `ss(8)` prints it; bytes
/// that are no text escaped.
impl fmt::Display for UnixAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Name::Unnamed => f.write_str("(unnamed)"),
            Name::Pathname(path) => write_bytes(f, path),
            Name::Abstract(name) => {
                f.write_str("@")?;
                write_bytes(f, name)
            }
        }
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = match *self {
            Self::Unnamed => return f.write_str("Unnamed"),
            Self::Pathname(path) => ("Pathname", path),
            Self::Abstract(name) => ("Abstract", name),
        };
        write!(f, "{kind}(\"")?;
        write_bytes(f, name)?;
        f.write_str("\")")
    }
}

fn write_bytes(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() {
                write!(f, "{}", character.escape_default())?;
            } else {
                fmt::Write::write_char(f, character)?;
            }
        }
        write!(f, "{}", chunk.invalid().escape_ascii())?;
    }
    Ok(())
}

impl Address for UnixAddress {
    fn to_raw(&self) -> Raw {
        let len = usize::from(self.len);
        // The NUL at the end of a path, where there is room for it.
        let len = match self.name() {
            Name::Pathname(_) => (len + 1).min(NAME_SIZE),
            _ => len,
        };
        raw(
            AddressFamily::UNIX,
            self.bytes.get(..len).unwrap_or_default(),
        )
    }

    fn from_raw(raw: &Raw) -> Result<Self> {
        // Sockets without a name are also said to have no address at all.
        if raw.as_bytes().is_empty() {
            return Ok(Self::UNNAMED);
        }
        check(raw, AddressFamily::UNIX)?;
        Self::from_kernel(raw.body())
    }
}

impl Address for SocketAddrV4 {
    fn to_raw(&self) -> Raw {
        let mut body = [0; 14];
        let (port, rest) = body.split_at_mut(2);
        port.copy_from_slice(&self.port().to_be_bytes());
        for (slot, byte) in rest.iter_mut().zip(self.ip().octets()) {
            *slot = byte;
        }
        raw(AddressFamily::INET, &body)
    }

    fn from_raw(raw: &Raw) -> Result<Self> {
        check(raw, AddressFamily::INET)?;
        let mut body = raw.body();
        let port = u16::from_be_bytes(take(&mut body)?);
        let ip: [u8; 4] = take(&mut body)?;
        Ok(Self::new(Ipv4Addr::from(ip), port))
    }
}

impl Address for SocketAddrV6 {
    fn to_raw(&self) -> Raw {
        let parts: [&[u8]; 4] = [
            &self.port().to_be_bytes(),
            // What `core` calls the number of the flow is in the order of the wire.
            &self.flowinfo().to_be_bytes(),
            &self.ip().octets(),
            &self.scope_id().to_ne_bytes(),
        ];
        let mut body = [0; 26];
        let bytes = parts.into_iter().flatten();
        for (slot, byte) in body.iter_mut().zip(bytes) {
            *slot = *byte;
        }
        raw(AddressFamily::INET6, &body)
    }

    fn from_raw(raw: &Raw) -> Result<Self> {
        check(raw, AddressFamily::INET6)?;
        let mut body = raw.body();
        let port = u16::from_be_bytes(take(&mut body)?);
        let flow = u32::from_be_bytes(take(&mut body)?);
        let ip: [u8; 16] = take(&mut body)?;
        let scope = u32::from_ne_bytes(take(&mut body)?);
        Ok(Self::new(Ipv6Addr::from(ip), port, flow, scope))
    }
}

impl Address for SocketAddr {
    fn to_raw(&self) -> Raw {
        match self {
            Self::V4(address) => address.to_raw(),
            Self::V6(address) => address.to_raw(),
        }
    }

    fn from_raw(raw: &Raw) -> Result<Self> {
        if raw.family() == AddressFamily::INET6 {
            SocketAddrV6::from_raw(raw).map(Self::V6)
        } else {
            SocketAddrV4::from_raw(raw).map(Self::V4)
        }
    }
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

/// Removes the file of a socket when it is dropped: `unlink(2)`.
///
/// It removes what it has seen when it was made, and nothing that has taken the
/// name since, except in the moment between looking and removing. A process that was
/// forked meanwhile removes nothing. A process that is killed leaves the file:
/// [`BindOptions::replace_stale`](super::BindOptions::replace_stale) is for the next.
///
/// # Examples
///
/// ```
/// use rawipc::socket::address::{RemoveOnDrop, UnixAddress};
/// use rawipc::socket::stream;
///
/// let path = std::env::temp_dir().join(format!("rawipc-doc-remove-{}", std::process::id()));
/// let address = UnixAddress::pathname(&path)?;
/// let listener = stream::listen(&address)?;
/// let file = RemoveOnDrop::new(&address)?;
/// assert!(path.exists());
/// drop(file);
/// assert!(!path.exists());
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[derive(Debug)]
pub struct RemoveOnDrop {
    address: UnixAddress,
    device: u64,
    inode: u64,
    maker: Maker,
}

impl RemoveOnDrop {
    /// Looks at the file of the socket that is bound to `address`.
    ///
    /// A relative pathname is looked up in the directory that is the current one when
    /// it is dropped.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: the address is no pathname. [`Errno::NOTSOCK`]: the file is
    /// no socket. Those of `stat(2)`: [`Errno::NOENT`], [`Errno::ACCESS`].
    pub fn new(address: &UnixAddress) -> Result<Self> {
        let stat = stat(address)?;
        Ok(Self {
            address: *address,
            device: stat.st_dev,
            inode: stat.st_ino,
            maker: Maker::current(),
        })
    }

    /// Lets the file be.
    pub fn keep(self) {
        core::mem::forget(self);
    }
}

impl Drop for RemoveOnDrop {
    fn drop(&mut self) {
        if !self.maker.is_current() {
            return;
        }
        if let (Ok(stat), Some(path)) = (stat(&self.address), self.address.path())
            && same(&stat, self.device, self.inode)
        {
            // Nobody could be told.
            let _ = unlinkat(CWD, path, AtFlags::empty());
        }
    }
}

/// The file of the socket at `address`.
pub(super) fn stat(address: &UnixAddress) -> Result<Stat> {
    let path = address.path().ok_or(Errno::INVAL)?;
    let stat = statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Socket => Ok(stat),
        _ => Err(Errno::NOTSOCK),
    }
}

pub(super) fn same(stat: &Stat, device: u64, inode: u64) -> bool {
    (stat.st_dev, stat.st_ino) == (device, inode)
}
