//! Message queues: `msgget(2)`, `msgop(2)`, `msgctl(2)`.
//!
//! A message is up to [`Limits::message_size`] bytes with a *message type*, a
//! positive number, by which receivers choose. Messages are taken whole, each by one receiver, in the order in
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
//! assert_eq!((numbers.message_type(), numbers.body()), (7, Some(&[1, 2, 3])));
//!
//! // Bytes, as many as there are.
//! let mut message = Message::<[u8; 100]>::empty();
//! message.set_message_type(2);
//! message.set_bytes(b"hello")?;
//! queue.send(&message)?;
//! queue.receive(Select::Type(2), &mut message, ReceiveFlags::empty())?;
//! assert_eq!(message.bytes(), b"hello");
//!
//! queue.remove()?;
//! # Ok::<(), rawipc::Errno>(())
//! ```
#![forbid(unsafe_code)]

mod body;
mod queue;
mod select;
mod status;

pub use body::Message;
pub use queue::{Queue, create, open};
pub use select::{ReceiveFlags, Select};
pub use status::{Head, Limits, Status, Usage, limits, usage};

use crate::Result;
use crate::sys::sysv as sys;
#[cfg(doc)]
use crate::{Deadline, Errno};

/// Returns an iterator over all queues of this IPC namespace, whoever owns them: `msgctl(2)`
/// with `MSG_STAT_ANY`, since Linux 4.17 (before, it finds none).
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
    Ok(super::List::new(highest, |index| {
        let (id, raw) = sys::msg_stat_any(index)?;
        Ok((Queue(id), Status::from(&raw)))
    }))
}

/// The queues that [`list`] finds, each with its status.
pub type List = super::List<(Queue, Status)>;
