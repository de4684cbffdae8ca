//! A chunk in a member's hands.
#![forbid(unsafe_code)]

use super::classes::Room;
use crate::region::Flat;
use crate::ring::{Error, within};

/// A chunk that this end owns, and the message in it. Nothing about it is read from shared memory
/// again.
#[derive(Debug)]
pub(in crate::ring) struct Held {
    /// The chunk's number.
    pub(in crate::ring) index: u32,
    /// The number of its class.
    pub(in crate::ring) class: usize,
    pub(in crate::ring) room: Room,
    /// The length of the message, at most that of the room.
    pub(in crate::ring) len: usize,
}

impl Held {
    /// Where the `len` bytes at `offset` of the message are in the data.
    fn place(&self, offset: usize, len: usize) -> Result<usize, Error> {
        within(self.len, offset, len)?;
        Ok(self.room.at + offset)
    }

    /// Copies what is at `offset` of the message to fill `to`.
    pub(in crate::ring) fn read_at(
        &self,
        data: Flat<'_>,
        offset: usize,
        to: &mut [u8],
    ) -> Result<(), Error> {
        let place = self.place(offset, to.len())?;
        // The room is within the data.
        data.read(place, to).ok_or(Error::Corrupt)
    }

    /// Copies `from` to `offset` of the message.
    pub(in crate::ring) fn write_at(
        &self,
        data: Flat<'_>,
        offset: usize,
        from: &[u8],
    ) -> Result<(), Error> {
        let place = self.place(offset, from.len())?;
        data.write(place, from).ok_or(Error::Corrupt)
    }

    /// The message's first byte, for those who may look.
    pub(in crate::ring) fn pointer(&self, data: Flat<'_>) -> Option<*mut u8> {
        data.pointer(self.room.at, self.len)
    }
}
