//! A chunk in a member's hands.
#![forbid(unsafe_code)]

use super::classes::Room;
use crate::ring::{Error, within};

/// A chunk that this end owns, and the message in it. Nothing about it is read from shared memory
/// again.
#[derive(Debug)]
pub(super) struct Held {
    /// The chunk's number.
    pub(super) index: u32,
    /// The number of its class.
    pub(super) class: usize,
    pub(super) room: Room,
    /// The length of the message, at most that of the room.
    pub(super) len: usize,
}

impl Held {
    /// Where the `len` bytes at `offset` of the message are in the data.
    pub(super) fn place(&self, offset: usize, len: usize) -> Result<usize, Error> {
        within(self.len, offset, len)?;
        Ok(self.room.at + offset)
    }
}
