//! [`BindOptions`]: how a socket takes its address.

use core::time::Duration;

use linux_raw_sys::net::{IPPROTO_IPV6, IPV6_V6ONLY};
use rustix::fs::{
    AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, fchmod, flock, openat, statat, unlinkat,
};
use rustix::net::{self, AddressFamily, SocketFlags, SocketType};

use super::address::{self, Address, Raw, UnixAddress};
use super::listener::{Kind, Listener};
use super::open::open;
use super::option;
use crate::sys::socket::setsockopt;
use crate::wait::backoff::Backoff;
use crate::{AsFd, BorrowedFd, Deadline, Errno, OwnedFd, Result};

/// The default of [`BindOptions::backlog`]. The kernel uses `/proc/sys/net/core/somaxconn` if
/// that is less.
pub const BACKLOG: u32 = 4096;

/// For this user only.
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

/// How long [`BindOptions::replace_stale`] waits for another process that is at it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Options for giving a socket its address: a builder, finished by
/// [`listen_stream`](Self::listen_stream), [`listen_seqpacket`](Self::listen_seqpacket) or
/// [`bind_datagram`](Self::bind_datagram).
///
/// # Who may connect to a pathname
///
/// The file of a socket has mode 0600 unless asked otherwise, from its first moment:
/// the mode is given to the socket before it is bound, from which the kernel takes
/// that of the file, less the process's umask. (The umask alone would not do: it is
/// the whole process's, and other threads create files meanwhile.)
///
/// # Examples
///
/// ```
/// use rawipc::Mode;
/// use rawipc::socket::address::{RemoveOnDrop, UnixAddress};
/// use rawipc::socket::{BindOptions, stream};
///
/// let path = std::env::temp_dir().join(format!("rawipc-doc-bind-{}", std::process::id()));
/// let address = UnixAddress::pathname(&path)?;
/// let listener = BindOptions::new()
///     .mode(Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP)
///     .backlog(16)
///     .replace_stale(true)
///     .listen_stream(&address)?;
/// let _file = RemoveOnDrop::new(&address)?;
///
/// let client = stream::connect(&address)?;
/// let (server, _) = listener.accept()?;
/// client.send(b"hello")?;
/// assert_eq!(server.recv(&mut [0; 8])?, 5);
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "its end makes the socket"]
pub struct BindOptions {
    mode: Mode,
    backlog: u32,
    replace_stale: bool,
    reuse_address: Option<bool>,
    reuse_port: bool,
    only_v6: Option<bool>,
}

impl Default for BindOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl BindOptions {
    /// Creates the default options: mode 0600, [`BACKLOG`], and the kernel's defaults.
    pub const fn new() -> Self {
        Self {
            mode: PRIVATE,
            backlog: BACKLOG,
            replace_stale: false,
            reuse_address: None,
            reuse_port: false,
            only_v6: None,
        }
    }

    /// Sets the mode of a UNIX socket's file: whoever may write to it may connect. The
    /// process's umask is subtracted from `mode`.
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets how many connections may wait to be accepted; for UNIX sockets, one more.
    pub const fn backlog(mut self, backlog: u32) -> Self {
        self.backlog = backlog;
        self
    }

    /// Sets whether to replace the file of a UNIX socket that no process has open any more,
    /// such as one left by a server that was killed.
    ///
    /// Whether a process has it open is found out by connecting: [`Errno::CONNREFUSED`] means
    /// that there is no listener. (A server sees a client that connects and leaves.)
    ///
    /// Processes that do this in one directory take turns, by a lock (`flock(2)`) on
    /// the directory, which is why it must be readable: of two that start at once, one
    /// listens and the other fails with [`Errno::ADDRINUSE`]. A program that binds
    /// without it can lose its file when it has bound and does not listen yet.
    pub const fn replace_stale(mut self, replace: bool) -> Self {
        self.replace_stale = replace;
        self
    }

    /// Sets whether to take an address that recently closed connections still use:
    /// `SO_REUSEADDR` of `socket(7)`. TCP listeners do by default, so that a server can be
    /// restarted at once.
    ///
    /// For UDP it lets several sockets have one address, the last of which receives.
    #[doc(alias = "SO_REUSEADDR")]
    pub const fn reuse_address(mut self, reuse: bool) -> Self {
        self.reuse_address = Some(reuse);
        self
    }

    /// Sets whether several sockets of one user may share an address, among which the kernel
    /// distributes connections or messages: `SO_REUSEPORT` of `socket(7)`. All of them must ask
    /// for it.
    #[doc(alias = "SO_REUSEPORT")]
    pub const fn reuse_port(mut self, reuse: bool) -> Self {
        self.reuse_port = reuse;
        self
    }

    /// Sets whether an IPv6 socket refuses IPv4 traffic: `IPV6_V6ONLY` of `ipv6(7)`. The
    /// default is in `/proc/sys/net/ipv6/bindv6only`.
    #[doc(alias = "IPV6_V6ONLY")]
    pub const fn only_v6(mut self, only: bool) -> Self {
        self.only_v6 = Some(only);
        self
    }

    /// Listens at `address` for connections of the kind `K`.
    pub(super) fn listen<A: Address, K: Kind>(self, address: &A) -> Result<Listener<A, K>> {
        let backlog = i32::try_from(self.backlog).unwrap_or(i32::MAX);
        let fd = self.bound(&address.to_raw(), K::TYPE, |fd| net::listen(fd, backlog))?;
        Ok(fd.into())
    }

    /// A socket that has the address and for which `then` was done.
    pub(super) fn bound(
        &self,
        address: &Raw,
        kind: SocketType,
        then: impl FnOnce(BorrowedFd<'_>) -> Result<()>,
    ) -> Result<OwnedFd> {
        let family = address.family();
        let socket = open(family, kind, SocketFlags::empty())?;
        let inet = family == AddressFamily::INET || family == AddressFamily::INET6;
        let reuse = inet && kind == SocketType::STREAM;
        if self.reuse_address.unwrap_or(reuse) {
            option::set_reuse_address(&socket, true)?;
        }
        if self.reuse_port {
            option::set_reuse_port(&socket, true)?;
        }
        if let Some(only) = self.only_v6 {
            let only = u32::from(only);
            setsockopt(socket.as_fd(), IPPROTO_IPV6 as u32, IPV6_V6ONLY, &only)?;
        }
        let unix = match UnixAddress::from_raw(address) {
            Ok(unix) if unix.path().is_some() => unix,
            _ => {
                net::bind(&socket, address)?;
                then(socket.as_fd())?;
                return Ok(socket);
            }
        };
        fchmod(&socket, self.mode)?;
        let turn = match self.replace_stale {
            true => Some(take_turn(&unix)?),
            false => None,
        };
        match net::bind(&socket, address) {
            Err(Errno::ADDRINUSE) if turn.is_some() => {
                remove_stale(&unix, kind)?;
                net::bind(&socket, address)?;
            }
            result => result?,
        }
        // While it is our turn: who tries to connect in between is refused, too.
        then(socket.as_fd())?;
        Ok(socket)
    }
}

/// The lock on the directory of `address`.
fn take_turn(address: &UnixAddress) -> Result<OwnedFd> {
    let path = address.path().unwrap_or_default();
    let parent = match path.iter().rposition(|byte| *byte == b'/') {
        None => b".",
        Some(0) => b"/",
        Some(slash) => path.get(..slash).unwrap_or_default(),
    };
    let how = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = openat(CWD, parent, how, Mode::empty())?;
    // The kernel has no lock with a time limit, and anybody who may read the directory
    // may lock it for ever.
    let deadline = Deadline::after(PATIENCE);
    let pause = Duration::from_millis(1);
    let mut backoff = Backoff::new(pause, pause, deadline);
    loop {
        match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::AGAIN) => backoff.pause().map_err(|_| Errno::BUSY)?,
            result => return result.map(|()| directory),
        }
    }
}

/// Removes the file at `address`, which must be a socket at which nobody listens.
fn remove_stale(address: &UnixAddress, kind: SocketType) -> Result<()> {
    let path = address.path().ok_or(Errno::INVAL)?;
    let before = match address::stat(address) {
        // Gone meanwhile.
        Err(Errno::NOENT) => return Ok(()),
        before => before?,
    };
    let probe = open(AddressFamily::UNIX, kind, SocketFlags::NONBLOCK)?;
    match net::connect(&probe, &address.to_raw()) {
        Err(Errno::CONNREFUSED) => {}
        Err(Errno::NOENT) => return Ok(()),
        // Somebody whose backlog is full.
        Ok(()) | Err(Errno::AGAIN) => return Err(Errno::ADDRINUSE),
        Err(errno) => return Err(errno),
    }
    let now = statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW)?;
    let is_socket = FileType::from_raw_mode(now.st_mode) == FileType::Socket;
    if !is_socket || !address::same(&now, before.st_dev, before.st_ino) {
        return Err(Errno::ADDRINUSE);
    }
    unlinkat(CWD, path, AtFlags::empty())
}
