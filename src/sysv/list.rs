//! What the kernel tells of its objects of one kind: the table of them, moments, processes.
#![forbid(unsafe_code)]

use core::fmt;
use core::ops::RangeInclusive;

use crate::{Errno, Pid, Result};

/// An iterator over the objects of one kind and their status: what
/// [`message::list`](super::message::list), [`semaphore::list`](super::semaphore::list) and
/// [`memory::list`](super::memory::list) return.
///
/// An item is an error where the kernel refuses to tell.
///
/// # Examples
///
/// ```
/// use rawipc::sysv::{Create, Key, message};
///
/// let queue = message::create(Key::PRIVATE, Create::NEW)?;
/// let mut found = false;
/// for item in message::list()? {
///     let Ok((other, status)) = item else { continue }; // it may not be looked at
///     println!("{}: {} messages", other.id(), status.messages);
///     found |= other == queue;
/// }
/// # assert!(found);
/// queue.remove()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct List<T> {
    indices: RangeInclusive<i32>,
    look: fn(i32) -> Result<T>,
}

impl<T> List<T> {
    /// Everything that `look` finds in the kernel's table up to the place `highest`.
    pub(super) fn new(highest: i32, look: fn(i32) -> Result<T>) -> Self {
        Self {
            indices: 0..=highest,
            look,
        }
    }
}

impl<T> Iterator for List<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match (self.look)(self.indices.next()?) {
                // Nothing there, or not any more.
                Err(Errno::INVAL | Errno::IDRM) => {}
                result => return Some(result),
            }
        }
    }
}

impl<T> Clone for List<T> {
    fn clone(&self) -> Self {
        Self {
            indices: self.indices.clone(),
            look: self.look,
        }
    }
}

impl<T> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("List").field(&self.indices).finish()
    }
}

/// Gives the identifier of an object, which the kernel calls `$what`, its two conversions.
macro_rules! identifier {
    ($object:ident, $what:literal) => {
        impl $object {
            #[doc = concat!("Returns the ", $what, " with an identifier that was received from elsewhere.")]
            ///
            /// Whether there is one shows when it is used.
            #[must_use]
            pub const fn from_id(id: i32) -> Self {
                Self(id)
            }

            /// Returns the identifier, which is the same for all processes of one IPC
            /// namespace.
            #[must_use]
            pub const fn id(self) -> i32 {
                self.0
            }
        }
    };
}
pub(super) use identifier;

/// A moment in seconds since 1970, or never.
pub(super) fn moment(seconds: i64) -> Option<i64> {
    (seconds != 0).then_some(seconds)
}

/// A process number, or none: nobody yet, or a process of another PID namespace.
pub(super) fn process(number: i32) -> Option<Pid> {
    if number > 0 {
        Pid::from_raw(number)
    } else {
        None
    }
}
