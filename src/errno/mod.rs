//! Names and texts of the kernel's errors, and an error type that prints them, without `std`.
//!
//! [`Errno`] is a number. Without feature `std` it prints as `os error 36` and is no
//! [`core::error::Error`], so that `?` does not make a `Box<dyn Error>` of it. [`Described`] is
//! one in every program: return it, and `?` converts. With feature `errno-text` it prints the
//! name and the text.
//!
//! ```
//! use rawipc::errno::Described;
//! use rawipc::pipe::{self, PipeFlags};
//!
//! fn run() -> Result<(), Described> {
//!     let (_reader, writer) = pipe::create(PipeFlags::empty())?; // an `Errno` becomes a `Described`
//!     writer.write_all(b"x")?;
//!     Ok(())
//! }
//!
//! // It is an error as others are: in a `Box<dyn Error>`, with `core` and `alloc` alone.
//! fn main() -> Result<(), Box<dyn core::error::Error>> {
//!     Ok(run()?)
//! }
//! ```
#![forbid(unsafe_code)]

use core::fmt;

use crate::{Errno, Short};

#[cfg(feature = "errno-text")]
mod table;

#[cfg(feature = "errno-text")]
fn row(errno: Errno) -> Option<(&'static str, &'static str)> {
    let number = errno.raw_os_error();
    let at = table::TABLE.binary_search_by_key(&number, |&(number, ..)| number);
    let &(_, name, text) = table::TABLE.get(at.ok()?)?;
    Some((name, text))
}

/// Returns the error's name in C, such as `ENAMETOOLONG`, or `None` for a number without one.
///
/// ```
/// use rawipc::{Errno, errno};
///
/// assert_eq!(errno::name(Errno::NAMETOOLONG), Some("ENAMETOOLONG"));
/// ```
#[cfg(feature = "errno-text")]
#[doc(alias = "strerrorname_np")]
#[must_use]
pub fn name(errno: Errno) -> Option<&'static str> {
    row(errno).map(|(name, _)| name)
}

/// Returns the error's text, as `strerror(3)` has it in English but without a capital, or `None`
/// for a number without one.
///
/// ```
/// use rawipc::{Errno, errno};
///
/// assert_eq!(errno::text(Errno::NAMETOOLONG), Some("file name too long"));
/// ```
#[cfg(feature = "errno-text")]
#[doc(alias = "strerror")]
#[must_use]
pub fn text(errno: Errno) -> Option<&'static str> {
    row(errno).map(|(_, text)| text)
}

/// An [`Errno`] that is a [`core::error::Error`] also without `std`, and prints its name and text.
///
/// It prints `ENAMETOOLONG: file name too long` with feature `errno-text`; without it
/// `File name too long (os error 36)` with feature `std`, and else `os error 36`. The errors of this
/// crate that hold an [`Errno`] print it in the same way.
///
/// ```
/// use rawipc::Errno;
/// use rawipc::errno::Described;
///
/// let error = Described(Errno::NAMETOOLONG);
/// # #[cfg(feature = "errno-text")]
/// assert_eq!(error.to_string(), "ENAMETOOLONG: file name too long");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Described(pub Errno);

impl fmt::Display for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[cfg(feature = "errno-text")]
        return match row(self.0) {
            Some((name, text)) => write!(f, "{name}: {text}"),
            None => write!(f, "os error {}", self.0.raw_os_error()),
        };
        #[cfg(not(feature = "errno-text"))]
        fmt::Display::fmt(&self.0, f)
    }
}

/// The same words: what `main` returns is printed so.
impl fmt::Debug for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for Described {}

impl From<Errno> for Described {
    fn from(errno: Errno) -> Self {
        Self(errno)
    }
}

/// With the error's number alone.
impl From<Short> for Described {
    fn from(short: Short) -> Self {
        Self(short.error)
    }
}

impl From<Described> for Errno {
    fn from(described: Described) -> Self {
        described.0
    }
}
