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

impl Stream {
    fn write_all(self, mut rest: &[u8]) -> fmt::Result {
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

impl fmt::Write for Stream {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.write_all(text.as_bytes())
    }
}

/// How much of a line is collected, so that it is one write: of less than what pipes keep together.
const LINE: usize = 512;

/// A line on its way to a stream.
struct Line {
    to: Stream,
    bytes: [u8; LINE],
    len: usize,
}

impl Line {
    fn flush(&mut self) -> fmt::Result {
        let len = core::mem::take(&mut self.len);
        self.to.write_all(self.bytes.get(..len).unwrap_or_default())
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            if self.len == LINE {
                self.flush()?;
            }
            let room = self.bytes.get_mut(self.len..).unwrap_or_default();
            let len = rest.len().min(room.len());
            let (now, later) = rest.split_at(len);
            room.iter_mut().zip(now).for_each(|(to, from)| *to = *from);
            self.len += len;
            rest = later;
        }
        Ok(())
    }
}

/// Writes a text and a newline; errors are ignored.
#[doc(hidden)]
pub fn print_line(to: Stream, text: fmt::Arguments<'_>) {
    let mut line = Line {
        to,
        bytes: [0; LINE],
        len: 0,
    };
    let _ = fmt::Write::write_fmt(&mut line, text);
    let _ = fmt::Write::write_str(&mut line, "\n");
    let _ = line.flush();
}
