//! What the locks on byte ranges have in common, whoever holds them.
#![forbid(unsafe_code)]

use core::ops::{Bound, RangeBounds};

use super::kind::Kind;
use super::patience::patiently;
use crate::guard::maker::Maker;
use crate::sys::lock::{self as sys, LockType};
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::wait::ready;
use crate::{AsFd, BorrowedFd, Deadline, Errno, Pid, Result};

/// Whose the locks are that are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Description,
    Process,
}

/// The owner of a lock on bytes of a file.
///
/// # Examples
///
/// ```
/// use rawipc::lock::{Kind, Owner, ofd};
///
/// # let unique = format!("rawipc-doc-owner-{}", std::process::id());
/// # let path = std::env::temp_dir().join(unique);
/// let (ours, theirs) = (std::fs::File::create(&path)?, std::fs::File::create(&path)?);
/// let _guard = ofd::lock(&theirs, .., Kind::Exclusive)?;
/// match ofd::holder(&ours, .., Kind::Exclusive)?.map(|holder| holder.owner) {
///     Some(Owner::Process(pid)) => println!("held by process {pid}"),
///     Some(Owner::Description) => println!("held by whoever has its description open"),
///     Some(Owner::Elsewhere) => println!("held on another machine or in another namespace"),
///     None => println!("free by now"),
/// }
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A process, by a [`process`](super::process) lock; its number in the caller's PID
    /// namespace.
    Process(Pid),
    /// An open file description, by an [`ofd`](super::ofd) lock. The kernel does not report
    /// which processes have a descriptor of it.
    Description,
    /// A process that has no number here: in another namespace, or on another machine.
    Elsewhere,
}

/// A conflicting lock, the first that the kernel found. It may be released by the time this is
/// looked at.
///
/// # Examples
///
/// ```
/// use rawipc::lock::{Kind, Owner, ofd};
///
/// # let unique = format!("rawipc-doc-holder-{}", std::process::id());
/// # let path = std::env::temp_dir().join(unique);
/// let (ours, theirs) = (std::fs::File::create(&path)?, std::fs::File::create(&path)?);
/// let _guard = ofd::lock(&theirs, 100..200, Kind::Exclusive)?;
///
/// let holder = ofd::holder(&ours, .., Kind::Exclusive)?.ok_or("not held")?;
/// assert_eq!((holder.start, holder.end), (100, Some(200)));
/// assert_eq!((holder.kind, holder.owner), (Kind::Exclusive, Owner::Description));
/// assert_eq!(ofd::holder(&ours, ..100, Kind::Exclusive)?, None);
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Holder {
    /// Its owner.
    pub owner: Owner,
    /// Whether it is shared or exclusive.
    pub kind: Kind,
    /// The first byte that is locked.
    pub start: u64,
    /// The first byte after it that is not locked; `None` if it extends to the end of the file,
    /// wherever that will be.
    pub end: Option<u64>,
}

/// A lock on bytes of a file, released when dropped: made by the functions of
/// [`ofd`](super::ofd) and [`process`](super::process).
///
/// The copy that a forked child has releases nothing when dropped.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::lock::{Kind, ofd};
///
/// # let unique = format!("rawipc-doc-range-{}", std::process::id());
/// # let path = std::env::temp_dir().join(unique);
/// let mut options = std::fs::File::options();
/// let ours = options.read(true).write(true).create(true).truncate(false).open(&path)?;
/// let theirs = options.open(&path)?; // in another process, usually
///
/// let mut guard = ofd::lock(&ours, ..512, Kind::Exclusive)?;
/// assert!(ofd::try_lock(&theirs, 512.., Kind::Exclusive).is_ok()); // other bytes
/// assert_eq!(ofd::try_lock(&theirs, ..1, Kind::Shared).err(), Some(Errno::AGAIN));
/// guard.convert(Kind::Shared)?; // done writing; others may read
/// assert!(ofd::try_lock(&theirs, ..1, Kind::Shared).is_ok());
/// guard.unlock()?;
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "the lock is released when this is dropped"]
pub struct RangeGuard<'f> {
    file: BorrowedFd<'f>,
    by: By,
    span: Span,
    maker: Maker,
}

/// A range as the kernel takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: i64,
    /// 0: to the end of the file, wherever that will be.
    len: i64,
}

impl Span {
    fn of(range: impl RangeBounds<u64>) -> Result<Self> {
        let after = |byte: u64| byte.checked_add(1).ok_or(Errno::OVERFLOW);
        let start = match range.start_bound() {
            Bound::Included(&first) => first,
            Bound::Excluded(&before) => after(before)?,
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(&last) => Some(after(last)?),
            Bound::Excluded(&end) => Some(end),
            Bound::Unbounded => None,
        };
        let len = match end {
            None => 0,
            Some(end) if end <= start => return Err(Errno::INVAL),
            // With the last byte that a file can have, to the end.
            Some(END) => 0,
            Some(END..) => return Err(Errno::OVERFLOW),
            Some(end) => end - start,
        };
        let number = |value| i64::try_from(value).map_err(|_| Errno::OVERFLOW);
        Ok(Self {
            start: number(start)?,
            len: number(len)?,
        })
    }
}

/// The first byte that no file can have.
const END: u64 = 1 << 63;

impl By {
    /// Takes a lock of `kind`, or converts what is held.
    fn set(self, file: BorrowedFd<'_>, kind: Kind, span: Span, patience: Patience) -> Result<()> {
        let block = match self {
            Self::Description => sys::ofd_setlkw,
            Self::Process => sys::setlkw,
        };
        patiently(
            patience,
            || block(file, kind.into(), span.start, span.len),
            || self.set_at_once(file, kind.into(), span),
        )
    }

    fn set_at_once(self, file: BorrowedFd<'_>, kind: LockType, span: Span) -> Result<()> {
        let set = match self {
            Self::Description => sys::ofd_setlk,
            Self::Process => sys::setlk,
        };
        match ready::uninterrupted(|| set(file, kind, span.start, span.len)) {
            // POSIX allows either.
            Err(Errno::ACCESS) => Err(Errno::AGAIN),
            result => result,
        }
    }

    pub(super) fn lock(
        self,
        file: &impl AsFd,
        range: impl RangeBounds<u64>,
        kind: Kind,
        patience: Patience,
    ) -> Result<RangeGuard<'_>> {
        let (file, span) = (file.as_fd(), Span::of(range)?);
        self.set(file, kind, span, patience)?;
        Ok(RangeGuard {
            file,
            by: self,
            span,
            maker: Maker::current(),
        })
    }

    pub(super) fn unlock(self, file: impl AsFd, range: impl RangeBounds<u64>) -> Result<()> {
        self.set_at_once(file.as_fd(), LockType::Unlocked, Span::of(range)?)
    }

    pub(super) fn holder(
        self,
        file: impl AsFd,
        range: impl RangeBounds<u64>,
        kind: Kind,
    ) -> Result<Option<Holder>> {
        let get = match self {
            Self::Description => sys::ofd_getlk,
            Self::Process => sys::getlk,
        };
        let span = Span::of(range)?;
        let held = get(file.as_fd(), kind.into(), span.start, span.len)?;
        Ok(held.map(|held| Holder::of(&held)))
    }
}

impl Holder {
    fn of(held: &sys::flock) -> Self {
        // The kernel's numbers here are never negative.
        let (start, len) = (held.l_start as u64, held.l_len as u64);
        Self {
            owner: match held.l_pid {
                -1 => Owner::Description,
                1.. => Pid::from_raw(held.l_pid).map_or(Owner::Elsewhere, Owner::Process),
                _ => Owner::Elsewhere,
            },
            kind: if held.l_type == LockType::Read as i16 {
                Kind::Shared
            } else {
                Kind::Exclusive
            },
            start,
            end: (len != 0).then(|| start.wrapping_add(len)),
        }
    }
}

impl RangeGuard<'_> {
    /// Converts the lock to another kind, blocking as the `lock` that made it. No other process
    /// gets it in between: after an error it is unchanged.
    ///
    /// Two who have shared locks and both wait for exclusive ones wait for each other:
    /// see the functions for what then happens.
    ///
    /// # Errors
    ///
    /// As the `lock` that it was made by.
    pub fn convert(&mut self, kind: Kind) -> Result<()> {
        self.by.set(self.file, kind, self.span, Blocking)
    }

    /// Like [`convert`](Self::convert), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// As the `try_lock`.
    pub fn try_convert(&mut self, kind: Kind) -> Result<()> {
        self.by.set(self.file, kind, self.span, Try)
    }

    /// Like [`convert`](Self::convert), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// As the `lock_until`.
    pub fn convert_until(&mut self, kind: Kind, deadline: Deadline) -> Result<()> {
        self.by.set(self.file, kind, self.span, Until(deadline))
    }

    /// Releases the lock, as dropping it does, and returns whether that succeeded.
    ///
    /// # Errors
    ///
    /// [`Errno::NOLCK`]: the kernel has no memory to make two locks of a larger one.
    pub fn unlock(self) -> Result<()> {
        let (file, by, span) = (self.file, self.by, self.span);
        self.keep();
        by.set_at_once(file, LockType::Unlocked, span)
    }

    /// Keeps the lock until `unlock` or the end of its owner.
    pub fn keep(self) {
        core::mem::forget(self);
    }
}

impl Drop for RangeGuard<'_> {
    fn drop(&mut self) {
        // A forked child shares the description, and its lock; and a lock of its own, of the
        // process kind, is none that this guard made.
        if self.maker.is_current() {
            // Where the kernel has no memory, the end of the description releases it.
            let _ = self
                .by
                .set_at_once(self.file, LockType::Unlocked, self.span);
        }
    }
}
