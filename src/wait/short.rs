//! Whole-message calls: go on until all of it is through, and say how far it
//! came when it cannot be.

use core::fmt;

use crate::{Errno, Result};

/// The error of a whole-message call that ended early: how many bytes went through, and why no more
/// did.
///
/// `?` turns it into its [`Errno`] where the number does not matter.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::pipe::{self, PipeFlags};
///
/// let (reader, writer) = pipe::create(PipeFlags::empty())?;
/// drop(reader);
/// let short = writer.write_all(b"hello").unwrap_err();
/// assert_eq!((short.done, short.error), (0, Errno::PIPE));
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Short {
    /// How many bytes went through before.
    pub done: usize,
    /// What ended the call.
    pub error: Errno,
}

impl From<Short> for Errno {
    fn from(short: Short) -> Self {
        short.error
    }
}

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} after {} bytes", self.error, self.done)
    }
}

impl core::error::Error for Short {}

/// Calls `step` with the number of bytes done until that is `len` or it does 0,
/// which is what a call at the end of a stream does. An interruption by a signal
/// handler is no reason to stop.
///
/// # Errors
///
/// What `step` returns, with the number of bytes done before it.
pub(crate) fn transfer(
    len: usize,
    mut step: impl FnMut(usize) -> Result<usize>,
) -> Result<usize, Short> {
    let mut done = 0;
    while done < len {
        match step(done) {
            Ok(0) => break,
            Ok(more) => done += more,
            Err(Errno::INTR) => {}
            Err(error) => return Err(Short { done, error }),
        }
    }
    Ok(done)
}
