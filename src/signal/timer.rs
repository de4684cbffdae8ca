//! Timers that signal: `timer_create(2)`.
//!
//! A timer belongs to its process: a forked child does not inherit it, and `exec` deletes
//! it. The number in a child's copy of a [`Timer`] may be that of one of the child's own
//! timers: dropping the copy does nothing, but its other functions act on that timer.
//!
//! At most one signal of a timer is pending. How many more times the timer has expired
//! meanwhile is its *overrun*.
//!
//! A timer that is a descriptor is an [`event::timerfd`](crate::event::timerfd), which takes
//! the same [`Schedule`].
#![forbid(unsafe_code)]

use linux_raw_sys::general as raw;

use super::Payload;
use crate::guard::maker::Maker;
use crate::sys::pid::number;
use crate::sys::signal::{
    Itimerspec, Sigevent, timer_create, timer_delete, timer_getoverrun, timer_gettime,
    timer_settime,
};
use crate::wait::schedule::Setting;
use crate::{Errno, Pid, Result, Signal};

#[doc(inline)]
pub use crate::wait::schedule::{Remaining, Schedule, Start};

/// The clock of a signalling timer.
///
/// Not the `Clock` of [`event::timerfd`](crate::event::timerfd): a descriptor can follow
/// neither processor time nor atomic time.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use rawipc::signal::timer::{self, Clock, Notify, Schedule, Start};
///
/// // How much processor time this process may still use.
/// let budget = timer::create(Clock::ProcessTime(None), Notify::Nobody)?;
/// budget.set(Schedule::once(Start::After(Duration::from_secs(3600))))?;
/// assert!(budget.remaining()?.next.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Clock {
    /// The time of day, in seconds since 1970, which can be set.
    #[doc(alias = "CLOCK_REALTIME")]
    Realtime,
    /// The time since some moment before the system started, without the time for which it
    /// was suspended; nobody can set it. The clock of a [`Deadline`](crate::Deadline).
    #[doc(alias = "CLOCK_MONOTONIC")]
    Monotonic,
    /// Like [`Monotonic`](Self::Monotonic), but goes on while the system is suspended.
    #[doc(alias = "CLOCK_BOOTTIME")]
    Boottime,
    /// International atomic time: the time of day without leap seconds.
    #[doc(alias = "CLOCK_TAI")]
    Tai,
    /// Like [`Realtime`](Self::Realtime), but wakes a suspended system (needs
    /// `CAP_WAKE_ALARM`).
    #[doc(alias = "CLOCK_REALTIME_ALARM")]
    RealtimeAlarm,
    /// Like [`Boottime`](Self::Boottime), but wakes a suspended system (needs
    /// `CAP_WAKE_ALARM`).
    #[doc(alias = "CLOCK_BOOTTIME_ALARM")]
    BoottimeAlarm,
    /// The processor time of the process with this number; `None`: the caller's own.
    #[doc(alias = "CLOCK_PROCESS_CPUTIME_ID")]
    #[doc(alias = "clock_getcpuclockid")]
    ProcessTime(Option<Pid>),
    /// The processor time of the thread with this number, of the caller's process;
    /// `None`: the caller's own.
    #[doc(alias = "CLOCK_THREAD_CPUTIME_ID")]
    #[doc(alias = "pthread_getcpuclockid")]
    ThreadTime(Option<Pid>),
}

/// A processor time clock's kind: all that the scheduler counts.
const CPUCLOCK_SCHED: i32 = 2;
/// Of a thread, not a process.
const CPUCLOCK_PERTHREAD: i32 = 4;
/// The largest number of a process that a clock's has room for.
const CPUCLOCK_MAX: i32 = i32::MAX >> 3;

impl Clock {
    /// # Errors
    ///
    /// [`Errno::INVAL`]: no process or thread has such a number. The clock's has three
    /// bits more, which a larger one would lose, and then be another's.
    fn number(self) -> Result<i32> {
        let of = |pid: Pid, kind| match number(pid) {
            Ok(pid @ ..=CPUCLOCK_MAX) => Ok(!pid << 3 | kind),
            _ => Err(Errno::INVAL),
        };
        Ok(match self {
            Self::Realtime => raw::CLOCK_REALTIME as i32,
            Self::Monotonic => raw::CLOCK_MONOTONIC as i32,
            Self::Boottime => raw::CLOCK_BOOTTIME as i32,
            Self::Tai => raw::CLOCK_TAI as i32,
            Self::RealtimeAlarm => raw::CLOCK_REALTIME_ALARM as i32,
            Self::BoottimeAlarm => raw::CLOCK_BOOTTIME_ALARM as i32,
            Self::ProcessTime(None) => raw::CLOCK_PROCESS_CPUTIME_ID as i32,
            Self::ThreadTime(None) => raw::CLOCK_THREAD_CPUTIME_ID as i32,
            Self::ProcessTime(Some(pid)) => return of(pid, CPUCLOCK_SCHED),
            Self::ThreadTime(Some(thread)) => {
                return of(thread, CPUCLOCK_SCHED | CPUCLOCK_PERTHREAD);
            }
        })
    }
}

/// The notification when a timer expires.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use rawipc::signal::timer::{self, Clock, Notify, Schedule, Start};
/// use rawipc::signal::{self, Payload};
/// use rawipc::{Signal, process};
///
/// signal::block(Signal::ALARM)?;
/// let notify = Notify::Thread(process::thread_id(), Signal::ALARM, Payload::from_int(1));
/// let timer = timer::create(Clock::Monotonic, notify)?;
/// timer.set(Schedule::once(Start::After(Duration::from_millis(1))))?;
/// signal::wait(Signal::ALARM)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "sigevent")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notify {
    /// Notifies nobody: the program asks for the [remaining](Timer::remaining) time.
    #[doc(alias = "SIGEV_NONE")]
    Nobody,
    /// Sends the process this signal with this payload.
    #[doc(alias = "SIGEV_SIGNAL")]
    Process(Signal, Payload),
    /// Sends the thread with this number, of the caller's process, this signal with this
    /// payload.
    #[doc(alias = "SIGEV_THREAD_ID")]
    Thread(Pid, Signal, Payload),
}

/// A timer; deleted when dropped by the process that created it. A forked child has no use
/// for its copy: see [the module](self).
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use rawipc::signal::timer::{self, Clock, Notify, Schedule, Start};
/// use rawipc::signal::{self, Cause, Payload};
///
/// let number = signal::real_time(1).unwrap();
/// signal::block(number)?;
/// let me = rustix::thread::gettid();
/// let timer = timer::create(Clock::Monotonic, Notify::Thread(me, number, Payload::from_int(5)))?;
/// timer.set(Schedule::once(Start::After(Duration::from_millis(1))))?;
/// let Cause::Timer { payload, id, .. } = signal::wait(number)?.cause() else { panic!() };
/// assert_eq!((payload.int(), id), (5, timer.id()));
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "timer_t")]
#[derive(Debug)]
pub struct Timer {
    id: i32,
    maker: Maker,
    notifies: bool,
}

/// Creates a timer that is not set: `timer_create(2)`.
///
/// # Errors
///
/// [`Errno::AGAIN`]: this user's limit of queued signals (`RLIMIT_SIGPENDING`) is
/// reached; each timer takes one. [`Errno::INVAL`]: the thread to notify is not one of
/// this process, or there is no such process or thread for a processor time clock.
/// [`Errno::PERM`]: an alarm clock, without `CAP_WAKE_ALARM`. [`Errno::OPNOTSUPP`]: an
/// alarm clock, on a machine without one.
#[doc(alias = "timer_create")]
pub fn create(clock: Clock, notify: Notify) -> Result<Timer> {
    let (kind, signal, thread, payload) = match notify {
        // The kernel looks at the signal even then.
        Notify::Nobody => (raw::SIGEV_NONE, Signal::ALARM, 0, Payload::default()),
        Notify::Process(signal, payload) => (raw::SIGEV_SIGNAL, signal, 0, payload),
        Notify::Thread(thread, signal, payload) => (
            raw::SIGEV_SIGNAL | raw::SIGEV_THREAD_ID,
            signal,
            number(thread).or(Err(Errno::INVAL))?,
            payload,
        ),
    };
    let event = Sigevent {
        sigev_value: payload.word(),
        sigev_signo: signal.as_raw(),
        sigev_notify: kind,
        sigev_notify_thread_id: thread,
        rest: [0; 11],
    };
    let id = timer_create(clock.number()?, &event)?;
    Ok(Timer {
        id,
        maker: Maker::current(),
        notifies: notify != Notify::Nobody,
    })
}

fn remaining(kernel: Itimerspec) -> Remaining {
    Remaining::of(kernel.it_value, kernel.it_interval)
}

impl Timer {
    /// Sets the timer and returns what was left of its previous schedule:
    /// `timer_settime(2)`.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: an interval of zero; a moment whose nanoseconds are not from 0 to
    /// 999,999,999, or whose seconds are negative; or this is a forked child.
    #[doc(alias = "timer_settime")]
    pub fn set(&self, schedule: Schedule) -> Result<Remaining> {
        self.replace(schedule.setting()?)
    }

    /// Disarms the timer and returns what was left of its schedule: `timer_settime(2)` with
    /// zero.
    ///
    /// Since Linux 6.13 this also drops a signal of the timer that is pending; before, that
    /// stays pending.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: this is a forked child.
    #[doc(alias = "timer_settime")]
    pub fn disarm(&self) -> Result<Remaining> {
        // The kernel goes on to tell the time left of one that is disarmed and notifies
        // nobody, but not of one whose time is over: nothing comes of its expiry.
        if self.notifies {
            self.replace(Setting::DISARMED)
        } else {
            self.replace(Setting::OVER)
        }
    }

    fn replace(&self, new: Setting) -> Result<Remaining> {
        let flags = if new.is_absolute {
            raw::TIMER_ABSTIME
        } else {
            0
        };
        let new = Itimerspec {
            it_interval: new.interval,
            it_value: new.value,
        };
        timer_settime(self.id, flags, &new).map(remaining)
    }

    /// Returns how much time the timer has left: `timer_gettime(2)`.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: this is a forked child.
    #[doc(alias = "timer_gettime")]
    pub fn remaining(&self) -> Result<Remaining> {
        timer_gettime(self.id).map(remaining)
    }

    /// Returns how many more times than once the timer had expired when its last signal was
    /// taken: `timer_getoverrun(2)`.
    ///
    /// The signal carries the same number, in [`Cause::Timer`](super::Cause::Timer).
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: this is a forked child.
    #[doc(alias = "timer_getoverrun")]
    pub fn overrun(&self) -> Result<u32> {
        // At most i32::MAX.
        timer_getoverrun(self.id).map(|count| count as u32)
    }

    /// Returns the kernel's number for the timer, unique in its process.
    #[must_use]
    pub fn id(&self) -> i32 {
        self.id
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // In a forked child the number is none, or that of one of its own.
        if self.maker.is_current() {
            let _ = timer_delete(self.id);
        }
    }
}
