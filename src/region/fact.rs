//! [`Fact`]: what a structure is found to be by whoever only looks at it.
#![forbid(unsafe_code)]

use core::fmt;

use super::Peer;

/// A fact about a region's memory. Several facts are of several moments.
///
/// # Examples
///
/// ```
/// use rawipc::inspect::{self, Fact};
/// use rawipc::ring::spsc;
///
/// let ring: spsc::Ring = spsc::Ring::create(1 << 16)?;
/// ring.producer()?.send(b"hello")?;
///
/// inspect::look(&ring)?.facts(|fact| match fact {
///     Fact::Fill(amount, unit) => println!("{amount} {unit} wait to be received"),
///     Fact::Impossible { .. } => println!("corrupt: {fact}"),
///     other => println!("{other}"),
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fact {
    /// The most that it holds.
    Capacity(u64, Unit),
    /// What it holds now.
    Fill(u64, Unit),
    /// An end, a place or a claim, and the member that has it.
    Member {
        /// What it is a member for.
        role: &'static str,
        /// Its number; 0 for nobody.
        number: u32,
        /// Whether it lives.
        state: Peer,
    },
    /// Somebody may be asleep in this role, or has been since the other side last did something.
    Sleeper {
        /// What it is a member for.
        role: &'static str,
    },
    /// A number that goes with the structure.
    Counter {
        /// What it counts.
        name: &'static str,
        /// How many.
        value: u64,
    },
    /// A word holds what cannot be: the memory is corrupt, or of a program that is broken.
    Impossible {
        /// Which one.
        what: &'static str,
    },
}

/// The unit of an amount.
///
/// # Examples
///
/// ```
/// use rawipc::inspect::{self, Fact, Unit};
/// use rawipc::ring::spsc;
///
/// let ring: spsc::Ring = spsc::Ring::create(1 << 16)?;
/// inspect::look(&ring)?.facts(|fact| {
///     if let Fact::Capacity(amount, Unit::Bytes) = fact {
///         println!("{} KiB", amount / 1024);
///     }
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Messages, or places for them.
    Messages,
}

impl Fact {
    /// There is no structure with the words that the head has, or the file is not as long as one.
    pub(crate) const WRONG_SIZE: Self = Self::Impossible {
        what: "the file has another size than its head says",
    };
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => "bytes",
            Self::Messages => "messages",
        })
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Capacity(amount, unit) => write!(f, "room for {amount} {unit}"),
            Self::Fill(amount, unit) => write!(f, "holds {amount} {unit}"),
            Self::Member {
                role,
                state: Peer::Absent,
                ..
            } => write!(f, "{role}: nobody"),
            Self::Member {
                role,
                number,
                state,
            } => {
                let state = match state {
                    Peer::Attached => "alive",
                    Peer::Dead => "dead",
                    Peer::Closed => "closed",
                    Peer::Absent => "absent",
                };
                write!(f, "{role}: member {number}, {state}")
            }
            Self::Sleeper { role } => write!(f, "{role}: may be asleep"),
            Self::Counter { name, value } => write!(f, "{name}: {value}"),
            Self::Impossible { what } => write!(f, "impossible: {what}"),
        }
    }
}
