//! Waiting for a lock, also until a deadline, for which the kernel has no call.

use core::time::Duration;

use crate::wait::backoff::Backoff;
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::wait::ready;
use crate::{Errno, Result};

/// How long a `lock_until` sleeps before it tries for the second time.
pub const NAP_FIRST: Duration = Duration::from_micros(100);

/// The longest sleep between two attempts of a `lock_until`.
pub const NAP_MAX: Duration = Duration::from_millis(20);

/// Takes a lock as `patience` says: by `block`, which waits in the kernel, or by `attempt`,
/// which says [`Errno::AGAIN`] while another has the lock.
pub(super) fn patiently(
    patience: Patience,
    block: impl FnOnce() -> Result<()>,
    mut attempt: impl FnMut() -> Result<()>,
) -> Result<()> {
    let deadline = match patience {
        Blocking | Patience::FOREVER => return block(),
        // A server of a network file system can be waited for.
        Try => return ready::uninterrupted(attempt),
        Until(deadline) => deadline,
    };
    let mut backoff = Backoff::new(NAP_FIRST, NAP_MAX, deadline);
    loop {
        match ready::uninterrupted(&mut attempt) {
            Err(Errno::AGAIN) => backoff.pause()?,
            result => return result,
        }
    }
}
