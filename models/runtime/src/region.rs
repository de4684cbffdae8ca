//! Memory that processes share, and who is a member of it.

use std::any::Any;
use std::ops::Range;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::{Arc, Mutex};

use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicU32;

use crate::model;
use crate::process::{bury, killed, step};

/// Cells of memory: races are looked for in words of this many bytes.
const WORD: usize = size_of::<u64>();

struct Memory {
    head: Box<dyn Any + Send + Sync>,
    words: Vec<UnsafeCell<u64>>,
    /// Of each member whether it is gone, the first one is number 1.
    gone: Mutex<Vec<Arc<AtomicU32>>>,
}

// SAFETY: the cells check every access themselves.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

/// Shared memory: a head and data.
#[derive(Clone)]
pub struct Region(Arc<Memory>);

impl std::fmt::Debug for Region {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Region")
    }
}

impl Region {
    /// Creates a region with this head and as much data as the model says.
    pub fn new(head: impl Send + Sync + 'static) -> Self {
        let words = (0..model::memory() / WORD).map(|_| UnsafeCell::new(0));
        Self(Arc::new(Memory {
            head: Box::new(head),
            words: words.collect(),
            gone: Mutex::default(),
        }))
    }

    /// Returns the size of the data in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.0.words.len() * WORD
    }

    /// Attaches a new member. What the kernel does for that orders nothing, and is no step.
    #[must_use]
    pub fn attach(&self) -> Member {
        let gone = Arc::new(AtomicU32::new(0));
        let mut all = self.0.gone.lock().expect("no panic under the lock");
        all.push(gone.clone());
        Member {
            region: self.clone(),
            number: all.len() as u32,
            gone,
        }
    }
}

/// An attachment to a region, until it is dropped or its process dies.
pub struct Member {
    region: Region,
    number: u32,
    gone: Arc<AtomicU32>,
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Member({})", self.number)
    }
}

impl Member {
    /// Returns the region's head, if it is an `L`.
    #[must_use]
    pub fn head<L: 'static>(&self) -> Option<&L> {
        self.region.0.head.downcast_ref()
    }

    /// Returns the region's data.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        Bytes(&raw const *self.region.0.words)
    }

    /// Returns the size of the data in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.region.capacity()
    }

    /// Returns this member's number.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Returns whether the member of this number is alive. Who is told that it is not sees all
    /// that it did.
    #[must_use]
    pub fn alive(&self, number: u32) -> bool {
        if !step() {
            return true;
        }
        let gone = {
            let all = self.region.0.gone.lock().expect("no panic under the lock");
            match all.get((number as usize).wrapping_sub(1)) {
                Some(gone) => gone.clone(),
                None => return false,
            }
        };
        // Adds nothing: the kernel says what is so now.
        gone.fetch_add(0, Acquire) == 0
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let lock = Lock(self.gone.clone());
        if killed() {
            // Later: loom must schedule nobody else while a stack unwinds.
            bury(lock);
        } else {
            lock.release();
        }
    }
}

/// What proves a member alive.
pub(crate) struct Lock(Arc<AtomicU32>);

impl Lock {
    /// From here on the kernel says that the member is gone.
    pub(crate) fn release(&self) {
        // No store: a read-modify-write can miss one that is concurrent to one before.
        self.0.fetch_add(1, Release);
    }
}

/// The data of a region. Valid only as long as a [`Member`].
#[derive(Clone, Copy, Debug)]
pub struct Bytes(*const [UnsafeCell<u64>]);

// SAFETY: an address, bound to no thread; the cells check every access themselves.
unsafe impl Send for Bytes {}
// SAFETY: as above.
unsafe impl Sync for Bytes {}

impl Bytes {
    /// Calls `f` for each cell of `at..at + len`, with the offset of its first byte meant
    /// and the bytes meant of it.
    fn cells(
        self,
        at: usize,
        len: usize,
        mut f: impl FnMut(&UnsafeCell<u64>, usize, Range<usize>),
    ) {
        // SAFETY: a member uses its bytes only while it lives, which keeps the region.
        let words = unsafe { &*self.0 };
        let mut done = 0;
        while done < len {
            let from = (at + done) % WORD;
            let count = (WORD - from).min(len - done);
            f(
                &words[(at + done) / WORD % words.len()],
                done,
                from..from + count,
            );
            done += count;
        }
    }

    /// Copies the `len` bytes at `at` to `to`; the data appear twice in a row.
    ///
    /// # Safety
    ///
    /// A member must be there, and `to` be writable for `len` bytes.
    pub unsafe fn read(self, at: usize, to: *mut u8, len: usize) {
        if killed() {
            return;
        }
        self.cells(at, len, |cell, done, meant| {
            let word = cell.with(|word| {
                // SAFETY: the cell has checked that nobody writes meanwhile.
                unsafe { *word }
            });
            let bytes = &word.to_ne_bytes()[meant];
            // SAFETY: within the `len` bytes that the caller vouches for.
            unsafe {
                to.wrapping_add(done)
                    .copy_from_nonoverlapping(bytes.as_ptr(), bytes.len())
            };
        });
    }

    /// Copies `len` bytes from `from` to `at`; the data appear twice in a row.
    ///
    /// # Safety
    ///
    /// A member must be there, and `from` be readable for `len` bytes.
    pub unsafe fn write(self, at: usize, from: *const u8, len: usize) {
        if killed() {
            return;
        }
        self.cells(at, len, |cell, done, meant| {
            cell.with_mut(|word| {
                // SAFETY: the cell has checked that nobody else looks.
                let word = unsafe { &mut *word };
                let mut bytes = word.to_ne_bytes();
                let to = &mut bytes[meant];
                let from = from.wrapping_add(done);
                // SAFETY: within the `len` bytes that the caller vouches for.
                unsafe { from.copy_to_nonoverlapping(to.as_mut_ptr(), to.len()) };
                *word = u64::from_ne_bytes(bytes);
            });
        });
    }
}
