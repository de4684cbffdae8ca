//! Bytes and values copied into a mapping and out of it; slices for those who vouch.

use core::mem::size_of;
use core::ops::RangeBounds;

use zerocopy::{FromBytes, Immutable, IntoBytes};

#[cfg(doc)]
use super::advice::Advice;
use super::error::AccessError;
use super::mapped::Mapping;
use super::protection::Protection;
use crate::arch;

/// How many bytes `fill` writes at a time.
const FILL: usize = 256;

impl Mapping {
    /// Copies the bytes at `offset` into `buffer`.
    ///
    /// # Errors
    ///
    /// [`AccessError::OutOfBounds`], [`AccessError::Protected`]; nothing is copied then.
    #[inline]
    pub fn read_at(&self, offset: usize, buffer: &mut [u8]) -> Result<(), AccessError> {
        let from = self.access(offset, buffer.len(), Protection::READ)?;
        // SAFETY: `access` says that so many bytes are mapped readable; the buffer
        // is borrowed for us alone and, as no safe slice of a mapping exists, elsewhere.
        unsafe { arch::copy_in(buffer.as_mut_ptr(), from, buffer.len()) };
        Ok(())
    }

    /// Copies `bytes` to `offset`.
    ///
    /// # Errors
    ///
    /// [`AccessError::OutOfBounds`], [`AccessError::Protected`]; nothing is copied then.
    #[inline]
    pub fn write_at(&self, offset: usize, bytes: &[u8]) -> Result<(), AccessError> {
        let to = self.access(offset, bytes.len(), Protection::WRITE)?;
        // SAFETY: `access` says that so many bytes are mapped writable; the bytes are
        // borrowed and, as no safe slice of a mapping exists, elsewhere.
        unsafe { arch::copy_out(to, bytes.as_ptr(), bytes.len()) };
        Ok(())
    }

    /// Sets every byte of a range, which may be `..`.
    ///
    /// # Errors
    ///
    /// [`AccessError::OutOfBounds`], [`AccessError::Protected`]; nothing is written then.
    pub fn fill(&self, range: impl RangeBounds<usize>, byte: u8) -> Result<(), AccessError> {
        let (offset, len) = self.resolve(range).ok_or(AccessError::OutOfBounds)?;
        let to = self.access(offset, len, Protection::WRITE)?;
        let block = [byte; FILL];
        let mut at = 0;
        while at < len {
            let step = FILL.min(len - at);
            // SAFETY: `at < len`, so it stays within what `access` allowed.
            let to = unsafe { to.add(at) };
            // SAFETY: `step` bytes are left of what is mapped writable, and the
            // block has as many.
            unsafe { arch::copy_out(to, block.as_ptr(), step) };
            at += step;
        }
        Ok(())
    }

    /// Returns a copy of the value at `offset`, which need not be aligned.
    ///
    /// # Errors
    ///
    /// [`AccessError::OutOfBounds`], [`AccessError::Protected`].
    #[inline]
    pub fn read<T: FromBytes>(&self, offset: usize) -> Result<T, AccessError> {
        let from = self.access(offset, size_of::<T>(), Protection::READ)?;
        // SAFETY: `access` says that so many bytes are mapped readable.
        let value = unsafe { arch::copy_in_value::<T>(from) };
        // SAFETY: all its bytes are set, and FromBytes says that any will do.
        Ok(unsafe { value.assume_init() })
    }

    /// Copies a value to `offset`, which need not be aligned.
    ///
    /// # Errors
    ///
    /// [`AccessError::OutOfBounds`], [`AccessError::Protected`].
    #[inline]
    pub fn write<T: IntoBytes + Immutable>(
        &self,
        offset: usize,
        value: &T,
    ) -> Result<(), AccessError> {
        let to = self.access(offset, size_of::<T>(), Protection::WRITE)?;
        // SAFETY: `access` says that so many bytes are mapped writable; IntoBytes says that
        // none of them is padding.
        unsafe { arch::copy_out_value(to, value) };
        Ok(())
    }

    /// Returns the whole mapping as a slice.
    ///
    /// # Errors
    ///
    /// [`AccessError::Protected`]: not readable.
    ///
    /// # Safety
    ///
    /// As long as the slice exists nobody writes there: no other process, no thread
    /// of this one (through `&self` as well), no [`Advice`]; and the file does not become shorter. Good reasons:
    /// the memfd is sealed with [`Seals::WRITE`](crate::memory::memfd::Seals::WRITE), or
    /// the mapping is private and anonymous.
    pub unsafe fn as_slice(&self) -> Result<&[u8], AccessError> {
        let at = self.access(0, self.len, Protection::READ)?;
        // SAFETY: so many bytes are mapped readable; that they do not change is the
        // caller's promise.
        Ok(unsafe { core::slice::from_raw_parts(at, self.len) })
    }

    /// Returns the whole mapping as a mutable slice.
    ///
    /// # Errors
    ///
    /// [`AccessError::Protected`]: not both readable and writable.
    ///
    /// # Safety
    ///
    /// As long as the slice exists nobody else reads or writes there: no other
    /// process that shares it, and nobody through another mapping; and the file does not become shorter.
    pub unsafe fn as_mut_slice(&mut self) -> Result<&mut [u8], AccessError> {
        let at = self.access(0, self.len, Protection::READ | Protection::WRITE)?;
        // SAFETY: so many bytes are mapped readable and writable; that nobody else
        // uses them is the caller's promise.
        Ok(unsafe { core::slice::from_raw_parts_mut(at, self.len) })
    }
}
