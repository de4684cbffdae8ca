//! Sockets as std knows them.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixStream};

use crate::socket::message::Outgoing;
use crate::socket::{Datagram, RecvError, Stream};

/// Descriptors that come with the bytes are closed, as by [`Stream::recv`].
impl Read for &Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.recv(buffer)?)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        Ok(rustix::io::readv(self, buffers)?)
    }
}

/// Nothing is buffered here. A peer that is gone is
/// [`BrokenPipe`](io::ErrorKind::BrokenPipe), without a signal.
impl Write for &Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.send(bytes)?)
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(self.send_message(buffers, &Outgoing::new())?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// As of `&Stream`.
impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(buffers)
    }
}

/// As of `&Stream`.
impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self).write(bytes)
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(buffers)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl From<UnixStream> for Stream {
    fn from(stream: UnixStream) -> Self {
        OwnedFd::from(stream).into()
    }
}

impl From<Stream> for UnixStream {
    fn from(stream: Stream) -> Self {
        OwnedFd::from(stream).into()
    }
}

impl From<UnixDatagram> for Datagram {
    fn from(datagram: UnixDatagram) -> Self {
        OwnedFd::from(datagram).into()
    }
}

impl From<Datagram> for UnixDatagram {
    fn from(datagram: Datagram) -> Self {
        OwnedFd::from(datagram).into()
    }
}

/// What was cut is [`InvalidData`](io::ErrorKind::InvalidData).
impl From<RecvError> for io::Error {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Refused(errno) => errno.into(),
            error => Self::new(io::ErrorKind::InvalidData, error),
        }
    }
}
