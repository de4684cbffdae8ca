//! What a half tells the process that watches it: one message a word.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rawipc::Errno;
use rawipc::socket::{RecvError, Seqpacket, seqpacket};

use crate::half::Failure;
use crate::left::Object;

/// Longer error texts are cut.
const WORD_MAX: usize = 2048;

/// One end of the channel between a half and the process that watches it.
pub(crate) struct Control(Seqpacket);

/// What a half says.
#[allow(clippy::large_enum_variant, reason = "one at a time, and on the stack")]
pub(crate) enum Word {
    /// This many bytes or events so far: a half that says so has not hung.
    Progress(u64),
    /// It is about to make the scratch folder, which must be removed for it.
    Scratch,
    /// It has made this, which must be removed for it.
    Made(Box<Object>),
    Done(Report),
    Failed(Failure),
}

/// What a half did.
#[derive(Clone, Copy, Default)]
pub(crate) struct Report {
    pub(crate) bytes: u64,
    /// `None` where the mechanism does not keep messages apart.
    pub(crate) messages: Option<u64>,
    pub(crate) checksum: u64,
    /// Nanoseconds of `CLOCK_MONOTONIC`, which all processes share.
    pub(crate) begin: u64,
    pub(crate) end: u64,
}

impl Control {
    pub(crate) fn pair() -> rawipc::Result<(Self, Self)> {
        let (one, other) = seqpacket::pair()?;
        Ok((Self(one), Self(other)))
    }

    pub(crate) fn from_fd(fd: OwnedFd) -> Self {
        Self(fd.into())
    }

    pub(crate) fn say(&self, word: &Word) -> rawipc::Result<()> {
        let mut text = word.to_text().into_bytes();
        text.truncate(WORD_MAX);
        self.0.send(&text)
    }

    /// The next word, or `None` when the half has ended.
    pub(crate) fn hear(&self) -> io::Result<Option<Word>> {
        let mut buffer = [0; WORD_MAX];
        let len = match self.0.recv(&mut buffer) {
            // The half died.
            Ok(None) | Err(RecvError::Refused(Errno::CONNRESET)) => return Ok(None),
            Ok(Some(len)) => len,
            Err(error) => return Err(io::Error::other(error)),
        };
        let text = String::from_utf8_lossy(&buffer[..len]);
        match Word::from_text(&text) {
            Some(word) => Ok(Some(word)),
            None => Err(io::Error::other(format!("what is {text:?}?"))),
        }
    }
}

impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Word {
    fn to_text(&self) -> String {
        match self {
            Self::Progress(amount) => format!("progress {amount}"),
            Self::Scratch => "scratch ".into(),
            Self::Made(object) => format!("made {object}"),
            Self::Done(report) => format!(
                "done {} {} {} {} {}",
                report.bytes,
                report
                    .messages
                    .map_or_else(|| "-".into(), |count| count.to_string()),
                report.checksum,
                report.begin,
                report.end,
            ),
            Self::Failed(Failure::Mechanism(text)) => format!("failed {text}"),
            Self::Failed(Failure::File(text)) => format!("file {text}"),
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        let (verb, rest) = text.split_once(' ')?;
        Some(match verb {
            "progress" => Self::Progress(rest.parse().ok()?),
            "scratch" => Self::Scratch,
            "made" => Self::Made(Box::new(Object::from_text(rest)?)),
            "failed" => Self::Failed(Failure::Mechanism(rest.into())),
            "file" => Self::Failed(Failure::File(rest.into())),
            "done" => {
                let mut numbers = rest.split(' ').map(|word| word.parse().ok());
                Self::Done(Report {
                    bytes: numbers.next()??,
                    messages: numbers.next()?,
                    checksum: numbers.next()??,
                    begin: numbers.next()??,
                    end: numbers.next()??,
                })
            }
            _ => return None,
        })
    }
}
