//! Lines, of which each belongs to one tracee: who begins one while another's is not
//! complete interrupts that.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use rawipc::Pid;

/// The results stand in this column, where there is room before.
const RESULTS: usize = 40;

pub(crate) struct Lines {
    sink: Sink,
    /// What has not been given to the sink.
    text: String,
    /// Of whom the line is that is not complete.
    open: Option<Pid>,
    /// How long that is.
    column: usize,
}

enum Sink {
    Error,
    File(BufWriter<File>),
}

impl Lines {
    pub(crate) fn to_error() -> Self {
        Self::new(Sink::Error)
    }

    pub(crate) fn to_file(path: &Path) -> io::Result<Self> {
        Ok(Self::new(Sink::File(BufWriter::new(File::create(path)?))))
    }

    fn new(sink: Sink) -> Self {
        Self {
            sink,
            text: String::new(),
            open: None,
            column: 0,
        }
    }

    /// Whether they go to a file of their own.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self.sink, Sink::File(_))
    }

    /// Begins a line of this tracee, one of so many.
    pub(crate) fn begin(&mut self, tid: Pid, tracees: usize) {
        self.interrupt();
        let number = tid.as_raw_pid();
        if self.is_file() {
            self.write(&format!("{number:<5} "));
        } else if tracees > 1 {
            self.write(&format!("[pid {number:>5}] "));
        }
        self.open = Some(tid);
    }

    /// Ends a line that is not complete.
    pub(crate) fn interrupt(&mut self) {
        if self.open.is_some() {
            self.write(" <unfinished ...>");
            self.end();
        }
    }

    /// Whether the incomplete line is this tracee's.
    pub(crate) fn is_open(&self, tid: Pid) -> bool {
        self.open == Some(tid)
    }

    pub(crate) fn write(&mut self, text: &str) {
        self.text.push_str(text);
        self.column += text.len();
    }

    /// The column of the results.
    pub(crate) fn align(&mut self) {
        while self.column < RESULTS {
            self.write(" ");
        }
    }

    pub(crate) fn end(&mut self) {
        self.text.push('\n');
        self.open = None;
        self.column = 0;
    }

    /// A whole line.
    pub(crate) fn line(&mut self, tid: Pid, tracees: usize, text: &str) {
        self.begin(tid, tracees);
        self.write(text);
        self.end();
    }

    /// Hands on what was written: to the standard error before the tracee goes on and
    /// writes there too.
    pub(crate) fn pass_on(&mut self) {
        // Nobody may be there to read it, which is no reason to stop the program.
        let _ = match &mut self.sink {
            Sink::Error => io::stderr().write_all(self.text.as_bytes()),
            Sink::File(file) => file.write_all(self.text.as_bytes()),
        };
        self.text.clear();
    }

    /// Hands on all of it, to a file too.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.pass_on();
        match &mut self.sink {
            Sink::Error => Ok(()),
            Sink::File(file) => file.flush(),
        }
    }
}
