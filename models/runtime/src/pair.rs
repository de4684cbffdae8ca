//! Words and what is beside them, changed by one store.

use std::sync::Mutex;
use std::sync::atomic::Ordering::{self, Relaxed};

use crate::atomic::AtomicU64;
use crate::word::StoredWord;

/// A 32-bit word and a 64-bit value beside it, which one store changes together.
///
/// In the model it is one atomic, of the word and the number of the store, which says what was
/// beside.
#[derive(Debug)]
pub struct Pair {
    both: AtomicU64,
    beside: Mutex<Vec<u64>>,
    /// A load of the word that was done early, as it was not kept behind the load of what
    /// is beside: by whom, and what it was.
    early: Mutex<Option<(loom::thread::ThreadId, u32)>>,
}

impl Pair {
    /// Creates a pair with this word, and 0 beside it.
    #[must_use]
    pub fn new(word: u32) -> Self {
        Self {
            both: AtomicU64::new(word.into()),
            beside: Mutex::new(vec![0]),
            early: Mutex::new(None),
        }
    }

    /// Loads the word.
    #[track_caller]
    pub fn load(&self, order: Ordering) -> u32 {
        let early = self.early.lock().expect("no panic under the lock").take();
        match early {
            Some((who, word)) if order == Relaxed && who == loom::thread::current().id() => word,
            _ => self.both.load(order) as u32,
        }
    }

    /// Stores the word and leaves the value beside it. Only one thread may store.
    #[track_caller]
    pub fn store_alone(&self, word: u32, order: Ordering) {
        let number = self.beside.lock().expect("no panic under the lock").len() as u64 - 1;
        self.both.store(number << 32 | u64::from(word), order);
    }

    /// Stores both, after everything that this thread did before.
    #[track_caller]
    pub fn store(&self, word: u32, beside: u64) {
        let number = {
            let mut all = self.beside.lock().expect("no panic under the lock");
            all.push(beside);
            all.len() as u64 - 1
        };
        let both = number << 32 | u64::from(word);
        self.both.store(both, Ordering::Release);
    }

    /// Loads the value beside the word.
    ///
    /// A load that is not an `Acquire` lets the next one of the word overtake it.
    #[track_caller]
    pub fn beside(&self, order: Ordering) -> u64 {
        if order == Relaxed {
            let word = self.both.load(Relaxed) as u32;
            let early = Some((loom::thread::current().id(), word));
            *self.early.lock().expect("no panic under the lock") = early;
        }
        let number = self.both.load(order) >> 32;
        self.beside.lock().expect("no panic under the lock")[number as usize]
    }
}

/// A 64-bit word, whose lower half is a futex, and a value beside it, which one store changes
/// together.
///
/// In the model the word alone is an atomic. What was beside it at each store is kept, and found
/// by the word: each word is stored with one value, ever.
#[derive(Debug)]
pub struct LongPair {
    word: StoredWord,
    /// Each word that was stored, and what was beside it then.
    stored: Mutex<Vec<(u64, u64)>>,
    /// As in [`Pair`].
    early: Mutex<Option<(loom::thread::ThreadId, u64)>>,
}

impl LongPair {
    /// Creates a pair with this word, and 0 beside it.
    #[must_use]
    pub fn new(word: u64) -> Self {
        Self {
            word: StoredWord::new(word),
            stored: Mutex::new(vec![(word, 0)]),
            early: Mutex::new(None),
        }
    }

    /// Returns the word, to sleep on and to wake.
    #[must_use]
    pub fn word(&self) -> &StoredWord {
        &self.word
    }

    /// Loads the word.
    #[track_caller]
    pub fn load(&self, order: Ordering) -> u64 {
        let early = self.early.lock().expect("no panic under the lock").take();
        match early {
            Some((who, early)) if order == Relaxed && who == loom::thread::current().id() => early,
            _ => self.word.load(order),
        }
    }

    /// Stores the word and leaves the value beside it. Only one thread may store.
    #[track_caller]
    pub fn store_alone(&self, word: u64, order: Ordering) {
        {
            let mut stored = self.stored.lock().expect("no panic under the lock");
            let beside = stored.last().map_or(0, |&(_, beside)| beside);
            stored.push((word, beside));
        }
        self.word.store(word, order);
    }

    /// Stores both, after everything that this thread did before.
    #[track_caller]
    pub fn store(&self, word: u64, beside: u64) {
        {
            let mut stored = self.stored.lock().expect("no panic under the lock");
            stored.push((word, beside));
        }
        self.word.store(word, Ordering::Release);
    }

    /// Loads the value beside the word.
    ///
    /// A load that is not an `Acquire` lets the next one of the word overtake it.
    #[track_caller]
    pub fn beside(&self, order: Ordering) -> u64 {
        if order == Relaxed {
            let early = Some((loom::thread::current().id(), self.word.load(Relaxed)));
            *self.early.lock().expect("no panic under the lock") = early;
        }
        let word = self.word.load(order);
        let stored = self.stored.lock().expect("no panic under the lock");
        let found = stored.iter().rev().find(|&&(stored, _)| stored == word);
        found.map_or(0, |&(_, beside)| beside)
    }
}
