//! The numbers of signals, the real-time ones among them, and which of them safe code may
//! have as a [`Signal`].
//!
//! All that makes a `Signal` of a number goes through [`from_number`], so that none of a libc's
//! own comes from safe code: whoever has a `Signal` can send it.

use crate::Signal;

/// The first real-time signal that a libc leaves to programs: its `SIGRTMIN`.
pub(crate) const REAL_TIME_MIN: i32 = 34;

/// The last real-time signal: `SIGRTMAX`.
pub(crate) const REAL_TIME_MAX: i32 = 64;

/// A signal that a libc reserves for its threads, as the kernel may report it: it terminated a
/// process, or a tracee is about to get it.
///
/// It is not a [`Signal`], so that no safe function can send it: a libc's handler for it trusts
/// its own process to send it only as the libc does.
/// [`signal::reserved`](crate::signal::reserved) makes the `Signal` of its number.
///
/// # Examples
///
/// ```
/// use rawipc::process::State;
/// use rawipc::signal::{self, Reserved};
///
/// /// The number of the signal that terminated a process.
/// fn signal_of(state: State) -> Option<i32> {
///     match state {
///         State::Signalled { signal, .. } => Some(signal.as_raw()),
///         State::SignalledReserved(reserved) => Some(reserved.as_raw()),
///         _ => None,
///     }
/// }
/// assert_eq!(signal_of(State::SignalledReserved(Reserved::Signal32)), Some(32));
/// assert_eq!(signal::from_number(32), None); // cannot be sent by mistake
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Reserved {
    /// 32: glibc's `SIGCANCEL`, musl's `SIGTIMER`.
    Signal32 = 32,
    /// 33: glibc's `SIGSETXID`, musl's `SIGCANCEL`.
    Signal33 = 33,
}

impl Reserved {
    /// Returns its number.
    #[must_use]
    pub const fn as_raw(self) -> i32 {
        self as i32
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

/// The number of real-time signals that programs can use.
pub const REAL_TIME_COUNT: u32 = (REAL_TIME_MAX - REAL_TIME_MIN + 1) as u32;

/// Returns the real-time signal `index`, from 0: `SIGRTMIN + index`. There are
/// [`REAL_TIME_COUNT`]; `None` beyond.
///
/// Numbered from 34, as in glibc. 32 and 33 are [`reserved`] for a libc's threads; musl uses 34
/// too, so avoid index 0 in a program that is linked with it.
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

/// Returns the signal with this number: from 1 to 64, except 32 and 33, which a libc reserves
/// for its threads. `None` for any other number.
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
    match reported(number) {
        Some(Ok(signal)) => Some(signal),
        _ => None,
    }
}

/// Returns the signal 32 or 33, which a libc would reserve for its threads. `None` for any
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
