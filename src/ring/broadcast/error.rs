//! Why a message was not received.

use core::fmt;

use crate::ring::{Error, Halt};

/// Why a broadcast ring's reader received no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecvError {
    /// So many positions were passed without a message, since the last message or the last time
    /// this was said: the writers were faster than this reader, or a position never became a
    /// message, as its writer died or was passed over. The next call goes on behind them.
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
