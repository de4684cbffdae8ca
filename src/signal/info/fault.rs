//! [`Fault`]: the instruction that could not be carried out, and why.
#![forbid(unsafe_code)]

use linux_raw_sys::general as raw;

use super::layout::Layout;

/// A fault of an instruction: where, and why.
///
/// # Examples
///
/// A handler that reports why a mapping could not be read, here as its file became shorter:
///
/// ```
/// use rawipc::Signal;
/// use rawipc::memory::{MapOptions, memfd::{self, MemfdFlags}};
/// use rawipc::process::{self, Fork, State, WaitFlags};
/// use rawipc::signal::{Cause, Fault, FaultKind, Info, action::{self, Action, Context}};
///
/// extern "C" fn on_fault(_signal: Signal, info: &Info, _context: Context<'_>) {
///     match info.cause() {
///         Cause::Fault(Fault { kind: FaultKind::NoMemoryThere, address }) if address != 0 => {
///             process::exit(7)
///         }
///         _ => process::exit(1),
///     }
/// }
/// let memfd = memfd::create("short", MemfdFlags::empty())?;
/// memfd.set_size(4096)?;
/// let mapping = MapOptions::shared(4096).map(&memfd)?;
/// // SAFETY: the child only sets a handler, reads and exits.
/// let child = match unsafe { process::fork()? } {
///     Fork::Child => {
///         // SAFETY: the handler only exits.
///         let _ = action::set(Signal::BUS, unsafe { Action::info_handler(on_fault) });
///         let _ = memfd.set_size(0);
///         let _ = mapping.read::<u8>(0);
///         process::exit(1)
///     }
///     Fork::Parent(child) => child,
/// };
/// assert_eq!(process::wait(child, WaitFlags::EXITED)?.state, State::Exited(7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// For `SIGSEGV` and `SIGBUS` the address that was accessed, for the others that of the
    /// instruction. 0 where the kernel does not know it. Bits that the machine ignores (tags)
    /// are cleared but with
    /// [`EXPOSE_TAGBITS`](crate::signal::action::ActionFlags::EXPOSE_TAGBITS).
    pub address: usize,
    /// The kind of fault.
    pub kind: FaultKind,
}

/// The kind of a [`Fault`].
///
/// # Examples
///
/// ```
/// use rawipc::signal::FaultKind;
///
/// /// What a crash report says.
/// fn explain(kind: FaultKind) -> &'static str {
///     match kind {
///         FaultKind::Unmapped => "nothing is mapped there",
///         FaultKind::Forbidden => "the mapping does not allow it",
///         FaultKind::NoMemoryThere => "the file behind the mapping has become shorter",
///         FaultKind::IntegerDivision => "a division by zero",
///         _ => "another fault",
///     }
/// }
/// assert_eq!(explain(FaultKind::Unmapped), "nothing is mapped there");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// `SIGSEGV`: nothing is mapped there.
    #[doc(alias = "SEGV_MAPERR")]
    Unmapped,
    /// `SIGSEGV`: the mapping does not allow this access.
    #[doc(alias = "SEGV_ACCERR")]
    Forbidden,
    /// `SIGSEGV`: a check of bounds by the processor failed.
    #[doc(alias = "SEGV_BNDERR")]
    Bounds {
        /// The lower bound.
        lower: usize,
        /// The upper bound.
        upper: usize,
    },
    /// `SIGSEGV`: a memory protection key does not allow this access: `pkeys(7)`.
    #[doc(alias = "SEGV_PKUERR")]
    ProtectionKey {
        /// The key.
        key: u32,
    },
    /// `SIGSEGV`: the pointer's tag is not the memory's; noticed later, address unknown.
    #[doc(alias = "SEGV_MTEAERR")]
    TagNoticedLater,
    /// `SIGSEGV`: the pointer's tag is not the memory's.
    #[doc(alias = "SEGV_MTESERR")]
    Tag,
    /// `SIGSEGV`: a return or jump that control-flow protection does not allow.
    #[doc(alias = "SEGV_CPERR")]
    ControlFlow,
    /// `SIGBUS`: the address is not aligned.
    #[doc(alias = "BUS_ADRALN")]
    Misaligned,
    /// `SIGBUS`: a mapping goes beyond the end of its file, or there is no room for it.
    #[doc(alias = "BUS_ADRERR")]
    NoMemoryThere,
    /// `SIGBUS`: an error of the hardware.
    #[doc(alias = "BUS_OBJERR")]
    Hardware,
    /// `SIGBUS`: the memory is broken, and was accessed.
    #[doc(alias = "BUS_MCEERR_AR")]
    BrokenMemory {
        /// The number of the lowest bits of the address that say nothing.
        unknown_bits: u16,
    },
    /// `SIGBUS`: the memory is broken, and was not accessed yet.
    #[doc(alias = "BUS_MCEERR_AO")]
    BrokenMemoryElsewhere {
        /// The number of the lowest bits of the address that say nothing.
        unknown_bits: u16,
    },
    /// `SIGILL`: there is no such instruction.
    #[doc(alias = "ILL_ILLOPC")]
    IllegalOpcode,
    /// `SIGILL`: it has no such operand.
    #[doc(alias = "ILL_ILLOPN")]
    IllegalOperand,
    /// `SIGILL`: it has no such addressing mode.
    #[doc(alias = "ILL_ILLADR")]
    IllegalAddressing,
    /// `SIGILL`: there is no such trap.
    #[doc(alias = "ILL_ILLTRP")]
    IllegalTrap,
    /// `SIGILL`: the instruction is the kernel's.
    #[doc(alias = "ILL_PRVOPC")]
    PrivilegedOpcode,
    /// `SIGILL`: the register is the kernel's.
    #[doc(alias = "ILL_PRVREG")]
    PrivilegedRegister,
    /// `SIGILL`: a coprocessor's error.
    #[doc(alias = "ILL_COPROC")]
    Coprocessor,
    /// `SIGILL`: the internal stack's error.
    #[doc(alias = "ILL_BADSTK")]
    BadStack,
    /// `SIGFPE`: an integer was divided by zero.
    #[doc(alias = "FPE_INTDIV")]
    IntegerDivision,
    /// `SIGFPE`: an integer overflowed.
    #[doc(alias = "FPE_INTOVF")]
    IntegerOverflow,
    /// `SIGFPE`: a float was divided by zero.
    #[doc(alias = "FPE_FLTDIV")]
    FloatDivision,
    /// `SIGFPE`: a float overflowed.
    #[doc(alias = "FPE_FLTOVF")]
    FloatOverflow,
    /// `SIGFPE`: a float underflowed.
    #[doc(alias = "FPE_FLTUND")]
    FloatUnderflow,
    /// `SIGFPE`: a float is not exact.
    #[doc(alias = "FPE_FLTRES")]
    FloatInexact,
    /// `SIGFPE`: not an operation on these floats.
    #[doc(alias = "FPE_FLTINV")]
    FloatInvalid,
    /// `SIGFPE`: a subscript out of range.
    #[doc(alias = "FPE_FLTSUB")]
    FloatSubscript,
    /// `SIGFPE`: an error of floats, it is not known which.
    #[doc(alias = "FPE_FLTUNK")]
    FloatUnknown,
    /// `SIGFPE`: a condition that was to trap.
    #[doc(alias = "FPE_CONDTRAP")]
    ConditionTrap,
    /// `SIGTRAP`: a breakpoint.
    #[doc(alias = "TRAP_BRKPT")]
    Breakpoint,
    /// `SIGTRAP`: a single step.
    #[doc(alias = "TRAP_TRACE")]
    Step,
    /// `SIGTRAP`: a branch was taken.
    #[doc(alias = "TRAP_BRANCH")]
    Branch,
    /// `SIGTRAP`: a breakpoint or watchpoint of the hardware.
    #[doc(alias = "TRAP_HWBKPT")]
    HardwareBreakpoint,
    /// `SIGTRAP`: for an unknown reason.
    #[doc(alias = "TRAP_UNK")]
    UnknownTrap,
    /// `SIGTRAP`: a performance counter: `perf_event_open(2)` with `sigtrap`.
    #[doc(alias = "TRAP_PERF")]
    Counter {
        /// What the counter was given as `sig_data`.
        data: u64,
        /// The counter's type.
        kind: u32,
        /// Whether the signal comes later than its event (`TRAP_PERF_FLAG_ASYNC`).
        later: bool,
    },
    /// A code that this crate does not know.
    Other(i32),
}

impl FaultKind {
    /// What the signal's code says; `None` of a signal that is of no fault.
    pub(super) fn decode(info: &impl Layout, signal: i32, code: u32) -> Option<Self> {
        Some(match signal as u32 {
            raw::SIGSEGV => segv(info, code),
            raw::SIGBUS => bus(info, code),
            raw::SIGILL => ill(code),
            raw::SIGFPE => fpe(code),
            raw::SIGTRAP => trap(info, code),
            _ => return None,
        })
    }
}

fn segv(info: &impl Layout, code: u32) -> FaultKind {
    match code {
        raw::SEGV_MAPERR => FaultKind::Unmapped,
        raw::SEGV_ACCERR => FaultKind::Forbidden,
        raw::SEGV_BNDERR => {
            let (lower, upper) = info.bounds();
            FaultKind::Bounds { lower, upper }
        }
        raw::SEGV_PKUERR => FaultKind::ProtectionKey { key: info.key() },
        raw::SEGV_MTEAERR => FaultKind::TagNoticedLater,
        raw::SEGV_MTESERR => FaultKind::Tag,
        raw::SEGV_CPERR => FaultKind::ControlFlow,
        _ => FaultKind::Other(code as i32),
    }
}

fn bus(info: &impl Layout, code: u32) -> FaultKind {
    match code {
        raw::BUS_ADRALN => FaultKind::Misaligned,
        raw::BUS_ADRERR => FaultKind::NoMemoryThere,
        raw::BUS_OBJERR => FaultKind::Hardware,
        raw::BUS_MCEERR_AR => FaultKind::BrokenMemory {
            unknown_bits: info.address_bits(),
        },
        raw::BUS_MCEERR_AO => FaultKind::BrokenMemoryElsewhere {
            unknown_bits: info.address_bits(),
        },
        _ => FaultKind::Other(code as i32),
    }
}

fn ill(code: u32) -> FaultKind {
    match code {
        raw::ILL_ILLOPC => FaultKind::IllegalOpcode,
        raw::ILL_ILLOPN => FaultKind::IllegalOperand,
        raw::ILL_ILLADR => FaultKind::IllegalAddressing,
        raw::ILL_ILLTRP => FaultKind::IllegalTrap,
        raw::ILL_PRVOPC => FaultKind::PrivilegedOpcode,
        raw::ILL_PRVREG => FaultKind::PrivilegedRegister,
        raw::ILL_COPROC => FaultKind::Coprocessor,
        raw::ILL_BADSTK => FaultKind::BadStack,
        _ => FaultKind::Other(code as i32),
    }
}

fn fpe(code: u32) -> FaultKind {
    match code {
        raw::FPE_INTDIV => FaultKind::IntegerDivision,
        raw::FPE_INTOVF => FaultKind::IntegerOverflow,
        raw::FPE_FLTDIV => FaultKind::FloatDivision,
        raw::FPE_FLTOVF => FaultKind::FloatOverflow,
        raw::FPE_FLTUND => FaultKind::FloatUnderflow,
        raw::FPE_FLTRES => FaultKind::FloatInexact,
        raw::FPE_FLTINV => FaultKind::FloatInvalid,
        raw::FPE_FLTSUB => FaultKind::FloatSubscript,
        raw::FPE_FLTUNK => FaultKind::FloatUnknown,
        raw::FPE_CONDTRAP => FaultKind::ConditionTrap,
        _ => FaultKind::Other(code as i32),
    }
}

fn trap(info: &impl Layout, code: u32) -> FaultKind {
    match code {
        raw::TRAP_BRKPT => FaultKind::Breakpoint,
        raw::TRAP_TRACE => FaultKind::Step,
        raw::TRAP_BRANCH => FaultKind::Branch,
        raw::TRAP_HWBKPT => FaultKind::HardwareBreakpoint,
        raw::TRAP_UNK => FaultKind::UnknownTrap,
        raw::TRAP_PERF => {
            let (data, kind, flags) = info.counter();
            FaultKind::Counter {
                data,
                kind,
                later: flags & raw::TRAP_PERF_FLAG_ASYNC != 0,
            }
        }
        _ => FaultKind::Other(code as i32),
    }
}
