//! Counters of what was recovered from dead members.

use core::mem::offset_of;
use core::sync::atomic::Ordering::Relaxed;

use super::lap::WRITING;
use crate::primitive::AtomicU64;

/// Counters of what was recovered from processes that died in the midst of a call, since the ring
/// was created.
///
/// Counted by whoever finds it: not before somebody had to pass it, and not if that one is killed
/// just before it counts. A position that is recovered twice, as its first recoverer died too, may
/// be counted as `lost`.
///
/// # Examples
///
/// ```
/// use rawipc::ring::mpmc;
///
/// let ring: mpmc::Ring = mpmc::Ring::create(128, 64)?;
/// let consumer = ring.consumer()?;
/// let statistics = consumer.statistics();
/// if statistics.lost > 0 {
///     println!("{} messages died with their consumers", statistics.lost);
/// }
/// assert_eq!(statistics.void, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Positions that a producer had claimed when it died: no message had been sent.
    pub void: u64,
    /// Messages that a consumer had claimed when it died: it received them or did not, and nobody
    /// else will.
    pub lost: u64,
}

/// The counters, which all members share.
#[derive(Debug)]
#[repr(C, align(128))]
pub(super) struct Recovered {
    void: AtomicU64,
    lost: AtomicU64,
}

impl Recovered {
    /// What each counter is called, and where it is.
    pub(super) const COUNTERS: [(&str, usize); 2] = [
        ("positions of dead producers", offset_of!(Self, void)),
        ("messages of dead consumers", offset_of!(Self, lost)),
    ];

    pub(super) fn begin() -> Self {
        Self {
            void: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        }
    }

    /// Counts what a dead claim of `count` positions has cost.
    pub(super) fn count(&self, state: u32, count: u32) {
        let counter = match state {
            WRITING => &self.void,
            _ => &self.lost,
        };
        // Relaxed: nothing depends on them.
        counter.fetch_add(count.into(), Relaxed);
    }

    pub(super) fn read(&self) -> Statistics {
        Statistics {
            void: self.void.load(Relaxed),
            lost: self.lost.load(Relaxed),
        }
    }
}
