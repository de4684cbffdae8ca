//! `ioctl_userfaultfd(2)`: what a userfaultfd, and `/dev/userfaultfd`, is asked for.

use core::mem::{offset_of, size_of};

use linux_raw_sys::general::{
    __NR_ioctl, _UFFDIO_API, _UFFDIO_CONTINUE, _UFFDIO_COPY, _UFFDIO_MOVE, _UFFDIO_POISON,
    _UFFDIO_REGISTER, _UFFDIO_UNREGISTER, _UFFDIO_WAKE, _UFFDIO_WRITEPROTECT, _UFFDIO_ZEROPAGE,
    UFFD_API, UFFDIO, USERFAULTFD_IOC, uffd_msg, uffdio_api, uffdio_continue, uffdio_copy,
    uffdio_move, uffdio_poison, uffdio_range, uffdio_register, uffdio_writeprotect,
    uffdio_zeropage,
};
use linux_raw_sys::ioctl;
use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use static_assertions::const_assert_eq;

use super::check;
use super::remote::{Address, AddressRange};
use crate::{Result, arch};

/// The size of what is read from a userfaultfd.
pub(crate) const MESSAGE: usize = size_of::<uffd_msg>();

const_assert_eq!(MESSAGE, 32);
const_assert_eq!(offset_of!(uffd_msg, arg), 8);
const_assert_eq!(size_of::<uffdio_range>(), 16);
const_assert_eq!(size_of::<uffdio_api>(), 24);
const_assert_eq!(size_of::<uffdio_register>(), 32);
const_assert_eq!(size_of::<uffdio_copy>(), 40);
const_assert_eq!(offset_of!(uffdio_copy, copy), 32);
const_assert_eq!(size_of::<uffdio_zeropage>(), 32);
const_assert_eq!(offset_of!(uffdio_zeropage, zeropage), 24);
const_assert_eq!(size_of::<uffdio_writeprotect>(), 24);
const_assert_eq!(size_of::<uffdio_continue>(), 32);
const_assert_eq!(offset_of!(uffdio_continue, mapped), 24);
const_assert_eq!(size_of::<uffdio_poison>(), 32);
const_assert_eq!(offset_of!(uffdio_poison, updated), 24);
const_assert_eq!(size_of::<uffdio_move>(), 40);
const_assert_eq!(offset_of!(uffdio_move, move_), 32);

const WRITE: u32 = 1;
const READ: u32 = 2;

/// A request's number as `_IOC` makes it: which way its structure goes, how long that is,
/// and which it is.
const fn number(direction: u32, size: usize, of: u32, number: u32) -> u32 {
    (direction << 30) | ((size as u32) << 16) | (of << 8) | number
}

/// A request of a userfaultfd that reads and writes a `T`.
const fn both<T>(which: u32) -> u32 {
    number(READ | WRITE, size_of::<T>(), UFFDIO, which)
}

/// A request that reads a range, for which the kernel says that it writes one.
const fn of_range(which: u32) -> u32 {
    number(READ, size_of::<uffdio_range>(), UFFDIO, which)
}

const API: u32 = both::<uffdio_api>(_UFFDIO_API);
const REGISTER: u32 = both::<uffdio_register>(_UFFDIO_REGISTER);
const UNREGISTER: u32 = of_range(_UFFDIO_UNREGISTER);
const WAKE: u32 = of_range(_UFFDIO_WAKE);
const COPY: u32 = both::<uffdio_copy>(_UFFDIO_COPY);
const ZEROPAGE: u32 = both::<uffdio_zeropage>(_UFFDIO_ZEROPAGE);
const MOVE: u32 = both::<uffdio_move>(_UFFDIO_MOVE);
const WRITEPROTECT: u32 = both::<uffdio_writeprotect>(_UFFDIO_WRITEPROTECT);
const CONTINUE: u32 = both::<uffdio_continue>(_UFFDIO_CONTINUE);
const POISON: u32 = both::<uffdio_poison>(_UFFDIO_POISON);
/// `USERFAULTFD_IOC_NEW`.
const NEW: u32 = number(0, 0, USERFAULTFD_IOC, 0);

// Those that the bindings have.
const_assert_eq!(API, ioctl::UFFDIO_API);
const_assert_eq!(REGISTER, ioctl::UFFDIO_REGISTER);
const_assert_eq!(UNREGISTER, ioctl::UFFDIO_UNREGISTER);
const_assert_eq!(WAKE, ioctl::UFFDIO_WAKE);
const_assert_eq!(COPY, ioctl::UFFDIO_COPY);
const_assert_eq!(ZEROPAGE, ioctl::UFFDIO_ZEROPAGE);
const_assert_eq!(WRITEPROTECT, ioctl::UFFDIO_WRITEPROTECT);

/// # Safety
///
/// `T` must be the structure of `request`, and what it says be allowed.
unsafe fn request<T>(fd: BorrowedFd<'_>, request: u32, argument: &mut T) -> Result<()> {
    // SAFETY: the kernel reads and writes one T, which is borrowed for the call; the
    // rest is the caller's promise.
    let raw = unsafe {
        arch::syscall3(
            __NR_ioctl as usize,
            fd.as_raw_fd() as usize,
            request as usize,
            core::ptr::from_mut(argument).expose_provenance(),
        )
    };
    check(raw).map(drop)
}

fn range(addresses: AddressRange) -> uffdio_range {
    uffdio_range {
        start: addresses.address.get() as u64,
        len: addresses.len as u64,
    }
}

/// What was done by a request of which a part can be done: all, or so many bytes.
fn partial(result: Result<()>, done: i64) -> Result<usize> {
    match (result, usize::try_from(done)) {
        // An error after some pages leaves their number there, else its own.
        (Err(errno), Ok(0) | Err(_)) => Err(errno),
        (_, done) => Ok(done.unwrap_or(0)),
    }
}

/// `USERFAULTFD_IOC_NEW`: a userfaultfd for the calling process, from the device.
pub(crate) fn new(device: BorrowedFd<'_>, flags: u32) -> Result<OwnedFd> {
    // SAFETY: the argument is a number, no memory is involved.
    let raw = unsafe {
        arch::syscall3(
            __NR_ioctl as usize,
            device.as_raw_fd() as usize,
            NEW as usize,
            flags as usize,
        )
    };
    let fd = check(raw)? as RawFd;
    // SAFETY: just made, for nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `UFFDIO_API`: asks for features, and returns which there are.
pub(crate) fn api(fd: BorrowedFd<'_>, features: u64) -> Result<u64> {
    let mut argument = uffdio_api {
        api: UFFD_API.into(),
        features,
        ioctls: 0,
    };
    // SAFETY: this request has this structure, and touches no memory.
    unsafe { request(fd, API, &mut argument) }?;
    Ok(argument.features)
}

/// `UFFDIO_REGISTER`: the requests that there are for this memory.
///
/// # Safety
///
/// If `fd` is of this process: whoever uses these pages must be content to wait for
/// what this descriptor is asked to do, and to find there what it puts there.
pub(crate) unsafe fn register(
    fd: BorrowedFd<'_>,
    addresses: AddressRange,
    mode: u64,
) -> Result<u64> {
    let mut argument = uffdio_register {
        range: range(addresses),
        mode,
        ioctls: 0,
    };
    // SAFETY: this request has this structure; the rest is the caller's promise.
    unsafe { request(fd, REGISTER, &mut argument) }?;
    Ok(argument.ioctls)
}

// The others are safe: the kernel does them to registered pages alone, whose users are
// content with it.

/// `UFFDIO_UNREGISTER`.
pub(crate) fn unregister(fd: BorrowedFd<'_>, addresses: AddressRange) -> Result<()> {
    // SAFETY: this request has this structure; the pages will be as any others.
    unsafe { request(fd, UNREGISTER, &mut range(addresses)) }
}

/// `UFFDIO_WAKE`.
pub(crate) fn wake(fd: BorrowedFd<'_>, addresses: AddressRange) -> Result<()> {
    // SAFETY: this request has this structure, and touches no memory.
    unsafe { request(fd, WAKE, &mut range(addresses)) }
}

/// `UFFDIO_COPY`: how many bytes were copied.
pub(crate) fn copy(fd: BorrowedFd<'_>, to: Address, bytes: &[u8], mode: u64) -> Result<usize> {
    let mut argument = uffdio_copy {
        dst: to.get() as u64,
        src: bytes.as_ptr().expose_provenance() as u64,
        len: bytes.len() as u64,
        mode,
        copy: 0,
    };
    // SAFETY: this request has this structure; it reads the bytes, which are borrowed,
    // and makes registered pages that were missing.
    let result = unsafe { request(fd, COPY, &mut argument) };
    partial(result, argument.copy)
}

/// `UFFDIO_ZEROPAGE`: how many bytes there are now.
pub(crate) fn zeropage(fd: BorrowedFd<'_>, addresses: AddressRange, mode: u64) -> Result<usize> {
    let mut argument = uffdio_zeropage {
        range: range(addresses),
        mode,
        zeropage: 0,
    };
    // SAFETY: this request has this structure, and makes registered pages that were
    // missing.
    let result = unsafe { request(fd, ZEROPAGE, &mut argument) };
    partial(result, argument.zeropage)
}

/// `UFFDIO_MOVE`: how many bytes were moved.
///
/// # Safety
///
/// The contents of the pages from `from` on, which need not be registered, must be the
/// caller's to take away.
pub(crate) unsafe fn move_pages(
    fd: BorrowedFd<'_>,
    to: Address,
    from: AddressRange,
    mode: u64,
) -> Result<usize> {
    let mut argument = uffdio_move {
        dst: to.get() as u64,
        src: from.address.get() as u64,
        len: from.len as u64,
        mode,
        move_: 0,
    };
    // SAFETY: this request has this structure; it makes registered pages that were
    // missing, and what it takes is the caller's.
    let result = unsafe { request(fd, MOVE, &mut argument) };
    partial(result, argument.move_)
}

/// `UFFDIO_WRITEPROTECT`.
pub(crate) fn writeprotect(fd: BorrowedFd<'_>, addresses: AddressRange, mode: u64) -> Result<()> {
    let mut argument = uffdio_writeprotect {
        range: range(addresses),
        mode,
    };
    // SAFETY: this request has this structure; a write to registered pages waits, or
    // does not any more.
    unsafe { request(fd, WRITEPROTECT, &mut argument) }
}

/// `UFFDIO_CONTINUE`: how many bytes were mapped.
pub(crate) fn continue_fault(
    fd: BorrowedFd<'_>,
    addresses: AddressRange,
    mode: u64,
) -> Result<usize> {
    let mut argument = uffdio_continue {
        range: range(addresses),
        mode,
        mapped: 0,
    };
    // SAFETY: this request has this structure; registered pages get what their file has.
    let result = unsafe { request(fd, CONTINUE, &mut argument) };
    partial(result, argument.mapped)
}

/// `UFFDIO_POISON`: how many bytes are poisoned.
pub(crate) fn poison(fd: BorrowedFd<'_>, addresses: AddressRange, mode: u64) -> Result<usize> {
    let mut argument = uffdio_poison {
        range: range(addresses),
        mode,
        updated: 0,
    };
    // SAFETY: this request has this structure; an access to registered pages that were
    // missing ends the process.
    let result = unsafe { request(fd, POISON, &mut argument) };
    partial(result, argument.updated)
}
