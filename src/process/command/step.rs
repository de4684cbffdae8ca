//! [`Step`]: what is done on the way to a program, and which of it failed.
#![forbid(unsafe_code)]

use core::fmt;

use rustix::process::Resource;

use crate::signal::child::State;
use crate::{Errno, RawFd};

/// An error of [`Command::spawn`](crate::process::Command::spawn): which step failed, and why.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::process::{Command, SpawnError, Step, exec};
///
/// let args = exec::List::of([c"missing"]);
/// let result = Command::path(c"/bin/missing", &args, exec::Strings::EMPTY).spawn();
/// let error = result.expect_err("there is no such program");
/// assert_eq!(error, SpawnError { step: Step::Execute, errno: Errno::NOENT });
/// assert_eq!(Errno::from(error), Errno::NOENT); // where the step does not matter
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpawnError {
    /// The step that failed.
    pub step: Step,
    /// The error it failed with.
    pub errno: Errno,
}

/// A step of starting a program, in the order in which they are taken, with the errors that it
/// can have beside [`Errno::PERM`] for missing privileges.
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, Command, Step, WaitFlags, exec};
///
/// let args = exec::List::of([c"true"]);
/// let command = Command::path(c"/bin/true", &args, exec::Strings::EMPTY).root(c"/nowhere");
/// match command.spawn() {
///     Ok(child) => drop(process::wait(&child, WaitFlags::EXITED)?),
///     Err(error) => match error.step {
///         Step::Root => println!("cannot change the root: {}", error.errno),
///         Step::Execute => println!("cannot execute it: {}", error.errno),
///         _ => return Err(error.into()),
///     },
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Creating the process, in its [namespaces](super::Command::namespaces) and [control
    /// group](super::Command::cgroup), where it waits for its id maps. [`Errno::AGAIN`],
    /// [`Errno::NOMEM`]: too many processes, or no memory; [`Errno::MFILE`], [`Errno::NFILE`]:
    /// no descriptor left; [`Errno::NOSPC`], [`Errno::USERS`]: too many namespaces;
    /// [`Errno::INVAL`]: flags that make no namespace.
    Create,
    /// Writing the [`Command::uid_map`](super::Command::uid_map). [`Errno::INVAL`]: no new user namespace, ranges that
    /// overlap or are empty, an id that the caller's namespace does not have, or more than a
    /// page of them; [`Errno::PERM`]: more than the caller's own, and no `CAP_SETUID`;
    /// [`Errno::SRCH`]: there is no `/proc`; [`Errno::MFILE`], [`Errno::NFILE`]: no descriptor
    /// left.
    UidMap,
    /// Writing the [`Command::gid_map`](super::Command::gid_map). The errors are those of [`UidMap`](Self::UidMap), with
    /// `CAP_SETGID`.
    GidMap,
    /// Creating the [`Command::new_session`](super::Command::new_session).
    Session,
    /// Entering the [`Command::process_group`](super::Command::process_group) or [`Command::new_process_group`](super::Command::new_process_group).
    ProcessGroup,
    /// Setting the [`Command::controlling_terminal`](super::Command::controlling_terminal).
    Terminal,
    /// Setting the [`Command::priority`](super::Command::priority). [`Errno::ACCESS`]: more than the caller may have.
    Priority,
    /// Setting the [`Command::scheduling`](super::Command::scheduling). [`Errno::INVAL`]: an invalid priority, or times in
    /// the wrong order; [`Errno::BUSY`]: more time than is left.
    Scheduling,
    /// Setting the [`Command::affinity`](super::Command::affinity). [`Errno::INVAL`]: none of these processors is
    /// available.
    Affinity,
    /// Setting one of [`Command::limits`](super::Command::limits).
    Limit(Resource),
    /// Entering a namespace of [`Command::join`](super::Command::join). [`Errno::INVAL`]: the descriptor is of no
    /// namespace or none of this kind, or it is the user namespace that the caller is in;
    /// [`Errno::BADF`]: nor of a process.
    Join,
    /// Changing the [`Command::root`](super::Command::root) or [`Command::pivot_root`](super::Command::pivot_root). [`Errno::NOENT`],
    /// [`Errno::NOTDIR`], [`Errno::ACCESS`]: as `chdir(2)`; [`Errno::INVAL`] of the latter: the
    /// mount namespace is not new.
    Root,
    /// Limiting the [`Command::capability_bounds`](super::Command::capability_bounds).
    CapabilityBounds,
    /// Setting the [`Command::groups`](super::Command::groups). [`Errno::INVAL`]: a group that the user namespace does
    /// not have.
    Groups,
    /// Setting the [`Command::group`](super::Command::group). [`Errno::INVAL`]: it is -1, or the user namespace does
    /// not have it.
    Group,
    /// Setting the [`Command::user`](super::Command::user). [`Errno::INVAL`]: it is -1, or the user namespace does
    /// not have it; [`Errno::AGAIN`]: it has too many processes.
    User,
    /// Setting the [`Command::capabilities`](super::Command::capabilities). [`Errno::PERM`]: more than the caller has.
    Capabilities,
    /// Changing to [`Command::directory`](super::Command::directory) or [`Command::directory_descriptor`](super::Command::directory_descriptor).
    /// [`Errno::NOENT`], [`Errno::NOTDIR`], [`Errno::ACCESS`]: as `chdir(2)`.
    Directory,
    /// Setting [`Command::no_new_privs`](super::Command::no_new_privs).
    NoNewPrivs,
    /// Setting the [`Command::parent_death_signal`](super::Command::parent_death_signal).
    ParentDeath,
    /// Closing descriptors for [`Command::close_others`](super::Command::close_others).
    CloseOthers,
    /// Giving a descriptor of [`Command::inherit`](super::Command::inherit) this number.
    Descriptor(RawFd),
    /// Running [`Command::prepare`](super::Command::prepare).
    Prepare,
    /// Resetting signals: [`Command::default_signals`](super::Command::default_signals), [`Command::signal_mask`](super::Command::signal_mask).
    Signals,
    /// Being traced: [`Command::traced`](super::Command::traced). [`Errno::PERM`]: it is traced already, as its parent
    /// is by somebody who follows forks; or a security module forbids it. [`Errno::CHILD`]: it
    /// was killed, and a wait of another thread for any child has taken its end.
    Trace,
    /// Executing the program.
    Execute,
    /// The child ended in this state before it was the program: it was killed, the kernel had
    /// no memory, or [`Command::prepare`](super::Command::prepare) ended it. With [`Errno::CANCELED`].
    ///
    /// If another thread waits for any child with
    /// [`WaitFlags::ALL`](crate::process::WaitFlags::ALL), that one can learn of this end instead,
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
