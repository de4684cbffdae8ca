//! A tracee that stands still: all that can be asked of it, and the ways to set it
//! going.
#![forbid(unsafe_code)]

use core::marker::PhantomData;

use linux_raw_sys::general::TRAP_TRACE;

use super::hidden::HiddenStep;
use super::running::{Begin, OfThread};
use super::{Error, Event, Options, Refused, Registers, Report, Running, Stop, Syscall, Trap};
use crate::arch;
use crate::signal::info::{Cause, Info};
use crate::signal::set::Set;
use crate::sys::signal::Siginfo;
use crate::sys::trace::{self as sys, Resume};
use crate::{Errno, Pid, Result, Signal};

/// A tracee of this thread that stands still.
///
/// Only here are the requests that need one that does; and what sets it going takes it,
/// so that none can be made of one that runs:
///
/// ```compile_fail,E0382
/// # fn example(stopped: rawipc::trace::Stopped) -> Result<(), rawipc::Errno> {
/// let running = stopped.cont(None)?;
/// stopped.registers()?; // it runs
/// # Ok(()) }
/// ```
///
/// `SIGKILL` can still end it at any moment. Then every request is [`Error::Gone`];
/// what sets it going succeeds without effect, and the wait for the [`Running`] that it
/// returns tells of the end. Dropped it stays still: see [`Options::KILL_ON_EXIT`].
#[derive(Debug)]
#[must_use = "it stands still until it is resumed"]
pub struct Stopped {
    tid: Pid,
    stop: Stop,
    thread: OfThread,
}

/// A set of registers, by the kernel's number of it (`NT_*`).
///
/// Which there are, and how they are laid out, depends on the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegisterSet(pub u32);

impl RegisterSet {
    /// The general ones, which [`Registers`] are.
    #[doc(alias = "NT_PRSTATUS")]
    pub const GENERAL: Self = Self(1);
    /// Those for floating point: of x86_64 what `fxsave` stores.
    #[doc(alias = "NT_PRFPREG")]
    pub const FLOATING_POINT: Self = Self(2);
    /// x86_64: all that `xsave` stores.
    #[doc(alias = "NT_X86_XSTATE")]
    pub const X86_XSTATE: Self = Self(0x202);
    /// aarch64: the thread's own data (`tpidr_el0`).
    #[doc(alias = "NT_ARM_TLS")]
    pub const ARM_TLS: Self = Self(0x401);
    /// aarch64: breakpoints of the hardware.
    #[doc(alias = "NT_ARM_HW_BREAK")]
    pub const ARM_HARDWARE_BREAKPOINTS: Self = Self(0x402);
    /// aarch64: watchpoints of the hardware.
    #[doc(alias = "NT_ARM_HW_WATCH")]
    pub const ARM_HARDWARE_WATCHPOINTS: Self = Self(0x403);
    /// aarch64: the number of the system call, 4 bytes.
    #[doc(alias = "NT_ARM_SYSTEM_CALL")]
    pub const ARM_SYSTEM_CALL: Self = Self(0x404);
    /// aarch64: the scalable vectors.
    #[doc(alias = "NT_ARM_SVE")]
    pub const ARM_SVE: Self = Self(0x405);
    /// riscv64: the vectors.
    #[doc(alias = "NT_RISCV_VECTOR")]
    pub const RISCV_VECTOR: Self = Self(0x901);
}

/// Whose pending signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    /// Those sent to the thread.
    OfThread,
    /// Those sent to its process, which any of its threads may take.
    #[doc(alias = "PTRACE_PEEKSIGINFO_SHARED")]
    OfProcess,
}

/// Where a thread's restartable sequences are registered: `rseq(2)`.
#[doc(alias = "ptrace_rseq_configuration")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rseq {
    /// The address of its `struct rseq`, 0 if there is none.
    pub address: u64,
    /// Its size.
    pub size: u32,
    /// What stands before every place to go on from.
    pub signature: u32,
    /// Flags.
    pub flags: u32,
}

/// Which system calls a thread has handed to itself: `PR_SET_SYSCALL_USER_DISPATCH`.
#[doc(alias = "ptrace_sud_config")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserDispatch {
    /// `PR_SYS_DISPATCH_*`, 0 for off.
    pub mode: u64,
    /// The address of the byte by which it switches.
    pub selector: u64,
    /// Where the code begins whose calls are carried out.
    pub offset: u64,
    /// How long that is.
    pub len: u64,
}

/// More than the general registers of 32 bits take.
const NARROW_ROOM: usize = 27 * 8;

/// How many pending signals are asked for in one call.
const PENDING_AT_ONCE: usize = 4;

impl Stopped {
    pub(super) fn new(tid: Pid, stop: Stop) -> Self {
        Self {
            tid,
            stop,
            thread: PhantomData,
        }
    }

    /// Says otherwise why it stands still.
    pub(super) fn now_at(&mut self, stop: Stop) {
        self.stop = stop;
    }

    /// The number of the thread, which is that of its process if it is the process's
    /// first.
    #[must_use]
    pub fn tid(&self) -> Pid {
        self.tid
    }

    /// Why it stands still.
    #[must_use]
    pub fn stop(&self) -> Stop {
        self.stop
    }

    /// The signal that is about to be delivered, to be given to what sets the tracee
    /// going: of [`Stop::Signal`], and `None` of every other stop.
    ///
    /// Of a [`Stop::Trap`] too, as most are the tracer's own doing. A tracer that made
    /// no step and set no breakpoint hands on `SIGTRAP` itself: the program may have
    /// executed a breakpoint on purpose.
    #[must_use]
    pub fn signal(&self) -> Option<Signal> {
        self.stop.signal()
    }

    /// What a [`Stop::Trap`] is: `PTRACE_GETSIGINFO`. `None` of another stop.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`].
    pub fn trap(&self) -> Result<Option<Trap>, Error> {
        if self.stop != Stop::Trap {
            return Ok(None);
        }
        let info = self.info()?;
        Ok(Some(match info.cause() {
            Cause::User(_) | Cause::Thread(_) | Cause::Queue { .. } => Trap::Sent,
            _ => match arch::trace::trap(info.code()) {
                // Where the processor has seen both the kernel names the step.
                arch::Trap::Step if info.code() == TRAP_TRACE as i32 && self.is_hit()? => {
                    Trap::Hardware
                }
                arch::Trap::Step => Trap::Step,
                arch::Trap::Breakpoint => Trap::Breakpoint,
                arch::Trap::Hardware => Trap::Hardware,
                arch::Trap::Unknown if info.code() < 0 => Trap::Sent,
                arch::Trap::Unknown => Trap::Unknown,
            },
        }))
    }

    // --- Registers ---

    /// The general registers: `PTRACE_GETREGSET` of `NT_PRSTATUS`.
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

    /// Where the next instruction is, also of a program of 32 bits where breakpoints are
    /// the same.
    pub(super) fn pc(&self) -> Result<u64, Error> {
        match (self.registers(), arch::trace::NARROW) {
            (Err(Error::Errno(Errno::NOEXEC)), Some(narrow)) => {
                let mut room = [0; NARROW_ROOM];
                let found = self.narrow_registers(&mut room)?;
                narrow.pc(found).ok_or(Error::Errno(Errno::NOEXEC))
            }
            (registers, _) => Ok(registers?.pc()),
        }
    }

    /// Goes on there, as [`pc`](Self::pc).
    pub(super) fn set_pc(&self, address: u64) -> Result<(), Error> {
        match (self.registers(), arch::trace::NARROW) {
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

    /// Copies a set of registers as it is to the beginning of `bytes`, and says how long
    /// it is there: as much of it as fits.
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

    /// Sets the first registers of a set, as many as `bytes` has, and says how many bytes
    /// were taken.
    ///
    /// # Errors
    ///
    /// As [`register_set`](Self::register_set), and [`Errno::INVAL`] for values that
    /// cannot be, or an xstate that is not whole.
    #[doc(alias = "PTRACE_SETREGSET")]
    #[doc(alias = "PTRACE_SETFPREGS")]
    pub fn set_register_set(&self, set: RegisterSet, bytes: &[u8]) -> Result<usize, Error> {
        Ok(sys::setregset(self.tid, set.0, bytes)?)
    }

    // --- System calls ---

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
        if let Some(set) = arch::trace::SYSCALL_NUMBER_SET {
            sys::setregset(self.tid, set, &number.to_ne_bytes())?;
            return Ok(());
        }
        let mut registers = self.registers()?;
        registers.set_syscall_number(i64::from(number).cast_unsigned());
        self.set_registers(&registers)
    }

    /// Where its restartable sequences are: `PTRACE_GET_RSEQ_CONFIGURATION`.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`]. [`Errno::IO`]: Linux before 5.13, or without rseq.
    #[doc(alias = "PTRACE_GET_RSEQ_CONFIGURATION")]
    pub fn rseq(&self) -> Result<Rseq, Error> {
        let raw = sys::get_rseq_configuration(self.tid)?;
        Ok(Rseq {
            address: raw.rseq_abi_pointer,
            size: raw.rseq_abi_size,
            signature: raw.signature,
            flags: raw.flags,
        })
    }

    /// Which system calls it hands to itself:
    /// `PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG`.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`]. [`Errno::IO`]: Linux before 6.4.
    #[doc(alias = "PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG")]
    pub fn user_dispatch(&self) -> Result<UserDispatch, Error> {
        let raw = sys::get_syscall_user_dispatch_config(self.tid)?;
        Ok(UserDispatch {
            mode: raw.mode,
            selector: raw.selector,
            offset: raw.offset,
            len: raw.len,
        })
    }

    // --- Signals ---

    /// What the kernel says of the signal that is about to be delivered, or of the stop:
    /// `PTRACE_GETSIGINFO`.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`]. [`Errno::INVAL`]: a [`Stop::Group`] of one that was not seized,
    /// which is no signal.
    #[doc(alias = "PTRACE_GETSIGINFO")]
    pub fn info(&self) -> Result<Info, Error> {
        Ok(Info::from_kernel(sys::getsiginfo(self.tid)?))
    }

    /// Says something else of the signal that is about to be delivered. If the tracee is
    /// resumed with another signal than this says, that one's is that the tracer sent
    /// it.
    ///
    /// # Errors
    ///
    /// As [`info`](Self::info).
    #[doc(alias = "PTRACE_SETSIGINFO")]
    pub fn set_info(&self, info: &Info) -> Result<(), Error> {
        Ok(sys::setsiginfo(self.tid, info.kernel())?)
    }

    /// Copies what is known of the pending signals, from the one at `from` (counted from
    /// 0) on, and says how many there were for `infos`: `PTRACE_PEEKSIGINFO`. They stay
    /// pending. A signal of which the kernel kept no more than its number is not among
    /// them.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`].
    #[doc(alias = "PTRACE_PEEKSIGINFO")]
    pub fn pending(&self, whose: Pending, from: u64, infos: &mut [Info]) -> Result<usize, Error> {
        let mut count = 0;
        for chunk in infos.chunks_mut(PENDING_AT_ONCE) {
            let mut raw = [Siginfo::EMPTY; PENDING_AT_ONCE];
            let wanted = raw.get_mut(..chunk.len()).unwrap_or_default();
            let of_process = whose == Pending::OfProcess;
            let got = sys::peeksiginfo(self.tid, of_process, from + count as u64, wanted)?;
            for (info, raw) in chunk.iter_mut().zip(raw).take(got) {
                *info = Info::from_kernel(raw);
            }
            count += got;
            if got < chunk.len() {
                break;
            }
        }
        Ok(count)
    }

    /// The signals that it blocks: `PTRACE_GETSIGMASK`.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`].
    #[doc(alias = "PTRACE_GETSIGMASK")]
    pub fn mask(&self) -> Result<Set, Error> {
        Ok(Set::from_bits_with_reserved(sys::getsigmask(self.tid)?))
    }

    /// Lets it block these signals from now on: `PTRACE_SETSIGMASK`. `SIGKILL` and
    /// `SIGSTOP` are left out silently.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`].
    #[doc(alias = "PTRACE_SETSIGMASK")]
    pub fn set_mask(&self, mask: Set) -> Result<(), Error> {
        Ok(sys::setsigmask(self.tid, mask.bits())?)
    }

    // --- Options and events ---

    /// Sets the options, in place of those that it has: `PTRACE_SETOPTIONS`.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`]. [`Errno::INVAL`]: an option that this kernel does not have.
    /// [`Errno::PERM`]: [`Options::SUSPEND_SECCOMP`] is not for the caller.
    #[doc(alias = "PTRACE_SETOPTIONS")]
    pub fn set_options(&self, options: Options) -> Result<(), Error> {
        Ok(sys::setoptions(self.tid, options.raw())?)
    }

    /// The event that it stands at.
    #[must_use]
    pub fn event(&self) -> Option<Event> {
        match self.stop {
            Stop::Event(event) => Some(event),
            _ => None,
        }
    }

    // --- Going on ---

    /// Lets it run until something else stops it, and delivers `signal` first:
    /// `PTRACE_CONT`.
    ///
    /// `signal` takes the place of the one that is about to be delivered. `None` is
    /// none; [`Stopped::signal`] is the same as without a tracer. At a stop that is
    /// neither [`Stop::Signal`] nor [`Stop::Trap`] give `None`: the kernel mostly
    /// ignores it there. (A signal to be sent, and to be reported to the tracer in its
    /// turn, is for `kill(2)`.)
    ///
    /// # Errors
    ///
    /// With the handle, what the kernel says; it says nothing here unless a filter of
    /// the caller's system calls does.
    #[doc(alias = "PTRACE_CONT")]
    pub fn cont(self, signal: Option<Signal>) -> Result<Running, Refused<Self>> {
        self.resume(Resume::Cont, signal)
    }

    /// As [`cont`](Self::cont), for one instruction: `PTRACE_SINGLESTEP`. With a signal
    /// that has a handler, it stops before the handler's first.
    ///
    /// An instruction that makes a system call is one, call and all; one that repeats
    /// itself (`rep movsb`) is one each time. The stop is a [`Stop::Trap`], unless
    /// something else happens first. Together with the wait a step is two system calls.
    ///
    /// x86_64: A program that saves its flags in the step, by `pushf` or by a system call,
    /// finds the trap flag among them. After a step over `popf` or `iret` the kernel takes
    /// the trap flag of the next steps for the program's own, and leaves it set when the
    /// program is let run: it then stops after every instruction, or is killed by the
    /// `SIGTRAP`. [`step_hidden`](Self::step_hidden) avoids both.
    ///
    /// # Errors
    ///
    /// With the handle: [`Errno::IO`]: the machine has no single steps (riscv64).
    #[doc(alias = "PTRACE_SINGLESTEP")]
    #[inline]
    pub fn step(self, signal: Option<Signal>) -> Result<Running, Refused<Self>> {
        self.resume(Resume::Step, signal)
    }

    /// As [`step`](Self::step), and waits for what comes of it; the program finds no trap
    /// flag that it has not set itself.
    ///
    /// Together with the wait a step is four system calls, and a few more for an
    /// instruction that saves or loads the flags. On machines where a program cannot see
    /// that it is stepped (aarch64) it is two.
    ///
    /// x86_64: What `pushf` and `syscall` save is corrected after the step. A trap flag that
    /// the program loads by `popf` or `iret` stays. Not corrected are the register `r11` of a
    /// thread or process that the step creates, and the flags of the interrupted program
    /// where `signal` is delivered before a `popf` or `iret`.
    ///
    /// # Errors
    ///
    /// With the handle: as [`step`](Self::step), and [`Errno::CHILD`] as
    /// [`Running::wait`], of which [`Errno::INTR`] is not one: it goes on.
    pub fn step_hidden(self, signal: Option<Signal>) -> Result<Report, Refused<Self>> {
        HiddenStep::prepare(&self).make(self, signal)
    }

    /// As [`step`](Self::step), until a branch is taken: `PTRACE_SINGLEBLOCK`.
    ///
    /// # Errors
    ///
    /// With the handle: [`Errno::IO`]: the processor has no such steps.
    #[doc(alias = "PTRACE_SINGLEBLOCK")]
    pub fn step_block(self, signal: Option<Signal>) -> Result<Running, Refused<Self>> {
        self.resume(Resume::BlockStep, signal)
    }

    /// As [`cont`](Self::cont), until the next entry to or exit from a system call:
    /// `PTRACE_SYSCALL`. The stop is a [`Stop::Syscall`].
    ///
    /// # Errors
    ///
    /// As [`cont`](Self::cont).
    #[doc(alias = "PTRACE_SYSCALL")]
    pub fn syscall(self, signal: Option<Signal>) -> Result<Running, Refused<Self>> {
        self.resume(Resume::Syscall, signal)
    }

    /// As [`cont`](Self::cont), until the next system call, which is not carried out:
    /// `PTRACE_SYSEMU`. The one [`Stop::Syscall`] is its entry; what it shall return is
    /// set there, in the registers.
    ///
    /// # Errors
    ///
    /// With the handle: [`Errno::IO`]: the machine has none of this (riscv64).
    #[doc(alias = "PTRACE_SYSEMU")]
    pub fn sysemu(self, signal: Option<Signal>) -> Result<Running, Refused<Self>> {
        self.resume(Resume::Sysemu, signal)
    }

    /// As [`sysemu`](Self::sysemu), and for one instruction at most:
    /// `PTRACE_SYSEMU_SINGLESTEP`.
    ///
    /// # Errors
    ///
    /// As [`sysemu`](Self::sysemu).
    #[doc(alias = "PTRACE_SYSEMU_SINGLESTEP")]
    pub fn sysemu_step(self, signal: Option<Signal>) -> Result<Running, Refused<Self>> {
        self.resume(Resume::SysemuStep, signal)
    }

    #[inline]
    fn resume(self, how: Resume, signal: Option<Signal>) -> Result<Running, Refused<Self>> {
        let done = sys::resume(how, self.tid, self.stop.resumed_with(signal));
        self.gone_on(done)
    }

    #[inline]
    fn gone_on(self, done: Result<()>) -> Result<Running, Refused<Self>> {
        match done {
            // One that was killed meanwhile goes to its end, as the wait will say.
            Ok(()) | Err(Errno::SRCH) => Ok(Running::new(self.tid, Begin::Done)),
            Err(errno) => Err(Refused {
                tracee: self,
                errno,
            }),
        }
    }

    /// At a [`Stop::Group`], leaves it stopped, as it would be without a tracer, but
    /// reports when that changes: `PTRACE_LISTEN`. `SIGCONT` then ends the stop, which
    /// is a [`Stop::Interrupt`], and after it comes the signal itself.
    ///
    /// # Errors
    ///
    /// With the handle: [`Errno::IO`]: at another stop, or it was not seized.
    #[doc(alias = "PTRACE_LISTEN")]
    pub fn listen(self) -> Result<Running, Refused<Self>> {
        let done = sys::listen(self.tid);
        self.gone_on(done)
    }

    /// Ends the tracing and lets it run, with `signal` as in [`cont`](Self::cont):
    /// `PTRACE_DETACH`. One at a [`Stop::Group`] stays stopped. Its breakpoints should
    /// have been taken out.
    ///
    /// # Errors
    ///
    /// With the handle: [`Errno::SRCH`]: it was killed, and its end is to be waited for
    /// ([`cont`](Self::cont)).
    #[doc(alias = "PTRACE_DETACH")]
    pub fn detach(self, signal: Option<Signal>) -> Result<(), Refused<Self>> {
        sys::detach(self.tid, self.stop.resumed_with(signal)).map_err(|errno| Refused {
            tracee: self,
            errno,
        })
    }

    /// Kills its process, all threads: `SIGKILL`. It needs no resuming, only to be waited
    /// for ([`Running::wait_end`]).
    pub fn kill(self) -> Running {
        // It cannot have another's number, for its end has not been waited for; and if it
        // has ended, then it has.
        let _ = crate::sys::signal::kill_process(self.tid, Signal::KILL);
        Running::new(self.tid, Begin::Done)
    }
}
