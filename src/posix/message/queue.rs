//! [`Queue`]: sending and receiving.
#![forbid(unsafe_code)]

use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::sys::mqueue;
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its length in bytes: how much of the buffer it fills.
    pub len: usize,
    /// Its priority.
    pub priority: u32,
}

/// A POSIX message queue, by its descriptor; any descriptor that was received is taken for
/// one.
#[derive(Debug)]
pub struct Queue(pub(super) OwnedFd);

/// Until when the kernel waits: not at all but in the plain functions.
#[inline(always)]
const fn until(patience: Patience) -> Option<&'static Timespec> {
    match patience {
        Blocking => None,
        Try | Until(_) => Some(&PASSED),
    }
}

/// After an attempt of this patience that was refused: waits, if it may and that helps, and
/// returns until when to try, or `None` for another attempt at once.
fn wait_after(
    errno: Errno,
    fd: BorrowedFd<'_>,
    what: PollFlags,
    patience: Patience,
) -> Result<Option<Deadline>> {
    let deadline = match (patience, errno) {
        (Try, Errno::AGAIN | Errno::TIMEDOUT) => return Err(Errno::AGAIN),
        // A signal was there already: nothing was done, and nothing waited for.
        (Try, Errno::INTR) => return Ok(None),
        (Until(deadline), Errno::INTR) => return Ok(Some(deadline)),
        (Until(deadline), Errno::AGAIN | Errno::TIMEDOUT) => deadline,
        // The description is non-blocking.
        (Blocking, Errno::AGAIN) => Deadline::Never,
        _ => return Err(errno),
    };
    ready::wait(fd, what, deadline)?;
    Ok(Some(deadline))
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
        self.send_with(message, priority, Blocking)
    }

    /// Like [`send`](Self::send), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: there is none. [`Errno::MSGSIZE`], [`Errno::INVAL`],
    /// [`Errno::BADF`]: as [`send`](Self::send).
    #[inline]
    pub fn try_send(&self, message: &[u8], priority: u32) -> Result<()> {
        self.send_with(message, priority, Try)
    }

    /// Like [`send`](Self::send), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: the deadline passed. And as [`send`](Self::send).
    #[doc(alias = "mq_timedsend")]
    #[inline]
    pub fn send_until(&self, message: &[u8], priority: u32, deadline: Deadline) -> Result<()> {
        self.send_with(message, priority, Until(deadline))
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
        self.receive_with(buffer, Blocking)
    }

    /// Like [`receive`](Self::receive), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: there is none. [`Errno::MSGSIZE`], [`Errno::BADF`]: as
    /// [`receive`](Self::receive).
    #[inline]
    pub fn try_receive(&self, buffer: &mut [u8]) -> Result<Received> {
        self.receive_with(buffer, Try)
    }

    /// Like [`receive`](Self::receive), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: the deadline passed. And as [`receive`](Self::receive).
    #[doc(alias = "mq_timedreceive")]
    #[inline]
    pub fn receive_until(&self, buffer: &mut [u8], deadline: Deadline) -> Result<Received> {
        self.receive_with(buffer, Until(deadline))
    }

    #[inline(always)]
    fn send_with(&self, message: &[u8], priority: u32, patience: Patience) -> Result<()> {
        mqueue::mq_timedsend(self.0.as_fd(), message, priority, until(patience))
            .or_else(|errno| self.not_sent(message, priority.into(), patience, errno))
    }

    #[inline(always)]
    fn receive_with(&self, buffer: &mut [u8], patience: Patience) -> Result<Received> {
        match mqueue::mq_timedreceive(self.0.as_fd(), buffer, until(patience)) {
            Ok((len, priority)) => Ok(Received { len, priority }),
            Err(errno) => Self::not_received(buffer, errno, self, patience),
        }
    }

    // What follows takes its arguments in the order and the size in which the call left
    // them in registers: so nothing is put aside for it where it is not needed.

    /// The kernel refused to send so.
    #[cold]
    #[inline(never)]
    fn not_sent(
        &self,
        message: &[u8],
        priority: u64,
        patience: Patience,
        errno: Errno,
    ) -> Result<()> {
        let priority = priority as u32;
        match wait_after(errno, self.as_fd(), PollFlags::OUT, patience)? {
            None => self.try_send(message, priority),
            Some(deadline) => ready::retry(self.as_fd(), PollFlags::OUT, deadline, || {
                self.try_send(message, priority)
            }),
        }
    }

    /// The kernel refused to receive so.
    #[cold]
    #[inline(never)]
    fn not_received(
        buffer: &mut [u8],
        errno: Errno,
        queue: &Self,
        patience: Patience,
    ) -> Result<Received> {
        match wait_after(errno, queue.as_fd(), PollFlags::IN, patience)? {
            None => queue.try_receive(buffer),
            Some(deadline) => ready::retry(queue.as_fd(), PollFlags::IN, deadline, || {
                queue.try_receive(buffer)
            }),
        }
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
