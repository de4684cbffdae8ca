//! The command line.

use std::ffi::{CString, OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

pub(crate) const USAGE: &str = "usage: trace [-o FILE] [-c] [-s LENGTH] [--] PROGRAM [ARGUMENT]...";

/// Strings are cut after so many bytes.
const LENGTH: usize = 32;

pub(crate) enum Mode {
    Trace(Options),
    Help,
}

pub(crate) struct Options {
    pub(crate) program: Program,
    /// Where the lines go, if not to the standard error.
    pub(crate) output: Option<PathBuf>,
    /// A table instead of lines.
    pub(crate) count: bool,
    /// Strings are cut after so many bytes.
    pub(crate) length: usize,
}

/// What is to be run.
pub(crate) struct Program {
    /// The first of them is its name.
    pub(crate) words: Vec<CString>,
    pub(crate) env: Vec<CString>,
}

impl Program {
    pub(crate) fn name(&self) -> &OsStr {
        OsStr::from_bytes(self.words[0].to_bytes())
    }

    /// Where it is, as a shell finds it: by its path, or in the folders of `PATH`.
    pub(crate) fn find(&self) -> Option<CString> {
        let name = self.name();
        let path = if name.as_bytes().contains(&b'/') {
            Some(PathBuf::from(name)).filter(|path| path.exists())
        } else {
            let folders = std::env::var_os("PATH").unwrap_or_default();
            std::env::split_paths(&folders)
                .map(|folder| folder.join(name))
                .find(|candidate| may_run(candidate))
        };
        c_string(path?.into_os_string()).ok()
    }
}

pub(crate) fn parse(args: impl Iterator<Item = OsString>) -> Result<Mode, String> {
    let mut args = args.peekable();
    let mut output = None;
    let mut count = false;
    let mut length = LENGTH;
    while let Some(argument) = args.next_if(|word| word.as_bytes().starts_with(b"-")) {
        let mut value = || {
            args.next()
                .ok_or_else(|| format!("{argument:?} needs a value; {USAGE}"))
        };
        match argument.to_str() {
            Some("-o") => output = Some(PathBuf::from(value()?)),
            Some("-s") => length = number(&value()?)?,
            Some("-c") => count = true,
            // As strace has it: here it is always so.
            Some("-f") => {}
            Some("--help" | "-h") => return Ok(Mode::Help),
            Some("--") => break,
            _ => return Err(format!("what is {argument:?}? {USAGE}")),
        }
    }
    let words = args.map(c_string).collect::<Result<Vec<_>, _>>()?;
    if words.is_empty() {
        return Err(format!("which PROGRAM? {USAGE}"));
    }
    Ok(Mode::Trace(Options {
        program: Program {
            words,
            env: environment(),
        },
        output,
        count,
        length,
    }))
}

fn number(text: &OsStr) -> Result<usize, String> {
    text.to_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| format!("not a number: {text:?}"))
}

fn may_run(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
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
