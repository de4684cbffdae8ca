//! The end of a service that calls.

use super::CallError;
use super::end::End;
use crate::Deadline;
use crate::ring::Peer;

/// A client of a service: sends requests, and waits for the response to each. Dropping it closes
/// its end: when the last client has closed, servers are told
/// [`Error::Closed`](crate::ring::Error::Closed).
///
/// It may move between threads; threads that call at the same time have a client each.
///
/// # Examples
///
/// ```
/// use rawipc::Deadline;
/// use rawipc::ring::{Error, call::{CallError, Service}};
///
/// let service = Service::create(4, 64, 64)?;
/// let (client, _server) = (service.client()?, service.server()?);
/// // The server takes no request: it is withdrawn, and will never be executed.
/// let deadline = Deadline::after(core::time::Duration::from_millis(1));
/// let result = client.call_until(b"hello", &mut [0; 64], deadline);
/// assert_eq!(result, Err(CallError::NotExecuted(Error::TimedOut)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Client {
    end: End,
}

impl Client {
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

    /// Returns the state of the servers, all together. One system call or more if processes are
    /// attached.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.end.peer()
    }

    /// Leaves without closing, so that servers wait for a successor.
    pub fn detach(self) {
        self.end.detach();
    }

    /// Sends a request to any one of the servers, and blocks until it has responded; copies the
    /// response to the beginning of `response`, and returns its length.
    ///
    /// While no server is attached it waits for one. A server that is stopped is waited for.
    ///
    /// # Errors
    ///
    /// [`CallError::NotExecuted`]: no server has taken the request, and none will: all of them have
    /// closed ([`Error::Closed`]) or died ([`Error::PeerDied`]), or the request is longer than
    /// requests are ([`Error::TooLong`]). [`CallError::PerhapsExecuted`]: a server had taken it, and
    /// has died ([`Error::PeerDied`]). [`CallError::Unanswered`]: the server dropped the request.
    /// [`CallError::Executed`]: the response is longer than the buffer ([`Error::TooLong`]), and lost.
    ///
    /// [`Error::Closed`]: crate::ring::Error::Closed
    /// [`Error::PeerDied`]: crate::ring::Error::PeerDied
    /// [`Error::TooLong`]: crate::ring::Error::TooLong
    #[doc(alias = "rpc")]
    pub fn call(&self, request: &[u8], response: &mut [u8]) -> Result<usize, CallError> {
        self.call_until(request, response, Deadline::Never)
    }

    /// Like [`call`](Self::call), but gives up at `deadline` with
    /// [`Error::TimedOut`](crate::ring::Error::TimedOut).
    ///
    /// There is no `try_call`, as a response is never there at once. With
    /// [`Deadline::NOW`](crate::Deadline::NOW) this spins for about a millisecond at most and does
    /// not sleep: if all slots are in use then, or no server has taken the request, nothing was
    /// executed.
    ///
    /// # Errors
    ///
    /// Those of [`call`](Self::call), and [`CallError::NotExecuted`] with
    /// [`Error::TimedOut`](crate::ring::Error::TimedOut) if no server had taken the request, which is
    /// withdrawn; [`CallError::PerhapsExecuted`] with it if one had, whose response nobody gets.
    pub fn call_until(
        &self,
        request: &[u8],
        response: &mut [u8],
        deadline: Deadline,
    ) -> Result<usize, CallError> {
        self.end.call(request, response, deadline)
    }
}
