//! How far the search for what the dead have has come in a class.
#![forbid(unsafe_code)]

use core::cell::Cell;

/// Where the search in a class goes on.
#[derive(Debug, Default)]
pub(in crate::ring) struct Round {
    /// The chunk to look at next, counted within the class.
    next: Cell<u32>,
    /// How many are left until each has been looked at once. 0: a new round begins.
    left: Cell<u32>,
    /// Whether the other side was over when that was looked at last.
    over: Cell<bool>,
}

impl Round {
    /// Begins a part of the search among `count` chunks: where it goes on, and how many are left.
    pub(super) fn begin(&self, count: u32) -> (u32, u32) {
        match self.left.get() {
            0 => (self.next.get(), count),
            left => (self.next.get(), left),
        }
    }

    /// Begins a new round if the other side is `over`, and was not when that was seen last.
    pub(super) fn see(&self, over: bool) {
        if over && !self.over.replace(over) {
            self.left.set(0);
        }
        self.over.set(over);
    }

    /// Ends it before the chunk `next`.
    pub(super) fn leave(&self, next: u32, left: u32) {
        self.next.set(next);
        self.left.set(left);
    }

    /// Whether a part has come to its end before the round has.
    pub(in crate::ring) fn is_unfinished(&self) -> bool {
        self.left.get() > 0
    }
}
