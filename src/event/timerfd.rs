//! A timer that is a descriptor: `timerfd_create(2)`.
//!
//! It is readable from when it expires until that is read. It runs on when its
//! creator dies, for as long as any process has its descriptor, and it is passed on
//! like any: one process can set it and another wait.
//!
//! As with eventfds, nothing here depends on whether the description is
//! non-blocking: the plain functions block and the `try_` functions return at once.
#![forbid(unsafe_code)]

use core::time::Duration;

use linux_raw_sys::general as raw;
use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_gettime,
    timerfd_settime,
};

use crate::{Deadline, Errno, Result, Timespec, ready, sys, timer};

/// Which clock a timer follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Clock {
    /// Time since some moment before the system started, which nobody sets: that of
    /// a [`Deadline`]. It stands while the machine is suspended.
    Monotonic,
    /// As `Monotonic`, and goes on while the machine is suspended.
    Boottime,
    /// The time of day, in seconds since 1970. It can be set; see [`Start::AtUnlessSet`].
    Realtime,
    /// As `Boottime`, and ends a suspension. For processes with `CAP_WAKE_ALARM`, on
    /// machines that can.
    BoottimeAlarm,
    /// As `Realtime`, and ends a suspension. For processes with `CAP_WAKE_ALARM`, on
    /// machines that can.
    RealtimeAlarm,
}

bitflags::bitflags! {
    /// What [`create`] creates.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct TimerFdFlags: u32 {
        /// The descriptor stays open in programs that this process executes.
        const INHERITED = raw::TFD_CLOEXEC;
        /// The description is non-blocking: for other code that is given the
        /// descriptor.
        const NONBLOCK = raw::TFD_NONBLOCK;

        const _ = !0;
    }
}

/// When a timer expires first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// After so long a time, whatever is done to the clock; zero: at once. One that is
    /// longer than any clock goes does not end.
    After(Duration),
    /// At this moment of the timer's clock; at once if that has passed. When
    /// [`Clock::Realtime`] is set, the moment comes that much earlier or later.
    At(Timespec),
    /// As `At`; and when the clock is set, waiting tells that: [`Expiry::ClockSet`].
    /// Of [`Clock::Realtime`] and [`Clock::RealtimeAlarm`]; as `At` of others.
    #[doc(alias = "TFD_TIMER_CANCEL_ON_SET")]
    AtUnlessSet(Timespec),
}

/// When a timer expires: first, and then how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// When first.
    pub start: Start,
    /// And then each time after so long; not zero.
    pub interval: Option<Duration>,
}

/// How long a timer still has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remaining {
    /// Until it expires next; `None` if it does not.
    pub next: Option<Duration>,
    /// And then each time after so long.
    pub interval: Option<Duration>,
}

/// What [`TimerFd::set`] replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// A schedule with so much left of it.
    Schedule(Remaining),
    /// A schedule with [`Start::AtUnlessSet`] that nobody had been told was set aside
    /// because the clock was set. The new schedule holds.
    ClockSet,
}

/// What ended a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// It expired so many times since that was last read, or since it was set; at
    /// least once.
    Ticks(u64),
    /// The clock was set, and the schedule is one with [`Start::AtUnlessSet`]. It
    /// still holds, at the moment that it said.
    ClockSet,
}

/// A timer that is a descriptor.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use rawipc::event::timerfd::{self, Clock, Expiry, Schedule, TimerFdFlags};
///
/// let timer = timerfd::create(Clock::Monotonic, TimerFdFlags::empty())?;
/// timer.set(Schedule::every(Duration::from_millis(2)))?;
/// let Expiry::Ticks(ticks) = timer.wait()? else { unreachable!("a clock that is never set") };
/// assert!(ticks >= 1);
/// assert_eq!(timer.remaining()?.interval, Some(Duration::from_millis(2)));
/// timer.disarm()?;
/// assert_eq!(timer.remaining()?.next, None);
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[derive(Debug)]
pub struct TimerFd(OwnedFd);

/// Creates a timer that is not set: `timerfd_create(2)`. Closed on exec unless asked
/// otherwise.
///
/// # Errors
///
/// [`Errno::PERM`]: an alarm clock, without `CAP_WAKE_ALARM`. [`Errno::OPNOTSUPP`]:
/// an alarm clock, on a machine without one. [`Errno::MFILE`], [`Errno::NFILE`]: this
/// process, or the system, has no descriptor left. [`Errno::INVAL`]: the kernel does
/// not know a flag.
#[doc(alias = "timerfd_create")]
pub fn create(clock: Clock, flags: TimerFdFlags) -> Result<TimerFd> {
    let clock = match clock {
        Clock::Monotonic => TimerfdClockId::Monotonic,
        Clock::Boottime => TimerfdClockId::Boottime,
        Clock::Realtime => TimerfdClockId::Realtime,
        Clock::BoottimeAlarm => TimerfdClockId::BoottimeAlarm,
        Clock::RealtimeAlarm => TimerfdClockId::RealtimeAlarm,
    };
    let bits = flags.bits() ^ raw::TFD_CLOEXEC;
    timerfd_create(clock, TimerfdFlags::from_bits_retain(bits)).map(TimerFd)
}

impl Clock {
    /// What the clock says now: `clock_gettime(2)`.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::event::timerfd::Clock;
    ///
    /// // Later than when this was written.
    /// assert!(Clock::Realtime.now().tv_sec > 1_750_000_000);
    /// ```
    #[doc(alias = "clock_gettime")]
    #[must_use]
    pub fn now(self) -> Timespec {
        sys::time::clock_gettime(match self {
            Self::Monotonic => raw::CLOCK_MONOTONIC,
            // The alarm clocks tell the same time, on machines that have none too.
            Self::Boottime | Self::BoottimeAlarm => raw::CLOCK_BOOTTIME,
            Self::Realtime | Self::RealtimeAlarm => raw::CLOCK_REALTIME,
        })
    }
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

    /// Expires after each `interval`.
    #[must_use]
    pub const fn every(interval: Duration) -> Self {
        Self {
            start: Start::After(interval),
            interval: Some(interval),
        }
    }
}

/// Once, at that moment; of [`Clock::Monotonic`], whose moments deadlines are.
/// [`Deadline::Never`] is later than any clock goes.
impl From<Deadline> for Schedule {
    fn from(deadline: Deadline) -> Self {
        Self::once(Start::At(deadline.moment().unwrap_or(LATEST)))
    }
}

impl TimerFd {
    /// Sets it, in place of what it was set to: `timerfd_settime(2)`. Expiries that
    /// nobody has read are forgotten.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: an interval of zero, or a moment whose nanoseconds are not
    /// from 0 to 999,999,999, or whose seconds are negative.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use rawipc::event::timerfd::{self, Clock, Replaced, Schedule, Start, TimerFdFlags};
    ///
    /// let timer = timerfd::create(Clock::Realtime, TimerFdFlags::empty())?;
    /// let mut noon = Clock::Realtime.now();
    /// noon.tv_sec += 3600;
    /// timer.set(Schedule::once(Start::AtUnlessSet(noon)))?;
    /// let Replaced::Schedule(old) = timer.set(Schedule::every(Duration::from_secs(1)))? else {
    ///     return Ok(()); // somebody set the clock in between
    /// };
    /// assert!(old.next > Some(Duration::from_secs(3500)));
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    #[doc(alias = "timerfd_settime")]
    pub fn set(&self, schedule: Schedule) -> Result<Replaced> {
        let (flags, value) = match schedule.start {
            Start::After(delay) => (TimerfdTimerFlags::empty(), timer::first_after(delay)),
            Start::At(moment) => (TimerfdTimerFlags::ABSTIME, timer::first(moment)),
            Start::AtUnlessSet(moment) => (
                TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET,
                timer::first(moment),
            ),
        };
        self.replace(flags, value, timer::interval(schedule.interval)?)
    }

    /// Makes it not expire: `timerfd_settime(2)` with zero. Expiries that nobody has
    /// read are forgotten.
    ///
    /// # Errors
    ///
    /// None of a timer.
    #[doc(alias = "timerfd_settime")]
    pub fn disarm(&self) -> Result<Replaced> {
        self.replace(TimerfdTimerFlags::empty(), timer::ZERO, timer::ZERO)
    }

    fn replace(
        &self,
        flags: TimerfdTimerFlags,
        it_value: Timespec,
        it_interval: Timespec,
    ) -> Result<Replaced> {
        let new = Itimerspec {
            it_interval,
            it_value,
        };
        match timerfd_settime(&self.0, flags, &new) {
            Ok(old) => Ok(Replaced::Schedule(Remaining::of(&old))),
            Err(Errno::CANCELED) => Ok(Replaced::ClockSet),
            Err(errno) => Err(errno),
        }
    }

    /// How long it still has: `timerfd_gettime(2)`.
    ///
    /// # Errors
    ///
    /// None of a timer.
    #[doc(alias = "timerfd_gettime")]
    pub fn remaining(&self) -> Result<Remaining> {
        timerfd_gettime(&self.0).map(|setting| Remaining::of(&setting))
    }

    /// Waits until it expires, and returns how often it did since it was last read:
    /// `read(2)`.
    ///
    /// Of several who wait, one is told. One that is not set never expires.
    ///
    /// # Errors
    ///
    /// [`Errno::INTR`]: it was [interrupted](crate#interruptions).
    pub fn wait(&self) -> Result<Expiry> {
        let mut ticks = [0; 8];
        match rustix::io::read(&self.0, &mut ticks) {
            Err(Errno::AGAIN) => self.wait_until(Deadline::Never),
            result => expiry(result, ticks),
        }
    }

    /// As [`wait`](Self::wait), if it has expired now.
    ///
    /// Where the kernel knows no `RWF_NOWAIT` for timers it is first looked at and
    /// then read: when another reads it in between, and the description is
    /// blocking, this blocks.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: it has not.
    pub fn try_wait(&self) -> Result<Expiry> {
        let mut ticks = [0; 8];
        let result = ready::read_now(self.as_fd(), &mut ticks);
        expiry(result, ticks)
    }

    /// As [`wait`](Self::wait), until the deadline.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: the deadline passed.
    pub fn wait_until(&self, deadline: Deadline) -> Result<Expiry> {
        ready::retry(self.as_fd(), PollFlags::IN, deadline, || self.try_wait())
    }

    /// Makes it have expired `ticks` times, and wakes who waits: `ioctl(2)` with
    /// `TFD_IOC_SET_TICKS`. To restore what a checkpoint of a process found.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: 0. [`Errno::CANCELED`]: the clock was set, see
    /// [`Start::AtUnlessSet`]. [`Errno::NOTTY`]: a kernel that cannot
    /// (`CONFIG_CHECKPOINT_RESTORE`).
    #[doc(alias = "TFD_IOC_SET_TICKS")]
    pub fn set_ticks(&self, ticks: u64) -> Result<()> {
        sys::event::timerfd_set_ticks(self.0.as_fd(), ticks)
    }
}

/// Later than any clock of the kernel goes.
const LATEST: Timespec = Timespec {
    tv_sec: i64::MAX,
    tv_nsec: 0,
};

fn expiry(result: Result<usize>, ticks: [u8; 8]) -> Result<Expiry> {
    match result {
        // All 8 bytes or an error.
        Ok(_) => Ok(Expiry::Ticks(u64::from_ne_bytes(ticks))),
        Err(Errno::CANCELED) => Ok(Expiry::ClockSet),
        Err(errno) => Err(errno),
    }
}

impl Remaining {
    fn of(setting: &Itimerspec) -> Self {
        Self {
            next: timer::duration(setting.it_value),
            interval: timer::duration(setting.it_interval),
        }
    }
}

impl AsFd for TimerFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

crate::descriptor::numbers!(TimerFd);

impl From<TimerFd> for OwnedFd {
    fn from(timer: TimerFd) -> Self {
        timer.0
    }
}

/// A descriptor that was received. What is no timer is refused with
/// [`Errno::INVAL`] when it is set, and read as what it is.
impl From<OwnedFd> for TimerFd {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}
