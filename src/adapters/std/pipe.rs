//! Pipes: `io::Read` and `io::Write`, and std's own descriptors.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, PipeReader, PipeWriter, Read, Write};
use std::process::{ChildStderr, ChildStdin, ChildStdout, Stdio};

use crate::OwnedFd;
use crate::pipe::{Reader, WriteFlags, Writer};

/// Also fails with `Interrupted` when a signal handler ran, as std's own do;
/// `read_exact`, `read_to_end` and their like go on.
impl Read for &Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(Reader::read(self, buffer)?)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        Ok(self.readv(buffers)?)
    }
}

/// As that of `&Reader`.
impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Read::read(&mut &*self, buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        Read::read_vectored(&mut &*self, buffers)
    }
}

/// Also fails with `Interrupted` when a signal handler ran, as std's own do;
/// `write_all` goes on.
impl Write for &Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(Writer::write(self, bytes)?)
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(self.writev(buffers, WriteFlags::empty())?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// As that of `&Writer`.
impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(&mut &*self, bytes)
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        Write::write_vectored(&mut &*self, buffers)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Conversions by way of the descriptor.
macro_rules! convert {
    ($($From:ty => $To:ty),* $(,)?) => {
        $(impl From<$From> for $To {
            fn from(from: $From) -> Self {
                Self::from(OwnedFd::from(from))
            }
        })*
    };
}

convert! {
    Reader => PipeReader,
    Reader => File,
    Reader => Stdio,
    PipeReader => Reader,
    ChildStdout => Reader,
    ChildStderr => Reader,
    Writer => PipeWriter,
    Writer => File,
    Writer => Stdio,
    PipeWriter => Writer,
    ChildStdin => Writer,
}
