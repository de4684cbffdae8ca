//! Which sizes of atomics a mapping has handed out, and where.
//!
//! Two threads that access the same bytes as atomics of different sizes, one of them to
//! write, race by the rules of the language. So a mapping remembers for every eight bytes
//! the size of the atomics that it handed out there first, and refuses others: four bits
//! each, in memory that is mapped when the first object is handed out, and of which only
//! the pages that are touched exist.

use core::ptr::null_mut;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use core::sync::atomic::{AtomicPtr, AtomicU64};

use rustix::mm::{self, MapFlags, ProtFlags};

use super::error::AccessError;

/// How many bytes have one size.
const CELL: usize = 8;

/// How many cells a word of the table is about, with how many bits each.
const PER_WORD: usize = 16;
const BITS: usize = 4;

/// The code of a cell in which a structure says no sizes.
const STRUCTURE: u64 = 15;

/// The table of a mapping, if there is one yet.
#[derive(Debug)]
pub(super) struct Sizes(AtomicPtr<AtomicU64>);

impl Sizes {
    pub(super) const fn new() -> Self {
        Self(AtomicPtr::new(null_mut()))
    }

    /// Claims `size` bytes from `offset` of a mapping of `len` bytes, which hold them, for
    /// atomics of these sizes: one for each cell, over and over again; see
    /// [`Shared::SIZES`](crate::primitive::Shared::SIZES).
    ///
    /// # Errors
    ///
    /// [`AccessError::MixedSizes`]: others have some of it. [`AccessError::OutOfMemory`].
    #[inline(never)]
    pub(super) fn claim(
        &self,
        len: usize,
        offset: usize,
        size: usize,
        sizes: &[u8],
    ) -> Result<(), AccessError> {
        let Some(last) = size.checked_sub(1) else {
            return Ok(());
        };
        let table = self.table(len)?;
        let (first, end) = (offset / CELL, (offset + last) / CELL + 1);
        // What is refused is refused whole, unless another thread claims at the same time.
        for set in [false, true] {
            let mut cell = first;
            while cell < end {
                let at = cell % PER_WORD;
                let count = match sizes {
                    [_] => (PER_WORD - at).min(end - cell),
                    _ => 1,
                };
                let size = sizes.get((cell - first) % sizes.len().max(1));
                let code = match size {
                    Some(&size @ 1..) => u64::from(size),
                    _ => STRUCTURE,
                };
                // `count` times the code, and all bits of so many cells.
                let ones = u64::MAX >> (BITS * (PER_WORD - count));
                let mask = ones << (at * BITS);
                let wanted = (code * (u64::MAX / STRUCTURE)) & mask;
                // SAFETY: the table has a word for every sixteen cells of `len` bytes.
                let word = unsafe { &*table.wrapping_add(cell / PER_WORD) };
                take(word, mask, wanted, set)?;
                cell += count;
            }
        }
        Ok(())
    }

    /// The table, mapped now at the latest.
    fn table(&self, len: usize) -> Result<*mut AtomicU64, AccessError> {
        // Acquire: pairs with the release below; a fresh mapping is all zero to everybody.
        let table = self.0.load(Acquire);
        if !table.is_null() {
            return Ok(table);
        }
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: without an address the kernel takes a place that is free, so that no
        // memory in use changes.
        let new = unsafe { mm::mmap_anonymous(null_mut(), table_len(len), protection, flags) };
        let new = new.map_err(|_| AccessError::OutOfMemory)?.cast();
        match self.0.compare_exchange(null_mut(), new, AcqRel, Acquire) {
            Ok(_) => Ok(new),
            Err(table) => {
                // SAFETY: just mapped, and nobody has seen it.
                let _ = unsafe { mm::munmap(new.cast(), table_len(len)) };
                Ok(table)
            }
        }
    }

    /// Forgets all that was handed out of a mapping of `len` bytes: nothing of it is
    /// borrowed any more.
    pub(super) fn forget(&mut self, len: usize) {
        let table = core::mem::replace(self.0.get_mut(), null_mut());
        if !table.is_null() {
            // SAFETY: mapped by `table` for so many bytes, and nobody else has it.
            let _ = unsafe { mm::munmap(table.cast(), table_len(len)) };
        }
    }
}

/// Has the cells of the mask that are free hold what is wanted, if `set`, and the others
/// hold it already.
fn take(word: &AtomicU64, mask: u64, wanted: u64, set: bool) -> Result<(), AccessError> {
    let mut seen = word.load(Relaxed);
    // All of it has been handed out so before, as of an object that is asked for each time.
    if seen & mask == wanted {
        return Ok(());
    }
    loop {
        // Of a cell that is free no bit is set.
        let held = (0..PER_WORD).fold(0, |held, cell| {
            let bits = STRUCTURE << (cell * BITS);
            held | if seen & bits == 0 { 0 } else { bits }
        }) & mask;
        if seen & held != wanted & held {
            return Err(AccessError::MixedSizes);
        }
        if held == mask || !set {
            return Ok(());
        }
        match word.compare_exchange(seen, seen | wanted, Relaxed, Relaxed) {
            Ok(_) => return Ok(()),
            Err(now) => seen = now,
        }
    }
}

/// How many bytes the table of a mapping of `len` bytes has.
fn table_len(len: usize) -> usize {
    (len / (CELL * PER_WORD) + 1) * size_of::<AtomicU64>()
}
