//! The command line.

use core::ffi::CStr;
use core::time::Duration;
use std::ffi::OsString;
use std::os::fd::RawFd;
use std::path::PathBuf;

use crate::rows::{Mechanism, TABLE};

pub(crate) const USAGE: &str = "usage: tour [FILE] [--json] [--only NAME]... [--limit SECONDS]";

/// The argument that makes this executable one half of a row.
pub(crate) const HALF: &str = "--half";

/// The argument that makes this executable exit with a known status.
pub(crate) const EXIT: &CStr = c"--exit";

const LIMIT: Duration = Duration::from_secs(30);

pub(crate) enum Mode {
    Tour(Options),
    Half(Part),
    Exit,
    Help,
}

pub(crate) struct Options {
    pub(crate) file: PathBuf,
    pub(crate) json: bool,
    pub(crate) mechanisms: Vec<&'static Mechanism>,
    /// How long a row may go without anything moving.
    pub(crate) limit: Duration,
}

/// What a half is told when it is started.
pub(crate) struct Part {
    pub(crate) role: Role,
    pub(crate) mechanism: &'static Mechanism,
    /// Descriptors that it inherits.
    pub(crate) control: RawFd,
    pub(crate) link: RawFd,
    pub(crate) file: RawFd,
    pub(crate) size: u64,
    pub(crate) scratch: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Sender,
    Receiver,
}

impl Role {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sender => "sender",
            Self::Receiver => "receiver",
        }
    }
}

impl Part {
    /// The arguments from which [`parse`] makes this part again.
    pub(crate) fn to_args(&self) -> [OsString; 8] {
        [
            HALF.into(),
            self.role.name().into(),
            self.mechanism.name.into(),
            self.control.to_string().into(),
            self.link.to_string().into(),
            self.file.to_string().into(),
            self.size.to_string().into(),
            self.scratch.clone().into(),
        ]
    }

    fn from_args(args: &mut dyn Iterator<Item = OsString>) -> Option<Self> {
        let mut word = || args.next()?.into_string().ok();
        Some(Self {
            role: match word()?.as_str() {
                "sender" => Role::Sender,
                "receiver" => Role::Receiver,
                _ => return None,
            },
            mechanism: find(&word()?)?,
            control: word()?.parse().ok()?,
            link: word()?.parse().ok()?,
            file: word()?.parse().ok()?,
            size: word()?.parse().ok()?,
            scratch: args.next()?.into(),
        })
    }
}

fn find(name: &str) -> Option<&'static Mechanism> {
    TABLE.iter().find(|mechanism| mechanism.name == name)
}

pub(crate) fn parse(mut args: impl Iterator<Item = OsString>) -> Result<Mode, String> {
    let mut file = None;
    let mut json = false;
    let mut limit = LIMIT;
    let mut mechanisms = Vec::new();
    let mut only_files = false;
    while let Some(argument) = args.next() {
        match argument.to_str() {
            Some(text) if !only_files && text.as_bytes() == EXIT.to_bytes() => {
                return Ok(Mode::Exit);
            }
            Some("--") if !only_files => only_files = true,
            Some("--json") if !only_files => json = true,
            Some("--help" | "-h") if !only_files => return Ok(Mode::Help),
            Some(HALF) if !only_files => {
                return Part::from_args(&mut args)
                    .map(Mode::Half)
                    .ok_or_else(|| format!("{HALF} is for the tour itself"));
            }
            Some("--only") if !only_files => {
                let name = args.next().unwrap_or_default();
                let name = name.to_string_lossy();
                let mechanism = find(&name).ok_or_else(|| format!("no mechanism {name:?}"))?;
                mechanisms.push(mechanism);
            }
            Some("--limit") if !only_files => {
                let seconds = args.next().unwrap_or_default();
                limit = seconds
                    .to_str()
                    .and_then(|text| text.parse().ok())
                    .filter(|&seconds| seconds > 0)
                    .map(Duration::from_secs)
                    .ok_or_else(|| format!("not a number of seconds: {seconds:?}"))?;
            }
            Some(text) if !only_files && text.starts_with('-') && text.len() > 1 => {
                return Err(format!("what is {text:?}? {USAGE}"));
            }
            _ if file.is_some() => return Err(format!("one FILE is enough; {USAGE}")),
            _ => file = Some(PathBuf::from(argument)),
        }
    }
    let file = match file {
        Some(file) => file,
        None => std::env::current_exe().map_err(|error| format!("own executable: {error}"))?,
    };
    if mechanisms.is_empty() {
        mechanisms.extend(TABLE);
    }
    Ok(Mode::Tour(Options {
        file,
        json,
        mechanisms,
        limit,
    }))
}
