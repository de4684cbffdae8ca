//! [`Stream`]: bytes in order, without boundaries.

use rustix::fd::{AsFd, OwnedFd};
use rustix::net::{self, AddressFamily, RecvFlags, Shutdown, SocketFlags, SocketType};

use super::RecvError;
use super::message::{Incoming, Outgoing};
use super::transfer::Patience::{self, Blocking, Try, Until};
use super::transfer::{self, descriptor, receiving, sending};
use crate::{Deadline, Errno, IoSlice, IoSliceMut, Result, Short, whole};

/// Creates two UNIX stream sockets that are connected with each other, unnamed
/// and close-on-exec: `socketpair(2)`.
///
/// # Errors
///
/// [`Errno::MFILE`] or [`Errno::NFILE`]: this process, or the system, has no
/// descriptor left.
///
/// # Examples
///
/// ```
/// let (ours, theirs) = rawipc::socket::stream::pair()?;
/// assert_eq!(ours.send(b"hello")?, 5);
/// let mut buffer = [0; 8];
/// assert_eq!(theirs.recv(&mut buffer)?, 5);
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "socketpair")]
pub fn pair() -> Result<(Stream, Stream)> {
    let (one, other) = net::socketpair(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    Ok((Stream(one), Stream(other)))
}

/// A connected stream socket: `SOCK_STREAM` of `unix(7)`.
///
/// When the peer closes its end, or dies, what it had sent can still be received;
/// after that the stream ends. When it had not received everything that was sent
/// to it, receiving fails once with [`Errno::CONNRESET`] in between. Whoever sleeps
/// in a call is woken.
#[derive(Debug)]
pub struct Stream(OwnedFd);

descriptor!(Stream);

impl Stream {
    /// Sends some of `bytes` and returns how many: `send(2)`.
    ///
    /// Blocks while the peer does not receive and the buffer
    /// ([`send_buffer`](super::option::send_buffer)) is full; then sends all,
    /// unless a signal handler or the end of the peer interrupts it.
    ///
    /// # Errors
    ///
    /// [`Errno::PIPE`]: the peer is gone or receives no more, or sending was shut
    /// down here; there is no `SIGPIPE`.
    ///
    /// [`Errno::INTR`]: a signal handler ran before anything was sent.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::{Errno, socket::stream};
    ///
    /// let (ours, theirs) = stream::pair()?;
    /// drop(theirs);
    /// assert_eq!(ours.send(b"nobody listens"), Err(Errno::PIPE));
    /// # Ok::<(), Errno>(())
    /// ```
    pub fn send(&self, bytes: &[u8]) -> Result<usize> {
        self.send_with(bytes, Blocking)
    }

    /// As [`send`](Self::send), and never waits: sends what there is room for.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and [`Errno::AGAIN`]: there is no room.
    #[doc(alias = "MSG_DONTWAIT")]
    pub fn try_send(&self, bytes: &[u8]) -> Result<usize> {
        self.send_with(bytes, Try)
    }

    /// As [`try_send`](Self::try_send), and waits for room until `deadline`.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and [`Errno::TIMEDOUT`].
    pub fn send_until(&self, bytes: &[u8], deadline: Deadline) -> Result<usize> {
        self.send_with(bytes, Until(deadline))
    }

    fn send_with(&self, bytes: &[u8], patience: Patience) -> Result<usize> {
        sending(self.as_fd(), patience, |flags| {
            net::send(self, bytes, flags)
        })
    }

    /// Receives some bytes into the beginning of `buffer` and returns how many: `recv(2)`.
    ///
    /// Blocks while there are none. 0 is the end: the peer is gone or sends no
    /// more, or receiving was shut down here (or `buffer` is empty).
    ///
    /// Descriptors that came with the bytes are closed:
    /// [`recv_message`](Self::recv_message) receives them.
    ///
    /// # Errors
    ///
    /// [`Errno::CONNRESET`]: the peer closed, or died, before it had received
    /// everything; said once, after what it had sent itself.
    ///
    /// [`Errno::INTR`]: a signal handler ran before anything came.
    ///
    /// # Examples
    ///
    /// ```
    /// let (ours, theirs) = rawipc::socket::stream::pair()?;
    /// ours.send(b"last words")?;
    /// drop(ours);
    /// let mut buffer = [0; 16];
    /// assert_eq!(theirs.recv(&mut buffer)?, 10);
    /// assert_eq!(theirs.recv(&mut buffer)?, 0);
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    pub fn recv(&self, buffer: &mut [u8]) -> Result<usize> {
        self.recv_with(buffer, RecvFlags::empty(), Blocking)
    }

    /// As [`recv`](Self::recv), and never waits.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv), and [`Errno::AGAIN`]: there are no bytes.
    pub fn try_recv(&self, buffer: &mut [u8]) -> Result<usize> {
        self.recv_with(buffer, RecvFlags::empty(), Try)
    }

    /// As [`recv`](Self::recv), and waits until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv), and [`Errno::TIMEDOUT`].
    pub fn recv_until(&self, buffer: &mut [u8], deadline: Deadline) -> Result<usize> {
        self.recv_with(buffer, RecvFlags::empty(), Until(deadline))
    }

    /// As [`recv`](Self::recv), and leaves the bytes to be received again:
    /// `MSG_PEEK` of `recv(2)`.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Examples
    ///
    /// ```
    /// let (ours, theirs) = rawipc::socket::stream::pair()?;
    /// ours.send(b"hello")?;
    /// let mut buffer = [0; 8];
    /// assert_eq!(theirs.peek(&mut buffer[..1])?, 1);
    /// assert_eq!(theirs.recv(&mut buffer)?, 5);
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    #[doc(alias = "MSG_PEEK")]
    pub fn peek(&self, buffer: &mut [u8]) -> Result<usize> {
        self.recv_with(buffer, RecvFlags::PEEK, Blocking)
    }

    /// As [`peek`](Self::peek), and never waits.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](Self::try_recv).
    pub fn try_peek(&self, buffer: &mut [u8]) -> Result<usize> {
        self.recv_with(buffer, RecvFlags::PEEK, Try)
    }

    /// As [`peek`](Self::peek), and waits until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`recv_until`](Self::recv_until).
    pub fn peek_until(&self, buffer: &mut [u8], deadline: Deadline) -> Result<usize> {
        self.recv_with(buffer, RecvFlags::PEEK, Until(deadline))
    }

    fn recv_with(&self, buffer: &mut [u8], how: RecvFlags, patience: Patience) -> Result<usize> {
        let received = receiving(self.as_fd(), patience, |flags| {
            net::recv(self, &mut *buffer, flags | how)
        })?;
        Ok(received.map_or(0, |(len, _)| len))
    }

    /// Sends all of `bytes`, however often that is interrupted: `send(2)`.
    ///
    /// Waits on a non-blocking socket too.
    ///
    /// # Errors
    ///
    /// [`Short`], with how many bytes were sent, as [`send`](Self::send) except
    /// [`Errno::INTR`].
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::socket::stream;
    ///
    /// let (ours, theirs) = stream::pair()?;
    /// let sender = std::thread::spawn(move || ours.send_all(&[7; 1_000_000]));
    /// let mut received = vec![0; 1_000_000];
    /// theirs.recv_exact(&mut received)?;
    /// assert_eq!(sender.join().unwrap(), Ok(()));
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    pub fn send_all(&self, bytes: &[u8]) -> Result<(), Short> {
        self.send_all_until(bytes, Deadline::Never)
    }

    /// As [`send_all`](Self::send_all), and waits until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`send_all`](Self::send_all), and [`Errno::TIMEDOUT`].
    pub fn send_all_until(&self, bytes: &[u8], deadline: Deadline) -> Result<(), Short> {
        whole::transfer(bytes.len(), |done| {
            let rest = bytes.get(done..).unwrap_or_default();
            // A call that blocks sends everything at once, if it does block.
            if deadline == Deadline::Never {
                match self.send(rest) {
                    Err(Errno::AGAIN) => {}
                    result => return result,
                }
            }
            self.send_until(rest, deadline)
        })
        .map(drop)
    }

    /// Fills `buffer`, however often that is interrupted: `recv(2)`.
    ///
    /// Waits on a non-blocking socket too.
    ///
    /// # Errors
    ///
    /// [`Short`], with how many bytes were received: [`Errno::PIPE`] when the
    /// stream ended before, else as [`recv`](Self::recv) except [`Errno::INTR`].
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::{Errno, Short, socket::stream};
    ///
    /// let (ours, theirs) = stream::pair()?;
    /// ours.send(b"four")?;
    /// drop(ours);
    /// let mut buffer = [0; 8];
    /// let end = Short { done: 4, error: Errno::PIPE };
    /// assert_eq!(theirs.recv_exact(&mut buffer), Err(end));
    /// # Ok::<(), Errno>(())
    /// ```
    #[doc(alias = "MSG_WAITALL")]
    pub fn recv_exact(&self, buffer: &mut [u8]) -> Result<(), Short> {
        self.recv_exact_until(buffer, Deadline::Never)
    }

    /// As [`recv_exact`](Self::recv_exact), and waits until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`recv_exact`](Self::recv_exact), and [`Errno::TIMEDOUT`].
    pub fn recv_exact_until(&self, buffer: &mut [u8], deadline: Deadline) -> Result<(), Short> {
        let done = whole::transfer(buffer.len(), |done| {
            self.recv_until(buffer.get_mut(done..).unwrap_or_default(), deadline)
        })?;
        if done < buffer.len() {
            let error = Errno::PIPE;
            return Err(Short { done, error });
        }
        Ok(())
    }

    /// Sends some of `bytes`, and with the first of them what is `outgoing`;
    /// returns how many: `sendmsg(2)`.
    ///
    /// When it returns fewer than all, the descriptors have gone nevertheless:
    /// [`send_all`](Self::send_all) sends the rest.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send). When it fails nothing has gone. Also
    /// [`Errno::INVAL`]: descriptors without a byte that carries them, which the
    /// kernel would drop silently, or more than
    /// [`MAX_DESCRIPTORS`](super::message::MAX_DESCRIPTORS); [`Errno::TOOMANYREFS`]
    /// and [`Errno::PERM`]: see [`Outgoing`].
    ///
    /// # Examples
    ///
    /// See [`message`](super::message).
    #[doc(alias = "sendmsg")]
    pub fn send_message(&self, bytes: &[IoSlice<'_>], outgoing: &Outgoing<'_>) -> Result<usize> {
        self.send_message_with(bytes, outgoing, Blocking)
    }

    /// As [`send_message`](Self::send_message), and never waits.
    ///
    /// # Errors
    ///
    /// As [`send_message`](Self::send_message), and [`Errno::AGAIN`]: there is no room.
    pub fn try_send_message(
        &self,
        bytes: &[IoSlice<'_>],
        outgoing: &Outgoing<'_>,
    ) -> Result<usize> {
        self.send_message_with(bytes, outgoing, Try)
    }

    /// As [`send_message`](Self::send_message), and waits for room until
    /// `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`send_message`](Self::send_message), and [`Errno::TIMEDOUT`].
    pub fn send_message_until(
        &self,
        bytes: &[IoSlice<'_>],
        outgoing: &Outgoing<'_>,
        deadline: Deadline,
    ) -> Result<usize> {
        self.send_message_with(bytes, outgoing, Until(deadline))
    }

    fn send_message_with(
        &self,
        bytes: &[IoSlice<'_>],
        outgoing: &Outgoing<'_>,
        patience: Patience,
    ) -> Result<usize> {
        match transfer::send_message(self.as_fd(), bytes, outgoing, patience) {
            // The kernel has let go of descriptors that no byte carries.
            Ok(0) if outgoing.has_descriptors() => Err(Errno::INVAL),
            result => result,
        }
    }

    /// Receives some bytes and what came with them, and returns how many bytes:
    /// `recvmsg(2)`. 0 is the end, as of [`recv`](Self::recv).
    ///
    /// # Errors
    ///
    /// [`RecvError::ControlTruncated`]: more descriptors came than there is room
    /// for; [`RecvError::DescriptorRefused`]: this process has no number left for
    /// one. All that came are closed again; the bytes are in the buffer.
    ///
    /// [`RecvError::Refused`] as [`recv`](Self::recv).
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
    /// As [`recv_message`](Self::recv_message), and [`Errno::AGAIN`]: there are no bytes.
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
    /// As [`recv_message`](Self::recv_message), and [`Errno::TIMEDOUT`].
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
        let how = RecvFlags::empty();
        let received = transfer::recv_message(self.as_fd(), bytes, incoming, how, patience)?;
        Ok(received.map_or(0, |received| received.len))
    }

    /// Ends one direction or both, for all processes that have this socket:
    /// `shutdown(2)`.
    ///
    /// After [`Shutdown::Write`] the peer receives what was sent and then the end;
    /// after [`Shutdown::Read`] its sending fails with [`Errno::PIPE`]. Whoever
    /// sleeps in such a call is woken.
    ///
    /// # Errors
    ///
    /// [`Errno::NOTCONN`]: the socket is not connected.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::socket::{Shutdown, stream};
    ///
    /// let (ours, theirs) = stream::pair()?;
    /// ours.shutdown(Shutdown::Write)?;
    /// assert_eq!(theirs.recv(&mut [0; 8])?, 0);
    /// assert_eq!(theirs.send(b"still")?, 5);
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    pub fn shutdown(&self, what: Shutdown) -> Result<()> {
        net::shutdown(self, what)
    }

    /// How many bytes wait to be received: `FIONREAD` of `unix(7)`.
    ///
    /// # Errors
    ///
    /// None that a program acts on.
    ///
    /// # Examples
    ///
    /// ```
    /// let (ours, theirs) = rawipc::socket::stream::pair()?;
    /// ours.send(b"hello")?;
    /// assert_eq!(theirs.bytes_waiting()?, 5);
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    #[doc(alias = "FIONREAD")]
    #[doc(alias = "SIOCINQ")]
    pub fn bytes_waiting(&self) -> Result<usize> {
        Ok(usize::try_from(rustix::io::ioctl_fionread(self)?).unwrap_or(0))
    }
}
