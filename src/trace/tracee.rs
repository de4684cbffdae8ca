//! A tracee, running and stopped: [`Running`], [`Stopped`], and the [`Report`] of a wait. What
//! can be asked of them is in the files beside.
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

/// A tracee of this thread that is not known to be stopped: it runs or sleeps, or has stopped
/// or ended and [`wait`](Self::wait) will report that.
///
/// It cannot leave the thread, to which the kernel has tied the tracee:
///
/// ```compile_fail,E0277
/// fn needs_send<T: Send>() {}
/// needs_send::<rawipc::trace::Running>();
/// ```
///
/// Dropping it has no effect: the tracee stays traced, and a [`Tracer`](super::Tracer) of this
/// thread can report it; but nobody else resumes it at its next stop. See
/// [`Options::KILL_ON_EXIT`].
#[derive(Debug)]
pub struct Running {
    pub(super) tid: Pid,
    pub(super) begin: Begin,
    thread: OfThread,
}

/// A stopped tracee of this thread.
///
/// Requests that need a stopped tracee are methods of this type; resuming consumes it, so that
/// none can be made of a running one:
///
/// ```compile_fail,E0382
/// # fn example(stopped: rawipc::trace::Stopped) -> Result<(), rawipc::Errno> {
/// let running = stopped.cont(None)?;
/// stopped.registers()?; // it runs
/// # Ok(()) }
/// ```
///
/// `SIGKILL` can still end it at any moment. Then every request is [`Error::Gone`]; resuming
/// succeeds without effect, and the wait for the returned [`Running`] reports the end. Dropped,
/// it stays stopped: see [`Options::KILL_ON_EXIT`].
#[derive(Debug)]
#[must_use = "it is stopped until it is resumed"]
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

/// The result of a wait for a tracee: it has stopped or ended.
///
/// # Examples
///
/// ```
/// use rawipc::process::{Command, State, exec};
/// use rawipc::trace::{self, Options, Report};
///
/// let args = exec::List::of([c"true"]);
/// let child = Command::path(c"/bin/true", &args, exec::Strings::EMPTY).traced().spawn()?;
/// let mut running = trace::adopt(child.pid, Options::KILL_ON_EXIT);
/// let end = loop {
///     running = match running.wait()? {
///         Report::Stopped(stopped) => {
///             let signal = stopped.signal();
///             stopped.cont(signal)?
///         }
///         Report::Ended(ended) => break ended.state,
///     };
/// };
/// assert_eq!(end, State::Exited(0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub enum Report {
    /// It has stopped.
    Stopped(Stopped),
    /// [`Ended`]: it has ended.
    Ended(Ended),
}

/// The end of a tracee, whose number is free from now on.
///
/// # Examples
///
/// ```
/// use rawipc::Signal;
/// use rawipc::process::{Command, State, exec};
/// use rawipc::trace::{self, Options};
///
/// let args = exec::List::of([c"true"]);
/// let child = Command::path(c"/bin/true", &args, exec::Strings::EMPTY).traced().spawn()?;
/// let running = trace::adopt(child.pid, Options::KILL_ON_EXIT);
/// running.kill()?;
/// let ended = running.wait_end()?; // no `process::wait` is needed
/// assert_eq!(ended.tid, child.pid);
/// assert_eq!(ended.state, State::Signalled { signal: Signal::KILL, core: false });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The number that it had.
    pub tid: Pid,
    /// How it ended: [`State::Exited`] or [`State::Signalled`].
    pub state: State,
}

impl Report {
    /// Returns the number of the tracee.
    #[must_use]
    pub fn tid(&self) -> Pid {
        match self {
            Self::Stopped(stopped) => stopped.tid(),
            Self::Ended(ended) => ended.tid,
        }
    }

    /// Returns the stopped tracee.
    ///
    /// # Errors
    ///
    /// [`Ended`]: it has ended.
    pub fn stopped(self) -> Result<Stopped, Ended> {
        match self {
            Self::Stopped(stopped) => Ok(stopped),
            Self::Ended(ended) => Err(ended),
        }
    }

    /// Returns how it ended, if it has.
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

    /// Returns the number of the thread, which is that of its process if it is the process's
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

    /// Says otherwise why it is stopped.
    pub(super) fn now_at(&mut self, stop: Stop) {
        self.stop = stop;
    }

    /// Returns the number of the thread, which is that of its process if it is the process's
    /// first.
    #[must_use]
    pub fn tid(&self) -> Pid {
        self.tid
    }

    /// Returns the reason why it is stopped.
    #[must_use]
    pub fn stop(&self) -> Stop {
        self.stop
    }

    /// Returns the signal that is about to be delivered, for the call that resumes the tracee:
    /// that of a [`Stop::Signal`], `None` for every other stop.
    ///
    /// Of a [`Stop::Trap`] too, as most are the tracer's own doing. A tracer that made
    /// no step and set no breakpoint hands on `SIGTRAP` itself: the program may have
    /// executed a breakpoint on purpose.
    #[must_use]
    pub fn signal(&self) -> Option<Signal> {
        self.stop.signal()
    }

    /// Returns the event at which it is stopped.
    #[must_use]
    pub fn event(&self) -> Option<Event> {
        match self.stop {
            Stop::Event(event) => Some(event),
            _ => None,
        }
    }

    /// Replaces the options: `PTRACE_SETOPTIONS`.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`]. [`Errno::INVAL`](crate::Errno::INVAL): an option that this kernel does not have.
    /// [`Errno::PERM`](crate::Errno::PERM): [`Options::SUSPEND_SECCOMP`] is not for the caller.
    #[doc(alias = "PTRACE_SETOPTIONS")]
    pub fn set_options(&self, options: Options) -> Result<(), Error> {
        Ok(sys::setoptions(self.tid, options.raw())?)
    }
}
