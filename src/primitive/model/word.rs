//! [`Word`] and [`LongWord`]: modelled futexes.

use core::sync::atomic::Ordering;

use rawipc_model::{Slept, Untaken, Unwoken};

use crate::sys::futex::{ALL, Scope};
use crate::{Deadline, Errno, Result};

/// A word of shared memory to sleep on.
#[derive(Debug)]
pub(crate) struct Word(rawipc_model::Word);

impl Word {
    pub(crate) fn new(value: u32) -> Self {
        Self(rawipc_model::Word::new(value))
    }

    pub(super) fn modelled(&self) -> &rawipc_model::Word {
        &self.0
    }

    #[track_caller]
    pub(crate) fn load(&self, order: Ordering) -> u32 {
        self.0.load(order)
    }

    #[track_caller]
    pub(crate) fn compare_exchange(
        &self,
        current: u32,
        new: u32,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u32, u32> {
        self.0.compare_exchange(current, new, success, failure)
    }

    #[track_caller]
    pub(crate) fn fetch_add(&self, value: u32, order: Ordering) -> u32 {
        self.0.fetch_add(value, order)
    }

    #[track_caller]
    pub(crate) fn store(&self, value: u32, order: Ordering) {
        self.0.store(value, order);
    }

    pub(crate) fn sleep(&self, expected: u32, deadline: Deadline, longest: u32) -> Result<()> {
        if deadline == Deadline::NOW {
            return Err(Errno::TIMEDOUT);
        }
        slept(
            self.0.sleep(expected, is_timed(deadline, longest)),
            deadline,
        )
    }

    pub(crate) fn wake_one(&self) -> bool {
        self.0.wake(1) == 1
    }

    pub(crate) fn add_and_wake_all(&self, amount: u16) -> Result<()> {
        added(self.0.add_and_wake(amount, ALL))
    }

    pub(crate) fn grant_and_wake(&self, granted: &Self, amount: u16, count: u32) -> Result<u32> {
        match self.0.add_elsewhere_and_wake(&granted.0, amount, count) {
            Ok(woken) => Ok(woken as u32),
            Err(Unwoken::Added) => Ok(0),
            Err(Unwoken::Refused) => Err(Errno::PERM),
        }
    }

    #[track_caller]
    pub(crate) fn fetch_or(&self, bits: u32, order: Ordering) -> u32 {
        self.0.fetch_or(bits, order)
    }

    pub(crate) fn clear_and_wake_all(&self) -> Result<()> {
        added(self.0.set_and_wake(0, ALL))
    }

    pub(crate) fn set_bits_and_wake_all(&self, bits: u16) -> Result<()> {
        added(self.0.or_and_wake(bits, ALL))
    }

    pub(crate) fn wake_all(&self) {
        self.0.wake(ALL);
    }

    pub(crate) fn lock_pi(&self, deadline: Deadline) -> Result<()> {
        taken(self.0.lock_pi(deadline != Deadline::Never))
    }

    pub(crate) fn try_lock_pi(&self) -> Result<()> {
        taken(self.0.try_lock_pi())
    }

    pub(crate) fn unlock_pi(&self) -> Result<()> {
        taken(self.0.unlock_pi())
    }
}

/// Words of shared memory to sleep on all at once, each with what it must hold.
#[derive(Debug)]
pub(crate) struct Words<'a>(rawipc_model::Words<'a>);

impl<'a> Words<'a> {
    pub(crate) fn new() -> Self {
        Self(rawipc_model::Words::default())
    }

    #[must_use]
    pub(crate) fn add(&mut self, word: &'a Word, expected: u32) -> Option<()> {
        self.0.push(&word.0, expected);
        Some(())
    }

    #[must_use]
    pub(crate) fn add_stored(&mut self, word: &'a Word, expected: u32) -> Option<()> {
        self.0.push_stored(&word.0, expected);
        Some(())
    }

    pub(crate) fn sleep(&self, deadline: Deadline, longest: u32) -> Result<bool> {
        let how = (self.0.sleep(is_timed(deadline, longest))).ok_or(Errno::NOSYS)?;
        slept(how, deadline).map(|()| matches!(how, Slept::TimedOut | Slept::Interrupted))
    }
}

/// A long word of shared memory, on whose lower half one sleeps.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct LongWord(rawipc_model::Word64);

impl LongWord {
    pub(crate) fn new(value: u64) -> Self {
        Self(rawipc_model::Word64::new(value))
    }

    #[track_caller]
    pub(crate) fn load(&self, order: Ordering) -> u64 {
        self.0.load(order)
    }

    #[track_caller]
    pub(crate) fn store(&self, value: u64, order: Ordering) {
        self.0.store(value, order);
    }

    #[track_caller]
    pub(crate) fn compare_exchange(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        self.0.compare_exchange(current, new, success, failure)
    }

    #[track_caller]
    pub(crate) fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        self.0.fetch_add(value, order)
    }

    #[track_caller]
    pub(crate) fn fetch_sub(&self, value: u64, order: Ordering) -> u64 {
        self.0.fetch_sub(value, order)
    }

    pub(crate) fn sleep(
        &self,
        expected: u32,
        _scope: Scope,
        deadline: Deadline,
        longest: u32,
    ) -> Result<()> {
        if deadline == Deadline::NOW {
            return Err(Errno::TIMEDOUT);
        }
        slept(
            self.0.sleep(expected, is_timed(deadline, longest)),
            deadline,
        )
    }

    pub(crate) fn sleep_until_woken(&self, expected: u32, _scope: Scope) -> Result<()> {
        match self.0.sleep(expected, false) {
            Slept::Interrupted => Err(Errno::INTR),
            _ => Ok(()),
        }
    }

    pub(crate) fn add_and_wake_all(&self, amount: u16, _scope: Scope) -> Result<()> {
        added(self.0.add_and_wake(amount, ALL))
    }

    pub(crate) fn add_bit_and_wake_all(&self, bit: u16) -> Result<()> {
        added(self.0.add_bit_and_wake(bit.into(), ALL))
    }

    pub(crate) fn wake_all(&self, _scope: Scope) {
        self.0.wake(ALL);
    }
}

/// Whether time can end a sleep. What is longer than a second does not count.
pub(super) fn is_timed(deadline: Deadline, longest: u32) -> bool {
    deadline != Deadline::Never || longest <= 1_000_000_000
}

/// When a deadline passes is up to the model, whatever moment it is.
pub(super) fn slept(how: Slept, deadline: Deadline) -> Result<()> {
    match how {
        Slept::TimedOut if deadline != Deadline::Never => Err(Errno::TIMEDOUT),
        _ => Ok(()),
    }
}

fn taken(result: Result<(), Untaken>) -> Result<()> {
    result.map_err(|why| match why {
        Untaken::Deadlock => Errno::DEADLK,
        Untaken::Held => Errno::AGAIN,
        Untaken::TimedOut => Errno::TIMEDOUT,
        Untaken::NotHeld => Errno::PERM,
    })
}

/// Whether the kernel has changed the word, whomever it woke.
fn added(result: Result<usize, Unwoken>) -> Result<()> {
    match result {
        Ok(_) | Err(Unwoken::Added) => Ok(()),
        Err(Unwoken::Refused) => Err(Errno::PERM),
    }
}
