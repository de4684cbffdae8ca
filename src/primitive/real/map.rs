//! The addresses at which a member has its region, and what a forked child finds there.

use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::Relaxed;

use rustix::mm::{Advice, MapFlags, ProtFlags};

use super::{Bytes, Description, Lent};
use crate::primitive::Cell;
use crate::{Result, arch};

/// A part of a file, and where it is to be mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Where the part begins in the file.
    pub(crate) offset: usize,
    /// Where it is to begin, from the head on.
    pub(crate) at: usize,
    /// Its length.
    pub(crate) len: usize,
    /// Whether it can be written.
    pub(crate) writable: bool,
}

/// A mapped region: a head `H`, and what follows it.
///
/// Before the head are two pages:
///
/// - One of the member's own open file description, without access. It is there for the lock,
///   which lives as long as it. A forked child does not get it, or the lock would outlive its
///   holder: so that it finds a hole there, or something of its own.
/// - The *mark*, not zero, which the kernel wipes in a forked child.
///
/// All else is mapped through the descriptor that the member was given, and a child does get
/// it: where the parent has the region the child has nothing of its own, whatever it maps.
/// It is told by its mark that it is no member.
#[derive(Debug)]
pub(crate) struct Map<H> {
    head: *mut H,
    /// Bytes from the head on.
    len: usize,
}

/// A page, however large pages are.
const PAGE: usize = arch::MAX_PAGE_SIZE;

/// Inaccessible, so that it costs no memory even where all that is mapped is locked.
const NONE: ProtFlags = ProtFlags::empty();

/// What is before the head.
const BEFORE: usize = 2 * PAGE;

// SAFETY: a range of addresses, bound to no thread; the head is made of atomics.
unsafe impl<H: Sync> Send for Map<H> {}
// SAFETY: as above.
unsafe impl<H: Sync> Sync for Map<H> {}

impl<H> Map<H> {
    /// Takes `len` bytes of addresses for a head and what follows it, and holds `own` for as long
    /// as it has them.
    ///
    /// # Safety
    ///
    /// Before anything of it is used, all of it must have been [`put`](Self::put) there, with the
    /// head, which is valid for any bytes and made of atomics, at the beginning.
    pub(crate) unsafe fn reserve(own: Description<'_>, len: usize) -> Result<Self> {
        let whole = BEFORE + len;
        // SAFETY: a fresh mapping at an address of the kernel's choice.
        let base =
            unsafe { rustix::mm::mmap(ptr::null_mut(), whole, NONE, MapFlags::SHARED, own.0, 0) }?;
        // SAFETY: just mapped, and nobody else knows of it.
        unsafe { Self::begin(base, len) }
    }

    /// Like [`reserve`](Self::reserve), for one that holds nothing.
    ///
    /// # Safety
    ///
    /// As for [`reserve`](Self::reserve).
    pub(crate) unsafe fn reserve_for_none(_file: Lent<'_>, len: usize) -> Result<Self> {
        let (whole, flags) = (BEFORE + len, MapFlags::PRIVATE);
        // SAFETY: a fresh mapping at an address of the kernel's choice.
        let base = unsafe { rustix::mm::mmap_anonymous(ptr::null_mut(), whole, NONE, flags) }?;
        // SAFETY: just mapped, and nobody else knows of it.
        unsafe { Self::begin(base, len) }
    }

    /// # Safety
    ///
    /// What is before a head and `len` bytes more must be mapped at `base`, and nobody know of
    /// them; the rest as for [`reserve`](Self::reserve).
    #[inline(always)]
    unsafe fn begin(base: *mut c_void, len: usize) -> Result<Self> {
        // SAFETY: the caller's promise.
        if let Err(errno) = unsafe { guard(base) } {
            // SAFETY: as above.
            let _ = unsafe { rustix::mm::munmap(base, BEFORE + len) };
            return Err(errno);
        }
        let head = base.wrapping_byte_add(BEFORE).cast();
        Ok(Self { head, len })
    }

    /// Maps a part of `file`.
    ///
    /// # Safety
    ///
    /// The part must lie within what was reserved, and in nothing that is used; and within the
    /// file, which must not shrink.
    pub(crate) unsafe fn put(&self, file: Lent<'_>, piece: Piece) -> Result<()> {
        let mut rights = ProtFlags::READ;
        rights.set(ProtFlags::WRITE, piece.writable);
        let flags = MapFlags::SHARED | MapFlags::FIXED;
        let (address, offset) = (self.head.wrapping_byte_add(piece.at), piece.offset as u64);
        // SAFETY: the caller's promise.
        unsafe { rustix::mm::mmap(address.cast(), piece.len, rights, flags, file.fd, offset) }
            .map(drop)
    }

    #[inline(always)]
    pub(crate) fn head(&self) -> &H {
        // SAFETY: who mapped it vouched for it; it is mapped, writable, for as long as this.
        unsafe { &*self.head }
    }

    /// The word at `at` of the head, as it is at some moment.
    ///
    /// # Safety
    ///
    /// There must be one, aligned.
    pub(crate) unsafe fn peek(&self, at: usize) -> u32 {
        // SAFETY: mapped for as long as this; the rest is the caller's promise.
        unsafe { AtomicU32::from_ptr(self.head.wrapping_byte_add(at).cast()) }.load(Relaxed)
    }

    /// The bytes from `at` on, counted from the head.
    pub(crate) fn bytes(&self, at: usize) -> Bytes {
        Bytes(self.head.cast::<u8>().wrapping_add(at))
    }

    /// The first `count` cells of a section, if it has so many: the `len` bytes from `bytes` on.
    ///
    /// # Safety
    ///
    /// So many must be mapped there, for as long as this, and aligned for them.
    #[inline(always)]
    pub(crate) unsafe fn cells<C: Cell>(
        &self,
        _index: usize,
        bytes: Bytes,
        len: usize,
        count: usize,
    ) -> Option<&[C]> {
        let fit = count <= len / size_of::<C>();
        // SAFETY: the caller's promise; any bytes are cells, which are made of atomics.
        fit.then(|| unsafe { core::slice::from_raw_parts(bytes.pointer(0).cast::<C>(), count) })
    }

    /// The cell of eight bytes with which slot `slot` of a section begins whose slots are `stride`
    /// bytes apart.
    ///
    /// # Safety
    ///
    /// It must be mapped there, for as long as this, and aligned.
    #[inline(always)]
    pub(crate) unsafe fn cell<C: Cell>(
        &self,
        _index: usize,
        bytes: Bytes,
        stride: usize,
        slot: usize,
    ) -> &C {
        const { assert!(size_of::<C>() == 8 && align_of::<C>() <= 8) }
        // SAFETY: the caller's promise; any bytes are a cell, which is made of atomics.
        unsafe { &*bytes.pointer(slot * stride).cast::<C>() }
    }

    /// The length of data that were made `len` bytes long: fewer in a model.
    pub(crate) fn scaled(&self, len: usize) -> usize {
        len
    }

    /// Whether this is the copy that a forked child has.
    #[inline(always)]
    pub(crate) fn is_copy(&self) -> bool {
        let mark = self.head.cast::<u8>().wrapping_sub(1);
        // SAFETY: mapped for as long as this, in a child too, and written only before anybody
        // knew of it. Volatile, as no store tells of what a fork does.
        unsafe { mark.read_volatile() == 0 }
    }
}

/// Makes the two pages at `base` what is to be before a head.
///
/// # Safety
///
/// They must be mapped, and nobody know of them.
unsafe fn guard(base: *mut c_void) -> Result<()> {
    // SAFETY: only says what a fork does with the page.
    unsafe { rustix::mm::madvise(base, PAGE, Advice::LinuxDontFork) }?;
    let mark = base.wrapping_byte_add(PAGE);
    let rights = ProtFlags::READ | ProtFlags::WRITE;
    let flags = MapFlags::PRIVATE | MapFlags::FIXED;
    // SAFETY: the caller's promise.
    unsafe { rustix::mm::mmap_anonymous(mark, PAGE, rights, flags) }?;
    // SAFETY: only says what a fork does with the page.
    unsafe { rustix::mm::madvise(mark, PAGE, Advice::LinuxWipeOnFork) }?;
    // SAFETY: writable since just now.
    unsafe { mark.cast::<u8>().wrapping_add(PAGE - 1).write(1) };
    Ok(())
}

impl<H> Drop for Map<H> {
    fn drop(&mut self) {
        // What a child has in the place of the first page is its own.
        if !self.is_copy() {
            let base = self.head.wrapping_byte_sub(BEFORE);
            // SAFETY: the range is ours and nothing borrows from it any more.
            let _ = unsafe { rustix::mm::munmap(base.cast(), BEFORE + self.len) };
        }
    }
}
