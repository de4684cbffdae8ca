//! A lock on a whole file: `flock(2)`.
//!
//! It belongs to the open file description: to every duplicate of the descriptor,
//! in every process that inherited or received it. It is released when the guard is
//! dropped, or when the last of these descriptors is closed, by the end of a process
//! too. Opening the file again makes another description, which is kept out.
//!
//! A forked child has the description, so that the lock lasts until both processes have
//! closed it. Its copy of the guard releases nothing when dropped; [`unlock`] and
//! [`Guard::unlock`] do, for both.
//!
//! A description has one such lock or none. Locking again through the same
//! description *converts* the lock, under the guard that exists; the first guard that
//! is dropped then releases it.
//!
//! Any descriptor of a file will do, whatever it is open for; on network file systems
//! [`Kind::Exclusive`] may need it to be open for writing. Who holds it only
//! `/proc/locks` says.
#![forbid(unsafe_code)]

use rustix::fs::FlockOperation;

use super::kind::Kind;
use super::patience::patiently;
use crate::guard::maker::Maker;
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::{AsFd, BorrowedFd, Deadline, Result};

#[cfg(doc)]
use crate::Errno;

/// A lock on a whole file, released when dropped.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::lock::{Kind, flock};
///
/// let path = std::env::temp_dir().join(format!("rawipc-doc-flock-{}", std::process::id()));
/// let ours = std::fs::File::create(&path)?;
/// let theirs = std::fs::File::open(&path)?;
///
/// let guard = flock::lock(&ours, Kind::Exclusive)?;
/// assert_eq!(flock::try_lock(&theirs, Kind::Shared).err(), Some(Errno::AGAIN));
/// drop(guard);
/// assert!(flock::try_lock(&theirs, Kind::Shared).is_ok());
/// # std::fs::remove_file(path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "the lock is released when this is dropped"]
pub struct Guard<'f>(BorrowedFd<'f>, Maker);

/// Blocks until the lock is free, and takes it: `flock(2)`.
///
/// Who holds it and dies releases it, and one who waits gets it at once.
///
/// # Errors
///
/// [`Errno::INTR`]: it was [interrupted](crate#interruptions). [`Errno::NOLCK`]: the
/// kernel has no memory
/// for it. There is no detection of deadlocks.
#[doc(alias = "LOCK_SH")]
#[doc(alias = "LOCK_EX")]
pub fn lock(file: &impl AsFd, kind: Kind) -> Result<Guard<'_>> {
    lock_with(file.as_fd(), kind, Blocking)
}

/// Like [`lock`], but returns [`Errno::AGAIN`] instead of blocking.
///
/// # Errors
///
/// [`Errno::AGAIN`]: another has it. [`Errno::NOLCK`]: as [`lock`].
#[doc(alias = "LOCK_NB")]
pub fn try_lock(file: &impl AsFd, kind: Kind) -> Result<Guard<'_>> {
    lock_with(file.as_fd(), kind, Try)
}

/// Like [`lock`], but gives up at `deadline` with [`Errno::TIMEDOUT`]. It polls: see [the
/// module above](super#deadlines).
///
/// # Errors
///
/// [`Errno::TIMEDOUT`]: the deadline passed. [`Errno::NOLCK`]: as [`lock`].
pub fn lock_until(file: &impl AsFd, kind: Kind, deadline: Deadline) -> Result<Guard<'_>> {
    lock_with(file.as_fd(), kind, Until(deadline))
}

fn lock_with(file: BorrowedFd<'_>, kind: Kind, patience: Patience) -> Result<Guard<'_>> {
    set(file, kind, patience)?;
    Ok(Guard(file, Maker::current()))
}

/// Releases the lock that the description has, if any, whoever took it: `flock(2)` with
/// `LOCK_UN`. For locks that were [kept](Guard::keep) or inherited; a [`Guard`] does it by
/// itself.
///
/// # Errors
///
/// None of a file of a local file system.
#[doc(alias = "LOCK_UN")]
pub fn unlock(file: impl AsFd) -> Result<()> {
    rustix::fs::flock(file, FlockOperation::Unlock)
}

impl Guard<'_> {
    /// Converts the lock to another kind, blocking as [`lock`] does.
    ///
    /// The kernel releases the old before it takes the new: another can come in
    /// between, and after an error **the lock is gone**.
    ///
    /// # Errors
    ///
    /// Those of [`lock`].
    pub fn convert(self, kind: Kind) -> Result<Self> {
        self.convert_with(kind, Blocking)
    }

    /// Like [`convert`](Self::convert), but returns [`Errno::AGAIN`] instead of blocking: then
    /// **the lock is gone**.
    ///
    /// # Errors
    ///
    /// Those of [`try_lock`].
    pub fn try_convert(self, kind: Kind) -> Result<Self> {
        self.convert_with(kind, Try)
    }

    /// Like [`convert`](Self::convert), but gives up at `deadline` with [`Errno::TIMEDOUT`]:
    /// then **the lock is gone**.
    ///
    /// # Errors
    ///
    /// Those of [`lock_until`].
    pub fn convert_until(self, kind: Kind, deadline: Deadline) -> Result<Self> {
        self.convert_with(kind, Until(deadline))
    }

    fn convert_with(self, kind: Kind, patience: Patience) -> Result<Self> {
        set(self.0, kind, patience)?;
        Ok(self)
    }

    /// Releases the lock, as dropping it does, and returns whether that succeeded.
    ///
    /// # Errors
    ///
    /// None of a file of a local file system.
    pub fn unlock(self) -> Result<()> {
        let file = self.0;
        self.keep();
        unlock(file)
    }

    /// Keeps the lock until [`unlock`] or the end of the description.
    pub fn keep(self) {
        core::mem::forget(self);
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        // The lock is that of the description, which a forked child shares.
        if self.1.is_current() {
            // Fails only where the lock is lost already.
            let _ = unlock(self.0);
        }
    }
}

fn set(file: BorrowedFd<'_>, kind: Kind, patience: Patience) -> Result<()> {
    let (block, attempt) = match kind {
        Kind::Shared => (
            FlockOperation::LockShared,
            FlockOperation::NonBlockingLockShared,
        ),
        Kind::Exclusive => (
            FlockOperation::LockExclusive,
            FlockOperation::NonBlockingLockExclusive,
        ),
    };
    let flock = |operation| rustix::fs::flock(file, operation);
    patiently(patience, || flock(block), || flock(attempt))
}
