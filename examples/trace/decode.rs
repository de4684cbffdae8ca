//! The arguments of a system call and its result, as `strace` writes them.

use linux_raw_sys::general as raw;
use rawipc::Result;
use rawipc::trace::{Call as Made, Stopped, Syscall};

use crate::calls::{self, Call};
use crate::flags::{self, Names, hex};
use crate::structures::{self, Memory, Quoting, address, quote};
use crate::{errors, signals};

/// What an argument is. Those that the call writes are read after it.
#[derive(Clone, Copy)]
pub(crate) enum Argument {
    Int,
    Unsigned,
    Size,
    Hex,
    Fd,
    /// Or the current folder.
    DirFd,
    Address,
    Signal,
    Flags(&'static Names),
    Choice(&'static Names),
    Open,
    /// Of a file that is made.
    CreateMode,
    Mode,
    FileMode,
    Mapping,
    /// The address of a mapping that is moved to a given place.
    Remapped,
    Socket,
    StatxSync,
    /// A string.
    Path,
    /// Bytes, as many as that argument says.
    Data(usize),
    /// Parts of bytes, as many as that argument says.
    Vector(usize),
    Strings,
    Environment,
    Set,
    Action,
    Stack,
    Timespec,
    Limit,
    /// As many as that argument says; the result says more of them.
    Polled(usize),
    EpollEvent,
    /// As long as that argument says.
    SocketAddress(usize),
    /// What follows a command of `fcntl`.
    Control,
    Request,
    /// All that follows the address of a futex.
    Futex,
    /// All arguments of `clone`.
    Clone,
    Clone3,
    /// Not an argument, but what is on the stack.
    SavedMask,
    OutAddress,
    /// As many bytes as the call returns.
    OutData,
    OutHexData,
    OutString,
    OutVector,
    OutNumber,
    OutOffset,
    OutSet,
    OutAction,
    OutStack,
    OutTimespec,
    /// What is left of a sleep that was interrupted.
    Left,
    OutLimit,
    OutName,
    OutEvents,
    /// As long as the next argument says.
    OutSocketAddress,
    /// How long it may be, and then is.
    OutLength,
    Pair,
    Entries,
    Stat,
    Statx,
    WaitStatus,
}

use Argument as A;

impl Argument {
    /// Whether it is only known after the call.
    fn is_out(self) -> bool {
        matches!(
            self,
            A::OutAddress
                | A::OutData
                | A::OutHexData
                | A::OutString
                | A::OutVector
                | A::OutNumber
                | A::OutOffset
                | A::OutSet
                | A::OutAction
                | A::OutStack
                | A::OutTimespec
                | A::Left
                | A::OutEvents
                | A::OutSocketAddress
                | A::OutLength
                | A::OutLimit
                | A::OutName
                | A::Pair
                | A::Entries
                | A::Stat
                | A::Statx
                | A::WaitStatus
                | A::Clone3
        )
    }
}

/// What every system call has room for.
const UNKNOWN: &[Argument] = &[A::Hex; 6];

/// A call that was begun, and how much of it was written.
#[derive(Clone, Copy)]
pub(crate) struct Written {
    made: Made,
    call: Option<&'static Call>,
    /// So many arguments.
    arguments: usize,
    /// What [`Argument::OutLength`] was.
    length: Option<u32>,
}

impl Written {
    pub(crate) fn name(&self) -> String {
        match self.call {
            Some(call) => call.name().to_owned(),
            None => format!("syscall_{:#x}", self.made.number),
        }
    }

    /// Whether all arguments were written.
    pub(crate) fn is_whole(&self) -> bool {
        self.arguments == self.known().len()
    }

    fn known(&self) -> &'static [Argument] {
        let arguments = self.call.and_then(|call| call.arguments);
        arguments.unwrap_or(UNKNOWN)
    }
}

/// Looks at a tracee that stands at a system call.
pub(crate) struct Decoder<'s> {
    memory: Memory<'s>,
    /// Strings are cut after so many bytes.
    length: usize,
}

impl<'s> Decoder<'s> {
    pub(crate) fn new(stopped: &'s Stopped, length: usize) -> Self {
        Self {
            memory: Memory(stopped),
            length,
        }
    }

    /// What there is to write before the call.
    pub(crate) fn entry(&self, syscall: &Syscall, made: Made) -> (String, Written) {
        let mut written = Written {
            made,
            call: calls::find(made.number).filter(|_| syscall.machine == MACHINE),
            arguments: 0,
            length: None,
        };
        let mut text = written.name();
        text.push('(');
        let known = written.known();
        let first_out = known.iter().position(|argument| argument.is_out());
        written.arguments = first_out.unwrap_or(known.len());
        let is_length = |argument: &Argument| matches!(argument, A::OutLength);
        if let Some(index) = known.iter().position(is_length) {
            written.length = self.memory.half(made.arguments[index]);
        }
        let mut shown = Vec::new();
        for (index, argument) in known[..written.arguments].iter().enumerate() {
            match argument {
                A::SavedMask => shown.extend(self.saved_mask(syscall.sp as u64)),
                argument => shown.extend(self.before(*argument, index, &made)),
            }
        }
        text.push_str(&shown.join(", "));
        if !written.is_whole() && !shown.is_empty() {
            text.push_str(", ");
        }
        (text, written)
    }

    /// What there is to write after the call: arguments, and the result.
    pub(crate) fn exit(&self, written: &Written, result: Result<u64>) -> (String, String) {
        let rest = written.known().iter().enumerate().skip(written.arguments);
        let rest = rest.filter_map(|(index, argument)| {
            if argument.is_out() {
                Some(self.after(*argument, index, written, result))
            } else {
                self.before(*argument, index, &written.made)
            }
        });
        let rest: Vec<String> = rest.collect();
        (rest.join(", "), self.result(written, result))
    }

    /// An argument that is known before the call. `None`: there is none, or not this time.
    fn before(&self, argument: Argument, index: usize, made: &Made) -> Option<String> {
        let values = &made.arguments;
        let value = values.get(index).copied()?;
        let at = |index: usize| values.get(index).copied().unwrap_or_default();
        let or_address = |decoded: Option<String>| decoded.unwrap_or_else(|| address(value));
        Some(match argument {
            A::Int => int(value),
            A::Fd => (value as i32).to_string(),
            A::Unsigned => (value as u32).to_string(),
            A::Size => value.to_string(),
            A::Hex => hex(value),
            A::DirFd => match value as i32 {
                raw::AT_FDCWD => "AT_FDCWD".to_owned(),
                fd => fd.to_string(),
            },
            A::Signal => match value as i32 {
                0 => "0".to_owned(),
                number => signals::name(number),
            },
            A::Flags(names) => names.flags(value & 0xffff_ffff),
            A::Choice(names) => names.choice(value & 0xffff_ffff),
            A::Open => flags::open(value & 0xffff_ffff),
            A::CreateMode => {
                let creates = u64::from(raw::O_CREAT | raw::O_TMPFILE & !raw::O_DIRECTORY);
                if at(index - 1) & creates == 0 {
                    return None;
                }
                flags::mode(value)
            }
            A::Mode => flags::mode(value),
            A::FileMode => flags::file_mode(value),
            A::Mapping => flags::mapping(value),
            A::Remapped => {
                if at(index - 1) & u64::from(raw::MREMAP_FIXED) == 0 {
                    return None;
                }
                address(value)
            }
            A::Socket => flags::socket(value),
            A::StatxSync => flags::statx(value),
            A::Path => or_address(structures::path(&self.memory, value)),
            A::Data(length) => or_address(self.data(value, at(length), Quoting::Plain)),
            A::Vector(count) => or_address(structures::vector(
                &self.memory,
                value,
                at(count),
                self.length,
            )),
            A::Strings => or_address(structures::strings(&self.memory, value, self.length)),
            A::Environment => structures::environment(&self.memory, value),
            A::Set => or_address(structures::set(&self.memory, value)),
            A::Action => or_address(structures::action(&self.memory, value)),
            A::Stack => or_address(structures::stack(&self.memory, value)),
            A::Timespec => or_address(structures::timespec(&self.memory, value)),
            A::Limit => or_address(structures::limit(&self.memory, value)),
            A::Polled(count) => or_address(structures::polled(&self.memory, value, at(count))),
            A::EpollEvent => or_address(structures::epoll_event(&self.memory, value)),
            A::SocketAddress(length) => {
                or_address(structures::socket_address(&self.memory, value, at(length)))
            }
            A::Control => return control(at(index - 1), value),
            A::Request => flags::REQUEST.choice(value & 0xffff_ffff),
            A::Futex => self.futex(values),
            A::Clone => structures::clone(values),
            _ => address(value),
        })
    }

    /// An argument that the call has written.
    fn after(
        &self,
        argument: Argument,
        index: usize,
        written: &Written,
        result: Result<u64>,
    ) -> String {
        let values = &written.made.arguments;
        let value = values.get(index).copied().unwrap_or_default();
        let memory = &self.memory;
        let Ok(result) = result else {
            // What is there although the call failed.
            let decoded = match argument {
                A::Clone3 => structures::clone3(memory, value, false),
                A::OutOffset => structures::offset(memory, value),
                A::Left => structures::timespec(memory, value),
                A::OutLength => structures::length(memory, value, written.length),
                _ => None,
            };
            return decoded.unwrap_or_else(|| address(value));
        };
        let decoded = match argument {
            A::OutData => self.data(value, result, Quoting::Plain),
            A::OutHexData => self.data(value, result, Quoting::Hex),
            A::OutString => structures::string(memory, value, self.length),
            A::OutVector => {
                let count = values.get(index + 1).copied().unwrap_or_default();
                structures::filled(memory, value, count, result, self.length)
            }
            A::OutNumber => structures::number(memory, value),
            A::OutOffset => structures::offset(memory, value),
            A::OutSet => structures::set(memory, value),
            A::OutAction => structures::action(memory, value),
            A::OutStack => structures::stack(memory, value),
            A::OutTimespec => structures::timespec(memory, value),
            A::OutLimit => structures::limit(memory, value),
            A::OutName => structures::system_name(memory, value),
            A::Pair => structures::pair(memory, value),
            A::Entries => structures::entries(memory, value, result),
            A::Stat => structures::stat(memory, value),
            A::Statx => structures::statx(memory, value),
            A::WaitStatus if result > 0 => structures::wait_status(memory, value),
            A::Clone3 => structures::clone3(memory, value, true),
            A::OutEvents => structures::epoll_events(memory, value, result),
            A::OutLength => structures::length(memory, value, written.length),
            A::OutSocketAddress => {
                let length = values.get(index + 1).copied().unwrap_or_default();
                let length = memory.half(length).unwrap_or_default();
                structures::socket_address(memory, value, length.into())
            }
            _ => None,
        };
        decoded.unwrap_or_else(|| address(value))
    }

    fn data(&self, from: u64, length: u64, quoting: Quoting) -> Option<String> {
        let length = usize::try_from(length).ok()?;
        let bytes = self.memory.bytes(from, length.min(self.length))?;
        Some(quote(&bytes, length > self.length, quoting))
    }

    fn futex(&self, values: &[u64; 6]) -> String {
        let [_, operation, value, more, other, last] = *values;
        let mut text = format!("{}, ", flags::futex(operation & 0xffff_ffff));
        let command = operation as u32 & !(raw::FUTEX_PRIVATE_FLAG | raw::FUTEX_CLOCK_REALTIME);
        let timeout = || structures::timespec(&self.memory, more).unwrap_or_else(|| address(more));
        let rest = match command {
            raw::FUTEX_WAIT => format!("{}, {}", value as u32, timeout()),
            raw::FUTEX_WAKE => (value as u32).to_string(),
            raw::FUTEX_WAIT_BITSET => {
                let bits = match last as u32 {
                    u32::MAX => "FUTEX_BITSET_MATCH_ANY".to_owned(),
                    bits => hex(bits.into()),
                };
                format!("{}, {}, {bits}", value as u32, timeout())
            }
            raw::FUTEX_LOCK_PI | raw::FUTEX_LOCK_PI2 => timeout(),
            raw::FUTEX_UNLOCK_PI | raw::FUTEX_TRYLOCK_PI => {
                text.truncate(text.len() - 2);
                String::new()
            }
            _ => format!(
                "{}, {}, {}, {}",
                value as u32,
                hex(more),
                address(other),
                hex(last)
            ),
        };
        text + &rest
    }

    /// What `rt_sigreturn` makes the mask.
    fn saved_mask(&self, sp: u64) -> Option<String> {
        let set = structures::set(&self.memory, sp.wrapping_add(SAVED_MASK))?;
        Some(format!("{{mask={set}}}"))
    }

    fn result(&self, written: &Written, result: Result<u64>) -> String {
        let value = match result {
            Ok(value) => value,
            Err(errno) => return errors::result(errno),
        };
        let values = &written.made.arguments;
        match written.call.map(Call::name).unwrap_or_default() {
            "brk" | "mmap" | "mremap" | "shmat" => hex(value),
            "umask" => flags::mode(value),
            "fcntl" => match values[1] as u32 {
                raw::F_GETFD if value != 0 => {
                    format!("{value:#x} (flags {})", flags::FD.flags(value))
                }
                raw::F_GETFL => format!("{value:#x} (flags {})", flags::open(value)),
                _ => int(value),
            },
            "poll" | "ppoll" => {
                let ready = structures::ready(&self.memory, values[0], values[1]);
                match (value, ready) {
                    (0, _) => "0 (Timeout)".to_owned(),
                    (_, Some(ready)) => format!("{value} ({ready})"),
                    _ => int(value),
                }
            }
            "select" | "pselect6" if value == 0 => "0 (Timeout)".to_owned(),
            _ => int(value),
        }
    }
}

fn int(value: u64) -> String {
    // Registers hold the lower half of a negative number of 32 bits.
    if value >> 32 == 0 {
        (value as i32).to_string()
    } else {
        value.cast_signed().to_string()
    }
}

/// What follows a command of `fcntl`.
fn control(command: u64, value: u64) -> Option<String> {
    Some(match command as u32 {
        raw::F_GETFD
        | raw::F_GETFL
        | raw::F_GETOWN
        | raw::F_GETSIG
        | raw::F_GETLEASE
        | raw::F_GETPIPE_SZ
        | raw::F_GET_SEALS => return None,
        raw::F_SETFD => flags::FD.flags(value),
        raw::F_SETFL => flags::open(value),
        raw::F_DUPFD | raw::F_DUPFD_CLOEXEC | raw::F_SETOWN | raw::F_SETPIPE_SZ => int(value),
        raw::F_SETSIG => signals::name(value as i32),
        _ => address(value),
    })
}

/// The machine whose calls this program knows: `AUDIT_ARCH_*`.
#[cfg(target_arch = "x86_64")]
const MACHINE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const MACHINE: u32 = 0xc000_00b7;
#[cfg(target_arch = "riscv64")]
const MACHINE: u32 = 0xc000_00f3;

/// Where behind the stack pointer the mask is that `rt_sigreturn` restores.
#[cfg(target_arch = "x86_64")]
const SAVED_MASK: u64 = 296;
#[cfg(not(target_arch = "x86_64"))]
const SAVED_MASK: u64 = 168;
