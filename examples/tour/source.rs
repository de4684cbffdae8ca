//! FILE, of which only the size is remembered: a half reads it piece by piece.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

pub(crate) struct Source {
    pub(crate) file: File,
    pub(crate) size: u64,
}

impl Source {
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let file = OpenOptions::new()
            .read(true)
            // A FIFO without a writer must not keep the tour waiting.
            .custom_flags(OFlags::NONBLOCK.bits() as i32)
            .open(path)
            .map_err(|error| error.to_string())?;
        let about = file.metadata().map_err(|error| error.to_string())?;
        if about.is_dir() {
            return Err("is a directory".into());
        }
        if !about.is_file() {
            return Err("is not a regular file".into());
        }
        Ok(Self {
            file,
            size: about.len(),
        })
    }

    /// Says so when FILE no longer has the size that it had.
    pub(crate) fn check(&self) -> Result<(), String> {
        let size = self
            .file
            .metadata()
            .map_err(|error| error.to_string())?
            .len();
        match size.cmp(&self.size) {
            core::cmp::Ordering::Equal => Ok(()),
            core::cmp::Ordering::Less => Err(format!(
                "shrank from {} to {size} bytes while it was read",
                self.size
            )),
            core::cmp::Ordering::Greater => Err(format!(
                "grew from {} to {size} bytes while it was read",
                self.size
            )),
        }
    }
}
