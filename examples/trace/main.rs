//! A small `strace`: runs a program and writes down the system calls of its threads and
//! children, the signals that come, and how each ends.
//!
//! ```text
//! trace [-o FILE] [-c] [-s LENGTH] [--] PROGRAM [ARGUMENT]...
//! ```
//!
//! The lines are as `strace -f` has them, and go to the standard error, or with `-o` to
//! FILE; with `-c` there is a table of how often each call was made and failed instead.
//! Strings are cut after LENGTH bytes (32), and what this program does not know to decode
//! is a hexadecimal number.
//!
//! Ctrl-C goes to PROGRAM, and what that makes of it is written down. `SIGINT`, `SIGTERM`,
//! `SIGHUP` and `SIGQUIT` that a process sends here are passed on to it; the second kills
//! all tracees. Once PROGRAM has ended, each of these lets go of what it has started and
//! left. If this process is killed, so are its tracees.
//!
//! Exit status: PROGRAM's, or ended by the signal that ended it; 1 when it cannot be run
//! or traced, and 2 when the arguments make no sense.
//!
//! | file | |
//! |---|---|
//! | `start.rs` | a child that becomes PROGRAM once it is traced |
//! | `follow.rs` | the loop: what each stop means |
//! | `lines.rs` | who writes on the line, and lines that others interrupt |
//! | `calls.rs` | names and arguments of all system calls |
//! | `decode.rs`, `structures.rs` | arguments and results, read from the tracee's memory |
//! | `flags.rs`, `errors.rs`, `signals.rs` | names of the kernel's numbers |
//! | `summary.rs` | the table of `-c` |

mod calls;
mod decode;
mod errors;
mod flags;
mod follow;
mod lines;
mod options;
mod signals;
mod start;
mod structures;
mod summary;

use std::io::{self, Write};
use std::process::ExitCode;

use rawipc::process::State;
use rawipc::signal::action::{self, Action};
use rawipc::{Errno, Signal};
use rustix::process::{Resource, Rlimit, setrlimit};

use follow::Follower;
use lines::Lines;
use options::{Mode, Options};

/// What cannot be run or traced.
const FAILED: u8 = 1;
/// Arguments that make no sense.
const UNUSABLE: u8 = 2;

fn main() -> ExitCode {
    match options::parse(std::env::args_os().skip(1)) {
        Ok(Mode::Trace(options)) => match trace(&options) {
            Ok(state) => end_as(state),
            Err(text) => complain(&text, FAILED),
        },
        Ok(Mode::Help) => match writeln!(io::stdout(), "{}", options::USAGE) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(FAILED),
        },
        Err(text) => complain(&text, UNUSABLE),
    }
}

fn complain(text: &str, status: u8) -> ExitCode {
    let _ = writeln!(io::stderr(), "trace: {text}");
    ExitCode::from(status)
}

/// How the program ended.
fn trace(options: &Options) -> Result<State, String> {
    let lines = match &options.output {
        Some(path) => {
            Lines::to_file(path).map_err(|error| format!("{}: {error}", path.display()))?
        }
        None => Lines::to_error(),
    };
    let program = &options.program;
    let name = program.name().display();
    let path = program.find().ok_or(Errno::NOENT);
    let running = path.and_then(|path| start::start(program, &path));
    let end = running.and_then(|running| {
        let mut follower = Follower::new(lines, options, running.tid());
        follower.follow(running)
    });
    end.map_err(|errno| format!("{name}: {}", errors::text(errno)))
}

/// Ends this process as the program ended.
fn end_as(state: State) -> ExitCode {
    match state {
        State::Exited(status) => ExitCode::from(status),
        State::Signalled { signal, .. } => {
            // The core, if there shall be one, is the program's.
            let none = Rlimit {
                current: Some(0),
                maximum: Some(0),
            };
            let _ = setrlimit(Resource::Core, none);
            let _ = action::set(signal, Action::DEFAULT);
            let _ = rawipc::signal::unblock(signal);
            let _ = rawipc::signal::raise(signal);
            // One that does not end this process: it has been handed a pid of its own.
            ExitCode::from(128u8.wrapping_add(number_of(signal)))
        }
        _ => ExitCode::from(FAILED),
    }
}

fn number_of(signal: Signal) -> u8 {
    signal.as_raw() as u8
}
