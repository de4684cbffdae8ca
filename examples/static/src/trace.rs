//! `trace PROGRAM [ARGUMENT]...`: runs a program, and says which system calls it made,
//! which signals came, and how it ended. Its children are not followed.
//!
//! No std, no libc, no allocator, and nothing dynamic: what runs is this and rawipc.
#![no_std]
#![no_main]

mod say;

use core::fmt::Display;

use rawipc::process::exec::{self, List, Strings};
use rawipc::process::{self, Fork, State};
use rawipc::start::Start;
use rawipc::trace::{self, Options, Phase, Report, Stop, Syscall};
use rawipc::{RawFd, Signal};

use say::{Decimal, say};

const ERR: RawFd = 2;

/// The exit status for a call that there is nothing to be done with, and where the
/// kernel forbids tracing.
const UNUSABLE: i32 = 125;
/// The exit status of a child that did not become the program, as of a shell.
const NOT_EXECUTED: i32 = 127;
/// What a shell adds to the number of a signal that ended a program.
const SIGNALLED: i32 = 128;

/// System calls with lower numbers are counted.
const NUMBERS: usize = 512;
/// Errors from this one on are the kernel's own: the call begins again.
const RESTART: i32 = 512;
/// The most arguments of the program, its name included.
const ARGUMENTS: usize = 64;

rawipc::entry!(main, small);
rawipc::panic_handler!(silent);
rawipc::memory_functions!();

fn main(start: Start) -> i32 {
    let env = start.env().strings();
    let mut program = List::<ARGUMENTS>::new();
    for arg in start.args().iter().skip(1) {
        if program.push(arg).is_err() {
            say!(ERR, b"trace: too many arguments\n");
            return UNUSABLE;
        }
    }
    if program.strings().iter().next().is_none() {
        say!(ERR, b"trace: usage: trace PROGRAM [ARGUMENT]...\n");
        return UNUSABLE;
    }
    let mut seen = Seen::NOTHING;
    let Ok(end) = run(&program, env, &mut seen) else {
        say!(ERR, b"trace: cannot be traced\n");
        return UNUSABLE;
    };
    seen.say();
    match end {
        State::Exited(status) => {
            say_number(b"exited with ", status.into());
            status.into()
        }
        State::Signalled { signal, .. } => {
            say_number(b"killed by signal ", number_of(signal));
            SIGNALLED + signal.as_raw()
        }
        State::SignalledReserved(reserved) => SIGNALLED + reserved.as_raw(),
        _ => UNUSABLE,
    }
}

/// That something failed.
struct Failed;

impl<E: Display> From<E> for Failed {
    fn from(_: E) -> Self {
        Self
    }
}

/// Runs the program to its end, which is returned.
fn run(program: &List<'_, ARGUMENTS>, env: Strings<'_>, seen: &mut Seen) -> Result<State, Failed> {
    // SAFETY: this process has one thread and no libc.
    let Fork::Parent(child) = (unsafe { process::fork()? }) else {
        become_traced(program, env)
    };
    // Should this process be killed, the program is not left standing still.
    let options = Options::KILL_ON_EXIT | Options::EXEC;
    let mut report = trace::adopt(child, options).wait()?;
    loop {
        let stopped = match report {
            Report::Stopped(stopped) => stopped,
            Report::Ended(ended) => return Ok(ended.state),
        };
        match stopped.stop() {
            Stop::Syscall(syscall) => seen.note(&syscall),
            Stop::Signal(signal) => say_number(b"signal ", number_of(signal)),
            _ => {}
        }
        let signal = stopped.signal();
        report = stopped.syscall(signal)?.wait()?;
    }
}

fn become_traced(program: &List<'_, ARGUMENTS>, env: Strings<'_>) -> ! {
    if let (Ok(()), Some(path)) = (trace::traceme(), program.strings().iter().next()) {
        let _why = exec::path(path, program, env);
        say!(ERR, b"trace: ", path.to_bytes(), b": cannot be run\n");
    }
    process::exit(NOT_EXECUTED)
}

/// The system calls that the program made.
struct Seen {
    /// The one that it is in.
    number: usize,
    /// By number: how often it was made, and how often it failed.
    counts: [[u32; 2]; NUMBERS],
}

impl Seen {
    const NOTHING: Self = Self {
        number: 0,
        counts: [[0; 2]; NUMBERS],
    };

    fn note(&mut self, syscall: &Syscall) {
        let (mut made, mut failed) = (0, 0);
        match syscall.phase {
            Phase::Entry(call) => {
                self.number = usize::try_from(call.number).unwrap_or(NUMBERS);
                made = 1;
            }
            Phase::Exit(Err(errno)) if errno.raw_os_error() < RESTART => failed = 1,
            _ => {}
        }
        if let Some(counts) = self.counts.get_mut(self.number) {
            counts[0] += made;
            counts[1] += failed;
        }
    }

    fn say(&self) {
        for (number, &[made, failed]) in self.counts.iter().enumerate() {
            if made == 0 {
                continue;
            }
            let [number, made, failed] =
                [number as u64, made.into(), failed.into()].map(Decimal::new);
            say!(
                ERR,
                b"call ",
                number.as_bytes(),
                b": ",
                made.as_bytes(),
                b", failed ",
                failed.as_bytes(),
                b"\n",
            );
        }
    }
}

fn number_of(signal: Signal) -> u64 {
    u64::from(signal.as_raw().unsigned_abs())
}

fn say_number(what: &[u8], number: u64) {
    say!(ERR, what, Decimal::new(number).as_bytes(), b"\n");
}
