//! The system call at which a tracee is stopped: looked at and replaced.
#![forbid(unsafe_code)]

use super::error::Error;
use super::syscall::Syscall;
use super::tracee::Stopped;
use crate::Result;
use crate::arch::trace::SYSCALL_NUMBER_SET;
use crate::sys::trace as sys;

impl Stopped {
    /// Returns the system call at which the tracee is stopped, also at
    /// [`Event::Seccomp`](super::Event::Seccomp): `PTRACE_GET_SYSCALL_INFO`. At other stops
    /// only its place, with [`Phase::None`](super::Phase::None).
    ///
    /// # Errors
    ///
    /// [`Error::Gone`]. [`Errno::IO`](crate::Errno::IO): Linux before 5.3.
    #[doc(alias = "PTRACE_GET_SYSCALL_INFO")]
    pub fn syscall_info(&self) -> Result<Syscall, Error> {
        Ok(Syscall::decode(&sys::get_syscall_info(self.tid)?))
    }

    /// Replaces the system call at which the tracee is stopped, or its result:
    /// `PTRACE_SET_SYSCALL_INFO`. The phase must be that of the stop. The number -1 makes no
    /// call.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`]. [`Errno::IO`](crate::Errno::IO): Linux before 6.16, or the machine's cannot
    /// ([`set_syscall_number`](Self::set_syscall_number) and
    /// [`set_registers`](Self::set_registers) can). [`Errno::INVAL`](crate::Errno::INVAL): another phase, or
    /// not at a system call. [`Errno::RANGE`](crate::Errno::RANGE): the number or an argument does not fit.
    #[doc(alias = "PTRACE_SET_SYSCALL_INFO")]
    pub fn set_syscall_info(&self, syscall: &Syscall) -> Result<(), Error> {
        Ok(sys::set_syscall_info(self.tid, &syscall.encode())?)
    }

    /// Replaces the number of the system call at whose entry the tracee is stopped. With -1 no
    /// call is made, and it fails with [`Errno::NOSYS`](crate::Errno::NOSYS) unless its result
    /// is set at the exit.
    ///
    /// # Errors
    ///
    /// Those of [`registers`](Self::registers).
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
