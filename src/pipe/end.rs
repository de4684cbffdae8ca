//! What both ends of a pipe have: their descriptor, the pipe's size, and the
//! state of the open file description.
#![forbid(unsafe_code)]

use rustix::fd::BorrowedFd;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use crate::Result;

/// Defines an end of a pipe over its descriptor.
macro_rules! define_end {
    ($(#[$documentation:meta])* $End:ident) => {
        $(#[$documentation])*
        #[derive(Debug)]
        #[repr(transparent)]
        pub struct $End($crate::OwnedFd);

        impl $End {
            /// Returns how many bytes the pipe can hold: `fcntl(2)` with `F_GETPIPE_SZ`.
            ///
            /// It holds them in pages, and a write that is neither a continuation of
            /// the last nor a whole page leaves the rest of its page unused: many
            /// small packets fill it sooner.
            ///
            /// # Errors
            ///
            /// [`Errno::BADF`](crate::Errno::BADF): this is no pipe.
            #[doc(alias = "F_GETPIPE_SZ")]
            pub fn capacity(&self) -> $crate::Result<usize> {
                rustix::pipe::fcntl_getpipe_size(&self.0)
            }

            /// Makes the pipe hold at least `size` bytes, and returns its new capacity:
            /// `fcntl(2)` with `F_SETPIPE_SZ`.
            ///
            /// The kernel rounds up to a power of two of pages. What is in the pipe
            /// stays there. It is the pipe that changes, for both ends.
            ///
            /// # Errors
            ///
            /// - [`Errno::BUSY`](crate::Errno::BUSY): the pipe contains more than that.
            /// - [`Errno::PERM`](crate::Errno::PERM): more than
            ///   `/proc/sys/fs/pipe-max-size` (usually 1 MiB), or than the user may
            ///   have in all pipes together, and no `CAP_SYS_RESOURCE`.
            /// - [`Errno::INVAL`](crate::Errno::INVAL) or
            ///   [`Errno::NOMEM`](crate::Errno::NOMEM): more than the kernel can do.
            /// - [`Errno::BADF`](crate::Errno::BADF): this is no pipe.
            #[doc(alias = "F_SETPIPE_SZ")]
            pub fn set_capacity(&self, size: usize) -> $crate::Result<usize> {
                // Of what is no C int, rustix says that it is forbidden.
                if i32::try_from(size).is_err() {
                    return Err($crate::Errno::INVAL);
                }
                rustix::pipe::fcntl_setpipe_size(&self.0, size)
            }

            /// Returns how many bytes are in the pipe: `ioctl(2)` with `FIONREAD`.
            ///
            /// Of all packets together, in packet mode.
            ///
            /// # Errors
            ///
            /// [`Errno::NOTTY`](crate::Errno::NOTTY): this is no pipe, nor something
            /// else with bytes to count.
            #[doc(alias = "FIONREAD")]
            pub fn bytes_waiting(&self) -> $crate::Result<usize> {
                let bytes = rustix::io::ioctl_fionread(&self.0)?;
                Ok(usize::try_from(bytes).unwrap_or(usize::MAX))
            }

            /// Makes the end non-blocking or blocking: `ioctl(2)` with `FIONBIO`.
            ///
            /// It concerns the plain forms, of *all* copies of this descriptor in all
            /// processes; the `try_` and `_until` forms do not need it. Other flags
            /// stay as they are, also when another thread changes them meanwhile.
            ///
            /// # Errors
            ///
            /// None that a program acts on.
            #[doc(alias = "O_NONBLOCK")]
            #[doc(alias = "FIONBIO")]
            pub fn set_nonblocking(&self, nonblocking: bool) -> $crate::Result<()> {
                rustix::io::ioctl_fionbio(&self.0, nonblocking)
            }

            /// Returns whether the end is non-blocking: `fcntl(2)` with `F_GETFL`.
            ///
            /// # Errors
            ///
            /// None that a program acts on.
            #[doc(alias = "F_GETFL")]
            pub fn is_nonblocking(&self) -> $crate::Result<bool> {
                super::end::has(rustix::fd::AsFd::as_fd(self), rustix::fs::OFlags::NONBLOCK)
            }

            /// Turns packet mode on or off: `fcntl(2)` with `F_SETFL`, `O_DIRECT`. See
            /// [`PipeFlags::PACKET`](super::PipeFlags::PACKET).
            ///
            /// It is the writer's mode that makes packets, of *all* copies of its
            /// descriptor. Say it to the reader too ([`create`](super::create) does):
            /// its `try_` and `_until` forms have to know it where the kernel does not
            /// serve them, see [the module](super). Nobody may change the other
            /// flags of the description meanwhile.
            ///
            /// # Errors
            ///
            /// [`Errno::INVAL`](crate::Errno::INVAL): the file has no such mode.
            #[doc(alias = "O_DIRECT")]
            #[doc(alias = "F_SETFL")]
            pub fn set_packet(&self, packet: bool) -> $crate::Result<()> {
                super::end::set(
                    rustix::fd::AsFd::as_fd(self),
                    rustix::fs::OFlags::DIRECT,
                    packet,
                )
            }

            /// Returns whether the end is in packet mode: `fcntl(2)` with `F_GETFL`.
            ///
            /// # Errors
            ///
            /// None that a program acts on.
            pub fn is_packet(&self) -> $crate::Result<bool> {
                super::end::has(rustix::fd::AsFd::as_fd(self), rustix::fs::OFlags::DIRECT)
            }

            /// Creates another descriptor of the same end, closed on exec: `fcntl(2)` with
            /// `F_DUPFD_CLOEXEC`.
            ///
            /// The end is gone for the other side when both are closed.
            ///
            /// # Errors
            ///
            /// [`Errno::MFILE`](crate::Errno::MFILE): this process has no descriptor
            /// left.
            #[doc(alias = "dup")]
            #[doc(alias = "F_DUPFD_CLOEXEC")]
            pub fn duplicate(&self) -> $crate::Result<Self> {
                rustix::io::fcntl_dupfd_cloexec(&self.0, 0).map(Self)
            }
        }

        impl rustix::fd::AsFd for $End {
            fn as_fd(&self) -> rustix::fd::BorrowedFd<'_> {
                self.0.as_fd()
            }
        }

        $crate::sys::fd_number::numbers!($End);

        /// Takes any descriptor. One of another kind is not refused here: it behaves as its
        /// kind does, and calls that only pipes support fail.
        impl From<$crate::OwnedFd> for $End {
            fn from(fd: $crate::OwnedFd) -> Self {
                Self(fd)
            }
        }

        impl From<$End> for $crate::OwnedFd {
            fn from(end: $End) -> Self {
                end.0
            }
        }
    };
}

pub(super) use define_end;

/// Whether the open file description has `flag`.
pub(super) fn has(fd: BorrowedFd<'_>, flag: OFlags) -> Result<bool> {
    Ok(fcntl_getfl(fd)?.contains(flag))
}

/// Gives the open file description `flag`, or takes it away.
pub(super) fn set(fd: BorrowedFd<'_>, flag: OFlags, on: bool) -> Result<()> {
    let flags = fcntl_getfl(fd)?;
    let flags = if on { flags | flag } else { flags - flag };
    fcntl_setfl(fd, flags)
}
