//! The UNIX sockets of this network namespace, as the kernel lists them:
//! `sock_diag(7)`.
//!
//! ```
//! use rawipc::socket::netlink::diag::{Diag, Show, States};
//! use rawipc::socket::{UnixAddress, option, stream};
//!
//! let listener = stream::listen(&UnixAddress::UNNAMED)?;
//! let diag = match Diag::open() {
//!     // A kernel without it.
//!     Err(rawipc::Errno::PROTONOSUPPORT) => return Ok(()),
//!     diag => diag?,
//! };
//! let mut buffer = [0; 8192];
//! let mut list = diag.list(States::LISTENING, Show::NAME, &mut buffer)?;
//! let mut found = false;
//! while let Some(record) = list.next()? {
//!     if record.cookie == option::cookie(&listener)? {
//!         assert_eq!(record.name(), Some(listener.address()?));
//!         found = true;
//!     }
//! }
//! assert!(found);
//! # Ok::<(), rawipc::Errno>(())
//! ```

use bitflags::bitflags;
use rustix::net::AddressFamily;

use super::super::address::UnixAddress;
use super::super::message::Uid;
use super::super::option::Kind;
use super::message::{Attributes, Content, Fields, Flags, Messages, write};
use super::{NetlinkAddress, Protocol, Socket};
use crate::guard::maker::Maker;
use crate::wait::patience::Patience::Blocking;
use crate::{AsFd, BorrowedFd, Errno, Result};

/// `SOCK_DIAG_BY_FAMILY`.
const BY_FAMILY: u16 = 20;

/// The attributes of an answer.
const NAME: u16 = 0;
const VFS: u16 = 1;
const PEER: u16 = 2;
const PENDING: u16 = 3;
const QUEUE: u16 = 4;
const MEMORY: u16 = 5;
const SHUTDOWN: u16 = 6;
const UID: u16 = 7;

/// What stands for any socket with the number.
const ANY_COOKIE: u64 = u64::MAX;

bitflags! {
    /// The states of sockets that a list includes.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::Errno;
    /// use rawipc::socket::netlink::diag::{Diag, Show, States};
    ///
    /// let diag = match Diag::open() {
    ///     Err(Errno::PROTONOSUPPORT) => return Ok(()), // a kernel without it
    ///     diag => diag?,
    /// };
    /// let (mut buffer, mut count) = ([0; 8192], 0);
    /// let wanted = States::ESTABLISHED | States::LISTENING;
    /// let mut list = diag.list(wanted, Show::empty(), &mut buffer)?;
    /// while list.next()?.is_some() {
    ///     count += 1;
    /// }
    /// println!("{count} UNIX sockets are connected or listen");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct States: u32 {
        /// Connected.
        const ESTABLISHED = 1 << 1;
        /// Not connected; includes datagram sockets that are bound.
        const UNCONNECTED = 1 << 7;
        /// Listening.
        const LISTENING = 1 << 10;
        const _ = !0;
    }
}

bitflags! {
    /// The properties of each socket that a list reports.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::Errno;
    /// use rawipc::socket::netlink::diag::{Diag, Show, States};
    ///
    /// let diag = match Diag::open() {
    ///     Err(Errno::PROTONOSUPPORT) => return Ok(()), // a kernel without it
    ///     diag => diag?,
    /// };
    /// let mut buffer = [0; 8192];
    /// let mut list = diag.list(States::LISTENING, Show::NAME | Show::QUEUE, &mut buffer)?;
    /// while let Some(record) = list.next()? {
    ///     // What was not asked for is `None`.
    ///     println!("{:?}: {:?}, {:?}", record.name(), record.queue(), record.memory());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Show: u32 {
        /// [`Record::name`].
        const NAME = 0x1;
        /// [`Record::file`].
        const FILE = 0x2;
        /// [`Record::peer`].
        const PEER = 0x4;
        /// [`Record::pending`].
        const PENDING = 0x8;
        /// [`Record::queue`].
        const QUEUE = 0x10;
        /// [`Record::memory`].
        const MEMORY = 0x20;
        /// [`Record::uid`]; Linux 5.3.
        const UID = 0x40;
        const _ = !0;
    }
}

/// The state of a UNIX socket.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::socket::netlink::diag::{Diag, Show, State, States};
///
/// let diag = match Diag::open() {
///     Err(Errno::PROTONOSUPPORT) => return Ok(()), // a kernel without it
///     diag => diag?,
/// };
/// let mut buffer = [0; 8192];
/// let mut list = diag.list(States::all(), Show::empty(), &mut buffer)?;
/// let mut listeners = 0;
/// while let Some(record) = list.next()? {
///     listeners += i32::from(record.state == State::Listening);
/// }
/// println!("{listeners} sockets listen");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// Connected.
    Established,
    /// Not connected.
    Unconnected,
    /// Listening.
    Listening,
    /// Another state, by its number.
    Other(u8),
}

/// A UNIX socket, as the kernel reports it. A value that was not requested, or that the socket does
/// not have, is `None`.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::socket::netlink::diag::{Diag, Show, States};
/// use rawipc::socket::{UnixAddress, option, stream};
///
/// let listener = stream::listen(&UnixAddress::UNNAMED)?;
/// let diag = match Diag::open() {
///     Err(Errno::PROTONOSUPPORT) => return Ok(()), // a kernel without it
///     diag => diag?,
/// };
/// let cookie = option::cookie(&listener)?;
/// let mut buffer = [0; 8192];
/// let mut list = diag.list(States::LISTENING, Show::NAME, &mut buffer)?;
/// while let Some(record) = list.next()? {
///     if record.cookie == cookie {
///         assert_eq!(record.name(), Some(listener.address()?));
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The type of the socket.
    pub kind: Kind,
    /// The state of the socket.
    pub state: State,
    /// The inode of the socket, as in `/proc/PID/fd`; 0 until it is accepted.
    pub inode: u32,
    /// The number that [`option::cookie`](super::super::option::cookie) returns.
    pub cookie: u64,
    attributes: &'a [u8],
}

/// The file that a socket is bound to.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::socket::netlink::diag::{Diag, Show, States};
///
/// let diag = match Diag::open() {
///     Err(Errno::PROTONOSUPPORT) => return Ok(()), // a kernel without it
///     diag => diag?,
/// };
/// let mut buffer = [0; 8192];
/// let mut list = diag.list(States::LISTENING, Show::FILE, &mut buffer)?;
/// while let Some(record) = list.next()? {
///     if let Some(file) = record.file() {
///         println!("inode {} of device {}", file.inode, file.device);
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct File {
    /// Its inode, of which the kernel reports 32 bits.
    pub inode: u32,
    /// Its device, in the kernel's numbering: 12 bits of major and 20 of minor number.
    pub device: u32,
}

/// The lengths of a socket's queues.
///
/// # Examples
///
/// Servers that do not accept:
///
/// ```
/// use rawipc::Errno;
/// use rawipc::socket::netlink::diag::{Diag, Show, States};
///
/// let diag = match Diag::open() {
///     Err(Errno::PROTONOSUPPORT) => return Ok(()), // a kernel without it
///     diag => diag?,
/// };
/// let mut buffer = [0; 8192];
/// let mut list = diag.list(States::LISTENING, Show::NAME | Show::QUEUE, &mut buffer)?;
/// while let Some(record) = list.next()? {
///     if let Some(queue) = record.queue().filter(|queue| queue.receive > 0) {
///         println!("{:?}: {} clients wait", record.name(), queue.receive);
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Queue {
    /// Bytes to be received; for a listener, connections to be accepted.
    pub receive: u32,
    /// Bytes sent and not yet received; for a listener, its backlog.
    pub send: u32,
}

/// The memory that a socket uses, in bytes: `SK_MEMINFO_*` of `sock_diag(7)`.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::socket::netlink::diag::{Diag, Show, States};
///
/// let diag = match Diag::open() {
///     Err(Errno::PROTONOSUPPORT) => return Ok(()), // a kernel without it
///     diag => diag?,
/// };
/// let (mut buffer, mut bytes) = ([0; 8192], 0);
/// let mut list = diag.list(States::all(), Show::MEMORY, &mut buffer)?;
/// while let Some(record) = list.next()? {
///     bytes += record.memory().map_or(0, |memory| memory.send + memory.receive);
/// }
/// println!("{bytes} bytes are under way");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Memory {
    /// For data to be received.
    pub receive: u32,
    /// The limit of that.
    pub receive_buffer: u32,
    /// For data sent and not yet received.
    pub send: u32,
    /// The limit of that.
    pub send_buffer: u32,
}

impl<'a> Record<'a> {
    /// Parses `body`, the body of a netlink message of this protocol; `None` if it is not a
    /// complete record. Safe on any bytes.
    #[must_use]
    pub fn parse(body: &'a [u8]) -> Option<Self> {
        let mut fields = Fields(body);
        if u16::from(fields.u8()?) != AddressFamily::UNIX.as_raw() {
            return None;
        }
        let kind = Kind::from_raw(fields.u8()?.into());
        let state = match fields.u8()? {
            1 => State::Established,
            7 => State::Unconnected,
            10 => State::Listening,
            other => State::Other(other),
        };
        let _padding = fields.u8()?;
        let inode = fields.u32()?;
        let (low, high) = (fields.u32()?, fields.u32()?);
        Some(Self {
            kind,
            state,
            inode,
            cookie: u64::from(high) << 32 | u64::from(low),
            attributes: fields.0,
        })
    }

    fn attribute(&self, kind: u16) -> Option<&'a [u8]> {
        Attributes::new(self.attributes).find_map(|(is, body)| (is == kind).then_some(body))
    }

    fn pair(&self, kind: u16) -> Option<[u32; 2]> {
        let mut fields = Fields(self.attribute(kind)?);
        Some([fields.u32()?, fields.u32()?])
    }

    /// Returns the address of the socket; `None` also if it has none.
    #[must_use]
    pub fn name(&self) -> Option<UnixAddress> {
        UnixAddress::from_kernel(self.attribute(NAME)?).ok()
    }

    /// Returns the file that the socket is bound to.
    #[must_use]
    pub fn file(&self) -> Option<File> {
        let [inode, device] = self.pair(VFS)?;
        Some(File { inode, device })
    }

    /// Returns the inode of the peer.
    #[must_use]
    pub fn peer(&self) -> Option<u32> {
        Fields(self.attribute(PEER)?).u32()
    }

    /// Returns an iterator over the inodes of the clients that wait for a listener to accept
    /// them.
    pub fn pending(&self) -> impl Iterator<Item = u32> + use<'a> {
        let body = self.attribute(PENDING).unwrap_or_default();
        let (inodes, _) = body.as_chunks();
        inodes.iter().map(|inode| u32::from_ne_bytes(*inode))
    }

    /// Returns the lengths of the socket's queues.
    #[must_use]
    pub fn queue(&self) -> Option<Queue> {
        let [receive, send] = self.pair(QUEUE)?;
        Some(Queue { receive, send })
    }

    /// Returns how much memory the socket uses.
    #[must_use]
    pub fn memory(&self) -> Option<Memory> {
        let mut fields = Fields(self.attribute(MEMORY)?);
        Some(Memory {
            receive: fields.u32()?,
            receive_buffer: fields.u32()?,
            send: fields.u32()?,
            send_buffer: fields.u32()?,
        })
    }

    /// Returns which directions are shut down: (receiving, sending).
    #[must_use]
    pub fn shutdown(&self) -> Option<(bool, bool)> {
        let [bits, ..] = self.attribute(SHUTDOWN)? else {
            return None;
        };
        Some((bits & 1 != 0, bits & 2 != 0))
    }

    /// Returns the user that owns the socket.
    #[must_use]
    pub fn uid(&self) -> Option<Uid> {
        Fields(self.attribute(UID)?)
            .u32()
            .map(Uid::from_raw_unchecked)
    }
}

/// A connection to the kernel's list of UNIX sockets.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::socket::netlink::diag::{Diag, Show};
/// use rawipc::socket::stream;
/// use std::os::unix::fs::MetadataExt;
///
/// let (one, _other) = stream::pair()?;
/// let diag = match Diag::open() {
///     Err(Errno::PROTONOSUPPORT) => return Ok(()), // a kernel without it
///     diag => diag?,
/// };
/// // One socket, by its inode.
/// let inode = std::fs::File::from(rawipc::OwnedFd::from(one)).metadata()?.ino();
/// let mut buffer = [0; 4096];
/// match diag.get(u32::try_from(inode)?, None, Show::PEER, &mut buffer) {
///     Ok(record) => println!("its peer is inode {:?}", record.peer()),
///     Err(Errno::NOENT) => println!("it is gone"),
///     Err(errno) => return Err(errno.into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Diag {
    socket: Socket,
}

impl Diag {
    /// Opens the connection.
    ///
    /// # Errors
    ///
    /// [`Errno::PROTONOSUPPORT`]: the kernel does not support it. [`Errno::MFILE`],
    /// [`Errno::NFILE`]: no descriptor left.
    pub fn open() -> Result<Self> {
        let socket = Socket::open(Protocol::SOCK_DIAG)?;
        Ok(Self { socket })
    }

    fn ask(&self, flags: Flags, states: States, show: Show, inode: u32, cookie: u64) -> Result<()> {
        let parts: [&[u8]; 6] = [
            // The family, and a protocol that is 0, padded.
            &[AddressFamily::UNIX.as_raw() as u8, 0, 0, 0],
            &states.bits().to_ne_bytes(),
            &inode.to_ne_bytes(),
            &show.bits().to_ne_bytes(),
            &(cookie as u32).to_ne_bytes(),
            &((cookie >> 32) as u32).to_ne_bytes(),
        ];
        let mut body = [0; 24];
        for (slot, byte) in body.iter_mut().zip(parts.into_iter().flatten()) {
            *slot = *byte;
        }
        let mut buffer = [0; 40];
        let request = write(&mut buffer, BY_FAMILY, flags | Flags::REQUEST, 0, &body)?;
        self.socket.send_to(request, NetlinkAddress::KERNEL)
    }

    /// Lists the sockets that are in one of `states`.
    ///
    /// The kernel answers in pieces, which are received into `buffer`: 8192 bytes are
    /// enough.
    ///
    /// # Errors
    ///
    /// [`Errno::BUSY`]: a list of this `Diag` was not read to its end.
    pub fn list<'a>(
        &'a self,
        states: States,
        show: Show,
        buffer: &'a mut [u8],
    ) -> Result<List<'a>> {
        self.ask(Flags::DUMP, states, show, 0, ANY_COOKIE)?;
        Ok(List {
            socket: &self.socket,
            buffer,
            rest: 0..0,
            done: false,
            consistent: true,
            maker: Maker::current(),
        })
    }

    /// Returns the socket with the inode number `inode`.
    ///
    /// # Errors
    ///
    /// - [`Errno::NOENT`]: there is none.
    /// - [`Errno::STALE`]: `cookie` is another's.
    /// - [`Errno::MSGSIZE`]: `buffer` is too short; 8192 bytes are enough.
    /// - [`Errno::INTR`]: it was [interrupted](crate#interruptions).
    /// - [`Errno::BADMSG`]: the answer is none.
    pub fn get<'a>(
        &self,
        inode: u32,
        cookie: Option<u64>,
        show: Show,
        buffer: &'a mut [u8],
    ) -> Result<Record<'a>> {
        let cookie = cookie.unwrap_or(ANY_COOKIE);
        self.ask(Flags::empty(), States::empty(), show, inode, cookie)?;
        let answer = self.socket.recv_from_kernel(buffer, Blocking)?;
        match Messages::new(answer)
            .next()
            .map(|message| message.content())
        {
            Some(Content::Data(body)) => Record::parse(body).ok_or(Errno::BADMSG),
            Some(Content::Acknowledged(Err(errno))) => Err(errno),
            _ => Err(Errno::BADMSG),
        }
    }
}

impl AsFd for Diag {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

crate::sys::fd_number::number!(Diag);

/// A list of sockets that is being read, made by [`Diag::list`].
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::socket::netlink::diag::{Diag, Show, States};
///
/// let diag = match Diag::open() {
///     Err(Errno::PROTONOSUPPORT) => return Ok(()), // a kernel without it
///     diag => diag?,
/// };
/// let (mut buffer, mut count) = ([0; 8192], 0);
/// let mut list = diag.list(States::all(), Show::empty(), &mut buffer)?;
/// while let Some(_record) = list.next()? {
///     count += 1;
/// }
/// match list.is_consistent() {
///     true => println!("{count} UNIX sockets"),
///     false => println!("about {count} UNIX sockets: some came or went meanwhile"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct List<'a> {
    socket: &'a Socket,
    buffer: &'a mut [u8],
    /// Where in the buffer what is not read yet stands.
    rest: core::ops::Range<usize>,
    done: bool,
    consistent: bool,
    maker: Maker,
}

impl List<'_> {
    /// Returns the next socket; `None` at the end.
    ///
    /// # Errors
    ///
    /// - [`Errno::MSGSIZE`]: the buffer is too short.
    /// - [`Errno::INTR`]: it was [interrupted](crate#interruptions); it can be called again.
    /// - [`Errno::NOBUFS`]: a part is lost.
    #[expect(
        clippy::should_implement_trait,
        reason = "what it returns is in the buffer, which the next call overwrites"
    )]
    pub fn next(&mut self) -> Result<Option<Record<'_>>> {
        // Where the record's body is: it is borrowed at the end only.
        let body = loop {
            if self.done {
                return Ok(None);
            }
            let unread = self.buffer.get(self.rest.clone()).unwrap_or_default();
            let mut messages = Messages::new(unread);
            let Some(message) = messages.next() else {
                let datagram = self.socket.recv_from_kernel(self.buffer, Blocking)?;
                self.rest = 0..datagram.len();
                continue;
            };
            let start = self.rest.start + super::message::HEADER;
            self.rest.start = self.rest.end - messages.rest().len();
            if message.flags.contains(Flags::DUMP_INTERRUPTED) {
                self.consistent = false;
            }
            match message.content() {
                Content::Data(body) if Record::parse(body).is_some() => {
                    break start..start + body.len();
                }
                Content::Done(outcome) | Content::Acknowledged(outcome) => {
                    self.done = true;
                    outcome?;
                }
                Content::Overrun => return Err(Errno::NOBUFS),
                _ => {}
            }
        };
        Ok(Record::parse(self.buffer.get(body).unwrap_or_default()))
    }

    /// Returns whether the list is consistent so far: whether the kernel has not reported that
    /// sockets came and went while it was made.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.consistent
    }
}

/// Receives the rest, so that the next request gets its own answer.
impl Drop for List<'_> {
    fn drop(&mut self) {
        // A forked child shares the socket: the rest is for its parent to receive.
        if !self.maker.is_current() {
            return;
        }
        loop {
            match self.next() {
                Ok(Some(_)) | Err(Errno::INTR | Errno::NOBUFS) => {}
                Ok(None) | Err(_) => return,
            }
        }
    }
}
