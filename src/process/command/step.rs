//! [`Step`]: what is done on the way to a program, and which of it failed.
#![forbid(unsafe_code)]

use core::fmt;

use rustix::process::Resource;

use crate::signal::child::State;
use crate::{Errno, RawFd};

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
