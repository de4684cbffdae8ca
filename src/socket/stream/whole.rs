//! All of the bytes, however many calls that takes.

use super::Stream;
use crate::wait::short;
use crate::{Deadline, Errno, Result, Short};

impl Stream {
    /// Sends all of `bytes`, and continues after interruptions: `send(2)`.
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

    /// Like [`send_all`](Self::send_all), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`send_all`](Self::send_all), and [`Errno::TIMEDOUT`].
    pub fn send_all_until(&self, bytes: &[u8], deadline: Deadline) -> Result<(), Short> {
        short::transfer(bytes.len(), |done| {
            let rest = bytes.get(done..).unwrap_or_default();
            // With no deadline this blocks, and sends everything at once.
            self.send_until(rest, deadline)
        })
        .map(drop)
    }

    /// Fills `buffer`, and continues after interruptions: `recv(2)`.
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

    /// Like [`recv_exact`](Self::recv_exact), but gives up at `deadline` with
    /// [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`recv_exact`](Self::recv_exact), and [`Errno::TIMEDOUT`].
    pub fn recv_exact_until(&self, buffer: &mut [u8], deadline: Deadline) -> Result<(), Short> {
        let done = short::transfer(buffer.len(), |done| {
            self.recv_until(buffer.get_mut(done..).unwrap_or_default(), deadline)
        })?;
        if done < buffer.len() {
            let error = Errno::PIPE;
            return Err(Short { done, error });
        }
        Ok(())
    }
}
