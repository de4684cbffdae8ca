//! [`Names`]: what is in a directory of names.
#![forbid(unsafe_code)]

use rustix::fd::OwnedFd;

use super::name::Name;
use crate::{AsFd, Errno, Result, sys};

/// How many bytes of entries are read at a time: one at least, of at most 280.
const BUFFER: usize = 1024;

/// Where in `struct linux_dirent64` its length, the file's type and its name are.
const LENGTH: usize = 16;
const TYPE: usize = 18;
const NAME: usize = 19;

/// `d_type` of a regular file, and where the file system does not say.
const DT_REG: u8 = 8;
const DT_UNKNOWN: u8 = 0;

/// Which entries of the directory are listed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which {
    /// All of them.
    All,
    /// Those that begin with this, without it.
    With(&'static [u8]),
    /// Those that do not begin with this.
    Without(&'static [u8]),
}

impl Which {
    fn name(self, entry: &[u8]) -> Option<&[u8]> {
        match self {
            Self::All => Some(entry),
            Self::With(prefix) => entry.strip_prefix(prefix),
            Self::Without(prefix) => (!entry.starts_with(prefix)).then_some(entry),
        }
    }
}

/// An iterator over the names of existing objects, in no order.
///
/// What is created or unlinked meanwhile may be among them or not. The iterator
/// ends after an error.
///
/// # Examples
///
/// ```
/// use rawipc::posix::{Name, semaphore};
///
/// let name = Name::new(format!("/rawipc-doc-names-{}", std::process::id()))?;
/// let _semaphore = semaphore::CreateOptions::new().create(&name, 1)?;
/// let mut found = false;
/// for other in semaphore::list()? {
///     found |= other? == name;
/// }
/// assert!(found);
/// semaphore::unlink(&name)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Names {
    directory: OwnedFd,
    which: Which,
    buffer: [u8; BUFFER],
    /// The part of the buffer that has not been returned.
    next: usize,
    end: usize,
    done: bool,
}

/// The names of all files in a directory.
pub(crate) fn names_in(directory: OwnedFd) -> Names {
    Names::new(directory, Which::All)
}

impl Names {
    pub(super) fn new(directory: OwnedFd, which: Which) -> Self {
        Self {
            directory,
            which,
            buffer: [0; BUFFER],
            next: 0,
            end: 0,
            done: false,
        }
    }

    /// Reads more entries; `false` at the end.
    fn fill(&mut self) -> Result<bool> {
        self.next = 0;
        self.end = 0;
        self.end = sys::directory::getdents64(self.directory.as_fd(), &mut self.buffer)?;
        Ok(self.end > 0)
    }
}

impl Iterator for Names {
    type Item = Result<Name>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.done {
            if self.next >= self.end {
                match self.fill() {
                    Ok(more) => self.done = !more,
                    // The directory has been removed.
                    Err(Errno::NOENT) => self.done = true,
                    Err(errno) => {
                        self.done = true;
                        return Some(Err(errno));
                    }
                }
                continue;
            }
            let entry = self.buffer.get(self.next..self.end).unwrap_or_default();
            // Never without a length; but if it were, this would not go on for ever.
            self.next += usize::from(length(entry)).max(1);
            if let Some(name) = regular(entry).and_then(|entry| self.which.name(entry)) {
                // What is no name of an object, such as `sem..`, is none of ours.
                if let Ok(name) = Name::new(name) {
                    return Some(Ok(name));
                }
            }
        }
        None
    }
}

/// The length of the first entry.
fn length(entry: &[u8]) -> u16 {
    match entry.get(LENGTH..TYPE) {
        Some(&[low, high]) => u16::from_ne_bytes([low, high]),
        _ => 0,
    }
}

/// The name of the first entry, if it is a regular file.
fn regular(entry: &[u8]) -> Option<&[u8]> {
    let kind = *entry.get(TYPE)?;
    if kind != DT_REG && kind != DT_UNKNOWN {
        return None;
    }
    let name = entry.get(NAME..usize::from(length(entry)))?;
    name.split(|&byte| byte == 0).next()
}
