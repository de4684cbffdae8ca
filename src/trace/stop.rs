//! Why a tracee stands still: what a wait says, and where it does not say enough, what
//! the kernel says when asked.
#![forbid(unsafe_code)]

use linux_raw_sys::ptrace as raw;

use super::error::Error;
use super::syscall::Syscall;
use crate::signal::child::{State, Trap as Waited};
use crate::signal::number::Reserved;
use crate::sys::trace as sys;
use crate::{Errno, Pid, Signal};

/// Why a tracee stands still.
///
/// What it may be asked, and how it is set going, is in the table of the
/// [module](super).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stop {
    /// This signal is about to be delivered: it is, if the tracee is resumed with it,
    /// and with no signal it is as if it had never been sent. The tracee's other
    /// threads go on.
    ///
    /// Never `SIGTRAP`, which is [`Trap`](Self::Trap); and never `SIGKILL`, of which
    /// no tracer is asked.
    Signal(Signal),
    /// One of the two signals that a libc keeps for its threads is about to be delivered,
    /// and is, however the tracee is resumed, also with no signal: if it were not, the
    /// tracee's threads would wait for each other for ever.
    Reserved(Reserved),
    /// A `SIGTRAP` is about to be delivered: a single step is made, a breakpoint or a
    /// watchpoint hit; or somebody sent it. [`Stopped::trap`](super::Stopped::trap)
    /// says which. It is not asked here because that would make a single step cost
    /// three system calls instead of two.
    Trap,
    /// At a system call, since [`Stopped::syscall`](super::Stopped::syscall) or
    /// [`Stopped::sysemu`](super::Stopped::sysemu): the phase says whether before or
    /// after it.
    Syscall(Syscall),
    /// All threads of the process are stopped by this signal, which has been
    /// delivered: `SIGSTOP`, `SIGTSTP`, `SIGTTIN` or `SIGTTOU`. Resumed by
    /// [`Stopped::listen`](super::Stopped::listen) it stays stopped, until `SIGCONT`;
    /// resumed in any other way it runs.
    Group(Signal),
    /// [`Running::interrupt`](super::Running::interrupt) stopped it; or it was
    /// listening and the stop of the group has ended or is another; or it is new.
    #[doc(alias = "PTRACE_EVENT_STOP")]
    Interrupt,
    /// What the [`Options`](super::Options) asked to be told.
    Event(Event),
    /// A thread or a process that is traced because its maker is, before its first
    /// instruction. Only a [`Tracer`](super::Tracer) knows; to others this is
    /// [`Interrupt`](Self::Interrupt) or, of a tracee whose maker was not seized,
    /// [`Signal`](Self::Signal)`(SIGSTOP)`.
    New,
}

/// What happened in a tracee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// It made this child by `fork`.
    #[doc(alias = "PTRACE_EVENT_FORK")]
    Fork(Pid),
    /// It made this child by `vfork`, and goes on when that has executed a program or
    /// has ended.
    #[doc(alias = "PTRACE_EVENT_VFORK")]
    Vfork(Pid),
    /// Its child by `vfork` has executed a program or has ended.
    #[doc(alias = "PTRACE_EVENT_VFORK_DONE")]
    VforkDone(Pid),
    /// It made this thread, or a child whose end signals something else than
    /// `SIGCHLD`.
    #[doc(alias = "PTRACE_EVENT_CLONE")]
    Clone(Pid),
    /// It executes another program. All its other threads are gone.
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
    /// Its seccomp filter wants the tracer to look at the system call that it is about
    /// to make ([`Stopped::syscall_info`](super::Stopped::syscall_info)), and gives
    /// these 16 bits (`SECCOMP_RET_DATA`) along.
    #[doc(alias = "PTRACE_EVENT_SECCOMP")]
    Seccomp(u16),
    /// An event that is not known here, or about a process that cannot be seen from
    /// here.
    Other {
        /// `PTRACE_EVENT_*`.
        event: u16,
        /// What the kernel says along.
        message: u64,
    },
}

impl Stop {
    /// Why a wait said that `tid` stands still.
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

    /// The number of what a tracee that stands still so is resumed with, if `chosen` is
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

/// Whether one that stands still with a signal that stops is about to get it. If not,
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
