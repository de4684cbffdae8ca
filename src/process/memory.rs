//! The memory of another process, read and written: `process_vm_readv(2)`,
//! `process_vm_writev(2)`, `/proc/PID/mem`.
//!
//! [`of`] names a process by its number and needs nothing more: each call is one
//! system call that copies from one process to the other, once. [`open`] opens
//! `/proc/PID/mem`, which copies twice, large blocks at a quarter of the speed (and small
//! ones faster, as permission is not asked for each time), and
//!
//! - means the process that it was opened for, whatever becomes of its number, and
//!   of that process the program that ran then: after an `execve(2)` its memory is gone;
//! - works where a filter or a kernel without `process_vm_readv(2)` refuses the calls;
//! - writes pages that the process itself may only read, such as its instructions (the
//!   process then has a copy of its own of the page).
//!   A system may allow that to tracers alone, or to nobody (Linux 6.12);
//! - can be passed to another process, which then needs no permission of its own.
//!
//! Both give a [`Remote`], with the same calls: plain ones move what one system call
//! moves and return how many bytes that were; `_exact` and `_all` go on and say with
//! [`Stopped`] how far they came. What is moved while the process runs is not a moment's
//! picture; who needs that stops the process first.
//!
//! # Whose memory
//!
//! The caller must have the right to trace the process (`ptrace(2)`, "Ptrace access mode
//! checking", `PTRACE_MODE_ATTACH_REALCREDS`). [`Errno::PERM`] says that one of these is
//! not so:
//!
//! - the users and groups of the process (real, effective and saved) are the caller's real
//!   ones, or the caller has `CAP_SYS_PTRACE` in the process's user namespace;
//! - the process is *dumpable*: not a program that ran with more rights than its user's
//!   (set-user-ID, capabilities, an executable that its user may not read), and it has not
//!   made itself undumpable (`PR_SET_DUMPABLE`);
//! - the process has no capability that the caller lacks;
//! - if there is `/proc/sys/kernel/yama/ptrace_scope` and it is 1, the process is a
//!   descendant of the caller or has [allowed](super::permission::allow) it; 2: the caller has
//!   `CAP_SYS_PTRACE`; 3: nobody.
//!
//! A process that has ended, reaped or not, has no memory: [`Errno::SRCH`], for every call
//! and however it ended, in the midst of a list too.
//!
//! # After the first thread
//!
//! A process goes on without its first thread, whose number is the process's. The kernel
//! then says of that number that it has no memory; [`of`] and [`open`] look for another
//! thread in `/proc/PID/task`, at each call of a [`Remote`] that [`of`] made. This needs
//! `/proc` (without it the answer is [`Errno::SRCH`]) and a descriptor
//! ([`Errno::MFILE`], [`Errno::NFILE`]). If the thread that was found ends during the call,
//! another one is asked, and a write made once more.
//!
//! # Which process
//!
//! A number can be given to another process once its process has been waited for. A parent
//! knows when it does that. Anybody else holds a [`Pidfd`](super::Pidfd): if its
//! [`has_exited`](super::Pidfd::has_exited) is false after a call, then the number meant
//! that process during the call. [`open`] takes the descriptor itself.
//!
//! # Examples
//!
//! ```
//! use rawipc::process::memory::{self, Address};
//! use rawipc::process::{self, Fork, pidfd, WaitFlags};
//! use rawipc::Signal;
//!
//! let word = 0x1234_5678_u32;
//! // SAFETY: the child only waits to be killed.
//! let Fork::Parent(pid) = (unsafe { process::fork()? }) else {
//!     loop { core::hint::spin_loop() }
//! };
//! let child = pidfd::open(pid)?;
//! let (theirs, at) = (memory::of(pid), Address::of(&word));
//! theirs.write_value(at, &7_u32).unwrap(); // the child's copy, not ours
//! assert_eq!(theirs.read_value::<u32>(at), Ok(7));
//! assert_eq!(word, 0x1234_5678);
//! assert!(!child.has_exited()?); // so it was the child
//! # child.send_signal(Signal::KILL)?;
//! # process::wait(&child, WaitFlags::EXITED)?;
//! # Ok::<(), rawipc::Errno>(())
//! ```
#![forbid(unsafe_code)]

mod list;

use core::ffi::CStr;
use core::fmt;
use core::mem::MaybeUninit;

use rustix::fs::OFlags;
use rustix::io::{pread, pwrite};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use self::list::{Reading, Writing};
use super::ProcessRef;
use crate::{
    AsFd, BorrowedFd, Errno, IoSlice, IoSliceMut, OwnedFd, Pid, Result, Short, procfs, sys,
};

pub use crate::sys::remote::{Address, AddressRange};

/// Memory is there or is not in units of at least so many bytes, on every machine.
const PAGE: usize = 4096;

const MEM: &[u8] = b"/mem";

/// The memory of another process; see [the module](self).
///
/// With the number of the calling process itself, or of one that shares its memory,
/// writing is like writing `/proc/self/mem`: nothing protects the program from what it
/// does so to itself.
#[derive(Debug)]
pub struct Remote(Way);

#[derive(Debug)]
enum Way {
    Number(Pid),
    File(OwnedFd),
}

/// What [`open`] opens the memory for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// To be read. Writing then fails with [`Errno::BADF`].
    Read,
    /// To be read and written.
    ReadWrite,
}

/// Memory could not be moved further: so many bytes are through, and there it ended.
///
/// `?` turns it into its [`Errno`], or into a [`Short`], where the rest does not matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// How many bytes went through before.
    pub done: usize,
    /// The other process's address of the first byte that did not.
    pub at: Address,
    /// Why: [`Errno::FAULT`] if the process has nothing there, or not with that
    /// permission.
    pub error: Errno,
}

impl From<Stopped> for Errno {
    fn from(stopped: Stopped) -> Self {
        stopped.error
    }
}

impl From<Stopped> for Short {
    fn from(stopped: Stopped) -> Self {
        Self {
            done: stopped.done,
            error: stopped.error,
        }
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { done, at, error } = self;
        write!(f, "{error} at {at} after {done} bytes")
    }
}

impl core::error::Error for Stopped {}

/// Why a C string could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoString {
    /// The buffer is full of it, and there was no null byte.
    TooLong,
    /// The memory ends before a null byte. What was read is in the buffer.
    Stopped(Stopped),
}

impl From<NoString> for Errno {
    /// [`Errno::NAMETOOLONG`] for a string that is too long.
    fn from(error: NoString) -> Self {
        match error {
            NoString::TooLong => Self::NAMETOOLONG,
            NoString::Stopped(stopped) => stopped.error,
        }
    }
}

impl fmt::Display for NoString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("no null byte as far as the buffer goes"),
            Self::Stopped(stopped) => stopped.fmt(f),
        }
    }
}

impl core::error::Error for NoString {}

/// The memory of the process with the number `pid`, or of a thread's process:
/// `process_vm_readv(2)`, `process_vm_writev(2)`.
///
/// Nothing is asked of the kernel yet. Each call is one system call, but that a process
/// whose first thread has ended is [looked for](self#after-the-first-thread).
#[must_use]
#[doc(alias = "process_vm_readv")]
#[doc(alias = "process_vm_writev")]
pub const fn of(pid: Pid) -> Remote {
    Remote(Way::Number(pid))
}

/// The memory of the program that a process, by its number or a
/// [`Pidfd`](super::Pidfd), runs at this moment: `/proc/PID/mem` of `proc(5)`.
///
/// The permission is checked now, and not again.
///
/// # Errors
///
/// [`Errno::SRCH`]: no such process, it has ended, or `/proc` is not mounted.
/// [`Errno::PERM`]: see [the module](self#whose-memory).
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
    /// Reads what is at `from` into `buffer`, with one system call; returns how many
    /// bytes that were: fewer than `buffer.len()` if not all of it could be read.
    ///
    /// The kernel reads whole pages until the first that it cannot (whatever the manual
    /// page says), and at most 2 GiB less one page. A result of 0 means that `buffer` is
    /// empty.
    ///
    /// # Errors
    ///
    /// [`Errno::FAULT`]: the process has nothing at `from`, or may not read it.
    /// [`Errno::SRCH`]: there is no such process, or it has ended. [`Errno::PERM`]: see
    /// [the module](self#whose-memory). [`Errno::NOSYS`]: a kernel without
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

    /// As [`read`](Self::read), into a buffer that need not have values; returns its
    /// part that was read.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
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
    /// [`Stopped`], with the errors of [`read`](Self::read); what was read is in the
    /// buffer.
    pub fn read_exact(&self, from: Address, buffer: &mut [u8]) -> Result<(), Stopped> {
        whole(from, buffer.len(), |at, done| {
            self.read(at, buffer.get_mut(done..).unwrap_or_default())
        })
    }

    /// Writes `bytes` to `to`, with one system call; returns how many bytes were
    /// written: fewer than `bytes.len()` if not all could be.
    ///
    /// As [`read`](Self::read) otherwise. What the process has written there at the same
    /// time, it or this call has overwritten, byte by byte.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read); [`Errno::FAULT`]: the process has nothing at `to`, or
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
    /// [`Stopped`], with the errors of [`write`](Self::write).
    pub fn write_all(&self, to: Address, bytes: &[u8]) -> Result<(), Stopped> {
        whole(to, bytes.len(), |at, done| {
            self.write(at, bytes.get(done..).unwrap_or_default())
        })
    }

    /// Reads the pieces, one after the other, into the buffers, one after the other;
    /// returns how many bytes were read: fewer than there are of both if some could not
    /// be.
    ///
    /// Pieces and buffers need not have the same lengths. The first 1024 pieces are
    /// looked at, and 1024 buffers from the first that is not empty. Of a process by its
    /// number it is one system call.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read), about the first piece. [`Errno::INVAL`]: a piece has more
    /// bytes than [`isize::MAX`].
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::IoSliceMut;
    /// use rawipc::process::memory::{self, Address, AddressRange};
    ///
    /// let (one, other) = (*b"scattered ", *b"there");
    /// let from = [
    ///     AddressRange::new(Address::of(&one), 10),
    ///     AddressRange::new(Address::of(&other), 5),
    /// ];
    /// let mut gathered = [0; 15];
    /// let own = memory::of(rustix::process::getpid());
    /// assert_eq!(own.readv(&from, &mut [IoSliceMut::new(&mut gathered)])?, 15);
    /// assert_eq!(&gathered, b"scattered there");
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    pub fn readv(&self, from: &[AddressRange], buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
        match &self.0 {
            Way::Number(pid) => by_number(*pid, |pid| {
                sys::remote::process_vm_readv(pid, buffers, from)
            }),
            Way::File(_) => list::one_by_one(
                from,
                Reading {
                    remote: self,
                    buffers,
                },
            ),
        }
    }

    /// Reads all pieces into the buffers, however many there are, until one of the two
    /// lists is through; returns how many bytes were read.
    ///
    /// # Errors
    ///
    /// [`Stopped`], with the errors of [`readv`](Self::readv); what was read is in the
    /// buffers.
    pub fn readv_exact(
        &self,
        from: &[AddressRange],
        buffers: &mut [IoSliceMut<'_>],
    ) -> Result<usize, Stopped> {
        list::whole(
            from,
            Reading {
                remote: self,
                buffers,
            },
        )
    }

    /// Writes the buffers, one after the other, to the pieces, one after the other;
    /// returns how many bytes were written.
    ///
    /// As [`readv`](Self::readv) otherwise.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write), about the first piece. [`Errno::INVAL`]: a piece has
    /// more bytes than [`isize::MAX`].
    pub fn writev(&self, to: &[AddressRange], buffers: &[IoSlice<'_>]) -> Result<usize> {
        match &self.0 {
            Way::Number(pid) => {
                by_number(*pid, |pid| sys::remote::process_vm_writev(pid, buffers, to))
            }
            Way::File(_) => list::one_by_one(
                to,
                Writing {
                    remote: self,
                    buffers,
                },
            ),
        }
    }

    /// Writes all buffers to the pieces, however many there are, until one of the two
    /// lists is through; returns how many bytes were written.
    ///
    /// # Errors
    ///
    /// [`Stopped`], with the errors of [`writev`](Self::writev).
    pub fn writev_all(
        &self,
        to: &[AddressRange],
        buffers: &[IoSlice<'_>],
    ) -> Result<usize, Stopped> {
        list::whole(
            to,
            Writing {
                remote: self,
                buffers,
            },
        )
    }

    /// Reads a value.
    ///
    /// Not atomic: a process that writes it meanwhile may be seen half through.
    ///
    /// # Errors
    ///
    /// [`Stopped`], with the errors of [`read`](Self::read).
    pub fn read_value<T: FromBytes>(&self, from: Address) -> Result<T, Stopped> {
        sys::remote::value(|bytes| self.read_exact(from, bytes))
    }

    /// Writes a value. Not atomic either.
    ///
    /// # Errors
    ///
    /// [`Stopped`], with the errors of [`write`](Self::write).
    pub fn write_value<T: IntoBytes + Immutable + ?Sized>(
        &self,
        to: Address,
        value: &T,
    ) -> Result<(), Stopped> {
        self.write_all(to, value.as_bytes())
    }

    /// Reads a C string, with its null byte, into `buffer`.
    ///
    /// It reads up to the end of each page before it looks at the next, so that a
    /// string may end just before memory that cannot be read.
    ///
    /// # Errors
    ///
    /// [`NoString`].
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::process::memory::{self, Address, NoString};
    ///
    /// let there = c"a name";
    /// let own = memory::of(rustix::process::getpid());
    /// let mut here = [0; 64];
    /// let at = Address::of(there);
    /// assert_eq!(own.read_c_string(at, &mut here), Ok(c"a name"));
    /// assert_eq!(own.read_c_string(at, &mut here[..6]), Err(NoString::TooLong));
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    pub fn read_c_string<'b>(
        &self,
        from: Address,
        buffer: &'b mut [u8],
    ) -> Result<&'b CStr, NoString> {
        let mut done = 0;
        loop {
            let at = from.wrapping_add(done);
            let left = buffer.get_mut(done..).unwrap_or_default();
            let len = left.len().min(PAGE - at.get() % PAGE);
            let some = left.get_mut(..len).unwrap_or_default();
            if some.is_empty() {
                return Err(NoString::TooLong);
            }
            let read = self.read(at, some);
            let read = read.map_err(|error| NoString::Stopped(Stopped { done, at, error }))?;
            if some.iter().take(read).any(|&byte| byte == 0) {
                break;
            }
            done += read;
        }
        // There is one.
        CStr::from_bytes_until_nul(buffer).map_err(|_| NoString::TooLong)
    }

    /// The descriptor of what [`open`] opened; `None` of a process by its number.
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
fn by_number(process: Pid, mut call: impl FnMut(Pid) -> Result<usize>) -> Result<usize> {
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
) -> Result<(), Stopped> {
    let mut done = 0;
    while done < len {
        let at = begin.wrapping_add(done);
        match step(at, done) {
            // The kernel does not say that of a transfer that is not empty.
            Ok(0) => {
                return Err(Stopped {
                    done,
                    at,
                    error: Errno::FAULT,
                });
            }
            Ok(more) => done += more,
            Err(error) => return Err(Stopped { done, at, error }),
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
