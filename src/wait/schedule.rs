//! When a timer expires: one vocabulary for the timers of
//! [`signal::timer`](crate::signal::timer) and of [`event::timerfd`](crate::event::timerfd).
#![forbid(unsafe_code)]

use core::time::Duration;

use crate::{Deadline, Errno, Result, Timespec};

/// When a timer expires first.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use rawipc::event::timerfd::{self, Clock, Schedule, Start, TimerFdFlags};
///
/// let timer = timerfd::create(Clock::Monotonic, TimerFdFlags::empty())?;
/// timer.set(Schedule::once(Start::After(Duration::from_secs(5))))?; // a length of time
/// timer.set(Schedule::once(Start::At(Clock::Monotonic.now())))?; // a moment, here: now
/// timer.wait()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// After this much time, whatever is done to the clock; immediately if it is zero. A
    /// duration longer than the clock can count never ends.
    After(Duration),
    /// At this time of the timer's clock; immediately if that has passed. When the clock is
    /// set, the timer expires correspondingly earlier or later.
    #[doc(alias = "TIMER_ABSTIME")]
    #[doc(alias = "TFD_TIMER_ABSTIME")]
    At(Timespec),
}

/// When a timer expires: first, and from then on.
///
/// # Examples
///
/// Both kinds of timer take the same schedule:
///
/// ```
/// use core::time::Duration;
/// use rawipc::event::timerfd::{self, Schedule, Start, TimerFdFlags};
/// use rawipc::signal::timer::{self, Notify};
///
/// let schedule = Schedule {
///     start: Start::After(Duration::from_secs(60)),
///     interval: Some(Duration::from_secs(1)),
/// };
/// let readable = timerfd::create(timerfd::Clock::Monotonic, TimerFdFlags::empty())?;
/// readable.set(schedule)?;
/// let signalling = timer::create(timer::Clock::Monotonic, Notify::Nobody)?;
/// signalling.set(schedule)?;
/// assert_eq!(readable.remaining()?.interval, signalling.remaining()?.interval);
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "itimerspec")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// When the timer expires first.
    #[doc(alias = "it_value")]
    pub start: Start,
    /// The time between one expiry and the next, which must not be zero; `None`: the timer
    /// expires once.
    #[doc(alias = "it_interval")]
    pub interval: Option<Duration>,
}

/// How much time a timer has left.
///
/// The default is that of a timer that is not set.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use rawipc::event::timerfd::{self, Clock, Remaining, Schedule, Start, TimerFdFlags};
///
/// let timer = timerfd::create(Clock::Monotonic, TimerFdFlags::empty())?;
/// assert_eq!(timer.remaining()?, Remaining::default()); // not set
/// timer.set(Schedule::once(Start::After(Duration::from_secs(60))))?;
/// let left = timer.disarm()?;
/// assert!(left.next.is_some_and(|time| time <= Duration::from_secs(60)));
/// assert_eq!(left.interval, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "itimerspec")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remaining {
    /// The time until the timer expires next; `None`: it is not set, or has expired for the
    /// last time.
    #[doc(alias = "it_value")]
    pub next: Option<Duration>,
    /// The time between one expiry and the next; `None`: the timer expires once.
    #[doc(alias = "it_interval")]
    pub interval: Option<Duration>,
}

impl Schedule {
    /// Expires once.
    #[must_use]
    pub const fn once(start: Start) -> Self {
        Self {
            start,
            interval: None,
        }
    }

    /// Expires after each `interval`, which must not be zero.
    #[must_use]
    pub const fn every(interval: Duration) -> Self {
        Self {
            start: Start::After(interval),
            interval: Some(interval),
        }
    }

    /// What the kernel is to be told.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: an interval of zero, after which a thread would do nothing but take
    /// expiries. Whether a moment is one is for the kernel to say.
    pub(crate) fn setting(self) -> Result<Setting> {
        let (is_absolute, value) = match self.start {
            Start::After(delay) => (false, timespec(delay)),
            Start::At(moment) => (true, moment),
        };
        Ok(Setting {
            is_absolute,
            // Zero, which would disarm it, is immediately.
            value: if value == ZERO { SOONEST } else { value },
            interval: match self.interval {
                None => ZERO,
                Some(Duration::ZERO) => return Err(Errno::INVAL),
                Some(interval) => timespec(interval),
            },
        })
    }
}

/// Expires once, at the deadline; for a timer of the monotonic clock, which is that of
/// deadlines. [`Deadline::Never`] is later than the clock can count.
impl From<Deadline> for Schedule {
    fn from(deadline: Deadline) -> Self {
        Self::once(Start::At(deadline.moment().unwrap_or(LATEST)))
    }
}

impl Remaining {
    /// From the two halves of the kernel's `itimerspec`.
    pub(crate) fn of(value: Timespec, interval: Timespec) -> Self {
        Self {
            next: duration(value),
            interval: duration(interval),
        }
    }
}

/// What the kernel is told to set a timer to: an `itimerspec` and a flag.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// Whether the value is a moment of the timer's clock, and not a delay.
    pub(crate) is_absolute: bool,
    pub(crate) value: Timespec,
    pub(crate) interval: Timespec,
}

impl Setting {
    /// That a timer does not expire.
    pub(crate) const DISARMED: Self = Self {
        is_absolute: false,
        value: ZERO,
        interval: ZERO,
    };

    /// That a timer has expired for the last time, long ago.
    pub(crate) const OVER: Self = Self {
        is_absolute: true,
        value: SOONEST,
        interval: ZERO,
    };
}

/// To the kernel: that a timer is not set, or expires once.
const ZERO: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// The shortest delay, and the first moment of a clock.
const SOONEST: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 1,
};

/// Later than any clock of the kernel goes.
const LATEST: Timespec = Timespec {
    tv_sec: i64::MAX,
    tv_nsec: 0,
};

/// `None` of zero.
fn duration(time: Timespec) -> Option<Duration> {
    let seconds = u64::try_from(time.tv_sec).ok()?;
    let nanoseconds = u32::try_from(time.tv_nsec).ok()?;
    let duration = Duration::new(seconds, nanoseconds.min(999_999_999));
    (!duration.is_zero()).then_some(duration)
}

/// Longer than any clock goes is for ever, and what the kernel makes of the largest number.
fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}
