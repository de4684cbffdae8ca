//! A child that becomes the program once it is traced.

use core::ffi::CStr;
use std::ffi::CString;

use rawipc::process::exec::{self, StringRef, Strings};
use rawipc::process::{self, Fork};
use rawipc::signal::action::{self, Action};
use rawipc::trace::{self, Options, Report, Running};
use rawipc::{Errno, Pid, Result, Signal, pipe};

use crate::options::Program;

/// What every tracee stops at; and none goes on when this process is killed.
const OPTIONS: Options = Options::FOLLOW
    .union(Options::EXIT)
    .union(Options::KILL_ON_EXIT);

/// Starts the child, which stops at its next system calls: the first `execve` is its
/// becoming the program.
pub(crate) fn start(program: &Program, path: &CStr) -> Result<Running> {
    let words = list(&program.words);
    let env = list(&program.env);
    let (Some(words), Some(env)) = (Strings::new(&words), Strings::new(&env)) else {
        return Err(Errno::INVAL);
    };
    let (gate, opener) = pipe::create(pipe::PipeFlags::empty())?;
    // SAFETY: there is one thread, and the child uses this crate alone and exits.
    match unsafe { process::fork()? } {
        Fork::Child => {
            // Should the parent die, the pipe ends.
            drop(opener);
            let mut byte = [0];
            if gate.read(&mut byte) != Ok(byte.len()) {
                process::exit(1);
            }
            // std has it ignored.
            let _ = action::set(Signal::PIPE, Action::DEFAULT);
            let _why = exec::path(path, words, env);
            process::exit(1)
        }
        Fork::Parent(child) => seize(child).and_then(|running| {
            opener.write(&[1])?;
            Ok(running)
        }),
    }
}

/// Not `traceme`, by which tracees cannot be left stopped by a signal that stops.
fn seize(child: Pid) -> Result<Running> {
    let traced = trace::seize(child, OPTIONS).and_then(|running| {
        running.interrupt()?;
        Ok(running)
    });
    let mut running = traced?;
    loop {
        match running.wait() {
            Ok(Report::Stopped(stopped)) => return Ok(stopped.syscall(None)?),
            Ok(Report::Ended(_)) => return Err(Errno::CHILD),
            Err(refused) if refused.errno == Errno::INTR => running = refused.tracee,
            Err(refused) => return Err(refused.errno),
        }
    }
}

/// As the kernel takes them: with an end.
fn list(strings: &[CString]) -> Vec<Option<StringRef<'_>>> {
    let strings = strings.iter().map(|string| Some(StringRef::new(string)));
    strings.chain([None]).collect()
}
