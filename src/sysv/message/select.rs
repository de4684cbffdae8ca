//! [`Select`]: which message to receive, and how.
#![forbid(unsafe_code)]

use crate::sys::sysv as sys;
use crate::{Errno, Result};

/// The choice of the message that a [`receive`](super::Queue::receive) takes: always the first that
/// matches.
///
/// A type that is not positive matches no message: [`Errno::INVAL`].
///
/// # Examples
///
/// ```
/// use rawipc::sysv::message::{self, Message, ReceiveFlags, Select};
/// use rawipc::sysv::{Create, Key};
///
/// let queue = message::create(Key::PRIVATE, Create::NEW)?;
/// queue.send(&Message::new(1, *b"one"))?;
/// queue.send(&Message::new(2, *b"two"))?;
/// let mut message = Message::<[u8; 3]>::empty();
/// queue.receive(Select::Type(2), &mut message, ReceiveFlags::empty())?;
/// assert_eq!(message.bytes(), b"two");
/// queue.remove()?;
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Select {
    /// A message of any type.
    #[default]
    Any,
    /// A message of this type.
    #[doc(alias = "Kind")]
    Type(i64),
    /// A message of any type but this.
    #[doc(alias = "MSG_EXCEPT")]
    Except(i64),
    /// A message of the lowest type present, up to this one: types as priorities.
    UpTo(i64),
}

impl Select {
    /// As `msgtyp` and flags.
    #[inline]
    pub(super) fn raw(self) -> Result<(i64, i32)> {
        match self {
            Self::Any => Ok((0, 0)),
            Self::Type(wanted @ 1..) => Ok((wanted, 0)),
            Self::Except(unwanted @ 1..) => Ok((unwanted, sys::MSG_EXCEPT)),
            Self::UpTo(highest @ 1..) => Ok((-highest, 0)),
            _ => Err(Errno::INVAL),
        }
    }
}

/// What the functions themselves say.
pub(super) const NOT_FLAGS: i32 = sys::IPC_NOWAIT | sys::MSG_EXCEPT | sys::MSG_COPY;

bitflags::bitflags! {
    /// Flags for receiving a message. `IPC_NOWAIT`, `MSG_EXCEPT` and `MSG_COPY` are the `try_`
    /// functions, [`Select::Except`] and [`Queue::peek`](super::Queue::peek), and are ignored here.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::sysv::message::{self, Message, ReceiveFlags, Select};
    /// use rawipc::sysv::{Create, Key};
    ///
    /// let queue = message::create(Key::PRIVATE, Create::NEW)?;
    /// queue.send(&Message::new(1, *b"a long message"))?;
    /// let mut message = Message::<[u8; 6]>::empty();
    /// queue.receive(Select::Any, &mut message, ReceiveFlags::TRUNCATE)?;
    /// assert_eq!(message.bytes(), b"a long");
    /// queue.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct ReceiveFlags: i32 {
        /// Takes the beginning of a message that is too long and silently discards the rest:
        /// `MSG_NOERROR`. Else it stays in the queue.
        const TRUNCATE = sys::MSG_NOERROR;

        const _ = !0;
    }
}
