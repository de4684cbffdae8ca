//! The standard streams.

use core::fmt;

use crate::{AsFd, BorrowedFd};

/// A standard stream, whose descriptor is borrowed and never closed. Writing text to it with
/// [`core::fmt::Write`] writes all of it, in as many system calls as that takes.
///
/// # Examples
///
/// ```
/// use core::fmt::Write;
///
/// let mut out = rawipc::start::stdout();
/// write!(out, "{} bytes\n", 3)?;
/// # Ok::<(), core::fmt::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Stream(BorrowedFd<'static>);

/// Returns standard input, descriptor 0.
#[must_use]
pub fn stdin() -> Stream {
    stream(0)
}

/// Returns standard output, descriptor 1.
#[must_use]
pub fn stdout() -> Stream {
    stream(1)
}

/// Returns standard error, descriptor 2.
#[must_use]
pub fn stderr() -> Stream {
    stream(2)
}

fn stream(number: i32) -> Stream {
    // SAFETY: by custom these three belong to all of the program and stay open, as `std` assumes
    // of them too; what is not open is an error of the kernel's.
    Stream(unsafe { BorrowedFd::borrow_raw(number) })
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0
    }
}

impl fmt::Write for Stream {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            match rustix::io::write(self.0, rest) {
                Ok(0) => return Err(fmt::Error),
                Ok(len) => rest = rest.get(len..).unwrap_or_default(),
                Err(crate::Errno::INTR) => {}
                Err(_) => return Err(fmt::Error),
            }
        }
        Ok(())
    }
}
