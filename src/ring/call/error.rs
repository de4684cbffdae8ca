//! [`CallError`]: what is known of a call that has no response.
#![forbid(unsafe_code)]

use core::fmt;

use crate::ring::Error;

/// Why a call has no response, and whether a server has had the request.
///
/// # Examples
///
/// ```
/// use rawipc::Deadline;
/// use rawipc::ring::call::{CallError, Service};
///
/// let service = Service::create(4, 64, 64)?;
/// let (client, _server) = (service.client()?, service.server()?);
/// match client.call_until(b"charge 5", &mut [0; 64], Deadline::NOW) {
///     Ok(len) => println!("a response of {len} bytes"),
///     Err(CallError::NotExecuted(why)) => println!("it can be sent again: {why}"),
///     Err(CallError::PerhapsExecuted(why)) => println!("ask whether it was done: {why}"),
///     Err(error) => return Err(error.into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallError {
    /// No server has had the request, and none will: it can be sent again.
    NotExecuted(Error),
    /// A server had taken the request: it has executed it, or a part of it, or not, or does so
    /// yet.
    PerhapsExecuted(Error),
    /// The server dropped the request without a response.
    Unanswered,
    /// The server has responded, and the response cannot be had: it is longer than the buffer
    /// ([`Error::TooLong`]), or than any is ([`Error::Corrupt`]).
    Executed(Error),
}

impl CallError {
    /// Returns the ring's error; `None` if the request was dropped without a response.
    #[must_use]
    pub fn error(self) -> Option<Error> {
        match self {
            Self::NotExecuted(error) | Self::PerhapsExecuted(error) | Self::Executed(error) => {
                Some(error)
            }
            Self::Unanswered => None,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotExecuted(error) => write!(f, "not executed: {error}"),
            Self::PerhapsExecuted(error) => write!(f, "perhaps executed: {error}"),
            Self::Unanswered => f.write_str("the server dropped the request"),
            Self::Executed(error) => write!(f, "executed: {error}"),
        }
    }
}

impl core::error::Error for CallError {}
