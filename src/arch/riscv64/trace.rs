//! What a tracer has to know of this machine.

use core::mem::size_of;

use static_assertions::const_assert_eq;

pub(crate) use super::super::no_trap_flag::{IS_COHERENT, NARROW, PLACES, TRAP_FLAG, shows_step};
use super::super::trap::{TRAP_BRANCH, TRAP_BRKPT, TRAP_HWBKPT, TRAP_TRACE, Trap};

/// The general registers of a thread: `struct user_regs_struct`.
///
/// # Examples
///
/// ```
/// use rawipc::process::{Command, exec};
/// use rawipc::trace::{self, Options, Registers, Report};
///
/// let args = exec::List::of([c"true"]);
/// let child = Command::path(c"/bin/true", &args, exec::Strings::EMPTY).traced().spawn()?;
/// let running = trace::adopt(child.pid, Options::KILL_ON_EXIT);
/// let Report::Stopped(stopped) = running.wait()? else { return Err("it has ended".into()) };
/// let registers = stopped.registers()?;
/// println!("instruction {:#x}, stack {:#x}", registers.pc, registers.sp);
/// stopped.set_registers(&Registers { t0: 7, ..registers })?;
/// assert_eq!(stopped.registers()?.t0, 7);
/// stopped.kill().wait_end()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Registers {
    /// The instruction pointer.
    pub pc: u64,
    /// `ra`.
    pub ra: u64,
    /// The stack pointer.
    pub sp: u64,
    /// `gp`.
    pub gp: u64,
    /// `tp`: the thread pointer.
    pub tp: u64,
    /// `t0`.
    pub t0: u64,
    /// `t1`.
    pub t1: u64,
    /// `t2`.
    pub t2: u64,
    /// `s0`.
    pub s0: u64,
    /// `s1`.
    pub s1: u64,
    /// `a0`.
    pub a0: u64,
    /// `a1`.
    pub a1: u64,
    /// `a2`.
    pub a2: u64,
    /// `a3`.
    pub a3: u64,
    /// `a4`.
    pub a4: u64,
    /// `a5`.
    pub a5: u64,
    /// `a6`.
    pub a6: u64,
    /// `a7`.
    pub a7: u64,
    /// `s2`.
    pub s2: u64,
    /// `s3`.
    pub s3: u64,
    /// `s4`.
    pub s4: u64,
    /// `s5`.
    pub s5: u64,
    /// `s6`.
    pub s6: u64,
    /// `s7`.
    pub s7: u64,
    /// `s8`.
    pub s8: u64,
    /// `s9`.
    pub s9: u64,
    /// `s10`.
    pub s10: u64,
    /// `s11`.
    pub s11: u64,
    /// `t3`.
    pub t3: u64,
    /// `t4`.
    pub t4: u64,
    /// `t5`.
    pub t5: u64,
    /// `t6`.
    pub t6: u64,
}

const_assert_eq!(size_of::<Registers>(), 32 * 8);

impl Registers {
    /// Returns the address of the next instruction.
    #[must_use]
    pub const fn pc(&self) -> usize {
        self.pc as usize
    }

    /// Sets the address of the next instruction. (The kernel begins an interrupted system call
    /// again only where it has left the thread to do so.)
    pub const fn set_pc(&mut self, address: usize) {
        self.pc = address as u64;
    }

    /// Returns the stack pointer.
    #[must_use]
    pub const fn sp(&self) -> usize {
        self.sp as usize
    }

    /// Sets the stack pointer.
    pub const fn set_sp(&mut self, address: usize) {
        self.sp = address as u64;
    }

    /// Returns the frame pointer, which is one where the program was compiled to keep it:
    /// [`backtrace`](crate::trace::backtrace) follows it.
    #[must_use]
    pub const fn fp(&self) -> usize {
        self.s0 as usize
    }

    /// Sets the frame pointer.
    pub const fn set_fp(&mut self, address: usize) {
        self.s0 = address as u64;
    }

    /// Returns the first six arguments of a function, integers and pointers, before its first
    /// instruction is executed. Those that it does not take are anything.
    #[must_use]
    pub const fn arguments(&self) -> [u64; 6] {
        [self.a0, self.a1, self.a2, self.a3, self.a4, self.a5]
    }

    /// Returns the number of the system call, at its entry.
    #[must_use]
    pub const fn syscall_number(&self) -> u64 {
        self.a7
    }

    /// Replaces the number of the system call, at its entry.
    /// [`Stopped::set_syscall_number`](crate::trace::Stopped::set_syscall_number) does so on
    /// every machine.
    pub const fn set_syscall_number(&mut self, number: u64) {
        self.a7 = number;
    }

    /// Returns the arguments of the system call, at its entry.
    #[must_use]
    pub const fn syscall_arguments(&self) -> [u64; 6] {
        [self.a0, self.a1, self.a2, self.a3, self.a4, self.a5]
    }

    /// Replaces the arguments of the system call, at its entry.
    pub const fn set_syscall_arguments(&mut self, arguments: [u64; 6]) {
        [self.a0, self.a1, self.a2, self.a3, self.a4, self.a5] = arguments;
    }

    /// Returns the result of a system call or a function.
    #[must_use]
    pub const fn result(&self) -> u64 {
        self.a0
    }

    /// Replaces the result of a system call or a function.
    pub const fn set_result(&mut self, value: u64) {
        self.a0 = value;
    }
}

/// The set of registers that the number of a system call is changed by, where it is
/// not among the general ones.
pub(crate) const SYSCALL_NUMBER_SET: Option<u32> = None;

/// `ebreak`. Where the instruction there has two bytes, the next one's first half is
/// in the way as well, and comes back with it.
pub(crate) const BREAKPOINT: [u8; 4] = 0x0010_0073_u32.to_le_bytes();

/// How far behind the breakpoint's address the thread stands when it has hit it.
pub(crate) const BREAKPOINT_LENGTH: usize = 0;

/// What a `SIGTRAP` of the kernel's with this code is.
pub(crate) const fn trap(code: i32) -> Trap {
    match code {
        TRAP_BRKPT => Trap::Breakpoint,
        TRAP_TRACE | TRAP_BRANCH => Trap::Step,
        TRAP_HWBKPT => Trap::Hardware,
        _ => Trap::Unknown,
    }
}

/// Where the debug registers are in `struct user`: this machine has none there.
pub(crate) const DEBUG_REGISTERS: Option<usize> = None;

/// How far below where the frame pointer points a frame has the caller's, and behind that the
/// return address.
pub(crate) const FRAME_BELOW: usize = 16;
