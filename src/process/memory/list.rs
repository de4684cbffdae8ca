//! Walking two lists together: pieces of the other process, buffers of this one.
#![forbid(unsafe_code)]

use core::array;

use super::error::TransferError;
use crate::sys::remote::{Address, AddressRange};
use crate::sys::vector::MAX;
use crate::{Errno, Result};

/// How many elements are looked at after a transfer that ended within one.
pub(super) const WINDOW: usize = 128;

/// A place in a list: so many bytes into the element `index`.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    pub(super) index: usize,
    pub(super) offset: usize,
}

impl Place {
    /// Goes on to where there are bytes; returns how many there are in that element,
    /// `None` at the end of the list.
    fn settle(&mut self, len: impl Fn(usize) -> Option<usize>) -> Option<usize> {
        loop {
            match len(self.index)?.checked_sub(self.offset) {
                Some(left) if left > 0 => return Some(left),
                _ => self.leave(),
            }
        }
    }

    /// Goes `count` bytes on.
    fn advance(&mut self, mut count: usize, len: impl Fn(usize) -> Option<usize>) {
        while let Some(left) = self.settle(&len) {
            if count < left {
                self.offset += count;
                return;
            }
            count -= left;
            self.leave();
        }
    }

    /// Goes to the beginning of the next element.
    fn leave(&mut self) {
        self.index += 1;
        self.offset = 0;
    }
}

/// The buffers of a transfer, and what moves some of them.
pub(super) trait Transfer {
    /// The length of a buffer; `None` beyond the last.
    fn len(&self, index: usize) -> Option<usize>;
    /// Moves the pieces to or from the buffers from `here` on, with one call.
    fn step(&mut self, pieces: &[AddressRange], here: Place) -> Result<usize>;
    /// Moves `len` bytes to or from the buffer at `here`, with one call.
    fn part(&mut self, at: Address, here: Place, len: usize) -> Result<usize>;
}

/// Moves everything, until one of the two lists is through.
pub(super) fn whole(
    pieces: &[AddressRange],
    mut transfer: impl Transfer,
) -> Result<usize, TransferError> {
    let (mut there, mut here) = (Place::default(), Place::default());
    let lens = |index: usize| pieces.get(index).map(|piece| piece.len);
    let mut done = 0;
    // Where both lists have bytes a call moves some or fails.
    while let (Some(_), Some(_)) = (there.settle(lens), here.settle(|index| transfer.len(index))) {
        let rest = pieces.get(there.index..).unwrap_or_default();
        let moved = if there.offset == 0 {
            transfer.step(rest, here)
        } else {
            let window: [_; WINDOW] = array::from_fn(|index| {
                let piece = rest.get(index).copied().unwrap_or_default();
                let skipped = if index == 0 { there.offset } else { 0 };
                after(piece, skipped)
            });
            transfer.step(&window, here)
        };
        let moved = match moved {
            Ok(0) => Err(Errno::FAULT),
            moved => moved,
        };
        let moved = moved.map_err(|error| {
            let piece = rest.first().copied().unwrap_or_default();
            let at = after(piece, there.offset).address;
            TransferError { done, at, error }
        })?;
        done += moved;
        there.advance(moved, lens);
        here.advance(moved, |index| transfer.len(index));
    }
    Ok(done)
}

/// Moves what one call for a list would move, by calls for one piece and one buffer
/// each.
pub(super) fn one_by_one(pieces: &[AddressRange], mut transfer: impl Transfer) -> Result<usize> {
    let pieces = pieces.get(..MAX).unwrap_or(pieces);
    if pieces
        .iter()
        .any(|piece| isize::try_from(piece.len).is_err())
    {
        return Err(Errno::INVAL);
    }
    let (mut there, mut here) = (Place::default(), Place::default());
    let lens = |index: usize| pieces.get(index).map(|piece| piece.len);
    let empty = (0..).take_while(|&index| transfer.len(index) == Some(0));
    let end = empty.count() + MAX;
    let mut done = 0;
    while let (Some(theirs), Some(ours)) = (
        there.settle(lens),
        here.settle(|index| transfer.len(index).filter(|_| index < end)),
    ) {
        let piece = pieces.get(there.index).copied().unwrap_or_default();
        let len = theirs.min(ours);
        let moved = transfer.part(after(piece, there.offset).address, here, len);
        let moved = match moved {
            Err(_) if done > 0 => break,
            moved => moved?,
        };
        done += moved;
        if moved < len {
            break;
        }
        there.advance(moved, lens);
        here.advance(moved, |index| transfer.len(index));
    }
    Ok(done)
}

/// The piece without its first bytes.
fn after(piece: AddressRange, skipped: usize) -> AddressRange {
    AddressRange::new(
        piece.address.wrapping_add(skipped),
        piece.len.saturating_sub(skipped),
    )
}
