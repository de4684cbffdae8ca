//! [`Advice`]: what a process tells the kernel about a part of a mapping.

use linux_raw_sys::general as raw;

/// Advice to the kernel about a part of a mapping:
/// [`Mapping::advise`](super::Mapping::advise).
///
/// Most are hints, which change no result. Those that **change contents** or that
/// **make memory inaccessible** say so.
///
/// # Examples
///
/// ```
/// use rawipc::memory::{Advice, MapOptions};
///
/// let mapping = MapOptions::private(1 << 20).map_anonymous()?;
/// mapping.advise(.., Advice::DontDump)?; // not in core dumps
/// mapping.fill(.., 7)?;
/// mapping.advise(.., Advice::DontNeed)?; // discards: private memory is zeros again
/// assert_eq!(mapping.read::<u8>(0)?, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u32)]
pub enum Advice {
    /// No special treatment: undoes `Random` and `Sequential`.
    Normal = raw::MADV_NORMAL,
    /// Accesses come in no order: do not read ahead.
    Random = raw::MADV_RANDOM,
    /// Accesses come in order: read ahead, and free soon after.
    Sequential = raw::MADV_SEQUENTIAL,
    /// Will be accessed soon: begin to read it in.
    WillNeed = raw::MADV_WILLNEED,
    /// Not needed for now: deactivate the pages, contents stay (Linux 5.4).
    Cold = raw::MADV_COLD,
    /// Not needed for long: write the pages out, contents stay (Linux 5.4).
    PageOut = raw::MADV_PAGEOUT,
    /// Fault all pages in for reading, now (Linux 5.14). Unlike
    /// [`MapFlags::POPULATE`](crate::memory::MapFlags::POPULATE) it reports what failed:
    /// [`Errno::FAULT`](crate::Errno::FAULT) where an access would be a SIGBUS.
    PopulateRead = raw::MADV_POPULATE_READ,
    /// Fault all pages in for writing, now (Linux 5.14), as `PopulateRead`: memory
    /// is allocated, and a private mapping gets its own copies.
    PopulateWrite = raw::MADV_POPULATE_WRITE,
    /// Use huge pages where possible (transparently).
    HugePage = raw::MADV_HUGEPAGE,
    /// Use no huge pages.
    NoHugePage = raw::MADV_NOHUGEPAGE,
    /// Gather into huge pages, now (Linux 6.1).
    Collapse = raw::MADV_COLLAPSE,
    /// Merge pages with equal contents: private anonymous memory only. An attacker
    /// who can write to memory of the same machine can measure what is in it.
    Mergeable = raw::MADV_MERGEABLE,
    /// Undo `Mergeable`.
    Unmergeable = raw::MADV_UNMERGEABLE,
    /// Leave out of core dumps.
    DontDump = raw::MADV_DONTDUMP,
    /// Undo `DontDump`.
    DoDump = raw::MADV_DODUMP,

    /// A child made by fork does not have these pages: they are **inaccessible to
    /// it**, and it must not use its copy of the [`Mapping`](super::Mapping),
    /// not even drop it.
    DontFork = raw::MADV_DONTFORK,
    /// Undo `DontFork`.
    DoFork = raw::MADV_DOFORK,
    /// A child made by fork finds zeros: private anonymous memory only (Linux
    /// 4.14). **Changes contents**, the child's.
    WipeOnFork = raw::MADV_WIPEONFORK,
    /// Undo `WipeOnFork`.
    KeepOnFork = raw::MADV_KEEPONFORK,

    /// Drop the pages. A private mapping finds the file's contents, or zeros,
    /// afterwards: **changes contents**. A shared mapping finds what was there.
    DontNeed = raw::MADV_DONTNEED,
    /// Like `DontNeed`, for locked pages too (Linux 5.18).
    DontNeedLocked = raw::MADV_DONTNEED_LOCKED,
    /// The kernel may drop the pages whenever it needs memory, until they are
    /// written again: private anonymous memory only. **Changes contents**, to
    /// zeros, a page at a time, at any later moment.
    Free = raw::MADV_FREE,
    /// Punch a hole into the file or memfd: frees the memory. **Changes contents
    /// for every process**, to zeros; even through a mapping that is only readable
    /// now, if its descriptor was open for writing.
    Remove = raw::MADV_REMOVE,

    /// Make the pages **inaccessible**, as guard pages: any access ends the
    /// process with SIGSEGV, those of [`Mapping`](super::Mapping)'s methods too
    /// (Linux 6.13, shared mappings 6.15). **Changes contents**: private memory is
    /// dropped.
    GuardInstall = raw::MADV_GUARD_INSTALL,
    /// Undo `GuardInstall`: the pages come back, private anonymous ones empty.
    GuardRemove = raw::MADV_GUARD_REMOVE,
    /// Move the contents elsewhere and take the physical pages out of use: to test
    /// machines' memory, for privileged processes.
    SoftOffline = raw::MADV_SOFT_OFFLINE,
    /// Treat the physical pages as broken: they are **inaccessible for every
    /// process** from now on. To test how faults are handled, for privileged processes.
    HwPoison = raw::MADV_HWPOISON,
}
