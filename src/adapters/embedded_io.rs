//! [`embedded_io`]: its blocking streams, for pipes, stream sockets and the byte views of rings, in
//! programs with and without `std`.
//!
//! Reading and writing go on when a signal handler ran. On a descriptor that does not block they fail
//! where they would have to wait, which the crate has no kind of error for
//! ([`api::ErrorKind::Other`]). The crate `embedded-io` is re-exported as [`api`], so
//! that both are of one version.
//!
//! [`embedded_io`]: https://docs.rs/embedded-io
//!
//! # Examples
//!
//! ```
//! use rawipc::adapters::embedded_io::api::{Read, Write};
//! use rawipc::pipe::{self, PipeFlags};
//!
//! /// Of any program that knows nothing of Linux.
//! fn greet(to: &mut impl Write) -> bool {
//!     to.write_all(b"hello").is_ok()
//! }
//!
//! let (mut reader, mut writer) = pipe::create(PipeFlags::empty())?;
//! assert!(greet(&mut writer));
//! let mut word = [0; 5];
//! Read::read_exact(&mut reader, &mut word).unwrap();
//! assert_eq!(&word, b"hello");
//! # Ok::<(), rawipc::Errno>(())
//! ```
#![forbid(unsafe_code)]

pub use ::embedded_io as api;

use api::ErrorKind;

use crate::errno::Described;
use crate::ring::spsc::{ByteReader, ByteWriter};
use crate::ring::{Error, Trust, Waiting};
use crate::wait::ready;
use crate::{Errno, pipe, socket};

impl api::Error for Described {
    fn kind(&self) -> ErrorKind {
        match self.0 {
            Errno::NOENT => ErrorKind::NotFound,
            Errno::PERM | Errno::ACCESS => ErrorKind::PermissionDenied,
            Errno::CONNREFUSED => ErrorKind::ConnectionRefused,
            Errno::CONNRESET => ErrorKind::ConnectionReset,
            Errno::CONNABORTED => ErrorKind::ConnectionAborted,
            Errno::NOTCONN => ErrorKind::NotConnected,
            Errno::ADDRINUSE => ErrorKind::AddrInUse,
            Errno::ADDRNOTAVAIL => ErrorKind::AddrNotAvailable,
            Errno::PIPE => ErrorKind::BrokenPipe,
            Errno::EXIST => ErrorKind::AlreadyExists,
            Errno::INVAL => ErrorKind::InvalidInput,
            Errno::TIMEDOUT => ErrorKind::TimedOut,
            Errno::INTR => ErrorKind::Interrupted,
            Errno::OPNOTSUPP => ErrorKind::Unsupported,
            Errno::NOMEM => ErrorKind::OutOfMemory,
            _ => ErrorKind::Other,
        }
    }
}

impl api::Error for Error {
    fn kind(&self) -> ErrorKind {
        match *self {
            Self::TimedOut => ErrorKind::TimedOut,
            Self::Closed | Self::PeerDied => ErrorKind::BrokenPipe,
            Self::TooLong { .. } => ErrorKind::InvalidInput,
            Self::Corrupt => ErrorKind::InvalidData,
            Self::Forked => ErrorKind::NotConnected,
            Self::Kernel(errno) => Described(errno).kind(),
            Self::WouldBlock => ErrorKind::Other,
        }
    }
}

/// A stream of a descriptor that is read by its function `$own`.
macro_rules! read {
    ($Type:ty, $own:ident) => {
        impl api::Read for &$Type {
            fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Described> {
                Ok(ready::uninterrupted(|| <$Type>::$own(self, buffer))?)
            }
        }

        impl api::Read for $Type {
            fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Described> {
                api::Read::read(&mut &*self, buffer)
            }
        }
    };
}

/// A stream of a descriptor that is written to by its function `$own`; nothing is kept back.
macro_rules! write {
    ($Type:ty, $own:ident) => {
        impl api::Write for &$Type {
            fn write(&mut self, bytes: &[u8]) -> Result<usize, Described> {
                Ok(ready::uninterrupted(|| <$Type>::$own(self, bytes))?)
            }

            fn flush(&mut self) -> Result<(), Described> {
                Ok(())
            }
        }

        impl api::Write for $Type {
            fn write(&mut self, bytes: &[u8]) -> Result<usize, Described> {
                api::Write::write(&mut &*self, bytes)
            }

            fn flush(&mut self) -> Result<(), Described> {
                Ok(())
            }
        }
    };
}

/// What fails with the kernel's errors.
macro_rules! fails {
    ($($Type:ty),+) => {
        $(
            impl api::ErrorType for $Type {
                type Error = Described;
            }

            impl api::ErrorType for &$Type {
                type Error = Described;
            }
        )+
    };
}

fails!(pipe::Reader, pipe::Writer, socket::Stream);
read!(pipe::Reader, read);
write!(pipe::Writer, write);
read!(socket::Stream, recv);
write!(socket::Stream, send);

impl<W: Waiting, T: Trust> api::ErrorType for ByteReader<'_, W, T> {
    type Error = Error;
}

impl<W: Waiting, T: Trust> api::Read for ByteReader<'_, W, T> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        ByteReader::read(self, buffer)
    }
}

impl<W: Waiting, T: Trust> api::ErrorType for ByteWriter<'_, W, T> {
    type Error = Error;
}

impl<W: Waiting, T: Trust> api::Write for ByteWriter<'_, W, T> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        ByteWriter::write(self, bytes)
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}
