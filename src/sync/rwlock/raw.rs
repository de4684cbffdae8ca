//! A lock that is taken and given back without guards, by who knows which of both is to be done.

use super::guard::Hold;
use super::{Preference, RwLock};
use crate::Deadline;
use crate::sync::Holder;
use crate::sync::lock::{Halt, Left};

impl<T, P: Preference, const READERS: usize> RwLock<T, P, READERS> {
    /// Takes the lock for reading, until the deadline.
    #[inline(always)]
    pub(crate) fn lock_to_read(&self, me: &impl Holder, deadline: Deadline) -> Result<Left, Halt> {
        self.take_to_read(me, deadline).map(|hold| hold.left())
    }

    /// Gives it back, if this one reads.
    #[inline(always)]
    pub(crate) fn unlock_to_read(&self, me: &impl Holder, left: Left) {
        if let Some(hold) = self.held_to_read(me, left) {
            hold.give_back(me);
        }
    }

    /// What this one holds for reading.
    #[inline(always)]
    fn held_to_read(&self, me: &impl Holder, left: Left) -> Option<Hold<'_>> {
        if me.is_copy() {
            return None;
        }
        match self.slots().of(me) {
            Some((_, slot)) => slot.is_of(me.number()).then_some(Hold::Slot(slot, left)),
            None => (self.lock.owner() == me.number()).then_some(Hold::Lock(&self.lock, left)),
        }
    }

    /// Takes the lock for writing, until the deadline.
    #[inline(always)]
    pub(crate) fn lock_to_write(&self, me: &impl Holder, deadline: Deadline) -> Result<Left, Halt> {
        self.take_to_write(me, deadline)
    }

    /// Gives it back, if this one writes.
    #[inline(always)]
    pub(crate) fn unlock_to_write(&self, me: &impl Holder, left: Left) {
        if !me.is_copy() && self.lock.owner() == me.number() {
            self.lock.unlock_for_all(me, left);
        }
    }

    /// Returns whether somebody writes, or reads without a slot; or holds the lock, dead.
    pub(crate) fn is_kept_from_readers(&self) -> bool {
        self.lock.owner() != 0
    }

    /// Returns whether somebody reads in a slot, or died there.
    pub(crate) fn is_read(&self) -> bool {
        self.slots_in_use().iter().any(|slot| !slot.is_idle())
    }
}
