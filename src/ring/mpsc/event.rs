//! [`Event`]: a record, or the news that a producer is gone.
#![forbid(unsafe_code)]

use core::fmt;

/// A producer of a ring, as its consumer knows it: another one for each attachment.
///
/// A producer knows its own by [`Producer::id`](super::Producer::id). Numbers are used again after
/// four million attachments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProducerId(pub(super) u32);

impl ProducerId {
    /// Returns the number.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for ProducerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "producer {}", self.0)
    }
}

/// A record, or the news that a producer is gone.
///
/// Both come by the same call, so that no end is overlooked. Each producer that has attached is
/// gone once, after everything that it sent; but for those whose lanes others took while there
/// was no consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "it may be that a producer is gone"]
pub enum Event {
    /// A record, which has been copied to the buffer.
    Record {
        /// Who sent it.
        from: ProducerId,
        /// Its length in bytes.
        len: usize,
    },
    /// A producer is gone, or its lane will not be received from any more.
    Gone {
        /// Who.
        from: ProducerId,
        /// Why.
        why: Departure,
    },
}

impl Event {
    /// Returns the producer that sent the record, or is gone.
    #[must_use]
    pub fn from(self) -> ProducerId {
        match self {
            Self::Record { from, .. } | Self::Gone { from, .. } => from,
        }
    }
}

/// Why nothing more comes of a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// It has closed its end.
    Closed,
    /// Its process has died, or dropped its mapping in another way than by closing.
    Died,
    /// In its lane stood what cannot be. What it sent and was not received is lost, and so is what
    /// it sends still: it is told by [`Error::Corrupt`](crate::ring::Error::Corrupt) when its lane
    /// is full. The others go on.
    Corrupt,
}

impl fmt::Display for Departure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "it has closed its end",
            Self::Died => "its process has died",
            Self::Corrupt => "its lane holds what cannot be",
        })
    }
}
