//! Locks on bytes of a file, held by a process: `fcntl(2)` with `F_SETLK`, for
//! programs that must meet others who use it. An [`ofd`](super::ofd) lock keeps
//! these out as well as its own kind, without the trap.
//!
//! # The trap
//!
//! When a process closes *any* descriptor of a file, **all** its locks of this kind on that
//! file are gone, whatever descriptor they were taken by: a library that opens, reads and
//! closes the file releases them without notice. Nothing that this module could do prevents
//! that; the guard then releases nothing.
//!
//! Neither do they keep the threads of one process apart, nor does a child made by
//! fork have them. They do survive the execution of another program, if the
//! descriptor does.
//!
//! Otherwise they are like OFD locks: ranges are in bytes; locking bytes again
//! converts them, under the guard that exists; [`Kind::Shared`] needs the file to be
//! open for reading, [`Kind::Exclusive`] for writing.
#![forbid(unsafe_code)]

use core::ops::RangeBounds;

use super::kind::Kind;
use super::range::{By, Holder, RangeGuard};
use crate::wait::patience::Patience::{Blocking, Try, Until};
use crate::{AsFd, Deadline, Result};

#[cfg(doc)]
use crate::Errno;

/// Blocks until these bytes are free, and locks them: `fcntl(2)` with `F_SETLKW`.
///
/// Who holds it and dies releases it, and one who waits gets it at once.
///
/// # Errors
///
/// [`Errno::DEADLK`]: the holder waits for a lock of this process, directly or by
/// others: to wait would be for ever. [`Errno::BADF`]: not open for that.
/// [`Errno::INTR`]: it was [interrupted](crate#interruptions). [`Errno::INVAL`]: an
/// empty range.
/// [`Errno::OVERFLOW`]: a range beyond what a file can have. [`Errno::NOLCK`]: the
/// kernel has no memory for it.
///
/// # Examples
///
/// ```
/// use rawipc::lock::{Kind, Owner, process, ofd};
///
/// let path = std::env::temp_dir().join(format!("rawipc-doc-process-lock-{}", std::process::id()));
/// let file = std::fs::File::create(&path)?;
/// let guard = process::lock(&file, .., Kind::Exclusive)?;
///
/// // Within one process it is no obstacle, but an OFD lock is another's.
/// assert!(process::try_lock(&file, 5..6, Kind::Exclusive).is_ok());
/// let holder = ofd::holder(&file, 10.., Kind::Exclusive)?.unwrap();
/// let this = rawipc::Pid::from_raw(std::process::id() as i32).unwrap();
/// assert_eq!(holder.owner, Owner::Process(this));
/// # drop(guard);
/// # std::fs::remove_file(path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "F_SETLKW")]
#[doc(alias = "fcntl")]
#[doc(alias = "lockf")]
pub fn lock(file: &impl AsFd, range: impl RangeBounds<u64>, kind: Kind) -> Result<RangeGuard<'_>> {
    By::Process.lock(file, range, kind, Blocking)
}

/// Like [`lock`], but returns [`Errno::AGAIN`] instead of blocking: `fcntl(2)` with `F_SETLK`.
///
/// # Errors
///
/// [`Errno::AGAIN`]: another has a lock, see [`holder`]. [`Errno::BADF`],
/// [`Errno::INVAL`], [`Errno::OVERFLOW`], [`Errno::NOLCK`]: as [`lock`].
#[doc(alias = "F_SETLK")]
pub fn try_lock(
    file: &impl AsFd,
    range: impl RangeBounds<u64>,
    kind: Kind,
) -> Result<RangeGuard<'_>> {
    By::Process.lock(file, range, kind, Try)
}

/// Like [`lock`], but gives up at `deadline` with [`Errno::TIMEDOUT`]. It polls: see [the
/// module above](super#deadlines).
///
/// # Errors
///
/// [`Errno::TIMEDOUT`]: the deadline passed. Else as [`lock`], but for [`Errno::DEADLK`].
pub fn lock_until(
    file: &impl AsFd,
    range: impl RangeBounds<u64>,
    kind: Kind,
    deadline: Deadline,
) -> Result<RangeGuard<'_>> {
    By::Process.lock(file, range, kind, Until(deadline))
}

/// Releases the locks that this process has on these bytes, if any. For locks that were
/// [kept](RangeGuard::keep); a guard does it by itself.
///
/// # Errors
///
/// [`Errno::NOLCK`]: the kernel has no memory to make two locks of a larger one.
/// [`Errno::INVAL`], [`Errno::OVERFLOW`]: as [`lock`].
#[doc(alias = "F_UNLCK")]
pub fn unlock(file: impl AsFd, range: impl RangeBounds<u64>) -> Result<()> {
    By::Process.unlock(file, range)
}

/// Returns the holder of a lock that would make a [`try_lock`] of these bytes fail, or `None`:
/// `fcntl(2)` with `F_GETLK`.
///
/// Those of this process are not others'.
///
/// # Errors
///
/// [`Errno::INVAL`], [`Errno::OVERFLOW`]: as [`lock`].
#[doc(alias = "F_GETLK")]
pub fn holder(file: impl AsFd, range: impl RangeBounds<u64>, kind: Kind) -> Result<Option<Holder>> {
    By::Process.holder(file, range, kind)
}
