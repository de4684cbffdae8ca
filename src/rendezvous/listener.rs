//! [`Listener`]: hands regions over to who connects.
#![forbid(unsafe_code)]

use super::handover::Connection;
use super::options::Options;
use super::region::Transfer;
use super::{Error, Users};
#[cfg(doc)]
use crate::Errno;
use crate::socket::address::{RemoveOnDrop, UnixAddress};
use crate::socket::{BindOptions, Listener as Socket, Seqpacket};
use crate::wait::ready;
use crate::{Arg, AsFd, BorrowedFd, Deadline, Result, sys};

/// A UNIX socket at which regions are handed over: one call for each process that connects.
///
/// The other calls [`Options::connect`], or `connect` of the region's type, as
/// [`spsc::Ring::connect`](crate::ring::spsc::Ring::connect). The socket's file is removed when
/// the listener is dropped; that of a listener that was killed is replaced by the next.
///
/// # Examples
///
/// ```
/// use rawipc::rendezvous::Listener;
/// use rawipc::ring::spsc;
///
/// let path = std::env::temp_dir().join(format!("rawipc-doc-listener-{}", std::process::id()));
/// let listener = Listener::bind(&path)?;
/// let other = std::thread::spawn({
///     // In another process, usually.
///     move || {
///         let ring: spsc::Ring = spsc::Ring::connect(&path).unwrap();
///         ring.producer().unwrap().send(b"hello").unwrap();
///     }
/// });
///
/// let ring: spsc::Ring = spsc::Ring::create(1 << 16)?;
/// let connection = listener.accept(&ring)?;
/// assert_eq!(connection.peer().pid, Some(rawipc::process::id()));
/// let mut buffer = [0; 8];
/// assert_eq!(ring.consumer()?.recv(&mut buffer), Ok(5));
/// # other.join().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Listener {
    socket: Socket<UnixAddress, Seqpacket>,
    users: Users,
    #[expect(dead_code, reason = "removes the file")]
    file: RemoveOnDrop,
}

impl Options {
    /// Listens at a path, which is that of a new file, for processes that want regions. The file
    /// of a listener that is dead is replaced.
    ///
    /// # Errors
    ///
    /// [`Error::Kernel`]: as [`stream::listen`](crate::socket::stream::listen) has them, among
    /// them [`Errno::ADDRINUSE`]: somebody listens there, or it is no socket;
    /// [`Errno::NAMETOOLONG`]: the path has more than 108 bytes; [`Errno::NOENT`],
    /// [`Errno::ACCESS`], [`Errno::BUSY`].
    pub fn listen(&self, path: impl Arg) -> Result<Listener, Error> {
        let address = UnixAddress::pathname(path)?;
        let socket = BindOptions::new()
            .mode(self.mode)
            .replace_stale(true)
            .listen_seqpacket(&address)?;
        // What lies unread in a connection is closed with it, and some descriptors' closing waits.
        // Older kernels do not know this.
        let _ = sys::socket::allow_descriptors(socket.as_fd(), false);
        Ok(Listener {
            socket,
            users: self.users,
            file: RemoveOnDrop::new(&address)?,
        })
    }
}

impl Listener {
    /// Listens at a path for processes of this user that want regions: [`Options::listen`].
    ///
    /// # Errors
    ///
    /// Those of [`Options::listen`].
    pub fn bind(path: impl Arg) -> Result<Self, Error> {
        Options::new().listen(path)
    }

    /// Hands a region over to the next process that connects, and blocks until one does. A
    /// [`Seat`](super::Seat) goes with it, where this process can make one.
    ///
    /// # Errors
    ///
    /// [`Error::Foreign`]: it was another user's, and has been turned away; [`Error::Kernel`]:
    /// [`Errno::PIPE`]: it is gone already. The next can be accepted then. [`Errno::MFILE`],
    /// [`Errno::NFILE`]: no descriptor left; it goes on waiting. [`Errno::TOOMANYREFS`]: too many
    /// descriptors that this user has sent are still under way.
    pub fn accept(&self, region: &impl Transfer) -> Result<Connection, Error> {
        self.accept_until(region, Deadline::Never)
    }

    /// Like [`accept`](Self::accept), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// Those of [`accept`](Self::accept), and [`Errno::AGAIN`]: nobody has connected.
    pub fn try_accept(&self, region: &impl Transfer) -> Result<Connection, Error> {
        let (socket, _) = self.socket.try_accept()?;
        self.hand_over(socket, region)
    }

    /// Like [`accept`](Self::accept), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`accept`](Self::accept), and [`Errno::TIMEDOUT`].
    pub fn accept_until(
        &self,
        region: &impl Transfer,
        deadline: Deadline,
    ) -> Result<Connection, Error> {
        let (socket, _) = ready::uninterrupted(|| self.socket.accept_until(deadline))?;
        self.hand_over(socket, region)
    }

    fn hand_over(&self, socket: Seqpacket, region: &impl Transfer) -> Result<Connection, Error> {
        let connection = Connection::new(socket, self.users)?;
        connection.send(region)?;
        Ok(connection)
    }
}

/// To be watched: it is ready to be read when somebody has connected.
impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

crate::sys::fd_number::number!(Listener);
