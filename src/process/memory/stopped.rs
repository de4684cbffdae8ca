//! How far a transfer came that ended early: [`Stopped`], [`NoString`].
#![forbid(unsafe_code)]

use core::fmt;

use crate::sys::remote::Address;
use crate::{Errno, Short};

/// A transfer of another process's memory ended early: how far it came, and why.
///
/// `?` turns it into its [`Errno`], or into a [`Short`], where the rest does not matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// The number of bytes transferred before.
    pub done: usize,
    /// The address, in the other process, of the first byte that was not.
    pub at: Address,
    /// What ended the transfer: [`Errno::FAULT`] if the process has no memory there, or not
    /// with that permission.
    pub error: Errno,
}

impl From<Stopped> for Errno {
    fn from(stopped: Stopped) -> Self {
        stopped.error
    }
}

impl From<Stopped> for Short {
    fn from(stopped: Stopped) -> Self {
        Self {
            done: stopped.done,
            error: stopped.error,
        }
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { done, at, error } = self;
        write!(f, "{error} at {at} after {done} bytes")
    }
}

impl core::error::Error for Stopped {}

/// An error of [`Remote::read_c_string`](super::Remote::read_c_string).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoString {
    /// The string does not fit into the buffer.
    TooLong,
    /// The memory ended before a null byte. What was read is in the buffer.
    Stopped(Stopped),
}

impl From<NoString> for Errno {
    /// [`Errno::NAMETOOLONG`] for a string that is too long.
    fn from(error: NoString) -> Self {
        match error {
            NoString::TooLong => Self::NAMETOOLONG,
            NoString::Stopped(stopped) => stopped.error,
        }
    }
}

impl fmt::Display for NoString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("no null byte as far as the buffer goes"),
            Self::Stopped(stopped) => stopped.fmt(f),
        }
    }
}

impl core::error::Error for NoString {}
