//! [`Queue`]: sending and receiving.
#![forbid(unsafe_code)]

use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::body::Message;
use super::select::{NOT_FLAGS, ReceiveFlags, Select};
use super::status::{Head, Status};
use crate::sys::sysv as sys;
use crate::sysv::create::Create;
use crate::sysv::key::Key;
use crate::sysv::list::identifier;
use crate::sysv::permissions::Access;
use crate::sysv::polled;
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::{Deadline, Errno, Result};

/// A message queue, by its identifier.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::sysv::message::{self, Message, ReceiveFlags, Select};
/// use rawipc::sysv::{Create, Key};
///
/// let queue = message::create(Key::PRIVATE, Create::NEW)?;
/// let id = queue.id(); // all that another process needs
/// queue.send(&Message::new(1, *b"hello"))?;
///
/// let theirs = message::Queue::from_id(id);
/// let mut message = Message::<[u8; 64]>::empty();
/// theirs.receive(Select::Any, &mut message, ReceiveFlags::empty())?;
/// assert_eq!(message.bytes(), b"hello");
/// let again = theirs.try_receive(Select::Any, &mut message, ReceiveFlags::empty());
/// assert_eq!(again, Err(Errno::AGAIN));
/// queue.remove()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Queue(pub(super) i32);

identifier!(Queue, "queue");

/// Creates a queue: `msgget(2)`.
///
/// It stays until it is [removed](Queue::remove).
///
/// # Errors
///
/// [`Errno::EXIST`]: the key is taken. [`Errno::ACCESS`]: taken
/// ([`Create::or_open`]), and its permissions are not as `mode` asks.
/// [`Errno::NOSPC`]: there are [`Limits::queues`](super::Limits::queues) queues. [`Errno::NOMEM`]: no memory.
/// [`Errno::NOSYS`]: a kernel without System V IPC.
#[doc(alias = "msgget")]
pub fn create(key: Key, create: Create) -> Result<Queue> {
    sys::msgget(key.as_raw(), create.flags()).map(Queue)
}

/// Opens the queue with a key: `msgget(2)`.
///
/// # Errors
///
/// [`Errno::NOENT`]: there is none; always for [`Key::PRIVATE`].
#[doc(alias = "msgget")]
pub fn open(key: Key) -> Result<Queue> {
    sys::msgget(key.existing()?, 0).map(Queue)
}

impl Queue {
    /// Sends a message, waiting for room in the queue: `msgsnd(2)`.
    ///
    /// There is room if with this message the queue has no more bytes than its
    /// [`Status::capacity`], and no more messages than that number either. A message that
    /// is longer than the capacity waits for it to be [raised](Self::set). Who waits goes on
    /// when others receive, in the order in which they came.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: longer than [`Limits::message_size`](super::Limits::message_size); the message type is not positive; no
    /// such queue.
    /// [`Errno::IDRM`]: the queue was removed meanwhile. [`Errno::INTR`]: it was
    /// [interrupted](crate#interruptions). [`Errno::ACCESS`]: no permission to write.
    /// [`Errno::NOMEM`]: no memory.
    /// In all cases nothing was sent.
    #[doc(alias = "msgsnd")]
    #[inline]
    pub fn send<T: IntoBytes + Immutable + ?Sized>(self, message: &Message<T>) -> Result<()> {
        self.send_with(message, Blocking)
    }

    /// Like [`send`](Self::send), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: there is no room. Else as [`send`](Self::send).
    #[doc(alias = "IPC_NOWAIT")]
    #[inline]
    pub fn try_send<T: IntoBytes + Immutable + ?Sized>(self, message: &Message<T>) -> Result<()> {
        self.send_with(message, Try)
    }

    /// Like [`send`](Self::send), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// It [polls](super#a-deadline).
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: the deadline passed. Else as [`send`](Self::send).
    pub fn send_until<T: IntoBytes + Immutable + ?Sized>(
        self,
        message: &Message<T>,
        deadline: Deadline,
    ) -> Result<()> {
        self.send_with(message, Until(deadline))
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
    /// [`Errno::INVAL`]: no such queue; a type to select that is not positive.
    /// In all cases nothing was received, and `message` is as it was.
    #[doc(alias = "msgrcv")]
    #[inline]
    pub fn receive<T: FromBytes + ?Sized>(
        self,
        select: Select,
        message: &mut Message<T>,
        flags: ReceiveFlags,
    ) -> Result<()> {
        self.receive_with(select, message, flags, Blocking)
    }

    /// Like [`receive`](Self::receive), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: there is none. Else as [`receive`](Self::receive).
    #[inline]
    pub fn try_receive<T: FromBytes + ?Sized>(
        self,
        select: Select,
        message: &mut Message<T>,
        flags: ReceiveFlags,
    ) -> Result<()> {
        self.receive_with(select, message, flags, Try)
    }

    /// Like [`receive`](Self::receive), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// It [polls](super#a-deadline).
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
        self.receive_with(select, message, flags, Until(deadline))
    }

    #[inline(always)]
    fn send_with<T: IntoBytes + Immutable + ?Sized>(
        self,
        message: &Message<T>,
        patience: Patience,
    ) -> Result<()> {
        let send = |flags| sys::msgsnd(self.0, &message.raw, message.len, flags);
        match patience {
            Blocking | Until(Deadline::Never) => send(0),
            Try => send(sys::IPC_NOWAIT),
            Until(deadline) => polled::until(deadline, || send(sys::IPC_NOWAIT)),
        }
    }

    #[inline(always)]
    fn receive_with<T: FromBytes + ?Sized>(
        self,
        select: Select,
        message: &mut Message<T>,
        flags: ReceiveFlags,
        patience: Patience,
    ) -> Result<()> {
        let (msgtyp, except) = select.raw()?;
        let flags = (flags.bits() & !NOT_FLAGS) | except;
        let mut receive = |more| {
            message.len = sys::msgrcv(self.0, &mut message.raw, msgtyp, flags | more)?;
            Ok(())
        };
        let mut now = || match receive(sys::IPC_NOWAIT) {
            Err(Errno::NOMSG) => Err(Errno::AGAIN),
            result => result,
        };
        match patience {
            Blocking | Until(Deadline::Never) => receive(0),
            Try => now(),
            Until(deadline) => polled::until(deadline, now),
        }
    }

    /// Copies the message at `index`, which stays in the queue: `msgrcv(2)` with `MSG_COPY`.
    ///
    /// Messages are counted from 0 in the order of sending. Others may take it, or those
    /// before it, at any moment.
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

    /// Returns the type and length of the message at `index`, as [`peek`](Self::peek)
    /// counts.
    ///
    /// The kernel does not say the length of a message that is too long to be received.
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
    ///     Ok(head) => assert_eq!(head, Head { message_type: 5, len: 1000 }),
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
                result => return result.map(|(message_type, len)| Head { message_type, len }),
            }
        }
    }

    /// Returns the kernel's status of the queue: `msgctl(2)` with `IPC_STAT`.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`], [`Errno::IDRM`]: no such queue. [`Errno::ACCESS`]: no permission to read.
    #[doc(alias = "msgctl")]
    #[doc(alias = "IPC_STAT")]
    pub fn status(self) -> Result<Status> {
        sys::msg_stat(self.0).map(|raw| Status::from(&raw))
    }

    /// Changes owner, group, mode and capacity: `msgctl(2)` with `IPC_SET`.
    ///
    /// Who waits looks again whether it may go on. What is in the queue stays there, also when it
    /// is more than the capacity.
    ///
    /// # Errors
    ///
    /// [`Errno::PERM`]: neither the owner's nor the creator's process; or a capacity above
    /// [`Limits::capacity`](super::Limits::capacity) without `CAP_SYS_RESOURCE`. [`Errno::INVAL`], [`Errno::IDRM`]:
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

    /// Removes the queue with all its messages: `msgctl(2)` with `IPC_RMID`. Whoever waits
    /// gets [`Errno::IDRM`].
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
