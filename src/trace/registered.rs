//! What a tracee has registered with the kernel: restartable sequences, user dispatch of system
//! calls.
#![forbid(unsafe_code)]

use super::error::Error;
use super::tracee::Stopped;
use crate::Result;
use crate::sys::trace as sys;

/// The registration of a thread's restartable sequences: `rseq(2)`.
///
/// # Examples
///
/// ```
/// use rawipc::process::{Command, exec};
/// use rawipc::trace::{self, Options, Report};
///
/// let args = exec::List::of([c"true"]);
/// let child = Command::path(c"/bin/true", &args, exec::Strings::EMPTY).traced().spawn()?;
/// let running = trace::adopt(child.pid, Options::KILL_ON_EXIT);
/// let Report::Stopped(stopped) = running.wait()? else { return Err("it has ended".into()) };
/// match stopped.rseq() {
///     Ok(rseq) if rseq.address == 0 => println!("no restartable sequences yet"),
///     Ok(rseq) => println!("{} bytes at {:#x}", rseq.size, rseq.address),
///     Err(error) => println!("this kernel does not say: {error}"),
/// }
/// stopped.kill().wait_end()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "ptrace_rseq_configuration")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rseq {
    /// The address of its `struct rseq`, 0 if there is none.
    pub address: usize,
    /// The size of that.
    pub size: u32,
    /// The signature before every abort handler.
    pub signature: u32,
    /// Flags.
    pub flags: u32,
}

/// The system calls that a thread dispatches to itself: `PR_SET_SYSCALL_USER_DISPATCH`.
///
/// # Examples
///
/// ```
/// use rawipc::process::{Command, exec};
/// use rawipc::trace::{self, Options, Report};
///
/// let args = exec::List::of([c"true"]);
/// let child = Command::path(c"/bin/true", &args, exec::Strings::EMPTY).traced().spawn()?;
/// let running = trace::adopt(child.pid, Options::KILL_ON_EXIT);
/// let Report::Stopped(stopped) = running.wait()? else { return Err("it has ended".into()) };
/// match stopped.user_dispatch() {
///     Ok(dispatch) if dispatch.mode == 0 => println!("all its calls are the kernel's"),
///     Ok(dispatch) => println!("all but those of {} bytes of code are its own", dispatch.len),
///     Err(error) => println!("this kernel does not say: {error}"),
/// }
/// stopped.kill().wait_end()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "ptrace_sud_config")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserDispatch {
    /// `PR_SYS_DISPATCH_*`, 0 for off.
    pub mode: u64,
    /// The address of the byte that switches it on and off.
    pub selector: usize,
    /// The start of the code whose calls are always carried out.
    pub offset: usize,
    /// The length of that code.
    pub len: usize,
}

impl Stopped {
    /// Returns the registration of its restartable sequences: `PTRACE_GET_RSEQ_CONFIGURATION`.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`]. [`Errno::IO`](crate::Errno::IO): Linux before 5.13, or without rseq.
    #[doc(alias = "PTRACE_GET_RSEQ_CONFIGURATION")]
    pub fn rseq(&self) -> Result<Rseq, Error> {
        let raw = sys::get_rseq_configuration(self.tid)?;
        Ok(Rseq {
            address: raw.rseq_abi_pointer as usize,
            size: raw.rseq_abi_size,
            signature: raw.signature,
            flags: raw.flags,
        })
    }

    /// Returns which system calls it dispatches to itself:
    /// `PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG`.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`]. [`Errno::IO`](crate::Errno::IO): Linux before 6.4.
    #[doc(alias = "PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG")]
    pub fn user_dispatch(&self) -> Result<UserDispatch, Error> {
        let raw = sys::get_syscall_user_dispatch_config(self.tid)?;
        Ok(UserDispatch {
            mode: raw.mode,
            selector: raw.selector as usize,
            offset: raw.offset as usize,
            len: raw.len as usize,
        })
    }
}
