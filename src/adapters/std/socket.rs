//! Sockets as std knows them.

use core::net::SocketAddr;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

use crate::Errno;
use crate::socket::address::{Family, Name};
use crate::socket::message::Outgoing;
use crate::socket::{Datagram, Listener, RecvError, Stream, UnixAddress, option};
use crate::sys::vector;

/// Descriptors that come with the bytes are closed, as by [`Stream::recv`].
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
    UnixStream => Stream,
    Stream => UnixStream,
    TcpStream => Stream,
    UnixDatagram => Datagram,
    Datagram => UnixDatagram,
    UdpSocket => Datagram,
    UnixListener => Listener<UnixAddress, Stream>,
    TcpListener => Listener<SocketAddr, Stream>,
}

/// Conversions of sockets whose family the type does not say.
macro_rules! try_convert {
    ($($From:ty => $To:ty),* $(,)?) => {
        $(
            /// Fails with [`Errno::AFNOSUPPORT`] when it is a socket of another family,
            /// which is closed.
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
            /// Switches it to blocking, as std has it, for all processes that have it.
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

/// Fails with [`Errno::NAMETOOLONG`] for a name that std has and Linux has not.
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

/// Fails for a pathname of exactly 108 bytes, which std does not know, and for no name,
/// which it cannot make.
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

/// What was cut is [`InvalidData`](io::ErrorKind::InvalidData).
impl From<RecvError> for io::Error {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Refused(errno) => errno.into(),
            error => Self::new(io::ErrorKind::InvalidData, error),
        }
    }
}
