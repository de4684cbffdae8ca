//! The end of the ring that sends records.
#![forbid(unsafe_code)]

use super::writing::Writing;
use super::{Error, LENGTH, SpinThenFutex, Statistics, Waiting};

/// A writer of a ring of records. Dropping it closes its end: readers receive what has been sent
/// and are then told [`Error::Closed`], if nobody else writes.
///
/// # Examples
///
/// ```
/// use rawipc::ring::broadcast::Ring;
///
/// let ring: Ring = Ring::create(4, 64)?; // four slots, for records of up to 64 bytes
/// let mut writer = ring.writer()?;
/// for _ in 0..100 {
///     writer.send(b"nobody has to read it")?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Writer<W: Waiting = SpinThenFutex> {
    writing: Writing<W>,
    longest: usize,
}

impl<W: Waiting> Writer<W> {
    pub(super) fn new(writing: Writing<W>, longest: usize) -> Self {
        Self { writing, longest }
    }

    /// Returns the number of slots.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.writing.layout().capacity() as usize
    }

    /// Returns the length of the longest record that fits.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// Sends one record to all readers. Never waits.
    ///
    /// If other writers went all around the ring meanwhile, the record is sent anew, behind theirs.
    ///
    /// # Errors
    ///
    /// [`Error::TooLong`] if the record does not fit into a slot. [`Error::WouldBlock`]: every slot is in the hands
    /// of a writer that is stopped, which honest writers cannot bring about; or others went around the ring
    /// 64 times meanwhile. [`Error::Corrupt`].
    #[doc(alias = "publish")]
    #[inline]
    pub fn send(&mut self, record: &[u8]) -> Result<(), Error> {
        let (len, limit) = (record.len(), self.longest);
        if len > limit {
            return Err(Error::TooLong { len, limit });
        }
        // A record that fits is within its slot.
        self.writing.send(|messages, at| {
            let _ = messages.write_item(at, &(len as u64));
            let _ = messages.write(at + LENGTH, record);
        })?;
        Ok(())
    }

    /// Returns what became of the ring's positions so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.writing.statistics()
    }

    /// Leaves without closing: readers wait for a successor.
    pub fn detach(self) {
        self.writing.detach();
    }
}
