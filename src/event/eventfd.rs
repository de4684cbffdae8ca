//! A counter that is a descriptor: `eventfd(2)`.
//!
//! Adding to it wakes those that wait for it, by [`EventFd::wait`] or by `poll` and `epoll`,
//! where it is readable while the counter is not zero. It lives until its last descriptor is
//! closed; what a process added stays when that process dies.
//!
//! Whether the description is non-blocking is seen by all who share it, and any of
//! them can change it. Nothing here depends on it: the plain functions block and
//! the `try_` functions return at once in any case.
#![forbid(unsafe_code)]

use linux_raw_sys::general as raw;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{EventfdFlags, PollFd, PollFlags, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::OFlags;

use crate::wait::patience::Patience;
use crate::wait::ready;
use crate::{Deadline, Errno, Result, Timespec, procfs};

/// The largest value of the counter.
pub const MAX: u64 = u64::MAX - 1;

bitflags::bitflags! {
    /// Flags of [`create`].
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::event::eventfd::{self, EventFdFlags};
    ///
    /// // Three permits, taken one at a time, and inherited by programs that are executed.
    /// let permits = eventfd::create(3, EventFdFlags::SEMAPHORE | EventFdFlags::INHERITED)?;
    /// assert_eq!(permits.wait()?, 1);
    /// assert_eq!(permits.wait()?, 1);
    /// permits.add(1)?; // gives one back
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct EventFdFlags: u32 {
        /// The descriptor stays open in programs that this process executes.
        const INHERITED = raw::EFD_CLOEXEC;
        /// Waiting takes 1, not the whole value.
        const SEMAPHORE = raw::EFD_SEMAPHORE;
        /// The description is non-blocking: for other code that is given the
        /// descriptor, and to make [`EventFd::try_add`] exact.
        const NONBLOCK = raw::EFD_NONBLOCK;

        const _ = !0;
    }
}

/// A counter that is a descriptor.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::event::eventfd::{self, EventFdFlags};
///
/// let counter = eventfd::create(0, EventFdFlags::empty())?;
/// counter.add(2)?;
/// counter.add(3)?;
/// assert_eq!(counter.wait(), Ok(5));
/// assert_eq!(counter.try_wait(), Err(Errno::AGAIN));
///
/// let semaphore = eventfd::create(2, EventFdFlags::SEMAPHORE)?;
/// assert_eq!(semaphore.wait(), Ok(1));
/// assert_eq!(semaphore.wait(), Ok(1));
/// assert_eq!(semaphore.try_wait(), Err(Errno::AGAIN));
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[derive(Debug)]
pub struct EventFd(OwnedFd);

/// Creates a counter with the value `initial`: `eventfd2(2)`. Its descriptor is closed on exec
/// unless asked otherwise.
///
/// # Errors
///
/// [`Errno::MFILE`], [`Errno::NFILE`]: this process, or the system, has no
/// descriptor left. [`Errno::INVAL`]: the kernel does not know a flag.
#[doc(alias = "eventfd")]
pub fn create(initial: u32, flags: EventFdFlags) -> Result<EventFd> {
    let bits = flags.bits() ^ raw::EFD_CLOEXEC;
    rustix::event::eventfd(initial, EventfdFlags::from_bits_retain(bits)).map(EventFd)
}

impl EventFd {
    /// Blocks until the counter is not zero, sets it to zero and returns the old value; a
    /// semaphore takes 1 and returns 1: `read(2)`.
    ///
    /// Of several who wait, one gets it.
    ///
    /// # Errors
    ///
    /// [`Errno::INTR`]: it was [interrupted](crate#interruptions).
    #[doc(alias = "eventfd_read")]
    #[inline]
    pub fn wait(&self) -> Result<u64> {
        self.read().or_else(|errno| self.not_read(errno))
    }

    /// Like [`wait`](Self::wait), but returns [`Errno::AGAIN`] instead of blocking:
    /// `preadv2(2)` with `RWF_NOWAIT`.
    ///
    /// Before Linux 5.8 the counter is first looked at and then read: when
    /// another empties it in between, and the description is blocking, this blocks.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: it is zero.
    pub fn try_wait(&self) -> Result<u64> {
        self.wait_with(Patience::Try)
    }

    /// Like [`wait`](Self::wait), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: the deadline passed.
    pub fn wait_until(&self, deadline: Deadline) -> Result<u64> {
        self.wait_with(Patience::Until(deadline))
    }

    fn wait_with(&self, patience: Patience) -> Result<u64> {
        let fd = self.as_fd();
        ready::patiently(fd, PollFlags::IN, patience, |may_block| {
            if may_block {
                return self.read();
            }
            let mut value = [0; 8];
            // All 8 bytes or an error.
            ready::read_now(fd, &mut value)?;
            Ok(u64::from_ne_bytes(value))
        })
    }

    /// Adds to the counter, and wakes those that wait for it: `write(2)`.
    ///
    /// Blocks while the sum would be more than [`MAX`], until another waits for
    /// (and so empties) it. Adding 0 is allowed and does nothing.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: `amount` is `u64::MAX`. [`Errno::INTR`]: it was
    /// [interrupted](crate#interruptions), and nothing was added.
    #[doc(alias = "eventfd_write")]
    #[inline]
    pub fn add(&self, amount: u64) -> Result<()> {
        self.write(amount)
            .or_else(|errno| self.not_added(amount, errno))
    }

    /// Like [`add`](Self::add), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// The kernel has no such call for a description that is blocking, so the
    /// counter is first looked at, and only then written: when others fill it up to
    /// the last in between, this blocks. With
    /// [`EventFdFlags::NONBLOCK`] it does not. (To look at a counter that is not
    /// zero, when adding more than 1, takes `/proc`; without it the sum is taken
    /// for possible.)
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: the sum would be more. [`Errno::INVAL`]: `amount` is `u64::MAX`.
    pub fn try_add(&self, amount: u64) -> Result<()> {
        self.add_with(amount, Patience::Try)
    }

    /// Like [`add`](Self::add), but gives up at `deadline` with [`Errno::TIMEDOUT`]. That it
    /// returns in time has the condition of [`try_add`](Self::try_add).
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: the deadline passed. [`Errno::INVAL`]: `amount` is
    /// `u64::MAX`. In all cases nothing was
    /// added. [`Errno::MFILE`], [`Errno::NFILE`]: waiting takes one more descriptor.
    pub fn add_until(&self, amount: u64, deadline: Deadline) -> Result<()> {
        self.add_with(amount, Patience::Until(deadline))
    }

    fn add_with(&self, amount: u64, patience: Patience) -> Result<()> {
        let at_once = || match self.has_room(amount)? {
            true => ready::uninterrupted(|| self.write(amount)),
            false => Err(Errno::AGAIN),
        };
        let deadline = match (at_once(), patience) {
            (Err(Errno::AGAIN), Patience::Until(deadline)) => deadline,
            (result, _) => return result,
        };
        // The descriptor is writable while 1 has room, which may not be enough:
        // what to wait for is that it is emptied *again*, an edge.
        let edges = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(
            &edges,
            &self.0,
            EventData::new_u64(0),
            EventFlags::OUT | EventFlags::ET,
        )?;
        ready::retry(edges.as_fd(), PollFlags::IN, deadline, || {
            // The edge is taken before the attempt, so that none is missed.
            let mut edge = [EMPTY_EVENT];
            ready::uninterrupted(|| epoll::wait(&edges, &mut edge, Some(&NO_TIME)))?;
            at_once()
        })
    }

    /// The kernel refused to add in the blocking way.
    #[cold]
    #[inline(never)]
    fn not_added(&self, amount: u64, errno: Errno) -> Result<()> {
        match errno {
            // The description is non-blocking.
            Errno::AGAIN => self.add_with(amount, Patience::FOREVER),
            errno => Err(errno),
        }
    }

    /// The kernel refused to read in the blocking way.
    #[cold]
    #[inline(never)]
    fn not_read(&self, errno: Errno) -> Result<u64> {
        match errno {
            // The description is non-blocking.
            Errno::AGAIN => self.wait_with(Patience::FOREVER),
            errno => Err(errno),
        }
    }

    #[inline]
    fn read(&self) -> Result<u64> {
        let mut value = [0; 8];
        // All 8 bytes or an error.
        rustix::io::read(&self.0, &mut value)?;
        Ok(u64::from_ne_bytes(value))
    }

    #[inline]
    fn write(&self, amount: u64) -> Result<()> {
        // All 8 bytes or an error.
        rustix::io::write(&self.0, &amount.to_ne_bytes()).map(drop)
    }

    fn poll(&self) -> Result<PollFlags> {
        let mut fds = [PollFd::from_borrowed_fd(
            self.as_fd(),
            PollFlags::IN | PollFlags::OUT,
        )];
        poll(&mut fds, Some(&NO_TIME))?;
        let [fd] = fds;
        Ok(fd.revents())
    }

    /// Whether writing `amount` would not block now.
    fn has_room(&self, amount: u64) -> Result<bool> {
        // 0 always has room, and u64::MAX is for the kernel to refuse.
        if amount == 0 || amount == u64::MAX {
            return Ok(true);
        }
        let ready = self.poll()?;
        // Writable: 1 has room. Not readable: it is zero.
        if !ready.contains(PollFlags::OUT) {
            return Ok(false);
        }
        if amount == 1 || !ready.contains(PollFlags::IN) {
            return Ok(true);
        }
        // The kernel itself says, without blocking.
        if rustix::fs::fcntl_getfl(&self.0)?.contains(OFlags::NONBLOCK) {
            return Ok(true);
        }
        Ok(self.count().is_none_or(|count| count <= MAX - amount))
    }

    /// The counter's value, as `/proc` says.
    fn count(&self) -> Option<u64> {
        let info = procfs::descriptor_info(self.as_fd()).ok()?;
        let mut text = [0; 512];
        let len = rustix::io::read(&info, &mut text).ok()?;
        count_in(text.get(..len)?)
    }
}

/// The value in `/proc/PID/fdinfo/FD` of an eventfd: hexadecimal.
fn count_in(text: &[u8]) -> Option<u64> {
    let line = text
        .split(|&byte| byte == b'\n')
        .find_map(|line| line.strip_prefix(b"eventfd-count:"))?;
    line.iter()
        .filter(|byte| !byte.is_ascii_whitespace())
        .try_fold(0_u64, |count, &byte| {
            let digit = char::from(byte).to_digit(16)?;
            Some(count.checked_mul(16)? | u64::from(digit))
        })
}

/// A timeout of no time.
const NO_TIME: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// A place for epoll to write to.
const EMPTY_EVENT: epoll::Event = epoll::Event {
    flags: EventFlags::empty(),
    data: EventData::new_u64(0),
};

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

crate::sys::fd_number::numbers!(EventFd);

impl From<EventFd> for OwnedFd {
    fn from(event: EventFd) -> Self {
        event.0
    }
}

/// Takes any descriptor. Calls on one that is not an eventfd fail, or do what `read` and
/// `write` of 8 bytes do to it.
impl From<OwnedFd> for EventFd {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}
