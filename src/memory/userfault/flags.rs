//! What a userfaultfd is asked for, can tell and can do.
#![forbid(unsafe_code)]

use linux_raw_sys::general as raw;

#[cfg(doc)]
use crate::Errno;

bitflags::bitflags! {
    /// Flags for creating a userfaultfd.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::Errno;
    /// use rawipc::memory::userfault::{self, Features, UserfaultFlags};
    ///
    /// // Without privilege: system calls that touch missing pages then fail.
    /// match userfault::create(UserfaultFlags::USER_MODE_ONLY, Features::empty()) {
    ///     Ok(_faults) => println!("ready to register memory"),
    ///     Err(Errno::NOSYS | Errno::PERM) => println!("not on this system, or not for this user"),
    ///     Err(errno) => return Err(errno.into()),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct UserfaultFlags: u32 {
        /// The descriptor stays open in programs that this process executes.
        const INHERITED = raw::O_CLOEXEC;
        /// Does not report faults of the kernel, in a system call that is given such memory:
        /// the call fails with [`Errno::FAULT`]. Needs no privilege (Linux 5.11).
        const USER_MODE_ONLY = raw::UFFD_USER_MODE_ONLY;

        const _ = !0;
    }
}

bitflags::bitflags! {
    /// The features of a userfaultfd: what it reports and can do. [`features`](super::features)
    /// returns what this kernel and machine have.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::Errno;
    /// use rawipc::memory::userfault::{self, Features, UserfaultFlags};
    ///
    /// let available = match userfault::features() {
    ///     Err(Errno::NOSYS | Errno::PERM) => return Ok(()), // not on this system
    ///     result => result?,
    /// };
    /// // Only asks for what this kernel has.
    /// let wanted = available & (Features::WRITE_PROTECT | Features::EXACT);
    /// let faults = userfault::create(UserfaultFlags::USER_MODE_ONLY, wanted)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Features: u64 {
        /// [`Mode::WRITE_PROTECT`], of private anonymous memory (Linux 5.7).
        const WRITE_PROTECT = raw::UFFD_FEATURE_PAGEFAULT_FLAG_WP as u64;
        /// [`Event::Fork`](super::Event::Fork), with `CAP_SYS_PTRACE` (Linux 4.11).
        const FORK = raw::UFFD_FEATURE_EVENT_FORK as u64;
        /// [`Event::Moved`](super::Event::Moved) (Linux 4.11).
        const MOVED = raw::UFFD_FEATURE_EVENT_REMAP as u64;
        /// [`Event::Removed`](super::Event::Removed) (Linux 4.11).
        const REMOVED = raw::UFFD_FEATURE_EVENT_REMOVE as u64;
        /// [`Event::Unmapped`](super::Event::Unmapped) (Linux 4.11).
        const UNMAPPED = raw::UFFD_FEATURE_EVENT_UNMAP as u64;
        /// Memory of huge pages can be registered (Linux 4.11).
        const HUGE = raw::UFFD_FEATURE_MISSING_HUGETLBFS as u64;
        /// Shared memory can be registered: memfds, shared anonymous memory (Linux 4.11).
        const SHARED = raw::UFFD_FEATURE_MISSING_SHMEM as u64;
        /// Reports no faults: whoever touches a missing page gets SIGBUS, a system call
        /// [`Errno::FAULT`] (Linux 4.14).
        const SIGBUS = raw::UFFD_FEATURE_SIGBUS as u64;
        /// Reports the thread: [`Fault::thread`](super::Fault::thread) (Linux 4.14).
        const THREAD = raw::UFFD_FEATURE_THREAD_ID as u64;
        /// [`Mode::MINOR`] of memory of huge pages (Linux 5.13).
        const MINOR_HUGE = raw::UFFD_FEATURE_MINOR_HUGETLBFS as u64;
        /// [`Mode::MINOR`] of shared memory (Linux 5.14).
        const MINOR_SHARED = raw::UFFD_FEATURE_MINOR_SHMEM as u64;
        /// Reports the exact address instead of that of its page (Linux 5.18).
        const EXACT = raw::UFFD_FEATURE_EXACT_ADDRESS as u64;
        /// [`Mode::WRITE_PROTECT`] of shared memory and huge pages (Linux 5.19).
        const WRITE_PROTECT_SHARED = raw::UFFD_FEATURE_WP_HUGETLBFS_SHMEM as u64;
        /// Protects missing private anonymous pages too (Linux 6.4).
        const WRITE_PROTECT_MISSING = raw::UFFD_FEATURE_WP_UNPOPULATED as u64;
        /// [`Userfault::poison`](super::Userfault::poison) (Linux 6.6).
        const POISON = raw::UFFD_FEATURE_POISON as u64;
        /// Lets writes to protected pages through instead of reporting them;
        /// `/proc/PID/pagemap` then tells which were written (Linux 6.7).
        const WRITE_PROTECT_ASYNC = raw::UFFD_FEATURE_WP_ASYNC as u64;
        /// [`Userfault::move_pages`](super::Userfault::move_pages) (Linux 6.8).
        const MOVE = raw::UFFD_FEATURE_MOVE as u64;

        const _ = !0;
    }
}

bitflags::bitflags! {
    /// The faults that a registration reports: [`Userfault::register`](super::Userfault::register).
    ///
    /// # Examples
    ///
    /// Hears of the first write to each page, as a snapshot does:
    ///
    /// ```
    /// use rawipc::memory::MapOptions;
    /// use rawipc::memory::userfault::{self, Event, Features, Mode, UserfaultFlags};
    ///
    /// let flags = UserfaultFlags::USER_MODE_ONLY;
    /// let Ok(faults) = userfault::create(flags, Features::WRITE_PROTECT) else {
    ///     return Ok(()); // not on this system
    /// };
    /// let mapping = MapOptions::private(65536).map_anonymous()?;
    /// mapping.fill(.., 1)?;
    /// let pages = mapping.address_range(..)?;
    /// faults.register(&mapping, .., Mode::WRITE_PROTECT)?;
    /// faults.protect(pages)?;
    ///
    /// std::thread::scope(|threads| {
    ///     threads.spawn(|| mapping.write(0, &2_u8));
    ///     let Event::Fault(fault) = faults.read()? else { unreachable!("nothing else happens") };
    ///     assert!(fault.write && fault.protected);
    ///     assert_eq!(mapping.read::<u8>(0), Ok(1)); // the page as it was
    ///     faults.unprotect(pages)
    /// })?;
    /// assert_eq!(mapping.read::<u8>(0)?, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Mode: u64 {
        /// Accesses to missing pages: neither in memory, nor swapped out, nor in the memfd.
        const MISSING = raw::UFFDIO_REGISTER_MODE_MISSING as u64;
        /// Writes to protected pages: [`Userfault::protect`](super::Userfault::protect).
        const WRITE_PROTECT = raw::UFFDIO_REGISTER_MODE_WP as u64;
        /// Accesses to pages that the memfd has and that are not mapped here yet:
        /// [`Userfault::continue_fault`](super::Userfault::continue_fault).
        const MINOR = raw::UFFDIO_REGISTER_MODE_MINOR as u64;

        const _ = !0;
    }
}

bitflags::bitflags! {
    /// The operations that registered memory supports: [`Userfault::register`](super::Userfault::register) returns them.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::Errno;
    /// use rawipc::memory::MapOptions;
    /// use rawipc::memory::userfault::{self, Features, Mode, Operations, Place, UserfaultFlags};
    ///
    /// let faults = match userfault::create(UserfaultFlags::USER_MODE_ONLY, Features::empty()) {
    ///     Err(Errno::NOSYS | Errno::PERM) => return Ok(()), // not on this system
    ///     result => result?,
    /// };
    /// let mapping = MapOptions::private(65536).map_anonymous()?;
    /// let can = faults.register(&mapping, .., Mode::MISSING)?;
    /// if can.contains(Operations::ZERO) {
    ///     faults.zero(mapping.address_range(..)?, Place::empty())?;
    ///     assert_eq!(mapping.read::<u8>(0)?, 0); // faults no more
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Operations: u64 {
        /// [`Userfault::wake`](super::Userfault::wake).
        const WAKE = 1 << raw::_UFFDIO_WAKE;
        /// [`Userfault::copy`](super::Userfault::copy).
        const COPY = 1 << raw::_UFFDIO_COPY;
        /// [`Userfault::zero`](super::Userfault::zero).
        const ZERO = 1 << raw::_UFFDIO_ZEROPAGE;
        /// [`Userfault::move_pages`](super::Userfault::move_pages).
        const MOVE = 1 << raw::_UFFDIO_MOVE;
        /// [`Userfault::protect`](super::Userfault::protect).
        const PROTECT = 1 << raw::_UFFDIO_WRITEPROTECT;
        /// [`Userfault::continue_fault`](super::Userfault::continue_fault).
        const CONTINUE = 1 << raw::_UFFDIO_CONTINUE;
        /// [`Userfault::poison`](super::Userfault::poison).
        const POISON = 1 << raw::_UFFDIO_POISON;

        const _ = !0;
    }
}

bitflags::bitflags! {
    /// Flags for putting pages in place: ready, waking whoever sleeps, unless asked otherwise.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::Errno;
    /// use rawipc::memory::MapOptions;
    /// use rawipc::memory::userfault::{self, Features, Mode, Place, UserfaultFlags};
    ///
    /// let faults = match userfault::create(UserfaultFlags::USER_MODE_ONLY, Features::empty()) {
    ///     Err(Errno::NOSYS | Errno::PERM) => return Ok(()), // not on this system
    ///     result => result?,
    /// };
    /// const PAGE: usize = 65536; // a multiple of every page size but huge ones
    /// let mapping = MapOptions::private(2 * PAGE).map_anonymous()?;
    /// faults.register(&mapping, .., Mode::MISSING)?;
    ///
    /// // Puts several pages, and wakes whoever sleeps because of one of them once.
    /// let pages = mapping.address_range(..)?;
    /// faults.copy(pages.address, &[1; PAGE], Place::ASLEEP)?;
    /// let second = pages.address.wrapping_add(PAGE);
    /// faults.copy(second, &[2; PAGE], Place::ASLEEP)?;
    /// faults.wake(pages)?;
    /// assert_eq!(mapping.read::<u8>(PAGE)?, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Place: u64 {
        /// Does not wake those who sleep because of them; [`Userfault::wake`](super::Userfault::wake) does.
        const ASLEEP = raw::UFFDIO_COPY_MODE_DONTWAKE as u64;
        /// Protects them against writing: with [`Userfault::copy`](super::Userfault::copy) and, since Linux 6.4,
        /// [`Userfault::continue_fault`](super::Userfault::continue_fault), where [`Mode::WRITE_PROTECT`] is registered.
        const PROTECTED = raw::UFFDIO_COPY_MODE_WP as u64;

        const _ = !0;
    }
}
