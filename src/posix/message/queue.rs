//! [`Queue`]: sending and receiving.
#![forbid(unsafe_code)]

use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::sys::mqueue;
use crate::wait::ready;
use crate::{Deadline, Errno, Result, Timespec};

/// The highest priority of a message; 0 is the lowest.
pub const PRIORITY_MAX: u32 = 32_767;

/// A moment that has passed on every clock.
const PASSED: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// The length and priority of a received message.
///
/// # Examples
///
/// ```
/// use rawipc::posix::{Name, message};
///
/// let name = Name::new(format!("/rawipc-doc-mq-received-{}", std::process::id()))?;
/// let queue = message::CreateOptions::new().create(&name)?;
/// message::unlink(&name)?;
/// queue.send(b"urgent", 9)?;
///
/// let mut buffer = vec![0; queue.attributes()?.capacity.message_size];
/// let received = queue.receive(&mut buffer)?;
/// assert_eq!(&buffer[..received.len], b"urgent");
/// assert_eq!(received.priority, 9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its length in bytes: how much of the buffer it fills.
    pub len: usize,
    /// Its priority.
    pub priority: u32,
}

/// A POSIX message queue, by its descriptor; any descriptor that was received is taken for
/// one.
///
/// # Examples
///
/// ```
/// use rawipc::posix::{Name, message};
///
/// let name = Name::new(format!("/rawipc-doc-queue-{}", std::process::id()))?;
/// let queue = message::CreateOptions::new().create(&name)?;
/// message::unlink(&name)?;
/// queue.send(b"when there is time", 1)?;
/// queue.send(b"urgent", 9)?;
/// let mut buffer = vec![0; 8192];
/// let received = queue.receive(&mut buffer)?;
/// assert_eq!((&buffer[..received.len], received.priority), (&b"urgent"[..], 9));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Queue(pub(super) OwnedFd);

/// After an attempt that did not wait and was refused: waits, if it would have had to.
fn wait_after(errno: Errno, fd: BorrowedFd<'_>, what: PollFlags, deadline: Deadline) -> Result<()> {
    match errno {
        Errno::AGAIN | Errno::TIMEDOUT => ready::wait(fd, what, deadline),
        // A signal was there already: nothing was done, and nothing waited for.
        Errno::INTR => Ok(()),
        errno => Err(errno),
    }
}

/// After an attempt that shall not wait and was refused: whether to make another.
fn again_after(errno: Errno) -> Result<()> {
    match errno {
        Errno::TIMEDOUT => Err(Errno::AGAIN),
        // A signal was there already: nothing was done, and nothing waited for.
        Errno::INTR => Ok(()),
        errno => Err(errno),
    }
}

impl Queue {
    /// Sends a message, blocking until the queue has room: `mq_send(3)`.
    ///
    /// Of several processes that wait in this function the most urgent sends first, and
    /// among equals the one that came first.
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

    /// Like [`send`](Self::send), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: there is none. [`Errno::MSGSIZE`], [`Errno::INVAL`],
    /// [`Errno::BADF`]: as [`send`](Self::send).
    #[inline]
    pub fn try_send(&self, message: &[u8], priority: u32) -> Result<()> {
        mqueue::mq_timedsend(self.0.as_fd(), message, priority, Some(&PASSED))
            .or_else(|errno| self.not_sent_now(message, priority.into(), errno))
    }

    /// Like [`send`](Self::send), but gives up at `deadline` with [`Errno::TIMEDOUT`].
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

    /// Receives the oldest message of the highest priority, blocking until there is one:
    /// `mq_receive(3)`.
    ///
    /// Of several processes that wait in this function the most urgent receives first, and
    /// among equals the one that came first.
    ///
    /// # Errors
    ///
    /// [`Errno::MSGSIZE`]: the buffer is shorter than messages of this queue *can* be
    /// ([`Capacity::message_size`](super::Capacity::message_size)), however short this one is; it stays.
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

    /// Like [`receive`](Self::receive), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: there is none. [`Errno::MSGSIZE`], [`Errno::BADF`]: as
    /// [`receive`](Self::receive).
    #[inline]
    pub fn try_receive(&self, buffer: &mut [u8]) -> Result<Received> {
        match mqueue::mq_timedreceive(self.0.as_fd(), buffer, Some(&PASSED)) {
            Ok((len, priority)) => Ok(Received { len, priority }),
            Err(errno) => Self::not_received_now(buffer, errno, self),
        }
    }

    /// Like [`receive`](Self::receive), but gives up at `deadline` with [`Errno::TIMEDOUT`].
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

    // Each of the six makes the call itself: in a `Patience` the deadline would be copied on
    // the way, for ten instructions.

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

    /// The kernel refused to send at once, and nobody waits.
    #[cold]
    #[inline(never)]
    fn not_sent_now(&self, message: &[u8], priority: u64, errno: Errno) -> Result<()> {
        again_after(errno)?;
        self.try_send(message, priority as u32)
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

    /// The kernel refused to receive at once, and nobody waits.
    #[cold]
    #[inline(never)]
    fn not_received_now(buffer: &mut [u8], errno: Errno, queue: &Self) -> Result<Received> {
        again_after(errno)?;
        queue.try_receive(buffer)
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
