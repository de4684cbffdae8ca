//! [`Cause`]: who sent a signal, and why.
#![forbid(unsafe_code)]

use core::time::Duration;

use super::fault::Fault;
use super::payload::{Payload, Sender};
use crate::signal::child::State;
use crate::{Pid, RawFd};

/// The cause of a signal: who sent it, and why.
///
/// # Examples
///
/// ```
/// use rawipc::Signal;
/// use rawipc::process::{self, Command, State, exec};
/// use rawipc::signal::{self, Cause};
///
/// signal::block(Signal::CHILD)?;
/// let args = exec::List::of([c"false"]);
/// let child = Command::path(c"/bin/false", &args, exec::Strings::EMPTY).spawn()?;
/// match signal::wait(Signal::CHILD)?.cause() {
///     Cause::Child { pid, state, .. } => {
///         assert_eq!((pid, state), (Some(child.pid), State::Exited(1)));
///     }
///     Cause::User(sender) => println!("process {:?} only pretends", sender.pid),
///     other => println!("{other:?}"),
/// }
/// process::wait(&child, process::WaitFlags::EXITED)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// A process sent it: `kill(2)`, [`send`](crate::signal::send).
    #[doc(alias = "SI_USER")]
    User(Sender),
    /// A process sent it to one thread: `tgkill(2)`, [`raise`](crate::signal::raise).
    #[doc(alias = "SI_TKILL")]
    Thread(Sender),
    /// A process sent it with a payload: `sigqueue(3)`, [`queue`](crate::signal::queue).
    #[doc(alias = "SI_QUEUE")]
    Queue {
        /// The sender, by its own account.
        sender: Sender,
        /// The payload.
        payload: Payload,
    },
    /// A timer of this process expired: [`timer`](crate::signal::timer).
    #[doc(alias = "SI_TIMER")]
    Timer {
        /// The kernel's number of the timer: [`Timer::id`](crate::signal::timer::Timer::id).
        id: i32,
        /// How many more times it expired before this signal was taken.
        overrun: u32,
        /// The payload given when it was created.
        payload: Payload,
    },
    /// A message arrived in an empty POSIX message queue: `mq_notify(3)`.
    #[doc(alias = "SI_MESGQ")]
    MessageQueue {
        /// The sender of the message.
        sender: Sender,
        /// The payload given when the notification was requested.
        payload: Payload,
    },
    /// A libc's asynchronous input or output is complete: `aio(7)`.
    #[doc(alias = "SI_ASYNCIO")]
    AsyncIo {
        /// The process that requested it.
        sender: Sender,
        /// The payload given when it was requested.
        payload: Payload,
    },
    /// A child of this process ended, stopped or continued. It is still to be waited for, and
    /// there may be more, as a standard signal does not queue.
    #[doc(alias = "CLD_EXITED")]
    Child {
        /// The child's number.
        pid: Option<Pid>,
        /// The real user that it ran as.
        uid: u32,
        /// The child's new state.
        state: State,
        /// The user CPU time that it used.
        user: Duration,
        /// The system CPU time that it used.
        system: Duration,
    },
    /// An instruction of this thread faulted.
    Fault(Fault),
    /// A descriptor is ready: [`io`](crate::signal::io).
    #[doc(alias = "SI_SIGIO")]
    Io {
        /// Its number, as it was when the signal was asked for.
        fd: RawFd,
        /// What happened.
        event: IoEvent,
        /// The events as `poll(2)` would say.
        band: u32,
    },
    /// A system call was handed to this process instead of being carried out.
    #[doc(alias = "SIGSYS")]
    Syscall {
        /// The address of the instruction after it.
        address: usize,
        /// Its number.
        number: i32,
        /// The machine whose call it is: `AUDIT_ARCH_*`.
        machine: u32,
        /// What handed it over.
        reason: SyscallReason,
    },
    /// The kernel sent it without details, such as `SIGINT` by the terminal, or `SIGSEGV` for
    /// an address that no pointer can have.
    #[doc(alias = "SI_KERNEL")]
    Kernel,
    /// An unknown code; one below 0 comes from a process.
    Other {
        /// The code.
        code: i32,
        /// The sender, by its own account.
        sender: Sender,
        /// The payload.
        payload: Payload,
    },
}

/// An event of a descriptor that signals.
///
/// # Examples
///
/// ```
/// use rawipc::pipe::{self, PipeFlags};
/// use rawipc::process;
/// use rawipc::signal::{self, Cause, IoEvent, io};
///
/// let number = signal::real_time(2).ok_or("no such signal")?;
/// signal::block(number)?;
/// let (reader, writer) = pipe::create(PipeFlags::empty())?;
/// io::start(&reader, io::Owner::Thread(process::thread_id()), Some(number))?;
/// writer.write(b"x")?;
/// match signal::wait(number)?.cause() {
///     Cause::Io { event: IoEvent::In, fd, .. } => println!("descriptor {fd} can be read"),
///     Cause::Io { event: IoEvent::HangUp, .. } => println!("all writers are gone"),
///     other => println!("look at all descriptors: {other:?}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoEvent {
    /// It can be read from.
    #[doc(alias = "POLL_IN")]
    In,
    /// It can be written to.
    #[doc(alias = "POLL_OUT")]
    Out,
    /// A message can be received.
    #[doc(alias = "POLL_MSG")]
    Message,
    /// It has an error.
    #[doc(alias = "POLL_ERR")]
    Error,
    /// It has priority data to read.
    #[doc(alias = "POLL_PRI")]
    Priority,
    /// It was hung up.
    #[doc(alias = "POLL_HUP")]
    HangUp,
    /// Unknown (`SI_SIGIO`): too many signals are queued, or the code is unknown. Look at all
    /// descriptors.
    Unknown,
}

/// The mechanism that handed a system call to this process.
///
/// # Examples
///
/// ```
/// use rawipc::Signal;
/// use rawipc::process::{self, Fork, State, WaitFlags};
/// use rawipc::seccomp::{self, Filter, InstallFlags, Syscall};
/// use rawipc::signal::{Cause, Info, SyscallReason, action::{self, Action, Context}};
///
/// extern "C" fn on_call(_signal: Signal, info: &Info, _context: Context<'_>) {
///     let by_filter =
///         matches!(info.cause(), Cause::Syscall { reason: SyscallReason::Seccomp, .. });
///     process::exit(if by_filter { 7 } else { 1 })
/// }
/// let mut filter = Filter::<16>::new(seccomp::Action::Allow);
/// filter.call(Syscall::GETPPID, seccomp::Action::Trap(0))?;
/// // SAFETY: the child only makes system calls and exits.
/// let child = match unsafe { process::fork()? } {
///     Fork::Child => {
///         // SAFETY: the handler only exits.
///         let _ = action::set(Signal::SYS, unsafe { Action::info_handler(on_call) });
///         let _ = seccomp::set_no_new_privs();
///         // SAFETY: nothing here relies on the call.
///         let _ = unsafe { seccomp::install(&filter, InstallFlags::empty()) };
///         process::parent_id();
///         process::exit(1)
///     }
///     Fork::Parent(child) => child,
/// };
/// assert_eq!(process::wait(child, WaitFlags::EXITED)?.state, State::Exited(7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyscallReason {
    /// A seccomp filter (`SECCOMP_RET_TRAP`).
    #[doc(alias = "SYS_SECCOMP")]
    Seccomp,
    /// `PR_SET_SYSCALL_USER_DISPATCH`.
    #[doc(alias = "SYS_USER_DISPATCH")]
    UserDispatch,
    /// An unknown code.
    Other(i32),
}
