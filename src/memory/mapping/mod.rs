//! [`Mapping`]: memory as other processes see and change it.
//!
//! No safe function gives a `&[u8]` or `&mut [u8]` of mapped memory: the compiler
//! assumes that what these point to does not change by itself, and here it does.
//! Bytes are copied in and out; what several processes work on is atomic
//! ([`Shared`]).
//!
//! Here rather than in [`memory`](crate::memory), where it is made of descriptors and of
//! nothing, as System V segments are attached as the same thing.

mod advice;
mod protection;
mod resize;

use crate::primitive::Shared;
pub use crate::sys::remote::{Address, AddressRange};
pub use advice::Advice;
pub use protection::Protection;

use core::fmt;
use core::mem::{align_of, size_of};
use core::ops::{Bound, RangeBounds};
use core::ptr::NonNull;

use rustix::mm::{self, MlockFlags, MprotectFlags, MsyncFlags};
use static_assertions::assert_impl_all;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::{Errno, Result, arch, sys};

/// How many bytes `fill` writes at a time.
const FILL: usize = 256;

/// How many ranges `advise_each` hands to the kernel at a time.
const ADVISED: usize = 64;

/// Memory that is mapped into this process, until it is dropped; made by
/// [`MapOptions`](crate::memory::MapOptions), or by
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
    address: NonNull<u8>,
    /// How many bytes were asked for: what accesses are checked against.
    len: usize,
    /// How many are mapped: more than `len` only where pages are huge.
    mapped: usize,
    /// Of what `mapped` is a multiple: 1, which leaves it to the kernel, or the size of
    /// its huge pages.
    page: usize,
    /// Nothing in this process can change or unmap it any more.
    sealed: bool,
    protection: Protection,
    offset: u64,
    release: Release,
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

/// Why a [`Mapping`] does not allow an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AccessError {
    /// Some of it lies outside.
    OutOfBounds,
    /// The mapping's [`Protection`] does not allow it.
    Protected,
    /// It is not aligned as its type demands.
    Misaligned,
}

/// How far [`Mapping::sync`] goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SyncMode {
    /// Returns when it is written: `MS_SYNC`.
    Wait,
    /// Says that it shall be written, which the kernel does anyway: `MS_ASYNC`.
    Schedule,
    /// Makes sure that other mappings of the file see the same, which on Linux
    /// they always do: `MS_INVALIDATE`. Fails with [`Errno::BUSY`] if part of it is locked.
    Invalidate,
}

/// When [`Mapping::lock`] brings pages into memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lock {
    /// All of them, before it returns.
    Now,
    /// Each when it is first accessed: `MLOCK_ONFAULT`.
    OnFault,
}

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
            offset,
            release,
        })
    }

    /// How many bytes it has, as asked for; never 0.
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Where in its file it begins, in bytes; 0 of anonymous memory and System V segments.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// What this process may do with it.
    #[must_use]
    pub fn protection(&self) -> Protection {
        self.protection
    }

    /// Changes what this process may do with it: `mprotect(2)`.
    ///
    /// All of it, and only while no [`object`](Self::object) in it is borrowed:
    ///
    /// ```compile_fail,E0502
    /// use core::sync::atomic::{AtomicU32, Ordering};
    /// use rawipc::memory::{MapOptions, Protection};
    ///
    /// let mut mapping = MapOptions::shared(4096).map_anonymous().unwrap();
    /// let counter = mapping.object::<AtomicU32>(0).unwrap();
    /// mapping.protect(Protection::READ).unwrap();
    /// counter.store(1, Ordering::Relaxed);
    /// ```
    ///
    /// # Errors
    ///
    /// [`Errno::ACCESS`]: the descriptor was not open for that, or the memfd is sealed
    /// against writing. [`Errno::NOMEM`]: too many mappings. After these only what was
    /// allowed before and is allowed by `protection` remains so. [`Errno::PERM`]: it is
    /// [sealed](Self::seal), and what it was.
    #[doc(alias = "mprotect")]
    pub fn protect(&mut self, protection: Protection) -> Result<()> {
        if self.sealed {
            return Err(Errno::PERM);
        }
        let flags = MprotectFlags::from_bits_retain(protection.bits());
        // SAFETY: the pages are this mapping's, and `&mut` says that no object in it
        // is borrowed; slices are their users' to answer for.
        let result = unsafe { mm::mprotect(self.address.as_ptr().cast(), self.mapped, flags) };
        match result {
            Ok(()) => self.protection = protection,
            // The kernel may have changed a part.
            Err(_) => self.protection &= protection,
        }
        result
    }

    /// Tells the kernel something about a part of it: `madvise(2)`.
    ///
    /// The range begins at a multiple of the page size and is rounded up to whole
    /// pages; it may be `..`. Some [`Advice`] **changes contents** or makes memory
    /// inaccessible.
    ///
    /// # Errors
    ///
    /// [`Errno::RANGE`]: some of it lies outside. [`Errno::INVAL`]: begins within a
    /// page; the advice is not for this kind of memory, or the kernel does not know it.
    /// [`Errno::ACCESS`]: [`Advice::Remove`] of a mapping that is not shared, or could
    /// not be made writable. [`Errno::NOMEM`], [`Errno::FAULT`]: could not be populated.
    /// [`Errno::PERM`]: for privileged processes; or it is [sealed](Self::seal).
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::memory::{Advice, MapOptions};
    ///
    /// let mapping = MapOptions::private(1 << 20).map_anonymous()?;
    /// mapping.advise(.., Advice::DontDump)?;
    /// mapping.write(0, &1_u8).unwrap();
    /// mapping.advise(..4096, Advice::DontNeed)?;
    /// assert_eq!(mapping.read::<u8>(0), Ok(0));
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    #[doc(alias = "madvise")]
    pub fn advise(&self, range: impl RangeBounds<usize>, advice: Advice) -> Result<()> {
        let (address, len) = self.pages(range)?;
        // SAFETY: the pages are this mapping's. Contents may change under any view
        // that is safe to have; an access to what is inaccessible ends the process.
        unsafe { sys::memory::madvise(address, len, advice as u32) }
    }

    /// As [`advise`](Self::advise) about each of these parts, by as few calls of the kernel
    /// as it allows: `process_madvise(2)`, since Linux 6.14 one for 64 parts, before that
    /// one each. The parts are taken in their order.
    ///
    /// # Errors
    ///
    /// As [`advise`](Self::advise). Those before the one that was refused have been
    /// advised about, unless it was [`Errno::RANGE`].
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::memory::{Advice, MapOptions};
    ///
    /// let stacks = MapOptions::private(1 << 20).map_anonymous()?;
    /// stacks.write(1 << 17, &1_u8).unwrap();
    /// // The first 64 KiB of each 128.
    /// let unused: Vec<_> = (0..8).map(|n| (n << 17)..(n << 17) + (1 << 16)).collect();
    /// stacks.advise_each(&unused, Advice::DontNeed)?;
    /// assert_eq!(stacks.read::<u8>(1 << 17), Ok(0));
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    #[doc(alias = "process_madvise")]
    pub fn advise_each<R>(&self, ranges: &[R], advice: Advice) -> Result<()>
    where
        R: RangeBounds<usize>,
    {
        let addresses = |range: &R| {
            self.address_range((range.start_bound().cloned(), range.end_bound().cloned()))
        };
        for range in ranges {
            addresses(range)?;
        }
        for ranges in ranges.chunks(ADVISED) {
            let mut parts = [AddressRange::default(); ADVISED];
            for (part, range) in parts.iter_mut().zip(ranges) {
                *part = addresses(range)?;
            }
            let parts = parts.get(..ranges.len()).unwrap_or_default();
            // SAFETY: as in `advise`, of each.
            let mut done = unsafe {
                sys::memory::process_madvise(sys::memory::PIDFD_SELF, parts, advice as u32)
            }
            // Not in this kernel, or not the first of them: then that one says why.
            .unwrap_or(0);
            for part in parts {
                if done >= part.len {
                    done -= part.len;
                    continue;
                }
                done = 0;
                let address = core::ptr::with_exposed_provenance_mut(part.address.get());
                // SAFETY: as in `advise`.
                unsafe { sys::memory::madvise(address, part.len, advice as u32) }?;
            }
        }
        Ok(())
    }

    /// Which pages of a part are in memory, so that an access need not wait for a disk:
    /// `mincore(2)`. A byte for each page, 1 if it is and 0 if not.
    ///
    /// The range begins at a multiple of the page size; `buffer` has a byte for each 4096
    /// bytes of it, less of which is used where pages are larger. What it says may have
    /// changed by then, unless the pages are [locked](Self::lock). Of a file that this
    /// process neither owns nor may write, all pages are said to be there.
    ///
    /// # Errors
    ///
    /// [`Errno::RANGE`]: some of it lies outside, or `buffer` is too short.
    /// [`Errno::INVAL`]: begins within a page. [`Errno::AGAIN`]: the kernel has no memory
    /// to tell.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::memory::MapOptions;
    ///
    /// let mapping = MapOptions::private(1 << 16).map_anonymous()?;
    /// mapping.write(0, &1_u8).unwrap();
    /// let mut buffer = [0; 16];
    /// let pages = mapping.resident(.., &mut buffer)?;
    /// assert_eq!(pages.first(), Some(&1));
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    #[doc(alias = "mincore")]
    pub fn resident<'b>(
        &self,
        range: impl RangeBounds<usize>,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8]> {
        /// What the kernel never says.
        const UNTOLD: u8 = 0xff;
        let (address, len) = self.pages(range)?;
        buffer.fill(UNTOLD);
        sys::memory::mincore(address, len, buffer)?;
        let mut count = 0;
        for page in buffer.iter_mut().take_while(|page| **page != UNTOLD) {
            *page &= 1;
            count += 1;
        }
        Ok(buffer.get(..count).unwrap_or_default())
    }

    /// Makes it what it is now for ever: `mseal(2)` (Linux 6.10). Nothing in this
    /// process can protect it differently, move, resize or unmap it, or map something in
    /// its place, nor discard by advice what it may not write; bytes can be written as
    /// before.
    ///
    /// **Dropping it leaves it mapped**, until the process ends or executes another
    /// program. A child made by fork has it sealed as well.
    ///
    /// # Errors
    ///
    /// [`Errno::NOSYS`]: a kernel without it.
    #[doc(alias = "mseal")]
    pub fn seal(&mut self) -> Result<()> {
        // SAFETY: nobody but this mapping unmaps or changes its pages, and it knows
        // from now on that it cannot.
        unsafe { sys::memory::mseal(self.address.as_ptr(), self.mapped) }?;
        self.sealed = true;
        Ok(())
    }

    /// Whether it is [sealed](Self::seal).
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.sealed
    }

    /// Where a part of it is in this process, as numbers: for
    /// [`advise_process`](crate::memory::advise_process) of another process, and for
    /// [`userfault`](crate::memory::userfault). A part that goes to the end of a mapping
    /// of huge pages goes to the end of the last one.
    ///
    /// # Errors
    ///
    /// [`Errno::RANGE`]: some of it lies outside.
    pub fn address_range(&self, range: impl RangeBounds<usize>) -> Result<AddressRange> {
        let (address, len) = self.pages(range)?;
        let address = Address::new(address.expose_provenance());
        Ok(AddressRange { address, len })
    }

    /// Which offset in it the address has, if it lies inside.
    #[must_use]
    pub fn offset_of(&self, address: Address) -> Option<usize> {
        let offset = address.get().checked_sub(self.address.as_ptr().addr())?;
        (offset < self.len).then_some(offset)
    }

    /// Writes what was changed back to the file: `msync(2)`. Without effect on
    /// memfds and anonymous memory; other mappings see changes without it.
    ///
    /// # Errors
    ///
    /// [`Errno::RANGE`]: some of it lies outside. [`Errno::INVAL`]: begins within a page.
    /// [`Errno::BUSY`]: see [`SyncMode::Invalidate`]. [`Errno::IO`]: could not be written.
    #[doc(alias = "msync")]
    pub fn sync(&self, range: impl RangeBounds<usize>, mode: SyncMode) -> Result<()> {
        let (address, len) = self.pages(range)?;
        let flags = match mode {
            SyncMode::Wait => MsyncFlags::SYNC,
            SyncMode::Schedule => MsyncFlags::ASYNC,
            SyncMode::Invalidate => MsyncFlags::INVALIDATE,
        };
        // SAFETY: the pages are this mapping's, and their contents stay.
        unsafe { mm::msync(address.cast(), len, flags) }
    }

    /// Keeps a part of it in memory, never swapped out: `mlock2(2)`. The range is
    /// widened to whole pages.
    ///
    /// # Errors
    ///
    /// [`Errno::RANGE`]: some of it lies outside. [`Errno::NOMEM`], [`Errno::PERM`]: beyond the limit of locked memory
    /// (`RLIMIT_MEMLOCK`). [`Errno::AGAIN`]: some could not be locked.
    #[doc(alias = "mlock")]
    #[doc(alias = "mlock2")]
    pub fn lock(&self, range: impl RangeBounds<usize>, lock: Lock) -> Result<()> {
        let (address, len) = self.pages(range)?;
        let flags = match lock {
            Lock::Now => MlockFlags::empty(),
            Lock::OnFault => MlockFlags::ONFAULT,
        };
        // SAFETY: the pages are this mapping's, and their contents stay.
        unsafe { mm::mlock_with(address.cast(), len, flags) }
    }

    /// Undoes [`lock`](Self::lock), however often that was called: `munlock(2)`.
    ///
    /// # Errors
    ///
    /// [`Errno::RANGE`]: some of it lies outside.
    #[doc(alias = "munlock")]
    pub fn unlock(&self, range: impl RangeBounds<usize>) -> Result<()> {
        let (address, len) = self.pages(range)?;
        // SAFETY: the pages are this mapping's, and their contents stay.
        unsafe { mm::munlock(address.cast(), len) }
    }

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

    /// Copies out the value at `offset`, which need not be aligned.
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

    /// The object at `offset`, which other processes may use at the same time.
    ///
    /// Whatever bytes are there are its value: a new memfd is all zero.
    ///
    /// # Errors
    ///
    /// [`AccessError::OutOfBounds`]; [`AccessError::Misaligned`];
    /// [`AccessError::Protected`]: the mapping is not both readable and writable.
    #[inline]
    pub fn object<T: Shared>(&self, offset: usize) -> Result<&T, AccessError> {
        let at = self.typed::<T>(offset, size_of::<T>())?;
        // SAFETY: mapped readable and writable, and aligned; stays so while `self` is
        // borrowed. Shared says that any bytes are a value, and that it does not
        // matter who changes them.
        Ok(unsafe { &*at })
    }

    /// The `count` objects from `offset` on, as [`object`](Self::object).
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
        let at = self.typed::<T>(offset, size)?;
        // SAFETY: as in `object`; `count` of them were checked.
        Ok(unsafe { core::slice::from_raw_parts(at, count) })
    }

    /// Where it begins in this process.
    ///
    /// A pointer is not an access; whoever accesses what it points to keeps to
    /// [`len`](Self::len) and [`protection`](Self::protection), does not outlive the mapping, and
    /// minds that others write there.
    #[must_use]
    pub fn as_ptr(&self) -> *mut u8 {
        self.address.as_ptr()
    }

    /// All of it as a slice.
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

    /// All of it as a slice to change.
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

    /// Where `len` bytes from `offset` are, if they may be accessed so.
    #[inline]
    fn access(
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

    #[inline]
    fn typed<T>(&self, offset: usize, size: usize) -> Result<*const T, AccessError> {
        let at = self.access(offset, size, Protection::READ | Protection::WRITE)?;
        if at.addr() % align_of::<T>() != 0 {
            return Err(AccessError::Misaligned);
        }
        Ok(at.cast_const().cast())
    }

    /// A range as offset and length, if it lies inside.
    fn resolve(&self, range: impl RangeBounds<usize>) -> Option<(usize, usize)> {
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
    fn pages(&self, range: impl RangeBounds<usize>) -> Result<(*mut u8, usize)> {
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

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfBounds => "outside the mapping",
            Self::Protected => "the mapping's protection forbids it",
            Self::Misaligned => "not aligned",
        })
    }
}

impl core::error::Error for AccessError {}
