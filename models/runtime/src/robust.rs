//! The list of the locks of a thread, which the kernel marks when the thread dies.

use std::cell::RefCell;
use std::rc::Rc;

use crate::model;
use crate::process::{self, step};
use crate::word::Word;

/// The bits of a word that the kernel knows: who sleeps, that an owner died, and the owner.
pub(crate) const WAITERS: u32 = 1 << 31;
pub(crate) const OWNER_DIED: u32 = 1 << 30;
pub(crate) const OWNER: u32 = OWNER_DIED - 1;

/// What the kernel finds when the thread dies. Addresses of words, which outlive all processes.
#[derive(Debug, Default)]
struct Entries {
    linked: Vec<usize>,
    announced: usize,
}

/// The list of a [`process`](crate::process), or of the thread that explores the model. Each change of
/// it is a step at which the process can die; nobody else sees the list.
#[derive(Clone, Debug)]
pub struct RobustList {
    entries: Rc<RefCell<Entries>>,
    number: u32,
}

impl RobustList {
    /// Creates a list of the calling thread, which is dealt with when the thread's process dies.
    #[must_use]
    pub fn new() -> Self {
        let list = Self {
            entries: Rc::default(),
            number: model::next_number(),
        };
        process::watch(list.clone());
        list
    }

    /// The number of the thread, no other one's.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Announces a lock; returns what was announced before.
    pub fn announce(&self, word: &Word) -> usize {
        let before = self.entries.borrow().announced;
        self.settle(address(word));
        before
    }

    /// Announces again what was announced before.
    pub fn settle(&self, before: usize) {
        if step() {
            self.entries.borrow_mut().announced = before;
        }
    }

    /// Enters a lock.
    pub fn link(&self, word: &Word) {
        if step() {
            self.entries.borrow_mut().linked.push(address(word));
        }
    }

    /// Takes a lock out.
    pub fn unlink(&self, word: &Word) {
        if step() {
            let gone = address(word);
            self.entries
                .borrow_mut()
                .linked
                .retain(|&word| word != gone);
        }
    }

    /// What the kernel does for a dead thread: marks what it held, and wakes one there. Of what it had
    /// announced and did not hold, wakes one if nobody does, as it may have been about to.
    pub(crate) fn bury(&self) {
        let entries = self.entries.take();
        let announced = entries.announced;
        let linked = entries.linked.into_iter().filter(|&word| word != announced);
        for (at, is_announced) in linked
            .map(|word| (word, false))
            .chain((announced != 0).then_some((announced, true)))
        {
            // SAFETY: the word of a lock that the model keeps until all processes have ended.
            let word = unsafe { &*std::ptr::with_exposed_provenance::<Word>(at) };
            word.mark_dead(self.number, is_announced, (OWNER, OWNER_DIED, WAITERS));
        }
    }
}

impl Default for RobustList {
    fn default() -> Self {
        Self::new()
    }
}

fn address(word: &Word) -> usize {
    (&raw const *word).expose_provenance()
}
