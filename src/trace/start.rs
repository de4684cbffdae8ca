//! Becoming the tracer of a thread.
#![forbid(unsafe_code)]

use super::options::Options;
use super::tracee::{Begin, Running};
use crate::sys::remote::{Kcmp, kcmp};
use crate::sys::trace as sys;
use crate::{Errno, Pid, Result};

/// Lets the parent trace the calling process: `PTRACE_TRACEME`. The parent's thread that
/// created it is the tracer, and begins by [`adopt`].
///
/// From here on every signal stops the child, and the `exec` that follows does so
/// with `SIGTRAP`, a [`Stop::Trap`](super::Stop::Trap), before the new program's first
/// instruction.
///
/// # Errors
///
/// [`Errno::PERM`]: it is traced already, or a security module forbids it.
/// [`Errno::DEADLK`]: it runs in its parent's memory, which therefore sleeps until it is
/// another program ([`CloneOptions::vfork`](crate::process::CloneOptions::vfork)): at the
/// first signal it would wait for its tracer, and that one for it.
/// [`Command::traced`](crate::process::Command::traced) starts a program without that.
///
/// # Examples
///
/// ```
/// use rawipc::Signal;
/// use rawipc::process::{self, Fork, State};
/// use rawipc::trace::{self, Options, Report, Stop};
///
/// // SAFETY: the child only uses this crate and exits.
/// let child = match unsafe { process::fork()? } {
///     Fork::Child => {
///         let traced = trace::traceme().is_ok();
///         let _ = rawipc::signal::raise(Signal::STOP);
///         process::exit(if traced { 7 } else { 1 })
///     }
///     Fork::Parent(child) => child,
/// };
/// let mut report = trace::adopt(child, Options::KILL_ON_EXIT).wait()?;
/// assert!(matches!(&report, Report::Stopped(at) if at.stop() == Stop::Signal(Signal::STOP)));
/// while let Report::Stopped(at) = report {
///     report = at.cont(None)?.wait()?;
/// }
/// assert_eq!(report.ended(), Some(State::Exited(7)));
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "PTRACE_TRACEME")]
pub fn traceme() -> Result<()> {
    let own = rustix::process::getpid();
    let parent = rustix::process::getppid();
    // Where it cannot be asked, it is believed to be well.
    if parent.is_some_and(|parent| kcmp(own, parent, Kcmp::Vm) == Ok(SAME)) {
        return Err(Errno::DEADLK);
    }
    sys::traceme()
}

/// What `kcmp(2)` says of what is shared.
const SAME: usize = 0;

/// Becomes the tracer of a child that calls [`traceme`], or has called it. Makes no system
/// call; `options` are set when [`Running::wait`] sees the first stop.
///
/// A child of *this thread*, not of another one of this process: with the latter, or if
/// the child does not call it, the wait sees no stop, only the end, or nothing.
#[must_use]
pub fn adopt(child: Pid, options: Options) -> Running {
    Running::new(child, Begin::Adopted(options))
}

/// Begins to trace the thread `tid`, which runs on: `PTRACE_SEIZE`. The better way to begin.
///
/// It is not stopped: [`Running::interrupt`] does that. The other threads of its process
/// have to be seized one by one (`/proc/PID/task`); those that come later are traced
/// with [`Options::CLONE`].
///
/// # Errors
///
/// [`Errno::SRCH`](crate::Errno::SRCH): there is no such thread, or it has ended. [`Errno::IO`](crate::Errno::IO): an option
/// that this kernel does not have. [`Errno::PERM`](crate::Errno::PERM): see
/// [the module](super#who-may-trace-whom).
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, Fork, State};
/// use rawipc::trace::{self, Options, Report, Stop};
///
/// // SAFETY: the child only exits, should it get so far.
/// let child = match unsafe { process::fork()? } {
///     Fork::Child => loop { core::hint::spin_loop() },
///     Fork::Parent(child) => child,
/// };
/// let running = trace::seize(child, Options::KILL_ON_EXIT)?;
/// running.interrupt()?;
/// let Report::Stopped(stopped) = running.wait()? else { panic!("it has ended") };
/// assert_eq!(stopped.stop(), Stop::Interrupt);
/// assert_ne!(stopped.registers()?.pc(), 0);
/// assert!(stopped.kill().wait_end()?.state.is_end());
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "PTRACE_SEIZE")]
pub fn seize(tid: Pid, options: Options) -> Result<Running> {
    sys::seize(tid, options.raw())?;
    Ok(Running::new(tid, Begin::Done))
}

/// Begins to trace the thread `tid` and sends it `SIGSTOP`: `PTRACE_ATTACH`, the old way.
///
/// The first stop is not always that `SIGSTOP`, which is then still to come; and it is not
/// told from one that somebody else sends. [`seize`] has neither trouble. `options` are
/// set when [`Running::wait`] sees the first stop.
///
/// # Errors
///
/// Those of [`seize`].
#[doc(alias = "PTRACE_ATTACH")]
pub fn attach(tid: Pid, options: Options) -> Result<Running> {
    sys::attach(tid)?;
    Ok(Running::new(tid, Begin::Attached(options)))
}
