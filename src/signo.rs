//! The numbers of signals, and which of them safe code may have as a [`Signal`].
//!
//! All that makes a `Signal` of a number goes through [`signal`], so that none of a libc's
//! own comes from safe code: whoever has a `Signal` can send it.

use crate::Signal;

/// The first real-time signal that a libc leaves to programs: its `SIGRTMIN`.
pub(crate) const REAL_TIME_MIN: i32 = 34;

/// The last real-time signal: `SIGRTMAX`.
pub(crate) const REAL_TIME_MAX: i32 = 64;

/// One of the two signals that a libc keeps for its threads, where the kernel reports it:
/// as what ended a process, or what a tracee is about to get.
///
/// It is no [`Signal`], so that no safe function can send it: the handler that a libc has
/// for it trusts its own process to send it only as the libc does.
/// [`signal::reserved`](crate::signal::reserved) makes the `Signal` of its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Reserved {
    /// 32: glibc's `SIGCANCEL`, musl's `SIGTIMER`.
    Signal32 = 32,
    /// 33: glibc's `SIGSETXID`, musl's `SIGCANCEL`.
    Signal33 = 33,
}

impl Reserved {
    /// Its number.
    #[must_use]
    pub const fn as_raw(self) -> i32 {
        self as i32
    }
}

/// The signal with this number, unless it is reserved or there is none.
pub(crate) const fn signal(number: i32) -> Option<Signal> {
    match reported(number) {
        Some(Ok(signal)) => Some(signal),
        _ => None,
    }
}

/// What a number that the kernel reported means; `None` if there is no such signal.
pub(crate) const fn reported(number: i32) -> Option<Result<Signal, Reserved>> {
    Some(match number {
        32 => Err(Reserved::Signal32),
        33 => Err(Reserved::Signal33),
        1..=REAL_TIME_MAX => {
            // SAFETY: there is such a signal, and no libc reserves it for itself but
            // musl 34, which to use harms none of its memory: the threads that it
            // wants to reach with it are counted by their answers.
            Ok(unsafe { Signal::from_raw_unchecked(number) })
        }
        _ => return None,
    })
}
