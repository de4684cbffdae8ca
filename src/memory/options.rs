//! [`MapOptions`]: how memory is mapped.

use linux_raw_sys::general as raw;
use rustix::fd::AsFd;
use rustix::fs::fstatfs;
use rustix::mm;

use super::memfd::{self, Memfd, Seals, VerifyError};
use crate::memory::mapping::{Mapping, Protection, Release, whole_pages};
use crate::{Errno, Result};

/// Where the kernel is to put the mapping, and of which kind it is, is not for
/// flags to say: that it replaces nothing, and does not grow into what others have, is
/// what makes it safe.
const NOT_FLAGS: u32 = raw::MAP_TYPE
    | raw::MAP_FIXED
    | raw::MAP_FIXED_NOREPLACE
    | raw::MAP_ANONYMOUS
    | raw::MAP_GROWSDOWN;

bitflags::bitflags! {
    /// Flags of a mapping: `MAP_*`.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::memory::{MapFlags, MapOptions};
    ///
    /// // All pages are there before the first access.
    /// let options = MapOptions::shared(1 << 16).flags(MapFlags::POPULATE);
    /// let mapping = options.map_anonymous()?;
    /// mapping.write(0, &1_u64)?;
    ///
    /// // Huge pages of 2 MiB, where the system has set some aside.
    /// let huge = MapFlags::huge(2 << 20).ok_or("not a power of two")?;
    /// match MapOptions::shared(2 << 20).flags(huge).map_anonymous() {
    ///     Ok(_mapping) => println!("one huge page"),
    ///     Err(errno) => println!("no huge pages: {errno}"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct MapFlags: u32 {
        /// Faults all pages in now; pages that could not be are not reported, see
        /// [`Advice::PopulateRead`](super::Advice::PopulateRead).
        const POPULATE = raw::MAP_POPULATE;
        /// Reserves neither swap space nor huge pages: a write may find none left, and then
        /// ends the process.
        const NORESERVE = raw::MAP_NORESERVE;
        /// Faults all pages in now and keeps them in memory. [`Mapping::lock`] reports
        /// failures.
        const LOCKED = raw::MAP_LOCKED;
        /// Consists of huge pages of the default size of the system: anonymous memory only,
        /// as memfds and files have pages of their own.
        const HUGE = raw::MAP_HUGETLB;
        /// Consists of huge pages of 64 KiB, which some aarch64 and riscv64 machines have;
        /// [`huge`](Self::huge) has other sizes.
        const HUGE_64KIB = raw::MAP_HUGETLB | raw::MAP_HUGE_64KB;
        /// Consists of huge pages of 2 MiB.
        const HUGE_2MIB = raw::MAP_HUGETLB | raw::MAP_HUGE_2MB;
        /// Consists of huge pages of 32 MiB.
        const HUGE_32MIB = raw::MAP_HUGETLB | raw::MAP_HUGE_32MB;
        /// Consists of huge pages of 1 GiB.
        const HUGE_1GIB = raw::MAP_HUGETLB | raw::MAP_HUGE_1GB;
        /// Maps persistent memory: what was written and flushed survives a crash of the
        /// system.
        ///
        /// Only shared mappings of files on such memory; others fail with
        /// [`Errno::OPNOTSUPP`].
        const SYNC = raw::MAP_SYNC;
        /// Marks the stack of a thread: no transparent huge pages (Linux 6.7).
        const STACK = raw::MAP_STACK;

        const _ = !0;
    }
}

impl MapFlags {
    /// Returns the flags for huge pages of this size in bytes; `None` if it is not a power
    /// of two.
    ///
    /// `/sys/kernel/mm/hugepages` lists the sizes that there are.
    ///
    /// ```
    /// use rawipc::memory::MapFlags;
    ///
    /// assert_eq!(MapFlags::huge(2 << 20), Some(MapFlags::HUGE_2MIB));
    /// assert_eq!(MapFlags::huge(3 << 20), None);
    /// ```
    #[doc(alias = "MAP_HUGE_SHIFT")]
    #[must_use]
    pub const fn huge(size: usize) -> Option<Self> {
        match size.checked_ilog2() {
            Some(log2) if size.is_power_of_two() => Some(Self::from_bits_retain(
                raw::MAP_HUGETLB | (log2 << raw::MAP_HUGE_SHIFT),
            )),
            _ => None,
        }
    }
}

/// Options to map memory: `mmap(2)`.
///
/// Readable and writable, from the beginning of the file, unless asked otherwise.
///
/// Left out are the flags that say where the mapping goes (`MAP_FIXED`,
/// `MAP_FIXED_NOREPLACE`, `MAP_32BIT`), as it could replace what is in use;
/// `MAP_GROWSDOWN`, which would grow into what others have; and those that mean nothing
/// (`MAP_NONBLOCK`, `MAP_UNINITIALIZED` where there is memory protection, and the old
/// `MAP_DENYWRITE`, `MAP_EXECUTABLE`, `MAP_FILE`).
///
/// # Examples
///
/// ```
/// use rawipc::memory::memfd::{self, MemfdFlags};
/// use rawipc::memory::{MapOptions, Protection};
///
/// let memfd = memfd::create("example", MemfdFlags::empty())?;
/// memfd.set_size(4096)?;
/// let ours = MapOptions::shared(4096).map(&memfd)?;
/// let theirs = MapOptions::shared(4096)
///     .protection(Protection::READ)
///     .map(&memfd)?;
///
/// ours.write_at(100, b"hello").unwrap();
/// let mut word = [0; 5];
/// theirs.read_at(100, &mut word).unwrap();
/// assert_eq!(&word, b"hello");
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is mapped until one of the map functions is called"]
pub struct MapOptions {
    len: usize,
    kind: u32,
    protection: Protection,
    flags: MapFlags,
    offset: u64,
}

impl MapOptions {
    /// Creates options for `len` bytes that others see: those who map the same file or
    /// memfd, and children made by fork.
    #[doc(alias = "MAP_SHARED")]
    pub const fn shared(len: usize) -> Self {
        Self::new(len, raw::MAP_SHARED)
    }

    /// Creates options like [`shared`](Self::shared), with which unknown flags are an error:
    /// [`Errno::OPNOTSUPP`].
    ///
    /// Else the kernel or the file system ignores them. For files and memfds; anonymous
    /// memory refuses it with [`Errno::INVAL`].
    #[doc(alias = "MAP_SHARED_VALIDATE")]
    pub const fn shared_validated(len: usize) -> Self {
        Self::new(len, raw::MAP_SHARED_VALIDATE)
    }

    /// Creates options for `len` bytes that the kernel may drop whenever it needs memory, a
    /// page at a time: they are zeros then. Anonymous memory only (Linux 6.11).
    ///
    /// Anything else than [`map_anonymous`](Self::map_anonymous) fails with
    /// [`Errno::INVAL`] or [`Errno::OPNOTSUPP`], as that does in older kernels.
    #[doc(alias = "MAP_DROPPABLE")]
    pub const fn droppable(len: usize) -> Self {
        Self::new(len, raw::MAP_DROPPABLE)
    }

    /// Creates options for `len` bytes of this process: its writes are seen by nobody else
    /// and do not reach the file.
    ///
    /// Writes of others to the file may be seen until the page is first written here.
    #[doc(alias = "MAP_PRIVATE")]
    pub const fn private(len: usize) -> Self {
        Self::new(len, raw::MAP_PRIVATE)
    }

    const fn new(len: usize, kind: u32) -> Self {
        Self {
            len,
            kind,
            protection: Protection::READ.union(Protection::WRITE),
            flags: MapFlags::empty(),
            offset: 0,
        }
    }

    /// Sets what may be done with the mapping.
    pub const fn protection(mut self, protection: Protection) -> Self {
        self.protection = protection;
        self
    }

    /// Sets further properties. Flags that would say where the mapping goes, or of which
    /// kind it is, are ignored.
    pub const fn flags(mut self, flags: MapFlags) -> Self {
        self.flags = flags;
        self
    }

    /// Sets where in the file the mapping begins, in bytes: a multiple of the page size.
    pub const fn offset(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    /// Maps a file, a memfd, or anything else with a descriptor that can be mapped:
    /// `mmap(2)`. The descriptor may be closed afterwards.
    ///
    /// What is mapped beyond the end of the file can be accessed once the file is
    /// long enough. Until then, and again **when another process makes the file
    /// shorter**, an access ends this process with SIGBUS: a file or memfd from
    /// somebody who is not trusted is mapped by [`map_sealed`](Self::map_sealed).
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: the length is 0; the offset is not a multiple of the page
    /// size; `HUGE` without a huge page memfd. [`Errno::OVERFLOW`]: offset and
    /// length together are beyond what a file can have. [`Errno::ACCESS`]: the descriptor is not open for
    /// reading, or not for writing and the mapping is shared and writable.
    /// [`Errno::PERM`]: sealed against writing; the file system forbids to
    /// execute; or [`MapFlags::LOCKED`] where the limit of locked memory is 0.
    /// [`Errno::NODEV`]: cannot be mapped. [`Errno::NOMEM`]: no room in the address space,
    /// or no huge pages reserved. [`Errno::AGAIN`]: beyond the limit of locked memory.
    #[doc(alias = "mmap")]
    pub fn map(&self, fd: impl AsFd) -> Result<Mapping> {
        let fd = fd.as_fd();
        let page = huge_page_size(fd)?;
        let mapped = whole_pages(self.len, page)?;
        let mut flags = self.kind_and_flags();
        if self.flags.contains(MapFlags::SYNC) && self.kind == raw::MAP_SHARED {
            // Elsewhere the kernel ignores what it does not know.
            flags |= mm::MapFlags::SHARED_VALIDATE;
        }
        // SAFETY: without an address and without MAP_FIXED the kernel takes a place
        // that is free, so that no memory in use changes.
        let address = unsafe {
            mm::mmap(
                core::ptr::null_mut(),
                mapped,
                mm::ProtFlags::from_bits_retain(self.protection.bits()),
                flags,
                fd,
                self.offset,
            )
        }?;
        // SAFETY: just mapped so, for nobody else.
        unsafe { self.own(address.cast(), page) }
    }

    /// Maps a memfd that came from somebody else, after checking that it has `seals` and
    /// reaches as far as the mapping.
    ///
    /// It must have [`Seals::SHRINK`] in any case, so that the other cannot end this process
    /// by shortening it.
    ///
    /// Its contents are still the other's to change while this process looks,
    /// unless it is sealed with [`Seals::WRITE`] too.
    ///
    /// # Errors
    ///
    /// [`VerifyError`]: see [`Memfd::verify`]. [`VerifyError::Refused`]: as [`map`](Self::map).
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::memory::MapOptions;
    /// use rawipc::memory::memfd::{self, MemfdFlags, Seals, VerifyError};
    ///
    /// let received = memfd::create("theirs", MemfdFlags::empty())?;
    /// received.set_size(4096)?;
    /// let options = MapOptions::shared(4096);
    /// let refused = options.map_sealed(&received, Seals::empty()).unwrap_err();
    /// assert_eq!(refused, VerifyError::Unsealed(Seals::SHRINK));
    ///
    /// received.seal(Seals::SHRINK)?;
    /// let mapping = options.map_sealed(&received, Seals::empty()).unwrap();
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    pub fn map_sealed(&self, memfd: &Memfd, seals: Seals) -> Result<Mapping, VerifyError> {
        // A sum that cannot be is more than any file has.
        let end = self.offset.saturating_add(self.len as u64);
        memfd.verify(seals | Seals::SHRINK, end)?;
        self.map(memfd).map_err(VerifyError::Refused)
    }

    /// Maps memory that is in no file, all zero: `mmap(2)` with `MAP_ANONYMOUS`. The offset
    /// has no meaning.
    ///
    /// Only children made by fork can share it.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: the length is 0, or the machine has no such huge pages.
    /// [`Errno::NOMEM`]: no room in the address space, not enough memory, or no huge pages reserved.
    /// [`Errno::AGAIN`]: beyond the limit of locked memory; [`Errno::PERM`]: that is 0,
    /// with [`MapFlags::LOCKED`].
    #[doc(alias = "MAP_ANONYMOUS")]
    pub fn map_anonymous(&self) -> Result<Mapping> {
        let page = if self.flags.contains(MapFlags::HUGE) {
            self.anonymous_page_size()?
        } else {
            1
        };
        let mapped = whole_pages(self.len, page)?;
        // SAFETY: as in `map`.
        let address = unsafe {
            mm::mmap_anonymous(
                core::ptr::null_mut(),
                mapped,
                mm::ProtFlags::from_bits_retain(self.protection.bits()),
                self.kind_and_flags(),
            )
        }?;
        // SAFETY: just mapped so, for nobody else.
        unsafe { Self { offset: 0, ..*self }.own(address.cast(), page) }
    }

    fn kind_and_flags(&self) -> mm::MapFlags {
        mm::MapFlags::from_bits_retain(self.kind | (self.flags.bits() & !NOT_FLAGS))
    }

    fn anonymous_page_size(&self) -> Result<usize> {
        match (self.flags.bits() >> raw::MAP_HUGE_SHIFT) & raw::MAP_HUGE_MASK {
            // The default size, which only a file of such pages tells.
            0 => {
                let flags = raw::MFD_HUGETLB | raw::MFD_CLOEXEC;
                huge_page_size(memfd::create_no_program(c"", flags)?.as_fd())
            }
            log2 => 1_usize.checked_shl(log2).ok_or(Errno::INVAL),
        }
    }

    /// # Safety
    ///
    /// Memory of this length, in pages of this size if it is not 1, must be mapped at
    /// `address` as these options say, and belong to nobody else.
    unsafe fn own(&self, address: *mut u8, page: usize) -> Result<Mapping> {
        // SAFETY: the caller's promise.
        unsafe {
            Mapping::own(
                address,
                self.len,
                page,
                self.protection,
                self.offset,
                Release::Unmap,
            )
        }
    }
}

/// The size of the huge pages that a file consists of, or 1.
fn huge_page_size(fd: rustix::fd::BorrowedFd<'_>) -> Result<usize> {
    let system = fstatfs(fd)?;
    if system.f_type == i64::from(raw::HUGETLBFS_MAGIC) {
        // A size, and at least that of a page.
        Ok(system.f_bsize as usize)
    } else {
        Ok(1)
    }
}
