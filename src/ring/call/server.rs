//! The end of a service that receives requests and responds.

use core::fmt;
use core::mem::ManuallyDrop;

use super::end::End;
use super::slot::Call;
use crate::Deadline;
use crate::ring::{Error, Peer};

/// A server of a service: receives requests and responds to them. Dropping it closes its end: when
/// the last server has closed, clients whose request none has taken are told [`Error::Closed`].
///
/// It may have several requests at a time, and respond to them in any order. It may move between
/// threads; threads that serve at the same time have a server each.
///
/// # Examples
///
/// ```
/// use rawipc::ring::{Error, call::Service};
///
/// let service = Service::create(4, 64, 64)?;
/// let (server, client) = (service.server()?, service.client()?);
/// assert!(matches!(server.try_recv(), Err(Error::WouldBlock)));
/// std::thread::scope(|scope| {
///     let called = scope.spawn(move || client.call(b"hello", &mut [0; 64]));
///     server.recv()?.respond(b"hi")?;
///     assert_eq!(called.join().unwrap(), Ok(2));
///     Ok::<(), Error>(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Server {
    end: End,
}

impl Server {
    pub(super) fn new(end: End) -> Self {
        Self { end }
    }

    /// Returns the most bytes that a request can have.
    #[must_use]
    pub fn request_size(&self) -> usize {
        self.end.shape.request
    }

    /// Returns the most bytes that a response can have.
    #[must_use]
    pub fn response_size(&self) -> usize {
        self.end.shape.response
    }

    /// Returns the state of the clients, all together. One system call or more if processes are
    /// attached.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.end.peer()
    }

    /// Leaves without closing, so that clients wait for a successor.
    pub fn detach(self) {
        self.end.detach();
    }

    /// Receives a request; blocks until there is one.
    ///
    /// Each request is received by one server, at most once. Clients take turns.
    ///
    /// # Errors
    ///
    /// When no request is left: [`Error::Closed`], [`Error::PeerDied`]. [`Error::Corrupt`].
    pub fn recv(&self) -> Result<Request<'_>, Error> {
        self.recv_until(Deadline::Never)
    }

    /// Like [`recv`](Self::recv), but returns [`Error::WouldBlock`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`], and those of [`recv`](Self::recv).
    pub fn try_recv(&self) -> Result<Request<'_>, Error> {
        let (call, len) = self.end.try_recv()?;
        let server = self;
        Ok(Request { server, call, len })
    }

    /// Like [`recv`](Self::recv), but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], and those of [`recv`](Self::recv).
    pub fn recv_until(&self, deadline: Deadline) -> Result<Request<'_>, Error> {
        let (call, len) = self.end.recv_until(deadline)?;
        let server = self;
        Ok(Request { server, call, len })
    }
}

/// A request that was received, to which [`respond`](Self::respond) responds. Dropping it without a
/// response tells its client so ([`CallError::Unanswered`](super::CallError::Unanswered)).
///
/// # Examples
///
/// ```
/// use rawipc::ring::call::Service;
///
/// let service = Service::create(4, 64, 64)?;
/// let (client, server) = (service.client()?, service.server()?);
/// let calling = std::thread::spawn(move || client.call(b"ping", &mut [0; 64]));
///
/// let request = server.recv()?;
/// let mut bytes = [0; 64];
/// let len = request.copy_to(&mut bytes)?;
/// assert_eq!(&bytes[..len], b"ping");
/// if !request.is_abandoned() {
///     request.respond(b"pong")?;
/// }
/// assert_eq!(calling.join().unwrap(), Ok(4));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a client waits for the response"]
pub struct Request<'a> {
    server: &'a Server,
    call: Call<'a>,
    /// At most the size of requests.
    len: usize,
}

impl Request<'_> {
    /// Returns the length of the request.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether the request has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns whether the client has given up waiting, at its deadline: nobody gets the response
    /// then. One that has died looks as if it waited.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.server.end.attached().is_ok() && self.call.is_abandoned()
    }

    /// Copies the whole request to the beginning of `buffer`, and returns its length.
    ///
    /// # Errors
    ///
    /// [`Error::TooLong`] if the request is longer.
    pub fn copy_to(&self, buffer: &mut [u8]) -> Result<usize, Error> {
        let (len, limit) = (self.len, buffer.len());
        let whole = buffer.get_mut(..len).ok_or(Error::TooLong { len, limit })?;
        self.read_at(0, whole)?;
        Ok(len)
    }

    /// Copies what is at `offset` of the request to fill `buffer`.
    ///
    /// # Errors
    ///
    /// [`Error::TooLong`] if the request ends before.
    pub fn read_at(&self, offset: usize, buffer: &mut [u8]) -> Result<(), Error> {
        let end = &self.server.end;
        end.attached()?;
        let (len, limit) = (buffer.len(), self.len.saturating_sub(offset));
        if len > limit {
            return Err(Error::TooLong { len, limit });
        }
        let at = end.shape.request_at(self.call.index) + offset;
        end.data().read(at, buffer).ok_or(Error::Corrupt)
    }

    /// Sends the response to the client. Also if the client does not wait any longer, which is no
    /// error.
    ///
    /// # Errors
    ///
    /// [`Error::TooLong`] if the response is longer than responses are: then the request is
    /// dropped. [`Error::Corrupt`].
    pub fn respond(self, response: &[u8]) -> Result<(), Error> {
        let end = &self.server.end;
        end.attached()?;
        end.respond(self.call, response)?;
        let this = ManuallyDrop::new(self);
        Ok(end.answer(this.call, Some(response.len()))?)
    }
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        let end = &self.server.end;
        if end.attached().is_ok() {
            // In a corrupt service there is nobody to tell.
            let _ = end.answer(self.call, None);
        }
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}
