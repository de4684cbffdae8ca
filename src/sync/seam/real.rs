//! What runs: core's atomics, the kernel's futex, mapped memory.

use core::hint::assert_unchecked;
use core::marker::PhantomData;
use core::mem::offset_of;
use core::time::Duration;

use static_assertions::const_assert_eq;

use crate::memory::member::{Geometry, Region};
use crate::sync::futex::{self, ALL, Operation, Scope, WakeOp, WakeOpCmp};
use crate::{AsFd, BorrowedFd, Deadline, Errno, OwnedFd, Result, Timespec, arch};

pub(crate) use core::hint::spin_loop as pause;
pub(crate) use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// Lets another process have this processor.
pub(crate) fn relax_processor() {
    rustix::thread::sched_yield();
}

/// Sleeps for `duration`, or until a signal handler has run.
pub(crate) fn rest(duration: Duration) {
    // However long it slept, the caller looks again.
    let _ = rustix::thread::nanosleep(&Timespec {
        tv_sec: 0,
        tv_nsec: i64::from(duration.subsec_nanos()),
    });
}

/// A word of shared memory to sleep on.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct Word(AtomicU32);

impl Word {
    pub(crate) const fn new(value: u32) -> Self {
        Self(AtomicU32::new(value))
    }

    #[inline(always)]
    pub(crate) fn load(&self, order: Ordering) -> u32 {
        self.0.load(order)
    }

    #[inline(always)]
    pub(crate) fn compare_exchange(
        &self,
        current: u32,
        new: u32,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u32, u32> {
        self.0.compare_exchange(current, new, success, failure)
    }

    /// Sleeps while the word holds `expected`. That it no longer does, and an
    /// interruption, are successes: the caller looks again.
    #[cold]
    pub(crate) fn sleep(&self, expected: u32, deadline: Deadline) -> Result<()> {
        match self.sleep_once(expected, deadline) {
            Err(Errno::INTR) => Ok(()),
            result => result,
        }
    }

    /// As [`sleep`](Self::sleep), but an interruption is an error.
    #[cold]
    pub(crate) fn sleep_once(&self, expected: u32, deadline: Deadline) -> Result<()> {
        match futex::wait_once(&self.0, expected, futex::ANY, Scope::Shared, deadline) {
            Err(Errno::AGAIN) => Ok(()),
            result => result,
        }
    }

    /// Adds `amount` (at most 2046, even or odd) and wakes every sleeper, in one
    /// system call that a death cannot come between. The caller knows that the
    /// word is odd.
    #[cold]
    pub(crate) fn add_and_wake_all(&self, amount: u16) -> Result<()> {
        let add = Operation {
            change: WakeOp::Add,
            change_by: amount,
            // Never true of an odd word: the second wake would be superfluous.
            compare: WakeOpCmp::Eq,
            compare_with: 0,
        };
        futex::wake_op(&self.0, ALL, &self.0, 1, add, Scope::Shared).map(drop)
    }
}

/// A word and what is published with it: both on one cache line, and changed by one
/// store where the machine can.
#[derive(Debug)]
#[repr(C, align(16))]
pub(crate) struct Pair {
    word: Word,
    reserved: AtomicU32,
    beside: AtomicU64,
}

const_assert_eq!(offset_of!(Pair, word), 0);
const_assert_eq!(offset_of!(Pair, beside), 8);

impl Pair {
    pub(crate) const fn new(word: u32) -> Self {
        Self {
            word: Word::new(word),
            reserved: AtomicU32::new(0),
            beside: AtomicU64::new(0),
        }
    }

    /// Whether [`store`](Self::store) is one step. A few microseconds.
    pub(crate) fn can_store() -> bool {
        arch::stores_pairs()
    }

    /// The word for those who sleep on it: nothing is beside it then.
    #[inline(always)]
    pub(crate) fn word(&self) -> &Word {
        &self.word
    }

    #[inline(always)]
    pub(crate) fn load(&self, order: Ordering) -> u32 {
        self.word.load(order)
    }

    /// Stores the word alone. What is beside it no longer belongs to it.
    #[inline(always)]
    pub(crate) fn store_alone(&self, word: u32, order: Ordering) {
        self.word.0.store(word, order);
    }

    /// Stores both, after everything that this thread did before.
    #[inline(always)]
    pub(crate) fn store(&self, word: u32, beside: u64) {
        let pair = core::ptr::from_ref(self).cast_mut().cast::<u64>();
        // The word's four bytes come first, whichever end of a number does.
        let low = if cfg!(target_endian = "little") {
            u64::from(word)
        } else {
            u64::from(word) << 32
        };
        // SAFETY: aligned to 16 bytes and made of atomics, hence writable.
        unsafe { arch::store_pair(pair, low, beside) };
    }

    /// What is beside the word: what came with the word that is loaded before and
    /// after, if that is the same word.
    #[inline(always)]
    pub(crate) fn beside(&self, order: Ordering) -> u64 {
        self.beside.load(order)
    }
}

/// How often an endpoint spins before it sleeps: from a handful, where spinning
/// has not helped, to about the time that waking a sleeper takes.
pub(crate) const SPINS_MIN: u32 = 16;
pub(crate) const SPINS_MAX: u32 = 2048;

/// A region as a descriptor, from which it is attached: with an `L` at `AT` of its head.
#[derive(Debug)]
pub(crate) struct Source<L, const AT: usize> {
    fd: OwnedFd,
    geometry: Geometry,
    kind: PhantomData<L>,
}

impl<L, const AT: usize> Source<L, AT> {
    /// A region whose head has an `L`; `start` is what a model begins with, where zeroed
    /// memory is what a real region does.
    ///
    /// # Safety
    ///
    /// `L` must be valid for any bytes, be made of atomics, lie at `AT` in the head that
    /// `geometry` says and be aligned there. The file must be of that geometry
    /// and never shrink.
    pub(crate) unsafe fn new(fd: OwnedFd, geometry: Geometry, _start: impl FnOnce() -> L) -> Self {
        Self {
            fd,
            geometry,
            kind: PhantomData,
        }
    }

    pub(crate) fn into_fd(self) -> OwnedFd {
        self.fd
    }

    /// The capacity of regions attached from here.
    pub(crate) fn capacity(&self) -> usize {
        self.geometry.data
    }

    /// Becomes a member of the region.
    pub(crate) fn attach(&self) -> Result<Place<L, AT>> {
        Ok(Place {
            region: Region::attach(self.as_fd(), self.geometry)?,
            kind: PhantomData,
        })
    }
}

impl<L, const AT: usize> AsFd for Source<L, AT> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// An attached region: an `L` at `AT` of its head and data bytes, which appear twice in
/// a row so that every stretch of them is contiguous.
#[derive(Debug)]
pub(crate) struct Place<L, const AT: usize> {
    region: Region,
    kind: PhantomData<L>,
}

impl<L, const AT: usize> Place<L, AT> {
    #[inline(always)]
    pub(crate) fn head(&self) -> &L {
        let at = self.region.base().wrapping_add(AT).cast::<L>();
        // SAFETY: who made the source vouched for type, size and alignment; the
        // region is mapped, writable, for as long as `self` lives.
        unsafe { &*at }
    }

    #[inline(always)]
    pub(crate) fn bytes(&self) -> Bytes {
        Bytes(self.region.data())
    }

    /// This attachment's member number.
    pub(crate) fn number(&self) -> u32 {
        self.region.number()
    }

    pub(crate) fn alive(&self, number: u32) -> bool {
        self.region.alive(number)
    }

    /// Whether this is the copy that a forked child has, without the region.
    pub(crate) fn is_copy(&self) -> bool {
        self.region.is_copy()
    }
}

/// The data of a region. Valid only as long as its [`Place`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes(*mut u8);

// SAFETY: an address, bound to no thread; its uses are races allowed for.
unsafe impl Send for Bytes {}
// SAFETY: as above.
unsafe impl Sync for Bytes {}

impl Bytes {
    /// The bytes from `at` on, for those who may look.
    pub(crate) fn pointer(self, at: usize) -> *mut u8 {
        self.0.wrapping_add(at)
    }

    /// # Safety
    ///
    /// `at + len` must not exceed twice the region's capacity, `to` must be
    /// writable for `len` bytes of private memory, and the place be attached.
    #[inline(always)]
    pub(crate) unsafe fn read(self, at: usize, to: *mut u8, len: usize) {
        // SAFETY: the data are mapped twice in a row; the rest is promised.
        unsafe { arch::copy_in(to, self.0.wrapping_add(at), len) };
    }

    /// As [`read`](Self::read), where `at` is a multiple of eight: the compiler
    /// then leaves the bytewise half of the copy out.
    ///
    /// # Safety
    ///
    /// As for [`read`](Self::read).
    #[inline(always)]
    pub(crate) unsafe fn read_aligned(self, at: usize, to: *mut u8, len: usize) {
        let from = self.0.wrapping_add(at);
        // SAFETY: the data begin on a page and `at` is a multiple of eight.
        unsafe { assert_unchecked(from.addr().is_multiple_of(8)) };
        // SAFETY: the data are mapped twice in a row; the rest is promised.
        unsafe { arch::copy_in(to, from, len) };
    }

    /// # Safety
    ///
    /// As for [`read`](Self::read), with `from` readable.
    #[inline(always)]
    pub(crate) unsafe fn write(self, at: usize, from: *const u8, len: usize) {
        // SAFETY: the data are mapped twice in a row; the rest is promised.
        unsafe { arch::copy_out(self.0.wrapping_add(at), from, len) };
    }

    /// As [`write`](Self::write), where `at` is a multiple of eight.
    ///
    /// # Safety
    ///
    /// As for [`write`](Self::write).
    #[inline(always)]
    pub(crate) unsafe fn write_aligned(self, at: usize, from: *const u8, len: usize) {
        let to = self.0.wrapping_add(at);
        // SAFETY: the data begin on a page and `at` is a multiple of eight.
        unsafe { assert_unchecked(to.addr().is_multiple_of(8)) };
        // SAFETY: the data are mapped twice in a row; the rest is promised.
        unsafe { arch::copy_out(to, from, len) };
    }
}
