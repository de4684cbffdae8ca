//! [`kill_tree`]: killing a process together with what it has started.
#![forbid(unsafe_code)]

use rustix::fs::{OFlags, openat};

use super::pidfd::Pidfd;
use crate::signal::{Target, send};
use crate::{BorrowedFd, Errno, Mode, Pid, Result, Signal};

/// The processes that [`kill_tree`] kills.
///
/// | | prepared by | who escapes | needs | all are gone when |
/// |---|---|---|---|---|
/// | [`Group`](Self::Group) | [`Command::new_process_group`](super::Command::new_process_group), [`new_session`](super::Command::new_session) | whoever makes a session or group of its own, as daemons and shells do | nothing | their parents have waited for them |
/// | [`ControlGroup`](Self::ControlGroup) | [`Command::cgroup`](super::Command::cgroup) | who may write to `cgroup.procs` of a group outside | a folder of the second version's hierarchy, Linux 5.14 | `cgroup.events` says `populated 0` |
/// | [`Namespace`](Self::Namespace) | [`Command::namespaces`](super::Command::namespaces) with [`NEWPID`](super::CloneFlags::NEWPID) | nobody | privileges, or a user namespace | [`Pidfd::wait_exit`] returns |
///
/// For programs that are not trusted, or that leave daemons behind, use a namespace or a control
/// group; for one's own helpers a group is enough. None is a race with `fork(2)`: the kernel
/// kills whoever is made meanwhile too (of a group, whoever is made in it).
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, CloneFlags, Command, Tree, WaitFlags, exec};
///
/// let args = exec::List::of([c"sh", c"-c", c"sleep 1000 & sleep 1000"]);
/// let command = Command::path(c"/bin/sh", &args, exec::Strings::EMPTY).new_process_group();
/// let isolated = command.namespaces(CloneFlags::NEWUSER | CloneFlags::NEWPID).spawn();
/// let child = match isolated {
///     Ok(child) => {
///         process::kill_tree(Tree::Namespace(&child.pidfd))?; // nobody escapes
///         child
///     }
///     Err(_) => {
///         let child = command.spawn()?;
///         process::kill_tree(Tree::Group(child.pid))?;
///         child
///     }
/// };
/// assert!(process::wait(&child, WaitFlags::EXITED)?.state.is_end());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Tree<'a> {
    /// The process group with this number, which is that of the process that began it.
    ///
    /// Once all have terminated and been waited for, the number can be given to others.
    Group(Pid),
    /// The control group of this folder and all groups below it: `cgroup.kill` of `cgroups(7)`.
    ControlGroup(BorrowedFd<'a>),
    /// The PID namespace whose first process this is: the kernel kills all others with it,
    /// and those of namespaces inside.
    ///
    /// Of another process this kills that one alone.
    Namespace(&'a Pidfd),
}

/// Kills a process and what it has started, by `SIGKILL`, and returns without waiting for their
/// end: `kill(2)`, `cgroup.kill` of `cgroups(7)`, `pidfd_send_signal(2)`.
///
/// [`Tree`] says which of the three to use. None of them is reaped: children are to be
/// [waited for](super::wait()) as ever. Orphans go to the next [subreaper](super::set_subreaper)
/// or to process 1.
/// The caller's own group has the caller in it.
///
/// # Errors
///
/// [`Errno::SRCH`]: of a group or namespace: there is no such, or it has ended and been waited
/// for. [`Errno::PERM`]: of these: all are another user's.
/// Of a control group: [`Errno::NOTDIR`]: not a folder; [`Errno::NOENT`]: not one of a control
/// group, or that of all processes, or before Linux 5.14; [`Errno::ACCESS`]: it is another user's;
/// [`Errno::OPNOTSUPP`]: it is one of threads; [`Errno::MFILE`] or [`Errno::NFILE`]: this
/// process, or the system, has no descriptor left.
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, Command, State, Tree, WaitFlags, exec};
/// use rawipc::Signal;
///
/// let args = exec::List::of([c"sh", c"-c", c"sleep 1000 & sleep 1000"]);
/// let child = Command::path(c"/bin/sh", &args, exec::Strings::EMPTY)
///     .new_process_group()
///     .spawn()?;
/// process::kill_tree(Tree::Group(child.pid))?;
/// let end = process::wait(&child, WaitFlags::EXITED)?;
/// assert_eq!(end.state, State::Signalled { signal: Signal::KILL, core: false });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "killpg")]
#[doc(alias = "cgroup.kill")]
pub fn kill_tree(tree: Tree<'_>) -> Result<()> {
    match tree {
        Tree::Group(group) => send(Target::Group(group), Signal::KILL),
        Tree::ControlGroup(folder) => {
            // Of a control group it is a plain file, at whose place there is nothing to follow or to wait for.
            let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
            let file = openat(folder, c"cgroup.kill", flags, Mode::empty())?;
            match rustix::io::write(&file, b"1") {
                Ok(1) => Ok(()),
                Ok(_) => Err(Errno::IO),
                Err(errno) => Err(errno),
            }
        }
        Tree::Namespace(first) => first.send_signal(Signal::KILL),
    }
}
