//! Shared memory segments: `shmget(2)`, `shmop(2)`, `shmctl(2)`.
//!
//! A segment has a size for ever, and is all zero at first. Attached, it is a [`Mapping`] as
//! any other, by the same rules; that it cannot become shorter spares the
//! question whom one trusts with that.
//!
//! A process that ends, or executes another program, detaches what it had attached; the
//! segment and what was written stay. A child made by fork has attached what
//! its parent had. A segment that is [removed](Segment::remove) while it is
//! attached goes with the last that detaches it, and can be attached by its
//! identifier until then: removed as soon as all have it, it is left behind by nobody, however they
//! end.
//!
//! # Examples
//!
//! ```
//! use rawipc::sysv::memory::{self, AttachFlags, SegmentFlags};
//! use rawipc::sysv::{Create, Key};
//!
//! let segment = memory::create(Key::PRIVATE, 8192, SegmentFlags::empty(), Create::NEW)?;
//! let ours = segment.attach(AttachFlags::empty())?;
//! let theirs = segment.attach(AttachFlags::READ_ONLY)?;
//! segment.remove()?;
//!
//! ours.write(100, b"hello").unwrap();
//! assert_eq!(theirs.read::<[u8; 5]>(100), Ok(*b"hello"));
//! # Ok::<(), rawipc::Errno>(())
//! ```

use core::num::NonZero;
use core::ops::RangeInclusive;

use super::{Access, Create, Key, Permissions, moment, next_listed, process};
#[cfg(doc)]
use crate::Errno;
use crate::memory::mapping::{Mapping, Protection, Release};
use crate::sys::sysv as sys;
use crate::{Pid, Result};

/// What [`Create`] says.
const NOT_SEGMENT_FLAGS: i32 = sys::IPC_CREAT | sys::IPC_EXCL | 0o777;

/// What takes away what is there, for [`Segment::attach_over`] alone.
const NOT_ATTACH_FLAGS: i32 = sys::SHM_REMAP;

const fn huge(log2: i32) -> i32 {
    sys::SHM_HUGETLB | (log2 << sys::SHM_HUGE_SHIFT)
}

bitflags::bitflags! {
    /// Of which kind a new segment is.
    ///
    /// Other sizes of huge pages are the logarithm of the size at bit 26:
    ///
    /// ```
    /// use rawipc::sysv::memory::SegmentFlags;
    ///
    /// let huge_64kib = SegmentFlags::HUGE | SegmentFlags::from_bits_retain(16 << 26);
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct SegmentFlags: i32 {
        /// Of huge pages, of the system's default size: `SHM_HUGETLB`. The size should be a
        /// multiple of theirs: only then can all of an attached
        /// segment be advised about, protected and locked.
        const HUGE = sys::SHM_HUGETLB;
        /// Of huge pages of 2 MiB.
        const HUGE_2MIB = huge(21);
        /// Of huge pages of 1 GiB.
        const HUGE_1GIB = huge(30);
        /// Set no swap space and no huge pages aside: a write may find that there are
        /// none, and end the process.
        const NORESERVE = sys::SHM_NORESERVE;

        const _ = !0;
    }
}

bitflags::bitflags! {
    /// How a segment is attached. Without a flag, for reading and writing, where the kernel likes.
    ///
    /// `SHM_REMAP` is [`Segment::attach_over`], and ignored here.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct AttachFlags: i32 {
        /// For reading only, which [`Mapping::protect`] does not change.
        const READ_ONLY = sys::SHM_RDONLY;
        /// For executing what is in it as well: the mode's bit to execute must be set.
        const EXECUTE = sys::SHM_EXEC;
        /// An address to attach at is rounded down to a multiple of `SHMLBA`, which is the
        /// page size on all machines of this crate.
        const ROUND = sys::SHM_RND;

        const _ = !0;
    }
}

/// A shared memory segment, by its identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Segment(i32);

/// Creates a segment of `size` bytes, all zero: `shmget(2)`. It occupies whole pages.
///
/// It stays until it is [removed](Segment::remove).
///
/// # Errors
///
/// [`Errno::EXIST`]: the key is taken. [`Errno::INVAL`]: 0 bytes, or more than
/// [`Limits::size`]; or taken ([`Create::or_open`]) by a shorter segment; the system has no such huge
/// pages. [`Errno::ACCESS`]: taken, and its permissions are not as `mode` asks.
/// [`Errno::NOSPC`]: there are [`Limits::segments`] segments, or all together would have
/// more than [`Limits::pages`]. [`Errno::NOMEM`]: no memory; not enough huge pages
/// reserved. [`Errno::PERM`]: huge pages need `CAP_IPC_LOCK` or the group of
/// `/proc/sys/vm/hugetlb_shm_group`. [`Errno::NFILE`]: the system has no file left.
/// [`Errno::NOSYS`]: a kernel without System V IPC.
#[doc(alias = "shmget")]
pub fn create(key: Key, size: usize, flags: SegmentFlags, create: Create) -> Result<Segment> {
    let flags = (flags.bits() & !NOT_SEGMENT_FLAGS) | create.flags();
    sys::shmget(key.as_raw(), size, flags).map(Segment)
}

/// Finds the segment with a key: `shmget(2)`. How large it is says [`Segment::status`].
///
/// # Errors
///
/// [`Errno::NOENT`]: there is none; always for [`Key::PRIVATE`].
#[doc(alias = "shmget")]
pub fn open(key: Key) -> Result<Segment> {
    sys::shmget(key.existing()?, 0, 0).map(Segment)
}

impl Segment {
    /// The segment with an identifier that was received; whether there is one shows when
    /// it is used.
    #[must_use]
    pub const fn from_id(id: i32) -> Self {
        Self(id)
    }

    /// The identifier, which is the same for all processes (of one IPC namespace).
    #[must_use]
    pub const fn id(self) -> i32 {
        self.0
    }

    /// Attaches all of it: `shmat(2)`. Dropping the mapping detaches it: `shmdt(2)`.
    ///
    /// # Errors
    ///
    /// [`Errno::ACCESS`]: no permission to read, or without
    /// [`READ_ONLY`](AttachFlags::READ_ONLY) to read and write, or with
    /// [`EXECUTE`](AttachFlags::EXECUTE) to execute. [`Errno::INVAL`],
    /// [`Errno::IDRM`]: no such segment. [`Errno::NOMEM`]: no room in the address space, or no
    /// memory.
    #[doc(alias = "shmat")]
    #[doc(alias = "shmdt")]
    pub fn attach(self, flags: AttachFlags) -> Result<Mapping> {
        let flags = AttachFlags::from_bits_retain(flags.bits() & !NOT_ATTACH_FLAGS);
        // SAFETY: not SHM_REMAP.
        unsafe { self.attach_raw(0, flags) }
    }

    /// As [`attach`](Self::attach), at this address, where nothing else is: in memory that
    /// contains addresses of itself.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: something is there; the address is not a multiple of the page size
    /// or none that a process can have. Else as [`attach`](Self::attach).
    pub fn attach_at(self, address: NonZero<usize>, flags: AttachFlags) -> Result<Mapping> {
        let flags = AttachFlags::from_bits_retain(flags.bits() & !NOT_ATTACH_FLAGS);
        // SAFETY: not SHM_REMAP.
        unsafe { self.attach_raw(address.get(), flags) }
    }

    /// As [`attach_at`](Self::attach_at), replacing what is there: `shmat(2)` with
    /// `SHM_REMAP`.
    ///
    /// # Errors
    ///
    /// As [`attach_at`](Self::attach_at), but that something may be there.
    ///
    /// # Safety
    ///
    /// What is mapped from `address` on for as many bytes as the segment has, rounded up to
    /// whole pages, must be the caller's to give up: nobody uses it any more, and
    /// nobody unmaps it later. (A [`Mapping`] that is replaced is to be forgotten.)
    #[doc(alias = "SHM_REMAP")]
    pub unsafe fn attach_over(
        self,
        address: NonZero<usize>,
        flags: AttachFlags,
    ) -> Result<Mapping> {
        let flags = AttachFlags::from_bits_retain(flags.bits() | sys::SHM_REMAP);
        // SAFETY: the caller's promise.
        unsafe { self.attach_raw(address.get(), flags) }
    }

    /// # Safety
    ///
    /// With `SHM_REMAP`, as [`attach_over`](Self::attach_over).
    unsafe fn attach_raw(self, address: usize, flags: AttachFlags) -> Result<Mapping> {
        // SAFETY: the caller's promise.
        let attached = unsafe { sys::shmat(self.0, address, flags.bits()) }?;
        // As long as it is attached, its identifier means no other segment.
        let size = match self.status() {
            Ok(status) => status.size,
            Err(errno) => {
                // SAFETY: nobody knows of it yet.
                let _ = unsafe { sys::shmdt(attached) };
                return Err(errno);
            }
        };
        let mut protection = Protection::READ;
        if !flags.contains(AttachFlags::READ_ONLY) {
            protection |= Protection::WRITE;
        }
        if flags.contains(AttachFlags::EXECUTE) {
            protection |= Protection::EXECUTE;
        }
        // SAFETY: just attached so, for nobody else. The kernel maps the whole segment,
        // which is at least `size` bytes long.
        unsafe { Mapping::own(attached, size, 1, protection, 0, Release::Detach) }
    }

    /// Keeps it in memory, never swapped out: `shmctl(2)` with `SHM_LOCK`. Pages that were
    /// never accessed are not brought in by this.
    ///
    /// # Errors
    ///
    /// [`Errno::NOMEM`]: beyond the limit of locked memory (`RLIMIT_MEMLOCK`).
    /// [`Errno::PERM`]: neither the owner's nor the creator's process, or that limit is 0.
    /// [`Errno::INVAL`], [`Errno::IDRM`]: no such segment.
    #[doc(alias = "SHM_LOCK")]
    pub fn lock(self) -> Result<()> {
        sys::shm_lock(self.0)
    }

    /// Undoes [`lock`](Self::lock): `shmctl(2)` with `SHM_UNLOCK`.
    ///
    /// # Errors
    ///
    /// As [`lock`](Self::lock), but for the limit.
    #[doc(alias = "SHM_UNLOCK")]
    pub fn unlock(self) -> Result<()> {
        sys::shm_unlock(self.0)
    }

    /// What the kernel knows of the segment: `shmctl(2)` with `IPC_STAT`.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`], [`Errno::IDRM`]: no such segment. [`Errno::ACCESS`]: no permission to
    /// read.
    #[doc(alias = "shmctl")]
    #[doc(alias = "IPC_STAT")]
    pub fn status(self) -> Result<Status> {
        sys::shm_stat(self.0).map(|raw| Status::from(&raw))
    }

    /// Changes who may attach it from now on: `shmctl(2)` with `IPC_SET`.
    ///
    /// # Errors
    ///
    /// [`Errno::PERM`]: neither the owner's nor the creator's process.
    /// [`Errno::INVAL`], [`Errno::IDRM`]: no such segment; no such user.
    #[doc(alias = "IPC_SET")]
    pub fn set(self, access: Access) -> Result<()> {
        sys::shm_set(self.0, access.owner, access.group, access.mode.bits())
    }

    /// Removes it: at once if it is not attached, else when the last detaches it, until when
    /// only its identifier finds it: `shmctl(2)` with `IPC_RMID`.
    ///
    /// # Errors
    ///
    /// [`Errno::PERM`]: neither the owner's nor the creator's process.
    /// [`Errno::INVAL`], [`Errno::IDRM`]: no such segment.
    #[doc(alias = "IPC_RMID")]
    pub fn remove(self) -> Result<()> {
        sys::shm_remove(self.0)
    }
}

/// What the kernel knows of a segment: `struct shmid64_ds`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "shmid_ds")]
pub struct Status {
    /// Whose it is.
    pub permissions: Permissions,
    /// How many bytes it has, as asked for.
    #[doc(alias = "shm_segsz")]
    pub size: usize,
    /// How often it is attached; a process may do so several times.
    #[doc(alias = "shm_nattch")]
    pub attached: usize,
    /// Who created it.
    #[doc(alias = "shm_cpid")]
    pub creator: Option<Pid>,
    /// Who attached or detached it last.
    #[doc(alias = "shm_lpid")]
    pub last_process: Option<Pid>,
    /// When it was attached last, in seconds since 1970.
    #[doc(alias = "shm_atime")]
    pub last_attached: Option<i64>,
    /// When it was detached last, in seconds since 1970.
    #[doc(alias = "shm_dtime")]
    pub last_detached: Option<i64>,
    /// When it was created or [set](Segment::set) last, in seconds since 1970.
    #[doc(alias = "shm_ctime")]
    pub changed: i64,
    /// Whether it is [removed](Segment::remove), and there only because it is attached.
    #[doc(alias = "SHM_DEST")]
    pub removed: bool,
    /// Whether it is [locked](Segment::lock).
    #[doc(alias = "SHM_LOCKED")]
    pub locked: bool,
}

impl From<&sys::shmid64_ds> for Status {
    fn from(raw: &sys::shmid64_ds) -> Self {
        Self {
            permissions: Permissions::from(&raw.shm_perm),
            size: raw.shm_segsz as usize,
            attached: raw.shm_nattch as usize,
            creator: process(raw.shm_cpid),
            last_process: process(raw.shm_lpid),
            last_attached: moment(raw.shm_atime),
            last_detached: moment(raw.shm_dtime),
            changed: raw.shm_ctime,
            removed: raw.shm_perm.mode & sys::SHM_DEST != 0,
            locked: raw.shm_perm.mode & sys::SHM_LOCKED != 0,
        }
    }
}

/// The system's limits of shared memory, of this IPC namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "shminfo")]
pub struct Limits {
    /// How many bytes a segment has at most: `/proc/sys/kernel/shmmax`, at first nearly all
    /// that a number can say.
    #[doc(alias = "shmmax")]
    pub size: usize,
    /// How many bytes a segment has at least: 1.
    #[doc(alias = "shmmin")]
    pub smallest: usize,
    /// How many segments there are at most: `/proc/sys/kernel/shmmni`, at first 4,096.
    #[doc(alias = "shmmni")]
    pub segments: usize,
    /// How many pages all segments have at most: `/proc/sys/kernel/shmall`, at first nearly
    /// all that a number can say.
    #[doc(alias = "shmall")]
    pub pages: usize,
}

/// The system's limits: `shmctl(2)` with `IPC_INFO`.
///
/// # Errors
///
/// [`Errno::NOSYS`]: a kernel without System V IPC.
#[doc(alias = "IPC_INFO")]
pub fn limits() -> Result<Limits> {
    let info = sys::shm_limits()?;
    Ok(Limits {
        size: info.shmmax as usize,
        smallest: info.shmmin as usize,
        segments: info.shmmni as usize,
        pages: info.shmall as usize,
    })
}

/// What all segments of this IPC namespace have together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "shm_info")]
pub struct Usage {
    /// How many segments there are.
    pub segments: usize,
    /// How many pages these have.
    pub pages: usize,
    /// How many of these are in memory.
    pub resident: usize,
    /// How many are swapped out.
    pub swapped: usize,
}

/// What is in use: `shmctl(2)` with `SHM_INFO`.
///
/// # Errors
///
/// [`Errno::NOSYS`]: a kernel without System V IPC.
#[doc(alias = "SHM_INFO")]
pub fn usage() -> Result<Usage> {
    let (info, _) = sys::shm_usage()?;
    Ok(Usage {
        segments: info.used_ids as usize,
        pages: info.shm_tot as usize,
        resident: info.shm_rss as usize,
        swapped: info.shm_swp as usize,
    })
}

/// All segments of this IPC namespace, whosoever they are: `shmctl(2)` with
/// `SHM_STAT_ANY`, since Linux 4.17 (before, none).
///
/// What is created or removed meanwhile may be among them or not.
///
/// # Errors
///
/// [`Errno::NOSYS`]: a kernel without System V IPC.
#[doc(alias = "SHM_STAT_ANY")]
#[doc(alias = "ipcs")]
pub fn list() -> Result<List> {
    let (_, highest) = sys::shm_usage()?;
    Ok(List(0..=highest))
}

/// The segments that [`list`] found; an error where the kernel refuses to tell.
#[derive(Clone, Debug)]
pub struct List(RangeInclusive<i32>);

impl Iterator for List {
    type Item = Result<(Segment, Status)>;

    fn next(&mut self) -> Option<Self::Item> {
        next_listed(&mut self.0, |index| {
            let (id, raw) = sys::shm_stat_any(index)?;
            Ok((Segment(id), Status::from(&raw)))
        })
    }
}
