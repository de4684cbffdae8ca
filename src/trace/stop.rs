//! Why a tracee is stopped: what a wait reports, and where that is not enough, what the kernel
//! answers when asked.
#![forbid(unsafe_code)]

use linux_raw_sys::ptrace as raw;

use super::error::Error;
use super::syscall::Syscall;
use crate::signal::child::{State, Trap as Waited};
use crate::signal::number::Reserved;
use crate::sys::trace as sys;
use crate::{Errno, Pid, Signal};

/// The reason for which a tracee is stopped.
///
/// The table of the [module](super) says how each is resumed.
///
/// # Examples
///
/// ```
/// use rawipc::process::{Command, State, exec};
/// use rawipc::trace::{self, Options, Report, Stop};
///
/// let args = exec::List::of([c"true"]);
/// let child = Command::path(c"/bin/true", &args, exec::Strings::EMPTY).traced().spawn()?;
/// let mut report = trace::adopt(child.pid, Options::EXIT | Options::KILL_ON_EXIT).wait()?;
/// let end = loop {
///     let stopped = match report {
///         Report::Stopped(stopped) => stopped,
///         Report::Ended(ended) => break ended.state,
///     };
///     report = match stopped.stop() {
///         Stop::Signal(signal) => stopped.cont(Some(signal))?, // as if nobody traced it
///         Stop::Group(_) => stopped.listen()?,
///         Stop::Event(event) => {
///             println!("{event:?}");
///             stopped.cont(None)?
///         }
///         _ => stopped.cont(None)?,
///     }
///     .wait()?;
/// };
/// assert_eq!(end, State::Exited(0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stop {
    /// This signal is about to be delivered: it is if the tracee is resumed with it, and
    /// discarded if it is resumed without one. The tracee's other threads run on.
    ///
    /// Never `SIGTRAP`, which is [`Trap`](Self::Trap), and never `SIGKILL`, which does not
    /// stop.
    Signal(Signal),
    /// One of the two signals that a libc keeps for its threads is about to be delivered,
    /// and is, however the tracee is resumed, also with no signal: if it were not, the
    /// tracee's threads would wait for each other for ever.
    Reserved(Reserved),
    /// A `SIGTRAP` is about to be delivered: a single step was made, a breakpoint or watchpoint
    /// was hit, or somebody sent it. [`Stopped::trap`](super::Stopped::trap) tells which, by
    /// one more system call.
    Trap,
    /// The entry to or exit from a system call, after
    /// [`Stopped::syscall`](super::Stopped::syscall) or
    /// [`Stopped::sysemu`](super::Stopped::sysemu).
    Syscall(Syscall),
    /// The group stop: all threads of the process are stopped by this signal, which has been
    /// delivered: `SIGSTOP`, `SIGTSTP`, `SIGTTIN` or `SIGTTOU`. Resumed by
    /// [`Stopped::listen`](super::Stopped::listen) it stays stopped, until `SIGCONT`; resumed
    /// in any other way it runs.
    Group(Signal),
    /// [`Running::interrupt`](super::Running::interrupt) stopped it; or it was
    /// listening and the stop of the group has ended or is another; or it is new.
    #[doc(alias = "PTRACE_EVENT_STOP")]
    Interrupt,
    /// An event that the [`Options`](super::Options) asked for.
    Event(Event),
    /// A new thread or process, traced because its creator is, before its first instruction.
    /// Only a [`Tracer`](super::Tracer) reports this; to others it is
    /// [`Interrupt`](Self::Interrupt) or, of a tracee whose maker was not seized,
    /// [`Signal`](Self::Signal)`(SIGSTOP)`.
    New,
}

/// An event of a tracee that its [`Options`](super::Options) asked for.
///
/// # Examples
///
/// ```
/// use rawipc::process::{Command, exec};
/// use rawipc::trace::{self, Event, Options, Report};
///
/// let args = exec::List::of([c"sh", c"-c", c"exec true"]);
/// let child = Command::path(c"/bin/sh", &args, exec::Strings::EMPTY).traced().spawn()?;
/// let mut report = trace::adopt(child.pid, Options::EXEC | Options::KILL_ON_EXIT).wait()?;
/// let mut programs = 0;
/// while let Report::Stopped(stopped) = report {
///     match stopped.event() {
///         Some(Event::Exec { .. }) => programs += 1,
///         Some(other) => println!("{other:?}"),
///         None => {}
///     }
///     let signal = stopped.signal();
///     report = stopped.cont(signal)?.wait()?;
/// }
/// println!("it has executed {programs} other programs");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// It created this child by `fork`.
    #[doc(alias = "PTRACE_EVENT_FORK")]
    Fork(Pid),
    /// It created this child by `vfork`, and runs on when that has executed a program or ended.
    #[doc(alias = "PTRACE_EVENT_VFORK")]
    Vfork(Pid),
    /// Its child by `vfork` has executed a program or has ended.
    #[doc(alias = "PTRACE_EVENT_VFORK_DONE")]
    VforkDone(Pid),
    /// It created this thread, or a child whose exit signal is not `SIGCHLD`.
    #[doc(alias = "PTRACE_EVENT_CLONE")]
    Clone(Pid),
    /// It has executed another program. All its other threads are gone.
    #[doc(alias = "PTRACE_EVENT_EXEC")]
    Exec {
        /// The number of the thread that called it. Another than the tracee's own if
        /// that thread was not the process's first: it has the process's number now,
        /// and nothing more is heard of this one.
        former: Pid,
    },
    /// It is about to end: registers and memory are still there.
    #[doc(alias = "PTRACE_EVENT_EXIT")]
    Exit(State),
    /// Its seccomp filter hands the system call that it is about to make
    /// ([`Stopped::syscall_info`](super::Stopped::syscall_info)) to the tracer, with these 16
    /// bits (`SECCOMP_RET_DATA`).
    #[doc(alias = "PTRACE_EVENT_SECCOMP")]
    Seccomp(u16),
    /// An unknown event, or one about a process outside of the tracer's PID namespace.
    Other {
        /// `PTRACE_EVENT_*`.
        event: u16,
        /// The kernel's message.
        message: u64,
    },
}

impl Stop {
    /// Why a wait said that `tid` is stopped.
    pub(super) fn decode(tid: Pid, waited: Waited) -> Result<Self, Error> {
        if waited.syscall {
            return Ok(Self::Syscall(Syscall::decode(&sys::get_syscall_info(tid)?)));
        }
        Ok(match u32::from(waited.event) {
            0 => match waited.signal {
                Ok(Signal::TRAP) => Self::Trap,
                Ok(signal) if stops_groups(signal) && !is_delivery(tid)? => Self::Group(signal),
                Ok(signal) => Self::Signal(signal),
                Err(reserved) => Self::Reserved(reserved),
            },
            raw::PTRACE_EVENT_STOP => match waited.signal {
                Ok(Signal::TRAP) => Self::Interrupt,
                Ok(signal) => Self::Group(signal),
                Err(reserved) => Self::Reserved(reserved),
            },
            event => Self::Event(Event::decode(event, sys::geteventmsg(tid)?)),
        })
    }

    /// The signal that is about to be delivered.
    pub(super) fn signal(self) -> Option<Signal> {
        match self {
            Self::Signal(signal) => Some(signal),
            _ => None,
        }
    }

    /// The number of what a tracee that is stopped so is resumed with, if `chosen` is
    /// what its tracer says.
    pub(super) fn resumed_with(self, chosen: Option<Signal>) -> i32 {
        match (chosen, self) {
            (Some(signal), _) => signal.as_raw(),
            (None, Self::Reserved(reserved)) => reserved.as_raw(),
            (None, _) => 0,
        }
    }
}

fn stops_groups(signal: Signal) -> bool {
    matches!(
        signal,
        Signal::STOP | Signal::TSTP | Signal::TTIN | Signal::TTOU
    )
}

/// Whether one that is stopped with a signal that stops is about to get it. If not,
/// it has stopped, and was not seized: then there is no siginfo.
fn is_delivery(tid: Pid) -> Result<bool, Error> {
    match sys::getsiginfo(tid) {
        Ok(_) => Ok(true),
        Err(Errno::INVAL) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

impl Event {
    fn decode(event: u32, message: u64) -> Self {
        let pid = || Pid::from_raw(message as i32);
        let known = match event {
            raw::PTRACE_EVENT_FORK => pid().map(Self::Fork),
            raw::PTRACE_EVENT_VFORK => pid().map(Self::Vfork),
            raw::PTRACE_EVENT_VFORK_DONE => pid().map(Self::VforkDone),
            raw::PTRACE_EVENT_CLONE => pid().map(Self::Clone),
            raw::PTRACE_EVENT_EXEC => pid().map(|former| Self::Exec { former }),
            raw::PTRACE_EVENT_EXIT => State::of_status(message as i32).map(Self::Exit),
            raw::PTRACE_EVENT_SECCOMP => Some(Self::Seccomp(message as u16)),
            _ => None,
        };
        known.unwrap_or(Self::Other {
            event: event as u16,
            message,
        })
    }
}
