//! Asking again and again for what the kernel tells nobody by itself.
#![forbid(unsafe_code)]

use core::time::Duration;

use crate::wait::backoff::Backoff;
use crate::{Deadline, Errno, Result};

const FIRST: Duration = Duration::from_micros(100);
const LONGEST: Duration = Duration::from_millis(8);

/// The pauses between one look and the next.
pub(super) fn backoff(deadline: Deadline) -> Backoff {
    Backoff::new(FIRST, LONGEST, deadline)
}

/// Makes the call `attempt` until it says anything but [`Errno::AGAIN`].
///
/// # Errors
///
/// What `attempt` says, and [`Errno::TIMEDOUT`].
pub(super) fn until<T>(deadline: Deadline, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    let mut backoff = backoff(deadline);
    loop {
        match attempt() {
            Err(Errno::AGAIN) => backoff.pause()?,
            result => return result,
        }
    }
}
