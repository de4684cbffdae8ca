//! Descriptors for the memory of this process, and those that came from elsewhere.

use core::ffi::CStr;

use linux_raw_sys::general as raw;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, OFlags};
use rustix::mm::UserfaultfdFlags;

use super::descriptor::Userfault;
use super::flags::{Features, UserfaultFlags};
use crate::sys::remote::{Address, AddressRange};
use crate::{Errno, Mode as FileMode, Result, sys};

/// The device that [`open_device`] opens.
pub const DEVICE: &CStr = c"/dev/userfaultfd";

/// What is always asked of the kernel, unless the flag of the same bit says no.
const UNLESS_ASKED: u32 = raw::O_CLOEXEC;

/// Creates a userfaultfd for the memory of this process, with these features:
/// `userfaultfd(2)` and `UFFDIO_API`.
///
/// It is closed on exec unless asked otherwise, and never blocking, as only such a one can
/// be polled.
///
/// A feature is asked for once and for all: first ask which there are
/// ([`features`]), or take [`Errno::INVAL`] for an answer.
///
/// # Errors
///
/// [`Errno::PERM`]: without `CAP_SYS_PTRACE` only with
/// [`UserfaultFlags::USER_MODE_ONLY`], unless `/proc/sys/vm/unprivileged_userfaultfd` is
/// 1, and never [`Features::FORK`]; containers often allow it to nobody.
/// [`Errno::INVAL`]: the kernel does not know a flag, or has not all these features.
/// [`Errno::NOSYS`]: it has none of this. [`Errno::MFILE`], [`Errno::NFILE`]: this
/// process, or the system, has no descriptor left.
#[doc(alias = "userfaultfd")]
#[doc(alias = "UFFDIO_API")]
pub fn create(flags: UserfaultFlags, features: Features) -> Result<Userfault> {
    let flags = UserfaultfdFlags::from_bits_retain(kernel_flags(flags));
    // SAFETY: what can be done to memory with it is for those functions to answer for.
    let fd = unsafe { rustix::mm::userfaultfd(flags) }?;
    sys::userfault::api(fd.as_fd(), features.bits())?;
    Ok(Userfault(fd))
}

/// Returns the features of this system: `UFFDIO_API` of a descriptor of its own.
///
/// # Errors
///
/// [`Errno::NOSYS`], [`Errno::PERM`], [`Errno::MFILE`], [`Errno::NFILE`]: as [`create`].
///
/// # Examples
///
/// ```
/// use rawipc::memory::userfault::{self, Features};
///
/// let sharable = userfault::features().is_ok_and(|all| all.contains(Features::SHARED));
/// println!("faults of shared memory can be handled: {sharable}");
/// ```
#[doc(alias = "UFFDIO_API")]
pub fn features() -> Result<Features> {
    let flags = kernel_flags(UserfaultFlags::USER_MODE_ONLY);
    let flags = UserfaultfdFlags::from_bits_retain(flags);
    // SAFETY: it is registered nowhere, and closed.
    let fd = unsafe { rustix::mm::userfaultfd(flags) }?;
    sys::userfault::api(fd.as_fd(), 0).map(Features::from_bits_retain)
}

/// Opens [`DEVICE`], through which whoever may open it creates userfaultfds without
/// privilege (Linux 6.1): `open(2)`.
///
/// It may be passed to others.
///
/// # Errors
///
/// [`Errno::NOENT`]: there is none. [`Errno::ACCESS`], [`Errno::PERM`]: not for this user.
#[doc(alias = "/dev/userfaultfd")]
pub fn open_device() -> Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, DEVICE, flags, FileMode::empty())
}

/// Creates a userfaultfd for the memory of this process through a device from
/// [`open_device`], opened here or elsewhere: `USERFAULTFD_IOC_NEW` (Linux 6.1).
///
/// Faults of the kernel can be reported without privilege.
///
/// # Errors
///
/// [`Errno::NOTTY`]: another device, or none. Else as [`create`].
///
/// # Examples
///
/// ```
/// use rawipc::memory::userfault::{self, Features, UserfaultFlags};
///
/// if let Ok(device) = userfault::open_device() {
///     let flags = UserfaultFlags::empty();
///     let faults = userfault::create_by(device, flags, Features::empty())?;
/// }
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "USERFAULTFD_IOC_NEW")]
pub fn create_by(
    device: impl AsFd,
    flags: UserfaultFlags,
    features: Features,
) -> Result<Userfault> {
    let fd = sys::userfault::new(device.as_fd(), kernel_flags(flags))?;
    sys::userfault::api(fd.as_fd(), features.bits())?;
    // What another device gave for this request is not taken for one.
    check_kind(fd.as_fd())?;
    Ok(Userfault(fd))
}

fn kernel_flags(flags: UserfaultFlags) -> u32 {
    (flags.bits() ^ UNLESS_ASKED) | raw::O_NONBLOCK
}

/// Whether it is a userfaultfd: what is read from it is believed.
fn check_kind(fd: BorrowedFd<'_>) -> Result<()> {
    // A file of a file system that somebody wrote could answer as a userfaultfd does.
    if rustix::fs::fstatfs(fd)?.f_type != i64::from(raw::ANON_INODE_FS_MAGIC) {
        return Err(Errno::NOTTY);
    }
    // Woken for no reason, who sleeps there asks again.
    match sys::userfault::wake(fd, AddressRange::new(Address::new(1 << 30), 1 << 20)) {
        Ok(()) => Ok(()),
        Err(_) => Err(Errno::NOTTY),
    }
}

impl Userfault {
    /// Checks that a descriptor that came from elsewhere is a userfaultfd, to handle the
    /// faults of whoever sent it.
    ///
    /// It becomes non-blocking, for all who share it.
    ///
    /// # Errors
    ///
    /// [`Errno::NOTTY`]: it is no userfaultfd, or one whose maker has not asked for its
    /// features yet. It is closed then.
    pub fn from_fd(fd: OwnedFd) -> Result<Self> {
        check_kind(fd.as_fd())?;
        let flags = rustix::fs::fcntl_getfl(&fd)?;
        if !flags.contains(OFlags::NONBLOCK) {
            rustix::fs::fcntl_setfl(&fd, flags | OFlags::NONBLOCK)?;
        }
        Ok(Self(fd))
    }
}

/// As [`Userfault::from_fd`].
impl TryFrom<OwnedFd> for Userfault {
    type Error = Errno;

    fn try_from(fd: OwnedFd) -> Result<Self> {
        Self::from_fd(fd)
    }
}
