//! Tracing: stopping the threads of another process, reading and writing their registers and
//! memory, and following what happens in them: `ptrace(2)`.
//!
//! A *tracee* is one thread, traced by one thread. Its tracer has a [`Running`] while it runs,
//! [waits](Running::wait) for an event, and then has a [`Stopped`], which offers all requests
//! and which resuming consumes.
//!
//! | | |
//! |---|---|
//! | to begin | [`seize`]; [`traceme`] in a child and [`adopt`]; the old [`attach`] |
//! | to wait | [`Running::wait`] for one, [`Tracer`] for a whole tree |
//! | to go on | [`cont`](Stopped::cont), [`step`](Stopped::step), [`step_block`](Stopped::step_block), [`syscall`](Stopped::syscall), [`sysemu`](Stopped::sysemu), [`listen`](Stopped::listen) |
//! | to end | [`detach`](Stopped::detach), [`kill`](Stopped::kill), [`Options::KILL_ON_EXIT`] |
//! | registers | [`Registers`], [`RegisterSet`] |
//! | who called | [`backtrace`] |
//! | memory | [`peek`](Stopped::peek), [`poke`](Stopped::poke), [`read`](Stopped::read), [`write`](Stopped::write) |
//! | signals | [`info`](Stopped::info), [`pending`](Stopped::pending), [`mask`](Stopped::mask) |
//! | system calls | [`Syscall`], [`set_syscall_info`](Stopped::set_syscall_info), [`set_syscall_number`](Stopped::set_syscall_number) |
//! | breakpoints | [`Breakpoint`] in the code, [`Watch`] in the processor |
//!
//! # Why it is stopped
//!
//! The kernel reports six different things with one number. [`Stop`] distinguishes them:
//!
//! | [`Stop`] | what it is | the signal that it goes on with | told by |
//! |---|---|---|---|
//! | [`Signal`](Stop::Signal) | a signal is about to be delivered | is delivered; `None`: nothing is | the signal; of one that stops, that there is a `siginfo_t` |
//! | [`Trap`](Stop::Trap) | the same of `SIGTRAP`: mostly a step, a breakpoint or a watchpoint | is delivered; mostly `None` | the signal; [`Stopped::trap`] asks the `siginfo_t` what it is |
//! | [`Syscall`](Stop::Syscall) | before or after a system call | `None` | `PTRACE_O_TRACESYSGOOD`, which is always on; the phase by `PTRACE_GET_SYSCALL_INFO` |
//! | [`Event`](Stop::Event) | what [`Options`] asked for | ignored | the event's number, and its message by `PTRACE_GETEVENTMSG` |
//! | [`Group`](Stop::Group) | all threads of the process were stopped by a signal | ignored | of one that was seized `PTRACE_EVENT_STOP` with another signal than `SIGTRAP`, else that there is no `siginfo_t` |
//! | [`Interrupt`](Stop::Interrupt) | it was asked to stop, or the stop of its group ended | ignored | `PTRACE_EVENT_STOP` with `SIGTRAP` |
//! | [`New`](Stop::New) | it was just made, by a tracee | ignored | the [`Tracer`]'s memory |
//!
//! So the loop of a tracer that only looks on is: at [`Stop::Signal`] go on with that
//! signal ([`Stopped::signal`]), at [`Stop::Trap`] with `SIGTRAP` unless it is the
//! tracer's own doing, at [`Stop::Group`] [`listen`](Stopped::listen), at all others with
//! `None`.
//!
//! # Who is tied to what
//!
//! A tracee belongs to the *thread* that traces it, not to that thread's process: no other
//! thread can ask anything of it, which is why the handles do not leave the
//! thread; and when the thread ends, the tracing does
//! ([`Options::KILL_ON_EXIT`] says how). The waits here are for tracees and children of
//! this thread alone. The kernel lets other threads of the process wait for the tracee
//! too: [`process::wait`](crate::process::wait) says what it leaves to the tracer, and
//! which waits leave it nothing. Each thread of a process is a tracee of its own,
//! stopped and resumed alone. Numbers ([`Pid`](crate::Pid)) are those of threads, and a
//! tracee's is not reused before its end was waited for, with one exception: that of a
//! thread which executes a program ([`Event::Exec`]).
//!
//! `SIGKILL` ends a tracee in any state, at any moment. A request that comes too late is
//! [`Error::Gone`]. Resuming it then has no effect, and the wait reports how it ended: no
//! tracer needs to foresee it.
//!
//! A *tracee's* parent does not see the tracee's stops, and learns of its end only after the
//! tracer has waited for that.
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
//!
//! # What it costs
//!
//! A resume and a wait are two system calls and two switches of context. A stop that says
//! more than that it is stopped costs one call more: [`Stop::Syscall`], most of
//! [`Stop::Event`], and signals that stop. Single steps do not.
//!
//! # Examples
//!
//! How often a child makes a system call:
//!
//! ```
//! use rawipc::Signal;
//! use rawipc::process::{self, Fork, State};
//! use rawipc::trace::{self, Options, Phase, Report, Stop};
//!
//! // SAFETY: the child only uses this crate and exits.
//! let child = match unsafe { process::fork()? } {
//!     Fork::Child => {
//!         let ready = trace::traceme().and_then(|()| rawipc::signal::raise(Signal::STOP));
//!         process::exit(i32::from(ready.is_err()))
//!     }
//!     Fork::Parent(child) => child,
//! };
//! let mut calls = 0;
//! let mut report = trace::adopt(child, Options::KILL_ON_EXIT).wait()?;
//! let end = loop {
//!     let stopped = match report {
//!         Report::Stopped(stopped) => stopped,
//!         Report::Ended(end) => break end.state,
//!     };
//!     let signal = match stopped.stop() {
//!         Stop::Syscall(syscall) => {
//!             calls += i32::from(matches!(syscall.phase, Phase::Entry(_)));
//!             None
//!         }
//!         // Its own, for us.
//!         Stop::Signal(Signal::STOP) => None,
//!         _ => stopped.signal(),
//!     };
//!     report = stopped.syscall(signal)?.wait()?;
//! };
//! assert_eq!(end, State::Exited(0));
//! assert!(calls >= 1, "exit_group at least");
//! # Ok::<(), rawipc::Errno>(())
//! ```
//!
//! # What is left out
//!
//! - `PTRACE_KILL`, which on most kernels works only on a stopped tracee: `SIGKILL` does
//!   always.
//! - `PTRACE_GETREGS`, `PTRACE_GETFPREGS` and their relatives, which not all machines
//!   have: [`Stopped::registers`] and [`Stopped::register_set`] say the same on all.
//! - `PTRACE_GET_THREAD_AREA` and `PTRACE_ARCH_PRCTL`: for programs of 32 bits, and in the
//!   [`Registers`].
//! - `PTRACE_SECCOMP_GET_FILTER` and `PTRACE_SECCOMP_GET_METADATA`,
//!   `PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG`: for tools that save processes to disk.
//!
//! Linux 5.3 is needed for system calls; what needs more says so.

mod backtrace;
mod breakpoint;
mod calls;
mod error;
mod hardware;
mod hidden;
mod memory;
mod options;
mod part;
mod registered;
mod registers;
mod resume;
mod signals;
mod start;
mod stop;
mod syscall;
mod tracee;
mod tracer;
mod trap;
mod wait;

pub use crate::arch::trace::Registers;
pub use backtrace::{Backtrace, Frame, MAX_FRAMES, backtrace};
pub use breakpoint::Breakpoint;
pub use error::{Error, Refused};
pub use hardware::{Access, HARDWARE_SLOTS, Hits, Length, Watch};
pub use options::Options;
pub use registered::{Rseq, UserDispatch};
pub use registers::RegisterSet;
pub use signals::Pending;
pub use start::{adopt, attach, seize, traceme};
pub use stop::{Event, Stop};
pub use syscall::{Call, Phase, Syscall};
pub use tracee::{Ended, Report, Running, Stopped};
pub use tracer::{Slot, Tracer};
pub use trap::Trap;
