//! Opening, creating, listing and unlinking queues.
#![forbid(unsafe_code)]

use linux_raw_sys::general as raw;
use rustix::fd::OwnedFd;
use rustix::fs::OFlags;
use rustix::io::FdFlags;

use super::queue::Queue;
use super::status::Capacity;
use crate::posix::create::create_options;
use crate::posix::list::{Names, Which};
use crate::posix::name::{Name, unlink_error};
use crate::sys::mqueue::{self, MqAttr};
use crate::{Errno, Mode, Result};

/// `f_type` of the queues' file system.
const MQUEUE_MAGIC: u64 = 0x1980_0202;

/// The access for which a message queue is opened.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::posix::Name;
/// use rawipc::posix::message::{self, Access, QueueFlags};
///
/// let name = Name::new(format!("/rawipc-doc-mq-access-{}", std::process::id()))?;
/// let jobs = message::CreateOptions::new().access(Access::Receive).create(&name)?;
/// let sender = message::open(&name, Access::Send, QueueFlags::empty())?;
/// message::unlink(&name)?;
/// sender.send(b"sweep", 0)?;
/// assert_eq!(jobs.send(b"sweep", 0), Err(Errno::BADF));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Access {
    /// Receiving.
    Receive,
    /// Sending.
    Send,
    /// Sending and receiving.
    #[default]
    Both,
}

bitflags::bitflags! {
    /// Flags for opening a message queue.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::posix::Name;
    /// use rawipc::posix::message::{self, QueueFlags};
    ///
    /// let name = Name::new(format!("/rawipc-doc-mq-flags-{}", std::process::id()))?;
    /// // For a program that is executed and uses the descriptor with its own libc.
    /// let flags = QueueFlags::INHERITED | QueueFlags::NONBLOCK;
    /// let queue = message::CreateOptions::new().flags(flags).create(&name)?;
    /// message::unlink(&name)?;
    /// assert!(queue.attributes()?.nonblocking);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct QueueFlags: u32 {
        /// The descriptor stays open in programs that this process executes.
        const INHERITED = raw::O_CLOEXEC;
        /// Makes the description non-blocking, for other code that is given the descriptor.
        const NONBLOCK = raw::O_NONBLOCK;

        const _ = !0;
    }
}

/// Opens a message queue: `mq_open(2)`.
///
/// # Errors
///
/// [`Errno::NOENT`]: there is none of this name. [`Errno::ACCESS`]: its mode forbids
/// it. [`Errno::MFILE`], [`Errno::NFILE`]: this process, or the system, has no
/// descriptor left. [`Errno::NOSYS`]: the kernel was built without queues.
#[doc(alias = "mq_open")]
pub fn open(name: &Name, access: Access, flags: QueueFlags) -> Result<Queue> {
    open_with(name, access, flags, 0, Mode::empty(), None)
}

/// Removes a name: `mq_unlink(2)`. The queue goes when nobody has it open any more; the name
/// can be used again at once.
///
/// # Errors
///
/// [`Errno::NOENT`]: there is none. [`Errno::ACCESS`]: another user's.
#[doc(alias = "mq_unlink")]
pub fn unlink(name: &Name) -> Result<()> {
    mqueue::mq_unlink(name.bare()).map_err(unlink_error)
}

/// Returns an iterator over the names of all queues of this IPC namespace, if their file
/// system is mounted at `/dev/mqueue`.
///
/// # Errors
///
/// [`Errno::NOENT`]: it is not mounted, see [how](super#the-file-system).
pub fn list() -> Result<Names> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    list_in(rustix::fs::open(c"/dev/mqueue", flags, Mode::empty())?)
}

/// Returns an iterator over the names of all queues, where their file system is mounted
/// elsewhere: `directory` is its root, open for reading.
///
/// # Errors
///
/// [`Errno::NOENT`]: the descriptor belongs to another file system.
pub fn list_in(directory: OwnedFd) -> Result<Names> {
    if rustix::fs::fstatfs(&directory)?.f_type as u64 != MQUEUE_MAGIC {
        return Err(Errno::NOENT);
    }
    Ok(Names::new(directory, Which::All))
}

fn open_with(
    name: &Name,
    access: Access,
    flags: QueueFlags,
    further: u32,
    mode: Mode,
    attributes: Option<&MqAttr>,
) -> Result<Queue> {
    let access = match access {
        Access::Receive => raw::O_RDONLY,
        Access::Send => raw::O_WRONLY,
        Access::Both => raw::O_RDWR,
    };
    // Closed on exec it is without asking.
    let nonblock = flags & QueueFlags::NONBLOCK;
    let flags_for_kernel = access | further | nonblock.bits();
    let fd = mqueue::mq_open(name.bare(), flags_for_kernel, mode, attributes)?;
    if flags.contains(QueueFlags::INHERITED) {
        rustix::io::fcntl_setfd(&fd, FdFlags::empty())?;
    }
    Ok(Queue(fd))
}

/// Options to create a message queue: exclusively, with mode 0600, to send and receive, with
/// the system's default capacity, unless asked otherwise.
///
/// # Examples
///
/// ```
/// use rawipc::posix::Name;
/// use rawipc::posix::message::{self, Access, Capacity, CreateOptions, QueueFlags};
///
/// # let unique = format!("/rawipc-doc-message-{}", std::process::id());
/// # const _: &str = stringify!(
/// let name = Name::new("/jobs")?;
/// # );
/// # let name = Name::new(unique)?;
/// let jobs = CreateOptions::new()
///     .capacity(Capacity { messages: 4, message_size: 64 })
///     .create(&name)?;
/// let theirs = message::open(&name, Access::Send, QueueFlags::empty())?;
/// message::unlink(&name)?;
///
/// theirs.send(b"sweep", 0)?;
/// theirs.send(b"put out the fire", 9)?;
///
/// let mut buffer = [0; 64];
/// let first = jobs.receive(&mut buffer)?;
/// assert_eq!((&buffer[..first.len], first.priority), (&b"put out the fire"[..], 9));
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is created until `create` is called"]
pub struct CreateOptions {
    mode: Mode,
    access: Access,
    flags: QueueFlags,
    capacity: Option<Capacity>,
    existing: bool,
}

create_options!(CreateOptions);

impl CreateOptions {
    /// Creates options for a queue that only its user may open.
    pub const fn new() -> Self {
        Self {
            mode: Mode::RUSR.union(Mode::WUSR),
            access: Access::Both,
            flags: QueueFlags::empty(),
            capacity: None,
            existing: false,
        }
    }

    /// Sets what the descriptor is for.
    pub const fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// Sets how it is opened.
    pub const fn flags(mut self, flags: QueueFlags) -> Self {
        self.flags = flags;
        self
    }

    /// Sets how much it can hold.
    pub const fn capacity(mut self, capacity: Capacity) -> Self {
        self.capacity = Some(capacity);
        self
    }

    /// Creates the queue and opens it: `mq_open(2)` with `O_CREAT`.
    ///
    /// # Errors
    ///
    /// [`Errno::EXIST`]: there is one of this name, and
    /// [`open_existing`](Self::open_existing) was not asked for. [`Errno::INVAL`]: the
    /// capacity is 0, or beyond the system's. [`Errno::NOSPC`]: beyond `queues_max`.
    /// [`Errno::MFILE`]: beyond the user's `RLIMIT_MSGQUEUE` (**not** only of
    /// descriptors). [`Errno::NOMEM`], [`Errno::NFILE`]. [`Errno::ACCESS`]: exists, and
    /// its mode forbids to open it.
    #[doc(alias = "mq_open")]
    pub fn create(&self, name: &Name) -> Result<Queue> {
        let attributes = match self.capacity {
            None => None,
            Some(capacity) => {
                // What does not fit is beyond every limit.
                let number = |n| i64::try_from(n).map_err(|_| Errno::INVAL);
                Some(MqAttr {
                    mq_maxmsg: number(capacity.messages)?,
                    mq_msgsize: number(capacity.message_size)?,
                    ..MqAttr::default()
                })
            }
        };
        let exclusive = if self.existing { 0 } else { raw::O_EXCL };
        open_with(
            name,
            self.access,
            self.flags,
            raw::O_CREAT | exclusive,
            self.mode,
            attributes.as_ref(),
        )
    }
}
