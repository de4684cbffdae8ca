//! Events that are descriptors, and waiting for many at once.
//!
//! | event | module |
//! |---|---|
//! | another process or thread counts up | [`eventfd`] |
//! | a clock reaches a time | [`timerfd`] |
//! | a name appears in a directory: a FIFO, a socket | [`inotify`] |
//! | a process terminates | [`process::pidfd`](crate::process::pidfd) in a poller |
//! | the first of many descriptors is ready | [`poller`] (`epoll`), [`poll`] for a few |

use linux_raw_sys::general as raw;
use static_assertions::const_assert_eq;

pub mod eventfd;
pub mod inotify;
pub mod poll;
pub mod poller;
pub mod timerfd;

bitflags::bitflags! {
    /// What a descriptor is ready for: `POLL*`, and the `EPOLL*` of the same value.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::event::Readiness;
    /// use rawipc::event::poll::{self, PollFd};
    /// use rawipc::pipe::{self, PipeFlags};
    ///
    /// let (reader, writer) = pipe::create(PipeFlags::empty())?;
    /// writer.write(b"x")?;
    /// let mut fds = [PollFd::new(&reader, Readiness::IN)];
    /// poll::wait(&mut fds)?;
    /// assert!(fds[0].readiness().contains(Readiness::IN));
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Readiness: u32 {
        /// A read does not block: there is data, or the end of it; a connection can be
        /// accepted; a counter is not zero; a process has terminated.
        const IN = raw::POLLIN;
        /// A write of at least some bytes does not block.
        const OUT = raw::POLLOUT;
        /// Something exceptional: urgent data of TCP, a changed file of a cgroup.
        const PRI = raw::POLLPRI;
        /// The peer of a stream socket has closed, or shut down its writing half. Reported only
        /// on request.
        const RDHUP = raw::POLLRDHUP;
        /// An error; for the write end of a pipe: there is no reader. Reported unrequested.
        const ERR = raw::POLLERR;
        /// The other side has hung up; what it wrote may still be there to read. Reported
        /// unrequested.
        const HUP = raw::POLLHUP;
        /// The number is not an open descriptor ([`poll`] only). Reported unrequested.
        const NVAL = raw::POLLNVAL;
        /// Same as `IN` for most descriptors.
        const RDNORM = raw::POLLRDNORM;
        /// There is priority data, for the few kinds that have it.
        const RDBAND = raw::POLLRDBAND;
        /// Same as `OUT` for most descriptors.
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
