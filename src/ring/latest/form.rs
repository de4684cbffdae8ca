//! The parts of a region of values: the line, a seat for each reader, and buffers with a stamp
//! each.

use core::ffi::CStr;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::line::{BUFFERS_MAX, Line};
use super::seat::Seat;
use crate::Result;
use crate::memory::Shared;
use crate::primitive::{AtomicU64, Cell, Cells, fence};
use crate::region::{self, Accepted, AttachError, Flat, Found, LEN_MIN, Member, Shape, Structure};
use crate::ring::header::Kind;

/// The region.
type Source = region::Source<Lines, 3>;

/// The words in the head.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Lines {
    pub(super) latest: Line,
}

// SAFETY: atomics, and what is made of them.
unsafe impl Shared for Lines {}

/// The version that models begin with: the last one before those in the word begin again.
const FIRST: u64 = (1 << 24) - 1;

impl Structure<3> for Lines {
    const NAME: &CStr = c"rawipc-latest";

    /// Seats, stamps, and what the buffers hold.
    const SECTIONS: [Shape; 3] = [Shape {
        doubled: false,
        writable: true,
    }; 3];

    /// The version is about to wrap around.
    fn begin() -> Self {
        Self {
            latest: Line::new(FIRST as u32),
        }
    }

    fn lengths(words: [u64; 4]) -> Option<[usize; 3]> {
        let form = Form::of(words)?;
        let seats = form.readers * size_of::<Seat>();
        let stamps = form.buffers() * size_of::<Stamp>();
        let data = form.buffers().checked_mul(form.stride()?)?;
        let round = |len: usize| len.max(1).checked_next_multiple_of(LEN_MIN);
        let lengths = [round(seats)?, round(stamps)?, round(data)?];
        (lengths[2] <= DATA_MAX).then_some(lengths)
    }

    fn cells(words: [u64; 4], cells: &mut Cells) {
        let form = Form::of(words).expect("words of a region that was made");
        cells.add::<Seat>(0, form.readers);
        cells.add::<Stamp>(1, form.buffers());
        if form.readers == 0 {
            cells.race();
        }
    }
}

/// The most bytes that all buffers have.
const DATA_MAX: usize = 1 << 40;

/// How many readers have a seat, and how long a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) readers: usize,
    /// The size of a value, or the longest one if they have any length.
    pub(super) size: usize,
    /// Whether each value has a length of its own, which is before its bytes.
    pub(super) is_long: bool,
}

/// Buffers begin at multiples of this, a cache line.
pub(super) const ALIGN: usize = 64;

/// What is before the bytes of a value that has a length of its own.
pub(super) const PREFIX: usize = size_of::<u64>();

/// How many buffers there are beside one for each reader: one has the latest value while another
/// is written.
const BESIDE: usize = 2;

/// The most readers that have a seat.
pub(super) const READERS_MAX: usize = BUFFERS_MAX - BESIDE;

impl Form {
    /// What the head's words say, if it can be.
    pub(super) fn of(words: [u64; 4]) -> Option<Self> {
        let [readers, size, is_long, zero] = words;
        let form = Self {
            readers: usize::try_from(readers).ok()?,
            size: usize::try_from(size).ok()?,
            is_long: is_long == 1,
        };
        (form.readers <= READERS_MAX && is_long <= 1 && zero == 0).then_some(form)
    }

    fn words(self) -> [u64; 4] {
        [
            self.readers as u64,
            self.size as u64,
            u64::from(self.is_long),
            0,
        ]
    }

    pub(super) fn buffers(self) -> usize {
        self.readers + BESIDE
    }

    /// Makes a region for it.
    pub(super) fn create(self) -> Result<Memory> {
        let source = Source::create(Kind::Latest as u64, self.words())?;
        Ok(Memory {
            source,
            form: self,
            is_writable: true,
        })
    }

    /// Takes what was found if it is a region of values, of at most so many bytes; and what form it
    /// has.
    pub(super) fn open(found: Found, limit: usize) -> Result<Memory, AttachError> {
        let accepted = Accepted::look_to_read(found, Kind::Latest as u64)?;
        let (words, is_writable) = (accepted.words, accepted.is_writable);
        let source = Source::open(accepted, limit)?;
        let form = Self::of(words).ok_or(AttachError::Corrupt)?;
        Ok(Memory {
            source,
            form,
            is_writable,
        })
    }

    /// How many bytes a region of this form has beside its head.
    pub(super) fn room(self) -> usize {
        let lengths = Lines::lengths(self.words());
        lengths.map_or(usize::MAX, |lengths| lengths.iter().sum())
    }

    /// How far buffers are apart.
    fn stride(self) -> Option<usize> {
        let prefix = if self.is_long { PREFIX } else { 0 };
        self.size
            .checked_add(prefix)?
            .max(1)
            .checked_next_multiple_of(ALIGN)
    }
}

/// A region of values as a descriptor: from here its ends are attached.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) source: Source,
    pub(super) form: Form,
    /// Whether its holder can write to it.
    pub(super) is_writable: bool,
}

/// The version of the value that is in a buffer: of all versions, and not only some bits of it.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Stamp {
    version: AtomicU64,
}

/// The stamp while its buffer is written.
const UNFINISHED: u64 = u64::MAX;

// SAFETY: an atomic, and padding.
unsafe impl Shared for Stamp {}

impl Cell for Stamp {
    fn begin(index: usize, _count: usize) -> Self {
        Self {
            version: AtomicU64::new(if index == 0 { FIRST } else { 0 }),
        }
    }
}

/// An attachment, and where everything is.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) member: Member<Lines, 3>,
    pub(super) form: Form,
    stride: usize,
}

impl Parts {
    pub(super) fn new(member: Member<Lines, 3>, form: Form) -> Self {
        Self {
            member,
            // It was when the region was made or opened.
            stride: form.stride().unwrap_or(0),
            form,
        }
    }

    #[inline(always)]
    pub(super) fn line(&self) -> &Line {
        &self.member.words().latest
    }

    #[inline(always)]
    pub(super) fn seats(&self) -> &[Seat] {
        self.member
            .cells::<0, Seat>(self.form.readers)
            .unwrap_or_default()
    }

    #[inline(always)]
    fn stamps(&self) -> &[Stamp] {
        self.member
            .cells::<1, Stamp>(self.form.buffers())
            .unwrap_or_default()
    }

    /// What is in the buffers.
    #[inline(always)]
    pub(super) fn data(&self) -> Flat<'_> {
        let data = self.member.flat::<2>();
        // A model is to see that nobody writes to what is held.
        if self.form.readers == 0 {
            return data.racing();
        }
        data
    }

    /// Where the buffer begins.
    #[inline(always)]
    pub(super) fn place(&self, buffer: usize) -> usize {
        buffer * self.stride
    }

    /// The version of the value in a buffer that nobody writes: 0 if there has been none.
    #[inline(always)]
    pub(super) fn version(&self, buffer: usize) -> Option<u64> {
        // Acquire [A4]: pairs with [R4] in `finish`, for those who hold nothing.
        let version = self.stamps().get(buffer)?.version.load(Acquire);
        (version != UNFINISHED).then_some(version)
    }

    /// Whether the value that was copied from the buffer is all of value `version`.
    #[inline(always)]
    pub(super) fn was_whole(&self, buffer: usize, version: u64) -> bool {
        // Acquire [A5]: pairs with [R5] in `begin`: who has copied any of the next value sees
        // that it was begun.
        fence(Acquire);
        let stamp = self.stamps().get(buffer);
        stamp.is_some_and(|stamp| stamp.version.load(Relaxed) == version)
    }

    /// Begins to write to a buffer.
    #[inline(always)]
    pub(super) fn begin(&self, buffer: usize) {
        if let Some(stamp) = self.stamps().get(buffer) {
            stamp.version.store(UNFINISHED, Relaxed);
        }
        // Release [R5]: pairs with [A5] in `was_whole`.
        fence(Release);
    }

    /// Ends to write value `version` to a buffer.
    #[inline(always)]
    pub(super) fn finish(&self, buffer: usize, version: u64) {
        if let Some(stamp) = self.stamps().get(buffer) {
            // Release [R4]: pairs with [A4] in `version`.
            stamp.version.store(version, Release);
        }
    }
}
