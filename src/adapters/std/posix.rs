//! POSIX IPC and std.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use crate::posix::memory::Memory;

/// To read and write it as any file; the position is shared by all who share the
/// descriptor.
impl From<Memory> for File {
    fn from(memory: Memory) -> Self {
        OwnedFd::from(memory).into()
    }
}

/// Any file, unseen.
impl From<File> for Memory {
    fn from(file: File) -> Self {
        OwnedFd::from(file).into()
    }
}

/// To give it to a child as its standard input or output.
impl From<Memory> for Stdio {
    fn from(memory: Memory) -> Self {
        OwnedFd::from(memory).into()
    }
}
