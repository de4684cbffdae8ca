//! Signals for the readiness of descriptors: `O_ASYNC`, `fcntl(2)`.
//!
//! Sockets, pipes, FIFOs, terminals and some devices can signal. Regular files, eventfds and
//! the like cannot; some of them fail, others just never signal. The signal is
//! *edge-triggered*: it comes when something new can be done, not while it can.
//!
//! All settings belong to the open file description, which is shared with forked children and
//! those who were given the descriptor; they outlive the caller. When the owner has terminated,
//! nobody is signalled: the kernel keeps its identity, not its number.
//!
//! When too many signals are queued, the next comes as plain `SIGIO` without details
//! ([`IoEvent::Unknown`](super::IoEvent::Unknown)). `epoll(7)` has none of these traps.
#![forbid(unsafe_code)]

use linux_raw_sys::general::{F_OWNER_PGRP, F_OWNER_PID, F_OWNER_TID, f_owner_ex};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use crate::signal::number;
use crate::sys::pid::number;
use crate::sys::signal::{fcntl_getown_ex, fcntl_getsig, fcntl_setown_ex, fcntl_setsig};
use crate::{AsFd, Errno, Pid, Result, Signal};

/// The receiver of a descriptor's signals.
///
/// # Examples
///
/// ```
/// use rawipc::pipe::{self, PipeFlags};
/// use rawipc::process;
/// use rawipc::signal::io::{self, Owner};
///
/// let (reader, _writer) = pipe::create(PipeFlags::empty())?;
/// io::set_owner(&reader, Some(Owner::Process(process::id())))?;
/// assert_eq!(io::owner(&reader)?, Some(Owner::Process(process::id())));
/// io::set_owner(&reader, None)?; // nobody
/// assert_eq!(io::owner(&reader)?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "f_owner_ex")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The process with this number; any of its threads.
    #[doc(alias = "F_OWNER_PID")]
    Process(Pid),
    /// The thread with this number.
    #[doc(alias = "F_OWNER_TID")]
    Thread(Pid),
    /// All processes of the group with this number.
    #[doc(alias = "F_OWNER_PGRP")]
    Group(Pid),
}

/// Makes `fd` signal `owner` when it is ready: sets the owner, the signal and then `O_ASYNC`.
///
/// Without a `signal` it is `SIGIO`, and says nothing of what happened; with one,
/// real-time or not, `SIGIO` included, it says
/// [`Cause::Io`](super::Cause::Io): the descriptor's number at the time of this call, and the
/// event.
///
/// # Errors
///
/// [`Errno::SRCH`](crate::Errno::SRCH): there is no such owner.
/// [`Errno::INVAL`](crate::Errno::INVAL): the file cannot signal (some say so).
///
/// # Examples
///
/// ```
/// use rawipc::signal::io::{self, Owner};
/// use rawipc::signal::{self, Cause, IoEvent};
/// use rawipc::{AsRawFd, pipe};
///
/// let number = signal::real_time(2).unwrap();
/// signal::block(number)?;
/// let (reader, writer) = pipe::create(pipe::PipeFlags::empty())?;
/// io::start(&reader, Owner::Thread(rustix::thread::gettid()), Some(number))?;
/// rustix::io::write(&writer, b"news")?;
/// let Cause::Io { fd, event, .. } = signal::wait(number)?.cause() else { panic!() };
/// assert_eq!((fd, event), (reader.as_raw_fd(), IoEvent::In));
/// io::stop(&reader)?;
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "O_ASYNC")]
pub fn start(fd: impl AsFd, owner: Owner, signal: Option<Signal>) -> Result<()> {
    let fd = fd.as_fd();
    set_owner(fd, Some(owner))?;
    set_signal(fd, signal)?;
    set_async(fd, true)
}

/// Stops the signals of `fd`: clears `O_ASYNC`, owner and signal.
///
/// What is pending stays.
///
/// # Errors
///
/// None that [`start`] did not have.
pub fn stop(fd: impl AsFd) -> Result<()> {
    let fd = fd.as_fd();
    set_async(fd, false)?;
    set_owner(fd, None)?;
    set_signal(fd, None)
}

/// Returns whether `fd` signals its owner: `O_ASYNC`.
///
/// # Errors
///
/// None.
#[doc(alias = "O_ASYNC")]
#[doc(alias = "F_GETFL")]
pub fn is_async(fd: impl AsFd) -> Result<bool> {
    Ok(fcntl_getfl(fd)?.contains(OFlags::ASYNC))
}

/// Sets whether `fd` signals its owner: `O_ASYNC`.
///
/// The description's flags are read and written: another process that changes
/// another of them at the same moment can undo this, or be undone.
///
/// # Errors
///
/// [`Errno::INVAL`](crate::Errno::INVAL): the file cannot signal (some say so).
#[doc(alias = "O_ASYNC")]
#[doc(alias = "F_SETFL")]
pub fn set_async(fd: impl AsFd, on: bool) -> Result<()> {
    let fd = fd.as_fd();
    let mut flags = fcntl_getfl(fd)?;
    flags.set(OFlags::ASYNC, on);
    fcntl_setfl(fd, flags)
}

/// Returns who is signalled, for readiness and for urgent data of a socket (`SIGURG`, which
/// needs no `O_ASYNC`): `F_GETOWN_EX`. `None` if nobody is, or the owner has terminated.
///
/// # Errors
///
/// None.
#[doc(alias = "F_GETOWN_EX")]
#[doc(alias = "F_GETOWN")]
pub fn owner(fd: impl AsFd) -> Result<Option<Owner>> {
    let owner = fcntl_getown_ex(fd.as_fd())?;
    Ok(
        Pid::from_raw(owner.pid).map(|pid| match owner.type_ as u32 {
            F_OWNER_TID => Owner::Thread(pid),
            F_OWNER_PGRP => Owner::Group(pid),
            _ => Owner::Process(pid),
        }),
    )
}

/// Sets who is signalled: `F_SETOWN_EX`.
///
/// Whether the caller may signal the owner is looked at when it comes to it, with the
/// user that the caller has now.
///
/// # Errors
///
/// [`Errno::SRCH`](crate::Errno::SRCH): there is no such owner.
#[doc(alias = "F_SETOWN_EX")]
#[doc(alias = "F_SETOWN")]
pub fn set_owner(fd: impl AsFd, owner: Option<Owner>) -> Result<()> {
    let (kind, pid) = match owner {
        Some(Owner::Process(pid)) => (F_OWNER_PID, number(pid)?),
        Some(Owner::Thread(thread)) => (F_OWNER_TID, number(thread)?),
        Some(Owner::Group(group)) => (F_OWNER_PGRP, number(group)?),
        None => (F_OWNER_PID, 0),
    };
    let owner = f_owner_ex {
        type_: kind as _,
        pid,
    };
    fcntl_setown_ex(fd.as_fd(), &owner)
}

/// Returns the signal that is sent: `F_GETSIG`. `None` is `SIGIO` without information.
///
/// # Errors
///
/// [`Errno::RANGE`]: somebody chose one that a libc [reserves](super::Reserved).
#[doc(alias = "F_GETSIG")]
pub fn signal(fd: impl AsFd) -> Result<Option<Signal>> {
    match fcntl_getsig(fd.as_fd())? {
        0 => Ok(None),
        number => number::from_number(number).map(Some).ok_or(Errno::RANGE),
    }
}

/// Sets the signal that is sent: `F_SETSIG`. `None` is `SIGIO` without information.
///
/// # Errors
///
/// None.
#[doc(alias = "F_SETSIG")]
pub fn set_signal(fd: impl AsFd, signal: Option<Signal>) -> Result<()> {
    fcntl_setsig(fd.as_fd(), signal.map_or(0, Signal::as_raw))
}
