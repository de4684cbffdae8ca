//! Objects in a mapping that others use at the same time.

use core::mem::{align_of, size_of};

use super::error::AccessError;
use super::mapped::Mapping;
use super::protection::Protection;
use crate::primitive::Shared;

impl Mapping {
    /// Returns the object at `offset`, which other processes may use at the same time.
    ///
    /// Whatever bytes are there are its value: a new memfd is all zero.
    ///
    /// **One size at one place**: every aligned eight bytes of a mapping are handed out as
    /// atomics of one size only, that of the first object there, as concurrent accesses of
    /// different sizes are a race by the rules of the language. [`resize`](Self::resize),
    /// also to the length that it has, forgets what was handed out. What a structure has
    /// where says [`Shared::SIZES`]; one that does not say it shares its places with such
    /// structures only. Another mapping of the same memory keeps an account of its own.
    ///
    /// # Errors
    ///
    /// [`AccessError::OutOfBounds`]; [`AccessError::Misaligned`];
    /// [`AccessError::Protected`]: the mapping is not both readable and writable.
    /// [`AccessError::MixedSizes`]: some of it has been handed out as atomics of another
    /// size. [`AccessError::OutOfMemory`]: no memory to keep account of that.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::sync::atomic::{AtomicU32, AtomicU64};
    /// use rawipc::memory::{AccessError, MapOptions};
    ///
    /// let mut mapping = MapOptions::shared(4096).map_anonymous()?;
    /// assert!(mapping.object::<AtomicU32>(4).is_ok());
    /// assert!(mapping.object::<AtomicU64>(8).is_ok());
    /// assert_eq!(mapping.object::<AtomicU64>(0).err(), Some(AccessError::MixedSizes));
    ///
    /// mapping.resize(4096)?;
    /// assert!(mapping.object::<AtomicU64>(0).is_ok());
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    #[inline]
    pub fn object<T: Shared>(&self, offset: usize) -> Result<&T, AccessError> {
        let at = self.claimed::<T>(offset, size_of::<T>())?;
        // SAFETY: mapped readable and writable, and aligned; stays so while `self` is
        // borrowed. Shared says that any bytes are a value, and that it does not
        // matter who changes them.
        Ok(unsafe { &*at })
    }

    /// Returns the `count` objects from `offset` on, as [`object`](Self::object) returns
    /// one.
    ///
    /// # Errors
    ///
    /// As [`object`](Self::object).
    ///
    /// # Examples
    ///
    /// ```
    /// use core::sync::atomic::{AtomicU8, Ordering};
    /// use rawipc::memory::MapOptions;
    ///
    /// let coverage = MapOptions::shared(1 << 16).map_anonymous()?;
    /// let edges = coverage.objects::<AtomicU8>(0, coverage.len()).unwrap();
    /// edges[0x1234].fetch_add(1, Ordering::Relaxed);
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    #[inline]
    pub fn objects<T: Shared>(&self, offset: usize, count: usize) -> Result<&[T], AccessError> {
        let size = size_of::<T>()
            .checked_mul(count)
            .ok_or(AccessError::OutOfBounds)?;
        let at = self.claimed::<T>(offset, size)?;
        // SAFETY: as in `object`; `count` of them were checked.
        Ok(unsafe { core::slice::from_raw_parts(at, count) })
    }

    /// As [`object`](Self::object), in a mapping of this crate's own that hands out nothing
    /// else, of whose sizes nobody needs to keep account.
    #[inline]
    pub(crate) fn only_object<T: Shared>(&self, offset: usize) -> Result<&T, AccessError> {
        let at = self.typed::<T>(offset, size_of::<T>())?;
        // SAFETY: as in `object`.
        Ok(unsafe { &*at })
    }

    /// As [`typed`](Self::typed), for atomics of these sizes from now on.
    #[inline]
    fn claimed<T: Shared>(&self, offset: usize, size: usize) -> Result<*const T, AccessError> {
        let at = self.typed::<T>(offset, size)?;
        self.sizes.claim(self.len, offset, size, T::SIZES)?;
        Ok(at)
    }

    #[inline]
    fn typed<T>(&self, offset: usize, size: usize) -> Result<*const T, AccessError> {
        let at = self.access(offset, size, Protection::READ | Protection::WRITE)?;
        if at.addr() % align_of::<T>() != 0 {
            return Err(AccessError::Misaligned);
        }
        Ok(at.cast_const().cast())
    }
}
