//! What travels beside the bytes of a message: descriptors and credentials.
//!
//! A descriptor that is sent is duplicated into the receiver, wherever that is:
//! both share one open file description, and it does not matter whether the
//! sender closes its own, or ends, before the message is received. What was sent
//! and never received is closed with the socket.
//!
//! # Which bytes of a stream
//!
//! On a stream, descriptors go with the *first* byte of a
//! [`send_message`](super::Stream::send_message): the process that receives that byte receives
//! them. One [`recv_message`](super::Stream::recv_message) takes bytes that were sent before
//! them, too, when it has room, and never goes past the bytes of their message into what was
//! sent later. So a receiver that never asks for more than the rest of one message, whose
//! length a header gives, gets descriptors with their own message. One that asks for as much as
//! there is knows only that they came with one of the bytes; the kernel does not report which.
//!
//! ```
//! use rawipc::socket::message::{Incoming, Outgoing};
//! use rawipc::socket::{RecvError, seqpacket, stream};
//! use rawipc::{AsFd, IoSlice, IoSliceMut};
//!
//! let (ours, theirs) = seqpacket::pair()?;
//! let (one, other) = stream::pair()?;
//!
//! let descriptors = [one.as_fd()];
//! ours.send_message(
//!     &[IoSlice::new(b"one end of a stream")],
//!     &Outgoing::new().descriptors(&descriptors),
//! )?;
//! drop(one);
//!
//! let mut buffer = [0; 64];
//! let mut incoming = Incoming::<1>::new();
//! let len = theirs.recv_message(&mut [IoSliceMut::new(&mut buffer)], &mut incoming)?;
//! assert_eq!(len, Some(19));
//!
//! let one = stream::Stream::from(incoming.descriptors().next().unwrap());
//! one.send_all(b"it works").unwrap();
//! assert_eq!(other.recv(&mut buffer)?, 8);
//! # Ok::<(), RecvError>(())
//! ```

use rustix::fd::{BorrowedFd, OwnedFd};

use super::error::RecvError;
use crate::Result;
use crate::sys::control;
use crate::sys::socket::{Arrived, MessageFlags, Received};

pub use control::{Content, Credentials, Encoded, MAX_DESCRIPTORS, Message, Messages, Numbers};
/// The number of a user or a group.
#[doc(inline)]
pub use rustix::process::{Gid, Uid};

/// Descriptors and credentials to send with the bytes of a message.
///
/// # Examples
///
/// ```
/// use rawipc::pipe::{self, PipeFlags};
/// use rawipc::socket::message::Outgoing;
/// use rawipc::socket::seqpacket;
/// use rawipc::{AsFd, IoSlice};
///
/// let (ours, _theirs) = seqpacket::pair()?;
/// let (reader, _writer) = pipe::create(PipeFlags::empty())?;
/// let descriptors = [reader.as_fd()];
/// let outgoing = Outgoing::new().descriptors(&descriptors);
/// ours.send_message(&[IoSlice::new(b"the end of a pipe")], &outgoing)?;
/// drop(reader); // the receiver has a duplicate
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Outgoing<'a> {
    descriptors: &'a [BorrowedFd<'a>],
    credentials: Option<Credentials>,
}

impl<'a> Outgoing<'a> {
    /// Creates one with nothing in it.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            descriptors: &[],
            credentials: None,
        }
    }

    /// Sets the descriptors, of which the receiver gets duplicates in this order: `SCM_RIGHTS`.
    ///
    /// At most [`MAX_DESCRIPTORS`]; sending more fails with
    /// [`Errno::INVAL`](crate::Errno::INVAL). Descriptors that are sent and not
    /// yet received count against the sending user's `RLIMIT_NOFILE`: beyond it
    /// an unprivileged sender gets [`Errno::TOOMANYREFS`](crate::Errno::TOOMANYREFS).
    #[doc(alias = "SCM_RIGHTS")]
    #[must_use]
    pub const fn descriptors(mut self, descriptors: &'a [BorrowedFd<'a>]) -> Self {
        self.descriptors = descriptors;
        self
    }

    /// Sets the credentials, which the kernel checks: `SCM_CREDENTIALS`.
    ///
    /// Others than one's own need privilege, else sending fails with
    /// [`Errno::PERM`](crate::Errno::PERM). A receiver that asked for credentials
    /// ([`set_pass_credentials`](super::option::set_pass_credentials)) gets the
    /// sender's without this too.
    #[doc(alias = "SCM_CREDENTIALS")]
    #[must_use]
    pub const fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Encodes the control messages as the kernel reads them: `cmsg(3)`.
    ///
    /// The numbers of the descriptors are in it, not the descriptors: it is to be
    /// sent while they are open.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`](crate::Errno::INVAL): more than [`MAX_DESCRIPTORS`].
    pub fn encode(&self) -> Result<Encoded> {
        Encoded::new(self.descriptors, self.credentials)
    }

    pub(super) const fn has_descriptors(&self) -> bool {
        !self.descriptors.is_empty()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.descriptors.is_empty() && self.credentials.is_none()
    }
}

/// Descriptors and credentials that were received with the bytes of a message, with room for `FDS`
/// descriptors and for a security label of `LABEL` bytes, including its NUL.
///
/// Receiving replaces what is in it; descriptors that were not taken are closed
/// then, or when it is dropped. After an error it is empty.
///
/// # Examples
///
/// ```
/// use rawipc::socket::message::{Incoming, Outgoing};
/// use rawipc::socket::{option, seqpacket};
/// use rawipc::{IoSlice, IoSliceMut};
///
/// let (ours, theirs) = seqpacket::pair()?;
/// option::set_pass_credentials(&theirs, true)?;
/// ours.send_message(&[IoSlice::new(b"hello")], &Outgoing::new())?;
///
/// let mut incoming = Incoming::<0>::new(); // no room for descriptors
/// let mut buffer = [0; 64];
/// theirs.recv_message(&mut [IoSliceMut::new(&mut buffer)], &mut incoming)?;
/// let sender = incoming.credentials().ok_or("they were asked for")?;
/// assert_eq!(sender.pid, Some(rawipc::process::id())); // checked by the kernel
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Incoming<const FDS: usize, const LABEL: usize = 0> {
    descriptors: Descriptors<FDS>,
    credentials: Option<Credentials>,
    pidfd: Option<Result<OwnedFd>>,
    label: [u8; LABEL],
    /// How long the label is that came, also when it was longer.
    label_came: Option<usize>,
}

impl<const FDS: usize, const LABEL: usize> Default for Incoming<FDS, LABEL> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const FDS: usize, const LABEL: usize> Incoming<FDS, LABEL> {
    /// Creates one with nothing in it.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            descriptors: Descriptors::new(),
            credentials: None,
            pidfd: None,
            label: [0; LABEL],
            label_came: None,
        }
    }

    /// Returns an iterator that gives away the received descriptors, close-on-exec, in the
    /// order in which they were sent.
    pub const fn descriptors(&mut self) -> &mut Descriptors<FDS> {
        &mut self.descriptors
    }

    /// Returns the credentials of the sender, if requested with
    /// [`set_pass_credentials`](super::option::set_pass_credentials).
    #[must_use]
    pub const fn credentials(&self) -> Option<Credentials> {
        self.credentials
    }

    /// Takes the pidfd of the sender, if requested with
    /// [`set_pass_pidfd`](super::option::set_pass_pidfd); an error if the kernel could not make
    /// one.
    #[doc(alias = "SCM_PIDFD")]
    pub const fn pidfd(&mut self) -> Option<Result<OwnedFd>> {
        self.pidfd.take()
    }

    /// Returns the security label of the sender, without a NUL at its end, if requested with
    /// [`set_pass_label`](super::option::set_pass_label) and if a security module assigns
    /// labels.
    #[doc(alias = "SCM_SECURITY")]
    #[must_use]
    pub fn label(&self) -> Option<&[u8]> {
        let label = self.label.get(..self.label_came?)?;
        Some(label.strip_suffix(b"\0").unwrap_or(label))
    }

    /// Drops what was received, and closes its descriptors.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    pub(super) fn put(&mut self, arrived: Arrived<'_>) {
        match arrived {
            Arrived::Descriptor(descriptor) => self.descriptors.put(descriptor),
            Arrived::Credentials(credentials) => self.credentials = Some(credentials),
            Arrived::Pidfd(pidfd) => self.pidfd = Some(pidfd),
            Arrived::Label(label) => {
                self.label_came = Some(label.len());
                if let Some(slot) = self.label.get_mut(..label.len()) {
                    slot.copy_from_slice(label);
                }
            }
        }
    }

    /// Whether all that was sent beside the bytes came, or else why not.
    pub(super) fn check(&self, received: &Received) -> Result<(), RecvError> {
        let len = received.len;
        if self.descriptors.came > FDS || self.label_came > Some(LABEL) {
            return Err(RecvError::ControlTruncated { len });
        }
        if !received.flags.contains(MessageFlags::CONTROL_TRUNCATED) {
            return Ok(());
        }
        // What another descriptor would have needed, a first one with its header,
        // in the whole words that the kernel counts in.
        let needed = if self.descriptors.came == 0 { 24 } else { 8 };
        if self.descriptors.came < FDS && received.room_left >= needed {
            return Err(RecvError::DescriptorRefused { len });
        }
        Err(RecvError::ControlTruncated { len })
    }
}

/// An iterator over the descriptors that came with a message, which it gives to the caller.
///
/// Those that are not taken are closed with it.
///
/// # Examples
///
/// ```
/// use rawipc::pipe::{self, PipeFlags};
/// use rawipc::socket::message::{Incoming, Outgoing};
/// use rawipc::socket::seqpacket;
/// use rawipc::{AsFd, IoSlice, IoSliceMut};
///
/// let (ours, theirs) = seqpacket::pair()?;
/// let (reader, writer) = pipe::create(PipeFlags::empty())?;
/// let ends = [reader.as_fd(), writer.as_fd()];
/// ours.send_message(&[IoSlice::new(b"x")], &Outgoing::new().descriptors(&ends))?;
///
/// let mut incoming = Incoming::<4>::new();
/// theirs.recv_message(&mut [IoSliceMut::new(&mut [0])], &mut incoming)?;
/// let descriptors = incoming.descriptors();
/// assert_eq!(descriptors.len(), 2);
/// let (reader, writer) = descriptors.next().zip(descriptors.next()).ok_or("too few")?;
/// pipe::Writer::from(writer).write(b"hello")?;
/// assert_eq!(pipe::Reader::from(reader).read(&mut [0; 8])?, 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Descriptors<const FDS: usize> {
    descriptors: [Option<OwnedFd>; FDS],
    /// How many came; those beyond `FDS` are closed already.
    came: usize,
    taken: usize,
}

impl<const FDS: usize> Descriptors<FDS> {
    const fn new() -> Self {
        Self {
            descriptors: [const { None }; FDS],
            came: 0,
            taken: 0,
        }
    }

    fn put(&mut self, descriptor: OwnedFd) {
        if let Some(slot) = self.descriptors.get_mut(self.came) {
            *slot = Some(descriptor);
        }
        self.came += 1;
    }
}

impl<const FDS: usize> Iterator for Descriptors<FDS> {
    type Item = OwnedFd;

    fn next(&mut self) -> Option<OwnedFd> {
        let descriptor = self.descriptors.get_mut(self.taken)?.take()?;
        self.taken += 1;
        Some(descriptor)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.came.min(FDS) - self.taken;
        (left, Some(left))
    }
}

impl<const FDS: usize> ExactSizeIterator for Descriptors<FDS> {}
impl<const FDS: usize> core::iter::FusedIterator for Descriptors<FDS> {}
