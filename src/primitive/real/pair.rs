//! [`Pair`] and [`LongPair`]: a word and a number, changed by one store.

use core::mem::offset_of;

use static_assertions::const_assert_eq;

use super::{AtomicU32, AtomicU64, LongWord, Ordering, Word};
use crate::sys::futex::Scope;
use crate::{Deadline, Result, arch};

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

/// A [`Pair`] whose word is long.
#[derive(Debug)]
#[repr(C, align(16))]
pub(crate) struct LongPair {
    word: LongWord,
    beside: AtomicU64,
}

const_assert_eq!(offset_of!(LongPair, word), 0);
const_assert_eq!(offset_of!(LongPair, beside), 8);

impl LongPair {
    pub(crate) const fn new(word: u64) -> Self {
        Self {
            word: LongWord::new(word),
            beside: AtomicU64::new(0),
        }
    }

    /// Whether [`store`](Self::store) is one step. A few microseconds.
    pub(crate) fn can_store() -> bool {
        arch::stores_pairs()
    }

    #[inline(always)]
    pub(crate) fn load(&self, order: Ordering) -> u64 {
        self.word.load(order)
    }

    /// Stores the word alone. What is beside it no longer belongs to it.
    #[inline(always)]
    pub(crate) fn store_alone(&self, word: u64, order: Ordering) {
        self.word.store(word, order);
    }

    /// Stores both, after everything that this thread did before.
    #[inline(always)]
    pub(crate) fn store(&self, word: u64, beside: u64) {
        let pair = core::ptr::from_ref(self).cast_mut().cast::<u64>();
        // SAFETY: aligned to 16 bytes and made of atomics, hence writable.
        unsafe { arch::store_pair(pair, word, beside) };
    }

    /// What is beside the word: what came with the word that is loaded before and
    /// after, if that is the same word.
    #[inline(always)]
    pub(crate) fn beside(&self, order: Ordering) -> u64 {
        self.beside.load(order)
    }

    /// Like [`Word::sleep`], while the lower half of the word holds `expected`.
    ///
    /// # Errors
    ///
    /// As [`Word::sleep`].
    pub(crate) fn sleep(&self, expected: u32, deadline: Deadline, longest: u32) -> Result<()> {
        self.word.sleep(expected, Scope::Shared, deadline, longest)
    }

    /// Wakes every sleeper, if the kernel lets it.
    pub(crate) fn wake_all(&self) {
        self.word.wake_all(Scope::Shared);
    }
}
