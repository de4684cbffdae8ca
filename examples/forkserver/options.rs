//! The command line.

use core::time::Duration;
use std::ffi::{CString, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use crate::client::{PATIENCE, Program};
use crate::fuzz::Goal;
use crate::target;

pub(crate) const USAGE: &str = "usage: forkserver [--seed NUMBER] [--executions NUMBER] \
[--limit MILLISECONDS] [--memory MIB] [--start TEXT] [--run TEXT]... [--json] \
[--afl] [--patience MILLISECONDS] [-- PROGRAM ARGS]";

/// The argument that makes this executable its own target.
const TARGET: &str = "--target";

const LIMIT: Duration = Duration::from_millis(250);
const MEMORY_MIB: u64 = 512;
const EXECUTIONS: u64 = 1_000_000;

pub(crate) enum Mode {
    Fuzz(Options),
    Target,
    Help,
}

pub(crate) struct Options {
    pub(crate) program: Program,
    /// Of the random numbers.
    pub(crate) seed: u64,
    /// The input to start from.
    pub(crate) start: Vec<u8>,
    /// Inputs to be run, instead of fuzzing.
    pub(crate) inputs: Vec<Vec<u8>>,
    pub(crate) goal: Goal,
    /// How long an execution may take.
    pub(crate) limit: Duration,
    pub(crate) json: bool,
    /// True if the program has AFL++'s fork server.
    pub(crate) afl: bool,
    /// How long that may take until it is ready.
    pub(crate) patience: Duration,
}

pub(crate) fn parse(mut args: impl Iterator<Item = OsString>) -> Result<Mode, String> {
    let mut seed = 1;
    let mut start = target::SEED.to_vec();
    let mut inputs = Vec::new();
    let mut executions = EXECUTIONS;
    let mut limit = LIMIT;
    let mut memory = MEMORY_MIB;
    let mut json = false;
    let mut afl = false;
    let mut patience = PATIENCE;
    let mut program = Vec::new();
    while let Some(argument) = args.next() {
        let mut value = || {
            args.next()
                .ok_or_else(|| format!("{argument:?} needs a value"))
        };
        match argument.to_str() {
            Some("--seed") => seed = number(&value()?)?,
            Some("--executions") => executions = number(&value()?)?,
            Some("--limit") => limit = Duration::from_millis(number(&value()?)?.max(1)),
            Some("--memory") => memory = number(&value()?)?,
            Some("--start") => start = value()?.into_vec(),
            Some("--run") => inputs.push(value()?.into_vec()),
            Some("--json") => json = true,
            Some("--afl") => afl = true,
            Some("--patience") => patience = Duration::from_millis(number(&value()?)?),
            Some("--help" | "-h") => return Ok(Mode::Help),
            Some(TARGET) => return Ok(Mode::Target),
            Some("--") => {
                program = args.by_ref().collect();
                if program.is_empty() {
                    return Err(format!("which PROGRAM? {USAGE}"));
                }
            }
            _ => return Err(format!("what is {argument:?}? {USAGE}")),
        }
    }
    let own = program.is_empty();
    if own && afl {
        return Err(format!("--afl is for which PROGRAM? {USAGE}"));
    }
    if own {
        program = vec!["/proc/self/exe".into(), TARGET.into()];
    } else {
        program[0] = find(&program[0]).into_os_string();
    }
    Ok(Mode::Fuzz(Options {
        program: Program {
            words: program
                .into_iter()
                .map(c_string)
                .collect::<Result<_, _>>()?,
            env: environment(),
            memory: (memory > 0).then(|| memory.saturating_mul(1 << 20)),
        },
        seed,
        start,
        inputs,
        goal: Goal {
            executions,
            findings: own.then_some(target::BUGS),
        },
        limit,
        json,
        afl,
        patience,
    }))
}

fn number(text: &OsString) -> Result<u64, String> {
    text.to_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| format!("not a number: {text:?}"))
}

/// As a shell finds a program: by its path, or in the folders of `PATH`.
fn find(program: &OsString) -> PathBuf {
    let path = PathBuf::from(program);
    if program.as_bytes().contains(&b'/') {
        return path;
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders)
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
        .unwrap_or(path)
}

fn environment() -> Vec<CString> {
    let variables = std::env::vars_os().filter_map(|(mut name, value)| {
        name.push("=");
        name.push(value);
        c_string(name).ok()
    });
    variables.collect()
}

fn c_string(text: OsString) -> Result<CString, String> {
    CString::new(text.into_vec()).map_err(|error| error.to_string())
}
