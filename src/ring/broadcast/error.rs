//! Why a message was not received.

use core::fmt;

use crate::ring::{Error, Halt};

/// Why a broadcast ring's reader received no message.
///
/// # Examples
///
/// ```
/// use rawipc::ring::Error;
/// use rawipc::ring::broadcast::{RecvError, Ring};
///
/// let ring: Ring = Ring::create(4, 64)?;
/// let (mut writer, mut reader) = (ring.writer()?, ring.reader()?);
/// for _ in 0..6 {
///     writer.send(b"news")?;
/// }
/// drop(writer);
/// let (mut buffer, mut received, mut missed) = ([0; 64], 0, 0);
/// loop {
///     match reader.recv(&mut buffer) {
///         Ok(_len) => received += 1,
///         Err(RecvError::Lagged(count)) => missed += count, // and goes on behind them
///         Err(RecvError::Ring(Error::Closed)) => break,
///         Err(error) => return Err(error.into()),
///     }
/// }
/// assert_eq!(received + missed, 6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecvError {
    /// This many positions were passed without a message, since the last message or the last such
    /// error: the writers were faster than this reader, or a position never became a message, as its
    /// writer died or was passed over. The next call goes on behind them.
    Lagged(u64),
    /// The ring cannot go on, or not now.
    Ring(Error),
}

impl From<Error> for RecvError {
    fn from(error: Error) -> Self {
        Self::Ring(error)
    }
}

impl From<Halt> for RecvError {
    fn from(halt: Halt) -> Self {
        Self::Ring(halt.into())
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lagged(count) => write!(f, "{count} messages were missed"),
            Self::Ring(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for RecvError {}
