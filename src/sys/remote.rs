//! What belongs to another process: its memory, the map of it, and what it shares
//! with a third. `process_vm_readv(2)`, `process_vm_writev(2)`, `PROCMAP_QUERY`,
//! `kcmp(2)`.

use core::fmt;
use core::mem::{MaybeUninit, align_of, offset_of, size_of};

use linux_raw_sys::general::{
    __NR_ioctl, __NR_kcmp, __NR_process_vm_readv, __NR_process_vm_writev, iovec, procmap_query,
};
use rustix::fd::{AsRawFd, BorrowedFd, RawFd};
use static_assertions::const_assert_eq;
use zerocopy::FromBytes;

use super::{check, pid, vector};
use crate::{Errno, IoSlice, IoSliceMut, Pid, Result, arch};

/// An address in the memory of some process: a number that only the kernel can use.
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, memory::{self, Address}};
///
/// let numbers = [1_u16, 2, 3];
/// let first = Address::of(&numbers);
/// let third = first.checked_add(2 * size_of::<u16>()).ok_or("beyond the last address")?;
/// // Usually in another process, which was told the address.
/// assert_eq!(memory::of(process::id()).read_value::<u16>(third)?, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Address(usize);

impl Address {
    /// Creates the address with this number.
    #[must_use]
    pub const fn new(address: usize) -> Self {
        Self(address)
    }

    /// Returns the address of `object` in this process, to be told to another; a forked child
    /// has its copy there.
    #[must_use]
    pub fn of<T: ?Sized>(object: &T) -> Self {
        // Exposed: another process reads what is there, which the compiler must not
        // think that nobody does.
        Self(core::ptr::from_ref(object).expose_provenance())
    }

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0
    }

    /// Returns the address `bytes` further; `None` beyond the last one.
    #[must_use]
    pub const fn checked_add(self, bytes: usize) -> Option<Self> {
        match self.0.checked_add(bytes) {
            Some(address) => Some(Self(address)),
            None => None,
        }
    }

    /// Returns the address `bytes` further, wrapping around at the last one.
    #[must_use]
    pub const fn wrapping_add(self, bytes: usize) -> Self {
        Self(self.0.wrapping_add(bytes))
    }
}

impl From<usize> for Address {
    fn from(address: usize) -> Self {
        Self(address)
    }
}

impl From<Address> for usize {
    fn from(address: Address) -> Self {
        address.0
    }
}

/// In hexadecimal.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// In hexadecimal.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// A range of addresses in the memory of a process.
///
/// # Examples
///
/// ```
/// use rawipc::IoSliceMut;
/// use rawipc::process::{self, memory::{self, Address, AddressRange}};
///
/// let (head, tail) = (*b"hello ", *b"world");
/// let pieces = [
///     AddressRange::new(Address::of(&head), head.len()),
///     AddressRange::new(Address::of(&tail), tail.len()),
/// ];
/// // Several pieces of another process's memory, usually, into one buffer.
/// let mut buffer = [0; 11];
/// let mut into = [IoSliceMut::new(&mut buffer)];
/// memory::of(process::id()).readv_exact(&pieces, &mut into)?;
/// assert_eq!(&buffer, b"hello world");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "iovec")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct AddressRange {
    /// The first address.
    pub address: Address,
    /// The number of bytes.
    pub len: usize,
}

const_assert_eq!(size_of::<AddressRange>(), size_of::<iovec>());
const_assert_eq!(align_of::<AddressRange>(), align_of::<iovec>());
const_assert_eq!(
    offset_of!(AddressRange, address),
    offset_of!(iovec, iov_base)
);
const_assert_eq!(offset_of!(AddressRange, len), offset_of!(iovec, iov_len));

impl AddressRange {
    /// Creates the range of `len` bytes from `address` on.
    #[must_use]
    pub const fn new(address: Address, len: usize) -> Self {
        Self { address, len }
    }
}

/// `process_vm_readv(2)` or `process_vm_writev(2)`, of the first pieces, as many as the
/// kernel takes.
///
/// # Safety
///
/// `local` must begin so many `iovec` of memory that may be read, and for
/// `process_vm_readv` written as well.
unsafe fn process_vm(
    number: u32,
    pid: Pid,
    (local, count): (*const iovec, usize),
    remote: &[AddressRange],
) -> Result<usize> {
    let remote = remote.get(..vector::MAX).unwrap_or(remote);
    let of = pid::number(pid)?;
    // SAFETY: the local list is the caller's promise. The remote one is laid out as
    // the kernel's and borrowed, and its addresses are of the other process.
    let raw = unsafe {
        arch::syscall6(
            number as usize,
            of as usize,
            local.expose_provenance(),
            count,
            remote.as_ptr().expose_provenance(),
            remote.len(),
            0,
        )
    };
    check(raw)
}

/// `process_vm_readv(2)`, of the first buffers and pieces, as many as the kernel takes.
pub(crate) fn process_vm_readv(
    pid: Pid,
    local: &mut [IoSliceMut<'_>],
    remote: &[AddressRange],
) -> Result<usize> {
    let local = vector::raw_mut(local);
    let list = (local.as_ptr().cast(), local.len());
    // SAFETY: buffers that are borrowed exclusively; bytes of any value fit.
    unsafe { process_vm(__NR_process_vm_readv, pid, list, remote) }
}

/// `process_vm_readv(2)` into one buffer; returns the part of it that now has a value,
/// after an error the buffer.
pub(crate) fn process_vm_readv_uninit<'b>(
    pid: Pid,
    local: &'b mut [MaybeUninit<u8>],
    remote: &[AddressRange],
) -> Result<&'b mut [u8], (Errno, &'b mut [MaybeUninit<u8>])> {
    let first = local.as_mut_ptr();
    let list = iovec {
        iov_base: first.cast(),
        iov_len: local.len() as _,
    };
    // SAFETY: a buffer that is borrowed exclusively.
    let result = unsafe { process_vm(__NR_process_vm_readv, pid, (&raw const list, 1), remote) };
    match result {
        // SAFETY: the kernel has written so many bytes of the buffer, from its beginning.
        Ok(read) => Ok(unsafe { core::slice::from_raw_parts_mut(first.cast(), read) }),
        Err(errno) => Err((errno, local)),
    }
}

/// `process_vm_writev(2)`, of the first buffers and pieces, as many as the kernel
/// takes.
///
/// What it does to the other process is that process's affair: nothing of this one
/// changes, unless `pid` names it. That is as `/proc/self/mem`, which every safe
/// program can write: beyond what safe Rust is about.
pub(crate) fn process_vm_writev(
    pid: Pid,
    local: &[IoSlice<'_>],
    remote: &[AddressRange],
) -> Result<usize> {
    let local = vector::raw(local);
    let list = (local.as_ptr().cast(), local.len());
    // SAFETY: buffers that are borrowed and only read.
    unsafe { process_vm(__NR_process_vm_writev, pid, list, remote) }
}

/// The value whose bytes `fill` sets; those it does not set are 0.
pub(crate) fn value<T: FromBytes, E>(
    fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
) -> Result<T, E> {
    let mut value = MaybeUninit::<T>::uninit();
    let first: *mut u8 = value.as_mut_ptr().cast();
    // In place, as padding need not survive a move.
    // SAFETY: it has so many bytes.
    unsafe { first.write_bytes(0, size_of::<T>()) };
    // SAFETY: the bytes just written, borrowed until `fill` is done.
    let bytes = unsafe { core::slice::from_raw_parts_mut(first, size_of::<T>()) };
    fill(bytes)?;
    // SAFETY: all bytes have a value, and FromBytes says that any will do.
    Ok(unsafe { value.assume_init() })
}

const_assert_eq!(size_of::<procmap_query>(), 104);
const_assert_eq!(offset_of!(procmap_query, query_addr), 16);
const_assert_eq!(offset_of!(procmap_query, vma_flags), 40);
const_assert_eq!(offset_of!(procmap_query, dev_major), 72);
const_assert_eq!(offset_of!(procmap_query, vma_name_size), 80);
const_assert_eq!(offset_of!(procmap_query, build_id_addr), 96);

/// `_IOWR('f', 17, struct procmap_query)`: not in the kernel headers that
/// linux-raw-sys is made from.
const PROCMAP_QUERY: usize = 0xc068_6611;

/// `ioctl(2)` with `PROCMAP_QUERY` of a file `/proc/PID/maps`. The name, with the null
/// byte after it, comes into `name` if that has any room.
pub(crate) fn procmap_query(
    maps: BorrowedFd<'_>,
    flags: u32,
    address: Address,
    name: &mut [u8],
) -> Result<procmap_query> {
    let mut query = procmap_query {
        size: size_of::<procmap_query>() as u64,
        query_flags: flags.into(),
        query_addr: address.get() as u64,
        vma_start: 0,
        vma_end: 0,
        vma_flags: 0,
        vma_page_size: 0,
        vma_offset: 0,
        inode: 0,
        dev_major: 0,
        dev_minor: 0,
        vma_name_size: u32::try_from(name.len()).unwrap_or(u32::MAX),
        build_id_size: 0,
        vma_name_addr: 0,
        build_id_addr: 0,
    };
    if !name.is_empty() {
        query.vma_name_addr = name.as_mut_ptr().expose_provenance() as u64;
    }
    // SAFETY: the kernel reads and writes one such structure, and at most so much of
    // the name as is said; both are borrowed for the call. No other kind of descriptor
    // knows this number.
    let raw = unsafe {
        arch::syscall3(
            __NR_ioctl as usize,
            maps.as_raw_fd() as usize,
            PROCMAP_QUERY,
            (&raw mut query).expose_provenance(),
        )
    };
    check(raw)?;
    Ok(query)
}

/// What `kcmp(2)` compares: `<linux/kcmp.h>`, which linux-raw-sys does not have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kcmp {
    File(RawFd, RawFd),
    Vm,
    Files,
    Fs,
    Sighand,
    Io,
    Sysvsem,
    EpollTfd(RawFd, EpollSlot),
}

/// `struct kcmp_epoll_slot`; the manual page has its last field longer than it is.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct EpollSlot {
    pub(crate) efd: u32,
    pub(crate) tfd: u32,
    pub(crate) toff: u32,
}

const_assert_eq!(size_of::<EpollSlot>(), 12);

/// `kcmp(2)`: 0 for equal, 1 for less, 2 for greater, 3 for neither.
pub(crate) fn kcmp(first: Pid, second: Pid, what: Kcmp) -> Result<usize> {
    let slot;
    let (kind, one, other) = match what {
        Kcmp::File(one, other) => (0, one as usize, other as usize),
        Kcmp::Vm => (1, 0, 0),
        Kcmp::Files => (2, 0, 0),
        Kcmp::Fs => (3, 0, 0),
        Kcmp::Sighand => (4, 0, 0),
        Kcmp::Io => (5, 0, 0),
        Kcmp::Sysvsem => (6, 0, 0),
        Kcmp::EpollTfd(fd, target) => {
            slot = target;
            (7, fd as usize, (&raw const slot).expose_provenance())
        }
    };
    let (first, second) = (pid::number(first)?, pid::number(second)?);
    // SAFETY: the kernel reads at most the slot, which lives until the end of this
    // function.
    let raw = unsafe {
        arch::syscall5(
            __NR_kcmp as usize,
            first as usize,
            second as usize,
            kind,
            one,
            other,
        )
    };
    check(raw)
}
