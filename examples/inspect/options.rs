//! What the user wants.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use rawipc::Pid;

pub(crate) const USAGE: &str = "inspect [NAME | PID] [--remove]";

/// What the program is to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Mode {
    Inspect(Options),
    Help,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) which: Which,
    /// Ask whether to remove what is stale.
    pub(crate) remove: bool,
}

/// What to look at.
#[derive(Debug, PartialEq)]
pub(crate) enum Which {
    All,
    Process(Pid),
    File(PathBuf),
}

pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Mode, String> {
    let mut which = Which::All;
    let mut remove = false;
    for argument in arguments {
        match argument.to_str() {
            Some("--help" | "-h") => return Ok(Mode::Help),
            Some("--remove") => remove = true,
            Some(option) if option.starts_with('-') => {
                return Err(format!("{option:?} is no option\n{USAGE}"));
            }
            _ if which == Which::All => which = meant(&argument)?,
            _ => return Err(format!("one NAME or PID at a time\n{USAGE}")),
        }
    }
    if remove && matches!(which, Which::Process(_)) {
        return Err("what a process has is not removed: name it".to_owned());
    }
    Ok(Mode::Inspect(Options { which, remove }))
}

fn meant(argument: &OsStr) -> Result<Which, String> {
    if let Some(number) = argument.to_str().and_then(|text| text.parse().ok()) {
        let pid = Pid::from_raw(number).filter(|_| number > 0);
        return pid
            .map(Which::Process)
            .ok_or(format!("{number} is no process"));
    }
    let path = Path::new(argument);
    // A name alone, or with one slash before it as `shm_open(3)` has it, lies in /dev/shm.
    let bare = path.strip_prefix("/").unwrap_or(path);
    let is_name = bare.components().count() == 1 && !path.exists();
    Ok(Which::File(if is_name {
        Path::new("/dev/shm").join(bare)
    } else {
        path.to_path_buf()
    }))
}
