//! What a tracer has to know of this machine.

use core::mem::{offset_of, size_of};

use static_assertions::const_assert_eq;

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
/// println!("instruction {:#x}, stack {:#x}", registers.rip, registers.rsp);
/// stopped.set_registers(&Registers { rax: 7, ..registers })?;
/// assert_eq!(stopped.registers()?.rax, 7);
/// stopped.kill().wait_end()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Registers {
    /// `r15`.
    pub r15: u64,
    /// `r14`.
    pub r14: u64,
    /// `r13`.
    pub r13: u64,
    /// `r12`.
    pub r12: u64,
    /// `rbp`.
    pub rbp: u64,
    /// `rbx`.
    pub rbx: u64,
    /// `r11`.
    pub r11: u64,
    /// `r10`.
    pub r10: u64,
    /// `r9`.
    pub r9: u64,
    /// `r8`.
    pub r8: u64,
    /// `rax`: the result of a system call.
    pub rax: u64,
    /// `rcx`.
    pub rcx: u64,
    /// `rdx`.
    pub rdx: u64,
    /// `rsi`.
    pub rsi: u64,
    /// `rdi`.
    pub rdi: u64,
    /// The number of the system call that the thread is in, all ones if in none.
    pub orig_rax: u64,
    /// The instruction pointer.
    pub rip: u64,
    /// `cs`.
    pub cs: u64,
    /// The flags.
    pub eflags: u64,
    /// The stack pointer.
    pub rsp: u64,
    /// `ss`.
    pub ss: u64,
    /// The base of `fs`: the thread pointer.
    pub fs_base: u64,
    /// The base of `gs`.
    pub gs_base: u64,
    /// `ds`.
    pub ds: u64,
    /// `es`.
    pub es: u64,
    /// `fs`.
    pub fs: u64,
    /// `gs`.
    pub gs: u64,
}

const_assert_eq!(size_of::<Registers>(), 27 * 8);
const_assert_eq!(offset_of!(Registers, orig_rax), 15 * 8);
const_assert_eq!(offset_of!(Registers, rsp), 19 * 8);

impl Registers {
    /// Returns the address of the next instruction.
    #[must_use]
    pub const fn pc(&self) -> usize {
        self.rip as usize
    }

    /// Sets the address of the next instruction. A system call that a signal has interrupted
    /// does not begin again: the kernel would go on before the address, where it takes the
    /// call's instruction to be.
    pub const fn set_pc(&mut self, address: usize) {
        self.rip = address as u64;
        if restarts(self.rax as i64) {
            self.orig_rax = u64::MAX;
        }
    }

    /// Returns the stack pointer.
    #[must_use]
    pub const fn sp(&self) -> usize {
        self.rsp as usize
    }

    /// Sets the stack pointer.
    pub const fn set_sp(&mut self, address: usize) {
        self.rsp = address as u64;
    }

    /// Returns the frame pointer, which is one where the program was compiled to keep it:
    /// [`backtrace`](crate::trace::backtrace) follows it.
    #[must_use]
    pub const fn fp(&self) -> usize {
        self.rbp as usize
    }

    /// Sets the frame pointer.
    pub const fn set_fp(&mut self, address: usize) {
        self.rbp = address as u64;
    }

    /// Returns the first six arguments of a function, integers and pointers, before its first
    /// instruction is executed. Those that it does not take are anything.
    #[must_use]
    pub const fn arguments(&self) -> [u64; 6] {
        [self.rdi, self.rsi, self.rdx, self.rcx, self.r8, self.r9]
    }

    /// Returns the number of the system call, at its entry.
    #[must_use]
    pub const fn syscall_number(&self) -> u64 {
        self.orig_rax
    }

    /// Replaces the number of the system call, at its entry.
    /// [`Stopped::set_syscall_number`](crate::trace::Stopped::set_syscall_number) does so on
    /// every machine.
    pub const fn set_syscall_number(&mut self, number: u64) {
        self.orig_rax = number;
    }

    /// Returns the arguments of the system call, at its entry.
    #[must_use]
    pub const fn syscall_arguments(&self) -> [u64; 6] {
        [self.rdi, self.rsi, self.rdx, self.r10, self.r8, self.r9]
    }

    /// Replaces the arguments of the system call, at its entry.
    pub const fn set_syscall_arguments(&mut self, arguments: [u64; 6]) {
        [self.rdi, self.rsi, self.rdx, self.r10, self.r8, self.r9] = arguments;
    }

    /// Returns the result of a system call or a function.
    #[must_use]
    pub const fn result(&self) -> u64 {
        self.rax
    }

    /// Replaces the result of a system call or a function.
    pub const fn set_result(&mut self, value: u64) {
        self.rax = value;
    }
}

/// Whether this result of a system call is one by which the kernel begins it again:
/// `ERESTARTSYS` to `ERESTART_RESTARTBLOCK`. At the entry to a call it is another.
const fn restarts(result: i64) -> bool {
    matches!(result, -516..=-512)
}

/// The general registers of a thread that runs code of 32 bits, where those are laid out
/// otherwise: how many bytes they are, and where the instruction pointer, the result of a
/// system call and its number are among them, 4 bytes each.
pub(crate) const NARROW: Option<Narrow> = Some(Narrow {
    size: 17 * 4,
    pc: 12 * 4,
    result: 6 * 4,
    number: 11 * 4,
});

/// See [`NARROW`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Narrow {
    size: usize,
    pc: usize,
    result: usize,
    number: usize,
}

impl Narrow {
    /// The instruction pointer.
    pub(crate) fn pc(self, registers: &[u8]) -> Option<usize> {
        self.is_whole(registers)?;
        Some(self.get(registers, self.pc)? as usize)
    }

    /// As [`Registers::set_pc`].
    pub(crate) fn set_pc(self, registers: &mut [u8], address: usize) -> Option<()> {
        self.is_whole(registers)?;
        let result = self.get(registers, self.result)?;
        self.set(registers, self.pc, address as u32)?;
        if restarts(i64::from(result as i32)) {
            self.set(registers, self.number, u32::MAX)?;
        }
        Some(())
    }

    fn is_whole(self, registers: &[u8]) -> Option<()> {
        (registers.len() == self.size).then_some(())
    }

    fn get(self, registers: &[u8], at: usize) -> Option<u32> {
        let bytes = registers.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_ne_bytes(bytes))
    }

    fn set(self, registers: &mut [u8], at: usize, value: u32) -> Option<()> {
        let place = registers.get_mut(at..at + 4)?;
        place.copy_from_slice(&value.to_ne_bytes());
        Some(())
    }
}

/// Whether instructions that were written as data are executed as they are now, without
/// more ado.
pub(crate) const IS_COHERENT: bool = true;

/// What the instruction with these first bytes does, and its length.
pub(crate) fn shows_step(code: &[u8]) -> (Shows, u64) {
    // The sizes of operand and address, segments, repetitions and REX. In code of 32 bits
    // the last are instructions, and then less is executed than this length.
    let is_prefix = |byte: &&u8| {
        matches!(
            **byte,
            0x26 | 0x2e | 0x36 | 0x3e | 0x40..=0x4f | 0x64..=0x67 | 0xf2 | 0xf3
        )
    };
    let prefixes = code.iter().take_while(is_prefix).count();
    let (shows, length) = match code.get(prefixes..).unwrap_or_default() {
        [0x9c, ..] => (Shows::OnStack, 1),
        [0x0f, 0x05, ..] => (Shows::InRegister, 2),
        [0x9d | 0xcf, ..] => (Shows::Loads, 1),
        _ => (Shows::Nothing, 0),
    };
    (shows, (prefixes + length) as u64)
}

/// The trap flag.
pub(crate) const TRAP_FLAG: usize = 1 << 8;

/// Where single registers are in `struct user`, which begins with the general ones: the
/// same for programs of 64 and of 32 bits.
pub(crate) const PLACES: Option<Places> = Some(Places {
    pc: offset_of!(Registers, rip),
    sp: offset_of!(Registers, rsp),
    flags: offset_of!(Registers, eflags),
    saved_flags: offset_of!(Registers, r11),
});

/// The set of registers that the number of a system call is changed by, where it is
/// not among the general ones.
pub(crate) const SYSCALL_NUMBER_SET: Option<u32> = None;

/// `int3`.
pub(crate) const BREAKPOINT: [u8; 1] = [0xcc];

/// How far behind the breakpoint's address the thread stands when it has hit it.
pub(crate) const BREAKPOINT_LENGTH: usize = 1;

/// What a `SIGTRAP` of the kernel's with this code is.
pub(crate) const fn trap(code: i32) -> Trap {
    match code {
        // `int3` says no more than that the kernel sent it.
        SI_KERNEL => Trap::Breakpoint,
        // A step over a system call, and `int1`, which nobody uses as a breakpoint.
        TRAP_BRKPT | TRAP_TRACE | TRAP_BRANCH => Trap::Step,
        TRAP_HWBKPT => Trap::Hardware,
        _ => Trap::Unknown,
    }
}

use super::super::trap::{
    Places, SI_KERNEL, Shows, TRAP_BRANCH, TRAP_BRKPT, TRAP_HWBKPT, TRAP_TRACE, Trap,
};

/// Where the debug registers are in `struct user`.
pub(crate) const DEBUG_REGISTERS: Option<usize> = Some(848);

/// How far below where the frame pointer points a frame has the caller's, and behind that the
/// return address.
pub(crate) const FRAME_BELOW: usize = 0;
