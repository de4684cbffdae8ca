//! Rows as a table for people and as JSON for programs.

use core::fmt::Write as _;
use core::time::Duration;
use std::io::{self, Write as _};

use crate::rows::{Measure, Mechanism};

/// What is printed about a mechanism.
pub(crate) struct Row {
    pub(crate) mechanism: &'static Mechanism,
    pub(crate) bytes: u64,
    pub(crate) messages: u64,
    pub(crate) time: Duration,
    pub(crate) verdict: Result<(), String>,
}

pub(crate) struct Printer {
    json: bool,
    rows: usize,
    ok: usize,
}

impl Row {
    /// Megabytes or events a second.
    fn rate(&self) -> f64 {
        let amount = match self.mechanism.measure {
            Measure::Bytes => self.bytes as f64 / 1e6,
            Measure::Events => self.messages as f64,
        };
        match self.time.as_secs_f64() {
            0.0 => 0.0,
            seconds => amount / seconds,
        }
    }

    fn unit(&self) -> &'static str {
        match self.mechanism.measure {
            Measure::Bytes => "MB/s",
            Measure::Events => "events/s",
        }
    }

    fn result(&self) -> &str {
        match &self.verdict {
            Ok(()) => "ok",
            Err(text) => text,
        }
    }
}

impl Printer {
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            rows: 0,
            ok: 0,
        }
    }

    pub(crate) fn all_ok(&self) -> bool {
        self.rows == self.ok
    }

    pub(crate) fn head(&mut self) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        line(&format!(
            "{:<22} {:<17} {:>13} {:>6} {:>9} {:>9} {:>16}  {}",
            "mechanism", "purpose", "bytes", "piece", "messages", "ms", "rate", "result"
        ))
    }

    pub(crate) fn row(&mut self, row: &Row) -> io::Result<()> {
        self.rows += 1;
        self.ok += usize::from(row.verdict.is_ok());
        let Mechanism {
            name,
            purpose,
            piece,
            ..
        } = row.mechanism;
        let purpose = purpose.name();
        if self.json {
            return line(&format!(
                "{{\"name\":{},\"purpose\":{},\"bytes\":{},\"piece\":{},\"messages\":{},\"seconds\":{:.6},\
                 \"rate\":{:.3},\"unit\":{},\"result\":{}}}",
                quoted(name),
                quoted(purpose),
                row.bytes,
                piece
                    .bytes()
                    .map_or("null".into(), |bytes| bytes.to_string()),
                row.messages,
                row.time.as_secs_f64(),
                row.rate(),
                quoted(row.unit()),
                quoted(row.result()),
            ));
        }
        line(&format!(
            "{name:<22} {purpose:<17} {:>13} {:>6} {:>9} {:>9.1} {:>16}  {}",
            row.bytes,
            piece.bytes().map_or("-".into(), |bytes| bytes.to_string()),
            row.messages,
            row.time.as_secs_f64() * 1e3,
            format!("{:.0} {}", row.rate(), row.unit()),
            row.result().replace('\n', " "),
        ))
    }

    /// The last line; with JSON there is none, as each line is a row.
    pub(crate) fn foot(&mut self) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        line(&format!("{} mechanisms, {} ok", self.rows, self.ok))
    }
}

fn line(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")?;
    stdout.flush()
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut json = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            character if character < ' ' => {
                // Writing to a String does not fail.
                let _ = write!(json, "\\u{:04x}", u32::from(character));
            }
            character => json.push(character),
        }
    }
    json.push('"');
    json
}
