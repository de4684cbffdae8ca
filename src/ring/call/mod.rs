//! Requests with responses: a client sends a request, and gets one response or learns why not.
//!
//! A [`Service`] is a memfd with a slot for each call that can be under way. A client writes its
//! request into a free slot and waits ([`Client::call`]); one of the servers takes it, and its
//! response comes back in the same slot. There may be up to 128 clients and 128 servers.
//!
//! # Between two processes
//!
//! ```standalone_crate
//! use rawipc::process::{self, Command, FdMapping, WaitFlags, exec};
//! use rawipc::ring::call::Service;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     if std::env::args().nth(1).as_deref() == Some("child") {
//!         let server = Service::from_inherited(3)?.server()?;
//!         let mut bytes = [0; 64];
//!         let request = server.recv()?;
//!         let len = request.copy_to(&mut bytes)?;
//!         bytes[..len].make_ascii_uppercase();
//!         request.respond(&bytes[..len])?;
//!         return Ok(());
//!     }
//!     let service = Service::create(4, 64, 64)?; // 4 calls at a time, of up to 64 bytes
//!     let args = exec::List::of([c"example", c"child"]);
//!     let child = Command::path(c"/proc/self/exe", &args, exec::Strings::EMPTY)
//!         .inherit(&[FdMapping::new(&service, 3)])
//!         .spawn()?;
//!     let client = service.client()?;
//!     let mut response = [0; 64];
//!     let len = client.call(b"hello", &mut response)?;
//!     assert_eq!(&response[..len], b"HELLO");
//!     assert!(process::wait(&child, WaitFlags::EXITED)?.state.is_success());
//!     Ok(())
//! }
//! ```
//!
//! # What is known of a call that failed
//!
//! One atomic change of one word decides whether a server takes a request or its client withdraws
//! it. So the error of a failed call says which happened: with [`CallError::NotExecuted`] the
//! request can safely be sent again; with [`CallError::PerhapsExecuted`] a server had taken it.
//!
//! | what happened | no server had the request | a server had it |
//! |---|---|---|
//! | the deadline passed | `NotExecuted(TimedOut)` | `PerhapsExecuted(TimedOut)` |
//! | that server died | | `PerhapsExecuted(PeerDied)` |
//! | all servers died, or closed | `NotExecuted(PeerDied)`, `NotExecuted(Closed)` | |
//! | the server dropped the request | | `Unanswered` |
//! | the response is longer than the buffer for it | | `Executed(TooLong)` |
//!
//! # What a call costs
//!
//! Some atomic operations on two or three cache lines, two copies each of request and response, and
//! no system call while both sides are awake. An end that waits in vain for a while sleeps, unless it
//! is to [spin](Service::wait_by). Servers look at each slot for a request: give a service
//! as many slots as calls are to be under way at a time.
//!
//! # When a process is killed
//!
//! A call that waits looks for dead processes after 2 ms, then at longer intervals up to
//! [`LIVENESS_INTERVAL`]. A client is told if the server that had its request died. A complete
//! request of a dead client is still served; its slot is freed when somebody needs it. A stopped
//! process is waited for until the deadline; it keeps its slot until it goes on.
//!
//! # Who may be at the other end
//!
//! Anyone: requests and responses are copied, and every length is checked. Who can write to the
//! memory can garble what is said there, and end it ([`Error::Corrupt`](super::Error::Corrupt)).

mod calling;
mod client;
pub(crate) mod describe;
mod end;
mod error;
mod lines;
mod server;
mod serving;
mod shape;
mod slot;

pub use super::waiting::{FAILURES_PER_LOOK, LIVENESS_INTERVAL};
pub use client::Client;
pub use error::CallError;
pub use server::{Request, Server};
pub use shape::SLOTS_MAX;

use end::End;
use lines::Lines;
use shape::Shape;

use super::AttachError;
use super::header::Kind;
use super::waiting::sealed::Strategy;
use super::waiting::{SpinThenFutex, Waiting};
use crate::region::{self, Accepted, Found, Seat};
use crate::{AsFd, BorrowedFd, Errno, OwnedFd};

/// A service's memory, from which its ends are attached.
type Source = region::Source<Lines, 2>;

/// The size in bytes of the largest service that [`Service::open`] accepts: 256 MiB.
///
/// Who creates a service decides how large it is. So the receiver says what it accepts, by
/// [`open_at_most`](Service::open_at_most) if that is more, or less.
pub const OPEN_LIMIT: usize = 256 << 20;

/// A service, as a descriptor: from here its clients and servers are attached.
///
/// # Examples
///
/// ```
/// use rawipc::Deadline;
/// use rawipc::ring::Error;
/// use rawipc::ring::call::{CallError, Service};
///
/// // 4 calls at a time, requests and responses of up to 64 bytes.
/// let service = Service::create(4, 64, 64)?;
/// let client = service.client()?;
/// let server = service.server()?; // in another process, usually
///
/// let serving = std::thread::spawn(move || {
///     let request = server.recv()?;
///     let mut bytes = [0; 64];
///     let len = request.copy_to(&mut bytes)?;
///     bytes[..len].make_ascii_uppercase();
///     request.respond(&bytes[..len])
/// });
///
/// let mut response = [0; 64];
/// let len = client.call(b"hello", &mut response)?;
/// assert_eq!(&response[..len], b"HELLO");
/// serving.join().unwrap()?; // and the server is closed
///
/// let failed = client.call_until(b"anybody?", &mut response, Deadline::NOW);
/// assert_eq!(failed, Err(CallError::NotExecuted(Error::Closed)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Service {
    source: Source,
    shape: Shape,
    /// Whether the ends that are attached from here sleep.
    sleeps: bool,
}

impl Service {
    /// Creates a service with room for `slots` calls at a time, at most [`SLOTS_MAX`], whose requests
    /// and responses have at most these sizes; in a memfd sealed against any change of its size.
    /// Only this user may open it again (mode 0600), and it can never be executed.
    ///
    /// # Errors
    ///
    /// As `memfd_create(2)`; [`Errno::INVAL`]: no slot or too many, or a size of more than 2^30
    /// bytes; [`Errno::FBIG`]: this process may not have such files (`RLIMIT_FSIZE`); there is no
    /// SIGXFSZ.
    pub fn create(slots: usize, request_size: usize, response_size: usize) -> crate::Result<Self> {
        let shape = Shape::new(slots, request_size, response_size).ok_or(Errno::INVAL)?;
        Ok(Self {
            source: Source::create(Kind::Call as u64, shape.words())?,
            shape,
            sleeps: SpinThenFutex::SLEEPS,
        })
    }

    /// Opens a service created by another process, of at most [`OPEN_LIMIT`] bytes.
    ///
    /// # Errors
    ///
    /// An [`AttachError`] that says what `fd` is not.
    pub fn open(fd: OwnedFd) -> Result<Self, AttachError> {
        Self::open_found(fd.into(), None)
    }

    /// Opens a service created by another process, of at most `bytes` of memory in all.
    ///
    /// # Errors
    ///
    /// [`AttachError::TooLarge`], and those of [`open`](Self::open).
    pub fn open_at_most(fd: OwnedFd, bytes: usize) -> Result<Self, AttachError> {
        Self::open_found(fd.into(), Some(bytes))
    }

    /// Opens one that was found in whatever way.
    pub(crate) fn open_found(found: Found, bytes: Option<usize>) -> Result<Self, AttachError> {
        let accepted = Accepted::look(found, Kind::Call as u64)?;
        let shape = Shape::from_words(accepted.words).ok_or(AttachError::Corrupt)?;
        Ok(Self {
            source: Source::open(accepted, bytes.unwrap_or(OPEN_LIMIT))?,
            shape,
            sleeps: SpinThenFutex::SLEEPS,
        })
    }

    /// Chooses how the ends wait that are attached from here, [`SpinThenFutex`] unless told
    /// otherwise: each end for itself, whatever others do.
    #[must_use]
    pub fn wait_by<W: Waiting>(self) -> Self {
        Self {
            sleeps: W::SLEEPS,
            ..self
        }
    }

    fn end(&self, serves: bool) -> Result<End, AttachError> {
        Ok(End::attach(&self.source, self.shape, serves, self.sleeps)?)
    }

    fn end_by(&self, serves: bool, seat: Seat) -> Result<End, AttachError> {
        let member = self.source.join_by(seat)?;
        Ok(End::of(member, self.shape, serves, self.sleeps)?)
    }

    /// Returns how many calls can be under way at a time.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.shape.slots
    }

    /// Returns the most bytes that a request can have.
    #[must_use]
    pub fn request_size(&self) -> usize {
        self.shape.request
    }

    /// Returns the most bytes that a response can have.
    #[must_use]
    pub fn response_size(&self) -> usize {
        self.shape.response
    }

    /// Attaches a client, one of many.
    ///
    /// # Errors
    ///
    /// [`AttachError::Occupied`]: 128 living ones are attached; [`AttachError::Leased`];
    /// [`AttachError::NoProc`] without `/proc`; [`AttachError::Corrupt`], of a hostile peer's
    /// making; [`AttachError::Kernel`].
    pub fn client(&self) -> Result<Client, AttachError> {
        Ok(Client::new(self.end(false)?))
    }

    /// Like [`client`](Self::client), but needs no `/proc`, and no right to open the memory: it
    /// attaches by a [`Seat`] that another process made.
    ///
    /// # Errors
    ///
    /// Those of [`client`](Self::client) but for [`AttachError::Leased`] and
    /// [`AttachError::NoProc`]. [`AttachError::Kernel`] with
    /// [`Errno::BADF`]: the seat is another service's;
    /// [`AttachError::Corrupt`]: it is the service's own description, or a copy of it.
    pub fn client_by(&self, seat: Seat) -> Result<Client, AttachError> {
        Ok(Client::new(self.end_by(false, seat)?))
    }

    /// Attaches a server, one of many.
    ///
    /// # Errors
    ///
    /// [`AttachError::Occupied`]: 128 living ones are attached; [`AttachError::Leased`];
    /// [`AttachError::NoProc`] without `/proc`; [`AttachError::Corrupt`], of a hostile peer's
    /// making; [`AttachError::Kernel`].
    pub fn server(&self) -> Result<Server, AttachError> {
        Ok(Server::new(self.end(true)?))
    }

    /// Like [`server`](Self::server), but needs no `/proc`, and no right to open the memory: it
    /// attaches by a [`Seat`] that another process made.
    ///
    /// # Errors
    ///
    /// Those of [`server`](Self::server) but for [`AttachError::Leased`] and
    /// [`AttachError::NoProc`]. [`AttachError::Kernel`] with
    /// [`Errno::BADF`]: the seat is another service's;
    /// [`AttachError::Corrupt`]: it is the service's own description, or a copy of it.
    pub fn server_by(&self, seat: Seat) -> Result<Server, AttachError> {
        Ok(Server::new(self.end_by(true, seat)?))
    }
}

impl AsFd for Service {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.fd()
    }
}

crate::sys::fd_number::numbers!(Service);

/// Does what [`Service::open`] does.
impl TryFrom<OwnedFd> for Service {
    type Error = AttachError;

    fn try_from(fd: OwnedFd) -> Result<Self, AttachError> {
        Self::open(fd)
    }
}

impl From<Service> for OwnedFd {
    fn from(service: Service) -> Self {
        service.source.into_fd()
    }
}
