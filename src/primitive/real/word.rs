//! [`Word`] and [`LongWord`]: futexes.

use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::{ptr, slice};

use static_assertions::const_assert;

use crate::sys::futex::{self, ALL, Operation, Scope, WakeOp, WakeOpCmp};
use crate::wait::inherit;
use crate::{Deadline, Errno, Result, Timespec};

use super::{AtomicU32, AtomicU64, Ordering};

/// A word of shared memory to sleep on.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct Word(pub(super) AtomicU32);

impl Word {
    pub(crate) const fn new(value: u32) -> Self {
        Self(AtomicU32::new(value))
    }

    #[inline(always)]
    pub(crate) fn load(&self, order: Ordering) -> u32 {
        self.0.load(order)
    }

    #[inline(always)]
    pub(crate) fn compare_exchange(
        &self,
        current: u32,
        new: u32,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u32, u32> {
        self.0.compare_exchange(current, new, success, failure)
    }

    pub(crate) fn fetch_add(&self, value: u32, order: Ordering) -> u32 {
        self.0.fetch_add(value, order)
    }

    #[inline(always)]
    pub(crate) fn store(&self, value: u32, order: Ordering) {
        self.0.store(value, order);
    }

    /// Sleeps while the word holds `expected`, for at most `longest` nanoseconds, a second
    /// at most. Whatever ends it but the deadline is a success: the caller looks again.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: the deadline had passed before.
    #[cold]
    pub(crate) fn sleep(&self, expected: u32, deadline: Deadline, longest: u32) -> Result<()> {
        sleep(&self.0, expected, Scope::Shared, deadline, longest)
    }

    /// Adds `amount` (at most 2046) and wakes every sleeper, in one system call that a
    /// death cannot come between.
    ///
    /// # Errors
    ///
    /// The call was refused: nothing was added.
    #[cold]
    pub(crate) fn add_and_wake_all(&self, amount: u16) -> Result<()> {
        add_and_wake_all(&self.0, amount, Scope::Shared)
    }

    /// Adds `amount` (at most 2047) to `granted` and wakes up to `count` who sleep at this word, in one
    /// system call that a death cannot come between. Returns how many woke, or fewer.
    ///
    /// # Errors
    ///
    /// The call was refused: nothing was added.
    #[cold]
    pub(crate) fn grant_and_wake(&self, granted: &Self, amount: u16, count: u32) -> Result<u32> {
        let add = Operation {
            change: WakeOp::Add,
            change_by: amount & 0xfff,
            // -1, which the word hardly ever is: nobody sleeps there.
            compare: WakeOpCmp::Eq,
            compare_with: 0xfff,
        };
        match futex::wake_op(&self.0, count, &granted.0, 1, add, Scope::Shared) {
            Ok(woken) => Ok(woken as u32),
            // The kernel has added, and then found somebody at this word who waits for a lock there;
            // or a filter says so, and then it does of any word.
            Err(Errno::INVAL) => {
                let other = AtomicU32::new(0);
                futex::wake_op(&other, 1, &other, 1, add, Scope::Shared).map(|_| 0)
            }
            Err(errno) => Err(errno),
        }
    }

    pub(crate) fn fetch_or(&self, bits: u32, order: Ordering) -> u32 {
        self.0.fetch_or(bits, order)
    }

    /// Makes the word 0 and wakes every sleeper, as
    /// [`add_and_wake_all`](Self::add_and_wake_all) does.
    ///
    /// # Errors
    ///
    /// The call was refused: the word is as it was.
    #[cold]
    pub(crate) fn clear_and_wake_all(&self) -> Result<()> {
        change_and_wake_all(&self.0, WakeOp::Set, 0, Scope::Shared)
    }

    /// Sets `bits` (at most 2047) and wakes every sleeper, as
    /// [`add_and_wake_all`](Self::add_and_wake_all) does.
    ///
    /// # Errors
    ///
    /// The call was refused: nothing was set.
    #[cold]
    pub(crate) fn set_bits_and_wake_all(&self, bits: u16) -> Result<()> {
        change_and_wake_all(&self.0, WakeOp::Or, bits, Scope::Shared)
    }

    /// Wakes every sleeper, if the kernel lets it.
    #[cold]
    pub(crate) fn wake_all(&self) {
        wake_all(&self.0, Scope::Shared);
    }

    /// Wakes the sleeper that came first, if the kernel lets it; one that has been killed
    /// and does not know it yet may be it. Returns whether there was one.
    #[cold]
    pub(crate) fn wake_one(&self) -> bool {
        futex::wake(&self.0, 1, Scope::Shared) == Ok(1)
    }

    /// Takes the word as a lock that the kernel passes on, until the deadline.
    ///
    /// # Errors
    ///
    /// Those of [`lock_until`](crate::sync::futex::pi::lock_until).
    #[cold]
    pub(crate) fn lock_pi(&self, deadline: Deadline) -> Result<()> {
        inherit::lock_pi(&self.0, Scope::Shared, deadline)
    }

    /// Like [`lock_pi`](Self::lock_pi), if that is possible now.
    ///
    /// # Errors
    ///
    /// Those of [`try_lock`](crate::sync::futex::pi::try_lock).
    #[cold]
    pub(crate) fn try_lock_pi(&self) -> Result<()> {
        futex::trylock_pi(&self.0, Scope::Shared)
    }

    /// Passes it on to the most urgent of those who wait.
    ///
    /// # Errors
    ///
    /// Those of [`unlock`](crate::sync::futex::pi::unlock).
    #[cold]
    pub(crate) fn unlock_pi(&self) -> Result<()> {
        futex::unlock_pi(&self.0, Scope::Shared)
    }
}

/// Words of shared memory to sleep on all at once, each with what it must hold.
#[derive(Debug)]
pub(crate) struct Words<'a> {
    // Most of it is not used: to fill it in would take longer than all else.
    list: [MaybeUninit<futex::Wait>; futex::WAITV_MAX],
    /// So many at its beginning are initialised.
    len: usize,
    words: PhantomData<&'a Word>,
}

impl<'a> Words<'a> {
    pub(crate) fn new() -> Self {
        Self {
            list: [const { MaybeUninit::uninit() }; futex::WAITV_MAX],
            len: 0,
            words: PhantomData,
        }
    }

    /// Adds `word`, which must hold `expected` for anybody to sleep. `None` if the kernel takes no
    /// more words.
    #[must_use]
    pub(crate) fn add(&mut self, word: &'a Word, expected: u32) -> Option<()> {
        let waiter = futex::waiter(&word.0, expected, Scope::Shared);
        self.list.get_mut(self.len)?.write(waiter);
        self.len += 1;
        Some(())
    }

    /// Like [`add`](Self::add), for a word that its holders change by plain stores: the kernel may see
    /// an older value, and so nobody may depend on that it sees the newest.
    #[must_use]
    pub(crate) fn add_stored(&mut self, word: &'a Word, expected: u32) -> Option<()> {
        self.add(word, expected)
    }

    /// Sleeps while each word holds what is expected of it, like [`Word::sleep`]; returns whether it
    /// ended without a wake or a change of a word.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: the deadline had passed before. What else the kernel refuses: it is
    /// perhaps older than the call (Linux 5.16).
    #[cold]
    pub(crate) fn sleep(&self, deadline: Deadline, longest: u32) -> Result<bool> {
        let until = deadline.moment_by_call(longest)?;
        // SAFETY: so many are initialised, and of the list, as `add` counts those that it has written.
        let list = unsafe { slice::from_raw_parts(self.list.as_ptr().cast(), self.len) };
        match futex::waitv(list, until.as_ref()) {
            Err(Errno::TIMEDOUT | Errno::INTR) => Ok(true),
            Ok(_) | Err(Errno::AGAIN) => Ok(false),
            Err(errno) => Err(errno),
        }
    }
}

/// A long word of shared memory, on whose lower half one sleeps.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct LongWord(AtomicU64);

// The lower half comes first, where the futex is.
const_assert!(cfg!(target_endian = "little"));

impl LongWord {
    pub(crate) const fn new(value: u64) -> Self {
        Self(AtomicU64::new(value))
    }

    #[inline(always)]
    pub(crate) fn load(&self, order: Ordering) -> u64 {
        self.0.load(order)
    }

    #[inline(always)]
    pub(crate) fn store(&self, value: u64, order: Ordering) {
        self.0.store(value, order);
    }

    #[inline(always)]
    pub(crate) fn compare_exchange(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        self.0.compare_exchange(current, new, success, failure)
    }

    #[inline(always)]
    pub(crate) fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        self.0.fetch_add(value, order)
    }

    #[inline(always)]
    pub(crate) fn fetch_sub(&self, value: u64, order: Ordering) -> u64 {
        self.0.fetch_sub(value, order)
    }

    /// Like [`Word::sleep`], while the lower half holds `expected`.
    ///
    /// # Errors
    ///
    /// As [`Word::sleep`].
    pub(crate) fn sleep(
        &self,
        expected: u32,
        scope: Scope,
        deadline: Deadline,
        longest: u32,
    ) -> Result<()> {
        sleep(self.low(), expected, scope, deadline, longest)
    }

    /// Sleeps while the lower half holds `expected`, without a time limit: the kernel then
    /// knows whether a handler has asked to begin again.
    ///
    /// # Errors
    ///
    /// [`Errno::INTR`]: a handler has run, and did not ask for it.
    pub(crate) fn sleep_until_woken(&self, expected: u32, scope: Scope) -> Result<()> {
        match futex::wait_bitset(self.low(), expected, futex::ANY, scope, None) {
            Err(Errno::AGAIN) => Ok(()),
            result => result,
        }
    }

    /// Like [`Word::add_and_wake_all`], to the lower half without a carry to the upper one.
    ///
    /// # Errors
    ///
    /// As [`Word::add_and_wake_all`].
    #[cold]
    pub(crate) fn add_and_wake_all(&self, amount: u16, scope: Scope) -> Result<()> {
        add_and_wake_all(self.low(), amount, scope)
    }

    /// Adds `1 << bit` to the lower half, without a carry to the upper one, and wakes every
    /// sleeper of this and other processes, as [`Word::add_and_wake_all`] does.
    ///
    /// # Errors
    ///
    /// As [`Word::add_and_wake_all`].
    #[cold]
    pub(crate) fn add_bit_and_wake_all(&self, bit: u16) -> Result<()> {
        change_and_wake_all(self.low(), WakeOp::AddShift, bit, Scope::Shared)
    }

    /// Wakes every sleeper, if the kernel lets it.
    #[cold]
    pub(crate) fn wake_all(&self, scope: Scope) {
        wake_all(self.low(), scope);
    }

    /// The lower half, for the kernel.
    fn low(&self) -> &AtomicU32 {
        // SAFETY: the first half, aligned, for as long as it is borrowed. This crate accesses
        // the word only as a whole: the half goes to the kernel, whose accesses to words and
        // halves of words are all atomic.
        unsafe { AtomicU32::from_ptr(self.0.as_ptr().cast()) }
    }
}

fn sleep(
    word: &AtomicU32,
    expected: u32,
    scope: Scope,
    deadline: Deadline,
    longest: u32,
) -> Result<()> {
    let timeout = Timespec {
        tv_sec: 0,
        tv_nsec: deadline.left_by_call(longest)?.into(),
    };
    match futex::wait(word, expected, scope, &timeout) {
        Err(Errno::AGAIN | Errno::TIMEDOUT | Errno::INTR) => Ok(()),
        result => result,
    }
}

fn add_and_wake_all(word: &AtomicU32, amount: u16, scope: Scope) -> Result<()> {
    change_and_wake_all(word, WakeOp::Add, amount & 0xfff, scope)
}

fn change_and_wake_all(
    word: &AtomicU32,
    change: WakeOp,
    change_by: u16,
    scope: Scope,
) -> Result<()> {
    let (mut word, other) = (word, AtomicU32::new(0));
    loop {
        let add = Operation {
            change,
            change_by,
            // -1, which the word hardly ever is: the second wake is superfluous.
            compare: WakeOpCmp::Eq,
            compare_with: 0xfff,
        };
        match futex::wake_op(word, ALL, word, 1, add, scope).err() {
            None => return Ok(()),
            // The kernel adds, and then finds somebody at the word who waits for a lock
            // there. Or a filter says so: then it does of any word.
            Some(Errno::INVAL) if !ptr::eq(word, &raw const other) => word = &other,
            Some(errno) => return Err(errno),
        }
    }
}

fn wake_all(word: &AtomicU32, scope: Scope) {
    let _ = futex::wake(word, ALL, scope);
}
