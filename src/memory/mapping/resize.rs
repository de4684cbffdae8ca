//! `mremap(2)`: mappings that become longer or shorter, move, or become two.
//!
//! Left out is `MREMAP_FIXED`: to say where a mapping goes is to say what it replaces.

use core::ptr::NonNull;

use linux_raw_sys::general::{MREMAP_DONTUNMAP, MREMAP_MAYMOVE};
use rustix::mm::{self, MprotectFlags};

use super::mapped::{Mapping, Release, whole_pages};
use super::sizes::Sizes;
use crate::{Errno, Result, sys};

impl Mapping {
    /// Makes the mapping longer or shorter, moving it if there is no room: `mremap(2)`.
    ///
    /// What the two lengths have in common keeps its contents, its [locks](Self::lock)
    /// and its [advice](Self::advise). What it gains is what follows in the file or
    /// memfd, zeros in private anonymous memory. **Shared anonymous memory does not
    /// become longer**: an access beyond what it had when it was mapped ends the process
    /// with SIGBUS, as one beyond the end of a file does.
    ///
    /// All of it, and only while no [`object`](Self::object) in it is borrowed:
    ///
    /// ```compile_fail,E0502
    /// use core::sync::atomic::{AtomicU32, Ordering};
    /// use rawipc::memory::MapOptions;
    ///
    /// let mut mapping = MapOptions::private(4096).map_anonymous().unwrap();
    /// let counter = mapping.object::<AtomicU32>(0).unwrap();
    /// mapping.resize(8192).unwrap();
    /// counter.store(1, Ordering::Relaxed);
    /// ```
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: `len` is 0; it is a System V segment, which has the length that
    /// it was made with; it consists of huge pages and would become longer.
    /// [`Errno::NOMEM`]: no room in the address space, or not enough memory.
    /// [`Errno::AGAIN`]: beyond the limit of locked memory. [`Errno::FAULT`]: it would
    /// become longer, and parts of it differ by [`advise`](Self::advise),
    /// [`lock`](Self::lock) or [`protect_range`](Self::protect_range). [`Errno::PERM`]:
    /// [sealed](Self::seal). It is what it was then.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::memory::{AccessError, MapOptions};
    ///
    /// let mut mapping = MapOptions::private(4096).map_anonymous()?;
    /// mapping.write(0, &7_u32).unwrap();
    /// mapping.resize(1 << 20)?;
    /// assert_eq!(mapping.read::<u32>(0), Ok(7));
    /// assert_eq!(mapping.read::<u32>(1 << 19), Ok(0));
    /// mapping.resize(100)?;
    /// assert_eq!(mapping.read::<u32>(100), Err(AccessError::OutOfBounds));
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    #[doc(alias = "mremap")]
    pub fn resize(&mut self, len: usize) -> Result<()> {
        // Detaching looks for what the segment has, and would leave the rest.
        if self.release == Release::Detach {
            return Err(Errno::INVAL);
        }
        let mapped = whole_pages(len, self.page)?;
        // SAFETY: the pages are this mapping's, and `&mut` says that nothing in it is
        // borrowed, so that it may move.
        let address = unsafe { self.remap(self.mapped, mapped, MREMAP_MAYMOVE) }?;
        self.sizes.forget(self.len);
        (self.address, self.len, self.mapped) = (address, len, mapped);
        Ok(())
    }

    /// Moves the contents into a new mapping at another address and leaves this one empty:
    /// `MREMAP_DONTUNMAP` (Linux 5.7, shared memory 5.13).
    ///
    /// No byte is copied. Private memory here is zeros, or what the file has, from now
    /// on; a shared mapping still is a mapping of the same. What is registered with a
    /// [`userfault`](crate::memory::userfault) still is here, and there if that is told
    /// of moves.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: of huge pages; a System V segment; before Linux 5.13 all but
    /// private anonymous memory.
    /// [`Errno::NOMEM`], [`Errno::PERM`]: as [`resize`](Self::resize).
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::memory::MapOptions;
    ///
    /// let mut mapping = MapOptions::private(4096).map_anonymous()?;
    /// mapping.write(8, b"contents").unwrap();
    /// let taken = mapping.move_out()?;
    /// assert_eq!(taken.read::<[u8; 8]>(8), Ok(*b"contents"));
    /// assert_eq!(mapping.read::<[u8; 8]>(8), Ok([0; 8]));
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    #[doc(alias = "MREMAP_DONTUNMAP")]
    pub fn move_out(&mut self) -> Result<Self> {
        if self.release == Release::Detach {
            return Err(Errno::INVAL);
        }
        let flags = MREMAP_MAYMOVE | MREMAP_DONTUNMAP;
        // SAFETY: the pages are this mapping's, and `&mut` says that nothing in it is
        // borrowed, so that their contents may change.
        let address = unsafe { self.remap(self.mapped, self.mapped, flags) }?;
        Ok(self.another(address))
    }

    /// Maps the same shared memory once more, at another address: `mremap(2)` of nothing.
    ///
    /// That works for memory without a descriptor, too. All of the new mapping has this one's
    /// [protection](Self::protection), whatever parts of this one have.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: not shared. [`Errno::NOMEM`]: no room in the address space.
    /// [`Errno::PERM`]: [sealed](Self::seal).
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::memory::MapOptions;
    ///
    /// let mapping = MapOptions::shared(4096).map_anonymous()?;
    /// let twin = mapping.duplicate()?;
    /// mapping.write(8, b"both").unwrap();
    /// assert_eq!(twin.read::<[u8; 4]>(8), Ok(*b"both"));
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    #[doc(alias = "mremap")]
    pub fn duplicate(&self) -> Result<Self> {
        // SAFETY: nothing of the pages here changes.
        let address = unsafe { self.remap(0, self.mapped, MREMAP_MAYMOVE) }?;
        let mut twin = self.another(address);
        // The kernel has given it all the protection of the first page here.
        if self.uneven {
            twin.protect(self.protection)?;
        }
        Ok(twin)
    }

    /// Splits the mapping in two at an offset, without moving anything: this one keeps what is
    /// before, and what begins there is returned.
    ///
    /// Each is protected, resized and dropped by itself, and forgets as by
    /// [`resize`](Self::resize) what was handed out. Only while no [`object`](Self::object) in it
    /// is borrowed:
    ///
    /// ```compile_fail,E0502
    /// use core::sync::atomic::{AtomicU32, Ordering};
    /// use rawipc::memory::MapOptions;
    ///
    /// let mut mapping = MapOptions::private(1 << 17).map_anonymous().unwrap();
    /// let counter = mapping.object::<AtomicU32>(0).unwrap();
    /// let rest = mapping.split_off(1 << 16).unwrap();
    /// counter.store(1, Ordering::Relaxed);
    /// ```
    ///
    /// # Errors
    ///
    /// [`Errno::RANGE`]: nothing is before, or nothing begins there. [`Errno::INVAL`]: `at` is
    /// not a multiple of the page size, or the huge page size; it is a System V segment, which is
    /// detached as a whole.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::memory::{AccessError, MapOptions, Protection};
    ///
    /// let mut constants = MapOptions::private(1 << 17).map_anonymous()?;
    /// constants.write_at(0, b"constant").unwrap();
    /// let variables = constants.split_off(1 << 16)?;
    /// constants.protect(Protection::READ)?;
    ///
    /// assert_eq!(constants.write(0, &1_u8), Err(AccessError::Protected));
    /// variables.write(0, &1_u8).unwrap();
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    #[doc(alias = "split")]
    pub fn split_off(&mut self, at: usize) -> Result<Self> {
        if at == 0 || at >= self.len {
            return Err(Errno::RANGE);
        }
        if self.release == Release::Detach || !at.is_multiple_of(self.page) {
            return Err(Errno::INVAL);
        }
        // SAFETY: below `self.len`, so within the mapping.
        let address = unsafe { self.address.add(at) };
        // The kernel says whether a page begins there, of which nothing is changed.
        // SAFETY: no pages at all.
        unsafe { mm::mprotect(address.as_ptr().cast(), 0, MprotectFlags::empty()) }?;
        self.sizes.forget(self.len);
        let rest = Self {
            address,
            len: self.len - at,
            mapped: self.mapped - at,
            offset: self.offset + at as u64,
            sizes: Sizes::new(),
            ..*self
        };
        (self.len, self.mapped) = (at, at);
        Ok(rest)
    }

    /// # Safety
    ///
    /// What this does to the pages here must be allowed.
    unsafe fn remap(&self, from: usize, to: usize, flags: u32) -> Result<NonNull<u8>> {
        if self.sealed {
            return Err(Errno::PERM);
        }
        // SAFETY: the caller's promise; where it goes is not said.
        let address = unsafe { sys::memory::mremap(self.address.as_ptr(), from, to, flags) }?;
        // The kernel maps nothing at address 0 that was not asked for there.
        NonNull::new(address).ok_or(Errno::FAULT)
    }

    /// As this one, but there: the caller has just mapped it so, for nobody else.
    fn another(&self, address: NonNull<u8>) -> Self {
        Self {
            address,
            sizes: Sizes::new(),
            ..*self
        }
    }
}
