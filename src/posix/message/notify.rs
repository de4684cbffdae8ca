//! Being notified when a message arrives at an empty queue.
#![forbid(unsafe_code)]

use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType};

use super::queue::Queue;
#[cfg(doc)]
use crate::Errno;
use crate::sys::mqueue::{self, Event, NOTIFY_COOKIE_LEN, NOTIFY_REMOVED, NOTIFY_WOKENUP};
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::wait::ready;
use crate::{Deadline, Result, Signal};

/// The notification that the kernel sends when a message arrives: [`Queue::notify`].
///
/// # Examples
///
/// ```
/// use rawipc::Signal;
/// use rawipc::posix::Name;
/// use rawipc::posix::message::{self, Notification};
/// use rawipc::signal::{self, Cause};
///
/// let name = Name::new(format!("/rawipc-doc-notification-{}", std::process::id()))?;
/// let queue = message::CreateOptions::new().create(&name)?;
/// message::unlink(&name)?;
/// signal::block(Signal::USR1)?;
/// queue.notify(Notification::Signal { signal: Signal::USR1, value: 7 })?;
/// queue.send(b"hello", 0)?;
/// let info = signal::wait(Signal::USR1)?;
/// assert!(matches!(info.cause(), Cause::MessageQueue { payload, .. } if payload.word() == 7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Notification<'a> {
    /// Sends a signal to this process: `SIGEV_SIGNAL`. Its information has the code
    /// `SI_MESGQ`, who sent the message, and `value`.
    Signal {
        /// The signal to send.
        signal: Signal,
        /// The value passed to the handler: a number or an address.
        value: usize,
    },
    /// Makes a descriptor readable: `SIGEV_THREAD` as libc has it, without the thread.
    Descriptor {
        /// The descriptor that becomes readable.
        notifier: &'a Notifier,
        /// A value of the caller's choice, returned in the [`Notice`].
        token: u64,
    },
    /// Does nothing: `SIGEV_NONE`. Meanwhile no other process can register.
    Nothing,
}

impl Queue {
    /// Registers this process to be notified once, when a message arrives *at the empty
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

    /// Ends the registration of this process, if it has one: `mq_notify(2)`.
    ///
    /// # Errors
    ///
    /// [`Errno::BADF`]: no queue.
    #[doc(alias = "mq_notify")]
    pub fn cancel_notify(&self) -> Result<()> {
        mqueue::mq_notify(self.0.as_fd(), None)
    }
}

/// A descriptor that becomes readable when a message arrives: [`Notification::Descriptor`].
///
/// One serves any number of queues of this process. It is a netlink socket that only
/// the kernel can send to, as it has no address; so a process that may not have such
/// sockets cannot have a notifier. Libc's `SIGEV_THREAD` is the same with a hidden
/// thread that reads it.
///
/// What is not read accumulates, a few hundred registrations' worth; then
/// [`Queue::notify`] blocks until it is read.
///
/// # Examples
///
/// ```
/// use rawipc::posix::Name;
/// use rawipc::posix::message::{self, Notice, Notification};
///
/// let name = Name::new(format!("/rawipc-doc-notifier-{}", std::process::id()))?;
/// let queue = message::CreateOptions::new().create(&name)?;
/// message::unlink(&name)?;
/// let notifier = message::notifier()?; // readable in a poller, too
/// queue.notify(Notification::Descriptor { notifier: &notifier, token: 5 })?;
/// queue.send(b"hello", 0)?;
/// assert_eq!(notifier.wait()?, Notice::Arrived(5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Notifier(OwnedFd);

/// What happened to a registration, with its token: [`Notifier::wait`].
///
/// # Examples
///
/// ```
/// use rawipc::posix::Name;
/// use rawipc::posix::message::{self, Notice, Notification};
///
/// let name = Name::new(format!("/rawipc-doc-notice-{}", std::process::id()))?;
/// let queue = message::CreateOptions::new().create(&name)?;
/// message::unlink(&name)?;
/// let notifier = message::notifier()?;
/// queue.notify(Notification::Descriptor { notifier: &notifier, token: 5 })?;
/// queue.cancel_notify()?;
/// match notifier.wait()? {
///     Notice::Arrived(token) => println!("queue {token} has a message: register again"),
///     Notice::Removed(token) => assert_eq!(token, 5),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Notice {
    /// A message arrived at the empty queue, and the registration has ended.
    Arrived(u64),
    /// The registration was ended by [`Queue::cancel_notify`] or because a descriptor of the
    /// queue was closed.
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
    /// Returns the next notice, blocking until there is one.
    ///
    /// # Errors
    ///
    /// [`Errno::INTR`]: it was [interrupted](crate#interruptions).
    pub fn wait(&self) -> Result<Notice> {
        self.wait_with(Blocking)
    }

    /// Like [`wait`](Self::wait), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: there is none.
    pub fn try_wait(&self) -> Result<Notice> {
        self.wait_with(Try)
    }

    /// Like [`wait`](Self::wait), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: the deadline passed.
    pub fn wait_until(&self, deadline: Deadline) -> Result<Notice> {
        self.wait_with(Until(deadline))
    }

    fn wait_with(&self, patience: Patience) -> Result<Notice> {
        let deadline = match patience {
            Try => return self.look(),
            Blocking => Deadline::Never,
            Until(deadline) => deadline,
        };
        ready::retry(self.as_fd(), PollFlags::IN, deadline, || self.look())
    }

    fn look(&self) -> Result<Notice> {
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
