//! [`Stream`]: bytes in order, without boundaries.

use rustix::fd::{AsFd, OwnedFd};
use rustix::net::{self, AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType};

use super::address::{Address, UnixAddress};
use super::message::{Incoming, Outgoing};
use super::transfer::Patience::{self, Blocking, Try, Until};
use super::transfer::{self, descriptor, receiving, sending};
use super::{BindOptions, RecvError, listener};
use crate::sys::socket::sockatmark;
use crate::sys::vector;
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

/// A [`Listener`](super::Listener) for streams.
pub type Listener<A = UnixAddress> = super::Listener<A, Stream>;

/// Listens at `address`, with the defaults of [`BindOptions`]: `listen(2)`.
///
/// # Errors
///
/// As [`BindOptions::listen_stream`].
///
/// # Examples
///
/// See [`socket`](super).
#[doc(alias = "bind")]
pub fn listen<A: Address>(address: &A) -> Result<Listener<A>> {
    BindOptions::new().listen_stream(address)
}

/// Connects to the listener at `address`: `connect(2)`.
///
/// Returns before it is accepted. Blocks while as many wait to be accepted as the
/// listener's backlog allows; of TCP and vsock also while the other machine does not
/// answer, for as long as the system's settings say.
///
/// # Errors
///
/// - [`Errno::CONNREFUSED`]: nobody listens, or the file is no socket.
/// - [`Errno::NOENT`], [`Errno::NOTDIR`]: there is no such file.
/// - [`Errno::LOOP`]: too many symbolic links on the way to it.
/// - [`Errno::ACCESS`]: the mode of the file, or of a directory of its path, or a
///   filter forbids it.
/// - [`Errno::PROTOTYPE`]: the file is of another kind of UNIX socket.
/// - [`Errno::INVAL`]: [`UnixAddress::UNNAMED`], which is nobody's.
/// - [`Errno::AFNOSUPPORT`], [`Errno::SOCKTNOSUPPORT`]: the kernel lacks the family, or
///   the family this kind.
/// - [`Errno::CONNRESET`]: of vsock, nobody listens.
/// - [`Errno::TIMEDOUT`], [`Errno::NETUNREACH`], [`Errno::HOSTUNREACH`],
///   [`Errno::NODEV`]: of TCP and vsock, there is no way.
/// - [`Errno::ADDRNOTAVAIL`]: of TCP, no port is left to connect from.
/// - [`Errno::INTR`]: it was [interrupted](crate#interruptions); the attempt is given up.
/// - [`Errno::MFILE`], [`Errno::NFILE`]: no descriptor left.
///
/// # Examples
///
/// ```
/// use core::net::{Ipv4Addr, SocketAddrV4};
/// use rawipc::socket::stream;
///
/// let listener = stream::listen(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
/// let client = stream::connect(&listener.address()?)?;
/// let (server, _) = listener.accept()?;
/// client.send_all(b"hello")?;
/// assert_eq!(server.recv(&mut [0; 8])?, 5);
/// # Ok::<(), rawipc::Errno>(())
/// ```
pub fn connect<A: Address>(address: &A) -> Result<Stream> {
    listener::connect(None, &address.to_raw(), Blocking)
}

/// As [`connect`], and never waits.
///
/// # Errors
///
/// As [`connect`], and [`Errno::AGAIN`]: it would have to wait, and is given up. (To
/// a listener of TCP in this machine it need not, as long as its backlog has room.)
pub fn try_connect<A: Address>(address: &A) -> Result<Stream> {
    listener::connect(None, &address.to_raw(), Try)
}

/// As [`connect`], and waits until `deadline` at most.
///
/// # Errors
///
/// As [`connect`], and [`Errno::TIMEDOUT`].
pub fn connect_until<A: Address>(address: &A, deadline: Deadline) -> Result<Stream> {
    listener::connect(None, &address.to_raw(), Until(deadline))
}

/// As [`connect_until`], with the address `own` for this side, by which the listener
/// may know it: `bind(2)` before.
///
/// # Errors
///
/// As [`connect_until`], and as [`BindOptions::listen_stream`].
pub fn connect_from<A: Address>(own: &A, address: &A, deadline: Deadline) -> Result<Stream> {
    listener::connect(Some(&own.to_raw()), &address.to_raw(), Until(deadline))
}

/// A connected stream socket: `SOCK_STREAM` of `unix(7)`, `tcp(7)`, `vsock(7)`.
///
/// When the peer closes its end, or dies, what it had sent can still be received;
/// after that the stream ends. When it had not received everything that was sent
/// to it, receiving fails once with [`Errno::CONNRESET`] in between (of TCP at once,
/// and what it had sent may be gone). Whoever sleeps in a call is woken.
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
    /// [`Errno::INTR`]: it was [interrupted](crate#interruptions) before anything was sent.
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
    /// more, or receiving was shut down here.
    ///
    /// For an empty `buffer` it is 0, too, at once, whatever the state of the stream:
    /// nothing is received and nothing closed.
    ///
    /// Descriptors that came with the bytes are closed:
    /// [`recv_message`](Self::recv_message) receives them.
    ///
    /// # Errors
    ///
    /// [`Errno::CONNRESET`]: the peer closed, or died, before it had received
    /// everything; said once, after what it had sent itself.
    ///
    /// [`Errno::INTR`]: it was [interrupted](crate#interruptions) before anything came.
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
        // The kernel would wait for a byte, leave it, and take the descriptors from it.
        if buffer.is_empty() {
            return Ok(0);
        }
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
    /// Waits on a non-blocking socket too. Descriptors that come with the bytes are
    /// closed, also when it fails.
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
    /// [`send_all`](Self::send_all) sends the rest. The kernel looks at 1024 slices, from
    /// the first that is not empty.
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
        let bytes = vector::window(bytes);
        match transfer::send_message(self.as_fd(), bytes, outgoing, None, patience) {
            // The kernel has let go of descriptors that no byte carries.
            Ok(0) if outgoing.has_descriptors() => Err(Errno::INVAL),
            result => result,
        }
    }

    /// Receives some bytes and what came with them, and returns how many bytes:
    /// `recvmsg(2)`. 0 is the end, as of [`recv`](Self::recv), and without room in
    /// `bytes` it is 0 at once and nothing comes.
    ///
    /// Descriptors came with one of these bytes, not always with the first; see
    /// [`message`](super::message#which-bytes-of-a-stream). The kernel fills 1024
    /// slices at most.
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
    pub fn recv_message<const FDS: usize, const LABEL: usize>(
        &self,
        bytes: &mut [IoSliceMut<'_>],
        incoming: &mut Incoming<FDS, LABEL>,
    ) -> Result<usize, RecvError> {
        self.recv_message_with(bytes, incoming, Blocking)
    }

    /// As [`recv_message`](Self::recv_message), and never waits.
    ///
    /// # Errors
    ///
    /// As [`recv_message`](Self::recv_message), and [`Errno::AGAIN`]: there are no bytes.
    pub fn try_recv_message<const FDS: usize, const LABEL: usize>(
        &self,
        bytes: &mut [IoSliceMut<'_>],
        incoming: &mut Incoming<FDS, LABEL>,
    ) -> Result<usize, RecvError> {
        self.recv_message_with(bytes, incoming, Try)
    }

    /// As [`recv_message`](Self::recv_message), and waits until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`recv_message`](Self::recv_message), and [`Errno::TIMEDOUT`].
    pub fn recv_message_until<const FDS: usize, const LABEL: usize>(
        &self,
        bytes: &mut [IoSliceMut<'_>],
        incoming: &mut Incoming<FDS, LABEL>,
        deadline: Deadline,
    ) -> Result<usize, RecvError> {
        self.recv_message_with(bytes, incoming, Until(deadline))
    }

    fn recv_message_with<const FDS: usize, const LABEL: usize>(
        &self,
        bytes: &mut [IoSliceMut<'_>],
        incoming: &mut Incoming<FDS, LABEL>,
        patience: Patience,
    ) -> Result<usize, RecvError> {
        let bytes = vector::window_mut(bytes);
        // The kernel would wait for a byte, leave it, and take the descriptors from it.
        if bytes.iter().all(|slice| vector::len_of(slice) == 0) {
            incoming.clear();
            return Ok(0);
        }
        let (fd, how) = (self.as_fd(), RecvFlags::empty());
        transfer::recv_message(fd, bytes, incoming, None, how, patience, |received, _| {
            Ok(received.map_or(0, |received| received.len))
        })
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
    /// [`Errno::NOTCONN`]: the socket, not one of UNIX, is not connected.
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

    /// Sends one byte out of band, which the peer can receive before what was sent
    /// earlier: `MSG_OOB` of `send(2)`.
    ///
    /// There is one at a time: a further one turns the one before into a byte like
    /// others (of TCP), or drops it once it is the next to be received (of UNIX
    /// sockets, which have it since Linux 5.15). What is between the two stays in
    /// order. The peer sees it by `POLLPRI`; who owns the socket gets `SIGURG`.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send). [`Errno::OPNOTSUPP`]: the kernel, or the family, has
    /// none.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::{Errno, socket::stream};
    ///
    /// let (ours, theirs) = stream::pair()?;
    /// ours.send(b"in order")?;
    /// match ours.send_oob(b'!') {
    ///     Ok(()) => assert_eq!(theirs.recv_oob(), Ok(b'!')),
    ///     Err(errno) => assert_eq!(errno, Errno::OPNOTSUPP),
    /// }
    /// assert_eq!(theirs.recv(&mut [0; 16])?, 8);
    /// # Ok::<(), Errno>(())
    /// ```
    #[doc(alias = "MSG_OOB")]
    pub fn send_oob(&self, byte: u8) -> Result<()> {
        self.send_oob_with(byte, Blocking)
    }

    /// As [`send_oob`](Self::send_oob), and never waits.
    ///
    /// # Errors
    ///
    /// As [`send_oob`](Self::send_oob), and [`Errno::AGAIN`]: there is no room.
    pub fn try_send_oob(&self, byte: u8) -> Result<()> {
        self.send_oob_with(byte, Try)
    }

    /// As [`send_oob`](Self::send_oob), and waits for room until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`send_oob`](Self::send_oob), and [`Errno::TIMEDOUT`].
    pub fn send_oob_until(&self, byte: u8, deadline: Deadline) -> Result<()> {
        self.send_oob_with(byte, Until(deadline))
    }

    fn send_oob_with(&self, byte: u8, patience: Patience) -> Result<()> {
        sending(self.as_fd(), patience, |flags| {
            net::send(self, &[byte], flags | SendFlags::OOB).map(drop)
        })
    }

    /// Receives the byte that was sent out of band: `MSG_OOB` of `recv(2)`.
    ///
    /// Never waits, as the kernel has no way to: wait for `POLLPRI`.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: there is none, it was received already, or
    /// [`set_oob_inline`](super::option::set_oob_inline) keeps it among the others.
    ///
    /// [`Errno::AGAIN`]: of TCP, it was announced and has not come yet.
    pub fn recv_oob(&self) -> Result<u8> {
        let mut byte = [0];
        let (_, len) = net::recv(self, &mut byte, RecvFlags::OOB)?;
        match (len, byte) {
            // The end of a stream says so.
            (0, _) => Err(Errno::INVAL),
            (_, [byte]) => Ok(byte),
        }
    }

    /// Whether the next byte to be received is where one was sent out of band:
    /// `sockatmark(3)`. Receiving does not go past that place in one call.
    ///
    /// # Errors
    ///
    /// [`Errno::NOTTY`]: the kernel, or the family, has none.
    #[doc(alias = "sockatmark")]
    #[doc(alias = "SIOCATMARK")]
    pub fn at_oob_mark(&self) -> Result<bool> {
        sockatmark(self.as_fd())
    }
}
