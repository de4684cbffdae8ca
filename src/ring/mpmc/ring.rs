//! Making and opening a ring, whatever it carries.
#![forbid(unsafe_code)]

use super::endpoint::Source;
use crate::Errno;
use crate::region::{Accepted, Found};
use crate::ring::AttachError;
use crate::ring::header::Kind;
use crate::ring::progress::DATA_MAX;

/// A ring's memory, and what its head says: how many slots it has, the size of what they carry, the
/// waiting strategy's code, how far they are apart.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) source: Source,
    pub(super) words: [u64; 4],
}

/// How many slots a ring has for which so many were asked, and none is not one of them.
fn rounded(capacity: usize) -> Option<usize> {
    capacity.max(1).checked_next_power_of_two()
}

/// Bytes of so many slots.
pub(super) fn room(capacity: usize, stride: usize) -> usize {
    let room = rounded(capacity).and_then(|capacity| capacity.checked_mul(stride));
    room.unwrap_or(DATA_MAX)
        .clamp(crate::region::LEN_MIN, DATA_MAX)
}

impl Memory {
    /// Makes a ring of `capacity` slots at least.
    pub(super) fn create(
        kind: Kind,
        capacity: usize,
        size: usize,
        waiting: u32,
        stride: usize,
    ) -> crate::Result<Self> {
        let capacity = rounded(capacity).ok_or(Errno::INVAL)?;
        let words = [
            capacity as u64,
            size as u64,
            u64::from(waiting),
            stride as u64,
        ];
        Ok(Self {
            source: Source::create(kind as u64, words)?,
            words,
        })
    }

    /// Takes a ring that was found, with at most `limit` bytes of slots, if what it carries and how is as `agrees`
    /// says of its words.
    pub(super) fn open(
        found: Found,
        kind: Kind,
        limit: usize,
        agrees: impl FnOnce([u64; 4]) -> Result<(), AttachError>,
    ) -> Result<Self, AttachError> {
        let accepted = Accepted::look(found, kind as u64)?;
        let words = accepted.words;
        let source = Source::open(accepted, limit)?;
        agrees(words)?;
        Ok(Self { source, words })
    }

    pub(super) fn capacity(&self) -> usize {
        self.words[0] as usize
    }

    pub(super) fn size(&self) -> usize {
        self.words[1] as usize
    }
}
