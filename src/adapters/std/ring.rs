//! The rings' byte views as std's streams.

use std::io;

use crate::ring::spsc::{ByteReader, ByteWriter, Trust};
use crate::ring::{Error, Waiting};

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error {
            Error::WouldBlock => io::ErrorKind::WouldBlock,
            Error::TimedOut => io::ErrorKind::TimedOut,
            Error::Closed | Error::PeerDied => io::ErrorKind::BrokenPipe,
            Error::TooLong { .. } => io::ErrorKind::InvalidInput,
            Error::Corrupt => io::ErrorKind::InvalidData,
            Error::Forked => io::ErrorKind::NotConnected,
            Error::Kernel(errno) => return errno.into(),
        };
        Self::new(kind, error)
    }
}

impl<W: Waiting, T: Trust> io::Read for ByteReader<'_, W, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(ByteReader::read(self, buffer)?)
    }
}

impl<W: Waiting, T: Trust> io::Write for ByteWriter<'_, W, T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(ByteWriter::write(self, bytes)?)
    }

    /// Does nothing: what is written is published at once.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
