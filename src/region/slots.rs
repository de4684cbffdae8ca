//! Access to a section that is an array of slots, in each of which is a cell of atomics, and behind
//! that bytes: both on one cache line, if they are short.

use core::marker::PhantomData;
use core::mem::{MaybeUninit, size_of};

use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::Head;
use super::section::Stretch;
use crate::primitive::{Bytes, Cell, Map};

/// The bytes that a slot's cell takes, wherever a model has it.
const CELL: usize = size_of::<u64>();

/// How many slots there are, and how far apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spacing {
    /// How many there are, a power of two, less one.
    mask: usize,
    stride: usize,
}

impl Spacing {
    /// `None` if the number of slots is not a power of two, or the distance not a multiple of eight.
    #[inline(always)]
    pub(crate) fn new(count: usize, stride: usize) -> Option<Self> {
        let possible = count.is_power_of_two() && stride.is_multiple_of(8) && stride > 0;
        possible.then(|| Self {
            mask: count - 1,
            stride,
        })
    }

    /// How many slots there are.
    #[inline(always)]
    pub(crate) fn count(self) -> usize {
        self.mask + 1
    }

    /// The bytes that all slots take, if they can be counted.
    #[inline(always)]
    pub(crate) fn len(self) -> Option<usize> {
        self.count().checked_mul(self.stride)
    }

    /// The same slots, at a distance that is known when compiled.
    #[inline(always)]
    pub(crate) fn with_stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }
}

/// Slots. A position is any number, and means the slot that it is modulo how many there are.
#[derive(Debug)]
pub(crate) struct Slots<'a, T, C> {
    map: &'a Map<Head<T>>,
    index: usize,
    bytes: Bytes,
    spacing: Spacing,
    cell: PhantomData<&'a C>,
}

impl<T, C> Clone for Slots<'_, T, C> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, C> Copy for Slots<'_, T, C> {}

impl<'a, T: 'static, C: Cell> Slots<'a, T, C> {
    /// `None` if the section is shorter than all these slots, or a slot than a cell.
    ///
    /// # Safety
    ///
    /// The section, which is number `index`, must be mapped for as long as `map` is borrowed, and
    /// begin at a multiple of eight.
    #[inline(always)]
    pub(super) unsafe fn new(
        map: &'a Map<Head<T>>,
        index: usize,
        stretch: Stretch,
        spacing: Spacing,
    ) -> Option<Self> {
        let Stretch { bytes, len } = stretch;
        let fit = CELL <= spacing.stride && spacing.len()? <= len;
        fit.then_some(Self {
            map,
            index,
            bytes,
            spacing,
            cell: PhantomData,
        })
    }

    #[inline(always)]
    fn slot(self, position: u64) -> usize {
        position as usize & self.spacing.mask
    }

    /// Where `len` bytes of the slot are that are `offset` behind its cell, if it has so many.
    #[inline(always)]
    fn place(self, position: u64, offset: usize, len: usize) -> Option<usize> {
        let room = self.spacing.stride - CELL;
        let fit = len <= room && offset <= room - len;
        if !fit {
            return None;
        }
        Some(self.slot(position) * self.spacing.stride + CELL + offset)
    }

    /// The cell of the slot.
    #[inline(always)]
    pub(crate) fn cell(self, position: u64) -> &'a C {
        let (map, Spacing { stride, .. }) = (self.map, self.spacing);
        // SAFETY: the slot is within the section, which was looked at, and aligned as the section
        // is, since slots are a multiple of eight apart.
        unsafe { map.cell(self.index, self.bytes, stride, self.slot(position)) }
    }

    /// Asks for the cache line of the slot's beginning, to be written.
    #[inline(always)]
    pub(crate) fn prefetch(self, position: u64) {
        self.bytes
            .prefetch(self.slot(position) * self.spacing.stride);
    }

    /// Copies bytes of the slot, from `offset` on, to fill `to`. `None` if it has not so many.
    #[inline(always)]
    #[must_use]
    pub(crate) fn read(self, position: u64, offset: usize, to: &mut [u8]) -> Option<()> {
        let at = self.place(position, offset, to.len())?;
        // SAFETY: within the slot; `to` is borrowed.
        unsafe { self.bytes.read(at, to.as_mut_ptr(), to.len()) };
        Some(())
    }

    /// Copies `from` to the slot, from `offset` on. `None`, and nothing, if it has not so many bytes.
    #[inline(always)]
    #[must_use]
    pub(crate) fn write(self, position: u64, offset: usize, from: &[u8]) -> Option<()> {
        let at = self.place(position, offset, from.len())?;
        // SAFETY: within the slot.
        unsafe { self.bytes.write(at, from.as_ptr(), from.len()) };
        Some(())
    }

    /// Copies the value that follows the slot's cell to `item`. `None` if it has not so many bytes.
    #[inline(always)]
    #[must_use]
    pub(crate) fn read_item<I: FromBytes>(
        self,
        position: u64,
        item: &mut MaybeUninit<I>,
    ) -> Option<()> {
        let at = self.place(position, 0, size_of::<I>())?;
        let to = item.as_mut_ptr().cast();
        // SAFETY: within the slot, and at a multiple of eight.
        unsafe { self.bytes.read_aligned(at, to, size_of::<I>()) };
        Some(())
    }

    /// Copies the value behind the slot's cell. `None`, and nothing, if it has not so many bytes.
    #[inline(always)]
    #[must_use]
    pub(crate) fn write_item<I>(self, position: u64, item: &I) -> Option<()>
    where
        I: IntoBytes + Immutable,
    {
        let at = self.place(position, 0, size_of::<I>())?;
        let from = item.as_bytes().as_ptr();
        // SAFETY: within the slot, and at a multiple of eight.
        unsafe { self.bytes.write_aligned(at, from, size_of::<I>()) };
        Some(())
    }
}
