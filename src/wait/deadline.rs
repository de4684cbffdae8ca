//! [`Deadline`]: until when a blocking call may block.

use core::time::Duration;

use crate::sys;
use crate::{Errno, Result, Timespec};

const NANOS_PER_SEC: i64 = 1_000_000_000;

/// A moment until which a call may block, on `CLOCK_MONOTONIC`.
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
    ///
    /// Any numbers are a moment: seconds below zero have passed, nanoseconds below zero
    /// count as none, and those of a second or more as the last of it.
    At(Timespec),
}

impl Deadline {
    /// A moment that has always passed already.
    pub const NOW: Self = Self::At(ZERO);

    /// Returns the moment `duration` from now, or [`Never`](Self::Never) when that is
    /// beyond what the clock can say.
    ///
    /// It makes no system call, where the kernel lets programs read the clock themselves
    /// (`vdso(7)`); the first look of a process at the clock asks the kernel for the way.
    /// Without feature `std`, that look crashes under valgrind, which cannot run the vDSO and
    /// hides it from libc alone.
    #[must_use]
    pub fn after(duration: Duration) -> Self {
        Self::later(sys::time::monotonic_mapped(), duration)
    }

    /// How many nanoseconds are left, or `longest`, a second at most, if it is more. By a
    /// system call: for who is about to sleep, and keeps small programs small.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: it has passed.
    pub(crate) fn left_by_call(self, longest: u32) -> Result<u32> {
        let Self::At(at) = self else {
            return Ok(longest);
        };
        let now = sys::time::monotonic();
        if self.is_before(now) {
            return Err(Errno::TIMEDOUT);
        }
        // What does not fit is more, or too little, and then only looked at too early.
        let seconds = at.tv_sec.wrapping_sub(now.tv_sec);
        let left = seconds
            .wrapping_mul(NANOS_PER_SEC)
            .wrapping_add(at.tv_nsec)
            .wrapping_sub(now.tv_nsec);
        Ok((left as u64).min(longest.into()) as u32)
    }

    /// The moment, or that `longest` nanoseconds from now, a second at most, if it is earlier: for
    /// calls that take moments, as [`left_by_call`](Self::left_by_call) is for those that take
    /// times.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: it has passed.
    pub(crate) fn moment_by_call(self, longest: u32) -> Result<Option<Timespec>> {
        let now = sys::time::monotonic();
        if self.is_before(now) {
            return Err(Errno::TIMEDOUT);
        }
        let later = Self::later(now, Duration::from_nanos(longest.into()));
        Ok(self.min(later).moment())
    }

    fn later(now: Timespec, duration: Duration) -> Self {
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

    /// Returns whether the moment has passed.
    #[must_use]
    pub fn has_passed(self) -> bool {
        // Without a look at the clock where that cannot change the answer.
        self != Self::Never && (self == Self::NOW || self.is_before(sys::time::monotonic_mapped()))
    }

    /// As [`has_passed`](Self::has_passed), by a system call: see
    /// [`left_by_call`](Self::left_by_call).
    pub(crate) fn has_passed_by_call(self) -> bool {
        self.is_before(sys::time::monotonic())
    }

    /// Returns how long it is until the moment: zero when it has passed, `None` for
    /// [`Never`](Self::Never).
    #[must_use]
    pub fn remaining(self) -> Option<Duration> {
        let at = self.moment()?;
        if at == ZERO {
            return Some(Duration::ZERO);
        }
        let now = sys::time::monotonic_mapped();
        // Both are moments: no overflow.
        let mut seconds = at.tv_sec - now.tv_sec;
        let mut nanoseconds = at.tv_nsec - now.tv_nsec;
        if nanoseconds < 0 {
            nanoseconds += NANOS_PER_SEC;
            seconds -= 1;
        }
        match (u64::try_from(seconds), u32::try_from(nanoseconds)) {
            (Ok(seconds), Ok(nanoseconds)) => Some(Duration::new(seconds, nanoseconds)),
            _ => Some(Duration::ZERO),
        }
    }

    /// The moment as the kernel's calls take it that take moments: `None` for no limit.
    ///
    /// The only place where what a program gave becomes a moment: never below the clock's
    /// zero, and with less than a second of nanoseconds.
    pub(crate) fn moment(self) -> Option<Timespec> {
        let Self::At(at) = self else { return None };
        if at.tv_sec < 0 {
            return Some(ZERO);
        }
        Some(Timespec {
            tv_sec: at.tv_sec,
            tv_nsec: at.tv_nsec.clamp(0, NANOS_PER_SEC - 1),
        })
    }

    /// The time left as the kernel's calls take it: `None` for no limit.
    pub(crate) fn timeout(self) -> Option<Timespec> {
        self.remaining().map(|left| Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        })
    }

    /// Returns the earlier of the two.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        match other {
            Self::At(moment) if !self.is_before(moment) => other,
            _ => self,
        }
    }

    /// Whether it is not later than this. It is no matter that the numbers may be none of a
    /// moment: what they count as is not in another order.
    fn is_before(self, moment: Timespec) -> bool {
        match self {
            Self::Never => false,
            Self::At(at) => (at.tv_sec, at.tv_nsec) <= (moment.tv_sec, moment.tv_nsec),
        }
    }
}

/// The moment that is so long from now: [`Deadline::after`].
///
/// ```
/// use core::time::Duration;
/// use rawipc::Deadline;
///
/// assert!(!Deadline::from(Duration::from_secs(60)).has_passed());
/// ```
impl From<Duration> for Deadline {
    fn from(duration: Duration) -> Self {
        Self::after(duration)
    }
}

const ZERO: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};
