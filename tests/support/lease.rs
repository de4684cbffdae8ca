//! A lease on a file, which makes whoever opens it for writing wait until it is given up.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Has a lease to read on the file behind `file` until the result is dropped. Who has it hears
/// nothing of those who would open the file.
pub(crate) fn take(file: impl AsFd) -> File {
    let path = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
    // Opened for writing it could have no lease.
    let reader = File::open(path).unwrap();
    let fd = reader.as_raw_fd();
    // SIGURG, of which nothing comes.
    // SAFETY: no memory is involved.
    assert_eq!(unsafe { libc::fcntl(fd, 10, libc::SIGURG) }, 0, "F_SETSIG");
    // SAFETY: as above.
    let leased = unsafe { libc::fcntl(fd, libc::F_SETLEASE, libc::F_RDLCK) };
    assert_eq!(leased, 0, "{}", io::Error::last_os_error());
    reader
}
