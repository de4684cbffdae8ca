//! What a queue is and holds, who may open it and who is registered at it.
#![forbid(unsafe_code)]

use linux_raw_sys::general as raw;
use rustix::fd::AsFd;

use super::queue::Queue;
use crate::sys::mqueue::{self, MqAttr};
use crate::{Errno, Mode, Pid, Result};

/// The capacity of a queue: how many messages, and of which size.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::posix::message::{self, Capacity};
/// use rawipc::posix::Name;
///
/// let name = Name::new(format!("/rawipc-doc-mq-capacity-{}", std::process::id()))?;
/// let capacity = Capacity { messages: 2, message_size: 16 };
/// let queue = message::CreateOptions::new().capacity(capacity).create(&name)?;
/// message::unlink(&name)?;
/// assert_eq!(queue.send(&[0; 17], 0), Err(Errno::MSGSIZE));
/// queue.send(b"one", 0)?;
/// queue.send(b"two", 0)?;
/// assert_eq!(queue.try_send(b"three", 0), Err(Errno::AGAIN));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Capacity {
    /// The number of messages; at least 1.
    pub messages: usize,
    /// The largest size of a message in bytes; at least 1.
    pub message_size: usize,
}

/// The capacity of a queue and what it holds: `struct mq_attr`.
///
/// # Examples
///
/// ```
/// use rawipc::posix::{Name, message};
///
/// let name = Name::new(format!("/rawipc-doc-mq-attributes-{}", std::process::id()))?;
/// let queue = message::CreateOptions::new().create(&name)?;
/// message::unlink(&name)?;
/// queue.send(b"hello", 0)?;
/// let attributes = queue.attributes()?;
/// println!("{} of {} messages", attributes.messages, attributes.capacity.messages);
/// assert!(!attributes.nonblocking);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// How much it can hold, which never changes.
    pub capacity: Capacity,
    /// The number of messages that it holds now.
    pub messages: usize,
    /// Whether the description of this descriptor is non-blocking.
    pub nonblocking: bool,
}

/// The process that is registered to be notified by a queue: [`Queue::status`].
///
/// # Examples
///
/// ```
/// use rawipc::posix::Name;
/// use rawipc::posix::message::{self, Means, Notification, Registered};
/// use rawipc::process;
///
/// let name = Name::new(format!("/rawipc-doc-mq-registered-{}", std::process::id()))?;
/// let queue = message::CreateOptions::new().create(&name)?;
/// message::unlink(&name)?;
/// queue.notify(Notification::Nothing)?; // keeps others from registering
/// let own = Registered { process: Some(process::id()), means: Means::Nothing };
/// assert_eq!(queue.status()?.registered, Some(own));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The process; `None` if it has no number in this PID namespace.
    pub process: Option<Pid>,
    /// How it is notified.
    pub means: Means,
}

/// The way in which a registered process is notified.
///
/// # Examples
///
/// ```
/// use rawipc::Signal;
/// use rawipc::posix::Name;
/// use rawipc::posix::message::{self, Means, Notification};
///
/// let name = Name::new(format!("/rawipc-doc-mq-means-{}", std::process::id()))?;
/// let queue = message::CreateOptions::new().create(&name)?;
/// message::unlink(&name)?;
/// queue.notify(Notification::Signal { signal: Signal::USR1, value: 0 })?;
/// match queue.status()?.registered.map(|registered| registered.means) {
///     Some(Means::Signal(number)) => assert_eq!(number, Signal::USR1.as_raw()),
///     Some(other) => println!("registered otherwise: {other:?}"),
///     None => println!("nobody is registered"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Means {
    /// By this signal.
    Signal(i32),
    /// By a netlink socket: [`Notification::Descriptor`](super::Notification::Descriptor), or libc's thread.
    Descriptor,
    /// Not at all.
    Nothing,
}

/// The number of bytes in a queue, and who is registered: [`Queue::status`].
///
/// # Examples
///
/// ```
/// use rawipc::posix::{Name, message};
///
/// let name = Name::new(format!("/rawipc-doc-mq-status-{}", std::process::id()))?;
/// let queue = message::CreateOptions::new().create(&name)?;
/// message::unlink(&name)?;
/// queue.send(b"hello", 0)?;
/// queue.send(b"world!", 0)?;
/// let status = queue.status()?;
/// assert_eq!((status.bytes, status.registered), (11, None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The number of bytes of all its messages together.
    pub bytes: usize,
    /// The process that is registered to be notified.
    pub registered: Option<Registered>,
}

impl Queue {
    /// Returns the queue's capacity and what it holds: `mq_getattr(3)`.
    ///
    /// # Errors
    ///
    /// [`Errno::BADF`]: no queue.
    #[doc(alias = "mq_getattr")]
    #[doc(alias = "mq_getsetattr")]
    pub fn attributes(&self) -> Result<Attributes> {
        mqueue::mq_getsetattr(self.0.as_fd(), None).map(attributes)
    }

    /// Sets whether the description is non-blocking, the only attribute that can be set, and
    /// returns the previous attributes: `mq_setattr(3)`.
    ///
    /// Everybody who shares this descriptor sees it; those who have opened the queue
    /// themselves do not.
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

    /// Returns who may open it: `fstat(2)`.
    ///
    /// # Errors
    ///
    /// None of a descriptor that is open.
    pub fn mode(&self) -> Result<Mode> {
        Ok(Mode::from_raw_mode(rustix::fs::fstat(&self.0)?.st_mode))
    }

    /// Sets who may open it: `fchmod(2)`. Open descriptors keep their access.
    ///
    /// # Errors
    ///
    /// [`Errno::PERM`]: another user's.
    #[doc(alias = "fchmod")]
    pub fn set_mode(&self, mode: Mode) -> Result<()> {
        rustix::fs::fchmod(&self.0, mode)
    }

    /// Returns how many bytes the queue holds and who is registered to be notified.
    ///
    /// It reads from the descriptor what `/dev/mqueue` has in the file of the queue, so that
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
