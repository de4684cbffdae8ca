//! Sending signals: `kill(2)`, `tgkill(2)`, `rt_sigqueueinfo(2)`, `pidfd_send_signal(2)`.

use super::{Info, Payload};
use crate::{AsFd, BorrowedFd, Errno, Pid, Result, Signal, sys};

/// A single receiver of a signal.
///
/// # Examples
///
/// ```
/// use rawipc::signal::{self, Cause, Payload, Recipient};
/// use rawipc::{Signal, process};
///
/// signal::block(Signal::USR1)?;
/// let this_thread = Recipient::Thread { process: process::id(), thread: process::thread_id() };
/// signal::queue(this_thread, Signal::USR1, Payload::from_int(3))?;
/// let cause = signal::wait(Signal::USR1)?.cause();
/// assert!(matches!(cause, Cause::Queue { payload, .. } if payload.int() == 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Recipient<'fd> {
    /// The process with this number.
    Process(Pid),
    /// A thread.
    Thread {
        /// Its process.
        process: Pid,
        /// Its own number: `gettid(2)`.
        thread: Pid,
    },
    /// The process or thread of a pidfd, and no other.
    Pidfd(BorrowedFd<'fd>, Scope),
}

/// The processes or the thread that a signal to a pidfd reaches. All but [`Own`](Self::Own) need
/// Linux 6.9.
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, Command, WaitFlags, exec};
/// use rawipc::signal::{self, Recipient, Scope};
/// use rawipc::{AsFd, Errno, Signal};
///
/// let args = exec::List::of([c"sh", c"-c", c"sleep 1000 & wait"]);
/// let child = Command::path(c"/bin/sh", &args, exec::Strings::EMPTY).new_process_group().spawn()?;
/// // The whole group, by a descriptor that never means another.
/// let group = Recipient::Pidfd(child.pidfd.as_fd(), Scope::Group);
/// match signal::send(group, Signal::KILL) {
///     // Before Linux 6.9.
///     Err(Errno::INVAL) => process::kill_tree(process::Tree::Group(child.pid))?,
///     result => result?,
/// }
/// process::wait(&child, WaitFlags::EXITED)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u32)]
pub enum Scope {
    /// What the pidfd was opened for: the process, or with `PIDFD_THREAD` the thread.
    #[default]
    Own = 0,
    /// The thread; for a pidfd of a process its first thread.
    #[doc(alias = "PIDFD_SIGNAL_THREAD")]
    Thread = 1,
    /// The process, also for a pidfd of a thread.
    #[doc(alias = "PIDFD_SIGNAL_THREAD_GROUP")]
    Process = 2,
    /// All processes of the group that the process leads.
    #[doc(alias = "PIDFD_SIGNAL_PROCESS_GROUP")]
    Group = 4,
}

/// The receiver or receivers of a signal.
///
/// # Examples
///
/// ```
/// use rawipc::Signal;
/// use rawipc::process::{self, Command, State, WaitFlags, exec};
/// use rawipc::signal::{self, Target};
///
/// let args = exec::List::of([c"sleep", c"1000"]);
/// let child = Command::path(c"/bin/sleep", &args, exec::Strings::EMPTY)
///     .new_process_group()
///     .spawn()?;
/// signal::send(Target::Group(child.pid), Signal::TERM)?; // all that it has started, too
/// let end = process::wait(&child, WaitFlags::EXITED)?;
/// assert_eq!(end.state, State::Signalled { signal: Signal::TERM, core: false });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Target<'fd> {
    /// One process or thread.
    One(Recipient<'fd>),
    /// All processes of the group with this number. Group 1 is [`Errno::INVAL`], as the
    /// kernel's call cannot express it; a pidfd of process 1 with [`Scope::Group`] can.
    Group(Pid),
    /// All processes of the caller's own group, the caller included.
    OwnGroup,
    /// All processes that the caller may signal, except process 1 and the caller.
    Everyone,
}

impl From<Pid> for Recipient<'_> {
    fn from(pid: Pid) -> Self {
        Self::Process(pid)
    }
}

/// A pidfd, with what it was opened for.
impl<'fd, Fd: AsFd> From<&'fd Fd> for Recipient<'fd> {
    fn from(pidfd: &'fd Fd) -> Self {
        Self::Pidfd(pidfd.as_fd(), Scope::Own)
    }
}

impl<'fd, R: Into<Recipient<'fd>>> From<R> for Target<'fd> {
    fn from(recipient: R) -> Self {
        Self::One(recipient.into())
    }
}

/// Sends `signal`: `kill(2)`, `tgkill(2)`, `pidfd_send_signal(2)`.
///
/// The receiver sees [`Cause::User`](super::Cause::User), or of a signal to a thread
/// [`Cause::Thread`](super::Cause::Thread). A caller may signal processes of its own user, any
/// with `CAP_KILL`, and those of its session with `SIGCONT`. A signal to this process that is
/// not blocked in all threads has been delivered before this returns. Sending to several
/// succeeds if one of them could be signalled.
///
/// # Errors
///
/// [`Errno::SRCH`]: there is no such process, thread or group (a zombie is one, and
/// takes every signal without effect). [`Errno::PERM`]: none of them may be signalled.
/// [`Errno::AGAIN`]: a real-time signal, and its user's limit of queued signals
/// (`RLIMIT_SIGPENDING`) is reached; only to a thread. Of a pidfd: [`Errno::BADF`]: it is none;
/// [`Errno::INVAL`]: the kernel does not know the [`Scope`], or it is of another PID
/// namespace that is no child of the caller's.
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, Fork, State, WaitFlags, pidfd};
/// use rawipc::signal::{self, Target};
/// use rawipc::Signal;
///
/// // SAFETY: the child only uses this crate.
/// match unsafe { process::fork()? } {
///     Fork::Child => loop { let _ = signal::suspend(signal::Set::EMPTY); },
///     Fork::Parent(child) => {
///         let descriptor = pidfd::open(child)?;
///         signal::send(child, Signal::WINCH)?; // Ignored by default.
///         signal::send(&descriptor, Signal::TERM)?;
///         let change = process::wait(child, WaitFlags::EXITED)?;
///         assert!(matches!(change.state, State::Signalled { signal: Signal::TERM, .. }));
///     }
/// }
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "kill")]
#[doc(alias = "killpg")]
#[doc(alias = "tgkill")]
#[doc(alias = "pidfd_send_signal")]
pub fn send<'fd>(target: impl Into<Target<'fd>>, signal: Signal) -> Result<()> {
    send_number(target.into(), signal.as_raw())
}

/// Checks that a signal could be sent: `kill(2)` with signal 0.
///
/// # Errors
///
/// [`Errno::SRCH`], [`Errno::PERM`] and of a pidfd [`Errno::BADF`] as [`send`].
///
/// # Examples
///
/// ```
/// use rawipc::{Pid, Errno, signal};
///
/// signal::probe(rustix::process::getpid())?;
/// assert_eq!(signal::probe(Pid::from_raw(i32::MAX).unwrap()), Err(Errno::SRCH));
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "kill")]
pub fn probe<'fd>(target: impl Into<Target<'fd>>) -> Result<()> {
    send_number(target.into(), 0)
}

fn send_number(target: Target<'_>, signal: i32) -> Result<()> {
    use sys::signal::{Killed, kill, pidfd_send_signal, tgkill};
    match target {
        Target::One(Recipient::Process(pid)) => kill(Killed::Process(pid), signal),
        Target::One(Recipient::Thread { process, thread }) => tgkill(process, thread, signal),
        Target::One(Recipient::Pidfd(fd, scope)) => {
            pidfd_send_signal(fd, signal, None, scope as u32)
        }
        Target::Group(pid) => kill(Killed::Group(pid), signal),
        Target::OwnGroup => kill(Killed::OwnGroup, signal),
        Target::Everyone => kill(Killed::Everyone, signal),
    }
}

/// Sends `signal` to the calling thread: `tgkill(2)`.
///
/// Unless it is blocked, its handler has run when this returns.
///
/// # Errors
///
/// [`Errno::AGAIN`]: a real-time signal, and this user's limit of queued signals is
/// reached.
pub fn raise(signal: Signal) -> Result<()> {
    let process = rustix::process::getpid();
    let thread = rustix::thread::gettid();
    sys::signal::tgkill(process, thread, signal.as_raw())
}

/// Sends `signal` with a payload, and queues it if it is a real-time signal:
/// `rt_sigqueueinfo(2)`, `rt_tgsigqueueinfo(2)`, `pidfd_send_signal(2)`.
///
/// The receiver sees [`Cause::Queue`](super::Cause::Queue). Each real-time signal is delivered
/// as often as it is sent, in order; a standard one that is pending already is silently dropped
/// with its payload.
///
/// # Errors
///
/// Those of [`send`], and [`Errno::AGAIN`]: a real-time signal, and its user's limit of
/// queued signals (`RLIMIT_SIGPENDING`) is reached. Nothing is sent then.
///
/// # Examples
///
/// See [`wait`](super::wait()).
#[doc(alias = "sigqueue")]
#[doc(alias = "pthread_sigqueue")]
#[doc(alias = "rt_sigqueueinfo")]
#[doc(alias = "rt_tgsigqueueinfo")]
pub fn queue<'fd>(
    recipient: impl Into<Recipient<'fd>>,
    signal: Signal,
    payload: Payload,
) -> Result<()> {
    forward(recipient, &Info::queued(signal, payload))
}

/// Sends a signal with the whole of `info`: `rt_sigqueueinfo(2)`, `rt_tgsigqueueinfo(2)`,
/// `pidfd_send_signal(2)`.
///
/// For passing on a signal received on behalf of another, or restoring what was pending. The
/// kernel's codes (0 and more) are refused; see [`forward_from_kernel`].
/// [`Cause::Thread`](super::Cause::Thread) a thread can only send to itself: to its own number,
/// as a [`Recipient::Thread`], or, if it is its process's first, as a [`Recipient::Process`].
///
/// # Errors
///
/// Those of [`queue`], and [`Errno::PERM`]: such a code, or [`Cause::Thread`](super::Cause::Thread)
/// to another thread. [`Errno::INVAL`]: `info` says no signal, or a
/// [reserved](super::Reserved) one.
#[doc(alias = "rt_sigqueueinfo")]
#[doc(alias = "rt_tgsigqueueinfo")]
#[doc(alias = "pidfd_send_signal")]
pub fn forward<'fd>(recipient: impl Into<Recipient<'fd>>, info: &Info) -> Result<()> {
    let signal = info.signal().ok_or(Errno::INVAL)?;
    if info.code() >= 0 {
        return Err(Errno::PERM);
    }
    send_info(recipient.into(), signal, info)
}

/// Like [`forward`], but allows the kernel's codes (0 and more), which a thread can send only
/// to itself.
///
/// For restoring exactly what was pending for a thread.
///
/// # Errors
///
/// Those of [`forward`], and [`Errno::PERM`]: such a code to another thread.
///
/// # Safety
///
/// The handlers of this process believe what the kernel says: of a fault, for instance, one
/// may write to the address. `info` must be what they can cope with.
pub unsafe fn forward_from_kernel<'fd>(
    recipient: impl Into<Recipient<'fd>>,
    info: &Info,
) -> Result<()> {
    let signal = info.signal().ok_or(Errno::INVAL)?;
    send_info(recipient.into(), signal, info)
}

fn send_info(recipient: Recipient<'_>, signal: Signal, info: &Info) -> Result<()> {
    use sys::signal::{pidfd_send_signal, rt_sigqueueinfo, rt_tgsigqueueinfo};
    let (signal, info) = (signal.as_raw(), info.kernel());
    match recipient {
        Recipient::Process(pid) => rt_sigqueueinfo(pid, signal, info),
        Recipient::Thread { process, thread } => rt_tgsigqueueinfo(process, thread, signal, info),
        Recipient::Pidfd(fd, scope) => pidfd_send_signal(fd, signal, Some(info), scope as u32),
    }
}
