//! [`Segment`]: attaching it, and what its owner may do.

use core::num::NonZero;

use super::status::Status;
#[cfg(doc)]
use crate::Errno;
use crate::Result;
use crate::memory::mapping::{Mapping, Protection, Release};
use crate::sys::sysv as sys;
use crate::sysv::create::Create;
use crate::sysv::key::Key;
use crate::sysv::list::identifier;
use crate::sysv::permissions::Access;

/// The bits that [`Create`] sets.
const NOT_SEGMENT_FLAGS: i32 = sys::IPC_CREAT | sys::IPC_EXCL | 0o777;

const fn huge(log2: i32) -> i32 {
    sys::SHM_HUGETLB | (log2 << sys::SHM_HUGE_SHIFT)
}

bitflags::bitflags! {
    /// The memory that a new segment consists of.
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
        /// Huge pages of the default size of the system: `SHM_HUGETLB`. The size should be a
        /// multiple of theirs: only then can [`Mapping`] protect, lock and advise about all
        /// of it.
        const HUGE = sys::SHM_HUGETLB;
        /// Huge pages of 2 MiB.
        const HUGE_2MIB = huge(21);
        /// Huge pages of 1 GiB.
        const HUGE_1GIB = huge(30);
        /// Reserves neither swap space nor huge pages: a write may find none left, and then
        /// ends the process.
        const NORESERVE = sys::SHM_NORESERVE;

        const _ = !0;
    }
}

/// The bit that lets an attachment replace what is mapped: only for
/// [`Segment::attach_over`].
const NOT_ATTACH_FLAGS: i32 = sys::SHM_REMAP;

bitflags::bitflags! {
    /// Flags for attaching a segment. Without any, it is attached for reading and writing at an
    /// address that the kernel chooses.
    ///
    /// `SHM_REMAP` is [`Segment::attach_over`], and ignored here.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::memory::AccessError;
    /// use rawipc::sysv::memory::{self, AttachFlags, SegmentFlags};
    /// use rawipc::sysv::{Create, Key};
    ///
    /// let segment = memory::create(Key::PRIVATE, 4096, SegmentFlags::empty(), Create::NEW)?;
    /// let mapping = segment.attach(AttachFlags::READ_ONLY)?;
    /// segment.remove()?;
    /// assert_eq!(mapping.read::<u64>(0)?, 0);
    /// assert_eq!(mapping.write(0, &1_u64), Err(AccessError::Protected));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct AttachFlags: i32 {
        /// Attaches for reading only, which [`Mapping::protect`] does not change.
        const READ_ONLY = sys::SHM_RDONLY;
        /// Allows executing its contents: the mode's bit to execute must be set.
        const EXECUTE = sys::SHM_EXEC;
        /// Rounds the address to attach at down to a multiple of `SHMLBA`, which is the page
        /// size on all machines of this crate.
        const ROUND = sys::SHM_RND;

        const _ = !0;
    }
}

/// A shared memory segment, by its identifier.
///
/// # Examples
///
/// ```
/// use rawipc::sysv::memory::{self, AttachFlags, SegmentFlags};
/// use rawipc::sysv::{Create, Key};
///
/// let segment = memory::create(Key::PRIVATE, 4096, SegmentFlags::empty(), Create::NEW)?;
/// let mapping = segment.attach(AttachFlags::empty())?;
/// segment.remove()?; // it goes with the last that is attached
/// mapping.write(0, b"hello").unwrap();
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Segment(pub(super) i32);

identifier!(Segment, "segment");

/// Creates a segment of `size` zero bytes: `shmget(2)`. It occupies whole pages.
///
/// It stays until it is [removed](Segment::remove).
///
/// # Errors
///
/// [`Errno::EXIST`]: the key is taken. [`Errno::INVAL`]: 0 bytes, or more than
/// [`Limits::size`](super::Limits::size); or taken ([`Create::or_open`]) by a shorter segment; the system has no such huge
/// pages. [`Errno::ACCESS`]: taken, and its permissions are not as `mode` asks.
/// [`Errno::NOSPC`]: there are [`Limits::segments`](super::Limits::segments) segments, or all together would have
/// more than [`Limits::pages`](super::Limits::pages). [`Errno::NOMEM`]: no memory; not enough huge pages
/// reserved. [`Errno::PERM`]: huge pages need `CAP_IPC_LOCK` or the group of
/// `/proc/sys/vm/hugetlb_shm_group`. [`Errno::NFILE`]: the system has no file left.
/// [`Errno::NOSYS`]: a kernel without System V IPC.
#[doc(alias = "shmget")]
pub fn create(key: Key, size: usize, flags: SegmentFlags, create: Create) -> Result<Segment> {
    let flags = (flags.bits() & !NOT_SEGMENT_FLAGS) | create.flags();
    sys::shmget(key.as_raw(), size, flags).map(Segment)
}

/// Opens the segment with a key: `shmget(2)`. [`Segment::status`] says how large it is.
///
/// # Errors
///
/// [`Errno::NOENT`]: there is none; always for [`Key::PRIVATE`].
#[doc(alias = "shmget")]
pub fn open(key: Key) -> Result<Segment> {
    sys::shmget(key.existing()?, 0, 0).map(Segment)
}

impl Segment {
    /// Attaches the whole segment: `shmat(2)`. Dropping the mapping detaches it: `shmdt(2)`.
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

    /// Attaches the segment at this address, where nothing else may be mapped: for memory
    /// that contains addresses of itself.
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

    /// Attaches the segment at this address, replacing what is mapped there: `shmat(2)` with
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

    /// Keeps the segment in memory, never swapped out: `shmctl(2)` with `SHM_LOCK`. Pages
    /// that were never accessed are not brought in by this.
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

    /// Returns the kernel's status of the segment: `shmctl(2)` with `IPC_STAT`.
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

    /// Changes owner, group and mode, for those who attach it from now on: `shmctl(2)` with
    /// `IPC_SET`.
    ///
    /// # Errors
    ///
    /// [`Errno::PERM`]: neither the owner's nor the creator's process.
    /// [`Errno::INVAL`], [`Errno::IDRM`]: no such segment; no such user.
    #[doc(alias = "IPC_SET")]
    pub fn set(self, access: Access) -> Result<()> {
        sys::shm_set(self.0, access.owner, access.group, access.mode.bits())
    }

    /// Removes the segment: `shmctl(2)` with `IPC_RMID`.
    ///
    /// If it is attached, it goes when the last process detaches it; until then its
    /// identifier finds it, and its key does not.
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
