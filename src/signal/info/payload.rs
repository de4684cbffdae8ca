//! What travels with a signal: its sender and its payload.
#![forbid(unsafe_code)]

use crate::Pid;

/// A number or a pointer that travels with a signal: `union sigval`.
///
/// # Examples
///
/// ```
/// use rawipc::process;
/// use rawipc::signal::{self, Cause, Payload};
///
/// let number = signal::real_time(0).ok_or("no such signal")?;
/// signal::block(number)?;
/// signal::queue(process::id(), number, Payload::from_int(-5))?;
/// let Cause::Queue { payload, .. } = signal::wait(number)?.cause() else {
///     return Err("sent otherwise".into());
/// };
/// assert_eq!(payload.int(), -5);
/// assert_eq!(Payload::from_word(u64::MAX).word(), u64::MAX); // all 8 bytes
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "sigval")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Payload(u64);

impl Payload {
    /// Returns a payload of all 8 bytes: `sival_ptr` in C.
    #[must_use]
    pub const fn from_word(word: u64) -> Self {
        Self(word)
    }

    /// Creates a payload from a number: `sival_int` in C.
    #[must_use]
    pub const fn from_int(int: i32) -> Self {
        Self(join([int as u32, 0]))
    }

    /// Returns all 8 bytes: `sival_ptr` in C.
    ///
    /// Of a sender that set `sival_int`, half of it can be anything.
    #[must_use]
    pub const fn word(self) -> u64 {
        self.0
    }

    /// Returns the number: `sival_int` in C.
    #[must_use]
    pub const fn int(self) -> i32 {
        split(self.0)[0] as i32
    }
}

/// The sender of a signal.
///
/// # Examples
///
/// ```
/// use rawipc::signal::{self, Cause};
/// use rawipc::{Signal, process};
///
/// signal::block(Signal::USR1)?;
/// signal::send(process::id(), Signal::USR1)?;
/// let Cause::User(sender) = signal::wait(Signal::USR1)?.cause() else {
///     return Err("sent otherwise".into());
/// };
/// assert_eq!(sender.pid, Some(process::id()));
/// assert_eq!(sender.uid, rustix::process::getuid().as_raw());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The process, in the caller's PID namespace; `None` if it is in another, or is the
    /// kernel.
    pub pid: Option<Pid>,
    /// Its real user.
    pub uid: u32,
}

/// The two numbers that lie in 8 bytes.
pub(super) const fn split(word: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = word.to_ne_bytes();
    [
        u32::from_ne_bytes([a, b, c, d]),
        u32::from_ne_bytes([e, f, g, h]),
    ]
}

/// Two numbers as 8 bytes.
pub(super) const fn join(numbers: [u32; 2]) -> u64 {
    let [[a, b, c, d], [e, f, g, h]] = [numbers[0].to_ne_bytes(), numbers[1].to_ne_bytes()];
    u64::from_ne_bytes([a, b, c, d, e, f, g, h])
}

pub(super) fn sender(pid: u32, uid: u32) -> Sender {
    Sender {
        // What a process says itself can be no number of one.
        pid: i32::try_from(pid).ok().and_then(Pid::from_raw),
        uid,
    }
}
