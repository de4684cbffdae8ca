//! Memory that processes share, and who has which number locked in it.

use std::any::Any;
use std::ops::Range;
use std::sync::atomic::Ordering::{self, Acquire, Relaxed, Release};
use std::sync::{Arc, Mutex};

use loom::cell::UnsafeCell;

use crate::atomic::AtomicU64;
use crate::model;
use crate::process::{bury, killed, step};

/// Cells of memory: races are looked for in words of this many bytes.
const WORD: usize = size_of::<u64>();

struct Memory {
    head: Box<dyn Any + Send + Sync>,
    sections: Sections,
    words: Vec<UnsafeCell<u64>>,
    /// In their place, where they are read and written at the same time.
    racing: Vec<AtomicU64>,
    /// Of each lock that was taken the number.
    locks: Mutex<Vec<u32>>,
    /// Of each lock that is or will be taken, whether it has been released: then it is not 0.
    /// There from the beginning, as those who ask need not be ordered after who takes one.
    released: [Arc<Released>; LOCKS],
}

/// loom's own, as it is no step of the process.
type Released = loom::sync::atomic::AtomicU32;

/// How many locks are taken in one model.
const LOCKS: usize = 8;

// SAFETY: the cells check every access themselves.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

/// Arrays of atomics that a region has, each with its number; and whether its data are raced for.
#[derive(Default)]
pub struct Sections {
    atomics: Vec<(usize, Box<dyn Any + Send + Sync>)>,
    race: bool,
}

impl std::fmt::Debug for Sections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sections")
    }
}

impl Sections {
    /// Adds section `index`.
    pub fn add<C>(&mut self, index: usize, cells: impl Iterator<Item = C>)
    where
        C: Send + Sync + 'static,
    {
        self.atomics
            .push((index, Box::new(cells.collect::<Vec<C>>())));
    }

    /// Says that the data are only accessed by [`Bytes::racing`].
    pub fn race(&mut self) {
        self.race = true;
    }
}

/// Shared memory: a head, arrays of atomics and data.
#[derive(Clone)]
pub struct Region(Arc<Memory>);

impl std::fmt::Debug for Region {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Region")
    }
}

impl Region {
    /// Creates a region with this head, these sections and as much data as the model says.
    pub fn new(head: impl Send + Sync + 'static, sections: Sections) -> Self {
        let count = model::memory() / WORD;
        let racing = if sections.race { count } else { 0 };
        Self(Arc::new(Memory {
            head: Box::new(head),
            sections,
            words: (0..count).map(|_| UnsafeCell::new(0)).collect(),
            racing: (0..racing).map(|_| AtomicU64::new(0)).collect(),
            locks: Mutex::default(),
            released: std::array::from_fn(|_| Arc::new(Released::new(0))),
        }))
    }

    /// Returns the size of the data in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.0.words.len() * WORD
    }

    /// Returns the region's head, if it is an `H`.
    #[must_use]
    pub fn head<H: 'static>(&self) -> Option<&H> {
        self.0.head.downcast_ref()
    }

    /// Returns section `index` of the region, if it is of `C`.
    #[must_use]
    pub fn section<C: 'static>(&self, index: usize) -> Option<&[C]> {
        let mut sections = self.0.sections.atomics.iter();
        let (_, cells) = sections.find(|(number, _)| *number == index)?;
        cells.downcast_ref::<Vec<C>>().map(Vec::as_slice)
    }

    /// Returns the region's data.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        Bytes {
            words: &raw const *self.0.words,
            racing: &raw const *self.0.racing,
            race: false,
        }
    }

    /// Returns the word at `at` of the head, as it is at some moment.
    ///
    /// # Safety
    ///
    /// There must be an [`AtomicU32`](crate::AtomicU32) in the head, so many bytes from its
    /// beginning.
    #[must_use]
    pub unsafe fn peek(&self, at: usize) -> u32 {
        let head = (&raw const *self.0.head).cast::<crate::AtomicU32>();
        // SAFETY: the caller's promise.
        unsafe { &*head.wrapping_byte_add(at) }.load(Relaxed)
    }

    /// Opens the memory again. What is locked through it stays so as long as it or a copy is
    /// there.
    #[must_use]
    pub fn describe(&self) -> Description {
        Description(Arc::new(Held {
            region: self.clone(),
            locks: Mutex::default(),
        }))
    }

    /// Returns whether this number is locked. Who is told that it is not sees all that was done
    /// before.
    #[must_use]
    pub fn is_locked(&self, number: u32) -> bool {
        !step() || self.is_held(number, Acquire)
    }

    fn is_held(&self, number: u32, order: Ordering) -> bool {
        let taken = {
            let all = self.0.locks.lock().expect("no panic under the lock");
            all.iter().rposition(|&locked| locked == number)
        };
        // Adds nothing: the kernel says what is so now.
        taken.is_some_and(|lock| self.0.released[lock].fetch_add(0, order) == 0)
    }
}

/// An open file description of a region, with the locks that were taken through it.
#[derive(Clone)]
pub struct Description(Arc<Held>);

struct Held {
    region: Region,
    locks: Mutex<Vec<Lock>>,
}

impl std::fmt::Debug for Description {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Description")
    }
}

impl Description {
    /// Returns the region.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.0.region
    }

    /// Locks a number, if nobody else has. What the kernel does for that orders nothing, and is
    /// no step.
    #[must_use]
    pub fn lock(&self, number: u32) -> bool {
        let region = &self.0.region;
        if region.is_held(number, Relaxed) {
            return false;
        }
        let lock = {
            let mut all = region.0.locks.lock().expect("no panic under the lock");
            all.push(number);
            Lock(region.0.released[all.len() - 1].clone())
        };
        let mut own = self.0.locks.lock().expect("no panic under the lock");
        own.push(lock);
        true
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let locks = self.locks.get_mut().expect("no panic under the lock");
        for lock in locks.drain(..) {
            if killed() {
                // Later: loom must schedule nobody else while a stack unwinds.
                bury(lock);
            } else {
                lock.release();
            }
        }
    }
}

/// What proves a member alive.
pub(crate) struct Lock(Arc<Released>);

impl Lock {
    /// From here on the kernel says that the member is gone.
    pub(crate) fn release(&self) {
        // No store: a read-modify-write can miss one that is concurrent to one before.
        self.0.fetch_add(1, Release);
    }
}

/// The data of a region. Valid only as long as the [`Region`].
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    words: *const [UnsafeCell<u64>],
    racing: *const [AtomicU64],
    race: bool,
}

// SAFETY: addresses, bound to no thread; the cells check every access themselves.
unsafe impl Send for Bytes {}
// SAFETY: as above.
unsafe impl Sync for Bytes {}

impl Bytes {
    /// Returns part `index` of parts of `len` bytes, which appears twice in a row by itself.
    #[must_use]
    pub fn part(self, index: usize, len: usize) -> Self {
        Self {
            words: part(self.words, index, len),
            racing: part(self.racing, index, len),
            ..self
        }
    }

    /// The same data, accessed by who may read while another writes, and finds out afterwards:
    /// word by word, each a relaxed access and a step. Of a region whose
    /// [`Sections`] say so.
    #[must_use]
    pub fn racing(self) -> Self {
        Self { race: true, ..self }
    }

    /// Calls `f` for each word of `at..at + len`, with its number, the offset of its first byte
    /// meant and the bytes meant of it.
    fn each(self, at: usize, len: usize, mut f: impl FnMut(usize, usize, Range<usize>)) {
        let words = self.words.len();
        let mut done = 0;
        while done < len {
            let from = (at + done) % WORD;
            let count = (WORD - from).min(len - done);
            f((at + done) / WORD % words, done, from..from + count);
            done += count;
        }
    }

    fn cell(&self, index: usize) -> &UnsafeCell<u64> {
        // SAFETY: who uses them has the region.
        unsafe { &(&*self.words)[index] }
    }

    fn atomic(&self, index: usize) -> &AtomicU64 {
        // SAFETY: who uses them has the region.
        unsafe { &(&*self.racing)[index] }
    }

    fn load(&self, index: usize) -> u64 {
        if self.race {
            return self.atomic(index).load(Relaxed);
        }
        self.cell(index).with(|word| {
            // SAFETY: the cell has checked that nobody writes meanwhile.
            unsafe { *word }
        })
    }

    /// Changes the bytes meant of a word.
    fn store(&self, index: usize, meant: Range<usize>, from: *const u8) {
        let change = |word: u64| {
            let mut bytes = word.to_ne_bytes();
            let to = &mut bytes[meant.clone()];
            // SAFETY: within what the caller of `write` vouches for.
            unsafe { from.copy_to_nonoverlapping(to.as_mut_ptr(), to.len()) };
            u64::from_ne_bytes(bytes)
        };
        if self.race {
            let word = self.atomic(index);
            // Nobody else writes meanwhile; of a whole word nothing stays.
            let before = if meant.len() < WORD {
                word.load(Relaxed)
            } else {
                0
            };
            return word.store(change(before), Relaxed);
        }
        self.cell(index).with_mut(|word| {
            // SAFETY: the cell has checked that nobody else looks.
            let word = unsafe { &mut *word };
            *word = change(*word);
        });
    }

    /// Copies the `len` bytes at `at` to `to`; the data appear twice in a row.
    ///
    /// # Safety
    ///
    /// The region must be there, and `to` be writable for `len` bytes.
    pub unsafe fn read(self, at: usize, to: *mut u8, len: usize) {
        if killed() {
            return;
        }
        self.each(at, len, |index, done, meant| {
            let bytes = &self.load(index).to_ne_bytes()[meant];
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
    /// The region must be there, and `from` be readable for `len` bytes.
    pub unsafe fn write(self, at: usize, from: *const u8, len: usize) {
        if killed() {
            return;
        }
        self.each(at, len, |index, done, meant| {
            self.store(index, meant, from.wrapping_add(done));
        });
    }
}

/// Part `index` of parts of `len` bytes; of nothing, nothing.
fn part<T>(words: *const [T], index: usize, len: usize) -> *const [T] {
    // SAFETY: who uses them has the region.
    let words = unsafe { &*words };
    let len = len / WORD;
    words.get(index * len..(index + 1) * len).unwrap_or(&[])
}
