//! Files in memory, without a name: `memfd_create(2)`.
//!
//! A memfd is shared by handing its descriptor on: inherited, or over a UNIX
//! socket. It lives until the last descriptor and the last mapping of it are gone,
//! so that nothing is left behind however its processes end.
//!
//! Unlike a file it can be *sealed*: its size, or its contents, can then never
//! change again, whoever has a descriptor. That is what makes one from an
//! untrusted process safe to map, see [`Memfd::verify`].
#![forbid(unsafe_code)]

use core::ffi::CStr;
use core::fmt;

use linux_raw_sys::general as raw;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::SealFlags;

use crate::errno::Described;
use crate::guard::filesize;
use crate::{Arg, Errno, Mode, Result};

/// The largest length of a name in bytes.
pub const NAME_MAX: usize = 249;

/// What is always asked of the kernel, unless the flag of the same bit says no.
const UNLESS_ASKED: u32 = raw::MFD_CLOEXEC | raw::MFD_ALLOW_SEALING;

bitflags::bitflags! {
    /// Flags of [`create`].
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::memory::memfd::{self, MemfdFlags, Seals};
    ///
    /// let plain = memfd::create("plain", MemfdFlags::empty())?; // closed on exec, can be sealed
    /// assert!(!plain.seals()?.contains(Seals::SEAL));
    ///
    /// let flags = MemfdFlags::INHERITED | MemfdFlags::UNSEALABLE;
    /// let open_for_all = memfd::create("inherited", flags)?;
    /// assert!(open_for_all.seals()?.contains(Seals::SEAL));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct MemfdFlags: u32 {
        /// The descriptor stays open in programs that this process executes.
        const INHERITED = raw::MFD_CLOEXEC;
        /// Forbids all seals: [`Memfd::seals`] has [`Seals::SEAL`].
        const UNSEALABLE = raw::MFD_ALLOW_SEALING;
        /// Allows executing the contents as a program; mode 0700.
        const EXECUTABLE = raw::MFD_EXEC;
        /// Forbids executing the contents as a program for ever: sealed with [`Seals::EXEC`]
        /// (Linux 6.3).
        ///
        /// That is so without any flag where the kernel can; with this one it is
        /// [`Errno::INVAL`] where it cannot.
        const NOEXEC_SEAL = raw::MFD_NOEXEC_SEAL;
        /// Consists of huge pages of the default size of the system.
        ///
        /// Such memory must be reserved by the administrator (`/proc/sys/vm/nr_hugepages`),
        /// sizes are multiples of the page size, and it can be mapped and read but not
        /// written by [`Memfd::write_at`].
        const HUGE = raw::MFD_HUGETLB;
        /// Consists of huge pages of 2 MiB.
        const HUGE_2MIB = raw::MFD_HUGETLB | raw::MFD_HUGE_2MB;
        /// Consists of huge pages of 1 GiB.
        const HUGE_1GIB = raw::MFD_HUGETLB | raw::MFD_HUGE_1GB;

        const _ = !0;
    }
}

impl MemfdFlags {
    /// Returns the flags for huge pages of this size in bytes, as
    /// [`MapFlags::huge`](crate::memory::MapFlags::huge) does.
    ///
    /// ```
    /// use rawipc::memory::memfd::MemfdFlags;
    ///
    /// assert_eq!(MemfdFlags::huge(1 << 30), Some(MemfdFlags::HUGE_1GIB));
    /// assert_eq!(MemfdFlags::huge(0), None);
    /// ```
    #[doc(alias = "MFD_HUGE_SHIFT")]
    #[must_use]
    pub const fn huge(size: usize) -> Option<Self> {
        match size.checked_ilog2() {
            Some(log2) if size.is_power_of_two() => Some(Self::from_bits_retain(
                raw::MFD_HUGETLB | (log2 << raw::MFD_HUGE_SHIFT),
            )),
            _ => None,
        }
    }
}

bitflags::bitflags! {
    /// The seals of a memfd, each of which forbids something for ever: file sealing, `fcntl(2)`.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::Errno;
    /// use rawipc::memory::memfd::{self, MemfdFlags, Seals};
    ///
    /// let memfd = memfd::create("constant", MemfdFlags::empty())?;
    /// memfd.write_at(0, b"never changes")?;
    /// memfd.seal(Seals::WRITE | Seals::SHRINK | Seals::GROW | Seals::SEAL)?;
    /// assert_eq!(memfd.write_at(0, b"x"), Err(Errno::PERM));
    /// assert_eq!(memfd.set_size(0), Err(Errno::PERM));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Seals: u32 {
        /// Adding seals.
        const SEAL = raw::F_SEAL_SEAL;
        /// Shrinking: no access to a mapping of what is there now will be a SIGBUS.
        const SHRINK = raw::F_SEAL_SHRINK;
        /// Growing.
        const GROW = raw::F_SEAL_GROW;
        /// Changing the contents.
        const WRITE = raw::F_SEAL_WRITE;
        /// Changing the contents, except through shared mappings that exist already: whoever
        /// receives it cannot write (Linux 5.1).
        const FUTURE_WRITE = raw::F_SEAL_FUTURE_WRITE;
        /// Changing whether its mode allows executing (Linux 6.3).
        const EXEC = raw::F_SEAL_EXEC;

        const _ = !0;
    }
}

/// A file in memory, by its descriptor; what was received as one is checked by
/// [`verify`](Self::verify).
///
/// # Examples
///
/// ```
/// use rawipc::memory::MapOptions;
/// use rawipc::memory::memfd::{self, MemfdFlags, Seals};
///
/// let memfd = memfd::create("example", MemfdFlags::empty())?;
/// memfd.set_size(4096)?;
/// memfd.seal(Seals::SHRINK)?; // whoever maps it need not fear a SIGBUS
/// memfd.write_at(0, b"hello")?;
///
/// // In another process, usually, which has been sent the descriptor:
/// let theirs = MapOptions::shared(4096).map_sealed(&memfd, Seals::SHRINK)?;
/// assert_eq!(theirs.read::<[u8; 5]>(0)?, *b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Memfd(OwnedFd);

/// Why a descriptor is not the memfd that it should be: [`Memfd::verify`].
///
/// # Examples
///
/// ```
/// use rawipc::memory::memfd::{self, MemfdFlags, Seals, VerifyError};
///
/// let memfd = memfd::create("unsealed", MemfdFlags::empty())?; // from an untrusted process
/// memfd.set_size(4096)?;
/// match memfd.verify(Seals::SHRINK, 4096) {
///     Ok(size) => println!("safe to map, all {size} bytes"),
///     Err(VerifyError::Unsealed(missing)) => assert_eq!(missing, Seals::SHRINK),
///     Err(other) => return Err(other.into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyError {
    /// It is not a memfd, nor any other file that can have seals.
    NotMemfd,
    /// These seals are missing.
    Unsealed(Seals),
    /// It is too small: only this many bytes.
    TooSmall(u64),
    /// The kernel refused to tell, or to map it.
    Refused(Errno),
}

/// Creates an empty memfd: `memfd_create(2)`.
///
/// The name is for people, who see it in `/proc/PID/fd` and `/proc/PID/maps`: it has at
/// most [`NAME_MAX`] bytes and need not be unique.
///
/// It can be sealed, is closed on exec, can never be executed as a program, and has mode
/// 0600, which only matters to those who open it again through `/proc`; flags ask
/// otherwise. (Before Linux 6.3 only the mode says that it is no program, and
/// [`set_mode`](Memfd::set_mode) may change that; since then it has [`Seals::EXEC`].)
///
/// # Errors
///
/// [`Errno::INVAL`]: the name is too long, or contains a zero byte; or the kernel does not know a flag or huge page size; or `EXECUTABLE` and
/// `NOEXEC_SEAL` were both asked for. [`Errno::ACCESS`]: the administrator forbids
/// executable memfds. [`Errno::MFILE`], [`Errno::NFILE`]: this process, or the
/// system, has no descriptor left.
///
/// # Examples
///
/// ```
/// use rawipc::memory::memfd::{self, MemfdFlags, Seals};
///
/// let memfd = memfd::create("numbers", MemfdFlags::empty())?;
/// memfd.set_size(4096)?;
/// memfd.seal(Seals::SHRINK | Seals::GROW)?;
/// assert_eq!(memfd.set_size(8192), Err(rawipc::Errno::PERM));
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "memfd_create")]
pub fn create(name: impl Arg, flags: MemfdFlags) -> Result<Memfd> {
    let bits = flags.bits() ^ UNLESS_ASKED;
    let is_program = flags.contains(MemfdFlags::EXECUTABLE);
    let fd = name.into_with_c_str(|name| {
        if flags.contains(MemfdFlags::NOEXEC_SEAL) {
            memfd_create(name, bits)
        } else if is_program {
            create_if_known(name, bits & !raw::MFD_EXEC, raw::MFD_EXEC)
        } else {
            create_no_program(name, bits)
        }
    });
    let memfd = match fd {
        // Of the name. Longer than any path, it has not even come to the kernel.
        Err(Errno::NAMETOOLONG) => return Err(Errno::INVAL),
        result => Memfd(result?),
    };
    memfd.set_mode(if is_program {
        Mode::RWXU
    } else {
        Mode::RUSR | Mode::WUSR
    })?;
    // NOEXEC_SEAL, asked for or not, has made it one that can be sealed.
    if flags.contains(MemfdFlags::UNSEALABLE) && !memfd.seals()?.contains(Seals::SEAL) {
        memfd.seal(Seals::SEAL)?;
    }
    Ok(memfd)
}

/// Creates a memfd that is no program. Its mode is the kernel's default, open to everybody.
///
/// # Errors
///
/// As `memfd_create(2)`.
pub(crate) fn create_no_program(name: &CStr, bits: u32) -> Result<OwnedFd> {
    create_if_known(name, bits, raw::MFD_NOEXEC_SEAL)
}

/// Creates a memfd, with a flag if the kernel knows that.
fn create_if_known(name: &CStr, bits: u32, flag: u32) -> Result<OwnedFd> {
    let mut all = bits | flag;
    loop {
        match memfd_create(name, all) {
            // If it is because of another flag, that still is unknown without this one.
            Err(Errno::INVAL) if all != bits => all = bits,
            result => return result,
        }
    }
}

fn memfd_create(name: &CStr, bits: u32) -> Result<OwnedFd> {
    rustix::fs::memfd_create(name, rustix::fs::MemfdFlags::from_bits_retain(bits))
}

impl Memfd {
    /// Sets the size to `size` bytes: `ftruncate(2)`. New bytes are zero.
    ///
    /// Memory is taken when a byte is first written; a write to a mapping when there
    /// is none left ends the process with SIGBUS, see [`allocate`](Self::allocate).
    ///
    /// # Errors
    ///
    /// [`Errno::PERM`]: sealed against it. [`Errno::INVAL`]: not a multiple of the
    /// huge page size, or not writable. [`Errno::FBIG`]: beyond what a file can have, or
    /// what this process may give one (`RLIMIT_FSIZE`); there is no SIGXFSZ.
    #[doc(alias = "ftruncate")]
    pub fn set_size(&self, size: u64) -> Result<()> {
        filesize::set(self.as_fd(), size)
    }

    /// Returns the size in bytes: `fstat(2)`.
    ///
    /// Another process may change it at any time, unless it is sealed.
    ///
    /// # Errors
    ///
    /// None of a descriptor that is open.
    #[doc(alias = "fstat")]
    pub fn size(&self) -> Result<u64> {
        // Never negative.
        Ok(rustix::fs::fstat(&self.0)?.st_size as u64)
    }

    /// Allocates the memory for `len` bytes from `offset`, and extends the file to hold
    /// them: `fallocate(2)`.
    ///
    /// # Errors
    ///
    /// [`Errno::NOSPC`] or [`Errno::NOMEM`]: not enough memory, or huge pages.
    /// [`Errno::PERM`]: sealed against growing. [`Errno::INVAL`]: `len` is 0.
    /// [`Errno::FBIG`]: as [`set_size`](Self::set_size).
    #[doc(alias = "fallocate")]
    pub fn allocate(&self, offset: u64, len: u64) -> Result<()> {
        filesize::allocate(self.as_fd(), offset, len)
    }

    /// Sets who may open it again through `/proc`: `fchmod(2)`.
    ///
    /// # Errors
    ///
    /// [`Errno::PERM`]: another user's, or sealed with [`Seals::EXEC`] and
    /// the mode would change what may be executed.
    #[doc(alias = "fchmod")]
    pub fn set_mode(&self, mode: Mode) -> Result<()> {
        rustix::fs::fchmod(&self.0, mode)
    }

    /// Adds seals, for ever and for everybody: `fcntl(2)` with `F_ADD_SEALS`.
    ///
    /// # Errors
    ///
    /// [`Errno::PERM`]: sealed with [`Seals::SEAL`], or the descriptor is not
    /// writable. [`Errno::BUSY`]: [`Seals::WRITE`] while somebody has a
    /// writable shared mapping. [`Errno::INVAL`]: not a memfd, or the
    /// kernel does not know a seal.
    #[doc(alias = "F_ADD_SEALS")]
    pub fn seal(&self, seals: Seals) -> Result<()> {
        rustix::fs::fcntl_add_seals(&self.0, SealFlags::from_bits_retain(seals.bits()))
    }

    /// Returns its seals: `fcntl(2)` with `F_GET_SEALS`.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: not a memfd.
    #[doc(alias = "F_GET_SEALS")]
    pub fn seals(&self) -> Result<Seals> {
        let seals = rustix::fs::fcntl_get_seals(&self.0)?;
        Ok(Seals::from_bits_retain(seals.bits()))
    }

    /// Checks that this is a memfd with at least these seals and at least `size` bytes, and
    /// returns its size.
    ///
    /// To be asked of every descriptor that came from somebody else: what is sealed
    /// with [`Seals::SHRINK`] will never have fewer bytes than this returns, so
    /// that no access to a mapping of them ends this process with SIGBUS for want
    /// of a file behind it. The size is only final with [`Seals::GROW`], and the contents with
    /// [`Seals::WRITE`].
    ///
    /// # Errors
    ///
    /// [`VerifyError`] says which of it does not hold.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::memory::memfd::{self, MemfdFlags, Seals, VerifyError};
    ///
    /// let received = memfd::create("theirs", MemfdFlags::empty())?;
    /// received.set_size(4096)?;
    /// let wanted = Seals::SHRINK | Seals::GROW;
    /// assert_eq!(received.verify(wanted, 1), Err(VerifyError::Unsealed(wanted)));
    ///
    /// received.seal(wanted)?;
    /// assert_eq!(received.verify(wanted, 4096), Ok(4096));
    /// assert_eq!(received.verify(wanted, 4097), Err(VerifyError::TooSmall(4096)));
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    pub fn verify(&self, seals: Seals, size: u64) -> Result<u64, VerifyError> {
        let present = self.seals().map_err(|errno| match errno {
            Errno::INVAL => VerifyError::NotMemfd,
            errno => VerifyError::Refused(errno),
        })?;
        if !present.contains(seals) {
            return Err(VerifyError::Unsealed(seals.difference(present)));
        }
        // Only after the seals, as it may change until then.
        match self.size() {
            Ok(actual) if actual < size => Err(VerifyError::TooSmall(actual)),
            result => result.map_err(VerifyError::Refused),
        }
    }

    /// Reads at `offset` and returns the number of bytes, fewer than asked for only at the
    /// end: `pread(2)`.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: the offset is beyond what a file can have.
    #[doc(alias = "pread")]
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        rustix::io::pread(&self.0, buffer, offset)
    }

    /// Writes at `offset`, extending the file as needed, and returns the number of bytes:
    /// `pwrite(2)`.
    ///
    /// # Errors
    ///
    /// [`Errno::PERM`]: sealed against writing or growing; of a write that goes
    /// beyond the end of one sealed against growing, the part before it is written.
    /// [`Errno::INVAL`]: of huge pages, or the offset is beyond what a file can have.
    /// [`Errno::FBIG`]: at `offset` begins what this process may not write
    /// (`RLIMIT_FSIZE`), whether or not there is something; there is no SIGXFSZ.
    #[doc(alias = "pwrite")]
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<usize> {
        filesize::write_at(self.as_fd(), bytes, offset)
    }
}

impl AsFd for Memfd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

crate::sys::fd_number::numbers!(Memfd);

impl From<Memfd> for OwnedFd {
    fn from(memfd: Memfd) -> Self {
        memfd.0
    }
}

/// Any descriptor, unseen: [`Memfd::verify`] looks.
impl From<OwnedFd> for Memfd {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotMemfd => f.write_str("not a memfd"),
            Self::Unsealed(seals) => write!(f, "memfd without the seals {seals:?}"),
            Self::TooSmall(size) => write!(f, "memfd of only {size} bytes"),
            Self::Refused(errno) => Described(*errno).fmt(f),
        }
    }
}

impl core::error::Error for VerifyError {}
