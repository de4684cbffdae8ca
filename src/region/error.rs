//! Why a descriptor was not accepted as a region, or nobody attached to it.
#![forbid(unsafe_code)]

use core::fmt;

use crate::Errno;
use crate::errno::Described;

/// Why a descriptor was not accepted as a ring, or an endpoint not attached.
///
/// # Examples
///
/// ```
/// use rawipc::OwnedFd;
/// use rawipc::memory::memfd::{self, MemfdFlags};
/// use rawipc::ring::{AttachError, spsc};
///
/// // What came from another process is checked before it is used.
/// let memfd = memfd::create("no ring", MemfdFlags::empty())?;
/// memfd.set_size(1 << 16)?;
/// let opened: Result<spsc::Ring, _> = spsc::Ring::open(OwnedFd::from(memfd));
/// match opened {
///     Ok(_ring) => println!("a ring"),
///     Err(AttachError::NotSealed) => println!("it could be shortened"),
///     Err(other) => return Err(other.into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttachError {
    /// Not a memfd sealed against shrinking: touching it could be a SIGBUS.
    NotSealed,
    /// The descriptor, or a seal, does not let its holder write.
    ReadOnly,
    /// Memory of huge pages: touching it is a SIGBUS when the system has none left.
    HugePages,
    /// The memory has another size than its head says, or none that a ring has.
    WrongSize {
        /// Its size in bytes.
        size: u64,
    },
    /// The ring has more room than its opener accepts.
    TooLarge {
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
    /// A ring whose members must all wait in the same way, and which is of another one.
    WrongWaiting,
    /// A descriptor that is no bell of the accepted kind.
    WrongBell,
    /// The head, or a position, is one that cannot be; or somebody holds dozens of the
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
    /// which this process keeps locked (`MCL_FUTURE`); [`Errno::INVAL`]: a kernel before 4.14,
    /// which cannot tell a forked child that it is no member.
    Kernel(Errno),
}

/// Why nobody attached, as a number: of the kernel's, or one that it does not refuse these calls
/// with. So it stays in one register on the way to who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal(Errno);

impl Refusal {
    /// Of opening files alone.
    pub(super) const NO_PROC: Self = Self(Errno::NOENT);
    pub(crate) const LEASED: Self = Self(Errno::BUSY);
    pub(crate) const OCCUPIED: Self = Self(Errno::EXIST);
    pub(crate) const CORRUPT: Self = Self(Errno::USERS);
}

impl From<Refusal> for AttachError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NO_PROC => Self::NoProc,
            Refusal::LEASED => Self::Leased,
            Refusal::OCCUPIED => Self::Occupied,
            Refusal::CORRUPT => Self::Corrupt,
            Refusal(errno) => Self::Kernel(errno),
        }
    }
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Self(errno)
    }
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
            Self::ReadOnly => f.write_str("memory that cannot be written"),
            Self::HugePages => f.write_str("memory of huge pages, of which there may be none left"),
            Self::WrongSize { size } => write!(f, "{size} bytes are not the size of the ring"),
            Self::TooLarge { size } => write!(f, "a ring of {size} bytes is too large"),
            Self::WrongMagic => f.write_str("not a ring"),
            Self::WrongVersion { version } => write!(f, "a ring of version {version}"),
            Self::WrongKind => f.write_str("a ring of another kind"),
            Self::WrongItem { size } => write!(f, "a ring of items of {size} bytes"),
            Self::WrongWaiting => f.write_str("a ring whose endpoints wait in another way"),
            Self::WrongBell => f.write_str("a descriptor that is no bell of the accepted kind"),
            Self::Corrupt => f.write_str("the ring's head holds what cannot be"),
            Self::Occupied => f.write_str("a living process holds this end of the ring"),
            Self::Leased => f.write_str("somebody has a lease on the ring's memory"),
            Self::NoProc => f.write_str("no /proc to open the ring's memory by"),
            Self::Kernel(errno) => write!(f, "the kernel refused: {}", Described(*errno)),
        }
    }
}

impl core::error::Error for AttachError {}
