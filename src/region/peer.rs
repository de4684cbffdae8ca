//! [`Peer`]: the state of the other side.
#![forbid(unsafe_code)]

use core::sync::atomic::Ordering::Relaxed;

use crate::primitive::AtomicU32;
use crate::sync::owner::{Owner, is_held_by_the_dead};

/// The state of the other side of a structure: of the other end of a ring, or of all who have
/// such an end.
///
/// # Examples
///
/// ```
/// use rawipc::ring::{Peer, spsc};
///
/// let ring: spsc::Ring = spsc::Ring::create(1 << 16)?;
/// let mut producer = ring.producer()?;
/// assert_eq!(producer.peer(), Peer::Absent);
/// let consumer = ring.consumer()?;
/// assert_eq!(producer.peer(), Peer::Attached);
/// drop(consumer);
/// println!("now it is {:?}", producer.peer());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// No process has attached there yet, or the last one has left it to a successor.
    Absent,
    /// A living process is attached.
    Attached,
    /// None lives, and a process that was attached has died.
    Dead,
    /// It has been closed.
    Closed,
}

impl Peer {
    /// The state of an end that `holder` has, if that is anybody.
    pub(crate) fn of(holder: &AtomicU32, asker: &impl Owner, is_closed: bool) -> Self {
        if is_closed {
            Self::Closed
        } else if holder.load(Relaxed) == 0 {
            Self::Absent
        } else if is_held_by_the_dead(holder, asker) {
            Self::Dead
        } else {
            Self::Attached
        }
    }
}
