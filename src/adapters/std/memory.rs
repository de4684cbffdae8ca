//! Memory and std.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use crate::memory::memfd::Memfd;

/// To read and write it as any file; the position is shared by all who share the
/// descriptor.
impl From<Memfd> for File {
    fn from(memfd: Memfd) -> Self {
        OwnedFd::from(memfd).into()
    }
}

/// Any file, unseen: [`Memfd::verify`] looks.
impl From<File> for Memfd {
    fn from(file: File) -> Self {
        OwnedFd::from(file).into()
    }
}

/// To give it to a child as its standard input or output.
impl From<Memfd> for Stdio {
    fn from(memfd: Memfd) -> Self {
        OwnedFd::from(memfd).into()
    }
}
