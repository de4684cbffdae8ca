//! The parameters that both ends of a ring must agree on, in the words that the head of its memory
//! has for them.
#![forbid(unsafe_code)]

use super::AttachError;
use super::progress::DATA_MAX;
use crate::Errno;
use crate::region::{Accepted, Found, LEN_MIN, Source, Structure};

/// Which ring a memory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Kind {
    SpscRecords = 1,
    SpscItems = 2,
    MpmcRecords = 3,
    MpmcItems = 4,
    Mpsc = 5,
    Broadcast = 6,
    Pool = 7,
    Latest = 8,
    Call = 9,
    BroadcastItems = 10,
    Doorbell = 11,
    Members = 12,
    BroadcastLoans = 13,
}

/// What both ends of a ring must agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Agreement {
    pub(crate) kind: Kind,
    /// The size of an item, 0 for records.
    pub(crate) item: usize,
}

/// How much room a ring has for which so much was asked.
fn rounded(data: usize) -> Option<usize> {
    data.max(LEN_MIN)
        .checked_next_power_of_two()
        .filter(|&data| data <= DATA_MAX)
}

/// Makes a ring with room for `data` bytes.
pub(crate) fn create<T: Structure<1>>(
    agreement: Agreement,
    data: usize,
) -> crate::Result<Source<T, 1>> {
    let data = rounded(data).ok_or(Errno::INVAL)?;
    let Agreement { kind, item } = agreement;
    let words = [data as u64, item as u64, 0, 0];
    Source::create(kind as u64, words)
}

/// Takes `fd` if it is the ring that `expected` says, with at most the room that
/// [`create`] gives one for `limit` bytes.
pub(crate) fn open<T: Structure<1>>(
    fd: impl Into<Found>,
    expected: Agreement,
    limit: usize,
) -> Result<Source<T, 1>, AttachError> {
    let accepted = Accepted::look(fd, expected.kind as u64)?;
    let [data, item, ..] = accepted.words;
    let source = Source::open(accepted, rounded(limit).unwrap_or(DATA_MAX))?;
    if item != expected.item as u64 {
        return Err(AttachError::WrongItem { size: item });
    }
    // Where not one item fits, all would wait for ever.
    if item > data {
        return Err(AttachError::Corrupt);
    }
    Ok(source)
}
