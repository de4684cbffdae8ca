//! What the kernel does with the pages of a mapping: protection, advice, locks, writing back.

use core::ops::RangeBounds;

use rustix::mm::{self, MlockFlags, MprotectFlags, MsyncFlags};

use super::advice::Advice;
use super::mapped::Mapping;
use super::protection::Protection;
use crate::sys::remote::AddressRange;
use crate::{Errno, Result, sys};

/// How many ranges `advise_each` hands to the kernel at a time.
const ADVISED: usize = 64;

/// The mode of [`Mapping::sync`]: whether it waits.
///
/// # Examples
///
/// ```
/// use rawipc::memory::{MapOptions, SyncMode};
///
/// # let unique = format!("rawipc-doc-sync-{}", std::process::id());
/// # let path = std::env::temp_dir().join(unique);
/// let file = std::fs::File::options().read(true).write(true).create_new(true).open(&path)?;
/// file.set_len(4096)?;
/// let mapping = MapOptions::shared(4096).map(&file)?;
/// mapping.write_at(0, b"entry")?;
/// mapping.sync(.., SyncMode::Wait)?; // on the disk when this returns
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SyncMode {
    /// Waits until everything is written: `MS_SYNC`.
    Wait,
    /// Schedules writing, which the kernel does anyway: `MS_ASYNC`.
    Schedule,
    /// Makes other mappings of the file see the same, which on Linux they always do:
    /// `MS_INVALIDATE`. Fails with [`Errno::BUSY`] if part of it is locked.
    Invalidate,
}

/// The time at which [`Mapping::lock`] brings pages into memory.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::memory::{Lock, MapOptions};
///
/// let mapping = MapOptions::private(4096).map_anonymous()?;
/// match mapping.lock(.., Lock::Now) {
///     Ok(()) => println!("never swapped out"),
///     Err(Errno::NOMEM | Errno::PERM | Errno::AGAIN) => println!("beyond the limit"),
///     Err(errno) => return Err(errno.into()),
/// }
/// mapping.unlock(..)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lock {
    /// All of them, before it returns.
    Now,
    /// Each when it is first accessed: `MLOCK_ONFAULT`.
    OnFault,
}

impl Mapping {
    /// Changes what this process may do with the mapping: `mprotect(2)`.
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
            Ok(()) => (self.protection, self.uneven) = (protection, false),
            // The kernel may have changed a part.
            Err(_) => self.protection &= protection,
        }
        result
    }

    /// Takes from a part of the mapping what this process may do with the rest of it, for
    /// guard pages or constants: `mprotect(2)`.
    ///
    /// The range begins at a multiple of the page size and is rounded up to whole
    /// pages; it may be `..`. Contents stay. **Access to the part is not checked**: one that its
    /// protection forbids, also by this type's methods, ends the process with SIGSEGV.
    /// [`protection`](Self::protection) stays that of the rest. To have two parts that are
    /// checked, [split](Self::split_off) the mapping.
    ///
    /// [`unprotect_range`](Self::unprotect_range) undoes it, as does [`protect`](Self::protect)
    /// for all parts. [`Advice::GuardInstall`] makes guard pages at less cost, in newer
    /// kernels.
    ///
    /// # Errors
    ///
    /// [`Errno::RANGE`]: some of it lies outside. [`Errno::INVAL`]: begins within a page, or
    /// within a huge page; or `protection` allows what that of the mapping does not.
    /// [`Errno::NOMEM`]: too many mappings; a part of the range may have been restricted then.
    /// [`Errno::PERM`]: it is [sealed](Self::seal).
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::memory::{MapOptions, Protection};
    ///
    /// // A stack that grows down, and what stops it.
    /// let page = 64 << 10;
    /// let mut stack = MapOptions::private(4 * page).map_anonymous()?;
    /// stack.protect_range(..page, Protection::empty())?;
    /// stack.write(page, &7_u32).unwrap();
    ///
    /// stack.unprotect_range(..page)?;
    /// assert_eq!(stack.read::<u32>(0), Ok(0));
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    #[doc(alias = "mprotect")]
    pub fn protect_range(
        &mut self,
        range: impl RangeBounds<usize>,
        protection: Protection,
    ) -> Result<()> {
        if !self.protection.contains(protection) {
            return Err(Errno::INVAL);
        }
        let (address, len) = self.pages(range)?;
        if self.sealed {
            return Err(Errno::PERM);
        }
        self.uneven = true;
        let flags = MprotectFlags::from_bits_retain(protection.bits());
        // SAFETY: the pages are this mapping's, and `&mut` says that no object in it
        // is borrowed; slices are their users' to answer for. They lose what accesses are
        // checked against, so that one ends the process, and gain nothing.
        unsafe { mm::mprotect(address.cast(), len, flags) }
    }

    /// Gives a part of the mapping the [protection](Self::protection) of the rest again:
    /// `mprotect(2)`.
    ///
    /// The range is that of [`protect_range`](Self::protect_range), or more or less of it.
    ///
    /// # Errors
    ///
    /// [`Errno::RANGE`]: some of it lies outside. [`Errno::INVAL`]: begins within a page, or
    /// within a huge page. [`Errno::NOMEM`]: too many mappings; some of it may still be
    /// restricted. [`Errno::PERM`]: it is [sealed](Self::seal).
    #[doc(alias = "mprotect")]
    pub fn unprotect_range(&mut self, range: impl RangeBounds<usize>) -> Result<()> {
        self.protect_range(range, self.protection)
    }

    /// Gives the kernel advice about a part of the mapping: `madvise(2)`.
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

    /// Gives the kernel advice about each of these parts in their order:
    /// `process_madvise(2)`.
    ///
    /// Since Linux 6.14 one system call serves 64 parts, before that each takes its own.
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

    /// Returns which pages of a part are in memory, so that an access need not wait for a
    /// disk: `mincore(2)`.
    ///
    /// A byte for each page is 1 if it is, else 0.
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

    /// Seals the mapping as it is, for ever: `mseal(2)` (Linux 6.10).
    ///
    /// Nothing in this process can protect it differently, move, resize or unmap it, or map
    /// something in its place, nor discard by advice what it may not write; bytes can be
    /// written as before.
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

    /// Writes changes back to the file: `msync(2)`.
    ///
    /// Without effect on memfds and anonymous memory; other mappings see changes without it.
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

    /// Keeps a part of the mapping in memory, never swapped out: `mlock2(2)`. The range is
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
}
