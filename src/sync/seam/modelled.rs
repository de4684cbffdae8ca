//! What loom explores: its atomics, a futex of a lock and a queue, and memory
//! each of whose words complains of a race.

use core::any::Any;
use core::fmt;
use core::sync::atomic::Ordering;
use core::time::Duration;

use loom::cell::UnsafeCell;
use loom::sync::{Arc, Condvar, Mutex};

use crate::memory::member::Geometry;
use crate::{AsFd, BorrowedFd, Deadline, OwnedFd, Result};

extern crate std;
use std::boxed::Box;
use std::vec::Vec;

pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, fence};
pub(crate) use loom::thread::yield_now as pause;
pub(crate) use loom::thread::yield_now as relax_processor;

/// A model does not spin before it sleeps: it would be more of the same.
pub(crate) const SPINS_MIN: u32 = 0;
pub(crate) const SPINS_MAX: u32 = 0;

/// The bytes of a modelled ring.
const CAPACITY: usize = 32;

const WORD: usize = size_of::<u64>();

pub(crate) fn rest(_duration: Duration) {
    loom::thread::yield_now();
}

/// Whether the test asks for this bug in what the algorithms stand on, to see
/// that the models find it.
fn planted(bug: &str) -> bool {
    static PLANTED: std::sync::OnceLock<Option<std::string::String>> = std::sync::OnceLock::new();
    PLANTED
        .get_or_init(|| std::env::var("RAWIPC_PLANTED_BUG").ok())
        .as_deref()
        == Some(bug)
}

/// A word with its futex queue.
pub(crate) struct Word {
    value: AtomicU32,
    queue: Mutex<Queue>,
    woken: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    /// Sleepers that no wake has counted yet.
    waiting: usize,
    /// Wakes that no sleeper has taken yet.
    tokens: usize,
}

impl Word {
    pub(crate) fn new(value: u32) -> Self {
        Self {
            value: AtomicU32::new(value),
            queue: Mutex::new(Queue::default()),
            woken: Condvar::new(),
        }
    }

    pub(crate) fn load(&self, order: Ordering) -> u32 {
        let order = if planted("load without acquire") {
            Ordering::Relaxed
        } else {
            order
        };
        self.value.load(order)
    }

    pub(crate) fn compare_exchange(
        &self,
        current: u32,
        new: u32,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u32, u32> {
        let success = if planted("publish without release") {
            Ordering::Relaxed
        } else {
            success
        };
        self.value.compare_exchange(current, new, success, failure)
    }

    /// No deadline passes in a model: nothing may depend on one.
    pub(crate) fn sleep(&self, expected: u32, _deadline: Deadline) -> Result<()> {
        let mut queue = self.queue.lock().expect("no panic under the lock");
        // A read-modify-write, as the kernel reads the newest value.
        let seen = self.value.fetch_add(0, Ordering::Relaxed);
        if planted("sleep without looking") {
            // What a futex is for.
        } else if seen != expected {
            return Ok(());
        }
        queue.waiting += 1;
        while queue.tokens == 0 {
            queue = self.woken.wait(queue).expect("no panic under the lock");
        }
        queue.tokens -= 1;
        Ok(())
    }

    pub(crate) fn add_and_wake_all(&self, amount: u16) -> Result<()> {
        let mut queue = self.queue.lock().expect("no panic under the lock");
        self.value.fetch_add(u32::from(amount), Ordering::Relaxed);
        if planted("no wake") {
            return Ok(());
        }
        let woken = if planted("wake one") {
            queue.waiting.min(1)
        } else {
            queue.waiting
        };
        queue.tokens += woken;
        queue.waiting -= woken;
        self.woken.notify_all();
        Ok(())
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Word")
    }
}

/// A word and what is beside it, as one modelled atomic: each has half of it, so that
/// what is beside is half as wide as the real one's.
#[derive(Debug)]
pub(crate) struct Pair {
    word: Word,
    both: AtomicU64,
}

impl Pair {
    pub(crate) fn new(word: u32) -> Self {
        Self {
            word: Word::new(word),
            both: AtomicU64::new(word.into()),
        }
    }

    pub(crate) fn can_store() -> bool {
        true
    }

    pub(crate) fn word(&self) -> &Word {
        &self.word
    }

    pub(crate) fn load(&self, order: Ordering) -> u32 {
        self.both.load(order) as u32
    }

    pub(crate) fn store_alone(&self, word: u32, order: Ordering) {
        // One side stores, so that nothing comes between.
        let beside = self.both.load(Ordering::Relaxed) >> 32;
        self.both.store(beside << 32 | u64::from(word), order);
    }

    pub(crate) fn store(&self, word: u32, beside: u64) {
        assert!(beside <= u32::MAX.into(), "too wide for the model");
        if planted("two steps instead of one") {
            let before = self.load(Ordering::Relaxed);
            self.both
                .store(beside << 32 | u64::from(before), Ordering::Release);
        }
        self.both
            .store(beside << 32 | u64::from(word), Ordering::Release);
    }

    pub(crate) fn beside(&self) -> u64 {
        self.both.load(Ordering::Acquire) >> 32
    }
}

/// A region that all attachments share. The descriptor is real and not mapped.
pub(crate) struct Source<L> {
    fd: OwnedFd,
    model: Arc<Model>,
    kind: core::marker::PhantomData<L>,
}

struct Model {
    head: Box<dyn Any + Send + Sync>,
    words: Vec<UnsafeCell<u64>>,
    members: std::sync::atomic::AtomicU32,
}

impl<L: Send + Sync + 'static> Source<L> {
    pub(crate) unsafe fn new(
        fd: OwnedFd,
        _geometry: Geometry,
        _head_at: usize,
        start: impl FnOnce() -> L,
    ) -> Self {
        let model = Model {
            head: Box::new(start()),
            words: (0..CAPACITY / WORD).map(|_| UnsafeCell::new(0)).collect(),
            members: std::sync::atomic::AtomicU32::new(0),
        };
        Self {
            fd,
            model: Arc::new(model),
            kind: core::marker::PhantomData,
        }
    }

    pub(crate) fn into_fd(self) -> OwnedFd {
        self.fd
    }

    pub(crate) fn capacity(&self) -> usize {
        CAPACITY
    }

    pub(crate) fn attach(&self) -> Result<Place<L>> {
        let number = self.model.members.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(Place {
            model: self.model.clone(),
            number,
            kind: core::marker::PhantomData,
        })
    }
}

impl<L> AsFd for Source<L> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl<L> fmt::Debug for Source<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}

/// An attachment to a modelled region.
pub(crate) struct Place<L> {
    model: Arc<Model>,
    number: u32,
    kind: core::marker::PhantomData<L>,
}

// SAFETY: the kind is only named; the model is shared by design.
unsafe impl<L> Send for Place<L> {}

impl<L: 'static> Place<L> {
    pub(crate) fn head(&self) -> &L {
        self.model
            .head
            .downcast_ref()
            .expect("the source made the head")
    }

    pub(crate) fn bytes(&self) -> Bytes {
        Bytes(&raw const *self.model.words)
    }

    pub(crate) fn capacity(&self) -> usize {
        CAPACITY
    }

    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// Nobody dies in a model: deaths are for real processes.
    pub(crate) fn alive(&self, _number: u32) -> bool {
        true
    }

    /// Nobody forks in a model.
    pub(crate) fn is_copy(&self) -> bool {
        false
    }
}

impl<L> fmt::Debug for Place<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Place")
    }
}

/// The data of a modelled region. Valid only as long as a [`Place`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes(*const [UnsafeCell<u64>]);

// SAFETY: the cells check every access themselves.
unsafe impl Send for Bytes {}

impl Bytes {
    fn cell(&self, at: usize) -> &UnsafeCell<u64> {
        // SAFETY: an endpoint uses its bytes only while its place lives.
        let words = unsafe { &*self.0 };
        &words[at / WORD % words.len()]
    }

    /// References into the memory are not modelled.
    pub(crate) fn pointer(self, _at: usize) -> *mut u8 {
        unimplemented!("references into a modelled ring")
    }

    pub(crate) unsafe fn read(self, at: usize, to: *mut u8, len: usize) {
        for begin in (0..len).step_by(WORD) {
            let word = self.cell(at + begin).with(|word| {
                // SAFETY: the model has checked that nobody writes meanwhile.
                unsafe { *word }
            });
            let bytes = word.to_ne_bytes();
            let count = WORD.min(len - begin);
            let to = to.wrapping_add(begin);
            // SAFETY: within the `len` bytes that the caller vouches for.
            unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), count) };
        }
    }

    pub(crate) unsafe fn read_aligned(self, at: usize, to: *mut u8, len: usize) {
        assert_eq!(at % WORD, 0);
        // SAFETY: the caller's promise is the callee's.
        unsafe { self.read(at, to, len) };
    }

    pub(crate) unsafe fn write_aligned(self, at: usize, from: *const u8, len: usize) {
        assert_eq!(at % WORD, 0);
        // SAFETY: the caller's promise is the callee's.
        unsafe { self.write(at, from, len) };
    }

    pub(crate) unsafe fn write(self, at: usize, from: *const u8, len: usize) {
        for begin in (0..len).step_by(WORD) {
            let mut bytes = [0; WORD];
            let count = WORD.min(len - begin);
            let from = from.wrapping_add(begin);
            // SAFETY: within the `len` bytes that the caller vouches for.
            unsafe { from.copy_to_nonoverlapping(bytes.as_mut_ptr(), count) };
            self.cell(at + begin).with_mut(|word| {
                // SAFETY: the model has checked that nobody else looks.
                unsafe { *word = u64::from_ne_bytes(bytes) };
            });
        }
    }
}
