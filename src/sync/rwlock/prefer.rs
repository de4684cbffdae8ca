//! [`Preference`]: who goes first where readers and writers wait for a lock.

/// Who goes first at a [`RwLock`](super::RwLock): [`PreferWriters`] or [`PreferReaders`].
pub trait Preference: sealed::Preference {}

/// Once a writer waits no further reader comes in.
#[derive(Clone, Copy, Debug)]
pub enum PreferWriters {}

/// Readers come in as long as nobody writes, also while a writer waits: a stream of them keeps it out
/// for ever.
#[derive(Clone, Copy, Debug)]
pub enum PreferReaders {}

mod sealed {
    /// What a lock asks of it.
    pub trait Preference {
        const READERS_FIRST: bool;
    }
}

impl sealed::Preference for PreferWriters {
    const READERS_FIRST: bool = false;
}

impl sealed::Preference for PreferReaders {
    const READERS_FIRST: bool = true;
}

impl Preference for PreferWriters {}
impl Preference for PreferReaders {}
