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
//! its libc and on the machine, whose numbers differ too: crate `linux-raw-sys` has them
//! as `general::__NR_*`, crate `libc` as `SYS_*`. A program that is refused
//! `exit_group(2)` cannot even leave.
//!
//! # Examples
//!
//! ```no_run
//! use rawipc::seccomp::{self, Action, Argument, Filter, InstallFlags};
//!
//! // On x86_64: read, write, futex, exit_group; sigaltstack, munmap, rt_sigreturn.
//! let mut filter = Filter::<64>::new(Action::KillProcess);
//! filter.calls(&[0, 202, 231, 131, 11, 15], Action::Allow)?;
//! filter.call_if(1, &[Argument::First.at_most(2).low_half()], Action::Allow)?;
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

pub use action::Action;
pub use condition::{Argument, Condition};
pub use filter::{Filter, Full, MAX_INSTRUCTIONS};
pub use install::{
    InstallError, InstallFlags, install, install_with_listener, is_filtered, no_new_privs,
    set_no_new_privs, set_strict_mode,
};

pub use crate::sys::seccomp::{Call, Instruction};
