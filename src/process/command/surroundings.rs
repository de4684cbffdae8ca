//! The surroundings of a program: session, directory, descriptors, signals.

use core::ffi::CStr;

use super::builder::{Command, Directory, ProcessGroup};
use super::fd_mapping::FdMapping;
use crate::signal::set::Set;
use crate::{AsFd, Mode, Pid, Result, Signal};

impl<'a> Command<'a> {
    /// Makes the program the leader of a new session, without a terminal, and of a new process
    /// group in it: `setsid(2)`.
    #[doc(alias = "setsid")]
    pub const fn new_session(mut self) -> Self {
        self.group = Some(ProcessGroup::Session);
        self
    }

    /// Makes the program the leader of a new process group: `setpgid(2)`. Replaces earlier
    /// settings of group and session.
    #[doc(alias = "setpgid")]
    pub const fn new_process_group(mut self) -> Self {
        self.group = Some(ProcessGroup::Own);
        self
    }

    /// Puts the program into the process group `group` of this session: `setpgid(2)`. Replaces
    /// earlier settings of group and session.
    #[doc(alias = "setpgid")]
    pub const fn process_group(mut self, group: Pid) -> Self {
        self.group = Some(ProcessGroup::Of(group));
        self
    }

    /// Sets the controlling terminal of its [new session](Self::new_session): `ioctl(2)` with
    /// `TIOCSCTTY`.
    #[doc(alias = "TIOCSCTTY")]
    pub fn controlling_terminal(mut self, terminal: &'a impl AsFd) -> Self {
        self.terminal = Some(terminal.as_fd());
        self
    }

    /// Sets the file mode creation mask: `umask(2)`.
    pub const fn umask(mut self, mask: Mode) -> Self {
        self.umask = Some(mask);
        self
    }

    /// Sets the working directory, which is opened as the program's user: `chdir(2)`.
    #[doc(alias = "chdir")]
    pub const fn directory(mut self, path: &'a CStr) -> Self {
        self.directory = Some(Directory::Path(path));
        self
    }

    /// Sets the working directory to an open one: `fchdir(2)`.
    #[doc(alias = "fchdir")]
    pub fn directory_descriptor(mut self, directory: &'a impl AsFd) -> Self {
        self.directory = Some(Directory::Descriptor(directory.as_fd()));
        self
    }

    /// Gives the program these descriptors under these numbers: up to 128, each number once.
    ///
    /// The numbers are assigned as if at once, so that descriptors can trade places. One
    /// descriptor may have several numbers.
    #[doc(alias = "dup2")]
    pub const fn inherit(mut self, descriptors: &'a [FdMapping<'a>]) -> Self {
        self.inherited = descriptors;
        self
    }

    /// Closes all descriptors from 3 on that [`inherit`](Self::inherit) does not name, even
    /// those that are not close-on-exec. Before Linux 5.11, and in sandboxes that do not know
    /// the call, this needs `/proc`.
    #[doc(alias = "close_range")]
    pub const fn close_others(mut self) -> Self {
        self.close_others = true;
        self
    }

    /// Resets these signals to their default action, although this process ignores them.
    /// `SIGKILL` and `SIGSTOP` always have it.
    #[doc(alias = "sigaction")]
    pub const fn default_signals(mut self, signals: Set) -> Self {
        self.default_signals = signals;
        self
    }

    /// Sets the signals that are blocked in the program; by default those that are blocked in
    /// the calling thread.
    #[doc(alias = "sigprocmask")]
    pub const fn signal_mask(mut self, mask: Set) -> Self {
        self.mask = Some(mask);
        self
    }

    /// Resets all signals: none is blocked, none ignored.
    pub const fn reset_signals(self) -> Self {
        self.default_signals(Set::from_bits_with_reserved(!0))
            .signal_mask(Set::EMPTY)
    }

    /// Sets the signal that the program gets when the *thread* that started it ends:
    /// [`set_parent_death_signal`](crate::process::set_parent_death_signal).
    ///
    /// If this process has ended before that is set, the program is not executed.
    #[doc(alias = "PR_SET_PDEATHSIG")]
    pub const fn parent_death_signal(mut self, signal: Signal) -> Self {
        self.parent_death = Some(signal);
        self
    }

    /// Lets this thread trace the program, which stops before its first instruction:
    /// `ptrace(2)` with `PTRACE_TRACEME`. The stop is a
    /// [`State::Trapped`](crate::process::State::Trapped) of [`wait`](crate::process::wait()),
    /// or what [`trace::adopt`](crate::trace::adopt) takes.
    ///
    /// It has stopped when [`spawn`](Self::spawn) returns, also if
    /// [`signal_mask`](Self::signal_mask) blocks `SIGTRAP`. Signals that are sent to it before
    /// are pending then, and stop it when it is let go on.
    #[doc(alias = "PTRACE_TRACEME")]
    pub const fn traced(mut self) -> Self {
        self.traced = true;
        self
    }

    /// Calls `prepare` in the child after everything else, with all signals blocked, for
    /// instance to install a system call filter. Its error becomes that of
    /// [`spawn`](Self::spawn).
    ///
    /// What follows it are the steps [`Signals`](super::Step::Signals),
    /// [`Trace`](super::Step::Trace) if [traced](Self::traced), and
    /// [`Execute`](super::Step::Execute), which makes the calls `rt_sigaction(2)`
    /// (where signals are reset), `rt_sigprocmask(2)`, `ptrace(2)`, `execve(2)` or `execveat(2)`, and `exit_group(2)` after an
    /// error: a filter must let them through (`seccomp::sets::EXEC`).
    ///
    /// # Safety
    ///
    /// `prepare` must keep to what
    /// [`CloneOptions::vfork`](crate::process::CloneOptions::vfork) demands of what runs
    /// in a parent's memory, on a stack of which [`STACK_SIZE`](super::STACK_SIZE) less
    /// 4 KiB is left. It must not close what the others have, nor unblock signals.
    pub const unsafe fn prepare(mut self, prepare: &'a (dyn Fn() -> Result<()> + Sync)) -> Self {
        self.prepare = Some(prepare);
        self
    }
}
