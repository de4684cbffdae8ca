//! [`List`] and [`Link`]: the locks of a thread, which the kernel marks when the thread dies.

use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::ptr;

use rustix::mm::{Advice, MapFlags, ProtFlags};

use super::Word;
use crate::sys::robust::{self, Head};
use crate::{Errno, Result, arch};

/// A lock of two words, of which the first names who holds it, and behind it the room for its entry in a
/// list: wherever the list's owner wants that to be, as glibc and musl want it in different places.
#[derive(Debug)]
#[repr(C, align(8))]
pub(crate) struct Linked<W> {
    word: W,
    /// The address of the entry before this one and, at the place that the list says, that of the next
    /// one.
    entry: UnsafeCell<[u8; ENTRY]>,
}

const ENTRY: usize = 40;

/// What comes before the room.
const WORDS: usize = 2 * size_of::<Word>();

/// Where the entry may begin, which is its second address: behind the words, and before the end.
const ENTRY_MIN: usize = WORDS + size_of::<usize>();
const ENTRY_MAX: usize = WORDS + ENTRY - size_of::<usize>();

// SAFETY: only the thread that holds the lock touches the entry, by the promises of `List`.
unsafe impl<W: Sync> Sync for Linked<W> {}

impl<W> Linked<W> {
    pub(crate) const fn new(word: W) -> Self {
        const { assert!(size_of::<W>() == WORDS) }
        Self {
            word,
            entry: UnsafeCell::new([0; ENTRY]),
        }
    }

    #[inline(always)]
    pub(crate) fn word(&self) -> &W {
        &self.word
    }
}

/// The list of the calling thread.
///
/// What stands in it is the address of each lock that the thread holds, and of one that it is about to
/// take or to give back (*announced*). When the thread dies, the kernel marks those that its number is in.
#[derive(Debug)]
pub(crate) struct List {
    head: usize,
    /// From a word to its entry.
    distance: usize,
    page: Page,
    /// Set if the list is in the page.
    own: bool,
}

/// A page that the kernel wipes in a forked child: not zero in it is the mark. A list that no libc has
/// made is in it, too.
#[derive(Debug)]
struct Page(*mut c_void);

const PAGE: usize = arch::MAX_PAGE_SIZE;

/// Where an own list wants entries to be.
const OWN_DISTANCE: usize = 32;

impl Page {
    fn new() -> Result<Self> {
        let rights = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a fresh mapping at an address of the kernel's choice.
        let base = unsafe {
            rustix::mm::mmap_anonymous(ptr::null_mut(), PAGE, rights, MapFlags::PRIVATE)
        }?;
        let page = Self(base);
        // SAFETY: only says what a fork does with the page.
        unsafe { rustix::mm::madvise(base, PAGE, Advice::LinuxWipeOnFork) }?;
        // SAFETY: writable, and nobody else knows of it.
        unsafe { arch::store_address(page.mark(), 1) };
        Ok(page)
    }

    #[inline(always)]
    fn mark(&self) -> usize {
        self.0.expose_provenance() + PAGE - size_of::<usize>()
    }

    #[inline(always)]
    fn is_copy(&self) -> bool {
        // SAFETY: mapped for as long as this, in a child too.
        unsafe { arch::load_address(self.mark()) == 0 }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: ours, and nothing borrows from it any more.
            let _ = unsafe { rustix::mm::munmap(self.0, PAGE) };
        }
    }
}

impl List {
    /// Enters the list that the libc of this process has made for the calling thread.
    ///
    /// # Errors
    ///
    /// [`Errno::NOENT`]: it has made none yet. [`Errno::NOTSUP`]: its entries are where none of
    /// [`Linked`] can be on this machine.
    ///
    /// # Safety
    ///
    /// The list must be that libc's for as long as the thread lives, and the memory in which locks lie that
    /// are announced to it is written to only by those who keep to the rules of such lists. This list stays
    /// with the thread.
    pub(crate) unsafe fn of_libc() -> Result<Self> {
        let head = robust::get_robust_list()?;
        if head.is_null() {
            return Err(Errno::NOENT);
        }
        // SAFETY: the kernel was given it as a list, which the caller vouches for.
        let offset = unsafe { (*head).futex_offset };
        let distance = usize::try_from(-offset).map_err(|_| Errno::NOTSUP)?;
        let fits = (ENTRY_MIN..=ENTRY_MAX).contains(&distance) && distance.is_multiple_of(4);
        if !fits || !(arch::ADDRESSES_UNALIGNED || distance.is_multiple_of(8)) {
            return Err(Errno::NOTSUP);
        }
        Ok(Self {
            head: head.expose_provenance(),
            distance,
            page: Page::new()?,
            own: false,
        })
    }

    /// Makes a list for the calling thread.
    ///
    /// # Errors
    ///
    /// [`Errno::BUSY`]: it has one.
    ///
    /// # Safety
    ///
    /// As for [`of_libc`](Self::of_libc), and nobody else gives the thread a list.
    pub(crate) unsafe fn own() -> Result<Self> {
        if !robust::get_robust_list()?.is_null() {
            return Err(Errno::BUSY);
        }
        let page = Page::new()?;
        let head = page.0.cast::<Head>();
        let empty = Head {
            list: linux_raw_sys::general::robust_list { next: head.cast() },
            futex_offset: -(OWN_DISTANCE as core::ffi::c_long),
            list_op_pending: ptr::null_mut(),
        };
        // SAFETY: the beginning of a page that is ours.
        unsafe { head.write(empty) };
        // SAFETY: it stays as long as the list is the thread's: see `drop`.
        unsafe { robust::set_robust_list(head) }?;
        Ok(Self {
            head: head.expose_provenance(),
            distance: OWN_DISTANCE,
            page,
            own: true,
        })
    }

    /// The number of the thread.
    pub(crate) fn number(&self) -> u32 {
        rustix::thread::gettid()
            .as_raw_nonzero()
            .get()
            .cast_unsigned()
    }

    /// Whether this is the copy that a forked child has.
    #[inline(always)]
    pub(crate) fn is_copy(&self) -> bool {
        self.page.is_copy()
    }

    #[inline(always)]
    fn entry<W>(&self, lock: &Linked<W>) -> usize {
        // Of the whole, whose bytes the entry is among.
        (&raw const *lock).expose_provenance() + self.distance
    }

    #[inline(always)]
    fn announced(&self) -> usize {
        self.head + core::mem::offset_of!(Head, list_op_pending)
    }

    /// Announces a lock that is about to be taken or given back; returns what was announced before, by
    /// what a signal handler has interrupted.
    #[inline(always)]
    pub(crate) fn announce<W>(&self, lock: &Linked<W>) -> usize {
        let entry = self.entry(lock);
        // SAFETY: within the head, which stays.
        let before = unsafe { arch::load_address(self.announced()) };
        // SAFETY: as above.
        unsafe { arch::store_address(self.announced(), entry) };
        before
    }

    /// Announces again what was announced before.
    #[inline(always)]
    pub(crate) fn settle(&self, before: usize) {
        // SAFETY: within the head, which stays.
        unsafe { arch::store_address(self.announced(), before) };
    }

    /// Puts a lock that the thread has taken at the beginning of the list.
    #[inline(always)]
    pub(crate) fn link<W>(&self, lock: &Linked<W>) {
        let entry = self.entry(lock);
        // SAFETY: within the head, which stays.
        let first = unsafe { arch::load_address(self.head) };
        // SAFETY: of the lock's own bytes, which only the holder writes.
        unsafe { arch::store_address(entry, first) };
        // SAFETY: as above; there is room for an address before the entry.
        unsafe { arch::store_address(entry - BACK, self.head) };
        // Before this the kernel does not see the entry. It precedes the way back, which a signal handler
        // between the two that takes and gives back a lock would turn to the beginning again.
        // SAFETY: within the head, which stays.
        unsafe { arch::store_address(self.head, entry) };
        let neighbour = first & !FLAG;
        if neighbour != self.head {
            // SAFETY: the entry of a lock that this thread holds, as the maker of the list vouches.
            unsafe { arch::store_address(neighbour - BACK, entry) };
        }
    }

    /// Takes a lock out of the list.
    #[inline(always)]
    pub(crate) fn unlink<W>(&self, lock: &Linked<W>) {
        let entry = self.entry(lock);
        // SAFETY: of the lock's own bytes.
        let next = unsafe { arch::load_address(entry) };
        // SAFETY: as above.
        let previous = unsafe { arch::load_address(entry - BACK) } & !FLAG;
        let neighbour = next & !FLAG;
        if previous == 0 || neighbour == 0 {
            return; // It is in none.
        }
        // SAFETY: the beginning, or the entry of a lock that this thread holds, as the maker of the list
        // vouches.
        unsafe { arch::store_address(previous, next) };
        if neighbour != self.head {
            // SAFETY: as above.
            unsafe { arch::store_address(neighbour - BACK, previous) };
        }
        // SAFETY: of the lock's own bytes.
        unsafe { arch::store_address(entry, 0) };
        // SAFETY: as above.
        unsafe { arch::store_address(entry - BACK, 0) };
    }
}

/// From an entry back to the address of the one before it.
const BACK: usize = size_of::<usize>();

/// What libc sets in the address of a lock with priority inheritance.
const FLAG: usize = 1;

impl Drop for List {
    fn drop(&mut self) {
        if !self.own || self.is_copy() {
            return;
        }
        // SAFETY: within the head, which is there still.
        let first = unsafe { arch::load_address(self.head) };
        if first == self.head {
            // SAFETY: none.
            let _ = unsafe { robust::set_robust_list(ptr::null_mut()) };
        } else {
            // A guard was forgotten: the lock is marked when the thread dies, so the list stays.
            self.page.0 = ptr::null_mut();
        }
    }
}
