//! A timer that is a descriptor: `timerfd_create(2)`.
//!
//! The descriptor is readable once the timer has expired, until that is read. The timer
//! outlives its creator for as long as any process has the descriptor open, and the
//! descriptor can be passed on like any: one process can set the timer and another wait.
//!
//! As with eventfds, nothing here depends on whether the description is
//! non-blocking: the plain functions block and the `try_` functions return at once.
//!
//! A timer that sends a signal is a [`signal::timer`](crate::signal::timer), which takes the
//! same [`Schedule`].
#![forbid(unsafe_code)]

use core::time::Duration;

use linux_raw_sys::general as raw;
use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_gettime,
    timerfd_settime,
};

use crate::wait::patience::Patience;
use crate::wait::ready;
use crate::wait::schedule::Setting;
use crate::{Deadline, Errno, Result, Timespec, sys};

#[doc(inline)]
pub use crate::wait::schedule::{Remaining, Schedule, Start};

/// The clock of a timer descriptor.
///
/// Not the `Clock` of [`signal::timer`](crate::signal::timer): timers that signal also
/// follow processor time and atomic time, which the kernel refuses to descriptors.
///
/// # Examples
///
/// ```
/// use rawipc::Timespec;
/// use rawipc::event::timerfd::{self, Clock, Schedule, Start, TimerFdFlags};
///
/// // At a time of day; if that clock is set, the timer expires earlier or later.
/// let timer = timerfd::create(Clock::Realtime, TimerFdFlags::empty())?;
/// let now = Clock::Realtime.now();
/// timer.set(Schedule::once(Start::At(Timespec { tv_sec: now.tv_sec + 60, ..now })))?;
/// assert!(timer.remaining()?.next.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Clock {
    /// The time since some moment before the system started, without the time for which it
    /// was suspended; nobody can set it. The clock of a [`Deadline`].
    #[doc(alias = "CLOCK_MONOTONIC")]
    Monotonic,
    /// Like [`Monotonic`](Self::Monotonic), but goes on while the system is suspended.
    #[doc(alias = "CLOCK_BOOTTIME")]
    Boottime,
    /// The time of day, in seconds since 1970, which can be set: see
    /// [`TimerFd::set_watching_clock`].
    #[doc(alias = "CLOCK_REALTIME")]
    Realtime,
    /// Like [`Boottime`](Self::Boottime), but wakes a suspended system (needs
    /// `CAP_WAKE_ALARM`).
    #[doc(alias = "CLOCK_BOOTTIME_ALARM")]
    BoottimeAlarm,
    /// Like [`Realtime`](Self::Realtime), but wakes a suspended system (needs
    /// `CAP_WAKE_ALARM`).
    #[doc(alias = "CLOCK_REALTIME_ALARM")]
    RealtimeAlarm,
}

bitflags::bitflags! {
    /// Flags of [`create`].
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::Errno;
    /// use rawipc::event::timerfd::{self, Clock, TimerFdFlags};
    ///
    /// // For a program that is executed and reads the descriptor by itself.
    /// let flags = TimerFdFlags::INHERITED | TimerFdFlags::NONBLOCK;
    /// let timer = timerfd::create(Clock::Monotonic, flags)?;
    /// assert_eq!(timer.try_wait(), Err(Errno::AGAIN));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

/// The state of a timer that [`TimerFd::set_watching_clock`] replaced.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use rawipc::Timespec;
/// use rawipc::event::timerfd::{self, Clock, Replaced, Schedule, TimerFdFlags};
///
/// let timer = timerfd::create(Clock::Realtime, TimerFdFlags::empty())?;
/// timer.set(Schedule::every(Duration::from_secs(60)))?;
/// let now = Clock::Realtime.now();
/// let next_hour = Timespec { tv_sec: now.tv_sec + 3600, ..now };
/// match timer.set_watching_clock(next_hour, None)? {
///     Replaced::Schedule(old) => assert_eq!(old.interval, Some(Duration::from_secs(60))),
///     Replaced::ClockSet => println!("the clock was set before this call"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// A schedule with this much time left.
    Schedule(Remaining),
    /// A schedule that watched the clock. The clock was set, and no wait has reported that.
    /// The new schedule is in effect.
    ClockSet,
}

/// The reason that a wait for a [`TimerFd`] ended.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use rawipc::event::timerfd::{self, Clock, Expiry, Schedule, Start, TimerFdFlags};
///
/// let timer = timerfd::create(Clock::Monotonic, TimerFdFlags::empty())?;
/// timer.set(Schedule::once(Start::After(Duration::ZERO)))?;
/// match timer.wait()? {
///     Expiry::Ticks(ticks) => assert_eq!(ticks, 1),
///     Expiry::ClockSet => println!("only after set_watching_clock"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// The timer expired this many times since that was last read, or since the timer was
    /// set; at least once.
    Ticks(u64),
    /// The clock was set, and the timer was [set to watch it](TimerFd::set_watching_clock).
    /// Its schedule stays in effect.
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
/// let Expiry::Ticks(ticks) = timer.wait()? else { unreachable!("nobody can set this clock") };
/// assert!(ticks >= 1);
/// assert_eq!(timer.remaining()?.interval, Some(Duration::from_millis(2)));
/// timer.disarm()?;
/// assert_eq!(timer.remaining()?.next, None);
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[derive(Debug)]
pub struct TimerFd(OwnedFd);

/// Creates a timer that is not set: `timerfd_create(2)`. Its descriptor is closed on exec
/// unless asked otherwise.
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
    /// Returns the clock's time now: `clock_gettime(2)`.
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

impl TimerFd {
    /// Sets the timer and returns what was left of its previous schedule:
    /// `timerfd_settime(2)`. Discards expiries that nobody has read.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: an interval of zero; or a moment whose nanoseconds are not from 0 to
    /// 999,999,999, or whose seconds are negative.
    #[doc(alias = "timerfd_settime")]
    pub fn set(&self, schedule: Schedule) -> Result<Remaining> {
        self.replace(schedule.setting()?, TimerfdTimerFlags::empty())
    }

    /// Sets the timer like [`set`](Self::set), to the moment `at` of its clock and then every
    /// `interval`; if the clock is set meanwhile, a wait also ends, with
    /// [`Expiry::ClockSet`].
    ///
    /// That is for programs that do something at a time of day, and must look again at when
    /// that is if somebody changes it. Only [`Clock::Realtime`] and [`Clock::RealtimeAlarm`]
    /// can be set: with any other clock this is `set`.
    ///
    /// # Errors
    ///
    /// Those of [`set`](Self::set): [`Errno::INVAL`].
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use rawipc::event::timerfd::{self, Clock, Replaced, Schedule, TimerFdFlags};
    ///
    /// let timer = timerfd::create(Clock::Realtime, TimerFdFlags::empty())?;
    /// let mut at = Clock::Realtime.now();
    /// at.tv_sec += 7200;
    /// timer.set_watching_clock(at, None)?;
    /// at.tv_sec -= 3600;
    /// match timer.set_watching_clock(at, None)? {
    ///     Replaced::Schedule(old) => assert!(old.next > Some(Duration::from_secs(7000))),
    ///     Replaced::ClockSet => println!("somebody set the clock in between"),
    /// }
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    #[doc(alias = "timerfd_settime")]
    #[doc(alias = "TFD_TIMER_CANCEL_ON_SET")]
    pub fn set_watching_clock(&self, at: Timespec, interval: Option<Duration>) -> Result<Replaced> {
        let schedule = Schedule {
            start: Start::At(at),
            interval,
        };
        // The kernel says so only when the new schedule watches the clock too: never of `set`.
        match self.replace(schedule.setting()?, TimerfdTimerFlags::CANCEL_ON_SET) {
            Ok(old) => Ok(Replaced::Schedule(old)),
            Err(Errno::CANCELED) => Ok(Replaced::ClockSet),
            Err(errno) => Err(errno),
        }
    }

    /// Disarms the timer and returns what was left of its schedule: `timerfd_settime(2)` with
    /// zero. Discards expiries that nobody has read.
    ///
    /// # Errors
    ///
    /// None for a timer.
    #[doc(alias = "timerfd_settime")]
    pub fn disarm(&self) -> Result<Remaining> {
        self.replace(Setting::DISARMED, TimerfdTimerFlags::empty())
    }

    fn replace(&self, new: Setting, mut flags: TimerfdTimerFlags) -> Result<Remaining> {
        flags.set(TimerfdTimerFlags::ABSTIME, new.is_absolute);
        let new = Itimerspec {
            it_interval: new.interval,
            it_value: new.value,
        };
        timerfd_settime(&self.0, flags, &new).map(|old| remaining(&old))
    }

    /// Returns how much time the timer has left: `timerfd_gettime(2)`.
    ///
    /// # Errors
    ///
    /// None for a timer.
    #[doc(alias = "timerfd_gettime")]
    pub fn remaining(&self) -> Result<Remaining> {
        timerfd_gettime(&self.0).map(|now| remaining(&now))
    }

    /// Blocks until the timer expires, and returns how many times it did since that was last
    /// read: `read(2)`.
    ///
    /// If several wait, one gets it. A timer that is not set never expires.
    ///
    /// # Errors
    ///
    /// [`Errno::INTR`]: the wait was [interrupted](crate#interruptions).
    pub fn wait(&self) -> Result<Expiry> {
        self.wait_with(Patience::FOREVER)
    }

    /// Like [`wait`](Self::wait), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// Where the kernel does not support `RWF_NOWAIT` for timers, this first polls the
    /// descriptor and then reads it: if another thread or process reads it in between, and
    /// the description is blocking, this blocks.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: the timer has not expired.
    pub fn try_wait(&self) -> Result<Expiry> {
        self.wait_with(Patience::Try)
    }

    /// Like [`wait`](Self::wait), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: the deadline passed.
    pub fn wait_until(&self, deadline: Deadline) -> Result<Expiry> {
        self.wait_with(Patience::Until(deadline))
    }

    fn wait_with(&self, patience: Patience) -> Result<Expiry> {
        let (fd, mut ticks) = (self.as_fd(), [0; 8]);
        let result = ready::patiently(fd, PollFlags::IN, patience, |may_block| match may_block {
            true => rustix::io::read(fd, &mut ticks),
            false => ready::read_now(fd, &mut ticks),
        });
        match result {
            // All 8 bytes or an error.
            Ok(_) => Ok(Expiry::Ticks(u64::from_ne_bytes(ticks))),
            Err(Errno::CANCELED) => Ok(Expiry::ClockSet),
            Err(errno) => Err(errno),
        }
    }

    /// Sets the number of expiries that nobody has read, and wakes those that wait:
    /// `ioctl(2)` with `TFD_IOC_SET_TICKS`. For restoring a process from a checkpoint.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: `ticks` is 0. [`Errno::CANCELED`]: the clock was set, and the timer
    /// was [set to watch it](Self::set_watching_clock). [`Errno::NOTTY`]: the kernel does not
    /// support it (`CONFIG_CHECKPOINT_RESTORE`).
    #[doc(alias = "TFD_IOC_SET_TICKS")]
    pub fn set_ticks(&self, ticks: u64) -> Result<()> {
        sys::event::timerfd_set_ticks(self.0.as_fd(), ticks)
    }
}

fn remaining(kernel: &Itimerspec) -> Remaining {
    Remaining::of(kernel.it_value, kernel.it_interval)
}

impl AsFd for TimerFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

crate::sys::fd_number::numbers!(TimerFd);

impl From<TimerFd> for OwnedFd {
    fn from(timer: TimerFd) -> Self {
        timer.0
    }
}

/// Takes any descriptor. Setting one that is not a timer fails with [`Errno::INVAL`]; waiting
/// reads it as whatever it is.
impl From<OwnedFd> for TimerFd {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}
