//! Sockets as std knows them.

use core::net::SocketAddr;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::Stdio;

use super::convert;
use crate::Errno;
use crate::socket::address::{Family, Name};
use crate::socket::message::Outgoing;
use crate::socket::{Datagram, Listener, RecvError, Seqpacket, Stream, UnixAddress, option};
use crate::sys::vector;

/// Receives like [`Stream::recv`]: descriptors that come with the bytes are closed.
impl Read for &Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.recv(buffer)?)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let buffers = vector::window_mut(buffers);
        // As `recv`, which does not ask the kernel for nothing.
        if buffers.iter().all(|buffer| buffer.is_empty()) {
            return Ok(0);
        }
        Ok(rustix::io::readv(self, buffers)?)
    }
}

/// Sends like [`Stream::send`], without a buffer. A peer that is gone is
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

/// Receives as `&Stream` does.
impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(buffers)
    }
}

/// Sends as `&Stream` does.
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

convert! {
    UnixStream => Stream,
    Stream => UnixStream,
    TcpStream => Stream,
    UnixDatagram => Datagram,
    Datagram => UnixDatagram,
    UdpSocket => Datagram,
    UnixListener => Listener<UnixAddress, Stream>,
    TcpListener => Listener<SocketAddr, Stream>,
    Stream => Stdio,
    Datagram => Stdio,
    Seqpacket => Stdio,
}

/// Conversions of sockets whose family the type does not say.
macro_rules! try_convert {
    ($($From:ty => $To:ty),* $(,)?) => {
        $(
            /// Fails with [`Errno::AFNOSUPPORT`] if the socket is of another family, and closes
            /// it.
            impl TryFrom<$From> for $To {
                type Error = Errno;

                fn try_from(from: $From) -> Result<Self, Errno> {
                    match option::family(&from)? {
                        Family::INET | Family::INET6 => Ok(Self::from(OwnedFd::from(from))),
                        _ => Err(Errno::AFNOSUPPORT),
                    }
                }
            }
        )*
    };
}

try_convert! {
    Stream => TcpStream,
    Datagram => UdpSocket,
}

/// A listener of std, which blocks, and so does the socket, for all processes that have
/// it.
macro_rules! convert_listener {
    ($($Address:ty => $To:ty),* $(,)?) => {
        $(
            /// Makes the socket blocking, as std's are, for all processes that share it.
            impl From<Listener<$Address, Stream>> for $To {
                fn from(listener: Listener<$Address, Stream>) -> Self {
                    // A socket takes it, and what is none says so when it is used.
                    let _ = option::set_nonblocking(&listener, false);
                    Self::from(OwnedFd::from(listener))
                }
            }
        )*
    };
}

convert_listener! {
    UnixAddress => UnixListener,
    SocketAddr => TcpListener,
}

/// Fails with [`Errno::NAMETOOLONG`] for a name that std allows and Linux does not.
impl TryFrom<&std::os::unix::net::SocketAddr> for UnixAddress {
    type Error = Errno;

    fn try_from(address: &std::os::unix::net::SocketAddr) -> Result<Self, Errno> {
        if let Some(name) = address.as_abstract_name() {
            Self::abstract_name(name)
        } else if let Some(path) = address.as_pathname() {
            Self::pathname(path.as_os_str().as_bytes())
        } else {
            Ok(Self::UNNAMED)
        }
    }
}

/// Fails for a pathname of exactly 108 bytes, which std does not support, and for the unnamed
/// address, which it cannot create.
impl TryFrom<&UnixAddress> for std::os::unix::net::SocketAddr {
    type Error = io::Error;

    fn try_from(address: &UnixAddress) -> io::Result<Self> {
        match address.name() {
            Name::Abstract(name) => Self::from_abstract_name(name),
            Name::Pathname(path) => Self::from_pathname(std::ffi::OsStr::from_bytes(path)),
            Name::Unnamed => Err(Errno::INVAL.into()),
        }
    }
}

/// Converts what was truncated or refused to [`InvalidData`](io::ErrorKind::InvalidData), and
/// an error of the kernel to its own.
impl From<RecvError> for io::Error {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Refused(errno) => errno.into(),
            error => Self::new(io::ErrorKind::InvalidData, error),
        }
    }
}
