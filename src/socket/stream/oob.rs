//! The byte out of band: `MSG_OOB`.

use rustix::net::{self, RecvFlags, SendFlags};

use super::Stream;
use crate::socket::transfer::sending;
use crate::sys::socket::sockatmark;
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::{AsFd, Deadline, Errno, Result};

impl Stream {
    /// Sends one byte out of band, which the peer can receive before bytes sent earlier:
    /// `MSG_OOB` of `send(2)`.
    ///
    /// There is one at a time: a further one turns the one before into a byte like
    /// others (of TCP), or drops it once it is the next to be received (of UNIX
    /// sockets, which have it since Linux 5.15). What is between the two stays in
    /// order. The peer sees it by `POLLPRI`; who owns the socket gets `SIGURG`.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send). [`Errno::OPNOTSUPP`]: the kernel, or the family, has
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

    /// Like [`send_oob`](Self::send_oob), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// Those of [`send_oob`](Self::send_oob), and [`Errno::AGAIN`]: there is no room.
    pub fn try_send_oob(&self, byte: u8) -> Result<()> {
        self.send_oob_with(byte, Try)
    }

    /// Like [`send_oob`](Self::send_oob), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`send_oob`](Self::send_oob), and [`Errno::TIMEDOUT`].
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
    /// [`set_oob_inline`](crate::socket::option::set_oob_inline) keeps it among the others.
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

    /// Returns whether the next byte to receive is at the out-of-band mark: `sockatmark(3)`. No
    /// call receives bytes from both sides of the mark.
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
