//! [`Datagram`]: whole messages, without an end.

use rustix::fd::{AsFd, OwnedFd};
use rustix::net::{self, AddressFamily, RecvFlags, Shutdown, SocketFlags, SocketType};

use super::RecvError;
use super::message::{Incoming, Outgoing};
use super::transfer::Patience::{self, Blocking, Try, Until};
use super::transfer::{self, descriptor, receiving, sending};
use crate::{Deadline, IoSlice, IoSliceMut, Result};

/// Creates two UNIX datagram sockets that are connected with each other, unnamed
/// and close-on-exec: `socketpair(2)`.
///
/// # Errors
///
/// [`Errno::MFILE`](crate::Errno::MFILE) or [`Errno::NFILE`](crate::Errno::NFILE):
/// this process, or the system, has no descriptor left.
///
/// # Examples
///
/// ```
/// use rawipc::socket::{RecvError, datagram};
///
/// let (ours, theirs) = datagram::pair()?;
/// ours.send(b"one")?;
/// ours.send(b"two")?;
/// let mut buffer = [0; 8];
/// assert_eq!(theirs.recv(&mut buffer)?, 3);
/// assert_eq!(&buffer[..3], b"one");
/// # Ok::<(), RecvError>(())
/// ```
#[doc(alias = "socketpair")]
pub fn pair() -> Result<(Datagram, Datagram)> {
    let (one, other) = net::socketpair(
        AddressFamily::UNIX,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    Ok((Datagram(one), Datagram(other)))
}

/// A datagram socket: `SOCK_DGRAM` of `unix(7)`.
///
/// Nothing tells a receiver that its peer is gone: it sleeps on. Only sending
/// fails. [`Seqpacket`](super::Seqpacket) keeps messages apart and has an end;
/// otherwise wait with a deadline, or for the peer's pidfd too.
#[derive(Debug)]
pub struct Datagram(OwnedFd);

descriptor!(Datagram);

impl Datagram {
    /// Sends one message, which may be empty: `send(2)`.
    ///
    /// Blocks while the peer does not receive and the buffer
    /// ([`send_buffer`](super::option::send_buffer)) is full.
    ///
    /// # Errors
    ///
    /// [`Errno::MSGSIZE`](crate::Errno::MSGSIZE): longer than the buffer can ever hold.
    ///
    /// [`Errno::CONNREFUSED`](crate::Errno::CONNREFUSED), and from then on
    /// [`Errno::NOTCONN`](crate::Errno::NOTCONN): the peer is gone.
    ///
    /// [`Errno::PIPE`](crate::Errno::PIPE): the peer receives no more, or sending
    /// was shut down here; there is no `SIGPIPE`.
    ///
    /// [`Errno::INTR`](crate::Errno::INTR): a signal handler ran before it was sent.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::{Errno, socket::datagram};
    ///
    /// let (ours, theirs) = datagram::pair()?;
    /// drop(theirs);
    /// assert_eq!(ours.send(b"nobody listens"), Err(Errno::CONNREFUSED));
    /// # Ok::<(), Errno>(())
    /// ```
    pub fn send(&self, message: &[u8]) -> Result<()> {
        self.send_with(message, Blocking)
    }

    /// As [`send`](Self::send), and never waits.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and [`Errno::AGAIN`](crate::Errno::AGAIN): there is no room.
    #[doc(alias = "MSG_DONTWAIT")]
    pub fn try_send(&self, message: &[u8]) -> Result<()> {
        self.send_with(message, Try)
    }

    /// As [`send`](Self::send), and waits for room until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and [`Errno::TIMEDOUT`](crate::Errno::TIMEDOUT).
    pub fn send_until(&self, message: &[u8], deadline: Deadline) -> Result<()> {
        self.send_with(message, Until(deadline))
    }

    fn send_with(&self, message: &[u8], patience: Patience) -> Result<()> {
        // A message goes whole or not at all.
        sending(self.as_fd(), patience, |flags| {
            net::send(self, message, flags).map(drop)
        })
    }

    /// Receives one message into the beginning of `buffer` and returns its length:
    /// `recv(2)`.
    ///
    /// Blocks while there is none, also when the peer is gone. After
    /// `shutdown(Read)` of this side, 0 when none is left.
    ///
    /// Descriptors that came with it are closed:
    /// [`recv_message`](Self::recv_message) receives them.
    ///
    /// # Errors
    ///
    /// [`RecvError::Truncated`]: the message is longer than `buffer`, and the rest
    /// is gone.
    ///
    /// [`Errno::CONNRESET`](crate::Errno::CONNRESET): the peer was gone before it
    /// had received everything, where the kernel says so; said once.
    ///
    /// [`Errno::INTR`](crate::Errno::INTR): a signal handler ran before a message came.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::socket::{RecvError, datagram};
    ///
    /// let (ours, theirs) = datagram::pair()?;
    /// ours.send(b"a long message")?;
    /// let cut = RecvError::Truncated { len: 14 };
    /// assert_eq!(theirs.recv(&mut [0; 4]), Err(cut));
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    pub fn recv(&self, buffer: &mut [u8]) -> Result<usize, RecvError> {
        self.recv_with(buffer, RecvFlags::TRUNC, Blocking)
    }

    /// As [`recv`](Self::recv), and never waits.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv), and [`Errno::AGAIN`](crate::Errno::AGAIN): there is
    /// no message.
    pub fn try_recv(&self, buffer: &mut [u8]) -> Result<usize, RecvError> {
        self.recv_with(buffer, RecvFlags::TRUNC, Try)
    }

    /// As [`recv`](Self::recv), and waits until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv), and [`Errno::TIMEDOUT`](crate::Errno::TIMEDOUT).
    pub fn recv_until(&self, buffer: &mut [u8], deadline: Deadline) -> Result<usize, RecvError> {
        self.recv_with(buffer, RecvFlags::TRUNC, Until(deadline))
    }

    /// As [`recv`](Self::recv), and leaves the message to be received again:
    /// `MSG_PEEK` of `recv(2)`.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv); the rest of a message that is too long is not gone.
    #[doc(alias = "MSG_PEEK")]
    pub fn peek(&self, buffer: &mut [u8]) -> Result<usize, RecvError> {
        self.recv_with(buffer, PEEK, Blocking)
    }

    /// As [`peek`](Self::peek), and never waits.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](Self::try_recv).
    pub fn try_peek(&self, buffer: &mut [u8]) -> Result<usize, RecvError> {
        self.recv_with(buffer, PEEK, Try)
    }

    /// As [`peek`](Self::peek), and waits until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`recv_until`](Self::recv_until).
    pub fn peek_until(&self, buffer: &mut [u8], deadline: Deadline) -> Result<usize, RecvError> {
        self.recv_with(buffer, PEEK, Until(deadline))
    }

    fn recv_with(
        &self,
        buffer: &mut [u8],
        how: RecvFlags,
        patience: Patience,
    ) -> Result<usize, RecvError> {
        let received = transfer::recv(self.as_fd(), buffer, how, patience)?;
        Ok(received.map_or(0, |received| received.len))
    }

    /// How long the next message is, which stays to be received: `MSG_PEEK` with
    /// `MSG_TRUNC` of `recv(2)`. Blocks while there is none.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv), never [`RecvError::Truncated`].
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::socket::{RecvError, datagram};
    ///
    /// let (ours, theirs) = datagram::pair()?;
    /// ours.send(b"a long message")?;
    /// let mut buffer = vec![0; theirs.next_len()?];
    /// assert_eq!(theirs.recv(&mut buffer)?, 14);
    /// # Ok::<(), RecvError>(())
    /// ```
    #[doc(alias = "MSG_TRUNC")]
    pub fn next_len(&self) -> Result<usize> {
        self.next_len_with(Blocking)
    }

    /// As [`next_len`](Self::next_len), and never waits.
    ///
    /// # Errors
    ///
    /// As [`next_len`](Self::next_len), and [`Errno::AGAIN`](crate::Errno::AGAIN):
    /// there is no message.
    pub fn try_next_len(&self) -> Result<usize> {
        self.next_len_with(Try)
    }

    /// As [`next_len`](Self::next_len), and waits until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`next_len`](Self::next_len), and [`Errno::TIMEDOUT`](crate::Errno::TIMEDOUT).
    pub fn next_len_until(&self, deadline: Deadline) -> Result<usize> {
        self.next_len_with(Until(deadline))
    }

    fn next_len_with(&self, patience: Patience) -> Result<usize> {
        let len = receiving(self.as_fd(), patience, |flags| {
            net::recv(self, &mut [0_u8; 0], flags | PEEK).map(|(_, len)| len)
        })?;
        Ok(len.unwrap_or(0))
    }

    /// Sends one message, and with it what is `outgoing`: `sendmsg(2)`.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send). Also [`Errno::INVAL`](crate::Errno::INVAL): more
    /// than [`MAX_DESCRIPTORS`](super::message::MAX_DESCRIPTORS);
    /// [`Errno::TOOMANYREFS`](crate::Errno::TOOMANYREFS) and
    /// [`Errno::PERM`](crate::Errno::PERM): see [`Outgoing`].
    ///
    /// # Examples
    ///
    /// See [`message`](super::message).
    #[doc(alias = "sendmsg")]
    pub fn send_message(&self, bytes: &[IoSlice<'_>], outgoing: &Outgoing<'_>) -> Result<()> {
        transfer::send_message(self.as_fd(), bytes, outgoing, Blocking).map(drop)
    }

    /// As [`send_message`](Self::send_message), and never waits.
    ///
    /// # Errors
    ///
    /// As [`send_message`](Self::send_message), and
    /// [`Errno::AGAIN`](crate::Errno::AGAIN): there is no room.
    pub fn try_send_message(&self, bytes: &[IoSlice<'_>], outgoing: &Outgoing<'_>) -> Result<()> {
        transfer::send_message(self.as_fd(), bytes, outgoing, Try).map(drop)
    }

    /// As [`send_message`](Self::send_message), and waits for room until
    /// `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`send_message`](Self::send_message), and
    /// [`Errno::TIMEDOUT`](crate::Errno::TIMEDOUT).
    pub fn send_message_until(
        &self,
        bytes: &[IoSlice<'_>],
        outgoing: &Outgoing<'_>,
        deadline: Deadline,
    ) -> Result<()> {
        transfer::send_message(self.as_fd(), bytes, outgoing, Until(deadline)).map(drop)
    }

    /// Receives one message and what came with it, and returns its length:
    /// `recvmsg(2)`.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv). [`RecvError::ControlTruncated`]: more descriptors
    /// came than there is room for; [`RecvError::DescriptorRefused`]: this process
    /// has no number left for one. In any case all that came are closed again.
    ///
    /// # Examples
    ///
    /// See [`message`](super::message).
    #[doc(alias = "recvmsg")]
    pub fn recv_message<const FDS: usize>(
        &self,
        bytes: &mut [IoSliceMut<'_>],
        incoming: &mut Incoming<FDS>,
    ) -> Result<usize, RecvError> {
        self.recv_message_with(bytes, incoming, Blocking)
    }

    /// As [`recv_message`](Self::recv_message), and never waits.
    ///
    /// # Errors
    ///
    /// As [`recv_message`](Self::recv_message), and
    /// [`Errno::AGAIN`](crate::Errno::AGAIN): there is no message.
    pub fn try_recv_message<const FDS: usize>(
        &self,
        bytes: &mut [IoSliceMut<'_>],
        incoming: &mut Incoming<FDS>,
    ) -> Result<usize, RecvError> {
        self.recv_message_with(bytes, incoming, Try)
    }

    /// As [`recv_message`](Self::recv_message), and waits until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`recv_message`](Self::recv_message), and
    /// [`Errno::TIMEDOUT`](crate::Errno::TIMEDOUT).
    pub fn recv_message_until<const FDS: usize>(
        &self,
        bytes: &mut [IoSliceMut<'_>],
        incoming: &mut Incoming<FDS>,
        deadline: Deadline,
    ) -> Result<usize, RecvError> {
        self.recv_message_with(bytes, incoming, Until(deadline))
    }

    fn recv_message_with<const FDS: usize>(
        &self,
        bytes: &mut [IoSliceMut<'_>],
        incoming: &mut Incoming<FDS>,
        patience: Patience,
    ) -> Result<usize, RecvError> {
        let how = RecvFlags::TRUNC;
        let received = transfer::recv_message(self.as_fd(), bytes, incoming, how, patience)?;
        Ok(received.map_or(0, |received| received.len))
    }

    /// Ends one direction or both, for all processes that have this socket:
    /// `shutdown(2)`.
    ///
    /// After [`Shutdown::Read`] the peer's sending fails with
    /// [`Errno::PIPE`](crate::Errno::PIPE). After [`Shutdown::Write`] this side's
    /// does, and the peer learns nothing.
    ///
    /// # Errors
    ///
    /// None that a program acts on.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::{Errno, socket::{Shutdown, datagram}};
    ///
    /// let (ours, theirs) = datagram::pair()?;
    /// theirs.shutdown(Shutdown::Read)?;
    /// assert_eq!(ours.send(b"nobody listens"), Err(Errno::PIPE));
    /// # Ok::<(), Errno>(())
    /// ```
    pub fn shutdown(&self, what: Shutdown) -> Result<()> {
        net::shutdown(self, what)
    }
}

/// To look at the next message and its real length.
const PEEK: RecvFlags = RecvFlags::PEEK.union(RecvFlags::TRUNC);
