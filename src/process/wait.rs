//! Waiting for children: `waitid(2)`.
#![forbid(unsafe_code)]

use bitflags::bitflags;
use linux_raw_sys::general::{
    __WALL, __WCLONE, __WNOTHREAD, CLD_TRAPPED, WCONTINUED, WEXITED, WNOHANG, WNOWAIT, WSTOPPED,
};
use rustix::event::PollFlags;
use rustix::thread::NanosleepRelativeResult;

use super::pidfd;
use super::process_ref::ProcessRef;
use crate::procfs::relatives;
use crate::signal::child::State;
use crate::sys::process::{ChildInfo, WaitId, waitid};
use crate::wait::ready;
use crate::{AsFd, BorrowedFd, Deadline, Errno, Pid, Result, Timespec};

bitflags! {
    /// The changes to wait for, and how.
    ///
    /// At least one of [`EXITED`](Self::EXITED), [`STOPPED`](Self::STOPPED) and
    /// [`CONTINUED`](Self::CONTINUED).
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::process::{self, Command, State, WaitFlags, exec};
    ///
    /// let args = exec::List::of([c"false"]);
    /// let child = Command::path(c"/bin/false", &args, exec::Strings::EMPTY).spawn()?;
    /// // Looks without reaping: the number stays the child's.
    /// let seen = process::wait(&child, WaitFlags::EXITED | WaitFlags::PEEK)?;
    /// assert_eq!(seen.state, State::Exited(1));
    /// assert_eq!(process::wait(&child, WaitFlags::EXITED)?, seen);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct WaitFlags: u32 {
        /// Children that have ended: [`State::Exited`] and [`State::Signalled`].
        #[doc(alias = "WEXITED")]
        const EXITED = WEXITED;
        /// Children that a signal has stopped: [`State::Stopped`]; and the tracees of
        /// every thread of this process that stand at a [`Trap`], which their tracer is
        /// then not told any more.
        #[doc(alias = "WSTOPPED")]
        #[doc(alias = "WUNTRACED")]
        const STOPPED = WSTOPPED;
        /// Stopped children that `SIGCONT` has set going: [`State::Continued`].
        #[doc(alias = "WCONTINUED")]
        const CONTINUED = WCONTINUED;
        /// Leaves the change to be reported again: a terminated child stays a zombie.
        #[doc(alias = "WNOWAIT")]
        const PEEK = WNOWAIT;
        /// All children, whatever signal their end sends to the parent.
        #[doc(alias = "__WALL")]
        const ALL = __WALL;
        /// Only children whose end does not send `SIGCHLD`.
        #[doc(alias = "__WCLONE")]
        const CLONE = __WCLONE;
        /// Only children and tracees of this thread, not those of its siblings.
        #[doc(alias = "__WNOTHREAD")]
        const NO_THREAD = __WNOTHREAD;
        const _ = !0;
    }
}

/// The children to wait for.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::process::{self, Children, Command, WaitFlags, exec};
///
/// let args = exec::List::of([c"true"]);
/// let command = Command::path(c"/bin/true", &args, exec::Strings::EMPTY);
/// let started = [command.spawn()?, command.spawn()?];
/// for _ in &started {
///     let change = process::wait(Children::Any, WaitFlags::EXITED)?; // whichever ends first
///     assert!(started.iter().any(|child| child.pid == change.pid));
/// }
/// assert_eq!(process::wait(Children::Any, WaitFlags::EXITED), Err(Errno::CHILD));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Children<'fd> {
    /// All children.
    Any,
    /// The children in the process group with this number.
    Group(Pid),
    /// The children in the caller's own process group, as it is at the call.
    OwnGroup,
    /// One child.
    One(ProcessRef<'fd>),
}

impl<'fd, P: Into<ProcessRef<'fd>>> From<P> for Children<'fd> {
    fn from(child: P) -> Self {
        Self::One(child.into())
    }
}

impl<'fd> Children<'fd> {
    fn id(self) -> WaitId<'fd> {
        match self {
            Self::Any => WaitId::All,
            Self::Group(pid) => WaitId::Pgid(Some(pid)),
            Self::OwnGroup => WaitId::Pgid(None),
            Self::One(ProcessRef::Pid(pid)) => WaitId::Pid(pid),
            Self::One(ProcessRef::Pidfd(fd)) => WaitId::Pidfd(fd),
        }
    }
}

/// A change of a child's state: which child, and what happened.
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, Command, State, WaitFlags, exec};
///
/// let args = exec::List::of([c"false"]);
/// let child = Command::path(c"/bin/false", &args, exec::Strings::EMPTY).spawn()?;
/// let change = process::wait(&child, WaitFlags::EXITED)?;
/// assert_eq!(change.state, State::Exited(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The child's number; free to be reused once its end was reported without
    /// [`WaitFlags::PEEK`].
    pub pid: Pid,
    /// The real user that it ran as.
    pub uid: u32,
    /// The child's new state.
    pub state: State,
}

/// What the kernel said, as callers get it. Here, at the end, and not where it is looked
/// at, so that a program pays only for what it asks of the answer.
fn report(info: ChildInfo) -> Result<Change> {
    Ok(Change {
        pid: info.pid,
        uid: info.uid,
        // A code that no kernel has is not a change that can be reported.
        state: State::decode(info.code, info.status).ok_or(Errno::NOSYS)?,
    })
}

/// What `waitid(2)` says, of the kinds that are asked for alone.
///
/// The kernel tells every thread of a process of the stops of every tracee that one of
/// them has, whether asked for or not, and takes a stop for reported then. So one looks
/// first, and takes what was seen only if it was asked for.
pub(super) fn change(who: WaitId<'_>, options: u32) -> Result<Option<ChildInfo>> {
    if options & WSTOPPED != 0 {
        return waitid(who, options);
    }
    for round in 0_u32.. {
        let Some(seen) = waitid(who, options | WNOWAIT)? else {
            return Ok(None);
        };
        let asked_for = if is_trap(&seen) {
            // Whatever else there is the kernel would tell only after this.
            behind(who, options)
        } else {
            Some(seen)
        };
        match asked_for {
            Some(seen) if options & WNOWAIT != 0 => return Ok(Some(seen)),
            Some(seen) => match waitid(narrowed(who, &seen), options | WNOHANG) {
                // Another thread was faster.
                Ok(None) | Err(Errno::CHILD) => {}
                taken => return taken,
            },
            None if options & WNOHANG != 0 => return Ok(None),
            None => pause(round)?,
        }
    }
    Ok(None)
}

fn is_trap(change: &ChildInfo) -> bool {
    change.code as u32 == CLD_TRAPPED
}

/// That child alone whose change was seen. What has ended does not stop any more, and
/// keeps its number until it was waited for.
fn narrowed<'fd>(who: WaitId<'fd>, seen: &ChildInfo) -> WaitId<'fd> {
    match who {
        WaitId::Pidfd(_) => who,
        _ => WaitId::Pid(seen.pid),
    }
}

/// The first change that is asked for among the children, one by one: for when a
/// tracee's stop is in the way.
fn behind(who: WaitId<'_>, options: u32) -> Option<ChildInfo> {
    let group = match who {
        WaitId::All => None,
        WaitId::Pgid(group) => Some(group.unwrap_or_else(rustix::process::getpgrp)),
        WaitId::Pid(_) | WaitId::Pidfd(_) => return None,
    };
    let mut found = None;
    // Without a list the stop has to be out of the way first.
    let _ = relatives::each_child(|child| {
        let belongs = group.is_none_or(|group| rustix::process::getpgid(Some(child)) == Ok(group));
        if belongs
            && let Ok(Some(seen)) = waitid(WaitId::Pid(child), options | WNOHANG | WNOWAIT)
            && !is_trap(&seen)
        {
            found = Some(seen);
            // Enough.
            return Err(Errno::CANCELED);
        }
        Ok(())
    });
    found
}

/// Lets the tracer take its tracee's stop, longer from round to round.
fn pause(round: u32) -> Result<()> {
    match rustix::thread::nanosleep(&Timespec {
        tv_sec: 0,
        tv_nsec: 500_000 << round.min(5),
    }) {
        NanosleepRelativeResult::Interrupted(_) => Err(Errno::INTR),
        _ => Ok(()),
    }
}

/// Blocks until one of `children` changes its state, and reports the change: `waitid(2)`.
///
/// An end is reported once and takes the child from the process table, unless
/// [`WaitFlags::PEEK`] is among the flags. Of several children that changed, any one is
/// reported. A stopped child that is continued or killed before anyone asks is not reported as
/// stopped.
///
/// Any thread can wait for the children of every other; of two that wait for the same child,
/// one gets its end. The kernel counts the threads' tracees ([`trace`](crate::trace)) among
/// their children:
///
/// - Stops of tracees are reported only with [`WaitFlags::STOPPED`], and otherwise left to the
///   tracer. As long as its tracer has not waited for one, the kernel reports it before all
///   other changes: this call then polls for those in `/proc`, or, where children are not
///   listed there (`CONFIG_PROC_CHILDREN`), waits for the tracer. A signal handler that runs
///   between two looks does not end the call.
/// - The end of a tracee, also of one that is not a child, is reported to the first that waits
///   for it. Where a thread traces, others should wait for their children one by one, or with
///   [`WaitFlags::NO_THREAD`].
///
/// Waits outside of this crate, such as libc's `waitpid`, take the stops of other threads'
/// tracees unless they have `__WNOTHREAD`, and those of their own thread's children even then.
///
/// # Errors
///
/// [`Errno::CHILD`]: none of them is a child of this process that is still to be
/// waited for; also when `SIGCHLD` is ignored, which makes the kernel reap every
/// child itself: the call then waits until all have ended. [`Errno::INTR`]: it was
/// [interrupted](crate#interruptions). [`Errno::INVAL`]: no kind of change among the flags.
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, Children, Fork, WaitFlags};
///
/// for _ in 0..3 {
///     // SAFETY: the child only exits.
///     if unsafe { process::fork()? } == Fork::Child {
///         process::exit(0);
///     }
/// }
/// for _ in 0..3 {
///     assert!(process::wait(Children::OwnGroup, WaitFlags::EXITED)?.state.is_success());
/// }
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "waitid")]
#[doc(alias = "waitpid")]
pub fn wait<'fd>(children: impl Into<Children<'fd>>, flags: WaitFlags) -> Result<Change> {
    wait_with(children.into(), flags.bits() & !WNOHANG)
}

/// Like [`wait`], but returns [`Errno::AGAIN`] instead of blocking: `waitid(2)` with `WNOHANG`.
///
/// # Errors
///
/// Those of [`wait`], and [`Errno::AGAIN`]: none of them has changed.
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, Children, Fork, State, WaitFlags};
/// use rawipc::Errno;
///
/// // SAFETY: the child only exits.
/// match unsafe { process::fork()? } {
///     Fork::Child => process::exit(5),
///     Fork::Parent(child) => {
///         // Look, without reaping it, as often as one likes.
///         let look = WaitFlags::EXITED | WaitFlags::PEEK;
///         while process::try_wait(child, look) == Err(Errno::AGAIN) {}
///         assert!(process::try_wait(child, look).is_ok());
///         assert!(process::try_wait(child, WaitFlags::EXITED).is_ok());
///         assert_eq!(process::try_wait(child, look), Err(Errno::CHILD));
///     }
/// }
/// # Ok::<(), rawipc::Errno>(())
/// ```
pub fn try_wait<'fd>(children: impl Into<Children<'fd>>, flags: WaitFlags) -> Result<Change> {
    wait_with(children.into(), flags.bits() | WNOHANG)
}

// Small programs wait for one kind of children, and pay for that kind alone.
#[inline]
fn wait_with(children: Children<'_>, options: u32) -> Result<Change> {
    // Without WNOHANG only a pidfd opened as non-blocking elsewhere makes the kernel return
    // without a change.
    report(change(children.id(), options)?.ok_or(Errno::AGAIN)?)
}

/// Blocks until `child` has terminated, and reaps it; gives up at `deadline` with
/// [`Errno::TIMEDOUT`].
///
/// The kernel's wait has no deadline, but a pidfd can be polled with one. Hence the limits of
/// this function:
///
/// - A child by its [`Pidfd`](crate::process::Pidfd): `poll(2)`, then `waitid(2)`.
/// - A child by its number: a pidfd is opened for the length of the call.
/// - Only its termination, as a pidfd reports no stop and no continuation.
/// - Not [`Any`](Children::Any) child nor a group, for which there is no
///   descriptor. Poll the pidfds of all of them, or wait for `SIGCHLD` with a
///   deadline and then [`try_wait`].
///
/// A child that another process traces has ended for the pidfd before it can be
/// reaped here: until its tracer has seen the end, this call polls without
/// sleeping.
///
/// # Errors
///
/// [`Errno::TIMEDOUT`]: it has not ended by then, and is still there.
/// [`Errno::CHILD`]: not a child of this process, or already waited for.
/// For a child by its number, also
/// [`Errno::MFILE`] and [`Errno::NFILE`], and [`Errno::SRCH`] for one that does not
/// exist.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use rawipc::process::{self, Fork, State};
/// use rawipc::{Deadline, Errno, Signal};
///
/// // SAFETY: the child only exits, should it get so far.
/// match unsafe { process::fork()? } {
///     Fork::Child => loop { core::hint::spin_loop() },
///     Fork::Parent(child) => {
///         let child = process::pidfd::open(child)?;
///         let soon = Deadline::after(Duration::from_millis(5));
///         assert_eq!(process::wait_until(&child, soon), Err(Errno::TIMEDOUT));
///         child.send_signal(Signal::KILL)?;
///         assert!(process::wait_until(&child, Deadline::Never)?.state.is_end());
///     }
/// }
/// # Ok::<(), rawipc::Errno>(())
/// ```
pub fn wait_until<'fd>(child: impl Into<ProcessRef<'fd>>, deadline: Deadline) -> Result<Change> {
    match child.into() {
        // The number is still the child's: only this process can free it.
        ProcessRef::Pid(pid) => end_of(pidfd::open(pid)?.as_fd(), deadline),
        ProcessRef::Pidfd(fd) => end_of(fd, deadline),
    }
}

fn end_of(fd: BorrowedFd<'_>, deadline: Deadline) -> Result<Change> {
    ready::retry(fd, PollFlags::IN, deadline, || {
        let info = change(WaitId::Pidfd(fd), WEXITED | WNOHANG)?;
        report(info.ok_or(Errno::AGAIN)?)
    })
}
