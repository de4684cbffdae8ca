//! [`Message`]: a message, or room for one.
#![forbid(unsafe_code)]

use core::fmt;

use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes};

use crate::sys::sysv as sys;
use crate::{Errno, Result};

/// A message, or room for one: a message type, and as many bytes of a body as
/// [`len`](Self::len) says.
///
/// The body is any type that is nothing but bytes and aligned to 8 at most. Functions take
/// `Message<[u8]>` too, to which a `Message<[u8; N]>` of any size turns by reference:
///
/// ```
/// use rawipc::sysv::message::Message;
///
/// let small = Message::new(1, *b"hello");
/// let any: &Message<[u8]> = &small;
/// assert_eq!(any.bytes(), b"hello");
/// ```
///
/// What is aligned more strictly does not compile:
///
/// ```compile_fail,E0080
/// #[derive(Clone, Copy)]
/// #[repr(C, align(16))]
/// struct Aligned([u8; 16]);
/// let message = rawipc::sysv::message::Message::new(1, Aligned([0; 16]));
/// ```
#[derive(Clone, Copy)]
pub struct Message<T: ?Sized> {
    pub(super) len: usize,
    pub(super) raw: sys::msgbuf<T>,
}

impl<T> Message<T> {
    /// Creates a message to send: all of `body`.
    ///
    /// Sender and receivers agree on what its type means; the kernel refuses to send a type
    /// that is not positive.
    #[inline]
    pub const fn new(message_type: i64, body: T) -> Self {
        Self {
            len: size_of::<T>(),
            raw: sys::msgbuf::new(message_type, body),
        }
    }

    /// Creates room to receive a message: no bytes yet, of type 0.
    #[inline]
    #[must_use]
    pub fn empty() -> Self
    where
        T: FromZeros,
    {
        Self {
            len: 0,
            raw: sys::msgbuf::new(0, T::new_zeroed()),
        }
    }

    /// Returns the body if the message fills it, as [`body`](Self::body).
    #[inline]
    #[must_use]
    pub fn into_body(self) -> Option<T> {
        (self.len == size_of::<T>()).then_some(self.raw.into_mtext())
    }
}

impl<T: ?Sized> Message<T> {
    /// Returns the message type.
    #[doc(alias = "mtype")]
    #[must_use]
    pub const fn message_type(&self) -> i64 {
        self.raw.mtype
    }

    /// Sets the message type.
    pub const fn set_message_type(&mut self, message_type: i64) {
        self.raw.mtype = message_type;
    }

    /// Returns the number of bytes it has, at most [`room`](Self::room).
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Returns whether it has no bytes, which a message may.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the number of bytes it has room for.
    #[must_use]
    pub const fn room(&self) -> usize {
        size_of_val(self.raw.mtext())
    }

    /// Returns the body as a value, if the message has exactly as many bytes.
    ///
    /// Else its sender meant something else: [`bytes`](Self::bytes) returns what arrived.
    #[must_use]
    pub fn body(&self) -> Option<&T> {
        (self.len == self.room()).then_some(self.raw.mtext())
    }

    /// Returns the body to be filled in; the message has all of its bytes from now on.
    ///
    /// Bytes that were not received are what they were before.
    #[doc(alias = "mtext")]
    pub fn body_mut(&mut self) -> &mut T {
        self.len = self.room();
        self.raw.mtext_mut()
    }

    /// Returns the bytes that the message has.
    #[must_use]
    pub fn bytes(&self) -> &[u8]
    where
        T: IntoBytes + Immutable,
    {
        let all = self.raw.mtext().as_bytes();
        // Never more than all.
        all.get(..self.len).unwrap_or(all)
    }

    /// Sets the bytes of the message, instead of those that it has.
    ///
    /// # Errors
    ///
    /// [`Errno::TOOBIG`]: there is not so much [`room`](Self::room); nothing changes.
    pub fn set_bytes(&mut self, bytes: &[u8]) -> Result<()>
    where
        T: FromBytes + IntoBytes,
    {
        let all = self.raw.mtext_mut().as_mut_bytes();
        let place = all.get_mut(..bytes.len()).ok_or(Errno::TOOBIG)?;
        place.copy_from_slice(bytes);
        self.len = bytes.len();
        Ok(())
    }
}

impl<T: IntoBytes + Immutable + ?Sized> fmt::Debug for Message<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("message_type", &self.message_type())
            .field("bytes", &self.bytes())
            .finish()
    }
}
