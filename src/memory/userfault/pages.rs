//! Registering memory, and putting pages in place.

use core::ops::RangeBounds;

use rustix::fd::AsFd;

use super::descriptor::Userfault;
use super::flags::{Mode, Operations, Place};
use crate::memory::mapping::Mapping;
use crate::sys::remote::{Address, AddressRange};
use crate::{Errno, Result, sys};

/// `UFFDIO_WRITEPROTECT_MODE_WP`.
const PROTECT: u64 = 1;

impl Userfault {
    /// Registers a range of a mapping for fault handling and returns the supported
    /// operations: `UFFDIO_REGISTER`.
    ///
    /// Registering a range again changes its modes.
    ///
    /// The range is whole pages; it may be `..` if the mapping's length is. Private
    /// anonymous memory; shared memory and huge pages with their [`Features`](super::Features). It ends
    /// when the mapping is dropped.
    ///
    /// # Errors
    ///
    /// [`Errno::RANGE`]: some of it lies outside. [`Errno::INVAL`]: not whole pages; not
    /// such memory; the kernel does not know a mode, or there is none; the descriptor is of
    /// another process and nothing of this kind is there. [`Errno::BUSY`]: registered with another
    /// descriptor. [`Errno::PERM`]: a shared mapping of what this process may not write.
    /// [`Errno::SRCH`]: the process has ended.
    #[doc(alias = "UFFDIO_REGISTER")]
    pub fn register(
        &self,
        mapping: &Mapping,
        range: impl RangeBounds<usize>,
        mode: Mode,
    ) -> Result<Operations> {
        let addresses = mapping.address_range(range)?;
        // SAFETY: the pages are the mapping's. It may find any bytes there at any time,
        // and an access that sleeps is a slow one.
        unsafe { self.register_addresses(addresses, mode) }
    }

    /// Registers memory that is no [`Mapping`], or of another process, as
    /// [`register`](Self::register) does.
    ///
    /// # Safety
    ///
    /// If the descriptor is of this process: whoever uses this memory finds in pages that
    /// are missing what a handler puts there, instead of zeros or what the file has.
    ///
    /// # Errors
    ///
    /// As [`register`](Self::register).
    #[doc(alias = "UFFDIO_REGISTER")]
    pub unsafe fn register_addresses(
        &self,
        addresses: AddressRange,
        mode: Mode,
    ) -> Result<Operations> {
        // SAFETY: the caller's promise.
        let operations =
            unsafe { sys::userfault::register(self.0.as_fd(), addresses, mode.bits()) }?;
        Ok(Operations::from_bits_retain(operations))
    }

    /// Ends the registration of pages and wakes whoever sleeps: `UFFDIO_UNREGISTER`.
    ///
    /// They find zeros, or what the file has, or write what was protected.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: not whole pages, or nothing is mapped there.
    #[doc(alias = "UFFDIO_UNREGISTER")]
    pub fn unregister(&self, addresses: AddressRange) -> Result<()> {
        sys::userfault::unregister(self.0.as_fd(), addresses)
    }

    /// Puts pages with these bytes where pages are missing and returns the number of bytes
    /// put: `UFFDIO_COPY`.
    ///
    /// Each page appears at once, complete.
    ///
    /// Address and length are multiples of the page size. Fewer bytes are put when a
    /// later page is there already, or the process changes its mappings meanwhile.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: not whole pages. [`Errno::EXIST`]: the first is there.
    /// [`Errno::NOENT`]: not registered, or unmapped meanwhile. [`Errno::AGAIN`]: the
    /// process forks or changes its mappings; there is an event to be read, then try again.
    /// [`Errno::SRCH`]: the process has ended. [`Errno::NOMEM`], [`Errno::NOSPC`]: no
    /// memory. [`Errno::FAULT`]: beyond the end of the memfd.
    #[doc(alias = "UFFDIO_COPY")]
    pub fn copy(&self, address: Address, bytes: &[u8], place: Place) -> Result<usize> {
        sys::userfault::copy(self.0.as_fd(), address, bytes, place.bits())
    }

    /// Puts pages of zeros where pages are missing and returns the number of bytes:
    /// `UFFDIO_ZEROPAGE`. Not of huge pages.
    ///
    /// # Errors
    ///
    /// As [`copy`](Self::copy). [`Errno::INVAL`] also: [`Place::PROTECTED`].
    #[doc(alias = "UFFDIO_ZEROPAGE")]
    pub fn zero(&self, addresses: AddressRange, place: Place) -> Result<usize> {
        sys::userfault::zeropage(self.0.as_fd(), addresses, place.bits())
    }

    /// Maps pages that the memfd has, perhaps changed through another mapping, and returns
    /// the number of bytes: `UFFDIO_CONTINUE` (Linux 5.13).
    ///
    /// # Errors
    ///
    /// As [`copy`](Self::copy). [`Errno::EXIST`]: the first is mapped already.
    /// [`Errno::FAULT`]: the memfd has a hole there. [`Errno::INVAL`] also: beyond its
    /// end, or not registered with [`Mode::MINOR`].
    #[doc(alias = "UFFDIO_CONTINUE")]
    pub fn continue_fault(&self, addresses: AddressRange, place: Place) -> Result<usize> {
        sys::userfault::continue_fault(self.0.as_fd(), addresses, place.bits())
    }

    /// Marks missing pages as broken, for good, and returns the number of bytes:
    /// `UFFDIO_POISON` (Linux 6.6).
    ///
    /// Whoever accesses them gets SIGBUS, a system call [`Errno::FAULT`]: for a handler that
    /// cannot get the contents.
    ///
    /// # Errors
    ///
    /// As [`copy`](Self::copy). [`Errno::INVAL`] also: [`Place::PROTECTED`], or a kernel
    /// without it.
    #[doc(alias = "UFFDIO_POISON")]
    pub fn poison(&self, addresses: AddressRange, place: Place) -> Result<usize> {
        sys::userfault::poison(self.0.as_fd(), addresses, place.bits())
    }

    /// Moves pages of a mapping to where pages are missing and returns the number of bytes:
    /// `UFFDIO_MOVE` (Linux 6.8).
    ///
    /// No byte is copied. Where they are taken from, pages are missing then, or zeros.
    ///
    /// Both are private anonymous memory of this process, and the pages not shared with
    /// another by a fork. A page that is missing there stops it.
    ///
    /// # Errors
    ///
    /// As [`copy`](Self::copy). [`Errno::RANGE`]: some of it lies outside the mapping.
    /// [`Errno::NOENT`] also: the first is missing there. [`Errno::BUSY`]: the first is
    /// shared, or in use by a device. [`Errno::INVAL`] also: not such memory, or of
    /// another process; [`Place::PROTECTED`].
    #[doc(alias = "UFFDIO_MOVE")]
    pub fn move_pages(
        &self,
        address: Address,
        mapping: &Mapping,
        range: impl RangeBounds<usize>,
        place: Place,
    ) -> Result<usize> {
        // Of the same bit: to skip what is missing, and say that it was moved.
        if place.contains(Place::PROTECTED) {
            return Err(Errno::INVAL);
        }
        let from = mapping.address_range(range)?;
        // SAFETY: the pages are the mapping's, which may find other bytes there at any
        // time.
        unsafe { sys::userfault::move_pages(self.0.as_fd(), address, from, place.bits()) }
    }

    /// Wakes those who sleep because of these pages, to try again: `UFFDIO_WAKE`.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: not whole pages, or none.
    #[doc(alias = "UFFDIO_WAKE")]
    pub fn wake(&self, addresses: AddressRange) -> Result<()> {
        sys::userfault::wake(self.0.as_fd(), addresses)
    }

    /// Protects pages against writing, so that writers sleep: `UFFDIO_WRITEPROTECT` (Linux
    /// 5.7).
    ///
    /// Without [`Features::WRITE_PROTECT_MISSING`](super::Features::WRITE_PROTECT_MISSING) only pages that are there are protected.
    ///
    /// # Errors
    ///
    /// [`Errno::NOENT`]: not registered with [`Mode::WRITE_PROTECT`]. [`Errno::INVAL`]:
    /// not whole pages. [`Errno::AGAIN`], [`Errno::SRCH`]: as [`copy`](Self::copy).
    #[doc(alias = "UFFDIO_WRITEPROTECT")]
    pub fn protect(&self, addresses: AddressRange) -> Result<()> {
        sys::userfault::writeprotect(self.0.as_fd(), addresses, PROTECT)
    }

    /// Undoes [`protect`](Self::protect) and wakes those who sleep because of it.
    ///
    /// # Errors
    ///
    /// As [`protect`](Self::protect).
    #[doc(alias = "UFFDIO_WRITEPROTECT")]
    pub fn unprotect(&self, addresses: AddressRange) -> Result<()> {
        sys::userfault::writeprotect(self.0.as_fd(), addresses, 0)
    }
}
