//! Membership: who is attached to a region, and who of them has died.
//!
//! Every attachment has a number, proven alive by a lock on one byte of the
//! region's file, far beyond its end, that is named by the number and held by
//! the *mapping*: the kernel drops it however the process ends. No process
//! number to be reused, no heartbeat, nothing tied to a thread, a descriptor
//! or a namespace.
//!
//! A number is not used again before 2^22 more attachments, so that "dead" is
//! stable: what is learnt of a number is still so when it is acted on.

use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};

use rustix::fd::AsFd;
use rustix::fs::OFlags;
use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags};

use crate::procfs::Identity;
use crate::sys::lock::{self, LockType};
use crate::{BorrowedFd, Errno, OwnedFd, Result, arch, procfs};

/// Numbers are 1 to this.
const NUMBER_MAX: u32 = (1 << 22) - 1;

/// The lock byte of number 0, which nobody has.
const LOCKS_AT: i64 = 1 << 62;

/// How many numbers in use are passed over before attaching is refused: a region
/// whose peer holds every lock is no region to attach to.
const ATTEMPTS: u32 = 4096;

/// Where in the head the next number to give out is kept: an aligned `u32`.
pub(crate) const TICKET_AT: usize = 64;

/// A region's file, and what it holds: a head, then data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// The file that was seen to be so.
    pub(crate) identity: Identity,
    /// Bytes of the head, a multiple of every page size.
    pub(crate) head: usize,
    /// Bytes of data, a multiple of every page size; with the head at most a quarter of
    /// the numbers that there are.
    pub(crate) data: usize,
}

/// An attached region: its head, then its data twice in a row.
///
/// It is not inherited by a fork: the child must attach for itself. Its copy of this is
/// good for nothing but to be dropped, which does nothing.
#[derive(Debug)]
pub(crate) struct Region {
    /// The last mapping of its open file description: its end drops the lock.
    range: Range,
    /// Where the data begin.
    data: *mut u8,
    /// The file as received. Locks are asked for through it, and never taken.
    file: OwnedFd,
    /// Which that was seen to be.
    identity: Identity,
    number: u32,
}

/// Addresses that are ours, whatever is mapped there. At their end is a page whose first
/// byte is not zero: except in a forked child, which finds that page empty and has
/// nothing, or something else, at the addresses before it.
#[derive(Debug)]
struct Range {
    base: *mut u8,
    len: usize,
}

/// The page at the end of a range, however large pages are.
const MARK: usize = arch::MAX_PAGE_SIZE;

// SAFETY: a region is an address range and a descriptor, bound to no thread.
unsafe impl Send for Region {}
// SAFETY: what is shared through the region is accessed by atomics and by copies
// that allow for races; the fields themselves do not change.
unsafe impl Sync for Region {}

impl Region {
    /// Maps the file `fd` and becomes a member.
    ///
    /// The file that `geometry` says must have the size that it says, and be sealed
    /// against shrinking if others can write to it.
    ///
    /// # Errors
    ///
    /// [`Errno::NOENT`] without `/proc`, [`Errno::ACCESS`] when the file's mode
    /// does not let this user open it again, [`Errno::BADF`] when `fd` is not that file,
    /// [`Errno::BUSY`] when somebody has a lease on it, [`Errno::USERS`] when thousands of
    /// numbers in a row are in use, and as `mmap(2)`, whose [`Errno::AGAIN`] is neither.
    pub(crate) fn attach(fd: BorrowedFd<'_>, geometry: Geometry) -> Result<Self> {
        let Geometry {
            identity,
            head,
            data,
        } = geometry;
        let file = rustix::io::fcntl_dupfd_cloexec(fd, 0)?;
        // An open file description of our own, which shall live exactly as long
        // as the mapping. A lease that somebody has on the file is not waited for.
        let flags = OFlags::RDWR | OFlags::NONBLOCK;
        let owned = match procfs::reopen(file.as_fd(), identity, flags) {
            Err(Errno::AGAIN) => return Err(Errno::BUSY),
            result => result?,
        };
        let own = owned.as_fd();
        let whole = head + data + data + MARK;
        let range = Range::reserve(whole)?;
        let base = range.base;
        // SAFETY: replaces the beginning of the range just reserved, which
        // nobody else knows of.
        unsafe { map_at(base, head + data, own, 0) }?;
        // SAFETY: replaces the rest of the range just reserved.
        unsafe { map_at(base.wrapping_add(head + data), data, own, head) }?;
        // SAFETY: only says what a fork does with the range, which is ours, but for its mark.
        unsafe { rustix::mm::madvise(base.cast(), whole - MARK, Advice::LinuxDontFork) }?;
        let ticket = base.wrapping_add(TICKET_AT).cast();
        // SAFETY: an aligned word within the mapped head.
        let number = take_number(unsafe { AtomicU32::from_ptr(ticket) }, own)?;
        Ok(Self {
            range,
            data: base.wrapping_add(head),
            file,
            identity,
            number,
        })
    }

    /// This attachment's number, never 0.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// Whether the member `number` is attached. When the kernel cannot be asked, or not
    /// of this file, the answer is yes: nobody who may live is declared dead.
    pub(crate) fn alive(&self, number: u32) -> bool {
        let file = self.file.as_fd();
        number == self.number
            || !matches!(
                lock::ofd_getlk(file, LockType::Write, lock_byte(number), 1),
                Ok(None)
            )
            // Of another file, in a thread with descriptors of its own, nobody has it.
            || !procfs::is(file, self.identity)
    }

    /// Whether this is the copy that a forked child has, to which nothing is attached.
    pub(crate) fn is_copy(&self) -> bool {
        self.range.is_copy()
    }

    /// The head. Valid as long as the region.
    pub(crate) fn base(&self) -> *mut u8 {
        self.range.base
    }

    /// The data, twice in a row. Valid as long as the region.
    pub(crate) fn data(&self) -> *mut u8 {
        self.data
    }
}

impl Range {
    /// Takes `len` bytes of the address space, with nothing in them yet but the [`MARK`].
    fn reserve(len: usize) -> Result<Self> {
        // Inaccessible, so that it costs no memory even where all that is mapped is locked.
        let (rights, flags) = (ProtFlags::empty(), MapFlags::PRIVATE | MapFlags::NORESERVE);
        // SAFETY: a fresh mapping at an address of the kernel's choice.
        let base = unsafe { rustix::mm::mmap_anonymous(ptr::null_mut(), len, rights, flags) }?;
        let mark = base.wrapping_byte_add(len - MARK);
        let rights = MprotectFlags::READ | MprotectFlags::WRITE;
        // SAFETY: the end of what has just been mapped, which nobody else knows of.
        if let Err(errno) = unsafe { rustix::mm::mprotect(mark, MARK, rights) } {
            // SAFETY: as above.
            let _ = unsafe { rustix::mm::munmap(base, len) };
            return Err(errno);
        }
        // Where the kernel cannot, a child's copy is taken for the range itself.
        // SAFETY: only says what a fork does with the page, which is ours.
        let _ = unsafe { rustix::mm::madvise(mark, MARK, Advice::LinuxWipeOnFork) };
        // SAFETY: writable since just now.
        unsafe { mark.cast::<u8>().write(1) };
        Ok(Self {
            base: base.cast(),
            len,
        })
    }

    /// Whether this is the copy that a forked child has, which has nothing there.
    fn is_copy(&self) -> bool {
        let mark = self.base.wrapping_add(self.len - MARK);
        // SAFETY: mapped for as long as the range, in a child too, and written only
        // before anybody knew of it. Volatile, as no store tells of what a fork does.
        unsafe { mark.read_volatile() == 0 }
    }
}

impl Drop for Range {
    fn drop(&mut self) {
        // What a child has at these addresses is its own.
        if !self.is_copy() {
            // SAFETY: the range is ours and nothing borrows from it any more.
            let _ = unsafe { rustix::mm::munmap(self.base.cast(), self.len) };
        }
    }
}

/// Maps `len` bytes of `file`, from `offset` on, in the place of what is there.
///
/// # Safety
///
/// Nobody may know of what is mapped at `address` for `len` bytes.
unsafe fn map_at(address: *mut u8, len: usize, file: BorrowedFd<'_>, offset: usize) -> Result<()> {
    let rights = ProtFlags::READ | ProtFlags::WRITE;
    let flags = MapFlags::SHARED | MapFlags::FIXED;
    // SAFETY: the caller's promise.
    unsafe { rustix::mm::mmap(address.cast(), len, rights, flags, file, offset as u64) }.map(drop)
}

/// Takes the next number that is not in use, by a lock through `own`.
fn take_number(ticket: &AtomicU32, own: BorrowedFd<'_>) -> Result<u32> {
    for _ in 0..ATTEMPTS {
        // Relaxed: the number is made ours by the lock, not by this word.
        let number = ticket.fetch_add(1, Ordering::Relaxed).wrapping_add(1) & NUMBER_MAX;
        if number == 0 {
            continue;
        }
        match lock::ofd_setlk(own, LockType::Write, lock_byte(number), 1) {
            Ok(()) => return Ok(number),
            Err(Errno::AGAIN) => {}
            Err(errno) => return Err(errno),
        }
    }
    Err(Errno::USERS)
}

fn lock_byte(number: u32) -> i64 {
    LOCKS_AT + i64::from(number)
}
