//! The two halves of a row: the process that sends FILE or makes events, and the
//! process that receives and checks them.

use core::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};

use rawipc::posix::Name;

use crate::checksum::Checksum;
use crate::control::{Control, Report, Word};
use crate::left::Object;
use crate::link::Link;

/// How often a half says that it makes progress.
const PROGRESS_EVERY: u64 = 100_000_000;
/// How many bytes or events it lets pass before it looks at the clock.
const PROGRESS_STEP: u64 = 1 << 16;

/// What a half of a row returns.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// What went wrong in a row.
#[derive(Debug)]
pub(crate) enum Failure {
    /// FILE cannot be read, or has shrunk: the whole tour ends.
    File(String),
    /// This row failed; the others go on.
    Mechanism(String),
}

/// The half of a row that this process plays.
pub(crate) enum Half {
    Sender(Sender),
    Receiver(Receiver),
}

/// The half that has FILE.
pub(crate) struct Sender {
    pub(crate) link: Link,
    file: File,
    size: u64,
    bytes: u64,
    /// Some bytes went without this half having looked at them.
    unseen: bool,
    checksum: Checksum,
    messages: u64,
    begin: Option<u64>,
    watch: Watch,
}

/// The half that checks what arrives.
pub(crate) struct Receiver {
    pub(crate) link: Link,
    bytes: u64,
    checksum: Checksum,
    messages: Option<u64>,
    watch: Watch,
}

/// The process that watches, and what a half owes it.
struct Watch {
    control: Control,
    scratch: PathBuf,
    amount: u64,
    looked_at: u64,
    said_at: u64,
}

impl Half {
    pub(crate) fn sender(
        control: Control,
        link: Link,
        file: File,
        size: u64,
        scratch: PathBuf,
    ) -> Self {
        Self::Sender(Sender {
            link,
            file,
            size,
            bytes: 0,
            unseen: false,
            checksum: Checksum::new(),
            messages: 0,
            begin: None,
            watch: Watch::new(control, scratch),
        })
    }

    pub(crate) fn receiver(control: Control, link: Link, scratch: PathBuf) -> Self {
        Self::Receiver(Receiver {
            link,
            bytes: 0,
            checksum: Checksum::new(),
            messages: None,
            watch: Watch::new(control, scratch),
        })
    }

    /// Says that `count` events were made, or arrived.
    pub(crate) fn events(&mut self, count: u64) -> Outcome {
        match self {
            Self::Sender(sender) => sender.events(count),
            Self::Receiver(receiver) => receiver.events(count),
        }
    }

    /// Plays the half and tells the process that watches how it went. Whether
    /// it went well.
    pub(crate) fn play(mut self, row: fn(&mut Self) -> Outcome) -> bool {
        let begin = now();
        let outcome = row(&mut self);
        let end = now();
        let (report, watch, link) = match self {
            Self::Sender(sender) => sender.report(outcome, begin, end),
            Self::Receiver(receiver) => receiver.report(outcome, begin, end),
        };
        let word = match report {
            Ok(report) => Word::Done(report),
            Err(failure) => Word::Failed(failure),
        };
        let said = watch.control.say(&word);
        said.is_ok() && matches!(word, Word::Done(_)) && link.leave().is_ok()
    }
}

impl Sender {
    /// Reads the next piece of FILE, which is to be sent as one message. Fills
    /// `buffer` except at the end; 0 when nothing is left.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Outcome<usize> {
        let left = usize::try_from(self.left()).unwrap_or(usize::MAX);
        let len = left.min(buffer.len());
        let piece = &mut buffer[..len];
        match self.file.read_exact_at(piece, self.bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(self.shrunk()),
            Err(error) => return Err(Failure::File(error.to_string())),
        }
        if len > 0 {
            self.checksum.update(piece);
            self.count(len as u64)?;
        }
        Ok(len)
    }

    /// Sends all of FILE by `send`, in pieces of `len` bytes, the last one shorter.
    pub(crate) fn pieces(&mut self, len: usize, mut send: impl FnMut(&[u8]) -> Outcome) -> Outcome {
        let mut buffer = vec![0; len];
        loop {
            match self.read(&mut buffer)? {
                0 => return Ok(()),
                len => send(&buffer[..len])?,
            }
        }
    }

    /// FILE itself, for mechanisms that take the bytes from it. The halves share
    /// its position: say where to read.
    pub(crate) fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// How long FILE is.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// How much of FILE went so far.
    pub(crate) fn position(&self) -> u64 {
        self.bytes
    }

    /// How much of FILE is still to be sent.
    pub(crate) fn left(&mut self) -> u64 {
        self.begin();
        self.size - self.bytes
    }

    /// Says that `len` bytes of FILE went as one message without this half
    /// having seen them. None means that FILE has shrunk.
    pub(crate) fn advance(&mut self, len: usize) -> Outcome {
        self.unseen = true;
        match len {
            0 => Err(self.shrunk()),
            len => self.count(len as u64),
        }
    }

    /// Says that all of FILE goes at once, as one message, without this half having
    /// seen it.
    pub(crate) fn everything(&mut self) -> Outcome {
        self.unseen = true;
        let left = self.left();
        self.count(left)
    }

    /// Says that `count` events were made.
    pub(crate) fn events(&mut self, count: u64) -> Outcome {
        self.begin();
        self.messages += count;
        self.watch.progress(count)
    }

    /// Starts the clock of the row, if nothing was sent yet.
    pub(crate) fn begin(&mut self) {
        self.begin.get_or_insert_with(now);
    }

    /// Makes a folder of this row for files with names, removed after the row.
    pub(crate) fn scratch(&self) -> Outcome<&Path> {
        self.watch.control.say(&Word::Scratch)?;
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&self.watch.scratch)?;
        Ok(&self.watch.scratch)
    }

    /// The name of this row for a POSIX object of this kind, which is removed after
    /// the row.
    pub(crate) fn name(&self, object: fn(Name) -> Object) -> Outcome<Name> {
        let name = self.watch.name()?;
        self.made(object(name.clone()))?;
        Ok(name)
    }

    /// Has an object removed after the row, however the row ends.
    pub(crate) fn made(&self, object: Object) -> Outcome {
        Ok(self.watch.control.say(&Word::Made(Box::new(object)))?)
    }

    fn count(&mut self, len: u64) -> Outcome {
        self.bytes += len;
        self.messages += 1;
        self.watch.progress(len)
    }

    fn shrunk(&self) -> Failure {
        Failure::File("shrank while it was read".into())
    }

    fn report(mut self, outcome: Outcome, begin: u64, end: u64) -> (Outcome<Report>, Watch, Link) {
        let checksum = match outcome {
            Ok(()) if self.unseen => self.checksum_of_file(),
            Ok(()) => Ok(self.checksum.value()),
            Err(failure) => Err(failure),
        };
        let report = checksum.map(|checksum| Report {
            bytes: self.bytes,
            messages: Some(self.messages),
            checksum,
            begin: self.begin.unwrap_or(begin),
            end,
        });
        (report, self.watch, self.link)
    }

    /// What the receiver must have got, when it went past this half.
    fn checksum_of_file(&mut self) -> Outcome<u64> {
        let sent = self.bytes;
        self.bytes = 0;
        self.checksum = Checksum::new();
        let messages = self.messages;
        self.pieces(1 << 18, |_| Ok(()))?;
        self.messages = messages;
        self.bytes = sent;
        Ok(self.checksum.value())
    }
}

impl Receiver {
    /// Takes bytes that arrived from a stream.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Outcome {
        self.checksum.update(bytes);
        self.bytes += bytes.len() as u64;
        self.watch.progress(bytes.len() as u64)
    }

    /// Takes one message that arrived as it was sent.
    pub(crate) fn message(&mut self, bytes: &[u8]) -> Outcome {
        *self.messages.get_or_insert(0) += 1;
        self.bytes(bytes)
    }

    /// The name of this row for a POSIX object.
    pub(crate) fn name(&self) -> Outcome<Name> {
        self.watch.name()
    }

    /// Says that `count` events arrived.
    pub(crate) fn events(&mut self, count: u64) -> Outcome {
        *self.messages.get_or_insert(0) += count;
        self.watch.progress(count)
    }

    fn report(self, outcome: Outcome, begin: u64, end: u64) -> (Outcome<Report>, Watch, Link) {
        let report = outcome.map(|()| Report {
            bytes: self.bytes,
            messages: self.messages,
            checksum: self.checksum.value(),
            begin,
            end,
        });
        (report, self.watch, self.link)
    }
}

impl Watch {
    fn new(control: Control, scratch: PathBuf) -> Self {
        Self {
            control,
            scratch,
            amount: 0,
            looked_at: 0,
            said_at: now(),
        }
    }

    /// As the folder's, which no other tour has.
    fn name(&self) -> Outcome<Name> {
        let name = self.scratch.file_name().unwrap_or_default();
        Ok(Name::new(name.as_bytes())?)
    }

    fn progress(&mut self, amount: u64) -> Outcome {
        self.amount += amount;
        if self.amount - self.looked_at < PROGRESS_STEP {
            return Ok(());
        }
        self.looked_at = self.amount;
        let now = now();
        if now - self.said_at >= PROGRESS_EVERY {
            self.said_at = now;
            self.control.say(&Word::Progress(self.amount))?;
        }
        Ok(())
    }
}

/// Nanoseconds of `CLOCK_MONOTONIC`.
pub(crate) fn now() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::File(text) | Self::Mechanism(text)) = self;
        f.write_str(text)
    }
}

impl Failure {
    /// The mechanism did not do what it must, namely this.
    pub(crate) fn of(text: &str) -> Self {
        Self::Mechanism(text.into())
    }
}

impl<E: core::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Mechanism(error.to_string())
    }
}
