//! Message queues: `msgget(2)`, `msgop(2)`, `msgctl(2)`.
//!
//! A message is up to [`Limits::message_size`] bytes with a *kind*, a positive number, by
//! which receivers choose. Messages are taken whole, each by one receiver, in the order in
//! which they were sent among those that a receiver wants. They are copied into the
//! kernel and stay there, also when their sender dies, until they are received or
//! the queue is removed. Nobody is told that the last process at the other end has died:
//! a receiver waits on. A receiver that is killed either has taken its message, which
//! dies with it, or has not.
//!
//! # A deadline
//!
//! The kernel has no call that waits for a queue with a time limit, and no descriptor to
//! poll. The `_until` functions **ask again**, after 100, 200, 400 and so on, at most 8,000
//! microseconds: they notice a message so much later, cost a system call each time, and get
//! one only if no receiver that waits in the kernel takes it first. No signal ends them
//! before their deadline. With [`Deadline::Never`] they wait in the kernel, as the plain
//! functions do.
//!
//! # Examples
//!
//! ```
//! use rawipc::sysv::message::{self, Message, ReceiveFlags, Select};
//! use rawipc::sysv::{Create, Key};
//!
//! let queue = message::create(Key::PRIVATE, Create::NEW)?;
//!
//! // Values.
//! queue.send(&Message::new(7, [1_u32, 2, 3]))?;
//! let mut numbers = Message::<[u32; 3]>::empty();
//! queue.receive(Select::Any, &mut numbers, ReceiveFlags::empty())?;
//! assert_eq!((numbers.kind(), numbers.body()), (7, Some(&[1, 2, 3])));
//!
//! // Bytes, as many as there are.
//! let mut message = Message::<[u8; 100]>::empty();
//! message.set_kind(2);
//! message.set_bytes(b"hello")?;
//! queue.send(&message)?;
//! queue.receive(Select::Kind(2), &mut message, ReceiveFlags::empty())?;
//! assert_eq!(message.bytes(), b"hello");
//!
//! queue.remove()?;
//! # Ok::<(), rawipc::Errno>(())
//! ```
#![forbid(unsafe_code)]

use core::fmt;
use core::ops::RangeInclusive;

use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes};

use super::{Access, Create, Key, Permissions, backoff, moment, next_listed, process};
use crate::sys::sysv as sys;
use crate::{Deadline, Errno, Pid, Result};

/// A message, or room for one: a kind, and as many bytes of a body as [`len`](Self::len)
/// says.
///
/// The body is any type that is nothing but bytes and aligned to 8 at most. Functions take
/// `Message<[u8]>` too, to which a `Message<[u8; N]>` of any size turns by reference:
///
/// ```
/// use rawipc::sysv::message::Message;
///
/// let small = Message::new(1, *b"hello");
/// let any: &Message<[u8]> = &small;
/// assert_eq!(any.bytes(), b"hello");
/// ```
///
/// What is aligned more strictly does not compile:
///
/// ```compile_fail,E0080
/// #[derive(Clone, Copy)]
/// #[repr(C, align(16))]
/// struct Aligned([u8; 16]);
/// let message = rawipc::sysv::message::Message::new(1, Aligned([0; 16]));
/// ```
#[derive(Clone, Copy)]
pub struct Message<T: ?Sized> {
    len: usize,
    raw: sys::msgbuf<T>,
}

impl<T> Message<T> {
    /// A message to send: all of `body`. The kind is for the sender and the receivers to
    /// agree on; the kernel refuses to send what is not positive.
    #[inline]
    pub const fn new(kind: i64, body: T) -> Self {
        Self {
            len: size_of::<T>(),
            raw: sys::msgbuf::new(kind, body),
        }
    }

    /// Room to receive: no bytes, of kind 0.
    #[inline]
    #[must_use]
    pub fn empty() -> Self
    where
        T: FromZeros,
    {
        Self {
            len: 0,
            raw: sys::msgbuf::new(0, T::new_zeroed()),
        }
    }

    /// The whole body, if that is what the message has, see [`body`](Self::body).
    #[inline]
    #[must_use]
    pub fn into_body(self) -> Option<T> {
        (self.len == size_of::<T>()).then_some(self.raw.into_mtext())
    }
}

impl<T: ?Sized> Message<T> {
    /// The kind, as sent.
    #[doc(alias = "mtype")]
    #[must_use]
    pub const fn kind(&self) -> i64 {
        self.raw.mtype
    }

    /// Changes the kind.
    pub const fn set_kind(&mut self, kind: i64) {
        self.raw.mtype = kind;
    }

    /// How many bytes it has: at most as many as there is [`room`](Self::room).
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no bytes, which a message may.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many bytes it can have.
    #[must_use]
    pub const fn room(&self) -> usize {
        size_of_val(self.raw.mtext())
    }

    /// The body as a value, if the message has exactly as many bytes: else its sender
    /// meant something else, and [`bytes`](Self::bytes) has what came.
    #[must_use]
    pub fn body(&self) -> Option<&T> {
        (self.len == self.room()).then_some(self.raw.mtext())
    }

    /// The whole body, to be filled in: the message has all its bytes from now on, those
    /// that were not received with whatever they were before.
    #[doc(alias = "mtext")]
    pub fn body_mut(&mut self) -> &mut T {
        self.len = self.room();
        self.raw.mtext_mut()
    }

    /// The bytes that it has.
    #[must_use]
    pub fn bytes(&self) -> &[u8]
    where
        T: IntoBytes + Immutable,
    {
        let all = self.raw.mtext().as_bytes();
        // Never more than all.
        all.get(..self.len).unwrap_or(all)
    }

    /// Makes it have these bytes and no others.
    ///
    /// # Errors
    ///
    /// [`Errno::TOOBIG`]: there is not so much [`room`](Self::room); nothing changes.
    pub fn set_bytes(&mut self, bytes: &[u8]) -> Result<()>
    where
        T: FromBytes + IntoBytes,
    {
        let all = self.raw.mtext_mut().as_mut_bytes();
        let place = all.get_mut(..bytes.len()).ok_or(Errno::TOOBIG)?;
        place.copy_from_slice(bytes);
        self.len = bytes.len();
        Ok(())
    }
}

impl<T: IntoBytes + Immutable + ?Sized> fmt::Debug for Message<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("kind", &self.kind())
            .field("bytes", &self.bytes())
            .finish()
    }
}

/// Which message to receive: always the first of those that fit.
///
/// A kind that is not positive fits no message: [`Errno::INVAL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Select {
    /// Of any kind.
    #[default]
    Any,
    /// Of this kind.
    Kind(i64),
    /// Of any kind but this.
    #[doc(alias = "MSG_EXCEPT")]
    Except(i64),
    /// Of the lowest kind there is, up to this one: kinds as priorities.
    UpTo(i64),
}

impl Select {
    /// As `msgtyp` and flags.
    #[inline]
    fn raw(self) -> Result<(i64, i32)> {
        match self {
            Self::Any => Ok((0, 0)),
            Self::Kind(kind @ 1..) => Ok((kind, 0)),
            Self::Except(kind @ 1..) => Ok((kind, sys::MSG_EXCEPT)),
            Self::UpTo(kind @ 1..) => Ok((-kind, 0)),
            _ => Err(Errno::INVAL),
        }
    }
}

/// What the functions themselves say.
const NOT_FLAGS: i32 = sys::IPC_NOWAIT | sys::MSG_EXCEPT | sys::MSG_COPY;

bitflags::bitflags! {
    /// How to receive. `IPC_NOWAIT`, `MSG_EXCEPT` and `MSG_COPY` are the `try_` functions,
    /// [`Select::Except`] and [`Queue::peek`], and ignored here.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct ReceiveFlags: i32 {
        /// Of a message that is longer than there is room, take the beginning and throw
        /// the rest away, without a word: `MSG_NOERROR`. Else it stays in the queue.
        const TRUNCATE = sys::MSG_NOERROR;

        const _ = !0;
    }
}

/// A message queue, by its identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Queue(i32);

/// Creates a queue: `msgget(2)`.
///
/// It stays until it is [removed](Queue::remove).
///
/// # Errors
///
/// [`Errno::EXIST`]: the key is taken. [`Errno::ACCESS`]: taken
/// ([`Create::or_open`]), and its permissions are not as `mode` asks.
/// [`Errno::NOSPC`]: there are [`Limits::queues`] queues. [`Errno::NOMEM`]: no memory.
/// [`Errno::NOSYS`]: a kernel without System V IPC.
#[doc(alias = "msgget")]
pub fn create(key: Key, create: Create) -> Result<Queue> {
    sys::msgget(key.as_raw(), create.flags()).map(Queue)
}

/// Finds the queue with a key: `msgget(2)`.
///
/// # Errors
///
/// [`Errno::NOENT`]: there is none; always for [`Key::PRIVATE`].
#[doc(alias = "msgget")]
pub fn open(key: Key) -> Result<Queue> {
    sys::msgget(key.existing()?, 0).map(Queue)
}

impl Queue {
    /// The queue with an identifier that was received; whether there is one shows when
    /// it is used.
    #[must_use]
    pub const fn from_id(id: i32) -> Self {
        Self(id)
    }

    /// The identifier, which is the same for all processes (of one IPC namespace).
    #[must_use]
    pub const fn id(self) -> i32 {
        self.0
    }

    /// Sends a message, waiting for room in the queue: `msgsnd(2)`.
    ///
    /// There is room if with this message the queue has no more bytes than its
    /// [`Status::capacity`], and no more messages than that number either. A message that
    /// is longer than the capacity waits for it to be [raised](Self::set). Who waits goes on
    /// when others receive, in the order in which they came.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: longer than [`Limits::message_size`]; the kind is not positive; no
    /// such queue.
    /// [`Errno::IDRM`]: the queue was removed meanwhile. [`Errno::INTR`]: it was
    /// [interrupted](crate#interruptions). [`Errno::ACCESS`]: no permission to write.
    /// [`Errno::NOMEM`]: no memory.
    /// In all cases nothing was sent.
    #[doc(alias = "msgsnd")]
    #[inline]
    pub fn send<T: IntoBytes + Immutable + ?Sized>(self, message: &Message<T>) -> Result<()> {
        sys::msgsnd(self.0, &message.raw, message.len, 0)
    }

    /// As [`send`](Self::send), if there is room now.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: there is no room. Else as [`send`](Self::send).
    #[doc(alias = "IPC_NOWAIT")]
    #[inline]
    pub fn try_send<T: IntoBytes + Immutable + ?Sized>(self, message: &Message<T>) -> Result<()> {
        sys::msgsnd(self.0, &message.raw, message.len, sys::IPC_NOWAIT)
    }

    /// As [`send`](Self::send), until the deadline, [asking again and
    /// again](self#a-deadline).
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: the deadline passed. Else as [`send`](Self::send).
    pub fn send_until<T: IntoBytes + Immutable + ?Sized>(
        self,
        message: &Message<T>,
        deadline: Deadline,
    ) -> Result<()> {
        if deadline == Deadline::Never {
            return self.send(message);
        }
        let mut backoff = backoff(deadline);
        loop {
            match self.try_send(message) {
                Err(Errno::AGAIN) => backoff.pause()?,
                result => return result,
            }
        }
    }

    /// Receives a message, waiting until there is one: `msgrcv(2)`.
    ///
    /// Of several who wait, each for what it selects, the first that a message fits gets it
    /// in the moment in which it is sent.
    ///
    /// # Errors
    ///
    /// [`Errno::TOOBIG`]: the message is longer than there is room, and stays in the queue;
    /// how long it is says [`peek_head`](Self::peek_head).
    /// [`Errno::IDRM`]: the queue was removed meanwhile. [`Errno::INTR`]: it was
    /// [interrupted](crate#interruptions). [`Errno::ACCESS`]: no permission to read.
    /// [`Errno::INVAL`]: no such queue; a kind to select that is not positive.
    /// In all cases nothing was received, and `message` is as it was.
    #[doc(alias = "msgrcv")]
    #[inline]
    pub fn receive<T: FromBytes + ?Sized>(
        self,
        select: Select,
        message: &mut Message<T>,
        flags: ReceiveFlags,
    ) -> Result<()> {
        self.take(select, message, flags, 0)
    }

    /// As [`receive`](Self::receive), if there is a message now.
    ///
    /// # Errors
    ///
    /// [`Errno::NOMSG`]: there is none. Else as [`receive`](Self::receive).
    #[inline]
    pub fn try_receive<T: FromBytes + ?Sized>(
        self,
        select: Select,
        message: &mut Message<T>,
        flags: ReceiveFlags,
    ) -> Result<()> {
        self.take(select, message, flags, sys::IPC_NOWAIT)
    }

    /// As [`receive`](Self::receive), until the deadline, [asking again and
    /// again](self#a-deadline).
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: the deadline passed. Else as [`receive`](Self::receive).
    pub fn receive_until<T: FromBytes + ?Sized>(
        self,
        select: Select,
        message: &mut Message<T>,
        flags: ReceiveFlags,
        deadline: Deadline,
    ) -> Result<()> {
        if deadline == Deadline::Never {
            return self.receive(select, message, flags);
        }
        let mut backoff = backoff(deadline);
        loop {
            match self.try_receive(select, message, flags) {
                Err(Errno::NOMSG) => backoff.pause()?,
                result => return result,
            }
        }
    }

    #[inline]
    fn take<T: FromBytes + ?Sized>(
        self,
        select: Select,
        message: &mut Message<T>,
        flags: ReceiveFlags,
        more: i32,
    ) -> Result<()> {
        let (msgtyp, except) = select.raw()?;
        let flags = (flags.bits() & !NOT_FLAGS) | except | more;
        message.len = sys::msgrcv(self.0, &mut message.raw, msgtyp, flags)?;
        Ok(())
    }

    /// Copies the message at `index`, counted from 0 in the order of sending, which stays
    /// in the queue: `msgrcv(2)` with `MSG_COPY`. Others may take it or those before
    /// it at any moment.
    ///
    /// # Errors
    ///
    /// [`Errno::NOMSG`]: there are not so many. [`Errno::TOOBIG`]: longer than there is
    /// room. [`Errno::NOSYS`]: the kernel is built without `CONFIG_CHECKPOINT_RESTORE`.
    /// [`Errno::ACCESS`]: no permission to read. [`Errno::INVAL`]: no such queue; the system's limit
    /// of a message was made less than this one has.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::Errno;
    /// use rawipc::sysv::message::{self, Message};
    /// use rawipc::sysv::{Create, Key};
    ///
    /// let queue = message::create(Key::PRIVATE, Create::NEW)?;
    /// queue.send(&Message::new(1, *b"first"))?;
    /// queue.send(&Message::new(2, *b"second"))?;
    ///
    /// let mut message = Message::<[u8; 16]>::empty();
    /// match queue.peek(1, &mut message) {
    ///     Ok(()) => assert_eq!(message.bytes(), b"second"),
    ///     Err(errno) => assert_eq!(errno, Errno::NOSYS),
    /// }
    /// assert_eq!(queue.status()?.messages, 2);
    /// # queue.remove()?;
    /// # Ok::<(), Errno>(())
    /// ```
    #[doc(alias = "MSG_COPY")]
    pub fn peek<T: FromBytes + ?Sized>(self, index: usize, message: &mut Message<T>) -> Result<()> {
        let index = i64::try_from(index).map_err(|_| Errno::NOMSG)?;
        let flags = sys::MSG_COPY | sys::IPC_NOWAIT;
        message.len = sys::msgrcv(self.0, &mut message.raw, index, flags)?;
        Ok(())
    }

    /// The kind and the length of the message at `index`, as [`peek`](Self::peek): what
    /// the kernel does not say of a message that is too long to be received.
    ///
    /// As it tells a length only of what it copies, this copies the message into memory
    /// mapped for the purpose.
    ///
    /// # Errors
    ///
    /// As [`peek`](Self::peek), but never [`Errno::TOOBIG`]. [`Errno::NOMEM`]: no memory.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::Errno;
    /// use rawipc::sysv::message::{self, Head, Message, ReceiveFlags, Select};
    /// use rawipc::sysv::{Create, Key};
    ///
    /// let queue = message::create(Key::PRIVATE, Create::NEW)?;
    /// queue.send(&Message::new(5, [0_u8; 1000]))?;
    ///
    /// let mut message = Message::<[u8; 16]>::empty();
    /// let result = queue.receive(Select::Any, &mut message, ReceiveFlags::empty());
    /// assert_eq!(result, Err(Errno::TOOBIG));
    /// match queue.peek_head(0) {
    ///     Ok(head) => assert_eq!(head, Head { kind: 5, len: 1000 }),
    ///     Err(errno) => assert_eq!(errno, Errno::NOSYS),
    /// }
    /// # queue.remove()?;
    /// # Ok::<(), Errno>(())
    /// ```
    pub fn peek_head(self, index: usize) -> Result<Head> {
        let index = i64::try_from(index).map_err(|_| Errno::NOMSG)?;
        loop {
            // No message is longer than all together.
            let room = self.status()?.bytes;
            match sys::msgrcv_head(self.0, index, room) {
                // But one that was sent since.
                Err(Errno::TOOBIG) => {}
                result => return result.map(|(kind, len)| Head { kind, len }),
            }
        }
    }

    /// What the kernel knows of the queue: `msgctl(2)` with `IPC_STAT`.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`], [`Errno::IDRM`]: no such queue. [`Errno::ACCESS`]: no permission to read.
    #[doc(alias = "msgctl")]
    #[doc(alias = "IPC_STAT")]
    pub fn status(self) -> Result<Status> {
        sys::msg_stat(self.0).map(|raw| Status::from(&raw))
    }

    /// Changes who may use it, and how many bytes it holds: `msgctl(2)` with `IPC_SET`.
    ///
    /// Who waits looks again whether it may go on. What is in the queue stays there, also when it
    /// is more than the capacity.
    ///
    /// # Errors
    ///
    /// [`Errno::PERM`]: neither the owner's nor the creator's process; or a capacity above
    /// [`Limits::capacity`] without `CAP_SYS_RESOURCE`. [`Errno::INVAL`], [`Errno::IDRM`]:
    /// no such queue; no such user.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::sysv::{Create, Key, message};
    ///
    /// let queue = message::create(Key::PRIVATE, Create::NEW)?;
    /// let status = queue.status()?;
    /// queue.set(status.permissions.access, status.capacity / 2)?;
    /// assert_eq!(queue.status()?.capacity, status.capacity / 2);
    /// # queue.remove()?;
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    #[doc(alias = "IPC_SET")]
    pub fn set(self, access: Access, capacity: usize) -> Result<()> {
        sys::msg_set(
            self.0,
            access.owner,
            access.group,
            access.mode.bits(),
            capacity as u64,
        )
    }

    /// Removes it with all its messages; who waits gets [`Errno::IDRM`]: `msgctl(2)` with `IPC_RMID`.
    ///
    /// # Errors
    ///
    /// [`Errno::PERM`]: neither the owner's nor the creator's process.
    /// [`Errno::INVAL`], [`Errno::IDRM`]: no such queue.
    #[doc(alias = "IPC_RMID")]
    pub fn remove(self) -> Result<()> {
        sys::msg_remove(self.0)
    }
}

/// What [`Queue::peek_head`] tells of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Head {
    /// Its kind.
    pub kind: i64,
    /// How many bytes it has.
    pub len: usize,
}

/// What the kernel knows of a queue: `struct msqid64_ds`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "msqid_ds")]
pub struct Status {
    /// Whose it is.
    pub permissions: Permissions,
    /// How many messages it has.
    #[doc(alias = "msg_qnum")]
    pub messages: usize,
    /// How many bytes they have together.
    #[doc(alias = "msg_cbytes")]
    pub bytes: usize,
    /// How many bytes it holds, and how many messages.
    #[doc(alias = "msg_qbytes")]
    pub capacity: usize,
    /// Who sent last.
    #[doc(alias = "msg_lspid")]
    pub last_sender: Option<Pid>,
    /// Who received last.
    #[doc(alias = "msg_lrpid")]
    pub last_receiver: Option<Pid>,
    /// When was sent last, in seconds since 1970.
    #[doc(alias = "msg_stime")]
    pub last_sent: Option<i64>,
    /// When was received last, in seconds since 1970.
    #[doc(alias = "msg_rtime")]
    pub last_received: Option<i64>,
    /// When it was created or [set](Queue::set) last, in seconds since 1970.
    #[doc(alias = "msg_ctime")]
    pub changed: i64,
}

impl From<&sys::msqid64_ds> for Status {
    fn from(raw: &sys::msqid64_ds) -> Self {
        Self {
            permissions: Permissions::from(&raw.msg_perm),
            messages: raw.msg_qnum as usize,
            bytes: raw.msg_cbytes as usize,
            capacity: raw.msg_qbytes as usize,
            last_sender: process(raw.msg_lspid),
            last_receiver: process(raw.msg_lrpid),
            last_sent: moment(raw.msg_stime),
            last_received: moment(raw.msg_rtime),
            changed: raw.msg_ctime,
        }
    }
}

/// The system's limits of message queues, of this IPC namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "msginfo")]
pub struct Limits {
    /// How many bytes a message has at most: `/proc/sys/kernel/msgmax`, at first 8,192.
    #[doc(alias = "msgmax")]
    pub message_size: usize,
    /// How many bytes a new queue holds, and the most that it can be
    /// [set](Queue::set) to without privilege: `/proc/sys/kernel/msgmnb`, at first 16,384.
    #[doc(alias = "msgmnb")]
    pub capacity: usize,
    /// How many queues there are at most: `/proc/sys/kernel/msgmni`, at first 32,000.
    #[doc(alias = "msgmni")]
    pub queues: usize,
}

/// The system's limits: `msgctl(2)` with `IPC_INFO`.
///
/// # Errors
///
/// [`Errno::NOSYS`]: a kernel without System V IPC.
#[doc(alias = "IPC_INFO")]
pub fn limits() -> Result<Limits> {
    let info = sys::msg_limits()?;
    Ok(Limits {
        message_size: info.msgmax as usize,
        capacity: info.msgmnb as usize,
        queues: info.msgmni as usize,
    })
}

/// What all queues of this IPC namespace have together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Usage {
    /// How many queues there are.
    pub queues: usize,
    /// How many messages.
    pub messages: usize,
    /// How many bytes these have.
    pub bytes: usize,
}

/// What is in use: `msgctl(2)` with `MSG_INFO`.
///
/// # Errors
///
/// [`Errno::NOSYS`]: a kernel without System V IPC.
#[doc(alias = "MSG_INFO")]
pub fn usage() -> Result<Usage> {
    let (info, _) = sys::msg_usage()?;
    Ok(Usage {
        queues: info.msgpool as usize,
        messages: info.msgmap as usize,
        bytes: info.msgtql as usize,
    })
}

/// All queues of this IPC namespace, whosoever they are: `msgctl(2)` with `MSG_STAT_ANY`,
/// since Linux 4.17 (before, none).
///
/// What is created or removed meanwhile may be among them or not.
///
/// # Errors
///
/// [`Errno::NOSYS`]: a kernel without System V IPC.
///
/// # Examples
///
/// ```
/// use rawipc::sysv::{Create, Key, message};
///
/// let queue = message::create(Key::PRIVATE, Create::NEW)?;
/// let found = message::list()?.any(|listed| listed.is_ok_and(|(found, _)| found == queue));
/// assert!(found);
/// # queue.remove()?;
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "MSG_STAT_ANY")]
#[doc(alias = "ipcs")]
pub fn list() -> Result<List> {
    let (_, highest) = sys::msg_usage()?;
    Ok(List(0..=highest))
}

/// The queues that [`list`] found; an error where the kernel refuses to tell.
#[derive(Clone, Debug)]
pub struct List(RangeInclusive<i32>);

impl Iterator for List {
    type Item = Result<(Queue, Status)>;

    fn next(&mut self) -> Option<Self::Item> {
        next_listed(&mut self.0, |index| {
            let (id, raw) = sys::msg_stat_any(index)?;
            Ok((Queue(id), Status::from(&raw)))
        })
    }
}
