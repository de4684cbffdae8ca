//! [`Command`]: which program to start, and what is asked for it.
#![forbid(unsafe_code)]

use core::ffi::CStr;
use core::fmt;

use rustix::process::{Gid, Resource, Rlimit, Uid};
use rustix::thread::{CapabilitySet, CpuSet};
use static_assertions::assert_impl_all;

use super::fd_mapping::FdMapping;
use super::idmap::IdMap;
use super::joined::Joined;
use super::scheduling::Scheduling;
use crate::process::clone::CloneFlags;
use crate::process::exec::Strings;
use crate::signal::set::Set;
use crate::{AsFd, BorrowedFd, Mode, Pid, Result, Signal};

/// A program to start in a new process, with its own ids, limits, descriptors and namespaces.
///
/// It needs no allocator: everything is borrowed, and arguments and environment are a
/// [`List`](crate::process::exec::List) or [`Strings`] of the caller's. The same `Command` can
/// be started any number of times.
///
/// [`spawn`](Self::spawn) makes a process that runs in the memory of this one until it is
/// another program (`CLONE_VM`, and `CLONE_VFORK` unless it is [traced](Self::traced)): that
/// costs the same however much memory this process has, and each failure is reported exactly.
/// Only a change of [user](Self::user) or namespace needs a copy. No handler of this process
/// runs in the child: all signals are blocked meanwhile, and handled signals have their default
/// action in the program.
///
/// # Order
///
/// The settings are applied in this order, in whatever order they are made;
/// [`Step`](super::Step) has the errors of each: namespaces and control group; id maps; session
/// or process group, terminal; priority, scheduling, processors; umask, limits; namespaces
/// joined; root; bounds of capabilities; groups, group, user; capabilities; directory; no new
/// privileges; the signal of the parent's death; descriptors; [`prepare`](Self::prepare);
/// signals; being traced; the program. So what needs privileges comes before they are dropped,
/// paths are resolved with the program's root and user, and scheduling uses the privileges of
/// the caller, not those in a joined user namespace.
///
/// All else is inherited: directory, signal mask, ignored signals (a Rust program with std
/// ignores `SIGPIPE`), limits, and all descriptors that are not close-on-exec, as those of this
/// crate are.
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
/// A failure names its step:
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
    /// Creates a command for the program in the file `path`, with exactly these arguments, the
    /// first of which is by convention the program's name, and exactly this environment:
    /// [`exec::path`](crate::process::exec::path()).
    ///
    /// `PATH` is not searched. A relative path begins at the child's
    /// [directory](Self::directory).
    #[doc(alias = "execve")]
    pub fn path(path: &'a CStr, args: impl Into<Strings<'a>>, env: impl Into<Strings<'a>>) -> Self {
        Self::new(Program::Path(path), args.into(), env.into())
    }

    /// Creates a command for a program whose path is relative to `directory`; otherwise like
    /// [`path`](Self::path): [`exec::at`](crate::process::exec::at()).
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

    /// Creates a command for the program in an open file; otherwise like [`path`](Self::path):
    /// [`exec::descriptor`](crate::process::exec::descriptor()).
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
