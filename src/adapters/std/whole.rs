//! Whole-message calls that ended early, as std knows them.

use std::io;

use crate::Short;

/// The error alone; an [`Errno::PIPE`](crate::Errno::PIPE) is
/// [`BrokenPipe`](io::ErrorKind::BrokenPipe), also where a stream ended. How many bytes
/// went through is lost: it is in the [`Short`].
impl From<Short> for io::Error {
    fn from(short: Short) -> Self {
        short.error.into()
    }
}
