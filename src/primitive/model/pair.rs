//! [`Pair`] and [`LongPair`]: a word and a number, changed by one step of the model.

use core::sync::atomic::Ordering;

use super::Word;
use super::word::{is_timed, slept};
use crate::sys::futex::ALL;
use crate::{Deadline, Result};

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

/// A [`Pair`] whose word is long, and slept on.
#[derive(Debug)]
pub(crate) struct LongPair(rawipc_model::LongPair);

impl LongPair {
    pub(crate) fn new(word: u64) -> Self {
        Self(rawipc_model::LongPair::new(word))
    }

    pub(crate) fn can_store() -> bool {
        true
    }

    #[track_caller]
    pub(crate) fn load(&self, order: Ordering) -> u64 {
        self.0.load(order)
    }

    #[track_caller]
    pub(crate) fn store_alone(&self, word: u64, order: Ordering) {
        self.0.store_alone(word, order);
    }

    #[track_caller]
    pub(crate) fn store(&self, word: u64, beside: u64) {
        self.0.store(word, beside);
    }

    #[track_caller]
    pub(crate) fn beside(&self, order: Ordering) -> u64 {
        self.0.beside(order)
    }

    pub(crate) fn sleep(&self, expected: u32, deadline: Deadline, longest: u32) -> Result<()> {
        slept(
            self.0.word().sleep(expected, is_timed(deadline, longest)),
            deadline,
        )
    }

    pub(crate) fn wake_all(&self) {
        self.0.word().wake(ALL);
    }
}
