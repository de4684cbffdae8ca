//! Memory that the kernel itself does not map: `memfd_secret(2)`.
//!
//! It is taken out of the kernel's own map of memory, so that only those reach it who
//! have it mapped: no other process by `process_vm_readv(2)`, `ptrace(2)` or
//! `/proc/PID/mem`, no debugger, no core dump, no device, no flaw of the kernel that
//! reads memory of its choice. A system call of the process itself that is given a
//! pointer into it copies from there and to there as usual. It is shared as a memfd is,
//! by handing on the descriptor.
//!
//! It is locked in memory, and counts against the limit of that (`RLIMIT_MEMLOCK`):
//! beyond it, mapping fails with [`Errno::AGAIN`]. It can only be mapped shared. When its
//! last descriptor and mapping are gone, however their processes ended, it is zeroed.
//! As long as there is any, the system does not hibernate.
#![forbid(unsafe_code)]

use linux_raw_sys::general as raw;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

#[cfg(doc)]
use crate::Errno;
use crate::guard::filesize;
use crate::{Result, sys};

bitflags::bitflags! {
    /// Flags of [`create`].
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::Errno;
    /// use rawipc::memory::secret::{self, SecretFlags};
    ///
    /// match secret::create(SecretFlags::INHERITED) {
    ///     Ok(secret) => assert_eq!(secret.size()?, 0),
    ///     Err(Errno::NOSYS) => println!("not enabled on this system"),
    ///     Err(errno) => return Err(errno.into()),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct SecretFlags: u32 {
        /// The descriptor stays open in programs that this process executes.
        const INHERITED = raw::O_CLOEXEC;

        const _ = !0;
    }
}

/// Memory that the kernel itself does not map, as a file without a name.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::memory::MapOptions;
/// use rawipc::memory::secret::{self, SecretFlags};
///
/// let secret = match secret::create(SecretFlags::empty()) {
///     Err(Errno::NOSYS) => return Ok(()), // not enabled on this system
///     result => result?,
/// };
/// secret.set_size(4096)?;
/// let mapping = MapOptions::shared(4096).map(&secret)?;
/// mapping.write(0, &0x5ec2_e7_u32).unwrap();
/// assert_eq!(mapping.read::<u32>(0), Ok(0x5ec2_e7));
/// # Ok::<(), Errno>(())
/// ```
#[derive(Debug)]
pub struct Secret(OwnedFd);

/// Creates empty secret memory: `memfd_secret(2)` (Linux 5.14). Closed on exec unless
/// asked otherwise.
///
/// # Errors
///
/// [`Errno::NOSYS`]: the kernel or the machine has none, or it is not enabled
/// (`secretmem.enable` on the kernel's command line; on by itself since Linux 6.5). [`Errno::MFILE`],
/// [`Errno::NFILE`]: this process, or the system, has no descriptor left.
/// [`Errno::INVAL`]: the kernel does not know a flag.
#[doc(alias = "memfd_secret")]
pub fn create(flags: SecretFlags) -> Result<Secret> {
    sys::memory::memfd_secret(flags.bits() ^ raw::O_CLOEXEC).map(Secret)
}

impl Secret {
    /// Sets the size to `size` bytes, once: `ftruncate(2)`.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: it has a size. [`Errno::FBIG`]: beyond what a file can have, or
    /// what this process may give one (`RLIMIT_FSIZE`); there is no SIGXFSZ.
    #[doc(alias = "ftruncate")]
    pub fn set_size(&self, size: u64) -> Result<()> {
        filesize::set(self.as_fd(), size)
    }

    /// Returns the size in bytes: `fstat(2)`.
    ///
    /// # Errors
    ///
    /// None of a descriptor that is open.
    #[doc(alias = "fstat")]
    pub fn size(&self) -> Result<u64> {
        // Never negative.
        Ok(rustix::fs::fstat(&self.0)?.st_size as u64)
    }
}

impl AsFd for Secret {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

crate::sys::fd_number::numbers!(Secret);

impl From<Secret> for OwnedFd {
    fn from(secret: Secret) -> Self {
        secret.0
    }
}

/// Any descriptor, unseen. Secret memory cannot become shorter once it has a size, so
/// that no access to a mapping of what it has is a SIGBUS; what is not secret memory
/// can.
impl From<OwnedFd> for Secret {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}
