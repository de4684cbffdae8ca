//! Events that are descriptors, and waiting for many at once.
//!
//! | to be told of | there is |
//! |---|---|
//! | what another process or thread counts | [`eventfd`] |
//! | a moment of a clock | [`timerfd`] |
//! | names that appear in a directory: FIFOs, sockets | [`inotify`] |
//! | the end of a process | [`process::pidfd`](crate::process::pidfd) in a poller |
//! | the first of many descriptors | [`poller`] (`epoll`), [`poll`] for a few |

use linux_raw_sys::general as raw;
use static_assertions::const_assert_eq;

use crate::Signal;

pub mod eventfd;
pub mod inotify;
pub mod poll;
pub mod poller;
pub mod timerfd;

bitflags::bitflags! {
    /// What a descriptor is ready for: `POLL*`, and the `EPOLL*` of the same value.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Readiness: u32 {
        /// A read does not block: there is data, or the end of it; a connection can
        /// be accepted; a counter is not zero; a process has ended.
        const IN = raw::POLLIN;
        /// A write of at least something does not block.
        const OUT = raw::POLLOUT;
        /// Something exceptional: urgent data of TCP, a changed file of a cgroup.
        const PRI = raw::POLLPRI;
        /// The other side of a stream socket has closed, or shut down its writing
        /// half. Only told when asked for.
        const RDHUP = raw::POLLRDHUP;
        /// An error; of a pipe's writing end: there is no reader. Told unasked.
        const ERR = raw::POLLERR;
        /// The other side has hung up; what it wrote may still be there to read. Told
        /// unasked.
        const HUP = raw::POLLHUP;
        /// The number is no open descriptor ([`poll`] only). Told unasked.
        const NVAL = raw::POLLNVAL;
        /// As `IN`, of most descriptors.
        const RDNORM = raw::POLLRDNORM;
        /// There is priority data, of the few kinds that have it.
        const RDBAND = raw::POLLRDBAND;
        /// As `OUT`, of most descriptors.
        const WRNORM = raw::POLLWRNORM;
        /// Priority data can be written.
        const WRBAND = raw::POLLWRBAND;
        /// Unused by Linux.
        const MSG = raw::POLLMSG;

        const _ = !0;
    }
}

const_assert_eq!(raw::POLLIN, raw::EPOLLIN);
const_assert_eq!(raw::POLLOUT, raw::EPOLLOUT);
const_assert_eq!(raw::POLLPRI, raw::EPOLLPRI);
const_assert_eq!(raw::POLLRDHUP, raw::EPOLLRDHUP);
const_assert_eq!(raw::POLLERR, raw::EPOLLERR);
const_assert_eq!(raw::POLLHUP, raw::EPOLLHUP);
const_assert_eq!(raw::POLLRDNORM, raw::EPOLLRDNORM);
const_assert_eq!(raw::POLLRDBAND, raw::EPOLLRDBAND);
const_assert_eq!(raw::POLLWRNORM, raw::EPOLLWRNORM);
const_assert_eq!(raw::POLLWRBAND, raw::EPOLLWRBAND);
const_assert_eq!(raw::POLLMSG, raw::EPOLLMSG);

/// Which signals are blocked while a masked wait sleeps, instead of those that are
/// blocked otherwise.
///
/// The kernel puts the mask in force and looks for descriptors in one step. A
/// program that blocks a signal, does its work, and lets it through in the wait
/// alone misses none: one that came before ends the wait at once with
/// [`Errno::INTR`](crate::Errno::INTR), after its handler ran.
///
/// # Examples
///
/// ```
/// use rawipc::Signal;
/// use rawipc::event::SignalMask;
///
/// let mask = SignalMask::ALL.without(Signal::TERM);
/// assert!(mask.blocks(Signal::INT) && !mask.blocks(Signal::TERM));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SignalMask(u64);

impl SignalMask {
    /// Blocks no signal.
    pub const NONE: Self = Self(0);
    /// Blocks every signal but `SIGKILL` and `SIGSTOP`, which cannot be.
    pub const ALL: Self = Self(!0);

    /// The mask as the kernel writes it: bit `n - 1` is signal `n`.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// As the kernel writes it: bit `n - 1` is signal `n`.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// This mask, and it blocks `signal`.
    #[must_use]
    pub const fn with(self, signal: Signal) -> Self {
        Self(self.0 | Self::bit(signal))
    }

    /// This mask, and it lets `signal` through.
    #[must_use]
    pub const fn without(self, signal: Signal) -> Self {
        Self(self.0 & !Self::bit(signal))
    }

    /// Whether it blocks `signal`.
    #[must_use]
    pub const fn blocks(self, signal: Signal) -> bool {
        self.0 & Self::bit(signal) != 0
    }

    const fn bit(signal: Signal) -> u64 {
        // Signals are 1 to 64.
        1_u64.rotate_left((signal.as_raw() - 1) as u32)
    }
}
