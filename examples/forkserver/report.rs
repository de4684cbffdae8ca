//! Findings as lines for people and as JSON for programs.

use core::fmt::Write as _;
use core::time::Duration;
use std::io::{self, IsTerminal, Write as _};
use std::time::Instant;

use rawipc::Signal;

use crate::fuzz::{Finding, Fuzzer, Stopped, Verdict};

/// How often the line of progress is written.
const PROGRESS: Duration = Duration::from_millis(500);
/// The end of a line that may have been longer.
const ERASE: &str = "\x1b[K";

pub(crate) struct Printer {
    json: bool,
    /// On a terminal: when progress was last written there.
    progress: Option<Instant>,
    /// Nobody reads any more.
    pub(crate) broken: bool,
}

impl Printer {
    pub(crate) fn new(json: bool) -> Self {
        let terminal = !json && io::stdout().is_terminal();
        Self {
            json,
            progress: terminal.then(Instant::now),
            broken: false,
        }
    }

    pub(crate) fn finding(&mut self, finding: &Finding) {
        let text = if self.json {
            finding.json()
        } else {
            finding.text()
        };
        self.line(&text);
    }

    pub(crate) fn progress(&mut self, fuzzer: &Fuzzer<'_>) {
        match &mut self.progress {
            Some(last) if last.elapsed() >= PROGRESS => *last = Instant::now(),
            _ => return,
        }
        print!(
            "\r{} executions, {:.0} a second, {} inputs kept, {} findings{ERASE}\r",
            fuzzer.executions(),
            fuzzer.speed(),
            fuzzer.corpus(),
            fuzzer.findings(),
        );
        let _ = io::stdout().flush();
    }

    pub(crate) fn foot(&mut self, fuzzer: &Fuzzer<'_>, stopped: Stopped) {
        let why = match stopped {
            Stopped::Found => "all found",
            Stopped::Exhausted => "executions used up",
            Stopped::Interrupted => "interrupted",
        };
        let text = if self.json {
            format!(
                "{{\"stopped\":{},\"executions\":{},\"per_second\":{:.1},\"findings\":{},\
                 \"corpus\":{},\"edges\":{}}}",
                quoted(why),
                fuzzer.executions(),
                fuzzer.speed(),
                fuzzer.findings(),
                fuzzer.corpus(),
                fuzzer.edges(),
            )
        } else {
            format!(
                "{why}: {} findings in {} executions, {:.0} a second; {} inputs kept, {} edges",
                fuzzer.findings(),
                fuzzer.executions(),
                fuzzer.speed(),
                fuzzer.corpus(),
                fuzzer.edges(),
            )
        };
        self.line(&text);
    }

    fn line(&mut self, text: &str) {
        let end = if self.progress.is_some() { ERASE } else { "" };
        let mut stdout = io::stdout().lock();
        let written = writeln!(stdout, "{text}{end}").and_then(|()| stdout.flush());
        self.broken |= written.is_err();
    }
}

impl Finding {
    fn text(&self) -> String {
        let mut text = format!(
            "{:<14} {:<9} {:<20} trail {:016x}  after {}",
            self.verdict.name(),
            self.verdict.detail(),
            format!("\"{}\"", self.input.escape_ascii()),
            self.trail,
            self.execution,
        );
        // Writing to a String does not fail.
        let _ = match &self.scene {
            None => Ok(()),
            Some(Err(why)) => write!(text, "\n    {why}"),
            Some(Ok(scene)) => {
                let registers = &scene.registers;
                let _ = write!(
                    text,
                    "\n    {}: pc {:#x} sp {:#x}",
                    scene.what(),
                    registers.pc(),
                    registers.sp()
                );
                let _ = match (scene.address(), scene.access) {
                    (Some(address), Some(access)) => {
                        write!(text, ", {} of {address:#x}", access.name())
                    }
                    (Some(address), None) => write!(text, ", address {address:#x}"),
                    (None, _) => Ok(()),
                };
                for caller in &scene.callers {
                    let _ = write!(text, "\n    called from {caller:#x}");
                }
                Ok(())
            }
        };
        text
    }

    fn json(&self) -> String {
        let mut json = format!(
            "{{\"verdict\":{},\"input\":{},\"trail\":\"{:016x}\",\"execution\":{}",
            quoted(self.verdict.name()),
            quoted(&self.input.escape_ascii().to_string()),
            self.trail,
            self.execution,
        );
        // Writing to a String does not fail.
        let _ = match self.verdict {
            Verdict::Exit(status) => write!(json, ",\"status\":{status}"),
            Verdict::Crash(signal) => write!(json, ",\"signal\":{}", signal.as_raw()),
            Verdict::OutOfMemory { size, signal } => {
                write!(json, ",\"size\":{size},\"signal\":{}", signal.as_raw())
            }
            Verdict::Clean | Verdict::Hang => Ok(()),
        };
        let _ = match &self.scene {
            None => Ok(()),
            Some(Err(why)) => write!(json, ",\"no_scene\":{}", quoted(why)),
            Some(Ok(scene)) => {
                let registers = &scene.registers;
                let _ = write!(
                    json,
                    ",\"what\":{},\"pc\":\"{:#x}\",\"sp\":\"{:#x}\",\"registers\":{}",
                    quoted(scene.what()),
                    registers.pc(),
                    registers.sp(),
                    quoted(&format!("{registers:x?}")),
                );
                if let Some(address) = scene.address() {
                    let _ = write!(json, ",\"address\":\"{address:#x}\"");
                }
                let callers: Vec<String> = scene
                    .callers
                    .iter()
                    .map(|caller| format!("\"{caller:#x}\""))
                    .collect();
                let _ = write!(json, ",\"callers\":[{}]", callers.join(","));
                match scene.access {
                    Some(access) => write!(json, ",\"access\":{}", quoted(access.name())),
                    None => Ok(()),
                }
            }
        };
        json.push('}');
        json
    }
}

impl Verdict {
    fn detail(self) -> String {
        match self {
            Self::Clean | Self::Hang => String::new(),
            Self::Exit(status) => status.to_string(),
            Self::Crash(signal) => name(signal),
            Self::OutOfMemory { size, .. } => format!("{} KiB", size >> 10),
        }
    }
}

fn name(signal: Signal) -> String {
    let known = match signal {
        Signal::SEGV => "SIGSEGV",
        Signal::BUS => "SIGBUS",
        Signal::ILL => "SIGILL",
        Signal::ABORT => "SIGABRT",
        Signal::FPE => "SIGFPE",
        Signal::TRAP => "SIGTRAP",
        Signal::KILL => "SIGKILL",
        Signal::SYS => "SIGSYS",
        other => return format!("signal {}", other.as_raw()),
    };
    known.to_owned()
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut json = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            character if character < ' ' => {
                let _ = write!(json, "\\u{:04x}", u32::from(character));
            }
            character => json.push(character),
        }
    }
    json.push('"');
    json
}
