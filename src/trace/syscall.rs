//! The system call at which a tracee is stopped: `PTRACE_GET_SYSCALL_INFO`.
#![forbid(unsafe_code)]

use linux_raw_sys::ptrace as raw;

use crate::sys::trace::SyscallInfo;
use crate::{Errno, Result};

/// A system call that a tracee is about to make or has made.
///
/// # Examples
///
/// ```
/// use rawipc::process::{Command, exec};
/// use rawipc::trace::{self, Options, Report, Stop};
///
/// let args = exec::List::of([c"true"]);
/// let child = Command::path(c"/bin/true", &args, exec::Strings::EMPTY).traced().spawn()?;
/// let running = trace::adopt(child.pid, Options::KILL_ON_EXIT);
/// let Report::Stopped(stopped) = running.wait()? else { return Err("it has ended".into()) };
/// let Report::Stopped(stopped) = stopped.syscall(None)?.wait()? else {
///     return Err("it was killed".into());
/// };
/// let Stop::Syscall(entry) = stopped.stop() else { return Err("a signal came".into()) };
/// println!("call {:?} from {:#x}", entry.call().map(|call| call.number), entry.pc);
/// stopped.kill().wait_end()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "ptrace_syscall_info")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syscall {
    /// The machine's convention, `AUDIT_ARCH_*`: 32-bit programs have other numbers.
    pub machine: u32,
    /// The address of the instruction after the call.
    pub pc: usize,
    /// The stack pointer.
    pub sp: usize,
    /// Whether the tracee is before or after it.
    pub phase: Phase,
}

/// The phase of a system call: before it, with the arguments, or after it, with the result.
///
/// # Examples
///
/// ```
/// use rawipc::process::{Command, exec};
/// use rawipc::trace::{self, Options, Phase, Report, Stop};
///
/// let args = exec::List::of([c"true"]);
/// let child = Command::path(c"/bin/true", &args, exec::Strings::EMPTY).traced().spawn()?;
/// let mut report = trace::adopt(child.pid, Options::KILL_ON_EXIT).wait()?;
/// let mut failed = 0;
/// while let Report::Stopped(stopped) = report {
///     if let Stop::Syscall(syscall) = stopped.stop() {
///         match syscall.phase {
///             Phase::Entry(call) => println!("call {}", call.number),
///             Phase::Exit(Ok(value)) => println!("= {value}"),
///             Phase::Exit(Err(_errno)) => failed += 1,
///             _ => {}
///         }
///     }
///     let signal = stopped.signal();
///     report = stopped.syscall(signal)?.wait()?;
/// }
/// println!("{failed} calls failed");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Before the call.
    #[doc(alias = "PTRACE_SYSCALL_INFO_ENTRY")]
    Entry(Call),
    /// After the call. The tracee does not see errors of 512 and more (`ERESTARTSYS` and the
    /// like): a signal has come, and the call is restarted or fails with [`Errno::INTR`].
    #[doc(alias = "PTRACE_SYSCALL_INFO_EXIT")]
    Exit(Result<u64>),
    /// Before the call, stopped by a seccomp filter.
    #[doc(alias = "PTRACE_SYSCALL_INFO_SECCOMP")]
    Seccomp {
        /// The call.
        call: Call,
        /// The filter's data (`SECCOMP_RET_DATA`).
        data: u32,
    },
    /// Not at a system call.
    #[doc(alias = "PTRACE_SYSCALL_INFO_NONE")]
    None,
}

/// The number and the arguments of a system call.
///
/// # Examples
///
/// Tells with which status a program is about to end:
///
/// ```
/// use rawipc::process::{Command, State, exec};
/// use rawipc::seccomp;
/// use rawipc::trace::{self, Options, Report, Stop};
///
/// let args = exec::List::of([c"false"]);
/// let child = Command::path(c"/bin/false", &args, exec::Strings::EMPTY).traced().spawn()?;
/// let mut report = trace::adopt(child.pid, Options::KILL_ON_EXIT).wait()?;
/// let end = loop {
///     let stopped = match report {
///         Report::Stopped(stopped) => stopped,
///         Report::Ended(ended) => break ended.state,
///     };
///     if let Stop::Syscall(syscall) = stopped.stop() {
///         let call = syscall.call().unwrap_or_default();
///         if call.number == u64::from(seccomp::Syscall::EXIT_GROUP.number()) {
///             println!("ends with status {}", call.arguments[0]);
///         }
///     }
///     let signal = stopped.signal();
///     report = stopped.syscall(signal)?.wait()?;
/// };
/// assert_eq!(end, State::Exited(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// Its number on its [`machine`](Syscall::machine).
    pub number: u64,
    /// Its arguments. The kernel looks only at those that the call has.
    pub arguments: [u64; 6],
}

impl Syscall {
    pub(super) fn decode(info: &SyscallInfo) -> Self {
        let [number, arguments @ .., last] = info.words;
        let call = Call { number, arguments };
        let phase = match u32::from(info.op) {
            raw::PTRACE_SYSCALL_INFO_ENTRY => Phase::Entry(call),
            raw::PTRACE_SYSCALL_INFO_EXIT => {
                // The byte behind the result says whether it is an error.
                let [is_error, ..] = info.words[1].to_ne_bytes();
                let result = info.words[0];
                Phase::Exit(if is_error == 0 {
                    Ok(result)
                } else {
                    // From 1 to 4095, says the kernel.
                    Err(Errno::from_raw_os_error(
                        (result.wrapping_neg() & 0xfff) as i32,
                    ))
                })
            }
            raw::PTRACE_SYSCALL_INFO_SECCOMP => {
                let [a, b, c, d, ..] = last.to_ne_bytes();
                let data = u32::from_ne_bytes([a, b, c, d]);
                Phase::Seccomp { call, data }
            }
            _ => Phase::None,
        };
        Self {
            machine: info.arch,
            pc: info.instruction_pointer as usize,
            sp: info.stack_pointer as usize,
            phase,
        }
    }

    pub(super) fn encode(&self) -> SyscallInfo {
        let mut words = [0; 8];
        let op = match self.phase {
            Phase::Entry(call) => {
                call.write(&mut words);
                raw::PTRACE_SYSCALL_INFO_ENTRY
            }
            Phase::Exit(result) => {
                [words[0], words[1]] = match result {
                    Ok(value) => [value, 0],
                    Err(errno) => [
                        i64::from(-errno.raw_os_error()).cast_unsigned(),
                        u64::from_ne_bytes([1, 0, 0, 0, 0, 0, 0, 0]),
                    ],
                };
                raw::PTRACE_SYSCALL_INFO_EXIT
            }
            Phase::Seccomp { call, data } => {
                call.write(&mut words);
                let [a, b, c, d] = data.to_ne_bytes();
                words[7] = u64::from_ne_bytes([a, b, c, d, 0, 0, 0, 0]);
                raw::PTRACE_SYSCALL_INFO_SECCOMP
            }
            Phase::None => raw::PTRACE_SYSCALL_INFO_NONE,
        };
        SyscallInfo {
            op: op as u8,
            reserved: 0,
            flags: 0,
            arch: self.machine,
            instruction_pointer: self.pc as u64,
            stack_pointer: self.sp as u64,
            words,
        }
    }

    /// Returns the number and the arguments, before the call.
    #[must_use]
    pub fn call(&self) -> Option<Call> {
        match self.phase {
            Phase::Entry(call) | Phase::Seccomp { call, .. } => Some(call),
            Phase::Exit(_) | Phase::None => None,
        }
    }

    /// Returns the result, after the call.
    #[must_use]
    pub fn result(&self) -> Option<Result<u64>> {
        match self.phase {
            Phase::Exit(result) => Some(result),
            _ => None,
        }
    }
}

impl Call {
    fn write(&self, words: &mut [u64; 8]) {
        let [number, arguments @ .., _] = words;
        *number = self.number;
        *arguments = self.arguments;
    }
}
