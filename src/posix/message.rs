//! Message queues with a name: `mq_overview(7)`.
//!
//! A queue holds whole messages, the highest priority first and the oldest first
//! among equals, up to a number and a length that are set when it is created. Its
//! messages stay until they are received or the queue is gone, which is when it is
//! unlinked and nobody has it open: a sender that is killed leaves what it sent. A
//! receiver that is killed after it received a message takes it along.
//!
//! # Waiting
//!
//! A queue is a descriptor: `poll` and `epoll` wait for a message
//! (readable) or for room (writable). Whether the description is non-blocking is
//! seen by all who share it. Nothing here depends on it: the plain functions block
//! and the `try_` functions return at once in any case.
//!
//! The kernel's own deadlines are moments of the clock that people set
//! (`CLOCK_REALTIME`), and when that is set back, they are late by as much. So the
//! `_until` functions wait by `ppoll(2)`, which no setting of a clock moves, and
//! then try. What that changes: the kernel hands a message to who waits in
//! [`receive`](Queue::receive), the most urgent process first, while those in
//! [`receive_until`](Queue::receive_until) all wake and one of them gets it; and only
//! the former keep a [notification](Queue::notify) from being sent.
//!
//! # Limits
//!
//! `/proc/sys/fs/mqueue/` has the system's: `msg_max` and `msgsize_max` bound the
//! capacity of a queue, for the unprivileged; `msg_default` and `msgsize_default` are
//! what it has when none is asked for; `queues_max` is the number of queues. All
//! queues of a user together, with some overhead for each message that they *could*
//! hold, count against `RLIMIT_MSGQUEUE`, 819,200 bytes as a rule.
//!
//! # The file system
//!
//! Queues exist without it, but only it can [`list`] them:
//!
//! ```sh
//! mkdir -p /dev/mqueue
//! mount -t mqueue none /dev/mqueue
//! ```
//!
//! There `ls` and `rm` work, and a file's contents are its
//! [status](Queue::status). Each IPC namespace has its own queues.
#![forbid(unsafe_code)]

use linux_raw_sys::general as raw;
use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::OFlags;
use rustix::io::FdFlags;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType};

use super::list::{Names, Which};
use super::{Name, unlink_error};
use crate::sys::mqueue::{self, Event, MqAttr, NOTIFY_COOKIE_LEN, NOTIFY_REMOVED, NOTIFY_WOKENUP};
use crate::wait::ready;
use crate::{Deadline, Errno, Mode, Pid, Result, Signal, Timespec};

/// The highest priority; 0 is the lowest.
pub const PRIORITY_MAX: u32 = 32_767;

/// A moment that has passed on every clock.
const PASSED: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// `f_type` of the queues' file system.
const MQUEUE_MAGIC: u64 = 0x1980_0202;

/// What a descriptor is opened for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Access {
    /// To receive.
    Receive,
    /// To send.
    Send,
    /// To do both.
    #[default]
    Both,
}

bitflags::bitflags! {
    /// How a queue is opened.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct QueueFlags: u32 {
        /// The descriptor stays open in programs that this process executes.
        const INHERITED = raw::O_CLOEXEC;
        /// The description is non-blocking, for other code that is given the
        /// descriptor.
        const NONBLOCK = raw::O_NONBLOCK;

        const _ = !0;
    }
}

/// How much a queue can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Capacity {
    /// How many messages; at least 1.
    pub messages: usize,
    /// How many bytes each has at most; at least 1.
    pub message_size: usize,
}

/// What a queue is and holds: `struct mq_attr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// How much it can hold, which never changes.
    pub capacity: Capacity,
    /// How many messages it holds now.
    pub messages: usize,
    /// Whether the description of this descriptor is non-blocking.
    pub nonblocking: bool,
}

/// What was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// How many bytes of the buffer the message has.
    pub len: usize,
    /// Its priority.
    pub priority: u32,
}

/// What [`Queue::notify`] lets the kernel do.
#[derive(Clone, Copy, Debug)]
pub enum Notification<'a> {
    /// Sends a signal to this process: `SIGEV_SIGNAL`. Its information has the code
    /// `SI_MESGQ`, who sent the message, and `value`.
    Signal {
        /// Which.
        signal: Signal,
        /// What the handler is told: a number, or an address.
        value: usize,
    },
    /// Makes a descriptor readable: `SIGEV_THREAD`, as libc has it, without the thread.
    Descriptor {
        /// Where [`Notifier::wait`] returns `token`.
        notifier: &'a Notifier,
        /// Which queue it was, or anything else.
        token: u64,
    },
    /// Nothing: `SIGEV_NONE`. Meanwhile no other process can register.
    Nothing,
}

/// Who is registered at a queue: [`Queue::status`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Which process; `None` if it has no number in this PID namespace.
    pub process: Option<Pid>,
    /// What happens.
    pub means: Means,
}

/// How a registered process is notified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Means {
    /// By this signal.
    Signal(i32),
    /// By a netlink socket: [`Notification::Descriptor`], or libc's thread.
    Descriptor,
    /// Not at all.
    Nothing,
}

/// What the kernel's file system says of a queue: [`Queue::status`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// How many bytes all its messages have together.
    pub bytes: usize,
    /// Who is registered to be notified.
    pub registered: Option<Registered>,
}

/// A message queue; or what somebody sent as one.
#[derive(Debug)]
pub struct Queue(OwnedFd);

/// Opens a queue: `mq_open(2)`.
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

/// Removes a name: `mq_unlink(2)`. The queue goes when nobody has it open any more;
/// the name can be used again at once.
///
/// # Errors
///
/// [`Errno::NOENT`]: there is none. [`Errno::ACCESS`]: another user's.
#[doc(alias = "mq_unlink")]
pub fn unlink(name: &Name) -> Result<()> {
    mqueue::mq_unlink(name.bare()).map_err(unlink_error)
}

/// The names of all queues of this IPC namespace, if their file system is mounted at
/// `/dev/mqueue`.
///
/// # Errors
///
/// [`Errno::NOENT`]: it is not mounted, see [how](self#the-file-system).
pub fn list() -> Result<Names> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    list_in(rustix::fs::open(c"/dev/mqueue", flags, Mode::empty())?)
}

/// As [`list`], where the file system is mounted elsewhere: `directory` is its root,
/// open to read.
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

/// How a queue is created: exclusively, with mode 0600, to send and receive, with the
/// system's default capacity, unless asked otherwise.
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

impl Default for CreateOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl CreateOptions {
    /// A queue that only its user may open.
    pub const fn new() -> Self {
        Self {
            mode: Mode::RUSR.union(Mode::WUSR),
            access: Access::Both,
            flags: QueueFlags::empty(),
            capacity: None,
            existing: false,
        }
    }

    /// Who may open it, less what the process's umask forbids.
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// What this descriptor is for.
    pub const fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// How it is opened.
    pub const fn flags(mut self, flags: QueueFlags) -> Self {
        self.flags = flags;
        self
    }

    /// How much it can hold.
    pub const fn capacity(mut self, capacity: Capacity) -> Self {
        self.capacity = Some(capacity);
        self
    }

    /// If it exists, opens it as it is, whatever its mode and capacity are: without
    /// `O_EXCL`.
    pub const fn open_existing(mut self) -> Self {
        self.existing = true;
        self
    }

    /// Creates it: `mq_open(2)` with `O_CREAT`.
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

/// Makes one attempt that does not wait: its deadline has passed.
#[inline]
fn at_once<T>(mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match attempt() {
            Err(Errno::TIMEDOUT) => return Err(Errno::AGAIN),
            // A signal was there already: nothing was done, and nothing waited for.
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}

/// After an attempt that did not wait: waits, if it would have had to.
fn wait_after(errno: Errno, fd: BorrowedFd<'_>, what: PollFlags, deadline: Deadline) -> Result<()> {
    match errno {
        Errno::AGAIN | Errno::TIMEDOUT => ready::wait(fd, what, deadline),
        // A signal was there already: nothing was done, and nothing waited for.
        Errno::INTR => Ok(()),
        errno => Err(errno),
    }
}

impl Queue {
    /// Sends a message, waiting until the queue has room: `mq_send(3)`. Of several
    /// processes that wait in this function, the most urgent sends first, and of
    /// equals who came first.
    ///
    /// A message may have 0 bytes.
    ///
    /// # Errors
    ///
    /// [`Errno::MSGSIZE`]: longer than the queue's messages can be. [`Errno::INVAL`]:
    /// the priority is above [`PRIORITY_MAX`]. [`Errno::INTR`]: it was
    /// [interrupted](crate#interruptions).
    /// [`Errno::BADF`]: not opened to send, or no queue. In all cases nothing was sent.
    #[doc(alias = "mq_send")]
    #[doc(alias = "mq_timedsend")]
    #[inline]
    pub fn send(&self, message: &[u8], priority: u32) -> Result<()> {
        mqueue::mq_timedsend(self.0.as_fd(), message, priority, None)
            .or_else(|errno| self.not_sent(message, priority.into(), errno))
    }

    /// As [`send`](Self::send), if there is room now.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: there is none. [`Errno::MSGSIZE`], [`Errno::INVAL`],
    /// [`Errno::BADF`]: as [`send`](Self::send).
    #[inline]
    pub fn try_send(&self, message: &[u8], priority: u32) -> Result<()> {
        at_once(|| mqueue::mq_timedsend(self.0.as_fd(), message, priority, Some(&PASSED)))
    }

    /// As [`send`](Self::send), until the deadline.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: the deadline passed. And as [`send`](Self::send).
    #[doc(alias = "mq_timedsend")]
    #[inline]
    pub fn send_until(&self, message: &[u8], priority: u32, deadline: Deadline) -> Result<()> {
        mqueue::mq_timedsend(self.0.as_fd(), message, priority, Some(&PASSED))
            .or_else(|errno| self.not_yet_sent(message, priority.into(), deadline, errno))
    }

    // What follows takes its arguments in the order and the size in which the call left
    // them in registers: so nothing is put aside for it where it is not needed.

    /// The kernel refused to send in the blocking way.
    #[cold]
    #[inline(never)]
    fn not_sent(&self, message: &[u8], priority: u64, errno: Errno) -> Result<()> {
        match errno {
            // The description is non-blocking.
            Errno::AGAIN => self.not_yet_sent(message, priority, Deadline::Never, errno),
            errno => Err(errno),
        }
    }

    /// The kernel refused to send at once.
    #[cold]
    #[inline(never)]
    fn not_yet_sent(
        &self,
        message: &[u8],
        priority: u64,
        deadline: Deadline,
        errno: Errno,
    ) -> Result<()> {
        wait_after(errno, self.as_fd(), PollFlags::OUT, deadline)?;
        let priority = priority as u32;
        ready::retry(self.as_fd(), PollFlags::OUT, deadline, || {
            self.try_send(message, priority)
        })
    }

    /// Receives the oldest message of the highest priority, waiting until there is
    /// one: `mq_receive(3)`. Of several processes that wait in this function, the
    /// most urgent receives first, and of equals who came first.
    ///
    /// # Errors
    ///
    /// [`Errno::MSGSIZE`]: the buffer is shorter than messages of this queue *can* be
    /// ([`Capacity::message_size`]), however short this one is; it stays.
    /// [`Errno::INTR`]: it was [interrupted](crate#interruptions). [`Errno::BADF`]: not
    /// opened to receive, or no
    /// queue. In all cases nothing was received.
    #[doc(alias = "mq_receive")]
    #[doc(alias = "mq_timedreceive")]
    #[inline]
    pub fn receive(&self, buffer: &mut [u8]) -> Result<Received> {
        match mqueue::mq_timedreceive(self.0.as_fd(), buffer, None) {
            Ok((len, priority)) => Ok(Received { len, priority }),
            Err(errno) => Self::not_received(buffer, errno, self),
        }
    }

    /// As [`receive`](Self::receive), if there is one now.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: there is none. [`Errno::MSGSIZE`], [`Errno::BADF`]: as
    /// [`receive`](Self::receive).
    #[inline]
    pub fn try_receive(&self, buffer: &mut [u8]) -> Result<Received> {
        let (len, priority) =
            at_once(|| mqueue::mq_timedreceive(self.0.as_fd(), buffer, Some(&PASSED)))?;
        Ok(Received { len, priority })
    }

    /// As [`receive`](Self::receive), until the deadline.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: the deadline passed. And as [`receive`](Self::receive).
    #[doc(alias = "mq_timedreceive")]
    #[inline]
    pub fn receive_until(&self, buffer: &mut [u8], deadline: Deadline) -> Result<Received> {
        match mqueue::mq_timedreceive(self.0.as_fd(), buffer, Some(&PASSED)) {
            Ok((len, priority)) => Ok(Received { len, priority }),
            Err(errno) => Self::not_yet_received(buffer, errno, self, deadline),
        }
    }

    /// The kernel refused to receive in the blocking way.
    #[cold]
    #[inline(never)]
    fn not_received(buffer: &mut [u8], errno: Errno, queue: &Self) -> Result<Received> {
        match errno {
            // The description is non-blocking.
            Errno::AGAIN => Self::not_yet_received(buffer, errno, queue, Deadline::Never),
            errno => Err(errno),
        }
    }

    /// The kernel refused to receive at once.
    #[cold]
    #[inline(never)]
    fn not_yet_received(
        buffer: &mut [u8],
        errno: Errno,
        queue: &Self,
        deadline: Deadline,
    ) -> Result<Received> {
        wait_after(errno, queue.as_fd(), PollFlags::IN, deadline)?;
        ready::retry(queue.as_fd(), PollFlags::IN, deadline, || {
            queue.try_receive(buffer)
        })
    }

    /// What the queue is and holds: `mq_getattr(3)`.
    ///
    /// # Errors
    ///
    /// [`Errno::BADF`]: no queue.
    #[doc(alias = "mq_getattr")]
    #[doc(alias = "mq_getsetattr")]
    pub fn attributes(&self) -> Result<Attributes> {
        mqueue::mq_getsetattr(self.0.as_fd(), None).map(attributes)
    }

    /// Sets whether the description is non-blocking, which is all of the attributes
    /// that can be set, and returns what they were: `mq_setattr(3)`. Seen by
    /// everybody who shares this descriptor, and without effect on who has opened the
    /// queue for himself.
    ///
    /// # Errors
    ///
    /// [`Errno::BADF`]: no queue.
    #[doc(alias = "mq_setattr")]
    #[doc(alias = "mq_getsetattr")]
    pub fn set_nonblocking(&self, nonblocking: bool) -> Result<Attributes> {
        let new = MqAttr {
            mq_flags: if nonblocking {
                i64::from(raw::O_NONBLOCK)
            } else {
                0
            },
            ..MqAttr::default()
        };
        mqueue::mq_getsetattr(self.0.as_fd(), Some(&new)).map(attributes)
    }

    /// Who may open it: `fstat(2)`.
    ///
    /// # Errors
    ///
    /// None of a descriptor that is open.
    pub fn mode(&self) -> Result<Mode> {
        Ok(Mode::from_raw_mode(rustix::fs::fstat(&self.0)?.st_mode))
    }

    /// Sets who may open it: `fchmod(2)`. Descriptors that are open keep what they can.
    ///
    /// # Errors
    ///
    /// [`Errno::PERM`]: another user's.
    #[doc(alias = "fchmod")]
    pub fn set_mode(&self, mode: Mode) -> Result<()> {
        rustix::fs::fchmod(&self.0, mode)
    }

    /// Registers this process to be notified, once, when a message arrives *at the empty
    /// queue* and no process waits in [`receive`](Self::receive): `mq_notify(2)`.
    ///
    /// The notification ends the registration. Who wants the next one registers again
    /// and *then* receives, by [`try_receive`](Self::try_receive) until the queue is
    /// empty: in the other order a message can arrive in between and never be told of.
    ///
    /// One process can be registered at a time. The registration ends when that
    /// process closes a descriptor of this queue, **any** of those it has, as it does by
    /// dropping a [`Queue`], and so when it dies. A child made by fork does not have it.
    ///
    /// To wait for messages and other events none of this is needed: a queue is a
    /// descriptor, as `poll` and `epoll` take it. A notification is for a process that
    /// is busy, or that shall be told of another's queue without receiving.
    ///
    /// # Errors
    ///
    /// [`Errno::BUSY`]: a process is registered, perhaps this one. [`Errno::INVAL`]: no
    /// such signal. [`Errno::NOMEM`]. [`Errno::BADF`]: no queue.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::posix::Name;
    /// use rawipc::posix::message::{self, CreateOptions, Notice, Notification};
    ///
    /// # let unique = format!("/rawipc-doc-notify-{}", std::process::id());
    /// # const _: &str = stringify!(
    /// let name = Name::new("/jobs")?;
    /// # );
    /// # let name = Name::new(unique)?;
    /// let jobs = CreateOptions::new().create(&name)?;
    /// message::unlink(&name)?;
    /// let notifier = message::notifier()?;
    /// jobs.notify(Notification::Descriptor { notifier: &notifier, token: 7 })?;
    ///
    /// jobs.send(b"sweep", 0)?;
    /// assert_eq!(notifier.wait(), Ok(Notice::Arrived(7)));
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    #[doc(alias = "mq_notify")]
    pub fn notify(&self, notification: Notification<'_>) -> Result<()> {
        let mut cookie = [0; NOTIFY_COOKIE_LEN];
        let event = match notification {
            Notification::Nothing => Event::Nothing,
            Notification::Signal { signal, value } => Event::Signal {
                number: signal.as_raw(),
                value,
            },
            Notification::Descriptor { notifier, token } => {
                for (to, from) in cookie.iter_mut().zip(token.to_ne_bytes()) {
                    *to = from;
                }
                Event::Netlink {
                    socket: notifier.0.as_fd(),
                    cookie: &cookie,
                }
            }
        };
        mqueue::mq_notify(self.0.as_fd(), Some(event))
    }

    /// Ends the registration of this process, if it has one here: `mq_notify(2)`.
    ///
    /// # Errors
    ///
    /// [`Errno::BADF`]: no queue.
    #[doc(alias = "mq_notify")]
    pub fn cancel_notify(&self) -> Result<()> {
        mqueue::mq_notify(self.0.as_fd(), None)
    }

    /// How many bytes the queue holds, and who is registered to be notified: what
    /// `/dev/mqueue` has in the queue's file, read from the descriptor, so that
    /// nothing need be mounted.
    ///
    /// # Errors
    ///
    /// [`Errno::BADF`]: not opened to receive. [`Errno::INVAL`]: no queue.
    pub fn status(&self) -> Result<Status> {
        let mut text = [0; 160];
        let len = rustix::io::pread(&self.0, &mut text, 0)?;
        let text = text.get(..len).unwrap_or_default();
        status_in(text).ok_or(Errno::INVAL)
    }
}

fn attributes(raw: MqAttr) -> Attributes {
    // Never negative.
    Attributes {
        capacity: Capacity {
            messages: raw.mq_maxmsg as usize,
            message_size: raw.mq_msgsize as usize,
        },
        messages: raw.mq_curmsgs as usize,
        nonblocking: raw.mq_flags & i64::from(raw::O_NONBLOCK) != 0,
    }
}

/// Reads `QSIZE:129 NOTIFY:2 SIGNO:0 NOTIFY_PID:8260`.
fn status_in(text: &[u8]) -> Option<Status> {
    let field = |key: &[u8]| {
        let mut words = text.split(u8::is_ascii_whitespace);
        let digits = words.find_map(|word| word.strip_prefix(key)?.strip_prefix(b":"))?;
        digits.iter().try_fold(0_usize, |number, &digit| {
            let digit = char::from(digit).to_digit(10)?;
            number.checked_mul(10)?.checked_add(digit as usize)
        })
    };
    let number = |key: &[u8]| i32::try_from(field(key)?).ok();
    let process = number(b"NOTIFY_PID")?;
    let signal = number(b"SIGNO")?;
    let means = match field(b"NOTIFY")? as u32 {
        // Zero also stands where nobody is registered; then there is no signal.
        raw::SIGEV_SIGNAL if signal == 0 => None,
        raw::SIGEV_SIGNAL => Some(Means::Signal(signal)),
        raw::SIGEV_THREAD => Some(Means::Descriptor),
        _ => Some(Means::Nothing),
    };
    Some(Status {
        bytes: field(b"QSIZE")?,
        registered: means.map(|means| Registered {
            process: Pid::from_raw(process),
            means,
        }),
    })
}

impl AsFd for Queue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

crate::sys::fd_number::numbers!(Queue);

impl From<Queue> for OwnedFd {
    fn from(queue: Queue) -> Self {
        queue.0
    }
}

/// A descriptor that was received. What is no queue fails when it is used.
impl From<OwnedFd> for Queue {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

/// A descriptor that queues make readable: [`Notification::Descriptor`].
///
/// One serves any number of queues of this process. It is a netlink socket that only
/// the kernel can send to, as it has no address; so a process that may not have such
/// sockets cannot have a notifier. Libc's `SIGEV_THREAD` is the same with a hidden
/// thread that reads it.
///
/// What is not read accumulates, a few hundred registrations' worth; then
/// [`Queue::notify`] blocks until it is read.
#[derive(Debug)]
pub struct Notifier(OwnedFd);

/// What happened to a registration with a token: [`Notifier::wait`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Notice {
    /// A message arrived at the empty queue, and the registration has ended.
    Arrived(u64),
    /// The registration has ended by [`Queue::cancel_notify`] or because a descriptor of
    /// the queue was closed.
    Removed(u64),
}

/// Makes a descriptor for notifications.
///
/// # Errors
///
/// [`Errno::MFILE`], [`Errno::NFILE`]: this process, or the system, has no descriptor
/// left. [`Errno::AFNOSUPPORT`], [`Errno::PERM`], [`Errno::ACCESS`]: it may not have
/// netlink sockets.
pub fn notifier() -> Result<Notifier> {
    rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        None,
    )
    .map(Notifier)
}

impl Notifier {
    /// Waits for a notice.
    ///
    /// # Errors
    ///
    /// [`Errno::INTR`]: it was [interrupted](crate#interruptions).
    pub fn wait(&self) -> Result<Notice> {
        self.wait_until(Deadline::Never)
    }

    /// Takes a notice, if there is one.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: there is none.
    pub fn try_wait(&self) -> Result<Notice> {
        loop {
            let mut cookie = [0; NOTIFY_COOKIE_LEN];
            let (_, len) = rustix::net::recv(
                &self.0,
                &mut cookie[..],
                RecvFlags::DONTWAIT | RecvFlags::TRUNC,
            )?;
            let [a, b, c, d, e, f, g, h, .., code] = cookie;
            let token = u64::from_ne_bytes([a, b, c, d, e, f, g, h]);
            // Nothing else is ever sent here.
            match (len, code) {
                (NOTIFY_COOKIE_LEN, NOTIFY_WOKENUP) => return Ok(Notice::Arrived(token)),
                (NOTIFY_COOKIE_LEN, NOTIFY_REMOVED) => return Ok(Notice::Removed(token)),
                _ => {}
            }
        }
    }

    /// As [`wait`](Self::wait), until the deadline.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: the deadline passed.
    pub fn wait_until(&self, deadline: Deadline) -> Result<Notice> {
        ready::retry(self.as_fd(), PollFlags::IN, deadline, || self.try_wait())
    }
}

impl AsFd for Notifier {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

crate::sys::fd_number::numbers!(Notifier);

impl From<Notifier> for OwnedFd {
    fn from(notifier: Notifier) -> Self {
        notifier.0
    }
}
