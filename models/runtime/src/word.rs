//! Futex words: atomics on which processes sleep.
//!
//! The queues are not loom's: they are changed in one go with the access of the word that
//! precedes, and nothing is ordered by them.

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::atomic::{AtomicU32, AtomicU64};
use crate::inherit::Heirs;
use crate::model::{self, Early, Hindrance};
use crate::process::{expired, expires, step};

/// How a sleep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slept {
    /// It did not begin: the word held something else.
    NotAtAll,
    /// The word of this place in the list was woken.
    Woken(usize),
    /// Interrupted by a signal.
    Interrupted,
    /// The deadline passed.
    TimedOut,
}

/// Why `FUTEX_WAKE_OP` woke nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unwoken {
    /// It was refused; the word is as it was.
    Refused,
    /// The kernel added, then found a stranger at the word.
    Added,
}

/// Somebody asleep, on one word or several.
#[derive(Debug)]
pub(crate) struct Sleeper {
    thread: loom::thread::Thread,
    state: Mutex<State>,
    /// Set when its process is killed in its sleep.
    dead: AtomicBool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Queued, and still running.
    Queued,
    /// Queued and blocked.
    Blocked,
    Ended(Slept),
}

impl Sleeper {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics under this lock")
    }

    /// Ends the sleep unless it has ended; returns whether this did.
    fn end(&self, how: Slept) -> bool {
        let before = std::mem::replace(&mut *self.state(), State::Ended(how));
        match before {
            State::Queued => true,
            State::Blocked => {
                self.thread.unpark();
                true
            }
            State::Ended(_) => {
                *self.state() = before;
                false
            }
        }
    }

    pub(crate) fn time_passes(&self) {
        let blocked = *self.state() == State::Blocked;
        if blocked {
            self.end(Slept::TimedOut);
        }
    }
}

/// Those who sleep on a word, the earliest first: who it is, and the word's place in its list. And those
/// who wait there for a lock that the kernel passes on.
#[derive(Debug)]
struct Queue {
    entries: Mutex<Vec<(Arc<Sleeper>, usize)>>,
    heirs: Heirs,
    /// Its lock, as far as that orders what is stored by plain stores.
    lock: AtomicU64,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            entries: Mutex::default(),
            heirs: Heirs::default(),
            lock: AtomicU64::new(0),
        }
    }
}

impl Queue {
    fn entries(&self) -> MutexGuard<'_, Vec<(Arc<Sleeper>, usize)>> {
        self.entries.lock().expect("nobody panics under this lock")
    }

    /// Wakes up to `count`, some of whom may be dead; none is one, as in the kernel. Where that was
    /// the one that was to be woken, time passes for the others.
    fn wake(&self, count: u32) -> usize {
        let (mut woken, mut spent) = (0, 0);
        self.entries().retain(|(sleeper, index)| {
            if woken >= count.max(1) {
                return true;
            }
            let ended = sleeper.end(Slept::Woken(*index));
            woken += u32::from(ended);
            spent += u32::from(ended && sleeper.dead.load(Relaxed));
            false
        });
        if spent > 0 && woken >= count.max(1) {
            model::time_passes();
        }
        woken as usize
    }

    /// Wakes up to `count`. Whoever was to be woken here may sleep at another word, as it cannot on several,
    /// until its time is over.
    fn wake_beside_others(&self, count: u32) -> usize {
        let woken = self.wake(count);
        model::time_passes();
        woken
    }

    fn move_to(&self, target: &Self, count: u32) -> usize {
        let mut entries = self.entries();
        entries.retain(|(sleeper, _)| !matches!(*sleeper.state(), State::Ended(_)));
        let count = entries.len().min(count as usize);
        target.entries().extend(entries.drain(..count));
        count
    }
}

/// A 32-bit futex word, with those who sleep on it.
#[derive(Debug)]
pub struct Word {
    value: AtomicU32,
    queue: Queue,
}

/// A 64-bit word whose lower half is a futex.
#[derive(Debug)]
pub struct Word64 {
    value: AtomicU64,
    queue: Queue,
}

/// A 64-bit word that is changed by plain stores, of one process at a time, and whose lower half
/// is a futex.
///
/// The kernel does not always read its newest value, only what a barrier, or the lock of the queue,
/// has made visible to the sleeper. Waking takes that lock, too.
#[derive(Debug)]
pub struct StoredWord {
    value: AtomicU64,
    queue: Queue,
}

/// A word that its holders change by plain stores: the kernel reads it, and not always its newest value,
/// as of a [`StoredWord`].
#[derive(Debug)]
struct Stored<'a>(&'a Word);

impl Futex for Stored<'_> {
    fn newest(&self) -> u32 {
        self.queue().lock.kernel_lock();
        self.0.value.kernel_load()
    }

    fn queue(&self) -> &Queue {
        &self.0.queue
    }

    fn queue_and_look(&self, sleeper: &Arc<Sleeper>, index: usize) -> u32 {
        self.queue().lock.kernel_lock();
        self.queue().entries().push((sleeper.clone(), index));
        self.0.value.kernel_load()
    }
}

/// What the kernel sees of a word.
trait Futex {
    /// The 32 bits that are compared, the newest.
    fn newest(&self) -> u32;
    fn queue(&self) -> &Queue;

    /// Queues a sleeper, whose word has this place in its list; returns the 32 bits that are
    /// compared.
    fn queue_and_look(&self, sleeper: &Arc<Sleeper>, index: usize) -> u32 {
        let newest = self.newest();
        // In one go with it.
        self.queue().entries().push((sleeper.clone(), index));
        newest
    }
}

impl Futex for Word {
    fn newest(&self) -> u32 {
        self.value.kernel_add(0)
    }

    fn queue(&self) -> &Queue {
        &self.queue
    }
}

impl Futex for Word64 {
    fn newest(&self) -> u32 {
        self.value.kernel_add(0) as u32
    }

    fn queue(&self) -> &Queue {
        &self.queue
    }
}

impl StoredWord {
    /// Creates a word that holds `value`, on which nobody sleeps.
    #[must_use]
    pub fn new(value: u64) -> Self {
        Self {
            value: AtomicU64::new(value),
            queue: Queue::default(),
        }
    }

    /// Sleeps while the lower half holds `expected`, with a deadline if `timed`:
    /// `FUTEX_WAIT_BITSET`.
    pub fn sleep(&self, expected: u32, timed: bool) -> Slept {
        sleep(&[(self, expected)], timed)
    }

    /// Wakes up to `count` sleepers, and returns how many: `FUTEX_WAKE`.
    pub fn wake(&self, count: u32) -> usize {
        if !step() {
            return 0;
        }
        self.queue.lock.kernel_lock();
        match model::hindrance() {
            Hindrance::None
            | Hindrance::NoWakeOp
            | Hindrance::NoBarrier
            | Hindrance::NoWaitV
            | Hindrance::Scribbler => self.queue.wake(count),
            Hindrance::NoWake | Hindrance::Stranger => {
                model::time_passes();
                0
            }
        }
    }
}

impl Deref for StoredWord {
    type Target = AtomicU64;

    fn deref(&self) -> &AtomicU64 {
        &self.value
    }
}

impl Futex for StoredWord {
    fn newest(&self) -> u32 {
        self.queue.lock.kernel_lock();
        self.value.kernel_load() as u32
    }

    fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Puts the sleeper in the queue and reads the word, holding the lock: a waker that takes the
    /// lock later finds the sleeper, and what a waker did that had it earlier is seen.
    fn queue_and_look(&self, sleeper: &Arc<Sleeper>, index: usize) -> u32 {
        self.queue.lock.kernel_lock();
        self.queue.entries().push((sleeper.clone(), index));
        self.value.kernel_load() as u32
    }
}

impl Word {
    /// Those who wait for the word as a lock that the kernel passes on.
    pub(crate) fn heirs(&self) -> &Heirs {
        &self.queue.heirs
    }

    /// What the kernel does with a word in the list of a dead thread of this number: takes it away from
    /// that one and says so, and wakes one, or gives it to who waits for it as for a lock; where the dead one
    /// had only announced the word, wakes one if nobody holds it.
    pub(crate) fn mark_dead(
        &self,
        number: u32,
        announced: bool,
        (owner, died, waiters): (u32, u32, u32),
    ) {
        let mut seen = self.value.kernel_load();
        while seen & owner == number {
            match self.value.kernel_exchange(seen, seen & waiters | died) {
                Ok(_) => {
                    if seen & waiters != 0 {
                        self.queue.lock.kernel_lock();
                        self.queue.wake(1);
                    }
                    if self.queue.heirs.are_known() {
                        self.inherit(0, died);
                    }
                    return;
                }
                Err(now) => seen = now,
            }
        }
        if announced && seen & owner == 0 {
            self.queue.lock.kernel_lock();
            self.queue.wake(1);
        }
    }
}

/// Sleeps while each of the words holds what is beside it, with a deadline if `timed`.
fn sleep(words: &[(&dyn Futex, u32)], timed: bool) -> Slept {
    if !step() {
        return Slept::NotAtAll;
    }
    let sleeper = Arc::new(Sleeper {
        thread: loom::thread::current(),
        state: Mutex::new(State::Queued),
        dead: AtomicBool::new(false),
    });
    for (index, (word, expected)) in words.iter().enumerate() {
        if word.queue_and_look(&sleeper, index) != *expected {
            sleeper.end(Slept::NotAtAll);
            break;
        }
    }
    let state = *sleeper.state();
    if let State::Ended(how) = state {
        model::trace(|| format!("sleep: {how:?}"));
        return how;
    }
    let early = model::sleep_begins(timed).map(|kind| match kind {
        Early::TimedOut => Slept::TimedOut,
        Early::Interrupted => Slept::Interrupted,
    });
    let early = early.or_else(|| (timed && expires()).then_some(Slept::TimedOut));
    if let Some(how) = early {
        // The queue's lock, which it waits for: somebody may wake it meanwhile.
        for (word, _) in words {
            word.newest();
        }
        sleeper.end(how);
    } else {
        // Killed in its sleep: queued until who knows when. It does not come back from there.
        sleeper.dead.store(true, Relaxed);
        if !step() {
            return Slept::NotAtAll;
        }
        sleeper.dead.store(false, Relaxed);
        *sleeper.state() = State::Blocked;
        if timed {
            model::asleep(&sleeper);
        }
        while *sleeper.state() == State::Blocked {
            loom::thread::park();
        }
        if *sleeper.state() == State::Ended(Slept::TimedOut) {
            expired();
        }
    }
    let state = *sleeper.state();
    let State::Ended(how) = state else {
        unreachable!("{state:?}");
    };
    if how == Slept::TimedOut
        && (model::are_barriers_refused() || model::hindrance() == Hindrance::NoWaitV)
    {
        // What was stored so long ago is seen, barrier or not, also at words that it did not sleep on.
        loom::thread::yield_now();
    }
    model::trace(|| format!("sleep: {how:?}"));
    how
}

/// Words to sleep on all at once, each with what it must hold.
#[derive(Debug, Default)]
pub struct Words<'a>(Vec<(&'a Word, u32)>, Vec<(Stored<'a>, u32)>);

impl<'a> Words<'a> {
    /// Adds a word.
    pub fn push(&mut self, word: &'a Word, expected: u32) {
        self.0.push((word, expected));
    }

    /// Adds a word that its holders change by plain stores.
    pub fn push_stored(&mut self, word: &'a Word, expected: u32) {
        self.1.push((Stored(word), expected));
    }

    /// Sleeps while every word holds what is expected of it, those that are stored to last:
    /// `futex_waitv(2)`; `None` if that is refused.
    #[must_use]
    pub fn sleep(&self, timed: bool) -> Option<Slept> {
        if model::hindrance() != Hindrance::NoWaitV {
            let words = (self.0.iter()).map(|(word, expected)| (*word as _, *expected));
            let stored = self.1.iter().map(|(word, expected)| (word as _, *expected));
            return Some(sleep(&words.chain(stored).collect::<Vec<_>>(), timed));
        }
        // What comes next may miss a change at another word until its time is over.
        if step() {
            model::time_passes();
        }
        None
    }
}

/// Sleeps while every word holds what is expected of it: `futex_waitv(2)`.
pub fn wait_any(words: &[(&Word, u32)], timed: bool) -> Slept {
    let words: Vec<(&dyn Futex, u32)> = words
        .iter()
        .map(|&(word, expected)| -> (&dyn Futex, u32) { (word, expected) })
        .collect();
    sleep(&words, timed)
}

/// The 12 bits of an operand of `FUTEX_WAKE_OP`, which the kernel takes as signed.
fn operand(amount: u16) -> i32 {
    assert!(amount < 1 << 12, "an operand has 12 bits");
    i32::from((amount << 4).cast_signed() >> 4)
}

macro_rules! word {
    ($name:ident, $atomic:ident, $int:ty, $add:ident) => {
        /// Lends the atomic, for all that neither sleeps nor wakes.
        impl Deref for $name {
            type Target = $atomic;

            fn deref(&self) -> &$atomic {
                &self.value
            }
        }

        impl $name {
            /// Creates a word that holds `value`, on which nobody sleeps.
            #[must_use]
            pub fn new(value: $int) -> Self {
                Self {
                    value: $atomic::new(value),
                    queue: Queue::default(),
                }
            }

            /// Sleeps while the word (its lower half) holds `expected`, with a deadline if
            /// `timed`: `FUTEX_WAIT_BITSET`.
            pub fn sleep(&self, expected: u32, timed: bool) -> Slept {
                sleep(&[(self, expected)], timed)
            }

            /// Wakes up to `count` sleepers, and returns how many: `FUTEX_WAKE`.
            pub fn wake(&self, count: u32) -> usize {
                if !step() {
                    return 0;
                }
                Futex::newest(self);
                match model::hindrance() {
                    Hindrance::None
                    | Hindrance::NoWakeOp
                    | Hindrance::NoBarrier
                    | Hindrance::Scribbler => self.queue.wake(count),
                    Hindrance::NoWaitV => self.queue.wake_beside_others(count),
                    Hindrance::NoWake | Hindrance::Stranger => {
                        model::time_passes();
                        0
                    }
                }
            }

            /// Adds `amount`, of 12 bits and signed, to the word (its lower half, without a
            /// carry) and wakes up to `count` sleepers, in one step that orders nothing:
            /// `FUTEX_WAKE_OP`. Returns how many woke.
            ///
            /// # Errors
            ///
            /// The model's [`Hindrance`].
            pub fn add_and_wake(&self, amount: u16, count: u32) -> Result<usize, Unwoken> {
                self.sum_and_wake(operand(amount).cast_unsigned(), count)
            }

            /// Like [`add_and_wake`](Self::add_and_wake), with an operand of one bit, of this
            /// number: `FUTEX_OP_OPARG_SHIFT`.
            ///
            /// # Errors
            ///
            /// The model's [`Hindrance`].
            pub fn add_bit_and_wake(&self, bit: u32, count: u32) -> Result<usize, Unwoken> {
                self.sum_and_wake(1 << (bit & 31), count)
            }

            fn sum_and_wake(&self, amount: u32, count: u32) -> Result<usize, Unwoken> {
                self.change_and_wake(count, |value| {
                    value.$add(amount);
                })
            }

            fn change_and_wake(
                &self,
                count: u32,
                change: impl FnOnce(&$atomic),
            ) -> Result<usize, Unwoken> {
                self.wake_with(count, || change(&self.value))
            }

            fn wake_with(&self, count: u32, change: impl FnOnce()) -> Result<usize, Unwoken> {
                if !step() {
                    return Ok(0);
                }
                let hindrance = model::hindrance();
                if matches!(hindrance, Hindrance::NoWakeOp | Hindrance::NoWake) {
                    return Err(Unwoken::Refused);
                }
                change();
                if hindrance == Hindrance::Stranger {
                    model::time_passes();
                    return Err(Unwoken::Added);
                }
                let woken = match hindrance {
                    Hindrance::NoWaitV => self.queue.wake_beside_others(count),
                    _ => self.queue.wake(count),
                };
                model::trace(|| format!("wake_op: {woken}"));
                Ok(woken)
            }

            /// Wakes up to `wake` sleepers and moves up to `requeue` of the rest to `target`, if
            /// the word (its lower half) holds `expected`; returns how many of both:
            /// `FUTEX_CMP_REQUEUE`.
            pub fn requeue(
                &self,
                expected: u32,
                wake: u32,
                target: &Self,
                requeue: u32,
            ) -> Option<usize> {
                if !step() || Futex::newest(self) != expected {
                    return None;
                }
                let woken = self.queue.wake(wake);
                Some(woken + self.queue.move_to(&target.queue, requeue))
            }
        }
    };
}

word!(Word, AtomicU32, u32, kernel_add);

impl Word {
    /// Like [`add_and_wake`](Self::add_and_wake), but sets bits, at most 11 of them:
    /// `FUTEX_OP_OR`.
    ///
    /// # Errors
    ///
    /// The model's [`Hindrance`].
    pub fn or_and_wake(&self, bits: u16, count: u32) -> Result<usize, Unwoken> {
        let bits = operand(bits).cast_unsigned();
        self.change_and_wake(count, |value| value.kernel_or(bits))
    }

    /// Like [`add_and_wake`](Self::add_and_wake), but adds to `other`, and wakes those who sleep here.
    ///
    /// # Errors
    ///
    /// The model's [`Hindrance`].
    pub fn add_elsewhere_and_wake(
        &self,
        other: &Self,
        amount: u16,
        count: u32,
    ) -> Result<usize, Unwoken> {
        let amount = operand(amount).cast_unsigned();
        self.wake_with(count, || {
            other.value.kernel_add(amount);
        })
    }

    /// Like [`add_and_wake`](Self::add_and_wake), but replaces the value by one of 12 bits:
    /// `FUTEX_OP_SET`.
    ///
    /// # Errors
    ///
    /// The model's [`Hindrance`].
    pub fn set_and_wake(&self, value: u16, count: u32) -> Result<usize, Unwoken> {
        let value = operand(value).cast_unsigned();
        self.change_and_wake(count, |word| word.kernel_set(value))
    }
}
word!(Word64, AtomicU64, u64, kernel_add_low);
