//! Pipes: `io::Read` and `io::Write`, and std's own descriptors.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, PipeReader, PipeWriter, Read, Write};
use std::process::{ChildStderr, ChildStdin, ChildStdout, Stdio};

use super::convert;
use crate::pipe::{Reader, WriteFlags, Writer};

/// Reads like [`Reader::read`], which also fails with `Interrupted` when a signal handler ran,
/// as std's own do; `read_exact`, `read_to_end` and their like continue.
impl Read for &Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(Reader::read(self, buffer)?)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        Ok(self.readv(buffers)?)
    }
}

/// Reads as `&Reader` does.
impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Read::read(&mut &*self, buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        Read::read_vectored(&mut &*self, buffers)
    }
}

/// Writes like [`Writer::write`], which also fails with `Interrupted` when a signal handler
/// ran, as std's own do; `write_all` continues.
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

/// Writes as `&Writer` does.
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
