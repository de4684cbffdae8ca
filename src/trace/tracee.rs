//! A tracee as it runs and as it stands still: [`Running`], [`Stopped`], and the [`Report`]
//! of a wait, which is one of both. What can be asked of them is in the files beside.
#![forbid(unsafe_code)]

use core::marker::PhantomData;

use super::error::Error;
use super::options::Options;
use super::stop::{Event, Stop};
use crate::signal::child::State;
use crate::sys::trace as sys;
use crate::{Pid, Result, Signal};

/// Marks what only the thread that traces may use: not `Send`, not `Sync`.
pub(super) type OfThread = PhantomData<*const ()>;

/// A tracee of this thread that was not seen to stop: it runs, or sleeps, or has
/// stopped or ended and [`wait`](Self::wait) will say so.
///
/// It cannot leave the thread, to which the kernel has tied the tracee:
///
/// ```compile_fail,E0277
/// fn needs_send<T: Send>() {}
/// needs_send::<rawipc::trace::Running>();
/// ```
///
/// Dropped it does nothing: the tracee stays traced, and a [`Tracer`](super::Tracer)
/// of this thread can report it; but nobody else resumes it at its next stop. See
/// [`Options::KILL_ON_EXIT`].
#[derive(Debug)]
pub struct Running {
    pub(super) tid: Pid,
    pub(super) begin: Begin,
    thread: OfThread,
}

/// A tracee of this thread that stands still.
///
/// Only here are the requests that need one that does; and what sets it going takes it,
/// so that none can be made of one that runs:
///
/// ```compile_fail,E0382
/// # fn example(stopped: rawipc::trace::Stopped) -> Result<(), rawipc::Errno> {
/// let running = stopped.cont(None)?;
/// stopped.registers()?; // it runs
/// # Ok(()) }
/// ```
///
/// `SIGKILL` can still end it at any moment. Then every request is [`Error::Gone`];
/// what sets it going succeeds without effect, and the wait for the [`Running`] that it
/// returns tells of the end. Dropped it stays still: see [`Options::KILL_ON_EXIT`].
#[derive(Debug)]
#[must_use = "it stands still until it is resumed"]
pub struct Stopped {
    pub(super) tid: Pid,
    pub(super) stop: Stop,
    thread: OfThread,
}

/// What is to be done when it first stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// Nothing: it has stopped before, or was seized.
    Done,
    /// It made itself traced: it has no options yet.
    Adopted(Options),
    /// It was attached to: it has no options yet, and gets a `SIGSTOP` for it.
    Attached(Options),
}

impl Begin {
    /// Sets the options.
    pub(super) fn carry_out(self, tid: Pid) -> Result<()> {
        match self {
            Self::Done => Ok(()),
            Self::Adopted(options) | Self::Attached(options) => sys::setoptions(tid, options.raw()),
        }
    }
}

/// What a tracee was reported for.
#[derive(Debug)]
pub enum Report {
    /// It stands still.
    Stopped(Stopped),
    /// It is no more.
    Ended(Ended),
}

/// The end of a tracee, and of its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The number it had.
    pub tid: Pid,
    /// How it ended: [`State::Exited`] or [`State::Signalled`].
    pub state: State,
}

impl Report {
    /// Which tracee it is about.
    #[must_use]
    pub fn tid(&self) -> Pid {
        match self {
            Self::Stopped(stopped) => stopped.tid(),
            Self::Ended(ended) => ended.tid,
        }
    }

    /// The tracee that stands still, or how it ended.
    ///
    /// # Errors
    ///
    /// It has ended.
    pub fn stopped(self) -> Result<Stopped, Ended> {
        match self {
            Self::Stopped(stopped) => Ok(stopped),
            Self::Ended(ended) => Err(ended),
        }
    }

    /// How it ended, if it has.
    #[must_use]
    pub fn ended(&self) -> Option<State> {
        match self {
            Self::Stopped(_) => None,
            Self::Ended(ended) => Some(ended.state),
        }
    }
}

impl Running {
    pub(super) fn new(tid: Pid, begin: Begin) -> Self {
        Self {
            tid,
            begin,
            thread: PhantomData,
        }
    }

    pub(super) fn begin(&self) -> Begin {
        self.begin
    }

    /// The number of the thread, which is that of its process if it is the process's
    /// first.
    #[must_use]
    pub fn tid(&self) -> Pid {
        self.tid
    }
}

impl Stopped {
    pub(super) fn new(tid: Pid, stop: Stop) -> Self {
        Self {
            tid,
            stop,
            thread: PhantomData,
        }
    }

    /// Says otherwise why it stands still.
    pub(super) fn now_at(&mut self, stop: Stop) {
        self.stop = stop;
    }

    /// The number of the thread, which is that of its process if it is the process's
    /// first.
    #[must_use]
    pub fn tid(&self) -> Pid {
        self.tid
    }

    /// Why it stands still.
    #[must_use]
    pub fn stop(&self) -> Stop {
        self.stop
    }

    /// The signal that is about to be delivered, to be given to what sets the tracee
    /// going: of [`Stop::Signal`], and `None` of every other stop.
    ///
    /// Of a [`Stop::Trap`] too, as most are the tracer's own doing. A tracer that made
    /// no step and set no breakpoint hands on `SIGTRAP` itself: the program may have
    /// executed a breakpoint on purpose.
    #[must_use]
    pub fn signal(&self) -> Option<Signal> {
        self.stop.signal()
    }

    /// The event that it stands at.
    #[must_use]
    pub fn event(&self) -> Option<Event> {
        match self.stop {
            Stop::Event(event) => Some(event),
            _ => None,
        }
    }

    /// Sets the options, in place of those that it has: `PTRACE_SETOPTIONS`.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`]. [`Errno::INVAL`]: an option that this kernel does not have.
    /// [`Errno::PERM`]: [`Options::SUSPEND_SECCOMP`] is not for the caller.
    #[doc(alias = "PTRACE_SETOPTIONS")]
    pub fn set_options(&self, options: Options) -> Result<(), Error> {
        Ok(sys::setoptions(self.tid, options.raw())?)
    }
}
