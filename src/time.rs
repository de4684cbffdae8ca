//! [`Deadline`]: until when a blocking call may block.

use core::time::Duration;

use crate::Timespec;
use crate::sys;

const NANOS_PER_SEC: i64 = 1_000_000_000;

/// Until when a call may block, on `CLOCK_MONOTONIC`.
///
/// A deadline is a moment, not a length of time: a call that is interrupted and
/// begun again, or a sequence of calls under one deadline, needs no arithmetic.
/// A moment that has passed makes a call that would block fail at once with
/// [`Errno::TIMEDOUT`](crate::Errno::TIMEDOUT); a call that need not block
/// succeeds however late it is.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use rawipc::Deadline;
///
/// let soon = Deadline::after(Duration::from_millis(5));
/// assert!(!soon.has_passed());
/// assert!(Deadline::NOW.has_passed());
/// assert!(!Deadline::Never.has_passed());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deadline {
    /// Block for as long as it takes.
    #[default]
    Never,
    /// Block until this moment of `CLOCK_MONOTONIC`.
    At(Timespec),
}

impl Deadline {
    /// A moment that has always passed already.
    pub const NOW: Self = Self::At(Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    });

    /// The moment `duration` from now, or [`Never`](Self::Never) when that is
    /// beyond what the clock can say.
    #[must_use]
    pub fn after(duration: Duration) -> Self {
        let now = sys::time::monotonic();
        let Ok(seconds) = i64::try_from(duration.as_secs()) else {
            return Self::Never;
        };
        let nanoseconds = now.tv_nsec + i64::from(duration.subsec_nanos());
        let carry = i64::from(nanoseconds >= NANOS_PER_SEC);
        match now
            .tv_sec
            .checked_add(seconds)
            .and_then(|sum| sum.checked_add(carry))
        {
            Some(tv_sec) => Self::At(Timespec {
                tv_sec,
                tv_nsec: nanoseconds - carry * NANOS_PER_SEC,
            }),
            None => Self::Never,
        }
    }

    /// Whether the moment has passed.
    #[must_use]
    pub fn has_passed(self) -> bool {
        let Self::At(at) = self else { return false };
        let now = sys::time::monotonic();
        (at.tv_sec, at.tv_nsec) <= (now.tv_sec, now.tv_nsec)
    }

    /// How long until the moment: zero when it has passed, `None` for
    /// [`Never`](Self::Never).
    #[must_use]
    pub fn remaining(self) -> Option<Duration> {
        let Self::At(at) = self else { return None };
        let now = sys::time::monotonic();
        let mut seconds = at.tv_sec.saturating_sub(now.tv_sec);
        let mut nanoseconds = at.tv_nsec - now.tv_nsec;
        if nanoseconds < 0 {
            nanoseconds += NANOS_PER_SEC;
            seconds = seconds.saturating_sub(1);
        }
        match (u64::try_from(seconds), u32::try_from(nanoseconds)) {
            (Ok(seconds), Ok(nanoseconds)) => Some(Duration::new(seconds, nanoseconds)),
            _ => Some(Duration::ZERO),
        }
    }

    /// The moment as the kernel's calls take it that take moments: `None` for no limit.
    #[inline]
    pub(crate) fn moment(&self) -> Option<&Timespec> {
        match self {
            Self::Never => None,
            Self::At(moment) => Some(moment),
        }
    }

    /// The time left as the kernel's calls take it: `None` for no limit.
    pub(crate) fn timeout(self) -> Option<Timespec> {
        self.remaining().map(|left| Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        })
    }

    /// The earlier of the two.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        match (self, other) {
            (Self::Never, earlier) | (earlier, Self::Never) => earlier,
            (Self::At(a), Self::At(b)) => {
                if (a.tv_sec, a.tv_nsec) <= (b.tv_sec, b.tv_nsec) {
                    self
                } else {
                    other
                }
            }
        }
    }
}
