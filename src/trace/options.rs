//! At which events a tracee stops, and what happens to it without its tracer.
#![forbid(unsafe_code)]

use linux_raw_sys::ptrace as raw;

bitflags::bitflags! {
    /// The events at which a tracee stops, and what happens to it without its tracer. Traced
    /// children of a tracee inherit its options.
    ///
    /// `PTRACE_O_TRACESYSGOOD`, which tells stops at system calls from signals, is always set.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::process::{Command, State, exec};
    /// use rawipc::trace::{self, Event, Options, Report};
    ///
    /// let args = exec::List::of([c"false"]);
    /// let child = Command::path(c"/bin/false", &args, exec::Strings::EMPTY).traced().spawn()?;
    /// let options = Options::EXIT | Options::KILL_ON_EXIT;
    /// let Report::Stopped(stopped) = trace::adopt(child.pid, options).wait()? else {
    ///     return Err("it has ended".into());
    /// };
    /// // It stops once more when it ends, while all its memory is still there.
    /// let Report::Stopped(ending) = stopped.cont(None)?.wait()? else {
    ///     return Err("it was killed".into());
    /// };
    /// assert_eq!(ending.event(), Some(Event::Exit(State::Exited(1))));
    /// ending.cont(None)?.wait_end()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Options: u32 {
        /// Stops at [`Event::Fork`](super::Event::Fork), and traces the child.
        #[doc(alias = "PTRACE_O_TRACEFORK")]
        const FORK = raw::PTRACE_O_TRACEFORK;
        /// Stops at [`Event::Vfork`](super::Event::Vfork), and traces the child.
        #[doc(alias = "PTRACE_O_TRACEVFORK")]
        const VFORK = raw::PTRACE_O_TRACEVFORK;
        /// Stops at [`Event::Clone`](super::Event::Clone), and traces the thread, or the child
        /// whose exit signal is not `SIGCHLD`.
        #[doc(alias = "PTRACE_O_TRACECLONE")]
        const CLONE = raw::PTRACE_O_TRACECLONE;
        /// Stops at [`Event::Exec`](super::Event::Exec). Without this, a tracee that was not
        /// seized gets a `SIGTRAP` instead.
        #[doc(alias = "PTRACE_O_TRACEEXEC")]
        const EXEC = raw::PTRACE_O_TRACEEXEC;
        /// Stops at [`Event::VforkDone`](super::Event::VforkDone).
        #[doc(alias = "PTRACE_O_TRACEVFORKDONE")]
        const VFORK_DONE = raw::PTRACE_O_TRACEVFORKDONE;
        /// Stops at [`Event::Exit`](super::Event::Exit), while all its memory is still there.
        #[doc(alias = "PTRACE_O_TRACEEXIT")]
        const EXIT = raw::PTRACE_O_TRACEEXIT;
        /// Stops at [`Event::Seccomp`](super::Event::Seccomp), where its filter says so.
        /// Without this, such a system call fails with `ENOSYS`.
        #[doc(alias = "PTRACE_O_TRACESECCOMP")]
        const SECCOMP = raw::PTRACE_O_TRACESECCOMP;
        /// Kills the tracee when its tracer's thread ends. Without this it runs on untraced, or
        /// may stay stopped if it was.
        #[doc(alias = "PTRACE_O_EXITKILL")]
        const KILL_ON_EXIT = raw::PTRACE_O_EXITKILL;
        /// Suspends the tracee's seccomp filters. Needs `CAP_SYS_ADMIN`, no filter on the
        /// caller, and `CONFIG_CHECKPOINT_RESTORE`.
        #[doc(alias = "PTRACE_O_SUSPEND_SECCOMP")]
        const SUSPEND_SECCOMP = raw::PTRACE_O_SUSPEND_SECCOMP;
        /// All options needed to follow a tree: new processes and threads, and executed
        /// programs.
        const FOLLOW = raw::PTRACE_O_TRACEFORK
            | raw::PTRACE_O_TRACEVFORK
            | raw::PTRACE_O_TRACECLONE
            | raw::PTRACE_O_TRACEEXEC;
        const _ = !0;
    }
}

impl Options {
    /// As the kernel is told them.
    pub(super) fn raw(self) -> u32 {
        self.bits() | raw::PTRACE_O_TRACESYSGOOD
    }
}
