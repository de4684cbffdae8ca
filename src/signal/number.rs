//! Signals by their numbers, the real-time ones among them.

use crate::Signal;
use crate::signo::{self, REAL_TIME_MAX, REAL_TIME_MIN};

/// How many real-time signals there are for programs.
pub const REAL_TIME_COUNT: u32 = (REAL_TIME_MAX - REAL_TIME_MIN + 1) as u32;

/// The real-time signal `index`, from 0: `SIGRTMIN + index`, of which there are
/// [`REAL_TIME_COUNT`]. `None` beyond.
///
/// Numbered as glibc does, from 34. 32 and 33 are for a libc's threads, and
/// [`reserved`]; musl keeps 34 too, so that index 0 is better left alone in a
/// program that is linked with it.
///
/// # Examples
///
/// ```
/// use rawipc::signal;
///
/// assert_eq!(signal::real_time(0).unwrap().as_raw(), 34);
/// assert_eq!(signal::real_time(30).unwrap().as_raw(), 64);
/// assert_eq!(signal::real_time(31), None);
/// ```
#[doc(alias = "SIGRTMIN")]
#[doc(alias = "SIGRTMAX")]
#[must_use]
pub const fn real_time(index: u32) -> Option<Signal> {
    if index < REAL_TIME_COUNT {
        from_number(REAL_TIME_MIN + index as i32)
    } else {
        None
    }
}

/// The signal with this number: from 1 to 64, but for 32 and 33, which a libc
/// reserves for its threads. `None` for any other number.
///
/// # Examples
///
/// ```
/// use rawipc::{Signal, signal};
///
/// assert_eq!(signal::from_number(15), Some(Signal::TERM));
/// for number in [0, 32, 33, 65, -1] {
///     assert_eq!(signal::from_number(number), None);
/// }
/// ```
#[must_use]
pub const fn from_number(number: i32) -> Option<Signal> {
    signo::signal(number)
}

/// The signal 32 or 33, which a libc would reserve for its threads. `None` for any
/// other number.
///
/// # Safety
///
/// This process has no libc, and none sends it to a process that has.
#[must_use]
pub const unsafe fn reserved(number: i32) -> Option<Signal> {
    match number {
        // SAFETY: there is such a signal; that it is nobody's is the caller's promise.
        32 | 33 => Some(unsafe { Signal::from_raw_unchecked(number) }),
        _ => None,
    }
}
