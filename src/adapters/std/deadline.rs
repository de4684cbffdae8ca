//! Deadlines of std's moments.

use std::time::Instant;

use crate::Deadline;

/// The same moment, later by no more than the time between two looks at `CLOCK_MONOTONIC`. One that has
/// passed gives a deadline that has passed.
///
/// ```
/// use rawipc::Deadline;
/// use std::time::{Duration, Instant};
///
/// let deadline = Deadline::from(Instant::now() + Duration::from_secs(60));
/// assert!(deadline.remaining() <= Some(Duration::from_secs(60)));
/// assert!(Deadline::from(Instant::now()).has_passed());
/// ```
impl From<Instant> for Deadline {
    fn from(moment: Instant) -> Self {
        match moment.checked_duration_since(Instant::now()) {
            Some(left) => Self::after(left),
            None => Self::NOW,
        }
    }
}
