//! The head of a ring's memory: what the ring is, checked once when it is opened.

use core::fmt;
use core::mem::size_of;

use linux_raw_sys::general::{MFD_ALLOW_SEALING, MFD_CLOEXEC};
use rustix::fs::SealFlags;
use static_assertions::const_assert;
use zerocopy::IntoBytes;

use super::progress::DATA_MAX;
use crate::guard::filesize;
use crate::memory::memfd;
use crate::primitive::member::{Geometry, TICKET_AT};
use crate::procfs::Identity;
use crate::{AsFd, BorrowedFd, Errno, Mode, OwnedFd, arch};

/// The first eight bytes of a ring.
const MAGIC: u64 = u64::from_ne_bytes(*b"rawipcR\n");

/// Changes whenever the memory's meaning does.
const VERSION: u64 = 1;

/// Where the ring's own words begin.
pub(crate) const LINES_AT: usize = 128;

/// The least data that a ring has: a page.
pub(crate) const DATA_MIN: usize = arch::MAX_PAGE_SIZE;

/// The longest head that is believed.
const HEAD_MAX: u64 = 1 << 20;

/// Magic, version, kind, head, data, item, waiting, 0. In the machine's own byte
/// order: memory is shared by processes of one machine.
type Words = [u64; 8];

// The next member number is kept between them and the ring's own words.
const_assert!(size_of::<Words>() <= TICKET_AT && TICKET_AT + size_of::<u32>() <= LINES_AT);

/// Which ring a memory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Kind {
    SpscRecords = 1,
    SpscItems = 2,
}

/// What both ends of a ring must agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Agreement {
    pub(crate) kind: Kind,
    /// The size of an item, 0 for records.
    pub(crate) item: usize,
    /// The strategy's code.
    pub(crate) waiting: u32,
}

/// Why a descriptor was not accepted as a ring, or an endpoint not attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttachError {
    /// Not a memfd sealed against shrinking: touching it could be a SIGBUS.
    NotSealed,
    /// The memory has another size than its head says, or none that a ring has.
    WrongSize {
        /// Its size in bytes.
        size: u64,
    },
    /// The memory does not begin as a ring does.
    WrongMagic,
    /// A ring of another version of this protocol.
    WrongVersion {
        /// The version found.
        version: u64,
    },
    /// A ring of another kind: of records instead of items, for example.
    WrongKind,
    /// A ring of items of another size.
    WrongItem {
        /// The size of its items in bytes.
        size: u64,
    },
    /// A ring whose endpoints wait in another way; or one of short items that spins, made
    /// where the processor says something else of stores of 16 bytes.
    WrongWaiting,
    /// The head, or a position, is one that cannot be; or somebody holds thousands of the
    /// numbers in a row by which attachments are known, which only a hostile peer does.
    Corrupt,
    /// A living process holds this end of the ring.
    Occupied,
    /// Somebody has a lease on the memory, and has been asked to give it back.
    Leased,
    /// There is no `/proc` in which this thread finds its descriptors: attaching opens
    /// the memory again by `/proc/thread-self/fd`. It is not mounted (early in process 1,
    /// after a `chroot`, in an empty mount namespace), or is another PID namespace's.
    NoProc,
    /// The kernel refused a call. [`Errno::ACCESS`]: the memory's mode, 0600, does not
    /// let this user open it; [`Errno::BADF`]: this thread has another file under the
    /// ring's descriptor, or none, as it does not share the table of descriptors of the
    /// thread that opened it; [`Errno::AGAIN`]: beyond the limit of locked memory, all of
    /// which this process keeps locked (`MCL_FUTURE`).
    Kernel(Errno),
}

/// Makes a ring's memory: a memfd with the head written and the size sealed.
pub(crate) fn create(agreement: Agreement, data: usize) -> crate::Result<(OwnedFd, Geometry)> {
    let data = data
        .max(DATA_MIN)
        .checked_next_power_of_two()
        .filter(|&data| data <= DATA_MAX)
        .ok_or(Errno::INVAL)?;
    let owned = memfd::create_no_program(c"rawipc-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING)?;
    let fd = owned.as_fd();
    rustix::fs::fchmod(fd, Mode::RUSR | Mode::WUSR)?;
    let geometry = Geometry {
        identity: Identity::from(&rustix::fs::fstat(fd)?),
        head: arch::MAX_PAGE_SIZE,
        data,
    };
    filesize::set(fd, (geometry.head + data) as u64)?;
    let words: Words = [
        MAGIC,
        VERSION,
        agreement.kind as u64,
        geometry.head as u64,
        data as u64,
        agreement.item as u64,
        u64::from(agreement.waiting),
        0,
    ];
    if rustix::io::pwrite(fd, words.as_bytes(), 0)? != size_of::<Words>() {
        return Err(Errno::IO);
    }
    rustix::fs::fcntl_add_seals(fd, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok((owned, geometry))
}

/// Checks that `fd` is the ring that `expected` says.
pub(crate) fn check(fd: BorrowedFd<'_>, expected: Agreement) -> Result<Geometry, AttachError> {
    match rustix::fs::fcntl_get_seals(fd) {
        Ok(seals) if seals.contains(SealFlags::SHRINK) => {}
        Ok(_) | Err(Errno::INVAL) => return Err(AttachError::NotSealed),
        Err(errno) => return Err(AttachError::Kernel(errno)),
    }
    let file = rustix::fs::fstat(fd)?;
    let size = u64::try_from(file.st_size).unwrap_or(0);
    let mut words: Words = [0; 8];
    // A copy: nobody changes it between its check and its use.
    if rustix::io::pread(fd, words.as_mut_bytes(), 0)? != size_of::<Words>() {
        return Err(AttachError::WrongSize { size });
    }
    let [magic, version, kind, head, data, item, waiting, zero] = words;
    if magic != MAGIC {
        return Err(AttachError::WrongMagic);
    }
    if version != VERSION {
        return Err(AttachError::WrongVersion { version });
    }
    if kind != expected.kind as u64 {
        return Err(AttachError::WrongKind);
    }
    let possible = head >= arch::MAX_PAGE_SIZE as u64
        && head <= HEAD_MAX
        && head % arch::MAX_PAGE_SIZE as u64 == 0
        && data >= DATA_MIN as u64
        && data <= DATA_MAX as u64
        && data.is_power_of_two()
        && zero == 0;
    if !possible {
        return Err(AttachError::Corrupt);
    }
    if size != head + data {
        return Err(AttachError::WrongSize { size });
    }
    if item != expected.item as u64 {
        return Err(AttachError::WrongItem { size: item });
    }
    if waiting != u64::from(expected.waiting) {
        return Err(AttachError::WrongWaiting);
    }
    Ok(Geometry {
        identity: Identity::from(&file),
        head: head as usize,
        data: data as usize,
    })
}

impl From<Errno> for AttachError {
    fn from(errno: Errno) -> Self {
        Self::Kernel(errno)
    }
}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSealed => f.write_str("not a memfd that is sealed against shrinking"),
            Self::WrongSize { size } => write!(f, "{size} bytes are not the size of the ring"),
            Self::WrongMagic => f.write_str("not a ring"),
            Self::WrongVersion { version } => write!(f, "a ring of version {version}"),
            Self::WrongKind => f.write_str("a ring of another kind"),
            Self::WrongItem { size } => write!(f, "a ring of items of {size} bytes"),
            Self::WrongWaiting => f.write_str("a ring whose endpoints wait in another way"),
            Self::Corrupt => f.write_str("the ring's head holds what cannot be"),
            Self::Occupied => f.write_str("a living process holds this end of the ring"),
            Self::Leased => f.write_str("somebody has a lease on the ring's memory"),
            Self::NoProc => f.write_str("no /proc to open the ring's memory by"),
            Self::Kernel(errno) => write!(f, "the kernel refused: {errno}"),
        }
    }
}

impl core::error::Error for AttachError {}
