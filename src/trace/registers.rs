//! A tracee's registers.
#![forbid(unsafe_code)]

use super::error::Error;
use super::tracee::Stopped;
use crate::arch::trace::{NARROW, Registers};
use crate::sys::trace as sys;
use crate::{Errno, Result};

/// A set of registers, by the kernel's number for it (`NT_*`).
///
/// Which there are, and how they are laid out, depends on the machine.
///
/// # Examples
///
/// ```
/// use rawipc::process::{Command, exec};
/// use rawipc::trace::{self, Options, RegisterSet, Report};
///
/// let args = exec::List::of([c"true"]);
/// let child = Command::path(c"/bin/true", &args, exec::Strings::EMPTY).traced().spawn()?;
/// let running = trace::adopt(child.pid, Options::KILL_ON_EXIT);
/// let Report::Stopped(stopped) = running.wait()? else { return Err("it has ended".into()) };
/// // Saved, and set again.
/// let mut bytes = [0; 4096];
/// let len = stopped.register_set(RegisterSet::FLOATING_POINT, &mut bytes)?;
/// stopped.set_register_set(RegisterSet::FLOATING_POINT, &bytes[..len])?;
/// stopped.kill().wait_end()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegisterSet(pub u32);

impl RegisterSet {
    /// The general registers: [`Registers`].
    #[doc(alias = "NT_PRSTATUS")]
    pub const GENERAL: Self = Self(1);
    /// The floating-point registers; on x86_64 what `fxsave` stores.
    #[doc(alias = "NT_PRFPREG")]
    pub const FLOATING_POINT: Self = Self(2);
    /// x86_64: all that `xsave` stores.
    #[doc(alias = "NT_X86_XSTATE")]
    pub const X86_XSTATE: Self = Self(0x202);
    /// aarch64: the thread pointer (`tpidr_el0`).
    #[doc(alias = "NT_ARM_TLS")]
    pub const ARM_TLS: Self = Self(0x401);
    /// aarch64: hardware breakpoints.
    #[doc(alias = "NT_ARM_HW_BREAK")]
    pub const ARM_HARDWARE_BREAKPOINTS: Self = Self(0x402);
    /// aarch64: hardware watchpoints.
    #[doc(alias = "NT_ARM_HW_WATCH")]
    pub const ARM_HARDWARE_WATCHPOINTS: Self = Self(0x403);
    /// aarch64: the number of the system call, 4 bytes.
    #[doc(alias = "NT_ARM_SYSTEM_CALL")]
    pub const ARM_SYSTEM_CALL: Self = Self(0x404);
    /// aarch64: the scalable vector registers.
    #[doc(alias = "NT_ARM_SVE")]
    pub const ARM_SVE: Self = Self(0x405);
    /// riscv64: the vector registers.
    #[doc(alias = "NT_RISCV_VECTOR")]
    pub const RISCV_VECTOR: Self = Self(0x901);
}

/// More than the general registers of 32 bits take.
const NARROW_ROOM: usize = 27 * 8;

impl Stopped {
    /// Returns the general registers: `PTRACE_GETREGSET` of `NT_PRSTATUS`.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`]. [`Errno::NOEXEC`]: it runs a program of another machine, one of
    /// 32 bits; its registers are in [`RegisterSet::GENERAL`].
    #[doc(alias = "PTRACE_GETREGS")]
    #[doc(alias = "PTRACE_GETREGSET")]
    #[inline]
    pub fn registers(&self) -> Result<Registers, Error> {
        Ok(sys::getregs(self.tid)?)
    }

    /// Sets the general registers: `PTRACE_SETREGSET`.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`]. [`Errno::IO`] or [`Errno::INVAL`]: values that a program cannot
    /// have.
    #[doc(alias = "PTRACE_SETREGS")]
    #[doc(alias = "PTRACE_SETREGSET")]
    #[inline]
    pub fn set_registers(&self, registers: &Registers) -> Result<(), Error> {
        Ok(sys::setregs(self.tid, registers)?)
    }

    /// Copies a set of registers to the beginning of `bytes`, as much as fits, and returns how
    /// many bytes that is.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`]. [`Errno::INVAL`]: the machine has no such set, or the length is
    /// no multiple of its registers' size. [`Errno::NODEV`]: this processor has none.
    #[doc(alias = "PTRACE_GETREGSET")]
    #[doc(alias = "PTRACE_GETFPREGS")]
    pub fn register_set(&self, set: RegisterSet, bytes: &mut [u8]) -> Result<usize, Error> {
        Ok(sys::getregset(self.tid, set.0, bytes)?)
    }

    /// Sets the first registers of a set, as many as `bytes` has, and returns how many bytes
    /// were used.
    ///
    /// # Errors
    ///
    /// Those of [`register_set`](Self::register_set), and [`Errno::INVAL`] for values that
    /// cannot be, or an xstate that is not whole.
    #[doc(alias = "PTRACE_SETREGSET")]
    #[doc(alias = "PTRACE_SETFPREGS")]
    pub fn set_register_set(&self, set: RegisterSet, bytes: &[u8]) -> Result<usize, Error> {
        Ok(sys::setregset(self.tid, set.0, bytes)?)
    }

    /// Where the next instruction is, also of a program of 32 bits where breakpoints are
    /// the same.
    pub(super) fn pc(&self) -> Result<usize, Error> {
        match (self.registers(), NARROW) {
            (Err(Error::Errno(Errno::NOEXEC)), Some(narrow)) => {
                let mut room = [0; NARROW_ROOM];
                let found = self.narrow_registers(&mut room)?;
                narrow.pc(found).ok_or(Error::Errno(Errno::NOEXEC))
            }
            (registers, _) => Ok(registers?.pc()),
        }
    }

    /// Goes on there, as [`pc`](Self::pc).
    pub(super) fn set_pc(&self, address: usize) -> Result<(), Error> {
        match (self.registers(), NARROW) {
            (Err(Error::Errno(Errno::NOEXEC)), Some(narrow)) => {
                let mut room = [0; NARROW_ROOM];
                let found = self.narrow_registers(&mut room)?;
                let set = narrow.set_pc(found, address);
                set.ok_or(Error::Errno(Errno::NOEXEC))?;
                self.set_register_set(RegisterSet::GENERAL, found)?;
                Ok(())
            }
            (registers, _) => {
                let mut registers = registers?;
                registers.set_pc(address);
                self.set_registers(&registers)
            }
        }
    }

    fn narrow_registers<'r>(&self, room: &'r mut [u8]) -> Result<&'r mut [u8], Error> {
        let len = self.register_set(RegisterSet::GENERAL, room)?;
        Ok(room.get_mut(..len).unwrap_or_default())
    }
}
