//! `symbols PROGRAM ARGS`: runs a program, and where a signal is about to end it says which, and who
//! called whom, with names and lines.
//!
//! The crate finds the callers by frame pointers, hence compile the program with them
//! (`-fno-omit-frame-pointer`; `-C force-frame-pointers`). Names come from the file's symbols, lines
//! from its debug information (`-g`), by the crates object and addr2line.
#![forbid(unsafe_code)]

mod names;

use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

use rawipc::process::exec::{StringRef, Strings};
use rawipc::process::{Command, State};
use rawipc::trace::{self, Options, Report, Stop, Stopped};
use rawipc::{Errno, Signal};

use names::Names;

/// What ends a program unless it has a handler, as a rule.
const CRASHES: [Signal; 6] = [
    Signal::SEGV,
    Signal::BUS,
    Signal::ILL,
    Signal::FPE,
    Signal::ABORT,
    Signal::TRAP,
];
/// More callers say no more.
const CALLERS: usize = 32;

type Result<T> = core::result::Result<T, Box<dyn core::error::Error>>;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    if args.is_empty() {
        eprintln!("usage: symbols PROGRAM ARGS");
        return ExitCode::from(2);
    }
    match run(args) {
        Ok(State::Exited(status)) => ExitCode::from(status),
        Ok(State::Signalled { signal, .. }) => ExitCode::from(128 + signal.as_raw() as u8),
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("symbols: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs the program to its end.
fn run(args: Vec<OsString>) -> Result<State> {
    let args = args.into_iter().map(|word| CString::new(word.into_vec()));
    let args = args.collect::<core::result::Result<Vec<_>, _>>()?;
    let env = std::env::vars_os().map(|(mut name, value)| {
        name.push("=");
        name.push(value);
        CString::new(name.into_vec())
    });
    let env = env.collect::<core::result::Result<Vec<_>, _>>()?;
    let (args, env) = (list(&args), list(&env));
    let strings = |list| Strings::new(list).ok_or(Errno::INVAL);
    let path = args[0].as_ref().ok_or(Errno::NOENT)?.to_c_str();
    let child = Command::path(path, strings(&args)?, strings(&env)?)
        .parent_death_signal(Signal::KILL)
        .traced()
        .spawn()?;
    let mut running = trace::adopt(child.pid, Options::KILL_ON_EXIT);
    loop {
        let stopped = match running.wait() {
            Ok(Report::Stopped(stopped)) => stopped,
            Ok(Report::Ended(ended)) => return Ok(ended.state),
            Err(refused) if refused.errno == Errno::INTR => {
                running = refused.tracee;
                continue;
            }
            Err(refused) => return Err(refused.errno.into()),
        };
        let signal = stopped.signal();
        if let (Stop::Signal(_) | Stop::Trap, Some(signal)) = (stopped.stop(), signal)
            && CRASHES.contains(&signal)
        {
            report(&stopped, signal)?;
        }
        running = stopped.cont(signal)?;
    }
}

/// Says where it stands, and who called.
fn report(stopped: &Stopped, signal: Signal) -> Result<()> {
    eprintln!("signal {}, {:?}", signal.as_raw(), signal);
    let mut names = Names::of(stopped.tid())?;
    for (depth, frame) in trace::backtrace(stopped)?.take(CALLERS).enumerate() {
        // Of a caller it is the address after the call, which may be another line's.
        let at = frame.pc - usize::from(depth > 0);
        eprintln!("{depth:>3}: {:#x} {}", frame.pc, names.place(at));
    }
    Ok(())
}

/// As the kernel takes them: with an end.
fn list(words: &[CString]) -> Vec<Option<StringRef<'_>>> {
    let words = words.iter().map(|word| Some(StringRef::new(word)));
    words.chain([None]).collect()
}
