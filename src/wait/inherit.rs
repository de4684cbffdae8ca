//! Waiting for a lock whose holder inherits the priority of who waits: until when.

use core::sync::atomic::AtomicU32;

use linux_raw_sys::general::CLOCK_REALTIME;
use rustix::thread::futex;

use super::deadline::Deadline;
use crate::sys::futex::Scope;
use crate::sys::time;
use crate::{Errno, Result, Timespec};

const NANOS_PER_SEC: i64 = 1_000_000_000;

/// Takes the lock: `FUTEX_LOCK_PI2`. Before Linux 5.14 there is only `FUTEX_LOCK_PI`, whose moments are those
/// of the clock that people set: when it is set forward the call waits again, when it is set back the
/// deadline comes later by as much.
pub(crate) fn lock_pi(word: &AtomicU32, scope: Scope, deadline: Deadline) -> Result<()> {
    let Some(moment) = deadline.moment() else {
        return futex::lock_pi(word, scope.flags(), None);
    };
    match futex::lock_pi2(word, scope.flags(), Some(&moment)) {
        Err(Errno::NOSYS) => {}
        taken => return taken,
    }
    loop {
        let until = on_the_clock_that_is_set(moment);
        match futex::lock_pi(word, scope.flags(), Some(&until)) {
            Err(Errno::TIMEDOUT) if !deadline.has_passed_by_call() => {}
            taken => return taken,
        }
    }
}

/// The moment of `CLOCK_REALTIME` that is as far away as `moment` is on the monotonic clock.
fn on_the_clock_that_is_set(moment: Timespec) -> Timespec {
    let (here, there) = (time::monotonic(), time::clock_gettime(CLOCK_REALTIME));
    let seconds = (moment.tv_sec)
        .saturating_sub(here.tv_sec)
        .saturating_add(there.tv_sec);
    // Between minus one and two seconds.
    let nanoseconds = moment.tv_nsec - here.tv_nsec + there.tv_nsec;
    Timespec {
        tv_sec: (seconds.saturating_add(nanoseconds.div_euclid(NANOS_PER_SEC))).max(0),
        tv_nsec: nanoseconds.rem_euclid(NANOS_PER_SEC),
    }
}
