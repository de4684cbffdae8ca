//! Signals: sending them to processes and threads, perhaps with a payload, and handling them,
//! waiting for them, or reading them from a descriptor: `signal(7)`.
//!
//! | | |
//! |---|---|
//! | sets of signals | [`Set`] |
//! | what a thread does not take now | [`block`], [`unblock`], [`set_mask`], [`mask`], [`pending`], [`Blocked`] |
//! | what a process does with one | [`action`], [`stack`] |
//! | to send one | [`send`], [`raise`], [`probe`]; with a payload [`queue`], [`forward`], [`forward_from_kernel`] |
//! | real-time signals | [`real_time`], [`from_number`] |
//! | who sent it, and why | [`Info`], [`Cause`] |
//! | to let others send one | [`timer`], [`io`] |
//!
//! | to take one | blocks | at once | by a deadline |
//! |---|---|---|---|
//! | blocked, in this thread | [`wait()`] | [`try_wait`] | [`wait_until`] |
//! | blocked, from a descriptor | [`SignalFd::wait`](fd::SignalFd::wait) | [`SignalFd::try_wait`](fd::SignalFd::try_wait) | [`SignalFd::wait_until`](fd::SignalFd::wait_until) |
//! | by its handler | [`suspend`] | [`try_suspend`] | [`suspend_until`] |
//!
//! Sending never blocks. A standard signal (1 to 31) that is pending already is not
//! sent a second time; real-time signals (34 to 64) queue, in the order in which
//! they were sent, the lowest number first. Signals that are pending for a process
//! stay so when their sender dies, and are gone when the process ends; `exec` keeps
//! the mask, what is pending, and what is ignored, and resets handlers.
//!
//! # A handler's rules
//!
//! A handler runs between any two instructions of any thread that does not block
//! its signal. It must leave alone whatever the interrupted code may have half
//! changed, and may only do what is *async-signal-safe*:
//!
//! - **This crate**: all functions, for none allocates, takes a lock of the process,
//!   or keeps state of its own, and in a program with a libc they leave its `errno`
//!   alone. The exceptions are objects that the interrupted code may be in the
//!   middle of using: through a shared reference everything is made for several
//!   threads at once, and a handler is as one more; but one that *waits* for what
//!   only the interrupted code can do (a unit of a semaphore that it holds, room in
//!   a ring that it empties) waits for ever. Prefer `try_`. And when a handler returns the
//!   thread has again the mask and the alternate stack that it had before: a handler may
//!   not drop a [`stack::Mapped`] that it has not made.
//! - **Atomics**, and whatever is only made of them.
//! - **Not** allocation, `std`'s input and output, its locks and thread-locals,
//!   formatting into anything but a buffer of one's own, and no function of a libc
//!   beyond those that `signal-safety(7)` lists. A libc's `errno` must be as it was
//!   when the handler returns.
//!
//! **An error cannot leave a handler.** Handlers are `extern "C"` functions, into
//! which the kernel calls: there is no caller to unwind to, so a panic in one ends
//! the process by `SIGABRT`. (The panic's message is formatted and printed first,
//! which is not async-signal-safe: that end may be a deadlock.) A handler that can
//! fail stores what went wrong in an atomic, or writes it to a pipe or an
//! [`eventfd`](crate::event::eventfd).
//!
//! A handler's signal is blocked while it runs, unless
//! [`ActionFlags::NODEFER`](action::ActionFlags::NODEFER) says otherwise. A handler
//! that ran makes the call that it interrupted fail with
//! [`Errno::INTR`](crate::Errno::INTR), or begin again where
//! [`ActionFlags::RESTART`](action::ActionFlags::RESTART) applies; one with a deadline goes
//! on ([the whole rule](crate#interruptions)). Most programs need
//! none of this: to block the signals and take them by [`wait()`] or from a
//! [`SignalFd`](fd::SignalFd), in ordinary code, is simpler.
//!
//! # Threads
//!
//! Actions belong to the process; masks and alternate stacks to the thread, whose
//! children (threads and processes) begin with a copy of the mask. A signal sent to
//! a process is taken by any one thread that does not block it: to wait for a signal,
//! *all* threads must block it, which is simplest done before there is a second one.
//!
//! # What is left out
//!
//! - `SA_SIGINFO` and `SA_RESTORER`: [`action::Action`] sets them as its handler and
//!   the machine need.
//! - `SS_ONSTACK` when a stack is set: the kernel ignores it. It is reported.
//! - `SIGEV_THREAD`: threads belong to a libc; wait for the signal in one's own.
//! - `F_SETOWN`, `tkill(2)`, `signal(2)`, `pause(2)`, `siginterrupt(3)`, the BSD and
//!   System V calls of `sigpause(3)` and `sigset(3)`: older forms that say less than
//!   `F_SETOWN_EX`, `tgkill`, `rt_sigaction` and `rt_sigsuspend`.
//! - `alarm(2)`, `setitimer(2)`: one timer of each kind per process, which a program
//!   shares with its libraries. Only they outlive `exec`; for all else there is
//!   [`timer`].
//! - `PIDFD_SELF_*`: [`raise`] and [`send`] to one's own number do the same.
//! - `F_NOTIFY`, which signals what happens in a directory: inotify says more of it.

pub mod action;
pub(crate) mod child;
pub mod fd;
pub(crate) mod info;
pub mod io;
mod mask;
pub(crate) mod number;
mod send;
pub(crate) mod set;
pub mod stack;
pub mod timer;
mod wait;

pub use info::{Cause, Fault, FaultKind, Info, IoEvent, Payload, Sender, SyscallReason};
pub use mask::{Blocked, block, mask, pending, set_mask, unblock};
pub use number::{REAL_TIME_COUNT, Reserved, from_number, real_time, reserved};
pub use send::{Recipient, Scope, Target, forward, forward_from_kernel, probe, queue, raise, send};
pub use set::{Set, Signals};
pub use wait::{suspend, suspend_until, try_suspend, try_wait, wait, wait_until};
