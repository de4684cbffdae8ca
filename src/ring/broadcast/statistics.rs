//! What became of the positions of a broadcast ring.

use core::sync::atomic::Ordering::Relaxed;

use super::lines::Tail;

/// Counters of a ring's positions, by what became of them, as far as is known.
///
/// Counted by the writers beside their work: one that is killed between a step and its count leaves
/// it out. What a reader is told by [`Lagged`](super::RecvError::Lagged) is exact.
///
/// # Examples
///
/// ```
/// use rawipc::ring::broadcast::Ring;
///
/// let ring: Ring = Ring::create(64, 64)?;
/// let mut writer = ring.writer()?;
/// writer.send(b"one")?;
/// writer.send(b"two")?;
/// let statistics = writer.statistics();
/// assert_eq!((statistics.sent, statistics.skipped, statistics.lost), (2, 0, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Positions that have been claimed, in which there was a message or will be.
    pub sent: u64,
    /// Positions that were passed over, as a writer that was stopped still had their slots.
    pub skipped: u64,
    /// Positions whose writers died before there was a message, as far as their slots have been used
    /// again.
    pub lost: u64,
}

impl Statistics {
    /// Those at this moment; all positions before `known` have been claimed.
    pub(super) fn of(tail: &Tail, known: u64) -> Self {
        let (skipped, lost) = (tail.skipped.load(Relaxed), tail.lost.load(Relaxed));
        let positions = tail.hint().max(known);
        Self {
            sent: positions.saturating_sub(skipped).saturating_sub(lost),
            skipped,
            lost,
        }
    }
}
