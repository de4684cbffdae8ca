//! What the kernel knows of queues, of each and of all.
#![forbid(unsafe_code)]

#[cfg(doc)]
use crate::Errno;
use crate::sys::sysv as sys;
use crate::sysv::list::{moment, process};
use crate::sysv::permissions::Permissions;
use crate::{Pid, Result};

/// The type and length of a message: what [`Queue::peek_head`](super::Queue::peek_head)
/// returns.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::sysv::message::{self, Message};
/// use rawipc::sysv::{Create, Key};
///
/// let queue = message::create(Key::PRIVATE, Create::NEW)?;
/// queue.send(&Message::new(7, *b"hello"))?;
/// match queue.peek_head(0) {
///     Ok(head) => assert_eq!((head.message_type, head.len), (7, 5)),
///     Err(Errno::NOSYS) => println!("this kernel cannot peek"),
///     Err(errno) => return Err(errno.into()),
/// }
/// queue.remove()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Head {
    /// Its message type.
    pub message_type: i64,
    /// How many bytes it has.
    pub len: usize,
}

/// The kernel's status of a queue: `struct msqid64_ds`.
///
/// # Examples
///
/// ```
/// use rawipc::process;
/// use rawipc::sysv::message::{self, Message};
/// use rawipc::sysv::{Create, Key};
///
/// let queue = message::create(Key::PRIVATE, Create::NEW)?;
/// queue.send(&Message::new(1, *b"hello"))?;
/// let status = queue.status()?;
/// assert_eq!((status.messages, status.bytes), (1, 5));
/// assert_eq!(status.last_sender, Some(process::id()));
/// assert_eq!(status.last_received, None);
/// queue.remove()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "msqid_ds")]
pub struct Status {
    /// Its owner, creator and mode.
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
    /// The process that last sent.
    #[doc(alias = "msg_lspid")]
    pub last_sender: Option<Pid>,
    /// The process that last received.
    #[doc(alias = "msg_lrpid")]
    pub last_receiver: Option<Pid>,
    /// When a message was last sent, in seconds since 1970.
    #[doc(alias = "msg_stime")]
    pub last_sent: Option<i64>,
    /// When a message was last received, in seconds since 1970.
    #[doc(alias = "msg_rtime")]
    pub last_received: Option<i64>,
    /// When it was created or last [set](super::Queue::set), in seconds since 1970.
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

/// The system's limits for message queues, in this IPC namespace.
///
/// # Examples
///
/// ```
/// use rawipc::sysv::message;
///
/// let limits = message::limits()?;
/// println!("{} queues of {} bytes", limits.queues, limits.capacity);
/// println!("messages of up to {} bytes", limits.message_size);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "msginfo")]
pub struct Limits {
    /// The largest size of a message in bytes: `/proc/sys/kernel/msgmax`, by default 8,192.
    #[doc(alias = "msgmax")]
    pub message_size: usize,
    /// The capacity of a new queue in bytes, and the most that it can be
    /// [set](super::Queue::set) to without privilege: `/proc/sys/kernel/msgmnb`, by default
    /// 16,384.
    #[doc(alias = "msgmnb")]
    pub capacity: usize,
    /// The largest number of queues: `/proc/sys/kernel/msgmni`, by default 32,000.
    #[doc(alias = "msgmni")]
    pub queues: usize,
}

/// Returns the system's limits for message queues: `msgctl(2)` with `IPC_INFO`.
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

/// Totals of all queues of this IPC namespace.
///
/// # Examples
///
/// ```
/// use rawipc::sysv::message;
///
/// let usage = message::usage()?;
/// println!("{} messages, {} bytes in {} queues", usage.messages, usage.bytes, usage.queues);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Usage {
    /// The number of queues.
    pub queues: usize,
    /// The number of their messages.
    pub messages: usize,
    /// The number of bytes of these.
    pub bytes: usize,
}

/// Returns what all queues hold together: `msgctl(2)` with `MSG_INFO`.
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
