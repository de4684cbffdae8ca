//! Resuming a tracee, detaching from it, and killing it.
#![forbid(unsafe_code)]

use super::error::Refused;
use super::tracee::{Begin, Running, Stopped};
use crate::sys::trace::{self as sys, Resume};
use crate::{Errno, Result, Signal};

impl Stopped {
    /// Resumes the tracee, delivering `signal` first, until something stops it: `PTRACE_CONT`.
    ///
    /// `signal` takes the place of the one that is about to be delivered. `None` is
    /// none; [`Stopped::signal`] is the same as without a tracer. At a stop that is
    /// neither [`Stop::Signal`](super::Stop::Signal) nor [`Stop::Trap`](super::Stop::Trap) give `None`: the kernel mostly
    /// ignores it there. (A signal to be sent, and to be reported to the tracer in its
    /// turn, is for `kill(2)`.)
    ///
    /// # Errors
    ///
    /// With the handle, what the kernel says; it says nothing here unless a filter of
    /// the caller's system calls does.
    #[doc(alias = "PTRACE_CONT")]
    pub fn cont(self, signal: Option<Signal>) -> Result<Running, Refused<Self>> {
        self.resume(Resume::Cont, signal)
    }

    /// Like [`cont`](Self::cont), but for a single instruction: `PTRACE_SINGLESTEP`. With a
    /// signal that has a handler, it stops before the handler's first.
    ///
    /// An instruction that makes a system call is one, call and all; one that repeats
    /// itself (`rep movsb`) is one each time. The stop is a [`Stop::Trap`](super::Stop::Trap), unless
    /// something else happens first. Together with the wait a step is two system calls.
    ///
    /// x86_64: A program that saves its flags in the step, by `pushf` or by a system call,
    /// finds the trap flag among them. After a step over `popf` or `iret` the kernel takes
    /// the trap flag of the next steps for the program's own, and leaves it set when the
    /// program is let run: it then stops after every instruction, or is killed by the
    /// `SIGTRAP`. [`step_hidden`](Self::step_hidden) avoids both.
    ///
    /// # Errors
    ///
    /// With the handle: [`Errno::IO`]: the machine has no single steps (riscv64).
    #[doc(alias = "PTRACE_SINGLESTEP")]
    #[inline]
    pub fn step(self, signal: Option<Signal>) -> Result<Running, Refused<Self>> {
        self.resume(Resume::Step, signal)
    }

    /// Like [`step`](Self::step), but until a branch is taken: `PTRACE_SINGLEBLOCK`.
    ///
    /// # Errors
    ///
    /// With the handle: [`Errno::IO`]: the processor has no such steps.
    #[doc(alias = "PTRACE_SINGLEBLOCK")]
    pub fn step_block(self, signal: Option<Signal>) -> Result<Running, Refused<Self>> {
        self.resume(Resume::BlockStep, signal)
    }

    /// Like [`cont`](Self::cont), but until the next entry to or exit from a system call:
    /// `PTRACE_SYSCALL`. The stop is a [`Stop::Syscall`](super::Stop::Syscall).
    ///
    /// # Errors
    ///
    /// Those of [`cont`](Self::cont).
    #[doc(alias = "PTRACE_SYSCALL")]
    pub fn syscall(self, signal: Option<Signal>) -> Result<Running, Refused<Self>> {
        self.resume(Resume::Syscall, signal)
    }

    /// Like [`cont`](Self::cont), but until the next system call, which is not carried out:
    /// `PTRACE_SYSEMU`. The only [`Stop::Syscall`](super::Stop::Syscall) is its entry, where
    /// its result is set in the registers.
    ///
    /// # Errors
    ///
    /// With the handle: [`Errno::IO`]: the machine has none of this (riscv64).
    #[doc(alias = "PTRACE_SYSEMU")]
    pub fn sysemu(self, signal: Option<Signal>) -> Result<Running, Refused<Self>> {
        self.resume(Resume::Sysemu, signal)
    }

    /// Like [`sysemu`](Self::sysemu), but for at most one instruction:
    /// `PTRACE_SYSEMU_SINGLESTEP`.
    ///
    /// # Errors
    ///
    /// Those of [`sysemu`](Self::sysemu).
    #[doc(alias = "PTRACE_SYSEMU_SINGLESTEP")]
    pub fn sysemu_step(self, signal: Option<Signal>) -> Result<Running, Refused<Self>> {
        self.resume(Resume::SysemuStep, signal)
    }

    /// Leaves the tracee stopped at a [`Stop::Group`](super::Stop::Group), and reports when
    /// that changes: `PTRACE_LISTEN`. `SIGCONT` then ends the stop, which is a
    /// [`Stop::Interrupt`](super::Stop::Interrupt), and after it comes the signal itself.
    ///
    /// # Errors
    ///
    /// With the handle: [`Errno::IO`]: at another stop, or it was not seized.
    #[doc(alias = "PTRACE_LISTEN")]
    pub fn listen(self) -> Result<Running, Refused<Self>> {
        let done = sys::listen(self.tid);
        self.gone_on(done)
    }

    /// Ends the tracing and resumes the tracee, with `signal` as in [`cont`](Self::cont):
    /// `PTRACE_DETACH`. At a [`Stop::Group`](super::Stop::Group) it stays stopped. Remove its
    /// breakpoints before.
    ///
    /// # Errors
    ///
    /// With the handle: [`Errno::SRCH`]: it was killed, and its end is to be waited for
    /// ([`cont`](Self::cont)).
    #[doc(alias = "PTRACE_DETACH")]
    pub fn detach(self, signal: Option<Signal>) -> Result<(), Refused<Self>> {
        sys::detach(self.tid, self.stop.resumed_with(signal)).map_err(|errno| Refused {
            tracee: self,
            errno,
        })
    }

    /// Kills the tracee's process with all threads: `SIGKILL`. It need not be resumed, only
    /// waited for ([`Running::wait_end`]).
    pub fn kill(self) -> Running {
        // It cannot have another's number, for its end has not been waited for; and if it
        // has ended, then it has.
        let _ = crate::sys::signal::kill_process(self.tid, Signal::KILL);
        Running::new(self.tid, Begin::Done)
    }

    #[inline]
    fn resume(self, how: Resume, signal: Option<Signal>) -> Result<Running, Refused<Self>> {
        let done = sys::resume(how, self.tid, self.stop.resumed_with(signal));
        self.gone_on(done)
    }

    #[inline]
    fn gone_on(self, done: Result<()>) -> Result<Running, Refused<Self>> {
        match done {
            // One that was killed meanwhile goes to its end, as the wait will say.
            Ok(()) | Err(Errno::SRCH) => Ok(Running::new(self.tid, Begin::Done)),
            Err(errno) => Err(Refused {
                tracee: self,
                errno,
            }),
        }
    }
}
