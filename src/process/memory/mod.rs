//! Reading and writing the memory of another process: `process_vm_readv(2)`,
//! `process_vm_writev(2)`, `/proc/PID/mem`.
//!
//! [`of`] names a process by its number and needs nothing more: each call is one
//! system call that copies from one process to the other, once. [`open`] opens
//! `/proc/PID/mem`, which copies twice, large blocks at a quarter of the speed (and small
//! ones faster, as permission is not asked for each time), and
//!
//! - means the process that it was opened for, whatever becomes of its number, and
//!   of that process the program that ran then: after an `execve(2)` its memory is gone;
//! - works where a filter or a kernel without `process_vm_readv(2)` refuses the calls;
//! - writes pages that the process itself may only read, such as its instructions (the
//!   process then has a copy of its own of the page).
//!   A system may allow that to tracers alone, or to nobody (Linux 6.12);
//! - can be passed to another process, which then needs no permission of its own.
//!
//! Both give a [`Remote`], with the same calls: plain ones move what one system call moves and
//! return how many bytes that were; `_exact` and `_all` go on and say with [`TransferError`] how far
//! they came. A transfer while the process runs is not a consistent picture; stop the process
//! first to get one.
//!
//! # Whose memory
//!
//! The caller must have the right to trace the process (`ptrace(2)`, "Ptrace access mode
//! checking", `PTRACE_MODE_ATTACH_REALCREDS`). [`Errno::PERM`](crate::Errno::PERM) says that one of these is
//! not so:
//!
//! - the users and groups of the process (real, effective and saved) are the caller's real
//!   ones, or the caller has `CAP_SYS_PTRACE` in the process's user namespace;
//! - the process is *dumpable*: not a program that ran with more rights than its user's
//!   (set-user-ID, capabilities, an executable that its user may not read), and it has not
//!   made itself undumpable (`PR_SET_DUMPABLE`);
//! - the process has no capability that the caller lacks;
//! - if there is `/proc/sys/kernel/yama/ptrace_scope` and it is 1, the process is a
//!   descendant of the caller or has [allowed](super::permission::allow) it; 2: the caller has
//!   `CAP_SYS_PTRACE`; 3: nobody.
//!
//! A process that has ended, reaped or not, has no memory: [`Errno::SRCH`](crate::Errno::SRCH), for every call
//! and however it ended, in the midst of a list too.
//!
//! # After the first thread
//!
//! A process goes on without its first thread, whose number is the process's. The kernel
//! then says of that number that it has no memory; [`of`] and [`open`] look for another
//! thread in `/proc/PID/task`, at each call of a [`Remote`] that [`of`] made. This needs
//! `/proc` (without it the answer is [`Errno::SRCH`](crate::Errno::SRCH)) and a descriptor
//! ([`Errno::MFILE`](crate::Errno::MFILE), [`Errno::NFILE`](crate::Errno::NFILE)). If the thread that was found ends during the call,
//! another one is asked, and a write made once more.
//!
//! # Which process
//!
//! A number can be given to another process once its process has been waited for. A parent
//! knows when it does that. Anybody else holds a [`Pidfd`](super::Pidfd): if its
//! [`has_exited`](super::Pidfd::has_exited) is false after a call, then the number meant
//! that process during the call. [`open`] takes the descriptor itself.
//!
//! # Examples
//!
//! ```
//! use rawipc::process::memory::{self, Address};
//! use rawipc::process::{self, Fork, pidfd, WaitFlags};
//! use rawipc::Signal;
//!
//! let word = 0x1234_5678_u32;
//! // SAFETY: the child only waits to be killed.
//! let Fork::Parent(pid) = (unsafe { process::fork()? }) else {
//!     loop { core::hint::spin_loop() }
//! };
//! let child = pidfd::open(pid)?;
//! let (theirs, at) = (memory::of(pid), Address::of(&word));
//! theirs.write_value(at, &7_u32).unwrap(); // the child's copy, not ours
//! assert_eq!(theirs.read_value::<u32>(at), Ok(7));
//! assert_eq!(word, 0x1234_5678);
//! assert!(!child.has_exited()?); // so it was the child
//! # child.send_signal(Signal::KILL)?;
//! # process::wait(&child, WaitFlags::EXITED)?;
//! # Ok::<(), rawipc::Errno>(())
//! ```
#![forbid(unsafe_code)]
mod error;
mod list;
mod remote;
mod vectored;

pub use crate::sys::remote::{Address, AddressRange};
pub use error::{StringError, TransferError};
pub use remote::{Access, Remote, of, open};
