//! What happens to names in a directory, or to a file: `inotify(7)`.
//!
//! For inter-process communication: to wait until the other side has made its FIFO
//! or socket. The order that misses nothing: watch the directory, *then* look
//! whether the name is there, then wait.
//!
//! ```no_run
//! use rawipc::event::inotify::{self, InotifyFlags, WatchFlags};
//!
//! /// Waits until `directory` has something with the name `wanted`.
//! fn await_name(
//!     directory: &str,
//!     wanted: &[u8],
//!     is_there: impl Fn() -> bool,
//! ) -> rawipc::Result<()> {
//!     let inotify = inotify::create(InotifyFlags::empty())?;
//!     inotify.watch(directory, WatchFlags::CREATE | WatchFlags::MOVED_TO)?;
//!     if is_there() {
//!         return Ok(());
//!     }
//!     let mut buffer = [0; 4096];
//!     loop {
//!         for record in inotify.read(&mut buffer)? {
//!             // After an overflow anything may have happened.
//!             if record.name() == Some(wanted) || record.overflowed() && is_there() {
//!                 return Ok(());
//!             }
//!         }
//!     }
//! }
//! ```
//!
//! What is watched is the inode, not the name: watching the same file by two names
//! is one watch. Nothing is told of what happens through memory mappings, by other
//! machines on a network file system, or in directories below. A socket's `CREATE`
//! comes with `bind(2)`, before it listens.
#![forbid(unsafe_code)]

use core::fmt;

use linux_raw_sys::general as raw;
use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::inotify;

use crate::wait::ready;
use crate::{Arg, Deadline, Result};

#[cfg(doc)]
use crate::Errno;

/// A buffer of this many bytes has room for any record; the kernel refuses to read
/// into one that has no room for the next.
pub const RECORD_MAX: usize = HEADER + 255 + 1;

/// The size of a record without its name.
const HEADER: usize = 16;

bitflags::bitflags! {
    /// What [`create`] creates.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct InotifyFlags: u32 {
        /// The descriptor stays open in programs that this process executes.
        const INHERITED = raw::IN_CLOEXEC;
        /// The description is blocking: for other code that is given the descriptor.
        /// [`Inotify::try_read`] then looks before it reads, and blocks if another
        /// took the records in between.
        const BLOCKING = raw::IN_NONBLOCK;

        const _ = !0;
    }
}

bitflags::bitflags! {
    /// What a watch tells of, and how it watches.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct WatchFlags: u32 {
        /// Read from, or executed.
        const ACCESS = raw::IN_ACCESS;
        /// Mode, owner, times, extended attributes or number of names changed.
        const ATTRIB = raw::IN_ATTRIB;
        /// What was open for writing is closed.
        const CLOSE_WRITE = raw::IN_CLOSE_WRITE;
        /// What was open for reading alone is closed.
        const CLOSE_NOWRITE = raw::IN_CLOSE_NOWRITE;
        /// A name appeared in the directory: created, linked, bound.
        const CREATE = raw::IN_CREATE;
        /// A name went from the directory.
        const DELETE = raw::IN_DELETE;
        /// The watched itself was deleted: its last name and descriptor are gone.
        const DELETE_SELF = raw::IN_DELETE_SELF;
        /// Written to, or its size changed. Of a FIFO: somebody wrote.
        const MODIFY = raw::IN_MODIFY;
        /// The watched itself was renamed.
        const MOVE_SELF = raw::IN_MOVE_SELF;
        /// A name of the directory was renamed; its old name.
        const MOVED_FROM = raw::IN_MOVED_FROM;
        /// A name came into the directory by renaming; its new name.
        const MOVED_TO = raw::IN_MOVED_TO;
        /// Opened.
        const OPEN = raw::IN_OPEN;
        /// Both kinds of closing.
        const CLOSE = raw::IN_CLOSE;
        /// Both sides of renaming.
        const MOVE = raw::IN_MOVE;
        /// All of the above.
        const ALL = raw::IN_ALL_EVENTS;

        /// Watches a symbolic link itself, not where it leads.
        const DONT_FOLLOW = raw::IN_DONT_FOLLOW;
        /// Tells nothing of what has no name in the directory any more.
        const EXCL_UNLINK = raw::IN_EXCL_UNLINK;
        /// Adds to what an existing watch tells of, instead of replacing it.
        const MASK_ADD = raw::IN_MASK_ADD;
        /// Fails if there is a watch already.
        const MASK_CREATE = raw::IN_MASK_CREATE;
        /// Tells one thing, and ends.
        const ONE_SHOT = raw::IN_ONESHOT;
        /// Fails if it is no directory.
        const ONLY_DIRECTORY = raw::IN_ONLYDIR;

        const _ = !0;
    }
}

bitflags::bitflags! {
    /// What a record tells.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Happened: u32 {
        /// [`WatchFlags::ACCESS`].
        const ACCESS = raw::IN_ACCESS;
        /// [`WatchFlags::ATTRIB`].
        const ATTRIB = raw::IN_ATTRIB;
        /// [`WatchFlags::CLOSE_WRITE`].
        const CLOSE_WRITE = raw::IN_CLOSE_WRITE;
        /// [`WatchFlags::CLOSE_NOWRITE`].
        const CLOSE_NOWRITE = raw::IN_CLOSE_NOWRITE;
        /// [`WatchFlags::CREATE`].
        const CREATE = raw::IN_CREATE;
        /// [`WatchFlags::DELETE`].
        const DELETE = raw::IN_DELETE;
        /// [`WatchFlags::DELETE_SELF`].
        const DELETE_SELF = raw::IN_DELETE_SELF;
        /// [`WatchFlags::MODIFY`].
        const MODIFY = raw::IN_MODIFY;
        /// [`WatchFlags::MOVE_SELF`].
        const MOVE_SELF = raw::IN_MOVE_SELF;
        /// [`WatchFlags::MOVED_FROM`].
        const MOVED_FROM = raw::IN_MOVED_FROM;
        /// [`WatchFlags::MOVED_TO`].
        const MOVED_TO = raw::IN_MOVED_TO;
        /// [`WatchFlags::OPEN`].
        const OPEN = raw::IN_OPEN;

        /// The watch has ended: removed, one-shot, or what it watched is gone. Its
        /// number may be used again.
        const IGNORED = raw::IN_IGNORED;
        /// What it happened to is a directory.
        const IS_DIRECTORY = raw::IN_ISDIR;
        /// Records were dropped, as nobody read them: anything may have happened.
        const QUEUE_OVERFLOW = raw::IN_Q_OVERFLOW;
        /// The file system was unmounted.
        const UNMOUNTED = raw::IN_UNMOUNT;

        const _ = !0;
    }
}

/// One watch of an [`Inotify`]: its number, small and positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Watch(i32);

impl Watch {
    /// The kernel's number.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0
    }
}

/// Watches, and a queue of what they tell.
///
/// # Examples
///
/// ```
/// use rawipc::event::inotify::{self, Happened, InotifyFlags, WatchFlags};
///
/// let directory = std::env::temp_dir().join(format!("rawipc-doc-{}", std::process::id()));
/// std::fs::create_dir(&directory)?;
/// let inotify = inotify::create(InotifyFlags::empty())?;
/// let watch = inotify.watch(&directory, WatchFlags::CREATE)?;
/// std::fs::write(directory.join("name"), "")?;
///
/// let mut buffer = [0; 4096];
/// let record = inotify.read(&mut buffer)?.next().unwrap();
/// assert_eq!(record.watch(), Some(watch));
/// assert_eq!(record.happened(), Happened::CREATE);
/// assert_eq!(record.name(), Some(b"name".as_slice()));
/// # std::fs::remove_dir_all(directory)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Inotify(OwnedFd);

/// Creates one without watches: `inotify_init1(2)`. Closed on exec unless asked
/// otherwise.
///
/// # Errors
///
/// [`Errno::MFILE`]: this process has no descriptor left, or this user as many
/// as allowed (`/proc/sys/fs/inotify/max_user_instances`). [`Errno::NFILE`]: the
/// system has no descriptor left. [`Errno::INVAL`]: the kernel does not know a flag.
#[doc(alias = "inotify_init")]
#[doc(alias = "inotify_init1")]
pub fn create(flags: InotifyFlags) -> Result<Inotify> {
    let bits = flags.bits() ^ (raw::IN_CLOEXEC | raw::IN_NONBLOCK);
    inotify::init(inotify::CreateFlags::from_bits_retain(bits)).map(Inotify)
}

impl Inotify {
    /// Watches `path`: `inotify_add_watch(2)`. What is watched already keeps its
    /// number, and is told of as this call says.
    ///
    /// # Errors
    ///
    /// [`Errno::NOENT`]: there is no such thing. [`Errno::ACCESS`]: this user may not
    /// read it. [`Errno::NOSPC`]: this user has as many watches as allowed
    /// (`/proc/sys/fs/inotify/max_user_watches`). [`Errno::NOTDIR`]:
    /// [`WatchFlags::ONLY_DIRECTORY`], and it is none. [`Errno::EXIST`]:
    /// [`WatchFlags::MASK_CREATE`], and it is watched. [`Errno::INVAL`]: nothing to
    /// tell of, or both `MASK_` flags. [`Errno::LOOP`], [`Errno::NAMETOOLONG`]: too many
    /// symbolic links on the way, or too long a name.
    #[doc(alias = "inotify_add_watch")]
    pub fn watch(&self, path: impl Arg, flags: WatchFlags) -> Result<Watch> {
        let flags = inotify::WatchFlags::from_bits_retain(flags.bits());
        inotify::add_watch(&self.0, path, flags).map(Watch)
    }

    /// Ends a watch: `inotify_rm_watch(2)`. A record with [`Happened::IGNORED`] comes
    /// after the last of its records.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: there is no such watch.
    #[doc(alias = "inotify_rm_watch")]
    pub fn remove(&self, watch: Watch) -> Result<()> {
        inotify::remove_watch(&self.0, watch.0)
    }

    /// Waits for records, and returns as many as there are and `buffer` has room for:
    /// `read(2)`.
    ///
    /// Equal records one after the other are told once.
    ///
    /// # Errors
    ///
    /// [`Errno::INTR`]: it was [interrupted](crate#interruptions). [`Errno::INVAL`]: no
    /// room for the next
    /// record, see [`RECORD_MAX`]; it stays in the queue.
    pub fn read<'b>(&self, buffer: &'b mut [u8]) -> Result<Records<'b>> {
        self.read_until(buffer, Deadline::Never)
    }

    /// As [`read`](Self::read), if there are records now.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: there are none. [`Errno::INVAL`]: as [`read`](Self::read).
    pub fn try_read<'b>(&self, buffer: &'b mut [u8]) -> Result<Records<'b>> {
        let len = ready::look_and_read(self.0.as_fd(), buffer)?;
        Ok(Records::of(buffer, len))
    }

    /// As [`read`](Self::read), until the deadline.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: the deadline passed. [`Errno::INVAL`]: as [`read`](Self::read).
    pub fn read_until<'b>(&self, buffer: &'b mut [u8], deadline: Deadline) -> Result<Records<'b>> {
        let fd = self.0.as_fd();
        let len = ready::retry(fd, PollFlags::IN, deadline, || {
            ready::look_and_read(fd, buffer)
        })?;
        Ok(Records::of(buffer, len))
    }
}

/// The records that were read, in the order in which it happened.
#[derive(Clone)]
pub struct Records<'b>(&'b [u8]);

/// Something that happened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Record<'b> {
    watch: i32,
    happened: Happened,
    cookie: u32,
    name: &'b [u8],
}

impl<'b> Records<'b> {
    fn of(buffer: &'b [u8], len: usize) -> Self {
        Self(buffer.get(..len).unwrap_or_default())
    }

    /// Records in bytes that were read elsewhere, from an inotify descriptor. They end
    /// where a record is not whole.
    #[must_use]
    pub fn parse(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }
}

impl<'b> Iterator for Records<'b> {
    type Item = Record<'b>;

    fn next(&mut self) -> Option<Record<'b>> {
        let (header, rest) = self.0.split_first_chunk::<HEADER>()?;
        let word = |at: usize| -> Option<u32> {
            let bytes = header.get(at..)?.first_chunk::<4>()?;
            Some(u32::from_ne_bytes(*bytes))
        };
        let (padded, rest) = rest.split_at_checked(word(12)? as usize)?;
        self.0 = rest;
        // Zero bytes fill it up.
        let name = padded.split(|&byte| byte == 0).next().unwrap_or_default();
        Some(Record {
            watch: word(0)?.cast_signed(),
            happened: Happened::from_bits_retain(word(4)?),
            cookie: word(8)?,
            name,
        })
    }
}

impl core::iter::FusedIterator for Records<'_> {}

impl<'b> Record<'b> {
    /// Which watch tells it; `None` of an overflow.
    #[must_use]
    pub fn watch(&self) -> Option<Watch> {
        (self.watch >= 0).then_some(Watch(self.watch))
    }

    /// What happened.
    #[must_use]
    pub fn happened(&self) -> Happened {
        self.happened
    }

    /// Whether records were dropped before this one.
    #[must_use]
    pub fn overflowed(&self) -> bool {
        self.happened.contains(Happened::QUEUE_OVERFLOW)
    }

    /// What the two records of one renaming have in common, and no others; 0 of
    /// anything else.
    #[must_use]
    pub fn cookie(&self) -> u32 {
        self.cookie
    }

    /// The name within the watched directory; `None` if it happened to the watched
    /// itself.
    #[must_use]
    pub fn name(&self) -> Option<&'b [u8]> {
        (!self.name.is_empty()).then_some(self.name)
    }
}

impl fmt::Debug for Records<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("watch", &self.watch())
            .field("happened", &self.happened)
            .field("cookie", &self.cookie)
            .field("name", &self.name.escape_ascii())
            .finish()
    }
}

impl AsFd for Inotify {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

crate::sys::fd_number::numbers!(Inotify);

impl From<Inotify> for OwnedFd {
    fn from(inotify: Inotify) -> Self {
        inotify.0
    }
}

/// A descriptor that was received. What is none of inotify refuses watches with
/// [`Errno::INVAL`]; what is read from it is taken for records.
impl From<OwnedFd> for Inotify {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}
