//! Events of files and of names in directories: `inotify(7)`.
//!
//! Inter-process communication uses it to wait until the other side has created its FIFO
//! or socket. The order that misses nothing: watch the directory, *then* look whether the
//! name is there, then wait.
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
//!         for event in inotify.read(&mut buffer)? {
//!             // After an overflow anything may have happened.
//!             if event.name() == Some(wanted) || event.overflowed() && is_there() {
//!                 return Ok(());
//!             }
//!         }
//!     }
//! }
//! ```
//!
//! A watch belongs to the inode, not to the name: watching the same file by two names
//! is one watch. Changes through memory mappings, by other machines on a network file
//! system, or in directories below are not reported. A socket's `CREATE` comes with
//! `bind(2)`, before it listens.
#![forbid(unsafe_code)]

use core::fmt;

use linux_raw_sys::general as raw;
use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::inotify;

use crate::wait::patience::Patience;
use crate::wait::ready;
use crate::{Arg, Deadline, Result};

#[cfg(doc)]
use crate::Errno;

/// The size of the largest event; the kernel refuses to read into a buffer without room for the
/// next one.
pub const EVENT_MAX: usize = HEADER + 255 + 1;

/// The size of an event without its name.
const HEADER: usize = 16;

bitflags::bitflags! {
    /// Flags of [`create`].
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::Errno;
    /// use rawipc::event::inotify::{self, InotifyFlags, WatchFlags};
    ///
    /// let inotify = inotify::create(InotifyFlags::empty())?; // closed on exec
    /// inotify.watch(std::env::temp_dir(), WatchFlags::MOVE_SELF)?;
    /// assert_eq!(inotify.try_read(&mut [0; 4096]).err(), Some(Errno::AGAIN));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct InotifyFlags: u32 {
        /// The descriptor stays open in programs that this process executes.
        const INHERITED = raw::IN_CLOEXEC;
        /// The description is blocking: for other code that is given the descriptor.
        /// [`Inotify::try_read`] then polls before it reads, and blocks if another thread or
        /// process took the events in between.
        const BLOCKING = raw::IN_NONBLOCK;

        const _ = !0;
    }
}

bitflags::bitflags! {
    /// The events that a watch reports, and how it watches.
    ///
    /// # Examples
    ///
    /// Waits until a file has been written completely, and not only created:
    ///
    /// ```
    /// use rawipc::event::inotify::{self, InotifyFlags, WatchFlags};
    ///
    /// # let unique = format!("rawipc-doc-watch-{}", std::process::id());
    /// # let directory = std::env::temp_dir().join(unique);
    /// # std::fs::create_dir(&directory)?;
    /// let inotify = inotify::create(InotifyFlags::empty())?;
    /// inotify.watch(&directory, WatchFlags::CLOSE_WRITE | WatchFlags::ONLY_DIRECTORY)?;
    /// std::fs::write(directory.join("result"), "42")?;
    ///
    /// let mut buffer = [0; 4096];
    /// let event = inotify.read(&mut buffer)?.next().ok_or("no event")?;
    /// assert_eq!(event.name(), Some(&b"result"[..]));
    /// # std::fs::remove_dir_all(directory)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct WatchFlags: u32 {
        /// It was read from, or executed.
        const ACCESS = raw::IN_ACCESS;
        /// The mode, owner, times, extended attributes or number of links changed.
        const ATTRIB = raw::IN_ATTRIB;
        /// A file open for writing was closed.
        const CLOSE_WRITE = raw::IN_CLOSE_WRITE;
        /// A file open for reading only was closed.
        const CLOSE_NOWRITE = raw::IN_CLOSE_NOWRITE;
        /// A name appeared in the directory: created, linked or bound.
        const CREATE = raw::IN_CREATE;
        /// A name was removed from the directory.
        const DELETE = raw::IN_DELETE;
        /// The watched file itself was deleted: its last name and descriptor are gone.
        const DELETE_SELF = raw::IN_DELETE_SELF;
        /// It was written to, or its size changed; for a FIFO: it was written to.
        const MODIFY = raw::IN_MODIFY;
        /// The watched file itself was renamed.
        const MOVE_SELF = raw::IN_MOVE_SELF;
        /// A name left the directory by renaming: its old name.
        const MOVED_FROM = raw::IN_MOVED_FROM;
        /// A name came into the directory by renaming: its new name.
        const MOVED_TO = raw::IN_MOVED_TO;
        /// It was opened.
        const OPEN = raw::IN_OPEN;
        /// `CLOSE_WRITE` and `CLOSE_NOWRITE`.
        const CLOSE = raw::IN_CLOSE;
        /// `MOVED_FROM` and `MOVED_TO`.
        const MOVE = raw::IN_MOVE;
        /// All of the above.
        const ALL = raw::IN_ALL_EVENTS;

        /// Watches a symbolic link itself, not its target.
        const DONT_FOLLOW = raw::IN_DONT_FOLLOW;
        /// Does not report files that no longer have a name in the directory.
        const EXCL_UNLINK = raw::IN_EXCL_UNLINK;
        /// Adds to the events of an existing watch, instead of replacing them.
        const MASK_ADD = raw::IN_MASK_ADD;
        /// Fails if the file is watched already.
        const MASK_CREATE = raw::IN_MASK_CREATE;
        /// Reports one event, and ends.
        const ONE_SHOT = raw::IN_ONESHOT;
        /// Fails if it is not a directory.
        const ONLY_DIRECTORY = raw::IN_ONLYDIR;

        const _ = !0;
    }
}

bitflags::bitflags! {
    /// The things that an inotify [`Event`] reports.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::event::inotify::{self, EventMask, InotifyFlags, WatchFlags};
    ///
    /// # let unique = format!("rawipc-doc-mask-{}", std::process::id());
    /// # let directory = std::env::temp_dir().join(unique);
    /// # std::fs::create_dir(&directory)?;
    /// let inotify = inotify::create(InotifyFlags::empty())?;
    /// inotify.watch(&directory, WatchFlags::CREATE)?;
    /// std::fs::create_dir(directory.join("below"))?;
    ///
    /// let mut buffer = [0; 4096];
    /// for event in inotify.read(&mut buffer)? {
    ///     if event.mask().contains(EventMask::QUEUE_OVERFLOW) {
    ///         println!("events were lost: look at the whole directory again");
    ///     }
    ///     assert_eq!(event.mask(), EventMask::CREATE | EventMask::IS_DIRECTORY);
    /// }
    /// # std::fs::remove_dir_all(directory)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct EventMask: u32 {
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

        /// The watch has ended: removed, one-shot, or the watched file is gone. Its number may
        /// be used again.
        const IGNORED = raw::IN_IGNORED;
        /// The file concerned is a directory.
        const IS_DIRECTORY = raw::IN_ISDIR;
        /// Events were dropped, as nobody read them: anything may have happened.
        const QUEUE_OVERFLOW = raw::IN_Q_OVERFLOW;
        /// The file system was unmounted.
        const UNMOUNTED = raw::IN_UNMOUNT;

        const _ = !0;
    }
}

/// One watch of an [`Inotify`], by its number, which is small and positive.
///
/// # Examples
///
/// ```
/// use rawipc::event::inotify::{self, EventMask, InotifyFlags, WatchFlags};
///
/// let inotify = inotify::create(InotifyFlags::empty())?;
/// let watch = inotify.watch(std::env::temp_dir(), WatchFlags::MOVE_SELF)?;
/// inotify.remove(watch)?;
///
/// // The last event of the watch says that it has ended.
/// let mut buffer = [0; 4096];
/// let event = inotify.read(&mut buffer)?.next().ok_or("no event")?;
/// assert_eq!((event.watch(), event.mask()), (Some(watch), EventMask::IGNORED));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Watch(i32);

impl Watch {
    /// Returns the kernel's number of the watch.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0
    }
}

/// A set of watches, and a queue of the events that they report.
///
/// # Examples
///
/// ```
/// use rawipc::event::inotify::{self, EventMask, InotifyFlags, WatchFlags};
///
/// let directory = std::env::temp_dir().join(format!("rawipc-doc-{}", std::process::id()));
/// std::fs::create_dir(&directory)?;
/// let inotify = inotify::create(InotifyFlags::empty())?;
/// let watch = inotify.watch(&directory, WatchFlags::CREATE)?;
/// std::fs::write(directory.join("name"), "")?;
///
/// let mut buffer = [0; 4096];
/// let event = inotify.read(&mut buffer)?.next().unwrap();
/// assert_eq!(event.watch(), Some(watch));
/// assert_eq!(event.mask(), EventMask::CREATE);
/// assert_eq!(event.name(), Some(b"name".as_slice()));
/// # std::fs::remove_dir_all(directory)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Inotify(OwnedFd);

/// Creates an inotify descriptor without watches: `inotify_init1(2)`. It is closed on exec
/// unless asked otherwise.
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
    /// Watches `path`: `inotify_add_watch(2)`. Watching a file again keeps its watch and
    /// replaces its events.
    ///
    /// # Errors
    ///
    /// [`Errno::NOENT`]: there is no such file. [`Errno::ACCESS`]: this user may not
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

    /// Removes a watch: `inotify_rm_watch(2)`. An event with [`EventMask::IGNORED`] follows its
    /// last one.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: there is no such watch.
    #[doc(alias = "inotify_rm_watch")]
    pub fn remove(&self, watch: Watch) -> Result<()> {
        inotify::remove_watch(&self.0, watch.0)
    }

    /// Blocks until there are events, and returns as many as there are and as fit in `buffer`:
    /// `read(2)`.
    ///
    /// Equal events in a row are merged into one.
    ///
    /// # Errors
    ///
    /// [`Errno::INTR`]: it was [interrupted](crate#interruptions). [`Errno::INVAL`]: no
    /// room for the next event, see [`EVENT_MAX`]; it stays in the queue.
    pub fn read<'b>(&self, buffer: &'b mut [u8]) -> Result<Events<'b>> {
        self.read_with(buffer, Patience::FOREVER)
    }

    /// Like [`read`](Self::read), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: there are none. [`Errno::INVAL`]: as [`read`](Self::read).
    pub fn try_read<'b>(&self, buffer: &'b mut [u8]) -> Result<Events<'b>> {
        self.read_with(buffer, Patience::Try)
    }

    /// Like [`read`](Self::read), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: the deadline passed. [`Errno::INVAL`]: as [`read`](Self::read).
    pub fn read_until<'b>(&self, buffer: &'b mut [u8], deadline: Deadline) -> Result<Events<'b>> {
        self.read_with(buffer, Patience::Until(deadline))
    }

    fn read_with<'b>(&self, buffer: &'b mut [u8], patience: Patience) -> Result<Events<'b>> {
        let fd = self.0.as_fd();
        let len = ready::patiently(fd, PollFlags::IN, patience, |_| {
            ready::look_and_read(fd, buffer)
        })?;
        Ok(Events::of(buffer, len))
    }
}

/// An iterator over the events that were read, in the order in which they happened.
///
/// # Examples
///
/// ```
/// use rawipc::event::inotify::{self, InotifyFlags, WatchFlags};
///
/// # let unique = format!("rawipc-doc-events-{}", std::process::id());
/// # let directory = std::env::temp_dir().join(unique);
/// # std::fs::create_dir(&directory)?;
/// let inotify = inotify::create(InotifyFlags::empty())?;
/// inotify.watch(&directory, WatchFlags::CREATE)?;
/// std::fs::write(directory.join("first"), "")?;
/// std::fs::write(directory.join("second"), "")?;
///
/// let mut buffer = [0; 4096];
/// let names: Vec<_> = inotify.read(&mut buffer)?.filter_map(|event| event.name()).collect();
/// assert_eq!(names, [&b"first"[..], b"second"]);
/// # std::fs::remove_dir_all(directory)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Events<'b>(&'b [u8]);

/// An inotify event: something that happened to a watched file, or to a name in a watched
/// directory.
///
/// # Examples
///
/// The two events of a renaming share a cookie:
///
/// ```
/// use rawipc::event::inotify::{self, EventMask, InotifyFlags, WatchFlags};
///
/// # let unique = format!("rawipc-doc-event-{}", std::process::id());
/// # let directory = std::env::temp_dir().join(unique);
/// # std::fs::create_dir(&directory)?;
/// std::fs::write(directory.join("draft"), "")?;
/// let inotify = inotify::create(InotifyFlags::empty())?;
/// inotify.watch(&directory, WatchFlags::MOVE)?;
/// std::fs::rename(directory.join("draft"), directory.join("final"))?;
///
/// let mut buffer = [0; 4096];
/// let mut events = inotify.read(&mut buffer)?;
/// let (from, to) = events.next().zip(events.next()).ok_or("not renamed")?;
/// assert_eq!((from.mask(), from.name()), (EventMask::MOVED_FROM, Some(&b"draft"[..])));
/// assert_eq!((to.mask(), to.name()), (EventMask::MOVED_TO, Some(&b"final"[..])));
/// assert_eq!(from.cookie(), to.cookie());
/// # std::fs::remove_dir_all(directory)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "inotify_event")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Event<'b> {
    watch: i32,
    mask: EventMask,
    cookie: u32,
    name: &'b [u8],
}

impl<'b> Events<'b> {
    fn of(buffer: &'b [u8], len: usize) -> Self {
        Self(buffer.get(..len).unwrap_or_default())
    }

    /// Creates an iterator over events in bytes that were read elsewhere from an inotify
    /// descriptor. It ends at the first incomplete one.
    #[must_use]
    pub fn parse(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }
}

impl<'b> Iterator for Events<'b> {
    type Item = Event<'b>;

    fn next(&mut self) -> Option<Event<'b>> {
        let (header, rest) = self.0.split_first_chunk::<HEADER>()?;
        let word = |at: usize| -> Option<u32> {
            let bytes = header.get(at..)?.first_chunk::<4>()?;
            Some(u32::from_ne_bytes(*bytes))
        };
        let (padded, rest) = rest.split_at_checked(word(12)? as usize)?;
        self.0 = rest;
        // Zero bytes fill it up.
        let name = padded.split(|&byte| byte == 0).next().unwrap_or_default();
        Some(Event {
            watch: word(0)?.cast_signed(),
            mask: EventMask::from_bits_retain(word(4)?),
            cookie: word(8)?,
            name,
        })
    }
}

impl core::iter::FusedIterator for Events<'_> {}

impl<'b> Event<'b> {
    /// Returns the watch that reports the event; `None` for an overflow.
    #[must_use]
    pub fn watch(&self) -> Option<Watch> {
        (self.watch >= 0).then_some(Watch(self.watch))
    }

    /// Returns what happened.
    #[must_use]
    pub fn mask(&self) -> EventMask {
        self.mask
    }

    /// Returns whether events were dropped before this one.
    #[must_use]
    pub fn overflowed(&self) -> bool {
        self.mask.contains(EventMask::QUEUE_OVERFLOW)
    }

    /// Returns the number that the two events of one renaming share, and no others; 0 for other
    /// events.
    #[must_use]
    pub fn cookie(&self) -> u32 {
        self.cookie
    }

    /// Returns the name within the watched directory; `None` if the event concerns the watched
    /// file itself.
    #[must_use]
    pub fn name(&self) -> Option<&'b [u8]> {
        (!self.name.is_empty()).then_some(self.name)
    }
}

impl fmt::Debug for Events<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("watch", &self.watch())
            .field("mask", &self.mask)
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

/// Takes any descriptor. One that is not inotify's refuses watches with [`Errno::INVAL`]; what
/// is read from it is parsed as events.
impl From<OwnedFd> for Inotify {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}
