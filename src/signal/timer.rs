//! Timers that signal: `timer_create(2)`.
//!
//! A timer belongs to its process: it is not inherited by a forked child and gone
//! after `exec`. The number in a child's copy of a [`Timer`] may be that of one of the
//! child's own: dropping the copy does nothing, but what else it does it does to that.
//!
//! One signal of a timer is pending at most: how often it has expired meanwhile is its
//! *overrun*. A timer that is a descriptor is a timerfd.
#![forbid(unsafe_code)]

use core::time::Duration;

use linux_raw_sys::general as raw;

use super::Payload;
use crate::maker::Maker;
use crate::sys::pid::number;
use crate::sys::signal::{
    Itimerspec, Sigevent, timer_create, timer_delete, timer_getoverrun, timer_gettime,
    timer_settime,
};
use crate::{Errno, Pid, Result, Signal, Timespec, timer};

/// What a timer's time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Clock {
    /// The time of day, which can be set.
    #[doc(alias = "CLOCK_REALTIME")]
    Realtime,
    /// The time since some moment, without that in which the system was suspended.
    #[doc(alias = "CLOCK_MONOTONIC")]
    Monotonic,
    /// The time since the system was started.
    #[doc(alias = "CLOCK_BOOTTIME")]
    Boottime,
    /// International atomic time: as the time of day, but without leap seconds.
    #[doc(alias = "CLOCK_TAI")]
    Tai,
    /// As [`Realtime`](Self::Realtime), and wakes the system (`CAP_WAKE_ALARM`).
    #[doc(alias = "CLOCK_REALTIME_ALARM")]
    RealtimeAlarm,
    /// As [`Boottime`](Self::Boottime), and wakes the system (`CAP_WAKE_ALARM`).
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

/// What happens when a timer expires.
#[doc(alias = "sigevent")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notify {
    /// Nothing: it is only looked at.
    #[doc(alias = "SIGEV_NONE")]
    Nobody,
    /// The process is sent this signal with this payload.
    #[doc(alias = "SIGEV_SIGNAL")]
    Process(Signal, Payload),
    /// The thread with this number, of the caller's process, is sent this signal with
    /// this payload.
    #[doc(alias = "SIGEV_THREAD_ID")]
    Thread(Pid, Signal, Payload),
}

/// When a timer expires first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// This long from now; zero: at once. One that is longer than any clock goes does not
    /// end.
    After(Duration),
    /// At this time of the timer's clock; if that has passed: at once. A
    /// [`Clock::Realtime`] that is set meanwhile counts as it is then.
    #[doc(alias = "TIMER_ABSTIME")]
    At(Timespec),
}

/// What a timer is set to.
#[doc(alias = "itimerspec")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// How long until it expires; `None`: it is not set, or has expired for the last
    /// time.
    pub remaining: Option<Duration>,
    /// How long from then to each further time; `None`: it expires once.
    pub every: Option<Duration>,
}

/// A timer; deleted when dropped by the process that made it. A forked child has no use
/// for its copy: see [the module](self).
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use rawipc::signal::timer::{self, Clock, First, Notify};
/// use rawipc::signal::{self, Cause, Payload};
///
/// let number = signal::real_time(1).unwrap();
/// signal::block(number)?;
/// let me = rustix::thread::gettid();
/// let timer = timer::create(Clock::Monotonic, Notify::Thread(me, number, Payload::from_int(5)))?;
/// timer.set(First::After(Duration::from_millis(1)), None)?;
/// let Cause::Timer { payload, id, .. } = signal::wait(number)?.cause() else { panic!() };
/// assert_eq!((payload.int(), id), (5, timer.id()));
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "timer_t")]
#[derive(Debug)]
pub struct Timer(i32, Maker);

/// Creates a timer that is not set: `timer_create(2)`.
///
/// # Errors
///
/// [`Errno::AGAIN`]: this user's limit of queued signals (`RLIMIT_SIGPENDING`) is
/// reached, as each timer takes one. [`Errno::INVAL`]: the thread to notify is none of
/// this process; no such process or thread for a processor time clock.
/// [`Errno::PERM`]: the clock needs `CAP_WAKE_ALARM`. [`Errno::OPNOTSUPP`]: the clock
/// cannot.
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
    timer_create(clock.number()?, &event).map(|id| Timer(id, Maker::current()))
}

fn setting(kernel: Itimerspec) -> Setting {
    Setting {
        remaining: timer::duration(kernel.it_value),
        every: timer::duration(kernel.it_interval),
    }
}

impl Timer {
    /// Lets it expire first at `first`, and then every `every`, if that is given; returns
    /// what it was set to before: `timer_settime(2)`.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: `every` is zero; a time before the clock's zero, or with more than a
    /// second of nanoseconds.
    #[doc(alias = "timer_settime")]
    pub fn set(&self, first: First, every: Option<Duration>) -> Result<Setting> {
        let (flags, value) = match first {
            First::After(delay) => (0, timer::first_after(delay)),
            First::At(time) => (raw::TIMER_ABSTIME, timer::first(time)),
        };
        let new = Itimerspec {
            it_interval: timer::interval(every)?,
            it_value: value,
        };
        timer_settime(self.0, flags, &new).map(setting)
    }

    /// Lets it not expire any more, and returns what it was set to: `timer_settime(2)`.
    ///
    /// A signal that is pending already stays, and since Linux 6.13 is dropped.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: this is a forked child.
    pub fn unset(&self) -> Result<Setting> {
        let new = Itimerspec {
            it_interval: timer::ZERO,
            it_value: timer::ZERO,
        };
        timer_settime(self.0, 0, &new).map(setting)
    }

    /// What it is set to: `timer_gettime(2)`.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: this is a forked child.
    #[doc(alias = "timer_gettime")]
    pub fn setting(&self) -> Result<Setting> {
        timer_gettime(self.0).map(setting)
    }

    /// How often it had expired, beyond once, when its last signal was taken:
    /// `timer_getoverrun(2)`. The signal says it too:
    /// [`Cause::Timer`](super::Cause::Timer).
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: this is a forked child.
    #[doc(alias = "timer_getoverrun")]
    pub fn overrun(&self) -> Result<u32> {
        // At most i32::MAX.
        timer_getoverrun(self.0).map(|count| count as u32)
    }

    /// The kernel's number of it.
    #[must_use]
    pub fn id(&self) -> i32 {
        self.0
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // In a forked child the number is none, or that of one of its own.
        if self.1.is_current() {
            let _ = timer_delete(self.0);
        }
    }
}
