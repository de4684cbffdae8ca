//! Errors of transfers: [`TransferError`] says how far one came, [`StringError`] is of strings.
#![forbid(unsafe_code)]

use core::fmt;

use crate::sys::remote::Address;
use crate::{Errno, Short};

/// The error of a transfer of another process's memory that ended early: how far it came, and why.
///
/// `?` turns it into its [`Errno`], or into a [`Short`], where the rest does not matter.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::process::{self, memory::{self, Address}};
///
/// let process = memory::of(process::id()); // usually another
/// let error = process.read_exact(Address::new(8), &mut [0; 4]).expect_err("nothing is there");
/// assert_eq!((error.done, error.at), (0, Address::new(8)));
/// assert_eq!(error.error, Errno::FAULT);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferError {
    /// The number of bytes transferred before.
    pub done: usize,
    /// The address, in the other process, of the first byte that was not.
    pub at: Address,
    /// What ended the transfer: [`Errno::FAULT`] if the process has no memory there, or not
    /// with that permission.
    pub error: Errno,
}

impl From<TransferError> for Errno {
    fn from(error: TransferError) -> Self {
        error.error
    }
}

impl From<TransferError> for Short {
    fn from(error: TransferError) -> Self {
        Self {
            done: error.done,
            error: error.error,
        }
    }
}

impl fmt::Display for TransferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { done, at, error } = self;
        write!(f, "{error} at {at} after {done} bytes")
    }
}

impl core::error::Error for TransferError {}

/// An error of [`Remote::read_c_string`](super::Remote::read_c_string).
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, memory::{self, Address, StringError}};
///
/// let text = c"a long string".to_bytes_with_nul();
/// let process = memory::of(process::id()); // usually another
/// match process.read_c_string(Address::of(text), &mut [0; 4]) {
///     Ok(string) => println!("{string:?}"),
///     Err(StringError::TooLong) => println!("try again with a larger buffer"),
///     Err(StringError::Transfer(error)) => return Err(error.into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StringError {
    /// The string does not fit into the buffer.
    TooLong,
    /// The memory ended before a null byte. What was read is in the buffer.
    Transfer(TransferError),
}

impl From<StringError> for Errno {
    /// [`Errno::NAMETOOLONG`] for a string that is too long.
    fn from(error: StringError) -> Self {
        match error {
            StringError::TooLong => Self::NAMETOOLONG,
            StringError::Transfer(error) => error.error,
        }
    }
}

impl fmt::Display for StringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("no null byte as far as the buffer goes"),
            Self::Transfer(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for StringError {}
