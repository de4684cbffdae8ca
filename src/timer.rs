//! What timers are set to, as the kernel has it: of [`signal::timer`](crate::signal::timer)
//! and of [`event::timerfd`](crate::event::timerfd) alike.
#![forbid(unsafe_code)]

use core::time::Duration;

use crate::{Errno, Result, Timespec};

/// To the kernel: that a timer is not set, or expires once.
pub(crate) const ZERO: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// The shortest time from now, and the first moment of a clock.
const SOONEST: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 1,
};

/// When a timer that is set expires first: zero, which would unset it, is at once.
pub(crate) fn first(time: Timespec) -> Timespec {
    if time == ZERO { SOONEST } else { time }
}

/// How long until a timer expires first: longer than any clock goes is for ever.
pub(crate) fn first_after(delay: Duration) -> Timespec {
    first(timespec(delay))
}

/// How long from one expiry to the next.
///
/// # Errors
///
/// [`Errno::INVAL`]: zero, after which a thread would do nothing but take expiries.
pub(crate) fn interval(every: Option<Duration>) -> Result<Timespec> {
    match every {
        None => Ok(ZERO),
        Some(Duration::ZERO) => Err(Errno::INVAL),
        Some(every) => Ok(timespec(every)),
    }
}

/// `None` of zero.
pub(crate) fn duration(time: Timespec) -> Option<Duration> {
    let seconds = u64::try_from(time.tv_sec).ok()?;
    let nanoseconds = u32::try_from(time.tv_nsec).ok()?;
    let duration = Duration::new(seconds, nanoseconds.min(999_999_999));
    (!duration.is_zero()).then_some(duration)
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}
