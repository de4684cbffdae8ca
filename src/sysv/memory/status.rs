//! What the kernel knows of segments, of each and of all.
#![forbid(unsafe_code)]

#[cfg(doc)]
use crate::Errno;
use crate::sys::sysv as sys;
use crate::sysv::list::{moment, process};
use crate::sysv::permissions::Permissions;
use crate::{Pid, Result};

/// The kernel's status of a segment: `struct shmid64_ds`.
///
/// # Examples
///
/// ```
/// use rawipc::process;
/// use rawipc::sysv::memory::{self, AttachFlags, SegmentFlags};
/// use rawipc::sysv::{Create, Key};
///
/// let segment = memory::create(Key::PRIVATE, 5000, SegmentFlags::empty(), Create::NEW)?;
/// let _mapping = segment.attach(AttachFlags::empty())?;
/// segment.remove()?; // stays until it is detached
/// let status = segment.status()?;
/// assert_eq!((status.size, status.attached, status.removed), (5000, 1, true));
/// assert_eq!(status.creator, Some(process::id()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "shmid_ds")]
pub struct Status {
    /// Its owner, creator and mode.
    pub permissions: Permissions,
    /// Its size in bytes, as asked for.
    #[doc(alias = "shm_segsz")]
    pub size: usize,
    /// How many times it is attached; a process may attach it several times.
    #[doc(alias = "shm_nattch")]
    pub attached: usize,
    /// The process that created it.
    #[doc(alias = "shm_cpid")]
    pub creator: Option<Pid>,
    /// The process that last attached or detached it.
    #[doc(alias = "shm_lpid")]
    pub last_process: Option<Pid>,
    /// When it was last attached, in seconds since 1970.
    #[doc(alias = "shm_atime")]
    pub last_attached: Option<i64>,
    /// When it was last detached, in seconds since 1970.
    #[doc(alias = "shm_dtime")]
    pub last_detached: Option<i64>,
    /// When it was created or last [set](super::Segment::set), in seconds since 1970.
    #[doc(alias = "shm_ctime")]
    pub changed: i64,
    /// Whether it is [removed](super::Segment::remove), and only remains because it is
    /// attached.
    #[doc(alias = "SHM_DEST")]
    pub removed: bool,
    /// Whether it is [locked](super::Segment::lock).
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

/// The system's limits for shared memory segments, in this IPC namespace.
///
/// # Examples
///
/// ```
/// use rawipc::sysv::memory;
///
/// let limits = memory::limits()?;
/// println!("{} segments of up to {} bytes", limits.segments, limits.size);
/// assert_eq!(limits.smallest, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "shminfo")]
pub struct Limits {
    /// The largest size of a segment in bytes: `/proc/sys/kernel/shmmax`, by default nearly
    /// the largest number.
    #[doc(alias = "shmmax")]
    pub size: usize,
    /// The smallest size of a segment in bytes: 1.
    #[doc(alias = "shmmin")]
    pub smallest: usize,
    /// The largest number of segments: `/proc/sys/kernel/shmmni`, by default 4,096.
    #[doc(alias = "shmmni")]
    pub segments: usize,
    /// The largest number of pages of all segments: `/proc/sys/kernel/shmall`, by default
    /// nearly the largest number.
    #[doc(alias = "shmall")]
    pub pages: usize,
}

/// Returns the system's limits for segments: `shmctl(2)` with `IPC_INFO`.
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

/// Totals of all segments of this IPC namespace.
///
/// # Examples
///
/// ```
/// use rawipc::sysv::memory;
///
/// let usage = memory::usage()?;
/// println!("{} segments, {} of {} pages in memory", usage.segments, usage.resident, usage.pages);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "shm_info")]
pub struct Usage {
    /// The number of segments.
    pub segments: usize,
    /// The number of their pages.
    pub pages: usize,
    /// The number of pages in memory.
    pub resident: usize,
    /// The number of pages swapped out.
    pub swapped: usize,
}

/// Returns what all segments use together: `shmctl(2)` with `SHM_INFO`.
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
