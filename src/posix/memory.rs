//! Shared memory with a name: `shm_open(3)`, `shm_overview(7)`.
//!
//! An object is a file in `/dev/shm`, where `ls` and `rm` work. It has its
//! contents until it is unlinked and no process has it open or mapped; who dies
//! leaves it as it is. Two processes that start from one another or have a
//! UNIX socket need no name: see [`memory::memfd`](crate::memory::memfd), which
//! leaves nothing behind and can be sealed.
//!
//! [`Memory`] is a descriptor, and mapped by
//! [`MapOptions::map`](crate::memory::MapOptions::map). **Whoever may write to the
//! object may make it shorter**, and an access to a mapping beyond its end then ends
//! the process with SIGBUS; it cannot be sealed against that. The mode, 0600 unless
//! asked otherwise, is what protects.
#![forbid(unsafe_code)]

use linux_raw_sys::general as raw;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::OFlags;
use rustix::io::FdFlags;

use super::create::create_options;
use super::file::{self, Created, Path};
use super::list::{Names, Which};
use super::name::Name;
#[cfg(doc)]
use crate::Errno;
use crate::guard::filesize;
use crate::{Mode, Result};

/// The access for which a shared memory object is opened.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::posix::Name;
/// use rawipc::posix::memory::{self, Access, CreateOptions, MemoryFlags};
///
/// let name = Name::new(format!("/rawipc-doc-access-{}", std::process::id()))?;
/// let _ours = CreateOptions::new().size(4096).create(&name)?;
/// let theirs = memory::open(&name, Access::ReadOnly, MemoryFlags::empty())?;
/// memory::unlink(&name)?;
/// assert_eq!(theirs.write_at(0, b"x"), Err(Errno::BADF));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Access {
    /// Reading: it can neither be mapped writable and shared, nor sized.
    ReadOnly,
    /// Reading and writing.
    #[default]
    ReadWrite,
}

bitflags::bitflags! {
    /// Flags for opening a shared memory object.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::posix::Name;
    /// use rawipc::posix::memory::{self, Access, CreateOptions, MemoryFlags};
    ///
    /// let name = Name::new(format!("/rawipc-doc-flags-{}", std::process::id()))?;
    /// CreateOptions::new().size(4096).create(&name)?;
    /// // Begins anew: no process may have it mapped.
    /// let memory = memory::open(&name, Access::ReadWrite, MemoryFlags::TRUNCATE)?;
    /// memory::unlink(&name)?;
    /// assert_eq!(memory.size()?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct MemoryFlags: u32 {
        /// The descriptor stays open in programs that this process executes.
        const INHERITED = raw::O_CLOEXEC;
        /// Truncates it to 0 bytes: other processes that have it mapped are killed by SIGBUS
        /// when they access it. Without effect for [`Access::ReadOnly`].
        const TRUNCATE = raw::O_TRUNC;

        const _ = !0;
    }
}

impl MemoryFlags {
    /// What the kernel is asked for.
    fn open_flags(self, access: Access) -> OFlags {
        let known = self & Self::all_known();
        let flags = OFlags::from_bits_retain(known.bits() ^ raw::O_CLOEXEC);
        match access {
            // With it Linux would truncate what is opened to read.
            Access::ReadOnly => (flags | OFlags::RDONLY).difference(OFlags::TRUNC),
            Access::ReadWrite => flags | OFlags::RDWR,
        }
    }

    /// Other flags of `open(2)` are none of an object's.
    fn all_known() -> Self {
        Self::INHERITED | Self::TRUNCATE
    }
}

/// A POSIX shared memory object, by its descriptor; any file that was received is taken for
/// one.
///
/// # Examples
///
/// ```
/// use rawipc::memory::MapOptions;
/// use rawipc::posix::{Name, memory};
///
/// let name = Name::new(format!("/rawipc-doc-shm-{}", std::process::id()))?;
/// let memory = memory::CreateOptions::new().create(&name)?;
/// memory::unlink(&name)?;
/// memory.set_size(4096)?;
/// memory.allocate(0, 4096)?; // no later write finds the memory full
///
/// let mapping = MapOptions::shared(4096).map(&memory)?;
/// mapping.write_at(0, b"hello")?;
/// let mut word = [0; 5];
/// memory.read_at(0, &mut word)?;
/// assert_eq!(&word, b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Memory(OwnedFd);

/// Opens a shared memory object: `shm_open(3)`.
///
/// # Errors
///
/// [`Errno::NOENT`]: there is none of this name. [`Errno::ACCESS`]: its mode forbids
/// it. [`Errno::INVAL`]: what has this name is no object but a directory or FIFO.
/// [`Errno::LOOP`]: it is a symbolic link. [`Errno::MFILE`], [`Errno::NFILE`]: this
/// process, or the system, has no descriptor left.
#[doc(alias = "shm_open")]
pub fn open(name: &Name, access: Access, flags: MemoryFlags) -> Result<Memory> {
    file::open(&Path::new(b"", name)?, flags.open_flags(access)).map(Memory)
}

/// Removes a name: `shm_unlink(3)`. The object goes when nobody has it open or mapped any
/// more; the name can be used again at once.
///
/// # Errors
///
/// [`Errno::NOENT`]: there is none. [`Errno::ACCESS`]: another user's.
/// [`Errno::ISDIR`]: a directory.
#[doc(alias = "shm_unlink")]
pub fn unlink(name: &Name) -> Result<()> {
    Path::new(b"", name)?.unlink()
}

/// Returns an iterator over the names of all shared memory objects: the regular files in
/// `/dev/shm` that are not named as semaphores.
///
/// # Errors
///
/// [`Errno::NOENT`]: there is no `/dev/shm`; [`Errno::MFILE`], [`Errno::NFILE`].
pub fn list() -> Result<Names> {
    file::list(Which::Without(file::SEMAPHORE))
}

/// Options to create a shared memory object: exclusively, with mode 0600 and 0 bytes, unless
/// asked otherwise.
///
/// # Examples
///
/// ```
/// use rawipc::memory::MapOptions;
/// use rawipc::posix::{Name, memory};
/// use rawipc::posix::memory::{Access, CreateOptions, MemoryFlags};
///
/// # let unique = format!("/rawipc-doc-memory-{}", std::process::id());
/// # const _: &str = stringify!(
/// let name = Name::new("/picture")?;
/// # );
/// # let name = Name::new(unique)?;
/// let ours = CreateOptions::new().size(4096).create(&name)?;
/// MapOptions::shared(4096).map(&ours)?.write_at(0, b"hello").unwrap();
///
/// let theirs = memory::open(&name, Access::ReadOnly, MemoryFlags::empty())?;
/// assert_eq!(theirs.size(), Ok(4096));
/// memory::unlink(&name)?;
///
/// let mut word = [0; 5];
/// theirs.read_at(0, &mut word)?;
/// assert_eq!(&word, b"hello");
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is created until `create` is called"]
pub struct CreateOptions {
    mode: Mode,
    size: u64,
    access: Access,
    flags: MemoryFlags,
    existing: bool,
}

create_options!(CreateOptions);

impl CreateOptions {
    /// Creates options for an object of 0 bytes that only its user may open.
    pub const fn new() -> Self {
        Self {
            mode: Mode::RUSR.union(Mode::WUSR),
            size: 0,
            access: Access::ReadWrite,
            flags: MemoryFlags::empty(),
            existing: false,
        }
    }

    /// Sets its size in bytes, all 0, *when it gets its name*: unlike with `shm_open(3)`
    /// nobody can open it while it is still too short.
    pub const fn size(mut self, size: u64) -> Self {
        self.size = size;
        self
    }

    /// Sets what the descriptor is for: reading and writing unless asked otherwise. The mode
    /// of a new object does not restrict its creator.
    pub const fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// Sets how it is opened.
    pub const fn flags(mut self, flags: MemoryFlags) -> Self {
        self.flags = flags;
        self
    }

    /// Creates the object and opens it: `shm_open(3)` with `O_CREAT`.
    ///
    /// # Errors
    ///
    /// [`Errno::EXIST`]: there is one of this name, and [`open_existing`] was not
    /// asked for. [`Errno::FBIG`]: no file can be of that size, or none of this process
    /// (`RLIMIT_FSIZE`); there is no SIGXFSZ.
    /// [`Errno::NOSPC`]: no room in `/dev/shm`. [`Errno::NOENT`], [`Errno::ACCESS`]:
    /// there is no `/dev/shm`, or nothing may be created there.
    /// [`Errno::MFILE`], [`Errno::NFILE`]: this process, or the system, has no
    /// descriptor left. With [`open_existing`] also as [`open`].
    ///
    /// [`open_existing`]: Self::open_existing
    #[doc(alias = "shm_open")]
    pub fn create(&self, name: &Name) -> Result<Memory> {
        let path = Path::new(b"", name)?;
        let fill = |file: BorrowedFd<'_>| filesize::set(file, self.size);
        let created = match self.access {
            Access::ReadOnly => Created::ToRead,
            Access::ReadWrite => Created::ToReadAndWrite,
        };
        let file = if self.existing {
            let flags = self.flags.open_flags(self.access);
            file::create_or_open(&path, flags, self.mode, created, fill)?
        } else {
            file::create(&path, self.mode, created, fill)?
        };
        // A new file is opened to be closed on exec.
        if self.flags.contains(MemoryFlags::INHERITED) {
            rustix::io::fcntl_setfd(&file, FdFlags::empty())?;
        }
        Ok(Memory(file))
    }
}

impl Memory {
    /// Sets the size to `size` bytes: `ftruncate(2)`. New bytes are 0.
    ///
    /// Memory is taken when a byte is first written; a write to a mapping when there
    /// is none left ends the process with SIGBUS, see [`allocate`](Self::allocate). An
    /// access to a mapping beyond the new end does so in every process.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: open to read only. [`Errno::FBIG`]: beyond what a file can have,
    /// or what this process may give one (`RLIMIT_FSIZE`); there is no SIGXFSZ.
    #[doc(alias = "ftruncate")]
    pub fn set_size(&self, size: u64) -> Result<()> {
        filesize::set(self.as_fd(), size)
    }

    /// Returns the size in bytes: `fstat(2)`. Whoever may write to the object may change it.
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
    /// [`Errno::NOSPC`]: not enough room. [`Errno::INVAL`]: `len` is 0.
    /// [`Errno::BADF`]: open to read only. [`Errno::FBIG`]: as
    /// [`set_size`](Self::set_size).
    #[doc(alias = "fallocate")]
    #[doc(alias = "posix_fallocate")]
    pub fn allocate(&self, offset: u64, len: u64) -> Result<()> {
        filesize::allocate(self.as_fd(), offset, len)
    }

    /// Returns who may open it: `fstat(2)`.
    ///
    /// # Errors
    ///
    /// None of a descriptor that is open.
    pub fn mode(&self) -> Result<Mode> {
        Ok(Mode::from_raw_mode(rustix::fs::fstat(&self.0)?.st_mode))
    }

    /// Sets who may open it: `fchmod(2)`. Open descriptors keep their access.
    ///
    /// # Errors
    ///
    /// [`Errno::PERM`]: another user's.
    #[doc(alias = "fchmod")]
    pub fn set_mode(&self, mode: Mode) -> Result<()> {
        rustix::fs::fchmod(&self.0, mode)
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
    /// [`Errno::BADF`]: open to read only. [`Errno::NOSPC`]: no room in `/dev/shm`.
    /// [`Errno::INVAL`]: the offset is beyond what a file can have. [`Errno::FBIG`]: at
    /// `offset` begins what this process may not write (`RLIMIT_FSIZE`), whether or not
    /// there is something; there is no SIGXFSZ.
    #[doc(alias = "pwrite")]
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<usize> {
        filesize::write_at(self.as_fd(), bytes, offset)
    }
}

impl AsFd for Memory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

crate::sys::fd_number::numbers!(Memory);

impl From<Memory> for OwnedFd {
    fn from(memory: Memory) -> Self {
        memory.0
    }
}

/// Any descriptor, unseen.
impl From<OwnedFd> for Memory {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}
