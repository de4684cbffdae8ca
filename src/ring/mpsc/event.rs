//! [`Event`]: a record, or the news that a producer is gone.
#![forbid(unsafe_code)]

use core::fmt;

/// The number by which a consumer knows a producer, a new one for each attachment.
///
/// A producer knows its own by [`Producer::id`](super::Producer::id). Numbers are used again after
/// four million attachments.
///
/// # Examples
///
/// ```
/// use rawipc::ring::mpsc::{Event, Ring};
///
/// let ring: Ring = Ring::create(4, 1 << 16)?;
/// let mut consumer = ring.consumer()?;
/// let (mut one, another) = (ring.producer()?, ring.producer()?);
/// assert_ne!(one.id(), another.id());
/// one.send(b"hello")?;
/// assert_eq!(consumer.recv(&mut [0; 64])?, Event::Record { from: one.id(), len: 5 });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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

/// A record, or a notice that a producer is gone.
///
/// Both come by the same call, so that no end is overlooked. Each producer that has attached is
/// gone once, after everything that it sent; but for those whose lanes others took while there
/// was no consumer.
///
/// # Examples
///
/// ```
/// use rawipc::ring::mpsc::{Event, Ring};
///
/// let ring: Ring = Ring::create(4, 1 << 16)?;
/// let (mut producer, mut consumer) = (ring.producer()?, ring.consumer()?);
/// producer.send(b"hello")?;
/// drop(producer);
///
/// let mut buffer = [0; 64];
/// loop {
///     match consumer.recv(&mut buffer)? {
///         Event::Record { from, len } => println!("{from} says {:?}", &buffer[..len]),
///         Event::Gone { from, why } => {
///             println!("{from} is gone: {why}"); // after all that it sent
///             break;
///         }
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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

/// The reason why a producer sends nothing more.
///
/// # Examples
///
/// ```
/// use rawipc::ring::mpsc::{Departure, Event, Ring};
///
/// let ring: Ring = Ring::create(4, 1 << 16)?;
/// let mut consumer = ring.consumer()?;
/// drop(ring.producer()?);
/// if let Event::Gone { from, why } = consumer.recv(&mut [0; 64])? {
///     match why {
///         Departure::Closed => println!("{from} has left"),
///         Departure::Died => println!("{from} was killed: start it again"),
///         Departure::Corrupt => println!("{from} is hostile, or broken"),
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
