//! What a program finds when it begins: session, directory, descriptors, signals.

use core::ffi::CStr;

use super::builder::{Command, Directory, ProcessGroup};
use super::fd_mapping::FdMapping;
use crate::signal::set::Set;
use crate::{AsFd, Mode, Pid, Result, Signal};

impl<'a> Command<'a> {
    /// It leads a new session, without a terminal, and a new process group in that:
    /// `setsid(2)`.
    #[doc(alias = "setsid")]
    pub const fn new_session(mut self) -> Self {
        self.group = Some(ProcessGroup::Session);
        self
    }

    /// It leads a new process group, whose number is its own: `setpgid(2)`. Replaces
    /// what was asked of groups and sessions before.
    #[doc(alias = "setpgid")]
    pub const fn new_process_group(mut self) -> Self {
        self.group = Some(ProcessGroup::Own);
        self
    }

    /// It is in the process group `group` of this session: `setpgid(2)`. Replaces what
    /// was asked of groups and sessions before.
    #[doc(alias = "setpgid")]
    pub const fn process_group(mut self, group: Pid) -> Self {
        self.group = Some(ProcessGroup::Of(group));
        self
    }

    /// The terminal of its [new session](Self::new_session): `ioctl(2)` with
    /// `TIOCSCTTY`.
    #[doc(alias = "TIOCSCTTY")]
    pub fn controlling_terminal(mut self, terminal: &'a impl AsFd) -> Self {
        self.terminal = Some(terminal.as_fd());
        self
    }

    /// The bits that modes of its new files lack: `umask(2)`.
    pub const fn umask(mut self, mask: Mode) -> Self {
        self.umask = Some(mask);
        self
    }

    /// Its working directory, opened as the user that it will be: `chdir(2)`.
    #[doc(alias = "chdir")]
    pub const fn directory(mut self, path: &'a CStr) -> Self {
        self.directory = Some(Directory::Path(path));
        self
    }

    /// Its working directory: `fchdir(2)`.
    #[doc(alias = "fchdir")]
    pub fn directory_descriptor(mut self, directory: &'a impl AsFd) -> Self {
        self.directory = Some(Directory::Descriptor(directory.as_fd()));
        self
    }

    /// Which descriptors it has under which numbers. Up to 128, each number once.
    ///
    /// All of them are given their numbers at once, as it were: to exchange two, or any
    /// circle of them, is no conflict. One may have several numbers.
    #[doc(alias = "dup2")]
    pub const fn inherit(mut self, descriptors: &'a [FdMapping<'a>]) -> Self {
        self.inherited = descriptors;
        self
    }

    /// All descriptors from 3 on that [`inherit`](Self::inherit) does not say are
    /// closed, whatever they say of themselves: those of libraries that know no
    /// close-on-exec. Before Linux 5.11, and in sandboxes that do not know the call, that
    /// takes `/proc`.
    #[doc(alias = "close_range")]
    pub const fn close_others(mut self) -> Self {
        self.close_others = true;
        self
    }

    /// Signals that have their default action in it, although this process ignores
    /// them. `SIGKILL` and `SIGSTOP` always have.
    #[doc(alias = "sigaction")]
    pub const fn default_signals(mut self, signals: Set) -> Self {
        self.default_signals = signals;
        self
    }

    /// The signals that are blocked in it; otherwise those that are blocked in the
    /// thread that starts it.
    #[doc(alias = "sigprocmask")]
    pub const fn signal_mask(mut self, mask: Set) -> Self {
        self.mask = Some(mask);
        self
    }

    /// It finds signals as a fresh machine has them: none blocked, none ignored.
    pub const fn reset_signals(self) -> Self {
        self.default_signals(Set::from_bits_with_reserved(!0))
            .signal_mask(Set::EMPTY)
    }

    /// The signal that it gets when the *thread* that started it ends:
    /// [`set_parent_death_signal`](crate::process::set_parent_death_signal).
    ///
    /// If this process is dead before that is said, the program is not executed.
    #[doc(alias = "PR_SET_PDEATHSIG")]
    pub const fn parent_death_signal(mut self, signal: Signal) -> Self {
        self.parent_death = Some(signal);
        self
    }

    /// It is traced by this process, and stops before its program's first instruction:
    /// `ptrace(2)` with `PTRACE_TRACEME`. Such a stop is a
    /// [`State::Trapped`](crate::process::State::Trapped) of [`wait`](crate::process::wait()), or what
    /// [`trace::adopt`](crate::trace::adopt) takes.
    ///
    /// It stands there when [`spawn`](Self::spawn) returns, also if
    /// [`signal_mask`](Self::signal_mask) blocks `SIGTRAP`. Signals that are sent to it before
    /// are pending then, and stop it when it is let go on.
    #[doc(alias = "PTRACE_TRACEME")]
    pub const fn traced(mut self) -> Self {
        self.traced = true;
        self
    }

    /// Calls `prepare` in the child when everything else is done, with all signals
    /// blocked: to install a filter of system calls, for instance. What it fails with
    /// is what [`spawn`](Self::spawn) fails with.
    ///
    /// # Safety
    ///
    /// `prepare` must keep to what
    /// [`CloneOptions::vfork`](crate::process::CloneOptions::vfork) demands of what runs
    /// in a parent's memory, on a stack of which [`STACK_SIZE`](spawn::STACK_SIZE) less
    /// 4 KiB is left. It must not close what the others have, nor unblock signals.
    pub const unsafe fn prepare(mut self, prepare: &'a (dyn Fn() -> Result<()> + Sync)) -> Self {
        self.prepare = Some(prepare);
        self
    }
}
