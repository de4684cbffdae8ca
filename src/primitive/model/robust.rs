//! [`List`] and [`Linked`], modelled: what the kernel does when a thread dies with locks.

use super::Word;
use crate::Result;

/// A lock, as the kernel knows it.
#[derive(Debug)]
pub(crate) struct Linked<W> {
    word: W,
}

impl<W> Linked<W> {
    pub(crate) fn new(word: W) -> Self {
        Self { word }
    }

    pub(crate) fn word(&self) -> &W {
        &self.word
    }
}

/// The list of the thread that a process stands for.
#[derive(Debug)]
pub(crate) struct List(rawipc_model::RobustList);

impl List {
    pub(crate) unsafe fn of_libc() -> Result<Self> {
        Ok(Self(rawipc_model::RobustList::new()))
    }

    pub(crate) unsafe fn own() -> Result<Self> {
        // SAFETY: a list as any other.
        unsafe { Self::of_libc() }
    }

    /// The number of the thread.
    pub(crate) fn number(&self) -> u32 {
        self.0.number()
    }

    pub(crate) fn is_copy(&self) -> bool {
        rawipc_model::is_child()
    }

    pub(crate) fn announce<W: AsRef<Word>>(&self, lock: &Linked<W>) -> usize {
        self.0.announce(lock.word.as_ref().modelled())
    }

    pub(crate) fn settle(&self, before: usize) {
        self.0.settle(before);
    }

    pub(crate) fn link<W: AsRef<Word>>(&self, lock: &Linked<W>) {
        self.0.link(lock.word.as_ref().modelled());
    }

    pub(crate) fn unlink<W: AsRef<Word>>(&self, lock: &Linked<W>) {
        self.0.unlink(lock.word.as_ref().modelled());
    }
}
