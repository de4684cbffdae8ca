//! New sockets, and connecting them.

use linux_raw_sys::net::{SO_SNDTIMEO_NEW, SOL_SOCKET};
use rustix::event::PollFlags;
use rustix::io::ioctl_fionbio;
use rustix::net::{self, AddressFamily, SocketFlags, SocketType};

use super::address::Raw;
use super::option;
use crate::sys::socket::setsockopt;
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::wait::ready;
use crate::{AsFd, BorrowedFd, Deadline, Errno, OwnedFd, Result, Timespec};

/// Creates a socket, close-on-exec.
pub(super) fn open(family: AddressFamily, kind: SocketType, flags: SocketFlags) -> Result<OwnedFd> {
    net::socket_with(family, kind, flags | SocketFlags::CLOEXEC, None)
}

/// Creates two UNIX sockets that are connected with each other, close-on-exec.
pub(super) fn pair(kind: SocketType) -> Result<(OwnedFd, OwnedFd)> {
    net::socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)
}

/// Creates a socket that is connected to `to`, and bound to `from` before if there is one.
pub(super) fn connected(
    kind: SocketType,
    from: Option<&Raw>,
    to: &Raw,
    patience: Patience,
) -> Result<OwnedFd> {
    let family = to.family();
    // The kernel cannot tell by `poll(2)` when a UNIX socket's backlog has room.
    let patience = match patience {
        Until(Deadline::Never) if family == AddressFamily::UNIX => Blocking,
        patience => patience,
    };
    let blocks = match patience {
        Blocking => true,
        Try => false,
        Until(_) => family == AddressFamily::UNIX,
    };
    let flags = match blocks {
        true => SocketFlags::empty(),
        false => SocketFlags::NONBLOCK,
    };
    let socket = open(family, kind, flags)?;
    if let Some(from) = from {
        net::bind(&socket, from)?;
    }
    match patience {
        Blocking => net::connect(&socket, to)?,
        Until(deadline) if blocks => connect_unix(socket.as_fd(), to, deadline)?,
        Until(deadline) => connect_inet(socket.as_fd(), to, deadline)?,
        Try => connect_inet(socket.as_fd(), to, Deadline::NOW).map_err(|errno| match errno {
            Errno::TIMEDOUT => Errno::AGAIN,
            errno => errno,
        })?,
    }
    if !blocks {
        ioctl_fionbio(&socket, false)?;
    }
    Ok(socket)
}

/// Connects a non-blocking socket: what does not happen at once goes on until the
/// socket can be written.
fn connect_inet(fd: BorrowedFd<'_>, to: &Raw, deadline: Deadline) -> Result<()> {
    match net::connect(fd, to) {
        Err(Errno::INPROGRESS) => {
            ready::wait(fd, PollFlags::OUT, deadline)?;
            option::take_error(fd)?.map_or(Ok(()), Err)
        }
        result => result,
    }
}

/// Connects a blocking UNIX socket, which waits for room in the backlog for as long as
/// it may send.
fn connect_unix(fd: BorrowedFd<'_>, to: &Raw, deadline: Deadline) -> Result<()> {
    loop {
        let mut left = deadline.timeout().unwrap_or(Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        });
        // Zero would be for ever. It waits a tick of the kernel's at least.
        left.tv_nsec = left.tv_nsec.max(1000);
        set_send_timeout(fd, [left.tv_sec, left.tv_nsec / 1000])?;
        match net::connect(fd, to) {
            // Interrupted, too: where handlers run more often than the kernel's clock ticks
            // it never says that the time is over.
            Err(Errno::AGAIN | Errno::INTR) if deadline.has_passed() => {
                return Err(Errno::TIMEDOUT);
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            result => {
                result?;
                return set_send_timeout(fd, [0, 0]);
            }
        }
    }
}

/// `SO_SNDTIMEO`, in seconds and microseconds.
fn set_send_timeout(fd: BorrowedFd<'_>, timeout: [i64; 2]) -> Result<()> {
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO_NEW, &timeout)
}
