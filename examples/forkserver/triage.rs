//! The scene of a crash: the input is run once more, traced, and where the signal that
//! ends the child is about to be delivered, registers and siginfo are read.

use core::time::Duration;

use rawipc::signal::{Cause, Fault, FaultKind};
use rawipc::trace::{self, Options, Registers, Report, Stop, Stopped};
use rawipc::{Errno, Signal};

use crate::client::{Client, Failure};

/// How far below the stack pointer a frame may reach that did not fit any more, and how
/// far above it what it calls.
const NEAR: usize = 64 << 10;
/// Below this address the kernel maps nothing, as a rule (`vm.mmap_min_addr`).
const NULL_PAGES: usize = 64 << 10;

/// What was found there.
pub(crate) struct Scene {
    pub(crate) signal: Signal,
    pub(crate) registers: Registers,
    /// Of a fault: the address that was accessed, and why not.
    pub(crate) fault: Option<Fault>,
    pub(crate) access: Option<Access>,
    /// The return addresses of the callers, as far as there are frame pointers.
    pub(crate) callers: Vec<usize>,
}

/// What the instruction did with the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
    Execute,
}

/// Runs `input` once more, traced; `None` when no signal ended it this time.
pub(crate) fn examine(
    client: &Client,
    input: &[u8],
    limit: Duration,
) -> Result<Option<Scene>, Failure> {
    let child = client.hold(input, limit)?;
    let traced = trace::seize(child, Options::KILL_ON_EXIT);
    client.let_go();
    let scene = traced.and_then(follow);
    // The fork server hears of the end after the tracer.
    client.answer(limit)?;
    Ok(scene?)
}

/// Lets it run to its end; the fork server kills it when it takes too long. The scene of
/// the last signal.
pub(crate) fn follow(mut running: trace::Running) -> rawipc::Result<Option<Scene>> {
    let mut scene = None;
    loop {
        let stopped = match running.wait() {
            Ok(Report::Stopped(stopped)) => stopped,
            Ok(Report::Ended(ended)) => {
                let last = |scene: &Scene| {
                    matches!(ended.state, rawipc::process::State::Signalled { signal, .. }
                        if signal == scene.signal)
                };
                return Ok(scene.filter(last));
            }
            Err(refused) if refused.errno == Errno::INTR => {
                running = refused.tracee;
                continue;
            }
            Err(refused) => return Err(refused.errno),
        };
        let signal = stopped.signal();
        if let (Stop::Signal(_) | Stop::Trap, Some(signal)) = (stopped.stop(), signal) {
            // One that is killed meanwhile has no scene any more.
            scene = look(&stopped, signal).ok();
        }
        running = stopped.cont(signal)?;
    }
}

fn look(stopped: &Stopped, signal: Signal) -> Result<Scene, trace::Error> {
    let registers = stopped.registers()?;
    let fault = match stopped.info()?.cause() {
        Cause::Fault(fault) => Some(fault),
        _ => None,
    };
    let mut scene = Scene {
        signal,
        registers,
        fault,
        access: None,
        callers: callers(stopped)?,
    };
    scene.access = scene.access(stopped);
    Ok(scene)
}

/// More callers say no more.
const CALLERS: usize = 32;

fn callers(stopped: &Stopped) -> Result<Vec<usize>, trace::Error> {
    let frames = trace::backtrace(stopped)?.skip(1).take(CALLERS);
    Ok(frames.map(|frame| frame.pc).collect())
}

impl Scene {
    /// The address, where the signal is about one in memory.
    pub(crate) fn address(&self) -> Option<usize> {
        let memory = matches!(self.signal, Signal::SEGV | Signal::BUS);
        Some(self.fault.filter(|_| memory)?.address)
    }

    /// What happened, as far as it can be told.
    pub(crate) fn what(&self) -> &'static str {
        let address = self.address();
        match (self.signal, address) {
            (Signal::SEGV, Some(address)) if address < NULL_PAGES => "null pointer",
            (Signal::SEGV, Some(address)) if address.abs_diff(self.registers.sp()) < NEAR => {
                "stack overflow"
            }
            (Signal::SEGV, Some(_)) => "wild pointer",
            (Signal::SEGV, None) => "no possible address",
            (Signal::ILL, _) => "illegal instruction",
            (Signal::ABORT, _) => "abort",
            (Signal::FPE, _) => "arithmetic",
            (Signal::BUS, _) => "memory that is not there",
            (Signal::TRAP, _) => "trap",
            _ => "signal",
        }
    }

    /// Known of an instruction that could not be fetched, of a page that may be read, and
    /// of the commonest instructions.
    fn access(&self, stopped: &Stopped) -> Option<Access> {
        let address = self.address()?;
        if address == self.registers.pc() {
            return Some(Access::Execute);
        }
        let mut code = [0; 15];
        let len = stopped.read(self.registers.pc(), &mut code).ok()?;
        instruction(&code[..len]).or_else(|| {
            // Forbidden, and yet it can be read.
            let forbidden = self.fault?.kind == FaultKind::Forbidden;
            let readable = stopped.read(address, &mut [0]) == Ok(1);
            (forbidden && readable).then_some(Access::Write)
        })
    }
}

/// What the x86_64 instruction does with its operand in memory, for the commonest.
#[cfg(target_arch = "x86_64")]
fn instruction(code: &[u8]) -> Option<Access> {
    let prefixes = |&&byte: &&u8| matches!(byte, 0x66 | 0xf2 | 0xf3 | 0x40..=0x4f);
    let code = &code[code.iter().take_while(prefixes).count()..];
    let operation = |second: &u8| second >> 3 & 7;
    Some(match code {
        // mov, stos, movs (which may also read), and what changes memory in place.
        [0x88 | 0x89 | 0xc6 | 0xc7 | 0xa4 | 0xa5 | 0xaa | 0xab, ..]
        | [
            0x00 | 0x01 | 0x08 | 0x09 | 0x20 | 0x21 | 0x28 | 0x29 | 0x30 | 0x31,
            ..,
        ]
        | [0x0f, 0x11 | 0x29 | 0x7f | 0xe7, ..] => Access::Write,
        [0x80 | 0x81 | 0x83, second, ..] if operation(second) != 7 => Access::Write,
        // push and call, on the stack.
        [0x50..=0x57 | 0x68 | 0x6a | 0xe8, ..] => Access::Write,
        [0xff, second, ..] if second >> 6 == 3 && operation(second) == 2 => Access::Write,
        [
            0x8a | 0x8b | 0x63 | 0x02 | 0x03 | 0x38..=0x3b | 0x84 | 0x85,
            ..,
        ]
        | [0x80 | 0x81 | 0x83, ..]
        | [0x0f, 0x10 | 0x28 | 0x6f | 0xb6 | 0xb7 | 0xbe | 0xbf, ..] => Access::Read,
        _ => return None,
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn instruction(_code: &[u8]) -> Option<Access> {
    None
}

impl Access {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Execute => "execute",
        }
    }
}
