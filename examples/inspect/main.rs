//! What processes share: the regions of this crate, the objects of System V and of POSIX, who has
//! them, and who of those is dead.
//!
//! ```text
//! inspect [NAME | PID] [--remove]
//! ```
//!
//! Without an argument, everything on this machine that this user may see: memfds of all processes,
//! the files of `/dev/shm`, message queues, semaphores and segments. With a number, what this
//! process has; with a name, the file of that path, or of that name in `/dev/shm`.
//!
//! Nothing is mapped, locked or written: a process that is looked at does not notice. What belongs
//! to other users is told as far as the kernel lets this one see it.
//!
//! `--remove` asks, for each object that has a name or an identifier and that no living process
//! is known to use, whether to remove it. Where nobody answers, because the standard input is
//! closed, nothing is removed.
//!
//! Exit status: 0; 1 when something named was not found or not removed; 2 when the arguments
//! cannot be used.

mod list;
mod objects;
mod options;
mod processes;
mod remove;

use std::io::{self, Write};
use std::process::ExitCode;

use list::Printer;
use options::{Mode, Options, Which};
use processes::Machine;

/// The arguments cannot be used.
const UNUSABLE: u8 = 2;

fn main() -> ExitCode {
    match options::parse(std::env::args_os().skip(1)) {
        Ok(Mode::Inspect(options)) => match inspect(&options) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            // Whoever read it has gone.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Err(error) => {
                let _ = writeln!(io::stderr(), "inspect: {error}");
                ExitCode::FAILURE
            }
        },
        Ok(Mode::Help) => {
            let _ = writeln!(io::stdout(), "{}", options::USAGE);
            ExitCode::SUCCESS
        }
        Err(text) => {
            let _ = writeln!(io::stderr(), "inspect: {text}");
            ExitCode::from(UNUSABLE)
        }
    }
}

/// Prints, and returns whether all that was asked for was found and done.
fn inspect(options: &Options) -> io::Result<bool> {
    let machine = Machine::look();
    let mut printer = Printer::new(io::stdout().lock());
    let found = match &options.which {
        Which::All => {
            let stale = list::everything(&machine, &mut printer)?;
            if options.remove {
                return remove::ask(&stale, &mut printer);
            }
            true
        }
        Which::Process(pid) => list::of_process(&machine, *pid, &mut printer)?,
        Which::File(path) => {
            let found = list::of_file(&machine, path, &mut printer)?;
            match found {
                Some(stale) if options.remove => return remove::ask(&stale, &mut printer),
                found => found.is_some(),
            }
        }
    };
    Ok(found)
}
