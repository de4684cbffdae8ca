//! Waiting for the first of many descriptors: `epoll(7)`.
//!
//! A [`Poller`] keeps a list of registrations in the kernel and reports which of them are
//! ready, in time that does not depend on how many are not. It is a descriptor itself, readable
//! while a registration is ready: pollers nest, up to 5 deep.
//!
//! # What can be watched
//!
//! Anything with a descriptor that can block: pipes, FIFOs, sockets, eventfds, timers,
//! signalfds, inotify, POSIX message queues, terminals, userfaultfds, other pollers. A
//! [`Pidfd`](crate::process::pidfd::Pidfd) is readable once its process has ended.
//!
//! Regular files and directories never block, and are refused with [`Errno::PERM`];
//! so are memfds. System V objects and futexes have no descriptor: a thread or
//! process that waits for them can ring an eventfd.
//!
//! # Descriptors that are closed
//!
//! A registration belongs to the *open file description*, with the number under which it was
//! registered. It ends by itself only when the last descriptor of that description is closed,
//! in every process: while a duplicate, a child made by fork, or a message in a socket has one,
//! events keep coming for a number that is closed or means something else by now, and nobody
//! can remove it any more. [`remove`](Poller::remove) before closing. Tokens should identify a
//! registration in a way that distinguishes an old one from a new one.
//!
//! Left out: the busy polling of network cards (`EPIOCSPARAMS`), which no inter-process
//! communication has.
#![forbid(unsafe_code)]

use core::fmt;

use linux_raw_sys::general as raw;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

use super::Readiness;
use crate::signal::set::Set;
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::wait::ready;
use crate::{Deadline, Errno, Result, sys};

pub use crate::sys::event::Event;

bitflags::bitflags! {
    /// Flags of [`create`].
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::event::eventfd::{self, EventFdFlags};
    /// use rawipc::event::poller::{self, Event, Interest, PollerFlags};
    ///
    /// // Pollers nest: a poller is readable while one of its registrations is ready.
    /// let inner = poller::create(PollerFlags::empty())?;
    /// let outer = poller::create(PollerFlags::INHERITED)?; // stays open in executed programs
    /// outer.add(&inner, 1, Interest::IN)?;
    ///
    /// let counter = eventfd::create(1, EventFdFlags::empty())?;
    /// inner.add(&counter, 2, Interest::IN)?;
    /// assert_eq!(outer.wait(&mut [Event::EMPTY; 4])?[0].token(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct PollerFlags: u32 {
        /// The descriptor stays open in programs that this process executes.
        const INHERITED = raw::EPOLL_CLOEXEC;

        const _ = !0;
    }
}

bitflags::bitflags! {
    /// The readiness that a registration waits for, and how it is reported.
    ///
    /// Level-triggered unless asked otherwise: each wait reports it for as long as it is ready.
    /// [`Readiness::ERR`] and [`Readiness::HUP`] are always waited for.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::Errno;
    /// use rawipc::event::eventfd::{self, EventFdFlags};
    /// use rawipc::event::poller::{self, Event, Interest, PollerFlags};
    ///
    /// let poller = poller::create(PollerFlags::empty())?;
    /// let counter = eventfd::create(1, EventFdFlags::empty())?;
    /// poller.add(&counter, 0, Interest::IN | Interest::ONE_SHOT)?;
    ///
    /// let mut events = [Event::EMPTY; 4];
    /// assert_eq!(poller.wait(&mut events)?.len(), 1);
    /// // It is still readable, but reported only once.
    /// assert_eq!(poller.try_wait(&mut events), Err(Errno::AGAIN));
    /// poller.modify(&counter, 0, Interest::IN)?;
    /// assert_eq!(poller.wait(&mut events)?.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Interest: u32 {
        /// [`Readiness::IN`].
        const IN = raw::EPOLLIN;
        /// [`Readiness::OUT`].
        const OUT = raw::EPOLLOUT;
        /// [`Readiness::PRI`].
        const PRI = raw::EPOLLPRI;
        /// [`Readiness::RDHUP`].
        const RDHUP = raw::EPOLLRDHUP;
        /// [`Readiness::RDNORM`].
        const RDNORM = raw::EPOLLRDNORM;
        /// [`Readiness::RDBAND`].
        const RDBAND = raw::EPOLLRDBAND;
        /// [`Readiness::WRNORM`].
        const WRNORM = raw::EPOLLWRNORM;
        /// [`Readiness::WRBAND`].
        const WRBAND = raw::EPOLLWRBAND;

        /// Edge-triggered: reports once each time that something happens, not for as long as
        /// the descriptor is ready. Read (or write) until [`Errno::AGAIN`], as what is left is
        /// not reported before something happens again.
        const EDGE = raw::EPOLLET;
        /// Reports once, and then is silent until [`Poller::modify`].
        const ONE_SHOT = raw::EPOLLONESHOT;
        /// Wakes one or some of the pollers that watch the descriptor with this flag, instead
        /// of all. Only with `IN`, `OUT`, `WAKEUP` and `EDGE`; not for pollers; cannot be
        /// modified.
        const EXCLUSIVE = raw::EPOLLEXCLUSIVE;
        /// Keeps the machine from suspending between an event and the next wait. Ignored for
        /// processes without `CAP_BLOCK_SUSPEND`.
        const WAKEUP = raw::EPOLLWAKEUP;

        const _ = !0;
    }
}

/// A set of registered descriptors, and a wait for the first that is ready.
///
/// Several threads, and processes that share the descriptor, may wait on one poller. A
/// level-triggered event is reported to all of them; one with [`Interest::EDGE`] to one, one
/// with [`Interest::ONE_SHOT`] to exactly one.
///
/// # Examples
///
/// ```
/// use rawipc::event::Readiness;
/// use rawipc::event::eventfd::{self, EventFdFlags};
/// use rawipc::event::poller::{self, Event, Interest, PollerFlags};
///
/// let poller = poller::create(PollerFlags::empty())?;
/// let counter = eventfd::create(0, EventFdFlags::empty())?;
/// poller.add(&counter, 7, Interest::IN)?;
/// counter.add(1)?;
///
/// let mut events = [Event::EMPTY; 16];
/// for event in poller.wait(&mut events)? {
///     assert_eq!((event.token(), event.readiness()), (7, Readiness::IN));
/// }
/// # Ok::<(), rawipc::Errno>(())
/// ```
///
/// The end of a process is an event:
///
/// ```
/// use rawipc::Signal;
/// use rawipc::event::poller::{self, Event, Interest, PollerFlags};
/// use rawipc::process::{self, Fork, WaitFlags, pidfd};
///
/// // SAFETY: the child only exits, should it get so far.
/// let child = match unsafe { process::fork()? } {
///     Fork::Child => loop { core::hint::spin_loop() },
///     Fork::Parent(child) => pidfd::open(child)?,
/// };
/// let poller = poller::create(PollerFlags::empty())?;
/// poller.add(&child, 1, Interest::IN)?;
/// child.send_signal(Signal::KILL)?;
/// assert_eq!(poller.wait(&mut [Event::EMPTY; 1])?[0].token(), 1);
/// process::wait(&child, WaitFlags::EXITED)?;
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[derive(Debug)]
pub struct Poller(OwnedFd);

/// Creates a poller with no registrations: `epoll_create1(2)`. Its descriptor is closed on exec
/// unless asked otherwise.
///
/// # Errors
///
/// [`Errno::MFILE`], [`Errno::NFILE`]: this process, or the system, has no
/// descriptor left. [`Errno::INVAL`]: the kernel does not know a flag.
#[doc(alias = "epoll_create")]
#[doc(alias = "epoll_create1")]
pub fn create(flags: PollerFlags) -> Result<Poller> {
    let bits = flags.bits() ^ raw::EPOLL_CLOEXEC;
    epoll::create(epoll::CreateFlags::from_bits_retain(bits)).map(Poller)
}

impl Poller {
    /// Registers `fd`; its events carry `token`: `epoll_ctl(2)` with `EPOLL_CTL_ADD`.
    ///
    /// A descriptor that is ready already is reported, also if edge-triggered. The poller does
    /// not keep the descriptor open; see [the module](self) for what happens when it is closed.
    ///
    /// # Errors
    ///
    /// [`Errno::EXIST`]: this descriptor is registered. [`Errno::PERM`]: a kind that
    /// cannot be watched, such as a regular file. [`Errno::NOSPC`]: this user has as
    /// many registrations as allowed (`/proc/sys/fs/epoll/max_user_watches`).
    /// [`Errno::LOOP`]: pollers would watch each other, or be nested too deep.
    /// [`Errno::INVAL`]: itself, or not allowed with [`Interest::EXCLUSIVE`].
    #[doc(alias = "epoll_ctl")]
    #[doc(alias = "EPOLL_CTL_ADD")]
    pub fn add(&self, fd: impl AsFd, token: u64, interest: Interest) -> Result<()> {
        let flags = EventFlags::from_bits_retain(interest.bits());
        epoll::add(&self.0, fd, EventData::new_u64(token), flags)
    }

    /// Replaces the token and the interest of a registration: `epoll_ctl(2)` with
    /// `EPOLL_CTL_MOD`. Rearms one that was [`Interest::ONE_SHOT`]; what is ready now is
    /// reported, also if edge-triggered.
    ///
    /// # Errors
    ///
    /// [`Errno::NOENT`]: not registered. [`Errno::INVAL`]: [`Interest::EXCLUSIVE`] is
    /// or was asked for.
    #[doc(alias = "epoll_ctl")]
    #[doc(alias = "EPOLL_CTL_MOD")]
    pub fn modify(&self, fd: impl AsFd, token: u64, interest: Interest) -> Result<()> {
        let flags = EventFlags::from_bits_retain(interest.bits());
        epoll::modify(&self.0, fd, EventData::new_u64(token), flags)
    }

    /// Removes a registration: `epoll_ctl(2)` with `EPOLL_CTL_DEL`. Waits that begin after this
    /// do not report it.
    ///
    /// # Errors
    ///
    /// [`Errno::NOENT`]: not registered.
    #[doc(alias = "epoll_ctl")]
    #[doc(alias = "EPOLL_CTL_DEL")]
    pub fn remove(&self, fd: impl AsFd) -> Result<()> {
        epoll::delete(&self.0, fd)
    }

    /// Blocks until a registration is ready, and returns the events, as many as there are and
    /// as fit in `events`: `epoll_pwait(2)`.
    ///
    /// Events that did not fit are returned by the next wait, before those returned by this
    /// one.
    ///
    /// # Errors
    ///
    /// [`Errno::INTR`]: it was [interrupted](crate#interruptions). [`Errno::INVAL`]:
    /// `events` is empty.
    #[doc(alias = "epoll_wait")]
    pub fn wait<'e>(&self, events: &'e mut [Event]) -> Result<&'e [Event]> {
        self.wait_with(events, Blocking)
    }

    /// Like [`wait`](Self::wait), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: none is. [`Errno::INVAL`]: `events` is empty.
    pub fn try_wait<'e>(&self, events: &'e mut [Event]) -> Result<&'e [Event]> {
        self.wait_with(events, Try)
    }

    /// Like [`wait`](Self::wait), but gives up at `deadline` with [`Errno::TIMEDOUT`]:
    /// `epoll_pwait2(2)`.
    ///
    /// The deadline counts in nanoseconds; before Linux 5.11 it is rounded up to
    /// milliseconds.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: the deadline passed. [`Errno::INVAL`]: as [`wait`](Self::wait).
    #[doc(alias = "epoll_pwait2")]
    pub fn wait_until<'e>(
        &self,
        events: &'e mut [Event],
        deadline: Deadline,
    ) -> Result<&'e [Event]> {
        self.wait_with(events, Until(deadline))
    }

    fn wait_with<'e>(&self, events: &'e mut [Event], patience: Patience) -> Result<&'e [Event]> {
        match patience {
            Blocking => self.poll(events, Deadline::Never, None),
            Try => self
                .poll(events, Deadline::NOW, None)
                .map_err(|errno| match errno {
                    Errno::TIMEDOUT => Errno::AGAIN,
                    errno => errno,
                }),
            Until(deadline) => self.poll(events, deadline, None),
        }
    }

    /// Like [`wait_until`](Self::wait_until), but blocks the signals of `mask`, and lets all
    /// others through, while it waits.
    ///
    /// The kernel puts the mask in force and looks for events in one step. A program that
    /// blocks a signal, does its work, and lets it through in the wait alone misses none:
    /// one that came before ends the wait at once with [`Errno::INTR`], after its handler
    /// ran.
    ///
    /// # Errors
    ///
    /// Those of [`wait_until`](Self::wait_until); and, whatever the deadline, [`Errno::INTR`]: it was
    /// [interrupted](crate#interruptions), be it by a signal that had been sent before and
    /// was blocked until then.
    #[doc(alias = "epoll_pwait")]
    #[doc(alias = "epoll_pwait2")]
    pub fn wait_masked<'e>(
        &self,
        events: &'e mut [Event],
        deadline: Deadline,
        mask: impl Into<Set>,
    ) -> Result<&'e [Event]> {
        self.poll(events, deadline, Some(mask.into()))
    }

    fn poll<'e>(
        &self,
        events: &'e mut [Event],
        deadline: Deadline,
        mask: Option<Set>,
    ) -> Result<&'e [Event]> {
        let count = match mask {
            // A handler is what it waits for, among other things.
            Some(mask) => self.fill(events, deadline, Some(mask.bits())),
            None => ready::until(deadline, || self.fill(events, deadline, None)),
        }?;
        // At most as many as there is room for.
        match events.get(..count) {
            None | Some([]) => Err(Errno::TIMEDOUT),
            Some(filled) => Ok(filled),
        }
    }

    /// How many events there were before the deadline.
    fn fill(&self, events: &mut [Event], deadline: Deadline, mask: Option<u64>) -> Result<usize> {
        let epoll = self.0.as_fd();
        match deadline {
            Deadline::Never => return sys::event::epoll_pwait(epoll, events, -1, mask),
            Deadline::NOW => return sys::event::epoll_pwait(epoll, events, 0, mask),
            Deadline::At(_) => {}
        }
        loop {
            let left = deadline.timeout().unwrap_or_default();
            match sys::event::epoll_pwait2(epoll, events, left, mask) {
                Err(errno) if sys::is_absent(errno) => {}
                result => return result,
            }
            let millis = left
                .tv_sec
                .saturating_mul(1000)
                .saturating_add((left.tv_nsec + 999_999) / 1_000_000);
            // Longer than this is waited for in parts.
            let millis = i32::try_from(millis).unwrap_or(i32::MAX);
            match sys::event::epoll_pwait(epoll, events, millis, mask) {
                Ok(0) if !deadline.has_passed() => {}
                result => return result,
            }
        }
    }
}

impl Event {
    /// An event for [`Poller::wait`] to overwrite.
    pub const EMPTY: Self = Self(epoll::Event {
        flags: EventFlags::empty(),
        data: EventData::new_u64(0),
    });

    /// Returns the token of the registration.
    #[must_use]
    pub fn token(&self) -> u64 {
        // Copied, as it may lie at any address.
        let data = self.0.data;
        data.u64()
    }

    /// Returns what the descriptor is ready for.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let flags = self.0.flags;
        Readiness::from_bits_retain(flags.bits())
    }
}

impl Default for Event {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("token", &self.token())
            .field("readiness", &self.readiness())
            .finish()
    }
}

impl From<Readiness> for Interest {
    fn from(what: Readiness) -> Self {
        Self::from_bits_retain(what.bits())
    }
}

impl AsFd for Poller {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

crate::sys::fd_number::numbers!(Poller);

impl From<Poller> for OwnedFd {
    fn from(poller: Poller) -> Self {
        poller.0
    }
}

/// Takes any descriptor: calls on one that is not a poller fail with [`Errno::INVAL`].
impl From<OwnedFd> for Poller {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}
