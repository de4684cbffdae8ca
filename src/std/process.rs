//! Processes and std.

use std::io;

use crate::process::SpawnError;

/// With the error's number, without what it was that failed.
impl From<SpawnError> for io::Error {
    fn from(error: SpawnError) -> Self {
        error.errno.into()
    }
}
