//! Numbers of processes on their way to the kernel, which reads some of them as something
//! else: 0 as the caller, -1 as everyone, other negative ones as groups.

use crate::{Errno, Pid, Result};

/// The number of one process, thread or group, as system calls take it.
///
/// A [`Pid`] can be negative, as whoever makes one is not held to anything. All that
/// give one to a system call ask here, so that it is never taken for another meaning.
///
/// # Errors
///
/// [`Errno::SRCH`]: it is negative, and names nothing.
#[inline]
pub(crate) fn number(pid: Pid) -> Result<i32> {
    let number = pid.as_raw_pid();
    if number > 0 {
        Ok(number)
    } else {
        Err(Errno::SRCH)
    }
}

/// As [`number`]; 0 for none.
///
/// # Errors
///
/// As [`number`].
#[inline]
pub(crate) fn number_or_zero(pid: Option<Pid>) -> Result<i32> {
    pid.map_or(Ok(0), number)
}
