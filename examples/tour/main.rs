//! The main job on real input: FILE goes from one process to another through every
//! mechanism that moves or shares data, and the mechanisms that notify, lock and
//! control are exercised with counted events.
//!
//! ```text
//! tour [FILE] [--json] [--only NAME]... [--limit SECONDS]
//! ```
//!
//! Without FILE, the program's own executable. One row a mechanism; its time and
//! rate include reading FILE and the checksums on both sides. `--json` prints one
//! object a row, `--only` leaves out the other rows, and a row in which nothing
//! moves for the limit (30 seconds) has failed.
//!
//! A mechanism that this system does not have, or not for this user, has no row, and a
//! line of the errors says why. Interrupted, the tour ends its processes and removes what
//! they have made.
//!
//! Exit status: 0 when all is ok, 1 when a row is not, 2 when FILE or the
//! arguments cannot be used.
//!
//! Each row is played by two processes, this executable started again twice, with
//! a third watching: so a row that hangs or crashes fails, and the others go on.
//! To add a row: one function that plays both halves, in `rows/`, and one line in
//! the table of `rows/mod.rs`; and one more function if not every system has it.

mod actor;
mod checksum;
mod control;
mod half;
mod interrupt;
mod left;
mod link;
mod options;
mod report;
mod rows;
mod source;
mod stage;

use std::io::{self, Write};
use std::process::ExitCode;

use options::{Mode, Options};
use report::Printer;
use source::Source;

/// FILE or the arguments cannot be used.
const UNUSABLE: u8 = 2;
/// Of a process that the row for exec starts: none that happens otherwise.
const EXIT_STATUS: u8 = 77;

fn main() -> ExitCode {
    match options::parse(std::env::args_os().skip(1)) {
        Ok(Mode::Tour(options)) => tour(&options),
        Ok(Mode::Half(part)) => ExitCode::from(u8::from(!actor::play(part))),
        Ok(Mode::Exit) => ExitCode::from(EXIT_STATUS),
        Ok(Mode::Help) => match writeln!(io::stdout(), "{}", options::USAGE) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(text) => {
            let _ = writeln!(io::stderr(), "tour: {text}");
            ExitCode::from(UNUSABLE)
        }
    }
}

fn tour(options: &Options) -> ExitCode {
    let unusable = |text: String| {
        // Quoted, so that a strange name cannot make it two lines.
        let _ = writeln!(io::stderr(), "tour: {:?}: {text}", options.file);
        ExitCode::from(UNUSABLE)
    };
    let source = match Source::open(&options.file) {
        Ok(source) => source,
        Err(text) => return unusable(text),
    };
    // Whatever a half started and left behind becomes ours to reap.
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    let mut printer = Printer::new(options.json);
    // Where printing fails, nobody reads it any more.
    if printer.head().is_err() {
        return ExitCode::FAILURE;
    }
    for mechanism in &options.mechanisms {
        if let Err(why) = (mechanism.there)() {
            let _ = writeln!(io::stderr(), "tour: no {} here: {why}", mechanism.name);
            continue;
        }
        let row = match stage::perform(mechanism, &source, options.limit) {
            Ok(row) => row,
            Err(text) => return unusable(text),
        };
        if printer.row(&row).is_err() {
            return ExitCode::FAILURE;
        }
    }
    match printer.foot() {
        Ok(()) if printer.all_ok() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
