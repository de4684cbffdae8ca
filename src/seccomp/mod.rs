//! Filtering system calls, and answering them from another process: `seccomp(2)`,
//! `seccomp_unotify(2)`.
//!
//! A [`Filter`] decides by number and arguments what happens to each call; [`install`] applies
//! it to threads, for good.
//!
//! | [`Action`] | the call | the caller sees | who learns of it |
//! |---|---|---|---|
//! | [`KillProcess`](Action::KillProcess) | is not made | | its parent: killed by `SIGSYS` |
//! | [`KillThread`](Action::KillThread) | is not made | | of the last thread, its parent |
//! | [`Trap`](Action::Trap) | is not made | `SIGSYS`, with a number | the handler |
//! | [`Errno`](Action::Errno) | is not made | the error | |
//! | [`Nothing`](Action::Nothing) | is not made | 0 | |
//! | [`Notify`](Action::Notify) | waits | what is answered; `ENOSYS` without a listener | the [`Listener`](notify::Listener) |
//! | [`Trace`](Action::Trace) | waits | what the tracer makes of it; `ENOSYS` without one | the tracer, with a number |
//! | [`Log`](Action::Log) | is made | its result | the kernel's log |
//! | [`Allow`](Action::Allow) | is made | its result | |
//!
//! A filter that names what is allowed and refuses the rest is safer than the other way
//! round: kernels get new calls, and one thing can be done by many (`open(2)`,
//! `openat(2)`, `openat2(2)`, `io_uring_enter(2)`). Which calls a program makes depends on
//! its libc and on the machine, whose numbers differ too: [`Syscall`] has them by name, and
//! [`sets`] has those that belong together. A program that is refused
//! `exit_group(2)` cannot even leave.
//!
//! # For a program that is to be executed
//!
//! [`Command::prepare`](crate::process::Command::prepare) is the place for
//! [`set_no_new_privs`] and [`install`]. What comes after it is under the filter too:
//! [`sets::EXEC`], and [`Syscall::PTRACE`] for a traced one. A filter that kills for one of
//! these calls shows as [`Step::Ended`](crate::process::Step::Ended) by `SIGSYS`; one that
//! refuses it, as that step's error. `prepare` itself runs before the filter is there, and needs
//! none of the calls that it makes.
//!
//! ```
//! use rawipc::process::{self, Command, State, WaitFlags, exec};
//! use rawipc::seccomp::{self, Action, Filter, InstallFlags, sets};
//!
//! let mut filter = Filter::<256>::new(Action::KillProcess);
//! for set in [sets::EXEC, sets::BASE, sets::FILES] {
//!     filter.calls(set, Action::Allow)?;
//! }
//! let enter = || {
//!     seccomp::set_no_new_privs()?;
//!     // SAFETY: no call is refused without an end of the process.
//!     Ok(unsafe { seccomp::install(&filter, InstallFlags::empty())? })
//! };
//! let args = exec::List::of([c"true"]);
//! let command = Command::path(c"/bin/true", &args, exec::Strings::EMPTY);
//! // SAFETY: two system calls.
//! let child = unsafe { command.prepare(&enter) }.spawn()?;
//! let end = process::wait(&child, WaitFlags::EXITED)?;
//! assert_eq!(end.state, State::Exited(0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Examples
//!
//! ```no_run
//! use rawipc::seccomp::{self, Action, Argument, Filter, InstallFlags, Syscall};
//!
//! const ALLOWED: &[Syscall] = &[
//!     Syscall::READ,
//!     Syscall::FUTEX,
//!     Syscall::EXIT_GROUP,
//!     Syscall::SIGALTSTACK,
//!     Syscall::MUNMAP,
//!     Syscall::RT_SIGRETURN,
//! ];
//! let mut filter = Filter::<64>::new(Action::KillProcess);
//! filter.calls(ALLOWED, Action::Allow)?;
//! filter.call_if(Syscall::WRITE, &[Argument::First.at_most(2).low_half()], Action::Allow)?;
//! seccomp::set_no_new_privs()?;
//! // SAFETY: whatever else is called, the process is no more.
//! unsafe { seccomp::install(&filter, InstallFlags::ALL_THREADS)? };
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod action;
mod condition;
mod filter;
mod install;
pub mod notify;
pub mod sets;

pub use action::Action;
pub use condition::{Argument, Condition};
pub use filter::{Filter, Full, MAX_INSTRUCTIONS};
pub use install::{
    InstallError, InstallFlags, install, install_with_listener, is_filtered, no_new_privs,
    set_no_new_privs, set_strict_mode,
};

pub use crate::arch::Syscall;
pub use crate::sys::seccomp::{Call, Instruction};
