//! What a tracer has to know of this machine.

use core::mem::size_of;

use static_assertions::const_assert_eq;

pub(crate) use super::super::no_trap_flag::{IS_COHERENT, NARROW, PLACES, TRAP_FLAG, shows_step};
use super::super::trap::{TRAP_BRANCH, TRAP_BRKPT, TRAP_HWBKPT, TRAP_TRACE, Trap};

/// The general registers of a thread: `struct user_pt_regs`.
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
/// let mut changed: Registers = registers;
/// changed.regs[9] = 7;
/// stopped.set_registers(&changed)?;
/// assert_eq!(stopped.registers()?.regs[9], 7);
/// stopped.kill().wait_end()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Registers {
    /// `x0` to `x30`.
    pub regs: [u64; 31],
    /// The stack pointer.
    pub sp: u64,
    /// The instruction pointer.
    pub pc: u64,
    /// The flags.
    pub pstate: u64,
}

const_assert_eq!(size_of::<Registers>(), 34 * 8);

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
        self.regs[29] as usize
    }

    /// Sets the frame pointer.
    pub const fn set_fp(&mut self, address: usize) {
        self.regs[29] = address as u64;
    }

    /// Returns the first six arguments of a function, integers and pointers, before its first
    /// instruction is executed. Those that it does not take are anything.
    #[must_use]
    pub const fn arguments(&self) -> [u64; 6] {
        let [a, b, c, d, e, f, ..] = self.regs;
        [a, b, c, d, e, f]
    }

    /// Returns the number of the system call, at its entry.
    #[must_use]
    pub const fn syscall_number(&self) -> u64 {
        self.regs[8]
    }

    /// Sets what the thread takes for the number of the system call;
    /// [`Stopped::set_syscall_number`](crate::trace::Stopped::set_syscall_number) replaces the
    /// call on every machine.
    pub const fn set_syscall_number(&mut self, number: u64) {
        self.regs[8] = number;
    }

    /// Returns the arguments of the system call, at its entry.
    #[must_use]
    pub const fn syscall_arguments(&self) -> [u64; 6] {
        let [a, b, c, d, e, f, ..] = self.regs;
        [a, b, c, d, e, f]
    }

    /// Replaces the arguments of the system call, at its entry.
    pub const fn set_syscall_arguments(&mut self, arguments: [u64; 6]) {
        let [a, b, c, d, e, f, ..] = &mut self.regs;
        [*a, *b, *c, *d, *e, *f] = arguments;
    }

    /// Returns the result of a system call or a function.
    #[must_use]
    pub const fn result(&self) -> u64 {
        self.regs[0]
    }

    /// Replaces the result of a system call or a function.
    pub const fn set_result(&mut self, value: u64) {
        self.regs[0] = value;
    }
}

/// The set of registers that the number of a system call is changed by, where it is
/// not among the general ones.
pub(crate) const SYSCALL_NUMBER_SET: Option<u32> = Some(0x404);

/// `brk #0`.
pub(crate) const BREAKPOINT: [u8; 4] = 0xd420_0000_u32.to_le_bytes();

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
pub(crate) const FRAME_BELOW: usize = 0;
