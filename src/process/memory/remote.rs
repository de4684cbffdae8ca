//! [`Remote`]: reading and writing the memory of another process.
#![forbid(unsafe_code)]

use core::ffi::CStr;
use core::mem::MaybeUninit;

use rustix::fs::OFlags;
use rustix::io::{pread, pwrite};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::error::{StringError, TransferError};
use crate::process::process_ref::ProcessRef;
use crate::sys::remote::{Address, AddressRange};
use crate::{AsFd, BorrowedFd, Errno, IoSlice, IoSliceMut, OwnedFd, Pid, Result, procfs, sys};

/// Memory is there or is not in units of at least so many bytes, on every machine.
const PAGE: usize = 4096;

const MEM: &[u8] = b"/mem";

/// Access to the memory of another process; see [the module](super).
///
/// With the number of the calling process itself, or of one that shares its memory,
/// writing is like writing `/proc/self/mem`: nothing protects the program from what it
/// does so to itself.
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, memory::{self, Address}};
///
/// let (value, text) = (0x1234_u64, c"hello".to_bytes_with_nul());
/// // Usually of another process, which told these addresses.
/// let process = memory::of(process::id());
/// assert_eq!(process.read_value::<u64>(Address::of(&value))?, 0x1234);
/// let mut buffer = [0; 32];
/// assert_eq!(process.read_c_string(Address::of(text), &mut buffer)?, c"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Remote(pub(super) Way);

#[derive(Debug)]
pub(super) enum Way {
    Number(Pid),
    File(OwnedFd),
}

/// The access to another process's memory that [`open`] asks for.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::process::{self, memory::{self, Access, Address}};
///
/// let value = 7_u32;
/// let process = memory::open(process::id(), Access::Read)?; // usually another
/// assert_eq!(process.read_value::<u32>(Address::of(&value))?, 7);
/// assert_eq!(process.write(Address::of(&value), &[0; 4]), Err(Errno::BADF));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Reading only. Writing fails with [`Errno::BADF`].
    Read,
    /// Reading and writing.
    ReadWrite,
}

/// Returns access to the memory of the process with the number `pid`, or of a thread's process:
/// `process_vm_readv(2)`, `process_vm_writev(2)`.
///
/// Nothing is asked of the kernel yet. Each call is one system call, but that a process
/// whose first thread has ended is [looked for](super#after-the-first-thread).
#[must_use]
#[doc(alias = "process_vm_readv")]
#[doc(alias = "process_vm_writev")]
pub const fn of(pid: Pid) -> Remote {
    Remote(Way::Number(pid))
}

/// Opens the memory of the program that a process runs now: `/proc/PID/mem` of `proc(5)`.
///
/// The permission is checked now, and not again.
///
/// # Errors
///
/// [`Errno::SRCH`]: no such process, it has ended, or `/proc` is not mounted.
/// [`Errno::PERM`]: see [the module](super#whose-memory).
/// [`Errno::MFILE`] or [`Errno::NFILE`]: this process, or the system, has no descriptor
/// left.
///
/// # Examples
///
/// ```
/// use rawipc::process::memory::{self, Access, Address};
///
/// let word = *b"here";
/// let own = rustix::process::getpid();
/// let memory = memory::open(own, Access::Read)?;
/// assert_eq!(memory.read_value(Address::of(&word)), Ok(*b"here"));
/// # Ok::<(), rawipc::Errno>(())
/// ```
pub fn open<'fd>(process: impl Into<ProcessRef<'fd>>, access: Access) -> Result<Remote> {
    let flags = match access {
        Access::Read => OFlags::RDONLY,
        Access::ReadWrite => OFlags::RDWR,
    };
    let file = process.into().open_memory(MEM, flags)?;
    Ok(Remote(Way::File(file)))
}

impl Remote {
    /// Reads memory at `from` into `buffer` with one system call, and returns the number of
    /// bytes read: fewer than `buffer.len()` if not all could be.
    ///
    /// The kernel reads whole pages until the first that it cannot (whatever the manual
    /// page says), and at most 2 GiB less one page. A result of 0 means that `buffer` is
    /// empty.
    ///
    /// # Errors
    ///
    /// [`Errno::FAULT`]: the process has nothing at `from`, or may not read it.
    /// [`Errno::SRCH`]: there is no such process, or it has ended. [`Errno::PERM`]: see
    /// [the module](super#whose-memory). [`Errno::NOSYS`]: a kernel without
    /// `process_vm_readv(2)`, see [`open`].
    pub fn read(&self, from: Address, buffer: &mut [u8]) -> Result<usize> {
        match &self.0 {
            Way::Number(pid) => {
                let piece = AddressRange::new(from, buffer.len());
                by_number(*pid, |pid| {
                    let buffers = &mut [IoSliceMut::new(buffer)];
                    sys::remote::process_vm_readv(pid, buffers, &[piece])
                })
            }
            Way::File(file) if !buffer.is_empty() => {
                let offset = offset(from)?;
                moved(pread(file, buffer, offset))
            }
            Way::File(_) => Ok(0),
        }
    }

    /// Like [`read`](Self::read), but into an uninitialized buffer, whose part that was read is
    /// returned.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read).
    ///
    /// # Examples
    ///
    /// ```
    /// use core::mem::MaybeUninit;
    /// use rawipc::process::memory::{self, Address};
    ///
    /// let there = [7_u8; 100];
    /// let mut here = [MaybeUninit::uninit(); 100];
    /// let own = memory::of(rustix::process::getpid());
    /// assert_eq!(own.read_uninit(Address::of(&there), &mut here)?, there);
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    pub fn read_uninit<'b>(
        &self,
        from: Address,
        buffer: &'b mut [MaybeUninit<u8>],
    ) -> Result<&'b mut [u8]> {
        match &self.0 {
            Way::Number(pid) => {
                let piece = AddressRange::new(from, buffer.len());
                match sys::remote::process_vm_readv_uninit(*pid, buffer, &[piece]) {
                    Ok(read) => Ok(read),
                    Err((Errno::SRCH, buffer)) => {
                        let file = procfs::process::open_memory(*pid, MEM, OFlags::RDONLY)?;
                        read_uninit(&file, from, buffer)
                    }
                    Err((errno, _)) => Err(errno),
                }
            }
            Way::File(file) if !buffer.is_empty() => read_uninit(file, from, buffer),
            Way::File(_) => Ok(&mut []),
        }
    }

    /// Reads `buffer.len()` bytes at `from`.
    ///
    /// # Errors
    ///
    /// [`TransferError`], with the errors of [`read`](Self::read); what was read is in the
    /// buffer.
    pub fn read_exact(&self, from: Address, buffer: &mut [u8]) -> Result<(), TransferError> {
        whole(from, buffer.len(), |at, done| {
            self.read(at, buffer.get_mut(done..).unwrap_or_default())
        })
    }

    /// Writes `bytes` to memory at `to` with one system call, and returns the number of bytes
    /// written: fewer than `bytes.len()` if not all could be.
    ///
    /// Otherwise like [`read`](Self::read). If the process writes there at the same time,
    /// either may win, byte by byte.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read), and [`Errno::FAULT`]: the process has nothing at `to`, or
    /// may not write it, which [`open`] overcomes; then [`Errno::BADF`]: it was opened
    /// with [`Access::Read`].
    pub fn write(&self, to: Address, bytes: &[u8]) -> Result<usize> {
        match &self.0 {
            Way::Number(pid) => {
                let piece = AddressRange::new(to, bytes.len());
                by_number(*pid, |pid| {
                    sys::remote::process_vm_writev(pid, &[IoSlice::new(bytes)], &[piece])
                })
            }
            Way::File(file) if !bytes.is_empty() => {
                let offset = offset(to)?;
                moved(pwrite(file, bytes, offset))
            }
            Way::File(_) => Ok(0),
        }
    }

    /// Writes all of `bytes` to `to`.
    ///
    /// # Errors
    ///
    /// [`TransferError`], with the errors of [`write`](Self::write).
    pub fn write_all(&self, to: Address, bytes: &[u8]) -> Result<(), TransferError> {
        whole(to, bytes.len(), |at, done| {
            self.write(at, bytes.get(done..).unwrap_or_default())
        })
    }

    /// Reads a value at `from`.
    ///
    /// Not atomic: a process that writes it meanwhile may be seen half through.
    ///
    /// # Errors
    ///
    /// [`TransferError`], with the errors of [`read`](Self::read).
    pub fn read_value<T: FromBytes>(&self, from: Address) -> Result<T, TransferError> {
        sys::remote::value(|bytes| self.read_exact(from, bytes))
    }

    /// Writes a value to `to`; not atomically.
    ///
    /// # Errors
    ///
    /// [`TransferError`], with the errors of [`write`](Self::write).
    pub fn write_value<T: IntoBytes + Immutable + ?Sized>(
        &self,
        to: Address,
        value: &T,
    ) -> Result<(), TransferError> {
        self.write_all(to, value.as_bytes())
    }

    /// Reads a C string, with its null byte, into `buffer`.
    ///
    /// It reads up to the end of each page before it looks at the next, so that a
    /// string may end just before memory that cannot be read.
    ///
    /// # Errors
    ///
    /// [`StringError`].
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::process::memory::{self, Address, StringError};
    ///
    /// let there = c"a name";
    /// let own = memory::of(rustix::process::getpid());
    /// let mut here = [0; 64];
    /// let at = Address::of(there);
    /// assert_eq!(own.read_c_string(at, &mut here), Ok(c"a name"));
    /// assert_eq!(own.read_c_string(at, &mut here[..6]), Err(StringError::TooLong));
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    pub fn read_c_string<'b>(
        &self,
        from: Address,
        buffer: &'b mut [u8],
    ) -> Result<&'b CStr, StringError> {
        let mut done = 0;
        loop {
            let at = from.wrapping_add(done);
            let left = buffer.get_mut(done..).unwrap_or_default();
            let len = left.len().min(PAGE - at.get() % PAGE);
            let some = left.get_mut(..len).unwrap_or_default();
            if some.is_empty() {
                return Err(StringError::TooLong);
            }
            let read = self.read(at, some);
            let read =
                read.map_err(|error| StringError::Transfer(TransferError { done, at, error }))?;
            if some.iter().take(read).any(|&byte| byte == 0) {
                break;
            }
            done += read;
        }
        // There is one.
        CStr::from_bytes_until_nul(buffer).map_err(|_| StringError::TooLong)
    }

    /// Returns the descriptor that [`open`] opened; `None` for a process by its number.
    #[must_use]
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match &self.0 {
            Way::Number(_) => None,
            Way::File(file) => Some(file.as_fd()),
        }
    }
}

/// A descriptor of `/proc/PID/mem` that came from elsewhere.
impl From<OwnedFd> for Remote {
    fn from(file: OwnedFd) -> Self {
        Self(Way::File(file))
    }
}

/// The descriptor of what [`open`] opened; of a process by its number, the [`Remote`] again.
impl TryFrom<Remote> for OwnedFd {
    type Error = Remote;

    fn try_from(remote: Remote) -> Result<Self, Remote> {
        match remote.0 {
            Way::File(file) => Ok(file),
            Way::Number(_) => Err(remote),
        }
    }
}

/// Calls `call` with the number of the process; if its first thread, whose number that is,
/// has ended, with that of one that has not.
pub(super) fn by_number(process: Pid, mut call: impl FnMut(Pid) -> Result<usize>) -> Result<usize> {
    match call(process) {
        Err(Errno::SRCH) => procfs::process::any_thread(process, call),
        result => result,
    }
}

fn read_uninit<'b>(
    file: &OwnedFd,
    from: Address,
    buffer: &'b mut [MaybeUninit<u8>],
) -> Result<&'b mut [u8]> {
    let offset = offset(from)?;
    let (read, _) = pread(file, buffer, offset).map_err(fault)?;
    moved(Ok(read.len())).map(|_| read)
}

/// Calls `step` with an address and a number of bytes done until that is `len`.
fn whole(
    begin: Address,
    len: usize,
    mut step: impl FnMut(Address, usize) -> Result<usize>,
) -> Result<(), TransferError> {
    let mut done = 0;
    while done < len {
        let at = begin.wrapping_add(done);
        match step(at, done) {
            // The kernel does not say that of a transfer that is not empty.
            Ok(0) => {
                return Err(TransferError {
                    done,
                    at,
                    error: Errno::FAULT,
                });
            }
            Ok(more) => done += more,
            Err(error) => return Err(TransferError { done, at, error }),
        }
    }
    Ok(())
}

/// Where an address is in `/proc/PID/mem`. No process has memory in the upper half,
/// and `pread(2)` calls it invalid.
fn offset(address: Address) -> Result<u64> {
    let offset = i64::try_from(address.get()).map_err(|_| Errno::FAULT)?;
    Ok(offset.unsigned_abs())
}

/// The result of moving some bytes by `/proc/PID/mem`, as the calls would say it.
fn moved(result: Result<usize>) -> Result<usize> {
    match result {
        // Of memory that nobody uses any more.
        Ok(0) => Err(Errno::SRCH),
        result => result.map_err(fault),
    }
}

fn fault(errno: Errno) -> Errno {
    match errno {
        Errno::IO => Errno::FAULT,
        other => other,
    }
}
