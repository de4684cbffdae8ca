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

mod notify;
mod open;
mod queue;
mod status;

pub use notify::{Notice, Notification, Notifier, notifier};
pub use open::{Access, CreateOptions, QueueFlags, list, list_in, open, unlink};
pub use queue::{PRIORITY_MAX, Queue, Received};
pub use status::{Attributes, Capacity, Means, Registered, Status};
