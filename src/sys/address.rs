//! Socket addresses as the kernel reads and writes them: `sockaddr(3type)`.

use core::fmt;
use core::mem::{offset_of, size_of};
use core::slice;

use linux_raw_sys::net::{sockaddr_in, sockaddr_in6, sockaddr_un};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::net::addr::{SocketAddrArg, SocketAddrLen, SocketAddrOpaque, SocketAddrStorage};
use rustix::net::{self, AddressFamily, SocketAddrAny, SocketFlags};
use static_assertions::const_assert_eq;

use crate::{Errno, Result};

const_assert_eq!(size_of::<sockaddr_un>(), 110);
const_assert_eq!(offset_of!(sockaddr_un, sun_path), 2);
const_assert_eq!(size_of::<sockaddr_in>(), 16);
const_assert_eq!(offset_of!(sockaddr_in, sin_port), 2);
const_assert_eq!(offset_of!(sockaddr_in, sin_addr), 4);
const_assert_eq!(size_of::<sockaddr_in6>(), 28);
const_assert_eq!(offset_of!(sockaddr_in6, sin6_port), 2);
const_assert_eq!(offset_of!(sockaddr_in6, sin6_flowinfo), 4);
const_assert_eq!(offset_of!(sockaddr_in6, sin6_addr), 8);
const_assert_eq!(offset_of!(sockaddr_in6, sin6_scope_id), 24);
const_assert_eq!(size_of::<SocketAddrStorage>(), SIZE);

/// The longest address of any family: the kernel's `sockaddr_storage`.
const SIZE: usize = 128;

/// An address of any family, as the bytes that system calls take.
///
/// The first two are the family, in the order of this machine's bytes. What is in
/// the others is for the family to say: see the implementations of
/// [`Address`](crate::socket::Address).
///
/// ```
/// use rawipc::socket::address::{Address, Raw, UnixAddress};
///
/// let address = UnixAddress::abstract_name(b"example")?;
/// let raw = address.to_raw();
/// assert_eq!(&raw.as_bytes()[2..], b"\0example");
/// assert_eq!(UnixAddress::from_raw(&raw)?, address);
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub struct Raw {
    bytes: [u8; SIZE],
    len: u32,
}

impl Raw {
    /// No address, not even a family.
    pub const NONE: Self = Self {
        bytes: [0; SIZE],
        len: 0,
    };

    /// Creates the address with the bytes `bytes`.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: more than the 128 bytes that the longest address has.
    pub fn new(bytes: &[u8]) -> Result<Self> {
        let mut raw = Self::NONE;
        let slot = raw.bytes.get_mut(..bytes.len()).ok_or(Errno::INVAL)?;
        slot.copy_from_slice(bytes);
        raw.len = bytes.len() as u32;
        Ok(raw)
    }

    /// Returns the bytes, as many as the address has.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len as usize).unwrap_or(&self.bytes)
    }

    /// Returns the family, [`AddressFamily::UNSPEC`] if there is none.
    #[must_use]
    pub fn family(&self) -> AddressFamily {
        let [first, second, ..] = self.bytes;
        AddressFamily::from_raw(u16::from_ne_bytes([first, second]))
    }

    /// What comes after the family.
    pub(crate) fn body(&self) -> &[u8] {
        self.as_bytes().get(2..).unwrap_or_default()
    }

    fn from_any(any: &SocketAddrAny) -> Self {
        let len = any.addr_len() as usize;
        // SAFETY: rustix keeps so many bytes of it initialized.
        let bytes = unsafe { slice::from_raw_parts(any.as_ptr().cast::<u8>(), len) };
        // It is not longer than that.
        Self::new(bytes).unwrap_or(Self::NONE)
    }

    fn from_option(any: Option<&SocketAddrAny>) -> Self {
        any.map_or(Self::NONE, Self::from_any)
    }

    /// Room for an address that the kernel writes.
    pub(super) fn room(&mut self) -> (*mut u8, u32) {
        (self.bytes.as_mut_ptr(), SIZE as u32)
    }

    /// Takes over how long the kernel said that the address is.
    pub(super) fn written(&mut self, len: u32) {
        self.len = len.min(SIZE as u32);
        if self.len < 2 {
            *self = Self::NONE;
        }
    }

    /// The address for a call that reads it.
    pub(super) fn parts(&self) -> (*const u8, u32) {
        (self.bytes.as_ptr(), self.len)
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Raw").field(&self.as_bytes()).finish()
    }
}

// SAFETY: the pointer is to so many bytes that are borrowed; which of them make
// sense, the kernel checks.
unsafe impl SocketAddrArg for Raw {
    unsafe fn with_sockaddr<R>(
        &self,
        f: impl FnOnce(*const SocketAddrOpaque, SocketAddrLen) -> R,
    ) -> R {
        f(self.bytes.as_ptr().cast(), self.len)
    }
}

/// `accept4(2)`, close-on-exec.
pub(crate) fn accept4(fd: BorrowedFd<'_>) -> Result<(OwnedFd, Raw)> {
    let (socket, from) = net::acceptfrom_with(fd, SocketFlags::CLOEXEC)?;
    Ok((socket, Raw::from_option(from.as_ref())))
}

/// `getsockname(2)`.
pub(crate) fn getsockname(fd: BorrowedFd<'_>) -> Result<Raw> {
    net::getsockname(fd).map(|any| Raw::from_any(&any))
}

/// `getpeername(2)`.
pub(crate) fn getpeername(fd: BorrowedFd<'_>) -> Result<Raw> {
    net::getpeername(fd).map(|any| Raw::from_option(any.as_ref()))
}
