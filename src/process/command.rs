//! [`Command`]: which program to start, and as what.

use core::ffi::CStr;
use core::fmt;
use core::mem::MaybeUninit;

use rustix::process::{Gid, Resource, Rlimit, Uid};
use static_assertions::assert_impl_all;

use super::exec::Strings;
use super::spawn;
use super::{
    CapabilitySet, Child, CloneFlags, CpuSet, FdMapping, IdMap, Joined, Pidfd, Scheduling, State,
};
use crate::sigset::Set;
use crate::{AsFd, BorrowedFd, Errno, Mode, Pid, RawFd, Result, Signal};

/// A program to start in a process of its own, and what is different there.
///
/// It needs no allocator: it borrows all that it is told, and `argv` and the
/// environment are [`List`](super::exec::List)s or [`Strings`] of the caller's. It can
/// be kept and started any number of times.
///
/// [`spawn`](Self::spawn) makes a process that runs in the memory of this one until it
/// is another program (`CLONE_VM`, and `CLONE_VFORK` unless it is [traced](Self::traced)):
/// that costs the same however much memory this process has, and whatever of it fails is
/// known exactly. Only a change of [user](Self::user) or namespace takes a copy. No handler of
/// this process runs in the child: all signals are blocked meanwhile, and what has a
/// handler here has its default action there.
///
/// # Order
///
/// What is asked for is done in this order, whatever the order of asking; [`Step`] has the
/// errors of each: namespaces and control group; id maps; session or process group,
/// terminal; priority, scheduling, processors; umask, limits; namespaces joined; root;
/// bounds of capabilities; groups, group, user; capabilities; directory; no new privileges;
/// the signal of the parent's death; descriptors; [`prepare`](Self::prepare); signals; being
/// traced; the program. So what needs privileges comes before they are given up, paths are
/// those of the root and of the user that the program will have, and a scheduler's
/// privileges are those of the caller, not those in a user namespace that is joined.
///
/// What is not asked for is as it is here: directory, signal mask, ignored signals (a
/// Rust program with std ignores `SIGPIPE`), limits. Descriptors are as each says
/// itself, and all that this crate makes are closed on exec.
///
/// # Examples
///
/// A program whose standard output is the pipe of another:
///
/// ```
/// use rawipc::process::{self, exec, Command, FdMapping, State, WaitFlags};
/// use rawipc::pipe;
///
/// let (output, input) = pipe::create(pipe::PipeFlags::empty())?;
/// let args = exec::List::of([c"sh", c"-c", c"echo $WORD; exit 3"]);
/// let env = exec::List::of([c"WORD=hello"]);
/// let child = Command::path(c"/bin/sh", &args, &env)
///     .inherit(&[FdMapping::new(&input, 1)])
///     .close_others()
///     .directory(c"/")
///     .spawn()?;
/// drop(input);
///
/// let mut word = [0; 16];
/// let len = output.read(&mut word)?;
/// assert_eq!(&word[..len], b"hello\n");
/// assert_eq!(process::wait(&child, WaitFlags::EXITED)?.state, State::Exited(3));
/// # Ok::<(), rawipc::Errno>(())
/// ```
///
/// What fails says where:
///
/// ```
/// use rawipc::process::{exec, Command, SpawnError, Step};
/// use rawipc::Errno;
///
/// let args = exec::List::of([c"true"]);
/// let command = Command::path(c"/bin/true", &args, exec::Strings::EMPTY);
/// let error = command.directory(c"/nowhere").spawn().unwrap_err();
/// assert_eq!(error, SpawnError { step: Step::Directory, errno: Errno::NOENT });
/// ```
#[derive(Clone, Copy)]
#[must_use = "nothing is started before `spawn`"]
pub struct Command<'a> {
    pub(super) program: Program<'a>,
    pub(super) args: Strings<'a>,
    pub(super) env: Strings<'a>,
    pub(super) namespaces: CloneFlags,
    pub(super) cgroup: Option<BorrowedFd<'a>>,
    pub(super) group: Option<ProcessGroup>,
    pub(super) terminal: Option<BorrowedFd<'a>>,
    pub(super) priority: Option<i32>,
    pub(super) scheduling: Option<Scheduling>,
    pub(super) affinity: Option<&'a CpuSet>,
    pub(super) uid_map: Option<&'a [IdMap]>,
    pub(super) gid_map: Option<&'a [IdMap]>,
    pub(super) joined: &'a [Joined<'a>],
    pub(super) root: Option<Root<'a>>,
    pub(super) capability_bounds: Option<CapabilitySet>,
    pub(super) capabilities: Option<CapabilitySet>,
    pub(super) umask: Option<Mode>,
    pub(super) limits: &'a [(Resource, Rlimit)],
    pub(super) groups: Option<&'a [Gid]>,
    pub(super) gid: Option<Gid>,
    pub(super) uid: Option<Uid>,
    pub(super) directory: Option<Directory<'a>>,
    pub(super) no_new_privs: bool,
    pub(super) parent_death: Option<Signal>,
    pub(super) close_others: bool,
    pub(super) inherited: &'a [FdMapping<'a>],
    pub(super) prepare: Option<&'a (dyn Fn() -> Result<()> + Sync)>,
    pub(super) traced: bool,
    pub(super) default_signals: Set,
    pub(super) mask: Option<Set>,
}

assert_impl_all!(Command<'_>: Send, Sync);

#[derive(Clone, Copy, Debug)]
pub(super) enum Program<'a> {
    Path(&'a CStr),
    At(BorrowedFd<'a>, &'a CStr),
    Descriptor(BorrowedFd<'a>),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum ProcessGroup {
    Session,
    Own,
    Of(Pid),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Directory<'a> {
    Path(&'a CStr),
    Descriptor(BorrowedFd<'a>),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Root<'a> {
    Changed(&'a CStr),
    Pivoted(&'a CStr),
}

impl<'a> Command<'a> {
    /// The program of the file `path`, with exactly these arguments, whose first is by
    /// custom its own name, and exactly this environment:
    /// [`exec::path`](super::exec::path()).
    ///
    /// `PATH` is not searched. A relative path is one of the
    /// [directory](Self::directory) of the child.
    #[doc(alias = "execve")]
    pub fn path(path: &'a CStr, args: impl Into<Strings<'a>>, env: impl Into<Strings<'a>>) -> Self {
        Self::new(Program::Path(path), args.into(), env.into())
    }

    /// As [`path`](Self::path), of a path that is relative to `directory`:
    /// [`exec::at`](super::exec::at()).
    #[doc(alias = "execveat")]
    pub fn at(
        directory: &'a impl AsFd,
        path: &'a CStr,
        args: impl Into<Strings<'a>>,
        env: impl Into<Strings<'a>>,
    ) -> Self {
        Self::new(
            Program::At(directory.as_fd(), path),
            args.into(),
            env.into(),
        )
    }

    /// As [`path`](Self::path), of an open file:
    /// [`exec::descriptor`](super::exec::descriptor()).
    #[doc(alias = "fexecve")]
    pub fn descriptor(
        fd: &'a impl AsFd,
        args: impl Into<Strings<'a>>,
        env: impl Into<Strings<'a>>,
    ) -> Self {
        Self::new(Program::Descriptor(fd.as_fd()), args.into(), env.into())
    }

    fn new(program: Program<'a>, args: Strings<'a>, env: Strings<'a>) -> Self {
        Self {
            program,
            args,
            env,
            namespaces: CloneFlags::empty(),
            cgroup: None,
            group: None,
            terminal: None,
            priority: None,
            scheduling: None,
            affinity: None,
            uid_map: None,
            gid_map: None,
            joined: &[],
            root: None,
            capability_bounds: None,
            capabilities: None,
            umask: None,
            limits: &[],
            groups: None,
            gid: None,
            uid: None,
            directory: None,
            no_new_privs: false,
            parent_death: None,
            close_others: false,
            inherited: &[],
            prepare: None,
            traced: false,
            default_signals: Set::EMPTY,
            mask: None,
        }
    }

    /// Namespaces to make for it; no other flags.
    ///
    /// In a new user namespace ([`CloneFlags::NEWUSER`]) without a
    /// [`uid_map`](Self::uid_map) it is nobody, as the kernel names whom it does not know.
    pub const fn namespaces(mut self, flags: CloneFlags) -> Self {
        self.namespaces = flags;
        self
    }

    /// Which users of its new user namespace are which of the caller's: `uid_map` of
    /// `user_namespaces(7)`. The caller writes the map before the child does anything else,
    /// so that the child can become one of these [users](Self::user). It takes `/proc`.
    ///
    /// Whoever has no `CAP_SETUID` can map its own user only, with one [`IdMap`] of one.
    ///
    /// # Examples
    ///
    /// Root in a namespace of its own:
    ///
    /// ```
    /// use rawipc::process::{self, exec, CloneFlags, Command, IdMap, State, WaitFlags};
    /// use rawipc::Errno;
    ///
    /// let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    /// let args = exec::List::of([c"sh", c"-c", c"exit $(id -u)"]);
    /// let env = exec::List::of([c"PATH=/usr/bin:/bin"]);
    /// let child = Command::path(c"/bin/sh", &args, &env)
    ///     .namespaces(CloneFlags::NEWUSER)
    ///     .uid_map(&[IdMap::one(0, user.as_raw())])
    ///     .gid_map(&[IdMap::one(0, group.as_raw())])
    ///     .spawn();
    /// match child {
    ///     Ok(child) => {
    ///         let change = process::wait(&child, WaitFlags::EXITED)?;
    ///         assert_eq!(change.state, State::Exited(0));
    ///     }
    ///     // Not for everybody, on some systems.
    ///     Err(error) => assert!(matches!(error.errno, Errno::PERM | Errno::NOSPC | Errno::ACCESS)),
    /// }
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    #[doc(alias = "newuidmap")]
    pub const fn uid_map(mut self, map: &'a [IdMap]) -> Self {
        self.uid_map = Some(map);
        self
    }

    /// Which groups of its new user namespace are which of the caller's: `gid_map` of
    /// `user_namespaces(7)`, as [`uid_map`](Self::uid_map).
    ///
    /// Whoever has no `CAP_SETGID` can map its own group only, and only where nobody can
    /// leave a group: then `setgroups(2)` is denied in the namespace for ever, and
    /// [`groups`](Self::groups) fails.
    #[doc(alias = "newgidmap")]
    #[doc(alias = "setgroups")]
    pub const fn gid_map(mut self, map: &'a [IdMap]) -> Self {
        self.gid_map = Some(map);
        self
    }

    /// Namespaces that it enters, in this order: `setns(2)`. A user namespace first, as
    /// that gives the privileges for others.
    ///
    /// A namespace of process numbers or time is entered by the program's children, not by
    /// itself.
    #[doc(alias = "setns")]
    pub const fn join(mut self, namespaces: &'a [Joined<'a>]) -> Self {
        self.joined = namespaces;
        self
    }

    /// Its root directory, which is its working directory too unless another
    /// [`directory`](Self::directory) is asked for: `chroot(2)`. Replaces
    /// [`pivot_root`](Self::pivot_root).
    #[doc(alias = "chroot")]
    pub const fn root(mut self, path: &'a CStr) -> Self {
        self.root = Some(Root::Changed(path));
        self
    }

    /// The root directory of its new mount namespace, from which what was mounted outside
    /// of it is gone: `pivot_root(2)`. Its working directory too, unless another is asked
    /// for. Replaces [`root`](Self::root).
    ///
    /// `path` need not be mounted. Nothing that is mounted or unmounted in the namespace
    /// from then on is so outside, or the other way round.
    pub const fn pivot_root(mut self, path: &'a CStr) -> Self {
        self.root = Some(Root::Pivoted(path));
        self
    }

    /// The control group it begins in:
    /// [`CloneOptions::cgroup`](super::CloneOptions::cgroup).
    pub fn cgroup(mut self, directory: &'a impl AsFd) -> Self {
        self.cgroup = Some(directory.as_fd());
        self
    }

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

    /// Its priority, from -20 (the first to run) to 19: `setpriority(2)`. What is
    /// beyond that is brought within.
    #[doc(alias = "nice")]
    #[doc(alias = "setpriority")]
    pub const fn priority(mut self, priority: i32) -> Self {
        self.priority = Some(priority);
        self
    }

    /// How the scheduler treats it: `sched_setattr(2)`. Replaces what
    /// [`priority`](Self::priority) says, if that is [`Scheduling::Normal`] or
    /// [`Scheduling::Batch`].
    #[doc(alias = "sched_setattr")]
    #[doc(alias = "sched_setscheduler")]
    pub const fn scheduling(mut self, scheduling: Scheduling) -> Self {
        self.scheduling = Some(scheduling);
        self
    }

    /// The processors that it may run on: `sched_setaffinity(2)`.
    #[doc(alias = "sched_setaffinity")]
    pub const fn affinity(mut self, processors: &'a CpuSet) -> Self {
        self.affinity = Some(processors);
        self
    }

    /// The bits that modes of its new files lack: `umask(2)`.
    pub const fn umask(mut self, mask: Mode) -> Self {
        self.umask = Some(mask);
        self
    }

    /// Limits of resources: `setrlimit(2)`. Set before its users are changed, and
    /// before descriptors get their numbers.
    #[doc(alias = "setrlimit")]
    pub const fn limits(mut self, limits: &'a [(Resource, Rlimit)]) -> Self {
        self.limits = limits;
        self
    }

    /// Its supplementary groups: `setgroups(2)`. Whoever changes the
    /// [user](Self::user) wants this too, if only to have none.
    #[doc(alias = "setgroups")]
    pub const fn groups(mut self, groups: &'a [Gid]) -> Self {
        self.groups = Some(groups);
        self
    }

    /// Its real, effective and saved group: `setresgid(2)`.
    #[doc(alias = "setresgid")]
    pub const fn group(mut self, group: Gid) -> Self {
        self.gid = Some(group);
        self
    }

    /// Its real, effective and saved user: `setresuid(2)`.
    ///
    /// A child that is to change its user, group, groups or capabilities, or to be in other
    /// namespaces, has a copy of the memory until it is another program, as others could
    /// otherwise write to this process.
    #[doc(alias = "setresuid")]
    pub const fn user(mut self, user: Uid) -> Self {
        self.uid = Some(user);
        self
    }

    /// The capabilities that it has, whoever its [user](Self::user) is: they are permitted,
    /// effective, inheritable and *ambient*, and no others are; `capabilities(7)`. Linux 4.3.
    ///
    /// A program that runs as root, or whose file has capabilities of its own, has more, up
    /// to the [bounds](Self::capability_bounds).
    #[doc(alias = "capset")]
    #[doc(alias = "PR_CAP_AMBIENT")]
    pub const fn capabilities(mut self, capabilities: CapabilitySet) -> Self {
        self.capabilities = Some(capabilities);
        self
    }

    /// The capabilities that it and what it executes can ever get by executing a file: the
    /// others are taken out of the *bounding set*; `prctl(2)` with `PR_CAPBSET_DROP`.
    #[doc(alias = "PR_CAPBSET_DROP")]
    pub const fn capability_bounds(mut self, bounds: CapabilitySet) -> Self {
        self.capability_bounds = Some(bounds);
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

    /// Neither it nor what it executes ever gets privileges by executing a file:
    /// set-user-ID bits and capabilities of files have no effect. `prctl(2)` with
    /// `PR_SET_NO_NEW_PRIVS`.
    #[doc(alias = "PR_SET_NO_NEW_PRIVS")]
    pub const fn no_new_privs(mut self) -> Self {
        self.no_new_privs = true;
        self
    }

    /// The signal that it gets when the *thread* that started it ends:
    /// [`set_parent_death_signal`](super::set_parent_death_signal).
    ///
    /// If this process is dead before that is said, the program is not executed.
    #[doc(alias = "PR_SET_PDEATHSIG")]
    pub const fn parent_death_signal(mut self, signal: Signal) -> Self {
        self.parent_death = Some(signal);
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

    /// Calls `prepare` in the child when everything else is done, with all signals
    /// blocked: to install a filter of system calls, for instance. What it fails with
    /// is what [`spawn`](Self::spawn) fails with.
    ///
    /// # Safety
    ///
    /// `prepare` must keep to what
    /// [`CloneOptions::vfork`](super::CloneOptions::vfork) demands of what runs
    /// in a parent's memory, on a stack of which [`STACK_SIZE`](spawn::STACK_SIZE) less
    /// 4 KiB is left. It must not close what the others have, nor unblock signals.
    pub const unsafe fn prepare(mut self, prepare: &'a (dyn Fn() -> Result<()> + Sync)) -> Self {
        self.prepare = Some(prepare);
        self
    }

    /// It is traced by this process, and stops before its program's first instruction:
    /// `ptrace(2)` with `PTRACE_TRACEME`. Such a stop is a
    /// [`State::Trapped`](super::State::Trapped) of [`wait`](super::wait()), or what
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

    /// Starts the program in a new process: `clone3(2)`, what was asked for, and
    /// `execve(2)`.
    ///
    /// Returns when the new process is the program, or has failed to become it: then it
    /// has been reaped, and nothing is left of it, not even a `SIGCHLD`. The calling thread
    /// sleeps until then, whatever signal comes; other threads go on. (If the new process is
    /// stopped on its way, by `SIGSTOP`, that is until somebody continues it.)
    ///
    /// A program that the kernel gives up while it already takes this process's place,
    /// because memory is short for instance, is killed by the kernel: it has been started,
    /// and [`wait`](super::wait()) tells of its end.
    ///
    /// # Errors
    ///
    /// What failed ([`Step`], which has what each can say) and why. Among others:
    ///
    /// - [`Step::Ended`]: the child was killed before it was the program.
    /// - [`Step::Create`]: as [`CloneOptions::fork`](super::CloneOptions::fork).
    /// - [`Step::Descriptor`]: [`Errno::INVAL`]: a number is negative, or there twice, or
    ///   there are more than 128 of them; [`Errno::BADF`]: beyond the limit
    ///   (`RLIMIT_NOFILE`).
    /// - [`Step::ParentDeath`]: [`Errno::SRCH`]: this process is dead, and nobody reads
    ///   this.
    /// - [`Step::Execute`]: as [`exec::path`](super::exec::path()); [`Errno::AGAIN`]: the
    ///   user has more processes than allowed (`RLIMIT_NPROC`).
    #[doc(alias = "posix_spawn")]
    #[doc(alias = "vfork")]
    pub fn spawn(&self) -> Result<Spawned, SpawnError> {
        let mut stack = [MaybeUninit::uninit(); spawn::STACK_SIZE];
        // SAFETY: of the size that is demanded.
        unsafe { self.spawn_on(&mut stack) }
    }

    /// As [`spawn`](Self::spawn), with a stack for the child that is the caller's: for
    /// callers whose own is small, or what [`prepare`](Self::prepare) does is large.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn); [`Step::Create`] with [`Errno::INVAL`]: the stack has
    /// less than 1 KiB.
    ///
    /// # Safety
    ///
    /// The stack must have [`STACK_SIZE`](spawn::STACK_SIZE) bytes, or otherwise be enough:
    /// what lies beyond its end is overwritten.
    pub unsafe fn spawn_on(&self, stack: &mut [MaybeUninit<u8>]) -> Result<Spawned, SpawnError> {
        // SAFETY: the caller's promise.
        unsafe { spawn::spawn(self, stack) }
    }
}

impl Command<'_> {
    /// Whether maps of ids are to be written for it.
    pub(super) const fn is_mapped(&self) -> bool {
        self.uid_map.is_some() || self.gid_map.is_some()
    }

    /// Whether its parent has something to do before it is the program, and must be awake.
    pub(super) const fn is_attended(&self) -> bool {
        self.is_mapped() || self.traced
    }

    /// Whether it is to be another user, or in other namespaces, than this process: then it
    /// has a copy of the memory. A namespace of time cannot share it, and others of the user
    /// must not get at it.
    pub(super) const fn changes_credentials(&self) -> bool {
        self.uid.is_some()
            || self.gid.is_some()
            || self.groups.is_some()
            || self.capabilities.is_some()
            || !self.namespaces.is_empty()
            || !self.joined.is_empty()
    }
}

impl fmt::Debug for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("program", &self.program)
            .field("args", &self.args)
            .finish_non_exhaustive()
    }
}

/// A program that was started, in a process of its own.
///
/// Nothing happens when this is dropped: the process goes on, and has to be waited for
/// by its number.
#[derive(Debug)]
pub struct Spawned {
    /// Its number, until it has been waited for.
    pub pid: Pid,
    /// The process, by a descriptor that was made with it.
    pub pidfd: Pidfd,
}

impl AsFd for Spawned {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

crate::descriptor::number!(Spawned);

impl<'fd> From<&'fd Spawned> for Child<'fd> {
    fn from(spawned: &'fd Spawned) -> Self {
        Self::Pidfd(spawned.as_fd())
    }
}

/// Why a program was not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpawnError {
    /// What failed.
    pub step: Step,
    /// Why.
    pub errno: Errno,
}

/// What is done on the way to a program, in this order, and what else each can say than
/// [`Errno::PERM`] where privileges are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// A process is made, in its [namespaces](Command::namespaces) and
    /// [control group](Command::cgroup), and waits for its maps. [`Errno::AGAIN`],
    /// [`Errno::NOMEM`]: too many processes, or no memory; [`Errno::MFILE`],
    /// [`Errno::NFILE`]: no descriptor left; [`Errno::NOSPC`], [`Errno::USERS`]: too many
    /// namespaces; [`Errno::INVAL`]: flags that make no namespace.
    Create,
    /// [`Command::uid_map`]. [`Errno::INVAL`]: no new user namespace, ranges that overlap or
    /// are empty, an id that the caller's namespace does not have, or more than a page of
    /// them; [`Errno::PERM`]: more than the caller's own, and no `CAP_SETUID`;
    /// [`Errno::SRCH`]: there is no `/proc`; [`Errno::MFILE`], [`Errno::NFILE`]: no
    /// descriptor left.
    UidMap,
    /// [`Command::gid_map`]. As [`UidMap`](Self::UidMap), with `CAP_SETGID`.
    GidMap,
    /// [`Command::new_session`].
    Session,
    /// [`Command::process_group`], [`Command::new_process_group`].
    ProcessGroup,
    /// [`Command::controlling_terminal`].
    Terminal,
    /// [`Command::priority`]. [`Errno::ACCESS`]: more than the caller may have.
    Priority,
    /// [`Command::scheduling`]. [`Errno::INVAL`]: a priority that there is not, or times in
    /// the wrong order; [`Errno::BUSY`]: more time than is left.
    Scheduling,
    /// [`Command::affinity`]. [`Errno::INVAL`]: none of these processors is there for it.
    Affinity,
    /// One of [`Command::limits`].
    Limit(Resource),
    /// [`Command::join`]. [`Errno::INVAL`]: the descriptor is of no namespace or none of this
    /// kind, or it is the user namespace that the caller is in; [`Errno::BADF`]: nor of a
    /// process.
    Join,
    /// [`Command::root`], [`Command::pivot_root`]. [`Errno::NOENT`], [`Errno::NOTDIR`],
    /// [`Errno::ACCESS`]: as `chdir(2)`; [`Errno::INVAL`] of the latter: the mount namespace
    /// is not new.
    Root,
    /// [`Command::capability_bounds`].
    CapabilityBounds,
    /// [`Command::groups`]. [`Errno::INVAL`]: a group that the user namespace does not have.
    Groups,
    /// [`Command::group`]. [`Errno::INVAL`]: it is -1, or the user namespace does not have it.
    Group,
    /// [`Command::user`]. [`Errno::INVAL`]: it is -1, or the user namespace does not have it;
    /// [`Errno::AGAIN`]: it has too many processes.
    User,
    /// [`Command::capabilities`]. [`Errno::PERM`]: more than the caller has.
    Capabilities,
    /// [`Command::directory`], [`Command::directory_descriptor`]. [`Errno::NOENT`],
    /// [`Errno::NOTDIR`], [`Errno::ACCESS`]: as `chdir(2)`.
    Directory,
    /// [`Command::no_new_privs`].
    NoNewPrivs,
    /// [`Command::parent_death_signal`].
    ParentDeath,
    /// [`Command::close_others`].
    CloseOthers,
    /// The descriptor of [`Command::inherit`] that was to have this number.
    Descriptor(RawFd),
    /// [`Command::prepare`].
    Prepare,
    /// [`Command::default_signals`], [`Command::signal_mask`].
    Signals,
    /// [`Command::traced`]. [`Errno::PERM`]: it is traced already, as its parent is by
    /// somebody who follows forks; or a security module forbids it. [`Errno::CHILD`]: it was
    /// killed, and a wait of another thread for any child has taken its end.
    Trace,
    /// The program is executed.
    Execute,
    /// The child ended before it was the program, in this way: somebody killed it, the
    /// kernel had no memory, or [`Command::prepare`] ended it. With [`Errno::CANCELED`].
    ///
    /// If another thread waits for any child with
    /// [`WaitFlags::ALL`](super::WaitFlags::ALL), that one can learn of this end instead,
    /// and the program counts as started.
    Ended(State),
}

impl Step {
    pub(super) const fn failed(self, errno: Errno) -> SpawnError {
        SpawnError { step: self, errno }
    }

    pub(super) fn because(self) -> impl FnOnce(Errno) -> SpawnError {
        move |errno| self.failed(errno)
    }
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match self.step {
            Step::Create => "making a process",
            Step::Session => "making a session",
            Step::ProcessGroup => "entering a process group",
            Step::Terminal => "taking a controlling terminal",
            Step::UidMap => "mapping users",
            Step::GidMap => "mapping groups",
            Step::Priority => "setting the priority",
            Step::Scheduling => "setting the scheduling",
            Step::Affinity => "choosing processors",
            Step::Join => "joining a namespace",
            Step::Root => "changing the root",
            Step::CapabilityBounds => "bounding capabilities",
            Step::Capabilities => "keeping capabilities",
            Step::Ended(state) => return write!(f, "the child ended on its way: {state:?}"),
            Step::Limit(resource) => {
                return write!(f, "setting the limit {resource:?}: {}", self.errno);
            }
            Step::Groups => "setting the supplementary groups",
            Step::Group => "setting the group",
            Step::User => "setting the user",
            Step::Directory => "changing the directory",
            Step::NoNewPrivs => "giving up new privileges",
            Step::ParentDeath => "asking for a signal of the parent's death",
            Step::CloseOthers => "closing other descriptors",
            Step::Descriptor(number) => {
                return write!(f, "inheriting the descriptor {number}: {}", self.errno);
            }
            Step::Prepare => "what is to be done before",
            Step::Trace => "being traced",
            Step::Signals => "resetting signals",
            Step::Execute => "executing the program",
        };
        write!(f, "{step}: {}", self.errno)
    }
}

impl core::error::Error for SpawnError {}

/// Without what it was that failed.
impl From<SpawnError> for Errno {
    fn from(error: SpawnError) -> Self {
        error.errno
    }
}
