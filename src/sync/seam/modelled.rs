//! What a model explores: atomics, words and memory of `models/runtime`, as the algorithms
//! know them.

use core::fmt;
use core::marker::PhantomData;
use core::sync::atomic::Ordering;
use core::time::Duration;

use rawipc_model::{Member, Region, Slept};

use crate::memory::member::Geometry;
use crate::sync::futex::ALL;
use crate::{AsFd, BorrowedFd, Deadline, Errno, OwnedFd, Result};

pub(crate) use rawipc_model::{AtomicU32, AtomicU64, fence, pause, pause as relax_processor};

/// A model does not spin before it sleeps: it would be more of the same.
pub(crate) const SPINS_MIN: u32 = 0;
pub(crate) const SPINS_MAX: u32 = 0;

pub(crate) fn rest(_duration: Duration) {
    pause();
}

/// A word of shared memory to sleep on.
#[derive(Debug)]
pub(crate) struct Word(rawipc_model::Word);

impl Word {
    pub(crate) fn new(value: u32) -> Self {
        Self(rawipc_model::Word::new(value))
    }

    #[track_caller]
    pub(crate) fn load(&self, order: Ordering) -> u32 {
        self.0.load(order)
    }

    #[track_caller]
    pub(crate) fn compare_exchange(
        &self,
        current: u32,
        new: u32,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u32, u32> {
        self.0.compare_exchange(current, new, success, failure)
    }

    /// When a deadline passes is up to the model, whatever moment it is.
    pub(crate) fn sleep(&self, expected: u32, deadline: Deadline) -> Result<()> {
        match self.sleep_once(expected, deadline) {
            Err(Errno::INTR) => Ok(()),
            result => result,
        }
    }

    /// As [`sleep`](Self::sleep), but an interruption is an error.
    pub(crate) fn sleep_once(&self, expected: u32, deadline: Deadline) -> Result<()> {
        match self.0.sleep(expected, deadline != Deadline::Never) {
            Slept::TimedOut => Err(Errno::TIMEDOUT),
            Slept::Interrupted => Err(Errno::INTR),
            Slept::NotAtAll | Slept::Woken(_) => Ok(()),
        }
    }

    pub(crate) fn add_and_wake_all(&self, amount: u16) -> Result<()> {
        self.0.add_and_wake(amount, ALL);
        Ok(())
    }
}

/// A word and what is beside it: for those who sleep on it the one, for the others the other.
#[derive(Debug)]
pub(crate) struct Pair {
    word: Word,
    both: rawipc_model::Pair,
}

impl Pair {
    pub(crate) fn new(word: u32) -> Self {
        Self {
            word: Word::new(word),
            both: rawipc_model::Pair::new(word),
        }
    }

    pub(crate) fn can_store() -> bool {
        true
    }

    pub(crate) fn word(&self) -> &Word {
        &self.word
    }

    #[track_caller]
    pub(crate) fn load(&self, order: Ordering) -> u32 {
        self.both.load(order)
    }

    #[track_caller]
    pub(crate) fn store_alone(&self, word: u32, order: Ordering) {
        self.both.store_alone(word, order);
    }

    #[track_caller]
    pub(crate) fn store(&self, word: u32, beside: u64) {
        self.both.store(word, beside);
    }

    #[track_caller]
    pub(crate) fn beside(&self, order: Ordering) -> u64 {
        self.both.beside(order)
    }
}

/// A region that all attachments share. The descriptor is real and not mapped.
#[derive(Debug)]
pub(crate) struct Source<L, const AT: usize> {
    fd: OwnedFd,
    region: Region,
    kind: PhantomData<L>,
}

impl<L: Send + Sync + 'static, const AT: usize> Source<L, AT> {
    /// The data have the size that the model says.
    pub(crate) unsafe fn new(fd: OwnedFd, _geometry: Geometry, start: impl FnOnce() -> L) -> Self {
        Self {
            fd,
            region: Region::new(start()),
            kind: PhantomData,
        }
    }

    pub(crate) fn into_fd(self) -> OwnedFd {
        self.fd
    }

    pub(crate) fn capacity(&self) -> usize {
        self.region.capacity()
    }

    pub(crate) fn attach(&self) -> Result<Place<L, AT>> {
        Ok(Place {
            member: self.region.attach(),
            kind: PhantomData,
        })
    }
}

impl<L, const AT: usize> AsFd for Source<L, AT> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// An attachment to a modelled region.
pub(crate) struct Place<L, const AT: usize> {
    member: Member,
    kind: PhantomData<L>,
}

impl<L: 'static, const AT: usize> Place<L, AT> {
    pub(crate) fn head(&self) -> &L {
        self.member.head().expect("the source made the head")
    }

    pub(crate) fn bytes(&self) -> Bytes {
        Bytes(self.member.bytes())
    }

    pub(crate) fn number(&self) -> u32 {
        self.member.number()
    }

    pub(crate) fn alive(&self, number: u32) -> bool {
        self.member.alive(number)
    }

    /// Nobody forks in a model.
    pub(crate) fn is_copy(&self) -> bool {
        false
    }
}

impl<L, const AT: usize> fmt::Debug for Place<L, AT> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Place")
    }
}

/// The data of a modelled region. Valid only as long as a [`Place`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes(rawipc_model::Bytes);

impl Bytes {
    /// References into the memory are not modelled.
    pub(crate) fn pointer(self, _at: usize) -> *mut u8 {
        unimplemented!("references into a modelled ring")
    }

    pub(crate) unsafe fn read(self, at: usize, to: *mut u8, len: usize) {
        // SAFETY: the caller's promise is the callee's.
        unsafe { self.0.read(at, to, len) };
    }

    pub(crate) unsafe fn read_aligned(self, at: usize, to: *mut u8, len: usize) {
        assert!(at.is_multiple_of(8));
        // SAFETY: the caller's promise is the callee's.
        unsafe { self.0.read(at, to, len) };
    }

    pub(crate) unsafe fn write(self, at: usize, from: *const u8, len: usize) {
        // SAFETY: the caller's promise is the callee's.
        unsafe { self.0.write(at, from, len) };
    }

    pub(crate) unsafe fn write_aligned(self, at: usize, from: *const u8, len: usize) {
        assert!(at.is_multiple_of(8));
        // SAFETY: the caller's promise is the callee's.
        unsafe { self.0.write(at, from, len) };
    }
}
