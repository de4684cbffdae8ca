//! The end of the ring that receives records.
#![forbid(unsafe_code)]

use super::reading::Reading;
use super::{Error, LENGTH, Peer, RecvError, SpinThenFutex, Statistics, Waiting};
use crate::Deadline;
use crate::wait::patience::Patience::{self, Blocking, Try, Until};

/// A reader of a ring of records. It leaves no trace in the shared memory.
///
/// # Examples
///
/// ```
/// use rawipc::ring::broadcast::{RecvError, Ring};
///
/// let ring: Ring = Ring::create(4, 64)?;
/// let mut writer = ring.writer()?;
/// let mut readers = [ring.reader()?, ring.reader()?];
/// writer.send(b"to all")?;
/// let mut buffer = [0; 64];
/// for reader in &mut readers {
///     assert_eq!(reader.recv(&mut buffer), Ok(6));
/// }
/// for _ in 0..100 {
///     writer.send(b"too many")?;
/// }
/// assert!(matches!(readers[0].recv(&mut buffer), Err(RecvError::Lagged(_))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Reader<W: Waiting = SpinThenFutex> {
    reading: Reading<W>,
    longest: usize,
}

impl<W: Waiting> Reader<W> {
    pub(super) fn new(reading: Reading<W>, longest: usize) -> Self {
        Self { reading, longest }
    }

    /// Returns the number of slots.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.reading.layout().capacity() as usize
    }

    /// Returns the length of the longest record that there can be.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// Returns the state of the writers' side. Asks the kernel who lives.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.reading.state()
    }

    /// Returns the position of the next record: how many were claimed before it since the ring was
    /// made. It grows by one for each record that is received, and by `n` with
    /// [`Lagged(n)`](RecvError::Lagged).
    #[must_use]
    pub fn position(&self) -> u64 {
        self.reading.position()
    }

    /// Returns what became of the ring's positions so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.reading.statistics()
    }

    /// Receives one record into `buffer` and returns its length; blocks until there is one.
    ///
    /// What `buffer` holds after an error is unspecified.
    ///
    /// # Errors
    ///
    /// [`RecvError::Lagged`]: so many were missed, and the next call goes on behind them. When everything
    /// has been received: [`Error::Closed`], [`Error::PeerDied`]. [`Error::TooLong`]: the record is longer
    /// than `buffer`, and stays. [`Error::Corrupt`].
    #[inline]
    pub fn recv(&mut self, buffer: &mut [u8]) -> Result<usize, RecvError> {
        self.receive(buffer, Blocking)
    }

    /// Like [`recv`](Self::recv),
    /// but returns [`Error::WouldBlock`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`], and those of [`recv`](Self::recv).
    #[inline]
    pub fn try_recv(&mut self, buffer: &mut [u8]) -> Result<usize, RecvError> {
        self.receive(buffer, Try)
    }

    /// Like [`recv`](Self::recv),
    /// but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], and those of [`recv`](Self::recv).
    #[inline]
    pub fn recv_until(
        &mut self,
        buffer: &mut [u8],
        deadline: Deadline,
    ) -> Result<usize, RecvError> {
        self.receive(buffer, Until(deadline))
    }

    #[inline(always)]
    fn receive(&mut self, buffer: &mut [u8], patience: Patience) -> Result<usize, RecvError> {
        let (longest, limit) = (self.longest as u64, buffer.len());
        let len = self.reading.next(
            patience,
            |messages, at| {
                let len = messages.read_word(at).unwrap_or(u64::MAX);
                // What is too long for the slot or the buffer is not copied.
                if let Some(part) = buffer.get_mut(..len as usize)
                    && len <= longest
                {
                    let _ = messages.read(at + LENGTH, part);
                }
                len
            },
            |&len| len > longest || len > limit as u64,
        )?;
        if len > longest {
            return Err(Error::Corrupt.into());
        }
        let len = len as usize;
        if len > limit {
            return Err(Error::TooLong { len, limit }.into());
        }
        Ok(len)
    }
}
