//! What the kernel says of a signal: who sent it, and why: `sigaction(2)`.
#![forbid(unsafe_code)]

use core::fmt;
use core::time::Duration;

use linux_raw_sys::general as raw;

use crate::signal::child::State;
use crate::signal::number;
use crate::sys::signal::{Siginfo, SignalfdSiginfo};
use crate::{Pid, RawFd, Signal};

/// All that the kernel says of a signal: `siginfo_t`.
///
/// What a process that may signal this one says of a *queued* signal is its own
/// word: the kernel checks that it does not claim to be the kernel, or
/// [`Cause::User`], and nothing else. In the causes [`Queue`](Cause::Queue),
/// [`Timer`](Cause::Timer), [`MessageQueue`](Cause::MessageQueue),
/// [`AsyncIo`](Cause::AsyncIo) and [`Other`](Cause::Other) the sender is therefore to
/// be believed as little as the payload.
#[doc(alias = "siginfo_t")]
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Info(Siginfo);

impl Info {
    pub(crate) fn from_kernel(info: Siginfo) -> Self {
        Self(info)
    }

    pub(crate) fn kernel(&self) -> &Siginfo {
        &self.0
    }

    /// What [`queue`](crate::signal::queue) sends: `signal` with a payload, from this
    /// process and its real user.
    #[must_use]
    pub fn queued(signal: Signal, payload: Payload) -> Self {
        let mut info = Siginfo::new(signal, raw::SI_QUEUE);
        info.fields[0] = join([
            rustix::process::getpid().as_raw_nonzero().get() as u32,
            rustix::process::getuid().as_raw(),
        ]);
        info.fields[1] = payload.0;
        Self(info)
    }

    /// The same with another code (`si_code`), for [`forward`](crate::signal::forward).
    #[must_use]
    pub fn with_code(mut self, code: i32) -> Self {
        self.0.si_code = code;
        self
    }

    /// A `siginfo_t` that came from elsewhere: a tracer, a file.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 128]) -> Self {
        Self(Siginfo::from_bytes(bytes))
    }

    /// The `siginfo_t` as it is.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 128] {
        self.0.to_bytes()
    }

    /// Which signal it is. `None` of a [reserved](crate::signal::Reserved) one, which
    /// only [`number`](Self::number) says, and of what came from elsewhere and says none
    /// that there is.
    #[must_use]
    pub fn signal(&self) -> Option<Signal> {
        number::from_number(self.0.si_signo)
    }

    /// The number of the signal, whatever it is: `si_signo`.
    #[must_use]
    pub fn number(&self) -> i32 {
        self.0.si_signo
    }

    /// The kernel's code, which [`cause`](Self::cause) decodes: `si_code`.
    #[must_use]
    pub fn code(&self) -> i32 {
        self.0.si_code
    }

    /// An error number, mostly 0: `si_errno`. Of [`Cause::Syscall`] what the seccomp
    /// filter chose to say.
    #[must_use]
    pub fn errno(&self) -> i32 {
        self.0.si_errno
    }

    /// Who sent it, and why.
    #[must_use]
    pub fn cause(&self) -> Cause {
        decode(&self.0)
    }
}

impl fmt::Debug for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Info")
            .field("number", &self.number())
            .field("code", &self.code())
            .field("errno", &self.errno())
            .field("cause", &self.cause())
            .finish()
    }
}

/// A number or a pointer that travels with a signal: `union sigval`.
#[doc(alias = "sigval")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Payload(u64);

impl Payload {
    /// All 8 bytes: what C has as `sival_ptr`.
    #[must_use]
    pub const fn from_word(word: u64) -> Self {
        Self(word)
    }

    /// A number as C has it in `sival_int`, and zeros.
    #[must_use]
    pub const fn from_int(int: i32) -> Self {
        Self(join([int as u32, 0]))
    }

    /// All 8 bytes: what C has as `sival_ptr`.
    ///
    /// Of a sender that set `sival_int`, half of it can be anything.
    #[must_use]
    pub const fn word(self) -> u64 {
        self.0
    }

    /// The number that C has as `sival_int`.
    #[must_use]
    pub const fn int(self) -> i32 {
        split(self.0)[0] as i32
    }
}

/// Who sent a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The process, as this process sees it: `None` if it does not, for it is in
    /// another PID namespace, or is the kernel.
    pub pid: Option<Pid>,
    /// Its real user.
    pub uid: u32,
}

/// Who sent a signal, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// A process sent it: `kill(2)`, [`send`](crate::signal::send).
    #[doc(alias = "SI_USER")]
    User(Sender),
    /// A process sent it to one thread: `tgkill(2)`, [`raise`](crate::signal::raise).
    #[doc(alias = "SI_TKILL")]
    Thread(Sender),
    /// A process sent it with a payload: `sigqueue(3)`, [`queue`](crate::signal::queue).
    #[doc(alias = "SI_QUEUE")]
    Queue {
        /// Who, as it says itself.
        sender: Sender,
        /// What it gave along.
        payload: Payload,
    },
    /// A timer of this process expired: [`timer`](crate::signal::timer).
    #[doc(alias = "SI_TIMER")]
    Timer {
        /// The kernel's number of the timer: [`Timer::id`](crate::signal::timer::Timer::id).
        id: i32,
        /// How often it has expired since, before this signal was taken.
        overrun: u32,
        /// What was given when it was made.
        payload: Payload,
    },
    /// A message came to an empty POSIX message queue: `mq_notify(3)`.
    #[doc(alias = "SI_MESGQ")]
    MessageQueue {
        /// Who sent the message.
        sender: Sender,
        /// What was given when the notification was asked for.
        payload: Payload,
    },
    /// A libc's asynchronous input or output is complete: `aio(7)`.
    #[doc(alias = "SI_ASYNCIO")]
    AsyncIo {
        /// Who asked for it.
        sender: Sender,
        /// What was given when it was asked for.
        payload: Payload,
    },
    /// A child of this process ended, stopped or went on. It is still to be waited
    /// for, and as a standard signal does not queue there may be more of them.
    #[doc(alias = "CLD_EXITED")]
    Child {
        /// The child's number.
        pid: Option<Pid>,
        /// The real user it ran as.
        uid: u32,
        /// What became of it.
        state: State,
        /// The processor time that it spent for itself.
        user: Duration,
        /// The processor time that the kernel spent for it.
        system: Duration,
    },
    /// An instruction of this thread could not be carried out.
    Fault(Fault),
    /// A descriptor is ready: [`io`](crate::signal::io).
    #[doc(alias = "SI_SIGIO")]
    Io {
        /// Its number, as it was when the signal was asked for.
        fd: RawFd,
        /// What happened.
        event: IoEvent,
        /// The events as `poll(2)` would say.
        band: u32,
    },
    /// A system call was not carried out, but handed to this process.
    #[doc(alias = "SIGSYS")]
    Syscall {
        /// The address of the instruction after it.
        address: usize,
        /// Its number.
        number: i32,
        /// The machine whose call it is: `AUDIT_ARCH_*`.
        machine: u32,
        /// By what.
        reason: SyscallReason,
    },
    /// The kernel sent it, and says no more; such as `SIGINT` by the terminal, or
    /// `SIGSEGV` for an address that no pointer can have.
    #[doc(alias = "SI_KERNEL")]
    Kernel,
    /// A code that is not known here; of one below 0 this is what a process says.
    Other {
        /// The code.
        code: i32,
        /// Who, as it says itself.
        sender: Sender,
        /// What it gave along.
        payload: Payload,
    },
}

/// What could not be carried out, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Of `SIGSEGV` and `SIGBUS` the address that was accessed, of the others that
    /// of the instruction. 0 where the kernel does not know it. Bits that the machine
    /// ignores (tags) are cleared but with
    /// [`EXPOSE_TAGBITS`](crate::signal::action::ActionFlags::EXPOSE_TAGBITS).
    pub address: usize,
    /// Why.
    pub kind: FaultKind,
}

/// Why an instruction could not be carried out.
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
    /// `SIGBUS`: the hardware said so.
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
    /// `SIGTRAP`: it is not known why.
    #[doc(alias = "TRAP_UNK")]
    UnknownTrap,
    /// `SIGTRAP`: a performance counter: `perf_event_open(2)` with `sigtrap`.
    #[doc(alias = "TRAP_PERF")]
    Counter {
        /// What the counter was given as `sig_data`.
        data: u64,
        /// The counter's type.
        kind: u32,
        /// Whether the signal comes after what it is about (`TRAP_PERF_FLAG_ASYNC`).
        later: bool,
    },
    /// A code that the kernel has and this crate has no word for.
    Other(i32),
}

/// What happened to a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoEvent {
    /// It can be read from.
    #[doc(alias = "POLL_IN")]
    In,
    /// It can be written to.
    #[doc(alias = "POLL_OUT")]
    Out,
    /// A message can be read.
    #[doc(alias = "POLL_MSG")]
    Message,
    /// It is in error.
    #[doc(alias = "POLL_ERR")]
    Error,
    /// It can be read from with priority.
    #[doc(alias = "POLL_PRI")]
    Priority,
    /// It was hung up.
    #[doc(alias = "POLL_HUP")]
    HangUp,
    /// The kernel says no more (`SI_SIGIO`): too many signals are queued, or a code
    /// that is not known here. All descriptors must be looked at.
    Unknown,
}

/// What handed a system call to this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyscallReason {
    /// A seccomp filter (`SECCOMP_RET_TRAP`).
    #[doc(alias = "SYS_SECCOMP")]
    Seccomp,
    /// `PR_SET_SYSCALL_USER_DISPATCH`.
    #[doc(alias = "SYS_USER_DISPATCH")]
    UserDispatch,
    /// A code that is not known here.
    Other(i32),
}

/// Where the two forms that the kernel has of it say what.
pub(crate) trait Layout {
    /// Signal and code.
    fn head(&self) -> (i32, i32);
    fn sender(&self) -> Sender;
    fn payload(&self) -> Payload;
    /// Number and overrun of a timer.
    fn timer(&self) -> (i32, u32);
    fn status(&self) -> i32;
    /// Clock ticks: user, system.
    fn times(&self) -> (u64, u64);
    fn address(&self) -> usize;
    fn address_bits(&self) -> u16;
    /// Descriptor and band.
    fn io(&self) -> (RawFd, u32);
    /// Address, number and machine.
    fn syscall(&self) -> (usize, i32, u32);
    fn bounds(&self) -> (usize, usize);
    fn key(&self) -> u32;
    /// Data, type and flags.
    fn counter(&self) -> (u64, u32, u32);
}

/// The two numbers that lie in 8 bytes.
const fn split(word: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = word.to_ne_bytes();
    [
        u32::from_ne_bytes([a, b, c, d]),
        u32::from_ne_bytes([e, f, g, h]),
    ]
}

/// Two numbers as 8 bytes.
const fn join(numbers: [u32; 2]) -> u64 {
    let [[a, b, c, d], [e, f, g, h]] = [numbers[0].to_ne_bytes(), numbers[1].to_ne_bytes()];
    u64::from_ne_bytes([a, b, c, d, e, f, g, h])
}

fn sender(pid: u32, uid: u32) -> Sender {
    Sender {
        // What a process says itself can be no number of one.
        pid: i32::try_from(pid).ok().and_then(Pid::from_raw),
        uid,
    }
}

impl Layout for Siginfo {
    fn head(&self) -> (i32, i32) {
        (self.si_signo, self.si_code)
    }
    fn sender(&self) -> Sender {
        let [pid, uid] = split(self.fields[0]);
        sender(pid, uid)
    }
    fn payload(&self) -> Payload {
        Payload(self.fields[1])
    }
    fn timer(&self) -> (i32, u32) {
        let [id, overrun] = split(self.fields[0]);
        (id as i32, overrun)
    }
    fn status(&self) -> i32 {
        split(self.fields[1])[0] as i32
    }
    fn times(&self) -> (u64, u64) {
        (self.fields[2], self.fields[3])
    }
    fn address(&self) -> usize {
        self.fields[0] as usize
    }
    fn address_bits(&self) -> u16 {
        let [a, b, ..] = self.fields[1].to_ne_bytes();
        u16::from_ne_bytes([a, b])
    }
    fn io(&self) -> (RawFd, u32) {
        (split(self.fields[1])[0] as RawFd, self.fields[0] as u32)
    }
    fn syscall(&self) -> (usize, i32, u32) {
        let [number, machine] = split(self.fields[1]);
        (self.fields[0] as usize, number as i32, machine)
    }
    fn bounds(&self) -> (usize, usize) {
        (self.fields[2] as usize, self.fields[3] as usize)
    }
    fn key(&self) -> u32 {
        split(self.fields[2])[0]
    }
    fn counter(&self) -> (u64, u32, u32) {
        let [kind, flags] = split(self.fields[2]);
        (self.fields[1], kind, flags)
    }
}

impl Layout for SignalfdSiginfo {
    fn head(&self) -> (i32, i32) {
        (self.ssi_signo as i32, self.ssi_code)
    }
    fn sender(&self) -> Sender {
        sender(self.ssi_pid, self.ssi_uid)
    }
    fn payload(&self) -> Payload {
        Payload(self.ssi_ptr)
    }
    fn timer(&self) -> (i32, u32) {
        (self.ssi_tid as i32, self.ssi_overrun)
    }
    fn status(&self) -> i32 {
        self.ssi_status
    }
    fn times(&self) -> (u64, u64) {
        (self.ssi_utime, self.ssi_stime)
    }
    fn address(&self) -> usize {
        self.ssi_addr as usize
    }
    fn address_bits(&self) -> u16 {
        self.ssi_addr_lsb
    }
    fn io(&self) -> (RawFd, u32) {
        (self.ssi_fd, self.ssi_band)
    }
    fn syscall(&self) -> (usize, i32, u32) {
        (self.ssi_call_addr as usize, self.ssi_syscall, self.ssi_arch)
    }
    // These three the kernel does not say to a signalfd.
    fn bounds(&self) -> (usize, usize) {
        (0, 0)
    }
    fn key(&self) -> u32 {
        0
    }
    fn counter(&self) -> (u64, u32, u32) {
        (0, 0, 0)
    }
}

/// As the kernel's own `siginfo_layout`: what lies in the fields follows from the
/// signal and the code.
pub(crate) fn decode(info: &impl Layout) -> Cause {
    let (signal, code) = info.head();
    match code {
        raw::SI_TKILL => Cause::Thread(info.sender()),
        raw::SI_QUEUE => Cause::Queue {
            sender: info.sender(),
            payload: info.payload(),
        },
        raw::SI_TIMER => {
            let (id, overrun) = info.timer();
            Cause::Timer {
                id,
                overrun,
                payload: info.payload(),
            }
        }
        raw::SI_MESGQ => Cause::MessageQueue {
            sender: info.sender(),
            payload: info.payload(),
        },
        raw::SI_ASYNCIO => Cause::AsyncIo {
            sender: info.sender(),
            payload: info.payload(),
        },
        raw::SI_SIGIO => io(info, IoEvent::Unknown),
        0 => Cause::User(info.sender()),
        SI_KERNEL => Cause::Kernel,
        // Between the two it depends on the signal.
        1..SI_KERNEL => of_signal(info, signal, code as u32),
        _ => other(info, code),
    }
}

const SI_KERNEL: i32 = raw::SI_KERNEL as i32;

fn other(info: &impl Layout, code: i32) -> Cause {
    Cause::Other {
        code,
        sender: info.sender(),
        payload: info.payload(),
    }
}

fn io(info: &impl Layout, event: IoEvent) -> Cause {
    let (fd, band) = info.io();
    Cause::Io { fd, event, band }
}

fn of_signal(info: &impl Layout, signal: i32, code: u32) -> Cause {
    let kind = match signal as u32 {
        raw::SIGSEGV => segv(info, code),
        raw::SIGBUS => bus(info, code),
        raw::SIGILL => ill(code),
        raw::SIGFPE => fpe(code),
        raw::SIGTRAP => trap(info, code),
        raw::SIGCHLD => return child(info, code as i32),
        raw::SIGSYS => {
            let (address, number, machine) = info.syscall();
            return Cause::Syscall {
                address,
                number,
                machine,
                reason: match code {
                    raw::SYS_SECCOMP => SyscallReason::Seccomp,
                    raw::SYS_USER_DISPATCH => SyscallReason::UserDispatch,
                    _ => SyscallReason::Other(code as i32),
                },
            };
        }
        // Any signal can be chosen for descriptors.
        _ => return readiness(info, code),
    };
    Cause::Fault(Fault {
        address: info.address(),
        kind,
    })
}

fn readiness(info: &impl Layout, code: u32) -> Cause {
    let event = match code {
        raw::POLL_IN => IoEvent::In,
        raw::POLL_OUT => IoEvent::Out,
        raw::POLL_MSG => IoEvent::Message,
        raw::POLL_ERR => IoEvent::Error,
        raw::POLL_PRI => IoEvent::Priority,
        raw::POLL_HUP => IoEvent::HangUp,
        _ => return other(info, code as i32),
    };
    io(info, event)
}

/// How many clock ticks the kernel says a second has (`USER_HZ`), on all machines.
const TICKS_PER_SECOND: u64 = 100;

fn ticks(ticks: u64) -> Duration {
    let nanoseconds = ticks % TICKS_PER_SECOND * (1_000_000_000 / TICKS_PER_SECOND);
    // Less than a second's.
    Duration::new(ticks / TICKS_PER_SECOND, nanoseconds as u32)
}

fn child(info: &impl Layout, code: i32) -> Cause {
    let Some(state) = State::decode(code, info.status()) else {
        return other(info, code);
    };
    let Sender { pid, uid } = info.sender();
    let (user, system) = info.times();
    Cause::Child {
        pid,
        uid,
        state,
        user: ticks(user),
        system: ticks(system),
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
