//! Leases, whose holder is asked before another process opens the file: `fcntl(2)` with
//! `F_SETLEASE`.
//!
//! The holder of a lease knows that no other process has the file open in a conflicting way,
//! and can keep in memory what it would otherwise read, or has not written yet. Unlike a lock
//! it is not advisory: a process that opens or truncates the file in such a way *waits in that
//! call* (with `O_NONBLOCK` it fails with [`Errno::AGAIN`], and the holder is asked all the
//! same), while the holder is sent a signal. The holder then puts its data in order and [gives
//! the lease back](Guard::give_back), or [shares](Guard::share) it if that is enough.
//!
//! | lease | its file is open | ends when another |
//! |---|---|---|
//! | [`Kind::Shared`] | for reading, and by nobody for writing | opens it for writing, or truncates it |
//! | [`Kind::Exclusive`] | once | opens it, or truncates it |
//!
//! The signal is `SIGIO`, to the process that took the lease, unless
//! [`signal::io::set_owner`] and [`signal::io::set_signal`] say otherwise of the descriptor;
//! with the latter it names the descriptor, and the event is
//! [`IoEvent::Message`](crate::signal::IoEvent::Message). The default action of `SIGIO` ends
//! the process, so say it before a lease is taken, and before each: to give one back lets
//! the kernel forget both.
//!
//! # What a death does
//!
//! The lease belongs to the open file description, as locks of [`flock`](super::flock) do: it
//! ends with its last descriptor, and who waits to open goes on. A forked child has the
//! description too; its copy of the guard gives nothing back when dropped. A holder that is
//! stopped, or does not answer, loses it after the seconds in `/proc/sys/fs/lease-break-time`
//! (45) *without notice*: [`held`] reports it.
//!
//! Leases are for regular files, of a local file system mostly, and may be switched off
//! (`/proc/sys/fs/leases-enable`).
//!
//! [`signal::io::set_owner`]: crate::signal::io::set_owner
//! [`signal::io::set_signal`]: crate::signal::io::set_signal
#![forbid(unsafe_code)]

use super::kind::Kind;
use crate::guard::maker::Maker;
use crate::sys::lock::{LockType, getlease, setlease};
use crate::{AsFd, BorrowedFd, Result};

#[cfg(doc)]
use crate::Errno;

/// A lease on a file, given back when dropped.
///
/// # Examples
///
/// ```
/// use rawipc::lock::{Kind, lease};
/// use rawipc::signal::{self, io};
/// use rawipc::{Errno, Signal};
/// use std::os::unix::fs::OpenOptionsExt;
///
/// let path = std::env::temp_dir().join(format!("rawipc-doc-lease-{}", std::process::id()));
/// let file = std::fs::File::create(&path)?;
/// // Asked by a signal, which is taken when there is time for it.
/// signal::block(Signal::IO)?;
/// let this = io::Owner::Thread(rawipc::process::thread_id());
/// io::set_owner(&file, Some(this))?;
/// let lease = match lease::take(&file, Kind::Exclusive) {
///     Err(Errno::INVAL) => return Ok(()), // a file system without leases
///     lease => lease?,
/// };
///
/// let read_now = || std::fs::File::options().read(true).custom_flags(libc::O_NONBLOCK).open(&path);
/// assert!(read_now().is_err()); // a plain open would wait
/// signal::wait(Signal::IO)?;
/// lease.give_back()?;
/// assert!(read_now().is_ok());
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "the lease is given back when this is dropped"]
pub struct Guard<'f>(BorrowedFd<'f>, Maker);

/// Takes a lease, or returns an error if it cannot be had now: `F_SETLEASE`.
///
/// A description has one lease or none; another one takes its place, under the guard
/// that exists.
///
/// # Errors
///
/// - [`Errno::AGAIN`]: the file is open in a way that conflicts, by this process too; or
///   a [`Kind::Shared`] one is asked for with a descriptor that can write.
/// - [`Errno::ACCESS`]: it is another user's, and the caller has not `CAP_LEASE`.
/// - [`Errno::INVAL`]: it is no regular file; its file system has no leases; they are
///   switched off.
/// - [`Errno::NOMEM`]: the kernel has none.
#[doc(alias = "F_SETLEASE")]
pub fn take(file: &impl AsFd, kind: Kind) -> Result<Guard<'_>> {
    setlease(file.as_fd(), kind.into())?;
    Ok(Guard(file.as_fd(), Maker::current()))
}

/// Returns the lease that the description has: `F_GETLEASE`. While another process waits, the
/// lease that would let it continue: `None` if none would.
///
/// # Errors
///
/// None of a descriptor of a file.
#[doc(alias = "F_GETLEASE")]
pub fn held(file: impl AsFd) -> Result<Option<Kind>> {
    Ok(match getlease(file.as_fd())? {
        LockType::Read => Some(Kind::Shared),
        LockType::Write => Some(Kind::Exclusive),
        LockType::Unlocked => None,
    })
}

/// Gives back the lease that the description has, if any, whoever took it. For leases that were
/// [kept](Guard::keep) or inherited; a [`Guard`] does it by itself.
///
/// # Errors
///
/// [`Errno::AGAIN`]: there is none; it was taken away.
#[doc(alias = "F_UNLCK")]
pub fn give_back(file: impl AsFd) -> Result<()> {
    setlease(file.as_fd(), LockType::Unlocked)
}

impl Guard<'_> {
    /// Turns it into a shared lease: processes that wait to read continue. After an error it is
    /// given back.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: the descriptor can write; or the lease was taken away, and another
    /// has the file open for writing.
    pub fn share(self) -> Result<Self> {
        setlease(self.0, LockType::Read)?;
        Ok(self)
    }

    /// Gives the lease back, as dropping it does, and returns whether it was still there.
    ///
    /// # Errors
    ///
    /// Those of [`give_back`].
    pub fn give_back(self) -> Result<()> {
        let file = self.0;
        self.keep();
        give_back(file)
    }

    /// Keeps the lease until [`give_back`] or the end of the description.
    pub fn keep(self) {
        core::mem::forget(self);
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        // The lease is that of the description, which a forked child shares.
        if self.1.is_current() {
            // Fails where it was taken away.
            let _ = give_back(self.0);
        }
    }
}
