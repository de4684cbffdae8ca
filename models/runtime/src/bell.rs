//! A bell: a descriptor that is readable once it has been rung, until it is emptied.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::word::Word;

/// A bell, which all who have it share.
///
/// To ring is one step, and to empty is one; neither orders anything for those who do not sleep.
#[derive(Clone, Debug)]
pub struct Bell(Arc<Word>);

impl Default for Bell {
    fn default() -> Self {
        Self::new()
    }
}

impl Bell {
    /// Creates a bell that is not readable.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Word::new(0)))
    }

    /// Makes it readable and wakes who sleeps for that.
    pub fn ring(&self) {
        let _ = self.0.add_and_wake(1, u32::MAX);
    }

    /// Makes it not readable; returns whether it was.
    #[must_use]
    pub fn empty(&self) -> bool {
        self.0.swap(0, Relaxed) != 0
    }

    /// Sleeps until it is readable, with a deadline.
    pub fn sleep(&self) {
        self.0.sleep(0, true);
    }
}
