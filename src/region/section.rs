//! Access to the data of a region: by position, within their bounds, and by copies, as anybody
//! may write to them meanwhile.

use core::marker::PhantomData;
use core::mem::{MaybeUninit, size_of};

use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::plan::LEN_MIN;
use crate::primitive::Bytes;

/// A section as it is mapped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) bytes: Bytes,
    pub(super) len: usize,
}

/// A section that is mapped twice in a row. A position is any number, and means the byte that
/// it is modulo the length; up to a length of bytes follow it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doubled<'a> {
    bytes: Bytes,
    len: usize,
    member: PhantomData<&'a ()>,
}

impl Doubled<'_> {
    /// # Safety
    ///
    /// It must be mapped twice in a row for as long as this lives, and its length be a power of
    /// two and not less than [`LEN_MIN`].
    #[inline(always)]
    pub(super) unsafe fn new(stretch: Stretch) -> Self {
        let Stretch { bytes, len } = stretch;
        Self {
            bytes,
            len,
            member: PhantomData,
        }
    }

    /// The length, a power of two.
    #[inline(always)]
    pub(crate) fn len(self) -> usize {
        self.len
    }

    /// Where the bytes from `position` on are, if so many follow.
    #[inline(always)]
    fn place(self, position: u64, len: usize) -> Option<usize> {
        (len <= self.len).then_some(position as usize & (self.len - 1))
    }

    /// Where the bytes of an `I` from `position` on are, which is a multiple of eight, or the one
    /// before it is meant: so the compiler leaves the bytewise half of a copy out.
    #[inline(always)]
    fn place_of<I>(self, position: u64) -> Option<usize> {
        // The first is known when compiled, and mostly true: then nothing of this remains.
        let follow = size_of::<I>() <= LEN_MIN || size_of::<I>() <= self.len;
        follow.then_some(position as usize & (self.len - 8))
    }

    /// Copies what is at `position` to fill `to`. `None` if that is longer than the section.
    #[inline(always)]
    #[must_use]
    pub(crate) fn read(self, position: u64, to: &mut [u8]) -> Option<()> {
        let at = self.place(position, to.len())?;
        // SAFETY: within twice the section, as the place is in the first; `to` is borrowed.
        unsafe { self.bytes.read(at, to.as_mut_ptr(), to.len()) };
        Some(())
    }

    /// Copies `from` to `position`. `None`, and nothing, if it is longer than the section.
    #[inline(always)]
    #[must_use]
    pub(crate) fn write(self, position: u64, from: &[u8]) -> Option<()> {
        let at = self.place(position, from.len())?;
        // SAFETY: as for `read`.
        unsafe { self.bytes.write(at, from.as_ptr(), from.len()) };
        Some(())
    }

    /// Copies the value at `position`, a multiple of eight, to `item`. `None` if it is longer
    /// than the section. (Large values are not moved again for an `Option` of them.)
    #[inline(always)]
    #[must_use]
    pub(crate) fn read_item<I: FromBytes>(
        self,
        position: u64,
        item: &mut MaybeUninit<I>,
    ) -> Option<()> {
        let at = self.place_of::<I>(position)?;
        let to = item.as_mut_ptr().cast();
        // SAFETY: as for `read`, and at a multiple of eight.
        unsafe { self.bytes.read_aligned(at, to, size_of::<I>()) };
        Some(())
    }

    /// Returns the word at `position`, a multiple of eight.
    #[inline(always)]
    #[must_use]
    pub(crate) fn read_word(self, position: u64) -> Option<u64> {
        let mut word = MaybeUninit::uninit();
        self.read_item(position, &mut word)?;
        // SAFETY: all of it has been written.
        Some(unsafe { word.assume_init() })
    }

    /// Copies the value to `position`, a multiple of eight. `None`, and nothing, if it is
    /// longer than the section.
    #[inline(always)]
    #[must_use]
    pub(crate) fn write_item<I>(self, position: u64, item: &I) -> Option<()>
    where
        I: IntoBytes + Immutable,
    {
        let at = self.place_of::<I>(position)?;
        let from = item.as_bytes().as_ptr();
        // SAFETY: as for `write`, and at a multiple of eight.
        unsafe { self.bytes.write_aligned(at, from, size_of::<I>()) };
        Some(())
    }

    /// The bytes from `position` on, for those who may look, if so many follow.
    #[inline(always)]
    pub(crate) fn pointer(self, position: u64, len: usize) -> Option<*mut u8> {
        Some(self.bytes.pointer(self.place(position, len)?))
    }
}

/// A section that is mapped once. An offset is any number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flat<'a> {
    bytes: Bytes,
    len: usize,
    member: PhantomData<&'a ()>,
}

impl Flat<'_> {
    /// # Safety
    ///
    /// It must be mapped for as long as this lives.
    #[inline(always)]
    pub(super) unsafe fn new(stretch: Stretch) -> Self {
        let Stretch { bytes, len } = stretch;
        Self {
            bytes,
            len,
            member: PhantomData,
        }
    }

    /// The length.
    #[inline(always)]
    pub(crate) fn len(self) -> usize {
        self.len
    }

    /// The same section, whose bytes are read while others write, by who finds out afterwards. A
    /// structure that says so of its sections.
    #[inline(always)]
    pub(crate) fn racing(self) -> Self {
        Self {
            bytes: self.bytes.racing(),
            ..self
        }
    }

    /// The offset, if so many bytes follow.
    #[inline(always)]
    fn place(self, offset: usize, len: usize) -> Option<usize> {
        (len <= self.len && offset <= self.len - len).then_some(offset)
    }

    /// The offset, if an `I` follows. It is a multiple of eight, or the one before it is meant: so the
    /// compiler leaves the bytewise half of a copy out.
    #[inline(always)]
    fn place_of<I>(self, offset: usize) -> Option<usize> {
        Some(self.place(offset, size_of::<I>())? & !7)
    }

    /// Copies what is at `offset` to fill `to`. `None` if it is not all within the section.
    #[inline(always)]
    #[must_use]
    pub(crate) fn read(self, offset: usize, to: &mut [u8]) -> Option<()> {
        let at = self.place(offset, to.len())?;
        // SAFETY: within the section; `to` is borrowed.
        unsafe { self.bytes.read(at, to.as_mut_ptr(), to.len()) };
        Some(())
    }

    /// Copies `from` to `offset`. `None`, and nothing, if it is not all within the section.
    #[inline(always)]
    #[must_use]
    pub(crate) fn write(self, offset: usize, from: &[u8]) -> Option<()> {
        let at = self.place(offset, from.len())?;
        // SAFETY: as for `read`.
        unsafe { self.bytes.write(at, from.as_ptr(), from.len()) };
        Some(())
    }

    /// Copies the value at `offset`, a multiple of eight, to `item`. `None` if it is not all
    /// within the section.
    #[inline(always)]
    #[must_use]
    pub(crate) fn read_item<I: FromBytes>(
        self,
        offset: usize,
        item: &mut MaybeUninit<I>,
    ) -> Option<()> {
        let at = self.place_of::<I>(offset)?;
        let to = item.as_mut_ptr().cast();
        // SAFETY: as for `read`, and at a multiple of eight.
        unsafe { self.bytes.read_aligned(at, to, size_of::<I>()) };
        Some(())
    }

    /// Returns the word at `offset`, a multiple of eight.
    #[inline(always)]
    #[must_use]
    pub(crate) fn read_word(self, offset: usize) -> Option<u64> {
        let mut word = MaybeUninit::uninit();
        self.read_item(offset, &mut word)?;
        // SAFETY: all of it has been written.
        Some(unsafe { word.assume_init() })
    }

    /// Copies the value to `offset`, a multiple of eight. `None`, and nothing, if it is not all
    /// within the section.
    #[inline(always)]
    #[must_use]
    pub(crate) fn write_item<I>(self, offset: usize, item: &I) -> Option<()>
    where
        I: IntoBytes + Immutable,
    {
        let at = self.place_of::<I>(offset)?;
        let from = item.as_bytes().as_ptr();
        // SAFETY: as for `write`, and at a multiple of eight.
        unsafe { self.bytes.write_aligned(at, from, size_of::<I>()) };
        Some(())
    }

    /// The bytes from `offset` on, for those who may look, if so many follow.
    #[inline(always)]
    pub(crate) fn pointer(self, offset: usize, len: usize) -> Option<*mut u8> {
        Some(self.bytes.pointer(self.place(offset, len)?))
    }
}
