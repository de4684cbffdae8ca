//! Locks with priority inheritance: words that the kernel passes on, from who gives them back and from who
//! dies.
//!
//! There are no priorities: the first who came is the most urgent.

use std::cell::{Cell, OnceCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use loom::sync::{Mutex, MutexGuard};

use crate::model::{self, Early};
use crate::process::{self, step};
use crate::robust::{OWNER, OWNER_DIED, WAITERS};
use crate::word::Word;

/// Why a lock was not taken, or not given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untaken {
    /// The caller holds it.
    Deadlock,
    /// Another thread holds it.
    Held,
    /// The deadline passed.
    TimedOut,
    /// The caller does not hold it.
    NotHeld,
}

/// Somebody who waits for a lock.
#[derive(Debug)]
struct Heir {
    thread: loom::thread::Thread,
    number: u32,
    owns: Cell<bool>,
}

impl Heir {
    fn await_lock(&self) {
        while !self.owns.get() {
            loom::thread::park();
        }
    }
}

/// Those who wait for a word as for a lock, the first one first, under the kernel's lock.
#[derive(Debug, Default)]
pub(crate) struct Heirs(OnceCell<Mutex<Vec<Rc<Heir>>>>);

// SAFETY: all threads of a model run on the one that explores it.
unsafe impl Send for Heirs {}

// SAFETY: as above.
unsafe impl Sync for Heirs {}

impl Heirs {
    /// Returns whether this word is a lock that the kernel passes on: most words are none.
    pub(crate) fn are_known(&self) -> bool {
        self.0.get().is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Rc<Heir>>> {
        let list = self.0.get_or_init(|| Mutex::new(Vec::new()));
        list.lock().expect("nobody panics under this lock")
    }
}

impl Word {
    /// Takes the lock, with a deadline if `timed`: `FUTEX_LOCK_PI2`.
    ///
    /// # Errors
    ///
    /// It was not taken.
    pub fn lock_pi(&self, timed: bool) -> Result<(), Untaken> {
        if !step() {
            return Ok(());
        }
        match self.take_or_wait()? {
            None => Ok(()),
            Some(heir) => self.wait(&heir, timed),
        }
    }

    /// Takes the lock if nobody holds it: `FUTEX_TRYLOCK_PI`.
    ///
    /// # Errors
    ///
    /// It was not taken.
    pub fn try_lock_pi(&self) -> Result<(), Untaken> {
        if !step() {
            return Ok(());
        }
        match self.take_or_wait()? {
            None => Ok(()),
            Some(heir) => match self.leave(&heir) {
                true => Err(Untaken::Held),
                false => Ok(()),
            },
        }
    }

    /// Takes the lock, or comes behind all who wait.
    fn take_or_wait(&self) -> Result<Option<Rc<Heir>>, Untaken> {
        let number = process::number();
        let mut heirs = self.heirs().lock();
        loop {
            let seen = self.kernel_add(0);
            if seen & OWNER == number {
                return Err(Untaken::Deadlock);
            }
            let is_free = seen & OWNER == 0 && heirs.is_empty();
            let new = match is_free {
                true => seen & OWNER_DIED | number,
                false => seen | WAITERS,
            };
            if !self.kernel_replace(seen, new) {
                continue;
            }
            if is_free {
                return Ok(None);
            }
            let heir = Rc::new(Heir {
                thread: loom::thread::current(),
                number,
                owns: Cell::new(false),
            });
            heirs.push(heir.clone());
            return Ok(Some(heir));
        }
    }

    fn wait(&self, heir: &Rc<Heir>, timed: bool) -> Result<(), Untaken> {
        // A signal does not end it.
        if model::sleep_begins(timed) == Some(Early::TimedOut) {
            return match self.leave(heir) {
                true => Err(Untaken::TimedOut),
                false => Ok(()),
            };
        }
        // Killed where it waits: it leaves, or has the lock, which its list knows.
        if let Err(death) = catch_unwind(AssertUnwindSafe(step)) {
            self.leave(heir);
            resume_unwind(death);
        }
        heir.await_lock();
        Ok(())
    }

    /// Waits no longer; returns whether that is so, or it has the lock.
    fn leave(&self, heir: &Rc<Heir>) -> bool {
        let mut heirs = self.heirs().lock();
        heirs.retain(|other| !Rc::ptr_eq(other, heir));
        !heir.owns.get()
    }

    /// Passes the lock on, or frees it: `FUTEX_UNLOCK_PI`.
    ///
    /// # Errors
    ///
    /// [`Untaken::NotHeld`].
    pub fn unlock_pi(&self) -> Result<(), Untaken> {
        if !step() {
            return Ok(());
        }
        match self.inherit(process::number(), 0) {
            true => Ok(()),
            false => Err(Untaken::NotHeld),
        }
    }

    /// Gives the lock to the first who waits, if its owner is `owner`, and frees it if nobody does; keeps those of
    /// the word's `marks`. Returns whether that was the owner.
    pub(crate) fn inherit(&self, owner: u32, marks: u32) -> bool {
        let mut heirs = self.heirs().lock();
        loop {
            let seen = self.kernel_add(0);
            if seen & OWNER != owner {
                return false;
            }
            let next = heirs.first().map_or(0, |heir| heir.number | WAITERS);
            if self.kernel_replace(seen, next | seen & marks) {
                break;
            }
        }
        if !heirs.is_empty() {
            let heir = heirs.remove(0);
            heir.owns.set(true);
            heir.thread.unpark();
        }
        true
    }
}
