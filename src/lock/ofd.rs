//! Locks on bytes of a file, held by an open file description: `fcntl(2)` with
//! `F_OFD_SETLK`.
//!
//! A lock belongs to the open file description: to every duplicate of the
//! descriptor, in every process that inherited or received it. It is released when
//! the guard is dropped, or when the last of these descriptors is closed, by the end
//! of a process too. Who shares a description is not kept out by its locks: each
//! thread or process opens the file for itself. A forked child has its parent's
//! description; its copy of a guard releases nothing when dropped, but [`unlock`] and
//! [`RangeGuard::unlock`] do, for both.
//!
//! Ranges are in bytes, need not be of bytes that the file has, and may be `..` or
//! `100..`: to the end of the file, wherever that will be. A description has at most
//! one lock on each byte. Locking bytes again through the same description converts
//! them, under the guard that exists; the first guard that is dropped releases what
//! the two have in common. So one description keeps its ranges apart.
//!
//! [`Kind::Shared`] needs the file to be open for reading, [`Kind::Exclusive`] for
//! writing.
//!
//! Left out: ranges that are relative to the file's position or its end (`l_whence`),
//! which become absolute as soon as the kernel looks at them.
#![forbid(unsafe_code)]

use core::ops::RangeBounds;

use super::kind::Kind;
use super::range::{By, Holder, RangeGuard};
use crate::wait::patience::Patience::{Blocking, Try, Until};
use crate::{AsFd, Deadline, Result};

#[cfg(doc)]
use crate::Errno;

/// Blocks until these bytes are free, and locks them: `fcntl(2)` with `F_OFD_SETLKW`.
///
/// Who holds it and dies releases it, and one who waits gets it at once.
///
/// # Errors
///
/// [`Errno::BADF`]: not open for that. [`Errno::INTR`]: it was
/// [interrupted](crate#interruptions).
/// [`Errno::INVAL`]: an empty range. [`Errno::OVERFLOW`]: a range beyond what a file
/// can have. [`Errno::NOLCK`]: the kernel has no memory for it. There is no detection
/// of deadlocks.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::lock::{Kind, Owner, ofd};
///
/// let path = std::env::temp_dir().join(format!("rawipc-doc-ofd-{}", std::process::id()));
/// let open = || std::fs::File::options().read(true).write(true).create(true).truncate(false).open(&path);
/// let (ours, theirs) = (open()?, open()?);
///
/// let guard = ofd::lock(&ours, 100..200, Kind::Exclusive)?;
/// assert!(ofd::try_lock(&theirs, 0..100, Kind::Exclusive).is_ok());
/// assert_eq!(ofd::try_lock(&theirs, 199.., Kind::Shared).err(), Some(Errno::AGAIN));
/// let holder = ofd::holder(&theirs, .., Kind::Shared)?.unwrap();
/// assert_eq!((holder.owner, holder.start, holder.end), (Owner::Description, 100, Some(200)));
/// drop(guard);
/// assert_eq!(ofd::holder(&theirs, .., Kind::Exclusive)?, None);
/// # std::fs::remove_file(path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "F_OFD_SETLKW")]
#[doc(alias = "fcntl")]
pub fn lock(file: &impl AsFd, range: impl RangeBounds<u64>, kind: Kind) -> Result<RangeGuard<'_>> {
    By::Description.lock(file, range, kind, Blocking)
}

/// Like [`lock`], but returns [`Errno::AGAIN`] instead of blocking: `fcntl(2)` with
/// `F_OFD_SETLK`.
///
/// # Errors
///
/// [`Errno::AGAIN`]: another has a lock, see [`holder`]. [`Errno::BADF`],
/// [`Errno::INVAL`], [`Errno::OVERFLOW`], [`Errno::NOLCK`]: as [`lock`].
#[doc(alias = "F_OFD_SETLK")]
pub fn try_lock(
    file: &impl AsFd,
    range: impl RangeBounds<u64>,
    kind: Kind,
) -> Result<RangeGuard<'_>> {
    By::Description.lock(file, range, kind, Try)
}

/// Like [`lock`], but gives up at `deadline` with [`Errno::TIMEDOUT`]. It polls: see [the
/// module above](super#deadlines).
///
/// # Errors
///
/// [`Errno::TIMEDOUT`]: the deadline passed. Else as [`lock`].
pub fn lock_until(
    file: &impl AsFd,
    range: impl RangeBounds<u64>,
    kind: Kind,
    deadline: Deadline,
) -> Result<RangeGuard<'_>> {
    By::Description.lock(file, range, kind, Until(deadline))
}

/// Releases the locks that the description has on these bytes, if any. For locks that were
/// [kept](RangeGuard::keep) or inherited; a guard does it by itself.
///
/// # Errors
///
/// [`Errno::NOLCK`]: the kernel has no memory to make two locks of a larger one.
/// [`Errno::INVAL`], [`Errno::OVERFLOW`]: as [`lock`].
#[doc(alias = "F_UNLCK")]
pub fn unlock(file: impl AsFd, range: impl RangeBounds<u64>) -> Result<()> {
    By::Description.unlock(file, range)
}

/// Returns the holder of a lock that would make a [`try_lock`] of these bytes fail, or `None`:
/// `fcntl(2)` with `F_OFD_GETLK`.
///
/// Those of this very description are not others'.
///
/// # Errors
///
/// [`Errno::INVAL`], [`Errno::OVERFLOW`]: as [`lock`].
#[doc(alias = "F_OFD_GETLK")]
pub fn holder(file: impl AsFd, range: impl RangeBounds<u64>, kind: Kind) -> Result<Option<Holder>> {
    By::Description.holder(file, range, kind)
}
