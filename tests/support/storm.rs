//! A storm of signals: a timer that interrupts one thread all the time.

use core::cell::Cell;
use core::mem::zeroed;
use core::ptr::null_mut;
use core::time::Duration;

/// How often a signal comes.
const EVERY: Duration = Duration::from_micros(100);

thread_local! {
    /// How many signals this thread has handled. Without a destructor and made
    /// beforehand, so that a handler may use it.
    static HANDLED: Cell<u64> = const { Cell::new(0) };
}

extern "C" fn count(_: libc::c_int) {
    HANDLED.set(HANDLED.get().wrapping_add(1));
}

/// Signals that come over the thread that began it, again and again until it is
/// dropped: SIGALRM, with a handler, and what it interrupts is not begun again.
///
/// In a forked child or a thread of the harness alike: no other thread gets any.
pub(crate) struct Storm {
    timer: libc::timer_t,
    before: u64,
}

impl Storm {
    pub(crate) fn begin() -> Self {
        handle(libc::SIGALRM);
        let before = HANDLED.get();
        let every = libc::timespec {
            tv_sec: 0,
            tv_nsec: EVERY.as_nanos() as i64,
        };
        let times = libc::itimerspec {
            it_interval: every,
            it_value: every,
        };
        let mut timer = null_mut();
        // SAFETY: all zeros are a sigevent.
        let mut event: libc::sigevent = unsafe { zeroed() };
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = libc::SIGALRM;
        // SAFETY: no memory is involved.
        event.sigev_notify_thread_id = unsafe { libc::gettid() };
        // SAFETY: both are borrowed for the call.
        let made =
            unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer) };
        assert_eq!(made, 0, "a timer");
        // SAFETY: the timer was made above; the times are borrowed for the call.
        let set = unsafe { libc::timer_settime(timer, 0, &raw const times, null_mut()) };
        assert_eq!(set, 0, "a timer that runs");
        Self { timer, before }
    }

    /// How many signals have been handled since it began.
    pub(crate) fn handled(&self) -> u64 {
        HANDLED.get().wrapping_sub(self.before)
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        // SAFETY: made by this, and deleted once.
        unsafe { libc::timer_delete(self.timer) };
    }
}

/// Lets `signal` interrupt what waits, and do nothing but be counted.
pub(crate) fn handle(signal: libc::c_int) {
    // SAFETY: all zeros are an action, without SA_RESTART.
    let mut action: libc::sigaction = unsafe { zeroed() };
    action.sa_sigaction = count as extern "C" fn(libc::c_int) as usize;
    // SAFETY: the handler uses nothing but a cell of its thread.
    let set = unsafe { libc::sigaction(signal, &raw const action, null_mut()) };
    assert_eq!(set, 0, "a handler");
}
