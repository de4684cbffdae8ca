//! The system call that a tracee stands at, looked at and replaced.
#![forbid(unsafe_code)]

use super::error::Error;
use super::syscall::Syscall;
use super::tracee::Stopped;
use crate::Result;
use crate::arch::trace::SYSCALL_NUMBER_SET;
use crate::sys::trace as sys;

impl Stopped {
    /// The system call that it stands at, also at [`Event::Seccomp`]:
    /// `PTRACE_GET_SYSCALL_INFO`. Of another stop where it is
    /// ([`Phase::None`](super::Phase::None)).
    ///
    /// # Errors
    ///
    /// [`Error::Gone`]. [`Errno::IO`]: Linux before 5.3.
    #[doc(alias = "PTRACE_GET_SYSCALL_INFO")]
    pub fn syscall_info(&self) -> Result<Syscall, Error> {
        Ok(Syscall::decode(&sys::get_syscall_info(self.tid)?))
    }

    /// Makes the system call that it stands at another, or its result:
    /// `PTRACE_SET_SYSCALL_INFO`. The phase must be the one that it stands at. A number
    /// of -1 carries out no call.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`]. [`Errno::IO`]: Linux before 6.16, or the machine's cannot
    /// ([`set_syscall_number`](Self::set_syscall_number) and
    /// [`set_registers`](Self::set_registers) can). [`Errno::INVAL`]: another phase, or
    /// not at a system call. [`Errno::RANGE`]: the number or an argument does not fit.
    #[doc(alias = "PTRACE_SET_SYSCALL_INFO")]
    pub fn set_syscall_info(&self, syscall: &Syscall) -> Result<(), Error> {
        Ok(sys::set_syscall_info(self.tid, &syscall.encode())?)
    }

    /// At the entry to a system call, makes it the one with this number; -1 is none, and
    /// the call fails with [`Errno::NOSYS`] unless the result is set at its exit.
    ///
    /// # Errors
    ///
    /// As [`registers`](Self::registers).
    #[doc(alias = "PTRACE_SET_SYSCALL")]
    pub fn set_syscall_number(&self, number: i32) -> Result<(), Error> {
        if let Some(set) = SYSCALL_NUMBER_SET {
            sys::setregset(self.tid, set, &number.to_ne_bytes())?;
            return Ok(());
        }
        let mut registers = self.registers()?;
        registers.set_syscall_number(i64::from(number).cast_unsigned());
        self.set_registers(&registers)
    }
}
