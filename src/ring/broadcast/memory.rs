//! The memory of a broadcast ring, and what all who use it must agree on.
#![forbid(unsafe_code)]

use core::marker::PhantomData;

use super::layout::Layout;
use super::lines::Lines;
use super::reading::{Reading, Start};
use super::writing::{Company, Writing};
use crate::region::{Accepted, AttachError, Found, Seat, Source, Structure};
use crate::ring::header::Kind;
use crate::ring::waiting::Waiting;
use crate::{BorrowedFd, Deadline, Errno, OwnedFd};

/// What a ring carries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    pub(super) kind: Kind,
    /// The bytes of the longest.
    pub(super) len: usize,
    /// The bytes that it takes in a slot.
    pub(super) room: usize,
}

/// A ring as a descriptor.
#[derive(Debug)]
pub(super) struct Memory<W: Waiting> {
    source: Source<Lines, 2>,
    layout: Layout,
    /// Of the longest message.
    len: usize,
    may_write: bool,
    kind: PhantomData<fn() -> W>,
}

impl<W: Waiting> Memory<W> {
    /// The head's words of a ring of at least so many slots.
    fn words(message: Message, capacity: usize) -> Option<[u64; 4]> {
        let capacity = capacity.max(2).checked_next_power_of_two()?;
        let stride = message.room.max(8).checked_next_multiple_of(8)?;
        let words = [capacity, message.len, stride, W::CODE as usize];
        Some(words.map(|word| word as u64))
    }

    pub(super) fn create(message: Message, capacity: usize) -> crate::Result<Self> {
        let words = Self::words(message, capacity).ok_or(Errno::INVAL)?;
        let layout = Layout::of(words[0], words[2]).ok_or(Errno::INVAL)?;
        Ok(Self {
            source: Source::create(message.kind as u64, words)?,
            layout,
            len: message.len,
            may_write: true,
            kind: PhantomData,
        })
    }

    /// Takes what was found if it is such a ring, with at most `limit` bytes of slots; `message` says what
    /// its messages are, by the length that its head says.
    pub(super) fn open(
        found: Found,
        kind: Kind,
        message: impl FnOnce(u64) -> Result<Message, AttachError>,
        limit: usize,
    ) -> Result<Self, AttachError> {
        let accepted = Accepted::look_to_read(found, kind as u64)?;
        let (words, may_write) = (accepted.words, accepted.is_writable);
        let [capacity, len, stride, waiting] = words;
        let layout = Layout::of(capacity, stride).ok_or(AttachError::Corrupt)?;
        let source = Source::open(accepted, limit)?;
        let message = message(len)?;
        if waiting != u64::from(W::CODE) {
            return Err(AttachError::WrongWaiting);
        }
        if Self::words(message, capacity as usize) != Some(words) {
            return Err(AttachError::Corrupt);
        }
        Ok(Self {
            source,
            layout,
            len: message.len,
            may_write,
            kind: PhantomData,
        })
    }

    /// The bytes of slots that a ring with so many of them has.
    pub(super) fn size(message: Message, capacity: usize) -> usize {
        let lengths = Self::words(message, capacity).and_then(Lines::lengths);
        lengths.map_or(usize::MAX, |lengths| lengths.iter().sum())
    }

    pub(super) fn capacity(&self) -> usize {
        self.layout.capacity() as usize
    }

    /// The length of the longest message.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn to_read(&self) -> crate::Result<OwnedFd> {
        self.source.open_to_read()
    }

    pub(super) fn writer(&self, company: Company) -> Result<Writing<W>, AttachError> {
        self.look_whether_writable()?;
        Ok(Writing::attach(&self.source, self.layout, company)?)
    }

    pub(super) fn writer_by(
        &self,
        company: Company,
        seat: Seat,
    ) -> Result<Writing<W>, AttachError> {
        self.look_whether_writable()?;
        Ok(Writing::attach_by(
            &self.source,
            self.layout,
            company,
            seat,
        )?)
    }

    pub(super) fn writer_until(
        &self,
        company: Company,
        deadline: Deadline,
    ) -> Result<Writing<W>, AttachError> {
        self.look_whether_writable()?;
        Ok(Writing::attach_until(
            &self.source,
            self.layout,
            company,
            deadline,
        )?)
    }

    fn look_whether_writable(&self) -> Result<(), AttachError> {
        if self.may_write {
            Ok(())
        } else {
            Err(AttachError::ReadOnly)
        }
    }

    pub(super) fn reader(&self, start: Start) -> Result<Reading<W>, AttachError> {
        Ok(Reading::begin(
            &self.source,
            self.layout,
            start,
            self.may_write,
        )?)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.source.fd()
    }

    pub(super) fn into_fd(self) -> OwnedFd {
        self.source.into_fd()
    }
}
