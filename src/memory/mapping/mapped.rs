//! [`Mapping`]: what it is, where it is, and how it ends.

use core::ops::{Bound, RangeBounds};
use core::ptr::NonNull;

use rustix::mm;
use static_assertions::assert_impl_all;

use super::error::AccessError;
use super::protection::Protection;
use super::sizes::Sizes;
use crate::sys::remote::{Address, AddressRange};
use crate::{Errno, Result, sys};

/// Memory that is mapped into this process until it is dropped, made by
/// [`MapOptions`](crate::memory::MapOptions) or
/// [`Segment::attach`](crate::sysv::memory::Segment::attach).
///
/// All accesses are checked: what lies outside or is not allowed is an
/// [`AccessError`]. Other processes, and other threads, may access the same memory
/// meanwhile; a copy then has some bytes from before and some from after.
///
/// What it cannot check is the file behind: if that becomes shorter than the
/// mapping, accesses beyond its end kill this process with SIGBUS, see
/// [`MapOptions::map`](crate::memory::MapOptions::map).
///
/// ```
/// use core::sync::atomic::{AtomicU32, Ordering};
/// use rawipc::memory::{AccessError, MapOptions};
///
/// let mapping = MapOptions::shared(8192).map_anonymous()?;
///
/// mapping.write(16, &0x1234_5678_u32).unwrap();
/// assert_eq!(mapping.read::<u32>(16), Ok(0x1234_5678));
///
/// let counter = mapping.object::<AtomicU32>(64).unwrap();
/// counter.fetch_add(5, Ordering::Relaxed);
/// assert_eq!(mapping.read::<u32>(64), Ok(5));
///
/// assert_eq!(mapping.read::<u32>(8190), Err(AccessError::OutOfBounds));
/// # Ok::<(), rawipc::Errno>(())
/// ```
///
/// Nothing in it outlives it:
///
/// ```compile_fail,E0505
/// use core::sync::atomic::{AtomicU32, Ordering};
/// use rawipc::memory::MapOptions;
///
/// let mapping = MapOptions::shared(4096).map_anonymous().unwrap();
/// let counter = mapping.object::<AtomicU32>(0).unwrap();
/// drop(mapping);
/// counter.load(Ordering::Relaxed);
/// ```
#[derive(Debug)]
pub struct Mapping {
    pub(super) address: NonNull<u8>,
    /// How many bytes were asked for: what accesses are checked against.
    pub(super) len: usize,
    /// How many are mapped: more than `len` only where pages are huge.
    pub(super) mapped: usize,
    /// Of what `mapped` is a multiple: 1, which leaves it to the kernel, or the size of
    /// its huge pages.
    pub(super) page: usize,
    /// Nothing in this process can change or unmap it any more.
    pub(super) sealed: bool,
    pub(super) protection: Protection,
    /// Parts of it may be protected more than that.
    pub(super) uneven: bool,
    pub(super) offset: u64,
    pub(super) release: Release,
    /// What sizes of atomics it has handed out.
    pub(super) sizes: Sizes,
}

/// How memory is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    /// `munmap(2)`.
    Unmap,
    /// `shmdt(2)`: of a System V segment.
    Detach,
}

// SAFETY: the mapping belongs to the process, not to a thread, and may be unmapped by any.
unsafe impl Send for Mapping {}
// SAFETY: all that can be done through `&Mapping` is atomic, or copies bytes in a
// way that tolerates others who write them meanwhile, other processes as well as
// threads; or the caller vouches that there are none.
unsafe impl Sync for Mapping {}

assert_impl_all!(Mapping: Send, Sync);

impl Mapping {
    /// # Safety
    ///
    /// `len` bytes, or the next multiple of `page` if that is a size of huge pages and
    /// not 1, must be mapped at `address` with `protection`, belong to nobody else, and be
    /// given back by `release`.
    pub(crate) unsafe fn own(
        address: *mut u8,
        len: usize,
        page: usize,
        protection: Protection,
        offset: u64,
        release: Release,
    ) -> Result<Self> {
        // The kernel maps nothing at address 0 that was not asked for there.
        let address = NonNull::new(address).ok_or(Errno::FAULT)?;
        Ok(Self {
            address,
            len,
            mapped: whole_pages(len, page)?,
            page,
            sealed: false,
            protection,
            uneven: false,
            offset,
            release,
            sizes: Sizes::new(),
        })
    }

    /// Returns its length in bytes as asked for, never 0.
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns where in its file it begins, in bytes; 0 for anonymous memory and System V
    /// segments. What was [split off](Self::split_off) begins where it was cut, whatever the
    /// memory.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns what this process may do with it, apart from parts that
    /// [`protect_range`](Self::protect_range) restricts.
    #[must_use]
    pub fn protection(&self) -> Protection {
        self.protection
    }

    /// Returns whether it is [sealed](Self::seal).
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.sealed
    }

    /// Returns the addresses of a part of it in this process.
    ///
    /// They are for [`advise_process`](crate::memory::advise_process) by another process,
    /// and for [`userfault`](crate::memory::userfault). A part that goes to the end of a
    /// mapping of huge pages goes to the end of the last one.
    ///
    /// # Errors
    ///
    /// [`Errno::RANGE`]: some of it lies outside.
    pub fn address_range(&self, range: impl RangeBounds<usize>) -> Result<AddressRange> {
        let (address, len) = self.pages(range)?;
        let address = Address::new(address.expose_provenance());
        Ok(AddressRange { address, len })
    }

    /// Returns the offset of an address in the mapping, if it lies inside.
    #[must_use]
    pub fn offset_of(&self, address: Address) -> Option<usize> {
        let offset = address.get().checked_sub(self.address.as_ptr().addr())?;
        (offset < self.len).then_some(offset)
    }

    /// Returns the address where it begins in this process.
    ///
    /// A pointer is not an access; whoever accesses what it points to keeps to
    /// [`len`](Self::len) and [`protection`](Self::protection), does not outlive the mapping, and
    /// minds that others write there.
    #[must_use]
    pub fn as_ptr(&self) -> *mut u8 {
        self.address.as_ptr()
    }

    /// Where `len` bytes from `offset` are, if they may be accessed so.
    #[inline]
    pub(super) fn access(
        &self,
        offset: usize,
        len: usize,
        wanted: Protection,
    ) -> Result<*mut u8, AccessError> {
        if offset > self.len || len > self.len - offset {
            return Err(AccessError::OutOfBounds);
        }
        if !self.protection.contains(wanted) {
            return Err(AccessError::Protected);
        }
        // SAFETY: at most `self.len`, so within the mapping or at its end.
        Ok(unsafe { self.address.as_ptr().add(offset) })
    }

    /// A range as offset and length, if it lies inside.
    pub(super) fn resolve(&self, range: impl RangeBounds<usize>) -> Option<(usize, usize)> {
        let start = match range.start_bound() {
            Bound::Included(&start) => start,
            Bound::Excluded(&before) => before.checked_add(1)?,
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(&last) => last.checked_add(1)?,
            Bound::Excluded(&end) => end,
            Bound::Unbounded => self.len,
        };
        (end <= self.len)
            .then(|| end.checked_sub(start))
            .flatten()
            .map(|len| (start, len))
    }

    /// A range as the kernel takes it: to its end where it goes to our end.
    pub(super) fn pages(&self, range: impl RangeBounds<usize>) -> Result<(*mut u8, usize)> {
        let (start, len) = self.resolve(range).ok_or(Errno::RANGE)?;
        let end = if len > 0 && start + len == self.len {
            self.mapped
        } else {
            start + len
        };
        // SAFETY: `start` is at most `self.len`, so within the mapping or at its end.
        Ok((unsafe { self.address.as_ptr().add(start) }, end - start))
    }
}

/// How long a mapping is: a huge page, whose size is a power of two, is mapped and
/// unmapped whole.
///
/// # Errors
///
/// [`Errno::NOMEM`]: more than there are addresses.
pub(crate) fn whole_pages(len: usize, page: usize) -> Result<usize> {
    let end = len.checked_add(page - 1).ok_or(Errno::NOMEM)?;
    Ok(end & !(page - 1))
}

impl Drop for Mapping {
    fn drop(&mut self) {
        self.sizes.forget(self.len);
        let address = self.address.as_ptr();
        // Neither can fail, unless they are sealed and stay: these very pages were
        // mapped, and in one piece.
        let _ = match self.release {
            // SAFETY: nothing borrowed from it is left.
            Release::Unmap => unsafe { mm::munmap(address.cast(), self.mapped) },
            // SAFETY: nothing borrowed from it is left.
            Release::Detach => unsafe { sys::sysv::shmdt(address) },
        };
    }
}
