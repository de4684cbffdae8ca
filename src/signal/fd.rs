//! Reading signals from a descriptor: `signalfd(2)`.
//!
//! A descriptor takes the signals of its set that were sent to the process or thread
//! *that reads*, in place of their action; so they should be
//! [blocked](super::block). It is readable for `poll(2)` while one of them is pending.
//!
//! A forked child or another process with the descriptor reads its own signals from it. But an
//! `epoll(7)` watches for the process that added the descriptor, whichever process waits. What
//! is not read stays pending when the descriptor is closed.
//!
//! Nothing here depends on whether the open file description is non-blocking: the plain
//! functions block, and the `try_` functions do not.

use core::fmt;

use linux_raw_sys::general::{O_CLOEXEC, O_NONBLOCK};
use rustix::event::PollFlags;

use super::{Cause, Set};
use crate::signal::info::decode;
use crate::signal::number;
use crate::sys::signal::{
    SignalfdSiginfo, read_signalfd, signalfd4, signalfd4_set, try_read_signalfd,
};
use crate::wait::patience::Patience::{self, Try, Until};
use crate::wait::ready;
use crate::{AsFd, BorrowedFd, Deadline, Errno, OwnedFd, Result, Signal, sys};

bitflags::bitflags! {
    /// Options of [`create`].
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::Signal;
    /// use rawipc::signal::{self, fd::{self, SignalFdFlags}};
    ///
    /// // For an event loop that reads the descriptor by itself.
    /// signal::block(Signal::CHILD)?;
    /// let signals = fd::create(Signal::CHILD, SignalFdFlags::NONBLOCK)?;
    /// # drop(signals);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct SignalFdFlags: u32 {
        /// Keeps the descriptor open in programs that this process executes.
        #[doc(alias = "SFD_CLOEXEC")]
        const INHERITED = O_CLOEXEC;
        /// Makes the open file description non-blocking, for other code that is given the
        /// descriptor.
        #[doc(alias = "SFD_NONBLOCK")]
        const NONBLOCK = O_NONBLOCK;

        const _ = !0;
    }
}

/// A descriptor from which signals are read.
///
/// # Examples
///
/// ```
/// use rawipc::signal::fd::{self, SignalFdFlags};
/// use rawipc::signal::{self, Cause, Set};
/// use rawipc::{Errno, Signal};
///
/// let set = Set::of([Signal::USR1, Signal::USR2]);
/// signal::block(set)?;
/// let signals = fd::create(set, SignalFdFlags::empty())?;
/// assert_eq!(signals.try_wait(), Err(Errno::AGAIN));
/// signal::raise(Signal::USR2)?;
/// let record = signals.wait()?;
/// assert_eq!(record.signal(), Some(Signal::USR2));
/// assert!(matches!(record.cause(), Cause::Thread(sender) if sender.pid.is_some()));
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[derive(Debug)]
pub struct SignalFd(OwnedFd);

/// Creates a descriptor for the signals of `set`: `signalfd4(2)`. Closed on exec
/// unless asked otherwise.
///
/// `SIGKILL` and `SIGSTOP` in the set have no effect.
///
/// # Errors
///
/// [`Errno::MFILE`], [`Errno::NFILE`]: this process, or the system, has no descriptor
/// left. [`Errno::INVAL`]: the kernel does not know a flag.
#[doc(alias = "signalfd")]
pub fn create(set: impl Into<Set>, flags: SignalFdFlags) -> Result<SignalFd> {
    signalfd4(set.into().bits(), flags.bits() ^ O_CLOEXEC).map(SignalFd)
}

/// The information about one signal, as read from a descriptor: `signalfd_siginfo`.
///
/// It has what an [`Info`](super::Info) has, except the bounds, key and counter of a
/// [`FaultKind`](super::FaultKind), which are 0.
///
/// # Examples
///
/// ```
/// use rawipc::Signal;
/// use rawipc::signal::{self, Set, fd::{self, Record, SignalFdFlags}};
///
/// let set = Set::of([Signal::USR1, Signal::USR2]);
/// signal::block(set)?;
/// let signals = fd::create(set, SignalFdFlags::empty())?;
/// signal::raise(Signal::USR2)?;
/// signal::raise(Signal::USR1)?;
///
/// let mut records = [Record::EMPTY; 8];
/// let count = signals.read(&mut records)?; // all that are pending, in one call
/// let taken: Set = records[..count].iter().filter_map(Record::signal).collect();
/// assert_eq!(taken, set);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "signalfd_siginfo")]
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Record(SignalfdSiginfo);

impl Record {
    /// An empty record.
    pub const EMPTY: Self = Self(SignalfdSiginfo::ZERO);

    /// Returns the signal; `None` for [`EMPTY`](Self::EMPTY) and for a
    /// [reserved](super::Reserved) signal, whose [`number`](Self::number) is known.
    #[must_use]
    pub fn signal(&self) -> Option<Signal> {
        number::from_number(self.number())
    }

    /// Returns the number of the signal: `ssi_signo`. 0 for [`EMPTY`](Self::EMPTY).
    #[must_use]
    pub fn number(&self) -> i32 {
        self.0.ssi_signo as i32
    }

    /// Returns the kernel's code, which [`cause`](Self::cause) decodes: `ssi_code`.
    #[must_use]
    pub fn code(&self) -> i32 {
        self.0.ssi_code
    }

    /// Returns an error number, mostly 0: `ssi_errno`.
    #[must_use]
    pub fn errno(&self) -> i32 {
        self.0.ssi_errno
    }

    /// Returns who sent the signal, and why.
    #[must_use]
    pub fn cause(&self) -> Cause {
        decode(&self.0)
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("number", &self.number())
            .field("code", &self.code())
            .field("errno", &self.errno())
            .field("cause", &self.cause())
            .finish()
    }
}

/// What the kernel writes: a record is laid out as its content.
fn inner(records: &mut [Record]) -> &mut [SignalfdSiginfo] {
    let len = records.len();
    // SAFETY: the same memory, of a transparent type, borrowed for as long.
    unsafe { core::slice::from_raw_parts_mut(records.as_mut_ptr().cast(), len) }
}

impl SignalFd {
    /// Replaces the set of signals that are read, for all who share the descriptor.
    ///
    /// Those who wait on it look again.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: the descriptor came from elsewhere and is none for signals.
    #[doc(alias = "signalfd")]
    pub fn set_signals(&self, set: impl Into<Set>) -> Result<()> {
        signalfd4_set(self.as_fd(), set.into().bits())
    }

    /// Blocks until a signal is pending, and takes it: `read(2)`.
    ///
    /// Of several that are pending those sent to this thread come before those sent to
    /// its process, and then the lowest number first. Of several who wait, one gets it.
    ///
    /// # Errors
    ///
    /// [`Errno::INTR`]: it was [interrupted](crate#interruptions).
    pub fn wait(&self) -> Result<Record> {
        self.wait_with(Patience::FOREVER)
    }

    /// Like [`wait`](Self::wait), but returns [`Errno::AGAIN`] instead of blocking:
    /// `preadv2(2)` with `RWF_NOWAIT`.
    ///
    /// Before Linux 6.10 the descriptor is first polled and then read: when another
    /// takes the signal in between, and the description is blocking, this blocks.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: none is.
    pub fn try_wait(&self) -> Result<Record> {
        self.wait_with(Try)
    }

    /// Like [`wait`](Self::wait), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: the deadline passed.
    pub fn wait_until(&self, deadline: Deadline) -> Result<Record> {
        self.wait_with(Until(deadline))
    }

    /// Blocks until a signal is pending, takes as many as are pending and have room, and
    /// returns their number: `read(2)`.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: no room for one. [`Errno::INTR`]: it was
    /// [interrupted](crate#interruptions), and nothing was taken.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::signal::fd::{self, Record, SignalFdFlags};
    /// use rawipc::signal::{self, Cause, Payload};
    ///
    /// let number = signal::real_time(0).unwrap();
    /// signal::block(number)?;
    /// let me = rustix::process::getpid();
    /// for value in 0..3 {
    ///     signal::queue(me, number, Payload::from_int(value))?;
    /// }
    /// let mut records = [Record::EMPTY; 8];
    /// let signals = fd::create(number, SignalFdFlags::empty())?;
    /// assert_eq!(signals.read(&mut records)?, 3);
    /// for (value, record) in (0..3).zip(records) {
    ///     assert!(matches!(record.cause(), Cause::Queue { payload, .. } if payload.int() == value));
    /// }
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    pub fn read(&self, records: &mut [Record]) -> Result<usize> {
        self.read_with(records, Patience::FOREVER)
    }

    /// Like [`read`](Self::read), but returns [`Errno::AGAIN`] instead of blocking; with the
    /// exception of [`try_wait`](Self::try_wait).
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: none is. [`Errno::INVAL`]: no room for one.
    pub fn try_read(&self, records: &mut [Record]) -> Result<usize> {
        self.read_with(records, Try)
    }

    /// Like [`read`](Self::read), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: the deadline passed. [`Errno::INVAL`]: no room for one.
    pub fn read_until(&self, records: &mut [Record], deadline: Deadline) -> Result<usize> {
        self.read_with(records, Until(deadline))
    }

    fn read_with(&self, records: &mut [Record], patience: Patience) -> Result<usize> {
        let fd = self.as_fd();
        ready::patiently(fd, PollFlags::IN, patience, |may_block| match may_block {
            true => read_signalfd(fd, inner(records)),
            false => self.read_now(records),
        })
    }

    fn read_now(&self, records: &mut [Record]) -> Result<usize> {
        // Which preadv2 takes for success.
        if records.is_empty() {
            return Err(Errno::INVAL);
        }
        let records = inner(records);
        match ready::uninterrupted(|| try_read_signalfd(self.as_fd(), records)) {
            Err(errno) if sys::is_unsupported(errno) => {
                ready::check(self.as_fd(), PollFlags::IN)?;
                ready::uninterrupted(|| read_signalfd(self.as_fd(), records))
            }
            result => result,
        }
    }

    fn wait_with(&self, patience: Patience) -> Result<Record> {
        let mut record = [Record::EMPTY];
        match self.read_with(&mut record, patience)? {
            // What ends is no signalfd.
            0 => Err(Errno::INVAL),
            _ => {
                let [record] = record;
                Ok(record)
            }
        }
    }
}

impl AsFd for SignalFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

crate::sys::fd_number::numbers!(SignalFd);

impl From<SignalFd> for OwnedFd {
    fn from(signals: SignalFd) -> Self {
        signals.0
    }
}

/// A descriptor that was received. What is not a signalfd fails when it is used, or
/// gives records that mean nothing.
impl From<OwnedFd> for SignalFd {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}
