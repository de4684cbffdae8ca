//! Tracing: to stop another process's threads where one likes, to look at their
//! registers and memory and to change them, and to learn of all that happens in them:
//! `ptrace(2)`.
//!
//! A *tracee* is one thread, traced by one thread. Its tracer has a [`Running`] while it
//! runs, [waits](Running::wait) for what happens, and then has a [`Stopped`], which all
//! requests are made of and which every way to let it go on takes away.
//!
//! # Why it stands still
//!
//! The kernel says five different things with one number. [`Stop`] tells them apart:
//!
//! | [`Stop`] | what it is | resumed with a signal | told by |
//! |---|---|---|---|
//! | [`Signal`](Stop::Signal) | a signal is about to be delivered | it is delivered | the signal, and that there is a `siginfo_t` |
//! | [`Trap`](Stop::Trap) | the same of `SIGTRAP`: a step, a breakpoint, a watchpoint | it is delivered | [`Stopped::trap`] asks the `siginfo_t` |
//! | [`Syscall`](Stop::Syscall) | before or after a system call | do not | `PTRACE_O_TRACESYSGOOD`, always on, and `PTRACE_GET_SYSCALL_INFO` |
//! | [`Event`](Stop::Event) | what [`Options`] asked for | ignored | the event's number and message |
//! | [`Group`](Stop::Group) | the whole process was stopped by a signal | ignored | of one that was seized `PTRACE_EVENT_STOP`, else that there is no `siginfo_t` |
//! | [`Interrupt`](Stop::Interrupt) | asked for, or a group's stop ended, or a new tracee | ignored | `PTRACE_EVENT_STOP` with `SIGTRAP` |
//!
//! # Who may trace whom
//!
//! [`Errno::PERM`](crate::Errno::PERM) of [`seize`] and [`attach`] means one of these:
//!
//! - It is traced already, or is a thread of the caller's own process, or the kernel's.
//! - It has another user or group (real, effective and saved all count), or more
//!   capabilities, and the caller lacks `CAP_SYS_PTRACE` in its user namespace.
//! - It is not dumpable: it has changed its user, its program may be executed but not
//!   read, or it said so itself (`PR_SET_DUMPABLE`).
//! - The security module Yama (`/proc/sys/kernel/yama/ptrace_scope`): at 1 only a
//!   descendant of the caller's may be traced, or one that allowed it (`PR_SET_PTRACER`);
//!   at 2 only with `CAP_SYS_PTRACE`, [`traceme`] included; at 3 none.
//! - Another security module, or a seccomp filter of the caller's.

mod error;
mod memory;
mod options;
mod running;
mod start;
mod stop;
mod stopped;
mod syscall;

pub use crate::arch::trace::Registers;
pub use error::{Error, Refused};
pub use options::Options;
pub use running::{Ended, Report, Running};
pub use start::{attach, expect, seize, traceme};
pub use stop::{Event, Stop, Trap};
pub use stopped::{Pending, RegisterSet, Rseq, Stopped, UserDispatch};
pub use syscall::{Call, Phase, Syscall};
