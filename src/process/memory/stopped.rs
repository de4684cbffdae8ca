//! How far a transfer came that ended early: [`Stopped`], [`NoString`].
#![forbid(unsafe_code)]

use core::fmt;

use crate::sys::remote::Address;
use crate::{Errno, Short};

/// Memory could not be moved further: so many bytes are through, and there it ended.
///
/// `?` turns it into its [`Errno`], or into a [`Short`], where the rest does not matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// How many bytes went through before.
    pub done: usize,
    /// The other process's address of the first byte that did not.
    pub at: Address,
    /// Why: [`Errno::FAULT`] if the process has nothing there, or not with that
    /// permission.
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

/// Why a C string could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoString {
    /// The buffer is full of it, and there was no null byte.
    TooLong,
    /// The memory ends before a null byte. What was read is in the buffer.
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
