//! [`Bell`]: what wakes a process that waits for many descriptors.

use core::time::Duration;

use rustix::event::{EventfdFlags, PollFlags, eventfd};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_gettime,
    timerfd_settime,
};

use super::{relax_processor, rest};
use crate::wait::ready;
use crate::{AsFd, BorrowedFd, Deadline, Errno, OwnedFd, Result, Timespec};

/// A descriptor that is readable once it has been rung, until it is emptied: an eventfd, or a
/// timer that is set to the next moment. Whoever has it can do both.
///
/// Ringing and emptying never wait; but that of an eventfd which somebody has made blocking and
/// filled up waits for who empties it.
#[derive(Debug)]
pub(crate) struct Bell {
    fd: OwnedFd,
    is_timer: bool,
}

/// How long one rests who was rung for nothing twice in a row; and how often that is doubled, up to
/// a millisecond.
const FIRST_REST: Duration = Duration::from_micros(4);
const LONGEST_REST: u32 = 8;

/// What empties a timer.
const NEVER: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// What rings it: at once.
const NEXT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 1,
};

impl Bell {
    pub(crate) fn create(is_timer: bool) -> Result<Self> {
        let fd = if is_timer {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            timerfd_create(TimerfdClockId::Monotonic, flags)?
        } else {
            eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?
        };
        Ok(Self { fd, is_timer })
    }

    /// Takes a descriptor: a timer, or what is taken for an eventfd.
    pub(crate) fn take(fd: OwnedFd) -> Self {
        // Of nothing else.
        let is_timer = timerfd_gettime(&fd).is_ok();
        Self { fd, is_timer }
    }

    pub(crate) fn is_timer(&self) -> bool {
        self.is_timer
    }

    pub(crate) fn into_fd(self) -> OwnedFd {
        self.fd
    }

    /// The same bell, by a descriptor of its own.
    pub(crate) fn duplicate(&self) -> Result<Self> {
        Ok(Self {
            fd: rustix::io::fcntl_dupfd_cloexec(&self.fd, 0)?,
            is_timer: self.is_timer,
        })
    }

    /// Rings: from now on it is readable, whatever becomes of this process.
    #[cold]
    pub(crate) fn ring(&self) -> Result<()> {
        if self.is_timer {
            return self.set(NEXT).map(drop);
        }
        let one = 1_u64.to_ne_bytes();
        match ready::uninterrupted(|| rustix::io::write(&self.fd, &one)) {
            // It has been rung as often as can be.
            Ok(_) | Err(Errno::AGAIN) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    /// Makes it not readable; returns whether it was rung. If it was not, nothing was changed.
    pub(crate) fn empty(&self) -> Result<bool> {
        if self.is_timer {
            let is_rung = match ready::check(self.fd.as_fd(), PollFlags::IN) {
                // It was set a moment ago.
                Err(Errno::AGAIN) => timerfd_gettime(&self.fd)?.it_value != NEVER,
                checked => checked.map(|()| true)?,
            };
            if is_rung {
                self.set(NEVER)?;
            }
            return Ok(is_rung);
        }
        match ready::read_now(self.fd.as_fd(), &mut [0; 8]) {
            Ok(_) => Ok(true),
            Err(Errno::AGAIN) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    /// Sleeps until it is readable, for at most `longest` nanoseconds, a second at most. Whatever
    /// ends it but the deadline is a success: the caller looks again.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: the deadline had passed before; what the kernel refuses.
    pub(crate) fn sleep(&self, deadline: Deadline, longest: u32) -> Result<()> {
        let timeout = Timespec {
            tv_sec: 0,
            tv_nsec: deadline.left_by_call(longest)?.into(),
        };
        let mut fds = [rustix::event::PollFd::new(&self.fd, PollFlags::IN)];
        match rustix::event::poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    /// Lets who has rung publish what it rang for; `times` that was in vain before.
    #[cold]
    pub(crate) fn give_way(times: u32) {
        match times {
            0 => relax_processor(),
            times => rest(FIRST_REST * (1 << times.min(LONGEST_REST))),
        }
    }

    fn set(&self, value: Timespec) -> Result<Itimerspec> {
        let once = Itimerspec {
            it_interval: NEVER,
            it_value: value,
        };
        timerfd_settime(&self.fd, TimerfdTimerFlags::empty(), &once)
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
