//! Memory that is a file: `io::Read`, `io::Write` and `io::Seek`.

use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::AsFd;
use crate::guard::filesize;
use crate::memory::memfd::Memfd;
use crate::posix::memory::Memory;

/// Types that lend the descriptor of a file.
macro_rules! file {
    ($($Type:ty),* $(,)?) => {
        $(
            /// Reads at the descriptor's position, which all share who share the descriptor.
            impl Read for &$Type {
                fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                    Ok(rustix::io::read(self, buffer)?)
                }
            }

            /// Writes at the descriptor's position, and makes the file longer where it must. Beyond
            /// `RLIMIT_FSIZE` it fails with [`FileTooLarge`](io::ErrorKind::FileTooLarge); there is no
            /// SIGXFSZ.
            impl Write for &$Type {
                fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                    Ok(filesize::write(self.as_fd(), bytes)?)
                }

                fn flush(&mut self) -> io::Result<()> {
                    Ok(())
                }
            }

            /// Moves the descriptor's position.
            impl Seek for &$Type {
                fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
                    let to = match to {
                        SeekFrom::Start(at) => rustix::fs::SeekFrom::Start(at),
                        SeekFrom::End(by) => rustix::fs::SeekFrom::End(by),
                        SeekFrom::Current(by) => rustix::fs::SeekFrom::Current(by),
                    };
                    Ok(rustix::fs::seek(self, to)?)
                }
            }

            /// Reads as a reference does.
            impl Read for $Type {
                fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                    (&*self).read(buffer)
                }
            }

            /// Writes as a reference does.
            impl Write for $Type {
                fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                    (&*self).write(bytes)
                }

                fn flush(&mut self) -> io::Result<()> {
                    Ok(())
                }
            }

            /// Moves as a reference does.
            impl Seek for $Type {
                fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
                    (&*self).seek(to)
                }
            }
        )*
    };
}

file!(Memfd, Memory);
