//! [`ThreadList`]: the locks of a thread, in the order in which the kernel must know of them.

use core::marker::PhantomData;

use super::super::lock::{Halt, Left};
use crate::Result;
use crate::primitive::{Linked, List, Word};

/// The list of the calling thread's locks, and its number.
#[derive(Debug)]
pub(super) struct ThreadList {
    list: List,
    pub(super) number: u32,
    bound: PhantomData<*const ()>,
}

impl ThreadList {
    pub(super) fn of(list: List) -> Self {
        Self {
            number: list.number(),
            list,
            bound: PhantomData,
        }
    }

    /// Whether this is the copy that a forked child has.
    #[inline(always)]
    pub(super) fn is_copy(&self) -> bool {
        self.list.is_copy()
    }

    /// Takes the lock by `take` and enters it in the list.
    ///
    /// It is announced before it can be the thread's, and until it is entered: a death at any moment
    /// between finds it at one of these places at least.
    #[inline(always)]
    pub(super) fn take<W: AsRef<Word>>(
        &self,
        lock: &Linked<W>,
        take: impl FnOnce(&W) -> Result<Left, Halt>,
    ) -> Result<Left, Halt> {
        if self.list.is_copy() {
            return Err(Halt::Forked);
        }
        let before = self.list.announce(lock);
        let taken = take(lock.word());
        if taken.is_ok() {
            self.list.link(lock);
        }
        self.list.settle(before);
        taken
    }

    /// Takes the lock out of the list and gives it back by `give_back`, which wakes as well: the kernel
    /// wakes one if the thread dies before it has, or who sleeps finds out at its next look.
    #[inline(always)]
    pub(super) fn release<W: AsRef<Word>>(&self, lock: &Linked<W>, give_back: impl FnOnce(&W)) {
        let before = self.list.announce(lock);
        self.list.unlink(lock);
        give_back(lock.word());
        self.list.settle(before);
    }
}
